/* What is turned by an angle is found turned by it, and moved as far as it was. */
#include <check.h>
#include <libtrack/libtrack.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "normal.h"
#include "rotation.h"
#include "track_rows.h"
#include "track_setup.h"
#include "track_texture.h"

enum { SIZE = 120, ROI = 48 };

static const trk_roi roi = {36, 36, ROI, ROI};
static const double MIDDLE = 36 + (ROI - 1) / 2.0;

static ist_frame make_frame(void)
{
    ist_frame frame = {0};
    ck_assert_int_eq(ist_frame_alloc(&frame, SIZE, SIZE, 1, IST_PIXEL_U8, NULL), IST_OK);
    return frame;
}

static struct setup set_up(const ist_frame *reference, trk_params params)
{
    return set_up_roi(reference, &roi, params);
}

static void draw(ist_frame *frame, const struct texture *texture, double angle_deg, double dx, double dy, double noise,
                 struct random *random)
{
    const struct texture turned = texture_turn(texture, angle_deg * M_PI / 180, MIDDLE, MIDDLE);
    texture_draw(&turned, frame, dx, dy, noise, random);
}

/* The Cramer-Rao bound of the angle, in degrees, for the disc in the ROI. */
static double angle_bound(const struct texture *texture, double noise)
{
    double normal[5][5] = {{0}};
    for (int y = roi.y; y < roi.y + ROI; y++)
        for (int x = roi.x; x < roi.x + ROI; x++) {
            const double u = x - MIDDLE, v = y - MIDDLE;
            if (hypot(u, v) > ROI / 2.0)
                continue;
            double row[5] = {0, 0, 0, 0, 1};
            row[3] = texture_at(texture, x, y, &row[0], &row[1]);
            row[2] = row[1] * u - row[0] * v;
            for (int i = 0; i < 5; i++)
                for (int j = 0; j < 5; j++)
                    normal[i][j] += row[i] * row[j];
        }
    ck_assert(normal_invert(&normal[0][0], 5));
    return sqrt(2 * (noise * noise + 1.0 / 12) * normal[2][2]) * 180 / M_PI;
}

/* Any angle, motion between pixels, three textures, noise: beside the bound. */
START_TEST(turned_by_an_angle_is_found_so)
{
    static const double bands[][2] = {{3, 20}, {5, 40}, {15, 60}}, noises[] = {0, 2, 5, 10};
    struct random random = {random_seed() + (uint64_t)_i};
    enum { FRAMES = 24 };
    ist_frame reference = make_frame(), frame = make_frame();
    for (int k = 0; k < 4; k++) {
        double squares = 0, bounds = 0, motion = 0;
        for (int i = 0; i < FRAMES; i++) {
            const struct texture texture = texture_make(&random, bands[_i][0], bands[_i][1], 128, 30);
            const double angle = 360 * random_uniform(&random) - 180;
            const double dx = 16 * random_uniform(&random) - 8, dy = 16 * random_uniform(&random) - 8;
            draw(&reference, &texture, 0, 0, 0, noises[k], &random);
            draw(&frame, &texture, angle, dx, dy, noises[k], &random);
            struct setup setup = set_up(&reference, (trk_params){.max_movement_px = 10, .max_rotation_deg = 180});
            const trk_row row = measure(&setup, &frame);
            ck_assert_msg(row.status == TRK_MEASURED, "angle %g, %g, %g: %s", angle, dx, dy,
                          trk_row_status_name(row.status));
            squares += pow(remainder(row.rotation_deg - angle, 360), 2);
            motion += pow(row.x_px - dx, 2) + pow(row.y_px - dy, 2);
            bounds += pow(angle_bound(&texture, noises[k]), 2);
            tear_down(&setup);
        }
        const double rms = sqrt(squares / FRAMES), bound = sqrt(bounds / FRAMES);
        printf("%2.0f-%2.0f px, noise %2.0f: RMS %.4f deg, bound %.4f deg, ratio %.2f; motion %.4f px\n", bands[_i][0],
               bands[_i][1], noises[k], rms, bound, rms / bound, sqrt(motion / (2 * FRAMES)));
        ck_assert_double_lt(rms, 0.005 + 1.6 * bound);
    }
    ist_frame_free(&reference);
    ist_frame_free(&frame);
}
END_TEST

