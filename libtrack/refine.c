#include "refine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "memory.h"
#include "normal.h"

enum {
    TAPS = REFINE_TAPS,
    PHASES = REFINE_PHASES,
    LEVELS = REFINE_LEVELS,
    REACH = TAPS / 2, // px; a kernel is 0 from there on
    RANGE_PX = REFINE_RANGE_PX,
    MARGIN = REACH - 1 + RANGE_PX, // samples needed before the template; behind it, one more
    SAMPLES_EXTRA = 2 * MARGIN + 1,
    PADDED_EXTRA = 2 * (TAPS - 1), // zeros around a template, so that the kernel runs out of it on all sides
    STEPS_MAX = 20,
};

static const double RIDGE = 1e-6;
static const double TEXTURE_SHARE_LEAST = 1.0 / 3; // of the gradient's squares; below it there may be no texture at all
static const double ROUNDING = 1.0 / 12;           // variance of the rounding to whole gray levels

// What is smoothed with more than a sixteenth of the ROI is more surroundings than ROI.
static const double LEVEL_SIGMA_PX[LEVELS] = {0.5, 0.7, 1, 1.4};
enum { LEVEL_TO_JUDGE = 2, SIGMAS_IN_ROI = 16 };

/*
 * Times the root mean square wave number of the texture, in radians per px, the sigma that comes nearest to the
 * Cramer-Rao bound for textures of 3-20, 5-40 and 15-60 px alike. Measured with tests/track_accuracy.
 */
static const double SIGMA_TIMES_WAVE_NUMBER = 0.35;

double refine_kernel(double x, double sigma)
{
    enum { INTERVALS = 32 };
    // Back from frequencies, in cycles per px, by Simpson's rule.
    double sum = 0;
    for (int i = 0; i <= INTERVALS; i++) {
        const double f = 0.5 * i / INTERVALS, angle = 2 * M_PI * f;
        const double weight = i == 0 || i == INTERVALS ? 1 : i % 2 ? 4 : 2;
        sum += weight * exp(-angle * angle * sigma * sigma / 2) * cos(angle * x);
    }
    const double angle = M_PI * x / REACH;
    return fabs(x) < REACH ? sum * (0.42 + 0.5 * cos(angle) + 0.08 * cos(2 * angle)) : 0;
}

/* Tap k stands for the pixel k - (REACH - 1) after the one at or before the point. */
static void make_level(struct refine_level *level, double sigma)
{
    double values[REACH * PHASES + 1]; // at multiples of 1 / PHASES
    for (int i = 0; i <= REACH * PHASES; i++)
        values[i] = refine_kernel((double)i / PHASES, sigma);
    for (int phase = 0; phase < PHASES; phase++) {
        double sum = 0;
        for (int k = 0; k < TAPS; k++)
            sum += values[abs((k - (REACH - 1)) * PHASES - phase)];
        for (int k = 0; k < TAPS; k++)
            level->taps[phase][k] = (float)(values[abs((k - (REACH - 1)) * PHASES - phase)] / sum);
    }
    // Half the difference of one phase ahead and one back, which is the last phase of the pixel before.
    for (int k = 0; k < TAPS; k++) {
        const float back = k + 1 < TAPS ? level->taps[PHASES - 1][k + 1] : 0;
        level->slope[k] = (level->taps[1][k] - back) * (PHASES / 2.0f);
    }
}

ist_status refiner_init(struct refiner *refiner, int width, int height, ist_error *error)
{
    const size_t pixels = (size_t)width * (size_t)height;
    *refiner = (struct refiner){.width = width, .height = height};
    refiner->model = allocate_aligned(pixels, sizeof(float));
    refiner->gx = allocate_aligned(pixels, sizeof(float));
    refiner->gy = allocate_aligned(pixels, sizeof(float));
    return refiner->model && refiner->gx && refiner->gy ? IST_OK : trk_fail_memory(error);
}

void refiner_finish(struct refiner *refiner)
{
    free(refiner->model);
    free(refiner->gx);
    free(refiner->gy);
    *refiner = (struct refiner){0};
}

