#include "plane.h"

#include <string.h>

#include "fail.h"

// ITU-R BT.601 in 1/32768; the three add up to exactly one, so that gray in colour stays as it is.
enum { WEIGHT_B = 3735, WEIGHT_G = 19235, WEIGHT_R = 9798, WEIGHT_HALF = 1 << 14, WEIGHT_SHIFT = 15 };

static inline uint32_t gray_of(uint32_t b, uint32_t g, uint32_t r)
{
    return (b * WEIGHT_B + g * WEIGHT_G + r * WEIGHT_R + WEIGHT_HALF) >> WEIGHT_SHIFT;
}

/* One sample of 16 bits, wherever it lies. */
static inline uint16_t load_u16(const uint8_t *row, int i)
{
    uint16_t sample;
    memcpy(&sample, row + (size_t)i * sizeof sample, sizeof sample);
    return sample;
}

// A row of gray from a frame's row; the same for every kind of samples, to integers or floats.
#define DEFINE_GRAY_ROW(name, out_type)                                                                                \
    static void name(out_type *restrict gray, const ist_frame *frame, int y)                                           \
    {                                                                                                                  \
        const uint8_t *restrict row = frame->data + y * frame->stride;                                                 \
        if (frame->type == IST_PIXEL_U8 && frame->channels == 1)                                                       \
            for (int x = 0; x < frame->width; x++)                                                                     \
                gray[x] = (out_type)row[x];                                                                            \
        else if (frame->type == IST_PIXEL_U8)                                                                          \
            for (int x = 0; x < frame->width; x++)                                                                     \
                gray[x] = (out_type)gray_of(row[3 * x], row[3 * x + 1], row[3 * x + 2]);                               \
        else if (frame->channels == 1)                                                                                 \
            for (int x = 0; x < frame->width; x++)                                                                     \
                gray[x] = (out_type)load_u16(row, x);                                                                  \
        else                                                                                                           \
            for (int x = 0; x < frame->width; x++)                                                                     \
                gray[x] = (out_type)gray_of(load_u16(row, 3 * x), load_u16(row, 3 * x + 1), load_u16(row, 3 * x + 2)); \
    }

DEFINE_GRAY_ROW(gray_row_u8, uint8_t)
DEFINE_GRAY_ROW(gray_row_u16, uint16_t)
DEFINE_GRAY_ROW(gray_row_float, float)

void plane_gray_row(const ist_frame *frame, int y, float *gray)
{
    gray_row_float(gray, frame, y);
}

ist_status plane_check_picture(int width, int height, int channels, ist_pixel_type type, ist_error *error)
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

ist_status plane_check_frame(const ist_frame *frame, int width, int height, int channels, ist_pixel_type type,
                             ist_error *error)
{
    if (frame->width == width && frame->height == height && frame->channels == channels && frame->type == type)
        return IST_OK;
    return trk_fail(error, IST_ERROR_ARGUMENT,
                    "frame %lld: %d x %d pixels, %d channels, %d bits; expected are %d x %d, %d channels, %d bits",
                    (long long)frame->index, frame->width, frame->height, frame->channels,
                    8 * (int)ist_pixel_size(frame->type), width, height, channels, 8 * (int)ist_pixel_size(type));
}

bool plane_needs_copy(const ist_frame *frame)
{
    if (frame->channels != 1)
        return true;
    return frame->type == IST_PIXEL_U16 && (((uintptr_t)frame->data | (uintptr_t)frame->stride) & 1) != 0;
}

struct plane plane_from_frame(const ist_frame *frame, void *room)
{
    const ptrdiff_t sample = (ptrdiff_t)ist_pixel_size(frame->type);
    struct plane plane = {.data = frame->data,
                          .stride = frame->stride / sample,
                          .width = frame->width,
                          .height = frame->height,
                          .type = frame->type};
    if (!plane_needs_copy(frame))
        return plane;

    plane.data = room;
    plane.stride = frame->width;
    for (int y = 0; y < frame->height; y++) {
        if (frame->type == IST_PIXEL_U8)
            gray_row_u8((uint8_t *)room + y * plane.stride, frame, y);
        else
            gray_row_u16((uint16_t *)room + y * plane.stride, frame, y);
    }
    return plane;
}
