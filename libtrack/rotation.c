#include "rotation.h"

#include <math.h>
#include <stdlib.h>

#include "fail.h"
#include "memory.h"
#include "peaks.h"

enum {
    CANDIDATES = 4, // peaks of the search that are followed up in the small picture
    FINALISTS = 2,  // and in the full one
    // A disc of this radius has texture enough to be found; a larger one is searched in a smaller picture.
    SEARCH_RADIUS_LEAST = 8,
    SEARCH_RADIUS_MOST = 16,
    SCALE_MODERATE = 4, // beyond this a picture is made smaller only for the largest discs
};

// In scores.
static const double FAR_BEHIND = 0.3;
// Between two angles of the search the rim moves by so many pixels of the small picture.
static const double RIM_STEP_PX = 0.7;

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
    ist_status status =
        rotation_disc_init(&rotator->coarse, rotator->middle_x, rotator->middle_y, radius, choose_scale(radius), error);
    if (status >= 0)
        status = rotation_disc_init(&rotator->fine, rotator->middle_x, rotator->middle_y, radius, 1, error);
    if (status < 0)
        return status;
    lay_out_angles(rotator);
    rotator->turned = allocate_aligned((size_t)rotator->turn_count * (size_t)rotator->coarse.count, sizeof(float));
    return rotator->turned ? IST_OK : trk_fail_memory(error);
}

