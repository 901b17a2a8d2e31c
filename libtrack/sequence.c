#include "sequence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "memory.h"
#include "windows.h"

struct trk_sequence {
    struct scratch scratch;
    struct feature *features; // NULL: nothing is remembered of ROIs
    unsigned template_serial; // of the templates that they started with
    void *samples;            // of a prepared frame; NULL: it needs none
    ist_frame before;         // the frame last measured, where differences are
    bool has_before;
    int roi_count;
    double *turns; // see unwrap_rotations()
};

/* ---- features ---- */

static bool renews(const trk_tracker *tracker)
{
    return tracker->params.renew_every > 0 || tracker->params.renew_below != 0;
}

static ist_status init_templates(struct feature *feature, const trk_tracker *tracker, int roi, ist_error *error)
{
    if (tracker->rotators) {
        const ist_status status = tracker_init_rotator(tracker, &feature->rotator, roi, error);
        return status < 0 ? status : tracker_init_rotator(tracker, &feature->spare, roi, error);
    }
    ist_status status = tracker_init_matcher(tracker, &feature->matcher, roi, false, error);
    if (status >= 0 && tracker_searches_again(tracker))
        status = tracker_init_matcher(tracker, &feature->wide, roi, true, error);
    if (status >= 0)
        status = refiner_init(&feature->refiner, tracker->rois[roi].width, tracker->rois[roi].height, error);
    return status;
}

ist_status features_create(struct feature **features, const trk_tracker *tracker, ist_error *error)
{
    *features = NULL;
    if (!tracker->params.follow && !renews(tracker))
        return IST_OK;
    *features = calloc((size_t)tracker->roi_count, sizeof **features);
    ist_status status = *features ? IST_OK : trk_fail_memory(error);
    for (int i = 0; i < tracker->roi_count && status >= 0 && renews(tracker); i++)
        status = init_templates(&(*features)[i], tracker, i, error);
    if (status < 0)
        features_destroy(features, tracker->roi_count);
    else
        features_restart(*features, tracker);
    return status;
}

void features_destroy(struct feature **features, int count)
{
    for (int i = 0; *features && i < count; i++) {
        matcher_finish(&(*features)[i].matcher);
        matcher_finish(&(*features)[i].wide);
        refiner_finish(&(*features)[i].refiner);
        rotator_finish(&(*features)[i].rotator);
        rotator_finish(&(*features)[i].spare);
    }
    free(*features);
    *features = NULL;
}

void features_restart(struct feature *features, const trk_tracker *tracker)
{
    for (int i = 0; i < tracker->roi_count; i++) {
        struct feature *feature = &features[i];
        feature->home = &tracker->rois[i];
        feature->x = feature->cut_x = feature->home->x;
        feature->y = feature->cut_y = feature->home->y;
        feature->base_x = feature->base_y = 0;
        feature->base_error = (struct covariance){0};
        feature->overlap = (struct overlap){0};
        feature->beside_x = feature->beside_y = 0;
        feature->last_x = feature->last_y = 0;
        feature->base_angle_deg = feature->angle_deg = 0;
        feature->age = feature->renewals = 0;
        feature->is_lost = false;
        feature->lost_for = feature->gaps = 0;
    }
}

/* True if a template cut there would have no texture. */
static bool is_flat_at(const trk_tracker *tracker, const struct scratch *scratch, const struct plane *plane,
                       const struct feature *feature)
{
    struct windows window = {
        .kernels = &scratch->search.kernels,
        .plane = plane,
        .x = feature->x,
        .count = 1,
        .width = feature->home->width,
        .height = feature->home->height,
        .column_sum = scratch->search.column_sum,
        .column_square = scratch->search.column_square,
    };
    uint64_t sum, square;
    windows_start(&window, feature->y);
    windows_at(&window, 0, &sum, &square);
    const double pixels = (double)window.width * window.height;
    return tracker_is_flat(tracker, pixels * (double)square - (double)sum * (double)sum, pixels);
}

static bool wants_renewal(const trk_params *params, const struct feature *feature, double score)
{
    return (params->renew_every > 0 && feature->age >= params->renew_every) || score < params->renew_below;
}