/* Turning on and on, forth and back over the seam: the angle goes on, whole turns count. */
START_TEST(no_seam)
{
    struct random random = {random_seed()};
    const struct texture texture = texture_make(&random, 5, 40, 128, 30);
    ist_frame reference = make_frame(), frame = make_frame();
    draw(&reference, &texture, 0, 0, 0, 2, &random);
    struct setup setup = set_up(&reference, (trk_params){.max_movement_px = 2, .max_rotation_deg = 180});
    trk_row row = measure(&setup, &reference);
    ck_assert_double_lt(fabs(row.rotation_deg), 1e-6);
    double angle = 0;
    for (int i = 0; i < 30; i++) {
        angle += i < 20 ? 47.3 : -61;
        draw(&frame, &texture, angle, 0, 0, 2, &random);
        row = measure(&setup, &frame);
        ck_assert_double_eq_tol(row.rotation_deg, angle, 0.2);
    }
    tear_down(&setup);
    ist_frame_free(&reference);
    ist_frame_free(&frame);
}
END_TEST

START_TEST(range)
{
    struct random random = {random_seed()};
    const struct texture texture = texture_make(&random, 5, 40, 128, 30);
    ist_frame reference = make_frame(), frame = make_frame();
    draw(&reference, &texture, 0, 0, 0, 2, &random);
    struct setup setup =
        set_up(&reference, (trk_params){.max_movement_px = 3, .max_rotation_deg = 20, .min_score = -1});
    for (double angle = -60; angle <= 60; angle += 3.7) {
        draw(&frame, &texture, angle, 1.3, -0.4, 2, &random);
        const trk_row row = measure(&setup, &frame);
        ck_assert(isnan(row.rotation_deg) || fabs(row.rotation_deg) <= 20);
        if (fabs(angle) < 19.8) {
            ck_assert_int_eq(row.status, TRK_MEASURED);
            ck_assert_double_eq_tol(row.rotation_deg, angle, 0.2);
        }
        if (fabs(angle) > 20.2 && fabs(angle) < 25)
            ck_assert_int_eq(row.status, TRK_EDGE);
    }
    tear_down(&setup);
    ist_frame_free(&reference);
    ist_frame_free(&frame);
}
END_TEST

/* From one end of a wide range to the other: not over the seam, and out of the range. */
START_TEST(range_has_an_end)
{
    struct random random = {random_seed()};
    const struct texture texture = texture_make(&random, 5, 40, 128, 30);
    ist_frame reference = make_frame(), frame = make_frame();
    draw(&reference, &texture, 0, 0, 0, 2, &random);
    struct setup setup = set_up(&reference, (trk_params){.max_movement_px = 3, .max_rotation_deg = 170});
    for (int i = 0; i < 4; i++) {
        const double angle = i % 2 ? 165 : -165;
        draw(&frame, &texture, angle, 0, 0, 2, &random);
        ck_assert_double_eq_tol(measure(&setup, &frame).rotation_deg, angle, 0.2);
    }
    tear_down(&setup);
    ist_frame_free(&reference);
    ist_frame_free(&frame);
}
END_TEST

/* ---- from frame to frame ---- */

/* A way that leads out of any window in small steps, and several times round. */
struct place {
    double x, y, angle_deg;
};

static struct place way(int i)
{
    return (struct place){25 * sin(i / 7.0), 28 * sin(i / 5.0), 14.3 * i - 0.08 * i * i};
}

enum { WAY_FRAMES = 60 };

static void draw_way(ist_frame *frame, const struct texture *texture, int i, struct random *random)
{
    const struct place at = way(i);
    draw(frame, texture, at.angle_deg, at.x, at.y, 2, random);
}

/* Motion and angle to begin with are 0, and steps are below the limits: 8 px and 16 degrees. */
START_TEST(followed_where_it_goes)
{
    static const trk_params kinds[] = {{.max_rotation_deg = 180},
                                       {.max_rotation_deg = 16},
                                       {.max_rotation_deg = 175},
                                       {.max_rotation_deg = 16, .renew_every = 1},
                                       {.max_rotation_deg = 180, .renew_every = 7},
                                       {.max_rotation_deg = 16, .renew_below = 0.9995}};
    struct random random = {random_seed()};
    const struct texture texture = texture_make(&random, 5, 40, 128, 30);
    ist_frame reference = make_frame(), frame = make_frame();
    draw_way(&reference, &texture, 0, &random);
    trk_params params = kinds[_i];
    params.follow = true;
    params.max_movement_px = 8;
    struct setup setup = set_up(&reference, params);
    double worst_px = 0, worst_deg = 0;
    trk_row row = {0};
    for (int i = 1; i < WAY_FRAMES; i++) {
        const struct place at = way(i);
        draw_way(&frame, &texture, i, &random);
        row = measure(&setup, &frame);
        ck_assert_msg(row.status == TRK_MEASURED, "%d: %s, score %g", i, trk_row_status_name(row.status), row.score);
        worst_px = fmax(worst_px, hypot(row.x_px - at.x, row.y_px - at.y));
        worst_deg = fmax(worst_deg, fabs(row.rotation_deg - at.angle_deg));
    }
    printf("followed, limit %g, %d renewals: off by %.3f px and %.3f degrees of %.0f at most\n",
           params.max_rotation_deg, row.renewals, worst_px, worst_deg, row.rotation_deg);
    ck_assert_double_lt(worst_px, 0.04);
    ck_assert_double_lt(worst_deg, 0.12);
    ck_assert((row.renewals > 0) == (_i > 2));
    ck_assert_double_gt(row.rotation_deg, 360);
    tear_down(&setup);
    ist_frame_free(&reference);
    ist_frame_free(&frame);
}
END_TEST

