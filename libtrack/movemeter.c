#include <libtrack/movemeter.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "memory.h"
#include "resize.h"
#include "still.h"
#include "team.h"
#include "turn.h"
#include "upscale.h"

enum { SIZE_MIN = 4, TURN_SIZE_MAX = 4096, THREADS_MAX = 1024, BATCH = 8 };

static const double RANGE_MAX_DEG = 359;

/* One ROI: where it is searched, and what was found so far. */
struct station {
    trk_roi roi;
    struct part window;
    bool started; // the first place is known
    double first_x, first_y;
    double sum_x, sum_y; // of the steps from frame to frame
};

/* What one thread needs to measure any ROI. */
struct worker {
    struct search search;
    struct upscale_room fine;
    struct turn_room turn;
    float *resized; // for scales below 1
    uint16_t *template, *window;
};

/* A frame, prepared, and what it is compared with; NULL: it is missing. */
struct item {
    struct plane plane;
    const struct plane *reference;
};

/* Frames measured in one go. */
struct batch {
    struct item items[BATCH];
    struct plane carried; // the last frame of the batch before
    trk_movemeter_row *rows;
    int count;
};

struct trk_movemeter {
    int width, height, channels;
    ist_pixel_type given; // of the frames
    ist_pixel_type type;  // of prepared ones: the mean needs 16 bits, and template and picture are of one type
    trk_movemeter_params params;
    struct kernels kernels;
    int roi_count;
    struct station *stations;
    struct matcher *matchers;   // one for each ROI, as all these
    struct upscaler *upscalers; // for scales above 1
    struct turn *turns;         // for rotation
    void *gray;                 // room for a frame turned to gray

    float *mean;       // of all frames, where it is the reference
    uint16_t *minimum; // of all frames, where it is subtracted
    bool has_mean, has_minimum;

    struct plane still; // the first frame or the mean; or, with the previous frame, that
    bool has_still;
    struct batch single; // for frames that are given one by one
    struct worker worker;
};

/* ---- checking ---- */

static ist_status check_params(const trk_movemeter_params *params, ist_error *error)
{
    if (!(params->upscale > 0 && params->upscale <= TRK_UPSCALE_MAX))
        return trk_fail(error, IST_ERROR_ARGUMENT, "upscale %g: it must be above 0 and at most %g", params->upscale,
                        TRK_UPSCALE_MAX);
    if (params->max_movement_px < 0)
        return trk_fail(error, IST_ERROR_ARGUMENT, "largest movement of %d px: it must be 0 (whole picture) or more",
                        params->max_movement_px);
    if (!(params->max_rotation_deg > 0 && params->max_rotation_deg <= RANGE_MAX_DEG))
        return trk_fail(error, IST_ERROR_ARGUMENT,
                        "angles over a range of %g degrees: it must be above 0 and at most %g",
                        params->max_rotation_deg, RANGE_MAX_DEG);
    if (params->reference < TRK_MOVEMETER_FIRST || params->reference > TRK_MOVEMETER_MEAN)
        return trk_fail(error, IST_ERROR_ARGUMENT, "reference %d: there is none of this number",
                        (int)params->reference);
    if (params->rotation && params->reference == TRK_MOVEMETER_PREVIOUS)
        return trk_fail(error, IST_ERROR_ARGUMENT,
                        "rotation is measured against the first frame or the mean, not the "
                        "previous frame");
    if (params->threads < 0 || params->threads > THREADS_MAX)
        return trk_fail(error, IST_ERROR_ARGUMENT, "%d threads: it must be 0 (one for each processor) to %d",
                        params->threads, THREADS_MAX);
    return IST_OK;
}

