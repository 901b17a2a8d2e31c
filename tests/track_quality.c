/* What the tracker says of its own results: it must be true where measuring is hard. */
#include <check.h>
#include <libtrack/libtrack.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "correlate.h"
#include "track_texture.h"

enum { WIDTH = 120, HEIGHT = 100 };

static ist_frame make_frame(void)
{
    ist_frame frame = {0};
    ck_assert_int_eq(ist_frame_alloc(&frame, WIDTH, HEIGHT, 1, IST_PIXEL_U8, NULL), IST_OK);
    return frame;
}

static trk_row track(const ist_frame *reference, const ist_frame *frame, trk_roi roi, trk_params params)
{
    trk_tracker *tracker;
    trk_sequence *sequence;
    trk_row row;
    ck_assert_int_eq(trk_tracker_create(&tracker, WIDTH, HEIGHT, 1, IST_PIXEL_U8, &roi, 1, &params, NULL), IST_OK);
    ck_assert_int_eq(trk_tracker_set_template(tracker, reference, NULL), IST_OK);
    ck_assert_int_eq(trk_sequence_create(&sequence, tracker, NULL), IST_OK);
    ck_assert_int_eq(trk_tracker_measure(tracker, sequence, frame, &row, NULL), IST_OK);
    trk_sequence_destroy(&sequence);
    trk_tracker_destroy(&tracker);
    return row;
}

/* ---- the gap ---- */

static bool is_better(const struct match *a, const struct match *b)
{
    return a->score > b->score || (a->score == b->score && (a->y < b->y || (a->y == b->y && a->x < b->x)));
}

/* As the header says: all scores, all peaks, the four highest of them, the first one far from the best. */
static double gap_by_definition(const struct match *scores, int columns, int rows)
{
    struct match highest[PEAKS_KEPT + 1];
    int count = 0;
    for (int at = 0; at < columns * rows; at++) {
        bool is_peak = true;
        for (int k = 0; k < 9; k++) {
            const int x = at % columns + k % 3 - 1, y = at / columns + k / 3 - 1;
            if (k != 4 && x >= 0 && x < columns && y >= 0 && y < rows)
                is_peak = is_peak && is_better(&scores[at], &scores[y * columns + x]);
        }
        if (!is_peak)
            continue;
        int place = count < PEAKS_KEPT ? count++ : PEAKS_KEPT;
        highest[place] = scores[at];
        for (; place > 0 && is_better(&highest[place], &highest[place - 1]); place--) {
            const struct match lower = highest[place - 1];
            highest[place - 1] = highest[place];
            highest[place] = lower;
        }
    }
    for (int i = 1; i < count; i++)
        if (abs(highest[i].x - highest[0].x) > 2 || abs(highest[i].y - highest[0].y) > 2)
            return highest[0].score - highest[i].score;
    return highest[0].score + 1;
}

/* Both ways of searching, one column and one row of positions among them. */
START_TEST(gap_is_what_it_is_said_to_be)
{
    struct random random = {random_seed()};
    const struct kernels kernels = kernels_get(~0u);
    ist_frame reference = make_frame(), frame = make_frame();
    const struct plane before = {.data = reference.data, .stride = WIDTH, .width = WIDTH, .height = HEIGHT};
    const struct plane plane = {.data = frame.data, .stride = WIDTH, .width = WIDTH, .height = HEIGHT};
    struct match *scores = calloc(WIDTH * HEIGHT, sizeof *scores);
    for (int i = 0; i < 40; i++) {
        const struct texture texture = texture_make(&random, 3, 8 + 10 * (i % 4), 128, 30);
        texture_draw(&texture, &reference, 0, 0, 10, &random);
        texture_draw(&texture, &frame, 2.3, -1.4, 30, &random);
        struct matcher matcher = {.width = 8 + i % 30, .height = 5 + i % 23, .type = IST_PIXEL_U8};
        matcher.x_max = i % 10 == 3 ? 0 : WIDTH - matcher.width;
        matcher.y_max = i % 10 == 7 ? 0 : HEIGHT - matcher.height;
        struct search search;
        ck_assert_int_eq(matcher_init(&matcher, &kernels, i % 2 ? SEARCH_FFT : SEARCH_DIRECT, NULL), IST_OK);
        ck_assert_int_eq(search_init(&search, &kernels, &matcher, 1, NULL), IST_OK);
        matcher_cut(&matcher, &search, &before, 30, 40);
        double gap;
        (void)matcher_find(&matcher, &search, &plane, &gap);
        const int columns = matcher.x_max + 1, rows = matcher.y_max + 1;
        for (int at = 0; at < columns * rows; at++) {
            const int x = at % columns, y = at / columns;
            scores[at] = (struct match){x, y, matcher_score(&matcher, &search, &plane, x, y)};
        }
        ck_assert(gap == gap_by_definition(scores, columns, rows));
        search_finish(&search);
        matcher_finish(&matcher);
    }
    free(scores);
    ist_frame_free(&reference);
    ist_frame_free(&frame);
}
END_TEST

