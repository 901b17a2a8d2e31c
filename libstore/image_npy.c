#include "image.h"

#include <string.h>

#include "error.h"
#include "npy.h"

static ist_status encode_npy(const ist_frame *frame, struct buffer *out, ist_error *error)
{
    const int64_t shape[] = {frame->height, frame->width, frame->channels};
    const bool native_little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
    const char *descr = frame->type == IST_PIXEL_U8 ? "|u1" : native_little ? "<u2" : ">u2";
    const size_t row_bytes = (size_t)(frame->width * frame->channels) * ist_pixel_size(frame->type);
    out->size = 0;
    ist_status status = npy_write_header(out, descr, shape, frame->channels == 1 ? 2 : 3, error);
    if (status >= 0)
        status = buffer_reserve(out, out->size + row_bytes * (size_t)frame->height, error);
    for (int y = 0; y < frame->height && status >= 0; y++)
        status = buffer_append(out, frame->data + y * frame->stride, row_bytes, error);
    return status;
}

// Bytes from one element to the next in each direction.
struct steps {
    size_t row, column, channel;
};

static struct steps find_steps(const struct npy_header *header, int channels)
{
    const size_t item = (size_t)header->item_size;
    const size_t height = (size_t)header->shape[0];
    const size_t width = (size_t)header->shape[1];
    if (header->fortran_order)
        return (struct steps){item, item * height, item * height * width};
    return (struct steps){item * width * (size_t)channels, item * (size_t)channels, item};
}

static void copy_elements(const uint8_t *data, const struct npy_header *header, ist_frame *frame)
{
    const struct steps steps = find_steps(header, frame->channels);
    const bool native_big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
    const bool swap = header->item_size == 2 && (header->byte_order == '>') != native_big;
    const size_t size = ist_pixel_size(frame->type);
    const uint8_t white = header->kind == 'b' ? 255 : 1;
    for (int y = 0; y < frame->height; y++) {
        uint8_t *to = frame->data + y * frame->stride;
        const uint8_t *row = data + (size_t)y * steps.row;
        if (!header->fortran_order && !swap && header->kind == 'u') {
            memcpy(to, row, (size_t)frame->stride);
            continue;
        }
        for (int x = 0; x < frame->width; x++)
            for (int c = 0; c < frame->channels; c++, to += size) {
                const uint8_t *from = row + (size_t)x * steps.column + (size_t)c * steps.channel;
                to[0] = swap ? from[1] : (uint8_t)(from[0] * white);
                if (size == 2)
                    to[1] = from[!swap];
            }
    }
}

static ist_status decode_npy(const uint8_t *data, size_t size, ist_frame *frame, ist_error *error)
{
    struct npy_header header;
    ist_status status = npy_parse_header(data, size, &header, error);
    if (status < 0)
        return status;
    const bool is_flag = header.kind == 'b';
    if (!is_flag && (header.kind != 'u' || header.item_size > 2))
        return error_set(error, IST_ERROR_UNSUPPORTED, "npy: pixels must be uint8 or uint16, not '%c%d'", header.kind,
                         header.item_size);
    const bool is_colour = header.dimensions == 3 && header.shape[2] == 3;
    const bool is_gray = header.dimensions == 2 || (header.dimensions == 3 && header.shape[2] == 1);
    if ((!is_colour && !is_gray) || header.shape[0] > INT32_MAX || header.shape[1] > INT32_MAX)
        return error_set(error, IST_ERROR_DATA, "npy: an array of %d dimensions that is no picture", header.dimensions);
    status = ist_frame_alloc(frame, (int)header.shape[1], (int)header.shape[0], is_colour ? 3 : 1,
                             header.item_size == 2 ? IST_PIXEL_U16 : IST_PIXEL_U8, error);
    if (status < 0) // the caller did not choose this size, the file did
        return status == IST_ERROR_ARGUMENT ? error_prefix(error, IST_ERROR_DATA, "npy") : status;
    copy_elements(data + header.data_offset, &header, frame);
    return IST_OK;
}

const struct image_format image_npy = {
    .extensions = (const char *const[]){"npy", NULL},
    .lossless = true,
    .holds_u16 = true,
    .encode = encode_npy,
    .decode = decode_npy,
};
