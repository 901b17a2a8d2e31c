/* What the pictures of motion and of ROIs are, and what their gnuplot scripts share. */
#ifndef MOVEMENT_PICTURES_H
#define MOVEMENT_PICTURES_H

#include "movement.h"

enum { PICTURE_NAME_SIZE = TRK_ROI_NAME_MAX + 16 };

/* A picture of motion over time: of the ROIs in no group, if there are any, or of one group. */
struct movement_picture {
    char name[PICTURE_NAME_SIZE]; /* "movement" or "movement-GROUP", without an ending */
    int group;                    /* -1: the ROIs in none */
    int size;                     /* ROIs */
    int roi_step;                 /* every roi_step-th is drawn */
    int first;                    /* the drawn ones are rois[first..first + count - 1] of movement_pictures */
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

/* Writes "set linetype 1..count": few get colours that everybody tells apart, many go around the circle. */
void movement_put_colours(FILE *out, int count, double line_width);

/* Writes where the picture goes to: NAME.svg, `width` px wide and as high as the script's variable `height`. */
void movement_put_terminal(FILE *out, const char *name, int width);

/* Writes the script NAME.gnuplot of picture i. */
int movement_write_plot(const struct movement_job *job, const struct movement_summary *summary,
                        const struct movement_pictures *pictures, int i);

/* Writes rois.gnuplot, and frame.pgm for it. */
int movement_write_map(const struct movement_job *job, const struct movement_summary *summary,
                       const struct movement_pictures *pictures, const ist_frame *first);

#endif