ist_status refine_room_init(struct refine_room *room, int width_max, int height_max, ist_error *error)
{
    const size_t columns = (size_t)width_max + PADDED_EXTRA, rows = (size_t)height_max + PADDED_EXTRA;
    *room = (struct refine_room){0};
    room->samples = allocate_aligned(columns * rows, sizeof(float));
    room->rows = allocate_aligned(columns * rows, sizeof(float));
    room->image = allocate_aligned(columns, sizeof(float));
    room->levels = allocate_aligned(LEVELS, sizeof *room->levels);
    if (!room->samples || !room->rows || !room->image || !room->levels)
        return trk_fail_memory(error);
    for (int i = 0; i < LEVELS; i++)
        make_level(&room->levels[i], LEVEL_SIGMA_PX[i]);
    return IST_OK;
}

void refine_room_finish(struct refine_room *room)
{
    free(room->samples);
    free(room->rows);
    free(room->image);
    free(room->levels);
    *room = (struct refine_room){0};
}

/* Columns x..x+count-1 of row y, less an offset, as floats; both may lie outside the picture. */
static void load_line(float *restrict line, const struct plane *plane, int x, int y, int count, int offset)
{
    y = plane_mirror(y, plane->height);
    const bool inside = x >= 0 && x + count <= plane->width;
    if (plane->fine) {
        const float *row = plane->fine + y * plane->stride;
        for (int i = 0; i < count; i++)
            line[i] = row[plane_mirror(x + i, plane->width)] - (float)offset;
    } else if (plane->type == IST_PIXEL_U16) {
        const uint16_t *row = plane_uint16(plane, 0, y);
        if (inside)
            for (int i = 0; i < count; i++)
                line[i] = (float)(row[x + i] - offset);
        else
            for (int i = 0; i < count; i++)
                line[i] = (float)(row[plane_mirror(x + i, plane->width)] - offset);
    } else {
        const uint8_t *row = plane_uint8(plane, 0, y);
        if (inside)
            for (int i = 0; i < count; i++)
                line[i] = (float)(row[x + i] - offset);
        else
            for (int i = 0; i < count; i++)
                line[i] = (float)(row[plane_mirror(x + i, plane->width)] - offset);
    }
}

/* Samples around a template at x, y, from MARGIN before it on. */
static void load_samples(const struct refiner *refiner, struct refine_room *room, const struct plane *plane, int x,
                         int y)
{
    const int columns = refiner->width + SAMPLES_EXTRA, rows = refiner->height + SAMPLES_EXTRA;
    for (int i = 0; i < rows; i++)
        load_line(room->samples + (ptrdiff_t)i * columns, plane, x - MARGIN, y - MARGIN + i, columns, refiner->offset);
}

/* Where a template moved by an offset takes its samples: the first one's place, and the weights. */
struct sampling {
    int first; // in room->samples
    const float *weights;
};

/* An offset in phases, up to RANGE_PX each way. */
static struct sampling sample_at(const struct refine_level *level, int phases)
{
    const int whole = (phases + RANGE_PX * PHASES) / PHASES - RANGE_PX;
    return (struct sampling){MARGIN + whole - (REACH - 1), level->taps[phases - whole * PHASES]};
}

/* Weights `rows` rows of `columns` along themselves; leaves them packed in room->rows. */
static void weight_rows(struct refine_room *room, const struct kernels *kernels, const float *from, ptrdiff_t stride,
                        int columns, int rows, const float *weights)
{
    for (int i = 0; i < rows; i++)
        kernels->filter(room->rows + (ptrdiff_t)i * columns, from + i * stride, columns, 1, weights, TAPS);
}

/* Down the columns of room->rows: row y of the result. */
static void weight_columns(float *out, const struct refine_room *room, const struct kernels *kernels, int columns,
                           int y, const float *weights)
{
    kernels->filter(out, room->rows + (ptrdiff_t)y * columns, columns, columns, weights, TAPS);
}

/* The picture at an offset, along rows only. */
static void sample_rows(const struct refiner *refiner, struct refine_room *room, const struct kernels *kernels,
                        const struct sampling *across, const struct sampling *down)
{
    const ptrdiff_t stride = refiner->width + SAMPLES_EXTRA;
    weight_rows(room, kernels, room->samples + down->first * stride + across->first, stride, refiner->width,
                refiner->height + TAPS - 1, across->weights);
}