/* A pattern that repeats: the match may be any of them, and the gap says so. One that does not: far ahead. */
START_TEST(doubt_is_said)
{
    struct random random = {random_seed()};
    const struct texture texture = texture_make(&random, 5, 40, 128, 30);
    ist_frame frame = make_frame(), checks = make_frame();
    texture_draw(&texture, &frame, 0, 0, 2, &random);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            checks.data[y * checks.stride + x] =
                (uint8_t)(128 + 50 * (sin(2 * M_PI * x / 20) + sin(2 * M_PI * y / 20)) + 2 * random_normal(&random));
    const trk_roi roi = {40, 40, 32, 32};
    const trk_row sure = track(&frame, &frame, roi, (trk_params){0});
    const trk_row unsure = track(&checks, &checks, roi, (trk_params){0});
    const trk_row only = track(&checks, &checks, roi, (trk_params){.max_movement_px = 6});
    const trk_row refused = track(&checks, &checks, roi, (trk_params){.min_gap = 0.05});
    const trk_row taken = track(&frame, &frame, roi, (trk_params){.min_gap = 0.05});
    ck_assert(refused.status == TRK_UNSURE && isnan(refused.x_px) && isnan(refused.y_px));
    ck_assert(refused.second_peak_gap == unsure.second_peak_gap && refused.score == unsure.score);
    ck_assert(taken.status == TRK_MEASURED && taken.x_px == sure.x_px);
    ck_assert(sure.second_peak_gap > 0.2 && sure.second_peak_gap < 1);
    ck_assert(unsure.second_peak_gap >= 0 && unsure.second_peak_gap < 0.02);
    ck_assert(only.second_peak_gap > 0.2);
    // One place only.
    const trk_row whole = track(&frame, &frame, (trk_roi){0, 0, WIDTH, HEIGHT}, (trk_params){0});
    ck_assert(whole.second_peak_gap == 2);
    ist_frame_free(&frame);
    ist_frame_free(&checks);
}
END_TEST

/* What is looked for is not in the picture: half of the best matches and more pass the score, few the gap. */
START_TEST(false_matches_are_found_out)
{
    enum { PAIRS = 60 };
    struct random random = {random_seed()};
    ist_frame reference = make_frame(), frame = make_frame();
    int by_score = 0, by_gap = 0, right = 0;
    for (int i = 0; i < PAIRS; i++) {
        const struct texture texture = texture_make(&random, 8, 30, 128, 30);
        const struct texture other = texture_make(&random, 8, 30, 128, 30);
        const trk_roi roi = {40, 30, 28, 28};
        texture_draw(&texture, &reference, 0, 0, 3, &random);
        texture_draw(&other, &frame, 0, 0, 3, &random);
        by_score += track(&reference, &frame, roi, (trk_params){0}).score >= TRK_MIN_SCORE;
        by_gap += track(&reference, &frame, roi, (trk_params){.min_gap = 0.1}).status == TRK_MEASURED;
        texture_draw(&texture, &frame, 3.3, -2.1, 3, &random);
        right += track(&reference, &frame, roi, (trk_params){.min_gap = 0.1}).status == TRK_MEASURED;
    }
    printf("not there: %d of %d pass the score, %d the gap; there: %d pass\n", by_score, PAIRS, by_gap, right);
    ck_assert_int_gt(by_score, PAIRS / 4);
    ck_assert_int_lt(by_gap, by_score / 4);
    ck_assert_int_ge(right, PAIRS * 9 / 10);
    ist_frame_free(&reference);
    ist_frame_free(&frame);
}
END_TEST

/* ---- contrast ---- */

