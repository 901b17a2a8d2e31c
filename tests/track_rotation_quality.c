/*
 * What the tracker says of its own results where it measures rotation: standard errors beside true errors, and the gap
 * to the second peak.
 *
 *   track_rotation_quality [RUNS]    of each kind; limits allow for the chance that few leave
 */
#include <check.h>
#include <libtrack/libtrack.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "track_frames.h"
#include "track_setup.h"
#include "track_texture.h"

enum { ROI = 48, REACH = 10, BORDER = 8, SIZE = ROI + 2 * (REACH + BORDER) };

static int runs = 12;

static const trk_roi roi = {REACH + BORDER, REACH + BORDER, ROI, ROI};
static const double MIDDLE = REACH + BORDER + (ROI - 1) / 2.0;
static const double bands[][2] = {{3, 20}, {5, 40}, {15, 60}}; // px, waves
static const double noises[] = {0, 2, 5, 10};

enum { BANDS = sizeof bands / sizeof *bands, NOISES = sizeof noises / sizeof *noises };

static const double DEGREES = 180 / M_PI;

/* How a texture lies: turned about the middle of the ROI, then moved. */
struct place {
    double x, y, angle_deg;
};

static void draw(ist_frame *frame, const struct texture *texture, struct place at, double noise, struct random *random)
{
    const struct texture turned = texture_turn(texture, at.angle_deg / DEGREES, MIDDLE, MIDDLE);
    texture_draw(&turned, frame, at.x, at.y, noise, random);
}

/* ---- standard errors ---- */

/* Squares of errors in standard errors. */
struct tally {
    int rows, unknown;
    double motion, angle;
};

static void add(struct tally *tally, const trk_row *row, struct place truth)
{
    tally->rows++;
    if (isnan(row->standard_error_x_px + row->standard_error_y_px + row->standard_error_rotation_deg)) {
        tally->unknown++;
        return;
    }
    tally->motion += pow((row->x_px - truth.x) / row->standard_error_x_px, 2) / 2;
    tally->motion += pow((row->y_px - truth.y) / row->standard_error_y_px, 2) / 2;
    tally->angle += pow(remainder(row->rotation_deg - truth.angle_deg, 360) / row->standard_error_rotation_deg, 2);
}

/* RMS of errors in standard errors must be within a factor of 1.5, and what chance makes of that. */
static bool judge(const struct tally *tally)
{
    const int known = tally->rows - tally->unknown;
    const double motion = sqrt(tally->motion / known), angle = sqrt(tally->angle / known);
    const double most = 1.5 * (1 + 3 / sqrt(2.0 * known));
    const bool good = fmax(motion, angle) < most && fmin(motion, angle) > 1 / most;
    printf("  %.2f, %.2f", motion, angle);
    if (tally->unknown)
        printf(" (%d of %d unknown)", tally->unknown, tally->rows);
    printf("%s", good ? "" : " <- too much");
    // Strong noise may drown coarse texture in one of the matches, and all sums after it are unknown.
    return good && tally->unknown <= tally->rows / 2;
}

START_TEST(errors_are_what_they_are_said_to_be)
{
    struct random random = {random_seed() + (uint64_t)_i};
    const double *band = bands[_i];
    bool good = true;
    ist_frame reference = make_frame(SIZE, SIZE, 1, IST_PIXEL_U8), frame = make_frame(SIZE, SIZE, 1, IST_PIXEL_U8);
    printf("%2.0f-%2.0f px, RMS error / standard error of motion and angle:", band[0], band[1]);
    for (int k = 0; k < NOISES; k++) {
        struct tally tally = {0};
        for (int i = 0; i < runs; i++) {
            const struct texture texture = texture_make(&random, band[0], band[1], 128, 30);
            const struct place at = {16 * random_uniform(&random) - 8, 16 * random_uniform(&random) - 8,
                                     360 * random_uniform(&random) - 180};
            draw(&reference, &texture, (struct place){0}, noises[k], &random);
            draw(&frame, &texture, at, noises[k], &random);
            struct setup setup =
                set_up_roi(&reference, &roi, (trk_params){.max_movement_px = REACH, .max_rotation_deg = 180});
            const trk_row row = measure(&setup, &frame);
            add(&tally, &row, at);
            tear_down(&setup);
        }
        good = judge(&tally) && good;
    }
    printf("\n");
    ck_assert(good);
    ist_frame_free(&reference);
    ist_frame_free(&frame);
}
END_TEST

/* ---- sums ---- */

enum { MARKS = 5, RUNS_FOR_ALL = 20 };

