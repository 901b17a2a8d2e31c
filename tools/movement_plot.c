#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "movement_pictures.h"

enum {
    LEGEND_MAX = 24, // ROIs; beyond that a legend says nothing
    WIDTH = 1200,
    PANEL_HEIGHT = 260,
    LEGEND_ROW_HEIGHT = 20,
    LEGEND_WIDTH = 1140,
    LETTER_WIDTH = 9, // in px, rather too much
    SAMPLE_WIDTH = 60,
};

/* What a script is made from. */
struct plot {
    FILE *out;
    const struct movement_job *job;
    const struct movement_pictures *pictures;
    const struct movement_picture *picture;
    const struct movement_sum *sum;
    int index; /* of the picture: its blocks in the curves */
    bool edges;
    int legend_rows, legend_columns;
};

static bool is_group(const struct plot *plot)
{
    return plot->picture->group >= 0;
}

/* Means beside the curves of one ROI would only repeat it. */
static bool has_means(const struct plot *plot)
{
    return is_group(plot) && plot->picture->size > 1;
}

static int drawn_roi(const struct plot *plot, int i)
{
    return plot->pictures->rois[plot->picture->first + i];
}

/* The range of an axis: what was measured, a little room around it, and not less than 0.2 px. */
static void put_range(FILE *out, const char *name, double low, double high)
{
    const double middle = (low + high) / 2, half = fmax((high - low) * 0.55, 0.1);
    char from[CLI_NUMBER_SIZE], to[CLI_NUMBER_SIZE];
    snprintf(from, sizeof from, "%.4g", middle - half);
    snprintf(to, sizeof to, "%.4g", middle + half);
    fprintf(out, "%s_low = %s; %s_high = %s\n", name, from, name, to);
}

/* One entry for each ROI, for each mean, and for the edges; none if it would say nothing. */
static void lay_out_legend(struct plot *plot)
{
    const struct movement_picture *picture = plot->picture;
    const bool named = trk_roi_set_is_named(plot->job->rois, drawn_roi(plot, 0));
    const bool rois = (picture->size > 1 || named) && picture->size <= LEGEND_MAX;
    const int entries = (rois ? picture->count : 0) + (has_means(plot) ? 3 : 0) + plot->edges;
    if (entries == 0)
        return;
    size_t longest = has_means(plot) ? strlen("displacement of the mean") : strlen("edge of search");
    for (int i = 0; rois && i < picture->count; i++) {
        const size_t length = strlen(trk_roi_set_name(plot->job->rois, drawn_roi(plot, i)));
        longest = length > longest ? length : longest;
    }
    plot->legend_columns = LEGEND_WIDTH / (SAMPLE_WIDTH + LETTER_WIDTH * (int)longest);
    plot->legend_rows = (entries + plot->legend_columns - 1) / plot->legend_columns;
}

static void put_settings(const struct plot *plot)
{
    FILE *out = plot->out;
    const struct movement_sum *sum = plot->sum;
    const bool empty = sum->measured == 0;
    const int panels = is_group(plot) ? 3 : 2, legend = plot->legend_rows * LEGEND_ROW_HEIGHT;
    put_range(out, "x", empty ? -1 : sum->x_min, empty ? 1 : sum->x_max);
    put_range(out, "y", empty ? -1 : sum->y_min, empty ? 1 : sum->y_max);
    fprintf(out, "displacement_high = %.4g\n", empty ? 1 : fmax(movement_sum_largest_px(sum) * 1.08, 0.2));
    fprintf(out, "panels = %d\n", panels);
    fprintf(out, "height = %d.0           # of the picture; the legend takes %d of it\n",
            100 + panels * PANEL_HEIGHT + (legend ? legend + 10 : 0), legend);
    fprintf(out,
            "low = %d / height       # bottom and top of the plots\n"
            "top = 1 - 48 / height\n"
            "panel_top(i) = top - i * (top - low) / panels - (i > 0 ? 14 / height : 0)\n"
            "panel_bottom(i) = top - (i + 1) * (top - low) / panels + (i < panels - 1 ? 14 / height : 0)\n",
            70 + (legend ? legend + 10 : 0));
    fputs("\n# Colours and widths of the curves\n", out);
    movement_put_colours(out, plot->picture->count, has_means(plot) ? 0.7 : 1.3);
}

