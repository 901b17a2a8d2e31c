/*
 * The standard errors of a disc's pose.
 *
 * Noise in picture and template is taken for white. Smoothed it no longer is: of noise of variance 1 in both
 *     covariance of a step = H F H,   F = sum over pixels of (k * basis)(k * basis)',   H the inverse normal matrix,
 * with k * basis the kernel applied to the basis inside the disc and 0 outside; turning does not change it, as the
 * kernel is round.
 *
 * Of the basis the slopes have noise, too, the template's n. It adds to the normal matrix without telling anything of
 * the pose: what counts is the matrix without it. To a step it adds sum of (slope of n) (n' - n), n' the picture's
 * noise; and (slope of n) n, half the slope of n^2, adds up to nothing.
 */
#ifndef ROTATION_ERROR_H
#define ROTATION_ERROR_H

#include <stdbool.h>

#include "covariance.h"
#include "spline_part.h"

struct rotation_disc;

enum { POSE = 3 }; // dx, dy, angle

struct pose_matrix {
    double at[POSE][POSE];
};

/* Of a template. */
struct rotation_noise {
    struct pose_matrix normal; // matrix of the pose alone, gain and brightness left free
    double inverse[POSE];      // diagonal of its inverse
    struct pose_matrix sums;   // covariance of the sums that it is to solve, for white noise of variance 1
    double value;              // what such noise in the template adds to its sum of squares
    double slope[POSE];        // and to `normal`
    double slope_sums[POSE];   // and to `sums`
    double freedom;            // sum of squares that such noise leaves behind, on the average; not above 0: unknown
};

/* Finds out what noise does to a disc whose template was cut. */
void rotation_noise_init(struct rotation_noise *noise, const struct rotation_disc *disc, struct spline_room *room,
                         const struct kernels *kernels);

/* The variance of one picture's noise for a fit that left this sum of squares. 0: none, or unknown. */
double rotation_noise_level(const struct rotation_noise *noise, double gain, double left);

/*
 * The errors of a pose with noise of this variance, at least that of rounding to whole gray levels. What the texture
 * hardly fixes is unknown.
 */
struct match_error rotation_noise_error(const struct rotation_noise *noise, double angle_rad, double gain,
                                        double level);

#endif
