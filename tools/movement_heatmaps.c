#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "movement.h"

enum {
    PLOT_SIZE = 720, // of the picture's longer side, in px
    PLOT_SIZE_MIN = 200,
    LEFT = 80,
    RIGHT = 150, // with the scale of colours
    TOP = 50,
    BOTTOM = 62,
};

struct movement_heatmaps {
    const struct movement_job *job;
    trk_heatmap *map;
    ist_float_stack *stacks[TRK_MAP_KIND_COUNT];
    float *pixels;
    bool failed;
    ist_error error; /* what failed */
};

void movement_heatmaps_close(struct movement_heatmaps **maps)
{
    struct movement_heatmaps *m = *maps;
    if (!m)
        return;
    for (int kind = 0; kind < TRK_MAP_KIND_COUNT; kind++)
        ist_float_stack_discard(&m->stacks[kind]);
    trk_heatmap_destroy(&m->map);
    free(m->pixels);
    free(m);
    *maps = NULL;
}

int movement_heatmaps_failure(const struct movement_heatmaps *maps)
{
    return maps && maps->failed ? cli_fail("heat maps: %s", maps->error.message) : CLI_GO_ON;
}

/* ---- a page for each frame ---- */

static ist_status create_map(struct movement_heatmaps *maps)
{
    const struct movement_job *job = maps->job;
    maps->pixels = calloc((size_t)job->info->width * (size_t)job->info->height, sizeof *maps->pixels);
    ist_status status = IST_ERROR_MEMORY;
    strcpy(maps->error.message, "out of memory");
    if (maps->pixels)
        status = trk_heatmap_create(&maps->map, job->info->width, job->info->height, trk_roi_set_rois(job->rois),
                                    job->roi_count, &job->heatmap_params, &maps->error);
    return status;
}

static ist_status create_stacks(struct movement_heatmaps *maps)
{
    const struct movement_job *job = maps->job;
    ist_status status = IST_OK;
    for (int kind = 0; kind < TRK_MAP_KIND_COUNT && status >= 0; kind++) {
        char path[PATH_MAX + 32];
        snprintf(path, sizeof path, "%s/%s.tif", job->output, trk_map_name(kind));
        status = ist_float_stack_create(&maps->stacks[kind], path, job->info->width, job->info->height,
                                        job->end - job->first, &maps->error);
    }
    return status;
}

int movement_heatmaps_open(struct movement_heatmaps **maps, const struct movement_job *job)
{
    *maps = NULL;
    if (!job->heatmaps)
        return CLI_GO_ON;
    *maps = calloc(1, sizeof **maps);
    if (!*maps)
        return cli_fail("out of memory");
    (*maps)->job = job;
    (*maps)->failed = create_map(*maps) < 0 || create_stacks(*maps) < 0;
    return movement_heatmaps_failure(*maps);
}

bool movement_heatmaps_add(struct movement_heatmaps *maps, const trk_row *rows)
{
    if (!maps)
        return true;
    trk_heatmap_add(maps->map, rows);
    for (int kind = 0; kind < TRK_MAP_KIND_COUNT && !maps->failed; kind++) {
        trk_heatmap_paint(maps->map, kind, TRK_MAP_FRAME, maps->pixels);
        maps->failed = ist_float_stack_add(maps->stacks[kind], maps->pixels, &maps->error) < 0;
    }
    return !maps->failed;
}

/* ---- means and maxima ---- */

/* A map over all frames, and its place in heatmaps.npy. */
struct summary {
    trk_map_kind kind;
    trk_map_span span;
    const char *picture;
    const char *title;
};

