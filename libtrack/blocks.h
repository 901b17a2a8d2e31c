/*
 * Sums over blocks of a picture, which bound from below how much a window varies, for 64 positions at once: a window's
 * sum of squared differences from its mean is at least that of any part of it, and so of the whole blocks inside it.
 */
#ifndef BLOCKS_H
#define BLOCKS_H

#include <libstore/error.h>

#include "windows.h"

enum { BLOCK = 8 }; /* px, side of a block, and of a group of positions */

struct blocks {
    int columns, rows; /* of whole blocks */
    uint64_t *sum;     /* of samples in all blocks above and to the left: (columns + 1) x (rows + 1) */
    uint64_t *square;  /* the same of their squares */
};

/* Makes room for a picture of this size. blocks_finish() releases it, after a failure too. */
ist_status blocks_init(struct blocks *blocks, int width, int height, ist_error *error);
void blocks_finish(struct blocks *blocks);

/*
 * Sums up the blocks of width x height pixels of `plane` from x, y on, no more than there is room for. Column sums go
 * to the room given, as in struct windows.
 */
void blocks_fill(struct blocks *blocks, const struct kernels *kernels, const struct plane *plane, int x, int y,
                 int width, int height, uint32_t *column_sum, void *column_square);

/*
 * For each group of positions in row `row` of groups, group i being the BLOCK x BLOCK positions from column BLOCK i and
 * row BLOCK row on: the least that a window of this size can vary there, as sum of squared differences; 0 if a
 * window is too small to hold a whole block.
 */
void blocks_variance(const struct blocks *blocks, int row, int count, int width, int height, double *variance);

#endif
