/* Normal matrices of least squares. */
#ifndef NORMAL_H
#define NORMAL_H

#include <stdbool.h>

/*
 * Inverts a symmetric n x n matrix, of which the upper triangle counts, in place, by Gauss-Jordan on its diagonal from
 * the last element to the first. Returns false, and leaves garbage, if a pivot all but vanishes beside the element that
 * it came from: that element of the basis is a mixture of those after it.
 */
bool normal_invert(double *matrix, int n);

#endif
