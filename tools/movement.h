/*
 * What mm-analyze writes, into one directory (schema/results.md):
 *
 *   movement_tables.c     the tables that get lines with every frame: movement.csv, quality.csv, groups.csv, ...
 *   movement_summary.c    what the rows add up to
 *   movement_report.c     what is said of it on standard output, for people and for programs
 *   movement_settings.c   settings.json, which also knows what files there are
 *   movement_curves.c     curves.dat: what the pictures show of the tables
 *   movement_plot.c       movement*.gnuplot and movement*.svg: motion over time
 *   movement_map.c        rois.gnuplot and rois.svg: ROIs and their paths on the first frame
 *   movement_heatmaps.c   heat maps: displacement.tif, displacement-mean.png, ...
 *   movement_stabilise.c  a stabilised copy of the recording
 *   movement_gnuplot.c    what scripts of gnuplot need, and running them
 *   movement_job.c        what several of them need of a job
 *   movement_file.c       files on their way: each is NAME.part until it is whole
 *
 * Functions that return int return CLI_GO_ON, or say what failed and return an exit code.
 */
#ifndef MOVEMENT_H
#define MOVEMENT_H

#include <libstore/libstore.h>
#include <libtrack/libtrack.h>
#include <limits.h>
#include <stdio.h>

#include "cli.h"

/* The names of the files that are whole, in the order in which they became so. */
struct movement_written {
    char **names;
    int count;
};

/* What the results say of themselves, beside standard error. */
struct movement_warnings {
    char texts[4][512];
    int count;
};

/* What the ROIs are cut from. */
enum movement_template_source {
    MOVEMENT_TEMPLATE_FRAME = 0,
    MOVEMENT_TEMPLATE_PREVIOUS, /* to begin with, the frame template_index */
    MOVEMENT_TEMPLATE_MEAN,
    MOVEMENT_TEMPLATE_FILE,
};

/* The stabilised copy that was asked for. */
struct movement_stabilise {
    const char *path; /* NULL: none */
    const char *format;
    int quality; /* 0: the format's own */
    trk_stabilise_params params;
};

/* Everything that was asked for, with the defaults filled in. */
struct movement_job {
    char store[PATH_MAX];  /* the store's directory, as given */
    char output[PATH_MAX]; /* directory for the results */
    trk_roi_set *rois;
    int roi_count;
    int blocks_outside; /* of shapes: left out */
    int64_t first, end; /* frames, half-open */
    enum movement_template_source template_source;
    int64_t template_index; /* these three of a frame */
    int64_t template_number;
    double template_time_s;
    cli_range template_range;       /* of a mean */
    const char *template_file;      /* as given */
    trk_still_kind background_kind; /* these two where params.prepare.background is set */
    cli_range background_range;
    trk_params params;
    bool movemeter; /* its numbers, by movemeter_params */
    trk_movemeter_params movemeter_params;
    bool brightness; /* wanted, on this scale */
    trk_brightness_scale brightness_scale;
    const ist_reader_info *info;
    bool heatmaps;
    trk_heatmap_params heatmap_params;
    struct movement_stabilise stabilise;
    bool json; /* the summary is for programs */
    struct movement_written *written;
    struct movement_warnings *warnings;
};

/* A group in one frame, over its ROIs that have a displacement. */
struct movement_group {
    int measured;                   /* how many those are; 0: the rest is NaN */
    double x_px, y_px;              /* means */
    double mean_displacement_px;    /* mean of hypot(x, y) */
    double displacement_of_mean_px; /* hypot(mean x, mean y) */
};

/* What was measured in one frame. */
struct movement_frame {
    const trk_row *rows; /* one for each ROI */
    struct movement_group *groups;
};

/* Fills in frame->groups, which has room for each group of the job, from frame->rows. */
void movement_frame_group(struct movement_frame *frame, const struct movement_job *job);

