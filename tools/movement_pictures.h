/* What the pictures of a job are, and what their gnuplot scripts share. */
#ifndef MOVEMENT_PICTURES_H
#define MOVEMENT_PICTURES_H

#include "movement.h"

/* Pictures of motion over time: one for the ROIs in no group, if there are any, and one for each group. */
struct movement_picture {
    int group;    /* -1: the ROIs in none */
    int size;     /* ROIs */
    int roi_step; /* every roi_step-th is drawn */
    int first;    /* the drawn ones are rois[first..first + count - 1] of movement_pictures */
    int count;
};

struct movement_pictures {
    struct movement_picture *items;
    int count;
    int *rois; /* the ROIs that are drawn, picture by picture */
    int roi_count;
    int64_t frame_step; /* every frame_step-th frame is drawn */
};

int movement_pictures_init(struct movement_pictures *pictures, const struct movement_job *job);
void movement_pictures_free(struct movement_pictures *pictures);

/*
 * curves.dat has two blocks for each picture, in their order: a line for each drawn frame of each ROI, with an empty
 * line behind a ROI; and a line for each drawn frame with the means of the group (of ROIs in none: nan).
 */
#define MOVEMENT_CURVES "curves.dat"

/* Writes text in single quotes as gnuplot takes it, and a number whatever the locale. */
void movement_put_text(FILE *out, const char *text);
void movement_put_number(FILE *out, double value);

/* Writes "set linetype 1..count": few get colours that everybody tells apart, many go around the circle. */
void movement_put_colours(FILE *out, int count, double line_width);

/* The last part of the store's path. */
const char *movement_store_name(const struct movement_job *job);

/* The beginning of each script: what it is for, and terminal and output for NAME.svg. `height` is an expression. */
void movement_put_terminal(FILE *out, const char *name, int width, const char *height);

/* Runs NAME.gnuplot for NAME.svg. False: gnuplot is missing or failed, and that is said: no need to try another. */
int movement_run_gnuplot(const struct movement_job *job, const char *name, bool *drawn);

int movement_plot_picture(const struct movement_job *job, const struct movement_summary *summary,
                          const struct movement_pictures *pictures, int picture, bool *drawn);
int movement_plot_map(const struct movement_job *job, const struct movement_summary *summary,
                      const struct movement_pictures *pictures, const ist_frame *first, bool *drawn);

#endif
