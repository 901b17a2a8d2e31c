/* What is remembered from frame to frame: sums, followed features, renewed templates; and where templates come from. */
#include <check.h>
#include <libtrack/libtrack.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "track_frames.h"
#include "track_rows.h"
#include "track_texture.h"

enum { WIDTH = 112, HEIGHT = 80 };

static const trk_roi middle = {36, 24, 40, 32};

/* A tracker with a sequence, and one frame that is drawn anew again and again. */
struct bench {
    struct random random;
    struct texture texture;
    double noise;
    ist_frame frame;
    trk_tracker *tracker;
    trk_sequence *sequence;
};

/* The frame with the texture moved by dx, dy. */
static const ist_frame *draw(struct bench *bench, double dx, double dy)
{
    texture_draw(&bench->texture, &bench->frame, dx, dy, bench->noise, &bench->random);
    bench->frame.index++;
    return &bench->frame;
}

static struct bench make_bench(const trk_roi *roi, const trk_params *params)
{
    struct bench bench = {.random = {random_seed()}, .noise = 1, .frame = make_frame(WIDTH, HEIGHT, 1, IST_PIXEL_U8)};
    bench.texture = texture_make(&bench.random, 5, 40, 128, 30);
    ist_error error;
    ck_assert_msg(trk_tracker_create(&bench.tracker, WIDTH, HEIGHT, 1, IST_PIXEL_U8, roi, 1, params, &error) == IST_OK,
                  "%s", error.message);
    ck_assert_int_eq(trk_sequence_create(&bench.sequence, bench.tracker, NULL), IST_OK);
    return bench;
}

static void destroy_bench(struct bench *bench)
{
    // In either order.
    trk_tracker_destroy(&bench->tracker);
    trk_sequence_destroy(&bench->sequence);
    ck_assert_ptr_null(bench->sequence);
    ist_frame_free(&bench->frame);
}

static void set_template(struct bench *bench, double dx, double dy)
{
    ck_assert_int_eq(trk_tracker_set_template(bench->tracker, draw(bench, dx, dy), NULL), IST_OK);
}

static trk_row measure(struct bench *bench, const ist_frame *frame)
{
    trk_row row;
    ck_assert_int_eq(trk_tracker_measure(bench->tracker, bench->sequence, frame, &row, NULL), IST_OK);
    return row;
}

static trk_row measure_at(struct bench *bench, double dx, double dy)
{
    return measure(bench, draw(bench, dx, dy));
}

/* Must be measured, `within` px of dx, dy. */
static void check_row(const trk_row *row, double dx, double dy, double within)
{
    ck_assert_msg(row->status == TRK_MEASURED, "%s, score %g", trk_row_status_name(row->status), row->score);
    ck_assert_msg(hypot(row->x_px - dx, row->y_px - dy) <= within, "%g, %g, not %g, %g", row->x_px, row->y_px, dx, dy);
}

/* ---- following ---- */

/* A way that leads far out of any window in small steps. */
static double way_x(int i)
{
    return 2.7 * i - 20;
}

static double way_y(int i)
{
    return 14 * sin(i / 3.0);
}

START_TEST(follows_far)
{
    // Kept templates stay exact; renewed ones add an error with each renewal, but no more than that.
    const trk_params kinds[] = {{.follow = true, .max_movement_px = 6},
                                {.follow = true, .max_movement_px = 6, .renew_every = 1},
                                {.follow = true, .max_movement_px = 6, .renew_every = 4},
                                {.follow = true, .max_movement_px = 6, .renew_below = 0.999}};
    enum { FRAMES = 15 };
    const int renewals[] = {0, FRAMES - 1, (FRAMES - 1) / 4, -1};
    struct bench bench = make_bench(&(trk_roi){16, 24, 40, 32}, &kinds[_i]);
    set_template(&bench, way_x(0), way_y(0));
    trk_row row = {0};
    for (int i = 0; i < FRAMES; i++) {
        row = measure_at(&bench, way_x(i), way_y(i));
        check_row(&row, way_x(i) - way_x(0), way_y(i) - way_y(0), _i ? 0.05 : 0.03);
    }
    ck_assert_double_gt(hypot(row.x_px, row.y_px), 36);
    if (renewals[_i] >= 0)
        ck_assert_int_eq(row.renewals, renewals[_i]);
    else
        ck_assert_int_gt(row.renewals, 3);
    destroy_bench(&bench);
}
END_TEST