static const int marks[MARKS] = {0, 1, 5, 20, 100}; // renewals; the last only with RUNS_FOR_ALL and more

static double step(double from, double most, double limit, struct random *random)
{
    double to;
    do
        to = from + most * (2 * random_uniform(random) - 1);
    while (fabs(to) > limit);
    return to;
}

/* One recording, with a renewal in each frame. Followed the sum is the feature's way; in place that of the middle. */
static void add_sums(struct tally tallies[MARKS], const double *band, double noise, bool follow, struct random *random)
{
    const struct texture texture = texture_make(random, band[0], band[1], 128, 30);
    ist_frame frame = make_frame(SIZE, SIZE, 1, IST_PIXEL_U8);
    draw(&frame, &texture, (struct place){0}, noise, random);
    struct setup setup =
        set_up_roi(&frame, &roi,
                   (trk_params){.max_movement_px = REACH, .max_rotation_deg = 20, .follow = follow, .renew_every = 1});
    struct place at = {0}, sum = {0};
    const int mark_count = runs < RUNS_FOR_ALL ? MARKS - 1 : MARKS;
    for (int i = 0, mark = 0; mark < mark_count; i++) {
        const struct place from = at;
        at = (struct place){step(at.x, 3, REACH, random), step(at.y, 3, REACH, random),
                            step(at.angle_deg, 10, 1e6, random)};
        const double turn = (at.angle_deg - from.angle_deg) / DEGREES;
        sum.x += at.x - (cos(turn) * from.x - sin(turn) * from.y);
        sum.y += at.y - (sin(turn) * from.x + cos(turn) * from.y);
        sum.angle_deg = at.angle_deg;
        draw(&frame, &texture, at, noise, random);
        const trk_row row = measure(&setup, &frame);
        if (i == marks[mark])
            add(&tallies[mark++], &row, follow ? at : sum);
    }
    tear_down(&setup);
    ist_frame_free(&frame);
}

START_TEST(errors_of_sums)
{
    struct random random = {random_seed() + (uint64_t)_i};
    const double *band = bands[_i / 2];
    const bool follow = _i % 2;
    bool good = true;
    for (int k = 0; k < NOISES; k++) {
        struct tally tallies[MARKS] = {0};
        for (int i = 0; i < runs; i++)
            add_sums(tallies, band, noises[k], follow, &random);
        printf("%2.0f-%2.0f px, noise %2.0f, %s, by renewals:", band[0], band[1], noises[k],
               follow ? "followed" : "in place");
        for (int i = 0; i < MARKS && tallies[i].rows > 0; i++) {
            printf("  %d:", marks[i]);
            good = judge(&tallies[i]) && good;
        }
        printf("\n");
    }
    ck_assert(good);
}
END_TEST

/* ---- the gap ---- */

/* Around the middle of the ROI. Some noise, as no picture shows the same twice. */
static void draw_pattern(ist_frame *frame, double (*pattern)(double u, double v), struct random *random)
{
    for (int y = 0; y < SIZE; y++)
        for (int x = 0; x < SIZE; x++)
            frame->data[y * frame->stride + x] =
                (uint8_t)lround(128 + 60 * pattern(x - MIDDLE, y - MIDDLE) + 2 * random_normal(random));
}

static double cross(double u, double v)
{
    return cos(4 * atan2(v, u)) * fmin(1, hypot(u, v) / 10);
}

static double plaid(double u, double v)
{
    return sin(2 * M_PI * u / 12) + sin(2 * M_PI * v / 12);
}

static trk_row measure_once(const ist_frame *reference, const ist_frame *frame, trk_params params)
{
    struct setup setup = set_up_roi(reference, &roi, params);
    const trk_row row = measure(&setup, frame);
    tear_down(&setup);
    return row;
}

