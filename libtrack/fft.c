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
    ptrdiff_t stride; // complex numbers from a pair of rows to the next
    // A pair of rows each, and one more: pair p is transformed into slot p + 1, and back into slot p.
    AVComplexFloat *pairs;
    AVComplexFloat *line;
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
    return av_tx_init(&fft->row_forward, &fft->row_forward_fn, AV_TX_FLOAT_FFT, 0, fft->width, &scale, 0) >= 0 &&
           av_tx_init(&fft->row_inverse, &fft->row_inverse_fn, AV_TX_FLOAT_FFT, 1, fft->width, &scale, 0) >= 0 &&
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
    new->stride = (width + 15) / 8 * 8;
    new->pairs = allocate_aligned((size_t) new->stride *(size_t)(height / 2 + 1), sizeof *new->pairs);
    new->line = allocate_aligned((size_t)width, sizeof *new->line);
    new->group = allocate_aligned((size_t)GROUP * (size_t)(height + 2 * GROUP), sizeof *new->group);
    new->column = allocate_aligned((size_t)height, sizeof *new->column);
    if (new->pairs &&new->line &&new->group &&new->column && init_transforms(new))
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
    free(old->pairs);
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
    return &fft->line->re;
}

size_t fft_spectrum_size(int width, int height)
{
    return 2 * (size_t)(width / 2 + 1) * (size_t)height;
}

static AVComplexFloat *slot(const struct fft *fft, int pair)
{
    return fft->pairs + pair * fft->stride;
}

void fft_put(struct fft *fft, int y)
{
    AVComplexFloat *pair = slot(fft, y / 2 + 1);
    fft->row_forward_fn(fft->row_forward, pair, fft->line, sizeof(AVComplexFloat));
    pair[fft->width] = pair[0]; // the mirror of column 0
}

const float *fft_get(struct fft *fft, int y)
{
    fft->row_inverse_fn(fft->row_inverse, slot(fft, y / 2), slot(fft, y / 2 + 1), sizeof(AVComplexFloat));
    return fft_rows(fft, y);
}

const float *fft_rows(const struct fft *fft, int y)
{
    return &slot(fft, y / 2)->re;
}

/* Columns of a group start on cache lines, as av_tx wants them aligned, and as rows not a power of two apart. */
static AVComplexFloat *group_column(const struct fft *fft, int i)
{
    return fft->group + (ptrdiff_t)i * (fft->height / GROUP + 2) * GROUP;
}

/* Two complex numbers side by side. */
typedef float two __attribute__((vector_size(16)));
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)

static two load_two(const AVComplexFloat *from)
{
    two value;
    memcpy(&value, from, sizeof value);
    return value;
}

static void store_two(AVComplexFloat *to, two value)
{
    memcpy(to, &value, sizeof value);
}

static const two conjugate = {1, -1, 1, -1};

/*
 * Columns first..first+count-1 of the half spectrum into the group, zeros below; with an odd count, what goes into the
 * next one is undefined. With z the transform of a pair of rows, row y has (z[k] + conj z[-k]) / 2, row y + 1
 * (z[k] - conj z[-k]) / 2i; the 2 is left to the template's scale.
 */
static void gather(struct fft *fft, int first, int count, int pairs)
{
    for (int pair = 0; pair < pairs; pair++) {
        const AVComplexFloat *from = slot(fft, pair + 1) + first;
        const AVComplexFloat *mirror = slot(fft, pair + 1) + fft->width - first - 1;
        for (int i = 0; i < count; i += 2) {
            const two a = load_two(from + i), reversed = load_two(mirror - i);
            const two b = SHUFFLE(reversed, reversed, 2, 3, 0, 1) * conjugate;
            const two sum = a + b, difference = (b - a) * conjugate;
            store_two(group_column(fft, i) + 2 * pair, SHUFFLE(sum, difference, 0, 1, 5, 4));
            store_two(group_column(fft, i + 1) + 2 * pair, SHUFFLE(sum, difference, 2, 3, 7, 6));
        }
    }
    for (int i = 0; i < count; i++)
        memset(group_column(fft, i) + 2 * pairs, 0, (size_t)(fft->height - 2 * pairs) * sizeof(AVComplexFloat));
}

/* The way back: z[k] = row y + i row y + 1, z[-k] the same of their conjugates. */
static void scatter(struct fft *fft, int first, int count, int pairs)
{
    for (int pair = 0; pair < pairs; pair++) {
        AVComplexFloat *to = slot(fft, pair + 1) + first;
        AVComplexFloat *mirror = slot(fft, pair + 1) + fft->width - first - 1;
        for (int i = 0; i + 1 < count; i += 2) {
            const two a = load_two(group_column(fft, i) + 2 * pair), b = load_two(group_column(fft, i + 1) + 2 * pair);
            const two even = SHUFFLE(a, b, 0, 1, 4, 5);
            const two odd = SHUFFLE(a, b, 3, 2, 7, 6) * -conjugate; // times i
            const two mirrored = (even - odd) * conjugate;
            store_two(to + i, even + odd);
            store_two(mirror - i, SHUFFLE(mirrored, mirrored, 2, 3, 0, 1));
        }
        if (count % 2) { // the column in the middle, which is its own mirror
            const AVComplexFloat *from = group_column(fft, count - 1) + 2 * pair;
            to[count - 1] = (AVComplexFloat){from[0].re - from[1].im, from[0].im + from[1].re};
        }
    }
}

static int group_size(const struct fft *fft, int first)
{
    return fft->columns - first < GROUP ? fft->columns - first : GROUP;
}

void fft_template(struct fft *fft, int rows, float *spectrum)
{
    // The inverse transforms do not divide by the number of samples, and gather() doubles; here it costs nothing.
    const float scale = 0.25f / ((float)fft->width * (float)fft->height);
    for (int first = 0; first < fft->columns; first += GROUP) {
        const int count = group_size(fft, first);
        gather(fft, first, count, (rows + 1) / 2);
        for (int i = 0; i < count; i++) {
            fft->column_forward_fn(fft->column_forward, fft->column, group_column(fft, i), sizeof(AVComplexFloat));
            for (int y = 0; y < fft->height; y++) {
                *spectrum++ = fft->column[y].re * scale;
                *spectrum++ = -fft->column[y].im * scale; // correlation: the conjugate
            }
        }
    }
}

void fft_correlate(struct fft *fft, const struct kernels *kernels, int rows, int rows_out, const float *spectrum)
{
    for (int first = 0; first < fft->columns; first += GROUP) {
        const int count = group_size(fft, first);
        gather(fft, first, count, (rows + 1) / 2);
        for (int i = 0; i < count; i++) {
            AVComplexFloat *column = group_column(fft, i);
            fft->column_forward_fn(fft->column_forward, fft->column, column, sizeof *column);
            kernels->multiply(&fft->column->re, spectrum + 2 * (ptrdiff_t)(first + i) * fft->height, fft->height);
            fft->column_inverse_fn(fft->column_inverse, column, fft->column, sizeof *column);
        }
        scatter(fft, first, count, (rows_out + 1) / 2);
    }
}