/* A part of the texture that moves, over the rest, which stands still. */
static const ist_frame *draw_patch(struct bench *bench, const trk_roi *patch, double dx)
{
    ist_frame still = make_frame(WIDTH, HEIGHT, 1, IST_PIXEL_U8);
    texture_draw(&bench->texture, &still, 0, 40, bench->noise, &bench->random);
    draw(bench, dx, 0);
    const int left = patch->x + (int)lrint(dx), right = left + patch->width;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            if (y < patch->y || y >= patch->y + patch->height || x < left || x >= right)
                bench->frame.data[y * bench->frame.stride + x] = still.data[y * still.stride + x];
    ist_frame_free(&still);
    return &bench->frame;
}

START_TEST(renewed_templates_stay_at_their_feature)
{
    // Less than half a pixel with each renewal: it adds up all the same.
    const trk_roi roi = {20, 26, 32, 28}, patch = {12, 18, 48, 44};
    struct bench bench =
        make_bench(&roi, &(trk_params){.follow = true, .max_movement_px = 4, .min_score = 0.9, .renew_every = 1});
    ck_assert_int_eq(trk_tracker_set_template(bench.tracker, draw_patch(&bench, &patch, 0), NULL), IST_OK);
    for (int i = 1; i <= 100; i++) {
        const trk_row row = measure(&bench, draw_patch(&bench, &patch, 0.4 * i));
        check_row(&row, 0.4 * i, 0, 0.05);
    }
    destroy_bench(&bench);
}
END_TEST

START_TEST(without_following_it_is_out_of_reach)
{
    struct bench bench = make_bench(&middle, &(trk_params){.max_movement_px = 6});
    set_template(&bench, 0, 0);
    const trk_row near = measure_at(&bench, 5, 5), far = measure_at(&bench, 20, 0);
    check_row(&near, 5, 5, 0.03);
    ck_assert_int_ne(far.status, TRK_MEASURED);
    destroy_bench(&bench);
}
END_TEST

/* Another texture in place of the first: the feature is not in the picture. */
static trk_row measure_other(struct bench *bench)
{
    struct texture other = texture_make(&bench->random, 5, 40, 128, 30);
    texture_draw(&other, &bench->frame, 0, 0, bench->noise, &bench->random);
    return measure(bench, &bench->frame);
}

static void check_lost(const trk_row *row)
{
    ck_assert(row->status == TRK_LOST || row->status == TRK_EDGE);
    ck_assert_msg(isnan(row->x_px) && isnan(row->y_px), "invented: %g, %g, score %g", row->x_px, row->y_px, row->score);
    ck_assert_double_lt(row->score, 0.6);
}

START_TEST(lost_and_found)
{
    const bool renews = _i;
    const trk_params params = {.follow = true, .max_movement_px = 5, .min_score = 0.6, .renew_every = renews ? 2 : 0};
    struct bench bench = make_bench(&middle, &params);
    set_template(&bench, 0, 0);
    trk_row row = {0};
    for (int i = 0; i < 4; i++) {
        row = measure_at(&bench, 2 * i, -i);
        check_row(&row, 2 * i, -i, 0.05);
    }
    for (int i = 0; i < 4; i++) {
        row = measure_other(&bench);
        check_lost(&row);
    }
    // It comes back 17 px from its last place 6, -3: in none of the windows of 5, but within 4 x 5.
    row = measure_at(&bench, -9, 5);
    check_row(&row, -9, 5, 0.06);
    row = measure_at(&bench, -12, 8);
    check_row(&row, -12, 8, 0.06);
    ck_assert_int_eq(row.renewals, renews ? 3 : 0);
    // Lost, and back farther away than it is searched for: stays lost.
    row = measure_other(&bench);
    check_lost(&row);
    row = measure_at(&bench, 18, 8);
    check_lost(&row);
    row = measure_at(&bench, -2, 0);
    check_row(&row, -2, 0, 0.06);
    destroy_bench(&bench);
}
END_TEST

