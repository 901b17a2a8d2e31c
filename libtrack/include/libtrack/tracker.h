/* Motion of regions of interest by template matching, frame by frame. */
#ifndef LIBTRACK_TRACKER_H
#define LIBTRACK_TRACKER_H

#include <libstore/frame.h>
#include <libtrack/prepare.h>
#include <libtrack/roi.h>
#include <libtrack/still.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How a row is to be taken. */
typedef enum trk_row_status {
    TRK_MEASURED = 0,
    TRK_FLAT,    /* template (below TRK_MIN_TEXTURE) or search window without texture, with rotation also texture that
                    does not show place and angle (a bare edge, rings): x, y and score are NaN */
    TRK_LOST,    /* best score below min_score: x and y are NaN, score is the best found */
    TRK_EDGE,    /* the best match lies at the border of what was searched: the motion may be larger. x and y
                    are where it was found, or NaN if the score is below min_score. A ROI at the picture's border that did
                    not move is no such case. */
    TRK_MISSING, /* the frame could not be read, or, where differences are measured, the one before it: x, y and score
                    are NaN */
    TRK_GAP,     /* measured, but x, y and rotation lack the motion in one gap or more, see trk_params.restart_after;
                    differences of such rows with as many gaps are whole */
    TRK_UNSURE,  /* another place, or angle, scores nearly as well, see trk_params.min_gap: x, y and rotation are NaN */
} trk_row_status;

/* Returns the word for the results table: "", "flat", "lost", "edge", "missing", "gap" or "unsure". */
IST_API const char *trk_row_status_name(trk_row_status status);

