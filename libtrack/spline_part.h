/*
 * A part of a picture, made smaller and smoothed, between the pixels: a cubic B-spline.
 *
 * Small pixels are means of `scale` x `scale` full ones. They are smoothed with the kernel that motion is refined with.
 * The spline has SPLINE_FINE coefficients for each pixel, as with one a sixteenth of a wave of 3 px would come back as
 * a false wave.
 */
#ifndef SPLINE_PART_H
#define SPLINE_PART_H

#include <libstore/error.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernels.h"
#include "plane.h"
#include "spline.h"

#define SPLINE_SIGMA_PX 0.7 // of the Gaussian

enum {
    SPLINE_FINE = 2,
    SPLINE_TAPS = 17,                // of the filter that smooths and makes coefficients
    SPLINE_MARGIN = SPLINE_TAPS / 2, // samples needed around the part, px
    SPLINE_LAGS = 13,                // px, which noise is correlated over: half before, half behind
};

/* What white noise of variance 1 in the samples becomes at whole pixels. */
struct spline_noise {
    float covariance[SPLINE_LAGS]; // along rows or columns; that of two pixels is the product of both
    double value;                  // variance of the values
    double slope;                  // of the slopes in either direction
    double slope_value;            // sum over all pixels: covariance of two slopes times that of their values
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
    float *line;
    float taps[SPLINE_FINE][SPLINE_TAPS]; // from samples to coefficients, at a pixel and behind it
    struct spline_noise noise;
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

/* Coefficients from one row to the next. */
static inline ptrdiff_t part_stride(const struct spline_part *part)
{
    return SPLINE_FINE * (ptrdiff_t)part->columns;
}

/* True if the spline reaches all points of this disc, in small pixels. */
static inline bool part_covers(const struct spline_part *part, double x, double y, double radius)
{
    const double left = x - part->left, top = y - part->top;
    return left - radius >= 1 && top - radius >= 1 && left + radius < part->columns - 2 &&
           top + radius < part->rows - 2;
}

/* A point that the spline reaches. */
static inline struct spline_point part_point(const struct spline_part *part, double x, double y)
{
    const double column = SPLINE_FINE * (x - part->left), row = SPLINE_FINE * (y - part->top);
    const int i = (int)column, j = (int)row;
    return (struct spline_point){
        .at = part->spline + (j - 1) * part_stride(part) + i - 1, .f = (float)(column - i), .g = (float)(row - j)};
}

static inline float part_weigh(const struct spline_part *part, const struct spline_point *point, const float across[4],
                               const float down[4])
{
    // Four columns at a time.
    float columns[4] = {0};
    for (int j = 0; j < 4; j++)
        for (int i = 0; i < 4; i++)
            columns[i] += down[j] * point->at[j * part_stride(part) + i];
    return (across[0] * columns[0] + across[1] * columns[1]) + (across[2] * columns[2] + across[3] * columns[3]);
}

static inline float part_value(const struct spline_part *part, const struct spline_point *point)
{
    float across[4], down[4];
    spline_weights(point->f, across);
    spline_weights(point->g, down);
    return part_weigh(part, point, across, down);
}

/* With the slopes there. */
float part_value_and_slopes(const struct spline_part *part, const struct spline_point *point, float *gx, float *gy);

#endif
