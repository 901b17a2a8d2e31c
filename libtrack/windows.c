#include "windows.h"

#include <string.h>

/* The difference of two numbers near each other: what the rounding of doubles may have added is taken off. */
static inline double variance_low(uint64_t sum, uint64_t square, double per_pixel)
{
    // Below 2^63, and the conversion of signed integers is one instruction.
    const double s = (double)(int64_t)sum, q = (double)(int64_t)square;
    return q - s * s * per_pixel - 1e-15 * q;
}

// A column of 65535 samples: 8-bit squares and 16-bit samples add up to less than 2^32. Differences of unsigned
// integers wrap and come out right.
#define DEFINE_WINDOWS(type, square_type)                                                                              \
    static void move_row_##type(struct windows *windows, int y_out, int y_in)                                          \
    {                                                                                                                  \
        uint32_t *restrict sum = windows->column_sum;                                                                  \
        square_type *restrict square = windows->column_square;                                                         \
        const type##_t *row_out = plane_##type(windows->plane, windows->x, y_out);                                     \
        const type##_t *row_in = plane_##type(windows->plane, windows->x, y_in);                                       \
        const int columns = windows->count + windows->width - 1;                                                       \
        for (int i = 0; i < columns; i++) {                                                                            \
            const uint32_t out = row_out[i], in = row_in[i];                                                           \
            sum[i] += in - out;                                                                                        \
            square[i] += (square_type)(in * in) - (square_type)(out * out);                                            \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    static void sum_at_##type(const struct windows *windows, int i, uint64_t *sum, uint64_t *square)                   \
    {                                                                                                                  \
        const uint32_t *column_sum = windows->column_sum;                                                              \
        const square_type *column_square = windows->column_square;                                                     \
        *sum = *square = 0;                                                                                            \
        for (int k = i; k < i + windows->width; k++) {                                                                 \
            *sum += column_sum[k];                                                                                     \
            *square += column_square[k];                                                                               \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    static void sums_##type(const struct windows *windows, uint64_t *restrict sum, uint64_t *restrict square)          \
    {                                                                                                                  \
        const uint32_t *restrict column_sum = windows->column_sum;                                                     \
        const square_type *restrict column_square = windows->column_square;                                            \
        uint64_t s, q;                                                                                                 \
        sum_at_##type(windows, 0, &s, &q);                                                                             \
        sum[0] = s;                                                                                                    \
        square[0] = q;                                                                                                 \
        for (int out = 0, in = windows->width; out < windows->count - 1; out++, in++) {                                \
            sum[out + 1] = s += (uint64_t)column_sum[in] - column_sum[out];                                            \
            square[out + 1] = q += (uint64_t)column_square[in] - column_square[out];                                   \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    static void variance_##type(const struct windows *windows, double *restrict variance)                              \
    {                                                                                                                  \
        const uint32_t *restrict column_sum = windows->column_sum;                                                     \
        const square_type *restrict column_square = windows->column_square;                                            \
        const double per_pixel = 1 / ((double)windows->width * windows->height);                                       \
        uint64_t s, q;                                                                                                 \
        sum_at_##type(windows, 0, &s, &q);                                                                             \
        variance[0] = variance_low(s, q, per_pixel);                                                                   \
        for (int out = 0, in = windows->width; out < windows->count - 1; out++, in++) {                                \
            s += (uint64_t)column_sum[in] - column_sum[out];                                                           \
            q += (uint64_t)column_square[in] - column_square[out];                                                     \
            variance[out + 1] = variance_low(s, q, per_pixel);                                                         \
        }                                                                                                              \
    }

DEFINE_WINDOWS(uint8, uint32_t)
DEFINE_WINDOWS(uint16, uint64_t)

void windows_start(struct windows *windows, int y)
{
    const bool deep = windows->plane->type == IST_PIXEL_U16;
    const size_t columns = (size_t)(windows->count + windows->width - 1);
    memset(windows->column_sum, 0, columns * sizeof(uint32_t));
    memset(windows->column_square, 0, columns * (deep ? sizeof(uint64_t) : sizeof(uint32_t)));
    windows->y = y;
    for (int i = y; i < y + windows->height; i++) {
        if (deep)
            windows->kernels->add_row_u16(windows->column_sum, windows->column_square,
                                          plane_uint16(windows->plane, windows->x, i), (int)columns);
        else
            windows->kernels->add_row_u8(windows->column_sum, windows->column_square,
                                         plane_uint8(windows->plane, windows->x, i), (int)columns);
    }
}

void windows_advance(struct windows *windows)
{
    const int out = windows->y++;
    if (windows->plane->type == IST_PIXEL_U16)
        move_row_uint16(windows, out, out + windows->height);
    else
        move_row_uint8(windows, out, out + windows->height);
}

void windows_row(const struct windows *windows, uint64_t *sum, uint64_t *square)
{
    if (windows->plane->type == IST_PIXEL_U16)
        sums_uint16(windows, sum, square);
    else
        sums_uint8(windows, sum, square);
}

void windows_at(const struct windows *windows, int i, uint64_t *sum, uint64_t *square)
{
    if (windows->plane->type == IST_PIXEL_U16)
        sum_at_uint16(windows, i, sum, square);
    else
        sum_at_uint8(windows, i, sum, square);
}

void windows_variance(const struct windows *windows, double *variance)
{
    if (windows->plane->type == IST_PIXEL_U16)
        variance_uint16(windows, variance);
    else
        variance_uint8(windows, variance);
}
