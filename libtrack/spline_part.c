#include "spline_part.h"

#include <math.h>
#include <stdlib.h>

#include "fail.h"
#include "memory.h"

enum { SPLINE_REACH = 2 }; // coefficients needed on each side of a point

/*
 * The filter from samples to the spline coefficients of the smoothed picture: a Gaussian, then the inverse of the
 * B-spline's own (1 4 1) / 6, whose response is sqrt(3) z^|k| with z = sqrt(3) - 2 (Unser, Splines, 1999).
 */
static void make_filter(float taps[SPLINE_TAPS])
{
    enum { FAR = 40 };
    const double z = sqrt(3) - 2;
    double filter[SPLINE_TAPS], total = 0;
    for (int k = 0; k < SPLINE_TAPS; k++) {
        filter[k] = 0;
        for (int i = -FAR; i <= FAR; i++)
            filter[k] +=
                exp(-(double)(i * i) / (2 * SPLINE_SIGMA_PX * SPLINE_SIGMA_PX)) * pow(z, abs(k - SPLINE_MARGIN - i));
        total += filter[k];
    }
    for (int k = 0; k < SPLINE_TAPS; k++)
        taps[k] = (float)(filter[k] / total);
}

/* The covariance of white noise that went through a kernel, of places `lag` apart. */
static double covariance(const double *kernel, int taps, int lag)
{
    double sum = 0;
    for (int k = 0; k + abs(lag) < taps; k++)
        sum += kernel[k] * kernel[k + abs(lag)];
    return sum;
}

static void make_noise(struct spline_noise *noise, const float taps[SPLINE_TAPS])
{
    // From samples to values at whole pixels, and to slopes: the weights of three coefficients behind the filter.
    enum { TAPS = SPLINE_TAPS + 2 };
    double value[TAPS] = {0}, slope[TAPS] = {0};
    for (int k = 0; k < SPLINE_TAPS; k++) {
        value[k] += (double)taps[k] / 6;
        value[k + 1] += (double)taps[k] * 4 / 6;
        value[k + 2] += (double)taps[k] / 6;
        slope[k] -= (double)taps[k] / 2;
        slope[k + 2] += (double)taps[k] / 2;
    }
    double across = 0, along = 0;
    for (int lag = 1 - TAPS; lag < TAPS; lag++) {
        across += covariance(value, TAPS, lag) * covariance(value, TAPS, lag);
        along += covariance(slope, TAPS, lag) * covariance(value, TAPS, lag);
    }
    const double kept = covariance(value, TAPS, 0);
    noise->value = kept * kept;
    noise->slope = kept * covariance(slope, TAPS, 0);
    noise->slope_value = along * across;
    for (int i = 0; i < SPLINE_LAGS; i++)
        noise->covariance[i] = (float)covariance(value, TAPS, i - SPLINE_LAGS / 2);
}

ist_status spline_room_init(struct spline_room *room, size_t samples, ist_error *error)
{
    *room = (struct spline_room){
        .samples = allocate_aligned(samples, sizeof(float)),
        .rows = allocate_aligned(samples, sizeof(float)),
        .spline = allocate_aligned(samples, sizeof(float)),
    };
    make_filter(room->taps);
    make_noise(&room->noise, room->taps);
    return room->samples && room->rows && room->spline ? IST_OK : trk_fail_memory(error);
}

void spline_room_finish(struct spline_room *room)
{
    free(room->samples);
    free(room->rows);
    free(room->spline);
    *room = (struct spline_room){0};
}

double sample_mirrored(const struct plane *plane, int x, int y)
{
    x = plane_mirror(x, plane->width);
    y = plane_mirror(y, plane->height);
    if (plane->fine)
        return (double)plane->fine[y * plane->stride + x];
    return plane->type == IST_PIXEL_U16 ? *plane_uint16(plane, x, y) : *plane_uint8(plane, x, y);
}

/* The mean over a block of the picture, mirrored at its border. */
static float block_mean(const struct plane *plane, int x, int y, int scale)
{
    double sum = 0;
    for (int j = y; j < y + scale; j++)
        for (int i = x; i < x + scale; i++)
            sum += sample_mirrored(plane, i, j);
    return (float)(sum / (scale * scale));
}

struct spline_part part_around(int scale, double x, double y, double reach_x, double reach_y, double radius)
{
    const int left = (int)floor(x - reach_x - radius) - SPLINE_REACH;
    const int top = (int)floor(y - reach_y - radius) - SPLINE_REACH;
    return (struct spline_part){.scale = scale,
                                .left = left,
                                .top = top,
                                .columns = (int)ceil(x + reach_x + radius) + SPLINE_REACH + 1 - left,
                                .rows = (int)ceil(y + reach_y + radius) + SPLINE_REACH + 1 - top};
}

void part_fill(struct spline_part *part, struct spline_room *room, const struct kernels *kernels,
               const struct plane *plane, int offset)
{
    const float *taps = room->taps;
    const ptrdiff_t stride = part_sample_stride(part);
    const int rows = part->rows + 2 * SPLINE_MARGIN;
    for (int j = 0; j < rows; j++) {
        float *line = room->samples + j * stride;
        for (int i = 0; i < stride; i++)
            line[i] = block_mean(plane, part->shift_x + (part->left - SPLINE_MARGIN + i) * part->scale,
                                 part->shift_y + (part->top - SPLINE_MARGIN + j) * part->scale, part->scale) -
                      (float)offset;
        kernels->filter(room->rows + (ptrdiff_t)j * part->columns, line, part->columns, 1, taps, SPLINE_TAPS);
    }
    for (int j = 0; j < part->rows; j++)
        kernels->filter(room->spline + (ptrdiff_t)j * part->columns, room->rows + (ptrdiff_t)j * part->columns,
                        part->columns, part->columns, taps, SPLINE_TAPS);
    part->samples = room->samples;
    part->spline = room->spline;
}

/* The slopes of the same weights as in spline_weights(). */
static void spline_slopes(float f, float weights[4])
{
    const float g = 1 - f;
    weights[0] = -g * g / 2;
    weights[1] = f * (3 * f - 4) / 2;
    weights[2] = -g * (3 * g - 4) / 2;
    weights[3] = f * f / 2;
}

float part_value_and_slopes(const struct spline_part *part, const struct spline_point *point, float *gx, float *gy)
{
    float across[4], down[4], steep_across[4], steep_down[4];
    spline_weights(point->f, across);
    spline_weights(point->g, down);
    spline_slopes(point->f, steep_across);
    spline_slopes(point->g, steep_down);
    *gx = part_weigh(part, point, steep_across, down);
    *gy = part_weigh(part, point, across, steep_down);
    return part_weigh(part, point, across, down);
}
