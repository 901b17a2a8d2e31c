/* Pictures of another size, and of real numbers, made fit for matching. */
#ifndef RESIZE_H
#define RESIZE_H

#include "plane.h"

/* A part of a picture. */
struct part {
    int x, y, width, height;
};

/*
 * Resizes a part of a picture bilinearly to width x height: half-pixel centres, edges repeated, no smoothing before.
 * Sizes are as they come out, no fractions of samples.
 */
void resize_part(const struct plane *plane, const struct part *part, int width, int height, float *out);

/*
 * Stretches numbers to 0..65535, rounded, for correlation, to which gain and offset do not matter. All the same become
 * 0.
 */
void stretch_to_u16(const float *in, size_t count, uint16_t *out);

#endif
