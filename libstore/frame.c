#include <libstore/frame.h>

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "jpeg_shape.h"

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

/* Makes `data` a buffer of the frame's own with room for so many bytes. */
static ist_status reserve(ist_frame *frame, size_t needed, ist_error *error)
{
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
    return IST_OK;
}

ist_status ist_frame_alloc(ist_frame *frame, int width, int height, int channels, ist_pixel_type type, ist_error *error)
{
    if (width < 1 || height < 1 || width > SIZE_MAX_PX || height > SIZE_MAX_PX)
        return error_set(error, IST_ERROR_ARGUMENT, "a picture of %d x %d pixels: each side must be 1 to %d", width,
                         height, SIZE_MAX_PX);
    if (channels != 1 && channels != 3)
        return error_set(error, IST_ERROR_ARGUMENT, "%d channels: only 1 (gray) and 3 (BGR) can be held", channels);

    const size_t row_bytes = (size_t)width * (size_t)channels * ist_pixel_size(type);
    const ist_status status = reserve(frame, row_bytes * (size_t)height, error);
    if (status < 0)
        return status;
    frame->stride = (ptrdiff_t)row_bytes;
    frame->width = width;
    frame->height = height;
    frame->channels = channels;
    frame->type = type;
    frame->encoded_size = 0;
    return IST_OK;
}

ist_status ist_frame_set_jpeg(ist_frame *frame, const void *bytes, size_t size, ist_error *error)
{
    struct jpeg_shape shape;
    ist_status status = jpeg_look(bytes, size, &shape, error);
    if (status >= 0)
        status = reserve(frame, shape.size, error);
    if (status < 0)
        return status;
    memcpy(frame->data, bytes, shape.size);
    frame->stride = 0;
    frame->width = shape.width;
    frame->height = shape.height;
    frame->channels = shape.channels;
    frame->type = IST_PIXEL_U8;
    frame->encoded_size = shape.size;
    return IST_OK;
}

static ist_status copy_pixels(ist_frame *to, const ist_frame *from, ist_error *error)
{
    const ist_status status = ist_frame_alloc(to, from->width, from->height, from->channels, from->type, error);
    for (int y = 0; status >= 0 && y < from->height; y++)
        memcpy(to->data + y * to->stride, from->data + y * from->stride, (size_t)to->stride);
    return status;
}

ist_status ist_frame_copy(ist_frame *to, const ist_frame *from, ist_error *error)
{
    const ist_status status = from->encoded_size ? ist_frame_set_jpeg(to, from->data, from->encoded_size, error)
                                                 : copy_pixels(to, from, error);
    if (status < 0)
        return status;
    to->index = from->index;
    to->number = from->number;
    to->time_s = from->time_s;
    to->camera_time_s = from->camera_time_s;
    return IST_OK;
}

void ist_frame_free(ist_frame *frame)
{
    if (!frame)
        return;
    free(frame->buffer);
    *frame = (ist_frame){0};
}