static const struct summary summaries[] = {
    {TRK_MAP_DISPLACEMENT, TRK_MAP_MEAN, "displacement-mean.png", "mean displacement"},
    {TRK_MAP_DISPLACEMENT, TRK_MAP_MAXIMUM, "displacement-max.png", "largest displacement"},
    {TRK_MAP_SPEED, TRK_MAP_MEAN, "speed-mean.png", "mean speed"},
    {TRK_MAP_SPEED, TRK_MAP_MAXIMUM, "speed-max.png", "largest speed"},
    {TRK_MAP_DIRECTION, TRK_MAP_MEAN, "direction-mean.png", "direction of the mean motion"},
    {TRK_MAP_DIRECTION, TRK_MAP_MAXIMUM, "direction-max.png", "direction of the largest displacement"},
};

enum { SUMMARIES = sizeof summaries / sizeof summaries[0], NPY_HEADER = 128 };

static size_t pixel_count(const struct movement_heatmaps *maps)
{
    return (size_t)maps->job->info->width * (size_t)maps->job->info->height;
}

/* The header of numpy's format: (kind, mean and maximum, y, x). */
static void put_npy_header(FILE *out, const ist_reader_info *info)
{
    static const char magic[] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, NPY_HEADER - 10, 0};
    char shape[NPY_HEADER];
    snprintf(shape, sizeof shape, "{'descr': '%cf4', 'fortran_order': False, 'shape': (%d, 2, %d, %d), }",
             __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? '<' : '>', TRK_MAP_KIND_COUNT, info->height, info->width);
    fwrite(magic, 1, sizeof magic, out);
    fprintf(out, "%-*s\n", NPY_HEADER - (int)sizeof magic - 1, shape);
}

static int write_npy(const struct movement_heatmaps *maps)
{
    struct movement_file file;
    const int result = movement_file_open(&file, maps->job, "heatmaps.npy");
    if (result != CLI_GO_ON)
        return result;
    put_npy_header(file.stream, maps->job->info);
    for (int i = 0; i < SUMMARIES; i++) {
        trk_heatmap_paint(maps->map, summaries[i].kind, summaries[i].span, maps->pixels);
        fwrite(maps->pixels, sizeof *maps->pixels, pixel_count(maps), file.stream);
    }
    return movement_file_finish(&file);
}

/* ---- as pictures ---- */

static void put_layout(FILE *out, const struct movement_job *job)
{
    const int width = job->info->width, height = job->info->height;
    const double scale = (double)PLOT_SIZE / (width > height ? width : height);
    const int plot_width = (int)fmax(PLOT_SIZE_MIN, width * scale);
    const int plot_height = (int)fmax(PLOT_SIZE_MIN, height * scale);
    fprintf(out,
            "# Draws displacement-mean.png and the other means and maxima from heatmaps.npy.\n"
            "# Change what you like, then: gnuplot heatmaps.gnuplot\n\n"
            "if (!exists('part')) part = ''\n"
            "set terminal pngcairo size %d,%d background rgb 'white' font 'sans-serif,11'\n"
            "set lmargin at screen %d / %d.0; set rmargin at screen %d / %d.0\n"
            "set bmargin at screen %d / %d.0; set tmargin at screen %d / %d.0\n",
            plot_width + LEFT + RIGHT, plot_height + TOP + BOTTOM, LEFT, plot_width + LEFT + RIGHT, LEFT + plot_width,
            plot_width + LEFT + RIGHT, BOTTOM, plot_height + TOP + BOTTOM, BOTTOM + plot_height,
            plot_height + TOP + BOTTOM);
    fprintf(out,
            "set tics out scale 0.6 nomirror\n"
            "set xlabel 'x (px)'\n"
            "set ylabel 'y (px)'\n"
            "set xrange [-0.5:%d.5]\n"
            "set yrange [%d.5:-0.5]\n"
            "unset key\n"
            "set object 1 rectangle from graph 0,0 to graph 1,1 behind fc rgb '#e8e8e8' fs noborder  # not measured\n",
            width - 1, height - 1);
}