/* Says something of the results, once for each kind, on standard error, in settings.json and in the summary. */
void movement_warn(const struct movement_job *job, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The last part of the store's path. */
const char *movement_store_name(const struct movement_job *job);

/* ---- files ---- */

/* A file on its way. */
struct movement_file {
    FILE *stream;
    const struct movement_job *job;
    char name[PATH_MAX]; /* with ".part" */
};

int movement_file_open(struct movement_file *file, const struct movement_job *job, const char *name);

/* Brings all to the disk, gives the file its name and adds it to job->written. Closes the file in any case. */
int movement_file_finish(struct movement_file *file);

/* Closes the file and leaves it as NAME.part. */
int movement_file_leave(struct movement_file *file);

/* Adds the name of a file in job->output that is whole. */
int movement_written_add(const struct movement_job *job, const char *name);
bool movement_written_has(const struct movement_written *written, const char *name);
void movement_written_free(struct movement_written *written);

/* ---- tables ---- */

/* The tables that the job asks for, while they are filled frame by frame. */
struct movement_tables;

/* Begins every table that the job asks for. The caller closes *tables with one of the two functions below. */
int movement_tables_open(struct movement_tables **tables, const struct movement_job *job);

/* Adds a frame to each table. False: a table cannot be written. */
bool movement_tables_add(struct movement_tables *tables, const struct movement_frame *frame);

/* Gives the tables their names. Sets *tables to NULL, as the next one does. */
int movement_tables_finish(struct movement_tables **tables);

/* Leaves the tables as NAME.part. */
int movement_tables_leave(struct movement_tables **tables);

/* ---- sums ---- */

/* What rows add up to. */
struct movement_sum {
    int64_t rows[TRK_UNSURE + 1];      /* by status */
    int64_t measured;                  /* rows that have a displacement, without a gap; all that follows is of them */
    double x_min, x_max, y_min, y_max; /* px */
    double squares;                    /* sum of x^2 + y^2 */
    trk_row largest;                   /* row with the largest displacement */
    double score_min;
    double second_peak_gap_min;              /* NaN: not known */
    int64_t errors;                          /* rows with standard errors */
    double error_x_squares, error_y_squares; /* sums of their squares */
    int64_t rotation_errors;                 /* rows with that of the rotation */
    double error_rotation_squares;           /* sum of its squares */
    int64_t lost_for;                        /* of one ROI: frames since it was last measured */
    int64_t lost_since;                      /* the first of these */
};

double movement_sum_largest_px(const struct movement_sum *sum);
double movement_sum_rms_px(const struct movement_sum *sum);

/* What all frames add up to. */
struct movement_summary {
    int64_t frames; /* handed over so far */
    double first_time_s;
    int64_t renewals; /* of all templates */
    struct movement_sum all;
    struct movement_sum *rois;   /* one for each ROI */
    struct movement_sum *groups; /* one for each group, and one for the ROIs in none */
};

int movement_summary_init(struct movement_summary *summary, const struct movement_job *job);
void movement_summary_add(struct movement_summary *summary, const struct movement_job *job,
                          const struct movement_frame *frame);
void movement_summary_free(struct movement_summary *summary);

/* ---- curves ---- */

/* What the pictures show, gathered while measuring: every so many frames of every so many ROIs. */
struct movement_curves;

int movement_curves_create(struct movement_curves **curves, const struct movement_job *job);
void movement_curves_add(struct movement_curves *curves, const struct movement_frame *frame);
int movement_curves_write(const struct movement_curves *curves);
void movement_curves_destroy(struct movement_curves **curves);

/* ---- heat maps ---- */

/* The heat maps that the job asks for, while they are filled frame by frame. */
struct movement_heatmaps;

/* Begins the stacks; where none were asked for, *maps is NULL, which all that follow take. */
int movement_heatmaps_open(struct movement_heatmaps **maps, const struct movement_job *job);

/* Adds the rows of a frame. On failure, which is remembered, false. */
bool movement_heatmaps_add(struct movement_heatmaps *maps, const trk_row *rows);

/* Says what failed when rows were added. */
int movement_heatmaps_failure(const struct movement_heatmaps *maps);

/* Gives the stacks their names, writes and draws the means and maxima. */
int movement_heatmaps_finish(struct movement_heatmaps *maps);

/* Frees the maps and sets *maps to NULL. Of stacks that were not finished nothing is left. */
void movement_heatmaps_close(struct movement_heatmaps **maps);

/* ---- the stabilised copy ---- */

/* What the copy is made from, while it is filled frame by frame; NULL, which all of these take: none was asked for. */
struct movement_copy;

/* Finds out, before anything is measured, whether the copy can be written. */
int movement_stabilise_check(const struct movement_job *job);

int movement_copy_open(struct movement_copy **copy, const struct movement_job *job);

/* Adds the rows of a frame. If they cannot be kept, movement_copy_write() says why. */
void movement_copy_add(struct movement_copy *copy, const trk_row *rows, int row_count);

/* Writes the copy and says so. */
int movement_copy_write(struct movement_copy *copy, ist_reader *reader);
void movement_copy_close(struct movement_copy **copy);

/* ---- gnuplot ---- */

/* Writes text in single quotes, as gnuplot takes it, and a number whatever the locale. */
void movement_put_text(FILE *out, const char *text);
void movement_put_number(FILE *out, double value);

/*
 * Has a script in the directory of the results draw these pictures; to their names it adds its variable `part`.
 * Without gnuplot: removes the pictures of an earlier run, says what is missing, and goes on.
 */
int movement_run_gnuplot(const struct movement_job *job, const char *script, const char *const *pictures, int count);

/* ---- the whole ---- */

/* Writes settings.json, and removes files of an earlier run that are not written any more. */
int movement_write_settings(const struct movement_job *job, const struct movement_summary *summary);

/*
 * Draws the pictures of motion and of the ROIs. Each has a script of its own; pictures.gnuplot runs them all. `first`
 * is the first frame, without pixels if it could not be read.
 */
int movement_draw(const struct movement_job *job, const struct movement_summary *summary, const ist_frame *first);

/* Says which ROIs were lost to the end though their templates are renewed, and what can be done. */
void movement_note_lost(const struct movement_job *job, const struct movement_summary *summary);

/* Prints two lines: what was found, and where it lies. */
void movement_report_text(const struct movement_job *job, const struct movement_summary *summary);

/* Prints the same and more as one JSON document. */
int movement_report_json(const struct movement_job *job, const struct movement_summary *summary);

#endif
