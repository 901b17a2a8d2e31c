/* The cubic B-spline. */
#ifndef SPLINE_H
#define SPLINE_H

/* Weights of the four coefficients around a point, the second of which lies `f` before it, 0 <= f < 1. */
static inline void spline_weights(float f, float weights[4])
{
    const float g = 1 - f, sixth = 1.0F / 6;
    weights[0] = g * g * g * sixth;
    weights[1] = (4 + 3 * f * f * (f - 2)) * sixth;
    weights[2] = (4 + 3 * g * g * (g - 2)) * sixth;
    weights[3] = f * f * f * sixth;
}

#endif