static ist_status check_roi(const trk_movemeter *movemeter, const trk_roi *roi, int index, ist_error *error)
{
    const double scale = movemeter->params.upscale;
    if (roi->width < SIZE_MIN || roi->height < SIZE_MIN)
        return trk_fail(error, IST_ERROR_ARGUMENT, "ROI %d: %d x %d pixels: at least %d x %d are needed", index,
                        roi->width, roi->height, SIZE_MIN, SIZE_MIN);
    // Written so that no sum can overflow.
    if (roi->x < 0 || roi->y < 0 || roi->width > movemeter->width || roi->height > movemeter->height ||
        roi->x > movemeter->width - roi->width || roi->y > movemeter->height - roi->height)
        return trk_fail(error, IST_ERROR_ARGUMENT,
                        "ROI %d: %d x %d pixels at %d,%d are not inside the picture of %d x %d", index, roi->width,
                        roi->height, roi->x, roi->y, movemeter->width, movemeter->height);
    const int least = roi->width < roi->height ? roi->width : roi->height;
    if ((int)(least * scale) < SIZE_MIN)
        return trk_fail(error, IST_ERROR_ARGUMENT,
                        "ROI %d: %d x %d pixels at upscale %g are %d x %d samples: at least %d x %d are needed", index,
                        roi->width, roi->height, scale, (int)(roi->width * scale), (int)(roi->height * scale), SIZE_MIN,
                        SIZE_MIN);
    if (movemeter->params.rotation && least * scale > TURN_SIZE_MAX)
        return trk_fail(error, IST_ERROR_ARGUMENT,
                        "ROI %d: its square of %d pixels at upscale %g has more than %d samples a side, too many to be "
                        "turned",
                        index, least, scale, TURN_SIZE_MAX);
    return IST_OK;
}

static ist_status check_frame(const trk_movemeter *movemeter, const ist_frame *frame, ist_error *error)
{
    return plane_check_frame(frame, movemeter->width, movemeter->height, movemeter->channels, movemeter->given, error);
}

/* ---- making ---- */

/* What movemeter searches: all in 64 bits, as the largest movement may be any int. */
static struct part search_window(const trk_movemeter *movemeter, const trk_roi *roi)
{
    const int64_t width = movemeter->width, height = movemeter->height, most = movemeter->params.max_movement_px;
    if (most == 0 || most + roi->y >= height || most + roi->width >= width)
        return (struct part){0, 0, movemeter->width, movemeter->height};
    const int64_t x = roi->x > most ? roi->x - most : 0, y = roi->y > most ? roi->y - most : 0;
    const int64_t right = x + roi->width + 2 * most, bottom = y + roi->height + 2 * most;
    return (struct part){(int)x, (int)y, (int)((right < width ? right : width) - x),
                         (int)((bottom < height ? bottom : height) - y)};
}

/* Lays out one ROI's matcher, and what goes with it. */
static ist_status init_station(trk_movemeter *movemeter, int i, const trk_roi *roi, ist_error *error)
{
    const trk_movemeter_params *params = &movemeter->params;
    const double scale = params->upscale;
    const struct part window = search_window(movemeter, roi);
    struct matcher *matcher = &movemeter->matchers[i];
    movemeter->stations[i] = (struct station){.roi = *roi, .window = window};
    if (params->rotation) {
        turn_init(&movemeter->turns[i], matcher, roi->x, roi->y, roi->width, roi->height, scale);
        movemeter->turns[i].range_deg = params->max_rotation_deg;
        movemeter->turns[i].middle_only = params->max_movement_px > 0;
    } else if (scale < 1) {
        // Both are made smaller, and the window lies at 0, 0 then.
        const int width = (int)(roi->width * scale), height = (int)(roi->height * scale);
        *matcher = (struct matcher){.width = width,
                                    .height = height,
                                    .x_max = (int)(window.width * scale) - width,
                                    .y_max = (int)(window.height * scale) - height,
                                    .type = IST_PIXEL_U16};
    } else {
        *matcher = (struct matcher){.width = roi->width,
                                    .height = roi->height,
                                    .x_min = window.x,
                                    .x_max = window.x + window.width - roi->width,
                                    .y_min = window.y,
                                    .y_max = window.y + window.height - roi->height,
                                    .type = movemeter->type};
    }
    const ist_status status = matcher_init(matcher, &movemeter->kernels, SEARCH_CHEAPEST, error);
    if (status < 0 || scale <= 1 || params->rotation)
        return status;
    return upscaler_init(&movemeter->upscalers[i], matcher, scale, GRID_OF_WINDOW, error);
}

