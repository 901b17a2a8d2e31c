/* A frame's index drawn into its picture: 16 blocks of 5 x 6 pixels from x = 2, y = 1, bit 0 first, white is 1. */
#ifndef BARCODE_H
#define BARCODE_H

#include <libstore/frame.h>

/* The picture must be at least 84 x 8 pixels. */
void barcode_draw(ist_frame *frame, int64_t index);

/* Reads the low 16 bits of the index. */
int64_t barcode_read(const ist_frame *frame);

#endif
