/*
 * The inner loops: a table of functions, plain C first, faster versions over it.
 *
 * Plain C is the definition; every other version gives the same bits. Sums of samples are exact
 * integers; what is in floating point fixes the order of its sums.
 */
#ifndef KERNELS_H
#define KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Sums of products of a template with an image at `count` neighbouring positions:
 *     sums[i] = sum over y < height, x < width of template[y][x] * image[y][x + i]
 * The template is signed: the sample minus 128 (8 bit) or 32768 (16 bit), which suits the
 * processors' multiply-add and leaves a correlation with the means taken out as it is.
 * Strides are in samples. Reads the image's columns 0..width + count - 2 only.
 */
typedef void kernel_dot_u8(const int8_t *template, ptrdiff_t template_stride, const uint8_t *image,
                           ptrdiff_t image_stride, int width, int height, int count, int64_t *sums);
typedef void kernel_dot_u16(const int16_t *template, ptrdiff_t template_stride, const uint16_t *image,
                            ptrdiff_t image_stride, int width, int height, int count, int64_t *sums);

/* Neighbours weighted: out[i] = sum over k < taps, in this order, of weights[k] in[i + k step]. */
typedef void kernel_filter(float *out, const float *in, int count, ptrdiff_t step, const float *weights, int taps);

/*
 * One row of a Gauss-Newton step: adds the products of the residual r[i] = image[i] - model[i] with gx[i], gy[i],
 * model[i], 1 and itself to sums[0..4][i modulo KERNEL_LANES]; in single precision within the row.
 */
enum { KERNEL_LANES = 8, KERNEL_SUMS = 5 };
typedef void kernel_normal(const float *image, const float *model, const float *gx, const float *gy, int count,
                           double (*sums)[KERNEL_LANES]);

/*
 * Finds the first position i, first <= i < count, with products[i] + error > 0 and its square not below
 * bar * variances[i]. Returns count if there is none.
 */
typedef int kernel_sift(const float *products, const double *variances, int first, int count, double error, double bar);

/*
 * Two rows of samples minus a constant, sample by sample in turn: line[2 i] = first[i] - offset, line[2 i + 1] =
 * second[i] - offset; count is 16384 at most. Returns the sum of their squares.
 */
typedef uint64_t kernel_interleave_u8(float *line, const uint8_t *first, const uint8_t *second, int count, int offset);
typedef uint64_t kernel_interleave_u16(float *line, const uint16_t *first, const uint16_t *second, int count,
                                       int offset);

/* Adds a row's samples and their squares to the sums of each column. */
typedef void kernel_add_row_u8(uint32_t *sum, uint32_t *square, const uint8_t *row, int count);
typedef void kernel_add_row_u16(uint32_t *sum, uint64_t *square, const uint16_t *row, int count);

/* The larger of both goes into most[i]. */
typedef void kernel_raise(float *most, const float *values, int count);

/* Complex numbers, real and imaginary part in turn: a[i] = a[i] b[i]. */
typedef void kernel_multiply(float *a, const float *b, int count);

struct kernels {
    const char *name;

    /* Measured cost of a product; the choice between direct sums and FFT rests on them. */
    double cost_u8_ns;
    double cost_u16_ns;
    double cost_short_u8_ns; /* in rows of fewer than `step` samples */
    double cost_short_u16_ns;
    int step; /* samples taken at once: rows cost as if they were a multiple of it */

    kernel_dot_u8 *dot_u8;
    kernel_dot_u8 *dot_twice_u8; /* behind those sums, those for the image a row below; NULL: no faster than twice */
    kernel_dot_u16 *dot_u16;
    kernel_filter *filter;
    kernel_normal *normal;
    kernel_sift *sift;
    kernel_interleave_u8 *interleave_u8;
    kernel_interleave_u16 *interleave_u16;
    kernel_add_row_u8 *add_row_u8;
    kernel_add_row_u16 *add_row_u16;
    kernel_raise *raise;
    kernel_multiply *multiply;
};

/* The best of what the processor offers and `mask` (TRK_CPU_ bits) allows; mask 0: plain C. */
struct kernels kernels_get(unsigned mask);

/* Put their versions over those in the table; only there on x86, and only to be called where the processor has them. */
void kernels_add_avx2(struct kernels *kernels);
void kernels_add_vnni(struct kernels *kernels);

#endif