/* In place: the sum is that of what was in the middle of the ROI, each time. */
START_TEST(sums_of_turns_in_place)
{
    const double limit = _i ? 16 : 180;
    struct random random = {random_seed()};
    const struct texture texture = texture_make(&random, 5, 40, 128, 30);
    ist_frame reference = make_frame(), frame = make_frame();
    draw_way(&reference, &texture, 0, &random);
    struct setup setup =
        set_up(&reference, (trk_params){.max_movement_px = 16, .max_rotation_deg = limit, .renew_every = 1});
    double x = 0, y = 0;
    for (int i = 1; i < WAY_FRAMES; i++) {
        const struct place from = way(i - 1), to = way(i);
        const double turn = (to.angle_deg - from.angle_deg) * M_PI / 180;
        x += to.x - (cos(turn) * from.x - sin(turn) * from.y);
        y += to.y - (sin(turn) * from.x + cos(turn) * from.y);
        draw_way(&frame, &texture, i, &random);
        const trk_row row = measure(&setup, &frame);
        ck_assert_int_eq(row.status, TRK_MEASURED);
        ck_assert_int_eq(row.renewals, i - 1);
        ck_assert_double_eq_tol(row.x_px, x, 0.3);
        ck_assert_double_eq_tol(row.y_px, y, 0.3);
        ck_assert_double_eq_tol(row.rotation_deg, to.angle_deg, 0.5);
    }
    tear_down(&setup);
    ist_frame_free(&reference);
    ist_frame_free(&frame);
}
END_TEST

/* Gone, and back at another place and angle: both are searched for farther than from one frame to the next. */
START_TEST(lost_and_found_turned)
{
    struct random random = {random_seed()};
    const struct texture texture = texture_make(&random, 5, 40, 128, 30);
    ist_frame reference = make_frame(), frame = make_frame();
    draw(&reference, &texture, 0, 0, 0, 2, &random);
    struct setup setup = set_up(
        &reference,
        (trk_params){
            .follow = true, .max_movement_px = 5, .max_rotation_deg = 10, .min_score = 0.7, .renew_every = _i ? 2 : 0});
    for (int i = 1; i <= 4; i++) {
        draw(&frame, &texture, 9 * i, 4 * i, -2 * i, 2, &random);
        const trk_row row = measure(&setup, &frame);
        ck_assert_int_eq(row.status, TRK_MEASURED);
        ck_assert_double_eq_tol(row.rotation_deg, 9 * i, 0.3);
    }
    const struct texture other = texture_make(&random, 5, 40, 128, 30);
    draw(&frame, &other, 0, 0, 0, 2, &random);
    for (int i = 0; i < 3; i++) {
        const trk_row lost = measure(&setup, &frame);
        ck_assert(lost.status != TRK_MEASURED);
        ck_assert(isnan(lost.x_px) && isnan(lost.rotation_deg));
    }
    draw(&frame, &texture, 156, 4, 6, 2, &random);
    trk_row row = measure(&setup, &frame);
    ck_assert_int_eq(row.status, TRK_MEASURED);
    ck_assert_double_eq_tol(row.rotation_deg, 156, 0.4);
    ck_assert_double_lt(hypot(row.x_px - 4, row.y_px - 6), 0.15);
    // From there on as before: not farther than the limit.
    draw(&frame, &texture, 164, 7, 3, 2, &random);
    row = measure(&setup, &frame);
    ck_assert_int_eq(row.status, TRK_MEASURED);
    ck_assert_double_eq_tol(row.rotation_deg, 164, 0.4);
    draw(&frame, &texture, 180, 7, 3, 2, &random);
    row = measure(&setup, &frame);
    ck_assert_int_ne(row.status, TRK_MEASURED);
    tear_down(&setup);
    ist_frame_free(&reference);
    ist_frame_free(&frame);
}
END_TEST

