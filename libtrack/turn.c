#include "turn.h"

#include <math.h>
#include <stdlib.h>

#include "fail.h"
#include "map.h"
#include "memory.h"
#include "resize.h"

enum { ANGLES_FIRST = 36, ANGLES = 6, ROUNDS = 5 };

void turn_init(struct turn *turn, struct matcher *finder, int x, int y, int width, int height, double scale)
{
    const int side = width < height ? width : height;
    const int size = (int)(side * scale);
    const int inner = (int)lrint(size * M_SQRT1_2);
    *turn = (struct turn){
        .x = x + (width - side) / 2,
        .y = y + (height - side) / 2,
        .side = side,
        .size = size,
        .inner = inner,
        .finder = finder,
    };
    *finder = (struct matcher){
        .width = inner, .height = inner, .x_max = size - inner, .y_max = size - inner, .type = IST_PIXEL_U16};
}

ist_status turn_room_init(struct turn_room *room, const struct turn *turns, int count, ist_error *error)
{
    size_t square = 0, inner = 0, places = 0;
    for (int i = 0; i < count; i++) {
        const size_t size = (size_t)turns[i].size, part = (size_t)turns[i].inner, shifts = size - part + 1;
        square = size * size > square ? size * size : square;
        inner = part * part > inner ? part * part : inner;
        places = shifts * shifts > places ? shifts * shifts : places;
    }
    *room = (struct turn_room){
        .frame = allocate_aligned(square, sizeof *room->frame),
        .reference = allocate_aligned(square, sizeof *room->reference),
        .turned = allocate_aligned(inner, sizeof *room->turned),
        .frame_u16 = allocate_aligned(square, sizeof *room->frame_u16),
        .turned_u16 = allocate_aligned(inner, sizeof *room->turned_u16),
        .map = allocate_aligned(places, sizeof *room->map),
    };
    const bool whole =
        room->frame && room->reference && room->turned && room->frame_u16 && room->turned_u16 && room->map;
    return whole ? IST_OK : trk_fail_memory(error);
}

void turn_room_finish(struct turn_room *room)
{
    free(room->frame);
    free(room->reference);
    free(room->turned);
    free(room->frame_u16);
    free(room->turned_u16);
    free(room->map);
    *room = (struct turn_room){0};
}

/* A sample of the square; black outside. */
static float square_at(const float *square, int size, int x, int y)
{
    return x < 0 || y < 0 || x >= size || y >= size ? 0 : square[(ptrdiff_t)y * size + x];
}

/*
 * The inner part of the reference turned counter-clockwise about its middle. Places are rounded to 1/32 of a sample, as
 * OpenCV's warpAffine() does it: nearby angles differ so little that this decides between them.
 */
static void turn_square(const struct turn *turn, struct turn_room *room, double angle_deg)
{
    const double angle = angle_deg * M_PI / 180, middle = (turn->size - 1) / 2.0;
    const double cosine = cos(angle), sine = sin(angle);
    const double shift_x = (1 - cosine) * middle + sine * middle, shift_y = (1 - cosine) * middle - sine * middle;
    const int margin = (turn->size - turn->inner) / 2;
    float *out = room->turned;
    for (int y = margin; y < margin + turn->inner; y++)
        for (int x = margin; x < margin + turn->inner; x++) {
            // In 1/1024, then rounded to 1/32.
            const long u = (lrint((-sine * y + shift_x) * 1024) + lrint(cosine * x * 1024) + 16) >> 5;
            const long v = (lrint((cosine * y + shift_y) * 1024) + lrint(sine * x * 1024) + 16) >> 5;
            const int left = (int)(u >> 5), above = (int)(v >> 5);
            const float f = (float)(u & 31) / 32, g = (float)(v & 31) / 32;
            *out++ = (1 - g) * (1 - f) * square_at(room->reference, turn->size, left, above) +
                     (1 - g) * f * square_at(room->reference, turn->size, left + 1, above) +
                     g * (1 - f) * square_at(room->reference, turn->size, left, above + 1) +
                     g * f * square_at(room->reference, turn->size, left + 1, above + 1);
        }
}

/*
 * Zero-mean normalised cross-correlation of the turned part with the frame's square at one place. As OpenCV computes
 * it: the sum of products, from which the means are not taken off before, and the score are kept in single precision.
 * Between the last angles its rounding decides.
 */
