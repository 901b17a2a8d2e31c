#include "refine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "memory.h"
#include "spline.h"

enum {
    // An offset of up to 1 px either way needs spline coefficients from 2 before to 2 behind the template.
    MARGIN = 2,
    SPLINE_EXTRA = 2 * MARGIN + 1,
    STEPS_MAX = 20,
};

static const double SIGMA_PX = 1;
// Steps shrink by a factor of ten or more, so that the last one is far larger than what is left.
static const double STEP_SMALL_PX = 1e-4;
static const double PIVOT_SMALL = 1e-6;

/*
 * The filter from samples to the spline coefficients of the smoothed picture: a Gaussian, then the inverse of the
 * B-spline's own (1 4 1) / 6, whose response is sqrt(3) z^|k| with z = sqrt(3) - 2. Cut at REFINE_RADIUS, where it is
 * below 1e-6, and scaled to sum to 1. Template and picture pass through the same filter.
 */
static void make_smoothing(float *taps)
{
    enum { REACH = 40 };
    const double z = sqrt(3) - 2;
    double filter[REFINE_RADIUS + 1];
    double total = 0;
    for (int k = 0; k <= REFINE_RADIUS; k++) {
        filter[k] = 0;
        for (int i = -REACH; i <= REACH; i++)
            filter[k] += exp(-(double)(i * i) / (2 * SIGMA_PX * SIGMA_PX)) * pow(z, abs(k - i));
        total += k ? 2 * filter[k] : filter[k];
    }
    for (int k = 0; k <= REFINE_RADIUS; k++)
        taps[k] = (float)(filter[k] / total);
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
    const size_t columns = (size_t)width_max + SPLINE_EXTRA, rows = (size_t)height_max + SPLINE_EXTRA;
    *room = (struct refine_room){0};
    room->line = allocate_aligned(columns + 2 * REFINE_RADIUS, sizeof(float));
    room->rows = allocate_aligned(columns * (rows + 2 * REFINE_RADIUS), sizeof(float));
    room->spline = allocate_aligned(columns * rows, sizeof(float));
    room->taps = allocate_aligned(columns * rows, sizeof(float));
    room->image = allocate_aligned(columns, sizeof(float));
    make_smoothing(room->smoothing);
    const bool complete = room->line && room->rows && room->spline && room->taps && room->image;
    return complete ? IST_OK : trk_fail_memory(error);
}

