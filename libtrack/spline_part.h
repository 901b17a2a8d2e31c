/*
 * A part of a picture, made smaller and smoothed, between the pixels: a cubic B-spline.
 *
 * Small pixels are means of `scale` x `scale` full ones. They are smoothed with a Gaussian, so that what the spline
 * cannot carry does not come back as false waves.
 */
#ifndef SPLINE_PART_H
#define SPLINE_PART_H

#include <libstore/error.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernels.h"
#include "plane.h"
#include "spline.h"

enum {
    SPLINE_TAPS = 17,               // of the filter that smooths and makes coefficients
    SPLINE_MARGIN = SPLINE_TAPS / 2 // samples needed around the part, px
};

/* Pixel i, j is at left + i, top + j. */
struct spline_part {
    int scale;
    int shift_x, shift_y;         // full pixels, from the picture's own place to that of pixel 0, 0
    int left, top, columns, rows; // in small pixels
    const float *samples;         // of the room, with SPLINE_MARGIN more on each side
    const float *spline;          // coefficients
};

/* Room for parts up to a certain size. */
struct spline_room {
    float *samples;
    float *rows;
    float *spline;
    float taps[SPLINE_TAPS]; // from samples to coefficients
};

/* Makes room for so many samples; spline_room_finish() releases it, after a failure too. */
ist_status spline_room_init(struct spline_room *room, size_t samples, ist_error *error);
void spline_room_finish(struct spline_room *room);

/* From full pixels to small ones: small pixel i is the mean of scale * i and those after it. */
static inline double to_small(double full, int scale)
{
    return (full - (scale - 1) / 2.0) / scale;
}

/* A sample of the full picture, mirrored at its border. */
double sample_mirrored(const struct plane *plane, int x, int y);

/* The part that covers the disc of `radius` with its middle anywhere within reach of x, y; all in small pixels. */
struct spline_part part_around(int scale, double x, double y, double reach_x, double reach_y, double radius);

static inline ptrdiff_t part_sample_stride(const struct spline_part *part)
{
    return part->columns + 2 * SPLINE_MARGIN;
}

/* Takes the part from a picture, samples less an offset. It stays in the room until another one is filled. */
void part_fill(struct spline_part *part, struct spline_room *room, const struct kernels *kernels,
               const struct plane *plane, int offset);

/* A point between coefficients: that on its upper left, and how far the point is behind it. */
struct spline_point {
    const float *at;
    float f, g;
};

/* False if the spline does not reach there. x and y in small pixels. */
static inline bool part_find_point(const struct spline_part *part, double x, double y, struct spline_point *point)
{
    const double column = x - part->left, row = y - part->top;
    if (!(column >= 1 && row >= 1 && column < part->columns - 2 && row < part->rows - 2))
        return false;
    const int i = (int)column, j = (int)row;
    point->at = part->spline + (ptrdiff_t)(j - 1) * part->columns + i - 1;
    point->f = (float)(column - i);
    point->g = (float)(row - j);
    return true;
}

static inline float part_weigh(const struct spline_part *part, const struct spline_point *point, const float across[4],
                               const float down[4])
{
    float sum = 0;
    for (int j = 0; j < 4; j++) {
        const float *row = point->at + (ptrdiff_t)j * part->columns;
        sum += down[j] * (across[0] * row[0] + across[1] * row[1] + across[2] * row[2] + across[3] * row[3]);
    }
    return sum;
}

static inline float part_value(const struct spline_part *part, const struct spline_point *point)
{
    float across[4], down[4];
    spline_weights((double)point->f, across);
    spline_weights((double)point->g, down);
    return part_weigh(part, point, across, down);
}

/* With the slopes there. */
float part_value_and_slopes(const struct spline_part *part, const struct spline_point *point, float *gx, float *gy);

#endif
