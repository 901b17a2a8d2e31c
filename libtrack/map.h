/* The scores of a template at every whole pixel of its search. */
#ifndef MAP_H
#define MAP_H

#include "correlate.h"

/*
 * Fills `scores`, row by row of places, NaN where there is no texture. For a template that has some. Exact where
 * the matcher searches directly; by FFT in single precision, to about 1e-6, less in pictures whose mean lies far above
 * their texture.
 */
void map_scores(const struct matcher *matcher, struct search *search, const struct plane *plane, float *scores);

#endif
