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
    if (!part_covers(part, x, y, disc->radius))
        return false;
    double normal[ROTATION_BASIS][ROTATION_BASIS] = {{0}};
    disc->sum = disc->square = 0;
    for (int k = 0; k < disc->count; k++) {
        const float u = disc->u[k], v = disc->v[k];
        const struct spline_point point = part_point(part, x + (double)u, y + (double)v);
        float gx, gy;
        const float value = part_value_and_slopes(part, &point, &gx, &gy);
        disc->sum += (double)value;
        disc->square += (double)value * (double)value;
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
    double basis[ROTATION_BASIS]; // products of the residual, picture less template, with the basis
    double square;                // of the residual
};

/* False if the disc leaves the part. */
static bool add_up(const struct rotation_disc *disc, const struct spline_part *part, const struct pose *pose,
                   struct sums *sums)
{
    const double x = disc->x + pose->dx / disc->scale, y = disc->y + pose->dy / disc->scale;
    const double c = cos(pose->angle_rad), s = sin(pose->angle_rad);
    *sums = (struct sums){{0}, 0};
    if (!part_covers(part, x, y, disc->radius))
        return false;
    for (int k = 0; k < disc->count; k++) {
        const double u = (double)disc->u[k], v = (double)disc->v[k];
        const struct spline_point point = part_point(part, x + c * u - s * v, y + s * u + c * v);
        const float *basis = disc->basis + (ptrdiff_t)k * ROTATION_BASIS;
        const double residual = (double)(part_value(part, &point) - basis[3]);
        for (int i = 0; i < ROTATION_BASIS; i++)
            sums->basis[i] += residual * (double)basis[i];
        sums->square += residual * residual;
    }
    return true;
}

static double score_of(const struct rotation_disc *disc, const struct sums *sums)
{
    // Those of the picture from those of the residual.
    const double sum = sums->basis[4] + disc->sum, product = sums->basis[3] + disc->square;
    const double square = sums->square + 2 * product - disc->square, n = disc->count;
    const double variance = (square - sum * sum / n) * (disc->square - disc->sum * disc->sum / n);
    return variance > 0 ? fmin(1, (product - sum * disc->sum / n) / sqrt(variance)) : (double)NAN;
}

/* A step of Gauss-Newton, in the template's own coordinates. */
struct step {
    double x, y, angle_rad;
    double gain, noise; // of the pose that it leads to
};

/*
 * The step that solves the linearised problem. The template's noise is in the sums of the gain and brings it down;
 * where the disc's edge does not cut through waves at random, motion and angle go with it. So what noise adds is taken
 * out. False if the picture would have to be inverted.
 */
static bool solve(const struct rotation_disc *disc, const struct sums *sums, struct step *step)
{
    double solution[ROTATION_BASIS] = {0}, left = sums->square;
    for (int i = 0; i < ROTATION_BASIS; i++) {
        for (int j = 0; j < ROTATION_BASIS; j++)
            solution[i] += disc->inverse[i][j] * sums->basis[j];
        left -= solution[i] * sums->basis[i];
    }
    step->noise = rotation_noise_level(&disc->noise, 1 + solution[3], left);
    const double bias = (1 + solution[3]) * step->noise * disc->noise.value;
    step->gain = 1 + solution[3] + bias * disc->inverse[3][3];
    step->x = (solution[0] + bias * disc->inverse[0][3]) / step->gain;
    step->y = (solution[1] + bias * disc->inverse[1][3]) / step->gain;
    step->angle_rad = (solution[2] + bias * disc->inverse[2][3]) / step->gain;
    return step->gain > 0;
}

void rotation_disc_score(const struct rotation_disc *disc, const struct spline_part *part, struct pose *pose)
{
    struct sums sums;
    pose->score = add_up(disc, part, pose, &sums) ? score_of(disc, &sums) : (double)NAN;
}

/* Goes a step, in pixels of the disc's picture: (x, y, angle) is undone by angle - r and d - R(angle - r) (x, y). */
static void undo(const struct rotation_disc *disc, const struct step *step, struct pose *pose)
{
    pose->angle_rad -= step->angle_rad;
    const double c = cos(pose->angle_rad), s = sin(pose->angle_rad);
    pose->dx -= (c * step->x - s * step->y) * disc->scale;
    pose->dy -= (s * step->x + c * step->y) * disc->scale;
    pose->gain = step->gain;
    pose->noise = step->noise;
}

static bool is_near(const struct rotation_disc *disc, const struct pose *a, const struct pose *b, double reach)
{
    const double most = reach * disc->scale;
    return fabs(a->dx - b->dx) <= most && fabs(a->dy - b->dy) <= most &&
           fabs(a->angle_rad - b->angle_rad) * disc->radius <= reach;
}

void rotation_disc_fit(const struct rotation_disc *disc, const struct spline_part *part, double reach,
                       struct pose *pose)
{
    struct pose at = *pose;
    struct sums sums;
    struct step step;
    pose->fits = false;
    for (int i = 0; i < STEPS_MAX && is_near(disc, &at, pose, reach); i++) {
        if (!add_up(disc, part, &at, &sums))
            return;
        at.score = score_of(disc, &sums);
        if (i == 0)
            pose->score = at.score;
        if (!solve(disc, &sums, &step))
            return;
        undo(disc, &step, &at);
        at.fits = hypot(step.x, step.y) + fabs(step.angle_rad) * disc->radius < STEP_SMALL_PX;
        if (at.fits) {
            *pose = at;
            return;
        }
    }
}