void refine_room_finish(struct refine_room *room)
{
    free(room->line);
    free(room->rows);
    free(room->spline);
    free(room->taps);
    free(room->image);
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

static int spline_stride(const struct refiner *refiner)
{
    return refiner->width + SPLINE_EXTRA;
}

/* Spline coefficients of the smoothed picture around a template at x, y, from MARGIN before it on. */
static void make_spline(const struct refiner *refiner, struct refine_room *room, const struct kernels *kernels,
                        const struct plane *plane, int x, int y)
{
    const int columns = spline_stride(refiner), rows = refiner->height + SPLINE_EXTRA;
    const int left = x - MARGIN - REFINE_RADIUS, top = y - MARGIN - REFINE_RADIUS;
    for (int i = 0; i < rows + 2 * REFINE_RADIUS; i++) {
        load_line(room->line, plane, left, top + i, columns + 2 * REFINE_RADIUS, refiner->offset);
        kernels->filter(room->rows + (ptrdiff_t)i * columns, room->line + REFINE_RADIUS, columns, 1, room->smoothing,
                        REFINE_RADIUS);
    }
    for (int i = 0; i < rows; i++)
        kernels->filter(room->spline + (ptrdiff_t)i * columns, room->rows + (ptrdiff_t)(i + REFINE_RADIUS) * columns,
                        columns, columns, room->smoothing, REFINE_RADIUS);
}

/* Where a template moved by an offset takes its coefficients: the first one's place, and the weights. */
struct sampling {
    int first; // 0..2, in the spline
    float weights[4];
};

static struct sampling sample_at_offset(double d)
{
    const int whole = (int)floor(d);
    struct sampling sampling = {.first = whole + MARGIN - 1};
    spline_weights(d - whole, sampling.weights);
    return sampling;
}

/* Along rows: leaves height + 3 rows in room->taps, `width` apart. */
static void evaluate_rows(const struct refiner *refiner, struct refine_room *room, const struct kernels *kernels,
                          const struct sampling *across, const struct sampling *down)
{
    const int stride = spline_stride(refiner);
    for (int i = 0; i < refiner->height + 3; i++)
        kernels->taps4(room->taps + (ptrdiff_t)i * refiner->width,
                       room->spline + (ptrdiff_t)(down->first + i) * stride + across->first, refiner->width, 1,
                       across->weights);
}

/* Down columns: row y of the result. */
static void evaluate_row(float *out, const struct refiner *refiner, const struct refine_room *room,
                         const struct kernels *kernels, int y, const float *weights)
{
    kernels->taps4(out, room->taps + (ptrdiff_t)y * refiner->width, refiner->width, refiner->width, weights);
}

static void cut_images(struct refiner *refiner, struct refine_room *room, const struct kernels *kernels)
{
    static const float slope[4] = {-0.5f, 0, 0.5f, 0}; // of the spline, at a knot
    const struct sampling middle = sample_at_offset(0);
    struct sampling steep = middle;
    memcpy(steep.weights, slope, sizeof slope);

    evaluate_rows(refiner, room, kernels, &middle, &middle);
    for (int y = 0; y < refiner->height; y++) {
        const ptrdiff_t at = (ptrdiff_t)y * refiner->width;
        evaluate_row(refiner->model + at, refiner, room, kernels, y, middle.weights);
        evaluate_row(refiner->gy + at, refiner, room, kernels, y, steep.weights);
    }
    evaluate_rows(refiner, room, kernels, &steep, &middle);
    for (int y = 0; y < refiner->height; y++)
        evaluate_row(refiner->gx + (ptrdiff_t)y * refiner->width, refiner, room, kernels, y, middle.weights);
}

/* Inverts a symmetric matrix by Gauss-Jordan on its diagonal. Returns false if a pivot all but vanishes. */
static bool invert(double a[4][4])
{
    double diagonal[4];
    for (int i = 0; i < 4; i++)
        diagonal[i] = a[i][i];
    // Gain and brightness go first: what is left then on the diagonal of gx and gy is what they know of motion.
    static const int order[4] = {3, 2, 0, 1};
    for (int step = 0; step < 4; step++) {
        const int p = order[step];
        const double pivot = a[p][p];
        if (!(pivot > PIVOT_SMALL * diagonal[p]))
            return false;
        a[p][p] = 1;
        for (int j = 0; j < 4; j++)
            a[p][j] /= pivot;
        for (int i = 0; i < 4; i++) {
            if (i == p)
                continue;
            const double factor = a[i][p];
            a[i][p] = 0;
            for (int j = 0; j < 4; j++)
                a[i][j] -= factor * a[p][j];
        }
    }
    return true;
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
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < i; j++)
            normal[i][j] = normal[j][i];
    refiner->usable = invert(normal);
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

void refiner_cut(struct refiner *refiner, struct refine_room *room, const struct kernels *kernels,
                 const struct plane *plane, int x, int y)
{
    refiner->offset = mean_sample(refiner, plane, x, y);
    make_spline(refiner, room, kernels, plane, x, y);
    cut_images(refiner, room, kernels);
    make_inverse(refiner);
}

/*
 * One step at offset dx, dy: writes how far the offset is from the solution of the linearised problem,
 *     I(x + d) - T(x) = p gx + q gy + (a - 1) T + b,  where  p = a (dx - solution), q likewise.
 * False if the picture would have to be inverted.
 */
static bool newton_step(const struct refiner *refiner, struct refine_room *room, const struct kernels *kernels,
                        double dx, double dy, double *step_x, double *step_y)
{
    const struct sampling across = sample_at_offset(dx), down = sample_at_offset(dy);
    double lanes[4][KERNEL_LANES] = {{0}};
    evaluate_rows(refiner, room, kernels, &across, &down);
    for (int y = 0; y < refiner->height; y++) {
        const ptrdiff_t at = (ptrdiff_t)y * refiner->width;
        evaluate_row(room->image, refiner, room, kernels, y, down.weights);
        kernels->normal(room->image, refiner->model + at, refiner->gx + at, refiner->gy + at, refiner->width, lanes);
    }
    double sums[4] = {0};
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < KERNEL_LANES; j++)
            sums[i] += lanes[i][j];
    double solution[3] = {0};
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++)
            solution[i] += refiner->inverse[i][j] * sums[j];
    const double gain = 1 + solution[2];
    if (!(gain > 0))
        return false;
    *step_x = solution[0] / gain;
    *step_y = solution[1] / gain;
    return true;
}

bool refiner_find(const struct refiner *refiner, struct refine_room *room, const struct kernels *kernels,
                  const struct plane *plane, int x, int y, double *dx, double *dy)
{
    if (!refiner->usable)
        return false;
    make_spline(refiner, room, kernels, plane, x, y);
    double at_x = 0, at_y = 0;
    for (int i = 0; i < STEPS_MAX; i++) {
        double step_x, step_y;
        if (!newton_step(refiner, room, kernels, at_x, at_y, &step_x, &step_y))
            return false;
        at_x -= step_x;
        at_y -= step_y;
        if (!(fabs(at_x) <= 1 && fabs(at_y) <= 1))
            return false;
        if (fabs(step_x) < STEP_SMALL_PX && fabs(step_y) < STEP_SMALL_PX) {
            *dx = at_x;
            *dy = at_y;
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
    if (!(d < 0 && e < 0 && determinant > PIVOT_SMALL * 4 * d * e))
        return false;
    const double peak_x = (f * c - 2 * e * b) / determinant, peak_y = (f * b - 2 * d * c) / determinant;
    if (!(fabs(peak_x) <= 1 && fabs(peak_y) <= 1))
        return false;
    *dx = peak_x;
    *dy = peak_y;
    return true;
}
