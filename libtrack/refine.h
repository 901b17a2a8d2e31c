/*
 * From whole pixels to fractions: Gauss-Newton on a cubic B-spline picture.
 *
 * Template and picture are smoothed with a Gaussian of sigma 1 px and made into spline coefficients by one filter.
 * The offset d that minimises the sum over the template of (I(x + d) - a T(x) - b)^2 is found with gain a and
 * brightness b free. The linearisation uses the gradient of the template, so its normal matrix is the same for every
 * frame and every step (inverse compositional), and as d is the same for all pixels, the spline is separable.
 */
#ifndef REFINE_H
#define REFINE_H

#include <stdbool.h>

#include "kernels.h"
#include "plane.h"

enum { REFINE_RADIUS = 8 }; // taps on each side of the smoothing filter

/* What is kept of a template. All zero is empty. */
struct refiner {
    int width, height;
    int offset;           // taken off samples, so that single precision is spent on texture
    bool usable;          // false: the texture does not fix both directions
    float *model;         // smoothed template
    float *gx, *gy;       // its gradient
    double inverse[4][4]; // of the normal matrix for gx, gy, model, 1
};

/* Room for refining with templates up to a certain size. */
struct refine_room {
    float *line; // a row of samples
    float *rows; // smoothed along rows
    float *spline;
    float *taps; // evaluated along rows
    float *image;
    float smoothing[REFINE_RADIUS + 1];
};

/* Makes room for a template of this size. refiner_finish() releases it, after a failure too. */
ist_status refiner_init(struct refiner *refiner, int width, int height, ist_error *error);
void refiner_finish(struct refiner *refiner);

ist_status refine_room_init(struct refine_room *room, int width_max, int height_max, ist_error *error);
void refine_room_finish(struct refine_room *room);

/* Takes the template at x, y of `plane`, with its real surroundings; the picture's border is mirrored. */
void refiner_cut(struct refiner *refiner, struct refine_room *room, const struct kernels *kernels,
                 const struct plane *plane, int x, int y);

/*
 * Refines the place x, y where the template was found. On success writes the template's place minus (x, y), each
 * within -1..1. Returns false, and leaves them alone, if the texture does not fix both directions, or the steps
 * do not converge, or lead farther away.
 */
bool refiner_find(const struct refiner *refiner, struct refine_room *room, const struct kernels *kernels,
                  const struct plane *plane, int x, int y, double *dx, double *dy);

/*
 * The maximum of the quadratic z = f(x, y) fitted to 3 x 3 scores, row by row from the upper left one. Returns false,
 * and leaves dx, dy alone, if there is a NaN among them, or no maximum within a pixel of the middle.
 */
bool refine_quadratic(const double scores[9], double *dx, double *dy);

#endif
