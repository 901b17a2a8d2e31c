#include "tracker.h"

#include <libtrack/libtrack.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "memory.h"
#include "still.h"
#include "team.h"

enum { ROI_SIZE_MIN = 4, THREADS_MAX = 1024 };

const char *trk_version(void)
{
    return TRK_VERSION;
}

const char *trk_row_status_name(trk_row_status status)
{
    switch (status) {
    case TRK_MEASURED:
        return "";
    case TRK_FLAT:
        return "flat";
    case TRK_LOST:
        return "lost";
    case TRK_EDGE:
        return "edge";
    case TRK_MISSING:
        return "missing";
    case TRK_GAP:
        return "gap";
    case TRK_UNSURE:
        return "unsure";
    }
    return "unknown";
}

static trk_params with_defaults(const trk_params *given)
{
    trk_params params = given ? *given : (trk_params){0};
    if (params.min_score == 0)
        params.min_score = TRK_MIN_SCORE;
    if (params.threads == 0)
        params.threads = team_processor_count();
    if (params.follow && params.search_again_px == 0)
        params.search_again_px = params.max_movement_px > INT_MAX / 4 ? INT_MAX : 4 * params.max_movement_px;
    return params;
}

static ist_status check_following(const trk_params *params, ist_error *error)
{
    if (params->search_again_px && !(params->follow && params->max_movement_px))
        return trk_fail(error, IST_ERROR_ARGUMENT,
                        "searching again within %d px: only for ROIs that follow, with a largest movement",
                        params->search_again_px);
    if (params->search_again_px < params->max_movement_px && params->follow)
        return trk_fail(error, IST_ERROR_ARGUMENT,
                        "searching again within %d px: it must be at least the largest movement, %d",
                        params->search_again_px, params->max_movement_px);
    if (params->renew_every < 0)
        return trk_fail(error, IST_ERROR_ARGUMENT, "renewing every %d frames: it must be 0 (never) or more",
                        params->renew_every);
    if (params->renew_below != 0 && !(params->renew_below > params->min_score && params->renew_below <= 1))
        return trk_fail(error, IST_ERROR_ARGUMENT,
                        "renewing below a score of %g: it must be above the lowest score, %g, and at most 1",
                        params->renew_below, params->min_score);
    const bool renews = params->renew_every > 0 || params->renew_below != 0;
    if (params->restart_after < 0 || (params->restart_after > 0 && (params->follow || !renews)))
        return trk_fail(error, IST_ERROR_ARGUMENT,
                        "beginning anew after %d frames: it must be 0 (never) or more, and is only for ROIs that keep "
                        "their place while templates are renewed",
                        params->restart_after);
    return IST_OK;
}

static ist_status check_params(const trk_params *params, ist_error *error)
{
    if (params->max_movement_px < 0)
        return trk_fail(error, IST_ERROR_ARGUMENT, "largest movement of %d px: it must be 0 (whole picture) or more",
                        params->max_movement_px);
    if (!(params->min_score >= -1 && params->min_score <= 1))
        return trk_fail(error, IST_ERROR_ARGUMENT, "lowest score of %g: it must be -1 to 1", params->min_score);
    if (!(params->min_gap >= 0 && params->min_gap <= 2))
        return trk_fail(error, IST_ERROR_ARGUMENT, "least gap to the second peak of %g: it must be 0 to 2",
                        params->min_gap);
    if (params->threads < 0 || params->threads > THREADS_MAX)
        return trk_fail(error, IST_ERROR_ARGUMENT, "%d threads: it must be 0 (one for each processor) to %d",
                        params->threads, THREADS_MAX);
    if (!(params->max_rotation_deg >= 0 && params->max_rotation_deg <= 180))
        return trk_fail(error, IST_ERROR_ARGUMENT, "largest rotation of %g degrees: it must be 0 (none) to 180",
                        params->max_rotation_deg);
    if (params->max_rotation_deg > 0 && params->upscale != 0)
        return trk_fail(error, IST_ERROR_ARGUMENT,
                        "rotation and upscale %g: with rotation motion is found in fractions of any size, not in "
                        "steps; leave out one of the two",
                        params->upscale);
    if (params->upscale != 0 && !(params->upscale >= 1 && params->upscale <= TRK_UPSCALE_MAX))
        return trk_fail(error, IST_ERROR_ARGUMENT, "upscale %g: it must be 1 to %g, or 0 for fractions of any size",
                        params->upscale, TRK_UPSCALE_MAX);
    return check_following(params, error);
}

