/* movemeter's numbers: motion and rotation as the Python program movemeter gives them, for comparing with old results.
 */
#ifndef LIBTRACK_MOVEMETER_H
#define LIBTRACK_MOVEMETER_H

#include <libstore/reader.h>
#include <libtrack/roi.h>
#include <libtrack/still.h>
#include <libtrack/tracker.h>

#ifdef __cplusplus
extern "C" {
#endif

/* With what each frame is compared. */
typedef enum trk_movemeter_reference {
    TRK_MOVEMETER_FIRST = 0, /* the first frame */
    TRK_MOVEMETER_PREVIOUS,  /* the frame before, and the steps are added up */
    TRK_MOVEMETER_MEAN,      /* the mean of all frames */
} trk_movemeter_reference;

/* Zero means default. */
typedef struct trk_movemeter_params {
    double upscale;      /* results are multiples of 1 / upscale px; 0: 1. Below 1 the pictures are made smaller */
    int max_movement_px; /* how far is searched, see below; 0: in the whole picture */
    trk_movemeter_reference reference;
    bool subtract_minimum;   /* the recording's minimum at each pixel is taken off frames and reference */
    bool absolute;           /* the place where the ROI was found, in place of its motion */
    bool rotation;           /* measure rotation, in place of motion; not against the previous frame */
    double max_rotation_deg; /* of the range of angles, half to each side; 0: 359. At most 359 */
    int threads;             /* for trk_movemeter_analyze; 0: one for each processor. Results do not depend on it. */
    unsigned cpu_mask;       /* as in trk_params */
    bool cpu_plain;
} trk_movemeter_params;

/* One ROI in one frame. */
typedef struct trk_movemeter_row {
    int64_t frame_index;
    int64_t frame_number;
    double frame_time_s;
    int roi;               /* 0.. in the order given */
    double x_px, y_px;     /* MINUS the motion of what the ROI shows; or, absolute, its place. NaN: not measured */
    double rotation_deg;   /* counter-clockwise, not relative to the first frame; NaN: not measured */
    double score;          /* zero-mean normalised cross-correlation of the enlarged pictures, -1..1 */
    trk_row_status status; /* TRK_MEASURED, TRK_FLAT or TRK_MISSING */
} trk_movemeter_row;

/*
 * Compares frames as movemeter does: the template is what the ROI shows in the present frame, and it is searched in the
 * reference. Content that moves to the right and down gives negative numbers.
 *
 * Place: the first maximum, row by row, of the zero-mean normalised cross-correlation of frame and reference, both
 * enlarged bilinearly `upscale` times (a part of w px to int(w upscale) samples, half-pixel centres, edges repeated);
 * without a fit between the samples. Enlarged pictures are never made; see upscale.h for how.
 *
 * Searched is the ROI grown by m = max_movement_px on each side. At the left and the top its corner stops at the border
 * and its size stays, so that it reaches farther to the other side; at the right and the bottom it is cut. Where m + y
 * >= the picture's height or m + width >= its width, with the ROI's y and width, the whole picture is searched.
 *
 * Motion is x - x of the first frame, which is measured too. With TRK_MOVEMETER_PREVIOUS these are steps from frame to
 * frame and added up; not if `absolute`.
 *
 * Rotation: of the largest square in the middle of the ROI, enlarged as above. The reference's square is turned
 * about its middle; its inner part (side / sqrt 2) is matched with the frame's square: at any place in it, or with
 * a max_movement_px only in its middle. 36 angles over the range, and five times 6 angles between the neighbours
 * of the best.
 *
 * What movemeter computes by mistake is not repeated: a ROI without any texture has no motion here (TRK_FLAT) instead
 * of a jump to the window's corner; windows are not cut too much at the bottom; TRK_MOVEMETER_MEAN is the mean always,
 * TRK_MOVEMETER_PREVIOUS always works; the minimum is taken off frame and reference. Colour is turned to gray first, as
 * for trk_tracker. A frame that is missing or flat adds nothing to a sum of steps; the next is compared with the last
 * one that could be read.
 *
 * Thread-safety: one thread at a time. Frames come in the order of the recording.
 */
typedef struct trk_movemeter trk_movemeter;

/*
 * Creates a measurement for pictures of this shape. ROIs and params are copied; params may be NULL.
 *
 * IST_ERROR_ARGUMENT: no ROI; a ROI outside the picture, or smaller than 4 x 4, or than 4 x 4 samples at this upscale;
 * an upscale that is not positive and finite, or above TRK_UPSCALE_MAX; another parameter out of range.
 * IST_ERROR_MEMORY.
 */
IST_API IST_MUST_CHECK ist_status trk_movemeter_create(trk_movemeter **movemeter, int width, int height, int channels,
                                                       ist_pixel_type type, const trk_roi *rois, int roi_count,
                                                       const trk_movemeter_params *params, ist_error *error);

/*
 * Sets the mean of all frames, for TRK_MOVEMETER_MEAN, and their minimum, where it is subtracted; before the first
 * frame is measured. Neither is kept. trk_movemeter_analyze() does it by itself.
 *
 * IST_ERROR_ARGUMENT: a still of another size, or not complete. IST_ERROR_STATE: it was not asked for, or frames were
 * measured already.
 */
IST_API IST_MUST_CHECK ist_status trk_movemeter_set_mean(trk_movemeter *movemeter, const trk_still *mean,
                                                         ist_error *error);
IST_API IST_MUST_CHECK ist_status trk_movemeter_set_minimum(trk_movemeter *movemeter, const trk_still *minimum,
                                                            ist_error *error);

/*
 * Measures every ROI in the next frame of the recording and fills rows[0..roi_count-1]. The frame is not kept.
 * IST_ERROR_ARGUMENT: a frame of another shape or type. IST_ERROR_STATE: the mean or the minimum is needed and was not
 * set.
 */
IST_API IST_MUST_CHECK ist_status trk_movemeter_measure(trk_movemeter *movemeter, const ist_frame *frame,
                                                        trk_movemeter_row *rows, ist_error *error);

/* Receives the rows of one frame, in the order of frames, on the thread that called. Returns false to stop. */
typedef bool trk_movemeter_handler(void *context, const trk_movemeter_row *rows, int row_count);

/*
 * Measures the frames first..first+count-1 of a store. For a new trk_movemeter. Where mean or minimum are needed, the
 * frames are read once more for each; then the handler is called for each frame without rows, and may stop it, too. A
 * frame that cannot be read, or has another shape, gives rows with status TRK_MISSING. Frames are read on the calling
 * thread while others measure those before. Memory: some 20 pictures, whatever the length of the recording.
 *
 * IST_END: the handler stopped it. IST_ERROR_NOT_FOUND: the range leaves the store. IST_ERROR_DATA: mean or minimum are
 * needed, and not one frame could be read. IST_ERROR_STATE: it has measured already. IST_ERROR_MEMORY.
 */
IST_API IST_MUST_CHECK ist_status trk_movemeter_analyze(trk_movemeter *movemeter, ist_reader *reader, int64_t first,
                                                        int64_t count, trk_movemeter_handler *handler, void *context,
                                                        ist_error *error);

/* Destroys it and sets *movemeter to NULL. Takes a NULL movemeter. */
IST_API void trk_movemeter_destroy(trk_movemeter **movemeter);

#ifdef __cplusplus
}
#endif
#endif