/* Room for the largest template and window that are made smaller. */
static ist_status init_resizing(struct worker *worker, const trk_movemeter *movemeter, ist_error *error)
{
    size_t most = 0;
    for (int i = 0; i < movemeter->roi_count; i++) {
        const struct matcher *matcher = &movemeter->matchers[i];
        const size_t samples = (size_t)(matcher->x_max + matcher->width) * (size_t)(matcher->y_max + matcher->height);
        most = samples > most ? samples : most;
    }
    worker->resized = allocate_aligned(most, sizeof *worker->resized);
    worker->template = allocate_aligned(most, sizeof *worker->template);
    worker->window = allocate_aligned(most, sizeof *worker->window);
    return worker->resized && worker->template && worker->window ? IST_OK : trk_fail_memory(error);
}

static ist_status worker_init(struct worker *worker, const trk_movemeter *movemeter, ist_error *error)
{
    const int count = movemeter->roi_count;
    const double scale = movemeter->params.upscale;
    const ist_status status = search_init(&worker->search, &movemeter->kernels, movemeter->matchers, count, error);
    if (status < 0)
        return status;
    if (movemeter->params.rotation)
        return turn_room_init(&worker->turn, movemeter->turns, count, error);
    if (scale > 1)
        return upscale_room_init(&worker->fine, movemeter->upscalers, count, error);
    return scale < 1 ? init_resizing(worker, movemeter, error) : IST_OK;
}

static void worker_finish(struct worker *worker)
{
    search_finish(&worker->search);
    turn_room_finish(&worker->turn);
    upscale_room_finish(&worker->fine);
    free(worker->resized);
    free(worker->template);
    free(worker->window);
    *worker = (struct worker){0};
}

static size_t pixel_count(const trk_movemeter *movemeter)
{
    return (size_t)movemeter->width * (size_t)movemeter->height;
}

/* A picture of prepared samples. plane_finish() releases it. */
static ist_status plane_init(struct plane *plane, const trk_movemeter *movemeter, ist_error *error)
{
    *plane = (struct plane){.data = allocate_aligned(pixel_count(movemeter), ist_pixel_size(movemeter->type)),
                            .stride = movemeter->width,
                            .width = movemeter->width,
                            .height = movemeter->height,
                            .type = movemeter->type};
    return plane->data ? IST_OK : trk_fail_memory(error);
}

static void *samples_of(const struct plane *plane)
{
    return (void *)(uintptr_t)plane->data; // made by plane_init()
}

static void copy_plane(const trk_movemeter *movemeter, const struct plane *to, const struct plane *from)
{
    memcpy(samples_of(to), from->data, pixel_count(movemeter) * ist_pixel_size(movemeter->type));
}

static ist_status batch_init(struct batch *batch, const trk_movemeter *movemeter, int frames, ist_error *error)
{
    ist_status status = plane_init(&batch->carried, movemeter, error);
    for (int i = 0; i < frames && status >= 0; i++)
        status = plane_init(&batch->items[i].plane, movemeter, error);
    if (status < 0)
        return status;
    batch->rows = calloc((size_t)frames * (size_t)movemeter->roi_count, sizeof *batch->rows);
    return batch->rows ? IST_OK : trk_fail_memory(error);
}

static void batch_finish(struct batch *batch)
{
    free(samples_of(&batch->carried));
    for (int i = 0; i < BATCH; i++)
        free(samples_of(&batch->items[i].plane));
    free(batch->rows);
    *batch = (struct batch){0};
}

static ist_status init_pictures(trk_movemeter *movemeter, ist_error *error)
{
    const size_t pixels = pixel_count(movemeter);
    const trk_movemeter_params *params = &movemeter->params;
    movemeter->gray = allocate_aligned(pixels, ist_pixel_size(movemeter->given));
    if (params->reference == TRK_MOVEMETER_MEAN)
        movemeter->mean = allocate_aligned(pixels, sizeof *movemeter->mean);
    if (params->subtract_minimum)
        movemeter->minimum = allocate_aligned(pixels, sizeof *movemeter->minimum);
    if (!movemeter->gray || (params->reference == TRK_MOVEMETER_MEAN && !movemeter->mean) ||
        (params->subtract_minimum && !movemeter->minimum))
        return trk_fail_memory(error);
    const ist_status status = plane_init(&movemeter->still, movemeter, error);
    return status < 0 ? status : batch_init(&movemeter->single, movemeter, 1, error);
}

