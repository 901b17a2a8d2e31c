#include "movement.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum {
    COLOURS = 8,
    LEGEND_MAX = 60,    // ROIs; beyond that a legend says nothing
    POINTS_MAX = 20000, // of one curve; more make a picture that no viewer opens
    CURVES_MAX = 120,   // and gnuplot reads the table once for each
    WIDTH = 1200,
    PLOT_HEIGHT = 620,
    LEGEND_ROW_HEIGHT = 20,
    LEGEND_WIDTH = 1140,
    LETTER_WIDTH = 9, // in px, rather too much
    SAMPLE_WIDTH = 60,
};

static void put_number(FILE *out, const char *name, double value)
{
    char text[CLI_NUMBER_SIZE];
    fprintf(out, "%s = %s\n", name, cli_format_number(text, value));
}

/* Few ROIs: colours that people with any kind of colour vision tell apart (Okabe and Ito). Many: around the circle. */
static void put_colours(FILE *out, int roi_count)
{
    static const char *const colours[COLOURS] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                 "#E69F00", "#56B4E9", "#000000", "#8C6D1F"};
    fputs(
        "\n# Colours and widths of the curves, one line type for each ROI; behind them the dots where the search came\n"
        "# to its edge\n"
        "set linetype rois + 1 pt 6 ps 0.35 lc rgb '#d00000'\n",
        out);
    if (roi_count <= COLOURS) {
        for (int i = 0; i < roi_count; i++)
            fprintf(out, "set linetype %d lc rgb '%s' lw 1.3\n", i + 1, colours[i]);
        return;
    }
    fprintf(out, "do for [i=1:rois] {\n"
                 "    set linetype i lw 1.1 lc rgb hsv2rgb((i - 1.0) / rois, 0.85, i %% 2 ? 0.85 : 0.6)\n"
                 "}\n");
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

/* How the legend is laid out; no rows: there is none. */
struct legend {
    int columns, rows;
};

static const char edge_title[] = "edge of search";

static struct legend lay_out_legend(const struct movement_job *job, bool edges)
{
    const bool needed = job->roi_count > 1 || job->rois[0].named || edges;
    if (!needed || job->roi_count > LEGEND_MAX)
        return (struct legend){0, 0};
    size_t longest = edges ? strlen(edge_title) : 0;
    for (int i = 0; i < job->roi_count; i++)
        longest = strlen(job->rois[i].name) > longest ? strlen(job->rois[i].name) : longest;
    const int columns = LEGEND_WIDTH / (SAMPLE_WIDTH + LETTER_WIDTH * (int)longest);
    return (struct legend){columns, (job->roi_count + edges + columns - 1) / columns};
}

static int64_t frame_step(const struct movement_job *job)
{
    return (job->end - job->first + POINTS_MAX - 1) / POINTS_MAX;
}

static int roi_step(const struct movement_job *job)
{
    return (job->roi_count + CURVES_MAX - 1) / CURVES_MAX;
}

static void put_settings(FILE *out, const struct movement_job *job, const struct movement_summary *summary,
                         int legend_rows)
{
    fputs("# Draws movement.svg from movement.csv. Change what you like, then: gnuplot movement.gnuplot\n\n", out);
    fputs("if (!exists('part')) part = ''\n", out);
    fprintf(out, "rois = %d\n", job->roi_count);
    fprintf(out, "roi_step = %d        # draw every roi_step-th ROI\n", roi_step(job));
    fprintf(out, "step = %lld            # draw every step-th frame\n", (long long)frame_step(job));
    put_number(out, "first_time", isfinite(summary->first_time_s) ? summary->first_time_s : 0);
    const bool empty = summary->measured == 0;
    put_range(out, "x", empty ? -1 : summary->x_min, empty ? 1 : summary->x_max);
    put_range(out, "y", empty ? -1 : summary->y_min, empty ? 1 : summary->y_max);
    fputs("array names[rois]\n", out);
    for (int i = 0; i < job->roi_count; i++) {
        fprintf(out, "names[%d] = ", i + 1);
        movement_put_text(out, job->rois[i].name);
        fputc('\n', out);
    }
    const int height = PLOT_HEIGHT + legend_rows * LEGEND_ROW_HEIGHT;
    fprintf(out, "height = %d.0           # of the picture; the legend takes %d of it\n", height,
            legend_rows * LEGEND_ROW_HEIGHT);
    fprintf(out, "low = %d / height       # bottom and top of the plots\n", 70 + legend_rows * LEGEND_ROW_HEIGHT);
    fputs("top = 1 - 48 / height\n", out);
    put_colours(out, job->roi_count);
}

