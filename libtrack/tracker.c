#include "tracker.h"

#include <libtrack/libtrack.h>
#include <math.h>
#include <stdlib.h>

#include "correlate.h"
#include "fail.h"
#include "memory.h"
#include "refine.h"

enum { ROI_SIZE_MIN = 4, THREADS_MAX = 1024 };

struct trk_tracker {
    int width, height, channels;
    ist_pixel_type type;
    int roi_count;
    trk_roi *rois;
    struct matcher *matchers; // one for each ROI, as refiners
    struct refiner *refiners;
    bool has_template;
    double min_score;
    int threads;
    struct kernels kernels;
    trk_scratch *scratch; // for cutting templates
};

struct trk_scratch {
    struct search search;
    struct refine_room room;
    void *gray; // a picture, if frames need turning into gray
};

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
    }
    return "unknown";
}

static ist_status check_params(const trk_params *params, ist_error *error)
{
    if (params->max_movement_px < 0)
        return trk_fail(error, IST_ERROR_ARGUMENT, "largest movement of %d px: it must be 0 (whole picture) or more",
                        params->max_movement_px);
    if (!(params->min_score >= -1 && params->min_score <= 1))
        return trk_fail(error, IST_ERROR_ARGUMENT, "lowest score of %g: it must be -1 to 1", params->min_score);
    if (params->threads < 0 || params->threads > THREADS_MAX)
        return trk_fail(error, IST_ERROR_ARGUMENT, "%d threads: it must be 0 (one for each processor) to %d",
                        params->threads, THREADS_MAX);
    return IST_OK;
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

static ist_status check_picture(int width, int height, int channels, ist_pixel_type type, ist_error *error)
{
    if (width < 1 || height < 1 || width > UINT16_MAX || height > UINT16_MAX)
        return trk_fail(error, IST_ERROR_ARGUMENT, "a picture of %d x %d pixels: each side must be 1 to %d", width,
                        height, UINT16_MAX);
    if (channels != 1 && channels != 3)
        return trk_fail(error, IST_ERROR_ARGUMENT, "%d channels: only 1 (gray) and 3 (BGR) can be measured", channels);
    if (type != IST_PIXEL_U8 && type != IST_PIXEL_U16)
        return trk_fail(error, IST_ERROR_ARGUMENT, "pixel type %d: there is none of this number", (int)type);
    return IST_OK;
}

static int clamp(int64_t value, int low, int high)
{
    return value < low ? low : value > high ? high : (int)value;
}

/* Where the ROI's template is looked for: max_movement each way, clipped at the picture's border. */
static struct matcher layout(const trk_tracker *tracker, const trk_roi *roi, int max_movement_px)
{
    const int64_t reach = max_movement_px ? max_movement_px : INT32_MAX;
    const int x_last = tracker->width - roi->width, y_last = tracker->height - roi->height;
    return (struct matcher){
        .width = roi->width,
        .height = roi->height,
        .x_min = clamp(roi->x - reach, 0, x_last),
        .x_max = clamp(roi->x + reach, 0, x_last),
        .y_min = clamp(roi->y - reach, 0, y_last),
        .y_max = clamp(roi->y + reach, 0, y_last),
        .type = tracker->type,
    };
}

static ist_status init_rois(trk_tracker *tracker, const trk_roi *rois, int max_movement_px, ist_error *error)
{
    const size_t count = (size_t)tracker->roi_count;
    tracker->rois = calloc(count, sizeof *tracker->rois);
    tracker->matchers = calloc(count, sizeof *tracker->matchers);
    tracker->refiners = calloc(count, sizeof *tracker->refiners);
    if (!tracker->rois || !tracker->matchers || !tracker->refiners)
        return trk_fail_memory(error);
    for (int i = 0; i < tracker->roi_count; i++) {
        tracker->rois[i] = rois[i];
        tracker->matchers[i] = layout(tracker, &rois[i], max_movement_px);
        ist_status status = matcher_init(&tracker->matchers[i], &tracker->kernels, SEARCH_CHEAPEST, error);
        if (status >= 0)
            status = refiner_init(&tracker->refiners[i], rois[i].width, rois[i].height, error);
        if (status < 0)
            return status;
    }
    return IST_OK;
}

ist_status trk_tracker_create(trk_tracker **tracker, int width, int height, int channels, ist_pixel_type type,
                              const trk_roi *rois, int roi_count, const trk_params *params, ist_error *error)
{
    *tracker = NULL;
    const trk_params given = params ? *params : (trk_params){0};
    ist_status status = check_picture(width, height, channels, type, error);
    if (status >= 0)
        status = check_params(&given, error);
    if (status >= 0 && (roi_count < 1 || !rois))
        status = trk_fail(error, IST_ERROR_ARGUMENT, "no ROI given");
    for (int i = 0; status >= 0 && i < roi_count; i++)
        status = check_roi(&rois[i], i, width, height, error);
    if (status < 0)
        return status;

    trk_tracker *new = calloc(1, sizeof *new);
    if (!new)
        return trk_fail_memory(error);
    new->width = width;
    new->height = height;
    new->channels = channels;
    new->type = type;
    new->roi_count = roi_count;
    new->min_score = given.min_score == 0 ? TRK_MIN_SCORE : given.min_score;
    new->threads = given.threads;
    new->kernels = kernels_get(given.cpu_plain ? 0 : given.cpu_mask ? given.cpu_mask : ~0u);
    status = init_rois(new, rois, given.max_movement_px, error);
    if (status >= 0)
        status = trk_scratch_create(&new->scratch, new, error);
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
    trk_scratch_destroy(&old->scratch);
    for (int i = 0; i < old->roi_count; i++) {
        if (old->matchers)
            matcher_finish(&old->matchers[i]);
        if (old->refiners)
            refiner_finish(&old->refiners[i]);
    }
    free(old->rois);
    free(old->matchers);
    free(old->refiners);
    free(old);
    *tracker = NULL;
}

ist_status trk_scratch_create(trk_scratch **scratch, const trk_tracker *tracker, ist_error *error)
{
    trk_scratch *new = *scratch = calloc(1, sizeof *new);
    if (!new)
        return trk_fail_memory(error);
    int width_max = 0, height_max = 0;
    for (int i = 0; i < tracker->roi_count; i++) {
        width_max = tracker->rois[i].width > width_max ? tracker->rois[i].width : width_max;
        height_max = tracker->rois[i].height > height_max ? tracker->rois[i].height : height_max;
    }
    ist_status status = search_init(&new->search, &tracker->kernels, tracker->matchers, tracker->roi_count, error);
    if (status >= 0)
        status = refine_room_init(&new->room, width_max, height_max, error);
    // Gray 8-bit frames never need it, 16-bit ones only at odd addresses.
    const bool turns_gray = tracker->channels != 1 || tracker->type == IST_PIXEL_U16;
    if (status >= 0 && turns_gray) {
        new->gray = allocate_aligned((size_t)tracker->width * (size_t)tracker->height, ist_pixel_size(tracker->type));
        if (!new->gray)
            status = trk_fail_memory(error);
    }
    if (status < 0)
        trk_scratch_destroy(scratch);
    return status;
}

void trk_scratch_destroy(trk_scratch **scratch)
{
    if (!scratch || !*scratch)
        return;
    trk_scratch *old = *scratch;
    search_finish(&old->search);
    refine_room_finish(&old->room);
    free(old->gray);
    free(old);
    *scratch = NULL;
}

int tracker_roi_count(const trk_tracker *tracker)
{
    return tracker->roi_count;
}

int tracker_threads(const trk_tracker *tracker)
{
    return tracker->threads;
}

bool tracker_has_template(const trk_tracker *tracker)
{
    return tracker->has_template;
}

ist_status tracker_check_frame(const trk_tracker *tracker, const ist_frame *frame, ist_error *error)
{
    if (frame->width == tracker->width && frame->height == tracker->height && frame->channels == tracker->channels &&
        frame->type == tracker->type)
        return IST_OK;
    return trk_fail(
        error, IST_ERROR_ARGUMENT,
        "frame %lld: %d x %d pixels, %d channels, %d bits; the tracker is for %d x %d, %d channels, %d bits",
        (long long)frame->index, frame->width, frame->height, frame->channels, 8 * (int)ist_pixel_size(frame->type),
        tracker->width, tracker->height, tracker->channels, 8 * (int)ist_pixel_size(tracker->type));
}

ist_status trk_tracker_set_template(trk_tracker *tracker, const ist_frame *frame, ist_error *error)
{
    const ist_status status = tracker_check_frame(tracker, frame, error);
    if (status < 0)
        return status;
    trk_scratch *scratch = tracker->scratch;
    const struct plane plane = plane_from_frame(frame, scratch->gray);
    for (int i = 0; i < tracker->roi_count; i++) {
        const trk_roi *roi = &tracker->rois[i];
        matcher_cut(&tracker->matchers[i], &scratch->search, &plane, roi->x, roi->y);
        refiner_cut(&tracker->refiners[i], &scratch->room, &tracker->kernels, &plane, roi->x, roi->y);
    }
    tracker->has_template = true;
    return IST_OK;
}

bool trk_tracker_template_is_flat(const trk_tracker *tracker, int roi)
{
    if (!tracker->has_template || roi < 0 || roi >= tracker->roi_count)
        return false;
    const double pixels = (double)tracker->rois[roi].width * tracker->rois[roi].height;
    return tracker->matchers[roi].variance < pixels * pixels * TRK_MIN_TEXTURE * TRK_MIN_TEXTURE;
}

trk_row tracker_blank_row(const ist_frame *frame, int roi, trk_row_status status)
{
    return (trk_row){.frame_index = frame->index,
                     .frame_number = frame->number,
                     .frame_time_s = frame->time_s,
                     .roi = roi,
                     .x_px = (double)NAN,
                     .y_px = (double)NAN,
                     .score = (double)NAN,
                     .status = status};
}

/* The quadratic through the scores around a match; no shift where there is none. */
static void fit_scores(const struct matcher *matcher, const trk_scratch *scratch, const struct plane *plane,
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

void tracker_measure_roi(const trk_tracker *tracker, trk_scratch *scratch, const struct plane *plane, int roi,
                         trk_row *row)
{
    row->x_px = row->y_px = row->score = (double)NAN;
    row->status = TRK_FLAT;
    if (trk_tracker_template_is_flat(tracker, roi))
        return;
    const struct matcher *matcher = &tracker->matchers[roi];
    const trk_roi *home = &tracker->rois[roi];
    const struct match match = matcher_find(matcher, &scratch->search, plane);
    if (isnan(match.score))
        return;
    row->score = fmin(1, fmax(-1, match.score)); // rounding may lead past 1
    if (match.score < tracker->min_score) {
        // Seen from the border of the window a feature that left it looks like this, too.
        const bool edge = touches_edge(match.x, matcher->x_min, matcher->x_max, home->x, false, 0) ||
                          touches_edge(match.y, matcher->y_min, matcher->y_max, home->y, false, 0);
        row->status = edge ? TRK_EDGE : TRK_LOST;
        return;
    }

    double dx = 0, dy = 0;
    const bool refined =
        refiner_find(&tracker->refiners[roi], &scratch->room, &tracker->kernels, plane, match.x, match.y, &dx, &dy);
    if (!refined)
        fit_scores(matcher, scratch, plane, &match, &dx, &dy);
    row->x_px = match.x - home->x + dx;
    row->y_px = match.y - home->y + dy;
    const bool edge = touches_edge(match.x, matcher->x_min, matcher->x_max, home->x, refined, dx) ||
                      touches_edge(match.y, matcher->y_min, matcher->y_max, home->y, refined, dy);
    row->status = edge ? TRK_EDGE : TRK_MEASURED;
}

ist_status trk_tracker_measure(const trk_tracker *tracker, trk_scratch *scratch, const ist_frame *frame, trk_row *rows,
                               ist_error *error)
{
    const ist_status status = tracker_check_frame(tracker, frame, error);
    if (status < 0)
        return status;
    if (!tracker->has_template)
        return trk_fail(error, IST_ERROR_STATE, "no template was set");
    const struct plane plane = plane_from_frame(frame, scratch->gray);
    for (int i = 0; i < tracker->roi_count; i++) {
        rows[i] = tracker_blank_row(frame, i, TRK_MISSING);
        tracker_measure_roi(tracker, scratch, &plane, i, &rows[i]);
    }
    return IST_OK;
}