static ist_status init_stations(trk_movemeter *movemeter, const trk_roi *rois, ist_error *error)
{
    const size_t count = (size_t)movemeter->roi_count;
    movemeter->stations = calloc(count, sizeof *movemeter->stations);
    movemeter->matchers = calloc(count, sizeof *movemeter->matchers);
    movemeter->upscalers = calloc(count, sizeof *movemeter->upscalers);
    movemeter->turns = calloc(count, sizeof *movemeter->turns);
    if (!movemeter->stations || !movemeter->matchers || !movemeter->upscalers || !movemeter->turns)
        return trk_fail_memory(error);
    for (int i = 0; i < movemeter->roi_count; i++) {
        const ist_status status = init_station(movemeter, i, &rois[i], error);
        if (status < 0)
            return status;
    }
    return IST_OK;
}

static trk_movemeter_params with_defaults(const trk_movemeter_params *params)
{
    trk_movemeter_params given = params ? *params : (trk_movemeter_params){0};
    given.upscale = given.upscale == 0 ? 1 : given.upscale;
    given.max_rotation_deg = given.max_rotation_deg == 0 ? RANGE_MAX_DEG : given.max_rotation_deg;
    return given;
}

ist_status trk_movemeter_create(trk_movemeter **movemeter, int width, int height, int channels, ist_pixel_type type,
                                const trk_roi *rois, int roi_count, const trk_movemeter_params *params,
                                ist_error *error)
{
    *movemeter = NULL;
    trk_movemeter wanted = {.width = width,
                            .height = height,
                            .channels = channels,
                            .given = type,
                            .type = type,
                            .params = with_defaults(params),
                            .roi_count = roi_count};
    ist_status status = plane_check_picture(width, height, channels, type, error);
    if (status >= 0)
        status = check_params(&wanted.params, error);
    if (status >= 0 && (roi_count < 1 || !rois))
        status = trk_fail(error, IST_ERROR_ARGUMENT, "no ROI given");
    for (int i = 0; status >= 0 && i < roi_count; i++)
        status = check_roi(&wanted, &rois[i], i, error);
    if (status < 0)
        return status;

    if (wanted.params.reference == TRK_MOVEMETER_MEAN)
        wanted.type = IST_PIXEL_U16;
    wanted.kernels = kernels_get(wanted.params.cpu_plain ? 0 : wanted.params.cpu_mask ? wanted.params.cpu_mask : ~0u);
    trk_movemeter *new = malloc(sizeof *new);
    if (!new)
        return trk_fail_memory(error);
    *new = wanted;
    status = init_stations(new, rois, error);
    if (status >= 0)
        status = init_pictures(new, error);
    if (status >= 0)
        status = worker_init(&new->worker, new, error);
    if (status < 0)
        trk_movemeter_destroy(&new);
    *movemeter = new;
    return status;
}

void trk_movemeter_destroy(trk_movemeter **movemeter)
{
    if (!movemeter || !*movemeter)
        return;
    trk_movemeter *old = *movemeter;
    for (int i = 0; i < old->roi_count; i++) {
        if (old->matchers)
            matcher_finish(&old->matchers[i]);
        if (old->upscalers)
            upscaler_finish(&old->upscalers[i]);
    }
    free(old->stations);
    free(old->matchers);
    free(old->upscalers);
    free(old->turns);
    free(old->gray);
    free(old->mean);
    free(old->minimum);
    free(samples_of(&old->still));
    batch_finish(&old->single);
    worker_finish(&old->worker);
    free(old);
    *movemeter = NULL;
}

/* ---- stills ---- */

/* IST_ERROR_ARGUMENT if the still cannot serve; IST_ERROR_STATE if it was not asked for, or comes too late. */
static ist_status check_still(const trk_movemeter *movemeter, const trk_still *still, const char *name, bool wanted,
                              ist_error *error)
{
    if (!wanted)
        return trk_fail(error, IST_ERROR_STATE, "a %s was not asked for", name);
    if (movemeter->has_still)
        return trk_fail(error, IST_ERROR_STATE, "a %s is needed before frames are measured", name);
    return still_check(still, movemeter->width, movemeter->height, movemeter->given, error);
}

