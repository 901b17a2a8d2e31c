#include "sum_error.h"

/*
 * How much more noise the one of two edges of a template `apart` px apart takes up, and the other: with sharp edges
 * that of the pixels between them, with blurred ones less, the integral of (P(x) - P(x - apart))^2, P being the edge.
 */
static double edge_noise(double apart, double blur)
{
    const double ratio = apart / (2 * blur);
    return apart * erf(ratio) + 2 * blur / sqrt(M_PI) * (exp(-ratio * ratio) - 1);
}

struct overlap overlap_of_rectangles(double dx, double dy, int width, int height, double blur)
{
    const double across = 1 - edge_noise(fabs(dx), blur) / width, down = 1 - edge_noise(fabs(dy), blur) / height;
    return (struct overlap){.motion = fmax(0, across) * fmax(0, down)};
}

struct overlap overlap_of_discs(double apart, double radius, double blur)
{
    enum { DIRECTIONS = 16 };
    double noise = 0;
    for (int i = 0; i < DIRECTIONS; i++)
        noise += edge_noise(apart * fabs(cos((i + 0.5) * M_PI / DIRECTIONS)), blur) / DIRECTIONS;
    // To the angle pixels count with the squares of their distance from the middle: at the edge twice the mean.
    return (struct overlap){fmax(0, 1 - noise / radius), fmax(0, 1 - 2 * noise / radius)};
}

struct covariance error_of_sum(const struct covariance *base, const struct match_error *match,
                               const struct overlap *overlap, double angle_rad, bool goes_round)
{
    const struct covariance turned = goes_round ? covariance_turn(base, angle_rad) : *base;
    const struct covariance *one = &match->of_one, *all = &match->covariance;
    struct covariance common; // of the base's errors and the match's, with the other sign
    if (goes_round) {
        common = covariance_turn(one, angle_rad);
    } else {
        const double c = cos(angle_rad), s = sin(angle_rad);
        common.xx = c * one->xx - s * one->xy;
        common.xy = c * one->xy + s * (one->xx - one->yy) / 2;
        common.yy = c * one->yy + s * one->xy;
        common.angle = one->angle;
    }
    return (struct covariance){
        .xx = turned.xx + all->xx - 2 * overlap->motion * common.xx,
        .xy = turned.xy + all->xy - 2 * overlap->motion * common.xy,
        .yy = turned.yy + all->yy - 2 * overlap->motion * common.yy,
        .angle = turned.angle + all->angle - 2 * overlap->angle * common.angle,
    };
}
