/*
 * Kernels for AVX-512 with VNNI: one instruction multiplies unsigned image samples by signed template samples and adds
 * four neighbours to a lane. Compiled with flags of its own, so nothing here may run before the processor was asked.
 */
#include <string.h>

#include "kernels.h"
#include "kernels_x86.h"

/* Column `x` of the band and those behind it that `used` has bits for, at `n` positions. No others are read. */
INLINE void add_64_columns(__m512i *sum, int n, const struct band_u8 *band, int x, __mmask64 used)
{
    const ptrdiff_t template_stride = band->template_stride, image_stride = band->image_stride;
    const int8_t *t = band->template + x;
    const uint8_t *v = band->image + x;
    for (int y = band->height; y > 0; y--, t += template_stride, v += image_stride) {
        const __m512i samples = _mm512_maskz_loadu_epi8(used, t);
        UNROLL
        for (int i = 0; i < n; i++)
            sum[i] = _mm512_dpbusd_epi32(sum[i], _mm512_maskz_loadu_epi8(used, v + i), samples);
    }
}

INLINE void add_32_columns(__m256i *sum, int n, const struct band_u8 *band, __mmask32 used)
{
    const ptrdiff_t template_stride = band->template_stride, image_stride = band->image_stride;
    const int8_t *t = band->template;
    const uint8_t *v = band->image;
    for (int y = band->height; y > 0; y--, t += template_stride, v += image_stride) {
        const __m256i samples = _mm256_maskz_loadu_epi8(used, t);
        UNROLL
        for (int i = 0; i < n; i++)
            sum[i] = _mm256_dpbusd_epi32(sum[i], _mm256_maskz_loadu_epi8(used, v + i), samples);
    }
}

INLINE __m256i halves_added(__m512i sum)
{
    return _mm256_add_epi32(_mm512_castsi512_si256(sum), _mm512_extracti64x4_epi64(sum, 1));
}

/* Width of more than 32, `n` positions at once. */
INLINE void band_64(const struct band_u8 *band, int n, int64_t *sums)
{
    __m512i sum[POSITIONS];
    UNROLL
    for (int i = 0; i < POSITIONS; i++)
        sum[i] = _mm512_setzero_si512();
    int x = 0;
    for (; x + 64 <= band->width; x += 64)
        add_64_columns(sum, n, band, x, ~(__mmask64)0);
    if (x < band->width)
        add_64_columns(sum, n, band, x, ((__mmask64)1 << (band->width - x)) - 1);
    __m256i lanes[POSITIONS];
    UNROLL
    for (int i = 0; i < POSITIONS; i++)
        lanes[i] = halves_added(sum[i]);
    add_lanes(lanes, n, sums);
}

/* Width of 32 or less. */
INLINE void band_32(const struct band_u8 *band, int n, int64_t *sums)
{
    __m256i sum[POSITIONS];
    UNROLL
    for (int i = 0; i < POSITIONS; i++)
        sum[i] = _mm256_setzero_si256();
    if (band->width == 32)
        add_32_columns(sum, n, band, ~(__mmask32)0);
    else
        add_32_columns(sum, n, band, ((__mmask32)1 << band->width) - 1);
    add_lanes(sum, n, sums);
}

/*
 * Two rows of positions at once: what is loaded of an image row serves the upper position with the template's row y and
 * the lower one, a row below, with row y - 1.
 */

/* Column `x` of the band and those behind it that `used` has bits for, `n` positions. No others are read. */
INLINE void add_64_columns_twice(__m512i *upper, __m512i *lower, int n, const struct band_u8 *band, int x,
                                 __mmask64 used)
{
    const uint8_t *v = band->image + x;
    __m512i row_before = _mm512_setzero_si512();
    for (int y = 0; y <= band->height; y++, v += band->image_stride) {
        const __mmask64 here = y < band->height ? used : 0;
        const __m512i row = _mm512_maskz_loadu_epi8(here, band->template + y * band->template_stride + x);
        UNROLL
        for (int i = 0; i < n; i++) {
            const __m512i samples = _mm512_maskz_loadu_epi8(used, v + i);
            upper[i] = _mm512_dpbusd_epi32(upper[i], samples, row);
            lower[i] = _mm512_dpbusd_epi32(lower[i], samples, row_before);
        }
        row_before = row;
    }
}