static ist_status check_roi(const trk_roi *roi, int index, int width, int height, ist_error *error)
{
    if (roi->width < ROI_SIZE_MIN || roi->height < ROI_SIZE_MIN)
        return trk_fail(error, IST_ERROR_ARGUMENT, "ROI %d: %d x %d pixels: at least %d x %d are needed", index,
                        roi->width, roi->height, ROI_SIZE_MIN, ROI_SIZE_MIN);
    // Written so that no sum can overflow.
    if (roi->x < 0 || roi->y < 0 || roi->width > width || roi->height > height || roi->x > width - roi->width ||
        roi->y > height - roi->height)
        return trk_fail(error, IST_ERROR_ARGUMENT,
                        "ROI %d: %d x %d pixels at %d,%d are not inside the picture of %d x %d", index, roi->width,
                        roi->height, roi->x, roi->y, width, height);
    return IST_OK;
}

static int clamp(int64_t value, int low, int high)
{
    return value < low ? low : value > high ? high : (int)value;
}

void tracker_aim(const trk_tracker *tracker, struct matcher *matcher, int x, int y, int reach_px)
{
    const int64_t reach = reach_px ? reach_px : INT32_MAX;
    const int x_last = tracker->width - matcher->width, y_last = tracker->height - matcher->height;
    matcher->home_x = x;
    matcher->home_y = y;
    matcher->x_min = clamp(x - reach, 0, x_last);
    matcher->x_max = clamp(x + reach, 0, x_last);
    matcher->y_min = clamp(y - reach, 0, y_last);
    matcher->y_max = clamp(y + reach, 0, y_last);
}

ist_status tracker_init_matcher(const trk_tracker *tracker, struct matcher *matcher, int roi, bool wide,
                                ist_error *error)
{
    const trk_params *params = &tracker->params;
    const trk_roi *place = &tracker->rois[roi];
    const int reach_px = wide ? params->search_again_px : params->max_movement_px;
    *matcher = (struct matcher){.width = place->width, .height = place->height, .type = tracker->preparation.type};
    tracker_aim(tracker, matcher, place->x, place->y, reach_px);
    if (params->follow) {
        // The window will move, and must not outgrow the room that is made for it.
        const int64_t whole = reach_px ? 2 * (int64_t)reach_px : INT32_MAX;
        matcher->x_min = matcher->y_min = 0;
        matcher->x_max = clamp(whole, 0, tracker->width - place->width);
        matcher->y_max = clamp(whole, 0, tracker->height - place->height);
    }
    return matcher_init(matcher, &tracker->kernels, SEARCH_CHEAPEST, error);
}

static ist_status init_rois(trk_tracker *tracker, const trk_roi *rois, ist_error *error)
{
    const size_t count = (size_t)tracker->roi_count;
    tracker->matcher_count = tracker_searches_again(tracker) ? 2 * tracker->roi_count : tracker->roi_count;
    tracker->rois = calloc(count, sizeof *tracker->rois);
    tracker->matchers = calloc((size_t)tracker->matcher_count, sizeof *tracker->matchers);
    tracker->refiners = calloc(count, sizeof *tracker->refiners);
    if (!tracker->rois || !tracker->matchers || !tracker->refiners)
        return trk_fail_memory(error);
    memcpy(tracker->rois, rois, count * sizeof *rois);
    ist_status status = IST_OK;
    for (int i = 0; i < tracker->matcher_count && status >= 0; i++)
        status = tracker_init_matcher(tracker, &tracker->matchers[i], i % tracker->roi_count, i >= tracker->roi_count,
                                      error);
    for (int i = 0; i < tracker->roi_count && status >= 0; i++)
        status = refiner_init(&tracker->refiners[i], rois[i].width, rois[i].height, error);
    if (tracker->params.upscale <= 1 || status < 0)
        return status;
    tracker->upscalers = calloc(count, sizeof *tracker->upscalers);
    if (!tracker->upscalers)
        return trk_fail_memory(error);
    for (int i = 0; i < tracker->roi_count && status >= 0; i++)
        status =
            upscaler_init(&tracker->upscalers[i], &tracker->matchers[i], tracker->params.upscale, GRID_OF_HOME, error);
    return status;
}

