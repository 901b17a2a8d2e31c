/* Sums of samples and of their squares over every position of a window, exact, row by row of positions. */
#ifndef WINDOWS_H
#define WINDOWS_H

#include <stdint.h>

#include "kernels.h"
#include "plane.h"

/* Column sums over a window's height, which move down the picture by one row at a time. */
struct windows {
    const struct kernels *kernels;
    const struct plane *plane;
    int x, y;            /* the first position: column fixed, row of the positions looked at */
    int count;           /* positions in a row */
    int width, height;   /* of a window */
    void *column_sum;    /* uint32_t; room for count + width - 1 elements, given by the caller */
    void *column_square; /* uint32_t for 8 bit, uint64_t for 16 */
};

/* Puts the windows at row `y`; every other field of `windows` is set by the caller. */
void windows_start(struct windows *windows, int y);

/* Moves down by one row. */
void windows_advance(struct windows *windows);

/* Sum and sum of squares at the `count` positions of the row. */
void windows_row(const struct windows *windows, uint64_t *sum, uint64_t *square);

/* The same at position `i` of the row alone. */
void windows_at(const struct windows *windows, int i, uint64_t *sum, uint64_t *square);

/* Sum of squared differences from the mean at each position, rounded downwards: never more than it is. */
void windows_variance(const struct windows *windows, double *variance);

#endif
