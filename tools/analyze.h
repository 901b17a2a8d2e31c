/*
 * From the command line of mm-analyze to its results, one file for each step:
 *
 *   mm-analyze.c        the options, and the order of the steps
 *   analyze_places.c    which store, and where the results go
 *   analyze_rois.c      the ROIs that the options ask for
 *   analyze_template.c  how frames are prepared, and what the ROIs are cut from
 *   analyze_movemeter.c movemeter's numbers
 *   analyze_brightness.c brightness.csv
 *   analyze_run.c       the rest of the job, and measuring it
 *   movement_*.c        the results: see movement.h
 *
 * All functions return CLI_GO_ON, or say what is wrong and return an exit code.
 */
#ifndef ANALYZE_H
#define ANALYZE_H

#include "cli.h"
#include "movement.h"

enum { ANALYZE_THREADS_MAX = 1024 };

/* Shapes that are filled with blocks. */
enum {
    ANALYZE_GRID,
    ANALYZE_ELLIPSE,
    ANALYZE_LINE,
    ANALYZE_ARC,
    ANALYZE_RADIAL,
    ANALYZE_POLYGON,
    ANALYZE_SHAPES,
};

/* The command line as it was given. */
struct analyze_request {
    cli_list rois;
    cli_list roi_files;
    cli_list shapes[ANALYZE_SHAPES];
    const char *save_rois;
    bool json;
    cli_range frames;
    const char *template;
    const char *background;
    double blur;
    bool difference;
    bool follow;
    int64_t search_again;
    int64_t renew_every;
    double renew_below;
    int64_t restart_after; /* 0: not given */
    int64_t max_movement;
    int64_t threads;
    double min_score;
    double min_gap; /* 0: not given */
    bool rotation;
    double max_rotation; /* 0: not given */
    double upscale;      /* 0: not given */
    bool movemeter;
    bool absolute;
    const char *brightness;
    const char *output;
    const char *stabilise;
    const char *stabilise_format;
    int64_t stabilise_quality;
    bool crop;
    bool turn;
    bool black;
    bool heatmaps;
    bool speed_per_frame;
};

/* Fills in job->store and job->output. */
int analyze_find_places(struct movement_job *job, const struct analyze_request *request, const char *given);

/* Makes the directory for the results, unless it is there. */
int analyze_make_directory(const char *path);

/* Reads what the options say of ROIs, as far as that goes without the picture. The caller destroys job->rois. */
int analyze_read_rois(struct movement_job *job, const struct analyze_request *request);

/*
 * Completes job->rois: single ones, those of files, then the blocks of shapes that lie in the picture (how many do not
 * is said); without any the middle of the picture. Saves the set if that was asked for.
 */
int analyze_place_rois(struct movement_job *job, const struct analyze_request *request);

/* Fills in what the job says of preparing, templates and following; the range of frames is known. */
int analyze_resolve_template(struct movement_job *job, const struct analyze_request *request);

/* Gives the tracker its background and its templates, and says which of them are flat. */
int analyze_set_template(struct movement_job *job, trk_tracker *tracker, ist_reader *reader);

/* Fills in what the job says of movemeter; ranges, template and background are known. */
int analyze_resolve_movemeter(struct movement_job *job, const struct analyze_request *request);

/* Notes number and time of the frame that others are compared with. */
int analyze_name_reference(struct movement_job *job, ist_reader *reader);

/* trk_movemeter_analyze() with the rows that the results take. */
ist_status analyze_measure_movemeter(trk_movemeter *movemeter, const struct movement_job *job, ist_reader *reader,
                                     trk_row_handler *handler, void *context, ist_error *error);

int analyze_resolve_brightness(struct movement_job *job, const struct analyze_request *request);

/* Measures brightness and writes brightness.csv, if it was asked for. */
int analyze_brightness(const struct movement_job *job, ist_reader *reader);

/* Opens the store, measures, and writes the results. */
int analyze_run(struct movement_job *job, const struct analyze_request *request);

#endif