/* That of the texture, whatever the noise; in a mean, of what motion has left of it. */
START_TEST(contrast_is_that_of_the_texture)
{
    struct random random = {random_seed()};
    const struct texture texture = texture_make(&random, 12, 40, 128, 25);
    const trk_roi roi = {10, 10, 100, 80};
    ist_frame frame = make_frame();
    trk_tracker *tracker;
    ck_assert_int_eq(trk_tracker_create(&tracker, WIDTH, HEIGHT, 1, IST_PIXEL_U8, &roi, 1, NULL, NULL), IST_OK);
    ck_assert_double_nan(trk_tracker_template_contrast(tracker, 0));
    double clean = 0;
    for (int noise = 0; noise <= 20; noise += 10) {
        texture_draw(&texture, &frame, 0, 0, noise, &random);
        ck_assert_int_eq(trk_tracker_set_template(tracker, &frame, NULL), IST_OK);
        const double contrast = trk_tracker_template_contrast(tracker, 0);
        clean = noise ? clean : contrast;
        ck_assert_double_eq_tol(contrast, clean, 0.05 * clean);
    }
    ck_assert_double_eq_tol(clean, 25, 6);
    ck_assert_double_nan(trk_tracker_template_contrast(tracker, 1));
    trk_still *still;
    ck_assert_int_eq(trk_still_create(&still, WIDTH, HEIGHT, 1, IST_PIXEL_U8, TRK_STILL_MEAN, NULL), IST_OK);
    for (int i = 0; i < 40; i++) {
        texture_draw(&texture, &frame, 15 * cos(2 * M_PI * i / 40), 15 * sin(2 * M_PI * i / 40), 5, &random);
        ck_assert_int_eq(trk_still_add(still, &frame, NULL), IST_OK);
    }
    ck_assert_int_eq(trk_still_end_pass(still, NULL), IST_OK);
    ck_assert_int_eq(trk_tracker_set_template_still(tracker, still, NULL), IST_OK);
    ck_assert_double_lt(trk_tracker_template_contrast(tracker, 0), 0.5 * clean);
    trk_still_destroy(&still);
    trk_tracker_destroy(&tracker);
    ist_frame_free(&frame);
}
END_TEST

/* ---- the standard error ---- */

/* Equal pictures differ by nothing, which does not make their rounding vanish. */
START_TEST(rounding_is_counted)
{
    struct random random = {random_seed()};
    const trk_roi roi = {30, 20, 40, 40};
    ist_frame frame = make_frame();
    const struct texture texture = texture_make(&random, 5, 40, 128, 30);
    texture_draw(&texture, &frame, 0, 0, 0, &random);
    const trk_row row = track(&frame, &frame, roi, (trk_params){.max_movement_px = 5});
    const double bound = texture_bound(&texture, roi.x, roi.y, roi.width, roi.height, sqrt(1.0 / 12));
    const double mean = sqrt((pow(row.standard_error_x_px, 2) + pow(row.standard_error_y_px, 2)) / 2);
    ck_assert_msg(mean > 0.95 * bound && mean < 1.5 * bound, "%g, bound %g", mean, bound);
    ist_frame_free(&frame);
}
END_TEST

static void draw_stripes(ist_frame *frame, double dx, double noise, struct random *random)
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            frame->data[y * frame->stride + x] =
                (uint8_t)lround(128 + 80 * sin(0.4 * (x - dx)) + noise * random_normal(random));
}

/* Stripes fix one direction only: along them no error is claimed, in noise either, which looks like texture. */
START_TEST(stripes)
{
    struct random random = {random_seed()};
    ist_frame reference = make_frame(), frame = make_frame();
    for (int noise = 0; noise <= 6; noise++) {
        draw_stripes(&reference, 0, noise, &random);
        draw_stripes(&frame, 1.3, noise, &random);
        const trk_row row = track(&reference, &frame, (trk_roi){30, 30, 40, 40}, (trk_params){.max_movement_px = 5});
        ck_assert(isnan(row.standard_error_y_px));
        ck_assert(isnan(row.standard_error_x_px) || fabs(row.x_px - 1.3) < 5 * row.standard_error_x_px);
    }
    ist_frame_free(&reference);
    ist_frame_free(&frame);
}
END_TEST

/* What a hard case adds up to. */
struct tally {
    int rows, measured, with_error, outliers;
    double squares; // of errors in standard errors
};

static void add(struct tally *tally, const trk_row *row, double dx, double dy)
{
    tally->rows++;
    tally->measured += row->status == TRK_MEASURED;
    if (row->status != TRK_MEASURED || isnan(row->standard_error_x_px + row->standard_error_y_px))
        return;
    const double x = (row->x_px - dx) / row->standard_error_x_px, y = (row->y_px - dy) / row->standard_error_y_px;
    tally->with_error++;
    tally->outliers += fmax(fabs(x), fabs(y)) > 6;
    tally->squares += x * x + y * y;
}

static void report(const char *name, const struct tally *tally)
{
    printf("%-24s %4d rows, %4d measured, %4d with a standard error; RMS %.2f of it, %d beyond 6\n", name, tally->rows,
           tally->measured, tally->with_error, sqrt(tally->squares / (2 * fmax(1, tally->with_error))),
           tally->outliers);
}

