/* Smaller pictures without the patterns that leaving out pixels would make. */
#ifndef SHRINK_H
#define SHRINK_H

#include <stdint.h>

/* Width or height of a picture that is shrunk by a factor. */
int shrink_side(int side, int factor);

/*
 * Makes each factor x factor pixels 0xffRRGGBB one of their mean colour; at the right and the lower edge it is that of
 * the pixels that there are. `small` is shrink_side(width) pixels a row.
 */
void shrink(const uint32_t *pixels, int width, int height, int factor, uint32_t *small);

#endif
