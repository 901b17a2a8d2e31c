#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "movement_pictures.h"

enum {
    CURVES_MAX = 120,    // of one picture; more are a carpet
    POINTS_MAX = 120000, // of all pictures; more make pictures that no viewer opens
    CURVE_POINTS_MIN = 300,
    CURVE_POINTS_MAX = 20000,
};

/* ---- which pictures ---- */

/* Takes every step-th ROI of a group into a picture. */
static void fill_picture(struct movement_pictures *pictures, const struct movement_job *job, int group, int size)
{
    const int step = (size + CURVES_MAX - 1) / CURVES_MAX;
    struct movement_picture *picture = &pictures->items[pictures->count++];
    *picture = (struct movement_picture){.group = group, .size = size, .roi_step = step, .first = pictures->roi_count};
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

/* ---- what scripts are made of ---- */

void movement_put_text(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text; text++) {
        if (*text == '\'')
            fputc('\'', out);
        fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
    }
    fputc('\'', out);
}

void movement_put_number(FILE *out, double value)
{
    char text[CLI_NUMBER_SIZE];
    fputs(cli_format_number(text, value), out);
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

const char *movement_store_name(const struct movement_job *job)
{
    const char *slash = strrchr(job->store, '/');
    return slash && slash[1] ? slash + 1 : job->store;
}

void movement_put_terminal(FILE *out, const char *name, int width, const char *height)
{
    char target[NAME_MAX + 8];
    snprintf(target, sizeof target, "%s.svg", name);
    fputs("# Draws ", out);
    movement_put_text(out, target);
    fputs(". Change what you like, then run gnuplot with this file.\n\nif (!exists('target')) target = ", out);
    movement_put_text(out, target);
    fprintf(out, "\nset terminal svg size %d,%s background rgb 'white' font 'sans-serif,13'\nset output target\n",
            width, height);
}

/* ---- having them drawn ---- */

enum { NO_PROGRAM = 127 };

/* Runs gnuplot in the directory of the results. Returns its exit code, NO_PROGRAM if there is none. */
static int run_gnuplot(const char *directory, const char *assignment, const char *script)
{
    fflush(NULL);
    const pid_t child = fork();
    if (child < 0)
        return -1;
    if (child == 0) {
        const int null = open("/dev/null", O_RDWR);
        if (chdir(directory) != 0 || null < 0)
            _exit(1);
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        execlp("gnuplot", "gnuplot", "-e", assignment, script, (char *)NULL);
        _exit(NO_PROGRAM);
    }
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* "target='NAME.svg.part'" */
static void format_assignment(char *text, size_t size, const char *name)
{
    FILE *out = fmemopen(text, size, "w");
    if (!out)
        return;
    char part[NAME_MAX + 16];
    snprintf(part, sizeof part, "%s.svg.part", name);
    fputs("target=", out);
    movement_put_text(out, part);
    fclose(out);
}

int movement_run_gnuplot(const struct movement_job *job, const char *name, bool *drawn)
{
    char path[PATH_MAX + NAME_MAX + 8], part[PATH_MAX + NAME_MAX + 16];
    char script[NAME_MAX + 16], svg[NAME_MAX + 8], assignment[2 * NAME_MAX + 32] = "";
    snprintf(script, sizeof script, "%s.gnuplot", name);
    snprintf(svg, sizeof svg, "%s.svg", name);
    snprintf(path, sizeof path, "%s/%s", job->output, svg);
    snprintf(part, sizeof part, "%s.part", path);
    format_assignment(assignment, sizeof assignment, name);
    const int code = run_gnuplot(job->output, assignment, script);
    *drawn = code == 0;
    if (*drawn)
        return rename(part, path) == 0 ? movement_written_add(job, svg) : cli_fail("%s: %s", path, strerror(errno));

    // A picture of an earlier run would belie the table.
    unlink(part);
    unlink(path);
    if (code == NO_PROGRAM)
        cli_note("gnuplot is not installed, so there is no %s; get it with \"apt-get install gnuplot-nox\", then: cd "
                 "'%s' && gnuplot *.gnuplot",
                 svg, job->output);
    else
        cli_note("gnuplot failed, so there is no %s; to see why: cd '%s' && gnuplot '%s'", svg, job->output, script);
    return CLI_GO_ON;
}