static float opencv_score(const struct turn *turn, const struct turn_room *room, int x, int y)
{
    double t = 0, v = 0, tt = 0, vv = 0, tv = 0;
    for (int row = 0; row < turn->inner; row++) {
        const float *turned = room->turned + (ptrdiff_t)row * turn->inner;
        const float *frame = room->frame + (ptrdiff_t)(y + row) * turn->size + x;
        for (int i = 0; i < turn->inner; i++) {
            const double a = (double)turned[i], b = (double)frame[i];
            t += a;
            v += b;
            tt += a * a;
            vv += b * b;
            tv += a * b;
        }
    }
    const double n = (double)turn->inner * turn->inner;
    const double variance_t = tt - t * t / n, variance_v = vv - v * v / n;
    if (variance_t <= 1e-12 * tt || variance_v <= 1e-12 * vv)
        return NAN;
    return (float)(((double)(float)tv - t / n * v) / sqrt(variance_t * variance_v));
}

/* The best score of the turned part at all places in the frame's square. */
static float best_score(const struct turn *turn, struct turn_room *room, struct search *search)
{
    const int margin = (turn->size - turn->inner) / 2;
    if (turn->middle_only)
        return opencv_score(turn, room, margin, margin);

    const struct plane turned = {.data = room->turned_u16,
                                 .stride = turn->inner,
                                 .width = turn->inner,
                                 .height = turn->inner,
                                 .type = IST_PIXEL_U16};
    const struct plane frame = {.data = room->frame_u16,
                                .stride = turn->size,
                                .width = turn->size,
                                .height = turn->size,
                                .type = IST_PIXEL_U16};
    stretch_to_u16(room->turned, (size_t)turn->inner * (size_t)turn->inner, room->turned_u16);
    matcher_cut(turn->finder, search, &turned, 0, 0);
    if (turn->finder->variance <= 0)
        return NAN;
    map_scores(turn->finder, search, &frame, room->map);
    const int across = turn->size - turn->inner + 1;
    float highest = -2;
    for (int i = 0; i < across * across; i++)
        highest = fmaxf(highest, room->map[i]);
    // 16 bits are too coarse to choose among angles, but not to leave out most places.
    float best = NAN;
    for (int i = 0; i < across * across; i++)
        if (room->map[i] >= highest - 4e-5F)
            best = fmaxf(best, opencv_score(turn, room, i % across, i / across));
    return best;
}

/* Tries `count` angles, evenly spaced from first_deg to last_deg. Returns the index of the best; -1: none has a score.
 */
static int best_angle(const struct turn *turn, struct turn_room *room, struct search *search, const double *angles_deg,
                      int count, float *score)
{
    int best = -1;
    for (int i = 0; i < count; i++) {
        turn_square(turn, room, angles_deg[i]);
        const float of_angle = best_score(turn, room, search);
        if (!isnan(of_angle) && (best < 0 || of_angle > *score)) {
            best = i;
            *score = of_angle;
        }
    }
    return best;
}

struct turn_result turn_measure(const struct turn *turn, struct turn_room *room, struct search *search,
                                const struct plane *frame, const struct plane *reference)
{
    const struct part part = {turn->x, turn->y, turn->side, turn->side};
    resize_part(frame, &part, turn->size, turn->size, room->frame);
    resize_part(reference, &part, turn->size, turn->size, room->reference);
    stretch_to_u16(room->frame, (size_t)turn->size * (size_t)turn->size, room->frame_u16);

    double angles[ANGLES_FIRST];
    for (int i = 0; i < ANGLES_FIRST; i++)
        angles[i] = turn->range_deg * ((double)i / (ANGLES_FIRST - 1) - 0.5);
    struct turn_result result = {0};
    int count = ANGLES_FIRST;
    for (int round = 0; round <= ROUNDS; round++) {
        float score;
        const int best = best_angle(turn, room, search, angles, count, &score);
        if (best < 0)
            return (struct turn_result){(double)NAN, (double)NAN};
        result = (struct turn_result){angles[best], (double)score};
        const double before = angles[best > 0 ? best - 1 : 0], behind = angles[best < count - 1 ? best + 1 : count - 1];
        count = ANGLES;
        for (int i = 0; i < ANGLES; i++)
            angles[i] = before + (behind - before) * (i + 1) / (ANGLES + 1);
    }
    return result;
}