/* What the motion is measured against. Returns the length. */
static int format_reference(char *text, size_t size, const struct movement_job *job)
{
    switch (job->template_source) {
    case MOVEMENT_TEMPLATE_MEAN:
        return snprintf(text, size, "motion against the mean of frames %lld to %lld",
                        (long long)job->template_range.first, (long long)job->template_range.end - 1);
    case MOVEMENT_TEMPLATE_FILE:
        return snprintf(text, size, "motion against %.200s", job->template_file);
    default:
        return snprintf(text, size, "motion since frame %lld", (long long)job->template_index);
    }
}

static void put_title(const struct plot *plot)
{
    const struct movement_picture *picture = plot->picture;
    char title[PATH_MAX + 512];
    const size_t size = sizeof title;
    int length = snprintf(title, size, "%s: ", movement_store_name(plot->job));
    if (is_group(plot))
        length += snprintf(title + length, size - (size_t)length, "%s, %d ROI%s, ",
                           trk_roi_set_group_name(plot->job->rois, picture->group), picture->size,
                           picture->size == 1 ? "" : "s");
    length += format_reference(title + length, size - (size_t)length, plot->job);
    if (picture->roi_step > 1)
        length +=
            snprintf(title + length, size - (size_t)length, ", one of %d of %d ROIs", picture->roi_step, picture->size);
    if (plot->pictures->frame_step > 1)
        snprintf(title + length, size - (size_t)length, ", one of %lld frames", (long long)plot->pictures->frame_step);
    fputs("\nset border 3 lc rgb '#606060'\n"
          "set tics nomirror out scale 0.6 tc rgb '#303030'\n"
          "set grid lc rgb '#e4e4e4' lt 1 lw 0.8\n"
          "set key off\n"
          "set label 1 ",
          plot->out);
    movement_put_text(plot->out, title);
    fputs(" at screen 0.065, 1 - 24 / height font ',16' noenhanced\n"
          "\n# A value of nan leaves a gap.\n"
          "set multiplot\n",
          plot->out);
}

static const char mean_style[] = "with lines lc rgb 'black' lw 2";
static const char of_mean_style[] = "with lines lc rgb '#c00000' lw 2 dt (8,4)";
static const char edge_style[] = "with points pt 6 ps 0.35 lc rgb '#d00000'";

/* Column y of the curves over column x, the dots where the search came to its edge, and means. */
static void put_curves(const struct plot *plot, int x, int y, const char *means)
{
    fprintf(plot->out, "plot '%s' index %d using %d:%d:6 with lines lc variable", MOVEMENT_CURVES, 2 * plot->index, x,
            y);
    if (plot->edges)
        fprintf(plot->out, ", \\\n     '%s' index %d using %d:($5 == 1 ? $%d : NaN) %s", MOVEMENT_CURVES,
                2 * plot->index, x, y, edge_style);
    if (has_means(plot))
        fprintf(plot->out, ", \\\n     '%s' index %d using %s", MOVEMENT_CURVES, 2 * plot->index + 1, means);
    fputc('\n', plot->out);
}

/* Panel i from above, over time. */
static void put_panel(const struct plot *plot, int i, const char *label, const char *range)
{
    fprintf(plot->out,
            "\nset tmargin at screen panel_top(%d); set bmargin at screen panel_bottom(%d)\n"
            "set ylabel '%s'\n"
            "set yrange [%s]\n",
            i, i, label, range);
    if (i == (is_group(plot) ? 2 : 1))
        fputs("set xlabel 'time since the first frame (s)'; set format x '%g'\n", plot->out);
}

