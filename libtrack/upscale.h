/*
 * Matching on a grid finer than the pixels: the scores of enlarged pictures without enlarging any.
 *
 * Template and searched window are thought to be enlarged bilinearly (half-pixel centres, edges repeated). An enlarged
 * sample is a sum of two neighbours along each axis, so the product of an enlarged template row and an enlarged window
 * row is a sum over few products of original rows: row p of the template meets rows p + d of the window, with weights
 * that are the same for all p but the first and the last, if the scale is whole. Hence
 *     sum(T' S') = sum over d, e of weight(d) weight(e) sum over p, q of T(p, q) S(p + d, q + e),
 * and what is left to do are some dozen correlations at whole pixels. Sums and energies of the enlarged windows come
 * from the original pixels in the same way.
 */
#ifndef UPSCALE_H
#define UPSCALE_H

#include "correlate.h"

/* How one side of a picture is enlarged: sample i lies at origin + (i + 1/2) step - 1/2 px, kept within 0..pixels-1. */
struct scale {
    int pixels;
    int count; /* samples of the template */
    double step;
    double origin;
};

/* Neighbouring rows (or columns) of the template that have the same weights. */
struct run {
    int first, count;
};

/* One direction, down or to the right. */
struct upscale_axis {
    struct scale template, window;
    int window_start; /* px, in the picture */
    int first, last;  /* places of the template, in samples of the window */
    int half;         /* places on each side of the middle of a block */
    struct run *runs;
    int run_count;
};

/* Where the grid of places begins. */
enum upscale_grid {
    GRID_OF_WINDOW, /* in the window's corner; either picture is stretched to the whole number of samples below its
                       pixels times the scale, as a program does that enlarges them */
    GRID_OF_HOME,   /* where the template was cut, in steps of exactly 1 / scale px */
};

struct upscaler {
    struct upscale_axis x, y;
    double scale;
    enum upscale_grid grid;
    double sum;      /* of the enlarged template's samples, as the matcher keeps them */
    double variance; /* sum of their squared differences from the mean */
    double gain;     /* energy of a pixel over that of an enlarged sample, about their means */
};

/* A place in the picture, in px, and its score. */
struct fine_match {
    double x, y;
    double score; /* NaN: no place has a score */
};

/* Room for upscaling with any of several upscalers. */
struct upscale_room {
    float *map;           /* scores at whole pixels */
    struct taps *taps;    /* of the places of a block down, for each run of rows */
    struct taps *taps_x;  /* to the right */
    double *partial;      /* products of a run of columns, for each place down */
    double *lines, *sums; /* two rows of the original; three sums over columns of it */
    double *weights;      /* three of each row or column of a window */
    double *block;        /* sum, energy and product of each place of a block */
};

/* For a scale above 1. Takes sizes and places from the matcher. upscaler_finish() releases it, after a failure too. */
ist_status upscaler_init(struct upscaler *upscaler, const struct matcher *matcher, double scale, enum upscale_grid grid,
                         ist_error *error);
void upscaler_finish(struct upscaler *upscaler);

/* Takes home and places anew from a matcher of the same size; upscaler_find() only if there are no more than before. */
void upscaler_aim(struct upscaler *upscaler, const struct matcher *matcher);

/* upscale_room_finish() releases it, after a failure too. */
ist_status upscale_room_init(struct upscale_room *room, const struct upscaler *upscalers, int count, ist_error *error);
void upscale_room_finish(struct upscale_room *room);

/* Takes the matcher's template. */
void upscaler_cut(struct upscaler *upscaler, struct upscale_room *room, const struct matcher *matcher);

/*
 * The best place on the grid; of equals the first in row-major order. It is searched around every whole pixel that may
 * lead to it: a product of enlarged pictures is a weighted mean of products at the whole pixels around, so a score can
 * rise above theirs only as far as enlarging takes energy from template and window.
 */
struct fine_match upscaler_find(const struct upscaler *upscaler, struct upscale_room *room,
                                const struct matcher *matcher, struct search *search, const struct plane *plane);

/* The best place around whole pixel x, y of the picture. */
struct fine_match upscaler_find_near(const struct upscaler *upscaler, struct upscale_room *room,
                                     const struct matcher *matcher, const struct search *search,
                                     const struct plane *plane, int x, int y);

#endif
