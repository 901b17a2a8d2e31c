#include "shrink.h"

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

int shrink_side(int side, int factor)
{
    return (side + factor - 1) / factor;
}

/* Mean colour of columns left..right-1 in rows top..bottom-1. */
static uint32_t mean_colour(const uint32_t *pixels, int width, int left, int top, int right, int bottom)
{
    uint64_t red = 0, green = 0, blue = 0;
    for (int y = top; y < bottom; y++)
        for (int x = left; x < right; x++) {
            const uint32_t pixel = pixels[(int64_t)y * width + x];
            red += pixel >> 16 & 0xff;
            green += pixel >> 8 & 0xff;
            blue += pixel & 0xff;
        }
    const uint64_t count = (uint64_t)(right - left) * (uint64_t)(bottom - top), half = count / 2;
    return 0xff000000U | (uint32_t)((red + half) / count) << 16 | (uint32_t)((green + half) / count) << 8 |
           (uint32_t)((blue + half) / count);
}

void shrink(const uint32_t *pixels, int width, int height, int factor, uint32_t *small)
{
    for (int y = 0; y < height; y += factor)
        for (int x = 0; x < width; x += factor)
            *small++ = mean_colour(pixels, width, x, y, smaller(x + factor, width), smaller(y + factor, height));
}
