/*
 * From the command line of mm-analyze to its results, one file for each step:
 *
 *   mm-analyze.c        the options, and the order of the steps
 *   analyze_places.c    which store, and where the results go
 *   analyze_rois.c      the ROIs that the options ask for
 *   analyze_template.c  how frames are prepared, and what the ROIs are cut from
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

/* The command line as it was given. */
struct analyze_request {
    cli_list rois;
    cli_range frames;
    const char *template;
    const char *background;
    double blur;
    bool difference;
    bool follow;
    int64_t search_again;
    int64_t renew_every;
    double renew_below;
    int64_t max_movement;
    int64_t threads;
    double min_score;
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

/* Reads what the options say of ROIs. The caller frees job->rois. */
int analyze_read_rois(struct movement_job *job, const struct analyze_request *request);

/* Takes the middle of the picture if no ROI was given, and checks that each lies in the picture. */
int analyze_place_rois(struct movement_job *job, const struct analyze_request *request);

/* Fills in what the job says of preparing, templates and following; the range of frames is known. */
int analyze_resolve_template(struct movement_job *job, const struct analyze_request *request);

/* Gives the tracker its background and its templates, and says which of them are flat. */
int analyze_set_template(struct movement_job *job, trk_tracker *tracker, ist_reader *reader);

/* Opens the store, measures, and writes the results. */
int analyze_run(struct movement_job *job, const struct analyze_request *request);

#endif
