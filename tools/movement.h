/*
 * What mm-analyze writes: movement.csv, settings.json, movement.gnuplot and movement.svg in one directory.
 *
 * Every file is written as NAME.part and gets its name when it is whole.
 */
#ifndef MOVEMENT_H
#define MOVEMENT_H

#include <libstore/libstore.h>
#include <libtrack/libtrack.h>
#include <limits.h>
#include <stdio.h>

enum { MOVEMENT_NAME_SIZE = 64 };

/* A ROI as it is called in the results: by its name, or by its number from 0. */
struct movement_roi {
    trk_roi place;
    bool named;
    char name[MOVEMENT_NAME_SIZE];
};

/* Everything that was asked for, with the defaults filled in. */
struct movement_job {
    char store[PATH_MAX];  /* the store's directory, as given */
    char output[PATH_MAX]; /* directory for the results */
    struct movement_roi *rois;
    int roi_count;
    int64_t first, end; /* frames, half-open */
    int64_t template_index;
    int64_t template_number;
    double template_time_s;
    trk_params params;
    const ist_reader_info *info;
};

/* What the rows add up to. */
struct movement_summary {
    int64_t frames;                /* handed over so far */
    int64_t rows[TRK_MISSING + 1]; /* by status */
    int64_t measured;              /* rows that have a displacement, all that follows is of them */
    double first_time_s;
    double x_min, x_max, y_min, y_max; /* of all rows with numbers */
    double squares;                    /* sum of x^2 + y^2 */
    trk_row largest;                   /* row with the largest displacement */
};

/* A file on its way. */
struct movement_file {
    FILE *stream;
    char name[PATH_MAX]; /* with ".part" */
};

/* These return CLI_GO_ON, or say what failed and return an exit code. */
int movement_file_open(struct movement_file *file, const struct movement_job *job, const char *name);

/* Brings all to the disk and gives the file its name. Closes the file in any case. */
int movement_file_finish(struct movement_file *file);

/* Closes the file and leaves it as NAME.part. Returns CLI_GO_ON, or what went wrong as above. */
int movement_file_leave(struct movement_file *file);

/* Writes a line of the table. */
void movement_write_row(FILE *stream, const struct movement_job *job, const trk_row *row);
void movement_write_header(FILE *stream);

int movement_write_settings(const struct movement_job *job, const struct movement_summary *summary);

/* Writes movement.gnuplot and has it drawn. Without gnuplot: says what is missing, and goes on. */
int movement_draw(const struct movement_job *job, const struct movement_summary *summary);

/* Adds a row to the sums. */
void movement_add(struct movement_summary *summary, const trk_row *row);

#endif