ist_status tracker_init_rotator(const trk_tracker *tracker, struct rotator *rotator, int roi, ist_error *error)
{
    const trk_params *params = &tracker->params;
    const int reach_px = params->follow ? params->search_again_px : params->max_movement_px;
    return rotator_init(rotator, &tracker->rois[roi], tracker->width, tracker->height, reach_px,
                        params->max_rotation_deg, params->follow, error);
}

static ist_status init_rotators(trk_tracker *tracker, ist_error *error)
{
    if (tracker->params.max_rotation_deg == 0)
        return IST_OK;
    tracker->rotators = calloc((size_t)tracker->roi_count, sizeof *tracker->rotators);
    ist_status status = tracker->rotators ? IST_OK : trk_fail_memory(error);
    for (int i = 0; i < tracker->roi_count && status >= 0; i++)
        status = tracker_init_rotator(tracker, &tracker->rotators[i], i, error);
    return status;
}

ist_status trk_tracker_create(trk_tracker **tracker, int width, int height, int channels, ist_pixel_type type,
                              const trk_roi *rois, int roi_count, const trk_params *params, ist_error *error)
{
    *tracker = NULL;
    const trk_params resolved = with_defaults(params);
    ist_status status = plane_check_picture(width, height, channels, type, error);
    if (status >= 0)
        status = check_params(&resolved, error);
    if (status >= 0 && (roi_count < 1 || roi_count > INT_MAX / 2 || !rois))
        status = trk_fail(error, IST_ERROR_ARGUMENT, roi_count < 1 || !rois ? "no ROI given" : "too many ROIs");
    for (int i = 0; status >= 0 && i < roi_count; i++)
        status = check_roi(&rois[i], i, width, height, error);
    if (status < 0)
        return status;

    trk_tracker *new = calloc(1, sizeof *new);
    if (!new)
        return trk_fail_memory(error);
    new->width = width;
    new->height = height;
    new->roi_count = roi_count;
    new->params = resolved;
    new->kernels = kernels_get(resolved.cpu_plain ? 0 : resolved.cpu_mask ? resolved.cpu_mask : ~0u);
    status = prepare_init(&new->preparation, width, height, channels, type, &resolved.prepare, &new->kernels, error);
    if (status >= 0)
        status = init_rois(new, rois, error);
    if (status >= 0)
        status = init_rotators(new, error);
    if (status >= 0)
        status = scratch_init(&new->scratch, new, error);
    if (status < 0)
        trk_tracker_destroy(&new);
    *tracker = new;
    return status;
}

void trk_tracker_destroy(trk_tracker **tracker)
{
    if (!tracker || !*tracker)
        return;
    trk_tracker *old = *tracker;
    scratch_finish(&old->scratch);
    prepare_finish(&old->preparation);
    for (int i = 0; old->matchers && i < old->matcher_count; i++)
        matcher_finish(&old->matchers[i]);
    for (int i = 0; old->refiners && i < old->roi_count; i++)
        refiner_finish(&old->refiners[i]);
    for (int i = 0; old->rotators && i < old->roi_count; i++)
        rotator_finish(&old->rotators[i]);
    free(old->rotators);
    for (int i = 0; old->upscalers && i < old->roi_count; i++)
        upscaler_finish(&old->upscalers[i]);
    free(old->upscalers);
    free(old->rois);
    free(old->matchers);
    free(old->refiners);
    free(old);
    *tracker = NULL;
}