/* Model and gradient from the samples, at the refiner's level. */
static void cut_images(struct refiner *refiner, struct refine_room *room, const struct kernels *kernels)
{
    const struct refine_level *level = &room->levels[refiner->level];
    const struct sampling middle = sample_at(level, 0), steep = {middle.first, level->slope};
    sample_rows(refiner, room, kernels, &middle, &middle);
    for (int y = 0; y < refiner->height; y++) {
        const ptrdiff_t at = (ptrdiff_t)y * refiner->width;
        weight_columns(refiner->model + at, room, kernels, refiner->width, y, middle.weights);
        weight_columns(refiner->gy + at, room, kernels, refiner->width, y, steep.weights);
    }
    sample_rows(refiner, room, kernels, &steep, &middle);
    for (int y = 0; y < refiner->height; y++)
        weight_columns(refiner->gx + (ptrdiff_t)y * refiner->width, room, kernels, refiner->width, y, middle.weights);
}

/* The level of smoothing that suits the texture in the images, which were cut at LEVEL_TO_JUDGE. */
static int choose_level(const struct refiner *refiner)
{
    const ptrdiff_t pixels = (ptrdiff_t)refiner->width * refiner->height;
    double sum = 0, square = 0, slope = 0;
    for (ptrdiff_t at = 0; at < pixels; at++) {
        const double model = (double)refiner->model[at];
        const double gx = (double)refiner->gx[at], gy = (double)refiner->gy[at];
        sum += model;
        square += model * model;
        slope += gx * gx + gy * gy;
    }
    const double variance = square - sum * sum / (double)pixels;
    const double sigma = SIGMA_TIMES_WAVE_NUMBER * sqrt(variance / slope);
    const double most = (double)(refiner->width < refiner->height ? refiner->width : refiner->height) / SIGMAS_IN_ROI;
    int level = 0;
    while (level + 1 < LEVELS && LEVEL_SIGMA_PX[level + 1] <= most &&
           LEVEL_SIGMA_PX[level] * LEVEL_SIGMA_PX[level + 1] <= sigma * sigma)
        level++;
    return level;
}

static void make_inverse(struct refiner *refiner)
{
    double normal[4][4] = {{0}};
    const ptrdiff_t pixels = (ptrdiff_t)refiner->width * refiner->height;
    for (ptrdiff_t at = 0; at < pixels; at++) {
        const double row[4] = {(double)refiner->gx[at], (double)refiner->gy[at], (double)refiner->model[at], 1};
        for (int i = 0; i < 4; i++)
            for (int j = i; j < 4; j++)
                normal[i][j] += row[i] * row[j];
    }
    refiner->usable = normal_invert(&normal[0][0], 4);
    memcpy(refiner->inverse, normal, sizeof normal);
}

static int mean_sample(const struct refiner *refiner, const struct plane *plane, int x, int y)
{
    int64_t sum = 0;
    for (int row = y; row < y + refiner->height; row++)
        for (int column = x; column < x + refiner->width; column++)
            sum += plane->type == IST_PIXEL_U16 ? *plane_uint16(plane, column, row) : *plane_uint8(plane, column, row);
    const int64_t pixels = (int64_t)refiner->width * refiner->height;
    return (int)((sum + pixels / 2) / pixels);
}

/*
 * The variance of an offset for white noise of variance 1: its weights for the pixels' residuals, a row of the inverse
 * times the basis, go through the kernel and then have to do with independent samples.
 */
static double offset_variance(const struct refiner *refiner, struct refine_room *room, const struct kernels *kernels,
                              const double row[4])
{
    const int columns = refiner->width + TAPS - 1, rows = refiner->height + TAPS - 1;
    const ptrdiff_t stride = columns + TAPS - 1;
    const float *weights = room->levels[refiner->level].taps[0];
    memset(room->samples, 0, (size_t)(stride * (rows + TAPS - 1)) * sizeof(float));
    for (int y = 0; y < refiner->height; y++) {
        float *line = room->samples + (y + TAPS - 1) * stride + TAPS - 1;
        for (int x = 0; x < refiner->width; x++) {
            const ptrdiff_t at = (ptrdiff_t)y * refiner->width + x;
            line[x] = (float)(row[0] * (double)refiner->gx[at] + row[1] * (double)refiner->gy[at] +
                              row[2] * (double)refiner->model[at] + row[3]);
        }
    }
    weight_rows(room, kernels, room->samples, stride, columns, rows + TAPS - 1, weights);
    double variance = 0;
    for (int y = 0; y < rows; y++) {
        weight_columns(room->image, room, kernels, columns, y, weights);
        for (int x = 0; x < columns; x++)
            variance += (double)room->image[x] * (double)room->image[x];
    }
    return variance;
}

