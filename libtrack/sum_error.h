/*
 * The error of a sum of motions in which each match begins in the frame where the one before it ended.
 *
 * With noise n of the frames, a match in frame b with the template from frame a is off by w.n(b) - w.n(a): weights w
 * come from the slopes of the texture. The next one, with the template from b, is off by w'.n(c) - w'.n(b). Slopes
 * belong to places in the picture, so where both cover the same pixels of b the weights are the same, and the noise of
 * b cancels. Of a feature that is followed there remain the noise of the first frame and of the last, and of those
 * between what lies beside the match in a template cut at whole pixels. Of a ROI that keeps its place there remains
 * what had passed in and out, too. What comes in by slopes that are noise themselves never cancels. Hence
 *     variance(sum) = variance(base) + variance(match) - 2 overlap (part of b in the match).
 */
#ifndef SUM_ERROR_H
#define SUM_ERROR_H

#include <stdbool.h>

#include "covariance.h"

/* How much of the noise that counts a template and the match before it have in common, 0..1. */
struct overlap {
    double motion, angle;
};

/* The one dx, dy from the other; `blur` is the sigma of the Gaussian that their edges are blurred with. */
struct overlap overlap_of_rectangles(double dx, double dy, int width, int height, double blur);
struct overlap overlap_of_discs(double apart, double radius, double blur);

/*
 * The error of the sum of `base` and a match that turned by an angle. What was measured before turns with the template
 * where it `goes_round`: where the sum is the motion of a feature.
 */
struct covariance error_of_sum(const struct covariance *base, const struct match_error *match,
                               const struct overlap *overlap, double angle_rad, bool goes_round);

#endif
