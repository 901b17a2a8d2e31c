#include <libstore/frame.h>

#include <stdlib.h>
#include <string.h>

#include "error.h"

enum { SIZE_MAX_PX = 65535, CACHE_LINE = 64 };

const char *ist_drop_cause_name(ist_drop_cause cause)
{
    static const char *const names[IST_DROP_CAUSE_COUNT] = {
        [IST_DROP_CAMERA] = "camera", [IST_DROP_BUS] = "bus", [IST_DROP_QUEUE] = "queue"};
    return cause >= 0 && cause < IST_DROP_CAUSE_COUNT ? names[cause] : "unknown";
}

size_t ist_pixel_size(ist_pixel_type type)
{
    return type == IST_PIXEL_U16 ? 2 : 1;
}

ist_status ist_frame_alloc(ist_frame *frame, int width, int height, int channels, ist_pixel_type type, ist_error *error)
{
    if (width < 1 || height < 1 || width > SIZE_MAX_PX || height > SIZE_MAX_PX)
        return error_set(error, IST_ERROR_ARGUMENT, "a picture of %d x %d pixels: each side must be 1 to %d", width,
                         height, SIZE_MAX_PX);
    if (channels != 1 && channels != 3)
        return error_set(error, IST_ERROR_ARGUMENT, "%d channels: only 1 (gray) and 3 (BGR) can be held", channels);

    const size_t row_bytes = (size_t)width * (size_t)channels * ist_pixel_size(type);
    const size_t needed = row_bytes * (size_t)height;
    if (!frame->buffer || frame->buffer_capacity < needed) {
        // Room behind the last pixel lets vector code read whole registers.
        void *buffer = aligned_alloc(CACHE_LINE, (needed + 2 * CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
        if (!buffer)
            return error_memory(error);
        free(frame->buffer);
        frame->buffer = buffer;
        frame->buffer_capacity = needed;
    }
    frame->data = frame->buffer;
    frame->stride = (ptrdiff_t)row_bytes;
    frame->width = width;
    frame->height = height;
    frame->channels = channels;
    frame->type = type;
    return IST_OK;
}

ist_status ist_frame_copy(ist_frame *to, const ist_frame *from, ist_error *error)
{
    const ist_status status = ist_frame_alloc(to, from->width, from->height, from->channels, from->type, error);
    if (status < 0)
        return status;
    for (int y = 0; y < from->height; y++)
        memcpy(to->data + y * to->stride, from->data + y * from->stride, (size_t)to->stride);
    to->index = from->index;
    to->number = from->number;
    to->time_s = from->time_s;
    return IST_OK;
}

void ist_frame_free(ist_frame *frame)
{
    if (!frame)
        return;
    free(frame->buffer);
    *frame = (ist_frame){0};
}
