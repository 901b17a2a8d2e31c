#include "rotation.h"

#include <math.h>
#include <stdlib.h>

#include "fail.h"
#include "memory.h"
#include "normal.h"
#include "spline.h"

enum {
    FILTER_TAPS = ROTATION_TAPS,
    FILTER_REACH = FILTER_TAPS / 2, // px
    SPLINE_REACH = 2,               // coefficients needed on each side of a point
    STEPS_MAX = 30,
    CANDIDATES = 4, // angles that are followed up in the small picture
    FINALISTS = 2,  // and in the full one
    // A disc of this radius has texture enough to be found; a larger one is searched in a smaller picture.
    SEARCH_RADIUS_LEAST = 8,
    SEARCH_RADIUS_MOST = 16,
    SCALE_MODERATE = 4, // beyond this a picture is made smaller only for the largest discs
};

static const double SIGMA_PX = 0.7;
static const double STEP_SMALL_PX = 1e-4;
// Between two angles of the search the rim moves by so many pixels of the small picture.
static const double RIM_STEP_PX = 0.7;
// Slopes along circles below this, in gray levels per px, come from rounding to whole levels (0.12) rather than
// texture.
static const double SLOPE_LEAST = 0.25;

/*
 * The filter from samples to the spline coefficients of the smoothed picture: a Gaussian, then the inverse of the
 * B-spline's own (1 4 1) / 6, whose response is sqrt(3) z^|k| with z = sqrt(3) - 2 (Unser, Splines, 1999).
 */
static void make_filter(float taps[FILTER_TAPS])
{
    enum { FAR = 40 };
    const double z = sqrt(3) - 2;
    double filter[FILTER_TAPS], total = 0;
    for (int k = 0; k < FILTER_TAPS; k++) {
        filter[k] = 0;
        for (int i = -FAR; i <= FAR; i++)
            filter[k] += exp(-(double)(i * i) / (2 * SIGMA_PX * SIGMA_PX)) * pow(z, abs(k - FILTER_REACH - i));
        total += filter[k];
    }
    for (int k = 0; k < FILTER_TAPS; k++)
        taps[k] = (float)(filter[k] / total);
}

/* ---- pictures ---- */

/* A part of the picture made smaller, and its spline; somebody else's memory. Pixel i, j is at left + i, top + j. */
struct part {
    int scale;
    int shift_x, shift_y;         // full pixels, from the picture's own place to that of pixel 0, 0
    int left, top, columns, rows; // in small pixels
    const float *samples;         // with FILTER_REACH more on each side
    const float *spline;
};

static ptrdiff_t sample_stride(const struct part *part)
{
    return part->columns + 2 * FILTER_REACH;
}

/* From full pixels to small ones: small pixel i is the mean of scale * i and those after it. */
static double to_small(double full, int scale)
{
    return (full - (scale - 1) / 2.0) / scale;
}

static double sample_mirrored(const struct plane *plane, int x, int y)
{
    x = plane_mirror(x, plane->width);
    y = plane_mirror(y, plane->height);
    if (plane->fine)
        return (double)plane->fine[y * plane->stride + x];
    return plane->type == IST_PIXEL_U16 ? *plane_uint16(plane, x, y) : *plane_uint8(plane, x, y);
}

/* The mean over a block of the picture, mirrored at its border. */
static float block_mean(const struct plane *plane, int x, int y, int scale)
{
    double sum = 0;
    for (int j = y; j < y + scale; j++)
        for (int i = x; i < x + scale; i++)
            sum += sample_mirrored(plane, i, j);
    return (float)(sum / (scale * scale));
}

/* The part that covers the disc of `radius` with its middle anywhere within reach of x, y; all in small pixels. */
static struct part part_around(int scale, double x, double y, double reach_x, double reach_y, double radius)
{
    const int left = (int)floor(x - reach_x - radius) - SPLINE_REACH;
    const int top = (int)floor(y - reach_y - radius) - SPLINE_REACH;
    return (struct part){.scale = scale,
                         .left = left,
                         .top = top,
                         .columns = (int)ceil(x + reach_x + radius) + SPLINE_REACH + 1 - left,
                         .rows = (int)ceil(y + reach_y + radius) + SPLINE_REACH + 1 - top};
}

