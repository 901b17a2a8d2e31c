#include "fft.h"

#include <libavutil/tx.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "memory.h"

// Columns are worked on in groups as wide as a cache line, so that a group is read and written in whole lines.
enum { GROUP = 8 };

struct fft {
    int width, height;
    int columns;      // complex columns of the half spectrum: width / 2 + 1
    ptrdiff_t stride; // floats from row to row
    float *rows;      // height rows of `columns` complex numbers
    float *line;
    AVComplexFloat *group; // GROUP columns, one after the other
    AVComplexFloat *column;
    AVTXContext *row_forward, *row_inverse, *column_forward, *column_inverse;
    av_tx_fn row_forward_fn, row_inverse_fn, column_forward_fn, column_inverse_fn;
};

bool fft_is_length(int length)
{
    if (length < FFT_LENGTH_MIN || length > FFT_LENGTH_MAX)
        return false;
    // The real transform works on pairs and needs an even half: at least two factors of 2 beside the odd part.
    int twos = 0;
    for (; length % 2 == 0; length /= 2)
        twos++;
    return twos >= 2 && (length == 1 || length == 3 || length == 5 || length == 7 || length == 9 || length == 15);
}

static bool init_transforms(struct fft *fft)
{
    const float scale = 1;
    return av_tx_init(&fft->row_forward, &fft->row_forward_fn, AV_TX_FLOAT_RDFT, 0, fft->width, &scale, 0) >= 0 &&
           av_tx_init(&fft->row_inverse, &fft->row_inverse_fn, AV_TX_FLOAT_RDFT, 1, fft->width, &scale, 0) >= 0 &&
           av_tx_init(&fft->column_forward, &fft->column_forward_fn, AV_TX_FLOAT_FFT, 0, fft->height, &scale, 0) >= 0 &&
           av_tx_init(&fft->column_inverse, &fft->column_inverse_fn, AV_TX_FLOAT_FFT, 1, fft->height, &scale, 0) >= 0;
}

ist_status fft_create(struct fft **fft, int width, int height, ist_error *error)
{
    struct fft *new = *fft = calloc(1, sizeof *new);
    if (!new)
        return trk_fail_memory(error);
    new->width = width;
    new->height = height;
    new->columns = width / 2 + 1;
    // Rows start on cache lines, and not a power of two apart, which would crowd into the same cache sets.
    new->stride = (2 * new->columns + 15) / 16 * 16;
    new->rows = allocate_aligned((size_t) new->stride *(size_t)height, sizeof *new->rows);
    new->line = allocate_aligned((size_t) new->stride, sizeof *new->line);
    new->group = allocate_aligned((size_t)GROUP * (size_t)(height + GROUP), sizeof *new->group);
    new->column = allocate_aligned((size_t)height, sizeof *new->column);
    if (new->rows &&new->line &&new->group &&new->column && init_transforms(new))
        return IST_OK;
    fft_destroy(fft);
    return trk_fail_memory(error);
}

void fft_destroy(struct fft **fft)
{
    struct fft *old = *fft;
    if (!old)
        return;
    av_tx_uninit(&old->row_forward);
    av_tx_uninit(&old->row_inverse);
    av_tx_uninit(&old->column_forward);
    av_tx_uninit(&old->column_inverse);
    free(old->rows);
    free(old->line);
    free(old->group);
    free(old->column);
    free(old);
    *fft = NULL;
}

int fft_width(const struct fft *fft)
{
    return fft->width;
}

int fft_height(const struct fft *fft)
{
    return fft->height;
}

float *fft_line(struct fft *fft)
{
    return fft->line;
}

size_t fft_spectrum_size(int width, int height)
{
    return 2 * (size_t)(width / 2 + 1) * (size_t)height;
}

void fft_put(struct fft *fft, int y)
{
    float *row = fft->rows + y * fft->stride;
    fft->row_forward_fn(fft->row_forward, row, fft->line, sizeof(float));
    // Of a real signal the last one is real; FFmpeg 5.1 leaves its imaginary part unwritten.
    row[fft->width + 1] = 0;
}

void fft_get(struct fft *fft, int y)
{
    fft->row_inverse_fn(fft->row_inverse, fft->line, fft->rows + y * fft->stride, sizeof(AVComplexFloat));
}

/* Columns of a group lie on cache lines of their own: av_tx wants them aligned. */
static AVComplexFloat *group_column(const struct fft *fft, int i)
{
    return fft->group + (ptrdiff_t)i * ((fft->height + GROUP - 1) / GROUP * GROUP);
}

static void gather(struct fft *fft, int first, int count, int rows)
{
    for (int i = 0; i < count; i++) {
        const AVComplexFloat *from = (const AVComplexFloat *)(const void *)fft->rows + first + i;
        AVComplexFloat *to = group_column(fft, i);
        for (int y = 0; y < rows; y++)
            to[y] = from[y * (fft->stride / 2)];
        memset(to + rows, 0, (size_t)(fft->height - rows) * sizeof *to);
    }
}

static void scatter(struct fft *fft, int first, int count, int rows)
{
    for (int i = 0; i < count; i++) {
        const AVComplexFloat *from = group_column(fft, i);
        AVComplexFloat *to = (AVComplexFloat *)(void *)fft->rows + first + i;
        for (int y = 0; y < rows; y++)
            to[y * (fft->stride / 2)] = from[y];
    }
}

static int group_size(const struct fft *fft, int first)
{
    return fft->columns - first < GROUP ? fft->columns - first : GROUP;
}

void fft_template(struct fft *fft, int rows, float *spectrum)
{
    // The inverse transforms do not divide by the number of samples; here it costs nothing.
    const float scale = 1.0f / ((float)fft->width * (float)fft->height);
    for (int first = 0; first < fft->columns; first += GROUP) {
        const int count = group_size(fft, first);
        gather(fft, first, count, rows);
        for (int i = 0; i < count; i++) {
            fft->column_forward_fn(fft->column_forward, fft->column, group_column(fft, i), sizeof(AVComplexFloat));
            for (int y = 0; y < fft->height; y++) {
                *spectrum++ = fft->column[y].re * scale;
                *spectrum++ = -fft->column[y].im * scale; // correlation: the conjugate
            }
        }
    }
}

static void multiply(AVComplexFloat *restrict a, const float *restrict b, int count)
{
    for (int i = 0; i < count; i++) {
        const float re = a[i].re * b[2 * i] - a[i].im * b[2 * i + 1];
        const float im = a[i].re * b[2 * i + 1] + a[i].im * b[2 * i];
        a[i].re = re;
        a[i].im = im;
    }
}

void fft_correlate(struct fft *fft, int rows, int rows_out, const float *spectrum)
{
    for (int first = 0; first < fft->columns; first += GROUP) {
        const int count = group_size(fft, first);
        gather(fft, first, count, rows);
        for (int i = 0; i < count; i++) {
            AVComplexFloat *column = group_column(fft, i);
            fft->column_forward_fn(fft->column_forward, fft->column, column, sizeof *column);
            multiply(fft->column, spectrum + 2 * (ptrdiff_t)(first + i) * fft->height, fft->height);
            fft->column_inverse_fn(fft->column_inverse, column, fft->column, sizeof *column);
        }
        scatter(fft, first, count, rows_out);
    }
}
