/* What is done to frames before anything is searched in them. */
#ifndef LIBTRACK_PREPARE_H
#define LIBTRACK_PREPARE_H

#include <libstore/frame.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { TRK_BLUR_MAX_PX = 32 };

/*
 * How a frame is prepared. All zero: it is searched as it is; colour is turned to gray in any case,
 * 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), rounded. Otherwise, pixel by pixel and in this order:
 * gray, minus the gray of the frame before it, minus the background, blurred. Templates pass through the same.
 *
 * The result is rounded once, to whole numbers of 16 bits, so that the search stays exact: 8-bit frames to 1/256 of a
 * gray level, 1/128 where there can be negative values; 16-bit frames to 1 level, or to 2 with negative values. All
 * that is said in gray levels (TRK_MIN_TEXTURE) means those of the frames.
 */
typedef struct trk_preparation {
    double blur_sigma_px; /* standard deviation of a Gaussian, 0..TRK_BLUR_MAX_PX; 0: none. Cut at 4 sigma; the
                             picture's border is mirrored */
    bool background;      /* trk_tracker_set_background() will give one */
    bool difference;      /* minus the frame before it */
} trk_preparation;

/*
 * Makes a 16-bit gray frame of floating-point samples, as a camera loop may have them: `low` becomes 0, `high`
 * 65535, what lies outside is clipped as by a sensor. The sample in column x, row y is samples[y * stride + x].
 * frame's buffer is used as by ist_frame_alloc(); index, number and time stay. The gray levels of such a frame
 * are steps of (high - low) / 65535.
 *
 * IST_ERROR_DATA: a sample is NaN; the message names the first. IST_ERROR_ARGUMENT: low is not below high, one is not
 * finite, or a size as for ist_frame_alloc(). IST_ERROR_MEMORY. The pixels are undefined then.
 */
IST_API IST_MUST_CHECK ist_status trk_frame_from_float(ist_frame *frame, const float *samples, ptrdiff_t stride,
                                                       int width, int height, double low, double high,
                                                       ist_error *error);

#ifdef __cplusplus
}
#endif
#endif
