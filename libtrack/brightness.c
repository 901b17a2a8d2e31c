#include <libtrack/brightness.h>

#include <math.h>
#include <stdlib.h>

#include "fail.h"
#include "memory.h"
#include "plane.h"

struct trk_brightness {
    int width, height, channels;
    ist_pixel_type type;
    int roi_count;
    trk_roi *rois;
    trk_brightness_range *ranges; // one for each ROI, as these
    double *means;
    trk_brightness_row *rows;
    void *gray; // room for a frame turned to gray
};

const char *trk_brightness_scale_name(trk_brightness_scale scale)
{
    switch (scale) {
    case TRK_BRIGHTNESS_ABSOLUTE:
        return "absolute";
    case TRK_BRIGHTNESS_MINIMUM:
        return "minimum";
    case TRK_BRIGHTNESS_RANGE:
        return "range";
    case TRK_BRIGHTNESS_MOVEMETER:
        return "movemeter";
    }
    return "unknown";
}

static double ratio(double value, double of)
{
    return of > 0 ? value / of : (double)NAN;
}

double trk_brightness_relative(double mean, trk_brightness_range range, trk_brightness_scale scale)
{
    switch (scale) {
    case TRK_BRIGHTNESS_ABSOLUTE:
        break;
    case TRK_BRIGHTNESS_MINIMUM:
        return ratio(mean, range.minimum);
    case TRK_BRIGHTNESS_RANGE:
        return ratio(mean - range.minimum, range.maximum - range.minimum);
    case TRK_BRIGHTNESS_MOVEMETER:
        return ratio(mean - range.minimum, range.maximum);
    }
    return mean;
}

/* ---- making ---- */

static ist_status check(const trk_brightness *brightness, const trk_roi *rois, ist_error *error)
{
    const int width = brightness->width, height = brightness->height;
    const ist_status status = plane_check_picture(width, height, brightness->channels, brightness->type, error);
    if (status < 0)
        return status;
    if (brightness->roi_count < 1 || !rois)
        return trk_fail(error, IST_ERROR_ARGUMENT, "no ROI given");
    for (int i = 0; i < brightness->roi_count; i++) {
        const trk_roi *roi = &rois[i];
        // Written so that no sum can overflow.
        if (roi->x < 0 || roi->y < 0 || roi->width < 1 || roi->height < 1 || roi->width > width ||
            roi->height > height || roi->x > width - roi->width || roi->y > height - roi->height)
            return trk_fail(error, IST_ERROR_ARGUMENT,
                            "ROI %d: %d x %d pixels at %d,%d are none, or not inside the picture of %d x %d", i,
                            roi->width, roi->height, roi->x, roi->y, width, height);
    }
    return IST_OK;
}

ist_status trk_brightness_create(trk_brightness **brightness, int width, int height, int channels, ist_pixel_type type,
                                 const trk_roi *rois, int roi_count, ist_error *error)
{
    *brightness = NULL;
    const trk_brightness wanted = {
        .width = width, .height = height, .channels = channels, .type = type, .roi_count = roi_count};
    const ist_status status = check(&wanted, rois, error);
    if (status < 0)
        return status;
    trk_brightness *new = malloc(sizeof *new);
    if (!new)
        return trk_fail_memory(error);
    *new = wanted;
    const size_t count = (size_t)roi_count;
    new->rois = calloc(count, sizeof *new->rois);
    new->ranges = calloc(count, sizeof *new->ranges);
    new->means = calloc(count, sizeof *new->means);
    new->rows = calloc(count, sizeof *new->rows);
    new->gray = allocate_aligned((size_t)width * (size_t)height, ist_pixel_size(type));
    if (!new->rois || !new->ranges || !new->means || !new->rows || !new->gray) {
        trk_brightness_destroy(&new);
        return trk_fail_memory(error);
    }
    for (int i = 0; i < roi_count; i++) {
        new->rois[i] = rois[i];
        new->ranges[i] = (trk_brightness_range){(double)NAN, (double)NAN};
    }
    *brightness = new;
    return IST_OK;
}

void trk_brightness_destroy(trk_brightness **brightness)
{
    if (!brightness || !*brightness)
        return;
    trk_brightness *old = *brightness;
    free(old->rois);
    free(old->ranges);
    free(old->means);
    free(old->rows);
    free(old->gray);
    free(old);
    *brightness = NULL;
}