START_TEST(searches_again_as_far_as_asked)
{
    for (int reach = 12; reach <= 30; reach += 18) {
        struct bench bench =
            make_bench(&middle, &(trk_params){.follow = true, .max_movement_px = 4, .search_again_px = reach});
        set_template(&bench, 0, 0);
        trk_row row = measure_other(&bench);
        ck_assert_int_ne(row.status, TRK_MEASURED);
        row = measure_at(&bench, 20, -10);
        if (reach > 20)
            check_row(&row, 20, -10, 0.04);
        else
            ck_assert_int_ne(row.status, TRK_MEASURED);
        destroy_bench(&bench);
    }
}
END_TEST

/* ---- renewing ---- */

START_TEST(previous_sums_up)
{
    // The ROI stays, what is in it changes; the sum is the motion all the same, with an error for each step.
    struct bench bench = make_bench(&middle, &(trk_params){.max_movement_px = 6, .renew_every = 1});
    set_template(&bench, 0, 0);
    enum { FRAMES = 16 };
    double squares = 0;
    for (int i = 1; i < FRAMES; i++) {
        const trk_row row = measure_at(&bench, 3.3 * i, -2.1 * i);
        check_row(&row, 3.3 * i, -2.1 * i, 0.1);
        ck_assert_int_eq(row.renewals, i - 1);
        squares = pow(row.x_px - 3.3 * i, 2) + pow(row.y_px + 2.1 * i, 2);
    }
    const double bound = texture_bound(&bench.texture, middle.x, middle.y, middle.width, middle.height, 1.04);
    // Two coordinates, as many errors as steps, and four times the standard deviation.
    ck_assert_double_lt(sqrt(squares), 4 * bound * sqrt(2 * FRAMES));
    destroy_bench(&bench);
}
END_TEST

START_TEST(the_sum_goes_on_from_the_last_good_frame)
{
    struct bench bench = make_bench(&middle, &(trk_params){.max_movement_px = 8, .renew_every = 1});
    set_template(&bench, 0, 0);
    trk_row row = measure_at(&bench, 3, 1);
    check_row(&row, 3, 1, 0.05);
    row = measure_other(&bench);
    ck_assert(row.status != TRK_MEASURED && isnan(row.x_px));
    // A frame without any texture must not become the template.
    memset(bench.frame.data, 90, WIDTH * HEIGHT);
    row = measure(&bench, &bench.frame);
    ck_assert(row.status == TRK_FLAT && isnan(row.x_px));
    row = measure_at(&bench, 9, -3);
    check_row(&row, 9, -3, 0.05);
    ck_assert_int_eq(row.renewals, 1);
    row = measure_at(&bench, 12, -6);
    check_row(&row, 12, -6, 0.06);
    destroy_bench(&bench);
}
END_TEST

/* What is in the ROI becomes something else for good: lost to the end, or begun anew, and said. */
START_TEST(begun_anew_with_a_gap)
{
    const int after = _i;
    struct bench bench = make_bench(
        &middle, &(trk_params){.max_movement_px = 8, .min_score = 0.6, .renew_every = 2, .restart_after = after});
    set_template(&bench, 0, 0);
    for (int i = 1; i <= 3; i++) {
        const trk_row row = measure_at(&bench, i, -i);
        check_row(&row, i, -i, 0.05);
    }
    bench.texture = texture_make(&bench.random, 5, 40, 128, 30);
    for (int i = 0; i < 12; i++) {
        const trk_row row = measure_at(&bench, 2 * i, i);
        if (after == 0 || i < after) {
            check_lost(&row);
            ck_assert_int_eq(row.gaps, 0);
            continue;
        }
        // From the frame on that was the last lost one, on top of the last good one.
        ck_assert_int_eq(row.status, TRK_GAP);
        ck_assert_int_eq(row.gaps, 1);
        ck_assert_double_eq_tol(row.x_px, 3 + 2 * (i - (after - 1)), 0.06);
        ck_assert_double_eq_tol(row.y_px, -3 + (i - (after - 1)), 0.06);
        ck_assert(isnan(row.standard_error_x_px) && isnan(row.standard_error_y_px));
    }
    destroy_bench(&bench);
}
END_TEST

