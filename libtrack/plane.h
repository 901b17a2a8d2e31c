/* One gray picture in memory, and how a frame becomes one. */
#ifndef PLANE_H
#define PLANE_H

#include <libstore/frame.h>
#include <stdbool.h>
#include <stdlib.h>

/* Rows of samples, aligned for their type. Somebody else owns the samples. */
struct plane {
    const void *data;
    ptrdiff_t stride; /* samples from one row to the next */
    int width;
    int height;
    ist_pixel_type type;
    const float *fine; /* the same samples before they were rounded, rows as above; NULL: there was nothing to round */
};

static inline const uint8_t *plane_uint8(const struct plane *plane, int x, int y)
{
    return (const uint8_t *)plane->data + y * plane->stride + x;
}

static inline const uint16_t *plane_uint16(const struct plane *plane, int x, int y)
{
    return (const uint16_t *)plane->data + y * plane->stride + x;
}

/* Mirrors an index at the first and the last of `count` samples, as often as it takes. */
static inline int plane_mirror(int i, int count)
{
    if (count == 1)
        return 0;
    const int period = 2 * (count - 1);
    i = abs(i) % period;
    return i < count ? i : period - i;
}

/* IST_ERROR_ARGUMENT, with what is wrong, unless there can be pictures of this shape. */
ist_status plane_check_picture(int width, int height, int channels, ist_pixel_type type, ist_error *error);

/* IST_ERROR_ARGUMENT, with what differs, unless the frame has this shape and type. */
ist_status plane_check_frame(const ist_frame *frame, int width, int height, int channels, ist_pixel_type type,
                             ist_error *error);

/* True if the frame's own samples cannot serve: colour, or 16-bit samples at odd addresses. */
bool plane_needs_copy(const ist_frame *frame);

/*
 * Makes a gray plane of a frame: the frame's own samples where they can serve, else samples
 * written to `room`, which holds width x height of them. Colour to gray is exact integer
 * arithmetic: (B * 3735 + G * 19235 + R * 9798 + 16384) >> 15.
 */
struct plane plane_from_frame(const ist_frame *frame, void *room);

/* Writes the same gray of row `y` to width floats. */
void plane_gray_row(const ist_frame *frame, int y, float *gray);

#endif