/* ROIs of a few pixels: little texture, and hardly enough pixels to tell noise from it. */
START_TEST(tiny)
{
    struct random random = {random_seed()};
    ist_frame reference = make_frame(), frame = make_frame();
    for (int size = 4; size <= 12; size += 2) {
        struct tally tally = {0};
        for (int i = 0; i < 60; i++) {
            const struct texture texture = texture_make(&random, 4, 20, 128, 30);
            const double dx = 4 * random_uniform(&random) - 2, dy = 4 * random_uniform(&random) - 2;
            texture_draw(&texture, &reference, 0, 0, 2, &random);
            texture_draw(&texture, &frame, dx, dy, 2, &random);
            const trk_row row = track(&reference, &frame, (trk_roi){50, 50, size, size},
                                      (trk_params){.max_movement_px = 4, .min_score = 0.8});
            // A wrong match is what the gap is for.
            if (row.second_peak_gap > 0.1)
                add(&tally, &row, dx, dy);
        }
        char name[32];
        snprintf(name, sizeof name, "%d x %d", size, size);
        report(name, &tally);
        ck_assert_int_le(tally.outliers, tally.with_error / 10);
    }
    ist_frame_free(&reference);
    ist_frame_free(&frame);
}
END_TEST

/* At the picture's border the kernel meets mirrored samples, on one side of the motion only. */
START_TEST(at_the_border)
{
    struct random random = {random_seed()};
    ist_frame reference = make_frame(), frame = make_frame();
    const trk_roi rois[] = {{0, 30, 32, 32}, {WIDTH - 32, 30, 32, 32}, {40, 0, 32, 32}, {0, HEIGHT - 32, 32, 32}};
    struct tally tally = {0};
    for (int i = 0; i < 80; i++) {
        const struct texture texture = texture_make(&random, 5, 40, 128, 30);
        const trk_roi roi = rois[i % 4];
        // Into the picture.
        const double dx = (roi.x == 0 ? 4 : roi.x > 80 ? -4 : 0) * random_uniform(&random);
        const double dy = (roi.y == 0 ? 4 : roi.y > 60 ? -4 : 0) * random_uniform(&random);
        texture_draw(&texture, &reference, 0, 0, 2, &random);
        texture_draw(&texture, &frame, dx, dy, 2, &random);
        const trk_row row = track(&reference, &frame, roi, (trk_params){.max_movement_px = 6});
        add(&tally, &row, dx, dy);
    }
    report("at the border", &tally);
    ck_assert_int_eq(tally.measured, tally.rows);
    ck_assert_int_eq(tally.with_error, tally.rows);
    ck_assert_int_eq(tally.outliers, 0);
    ck_assert_double_lt(sqrt(tally.squares / (2 * tally.rows)), 2);
    ist_frame_free(&reference);
    ist_frame_free(&frame);
}
END_TEST

/* A third of the pixels are white or black and show nothing. */
START_TEST(saturated)
{
    struct random random = {random_seed()};
    ist_frame reference = make_frame(), frame = make_frame();
    struct tally tally = {0};
    for (int i = 0; i < 60; i++) {
        const struct texture texture = texture_make(&random, 5, 40, 128, 130);
        const double dx = 8 * random_uniform(&random) - 4, dy = 8 * random_uniform(&random) - 4;
        texture_draw(&texture, &reference, 0, 0, 2, &random);
        texture_draw(&texture, &frame, dx, dy, 2, &random);
        const trk_row row = track(&reference, &frame, (trk_roi){30, 30, 48, 48}, (trk_params){.max_movement_px = 6});
        add(&tally, &row, dx, dy);
    }
    report("saturated", &tally);
    ck_assert_int_eq(tally.with_error, tally.rows);
    ck_assert_int_eq(tally.outliers, 0);
    ck_assert_double_lt(sqrt(tally.squares / (2 * tally.rows)), 2);
    ist_frame_free(&reference);
    ist_frame_free(&frame);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("track_quality");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, gap_is_what_it_is_said_to_be);
    tcase_add_test(tests, doubt_is_said);
    tcase_add_test(tests, false_matches_are_found_out);
    tcase_add_test(tests, contrast_is_that_of_the_texture);
    tcase_add_test(tests, rounding_is_counted);
    tcase_add_test(tests, stripes);
    tcase_add_test(tests, tiny);
    tcase_add_test(tests, at_the_border);
    tcase_add_test(tests, saturated);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
