#include "resize.h"

#include <math.h>

/* Two neighbours and the second one's weight. */
struct pair {
    int first, second;
    double fraction;
};

static struct pair pair_at(int i, int pixels, int samples)
{
    const double place = (i + 0.5) * pixels / samples - 0.5;
    if (place <= 0)
        return (struct pair){0, 0, 0};
    if (place >= pixels - 1)
        return (struct pair){pixels - 1, pixels - 1, 0};
    const int first = (int)place;
    return (struct pair){first, first + 1, place - first};
}

static double pixel(const struct plane *plane, int x, int y)
{
    return plane->type == IST_PIXEL_U16 ? *plane_uint16(plane, x, y) : *plane_uint8(plane, x, y);
}

static double mix(double a, double b, double fraction)
{
    return a + fraction * (b - a);
}

void resize_part(const struct plane *plane, const struct part *part, int width, int height, float *out)
{
    for (int y = 0; y < height; y++) {
        const struct pair rows = pair_at(y, part->height, height);
        for (int x = 0; x < width; x++) {
            const struct pair columns = pair_at(x, part->width, width);
            const int left = part->x + columns.first, right = part->x + columns.second;
            const int above = part->y + rows.first, below = part->y + rows.second;
            const double a = mix(pixel(plane, left, above), pixel(plane, right, above), columns.fraction);
            const double b = mix(pixel(plane, left, below), pixel(plane, right, below), columns.fraction);
            *out++ = (float)mix(a, b, rows.fraction);
        }
    }
}

void stretch_to_u16(const float *in, size_t count, uint16_t *out)
{
    float low = in[0], high = in[0];
    for (size_t i = 1; i < count; i++) {
        low = fminf(low, in[i]);
        high = fmaxf(high, in[i]);
    }
    const double factor = high > low ? 65535 / ((double)high - (double)low) : 0;
    for (size_t i = 0; i < count; i++)
        out[i] = (uint16_t)lrint(((double)in[i] - (double)low) * factor);
}