/* The upper position in the upper half of each register, the lower one in the lower half. */
INLINE void add_32_columns_twice(__m512i *sum, int n, const struct band_u8 *band, __mmask32 used)
{
    const uint8_t *v = band->image;
    __m256i row_before = _mm256_setzero_si256();
    for (int y = 0; y <= band->height; y++, v += band->image_stride) {
        const __mmask32 here = y < band->height ? used : 0;
        const __m256i row = _mm256_maskz_loadu_epi8(here, band->template + y * band->template_stride);
        const __m512i rows = _mm512_inserti64x4(_mm512_castsi256_si512(row_before), row, 1);
        UNROLL
        for (int i = 0; i < n; i++) {
            const __m256i samples = _mm256_maskz_loadu_epi8(used, v + i);
            sum[i] = _mm512_dpbusd_epi32(sum[i], _mm512_broadcast_i64x4(samples), rows);
        }
        row_before = row;
    }
}

INLINE void band_64_twice(const struct band_u8 *band, int n, int64_t *sums)
{
    __m512i upper[POSITIONS], lower[POSITIONS];
    UNROLL
    for (int i = 0; i < POSITIONS; i++)
        upper[i] = lower[i] = _mm512_setzero_si512();
    int x = 0;
    for (; x + 64 <= band->width; x += 64)
        add_64_columns_twice(upper, lower, n, band, x, ~(__mmask64)0);
    if (x < band->width)
        add_64_columns_twice(upper, lower, n, band, x, ((__mmask64)1 << (band->width - x)) - 1);
    __m256i lanes[POSITIONS], lanes_below[POSITIONS];
    UNROLL
    for (int i = 0; i < POSITIONS; i++) {
        lanes[i] = halves_added(upper[i]);
        lanes_below[i] = halves_added(lower[i]);
    }
    add_lanes(lanes, n, sums);
    add_lanes(lanes_below, n, sums + band->below);
}

INLINE void band_32_twice(const struct band_u8 *band, int n, int64_t *sums)
{
    __m512i sum[POSITIONS];
    UNROLL
    for (int i = 0; i < POSITIONS; i++)
        sum[i] = _mm512_setzero_si512();
    if (band->width == 32)
        add_32_columns_twice(sum, n, band, ~(__mmask32)0);
    else
        add_32_columns_twice(sum, n, band, ((__mmask32)1 << band->width) - 1);
    __m256i lanes[POSITIONS], lanes_below[POSITIONS];
    UNROLL
    for (int i = 0; i < POSITIONS; i++) {
        lanes[i] = _mm512_extracti64x4_epi64(sum[i], 1);
        lanes_below[i] = _mm512_castsi512_si256(sum[i]);
    }
    add_lanes(lanes, n, sums);
    add_lanes(lanes_below, n, sums + band->below);
}

static void dot_band_64(const struct band_u8 *band, int n, int64_t *sums)
{
    WITH_CONSTANT(band_64, n, band)
}

static void dot_band_32(const struct band_u8 *band, int n, int64_t *sums)
{
    WITH_CONSTANT(band_32, n, band)
}

static void dot_band_64_twice(const struct band_u8 *band, int n, int64_t *sums)
{
    WITH_CONSTANT(band_64_twice, n, band)
}

static void dot_band_32_twice(const struct band_u8 *band, int n, int64_t *sums)
{
    WITH_CONSTANT(band_32_twice, n, band)
}

static void dot_u8_vnni(const int8_t *template, ptrdiff_t template_stride, const uint8_t *image, ptrdiff_t image_stride,
                        int width, int height, int count, int64_t *sums)
{
    const struct band_u8 all = {template, image, template_stride, image_stride, width, height, 0};
    memset(sums, 0, (size_t)count * sizeof *sums);
    dot_bands(width > 32 ? dot_band_64 : dot_band_32, &all, count, sums);
}

static void dot_twice_u8_vnni(const int8_t *template, ptrdiff_t template_stride, const uint8_t *image,
                              ptrdiff_t image_stride, int width, int height, int count, int64_t *sums)
{
    const struct band_u8 all = {template, image, template_stride, image_stride, width, height, count};
    memset(sums, 0, 2 * (size_t)count * sizeof *sums);
    dot_bands(width > 32 ? dot_band_64_twice : dot_band_32_twice, &all, count, sums);
}

void kernels_add_vnni(struct kernels *kernels)
{
    kernels->name = "VNNI";
    kernels->cost_u8_ns = 0.0035;
    kernels->cost_short_u8_ns = 0.006;
    kernels->dot_u8 = dot_u8_vnni;
    kernels->dot_twice_u8 = dot_twice_u8_vnni;
}