void rotator_finish(struct rotator *rotator)
{
    rotation_disc_finish(&rotator->coarse);
    rotation_disc_finish(&rotator->fine);
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
static struct spline_part part_of_spans(const struct rotator *rotator, const struct span *across,
                                        const struct span *down)
{
    const struct rotation_disc *disc = &rotator->coarse;
    struct spline_part part =
        part_around(disc->scale, to_small(rotator->middle_x, disc->scale), to_small(rotator->middle_y, disc->scale),
                    1 + fmax(-across->first, across->last), 1 + fmax(-down->first, down->last), disc->radius);
    part.shift_x = rotator->shift_x;
    part.shift_y = rotator->shift_y;
    return part;
}

/* The part that the next search looks at, and the positions. */
static struct spline_part search_part(const struct rotator *rotator, struct span *across, struct span *down)
{
    const int scale = rotator->coarse.scale;
    const double radius = rotator->coarse.radius * scale;
    *across =
        search_span(rotator->middle_x + rotator->shift_x, rotator->x_reach, radius, rotator->picture_width, scale);
    *down = search_span(rotator->middle_y + rotator->shift_y, rotator->y_reach, radius, rotator->picture_height, scale);
    return part_of_spans(rotator, across, down);
}

/* The largest that any search may look at, from wherever it starts. */
static struct spline_part largest_part(const struct rotator *rotator, struct span *across, struct span *down)
{
    if (!rotator->follows)
        return search_part(rotator, across, down);
    const int scale = rotator->coarse.scale;
    const double diameter = 2 * rotator->coarse.radius * scale;
    across->last = (int)fmin(rotator->x_reach, fmax(0, rotator->picture_width - diameter)) / scale;
    down->last = (int)fmin(rotator->y_reach, fmax(0, rotator->picture_height - diameter)) / scale;
    across->first = -across->last;
    down->first = -down->last;
    return part_of_spans(rotator, across, down);
}

/* How far from where it is in the small picture something may be in the full one, px. */
static double fine_reach(const struct rotator *rotator)
{
    return 1 + rotator->coarse.scale;
}

/* The part of the full picture for a middle near dx, dy. */
static struct spline_part fine_part(const struct rotator *rotator, double dx, double dy)
{
    const double reach = fine_reach(rotator);
    struct spline_part part =
        part_around(1, rotator->middle_x + dx, rotator->middle_y + dy, reach, reach, rotator->fine.radius);
    part.shift_x = rotator->shift_x;
    part.shift_y = rotator->shift_y;
    return part;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* One more each way, as the fine part grows by a pixel with the place of its middle. */
static size_t samples_of(const struct spline_part *part)
{
    return (size_t)(part->columns + 1 + 2 * SPLINE_MARGIN) * (size_t)(part->rows + 1 + 2 * SPLINE_MARGIN);
}

ist_status rotation_room_init(struct rotation_room *room, const struct rotator *rotators, int count, ist_error *error)
{
    size_t samples = 0, disc = 0, scores = 0;
    for (int i = 0; i < count; i++) {
        struct span across, down;
        const struct spline_part part = largest_part(&rotators[i], &across, &down);
        const struct spline_part fine = fine_part(&rotators[i], 0.5, 0.5);
        samples = larger(samples, larger(samples_of(&part), samples_of(&fine)));
        disc = larger(disc, (size_t)rotators[i].coarse.count);
        scores = larger(scores, (size_t)(across.last - across.first + 1) * (size_t)rotators[i].turn_count);
    }
    *room = (struct rotation_room){0};
    room->disc = allocate_aligned(disc, sizeof(float));
    room->scores = allocate_aligned(SCORE_ROWS * scores, sizeof(float));
    if (!room->disc || !room->scores)
        return trk_fail_memory(error);
    return spline_room_init(&room->spline, samples, error);
}

void rotation_room_finish(struct rotation_room *room)
{
    spline_room_finish(&room->spline);
    free(room->disc);
    free(room->scores);
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
static void turn_template(struct rotator *rotator, const struct spline_part *part, double x, double y)
{
    const struct rotation_disc *disc = &rotator->coarse;
    for (int i = 0; i < rotator->turn_count; i++) {
        const double c = cos(angle_at(rotator, i)), s = sin(angle_at(rotator, i));
        float *turned = rotator->turned + i;
        double sum = 0, square = 0;
        for (int k = 0; k < disc->count; k++) {
            const double u = (double)disc->u[k], v = (double)disc->v[k];
            // What is seen at u, v was at R(-angle) (u, v).
            const struct spline_point point = part_point(part, x + c * u + s * v, y - s * u + c * v);
            const float value = part_value(part, &point);
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
        struct spline_part part = part_around(disc->scale, small_x, small_y, 1, 1, disc->radius);
        part_fill(&part, &room->spline, kernels, plane, rotator->offset);
        rotator->usable = rotation_disc_cut(disc, &part, small_x, small_y) && rotator->usable;
        if (disc == &rotator->fine && rotator->usable)
            rotation_noise_init(&disc->noise, disc, &room->spline, kernels);
        if (disc == &rotator->coarse)
            turn_template(rotator, &part, small_x, small_y);
    }
}

/* ---- finding it ---- */

/* Samples under the coarse disc with its middle moved by dx, dy small pixels. Returns their norm without the mean. */
static double gather(const struct rotation_disc *disc, const struct spline_part *part, double x, double y,
                     float *samples)
{
    const float *middle = part->samples + SPLINE_MARGIN * (part_sample_stride(part) + 1);
    double sum = 0, square = 0;
    for (int k = 0; k < disc->count; k++) {
        // Both sums are whole numbers but for rounding, and not negative.
        const int column = (int)(x + (double)disc->u[k] - part->left + 0.5);
        const int row = (int)(y + (double)disc->v[k] - part->top + 0.5);
        samples[k] = middle[row * part_sample_stride(part) + column];
        sum += (double)samples[k];
        square += (double)samples[k] * (double)samples[k];
    }
    return sqrt(fmax(square - sum * sum / disc->count, 0));
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

/* Scores of a row of places: of each place those of all angles, that of the row before, and of the one behind. */
struct score_rows {
    const float *rows[SCORE_ROWS]; // NULL: there is none
    int places, angles;
    bool circular; // the last angle is the first one's neighbour
};

/* True if no neighbour in place or angle beats the score; of equal ones the first. */
static bool is_peak(const struct score_rows *scores, int place, int angle)
{
    const int angles = scores->angles;
    const float score = scores->rows[1][place * angles + angle];
    for (int k = 0; k < 27; k++) {
        const int row = k / 9, x = place + k / 3 % 3 - 1, i = angle + k % 3 - 1;
        const bool outside = x < 0 || x >= scores->places || (!scores->circular && (i < 0 || i >= angles));
        if (k == 13 || outside || !scores->rows[row])
            continue;
        const float other = scores->rows[row][x * angles + (i + angles) % angles];
        if (other > score || (k < 13 && other == score))
            return false;
    }
    return true;
}

/* Puts the peaks of the middle row among the candidates. Returns how many there are then. */
static int add_peaks(const struct rotator *rotator, const struct score_rows *scores, int first_x, int y,
                     struct pose candidates[CANDIDATES], int count)
{
    const int scale = rotator->coarse.scale;
    for (int place = 0; place < scores->places; place++)
        for (int angle = 0; angle < scores->angles; angle++) {
            const float score = scores->rows[1][place * scores->angles + angle];
            const float bar = count < CANDIDATES ? -HUGE_VALF : (float)candidates[CANDIDATES - 1].score;
            if (score > bar && is_peak(scores, place, angle))
                count = keep_best(candidates, count, CANDIDATES,
                                  (struct pose){.dx = (first_x + place) * scale,
                                                .dy = y * scale,
                                                .angle_rad = angle_at(rotator, rotator->angle_first + angle),
                                                .score = (double)score});
        }
    return count;
}

/* The scores of all angles with the middle moved by dx, dy small pixels; -HUGE_VAL where there is no texture. */
static void score_place(const struct rotator *rotator, struct rotation_room *room, const struct kernels *kernels,
                        const struct spline_part *part, int dx, int dy, float *scores)
{
    const struct rotation_disc *disc = &rotator->coarse;
    const int count = rotator->angle_count;
    const double norm = gather(disc, part, disc->x + dx, disc->y + dy, room->disc);
    kernels->filter(scores, rotator->turned + rotator->angle_first, count, rotator->turn_count, room->disc,
                    disc->count);
    for (int i = 0; i < count; i++)
        scores[i] = norm > 0 ? scores[i] * (float)(1 / norm) : -HUGE_VALF;
}

/* Searches all places and angles. Returns how many candidates there are, the best first. */
static int search(const struct rotator *rotator, struct rotation_room *room, const struct kernels *kernels,
                  const struct spline_part *part, const struct span *across, const struct span *down,
                  struct pose candidates[CANDIDATES])
{
    const ptrdiff_t angles = rotator->angle_count, size = (across->last - across->first + 1) * angles;
    struct score_rows scores = {
        .places = across->last - across->first + 1, .angles = (int)angles, .circular = rotator->turns_freely};
    int count = 0;
    // A row has its peaks when the one behind it is known.
    for (int dy = down->first; dy <= down->last + 1; dy++) {
        float *row = dy <= down->last ? room->scores + (dy - down->first) % SCORE_ROWS * size : NULL;
        for (int dx = across->first; row && dx <= across->last; dx++)
            score_place(rotator, room, kernels, part, dx, dy, row + (dx - across->first) * angles);
        scores.rows[0] = scores.rows[1];
        scores.rows[1] = scores.rows[2];
        scores.rows[2] = row;
        if (scores.rows[1])
            count = add_peaks(rotator, &scores, across->first, dy - 1, candidates, count);
    }
    return count;
}

/* ---- following up what was found ---- */

/* True if middle and rim of the disc lie within a peak's width in both poses. */
static bool is_same_peak(const struct rotator *rotator, const struct pose *a, const struct pose *b)
{
    const double width = PEAK_WIDTH * rotator->coarse.scale;
    const double turned = fabs(remainder(a->angle_rad - b->angle_rad, 2 * M_PI));
    return fabs(a->dx - b->dx) <= width && fabs(a->dy - b->dy) <= width && turned * rotator->fine.radius <= width;
}

/*
 * Brings candidates to where they fit best in the small picture, and puts the different ones in order of their scores
 * there. One that does not come to rest near its place stays there. Returns how many there are.
 */
static int choose_finalists(const struct rotator *rotator, const struct spline_part *part, struct pose *candidates,
                            int count, struct pose finalists[FINALISTS])
{
    struct pose fitted[CANDIDATES];
    int fitted_count = 0, finalist_count = 0;
    for (int i = 0; i < count; i++) {
        rotation_disc_fit(&rotator->coarse, part, PEAK_WIDTH, &candidates[i]);
        fitted_count = keep_best(fitted, fitted_count, CANDIDATES, candidates[i]);
    }
    for (int i = 0; i < fitted_count && finalist_count < FINALISTS; i++)
        if (finalist_count == 0 || !is_same_peak(rotator, &fitted[i], &finalists[0]))
            finalists[finalist_count++] = fitted[i];
    return finalist_count;
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
    struct spline_part part = search_part(rotator, &across, &down);
    part_fill(&part, &room->spline, kernels, plane, rotator->offset);
    struct pose candidates[CANDIDATES], finalists[FINALISTS];
    const int candidate_count = search(rotator, room, kernels, &part, &across, &down, candidates);
    const int count = choose_finalists(rotator, &part, candidates, candidate_count, finalists);
    double second = -1;
    for (int i = 0; i < count; i++) {
        part = fine_part(rotator, finalists[i].dx, finalists[i].dy);
        part_fill(&part, &room->spline, kernels, plane, rotator->offset);
        // One that is far behind need not be brought to its best: it will be far behind.
        if (finalists[i].fits && !(finalists[i].score < found.score - FAR_BEHIND))
            rotation_disc_fit(&rotator->fine, &part, fine_reach(rotator), &finalists[i]);
        else
            rotation_disc_score(&rotator->fine, &part, &finalists[i]);
        const bool better = finalists[i].fits && !(finalists[i].score <= found.score);
        second = fmax(second, better ? found.score : finalists[i].score);
        if (better)
            found = finalists[i];
    }
    found.second_peak_gap = fmax(0, found.score - second);
    stay_in_range(rotator, &found);
    return found;
}

struct match_error rotator_error(const struct rotator *rotator, const struct pose *pose)
{
    return rotation_noise_error(&rotator->fine.noise, pose->angle_rad, pose->gain, pose->noise);
}

double rotation_unwrap(double angle_deg, double before_deg)
{
    return before_deg + remainder(angle_deg - before_deg, 360);
}