/* Sum of squares of one kernel applied after the other. */
static double square_of_both(const float *first, const float *second)
{
    double squares = 0;
    for (int i = 0; i < 2 * TAPS - 1; i++) {
        double tap = 0;
        for (int k = i < TAPS ? 0 : i - TAPS + 1; k < TAPS && k <= i; k++)
            tap += (double)first[k] * (double)second[i - k];
        squares += tap * tap;
    }
    return squares;
}

/*
 * Of white noise of variance 1 the kernel leaves the sum of its squared taps in each pixel. The fit takes up what lies
 * along its basis: of gain and brightness, which the kernel leaves as they are, 1 each.
 */
static void judge_noise(struct refiner *refiner, struct refine_room *room, const struct kernels *kernels)
{
    const float *weights = room->levels[refiner->level].taps[0];
    const float *slope = room->levels[refiner->level].slope;
    const double pixels = (double)refiner->width * refiner->height;
    double kept = 0, steep = 0;
    for (int k = 0; k < TAPS; k++) {
        kept += (double)weights[k] * (double)weights[k];
        steep += (double)slope[k] * (double)slope[k];
    }
    refiner->model_noise = pixels * kept * kept;
    refiner->slope_noise = pixels * steep * kept;
    refiner->edge_px = 1 / (2 * sqrt(M_PI) * kept); // whose squares sum up to the same
    refiner->slope_moves = pixels * square_of_both(slope, weights) * square_of_both(weights, weights);
    refiner->variance_x = offset_variance(refiner, room, kernels, refiner->inverse[0]);
    refiner->variance_y = offset_variance(refiner, room, kernels, refiner->inverse[1]);
    refiner->freedom = kept * kept * pixels - 2 - refiner->variance_x / refiner->inverse[0][0] -
                       refiner->variance_y / refiner->inverse[1][1];
}

void refiner_cut(struct refiner *refiner, struct refine_room *room, const struct kernels *kernels,
                 const struct plane *plane, int x, int y)
{
    refiner->offset = mean_sample(refiner, plane, x, y);
    load_samples(refiner, room, plane, x, y);
    refiner->level = LEVEL_TO_JUDGE;
    cut_images(refiner, room, kernels);
    refiner->level = choose_level(refiner);
    if (refiner->level != LEVEL_TO_JUDGE)
        cut_images(refiner, room, kernels);
    make_inverse(refiner);
    if (refiner->usable)
        judge_noise(refiner, room, kernels);
}

/* A step of Gauss-Newton. */
struct step {
    double x, y; // from the solution of the linearised problem to where the step was taken
    double gain;
    double noise; // variance of that of one picture; 0: unknown
};

/* The template's own picture leaves nothing: there the noise is the same. */
static double noise_of_one(const struct refiner *refiner, double gain, double left)
{
    return refiner->freedom > 0 ? fmax(0, left) / refiner->freedom / (1 + gain * gain) : 0;
}

/*
 * One step at an offset: the solution of
 *     I(x + d) - T(x) = p gx + q gy + (a - 1) T + b,  where  p = a (dx - solution), q likewise.
 * The template's noise is in the sum that the gain comes from, with its own square, and brings it down. Where the edge
 * of the ROI cuts through waves the offset goes with the gain, in each match with such a template the same way, so what
 * noise makes of that sum is taken out. False if the picture would have to be inverted.
 */
static bool newton_step(const struct refiner *refiner, struct refine_room *room, const struct kernels *kernels,
                        const struct sampling *across, const struct sampling *down, struct step *step)
{
    double lanes[KERNEL_SUMS][KERNEL_LANES] = {{0}};
    sample_rows(refiner, room, kernels, across, down);
    for (int y = 0; y < refiner->height; y++) {
        const ptrdiff_t at = (ptrdiff_t)y * refiner->width;
        weight_columns(room->image, room, kernels, refiner->width, y, down->weights);
        kernels->normal(room->image, refiner->model + at, refiner->gx + at, refiner->gy + at, refiner->width, lanes);
    }
    double sums[KERNEL_SUMS] = {0};
    for (int i = 0; i < KERNEL_SUMS; i++)
        for (int j = 0; j < KERNEL_LANES; j++)
            sums[i] += lanes[i][j];
    double solution[4] = {0};
    double left = sums[4];
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 4; j++)
            solution[i] += refiner->inverse[i][j] * sums[j];
        left -= solution[i] * sums[i];
    }
    step->noise = noise_of_one(refiner, 1 + solution[2], left);
    const double bias = (1 + solution[2]) * step->noise * refiner->model_noise;
    step->gain = 1 + solution[2] + bias * refiner->inverse[2][2];
    step->x = (solution[0] + bias * refiner->inverse[0][2]) / step->gain;
    step->y = (solution[1] + bias * refiner->inverse[1][2]) / step->gain;
    return step->gain > 0;
}

