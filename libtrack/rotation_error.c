#include "rotation_error.h"

#include <math.h>
#include <string.h>

#include "normal.h"
#include "rotation_fit.h"

static const double TEXTURE_SHARE_LEAST = 1.0 / 3; // of a diagonal element; below it there may be no texture at all
static const double ROUNDING = 1.0 / 12;           // variance of the rounding to whole gray levels

/* How much a pixel weighs in an element of a step. */
static double weight(const struct rotation_disc *disc, int element, int pixel)
{
    double sum = 0;
    for (int i = 0; i < ROTATION_BASIS; i++)
        sum += disc->inverse[element][i] * (double)disc->basis[(ptrdiff_t)pixel * ROTATION_BASIS + i];
    return sum;
}

/* Where pixels lie in a square around the disc, with a margin for smoothing. */
struct square {
    double first_u, first_v;
    int side, margin, stride;
};

static struct square square_around(const struct rotation_disc *disc)
{
    const int side = 2 * (int)ceil(disc->radius) + 1, margin = SPLINE_LAGS / 2;
    return (struct square){ceil(disc->x - disc->radius) - disc->x, ceil(disc->y - disc->radius) - disc->y, side, margin,
                           side + 2 * margin};
}

static ptrdiff_t place_in(const struct square *square, const struct rotation_disc *disc, int pixel)
{
    const int column = (int)lround((double)disc->u[pixel] - square->first_u);
    const int row = (int)lround((double)disc->v[pixel] - square->first_v);
    return (ptrdiff_t)row * square->stride + column;
}

/* The covariances of one element of a step with all three: sums over pairs of pixels of weights and their noise. */
static void add_covariances(const struct rotation_disc *disc, struct spline_room *room, const struct kernels *kernels,
                            int element, struct pose_matrix *covariance)
{
    const struct square square = square_around(disc);
    const ptrdiff_t stride = square.stride, inside = square.margin * (stride + 1);
    const float *taps = room->noise.covariance;
    memset(room->samples, 0, (size_t)(stride * stride) * sizeof(float));
    for (int k = 0; k < disc->count; k++)
        room->samples[inside + place_in(&square, disc, k)] = (float)weight(disc, element, k);
    for (int j = 0; j < stride; j++)
        kernels->filter(room->rows + j * stride, room->samples + j * stride, square.side, 1, taps, SPLINE_LAGS);
    for (int j = 0; j < square.side; j++)
        kernels->filter(room->spline + j * stride, room->rows + j * stride, square.side, stride, taps, SPLINE_LAGS);
    for (int k = 0; k < disc->count; k++)
        for (int i = 0; i < POSE; i++)
            covariance->at[i][element] += weight(disc, i, k) * (double)room->spline[place_in(&square, disc, k)];
}

/* a b a, all symmetric. */
static struct pose_matrix multiply_around(const struct pose_matrix *a, const struct pose_matrix *b)
{
    struct pose_matrix product = {{{0}}};
    for (int i = 0; i < POSE; i++)
        for (int j = 0; j < POSE; j++)
            for (int k = 0; k < POSE * POSE; k++)
                product.at[i][j] += a->at[i][k / POSE] * b->at[k / POSE][k % POSE] * a->at[k % POSE][j];
    return product;
}

void rotation_noise_init(struct rotation_noise *noise, const struct rotation_disc *disc, struct spline_room *room,
                         const struct kernels *kernels)
{
    *noise = (struct rotation_noise){0};
    for (int i = 0; i < POSE; i++)
        for (int j = 0; j < POSE; j++)
            noise->normal.at[i][j] = disc->inverse[i][j];
    if (!normal_invert(&noise->normal.at[0][0], POSE))
        return;
    double levers = 0;
    for (int k = 0; k < disc->count; k++)
        levers += (double)disc->u[k] * (double)disc->u[k] + (double)disc->v[k] * (double)disc->v[k];
    const double slopes[POSE] = {disc->count, disc->count, levers};
    // Of gain and brightness, which smoothing leaves as they are, the fit takes up 1 each.
    noise->value = disc->count * room->noise.value;
    noise->freedom = noise->value - 2;
    struct pose_matrix steps = {{{0}}};
    for (int i = 0; i < POSE; i++) {
        add_covariances(disc, room, kernels, i, &steps);
        noise->inverse[i] = disc->inverse[i][i];
        noise->slope[i] = slopes[i] * room->noise.slope;
        noise->slope_sums[i] = slopes[i] * room->noise.slope_value;
        noise->freedom -= steps.at[i][i] / disc->inverse[i][i];
    }
    noise->sums = multiply_around(&noise->normal, &steps);
}

/* The covariance of a pose from that of the sums that it was solved from. */
static struct covariance covariance_of(const struct pose_matrix *inverse, const struct pose_matrix *sums,
                                       const bool known[POSE])
{
    const struct pose_matrix pose = multiply_around(inverse, sums);
    struct covariance covariance = {pose.at[0][0], pose.at[0][1], pose.at[1][1], pose.at[2][2]};
    if (!known[0] || !known[1]) // turned, one is part of the other
        covariance.xx = covariance.xy = covariance.yy = (double)NAN;
    if (!known[2])
        covariance.angle = (double)NAN;
    return covariance;
}

double rotation_noise_level(const struct rotation_noise *noise, double gain, double left)
{
    return noise->freedom > 0 ? fmax(0, left) / noise->freedom / (1 + gain * gain) : 0;
}

struct match_error rotation_noise_error(const struct rotation_noise *noise, double angle_rad, double gain, double level)
{
    const double square = gain * gain;
    level = fmax(ROUNDING, level);
    struct pose_matrix inverse, of_one, sums;
    for (int i = 0; i < POSE; i++)
        for (int j = 0; j < POSE; j++) {
            const double slope = i == j ? level * noise->slope[i] : 0,
                         by_slope = i == j ? level * noise->slope_sums[i] : 0;
            inverse.at[i][j] = noise->normal.at[i][j] - slope;
            const double of_template = level * (noise->sums.at[i][j] - by_slope);
            of_one.at[i][j] = fmin(1, 1 / square) * of_template;
            sums.at[i][j] = of_template + level / square * noise->sums.at[i][j];
        }
    bool known[POSE] = {false};
    const bool fixed = noise->freedom > 0 && normal_invert(&inverse.at[0][0], POSE);
    for (int i = 0; i < POSE; i++)
        known[i] = fixed && noise->inverse[i] >= TEXTURE_SHARE_LEAST * inverse.at[i][i];
    const struct covariance covariance = covariance_of(&inverse, &sums, known);
    return (struct match_error){covariance_turn(&covariance, angle_rad), covariance_of(&inverse, &of_one, known)};
}