ist_status scratch_init(struct scratch *scratch, const trk_tracker *tracker, ist_error *error)
{
    *scratch = (struct scratch){0};
    int width_max = 0, height_max = 0;
    for (int i = 0; i < tracker->roi_count; i++) {
        width_max = tracker->rois[i].width > width_max ? tracker->rois[i].width : width_max;
        height_max = tracker->rois[i].height > height_max ? tracker->rois[i].height : height_max;
    }
    ist_status status =
        search_init(&scratch->search, &tracker->kernels, tracker->matchers, tracker->matcher_count, error);
    if (status >= 0)
        status = refine_room_init(&scratch->room, width_max, height_max, error);
    if (status >= 0)
        status = prepare_room_init(&scratch->prepare, &tracker->preparation, error);
    if (status >= 0 && tracker->rotators)
        status = rotation_room_init(&scratch->rotation, tracker->rotators, tracker->roi_count, error);
    if (status >= 0 && tracker->upscalers)
        status = upscale_room_init(&scratch->fine, tracker->upscalers, tracker->roi_count, error);
    return status;
}

void scratch_finish(struct scratch *scratch)
{
    search_finish(&scratch->search);
    refine_room_finish(&scratch->room);
    prepare_room_finish(&scratch->prepare);
    rotation_room_finish(&scratch->rotation);
    upscale_room_finish(&scratch->fine);
}

bool tracker_searches_again(const trk_tracker *tracker)
{
    return tracker->params.follow && tracker->params.max_movement_px;
}

const trk_params *trk_tracker_params(const trk_tracker *tracker)
{
    return &tracker->params;
}

ist_status tracker_check_frame(const trk_tracker *tracker, const ist_frame *frame, ist_error *error)
{
    const struct preparation *preparation = &tracker->preparation;
    return plane_check_frame(frame, tracker->width, tracker->height, preparation->channels, preparation->frame_type,
                             error);
}

ist_status tracker_check_template(const trk_tracker *tracker, ist_error *error)
{
    return tracker->has_template ? IST_OK : trk_fail(error, IST_ERROR_STATE, "no template was set");
}

ist_status trk_tracker_set_background(trk_tracker *tracker, const trk_still *still, ist_error *error)
{
    struct preparation *preparation = &tracker->preparation;
    if (!tracker->params.prepare.background)
        return trk_fail(error, IST_ERROR_STATE, "a background, but none was asked for");
    const ist_status status =
        still_check(still, tracker->width, tracker->height, tracker->preparation.frame_type, error);
    if (status < 0)
        return status;
    const size_t row = (size_t)tracker->width * sizeof(float);
    if (!preparation->background)
        preparation->background = allocate_aligned((size_t)tracker->height, row);
    if (!preparation->background)
        return trk_fail_memory(error);
    memcpy(preparation->background, trk_still_row(still, 0), row * (size_t)tracker->height);
    tracker->has_template = false;
    return IST_OK;
}

/* ---- templates ---- */

bool tracker_is_flat(const trk_tracker *tracker, double variance, double pixels)
{
    const double least = TRK_MIN_TEXTURE * (double)tracker->preparation.steps;
    return variance < pixels * pixels * least * least;
}

static bool template_is_flat(const trk_tracker *tracker, const struct matcher *matcher)
{
    return tracker_is_flat(tracker, matcher->variance, (double)matcher->width * matcher->height);
}

/* Cuts from each ROI's place, or, where the plane is as small as the ROIs, takes all of it. */
static void cut_templates(trk_tracker *tracker, const struct plane *plane)
{
    struct scratch *scratch = &tracker->scratch;
    const bool is_whole = plane->width == tracker->width && plane->height == tracker->height;
    for (int i = 0; i < tracker->matcher_count; i++) {
        const trk_roi *roi = &tracker->rois[i % tracker->roi_count];
        struct matcher *matcher = &tracker->matchers[i];
        const int x = is_whole ? roi->x : 0, y = is_whole ? roi->y : 0;
        matcher_cut(matcher, &scratch->search, plane, x, y);
        matcher->home_x = roi->x;
        matcher->home_y = roi->y;
        if (i < tracker->roi_count)
            refiner_cut(&tracker->refiners[i], &scratch->room, &tracker->kernels, plane, x, y);
        if (i < tracker->roi_count && tracker->rotators) {
            rotator_cut(&tracker->rotators[i], &scratch->rotation, &tracker->kernels, plane, x, y);
            tracker->rotators[i].usable = tracker->rotators[i].usable && !template_is_flat(tracker, matcher);
        }
    }
    tracker->has_template = true;
    tracker->template_serial++;
}