static void fill_part(struct part *part, struct rotation_room *room, const struct kernels *kernels,
                      const struct plane *plane, int offset)
{
    const float *taps = room->taps;
    const ptrdiff_t stride = sample_stride(part);
    const int rows = part->rows + 2 * FILTER_REACH;
    for (int j = 0; j < rows; j++) {
        float *line = room->samples + j * stride;
        for (int i = 0; i < stride; i++)
            line[i] = block_mean(plane, part->shift_x + (part->left - FILTER_REACH + i) * part->scale,
                                 part->shift_y + (part->top - FILTER_REACH + j) * part->scale, part->scale) -
                      (float)offset;
        kernels->filter(room->rows + (ptrdiff_t)j * part->columns, line, part->columns, 1, taps, FILTER_TAPS);
    }
    for (int j = 0; j < part->rows; j++)
        kernels->filter(room->spline + (ptrdiff_t)j * part->columns, room->rows + (ptrdiff_t)j * part->columns,
                        part->columns, part->columns, taps, FILTER_TAPS);
    part->samples = room->samples;
    part->spline = room->spline;
}

/* The slopes of the same weights as in spline_weights(). */
static void spline_slopes(float f, float weights[4])
{
    const float g = 1 - f;
    weights[0] = -g * g / 2;
    weights[1] = f * (3 * f - 4) / 2;
    weights[2] = -g * (3 * g - 4) / 2;
    weights[3] = f * f / 2;
}

/* A point between coefficients: that on its upper left, and how far the point is behind it. */
struct point {
    const float *at;
    float f, g;
};

/* False if the spline does not reach there. x and y in small pixels. */
static bool find_point(const struct part *part, double x, double y, struct point *point)
{
    const double column = x - part->left, row = y - part->top;
    if (!(column >= 1 && row >= 1 && column < part->columns - 2 && row < part->rows - 2))
        return false;
    const int i = (int)column, j = (int)row;
    point->at = part->spline + (ptrdiff_t)(j - 1) * part->columns + i - 1;
    point->f = (float)(column - i);
    point->g = (float)(row - j);
    return true;
}

static float weigh(const struct part *part, const struct point *point, const float across[4], const float down[4])
{
    float sum = 0;
    for (int j = 0; j < 4; j++) {
        const float *row = point->at + (ptrdiff_t)j * part->columns;
        sum += down[j] * (across[0] * row[0] + across[1] * row[1] + across[2] * row[2] + across[3] * row[3]);
    }
    return sum;
}

static float sample(const struct part *part, const struct point *point)
{
    float across[4], down[4];
    spline_weights((double)point->f, across);
    spline_weights((double)point->g, down);
    return weigh(part, point, across, down);
}

/* ---- the disc ---- */

