#include "movement_pictures.h"

#include <stdlib.h>

#include "cli.h"

enum {
    CURVES_MAX = 120,    // of one picture; more are a carpet
    POINTS_MAX = 120000, // of all pictures; more make pictures that no viewer opens
    CURVE_POINTS_MIN = 300,
    CURVE_POINTS_MAX = 20000,
};

/* Takes every step-th ROI of a group into a picture. */
static void fill_picture(struct movement_pictures *pictures, const struct movement_job *job, int group, int size)
{
    const int step = (size + CURVES_MAX - 1) / CURVES_MAX;
    struct movement_picture *picture = &pictures->items[pictures->count++];
    *picture = (struct movement_picture){.group = group, .size = size, .roi_step = step, .first = pictures->roi_count};
    snprintf(picture->name, sizeof picture->name, "movement%s%s", group < 0 ? "" : "-",
             group < 0 ? "" : trk_roi_set_group_name(job->rois, group));
    picture->count = (size + step - 1) / step;
    pictures->roi_count += picture->count;
    int number = 0, *roi = &pictures->rois[picture->first];
    for (int i = 0; i < job->roi_count; i++)
        if (trk_roi_set_group(job->rois, i) == group && number++ % step == 0)
            *roi++ = i;
}

int movement_pictures_init(struct movement_pictures *pictures, const struct movement_job *job)
{
    const int groups = trk_roi_set_group_count(job->rois);
    *pictures = (struct movement_pictures){
        .items = calloc((size_t)groups + 1, sizeof *pictures->items),
        .rois = calloc((size_t)job->roi_count, sizeof *pictures->rois),
    };
    if (!pictures->items || !pictures->rois)
        return cli_fail("out of memory");
    int alone = job->roi_count;
    for (int i = 0; i < groups; i++)
        alone -= trk_roi_set_group_size(job->rois, i);
    if (alone > 0)
        fill_picture(pictures, job, -1, alone);
    for (int i = 0; i < groups; i++)
        fill_picture(pictures, job, i, trk_roi_set_group_size(job->rois, i));
    const int share = POINTS_MAX / pictures->roi_count;
    const int points = share < CURVE_POINTS_MIN   ? CURVE_POINTS_MIN
                       : share > CURVE_POINTS_MAX ? CURVE_POINTS_MAX
                                                  : share;
    pictures->frame_step = (job->end - job->first + points - 1) / points;
    return CLI_GO_ON;
}

void movement_pictures_free(struct movement_pictures *pictures)
{
    free(pictures->items);
    free(pictures->rois);
}

void movement_put_colours(FILE *out, int count, double line_width)
{
    // Few: colours that people with any kind of colour vision tell apart (Okabe and Ito).
    static const char *const colours[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                          "#E69F00", "#56B4E9", "#000000", "#8C6D1F"};
    enum { COLOURS = sizeof colours / sizeof colours[0] };
    char width[CLI_NUMBER_SIZE];
    cli_format_number(width, line_width);
    if (count <= COLOURS) {
        for (int i = 0; i < count; i++)
            fprintf(out, "set linetype %d lc rgb '%s' lw %s\n", i + 1, colours[i], width);
        return;
    }
    fprintf(out,
            "do for [i=1:%d] {\n"
            "    set linetype i lw %s lc rgb hsv2rgb((i - 1.0) / %d, 0.85, i %% 2 ? 0.85 : 0.6)\n"
            "}\n",
            count, width, count);
}

void movement_put_terminal(FILE *out, const char *name, int width)
{
    char picture[NAME_MAX];
    snprintf(picture, sizeof picture, "%s.svg", name);
    fputs("\nif (!exists('part')) part = ''\nset output ", out);
    movement_put_text(out, picture);
    fprintf(out, " . part\nset terminal svg size %d,height background rgb 'white' font 'sans-serif,13'\n", width);
}

/* A script that runs the others in one process. */
static int write_all_script(const struct movement_job *job, const char *const *names, int count)
{
    struct movement_file file;
    const int result = movement_file_open(&file, job, "pictures.gnuplot");
    if (result != CLI_GO_ON)
        return result;
    fputs("# Draws all pictures.\nif (!exists('part')) part = ''\n", file.stream);
    for (int i = 0; i < count; i++) {
        char script[PICTURE_NAME_SIZE + 16];
        snprintf(script, sizeof script, "%s.gnuplot", names[i]);
        fputs("reset; load ", file.stream);
        movement_put_text(file.stream, script);
        fputc('\n', file.stream);
    }
    return movement_file_finish(&file);
}

static int run_scripts(const struct movement_job *job, const struct movement_pictures *pictures)
{
    enum { SIZE = PICTURE_NAME_SIZE + 8 };
    const int count = pictures->count + 1;
    const char **names = calloc((size_t)count * 2, sizeof *names);
    char(*files)[SIZE] = calloc((size_t)count, sizeof *files);
    int result = names && files ? CLI_GO_ON : cli_fail("out of memory");
    for (int i = 0; i < count && result == CLI_GO_ON; i++) {
        names[i] = i < pictures->count ? pictures->items[i].name : "rois";
        snprintf(files[i], SIZE, "%s.svg", names[i]);
        names[count + i] = files[i];
    }
    if (result == CLI_GO_ON)
        result = write_all_script(job, names, count);
    if (result == CLI_GO_ON)
        result = movement_run_gnuplot(job, "pictures.gnuplot", names + count, count);
    free(files);
    free(names);
    return result;
}

int movement_draw(const struct movement_job *job, const struct movement_summary *summary, const ist_frame *first)
{
    struct movement_pictures pictures;
    int result = movement_pictures_init(&pictures, job);
    for (int i = 0; i < pictures.count && result == CLI_GO_ON; i++)
        result = movement_write_plot(job, summary, &pictures, i);
    if (result == CLI_GO_ON)
        result = movement_write_map(job, summary, &pictures, first);
    if (result == CLI_GO_ON)
        result = run_scripts(job, &pictures);
    movement_pictures_free(&pictures);
    return result;
}
