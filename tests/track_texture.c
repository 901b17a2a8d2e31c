#include "track_texture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

uint64_t random_bits(struct random *random)
{
    // splitmix64
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

double random_uniform(struct random *random)
{
    return (double)(random_bits(random) >> 11) * 0x1p-53;
}

double random_normal(struct random *random)
{
    const double radius = sqrt(-2 * log(1 - random_uniform(random)));
    return radius * cos(2 * M_PI * random_uniform(random));
}

uint64_t random_seed(void)
{
    const char *given = getenv("TRACK_TEST_SEED");
    const uint64_t seed = given ? strtoull(given, NULL, 0) : 20240607;
    printf("TRACK_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

struct texture texture_make(struct random *random, double shortest, double longest, double level, double contrast)
{
    struct texture texture = {.level = level, .contrast = contrast, .amplitude = contrast * sqrt(2.0 / TEXTURE_WAVES)};
    for (int i = 0; i < TEXTURE_WAVES; i++) {
        const double wavelength = shortest * pow(longest / shortest, random_uniform(random));
        const double direction = 2 * M_PI * random_uniform(random);
        texture.kx[i] = 2 * M_PI / wavelength * cos(direction);
        texture.ky[i] = 2 * M_PI / wavelength * sin(direction);
        texture.phase[i] = 2 * M_PI * random_uniform(random);
    }
    return texture;
}

struct texture texture_turn(const struct texture *texture, double angle_rad, double x, double y)
{
    struct texture turned = *texture;
    const double c = cos(angle_rad), s = sin(angle_rad);
    for (int i = 0; i < TEXTURE_WAVES; i++) {
        turned.kx[i] = c * texture->kx[i] - s * texture->ky[i];
        turned.ky[i] = s * texture->kx[i] + c * texture->ky[i];
        turned.phase[i] += (texture->kx[i] - turned.kx[i]) * x + (texture->ky[i] - turned.ky[i]) * y;
    }
    return turned;
}

double texture_at(const struct texture *texture, double x, double y, double *slope_x, double *slope_y)
{
    double value = 0, sx = 0, sy = 0;
    for (int i = 0; i < TEXTURE_WAVES; i++) {
        const double angle = texture->kx[i] * x + texture->ky[i] * y + texture->phase[i];
        value += cos(angle);
        if (slope_x) {
            const double slope = -sin(angle);
            sx += slope * texture->kx[i];
            sy += slope * texture->ky[i];
        }
    }
    if (slope_x) {
        *slope_x = sx * texture->amplitude;
        *slope_y = sy * texture->amplitude;
    }
    return texture->level + value * texture->amplitude;
}

/* cos and sin of k (i - d) + phase for every i below `count`. */
static void wave_along(double k, double d, double phase, int count, double *cosine, double *sine)
{
    for (int i = 0; i < count; i++) {
        const double angle = k * (i - d) + phase;
        cosine[i] = cos(angle);
        sine[i] = sin(angle);
    }
}

/*
 * Values, and slopes unless they are NULL, at whole pixels less dx, dy. The waves are added up by
 * cos(a + b) = cos a cos b - sin a sin b, as exact as one by one, at a hundredth of the cosines.
 */
static void texture_values(const struct texture *texture, int width, int height, double dx, double dy, double *values,
                           double *slopes_x, double *slopes_y)
{
    const int n = width * height;
    double *room = calloc(2 * ((size_t)width + (size_t)height), sizeof *room);
    double *cos_x = room, *sin_x = cos_x + width, *cos_y = sin_x + width, *sin_y = cos_y + height;
    for (int i = 0; i < n; i++)
        values[i] = texture->level;
    for (int i = 0; i < TEXTURE_WAVES; i++) {
        const double amplitude = texture->amplitude;
        wave_along(texture->kx[i], dx, 0, width, cos_x, sin_x);
        wave_along(texture->ky[i], dy, texture->phase[i], height, cos_y, sin_y);
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++)
                values[y * width + x] += amplitude * (cos_x[x] * cos_y[y] - sin_x[x] * sin_y[y]);
        for (int at = 0; slopes_x && at < n; at++) {
            const int x = at % width, y = at / width;
            const double slope = -amplitude * (sin_x[x] * cos_y[y] + cos_x[x] * sin_y[y]);
            slopes_x[at] += slope * texture->kx[i];
            slopes_y[at] += slope * texture->ky[i];
        }
    }
    free(room);
}

void texture_draw(const struct texture *texture, ist_frame *frame, double dx, double dy, double noise,
                  struct random *random)
{
    const double white = frame->type == IST_PIXEL_U16 ? 65535 : 255;
    double *values = calloc((size_t)frame->width * (size_t)frame->height, sizeof *values);
    texture_values(texture, frame->width, frame->height, dx, dy, values, NULL, NULL);
    for (int y = 0; y < frame->height; y++)
        for (int x = 0; x < frame->width; x++) {
            double value = values[y * frame->width + x];
            if (noise != 0)
                value += noise * random_normal(random);
            value = fmin(white, fmax(0, round(value)));
            uint8_t *row = frame->data + y * frame->stride;
            for (int c = 0; c < frame->channels; c++) {
                if (frame->type == IST_PIXEL_U16)
                    ((uint16_t *)(void *)row)[x * frame->channels + c] = (uint16_t)value;
                else
                    row[x * frame->channels + c] = (uint8_t)value;
            }
        }
    free(values);
}

/* What is left of the sum of a(x) b(x) when mean and texture, which brightness and gain take up, are taken out. */
static double left_over(const double *a, const double *b, const double *t, int n)
{
    double sum_a = 0, sum_b = 0, sum_t = 0, ab = 0, at = 0, bt = 0, tt = 0;
    for (int i = 0; i < n; i++) {
        sum_a += a[i];
        sum_b += b[i];
        sum_t += t[i];
        ab += a[i] * b[i];
        at += a[i] * t[i];
        bt += b[i] * t[i];
        tt += t[i] * t[i];
    }
    ab -= sum_a * sum_b / n;
    at -= sum_a * sum_t / n;
    bt -= sum_b * sum_t / n;
    tt -= sum_t * sum_t / n;
    return ab - at * bt / tt;
}

double texture_bound(const struct texture *texture, int x, int y, int width, int height, double noise)
{
    const int n = width * height;
    double *t = calloc(3 * (size_t)n, sizeof *t), *gx = t + n, *gy = t + 2 * n;
    texture_values(texture, width, height, -x, -y, t, gx, gy);
    const double xx = left_over(gx, gx, t, n), yy = left_over(gy, gy, t, n), xy = left_over(gx, gy, t, n);
    free(t);
    const double variance = 2 * noise * noise;
    const double mean_square = variance * (xx + yy) / (xx * yy - xy * xy) / 2;
    return sqrt(mean_square);
}
