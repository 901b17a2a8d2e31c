/* What the kernels for x86 share. */
#ifndef KERNELS_X86_H
#define KERNELS_X86_H

#include <immintrin.h>
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))

/* Calls a function with a constant number of positions, so that their sums live in registers. */
#define WITH_CONSTANT(function, n, ...)                                                                                \
    switch (n) {                                                                                                       \
    case 1:                                                                                                            \
        function(__VA_ARGS__, 1, sums);                                                                                \
        break;                                                                                                         \
    case 2:                                                                                                            \
        function(__VA_ARGS__, 2, sums);                                                                                \
        break;                                                                                                         \
    case 3:                                                                                                            \
        function(__VA_ARGS__, 3, sums);                                                                                \
        break;                                                                                                         \
    case 4:                                                                                                            \
        function(__VA_ARGS__, 4, sums);                                                                                \
        break;                                                                                                         \
    case 5:                                                                                                            \
        function(__VA_ARGS__, 5, sums);                                                                                \
        break;                                                                                                         \
    case 6:                                                                                                            \
        function(__VA_ARGS__, 6, sums);                                                                                \
        break;                                                                                                         \
    case 7:                                                                                                            \
        function(__VA_ARGS__, 7, sums);                                                                                \
        break;                                                                                                         \
    default:                                                                                                           \
        function(__VA_ARGS__, 8, sums);                                                                                \
        break;                                                                                                         \
    }

/* Positions for the next block: `left` shared out evenly over blocks of at most `most`. */
static inline int block_size(int left, int most)
{
    const int blocks = (left + most - 1) / most;
    return (left + blocks - 1) / blocks;
}

static inline int smaller(int a, int b)
{
    return a < b ? a : b;
}

// 65535 products of at most 128 * 255 stay below 2^31.
enum { POSITIONS = 8, BAND_PIXELS = 65535 };

/* Rows of a template that are added up in 32 bits, BAND_PIXELS at most, and the image at the first position. */
struct band_u8 {
    const int8_t *template;
    const uint8_t *image;
    ptrdiff_t template_stride, image_stride;
    int width, height;
    int below; /* from the sums at a position to those at the one below it, if both are made */
};

// Without it gcc keeps the sums of several positions in memory.
#define UNROLL _Pragma("GCC unroll 8")

/* Adds the sum of the lanes of each of the first n registers to sums[0..n-1]; the others are zero. */
INLINE void add_lanes(const __m256i lanes[POSITIONS], int n, int64_t *sums)
{
    int32_t totals[POSITIONS];
    UNROLL
    for (int i = 0; i < POSITIONS; i += 4) {
        const __m256i pairs = _mm256_hadd_epi32(lanes[i], lanes[i + 1]);
        const __m256i more_pairs = _mm256_hadd_epi32(lanes[i + 2], lanes[i + 3]);
        const __m256i halves = _mm256_hadd_epi32(pairs, more_pairs);
        const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
        _mm_storeu_si128((void *)(totals + i), four);
    }
    UNROLL
    for (int i = 0; i < n; i++)
        sums[i] += totals[i];
}

/* All bands of a template at `count` positions; `dot_band` does up to POSITIONS of them. */
static inline void dot_bands(void dot_band(const struct band_u8 *, int, int64_t *), const struct band_u8 *all,
                             int count, int64_t *sums)
{
    const int rows = BAND_PIXELS / all->width;
    for (int y = 0; y < all->height; y += rows) {
        struct band_u8 band = *all;
        band.template += y * all->template_stride;
        band.image += y * all->image_stride;
        band.height = smaller(rows, all->height - y);
        for (int i = 0, n; i < count; i += n, band.image += n) {
            n = block_size(count - i, POSITIONS);
            dot_band(&band, n, sums + i);
        }
    }
}

#endif