static void put_style(FILE *out, const struct movement_job *job)
{
    char title[PATH_MAX + 96];
    int length = snprintf(title, sizeof title, "%s: motion since frame %lld", movement_store_name(job),
                          (long long)job->template_index);
    if (roi_step(job) > 1)
        length += snprintf(title + length, sizeof title - (size_t)length, ", one of %d of %d ROIs", roi_step(job),
                           job->roi_count);
    if (frame_step(job) > 1)
        snprintf(title + length, sizeof title - (size_t)length, ", one of %lld frames", (long long)frame_step(job));
    fprintf(out,
            "\n"
            "set terminal svg size %d,height background rgb 'white' font 'sans-serif,13'\n"
            "set output 'movement.svg' . part\n"
            "set datafile separator ','\n"
            "set border 3 lc rgb '#606060'\n"
            "set tics nomirror out scale 0.6 tc rgb '#303030'\n"
            "set grid lc rgb '#e4e4e4' lt 1 lw 0.8\n"
            "set key off\n"
            "set label 1 ",
            WIDTH);
    movement_put_text(out, title);
    fputs(" at screen 0.065, 1 - 24 / height font ',16' noenhanced\n"
          "\n"
          "# Rows of one ROI lie `rois` rows apart; a value of nan leaves a gap.\n"
          "set multiplot\n",
          out);
}

/* A curve for each ROI: column y of the table over `x`; and dots where the search came to its edge. */
static void put_curves(FILE *out, const char *x, int y, bool edges)
{
    fprintf(
        out,
        "plot for [i=1:rois:roi_step] 'movement.csv' skip 1 every (rois * step)::(i - 1) using %s:%d with lines lt i",
        x, y);
    if (edges)
        fprintf(out,
                ", \\\n     'movement.csv' skip 1 using %s:(strcol(8) eq 'edge' ? $%d : NaN) with points lt rois + 1",
                x, y);
    fputc('\n', out);
}

static void put_plots(FILE *out, bool edges)
{
    static const char time[] = "($3 - first_time)";
    fputs("\n# x over time, above\n"
          "set lmargin at screen 0.065; set rmargin at screen 0.59\n"
          "set tmargin at screen top; set bmargin at screen (top + low) / 2 + 14 / height\n"
          "set ylabel 'x, to the right (px)'\n"
          "set format x ''\n"
          "set yrange [x_low:x_high]\n",
          out);
    put_curves(out, time, 5, edges);
    fputs("\n# y over time, below it\n"
          "unset label 1\n"
          "set tmargin at screen (top + low) / 2 - 14 / height; set bmargin at screen low\n"
          "set ylabel 'y, downwards (px)'\n"
          "set xlabel 'time since the first frame (s)'\n"
          "set format x '%g'\n"
          "set yrange [y_low:y_high]\n",
          out);
    put_curves(out, time, 6, edges);
    fprintf(out,
            "\n# The path as it looks in the picture, y downwards: a square with the same scale both ways\n"
            "half = (x_high - x_low > y_high - y_low ? x_high - x_low : y_high - y_low) / 2\n"
            "set lmargin at screen 0.66; set rmargin at screen 0.985\n"
            "set tmargin at screen top; set bmargin at screen top - 0.325 * %d / height\n"
            "set xlabel 'x (px)'; set ylabel 'y (px)'\n"
            "set xrange [(x_low + x_high) / 2 - half:(x_low + x_high) / 2 + half]\n"
            "set yrange [(y_low + y_high) / 2 + half:(y_low + y_high) / 2 - half]\n",
            WIDTH);
    put_curves(out, "5", 6, edges);
}

/* In an empty plot of its own below the others, over the whole width. */
static void put_legend(FILE *out, struct legend legend, bool edges)
{
    fprintf(out,
            "\n# The legend\n"
            "unset border; unset tics; unset grid; unset xlabel; unset ylabel\n"
            "set lmargin at screen 0.03; set rmargin at screen 0.985\n"
            "set tmargin at screen %d / height; set bmargin at screen 4 / height\n"
            "set xrange [0:1]; set yrange [0:1]\n"
            "set key on inside left top horizontal maxcols %d samplen 1.5 Left reverse noenhanced\n"
            "plot for [i=1:rois] NaN with lines lt i lw 2 title names[i]",
            legend.rows * LEGEND_ROW_HEIGHT + 16, legend.columns);
    if (edges)
        fprintf(out, ", NaN with points lt rois + 1 ps 0.6 title '%s'", edge_title);
    fputc('\n', out);
}

static int write_script(const struct movement_job *job, const struct movement_summary *summary)
{
    const bool edges = summary->rows[TRK_EDGE] > 0;
    const struct legend legend = lay_out_legend(job, edges);
    struct movement_file file;
    const int result = movement_file_open(&file, job, "movement.gnuplot");
    if (result != CLI_GO_ON)
        return result;
    put_settings(file.stream, job, summary, legend.rows);
    put_style(file.stream, job);
    put_plots(file.stream, edges);
    if (legend.rows)
        put_legend(file.stream, legend, edges);
    fputs("unset multiplot\n", file.stream);
    return movement_file_finish(&file);
}

int movement_draw(const struct movement_job *job, const struct movement_summary *summary)
{
    const char *picture = "movement.svg";
    const int result = write_script(job, summary);
    return result == CLI_GO_ON ? movement_run_gnuplot(job, "movement.gnuplot", &picture, 1) : result;
}