/* How many small pixels a disc has; with `disc`, also which. */
static int list_disc(struct rotation_disc *disc, double middle_x, double middle_y, double radius, int scale)
{
    const double x = to_small(middle_x, scale), y = to_small(middle_y, scale);
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

static ist_status disc_init(struct rotation_disc *disc, const struct rotator *rotator, double radius_px, int scale,
                            ist_error *error)
{
    disc->scale = scale;
    disc->radius = radius_px / scale;
    disc->count = list_disc(disc, rotator->middle_x, rotator->middle_y, disc->radius, scale);
    disc->u = allocate_aligned((size_t)disc->count, sizeof(float));
    disc->v = allocate_aligned((size_t)disc->count, sizeof(float));
    disc->basis = allocate_aligned((size_t)disc->count * ROTATION_BASIS, sizeof(float));
    if (!disc->u || !disc->v || !disc->basis)
        return trk_fail_memory(error);
    (void)list_disc(disc, rotator->middle_x, rotator->middle_y, disc->radius, scale);
    return IST_OK;
}

static void disc_finish(struct rotation_disc *disc)
{
    free(disc->u);
    free(disc->v);
    free(disc->basis);
}

/* Template and gradients of a disc from the part it lies in. Returns false if they do not fix motion and angle. */
static bool cut_disc(struct rotation_disc *disc, const struct part *part, double x, double y)
{
    double normal[ROTATION_BASIS][ROTATION_BASIS] = {{0}};
    for (int k = 0; k < disc->count; k++) {
        const float u = disc->u[k], v = disc->v[k];
        struct point point;
        if (!find_point(part, x + (double)u, y + (double)v, &point))
            return false;
        float across[4], down[4], steep_across[4], steep_down[4];
        spline_weights((double)point.f, across);
        spline_weights((double)point.g, down);
        spline_slopes(point.f, steep_across);
        spline_slopes(point.g, steep_down);
        const float gx = weigh(part, &point, steep_across, down), gy = weigh(part, &point, across, steep_down);
        const float basis[ROTATION_BASIS] = {gx, gy, gy * u - gx * v, sample(part, &point), 1};
        for (int i = 0; i < ROTATION_BASIS; i++) {
            disc->basis[k * ROTATION_BASIS + i] = basis[i];
            for (int j = i; j < ROTATION_BASIS; j++)
                normal[i][j] += (double)basis[i] * (double)basis[j];
        }
    }
    const bool usable = normal_invert(&normal[0][0], ROTATION_BASIS);
    for (int i = 0; i < ROTATION_BASIS; i++)
        for (int j = 0; j < ROTATION_BASIS; j++)
            disc->inverse[i][j] = normal[i][j];
    return usable;
}

/* ---- rotators ---- */

static int choose_scale(double radius)
{
    const int moderate = (int)fmin(SCALE_MODERATE, radius / SEARCH_RADIUS_LEAST);
    const int scale = (int)fmax(moderate, radius / SEARCH_RADIUS_MOST);
    return scale < 1 ? 1 : scale;
}

/* Steps that cover the range on either side of any angle. */
static int half_range(const struct rotator *rotator)
{
    return 1 + (int)ceil(rotator->range_rad / rotator->turn_step_rad);
}

static void lay_out_angles(struct rotator *rotator)
{
    const double step = RIM_STEP_PX / rotator->coarse.radius;
    if (!rotator->follows && !rotator->turns_freely) {
        rotator->turn_count = rotator->angle_count = 1 + (int)ceil(2 * rotator->range_rad / step);
        rotator->turn_step_rad = 2 * rotator->range_rad / (rotator->turn_count - 1);
        rotator->turn_first_rad = -rotator->range_rad;
        return;
    }
    rotator->turn_count = rotator->angle_count = rotator->circle_count = (int)ceil(2 * M_PI / step);
    rotator->turn_step_rad = 2 * M_PI / rotator->circle_count;
    rotator->turn_first_rad = -M_PI;
    // With the first ones again behind the last, the angles around any one lie side by side.
    if (!rotator->turns_freely)
        rotator->turn_count += 2 * half_range(rotator);
}

static void choose_angles(struct rotator *rotator)
{
    const int circle = rotator->circle_count, half = half_range(rotator);
    const double from_first = remainder(rotator->toward_rad, 2 * M_PI) - rotator->turn_first_rad;
    const int middle = (int)lround(from_first / rotator->turn_step_rad);
    rotator->angle_first = (middle - half + 2 * circle) % circle;
    rotator->angle_count = 2 * half + 1;
}

void rotator_aim(struct rotator *rotator, int shift_x, int shift_y, int reach_px, double toward_rad, bool any_angle)
{
    rotator->shift_x = shift_x;
    rotator->shift_y = shift_y;
    rotator->x_reach = reach_px ? reach_px : rotator->picture_width;
    rotator->y_reach = reach_px ? reach_px : rotator->picture_height;
    rotator->toward_rad = toward_rad;
    rotator->turns_freely = rotator->turns_freely || any_angle;
    rotator->angle_first = 0;
    rotator->angle_count = rotator->circle_count;
    if (!rotator->turns_freely)
        choose_angles(rotator);
}

ist_status rotator_init(struct rotator *rotator, const trk_roi *roi, int picture_width, int picture_height,
                        int max_movement_px, double max_rotation_deg, bool follows, ist_error *error)
{
    const double radius = fmin(roi->width, roi->height) / 2;
    const double half_width = (roi->width - 1) / 2.0, half_height = (roi->height - 1) / 2.0;
    *rotator = (struct rotator){.half_width = half_width,
                                .half_height = half_height,
                                .middle_x = roi->x + half_width,
                                .middle_y = roi->y + half_height,
                                .x_reach = max_movement_px ? max_movement_px : picture_width,
                                .y_reach = max_movement_px ? max_movement_px : picture_height,
                                .picture_width = picture_width,
                                .picture_height = picture_height,
                                .range_rad = max_rotation_deg * M_PI / 180,
                                .turns_freely = max_rotation_deg >= 180,
                                .follows = follows};
    ist_status status = disc_init(&rotator->coarse, rotator, radius, choose_scale(radius), error);
    if (status >= 0)
        status = disc_init(&rotator->fine, rotator, radius, 1, error);
    if (status < 0)
        return status;
    lay_out_angles(rotator);
    rotator->turned = allocate_aligned((size_t)rotator->turn_count * (size_t)rotator->coarse.count, sizeof(float));
    return rotator->turned ? IST_OK : trk_fail_memory(error);
}

void rotator_finish(struct rotator *rotator)
{
    disc_finish(&rotator->coarse);
    disc_finish(&rotator->fine);
    free(rotator->turned);
    *rotator = (struct rotator){0};
}

/* Positions along one direction of the small picture where the middle is looked for. */
struct span {
    int first, last; // whole steps from home, in small pixels
};

static struct span search_span(double middle, double reach, double radius, int size, int scale)
{
    const double back = fmin(reach, middle + 0.5 - radius), ahead = fmin(reach, size - 0.5 - radius - middle);
    return (struct span){-(int)floor(fmax(0, back) / scale), (int)floor(fmax(0, ahead) / scale)};
}

/* The part of the small picture that a search over these positions looks at. */
static struct part part_of_spans(const struct rotator *rotator, const struct span *across, const struct span *down)
{
    const struct rotation_disc *disc = &rotator->coarse;
    struct part part =
        part_around(disc->scale, to_small(rotator->middle_x, disc->scale), to_small(rotator->middle_y, disc->scale),
                    1 + fmax(-across->first, across->last), 1 + fmax(-down->first, down->last), disc->radius);
    part.shift_x = rotator->shift_x;
    part.shift_y = rotator->shift_y;
    return part;
}

/* The part that the next search looks at, and the positions. */
static struct part search_part(const struct rotator *rotator, struct span *across, struct span *down)
{
    const int scale = rotator->coarse.scale;
    const double radius = rotator->coarse.radius * scale;
    *across =
        search_span(rotator->middle_x + rotator->shift_x, rotator->x_reach, radius, rotator->picture_width, scale);
    *down = search_span(rotator->middle_y + rotator->shift_y, rotator->y_reach, radius, rotator->picture_height, scale);
    return part_of_spans(rotator, across, down);
}

/* The largest that any search may look at, from wherever it starts. */
static struct part largest_part(const struct rotator *rotator)
{
    struct span across, down;
    if (!rotator->follows)
        return search_part(rotator, &across, &down);
    const int scale = rotator->coarse.scale;
    const double diameter = 2 * rotator->coarse.radius * scale;
    across.last = (int)fmin(rotator->x_reach, fmax(0, rotator->picture_width - diameter)) / scale;
    down.last = (int)fmin(rotator->y_reach, fmax(0, rotator->picture_height - diameter)) / scale;
    across.first = -across.last;
    down.first = -down.last;
    return part_of_spans(rotator, &across, &down);
}

/* The part of the full picture for a middle near dx, dy. */
static struct part fine_part(const struct rotator *rotator, double dx, double dy)
{
    const double reach = 1 + rotator->coarse.scale;
    struct part part =
        part_around(1, rotator->middle_x + dx, rotator->middle_y + dy, reach, reach, rotator->fine.radius);
    part.shift_x = rotator->shift_x;
    part.shift_y = rotator->shift_y;
    return part;
}

ist_status rotation_room_init(struct rotation_room *room, const struct rotator *rotators, int count, ist_error *error)
{
    size_t samples = 0, disc = 0, angles = 0;
    for (int i = 0; i < count; i++) {
        const struct part parts[] = {largest_part(&rotators[i]), fine_part(&rotators[i], 0.5, 0.5)};
        for (int k = 0; k < 2; k++) {
            // One more, as the fine part grows by a pixel with the place of its middle.
            const size_t size =
                (size_t)(parts[k].columns + 1 + 2 * FILTER_REACH) * (size_t)(parts[k].rows + 1 + 2 * FILTER_REACH);
            samples = size > samples ? size : samples;
        }
        disc = (size_t)rotators[i].coarse.count > disc ? (size_t)rotators[i].coarse.count : disc;
        angles = (size_t)rotators[i].turn_count > angles ? (size_t)rotators[i].turn_count : angles;
    }
    *room = (struct rotation_room){0};
    make_filter(room->taps);
    room->samples = allocate_aligned(samples, sizeof(float));
    room->rows = allocate_aligned(samples, sizeof(float));
    room->spline = allocate_aligned(samples, sizeof(float));
    room->disc = allocate_aligned(disc, sizeof(float));
    room->scores = allocate_aligned(angles, sizeof(float));
    room->best = allocate_aligned(angles, sizeof *room->best);
    const bool complete = room->samples && room->rows && room->spline && room->disc && room->scores && room->best;
    return complete ? IST_OK : trk_fail_memory(error);
}

void rotation_room_finish(struct rotation_room *room)
{
    free(room->samples);
    free(room->rows);
    free(room->spline);
    free(room->disc);
    free(room->scores);
    free(room->best);
    *room = (struct rotation_room){0};
}

/* An angle of those that the template is turned by. */
static double angle_at(const struct rotator *rotator, int i)
{
    return rotator->turn_first_rad + i * rotator->turn_step_rad;
}

/*
 * The coarse template as the picture shows it turned by each angle, with mean 0 and sum of squares 1, so that its
 * product with samples is a score but for the samples' own norm.
 */
static void turn_template(struct rotator *rotator, const struct part *part, double x, double y)
{
    const struct rotation_disc *disc = &rotator->coarse;
    for (int i = 0; i < rotator->turn_count; i++) {
        const double c = cos(angle_at(rotator, i)), s = sin(angle_at(rotator, i));
        float *turned = rotator->turned + i;
        double sum = 0, square = 0;
        for (int k = 0; k < disc->count; k++) {
            const double u = (double)disc->u[k], v = (double)disc->v[k];
            struct point point;
            // What is seen at u, v was at R(-angle) (u, v). All of the disc lies in the part.
            const float value =
                find_point(part, x + c * u + s * v, y - s * u + c * v, &point) ? sample(part, &point) : 0;
            turned[(ptrdiff_t)k * rotator->turn_count] = value;
            sum += (double)value;
            square += (double)value * (double)value;
        }
        const double mean = sum / disc->count, norm = sqrt(fmax(square - sum * mean, 0));
        for (int k = 0; k < disc->count; k++) {
            float *value = &turned[(ptrdiff_t)k * rotator->turn_count];
            *value = norm > 0 ? (float)(((double)*value - mean) / norm) : 0;
        }
    }
}

/* True if turning the disc makes a difference that is more than rounding. */
static bool shows_angle(const struct rotation_disc *disc)
{
    double squares = 0;
    for (int k = 0; k < disc->count; k++)
        squares += (double)disc->u[k] * (double)disc->u[k] + (double)disc->v[k] * (double)disc->v[k];
    return 1 / disc->inverse[2][2] > SLOPE_LEAST * SLOPE_LEAST * squares;
}

void rotator_cut(struct rotator *rotator, struct rotation_room *room, const struct kernels *kernels,
                 const struct plane *plane, int x, int y)
{
    const double middle_x = x + rotator->half_width, middle_y = y + rotator->half_height;
    struct rotation_disc *discs[] = {&rotator->fine, &rotator->coarse};
    rotator->offset = (int)sample_mirrored(plane, (int)middle_x, (int)middle_y);
    rotator->usable = true;
    for (int i = 0; i < 2; i++) {
        struct rotation_disc *disc = discs[i];
        const double small_x = to_small(middle_x, disc->scale), small_y = to_small(middle_y, disc->scale);
        struct part part = part_around(disc->scale, small_x, small_y, 1, 1, disc->radius);
        fill_part(&part, room, kernels, plane, rotator->offset);
        rotator->usable = cut_disc(disc, &part, small_x, small_y) && shows_angle(disc) && rotator->usable;
        if (disc == &rotator->coarse)
            turn_template(rotator, &part, small_x, small_y);
    }
}

/* ---- finding it ---- */

/* Samples under the coarse disc with its middle moved by dx, dy small pixels. Returns their norm without the mean. */
static double gather(const struct rotation_disc *disc, const struct part *part, double x, double y, float *samples)
{
    const float *middle = part->samples + FILTER_REACH * (sample_stride(part) + 1);
    double sum = 0, square = 0;
    for (int k = 0; k < disc->count; k++) {
        // Both sums are whole numbers but for rounding.
        const int column = (int)lround(x + (double)disc->u[k]) - part->left;
        const int row = (int)lround(y + (double)disc->v[k]) - part->top;
        samples[k] = middle[row * sample_stride(part) + column];
        sum += (double)samples[k];
        square += (double)samples[k] * (double)samples[k];
    }
    return sqrt(fmax(square - sum * sum / disc->count, 0));
}

/* The best place for each angle. */
static void search(const struct rotator *rotator, struct rotation_room *room, const struct kernels *kernels,
                   const struct part *part, const struct span *across, const struct span *down)
{
    const struct rotation_disc *disc = &rotator->coarse;
    const double x = to_small(rotator->middle_x, disc->scale), y = to_small(rotator->middle_y, disc->scale);
    const int count = rotator->angle_count;
    for (int i = 0; i < count; i++)
        room->best[i] = (struct rotation_best){.score = -HUGE_VAL};
    for (int dy = down->first; dy <= down->last; dy++)
        for (int dx = across->first; dx <= across->last; dx++) {
            const double norm = gather(disc, part, x + dx, y + dy, room->disc);
            if (!(norm > 0))
                continue;
            kernels->filter(room->scores, rotator->turned + rotator->angle_first, count, rotator->turn_count,
                            room->disc, disc->count);
            for (int i = 0; i < count; i++) {
                const double score = (double)room->scores[i] / norm;
                if (score > room->best[i].score)
                    room->best[i] = (struct rotation_best){score, dx, dy};
            }
        }
}

/* Sums over the disc at a pose. */
struct sums {
    double residual[ROTATION_BASIS]; // products of picture less template with the basis
    double sum, square, product;     // of the picture's samples, of their squares, and with the template
};

/* False if the disc leaves the part. x, y: the middle in small pixels. */
static bool add_up(const struct rotation_disc *disc, const struct part *part, double x, double y, double angle,
                   struct sums *sums)
{
    const double c = cos(angle), s = sin(angle);
    *sums = (struct sums){{0}, 0, 0, 0};
    for (int k = 0; k < disc->count; k++) {
        const double u = (double)disc->u[k], v = (double)disc->v[k];
        struct point point;
        if (!find_point(part, x + c * u - s * v, y + s * u + c * v, &point))
            return false;
        const float *basis = disc->basis + (ptrdiff_t)k * ROTATION_BASIS;
        const double value = (double)sample(part, &point), template = (double)basis[3];
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
 * Gauss-Newton from a pose, in a disc's picture. A step (p, q, r) of the template's own coordinates, divided by the
 * gain, is undone by angle - r and d - R(angle - r) (p, q). The score is NaN if it does not converge.
 */
static void converge(const struct rotator *rotator, const struct rotation_disc *disc, const struct part *part,
                     struct pose *pose)
{
    const double x = to_small(rotator->middle_x, disc->scale), y = to_small(rotator->middle_y, disc->scale);
    double dx = pose->dx / disc->scale, dy = pose->dy / disc->scale, angle = pose->angle_rad;
    struct sums sums;
    pose->score = (double)NAN;
    for (int step = 0; step < STEPS_MAX && add_up(disc, part, x + dx, y + dy, angle, &sums); step++) {
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

/* Puts a pose among the best, of which there are `count` already. Returns how many there are then. */
static int keep_best(struct pose *poses, int count, int most, struct pose pose)
{
    if (isnan(pose.score))
        return count;
    int at = count < most ? count : most;
    for (; at > 0 && poses[at - 1].score < pose.score; at--)
        if (at < most)
            poses[at] = poses[at - 1];
    if (at < most)
        poses[at] = pose;
    return count < most ? count + 1 : most;
}

static double best_score(const struct rotator *rotator, const struct rotation_room *room, int i)
{
    const int count = rotator->angle_count;
    if (rotator->turns_freely)
        return room->best[(i + count) % count].score;
    return i < 0 || i >= count ? -HUGE_VAL : room->best[i].score;
}

/* The angles whose score no neighbour beats, as poses. */
static int list_candidates(const struct rotator *rotator, const struct rotation_room *room,
                           struct pose poses[CANDIDATES])
{
    int count = 0;
    for (int i = 0; i < rotator->angle_count; i++) {
        const struct rotation_best *best = &room->best[i];
        if (best->score < best_score(rotator, room, i - 1) || best->score <= best_score(rotator, room, i + 1))
            continue;
        const int scale = rotator->coarse.scale;
        const struct pose pose = {best->x * scale, best->y * scale, angle_at(rotator, rotator->angle_first + i),
                                  best->score, false};
        count = keep_best(poses, count, CANDIDATES, pose);
    }
    return count;
}

/* Brings the angle into the range, and tells whether the pose lies at a limit. */
static void stay_in_range(const struct rotator *rotator, struct pose *pose)
{
    pose->at_edge = fabs(pose->dx) > rotator->x_reach || fabs(pose->dy) > rotator->y_reach;
    // Steps over the half turn may lead to an angle from the other side.
    pose->angle_rad = remainder(pose->angle_rad, 2 * M_PI);
    if (rotator->turns_freely)
        return;
    const double turned = remainder(pose->angle_rad - rotator->toward_rad, 2 * M_PI);
    pose->at_edge = pose->at_edge || fabs(turned) >= rotator->range_rad;
    pose->angle_rad = rotator->toward_rad + fmax(-rotator->range_rad, fmin(rotator->range_rad, turned));
}

struct pose rotator_find(const struct rotator *rotator, struct rotation_room *room, const struct kernels *kernels,
                         const struct plane *plane)
{
    struct pose found = {.score = (double)NAN};
    if (!rotator->usable)
        return found;
    struct span across, down;
    struct part part = search_part(rotator, &across, &down);
    fill_part(&part, room, kernels, plane, rotator->offset);
    search(rotator, room, kernels, &part, &across, &down);
    struct pose candidates[CANDIDATES], finalists[FINALISTS];
    const int candidate_count = list_candidates(rotator, room, candidates);
    int count = 0;
    for (int i = 0; i < candidate_count; i++) {
        converge(rotator, &rotator->coarse, &part, &candidates[i]);
        count = keep_best(finalists, count, FINALISTS, candidates[i]);
    }
    for (int i = 0; i < count; i++) {
        part = fine_part(rotator, finalists[i].dx, finalists[i].dy);
        fill_part(&part, room, kernels, plane, rotator->offset);
        converge(rotator, &rotator->fine, &part, &finalists[i]);
        (void)keep_best(&found, !isnan(found.score), 1, finalists[i]);
    }
    stay_in_range(rotator, &found);
    return found;
}

double rotation_unwrap(double angle_deg, double before_deg)
{
    return before_deg + remainder(angle_deg - before_deg, 360);
}