ist_status trk_movemeter_set_mean(trk_movemeter *movemeter, const trk_still *mean, ist_error *error)
{
    const ist_status status = check_still(movemeter, mean, "mean", movemeter->mean != NULL, error);
    if (status < 0)
        return status;
    for (int y = 0; y < movemeter->height; y++)
        memcpy(movemeter->mean + (ptrdiff_t)y * movemeter->width, trk_still_row(mean, y),
               (size_t)movemeter->width * sizeof *movemeter->mean);
    movemeter->has_mean = true;
    return IST_OK;
}

ist_status trk_movemeter_set_minimum(trk_movemeter *movemeter, const trk_still *minimum, ist_error *error)
{
    const ist_status status = check_still(movemeter, minimum, "minimum", movemeter->minimum != NULL, error);
    if (status < 0)
        return status;
    uint16_t *out = movemeter->minimum;
    for (int y = 0; y < movemeter->height; y++)
        for (int x = 0; x < movemeter->width; x++)
            *out++ = (uint16_t)lrintf(trk_still_row(minimum, y)[x]);
    movemeter->has_minimum = true;
    return IST_OK;
}

/* Before the first frame: the mean less the minimum, stretched to 16 bits, so that little is lost of its fractions. */
static ist_status settle(trk_movemeter *movemeter, ist_error *error)
{
    if (movemeter->has_still)
        return IST_OK;
    if ((movemeter->mean && !movemeter->has_mean) || (movemeter->minimum && !movemeter->has_minimum))
        return trk_fail(error, IST_ERROR_STATE, "no %s was set",
                        movemeter->mean && !movemeter->has_mean ? "mean" : "minimum");
    if (!movemeter->mean)
        return IST_OK;
    for (size_t i = 0; movemeter->minimum && i < pixel_count(movemeter); i++)
        movemeter->mean[i] -= movemeter->minimum[i];
    stretch_to_u16(movemeter->mean, pixel_count(movemeter), samples_of(&movemeter->still));
    movemeter->has_still = true;
    return IST_OK;
}

/* ---- frames ---- */

static unsigned sample_of(const struct plane *plane, int x, int y)
{
    return plane->type == IST_PIXEL_U16 ? *plane_uint16(plane, x, y) : *plane_uint8(plane, x, y);
}

/* Gray, less the minimum, of the prepared type. */
static void prepare(const trk_movemeter *movemeter, const ist_frame *frame, const struct plane *out)
{
    const struct plane plane = plane_from_frame(frame, movemeter->gray);
    uint8_t *narrow = samples_of(out);
    uint16_t *wide = samples_of(out);
    size_t i = 0;
    for (int y = 0; y < plane.height; y++)
        for (int x = 0; x < plane.width; x++, i++) {
            const unsigned sample = sample_of(&plane, x, y), minimum = movemeter->minimum ? movemeter->minimum[i] : 0;
            // The minimum need not be of these frames.
            const unsigned rest = sample > minimum ? sample - minimum : 0;
            if (out->type == IST_PIXEL_U16)
                wide[i] = (uint16_t)rest;
            else
                narrow[i] = (uint8_t)rest;
        }
}

static trk_movemeter_row blank_row(const ist_frame *frame, int roi)
{
    return (trk_movemeter_row){.frame_index = frame->index,
                               .frame_number = frame->number,
                               .frame_time_s = frame->time_s,
                               .roi = roi,
                               .x_px = (double)NAN,
                               .y_px = (double)NAN,
                               .rotation_deg = (double)NAN,
                               .score = (double)NAN,
                               .status = TRK_MISSING};
}

/*
 * Puts a frame behind those in the batch. `before` is the last frame that could be read, NULL: there was none; and
 * becomes this one.
 */
