#include "jpeg_shape.h"

#include <stdint.h>

#include "error.h"

enum {
    START_OF_IMAGE = 0xd8,
    END_OF_IMAGE = 0xd9,
    START_OF_SCAN = 0xda,
    BASELINE = 0xc0,
    PROGRESSIVE = 0xc2,
};

static int big_endian_16(const uint8_t *bytes)
{
    return bytes[0] << 8 | bytes[1];
}

/* The payload of a frame header: precision, height, width, components. */
static ist_status read_frame_header(const uint8_t *payload, size_t size, struct jpeg_shape *shape, ist_error *error)
{
    if (size < 6)
        return error_set(error, IST_ERROR_DATA, "jpeg: its header is damaged");
    shape->height = big_endian_16(payload + 1);
    shape->width = big_endian_16(payload + 3);
    shape->channels = payload[5];
    if (payload[0] != 8 || (shape->channels != 1 && shape->channels != 3))
        return error_set(error, IST_ERROR_UNSUPPORTED, "jpeg: %d bits, %d components: only 8 bits and 1 or 3 are kept",
                         payload[0], shape->channels);
    if (shape->width < 1 || shape->height < 1)
        return error_set(error, IST_ERROR_DATA, "jpeg: its header gives no size");
    return IST_OK;
}

/* Goes from segment to segment up to the first scan, whose place is *scan. */
static ist_status read_segments(const uint8_t *data, size_t size, struct jpeg_shape *shape, size_t *scan,
                                ist_error *error)
{
    for (size_t at = 2; at + 4 <= size;) {
        if (data[at] != 0xff)
            break;
        const int marker = data[at + 1];
        if (marker == 0xff) { // a byte to fill up
            at++;
            continue;
        }
        const size_t length = (size_t)big_endian_16(data + at + 2);
        if (length < 2 || at + 2 + length > size)
            break;
        if (marker == START_OF_SCAN && shape->width > 0) {
            *scan = at + 2 + length;
            return IST_OK;
        }
        if (marker >= BASELINE && marker <= PROGRESSIVE) {
            const ist_status status = read_frame_header(data + at + 4, length - 2, shape, error);
            if (status < 0)
                return status;
        }
        at += 2 + length;
    }
    return error_set(error, IST_ERROR_DATA, "jpeg: its header is damaged, or of a kind that is not supported");
}

ist_status jpeg_look(const void *bytes, size_t size, struct jpeg_shape *shape, ist_error *error)
{
    const uint8_t *data = bytes;
    *shape = (struct jpeg_shape){0};
    if (size < 4 || data[0] != 0xff || data[1] != START_OF_IMAGE)
        return error_set(error, IST_ERROR_DATA, "jpeg: does not begin as one");
    size_t scan = 0;
    const ist_status status = read_segments(data, size, shape, &scan, error);
    if (status < 0)
        return status;
    // In the picture's own data no 0xff stands before such a byte.
    size_t end = size;
    while (end >= scan + 2 && !(data[end - 2] == 0xff && data[end - 1] == END_OF_IMAGE))
        end--;
    if (end < scan + 2)
        return error_set(error, IST_ERROR_DATA, "jpeg: breaks off");
    shape->size = end;
    return IST_OK;
}
