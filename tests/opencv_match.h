/* OpenCV's matchTemplate for a benchmark in C. */
#ifndef OPENCV_MATCH_H
#define OPENCV_MATCH_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* OpenCV's name and version. */
const char *opencv_version(void);

/*
 * Finds a square template of `size` px in a picture, 8 bit, rows packed: TM_CCOEFF_NORMED and the place of its maximum,
 * in the calling thread alone. Each call takes room for the scores only if the picture's size is another one.
 */
void opencv_match(const uint8_t *pattern, int size, const uint8_t *picture, int width, int height, int *x, int *y);

#ifdef __cplusplus
}
#endif

#endif
