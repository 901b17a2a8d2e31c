/* One gray picture in memory, and how a frame becomes one. */
#ifndef PLANE_H
#define PLANE_H

#include <libstore/frame.h>
#include <stdbool.h>

/* Rows of samples, aligned for their type. Somebody else owns the samples. */
struct plane {
    const void *data;
    ptrdiff_t stride; /* samples from one row to the next */
    int width;
    int height;
    ist_pixel_type type;
};

static inline const uint8_t *plane_uint8(const struct plane *plane, int x, int y)
{
    return (const uint8_t *)plane->data + y * plane->stride + x;
}

static inline const uint16_t *plane_uint16(const struct plane *plane, int x, int y)
{
    return (const uint16_t *)plane->data + y * plane->stride + x;
}

/* True if the frame's own samples cannot serve: colour, or 16-bit samples at odd addresses. */
bool plane_needs_copy(const ist_frame *frame);

/*
 * Makes a gray plane of a frame: the frame's own samples where they can serve, else samples
 * written to `room`, which holds width x height of them. Colour to gray is exact integer
 * arithmetic: (B * 3735 + G * 19235 + R * 9798 + 16384) >> 15.
 */
struct plane plane_from_frame(const ist_frame *frame, void *room);

#endif
