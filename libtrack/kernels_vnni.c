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
        lanes[i] = _mm256_add_epi32(_mm512_castsi512_si256(sum[i]), _mm512_extracti64x4_epi64(sum[i], 1));
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

static void dot_band_64(const struct band_u8 *band, int n, int64_t *sums)
{
    WITH_CONSTANT(band_64, n, band)
}

static void dot_band_32(const struct band_u8 *band, int n, int64_t *sums)
{
    WITH_CONSTANT(band_32, n, band)
}

static void dot_u8_vnni(const int8_t *template, ptrdiff_t template_stride, const uint8_t *image, ptrdiff_t image_stride,
                        int width, int height, int count, int64_t *sums)
{
    const int rows = BAND_PIXELS / width;
    memset(sums, 0, (size_t)count * sizeof *sums);
    for (int y = 0; y < height; y += rows) {
        for (int i = 0, n; i < count; i += n) {
            n = block_size(count - i, POSITIONS);
            const struct band_u8 band = {
                template + y * template_stride, image + y * image_stride + i, template_stride, image_stride, width,
                smaller(rows, height - y)};
            if (width > 32)
                dot_band_64(&band, n, sums + i);
            else
                dot_band_32(&band, n, sums + i);
        }
    }
}

void kernels_add_vnni(struct kernels *kernels)
{
    kernels->name = "VNNI";
    kernels->cost_u8_ns = 0.0035;
    kernels->cost_short_u8_ns = 0.006;
    kernels->dot_u8 = dot_u8_vnni;
}
