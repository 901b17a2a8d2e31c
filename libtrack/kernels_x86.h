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

/* The rows of a template that are added up before the sums go into 64 bits, and the image at the first position. */
struct band_u8 {
    const int8_t *template;
    const uint8_t *image;
    ptrdiff_t template_stride, image_stride;
    int width, height;
};

#endif