/* Whole numbers are all there is to most frames; whatever else has been made keeps its fractions. */
static bool has_fractions(const struct picture *picture)
{
    return !picture->frame || picture->scale != 1;
}

static ist_status cut_from_picture(trk_tracker *tracker, const struct picture *picture, ist_error *error)
{
    const struct preparation *preparation = &tracker->preparation;
    if (preparation->subtracts && !preparation->background)
        return trk_fail(error, IST_ERROR_STATE, "the background that is to be subtracted was not set");
    const size_t pixels = (size_t)picture->width * (size_t)picture->height;
    void *samples = allocate_aligned(pixels, ist_pixel_size(preparation->type));
    float *fine = has_fractions(picture) ? allocate_aligned(pixels, sizeof *fine) : NULL;
    ist_status status = IST_OK;
    if (samples && (fine || !has_fractions(picture))) {
        const struct plane plane = prepare_picture(preparation, &tracker->scratch.prepare, picture, samples, fine);
        cut_templates(tracker, &plane);
    } else {
        status = trk_fail_memory(error);
    }
    free(samples);
    free(fine);
    return status;
}

static ist_status check_difference(const trk_tracker *tracker, bool given, ist_error *error)
{
    if (given == tracker->preparation.difference)
        return IST_OK;
    return trk_fail(error, IST_ERROR_STATE,
                    given ? "a difference as template, but frames are measured as they are"
                          : "differences are measured: a template needs a frame and the one before it");
}

ist_status trk_tracker_set_template(trk_tracker *tracker, const ist_frame *frame, ist_error *error)
{
    ist_status status = check_difference(tracker, false, error);
    if (status >= 0)
        status = tracker_check_frame(tracker, frame, error);
    if (status < 0)
        return status;
    const struct picture picture = {.width = frame->width, .height = frame->height, .frame = frame, .scale = 1};
    return cut_from_picture(tracker, &picture, error);
}

ist_status trk_tracker_set_template_difference(trk_tracker *tracker, const ist_frame *before, const ist_frame *frame,
                                               ist_error *error)
{
    ist_status status = check_difference(tracker, true, error);
    if (status >= 0)
        status = tracker_check_frame(tracker, before, error);
    if (status >= 0)
        status = tracker_check_frame(tracker, frame, error);
    if (status < 0)
        return status;
    const struct picture picture = {
        .width = frame->width, .height = frame->height, .frame = frame, .before = before, .scale = 1};
    return cut_from_picture(tracker, &picture, error);
}

ist_status trk_tracker_set_template_still(trk_tracker *tracker, const trk_still *still, ist_error *error)
{
    ist_status status = check_difference(tracker, false, error);
    if (status >= 0)
        status = still_check(still, tracker->width, tracker->height, tracker->preparation.frame_type, error);
    if (status < 0)
        return status;
    const struct picture picture = {
        .width = tracker->width, .height = tracker->height, .samples = trk_still_row(still, 0)};
    return cut_from_picture(tracker, &picture, error);
}

static ist_status check_image(const trk_tracker *tracker, const ist_frame *image, ist_error *error)
{
    const ist_status status = plane_check_picture(image->width, image->height, image->channels, image->type, error);
    if (status < 0 || (image->width == tracker->width && image->height == tracker->height))
        return status;
    for (int i = 0; i < tracker->roi_count; i++)
        if (image->width != tracker->rois[i].width || image->height != tracker->rois[i].height)
            return trk_fail(error, IST_ERROR_ARGUMENT,
                            "an image of %d x %d pixels: it must have the size of the picture, %d x %d, or of all "
                            "ROIs; ROI %d has %d x %d",
                            image->width, image->height, tracker->width, tracker->height, i, tracker->rois[i].width,
                            tracker->rois[i].height);
    if (tracker->preparation.subtracts)
        return trk_fail(error, IST_ERROR_ARGUMENT,
                        "an image of ROI size has no place in the picture: no background can be subtracted from it");
    return IST_OK;
}