static void add_item(trk_movemeter *movemeter, struct batch *batch, const ist_frame *frame, bool missing,
                     const struct plane **before)
{
    struct item *item = &batch->items[batch->count];
    for (int i = 0; i < movemeter->roi_count; i++)
        batch->rows[batch->count * movemeter->roi_count + i] = blank_row(frame, i);
    batch->count++;
    item->reference = NULL;
    if (missing)
        return;
    prepare(movemeter, frame, &item->plane);
    if (!movemeter->has_still)
        copy_plane(movemeter, &movemeter->still, &item->plane);
    movemeter->has_still = true;
    const bool previous = movemeter->params.reference == TRK_MOVEMETER_PREVIOUS;
    item->reference = previous && *before ? *before : &movemeter->still;
    *before = &item->plane;
}

/* ---- measuring ---- */

/* What one comparison gives: a place in the picture, or an angle. */
struct finding {
    double x, y, angle_deg;
    double score; // NaN: there is no texture
};

static const struct finding NOTHING = {(double)NAN, (double)NAN, (double)NAN, (double)NAN};

/* A part of the picture made smaller, in `room`. */
static struct plane make_smaller(const struct worker *worker, const struct plane *plane, const struct part *part,
                                 int width, int height, uint16_t *room)
{
    resize_part(plane, part, width, height, worker->resized);
    stretch_to_u16(worker->resized, (size_t)width * (size_t)height, room);
    return (struct plane){.data = room, .stride = width, .width = width, .height = height, .type = IST_PIXEL_U16};
}

static struct finding find_smaller(const trk_movemeter *movemeter, struct worker *worker, int roi,
                                   const struct plane *frame, const struct plane *reference)
{
    const struct station *station = &movemeter->stations[roi];
    struct matcher *matcher = &movemeter->matchers[roi];
    const struct part part = {station->roi.x, station->roi.y, station->roi.width, station->roi.height};
    const struct plane template = make_smaller(worker, frame, &part, matcher->width, matcher->height, worker->template);
    const struct plane window = make_smaller(worker, reference, &station->window, matcher->x_max + matcher->width,
                                             matcher->y_max + matcher->height, worker->window);
    matcher_cut(matcher, &worker->search, &template, 0, 0);
    const struct match match = matcher_find(matcher, &worker->search, &window, NULL);
    const double scale = movemeter->params.upscale;
    return (struct finding){match.x / scale + station->window.x, match.y / scale + station->window.y, (double)NAN,
                            match.score};
}

static struct finding find_place(const trk_movemeter *movemeter, struct worker *worker, int roi,
                                 const struct plane *frame, const struct plane *reference)
{
    if (movemeter->params.upscale < 1)
        return find_smaller(movemeter, worker, roi, frame, reference);
    const trk_roi *home = &movemeter->stations[roi].roi;
    struct matcher *matcher = &movemeter->matchers[roi];
    matcher_cut(matcher, &worker->search, frame, home->x, home->y);
    if (matcher->variance <= 0)
        return NOTHING;
    if (movemeter->params.upscale == 1) {
        const struct match match = matcher_find(matcher, &worker->search, reference, NULL);
        return (struct finding){match.x, match.y, (double)NAN, match.score};
    }
    struct upscaler *upscaler = &movemeter->upscalers[roi];
    upscaler_cut(upscaler, &worker->fine, matcher);
    const struct fine_match match = upscaler_find(upscaler, &worker->fine, matcher, &worker->search, reference);
    return (struct finding){match.x, match.y, (double)NAN, match.score};
}

static struct finding find_angle(const trk_movemeter *movemeter, struct worker *worker, int roi,
                                 const struct plane *frame, const struct plane *reference)
{
    const struct turn_result result =
        turn_measure(&movemeter->turns[roi], &worker->turn, &worker->search, frame, reference);
    return (struct finding){(double)NAN, (double)NAN, result.angle_deg, result.score};
}

/* Turns a place into what movemeter reports. */
static void report_place(const trk_movemeter *movemeter, struct station *station, const struct finding *finding,
                         trk_movemeter_row *row)
{
    if (!station->started) {
        station->first_x = finding->x;
        station->first_y = finding->y;
        station->started = true;
    }
    row->x_px = finding->x;
    row->y_px = finding->y;
    if (movemeter->params.absolute)
        return;
    row->x_px -= station->first_x;
    row->y_px -= station->first_y;
    if (movemeter->params.reference == TRK_MOVEMETER_PREVIOUS) {
        row->x_px = station->sum_x += row->x_px;
        row->y_px = station->sum_y += row->y_px;
    }
}