/* Around the circle, in colours that people with any kind of colour vision tell apart (Okabe and Ito). */
static void put_circle_of_colours(FILE *out)
{
    fputs("set palette defined (0 '#D55E00', 90 '#F0E442', 180 '#0072B2', 270 '#CC79A7', 360 '#D55E00')\n"
          "set cbrange [0:360]\n"
          "set cbtics ('right 0' 0, 'down 90' 90, 'left 180' 180, 'up 270' 270, 'right 360' 360)\n"
          "set cblabel 'direction (degrees)' offset 4\n",
          out);
}

static void put_line_of_colours(FILE *out, double largest, const char *label)
{
    char text[CLI_NUMBER_SIZE];
    fprintf(out,
            "set palette defined (0 '#440154', 1 '#472c7a', 2 '#3b518b', 3 '#2c718e', 4 '#21908d', 5 '#27ad81', "
            "6 '#5cc863', 7 '#aadc32', 8 '#fde725')\n"
            "set cbrange [0:%s]\n"
            "set cbtics auto\n"
            "set cblabel '%s' offset 0\n",
            cli_format_number(text, largest), label);
}

/* The largest number; where there is none above 0, the scale goes to 1. */
static double largest_pixel(const struct movement_heatmaps *maps)
{
    float largest = 0;
    for (size_t i = 0; i < pixel_count(maps); i++)
        largest = fmaxf(largest, maps->pixels[i]);
    return largest > 0 ? (double)largest : 1;
}

static void put_plot(FILE *out, const struct movement_heatmaps *maps, int i)
{
    const struct movement_job *job = maps->job;
    const struct summary *summary = &summaries[i];
    trk_heatmap_paint(maps->map, summary->kind, summary->span, maps->pixels);
    fprintf(out, "\nset output '%s' . part\nset title ", summary->picture);
    char title[PATH_MAX + 64];
    snprintf(title, sizeof title, "%s: %s", movement_store_name(job), summary->title);
    movement_put_text(out, title);
    fputs(" font ',15' noenhanced\n", out);
    if (summary->kind == TRK_MAP_DIRECTION)
        put_circle_of_colours(out);
    else if (summary->kind == TRK_MAP_DISPLACEMENT)
        put_line_of_colours(out, largest_pixel(maps), "displacement (px)");
    else
        put_line_of_colours(out, largest_pixel(maps),
                            job->heatmap_params.speed_per_frame ? "speed (px/frame)" : "speed (px/s)");
    fprintf(out, "plot 'heatmaps.npy' binary skip=%zu array=(%d,%d) format='%%float32' using 1 with image\n",
            NPY_HEADER + (size_t)i * pixel_count(maps) * sizeof *maps->pixels, job->info->width, job->info->height);
}

static int draw(const struct movement_heatmaps *maps)
{
    struct movement_file file;
    const char *pictures[SUMMARIES];
    int result = movement_file_open(&file, maps->job, "heatmaps.gnuplot");
    if (result != CLI_GO_ON)
        return result;
    put_layout(file.stream, maps->job);
    for (int i = 0; i < SUMMARIES; i++) {
        put_plot(file.stream, maps, i);
        pictures[i] = summaries[i].picture;
    }
    result = movement_file_finish(&file);
    return result == CLI_GO_ON ? movement_run_gnuplot(maps->job, "heatmaps.gnuplot", pictures, SUMMARIES) : result;
}

static int finish_stack(struct movement_heatmaps *maps, trk_map_kind kind)
{
    char name[32];
    snprintf(name, sizeof name, "%s.tif", trk_map_name(kind));
    if (ist_float_stack_finish(&maps->stacks[kind], &maps->error) < 0)
        return cli_fail("heat maps: %s", maps->error.message);
    return movement_written_add(maps->job, name);
}

int movement_heatmaps_finish(struct movement_heatmaps *maps)
{
    int result = CLI_GO_ON;
    if (!maps)
        return result;
    for (int kind = 0; kind < TRK_MAP_KIND_COUNT && result == CLI_GO_ON; kind++)
        result = finish_stack(maps, kind);
    if (result == CLI_GO_ON)
        result = write_npy(maps);
    return result == CLI_GO_ON ? draw(maps) : result;
}
