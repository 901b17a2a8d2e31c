/* Motion of regions of interest by template matching, frame by frame. */
#ifndef LIBTRACK_TRACKER_H
#define LIBTRACK_TRACKER_H

#include <libstore/frame.h>
#include <libtrack/roi.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How a row is to be taken. */
typedef enum trk_row_status {
    TRK_MEASURED = 0,
    TRK_FLAT,    /* template (below TRK_MIN_TEXTURE) or search window without texture: x, y and score are NaN */
    TRK_LOST,    /* best score below min_score: x and y are NaN, score is the best found */
    TRK_EDGE,    /* the best match lies at the border of what was searched: the motion may be larger. x and y
                    are where it was found, or NaN if the score is below min_score. A ROI at the picture's border that did
                    not move is no such case. */
    TRK_MISSING, /* the frame could not be read: x, y and score are NaN */
} trk_row_status;

/* Returns the word for the results table: "", "flat", "lost", "edge" or "missing". */
IST_API const char *trk_row_status_name(trk_row_status status);

/* The motion of one ROI in one frame. */
typedef struct trk_row {
    int64_t frame_index;
    int64_t frame_number;
    double frame_time_s;
    int roi;      /* 0.. in the order given */
    double x_px;  /* motion since the template was cut: to the right */
    double y_px;  /* downwards */
    double score; /* zero-mean normalised cross-correlation at the integer peak, -1..1 */
    trk_row_status status;
} trk_row;

/* Below this score a feature is lost, unless trk_params says otherwise. */
#define TRK_MIN_SCORE 0.5

/*
 * A template is flat when its standard deviation is less than this, in gray levels: noise and rounding to whole levels
 * are then all there is to be found, and the best match is anywhere.
 */
#define TRK_MIN_TEXTURE 1.0

/*
 * Which fast kernels may be used; bits of trk_params.cpu_mask. Results are the same with any. TRK_CPU_VNNI: AVX-512
 * with BW, VL and VNNI, for 8 bit.
 */
enum { TRK_CPU_AVX2 = 1, TRK_CPU_VNNI = 2 };

/* Zero means default. */
typedef struct trk_params {
    int max_movement_px; /* how far a feature is searched for in each direction; 0: in the whole picture */
    double min_score;    /* below it a feature is lost, -1..1; 0: TRK_MIN_SCORE */
    int threads;         /* for trk_analyze; 0: one for each processor. Results do not depend on it. */
    unsigned cpu_mask;   /* TRK_CPU_ bits that may be used; 0: all that the processor offers */
    bool cpu_plain;      /* use plain C only, whatever cpu_mask says */
} trk_params;

/*
 * A tracker: ROIs and their templates. The template is cut from a reference frame and searched
 * in each frame given; the result is the motion of the feature: x right, y down, in pixels.
 *
 * Whole pixels: the best zero-mean normalised cross-correlation over all places where the template
 * fits into the search window, which is the ROI grown by max_movement_px on each side and cut at the
 * picture's border; of equal ones the first, row by row. Sums are exact integers, so the way of
 * searching (directly or by FFT, whatever is cheaper; plain C or vectors) does not show in the result.
 *
 * Fractions: Gauss-Newton with gain and offset free on the cubic B-spline picture, template and
 * picture smoothed with sigma 1 px, with their real surroundings (the picture's border mirrored). If
 * the texture does not fix both directions (stripes), or the steps lead more than a pixel away, the
 * quadratic through the 3 x 3 scores around the best; and where that has no maximum, none: the motion
 * is then in whole pixels.
 *
 * Thread-safety: trk_tracker_set_template() needs the tracker alone; after it any number of
 * threads may call trk_tracker_measure(), each with a trk_scratch of its own.
 */
typedef struct trk_tracker trk_tracker;

/*
 * Working memory of one thread for trk_tracker_measure(). Serves the tracker it was made for, whatever
 * templates that gets.
 */
typedef struct trk_scratch trk_scratch;

/*
 * Creates a tracker for pictures of this shape. ROIs and params are copied; params may be NULL.
 * Colour is turned to gray first, 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601).
 *
 * IST_ERROR_ARGUMENT: no ROI, a ROI outside the picture or smaller than 4 x 4, a negative or
 * out-of-range parameter. IST_ERROR_MEMORY.
 */
IST_API IST_MUST_CHECK ist_status trk_tracker_create(trk_tracker **tracker, int width, int height, int channels,
                                                     ist_pixel_type type, const trk_roi *rois, int roi_count,
                                                     const trk_params *params, ist_error *error);

/*
 * Cuts the templates of all ROIs from `frame`, in place of earlier ones. The frame is not kept.
 * IST_ERROR_ARGUMENT: a frame of another shape or type.
 */
IST_API IST_MUST_CHECK ist_status trk_tracker_set_template(trk_tracker *tracker, const ist_frame *frame,
                                                           ist_error *error);

/* True if the ROI's template has no texture, so that every row of it will be TRK_FLAT. */
IST_API bool trk_tracker_template_is_flat(const trk_tracker *tracker, int roi);

/* Creates and destroys working memory; destroy sets *scratch to NULL and takes a NULL scratch. */
IST_API IST_MUST_CHECK ist_status trk_scratch_create(trk_scratch **scratch, const trk_tracker *tracker,
                                                     ist_error *error);
IST_API void trk_scratch_destroy(trk_scratch **scratch);

/*
 * Measures every ROI in `frame` and fills rows[0..roi_count-1]. Allocates nothing. The frame is not kept.
 * IST_ERROR_ARGUMENT: a frame of another shape or type. IST_ERROR_STATE: no template was set.
 */
IST_API IST_MUST_CHECK ist_status trk_tracker_measure(const trk_tracker *tracker, trk_scratch *scratch,
                                                      const ist_frame *frame, trk_row *rows, ist_error *error);

/* Destroys the tracker and sets *tracker to NULL. Takes a NULL tracker. */
IST_API void trk_tracker_destroy(trk_tracker **tracker);

#ifdef __cplusplus
}
#endif
#endif
