#include "image.h"

#include <string.h>

#include "error.h"
#include "npy.h"
#include "npy_picture.h"

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

static ist_status decode_samples(const uint8_t *data, size_t size, int samples, ist_frame *frame, ist_error *error)
{
    struct npy_header header;
    const ist_status status = npy_parse_header(data, size, &header, error);
    if (status < 0)
        return status;
    // There is no checksum, but in a damaged header the sizes do not fit together.
    if (header.data_offset + header.data_size != size)
        return error_set(error, IST_ERROR_DATA, "npy: %zu bytes behind the elements",
                         size - header.data_offset - header.data_size);
    return npy_picture_read(&header, data + header.data_offset, samples, frame, error);
}

static ist_status decode_npy(const uint8_t *data, size_t size, ist_frame *frame, ist_error *error)
{
    return decode_samples(data, size, 0, frame, error);
}

const struct image_format image_npy = {
    .extensions = (const char *const[]){"npy", NULL},
    .lossless = true,
    .holds_u16 = true,
    .encode = encode_npy,
    .decode = decode_npy,
    .decode_raw = decode_samples,
};