/* What looks the same turned or moved leaves doubt, unless angles and places are limited. A texture leaves none. */
START_TEST(doubt_is_said)
{
    struct random random = {random_seed()};
    ist_frame reference = make_frame(SIZE, SIZE, 1, IST_PIXEL_U8), frame = make_frame(SIZE, SIZE, 1, IST_PIXEL_U8);
    const trk_params any = {.max_movement_px = 5, .max_rotation_deg = 180};
    const trk_params upright = {.max_movement_px = 5, .max_rotation_deg = 30};
    const trk_params far = {.max_movement_px = 15, .max_rotation_deg = 30};
    draw_pattern(&reference, cross, &random);
    draw_pattern(&frame, cross, &random);
    const trk_row turned = measure_once(&reference, &frame, any), once = measure_once(&reference, &frame, upright);
    draw_pattern(&reference, plaid, &random);
    draw_pattern(&frame, plaid, &random);
    const trk_row moved = measure_once(&reference, &frame, far), here = measure_once(&reference, &frame, upright);
    printf("gap: cross %.4f, within 30 degrees %.3f; plaid within 15 px %.4f, within 5 px %.3f\n",
           turned.second_peak_gap, once.second_peak_gap, moved.second_peak_gap, here.second_peak_gap);
    ck_assert(turned.second_peak_gap >= 0 && turned.second_peak_gap < 0.01);
    ck_assert(moved.second_peak_gap >= 0 && moved.second_peak_gap < 0.01);
    ck_assert(once.second_peak_gap > 0.2 && here.second_peak_gap > 0.2);
    for (int i = 0; i < 10; i++) {
        const struct texture texture = texture_make(&random, 5, 40, 128, 30);
        draw(&reference, &texture, (struct place){0}, 5, &random);
        draw(&frame, &texture, (struct place){3.3, -1.2, 70}, 5, &random);
        const trk_row row =
            measure_once(&reference, &frame, (trk_params){.max_movement_px = 10, .max_rotation_deg = 180});
        ck_assert_msg(row.second_peak_gap > 0.2 && row.second_peak_gap < 1.3, "%g", row.second_peak_gap);
    }
    ist_frame_free(&reference);
    ist_frame_free(&frame);
}
END_TEST

START_TEST(doubt_is_refused)
{
    struct random random = {random_seed()};
    ist_frame reference = make_frame(SIZE, SIZE, 1, IST_PIXEL_U8);
    draw_pattern(&reference, cross, &random);
    trk_params params = {.max_movement_px = 5, .max_rotation_deg = 180};
    const trk_row taken = measure_once(&reference, &reference, params);
    params.min_gap = 0.05;
    const trk_row refused = measure_once(&reference, &reference, params);
    ck_assert(taken.status == TRK_MEASURED && refused.status == TRK_UNSURE);
    ck_assert(isnan(refused.x_px) && isnan(refused.y_px) && isnan(refused.rotation_deg));
    ck_assert(isnan(refused.standard_error_x_px) && isnan(refused.standard_error_rotation_deg));
    ck_assert(refused.score == taken.score && refused.second_peak_gap == taken.second_peak_gap);
    ist_frame_free(&reference);
}
END_TEST

/* What is looked for is not in the picture: many of the best matches pass the score, few the gap. */
START_TEST(false_matches_are_found_out)
{
    enum { PAIRS = 60 };
    struct random random = {random_seed()};
    ist_frame reference = make_frame(SIZE, SIZE, 1, IST_PIXEL_U8), frame = make_frame(SIZE, SIZE, 1, IST_PIXEL_U8);
    const trk_params params = {.max_movement_px = REACH, .max_rotation_deg = 180, .min_gap = 0.1};
    int by_score = 0, by_gap = 0, right = 0;
    for (int i = 0; i < PAIRS; i++) {
        const struct texture texture = texture_make(&random, 12, 40, 128, 30);
        const struct texture other = texture_make(&random, 12, 40, 128, 30);
        draw(&reference, &texture, (struct place){0}, 3, &random);
        draw(&frame, &other, (struct place){0}, 3, &random);
        const trk_row row = measure_once(&reference, &frame, params);
        by_score += row.score >= TRK_MIN_SCORE;
        by_gap += row.status == TRK_MEASURED;
        draw(&frame, &texture, (struct place){3.3, -2.1, 100}, 3, &random);
        right += measure_once(&reference, &frame, params).status == TRK_MEASURED;
    }
    printf("not there: %d of %d pass the score, %d the gap; there: %d pass\n", by_score, PAIRS, by_gap, right);
    ck_assert_int_gt(by_score, PAIRS / 4);
    ck_assert_int_lt(by_gap, by_score / 4);
    ck_assert_int_ge(right, PAIRS * 9 / 10);
    ist_frame_free(&reference);
    ist_frame_free(&frame);
}
END_TEST

int main(int argc, char **argv)
{
    runs = argc > 1 ? atoi(argv[1]) : runs;
    Suite *suite = suite_create("track_rotation_quality");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 0);
    tcase_add_loop_test(tests, errors_are_what_they_are_said_to_be, 0, BANDS);
    tcase_add_loop_test(tests, errors_of_sums, 0, 2 * BANDS);
    tcase_add_test(tests, doubt_is_said);
    tcase_add_test(tests, doubt_is_refused);
    tcase_add_test(tests, false_matches_are_found_out);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