/* What the template of a feature, cut at its place, has in common with a match at x, y. */
static struct overlap overlap_of(const trk_tracker *tracker, const struct feature *feature, double x, double y)
{
    const double dx = x - feature->x, dy = y - feature->y;
    if (tracker->rotators)
        return overlap_of_discs(hypot(dx, dy), feature->rotator.fine.radius, SPLINE_SIGMA_PX);
    const struct refiner *refiner = &feature->refiner;
    return overlap_of_rectangles(dx, dy, refiner->width, refiner->height, refiner->edge_px);
}

/*
 * From the motion since the template was cut to that of the feature. If both do not have the same middle, the feature's
 * goes round the template's as that turns. The error becomes that of the sum.
 */
static void add_base(const struct feature *feature, bool follows, trk_row *row, struct match_error *error)
{
    row->x_px = feature->base_x + (feature->x + row->x_px - feature->cut_x);
    row->y_px = feature->base_y + (feature->y + row->y_px - feature->cut_y);
    if (feature->renewals == 0)
        return;
    const bool turned = !isnan(row->rotation_deg);
    const double angle = turned ? row->rotation_deg * M_PI / 180 : 0;
    error->covariance = error_of_sum(&feature->base_error, error, &feature->overlap, angle, turned && follows);
    row_set_errors(row, &error->covariance);
    if (!turned)
        return;
    const double c = cos(angle), s = sin(angle);
    row->x_px += (c - 1) * feature->beside_x - s * feature->beside_y;
    row->y_px += s * feature->beside_x + (c - 1) * feature->beside_y;
    row->rotation_deg += feature->base_angle_deg;
}

/* Cuts the template anew, upright, where the feature is. False: it would have no texture, and the old one stays. */
static bool cut_anew(const trk_tracker *tracker, struct scratch *scratch, struct feature *feature,
                     const struct plane *plane)
{
    if (is_flat_at(tracker, scratch, plane, feature))
        return false;
    if (!tracker->rotators) {
        matcher_cut(&feature->matcher, &scratch->search, plane, feature->x, feature->y);
        refiner_cut(&feature->refiner, &scratch->room, &tracker->kernels, plane, feature->x, feature->y);
        feature->wide_is_old = true;
        return true;
    }
    rotator_cut(&feature->spare, &scratch->rotation, &tracker->kernels, plane, feature->x, feature->y);
    if (!feature->spare.usable)
        return false;
    const struct rotator old = feature->rotator;
    feature->rotator = feature->spare;
    feature->spare = old;
    return true;
}

/* Begins a new sum at the feature's place, which was found at x, y; the row says how far it has moved by now. */
static void renew(const trk_tracker *tracker, struct scratch *scratch, struct feature *feature,
                  const struct plane *plane, double x, double y, const trk_row *row, const struct covariance *error)
{
    if (!cut_anew(tracker, scratch, feature, plane))
        return;
    feature->cut_x = feature->x;
    feature->cut_y = feature->y;
    feature->base_x = row->x_px;
    feature->base_y = row->y_px;
    feature->base_error = *error;
    feature->overlap = overlap_of(tracker, feature, x, y);
    if (tracker->params.follow) {
        feature->beside_x = feature->home->x + row->x_px - feature->x;
        feature->beside_y = feature->home->y + row->y_px - feature->y;
    }
    feature->base_angle_deg = row->rotation_deg;
    feature->age = 0;
    feature->renewals++;
}

/* Begins a new sum that goes on from the last good frame's, with a gap. */
static void restart(const trk_tracker *tracker, struct scratch *scratch, struct feature *feature,
                    const struct plane *plane)
{
    if (!cut_anew(tracker, scratch, feature, plane))
        return;
    feature->base_x = feature->last_x;
    feature->base_y = feature->last_y;
    feature->base_error = covariance_unknown();
    feature->base_angle_deg = feature->angle_deg;
    feature->age = feature->lost_for = 0;
    feature->renewals++;
    feature->gaps++;
}

/* The matcher for this frame. A lost feature is seldom, so its spectrum for the larger window is made only then. */
static const struct matcher *choose_matcher(const trk_tracker *tracker, struct scratch *scratch,
                                            struct feature *feature, int roi)
{
    const bool wide = feature->is_lost && tracker_searches_again(tracker);
    if (feature->renewals == 0)
        return &tracker->matchers[wide ? tracker->roi_count + roi : roi];
    if (!wide)
        return &feature->matcher;
    if (feature->wide_is_old)
        matcher_copy(&feature->wide, &scratch->search, &feature->matcher);
    feature->wide_is_old = false;
    return &feature->wide;
}

