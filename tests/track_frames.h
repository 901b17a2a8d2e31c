/* Frames of the tests' own. */
#ifndef TRACK_FRAMES_H
#define TRACK_FRAMES_H

#include <check.h>
#include <libstore/frame.h>

static inline ist_frame make_frame(int width, int height, int channels, ist_pixel_type type)
{
    ist_frame frame = {0};
    ck_assert_int_eq(ist_frame_alloc(&frame, width, height, channels, type, NULL), IST_OK);
    return frame;
}

#endif
