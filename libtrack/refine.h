/*
 * From whole pixels to fractions: Gauss-Newton on a band-limited picture.
 *
 * The offset d that minimises the sum over the template of (I(x + d) - a T(x) - b)^2 is found with gain a and
 * brightness b free; I and T are picture and template between the pixels. The linearisation uses the gradient of the
 * template, so its normal matrix is the same for every frame and every step (inverse compositional: Baker and Matthews,
 * Lucas-Kanade 20 Years On, 2004).
 *
 * Between the pixels a picture is its samples weighted with a kernel of 16 x 16 taps: a Gaussian, which tells texture
 * from noise, without what lies above half the sampling rate, which would come back as a false, slower wave and draw
 * the result to whole pixels. (A cubic B-spline lets a sixteenth of a wave of 3 px come back: 0.03 px.) Each template
 * has the Gaussian that suits its texture: the finer that is, the less may be smoothed away.
 */
#ifndef REFINE_H
#define REFINE_H

#include <stdbool.h>

#include "kernels.h"
#include "plane.h"

enum {
    REFINE_TAPS = 16,
    REFINE_PHASES = 64, // places between two pixels that there are kernels for
    REFINE_LEVELS = 4,  // of smoothing
    // How far from the best whole pixel the solution may lie: coarse texture in noise draws that away by more than 1.
    REFINE_RANGE_PX = 2,
};

/* What is kept of a template. All zero is empty. */
struct refiner {
    int width, height;
    int offset;           // taken off samples, so that single precision is spent on texture
    int level;            // of smoothing
    bool usable;          // false: the texture does not fix both directions
    float *model;         // smoothed template
    float *gx, *gy;       // its gradient
    double inverse[4][4]; // of the normal matrix for gx, gy, model, 1
    double variance_x;    // of the offset for white noise of variance 1 in the difference of the pictures
    double variance_y;
    double model_noise; // the sum of squares in model of such noise in the template
    double slope_noise; // the sum of squares in gx, or gy, of such noise in the template
    double slope_moves; // such noise, times inverse^2: the part of variance_x that is not of the texture's own slopes
    double edge_px;     // sigma of the Gaussian that blurs the template's edges as the kernel does
    double freedom;     // the sum of squares that such noise leaves behind, on the average; not above 0: unknown
};

/* One level of smoothing: the kernels, and the slope of the one at a whole pixel. */
struct refine_level {
    float taps[REFINE_PHASES][REFINE_TAPS];
    float slope[REFINE_TAPS];
};

/* Room for refining with templates up to a certain size. */
struct refine_room {
    float *samples; // those around the template
    float *rows;    // weighted along rows
    float *image;   // a row weighted along columns, too
    struct refine_level *levels;
};

/* Where a template was found: its place minus the whole pixel, and the standard error of that; NaN: unknown. */
struct refinement {
    double dx, dy;
    double error_x, error_y;
    double part_x, part_y; // of the squares of the errors: what the noise of one picture makes where the texture slopes
};

/* The kernel: a Gaussian without what lies above half the sampling rate, cut off softly (Blackman) at 8 px. */
double refine_kernel(double x, double sigma);

/* Makes room for a template of this size. refiner_finish() releases it, after a failure too. */
ist_status refiner_init(struct refiner *refiner, int width, int height, ist_error *error);
void refiner_finish(struct refiner *refiner);

ist_status refine_room_init(struct refine_room *room, int width_max, int height_max, ist_error *error);
void refine_room_finish(struct refine_room *room);

/* Takes the template at x, y of `plane`, with its real surroundings; the picture's border is mirrored. */
void refiner_cut(struct refiner *refiner, struct refine_room *room, const struct kernels *kernels,
                 const struct plane *plane, int x, int y);

/*
 * Refines the place x, y where the template was found. On success dx and dy are each within REFINE_RANGE_PX. Returns
 * false, and leaves `found` alone, if the texture does not fix both directions, or the steps do not converge, or lead
 * farther away.
 *
 * The standard error is the noise, taken from what is left of the difference of the pictures, carried through the
 * normal matrix. Noise in picture and template is taken for white; smoothed by the kernel it no longer is, so that it
 * leaves less behind and moves the offset more than a count of pixels would tell. Both are computed from the taps:
 *     covariance of the offset = s^2 H F H,   F = sum over pixels of (k * basis)(k * basis)',   H the inverse,
 * with k * basis the kernel applied to gx, gy, model or 1 inside the template and 0 outside. s^2 counts as at least
 * the rounding of both pictures to whole gray levels, 1 / 12 each. Noise in the template's gradient adds to the normal
 * matrix without telling anything of motion; what is left of the matrix without it is what counts. Noise in the model
 * adds its own square to what the gain is solved from, and is taken out of that. A direction in which
 * little is left is unknown.
 */
bool refiner_find(const struct refiner *refiner, struct refine_room *room, const struct kernels *kernels,
                  const struct plane *plane, int x, int y, struct refinement *found);

/*
 * The maximum of the quadratic z = f(x, y) fitted to 3 x 3 scores, row by row from the upper left one. Returns false,
 * and leaves dx, dy alone, if there is a NaN among them, or no maximum within a pixel of the middle.
 */
bool refine_quadratic(const double scores[9], double *dx, double *dy);

#endif
