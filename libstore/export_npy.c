/* All frames as one numpy array. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "export_sink.h"
#include "fs.h"
#include "npy.h"

struct export_sink {
    const struct export_plan *plan;
    int fd;
    ist_frame shape; /* of every frame */
    size_t header_size;
    int64_t frame_count;
    uint8_t *packed; /* rows without gaps */
    size_t row_bytes, frame_bytes;
};

static void close_npy(struct export_sink **sink)
{
    struct export_sink *s = *sink;
    if (!s)
        return;
    if (s->fd >= 0)
        fs_calls.close(s->fd);
    free(s->packed);
    free(s);
    *sink = NULL;
}

static const char *descr_of(ist_pixel_type type)
{
    if (type == IST_PIXEL_U8)
        return "|u1";
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? "<u2" : ">u2";
}

/* Pads the header with blanks, which must end in a line end, to a size that is given. */
static ist_status pad_header(struct buffer *header, size_t size, ist_error *error)
{
    enum { LENGTH_AT = 8, TEXT_AT = 10 };
    const size_t before = header->size;
    const ist_status status = buffer_reserve(header, size, error);
    if (status < 0 || before >= size)
        return status;
    memset(header->data + before - 1, ' ', size - before);
    header->data[size - 1] = '\n';
    header->size = size;
    header->data[LENGTH_AT] = (uint8_t)((size - TEXT_AT) & 0xff);
    header->data[LENGTH_AT + 1] = (uint8_t)((size - TEXT_AT) >> 8);
    return IST_OK;
}

/* Writes the header at the beginning of the file; it keeps the size that it had first. */
static ist_status write_header(struct export_sink *s, int64_t count, ist_error *error)
{
    const int64_t shape[] = {count, s->shape.height, s->shape.width, s->shape.channels};
    struct buffer header = {0};
    ist_status status =
        npy_write_header(&header, descr_of(s->shape.type), shape, s->shape.channels == 1 ? 3 : 4, error);
    if (status >= 0)
        status = pad_header(&header, s->header_size, error);
    if (status >= 0 && fs_calls.seek(s->fd, 0, SEEK_SET) < 0)
        status = error_errno(error, errno, "%s: cannot write", s->plan->path);
    if (status >= 0)
        status = fs_write_all(s->fd, header.data, header.size, s->plan->path, error);
    s->header_size = header.size;
    buffer_free(&header);
    return status;
}

static ist_status open_npy(struct export_sink **sink, const struct export_plan *plan, const ist_frame *first,
                           ist_error *error)
{
    struct export_sink *s = *sink = calloc(1, sizeof *s);
    if (!s)
        return error_memory(error);
    s->plan = plan;
    s->shape =
        (ist_frame){.width = first->width, .height = first->height, .channels = first->channels, .type = first->type};
    s->row_bytes = (size_t)first->width * (size_t)first->channels * ist_pixel_size(first->type);
    s->frame_bytes = s->row_bytes * (size_t)first->height;
    s->packed = malloc(s->frame_bytes);
    s->fd = fs_calls.open(plan->part, O_WRONLY | O_TRUNC, 0);
    if (s->fd < 0)
        return error_errno(error, errno, "%s: cannot create", plan->path);
    return s->packed ? write_header(s, plan->frame_count, error) : error_memory(error);
}

static ist_status add_npy(struct export_sink *s, const ist_frame *frame, ist_error *error)
{
    const uint8_t *data = frame->data;
    if (frame->stride != (ptrdiff_t)s->row_bytes) {
        for (int y = 0; y < frame->height; y++)
            memcpy(s->packed + (size_t)y * s->row_bytes, frame->data + y * frame->stride, s->row_bytes);
        data = s->packed;
    }
    s->frame_count++;
    return fs_write_all(s->fd, data, s->frame_bytes, s->plan->path, error);
}

static ist_status finish_npy(struct export_sink *s, ist_export_report *report, ist_error *error)
{
    (void)report;
    return s->frame_count == s->plan->frame_count ? IST_OK : write_header(s, s->frame_count, error);
}

const struct export_sink_calls export_npy = {open_npy, add_npy, finish_npy, close_npy};