/* Finds the feature with its template; x, y in the row count from where the feature was. */
static void find_feature(const trk_tracker *tracker, struct scratch *scratch, struct feature *feature,
                         const struct plane *plane, int roi, trk_row *row, struct match_error *error)
{
    const trk_params *params = &tracker->params;
    const int reach_px = feature->is_lost ? params->search_again_px : params->max_movement_px;
    const struct refiner *refiner = feature->renewals ? &feature->refiner : &tracker->refiners[roi];
    struct matcher matcher = *choose_matcher(tracker, scratch, feature, roi);
    tracker_aim(tracker, &matcher, feature->x, feature->y, reach_px);
    tracker_find(tracker, scratch, &matcher, refiner, plane, row, error);
}

/* The same for one that may turn. A lost one may have turned by any angle. */
static void find_turned(const trk_tracker *tracker, struct scratch *scratch, const struct feature *feature,
                        const struct plane *plane, int roi, trk_row *row, struct match_error *error)
{
    const trk_params *params = &tracker->params;
    const int reach_px = feature->is_lost ? params->search_again_px : params->max_movement_px;
    struct rotator rotator = feature->renewals ? feature->rotator : tracker->rotators[roi];
    if (params->follow)
        rotator_aim(&rotator, feature->x - feature->home->x, feature->y - feature->home->y, reach_px,
                    (feature->angle_deg - feature->base_angle_deg) * M_PI / 180, feature->is_lost);
    tracker_find_turned(tracker, scratch, &rotator, plane, row, error);
}

/* To the pixel nearest to where the row says that the feature is. */
static void follow(const trk_tracker *tracker, struct feature *feature, const trk_row *row)
{
    const trk_roi *home = feature->home;
    feature->x = (int)fmin(fmax(rint(home->x + row->x_px), 0), tracker->width - home->width);
    feature->y = (int)fmin(fmax(rint(home->y + row->y_px), 0), tracker->height - home->height);
}

/* What a frame in which nothing was measured leads to. */
static void stay_lost(const trk_tracker *tracker, struct scratch *scratch, struct feature *feature,
                      const struct plane *plane)
{
    const int restart_after = tracker->params.restart_after;
    feature->lost_for++;
    if (restart_after > 0 && feature->lost_for >= restart_after)
        restart(tracker, scratch, feature, plane);
}

static void measure_feature(const trk_tracker *tracker, struct scratch *scratch, struct feature *feature,
                            const struct plane *plane, int roi, trk_row *row)
{
    const trk_params *params = &tracker->params;
    struct match_error error;
    if (tracker->rotators)
        find_turned(tracker, scratch, feature, plane, roi, row, &error);
    else
        find_feature(tracker, scratch, feature, plane, roi, row, &error);
    row->renewals = feature->renewals;
    row->gaps = feature->gaps;
    feature->age++;
    feature->is_lost = params->follow && row->status != TRK_MEASURED;

    const double x = feature->x + row->x_px, y = feature->y + row->y_px;
    add_base(feature, params->follow, row, &error);
    if (params->follow && tracker->rotators)
        row->rotation_deg = rotation_unwrap(row->rotation_deg, feature->angle_deg);
    if (row->status != TRK_MEASURED) {
        stay_lost(tracker, scratch, feature, plane);
        return;
    }
    feature->last_x = row->x_px;
    feature->last_y = row->y_px;
    feature->angle_deg = row->rotation_deg;
    feature->lost_for = 0;
    if (feature->gaps > 0)
        row->status = TRK_GAP;
    if (params->follow)
        follow(tracker, feature, row);
    if (wants_renewal(params, feature, row->score))
        renew(tracker, scratch, feature, plane, x, y, row, &error.covariance);
}

trk_row blank_row(const ist_frame *frame, const struct feature *features, int roi)
{
    return (trk_row){.frame_index = frame->index,
                     .frame_number = frame->number,
                     .frame_time_s = frame->time_s,
                     .roi = roi,
                     .x_px = (double)NAN,
                     .y_px = (double)NAN,
                     .score = (double)NAN,
                     .second_peak_gap = (double)NAN,
                     .standard_error_x_px = (double)NAN,
                     .standard_error_y_px = (double)NAN,
                     .rotation_deg = (double)NAN,
                     .standard_error_rotation_deg = (double)NAN,
                     .status = TRK_MISSING,
                     .renewals = features ? features[roi].renewals : 0,
                     .gaps = features ? features[roi].gaps : 0};
}

