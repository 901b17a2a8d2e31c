#include "barcode.h"

enum { BITS = 16, LEFT = 2, TOP = 1, BLOCK_WIDTH = 5, BLOCK_HEIGHT = 6 };

static void set_sample(ist_frame *frame, int x, int y, int white)
{
    for (int c = 0; c < frame->channels; c++) {
        const int sample = x * frame->channels + c;
        if (frame->type == IST_PIXEL_U16)
            ((uint16_t *)(void *)(frame->data + y * frame->stride))[sample] = white ? UINT16_MAX : 0;
        else
            frame->data[y * frame->stride + sample] = white ? UINT8_MAX : 0;
    }
}

void barcode_draw(ist_frame *frame, int64_t index)
{
    for (int bit = 0; bit < BITS; bit++)
        for (int y = 0; y < BLOCK_HEIGHT; y++)
            for (int x = 0; x < BLOCK_WIDTH; x++)
                set_sample(frame, LEFT + bit * BLOCK_WIDTH + x, TOP + y, (int)(index >> bit) & 1);
}

int64_t barcode_read(const ist_frame *frame)
{
    int64_t index = 0;
    for (int bit = 0; bit < BITS; bit++) {
        const int x = (LEFT + bit * BLOCK_WIDTH + BLOCK_WIDTH / 2) * frame->channels;
        const uint8_t *row = frame->data + (TOP + BLOCK_HEIGHT / 2) * frame->stride;
        const int white = frame->type == IST_PIXEL_U16 ? ((const uint16_t *)(const void *)row)[x] > UINT16_MAX / 2
                                                       : row[x] > UINT8_MAX / 2;
        index |= (int64_t)white << bit;
    }
    return index;
}
