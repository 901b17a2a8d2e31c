/* Kernels for AVX2; compiled with -mavx2, so nothing here may run before the processor was asked. */
#include "kernels.h"

#include <stdbool.h>
#include <string.h>

#include "kernels_x86.h"

// As in kernels.c, but with this instruction set for the compiler to use.
#define KERNEL(name) name##_plain
#include "kernels_plain.h"

/*
 * Rows are taken in whole registers; the last register of a row overlaps the one before it, so that nothing behind
 * the row is read, and the template's samples that were counted already are masked to zero there.
 */
static const uint8_t tail_bytes[64] = {[32] = 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
                                       255,        255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
                                       255,        255, 255, 255, 255, 255, 255, 255, 255, 255};

INLINE __m256i load_32_bytes(const void *from)
{
    return _mm256_loadu_si256(from);
}

INLINE __m128i load_16_bytes(const void *from)
{
    return _mm_loadu_si128(from);
}

/* The last `keep` bytes of a register, 1..32. */
INLINE __m256i tail_mask(int keep)
{
    return load_32_bytes(tail_bytes + keep);
}

/* Sum of 8 signed 32-bit lanes; the sum itself may need 64 bits. */
INLINE int64_t sum_lanes(__m256i v)
{
    const __m256i low = _mm256_cvtepi32_epi64(_mm256_castsi256_si128(v));
    const __m256i high = _mm256_cvtepi32_epi64(_mm256_extracti128_si256(v, 1));
    const __m256i sum = _mm256_add_epi64(low, high);
    const __m128i half = _mm_add_epi64(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    return _mm_cvtsi128_si64(half) + _mm_extract_epi64(half, 1);
}

/*
 * 8 bit: 32 columns from `x` on, of which the template's samples outside `used` count as zero, at `n` positions. A
 * register of 32 samples is split into its even and its odd samples, 16 bit each; the odd samples at one position are
 * the even ones at the next, so each load is used twice.
 */
INLINE void add_32_columns(__m256i *sum, int n, const struct band_u8 *band, int x, __m256i used)
{
    const ptrdiff_t template_stride = band->template_stride, image_stride = band->image_stride;
    const __m256i even_bytes = _mm256_set1_epi16(0xff);
    const int8_t *t = band->template + x;
    const uint8_t *v = band->image + x;
    for (int y = band->height; y > 0; y--, t += template_stride, v += image_stride) {
        const __m256i both = _mm256_and_si256(load_32_bytes(t), used);
        const __m256i t_even = _mm256_srai_epi16(_mm256_slli_epi16(both, 8), 8);
        const __m256i t_odd = _mm256_srai_epi16(both, 8);
        __m256i samples = load_32_bytes(v);
        __m256i even = _mm256_and_si256(samples, even_bytes);
        UNROLL
        for (int i = 0; i < n; i++) {
            __m256i odd;
            if (i + 1 < n) {
                samples = load_32_bytes(v + i + 1);
                odd = _mm256_and_si256(samples, even_bytes);
            } else {
                odd = _mm256_srli_epi16(samples, 8);
            }
            const __m256i products = _mm256_add_epi32(_mm256_madd_epi16(t_even, even), _mm256_madd_epi16(t_odd, odd));
            sum[i] = _mm256_add_epi32(sum[i], products);
            even = odd;
        }
    }
}

/* 8 bit, width of 32 or more, `n` positions at once. */
INLINE void band_u8_wide(const struct band_u8 *band, int n, int64_t *sums)
{
    __m256i sum[POSITIONS];
    UNROLL
    for (int i = 0; i < POSITIONS; i++)
        sum[i] = _mm256_setzero_si256();
    int x = 0;
    for (; x + 32 <= band->width; x += 32)
        add_32_columns(sum, n, band, x, _mm256_set1_epi8(-1));
    if (x < band->width)
        add_32_columns(sum, n, band, band->width - 32, tail_mask(band->width - x));
    add_lanes(sum, n, sums);
}

/* 8 bit, width 16..31: 16 samples at a time, widened to 16 bit. */
INLINE void band_u8_narrow(const struct band_u8 *band, int n, int64_t *sums)
{
    const ptrdiff_t template_stride = band->template_stride, image_stride = band->image_stride;
    __m256i sum[POSITIONS];
    UNROLL
    for (int i = 0; i < POSITIONS; i++)
        sum[i] = _mm256_setzero_si256();

    for (int at = 0; at < band->width; at += 16) {
        const int x = smaller(at, band->width - 16);
        const __m128i used = _mm256_extracti128_si256(tail_mask(16 - (at - x)), 1);
        const int8_t *t = band->template + x;
        const uint8_t *v = band->image + x;
        for (int y = band->height; y > 0; y--, t += template_stride, v += image_stride) {
            const __m256i words = _mm256_cvtepi8_epi16(_mm_and_si128(load_16_bytes(t), used));
            UNROLL
            for (int i = 0; i < n; i++) {
                const __m256i samples = _mm256_cvtepu8_epi16(load_16_bytes(v + i));
                sum[i] = _mm256_add_epi32(sum[i], _mm256_madd_epi16(words, samples));
            }
        }
    }
    add_lanes(sum, n, sums);
}

static void dot_band_u8_wide(const struct band_u8 *band, int n, int64_t *sums)
{
    WITH_CONSTANT(band_u8_wide, n, band)
}

static void dot_band_u8_narrow(const struct band_u8 *band, int n, int64_t *sums)
{
    WITH_CONSTANT(band_u8_narrow, n, band)
}

static void dot_u8_avx2(const int8_t *template, ptrdiff_t template_stride, const uint8_t *image, ptrdiff_t image_stride,
                        int width, int height, int count, int64_t *sums)
{
    if (width < 16) {
        dot_u8_plain(template, template_stride, image, image_stride, width, height, count, sums);
        return;
    }
    const struct band_u8 all = {template, image, template_stride, image_stride, width, height, 0};
    memset(sums, 0, (size_t)count * sizeof *sums);
    dot_bands(width >= 32 ? dot_band_u8_wide : dot_band_u8_narrow, &all, count, sums);
}

struct band_u16 {
    const int16_t *template;
    const uint16_t *image;
    ptrdiff_t template_stride, image_stride;
    int width, height;
};

/*
 * 16 bit, width of 16 or more. A sample is 256 * high + low byte, so that 128 products can be added up in 32 bits:
 * 128 * 2 * 32768 * 255 stays below 2^31.
 */
INLINE void band_u16(const struct band_u16 *band, int n, int64_t *sums)
{
    const __m256i low_bytes = _mm256_set1_epi16(0xff);
    const __m256i all = _mm256_set1_epi8(-1);
    const __m256i tail = tail_mask(2 * ((band->width - 1) % 16 + 1));
    __m256i low[8], high[8];
    for (int i = 0; i < n; i++)
        low[i] = high[i] = _mm256_setzero_si256();

    for (int y = 0; y < band->height; y++) {
        const int16_t *t = band->template + y * band->template_stride;
        const uint16_t *v = band->image + y * band->image_stride;
        for (int at = 0; at < band->width; at += 16) {
            const bool last = at + 16 >= band->width;
            const int x = last ? band->width - 16 : at;
            const __m256i words = _mm256_and_si256(load_32_bytes(t + x), last ? tail : all);
            for (int i = 0; i < n; i++) {
                const __m256i samples = load_32_bytes(v + x + i);
                const __m256i low_part = _mm256_madd_epi16(words, _mm256_and_si256(samples, low_bytes));
                const __m256i high_part = _mm256_madd_epi16(words, _mm256_srli_epi16(samples, 8));
                low[i] = _mm256_add_epi32(low[i], low_part);
                high[i] = _mm256_add_epi32(high[i], high_part);
            }
        }
    }
    for (int i = 0; i < n; i++)
        sums[i] += sum_lanes(low[i]) + 256 * sum_lanes(high[i]);
}

static void dot_band_u16(const struct band_u16 *band, int n, int64_t *sums)
{
    WITH_CONSTANT(band_u16, n, band)
}

static void dot_u16_avx2(const int16_t *template, ptrdiff_t template_stride, const uint16_t *image,
                         ptrdiff_t image_stride, int width, int height, int count, int64_t *sums)
{
    if (width < 16) {
        dot_u16_plain(template, template_stride, image, image_stride, width, height, count, sums);
        return;
    }
    memset(sums, 0, (size_t)count * sizeof *sums);
    // Bands of at most 128 steps: columns of at most 2048 samples, at least 16 for the last one to fill a register.
    for (int x = 0, columns; x < width; x += columns) {
        columns = smaller(2032, width - x);
        if (width - x - columns > 0 && width - x - columns < 16)
            columns -= 16;
        const int rows = 128 / ((columns + 15) / 16);
        for (int y = 0; y < height; y += rows) {
            for (int i = 0, n; i < count; i += n) {
                n = block_size(count - i, 6);
                const struct band_u16 band = {template + y * template_stride + x,
                                              image + y * image_stride + x + i,
                                              template_stride,
                                              image_stride,
                                              columns,
                                              smaller(rows, height - y)};
                dot_band_u16(&band, n, sums + i);
            }
        }
    }
}

void kernels_add_avx2(struct kernels *kernels)
{
    kernels->name = "AVX2";
    kernels->cost_u8_ns = 0.0105;
    kernels->cost_u16_ns = 0.03;
    kernels->cost_short_u8_ns = 0.2;
    kernels->cost_short_u16_ns = 0.2;
    kernels->step = 16;
    kernels->dot_u8 = dot_u8_avx2;
    kernels->dot_u16 = dot_u16_avx2;
    kernels->filter = filter_plain;
    kernels->normal = normal_plain;
    kernels->sift = sift_plain;
    kernels->interleave_u8 = interleave_u8_plain;
    kernels->interleave_u16 = interleave_u16_plain;
    kernels->add_row_u8 = add_row_u8_plain;
    kernels->add_row_u16 = add_row_u16_plain;
    kernels->raise = raise_plain;
    kernels->multiply = multiply_plain;
}