static void measure_roi(const trk_movemeter *movemeter, struct worker *worker, const struct item *item, int roi,
                        trk_movemeter_row *row)
{
    const bool rotation = movemeter->params.rotation;
    const struct finding finding = rotation ? find_angle(movemeter, worker, roi, &item->plane, item->reference)
                                            : find_place(movemeter, worker, roi, &item->plane, item->reference);
    row->status = TRK_FLAT;
    if (isnan(finding.score))
        return;
    row->status = TRK_MEASURED;
    row->score = fmin(1, fmax(-1, finding.score)); // rounding may lead past 1
    row->rotation_deg = finding.angle_deg;
    if (!rotation)
        report_place(movemeter, &movemeter->stations[roi], &finding, row);
}

/* One ROI in all frames of a batch, as each step adds to the one before. */
static void measure_batch(const trk_movemeter *movemeter, struct worker *worker, const struct batch *batch, int roi)
{
    for (int i = 0; i < batch->count; i++)
        if (batch->items[i].reference)
            measure_roi(movemeter, worker, &batch->items[i], roi, &batch->rows[i * movemeter->roi_count + roi]);
}

ist_status trk_movemeter_measure(trk_movemeter *movemeter, const ist_frame *frame, trk_movemeter_row *rows,
                                 ist_error *error)
{
    ist_status status = check_frame(movemeter, frame, error);
    if (status >= 0)
        status = settle(movemeter, error);
    if (status < 0)
        return status;
    struct batch *batch = &movemeter->single;
    const struct plane *before = movemeter->has_still ? &movemeter->still : NULL;
    batch->count = 0;
    add_item(movemeter, batch, frame, false, &before);
    for (int i = 0; i < movemeter->roi_count; i++)
        measure_batch(movemeter, &movemeter->worker, batch, i);
    if (movemeter->params.reference == TRK_MOVEMETER_PREVIOUS)
        copy_plane(movemeter, &movemeter->still, &batch->items[0].plane);
    memcpy(rows, batch->rows, (size_t)movemeter->roi_count * sizeof *rows);
    return IST_OK;
}

/* ---- a store ---- */

/* The way through a store: one batch is read while the other is measured. */
struct way {
    trk_movemeter *movemeter;
    ist_reader *reader;
    int64_t next, end;
    ist_frame frame;
    struct team team;
    struct worker *workers;
    struct batch batches[2];
    const struct plane *before; // the last frame that could be read
};

/* Reads a frame. IST_END: it cannot be read, but its number and time are there. */
static ist_status read_frame(struct way *way, ist_error *error)
{
    const int64_t index = way->next++;
    ist_frame *frame = &way->frame;
    ist_status status = ist_reader_read_index(way->reader, index, frame, error);
    if (status == IST_ERROR_MEMORY || status == IST_ERROR_STATE)
        return status;
    if (status == IST_OK && check_frame(way->movemeter, frame, NULL) == IST_OK)
        return IST_OK;
    frame->index = index;
    status = ist_reader_frame_metadata(way->reader, index, 1, &frame->number, &frame->time_s, error);
    return status < 0 ? status : IST_END;
}

/* Whom a still's progress is told. */
struct listener {
    trk_movemeter_handler *handler;
    void *context;
};

/* The handler is asked, without rows, whether to go on. */
static bool ask_handler(void *context, int64_t done, int64_t total)
{
    const struct listener *listener = context;
    (void)done, (void)total;
    return listener->handler(listener->context, NULL, 0);
}

typedef ist_status set_still(trk_movemeter *movemeter, const trk_still *still, ist_error *error);

static ist_status read_still(struct way *way, trk_still_kind kind, set_still *set, struct listener *listener,
                             ist_error *error)
{
    trk_still *still;
    ist_status status =
        trk_still_read(&still, way->reader, way->next, way->end - way->next, kind, ask_handler, listener, error);
    if (status == IST_OK)
        status = set(way->movemeter, still, error);
    trk_still_destroy(&still);
    return status;
}