/* The motion of one ROI in one frame. */
typedef struct trk_row {
    int64_t frame_index;
    int64_t frame_number;
    double frame_time_s;
    int roi;      /* 0.. in the order given */
    double x_px;  /* motion since the first template was cut: to the right */
    double y_px;  /* downwards */
    double score; /* zero-mean normalised cross-correlation at the integer peak, -1..1 */
    /* Quality, NaN where nothing was measured; see below. */
    double second_peak_gap;     /* how much less the second best peak scores, 0..2 */
    double standard_error_x_px; /* NaN also where it cannot be estimated */
    double standard_error_y_px;
    double rotation_deg;                /* clockwise, from x towards y; NaN unless max_rotation_deg was given */
    double standard_error_rotation_deg; /* NaN also where it cannot be estimated */
    trk_row_status status;
    int renewals; /* how often the ROI's template had been renewed when the row was measured */
    int gaps;     /* how often it had been begun anew after being lost; above 0, x, y and rotation lack motion */
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

/* The largest upscale. */
#define TRK_UPSCALE_MAX 1000.0

/*
 * Zero means default.
 *
 * A template may be renewed: cut anew from the frame just measured, where the ROI has its place. What is measured
 * with it adds to the motion up to that frame. Each renewal adds its own error to all that follow, and standard errors
 * are those of the sum. Noise of a frame that one match ends in and the next begins with cancels as far as both cover
 * the same pixels: after 100 renewals of 48 px with noise of 2 gray levels the error was 1.2 times that of a single
 * measurement with `follow`, 2.4 times in a ROI through which texture passed by 1.5 px a frame. Where the feature
 * itself changes, errors of which nothing is known add to that. trk_row.renewals counts renewals. Only a frame in which
 * the ROI was measured (TRK_MEASURED) with a template that has texture is cut from: after missing frames, or lost ones,
 * the sum goes on from the last good frame. What is in the ROI by then may never fit that again; with restart_after the
 * template is cut anew even so after that many frames in a row in which nothing was measured (missing ones do not
 * count). The frame that it is cut from is still lost; from the next one on rows are TRK_GAP, to the end: the sum goes
 * on from where it was, the motion in between is not known, and neither is the standard error.
 *
 * Without `follow`, a ROI keeps its place: a renewed template is what is in the ROI then, and the sum is the motion
 * of what passes through it. With `follow`, ROI and search window go with the feature, to the pixel nearest to where
 * it was last measured, and a template is renewed there. A row that is TRK_LOST, TRK_EDGE or TRK_UNSURE says that the
 * feature is lost; from the next frame on it is searched as far as search_again_px from its last place, until a match
 * inside that window reaches min_score. It is never begun anew: what is at its last place by then is not the feature.
 */
typedef struct trk_params {
    int max_movement_px; /* how far a feature is searched for in each direction; 0: in the whole picture */
    double min_score;    /* below it a feature is lost, -1..1; 0: TRK_MIN_SCORE */
    double min_gap;      /* with a second_peak_gap below it a row is TRK_UNSURE, 0..2; 0: none is */
    bool follow;         /* the ROI goes with its feature */
    int search_again_px; /* how far a lost feature is searched for, at least max_movement_px; 0: 4 max_movement_px.
                            Only with follow and a max_movement_px */
    int renew_every;     /* renew templates after so many frames; 1: each frame is measured against the one before; 0:
                            never */
    double renew_below;  /* renew a template when the score is below this, min_score..1; 0: never */
    int restart_after;   /* begin a ROI anew that was lost for so many frames; 0: never. Only without follow, and where
                            templates are renewed */
    double max_rotation_deg; /* measure rotation, up to this either way, 0..180; 0: no. 180 sets no limit: whole
                                turns count. Not with upscale */
    trk_preparation prepare;
    double upscale; /* motion in steps of 1 / upscale px from where the ROI stands, on pictures enlarged bilinearly so
                       many times around the whole pixel that matches best; 1 to TRK_UPSCALE_MAX. 0: by Gauss-Newton,
                       which is more exact and costs less */
    int threads;    /* for trk_analyze; 0: one for each processor. Results do not depend on it. */
    unsigned cpu_mask; /* TRK_CPU_ bits that may be used; 0: all that the processor offers */
    bool cpu_plain;    /* use plain C only, whatever cpu_mask says */
} trk_params;

/*
 * A tracker: ROIs and their templates. The template is cut from a reference picture and searched
 * in each frame given; the result is the motion of the feature: x right, y down, in pixels.
 *
 * Whole pixels: the best zero-mean normalised cross-correlation over all places where the template
 * fits into the search window, which is the ROI grown by max_movement_px on each side and cut at the
 * picture's border; of equal ones the first, row by row. Sums are exact integers, so the way of
 * searching (directly or by FFT, whatever is cheaper; plain C or vectors) does not show in the result.
 *
 * Fractions: Gauss-Newton with gain and offset free, on template and picture between the pixels (a
 * kernel of 16 x 16 taps that smooths as much as suits the texture, sigma 0.5 to 1.4 px), with their real
 * surroundings (the picture's border mirrored). On textures with waves of 3 px and more the RMS error is within
 * 1.2 of the Cramer-Rao bound, and the bias below 0.005 px. If
 * the texture does not fix both directions (stripes), or the steps lead more than two pixels away, the
 * quadratic through the 3 x 3 scores around the best; and where that has no maximum, none: the motion
 * is then in whole pixels.
 *
 * Quality: second_peak_gap is how much less the second best peak scores than the best. A peak is a place that no
 * neighbour beats; of the four highest the second is the best that lies more than 2 px from the best in x or y, and
 * where there is none such the gap is that to a score of -1. standard_error_x_px and _y_px come from the texture
 * and from what is left of the difference of the two pictures, for white noise in both, and are at least what rounding
 * to whole gray levels causes; NaN where the texture does not fix the direction, drowns in noise, or a ROI is too small
 * to tell the two apart; and once it has been NaN when a template was renewed, as the sum's is not known any more.
 * They are of the right match: the gap tells whether it is that. In a search of the whole picture (320 x 240, textures
 * of 3 to 60 px, ROIs of 24 to 64 px) for what was not there, 366 of 1080 matches scored above 0.5, of which min_gap
 * 0.1 finds out 353, and 0.05 finds out 294. It cost 74 and 6 of 1080 right ones, all in ROIs smaller than the waves in
 * them.
 *
 * Rotation, with max_rotation_deg: motion and angle of the disc that fits into the ROI, found together. A search over
 * all places and angles in a smaller picture, then Gauss-Newton on the cubic B-spline. The angle counts from the
 * template and is positive clockwise on the screen, from x to y. The score is that of the disc brought back.
 * second_peak_gap is to the next best peak, in place or angle, of those searched: of the four highest peaks of the
 * search in the smaller picture the best two that differ by more than two of its pixels (its disc has a radius of 8 to
 * 16; with 48 px one of them is 3 px) in x, in y or at the rim of the disc are brought to the full picture, and
 * compared there. A peak that is far behind, by 0.3, or that no fit comes to rest near, counts with the score at its
 * place. The standard errors are those of the disc, made of texture and noise as above.
 *
 * Without a limit (180) the angle is that nearest to the last frame's, and so has no seam. With `follow` the search
 * goes with the feature in angle, too: the limit counts from the angle at which it was last measured, whole turns count
 * with any limit, and a lost feature is searched for at all angles. A template is renewed upright, as the picture shows
 * it then; what is measured with it adds to motion and angle up to that frame, and a limit counts from there. The
 * motion is that of the ROI's middle. With `follow` that remains the same point of the feature, and goes round with it;
 * without, it is the sum of the motions of whatever was in the middle. Cost: with 48 px and +-10 px half a millisecond;
 * a search of the whole picture takes longer than one without rotation by the number of angles, 70 to 300.
 *
 * Thread-safety: setting a background or templates needs the tracker alone; after it any number of
 * threads may call trk_tracker_measure(), each with a trk_sequence of its own.
 */
typedef struct trk_tracker trk_tracker;

/*
 * One sequence of frames, measured one after the other: working memory, and what is known from the frames before: the
 * places of followed ROIs, renewed templates, the last frame where differences are measured. Where none of these was
 * asked for, frames may come in any order, as there is nothing to remember.
 *
 * Serves the tracker it was made for; when that gets other templates, the sequence begins anew.
 *
 * Thread-safety: one thread at a time.
 */
typedef struct trk_sequence trk_sequence;

/*
 * Creates a tracker for pictures of this shape. ROIs and params are copied; params may be NULL.
 *
 * IST_ERROR_ARGUMENT: no ROI, a ROI outside the picture or smaller than 4 x 4, a negative or
 * out-of-range parameter, or parameters that exclude each other. IST_ERROR_MEMORY.
 */
IST_API IST_MUST_CHECK ist_status trk_tracker_create(trk_tracker **tracker, int width, int height, int channels,
                                                     ist_pixel_type type, const trk_roi *rois, int roi_count,
                                                     const trk_params *params, ist_error *error);

/*
 * Sets what is subtracted from frames and templates, a complete still of the picture's size, which is copied. Needed
 * once, before templates, where params.prepare.background is set; templates that were set before are gone.
 * IST_ERROR_ARGUMENT: another size or type, or not complete. IST_ERROR_STATE: no background was asked for.
 */
IST_API IST_MUST_CHECK ist_status trk_tracker_set_background(trk_tracker *tracker, const trk_still *still,
                                                             ist_error *error);

/*
 * Cuts the templates of all ROIs, in place of earlier ones, from
 *   - a frame;
 *   - a frame and the one before it, where differences are measured;
 *   - a still such as the mean, of which the refinement uses the fractions, too;
 *   - an image of another origin: of the picture's size, then each ROI is cut from its place; or of the size of all
 *     ROIs, then the whole image is the template of each, and motion counts from the ROI's place. Channels and
 *     depth may differ from those of the frames. An image that is both is taken as a picture.
 * Nothing is kept but the templates. A tracker is ready when these have been set.
 *
 * IST_ERROR_ARGUMENT: another shape or type; an image of ROI size where a background is subtracted.
 * IST_ERROR_STATE: there is no background yet; or differences are measured, which need two frames, or are not.
 * IST_ERROR_MEMORY. After an error the tracker has the templates that it had.
 */
IST_API IST_MUST_CHECK ist_status trk_tracker_set_template(trk_tracker *tracker, const ist_frame *frame,
                                                           ist_error *error);
IST_API IST_MUST_CHECK ist_status trk_tracker_set_template_difference(trk_tracker *tracker, const ist_frame *before,
                                                                      const ist_frame *frame, ist_error *error);
IST_API IST_MUST_CHECK ist_status trk_tracker_set_template_still(trk_tracker *tracker, const trk_still *still,
                                                                 ist_error *error);
IST_API IST_MUST_CHECK ist_status trk_tracker_set_template_image(trk_tracker *tracker, const ist_frame *image,
                                                                 ist_error *error);

/* True if the ROI's template has no texture, so that every row of it will be TRK_FLAT. */
IST_API bool trk_tracker_template_is_flat(const trk_tracker *tracker, int roi);

/*
 * The contrast of the ROI's template in gray levels: the root of the covariance of neighbouring pixels, in which noise
 * that differs from pixel to pixel has no part. NaN: there is no template, or no such ROI. What moved while a mean was
 * taken is blurred in it, and of the contrast of a single frame little is left: with textures of 3 to 60 px measured
 * against such means in the whole picture, at 0.8 of it and above the RMS error was below 0.3 px and no match was
 * false; at 0.7 to 0.75 it reached 1 px; from 0.65 down some matches were false, and below 0.5 most, many with scores
 * above 0.5.
 */
IST_API double trk_tracker_template_contrast(const trk_tracker *tracker, int roi);

/* What the tracker was made with, defaults filled in. Valid as long as the tracker. */
IST_API const trk_params *trk_tracker_params(const trk_tracker *tracker);

/* Creates and destroys a sequence; destroy sets *sequence to NULL and takes a NULL sequence. */
IST_API IST_MUST_CHECK ist_status trk_sequence_create(trk_sequence **sequence, const trk_tracker *tracker,
                                                      ist_error *error);
IST_API void trk_sequence_destroy(trk_sequence **sequence);

/*
 * Measures every ROI in `frame` and fills rows[0..roi_count-1]. The frame is not kept. Allocates nothing, but for a
 * copy of the first frame where differences are measured; these are against the frame last given, and the rows of the
 * first one are TRK_MISSING. IST_ERROR_ARGUMENT: a frame of another shape or type. IST_ERROR_STATE: no template was
 * set. IST_ERROR_MEMORY.
 */
IST_API IST_MUST_CHECK ist_status trk_tracker_measure(const trk_tracker *tracker, trk_sequence *sequence,
                                                      const ist_frame *frame, trk_row *rows, ist_error *error);

/* Destroys the tracker and sets *tracker to NULL. Takes a NULL tracker. */
IST_API void trk_tracker_destroy(trk_tracker **tracker);

#ifdef __cplusplus
}
#endif
#endif