/* Nothing is cut from a frame without texture, and none of it is forgotten by the next recording. */
START_TEST(gaps_end_with_other_templates)
{
    struct bench bench = make_bench(&middle, &(trk_params){.max_movement_px = 6, .renew_every = 1, .restart_after = 1});
    set_template(&bench, 0, 0);
    memset(bench.frame.data, 90, WIDTH * HEIGHT);
    trk_row row = measure(&bench, &bench.frame);
    ck_assert_int_eq(row.status, TRK_FLAT);
    row = measure_at(&bench, 2, 3);
    check_row(&row, 2, 3, 0.05);
    row = measure_other(&bench);
    check_lost(&row);
    row = measure_at(&bench, 2, 3);
    check_lost(&row);
    row = measure_at(&bench, 3, 3);
    ck_assert(row.status == TRK_GAP && row.gaps == 2);
    set_template(&bench, 0, 0);
    row = measure_at(&bench, 1, 1);
    check_row(&row, 1, 1, 0.05);
    ck_assert_int_eq(row.gaps, 0);
    destroy_bench(&bench);
}
END_TEST

/* A feature that turns into another one: one part old, the rest new. */
static trk_row measure_mixed(struct bench *bench, const struct texture *other, double part, double dx)
{
    ist_frame second = make_frame(WIDTH, HEIGHT, 1, IST_PIXEL_U8);
    texture_draw(other, &second, dx, 0, 0, &bench->random);
    draw(bench, dx, 0);
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        bench->frame.data[i] = (uint8_t)lrint((1 - part) * bench->frame.data[i] + part * second.data[i]);
    ist_frame_free(&second);
    return measure(bench, &bench->frame);
}

START_TEST(renewed_before_it_is_lost)
{
    for (int renewed = 0; renewed < 2; renewed++) {
        const trk_params params = {
            .follow = true, .max_movement_px = 5, .min_score = 0.6, .renew_below = renewed ? 0.9 : 0};
        struct bench bench = make_bench(&middle, &params);
        const struct texture other = texture_make(&bench.random, 5, 40, 128, 30);
        set_template(&bench, 0, 0);
        int measured = 0;
        trk_row row = {0};
        for (int i = 0; i <= 12; i++) {
            row = measure_mixed(&bench, &other, i / 12.0, i);
            measured += row.status == TRK_MEASURED;
            // What comes in pulls the match its own way, a little with each renewal.
            if (renewed)
                ck_assert_double_lt(hypot(row.x_px - i, row.y_px), 2);
        }
        ck_assert_int_eq(measured == 13, renewed);
        ck_assert(renewed ? row.renewals > 0 : row.renewals == 0);
        destroy_bench(&bench);
    }
}
END_TEST

START_TEST(other_templates_begin_anew)
{
    struct bench bench = make_bench(&middle, &(trk_params){.follow = true, .max_movement_px = 5, .renew_every = 1});
    trk_row rows[2][3];
    for (int turn = 0; turn < 2; turn++) {
        bench.random.state = 77;
        set_template(&bench, 0, 0);
        for (int i = 0; i < 3; i++) {
            rows[turn][i] = measure_at(&bench, 4 * i, 2 * i);
            rows[turn][i].frame_index = i;
        }
    }
    ck_assert(same_rows(rows[0], rows[1], 3));
    destroy_bench(&bench);
}
END_TEST

/* ---- templates ---- */

/* A grid of ROIs, each of which has its own noise in its template. */
enum { GRID_ROWS = 3, GRID_COLUMNS = 4, GRID = GRID_ROWS * GRID_COLUMNS };

