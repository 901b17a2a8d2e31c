#include "npy_picture.h"

#include <string.h>

#include "error.h"

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

static void copy_elements(const uint8_t *data, const struct npy_header *header, int channels, ist_frame *frame)
{
    const struct steps steps = find_steps(header, channels);
    const bool native_big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
    const bool swap = header->item_size == 2 && (header->byte_order == '>') != native_big;
    const size_t size = ist_pixel_size(frame->type);
    const int width = (int)header->shape[1];
    for (int y = 0; y < frame->height; y++) {
        uint8_t *to = frame->data + y * frame->stride;
        const uint8_t *row = data + (size_t)y * steps.row;
        if (!header->fortran_order && !swap && header->kind == 'u') {
            memcpy(to, row, (size_t)frame->stride);
            continue;
        }
        for (int x = 0; x < width; x++)
            for (int c = 0; c < channels; c++, to += size) {
                const uint8_t *from = row + (size_t)x * steps.column + (size_t)c * steps.channel;
                if (header->kind == 'b')
                    to[0] = from[0] ? 255 : 0;
                else
                    to[0] = from[swap];
                if (size == 2)
                    to[1] = from[!swap];
            }
    }
}

// Samples in a pixel of the array; 0: it is no picture.
static int channels_of(const struct npy_header *header, int samples)
{
    if (header->dimensions == 2)
        return samples == 0 ? 1 : 0;
    if (header->dimensions != 3)
        return 0;
    const int64_t depth = header->shape[2];
    const bool fits = samples == 0 ? depth == 1 || depth == 3 : depth == samples;
    return fits ? (int)depth : 0;
}

ist_status npy_picture_read(const struct npy_header *header, const uint8_t *data, int samples, ist_frame *frame,
                            ist_error *error)
{
    if (header->kind != 'b' && (header->kind != 'u' || header->item_size > 2))
        return error_set(error, IST_ERROR_UNSUPPORTED, "npy: pixels must be uint8 or uint16, not '%c%d'", header->kind,
                         header->item_size);
    const int channels = channels_of(header, samples);
    if (channels == 0 || header->shape[0] > UINT16_MAX || header->shape[1] > UINT16_MAX)
        return error_set(error, IST_ERROR_DATA, "npy: an array of %d dimensions that is no picture",
                         header->dimensions);
    const int across = samples == 0 ? 1 : samples;
    const ist_status status =
        ist_frame_alloc(frame, across * (int)header->shape[1], (int)header->shape[0], channels / across,
                        header->item_size == 2 ? IST_PIXEL_U16 : IST_PIXEL_U8, error);
    if (status < 0) // the caller did not choose this size, the file did
        return status == IST_ERROR_ARGUMENT ? error_prefix(error, IST_ERROR_DATA, "npy") : status;
    copy_elements(data, header, channels, frame);
    return IST_OK;
}