ist_status trk_tracker_set_template_image(trk_tracker *tracker, const ist_frame *image, ist_error *error)
{
    ist_status status = check_difference(tracker, false, error);
    if (status >= 0)
        status = check_image(tracker, image, error);
    if (status < 0)
        return status;
    // White is white: 255 of 8 bits are 65535 of 16.
    const ist_pixel_type type = tracker->preparation.frame_type;
    const float scale = image->type == type ? 1 : type == IST_PIXEL_U16 ? 257 : 1 / 257.0f;
    const struct picture picture = {.width = image->width, .height = image->height, .frame = image, .scale = scale};
    return cut_from_picture(tracker, &picture, error);
}

bool trk_tracker_template_is_flat(const trk_tracker *tracker, int roi)
{
    if (!tracker->has_template || roi < 0 || roi >= tracker->roi_count)
        return false;
    return template_is_flat(tracker, &tracker->matchers[roi]);
}

static double template_sample(const struct matcher *matcher, int x, int y)
{
    const ptrdiff_t at = (ptrdiff_t)y * matcher->width + x;
    return matcher->type == IST_PIXEL_U16 ? ((const int16_t *)matcher->samples)[at]
                                          : ((const int8_t *)matcher->samples)[at];
}

double trk_tracker_template_contrast(const trk_tracker *tracker, int roi)
{
    if (!tracker->has_template || roi < 0 || roi >= tracker->roi_count)
        return (double)NAN;
    const struct matcher *matcher = &tracker->matchers[roi];
    const int width = matcher->width, height = matcher->height;
    const double mean = (double)matcher->sum / ((double)width * height);
    double sum = 0;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const double own = template_sample(matcher, x, y) - mean;
            if (x + 1 < width)
                sum += own * (template_sample(matcher, x + 1, y) - mean);
            if (y + 1 < height)
                sum += own * (template_sample(matcher, x, y + 1) - mean);
        }
    const double pairs = (double)(width - 1) * height + (double)width * (height - 1);
    return sqrt(fmax(0, sum / pairs)) / (double)tracker->preparation.steps;
}

/* ---- finding ---- */

void row_set_errors(trk_row *row, const struct covariance *covariance)
{
    row->standard_error_x_px = sqrt(covariance->xx);
    row->standard_error_y_px = sqrt(covariance->yy);
    row->standard_error_rotation_deg = sqrt(covariance->angle) * 180 / M_PI;
}

/* The quadratic through the scores around a match; no shift where there is none. */
static void fit_scores(const struct matcher *matcher, const struct scratch *scratch, const struct plane *plane,
                       const struct match *match, double *dx, double *dy)
{
    const bool inside = match->x > matcher->x_min && match->x < matcher->x_max && match->y > matcher->y_min &&
                        match->y < matcher->y_max;
    if (!inside)
        return;
    double scores[9];
    for (int i = 0; i < 9; i++)
        scores[i] = matcher_score(matcher, &scratch->search, plane, match->x + i % 3 - 1, match->y + i / 3 - 1);
    (void)refine_quadratic(scores, dx, dy);
}

/*
 * A match on the last position searched may be the slope of a peak beyond it. But a ROI at the picture's border can lie
 * there and not have moved: then the match is where the template was cut, and fractions say so.
 */
static bool touches_edge(int position, int first, int last, int home, bool refined, double fraction)
{
    if (position != first && position != last)
        return false;
    return !(position == home && refined && fabs(fraction) <= 0.5);
}