static trk_tracker *make_grid(void)
{
    trk_roi rois[GRID];
    for (int i = 0; i < GRID; i++)
        rois[i] = (trk_roi){4 + 26 * (i % GRID_COLUMNS), 4 + 24 * (i / GRID_COLUMNS), 25, 23};
    trk_tracker *tracker;
    const trk_params params = {.max_movement_px = 4, .min_score = 0.1};
    ck_assert_int_eq(trk_tracker_create(&tracker, WIDTH, HEIGHT, 1, IST_PIXEL_U8, rois, GRID, &params, NULL), IST_OK);
    return tracker;
}

/* Adds the square errors of the grid for one frame. */
static double grid_errors(const trk_tracker *tracker, const ist_frame *frame, double dx, double dy)
{
    trk_row rows[GRID];
    trk_sequence *sequence;
    ck_assert_int_eq(trk_sequence_create(&sequence, tracker, NULL), IST_OK);
    ck_assert_int_eq(trk_tracker_measure(tracker, sequence, frame, rows, NULL), IST_OK);
    double squares = 0;
    for (int i = 0; i < GRID; i++) {
        ck_assert_int_eq(rows[i].status, TRK_MEASURED);
        squares += pow(rows[i].x_px - dx, 2) + pow(rows[i].y_px - dy, 2);
    }
    trk_sequence_destroy(&sequence);
    return squares;
}

