/* Brightness of regions of interest, frame by frame. */
#ifndef LIBTRACK_BRIGHTNESS_H
#define LIBTRACK_BRIGHTNESS_H

#include <libstore/reader.h>
#include <libtrack/roi.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a ROI's brightness is relative to. v is the mean of its gray pixels; minimum and maximum are those of v. */
typedef enum trk_brightness_scale {
    TRK_BRIGHTNESS_ABSOLUTE = 0, /* v, in gray levels */
    TRK_BRIGHTNESS_MINIMUM,      /* v / minimum: 1 and more; movemeter calls it roimin */
    TRK_BRIGHTNESS_RANGE,        /* (v - minimum) / (maximum - minimum): 0..1 */
    TRK_BRIGHTNESS_MOVEMETER,    /* (v - minimum) / maximum: movemeter's roi, of which it says that it is 0..1 */
} trk_brightness_scale;

/* Returns "absolute", "minimum", "range" or "movemeter". */
IST_API const char *trk_brightness_scale_name(trk_brightness_scale scale);

/* The least and the largest mean of a ROI so far; NaN: none was measured. */
typedef struct trk_brightness_range {
    double minimum;
    double maximum;
} trk_brightness_range;

/* Puts a mean on a scale. NaN where that would divide by 0, and for NaN. */
IST_API double trk_brightness_relative(double mean, trk_brightness_range range, trk_brightness_scale scale);

/* The brightness of one ROI in one frame. */
typedef struct trk_brightness_row {
    int64_t frame_index;
    int64_t frame_number;
    double frame_time_s;
    int roi;           /* 0.. in the order given */
    double brightness; /* NaN: the frame could not be read, or the scale is not defined */
} trk_brightness_row;

/*
 * Measures brightness in ROIs, which may be as small as one pixel, and keeps the range of each. Colour is turned to
 * gray first, 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601).
 *
 * Thread-safety: one thread at a time.
 */
typedef struct trk_brightness trk_brightness;

/*
 * Creates it for pictures of this shape. ROIs are copied.
 * IST_ERROR_ARGUMENT: no ROI, or one that is empty or not inside the picture. IST_ERROR_MEMORY.
 */
IST_API IST_MUST_CHECK ist_status trk_brightness_create(trk_brightness **brightness, int width, int height,
                                                        int channels, ist_pixel_type type, const trk_roi *rois,
                                                        int roi_count, ist_error *error);

/*
 * Measures a frame, such as one from a camera: means[0..roi_count-1], in gray levels. The frame is not kept.
 * IST_ERROR_ARGUMENT: a frame of another shape or type.
 */
IST_API IST_MUST_CHECK ist_status trk_brightness_measure(trk_brightness *brightness, const ist_frame *frame,
                                                         double *means, ist_error *error);

/* The range of a ROI's means in all frames measured so far. */
IST_API trk_brightness_range trk_brightness_range_of(const trk_brightness *brightness, int roi);

/* Receives the rows of one frame, in the order of frames. Returns true to go on, false to stop. */
typedef bool trk_brightness_handler(void *context, const trk_brightness_row *rows, int row_count);

/*
 * Measures the frames first..first+count-1 of a store and hands rows to `handler`. A relative scale needs the range
 * first: then the frames are read twice, and in the first pass the handler is called for each frame without rows.
 * Memory: one frame. A frame that cannot be read, or has another shape, has no brightness (NaN), and no part in the
 * range.
 *
 * IST_END: the handler stopped it. IST_ERROR_NOT_FOUND: the range leaves the store. IST_ERROR_MEMORY.
 */
IST_API IST_MUST_CHECK ist_status trk_brightness_analyze(trk_brightness *brightness, ist_reader *reader, int64_t first,
                                                         int64_t count, trk_brightness_scale scale,
                                                         trk_brightness_handler *handler, void *context,
                                                         ist_error *error);

/* Destroys it and sets *brightness to NULL. Takes a NULL brightness. */
IST_API void trk_brightness_destroy(trk_brightness **brightness);

#ifdef __cplusplus
}
#endif
#endif