/* A frame whose texture shows no angle does not become the template. */
START_TEST(rings_do_not_become_the_template)
{
    struct random random = {random_seed()};
    const struct texture texture = texture_make(&random, 5, 40, 128, 30);
    ist_frame reference = make_frame(), frame = make_frame();
    draw(&reference, &texture, 0, 0, 0, 2, &random);
    struct setup setup = set_up(
        &reference, (trk_params){.max_movement_px = 3, .max_rotation_deg = 180, .min_score = -1, .renew_every = 1});
    for (int y = 0; y < SIZE; y++)
        for (int x = 0; x < SIZE; x++)
            frame.data[y * frame.stride + x] = (uint8_t)(128 + 100 * cos(0.5 * hypot(x - MIDDLE, y - MIDDLE)));
    (void)measure(&setup, &frame);
    draw(&frame, &texture, 30, 1, 1, 2, &random);
    const trk_row row = measure(&setup, &frame);
    ck_assert_int_eq(row.status, TRK_MEASURED);
    ck_assert_int_eq(row.renewals, 0);
    tear_down(&setup);
    ist_frame_free(&reference);
    ist_frame_free(&frame);
}
END_TEST

START_TEST(not_in_steps)
{
    trk_tracker *tracker;
    ist_error error;
    const trk_params params = {.max_rotation_deg = 180, .upscale = 4};
    ck_assert_int_eq(trk_tracker_create(&tracker, SIZE, SIZE, 1, IST_PIXEL_U8, &roi, 1, &params, &error),
                     IST_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "upscale 4"));
}
END_TEST

/* Rings look the same at every angle. */
START_TEST(no_angle_to_be_found)
{
    ist_frame frame = make_frame();
    for (int y = 0; y < SIZE; y++)
        for (int x = 0; x < SIZE; x++)
            frame.data[y * frame.stride + x] = (uint8_t)(128 + 100 * cos(0.5 * hypot(x - MIDDLE, y - MIDDLE)));
    struct setup setup = set_up(&frame, (trk_params){.max_movement_px = 3, .max_rotation_deg = 180});
    const trk_row row = measure(&setup, &frame);
    ck_assert_int_eq(row.status, TRK_FLAT);
    ck_assert(isnan(row.rotation_deg) && isnan(row.x_px));
    tear_down(&setup);
    ist_frame_free(&frame);
}
END_TEST

START_TEST(kernels_do_not_matter)
{
    struct random random = {random_seed()};
    const struct texture texture = texture_make(&random, 5, 40, 128, 30);
    ist_frame reference = make_frame(), frame = make_frame();
    draw(&reference, &texture, 0, 0, 0, 2, &random);
    draw(&frame, &texture, -77, 3.2, 1.1, 2, &random);
    trk_row rows[2];
    for (int plain = 0; plain < 2; plain++) {
        struct setup setup =
            set_up(&reference, (trk_params){.max_movement_px = 5, .max_rotation_deg = 180, .cpu_plain = plain});
        rows[plain] = measure(&setup, &frame);
        tear_down(&setup);
    }
    ck_assert(same_row(&rows[0], &rows[1]));
    ck_assert_double_eq_tol(rows[0].rotation_deg, -77, 0.1);
    ist_frame_free(&reference);
    ist_frame_free(&frame);
}
END_TEST

/* A figure to be read, not a limit: the machine may be busy. */
START_TEST(speed)
{
    struct random random = {random_seed()};
    const struct texture texture = texture_make(&random, 5, 40, 128, 30);
    ist_frame reference = make_frame(), frame = make_frame();
    draw(&reference, &texture, 0, 0, 0, 2, &random);
    draw(&frame, &texture, 130, 3.2, 1.1, 2, &random);
    for (int movement = 1; movement <= 10; movement += 9) {
        struct setup setup = set_up(&reference, (trk_params){.max_movement_px = movement, .max_rotation_deg = 180});
        const clock_t start = clock();
        for (int i = 0; i < 20; i++)
            (void)measure(&setup, &frame);
        printf("ROI %d, movement %d: %.0f frames/s\n", ROI, movement,
               20 / ((double)(clock() - start) / CLOCKS_PER_SEC));
        tear_down(&setup);
    }
    ist_frame_free(&reference);
    ist_frame_free(&frame);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("track_rotation");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 240);
    tcase_add_loop_test(tests, turned_by_an_angle_is_found_so, 0, 3);
    tcase_add_test(tests, no_seam);
    tcase_add_test(tests, range);
    tcase_add_test(tests, range_has_an_end);
    tcase_add_loop_test(tests, followed_where_it_goes, 0, 6);
    tcase_add_loop_test(tests, sums_of_turns_in_place, 0, 2);
    tcase_add_loop_test(tests, lost_and_found_turned, 0, 2);
    tcase_add_test(tests, rings_do_not_become_the_template);
    tcase_add_test(tests, not_in_steps);
    tcase_add_test(tests, no_angle_to_be_found);
    tcase_add_test(tests, kernels_do_not_matter);
    tcase_add_test(tests, speed);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