/* RMS errors with three templates: the mean of many frames, the same rounded to gray levels, and one frame. */
static void rms_with_templates(double contrast, double noise, double rms[3])
{
    enum { MEAN_FRAMES = 16, FRAMES = 8 };
    struct bench bench = make_bench(&middle, NULL);
    bench.noise = noise;
    bench.texture = texture_make(&bench.random, 8, 30, 128, contrast);
    trk_tracker *trackers[3] = {make_grid(), make_grid(), make_grid()};
    trk_still *still;
    ck_assert_int_eq(trk_still_create(&still, WIDTH, HEIGHT, 1, IST_PIXEL_U8, TRK_STILL_MEAN, NULL), IST_OK);
    for (int i = 0; i < MEAN_FRAMES; i++)
        ck_assert_int_eq(trk_still_add(still, draw(&bench, 0, 0), NULL), IST_OK);
    ist_error error;
    ck_assert_int_eq(trk_tracker_set_template(trackers[2], &bench.frame, NULL), IST_OK);
    ck_assert_int_eq(trk_tracker_set_template_still(trackers[0], still, &error), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(trk_still_end_pass(still, NULL), IST_OK);
    ck_assert_int_eq(trk_tracker_set_template_still(trackers[0], still, NULL), IST_OK);
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        bench.frame.data[i] = (uint8_t)lrintf(trk_still_row(still, i / WIDTH)[i % WIDTH]);
    ck_assert_int_eq(trk_tracker_set_template(trackers[1], &bench.frame, NULL), IST_OK);

    for (int i = 0; i < FRAMES; i++) {
        const double dx = 0.37 * i - 1.6, dy = 1.3 - 0.29 * i;
        draw(&bench, dx, dy);
        for (int k = 0; k < 3; k++)
            rms[k] += grid_errors(trackers[k], &bench.frame, dx, dy) / (2 * FRAMES * GRID);
    }
    for (int k = 0; k < 3; k++) {
        rms[k] = sqrt(rms[k]);
        trk_tracker_destroy(&trackers[k]);
    }
    trk_still_destroy(&still);
    destroy_bench(&bench);
}

START_TEST(a_mean_is_better_than_one_frame)
{
    // Noise in both pictures, or all but in one: sqrt(2) in theory.
    double rms[3] = {0};
    rms_with_templates(20, 6, rms);
    printf("noise 6: RMS %.4f px with the mean of 16 as template, %.4f px with one frame\n", rms[0], rms[2]);
    ck_assert_double_lt(rms[0], 0.85 * rms[2]);
}
END_TEST

START_TEST(a_mean_keeps_its_fractions)
{
    double rms[3] = {0};
    rms_with_templates(4, 0.4, rms);
    printf("noise 0.4: RMS %.4f px with the mean of 16 as template, %.4f px with it rounded\n", rms[0], rms[1]);
    ck_assert_double_lt(rms[0], 0.97 * rms[1]);
}
END_TEST

START_TEST(a_still_of_one_frame_is_that_frame)
{
    struct bench bench = make_bench(&middle, &(trk_params){.max_movement_px = 5});
    trk_still *still;
    ck_assert_int_eq(trk_still_create(&still, WIDTH, HEIGHT, 1, IST_PIXEL_U8, TRK_STILL_MEAN, NULL), IST_OK);
    set_template(&bench, 0, 0);
    ck_assert_int_eq(trk_still_add(still, &bench.frame, NULL), IST_OK);
    ck_assert_int_eq(trk_still_end_pass(still, NULL), IST_OK);
    ist_frame moved = {0};
    draw(&bench, 1.4, -0.8);
    ck_assert_int_eq(ist_frame_copy(&moved, &bench.frame, NULL), IST_OK);
    const trk_row row = measure(&bench, &moved);
    ck_assert_int_eq(trk_tracker_set_template_still(bench.tracker, still, NULL), IST_OK);
    const trk_row from_still = measure(&bench, &moved);
    ck_assert(same_row(&row, &from_still));
    trk_still_destroy(&still);
    ist_frame_free(&moved);
    destroy_bench(&bench);
}
END_TEST

/* A part of a frame, of another depth. */
static ist_frame crop(const ist_frame *from, const trk_roi *roi, ist_pixel_type type)
{
    ist_frame image = make_frame(roi->width, roi->height, 1, type);
    for (int y = 0; y < roi->height; y++)
        for (int x = 0; x < roi->width; x++) {
            const uint8_t sample = from->data[(roi->y + y) * from->stride + roi->x + x];
            uint8_t *row = image.data + y * image.stride;
            if (type == IST_PIXEL_U16)
                ((uint16_t *)(void *)row)[x] = (uint16_t)(257 * sample);
            else
                row[x] = sample;
        }
    return image;
}

START_TEST(images_as_templates)
{
    const trk_roi whole = {0, 0, WIDTH, HEIGHT};
    const ist_pixel_type type = _i % 2 ? IST_PIXEL_U16 : IST_PIXEL_U8;
    const bool is_whole = _i / 2;
    struct bench bench = make_bench(&middle, &(trk_params){.max_movement_px = 9});
    draw(&bench, 0, 0);
    ist_frame image = crop(&bench.frame, is_whole ? &whole : &middle, type);
    ck_assert_int_eq(trk_tracker_set_template_image(bench.tracker, &image, NULL), IST_OK);
    const trk_row row = measure_at(&bench, 3.3, -7.6);
    // Without its surroundings a ROI is a little less exact.
    check_row(&row, 3.3, -7.6, is_whole ? 0.03 : 0.08);
    ist_frame_free(&image);
    destroy_bench(&bench);
}
END_TEST

START_TEST(images_that_do_not_fit)
{
    struct bench bench = make_bench(&middle, &(trk_params){.prepare.background = true});
    ist_error error;
    ist_frame image = make_frame(41, 32, 1, IST_PIXEL_U8);
    ck_assert_int_eq(trk_tracker_set_template_image(bench.tracker, &image, &error), IST_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "40 x 32"));
    ist_frame_free(&image);
    image = make_frame(40, 32, 1, IST_PIXEL_U8);
    ck_assert_int_eq(trk_tracker_set_template_image(bench.tracker, &image, &error), IST_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "background"));
    trk_row row;
    ck_assert_int_eq(trk_tracker_measure(bench.tracker, bench.sequence, &bench.frame, &row, &error), IST_ERROR_STATE);
    ist_frame_free(&image);
    destroy_bench(&bench);
}
END_TEST

/* ---- preparing ---- */

/* Adds to the frame a strong pattern that does not move, which is noise from a seed. */
static const ist_frame *draw_over_background(struct bench *bench, double dx, double dy)
{
    struct random pattern = {4711};
    draw(bench, dx, dy);
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        bench->frame.data[i] = (uint8_t)(bench->frame.data[i] + 100 * random_uniform(&pattern) - 50);
    return &bench->frame;
}

