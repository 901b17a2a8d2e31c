#include "plane.h"

#include <string.h>

// ITU-R BT.601 in 1/32768; the three add up to exactly one, so that gray in colour stays as it is.
enum { WEIGHT_B = 3735, WEIGHT_G = 19235, WEIGHT_R = 9798, WEIGHT_HALF = 1 << 14, WEIGHT_SHIFT = 15 };

static void gray_row_u8(uint8_t *gray, const uint8_t *bgr, int width)
{
    for (int x = 0; x < width; x++, bgr += 3)
        gray[x] = (uint8_t)((bgr[0] * WEIGHT_B + bgr[1] * WEIGHT_G + bgr[2] * WEIGHT_R + WEIGHT_HALF) >> WEIGHT_SHIFT);
}

static void gray_row_u16(uint16_t *gray, const uint8_t *row, int width)
{
    for (int x = 0; x < width; x++) {
        uint16_t bgr[3];
        memcpy(bgr, row + (size_t)x * sizeof bgr, sizeof bgr);
        const uint32_t sum = (uint32_t)bgr[0] * WEIGHT_B + (uint32_t)bgr[1] * WEIGHT_G + (uint32_t)bgr[2] * WEIGHT_R;
        gray[x] = (uint16_t)((sum + WEIGHT_HALF) >> WEIGHT_SHIFT);
    }
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
    struct plane plane = {frame->data, frame->stride / sample, frame->width, frame->height, frame->type};
    if (!plane_needs_copy(frame))
        return plane;

    const ptrdiff_t row_bytes = frame->width * sample;
    for (int y = 0; y < frame->height; y++) {
        const uint8_t *from = frame->data + y * frame->stride;
        void *to = (uint8_t *)room + y * row_bytes;
        if (frame->channels == 1)
            memcpy(to, from, (size_t)row_bytes);
        else if (frame->type == IST_PIXEL_U8)
            gray_row_u8(to, from, frame->width);
        else
            gray_row_u16(to, from, frame->width);
    }
    plane.data = room;
    plane.stride = frame->width;
    return plane;
}
