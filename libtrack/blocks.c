#include "blocks.h"

#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "memory.h"

ist_status blocks_init(struct blocks *blocks, int width, int height, ist_error *error)
{
    const size_t count = (size_t)(width / BLOCK + 1) * (size_t)(height / BLOCK + 1);
    blocks->sum = allocate_aligned(count, sizeof *blocks->sum);
    blocks->square = allocate_aligned(count, sizeof *blocks->square);
    return blocks->sum && blocks->square ? IST_OK : trk_fail_memory(error);
}

void blocks_finish(struct blocks *blocks)
{
    free(blocks->sum);
    free(blocks->square);
    *blocks = (struct blocks){0};
}

void blocks_fill(struct blocks *blocks, const struct kernels *kernels, const struct plane *plane, int x, int y,
                 int width, int height, uint32_t *column_sum, void *column_square)
{
    blocks->columns = width / BLOCK;
    blocks->rows = height / BLOCK;
    struct windows windows = {
        .kernels = kernels,
        .plane = plane,
        .x = x,
        .count = blocks->columns * BLOCK - BLOCK + 1,
        .width = BLOCK,
        .height = BLOCK,
        .column_sum = column_sum,
        .column_square = column_square,
    };
    const bool deep = plane->type == IST_PIXEL_U16;
    const int stride = blocks->columns + 1;
    memset(blocks->sum, 0, (size_t)stride * sizeof *blocks->sum);
    memset(blocks->square, 0, (size_t)stride * sizeof *blocks->square);
    for (int row = 0; row < blocks->rows && blocks->columns > 0; row++) {
        windows_start(&windows, y + row * BLOCK);
        uint64_t *sum = blocks->sum + (row + 1) * stride, *square = blocks->square + (row + 1) * stride;
        uint64_t row_sum = 0, row_square = 0;
        sum[0] = square[0] = 0;
        for (int i = 0; i < blocks->columns; i++) {
            for (int column = i * BLOCK; column < (i + 1) * BLOCK; column++) {
                row_sum += column_sum[column];
                row_square +=
                    deep ? ((const uint64_t *)column_square)[column] : ((const uint32_t *)column_square)[column];
            }
            sum[i + 1] = sum[i + 1 - stride] + row_sum;
            square[i + 1] = square[i + 1 - stride] + row_square;
        }
    }
}

/* What lies in the rectangle of this size whose upper left corner is `area`. */
static double inside(const uint64_t *area, int columns, ptrdiff_t rows_stride)
{
    return (double)(int64_t)(area[rows_stride + columns] - area[rows_stride] - area[columns] + area[0]);
}

void blocks_variance(const struct blocks *blocks, int row, int count, int width, int height, double *variance)
{
    // All windows of a group hold the blocks from the next one on, up to the last that the group's first window holds.
    const int columns = width / BLOCK - 1, rows = height / BLOCK - 1, stride = blocks->columns + 1;
    if (columns < 1 || rows < 1) {
        memset(variance, 0, (size_t)count * sizeof *variance);
        return;
    }
    const double per_pixel = 1 / ((double)columns * rows * BLOCK * BLOCK);
    for (int i = 0; i < count; i++) {
        const ptrdiff_t at = (ptrdiff_t)(row + 1) * stride + i + 1;
        const double sum = inside(blocks->sum + at, columns, (ptrdiff_t)rows * stride);
        const double square = inside(blocks->square + at, columns, (ptrdiff_t)rows * stride);
        // What the rounding of doubles may have added is taken off.
        variance[i] = square - sum * sum * per_pixel - 1e-15 * square;
    }
}