static double circle_x(int i)
{
    return 15 * sin(i * 0.7);
}

static double circle_y(int i)
{
    return 12 * cos(i * 0.7) - 12;
}

/* RMS error of a faint texture that moves under a strong pattern that does not. */
static double rms_over_background(const trk_params *params, trk_still_kind kind)
{
    enum { FRAMES = 18 };
    struct bench bench = make_bench(&(trk_roi){34, 34, 40, 32}, params);
    bench.texture = texture_make(&bench.random, 6, 30, 128, 6);
    if (params->prepare.background) {
        trk_still *still;
        ck_assert_int_eq(trk_still_create(&still, WIDTH, HEIGHT, 1, IST_PIXEL_U8, kind, NULL), IST_OK);
        while (!trk_still_is_complete(still)) {
            bench.random.state = 5;
            for (int i = 0; i < FRAMES; i++)
                ck_assert_int_eq(trk_still_add(still, draw_over_background(&bench, circle_x(i), circle_y(i)), NULL),
                                 IST_OK);
            ck_assert_int_eq(trk_still_end_pass(still, NULL), IST_OK);
        }
        ck_assert_int_eq(trk_tracker_set_background(bench.tracker, still, NULL), IST_OK);
        trk_still_destroy(&still);
    }
    bench.random.state = 5;
    draw_over_background(&bench, circle_x(0), circle_y(0));
    ck_assert_int_eq(trk_tracker_set_template(bench.tracker, &bench.frame, NULL), IST_OK);
    double squares = 0;
    for (int i = 1; i < FRAMES; i++) {
        const trk_row row = measure(&bench, draw_over_background(&bench, circle_x(i), circle_y(i)));
        ck_assert(!isnan(row.x_px));
        squares += pow(row.x_px - circle_x(i), 2) + pow(row.y_px - circle_y(i), 2);
    }
    destroy_bench(&bench);
    return sqrt(squares / (2 * (FRAMES - 1)));
}

START_TEST(faint_over_a_strong_background)
{
    // With nothing subtracted it is the pattern that is found, and it does not move.
    const double off = rms_over_background(&(trk_params){.max_movement_px = 30}, TRK_STILL_MEAN);
    ck_assert_double_gt(off, 5);
    const trk_params params = {.max_movement_px = 30, .min_score = 0.2, .prepare.background = true};
    for (trk_still_kind kind = TRK_STILL_MEAN; kind <= TRK_STILL_MEDIAN; kind++) {
        const double rms = rms_over_background(&params, kind);
        printf("faint texture: RMS %.2f px as it is, %.3f px over the %s\n", off, rms, trk_still_kind_name(kind));
        ck_assert_double_lt(rms, 0.5);
    }
}
END_TEST

START_TEST(differences)
{
    // A pattern that does not move is not there in differences; the texture's own motion is kept the same, so that the
    // difference is of one shape.
    struct bench bench = make_bench(&middle, &(trk_params){.max_movement_px = 9, .prepare.difference = true});
    bench.texture = texture_make(&bench.random, 6, 30, 128, 6);
    ist_frame before = {0};
    ist_error error;
    draw_over_background(&bench, -2, -1);
    ck_assert_int_eq(ist_frame_copy(&before, &bench.frame, NULL), IST_OK);
    draw_over_background(&bench, 0, 0);
    ck_assert_int_eq(trk_tracker_set_template(bench.tracker, &bench.frame, &error), IST_ERROR_STATE);
    ck_assert_int_eq(trk_tracker_set_template_difference(bench.tracker, &before, &bench.frame, NULL), IST_OK);
    trk_row row = measure(&bench, &before);
    ck_assert(row.status == TRK_MISSING && isnan(row.x_px) && row.frame_index == before.index);
    for (int i = 0; i < 4; i++) {
        row = measure(&bench, draw_over_background(&bench, 2 * i, i));
        check_row(&row, 2 * i, i, 0.25);
    }
    ist_frame_free(&before);
    destroy_bench(&bench);
}
END_TEST

