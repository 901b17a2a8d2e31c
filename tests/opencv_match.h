/* OpenCV's matchTemplate for a benchmark in C. */
#ifndef OPENCV_MATCH_H
#define OPENCV_MATCH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* OpenCV's name and version. */
const char *opencv_version(void);

/*
 * Finds a square template of `size` px, rows packed, in a picture with `stride` samples from row to row, 8 bit:
 * TM_CCOEFF_NORMED and the place of its maximum, in the calling thread alone. Each call takes room for the scores only
 * if there are another number of them.
 */
void opencv_match(const uint8_t *pattern, int size, const uint8_t *picture, ptrdiff_t stride, int width, int height,
                  int *x, int *y);

#ifdef __cplusplus
}
#endif

#endif
