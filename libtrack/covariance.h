/* How uncertain a motion and an angle are. */
#ifndef COVARIANCE_H
#define COVARIANCE_H

#include <math.h>

struct covariance {
    double xx, xy, yy; // px^2; NaN: unknown
    double angle;      // variance, rad^2; NaN: unknown
};

static inline struct covariance covariance_unknown(void)
{
    return (struct covariance){(double)NAN, (double)NAN, (double)NAN, (double)NAN};
}

/* The errors of one match. */
struct match_error {
    struct covariance covariance;
    // What the noise of one picture has made of it where the texture slopes. Of a ROI that turns: seen as the template
    // stands.
    struct covariance of_one;
};

/* That of the motion turned clockwise. */
static inline struct covariance covariance_turn(const struct covariance *from, double angle_rad)
{
    const double c = cos(angle_rad), s = sin(angle_rad);
    return (struct covariance){
        .xx = c * c * from->xx - 2 * c * s * from->xy + s * s * from->yy,
        .xy = c * s * (from->xx - from->yy) + (c * c - s * s) * from->xy,
        .yy = s * s * from->xx + 2 * c * s * from->xy + c * c * from->yy,
        .angle = from->angle,
    };
}

#endif
