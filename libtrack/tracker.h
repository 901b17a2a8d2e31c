/* Inside of a tracker: what sequence.c and analyze.c need. */
#ifndef TRACKER_H
#define TRACKER_H

#include <libtrack/tracker.h>

#include "correlate.h"
#include "covariance.h"
#include "prepare.h"
#include "refine.h"
#include "rotation.h"
#include "upscale.h"

/* Working memory of one thread. All zero is empty. */
struct scratch {
    struct search search;
    struct refine_room room;
    struct prepare_room prepare;
    struct rotation_room rotation; // only where rotation is measured
    struct upscale_room fine;
};

struct trk_tracker {
    int width, height;
    int roi_count;
    trk_roi *rois;
    trk_params params; // with defaults filled in
    struct preparation preparation;
    struct kernels kernels;
    int matcher_count;
    struct matcher *matchers;   // one for each ROI, then, if tracker_searches_again(), one each for the larger window
    struct refiner *refiners;   // one for each ROI
    struct upscaler *upscalers; // one for each ROI, if params.upscale is above 1
    struct rotator *rotators;   // one for each ROI; NULL: rotation is not measured
    bool has_template;
    unsigned template_serial; // rises with each set of templates
    struct scratch scratch;   // for cutting templates
};

/* Makes room for every matcher of the tracker. scratch_finish() releases it, after a failure too. */
ist_status scratch_init(struct scratch *scratch, const trk_tracker *tracker, ist_error *error);
void scratch_finish(struct scratch *scratch);

/* True if lost features are searched for in a larger window, with matchers of their own. */
bool tracker_searches_again(const trk_tracker *tracker);

/* Lays out a matcher for a ROI, for the usual window or the larger one. matcher_finish() releases it. */
ist_status tracker_init_matcher(const trk_tracker *tracker, struct matcher *matcher, int roi, bool wide,
                                ist_error *error);

/* The same for a rotator. rotator_finish() releases it. */
ist_status tracker_init_rotator(const trk_tracker *tracker, struct rotator *rotator, int roi, ist_error *error);

/* Makes x, y the matcher's home, and opens its window around it: reach_px each way, 0: the whole picture. */
void tracker_aim(const trk_tracker *tracker, struct matcher *matcher, int x, int y, int reach_px);

/* IST_ERROR_ARGUMENT unless the frame has the tracker's shape and type. */
ist_status tracker_check_frame(const trk_tracker *tracker, const ist_frame *frame, ist_error *error);

/* IST_ERROR_STATE unless there is one. */
ist_status tracker_check_template(const trk_tracker *tracker, ist_error *error);

/* True if there is too little texture in so many pixels, with n sum(v v) - sum(v)^2 of prepared samples. */
bool tracker_is_flat(const trk_tracker *tracker, double variance, double pixels);

/* Writes the standard errors into a row. */
void row_set_errors(trk_row *row, const struct covariance *covariance);

/*
 * Finds one template, and fills in x, y (from the matcher's home), score, quality and status; what the errors are made
 * of, where x and y are known. Each thread has its own scratch.
 */
void tracker_find(const trk_tracker *tracker, struct scratch *scratch, const struct matcher *matcher,
                  const struct refiner *refiner, const struct plane *plane, trk_row *row, struct match_error *error);

/* The same for a ROI that may turn; x, y from where the rotator is aimed, the angle from its template. */
void tracker_find_turned(const trk_tracker *tracker, struct scratch *scratch, const struct rotator *rotator,
                         const struct plane *plane, trk_row *row, struct match_error *error);

#endif