/* ---- measuring ---- */

static uint64_t sum_row(const struct plane *plane, int x, int y, int width)
{
    uint32_t sum = 0; // 65535 samples below 65536 stay below 2^32
    if (plane->type == IST_PIXEL_U16)
        for (int i = 0; i < width; i++)
            sum += plane_uint16(plane, x, y)[i];
    else
        for (int i = 0; i < width; i++)
            sum += plane_uint8(plane, x, y)[i];
    return sum;
}

static double mean_of(const struct plane *plane, const trk_roi *roi)
{
    uint64_t sum = 0;
    for (int y = roi->y; y < roi->y + roi->height; y++)
        sum += sum_row(plane, roi->x, y, roi->width);
    return (double)sum / ((double)roi->width * roi->height);
}

ist_status trk_brightness_measure(trk_brightness *brightness, const ist_frame *frame, double *means, ist_error *error)
{
    const ist_status status =
        plane_check_frame(frame, brightness->width, brightness->height, brightness->channels, brightness->type, error);
    if (status < 0)
        return status;
    const struct plane plane = plane_from_frame(frame, brightness->gray);
    for (int i = 0; i < brightness->roi_count; i++) {
        trk_brightness_range *range = &brightness->ranges[i];
        means[i] = mean_of(&plane, &brightness->rois[i]);
        range->minimum = fmin(range->minimum, means[i]);
        range->maximum = fmax(range->maximum, means[i]);
    }
    return IST_OK;
}

trk_brightness_range trk_brightness_range_of(const trk_brightness *brightness, int roi)
{
    return brightness->ranges[roi];
}

/* ---- a store ---- */

/* Reads and measures a frame; where it cannot be read, means are NaN, but its number and time are there. */
static ist_status measure_index(trk_brightness *brightness, ist_reader *reader, int64_t index, ist_frame *frame,
                                ist_error *error)
{
    ist_status status = ist_reader_read_index(reader, index, frame, error);
    if (status == IST_ERROR_MEMORY || status == IST_ERROR_STATE)
        return status;
    if (status == IST_OK && trk_brightness_measure(brightness, frame, brightness->means, NULL) == IST_OK)
        return IST_OK;
    for (int i = 0; i < brightness->roi_count; i++)
        brightness->means[i] = (double)NAN;
    frame->index = index;
    return ist_reader_frame_metadata(reader, index, 1, &frame->number, &frame->time_s, error);
}

static ist_status pass(trk_brightness *brightness, ist_reader *reader, int64_t first, int64_t count,
                       trk_brightness_scale scale, bool with_rows, trk_brightness_handler *handler, void *context,
                       ist_error *error)
{
    ist_frame frame = {0};
    ist_status status = IST_OK;
    for (int64_t at = first; at < first + count && status == IST_OK; at++) {
        status = measure_index(brightness, reader, at, &frame, error);
        if (status < 0)
            break;
        for (int i = 0; i < brightness->roi_count; i++)
            brightness->rows[i] =
                (trk_brightness_row){frame.index, frame.number, frame.time_s, i,
                                     trk_brightness_relative(brightness->means[i], brightness->ranges[i], scale)};
        if (!handler(context, with_rows ? brightness->rows : NULL, with_rows ? brightness->roi_count : 0))
            status = IST_END;
    }
    ist_frame_free(&frame);
    return status;
}

ist_status trk_brightness_analyze(trk_brightness *brightness, ist_reader *reader, int64_t first, int64_t count,
                                  trk_brightness_scale scale, trk_brightness_handler *handler, void *context,
                                  ist_error *error)
{
    const int64_t frame_count = ist_reader_get_info(reader)->frame_count;
    if (first < 0 || count < 0 || count > frame_count || first > frame_count - count)
        return trk_fail(error, IST_ERROR_NOT_FOUND, "%lld frames from frame %lld: the store has %lld", (long long)count,
                        (long long)first, (long long)frame_count);
    ist_status status = IST_OK;
    if (scale != TRK_BRIGHTNESS_ABSOLUTE)
        status = pass(brightness, reader, first, count, TRK_BRIGHTNESS_ABSOLUTE, false, handler, context, error);
    if (status == IST_OK)
        status = pass(brightness, reader, first, count, scale, true, handler, context, error);
    return status;
}