START_TEST(a_blur_finds_the_same)
{
    struct bench bench = make_bench(&middle, &(trk_params){.max_movement_px = 9, .prepare.blur_sigma_px = 2});
    set_template(&bench, 0, 0);
    for (int i = 0; i < 4; i++) {
        const trk_row row = measure_at(&bench, 1.7 * i, -0.9 * i);
        check_row(&row, 1.7 * i, -0.9 * i, 0.06);
    }
    destroy_bench(&bench);
}
END_TEST

/* ---- what cannot be ---- */

START_TEST(parameters_that_cannot_be)
{
    const trk_params kinds[] = {{.search_again_px = 5},
                                {.search_again_px = -5, .follow = true, .max_movement_px = 4},
                                {.search_again_px = 3, .follow = true, .max_movement_px = 4},
                                {.search_again_px = 5, .follow = true},
                                {.renew_every = -1},
                                {.renew_below = 0.5},
                                {.renew_below = 1.5},
                                {.renew_below = (double)NAN},
                                {.renew_below = -0.1},
                                {.restart_after = 1},
                                {.restart_after = -1, .renew_every = 1},
                                {.restart_after = 3, .renew_every = 1, .follow = true}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        trk_tracker *tracker;
        ist_error error = {0};
        ck_assert_msg(trk_tracker_create(&tracker, WIDTH, HEIGHT, 1, IST_PIXEL_U8, &middle, 1, &kinds[i], &error) ==
                          IST_ERROR_ARGUMENT,
                      "%zu", i);
        ck_assert_ptr_null(tracker);
        ck_assert_ptr_nonnull(strstr(error.message, i < 4 ? "searching again" : i < 9 ? "renewing" : "anew"));
    }
}
END_TEST

START_TEST(huge_windows)
{
    // The largest numbers there are mean the whole picture.
    const trk_params kinds[] = {{.follow = true, .max_movement_px = INT32_MAX},
                                {.follow = true},
                                {.follow = true, .max_movement_px = 3, .search_again_px = INT32_MAX}};
    for (int i = 0; i < 3; i++) {
        struct bench bench = make_bench(&middle, &kinds[i]);
        set_template(&bench, 0, 0);
        trk_row row = measure_other(&bench);
        ck_assert_int_ne(row.status, TRK_MEASURED);
        row = measure_at(&bench, 30, -20);
        check_row(&row, 30, -20, 0.05);
        ck_assert_int_eq(trk_tracker_params(bench.tracker)->follow, true);
        destroy_bench(&bench);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("track_sequence");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, follows_far, 0, 4);
    tcase_add_test(tests, renewed_templates_stay_at_their_feature);
    tcase_add_test(tests, without_following_it_is_out_of_reach);
    tcase_add_loop_test(tests, lost_and_found, 0, 2);
    tcase_add_test(tests, searches_again_as_far_as_asked);
    tcase_add_test(tests, previous_sums_up);
    tcase_add_test(tests, the_sum_goes_on_from_the_last_good_frame);
    tcase_add_loop_test(tests, begun_anew_with_a_gap, 0, 4);
    tcase_add_test(tests, gaps_end_with_other_templates);
    tcase_add_test(tests, renewed_before_it_is_lost);
    tcase_add_test(tests, other_templates_begin_anew);
    tcase_add_test(tests, a_mean_is_better_than_one_frame);
    tcase_add_test(tests, a_mean_keeps_its_fractions);
    tcase_add_test(tests, a_still_of_one_frame_is_that_frame);
    tcase_add_loop_test(tests, images_as_templates, 0, 4);
    tcase_add_test(tests, images_that_do_not_fit);
    tcase_add_test(tests, faint_over_a_strong_background);
    tcase_add_test(tests, differences);
    tcase_add_test(tests, a_blur_finds_the_same);
    tcase_add_test(tests, parameters_that_cannot_be);
    tcase_add_test(tests, huge_windows);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
