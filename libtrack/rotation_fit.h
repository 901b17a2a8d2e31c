/*
 * How a disc of a picture has moved and turned since it was the template: Gauss-Newton, inverse compositional, on the
 * cubic B-spline.
 */
#ifndef ROTATION_FIT_H
#define ROTATION_FIT_H

#include <libstore/error.h>
#include <stdbool.h>

#include "rotation_error.h"
#include "spline_part.h"

/* dx, dy, angle; gain and brightness. */
enum { ROTATION_BASIS = 5 };

/* A pose of the disc, from where and how the template was cut. */
struct pose {
    double dx, dy;          // full px, from the shifted place
    double angle_rad;       // clockwise
    double score;           // zero-mean normalised cross-correlation of template and picture there; NaN: none
    double second_peak_gap; // how much less the second best peak scores
    bool fits;              // it is where the disc fits best, and:
    double gain;            // of the picture, that of the template being 1
    double noise;           // variance of that of one picture
    bool at_edge;           // it lies at the limit of what was searched, in motion or angle
};

/* The disc of the template in a picture made smaller. */
struct rotation_disc {
    int scale;
    double x, y;   // its middle, in pixels of this picture
    double radius; // likewise
    int count;     // pixels
    float *u, *v;  // from the middle to the right, and down
    float *basis;  // ROTATION_BASIS numbers for each pixel: gradient x, y, that of the angle, template, 1
    double inverse[ROTATION_BASIS][ROTATION_BASIS]; // of the normal matrix
    double sum, square;                             // of the template, and of its square
    struct rotation_noise noise;                    // all zero: not known
};

/* Lays out the disc around x, y; all in full pixels. rotation_disc_finish() releases it, after a failure too. */
ist_status rotation_disc_init(struct rotation_disc *disc, double x, double y, double radius, int scale,
                              ist_error *error);
void rotation_disc_finish(struct rotation_disc *disc);

/*
 * Takes the template from the part it lies in, with its middle at x, y, in small pixels. Returns false if the texture
 * does not fix motion and angle.
 */
bool rotation_disc_cut(struct rotation_disc *disc, const struct spline_part *part, double x, double y);

/* Writes the score of a pose as it is. */
void rotation_disc_score(const struct rotation_disc *disc, const struct spline_part *part, struct pose *pose);

/*
 * Brings a pose to where the disc fits best. If the steps lead its middle or its rim farther away than `reach` pixels
 * of the disc's picture, or come to no end, it stays where it was, with its score.
 */
void rotation_disc_fit(const struct rotation_disc *disc, const struct spline_part *part, double reach,
                       struct pose *pose);

#endif