static void put_panels(const struct plot *plot)
{
    FILE *out = plot->out;
    char means[256];
    fputs("\n# Over time, one above the other\n"
          "set lmargin at screen 0.065; set rmargin at screen 0.59\n"
          "set format x ''\n",
          out);
    put_panel(plot, 0, "x, to the right (px)", "x_low:x_high");
    snprintf(means, sizeof means, "1:2 %s", mean_style);
    put_curves(plot, 1, 2, means);
    fputs("unset label 1\n", out);
    put_panel(plot, 1, "y, downwards (px)", "y_low:y_high");
    snprintf(means, sizeof means, "1:3 %s", mean_style);
    put_curves(plot, 1, 3, means);
    if (!is_group(plot))
        return;
    put_panel(plot, 2, "displacement (px)", "0:displacement_high");
    snprintf(means, sizeof means, "1:4 %s, \\\n     '%s' index %d using 1:5 %s", mean_style, MOVEMENT_CURVES,
             2 * plot->index + 1, of_mean_style);
    put_curves(plot, 1, 4, means);
}

static void put_path(const struct plot *plot)
{
    fprintf(plot->out,
            "\n# The path as it looks in the picture, y downwards: a square with the same scale both ways\n"
            "half = (x_high - x_low > y_high - y_low ? x_high - x_low : y_high - y_low) / 2\n"
            "set lmargin at screen 0.66; set rmargin at screen 0.985\n"
            "set tmargin at screen top; set bmargin at screen top - 0.325 * %d / height\n"
            "set xlabel 'x (px)'; set ylabel 'y (px)'; set format x '%%g'\n"
            "set xrange [(x_low + x_high) / 2 - half:(x_low + x_high) / 2 + half]\n"
            "set yrange [(y_low + y_high) / 2 + half:(y_low + y_high) / 2 - half]\n",
            WIDTH);
    char means[128];
    snprintf(means, sizeof means, "2:3 %s", mean_style);
    put_curves(plot, 2, 3, means);
}

/* In an empty plot of its own below the others, over the whole width. */
static void put_legend(const struct plot *plot)
{
    FILE *out = plot->out;
    fprintf(out,
            "\n# The legend\n"
            "unset border; unset tics; unset grid; unset xlabel; unset ylabel\n"
            "set lmargin at screen 0.03; set rmargin at screen 0.985\n"
            "set tmargin at screen %d / height; set bmargin at screen 4 / height\n"
            "set xrange [0:1]; set yrange [0:1]\n"
            "set key on inside left top horizontal maxcols %d samplen 1.5 Left reverse noenhanced\n"
            "plot NaN notitle",
            plot->legend_rows * LEGEND_ROW_HEIGHT + 16, plot->legend_columns);
    if (has_means(plot))
        fprintf(out, ", \\\n     NaN %s title 'mean of the ROIs', \\\n     NaN %s title 'displacement of the mean'",
                mean_style, of_mean_style);
    if (plot->edges)
        fprintf(out, ", \\\n     NaN %s title 'edge of search'", edge_style);
    for (int i = 0; plot->picture->size <= LEGEND_MAX && i < plot->picture->count; i++) {
        fprintf(out, ", \\\n     NaN with lines lt %d lw 2 title ", i + 1);
        movement_put_text(out, trk_roi_set_name(plot->job->rois, drawn_roi(plot, i)));
    }
    fputc('\n', out);
}

static void put_script(struct plot *plot)
{
    fputs("# Motion over time, from curves.dat. Change what you like, then run gnuplot with this file.\n\n", plot->out);
    lay_out_legend(plot);
    put_settings(plot);
    movement_put_terminal(plot->out, plot->picture->name, WIDTH);
    put_title(plot);
    put_panels(plot);
    put_path(plot);
    if (plot->legend_rows)
        put_legend(plot);
    fputs("unset multiplot\n", plot->out);
}

int movement_write_plot(const struct movement_job *job, const struct movement_summary *summary,
                        const struct movement_pictures *pictures, int i)
{
    const struct movement_picture *picture = &pictures->items[i];
    char script[PICTURE_NAME_SIZE + 16];
    snprintf(script, sizeof script, "%s.gnuplot", picture->name);
    struct movement_file file;
    const int result = movement_file_open(&file, job, script);
    if (result != CLI_GO_ON)
        return result;
    struct plot plot = {
        .out = file.stream,
        .job = job,
        .pictures = pictures,
        .picture = picture,
        .sum = &summary->groups[picture->group < 0 ? trk_roi_set_group_count(job->rois) : picture->group],
        .index = i,
    };
    plot.edges = plot.sum->rows[TRK_EDGE] > 0;
    put_script(&plot);
    return movement_file_finish(&file);
}
