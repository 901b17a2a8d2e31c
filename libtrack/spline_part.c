#include "spline_part.h"

#include <math.h>
#include <stdlib.h>

#include "fail.h"
#include "memory.h"
#include "refine.h"

enum { SPLINE_REACH = 2 }; // coefficients needed on each side of a point

/*
 * The filters from samples to the spline coefficients of the smoothed picture: the kernel, then the inverse of the
 * B-spline's own (1 4 1) / 6, whose response is sqrt(3) z^|k| with z = sqrt(3) - 2 (Unser, Splines, 1999).
 */
static void make_filter(float taps[SPLINE_FINE][SPLINE_TAPS])
{
    enum { FAR = 16 };
    const double z = sqrt(3) - 2;
    for (int phase = 0; phase < SPLINE_FINE; phase++) {
        double filter[SPLINE_TAPS] = {0}, total = 0;
        for (int k = 0; k < SPLINE_TAPS; k++) {
            for (int i = -FAR; i <= FAR; i++) {
                const double place = k - SPLINE_MARGIN - (double)(phase + i) / SPLINE_FINE;
                filter[k] += refine_kernel(place, SPLINE_SIGMA_PX) * pow(z, abs(i));
            }
            total += filter[k];
        }
        for (int k = 0; k < SPLINE_TAPS; k++)
            taps[phase][k] = (float)(filter[k] / total);
    }
}

/* The covariance of white noise that went through a kernel, of places `lag` apart. */
static double covariance(const double *kernel, int taps, int lag)
{
    double sum = 0;
    for (int k = 0; k + abs(lag) < taps; k++)
        sum += kernel[k] * kernel[k + abs(lag)];
    return sum;
}

static void make_noise(struct spline_room *room)
{
    // From samples to values at whole pixels, and to slopes: of the coefficients half a pixel before, there and behind.
    enum { TAPS = SPLINE_TAPS + 1 };
    double value[TAPS] = {0}, slope[TAPS] = {0};
    for (int k = 0; k < SPLINE_TAPS; k++) {
        value[k] += (double)room->taps[1][k] / 6;
        value[k + 1] += (double)room->taps[0][k] * 4 / 6 + (double)room->taps[1][k] / 6;
        slope[k] -= (double)room->taps[1][k];
        slope[k + 1] += (double)room->taps[1][k];
    }
    double across = 0, along = 0;
    for (int lag = 1 - TAPS; lag < TAPS; lag++) {
        across += covariance(value, TAPS, lag) * covariance(value, TAPS, lag);
        along += covariance(slope, TAPS, lag) * covariance(value, TAPS, lag);
    }
    const double kept = covariance(value, TAPS, 0);
    struct spline_noise *noise = &room->noise;
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
        .rows = allocate_aligned(samples, SPLINE_FINE * sizeof(float)),
        .spline = allocate_aligned(samples, SPLINE_FINE * SPLINE_FINE * sizeof(float)),
        .line = allocate_aligned(samples, sizeof(float)),
    };
    make_filter(room->taps);
    make_noise(room);
    return room->samples && room->rows && room->spline && room->line ? IST_OK : trk_fail_memory(error);
}

void spline_room_finish(struct spline_room *room)
{
    free(room->samples);
    free(room->rows);
    free(room->spline);
    free(room->line);
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

/* Coefficients along a row, from its samples. */
static void filter_row(struct spline_room *room, const struct kernels *kernels, const float *samples, int columns,
                       float *row)
{
    for (int phase = 0; phase < SPLINE_FINE; phase++) {
        kernels->filter(room->line, samples, columns, 1, room->taps[phase], SPLINE_TAPS);
        for (int i = 0; i < columns; i++)
            row[SPLINE_FINE * i + phase] = room->line[i];
    }
}

void part_fill(struct spline_part *part, struct spline_room *room, const struct kernels *kernels,
               const struct plane *plane, int offset)
{
    const ptrdiff_t sample_stride = part_sample_stride(part), stride = part_stride(part);
    const int rows = part->rows + 2 * SPLINE_MARGIN;
    for (int j = 0; j < rows; j++) {
        float *samples = room->samples + j * sample_stride;
        for (int i = 0; i < sample_stride; i++)
            samples[i] = block_mean(plane, part->shift_x + (part->left - SPLINE_MARGIN + i) * part->scale,
                                    part->shift_y + (part->top - SPLINE_MARGIN + j) * part->scale, part->scale) -
                         (float)offset;
        filter_row(room, kernels, samples, part->columns, room->rows + j * stride);
    }
    for (int j = 0; j < SPLINE_FINE * part->rows; j++)
        kernels->filter(room->spline + j * stride, room->rows + j / SPLINE_FINE * stride, (int)stride, stride,
                        room->taps[j % SPLINE_FINE], SPLINE_TAPS);
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
    *gx = SPLINE_FINE * part_weigh(part, point, steep_across, down);
    *gy = SPLINE_FINE * part_weigh(part, point, across, steep_down);
    return part_weigh(part, point, across, down);
}