static ist_status read_stills(struct way *way, trk_movemeter_handler *handler, void *context, ist_error *error)
{
    struct listener listener = {handler, context};
    ist_status status = IST_OK;
    if (way->movemeter->minimum)
        status = read_still(way, TRK_STILL_MINIMUM, trk_movemeter_set_minimum, &listener, error);
    if (status == IST_OK && way->movemeter->mean)
        status = read_still(way, TRK_STILL_MEAN, trk_movemeter_set_mean, &listener, error);
    return status == IST_OK ? settle(way->movemeter, error) : status;
}

/* Reads what fits into a batch while the team may still be at work on the other, whose last frame is carried over. */
static ist_status fill(struct way *way, struct batch *batch, ist_error *error)
{
    batch->count = 0;
    if (way->before) {
        copy_plane(way->movemeter, &batch->carried, way->before);
        way->before = &batch->carried;
    }
    while (batch->count < BATCH && way->next < way->end) {
        const ist_status status = read_frame(way, error);
        if (status < 0)
            return status;
        add_item(way->movemeter, batch, &way->frame, status == IST_END, &way->before);
    }
    return IST_OK;
}

struct batch_task {
    struct way *way;
    const struct batch *batch;
};

static void do_roi(void *context, int member, int roi)
{
    const struct batch_task *task = context;
    measure_batch(task->way->movemeter, &task->way->workers[member], task->batch, roi);
}

static bool hand_over(const struct way *way, const struct batch *batch, trk_movemeter_handler *handler, void *context)
{
    const int roi_count = way->movemeter->roi_count;
    for (int i = 0; i < batch->count; i++)
        if (!handler(context, batch->rows + i * roi_count, roi_count))
            return false;
    return true;
}

static ist_status measure_all(struct way *way, trk_movemeter_handler *handler, void *context, ist_error *error)
{
    ist_status status = fill(way, &way->batches[0], error);
    for (int turn = 0; status == IST_OK && way->batches[turn].count > 0; turn = !turn) {
        struct batch_task task = {way, &way->batches[turn]};
        team_start(&way->team, do_roi, &task, way->movemeter->roi_count);
        status = fill(way, &way->batches[!turn], error);
        team_wait(&way->team);
        if (!hand_over(way, &way->batches[turn], handler, context))
            status = status < 0 ? status : IST_END;
    }
    return status;
}

static ist_status way_init(struct way *way, ist_error *error)
{
    ist_status status = team_init(&way->team, way->movemeter->params.threads, error);
    if (status < 0)
        return status;
    way->workers = calloc((size_t)way->team.size, sizeof *way->workers);
    if (!way->workers)
        return trk_fail_memory(error);
    for (int i = 0; i < way->team.size && status >= 0; i++)
        status = worker_init(&way->workers[i], way->movemeter, error);
    for (int i = 0; i < 2 && status >= 0; i++)
        status = batch_init(&way->batches[i], way->movemeter, BATCH, error);
    return status;
}

static void way_finish(struct way *way)
{
    for (int i = 0; way->workers && i < way->team.size; i++)
        worker_finish(&way->workers[i]);
    free(way->workers);
    team_finish(&way->team);
    batch_finish(&way->batches[0]);
    batch_finish(&way->batches[1]);
    ist_frame_free(&way->frame);
}

ist_status trk_movemeter_analyze(trk_movemeter *movemeter, ist_reader *reader, int64_t first, int64_t count,
                                 trk_movemeter_handler *handler, void *context, ist_error *error)
{
    const int64_t frame_count = ist_reader_get_info(reader)->frame_count;
    if (movemeter->has_still)
        return trk_fail(error, IST_ERROR_STATE, "it has measured already");
    if (first < 0 || count < 0 || count > frame_count || first > frame_count - count)
        return trk_fail(error, IST_ERROR_NOT_FOUND, "%lld frames from frame %lld: the store has %lld", (long long)count,
                        (long long)first, (long long)frame_count);
    struct way way = {.movemeter = movemeter, .reader = reader, .next = first, .end = first + count};
    ist_status status = way_init(&way, error);
    if (status >= 0 && count > 0)
        status = read_stills(&way, handler, context, error);
    if (status == IST_OK && count > 0)
        status = measure_all(&way, handler, context, error);
    way_finish(&way);
    return status;
}