/* The best place in steps of 1 / upscale px around a match, relative to it. False: there is none. */
static bool find_on_grid(const trk_tracker *tracker, struct scratch *scratch, const struct matcher *matcher,
                         const struct plane *plane, int roi, const struct match *match, double *dx, double *dy)
{
    if (tracker->params.upscale == 1)
        return true;
    struct upscaler upscaler = tracker->upscalers[roi];
    upscaler_aim(&upscaler, matcher);
    upscaler_cut(&upscaler, &scratch->fine, matcher);
    const struct fine_match found =
        upscaler_find_near(&upscaler, &scratch->fine, matcher, &scratch->search, plane, match->x, match->y);
    *dx = found.x - match->x;
    *dy = found.y - match->y;
    return !isnan(found.score);
}

void tracker_find(const trk_tracker *tracker, struct scratch *scratch, const struct matcher *matcher,
                  const struct refiner *refiner, const struct plane *plane, trk_row *row, struct match_error *error)
{
    struct refinement found = {.error_x = (double)NAN, .error_y = (double)NAN};
    *error = (struct match_error){covariance_unknown(), covariance_unknown()};
    row->x_px = row->y_px = row->score = (double)NAN;
    row->status = TRK_FLAT;
    if (template_is_flat(tracker, matcher))
        return;
    const struct match match = matcher_find(matcher, &scratch->search, plane, &row->second_peak_gap);
    if (isnan(match.score))
        return;
    row->score = fmin(1, fmax(-1, match.score)); // rounding may lead past 1
    if (match.score < tracker->params.min_score) {
        // Seen from the border of the window a feature that left it looks like this, too.
        const bool edge = touches_edge(match.x, matcher->x_min, matcher->x_max, matcher->home_x, false, 0) ||
                          touches_edge(match.y, matcher->y_min, matcher->y_max, matcher->home_y, false, 0);
        row->status = edge ? TRK_EDGE : TRK_LOST;
        return;
    }
    if (row->second_peak_gap < tracker->params.min_gap) {
        row->status = TRK_UNSURE;
        return;
    }

    const bool refined =
        tracker->params.upscale > 0
            ? find_on_grid(tracker, scratch, matcher, plane, row->roi, &match, &found.dx, &found.dy)
            : refiner_find(refiner, &scratch->room, &tracker->kernels, plane, match.x, match.y, &found);
    if (!refined && tracker->params.upscale == 0)
        fit_scores(matcher, scratch, plane, &match, &found.dx, &found.dy);
    row->x_px = match.x - matcher->home_x + found.dx;
    row->y_px = match.y - matcher->home_y + found.dy;
    *error = (struct match_error){
        {.xx = found.error_x * found.error_x, .yy = found.error_y * found.error_y, .angle = (double)NAN},
        {.xx = found.part_x, .yy = found.part_y}};
    row_set_errors(row, &error->covariance);
    const bool edge = touches_edge(match.x, matcher->x_min, matcher->x_max, matcher->home_x, refined, found.dx) ||
                      touches_edge(match.y, matcher->y_min, matcher->y_max, matcher->home_y, refined, found.dy);
    row->status = edge ? TRK_EDGE : TRK_MEASURED;
}

void tracker_find_turned(const trk_tracker *tracker, struct scratch *scratch, const struct rotator *rotator,
                         const struct plane *plane, trk_row *row, struct match_error *error)
{
    *error = (struct match_error){covariance_unknown(), covariance_unknown()};
    row->status = TRK_FLAT;
    const struct pose pose = rotator_find(rotator, &scratch->rotation, &tracker->kernels, plane);
    if (isnan(pose.score))
        return;
    row->score = pose.score;
    row->second_peak_gap = pose.second_peak_gap;
    row->status = pose.score < tracker->params.min_score ? TRK_LOST : TRK_UNSURE;
    if (pose.score < tracker->params.min_score || pose.second_peak_gap < tracker->params.min_gap)
        return;
    row->x_px = pose.dx;
    row->y_px = pose.dy;
    row->rotation_deg = pose.angle_rad * 180 / M_PI;
    *error = rotator_error(rotator, &pose);
    row_set_errors(row, &error->covariance);
    row->status = pose.at_edge ? TRK_EDGE : TRK_MEASURED;
}
