#include "rotation_fit.h"

#include <math.h>
#include <stdlib.h>

#include "fail.h"
#include "memory.h"
#include "normal.h"

enum { STEPS_MAX = 30 };

static const double STEP_SMALL_PX = 1e-4;
// Slopes along circles below this, in gray levels per px, come from rounding to whole levels (0.12) rather than
// texture.
static const double SLOPE_LEAST = 0.25;

/* How many pixels a disc has; where it has room for them, also which. */
static int list_pixels(struct rotation_disc *disc)
{
    const double x = disc->x, y = disc->y, radius = disc->radius;
    int count = 0;
    for (int j = (int)ceil(y - radius); j <= y + radius; j++)
        for (int i = (int)ceil(x - radius); i <= x + radius; i++) {
            if (hypot(i - x, j - y) > radius)
                continue;
            if (disc->u) {
                disc->u[count] = (float)(i - x);
                disc->v[count] = (float)(j - y);
            }
            count++;
        }
    return count;
}

ist_status rotation_disc_init(struct rotation_disc *disc, double x, double y, double radius, int scale,
                              ist_error *error)
{
    *disc = (struct rotation_disc){
        .scale = scale, .x = to_small(x, scale), .y = to_small(y, scale), .radius = radius / scale};
    disc->count = list_pixels(disc);
    disc->u = allocate_aligned((size_t)disc->count, sizeof(float));
    disc->v = allocate_aligned((size_t)disc->count, sizeof(float));
    disc->basis = allocate_aligned((size_t)disc->count * ROTATION_BASIS, sizeof(float));
    if (!disc->u || !disc->v || !disc->basis)
        return trk_fail_memory(error);
    (void)list_pixels(disc);
    return IST_OK;
}

void rotation_disc_finish(struct rotation_disc *disc)
{
    free(disc->u);
    free(disc->v);
    free(disc->basis);
    *disc = (struct rotation_disc){0};
}

/* True if turning the disc makes a difference that is more than rounding. */
static bool shows_angle(const struct rotation_disc *disc)
{
    double squares = 0;
    for (int k = 0; k < disc->count; k++)
        squares += (double)disc->u[k] * (double)disc->u[k] + (double)disc->v[k] * (double)disc->v[k];
    return 1 / disc->inverse[2][2] > SLOPE_LEAST * SLOPE_LEAST * squares;
}

bool rotation_disc_cut(struct rotation_disc *disc, const struct spline_part *part, double x, double y)
{
    double normal[ROTATION_BASIS][ROTATION_BASIS] = {{0}};
    for (int k = 0; k < disc->count; k++) {
        const float u = disc->u[k], v = disc->v[k];
        struct spline_point point;
        if (!part_find_point(part, x + (double)u, y + (double)v, &point))
            return false;
        float gx, gy;
        const float value = part_value_and_slopes(part, &point, &gx, &gy);
        const float basis[ROTATION_BASIS] = {gx, gy, gy * u - gx * v, value, 1};
        for (int i = 0; i < ROTATION_BASIS; i++) {
            disc->basis[k * ROTATION_BASIS + i] = basis[i];
            for (int j = i; j < ROTATION_BASIS; j++)
                normal[i][j] += (double)basis[i] * (double)basis[j];
        }
    }
    const bool fixed = normal_invert(&normal[0][0], ROTATION_BASIS);
    for (int i = 0; i < ROTATION_BASIS; i++)
        for (int j = 0; j < ROTATION_BASIS; j++)
            disc->inverse[i][j] = normal[i][j];
    return fixed && shows_angle(disc);
}

/* Sums over the disc at a pose. */
struct sums {
    double residual[ROTATION_BASIS]; // products of picture less template with the basis
    double sum, square, product;     // of the picture's samples, of their squares, and with the template
};

/* False if the disc leaves the part. x, y: its middle, in small pixels. */
static bool add_up(const struct rotation_disc *disc, const struct spline_part *part, double x, double y, double angle,
                   struct sums *sums)
{
    const double c = cos(angle), s = sin(angle);
    *sums = (struct sums){{0}, 0, 0, 0};
    for (int k = 0; k < disc->count; k++) {
        const double u = (double)disc->u[k], v = (double)disc->v[k];
        struct spline_point point;
        if (!part_find_point(part, x + c * u - s * v, y + s * u + c * v, &point))
            return false;
        const float *basis = disc->basis + (ptrdiff_t)k * ROTATION_BASIS;
        const double value = (double)part_value(part, &point), template = (double)basis[3];
        const double residual = value - template;
        for (int i = 0; i < ROTATION_BASIS; i++)
            sums->residual[i] += residual * (double)basis[i];
        sums->sum += value;
        sums->square += value * value;
        sums->product += value * template;
    }
    return true;
}

static double score_of(const struct rotation_disc *disc, const struct sums *sums)
{
    double sum = 0, square = 0;
    for (int k = 0; k < disc->count; k++) {
        const double template = (double)disc->basis[(ptrdiff_t)k * ROTATION_BASIS + 3];
        sum += template;
        square += template * template;
    }
    const double n = disc->count;
    const double variance = (sums->square - sums->sum * sums->sum / n) * (square - sum * sum / n);
    return variance > 0 ? fmin(1, (sums->product - sums->sum * sum / n) / sqrt(variance)) : (double)NAN;
}

/*
 * A step (p, q, r) of Gauss-Newton in the template's own coordinates, divided by the gain, is undone by angle - r and
 * d - R(angle - r) (p, q).
 */
void rotation_disc_fit(const struct rotation_disc *disc, const struct spline_part *part, struct pose *pose)
{
    double dx = pose->dx / disc->scale, dy = pose->dy / disc->scale, angle = pose->angle_rad;
    struct sums sums;
    pose->score = (double)NAN;
    for (int step = 0; step < STEPS_MAX && add_up(disc, part, disc->x + dx, disc->y + dy, angle, &sums); step++) {
        double solution[4] = {0};
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < ROTATION_BASIS; j++)
                solution[i] += disc->inverse[i][j] * sums.residual[j];
        const double gain = 1 + solution[3];
        if (!(gain > 0))
            return;
        const double p = solution[0] / gain, q = solution[1] / gain, turn = solution[2] / gain;
        angle -= turn;
        dx -= cos(angle) * p - sin(angle) * q;
        dy -= sin(angle) * p + cos(angle) * q;
        if (hypot(p, q) + fabs(turn) * disc->radius < STEP_SMALL_PX) {
            *pose = (struct pose){dx * disc->scale, dy * disc->scale, angle, score_of(disc, &sums), false};
            return;
        }
    }
}
