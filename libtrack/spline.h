/* The cubic B-spline. */
#ifndef SPLINE_H
#define SPLINE_H

/* Weights of the four coefficients around a point, the second of which lies `f` before it, 0 <= f < 1. */
static inline void spline_weights(double f, float *weights)
{
    const double g = 1 - f;
    weights[0] = (float)(g * g * g / 6);
    weights[1] = (float)((4 + 3 * f * f * (f - 2)) / 6);
    weights[2] = (float)((4 + 3 * g * g * (g - 2)) / 6);
    weights[3] = (float)(f * f * f / 6);
}

#endif