/*
 * The standard error in a direction, and what the noise of one picture makes of its square where the texture slopes.
 * `variance` is that of the offset for noise of variance 1, `inverse` the element of the inverse on the diagonal, of
 * whose reciprocal the template's own noise makes up a part. Slopes that are noise of the template meet the noise of
 * the picture: with the template's own, half the slope of its square, they add up to nothing.
 */
static void estimate_error(const struct refiner *refiner, const struct step *last, double variance, double inverse,
                           double *error, double *part)
{
    const double square = last->gain * last->gain;
    const double noise = fmax(ROUNDING, last->noise);
    const double share = 1 - noise * refiner->slope_noise * inverse, scale = noise / (share * share);
    const double by_slopes = noise * refiner->slope_moves * inverse * inverse;
    const double by_texture = fmax(0, variance - by_slopes);
    const bool known = refiner->freedom > 0 && share >= TEXTURE_SHARE_LEAST;
    *error = known ? sqrt(scale * (by_texture + variance / square)) : (double)NAN;
    *part = fmin(1, 1 / square) * scale * by_texture;
}

static int nearest_phase(double offset)
{
    return (int)lround(offset * PHASES);
}

bool refiner_find(const struct refiner *refiner, struct refine_room *room, const struct kernels *kernels,
                  const struct plane *plane, int x, int y, struct refinement *found)
{
    if (!refiner->usable)
        return false;
    load_samples(refiner, room, plane, x, y);
    const struct refine_level *level = &room->levels[refiner->level];
    double at_x = 0, at_y = 0;
    for (int i = 0; i < STEPS_MAX; i++) {
        const int phase_x = nearest_phase(at_x), phase_y = nearest_phase(at_y);
        const struct sampling across = sample_at(level, phase_x), down = sample_at(level, phase_y);
        struct step step;
        if (!newton_step(refiner, room, kernels, &across, &down, &step))
            return false;
        at_x = (double)phase_x / PHASES - step.x;
        at_y = (double)phase_y / PHASES - step.y;
        if (!(fabs(at_x) <= RANGE_PX && fabs(at_y) <= RANGE_PX))
            return false;
        // Steps shrink by a factor of ten or more: after one of a phase's size nothing is left to gain.
        if (fabs(step.x) * PHASES < 1 && fabs(step.y) * PHASES < 1) {
            found->dx = at_x;
            found->dy = at_y;
            estimate_error(refiner, &step, refiner->variance_x, refiner->inverse[0][0], &found->error_x,
                           &found->part_x);
            estimate_error(refiner, &step, refiner->variance_y, refiner->inverse[1][1], &found->error_y,
                           &found->part_y);
            return true;
        }
    }
    return false;
}

bool refine_quadratic(const double scores[9], double *dx, double *dy)
{
    // Least squares of s = a + b x + c y + d x x + e y y + f x y over the nine places.
    double sum = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0;
    for (int i = 0; i < 9; i++) {
        const int column = i % 3 - 1, row = i / 3 - 1;
        if (isnan(scores[i]))
            return false;
        sum += scores[i];
        x += column * scores[i];
        y += row * scores[i];
        xx += column * column * scores[i];
        yy += row * row * scores[i];
        xy += column * row * scores[i];
    }
    const double b = x / 6, c = y / 6, f = xy / 4;
    const double d = xx / 2 - sum / 3, e = yy / 2 - sum / 3;
    const double determinant = 4 * d * e - f * f;
    // A ridge has no maximum along itself.
    if (!(d < 0 && e < 0 && determinant > RIDGE * 4 * d * e))
        return false;
    const double peak_x = (f * c - 2 * e * b) / determinant, peak_y = (f * b - 2 * d * c) / determinant;
    if (!(fabs(peak_x) <= 1 && fabs(peak_y) <= 1))
        return false;
    *dx = peak_x;
    *dy = peak_y;
    return true;
}