void measure_roi(const trk_tracker *tracker, struct scratch *scratch, struct feature *features,
                 const struct plane *plane, int roi, trk_row *row)
{
    struct match_error error;
    if (features)
        measure_feature(tracker, scratch, &features[roi], plane, roi, row);
    else if (tracker->rotators)
        tracker_find_turned(tracker, scratch, &tracker->rotators[roi], plane, row, &error);
    else
        tracker_find(tracker, scratch, &tracker->matchers[roi], &tracker->refiners[roi], plane, row, &error);
}

ist_status turns_create(double **turns, const trk_tracker *tracker, ist_error *error)
{
    *turns = NULL;
    if (tracker->params.max_rotation_deg < 180)
        return IST_OK;
    *turns = calloc((size_t)tracker->roi_count, sizeof **turns);
    return *turns ? IST_OK : trk_fail_memory(error);
}

void unwrap_rotations(double *turns, trk_row *rows, int row_count)
{
    for (int i = 0; turns && i < row_count; i++)
        if (!isnan(rows[i].rotation_deg))
            rows[i].rotation_deg = turns[i] = rotation_unwrap(rows[i].rotation_deg, turns[i]);
}

/* ---- sequences ---- */

ist_status trk_sequence_create(trk_sequence **sequence, const trk_tracker *tracker, ist_error *error)
{
    *sequence = NULL;
    trk_sequence *new = calloc(1, sizeof *new);
    if (!new)
        return trk_fail_memory(error);
    new->roi_count = tracker->roi_count;
    new->template_serial = tracker->template_serial;
    ist_status status = scratch_init(&new->scratch, tracker, error);
    if (status >= 0)
        status = features_create(&new->features, tracker, error);
    if (status >= 0)
        status = turns_create(&new->turns, tracker, error);
    const size_t size = prepare_samples_size(&tracker->preparation);
    if (status >= 0 && size > 0) {
        new->samples = allocate_aligned(size, 1);
        if (!new->samples)
            status = trk_fail_memory(error);
    }
    if (status < 0)
        trk_sequence_destroy(&new);
    *sequence = new;
    return status;
}

void trk_sequence_destroy(trk_sequence **sequence)
{
    if (!sequence || !*sequence)
        return;
    trk_sequence *old = *sequence;
    scratch_finish(&old->scratch);
    features_destroy(&old->features, old->roi_count);
    ist_frame_free(&old->before);
    free(old->samples);
    free(old->turns);
    free(old);
    *sequence = NULL;
}

/* Other templates: what was known of features is void. */
static void begin_anew(trk_sequence *sequence, const trk_tracker *tracker)
{
    if (sequence->features)
        features_restart(sequence->features, tracker);
    if (sequence->turns)
        memset(sequence->turns, 0, (size_t)tracker->roi_count * sizeof *sequence->turns);
    sequence->has_before = false;
    sequence->template_serial = tracker->template_serial;
}

static ist_status remember_frame(trk_sequence *sequence, const ist_frame *frame, ist_error *error)
{
    sequence->has_before = false;
    const ist_status status = ist_frame_copy(&sequence->before, frame, error);
    sequence->has_before = status >= 0;
    return status;
}

ist_status trk_tracker_measure(const trk_tracker *tracker, trk_sequence *sequence, const ist_frame *frame,
                               trk_row *rows, ist_error *error)
{
    ist_status status = tracker_check_frame(tracker, frame, error);
    if (status >= 0)
        status = tracker_check_template(tracker, error);
    if (status < 0)
        return status;
    if (sequence->template_serial != tracker->template_serial)
        begin_anew(sequence, tracker);

    for (int i = 0; i < tracker->roi_count; i++)
        rows[i] = blank_row(frame, sequence->features, i);
    if (!tracker->preparation.difference || sequence->has_before) {
        const struct plane plane = prepare_frame(&tracker->preparation, &sequence->scratch.prepare, frame,
                                                 &sequence->before, sequence->samples);
        for (int i = 0; i < tracker->roi_count; i++)
            measure_roi(tracker, &sequence->scratch, sequence->features, &plane, i, &rows[i]);
        unwrap_rotations(sequence->turns, rows, tracker->roi_count);
    }
    return tracker->preparation.difference ? remember_frame(sequence, frame, error) : IST_OK;
}
