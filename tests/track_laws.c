/* What is moved by d is found as d; and what cannot be found is said. */
#include <check.h>
#include <libtrack/libtrack.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "track_frames.h"
#include "track_rows.h"
#include "track_texture.h"

enum { WIDTH = 100, HEIGHT = 96 };

static const trk_roi middle = {18, 16, 64, 64};

static trk_tracker *make_tracker(const ist_frame *frame, const trk_roi *rois, int count, const trk_params *params)
{
    trk_tracker *tracker;
    ist_error error;
    ck_assert_msg(trk_tracker_create(&tracker, frame->width, frame->height, frame->channels, frame->type, rois, count,
                                     params, &error) == IST_OK,
                  "%s", error.message);
    return tracker;
}

static void measure(const trk_tracker *tracker, const ist_frame *frame, trk_row *rows)
{
    trk_sequence *sequence;
    ck_assert_int_eq(trk_sequence_create(&sequence, tracker, NULL), IST_OK);
    ck_assert_int_eq(trk_tracker_measure(tracker, sequence, frame, rows, NULL), IST_OK);
    trk_sequence_destroy(&sequence);
    ck_assert_ptr_null(sequence);
}

/* One ROI, one template, one frame. */
static trk_row track(const ist_frame *reference, const ist_frame *frame, trk_roi roi, trk_params params)
{
    trk_tracker *tracker = make_tracker(reference, &roi, 1, &params);
    ck_assert_int_eq(trk_tracker_set_template(tracker, reference, NULL), IST_OK);
    trk_row row;
    measure(tracker, frame, &row);
    trk_tracker_destroy(&tracker);
    ck_assert_ptr_null(tracker);
    return row;
}

/* ---- exactness ---- */

/*
 * RMS error over random motions of one texture; one value for each of x and y.
 * Noise 0 is the rounding to whole gray levels alone, an error of 1 / sqrt(12).
 */
static double rms_error(double noise, int frames, double *bound)
{
    struct random random = {random_seed() + (uint64_t)noise};
    double squares = 0, bounds = 0;
    for (int i = 0; i < frames; i++) {
        const struct texture texture = texture_make(&random, 5, 40, 128, 30);
        const double dx = 12 * random_uniform(&random) - 6, dy = 12 * random_uniform(&random) - 6;
        ist_frame reference = make_frame(WIDTH, HEIGHT, 1, IST_PIXEL_U8), frame = {0};
        texture_draw(&texture, &reference, 0, 0, noise, &random);
        ck_assert_int_eq(ist_frame_copy(&frame, &reference, NULL), IST_OK);
        texture_draw(&texture, &frame, dx, dy, noise, &random);
        const trk_row row = track(&reference, &frame, middle, (trk_params){.max_movement_px = 10});
        ck_assert_int_eq(row.status, TRK_MEASURED);
        squares += (row.x_px - dx) * (row.x_px - dx) + (row.y_px - dy) * (row.y_px - dy);
        const double total = sqrt(noise * noise + 1.0 / 12);
        bounds += pow(texture_bound(&texture, middle.x, middle.y, middle.width, middle.height, total), 2);
        ist_frame_free(&reference);
        ist_frame_free(&frame);
    }
    *bound = sqrt(bounds / frames);
    return sqrt(squares / (2 * frames));
}

START_TEST(moved_by_d_is_found_as_d)
{
    const double noises[] = {0, 2, 5, 10};
    const double noise = noises[_i];
    double bound;
    const double rms = rms_error(noise, 60, &bound);
    printf("noise %4.1f: RMS %.5f px, bound %.5f px, ratio %.2f\n", noise, rms, bound, rms / bound);
    if (noise == 0)
        ck_assert_double_lt(rms, 0.002);
    else
        ck_assert_double_lt(rms, 1.3 * bound);
}
END_TEST

/* By the size of the sample: 16 bit with the same texture 200 times as strong, hence without rounding. */
START_TEST(deep_samples)
{
    struct random random = {random_seed()};
    double squares = 0;
    enum { FRAMES = 30 };
    for (int i = 0; i < FRAMES; i++) {
        const struct texture texture = texture_make(&random, 5, 40, 30000, 6000);
        const double dx = 12 * random_uniform(&random) - 6, dy = 12 * random_uniform(&random) - 6;
        ist_frame reference = make_frame(WIDTH, HEIGHT, 1, IST_PIXEL_U16);
        ist_frame frame = make_frame(WIDTH, HEIGHT, 1, IST_PIXEL_U16);
        texture_draw(&texture, &reference, 0, 0, 0, &random);
        texture_draw(&texture, &frame, dx, dy, 0, &random);
        const trk_row row = track(&reference, &frame, middle, (trk_params){0});
        ck_assert_int_eq(row.status, TRK_MEASURED);
        squares += (row.x_px - dx) * (row.x_px - dx) + (row.y_px - dy) * (row.y_px - dy);
        ist_frame_free(&reference);
        ist_frame_free(&frame);
    }
    const double rms = sqrt(squares / (2 * FRAMES));
    printf("16 bit without noise: RMS %.6f px\n", rms);
    ck_assert_double_lt(rms, 0.001);
}
END_TEST

START_TEST(same_frame_is_zero)
{
    struct random random = {random_seed()};
    const struct texture texture = texture_make(&random, 5, 40, 128, 40);
    for (int type = 0; type < 2; type++)
        for (int channels = 1; channels <= 3; channels += 2) {
            ist_frame frame = make_frame(WIDTH, HEIGHT, channels, type ? IST_PIXEL_U16 : IST_PIXEL_U8);
            texture_draw(&texture, &frame, 0, 0, 3, &random);
            const trk_roi rois[] = {{0, 0, 20, 20},        {WIDTH - 31, HEIGHT - 17, 31, 17},
                                    {40, 0, 9, HEIGHT},    middle,
                                    {0, 0, WIDTH, HEIGHT}, {50, 50, 4, 4}};
            for (size_t i = 0; i < sizeof rois / sizeof *rois; i++) {
                const trk_row row = track(&frame, &frame, rois[i], (trk_params){.max_movement_px = 7});
                ck_assert_msg(row.status == TRK_MEASURED, "ROI %zu: %s", i, trk_row_status_name(row.status));
                ck_assert(fabs(row.x_px) < 1e-6 && fabs(row.y_px) < 1e-6);
                ck_assert(row.score == 1);
            }
            ist_frame_free(&frame);
        }
}
END_TEST

/* A bright spot moves right and down. */
START_TEST(right_and_down_are_positive)
{
    ist_frame reference = make_frame(80, 60, 1, IST_PIXEL_U8), frame = make_frame(80, 60, 1, IST_PIXEL_U8);
    memset(reference.data, 20, 80 * 60);
    memset(frame.data, 20, 80 * 60);
    for (int y = 0; y < 6; y++)
        for (int x = 0; x < 6; x++) {
            reference.data[(25 + y) * 80 + 30 + x] = 200;
            frame.data[(25 + 3 + y) * 80 + 30 + 5 + x] = 200;
        }
    const trk_row row = track(&reference, &frame, (trk_roi){26, 21, 14, 14}, (trk_params){0});
    ck_assert_int_eq(row.status, TRK_MEASURED);
    ck_assert_double_eq_tol(row.x_px, 5, 1e-4);
    ck_assert_double_eq_tol(row.y_px, 3, 1e-4);
    ist_frame_free(&reference);
    ist_frame_free(&frame);
}
END_TEST

/* Brightness and contrast of the frame do not matter. */
START_TEST(gain_and_offset_are_free)
{
    struct random random = {random_seed()};
    struct texture texture = texture_make(&random, 5, 40, 100, 30);
    ist_frame reference = make_frame(WIDTH, HEIGHT, 1, IST_PIXEL_U8),
              frame = make_frame(WIDTH, HEIGHT, 1, IST_PIXEL_U8);
    texture_draw(&texture, &reference, 0, 0, 0, &random);
    texture.amplitude *= 0.5;
    texture.level = 170;
    texture_draw(&texture, &frame, 2.3, -1.6, 0, &random);
    const trk_row row = track(&reference, &frame, middle, (trk_params){.max_movement_px = 10});
    ck_assert_double_eq_tol(row.x_px, 2.3, 0.01);
    ck_assert_double_eq_tol(row.y_px, -1.6, 0.01);
    ck_assert_double_gt(row.score, 0.95); // of the nearest whole pixel
    ist_frame_free(&reference);
    ist_frame_free(&frame);
}
END_TEST

START_TEST(colour_is_measured_as_its_gray)
{
    struct random random = {random_seed()};
    for (int type = 0; type < 2; type++) {
        const ist_pixel_type depth = type ? IST_PIXEL_U16 : IST_PIXEL_U8;
        ist_frame colour[2], gray[2];
        for (int k = 0; k < 2; k++) {
            colour[k] = make_frame(WIDTH, HEIGHT, 3, depth);
            gray[k] = make_frame(WIDTH, HEIGHT, 1, depth);
        }
        for (int c = 0; c < 3; c++) {
            const double scale = type ? 200 : 1;
            const struct texture texture = texture_make(&random, 5, 40, 128 * scale, 30 * scale);
            for (int k = 0; k < 2; k++) {
                texture_draw(&texture, &gray[k], 1.7 * k, -2.2 * k, 0, &random);
                for (int i = 0; i < WIDTH * HEIGHT; i++)
                    if (type)
                        ((uint16_t *)(void *)colour[k].data)[3 * i + c] = ((uint16_t *)(void *)gray[k].data)[i];
                    else
                        colour[k].data[3 * i + c] = gray[k].data[i];
            }
        }
        for (int k = 0; k < 2; k++)
            for (int i = 0; i < WIDTH * HEIGHT; i++) {
                const uint16_t *deep = (void *)colour[k].data;
                const uint8_t *bgr = colour[k].data;
                const uint32_t sum = type ? deep[3 * i] * 3735u + deep[3 * i + 1] * 19235u + deep[3 * i + 2] * 9798u
                                          : bgr[3 * i] * 3735u + bgr[3 * i + 1] * 19235u + bgr[3 * i + 2] * 9798u;
                const uint32_t value = (sum + 16384) >> 15;
                if (type)
                    ((uint16_t *)(void *)gray[k].data)[i] = (uint16_t)value;
                else
                    gray[k].data[i] = (uint8_t)value;
            }
        const trk_row a = track(&colour[0], &colour[1], middle, (trk_params){0});
        const trk_row b = track(&gray[0], &gray[1], middle, (trk_params){0});
        ck_assert(same_row(&a, &b));
        ck_assert_double_eq_tol(a.x_px, 1.7, 0.01);
        ck_assert_double_eq_tol(a.y_px, -2.2, 0.01);
        for (int k = 0; k < 2; k++) {
            ist_frame_free(&colour[k]);
            ist_frame_free(&gray[k]);
        }
    }
}
END_TEST

/* Plain C, AVX2, rows apart, samples at odd addresses: the same bits. */
START_TEST(kernels_and_layout_do_not_matter)
{
    struct random random = {random_seed()};
    for (int type = 0; type < 2; type++) {
        const ist_pixel_type depth = type ? IST_PIXEL_U16 : IST_PIXEL_U8;
        const struct texture texture = texture_make(&random, 5, 40, 128, 30);
        ist_frame reference = make_frame(WIDTH, HEIGHT, 1, depth), frame = make_frame(WIDTH, HEIGHT, 1, depth);
        texture_draw(&texture, &reference, 0, 0, 2, &random);
        texture_draw(&texture, &frame, -3.3, 4.4, 2, &random);
        ist_frame apart = frame;
        const ptrdiff_t row_bytes = WIDTH * (ptrdiff_t)ist_pixel_size(depth);
        apart.stride = row_bytes + 7;
        uint8_t *memory = malloc((size_t)(apart.stride * HEIGHT + 1));
        apart.data = memory + 1;
        for (int y = 0; y < HEIGHT; y++)
            memcpy(apart.data + y * apart.stride, frame.data + y * frame.stride, (size_t)row_bytes);

        for (int movement = 0; movement <= 9; movement += 9) {
            const trk_row a = track(&reference, &frame, middle, (trk_params){.max_movement_px = movement});
            const trk_row b =
                track(&reference, &frame, middle, (trk_params){.max_movement_px = movement, .cpu_plain = true});
            const trk_row c = track(&reference, &apart, middle, (trk_params){.max_movement_px = movement});
            ck_assert(same_row(&a, &b));
            ck_assert(same_row(&a, &c));
            ck_assert_double_eq_tol(a.x_px, -3.3, 0.05);
        }
        free(memory);
        ist_frame_free(&reference);
        ist_frame_free(&frame);
    }
}
END_TEST

/* ---- what cannot be measured ---- */

START_TEST(flat)
{
    struct random random = {random_seed()};
    const struct texture texture = texture_make(&random, 5, 40, 128, 30);
    ist_frame textured = make_frame(WIDTH, HEIGHT, 1, IST_PIXEL_U8), blank = make_frame(WIDTH, HEIGHT, 1, IST_PIXEL_U8);
    texture_draw(&texture, &textured, 0, 0, 0, &random);
    memset(blank.data, 77, WIDTH * HEIGHT);
    const trk_row rows[] = {track(&blank, &textured, middle, (trk_params){0}),
                            track(&textured, &blank, middle, (trk_params){0}),
                            track(&blank, &blank, middle, (trk_params){.max_movement_px = 3})};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(rows[i].status, TRK_FLAT);
        ck_assert(isnan(rows[i].x_px) && isnan(rows[i].y_px) && isnan(rows[i].score));
    }
    trk_tracker *tracker = make_tracker(&blank, &middle, 1, NULL);
    ck_assert(!trk_tracker_template_is_flat(tracker, 0));
    ck_assert_int_eq(trk_tracker_set_template(tracker, &blank, NULL), IST_OK);
    ck_assert(trk_tracker_template_is_flat(tracker, 0));
    ck_assert_int_eq(trk_tracker_set_template(tracker, &textured, NULL), IST_OK);
    ck_assert(!trk_tracker_template_is_flat(tracker, 0));
    ck_assert(!trk_tracker_template_is_flat(tracker, 1));
    trk_tracker_destroy(&tracker);
    ist_frame_free(&textured);
    ist_frame_free(&blank);
}
END_TEST

START_TEST(lost)
{
    struct random random = {random_seed()};
    const struct texture one = texture_make(&random, 5, 20, 128, 30), other = texture_make(&random, 5, 20, 128, 30);
    ist_frame reference = make_frame(WIDTH, HEIGHT, 1, IST_PIXEL_U8),
              frame = make_frame(WIDTH, HEIGHT, 1, IST_PIXEL_U8);
    texture_draw(&one, &reference, 0, 0, 0, &random);
    texture_draw(&other, &frame, 0, 0, 0, &random);
    const trk_row row = track(&reference, &frame, middle, (trk_params){.max_movement_px = 5, .min_score = 0.6});
    ck_assert_int_eq(row.status, TRK_LOST);
    ck_assert(isnan(row.x_px) && isnan(row.y_px));
    ck_assert(row.score < 0.6);
    const trk_row any = track(&reference, &frame, middle, (trk_params){.max_movement_px = 5, .min_score = -1});
    ck_assert(any.status == TRK_MEASURED || any.status == TRK_EDGE);
    ck_assert(any.score == row.score && isfinite(any.x_px));
    ist_frame_free(&reference);
    ist_frame_free(&frame);
}
END_TEST

static trk_row track_motion(trk_roi roi, int max_movement, double dx, double dy)
{
    struct random random = {random_seed()};
    const struct texture texture = texture_make(&random, 12, 40, 128, 30);
    ist_frame reference = make_frame(WIDTH, HEIGHT, 1, IST_PIXEL_U8),
              frame = make_frame(WIDTH, HEIGHT, 1, IST_PIXEL_U8);
    texture_draw(&texture, &reference, 0, 0, 0, &random);
    texture_draw(&texture, &frame, dx, dy, 0, &random);
    const trk_row row = track(&reference, &frame, roi, (trk_params){.max_movement_px = max_movement, .min_score = -1});
    ist_frame_free(&reference);
    ist_frame_free(&frame);
    return row;
}

START_TEST(edge)
{
    // Farther than was searched, and just as far.
    ck_assert_int_eq(track_motion(middle, 3, 4.5, 0).status, TRK_EDGE);
    ck_assert_int_eq(track_motion(middle, 3, 0, -3).status, TRK_EDGE);
    ck_assert_int_eq(track_motion(middle, 3, -2, 1).status, TRK_MEASURED);
    const trk_row row = track_motion(middle, 3, 0, -3);
    ck_assert_double_eq_tol(row.y_px, -3, 0.02);
}
END_TEST

START_TEST(borders)
{
    // A ROI at the picture's border that stays is measured; out of the picture it cannot be followed.
    const trk_roi corner = {0, 0, 40, 30};
    trk_row row = track_motion(corner, 0, 0, 0);
    ck_assert_int_eq(row.status, TRK_MEASURED);
    row = track_motion(corner, 6, 3.25, 2.5);
    ck_assert_int_eq(row.status, TRK_MEASURED);
    ck_assert_double_eq_tol(row.x_px, 3.25, 0.02);
    ck_assert_double_eq_tol(row.y_px, 2.5, 0.02);
    row = track_motion(corner, 6, 0.2, -0.2);
    ck_assert_int_eq(row.status, TRK_MEASURED);
    ck_assert_double_eq_tol(row.x_px, 0.2, 0.1);
    ck_assert_int_eq(track_motion(corner, 6, -3, 0).status, TRK_EDGE);
    ck_assert_int_eq(track_motion((trk_roi){WIDTH - 40, HEIGHT - 30, 40, 30}, 6, 0, 3).status, TRK_EDGE);
    // The whole picture as ROI has one place only; a small motion is measured in it.
    const trk_roi everything = {0, 0, WIDTH, HEIGHT};
    row = track_motion(everything, 0, 0.3, -0.2);
    ck_assert_int_eq(row.status, TRK_MEASURED);
    ck_assert_double_eq_tol(row.x_px, 0.3, 0.05);
    ck_assert_int_eq(track_motion(everything, 0, 4, 0).status, TRK_EDGE);
}
END_TEST

/* Stripes fix one direction only: no fraction is made up for the other. */
START_TEST(stripes)
{
    ist_frame reference = make_frame(WIDTH, HEIGHT, 1, IST_PIXEL_U8),
              frame = make_frame(WIDTH, HEIGHT, 1, IST_PIXEL_U8);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            reference.data[y * WIDTH + x] = (uint8_t)(128 + 100 * sin(x * 0.05) + 20 * sin(0.7 * x));
            frame.data[y * WIDTH + x] = (uint8_t)(128 + 100 * sin((x - 2) * 0.05) + 20 * sin(0.7 * (x - 2)));
        }
    const trk_row row = track(&reference, &frame, middle, (trk_params){.max_movement_px = 5});
    ck_assert(row.x_px == 2);
    // Of equal places the first, which lies on the edge, and says so.
    ck_assert(row.y_px == -5);
    ck_assert_int_eq(row.status, TRK_EDGE);
    ist_frame_free(&reference);
    ist_frame_free(&frame);
}
END_TEST

/* ---- the interface ---- */

static void refuse(trk_roi roi, int roi_count, trk_params params, const char *word)
{
    ist_error error = {0};
    trk_tracker *tracker = (trk_tracker *)&error;
    ck_assert_int_eq(trk_tracker_create(&tracker, 320, 240, 1, IST_PIXEL_U8, &roi, roi_count, &params, &error),
                     IST_ERROR_ARGUMENT);
    ck_assert_ptr_null(tracker);
    ck_assert_int_eq(error.status, IST_ERROR_ARGUMENT);
    ck_assert_msg(strstr(error.message, word) != NULL, "\"%s\" does not say %s", error.message, word);
}

START_TEST(bad_arguments)
{
    const trk_roi good = {10, 10, 20, 20};
    const trk_params defaults = {0};
    refuse(good, 0, defaults, "no ROI");
    refuse((trk_roi){-1, 0, 20, 20}, 1, defaults, "320 x 240");
    refuse((trk_roi){301, 0, 20, 20}, 1, defaults, "ROI 0");
    refuse((trk_roi){0, 221, 20, 20}, 1, defaults, "320 x 240");
    refuse((trk_roi){0, 0, 321, 20}, 1, defaults, "320 x 240");
    refuse((trk_roi){INT32_MAX, 0, 20, 20}, 1, defaults, "320 x 240");
    refuse((trk_roi){0, 0, 3, 20}, 1, defaults, "4 x 4");
    refuse((trk_roi){0, 0, 20, -5}, 1, defaults, "4 x 4");
    refuse(good, 1, (trk_params){.max_movement_px = -1}, "movement");
    refuse(good, 1, (trk_params){.min_score = 1.01}, "score");
    refuse(good, 1, (trk_params){.min_score = (double)NAN}, "score");
    refuse(good, 1, (trk_params){.threads = -1}, "threads");

    trk_tracker *tracker;
    ck_assert_int_eq(trk_tracker_create(&tracker, 320, 240, 2, IST_PIXEL_U8, &good, 1, NULL, NULL), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(trk_tracker_create(&tracker, 320, 240, 1, (ist_pixel_type)7, &good, 1, NULL, NULL),
                     IST_ERROR_ARGUMENT);
    ck_assert_int_eq(trk_tracker_create(&tracker, 0, 240, 1, IST_PIXEL_U8, &good, 1, NULL, NULL), IST_ERROR_ARGUMENT);
    trk_tracker_destroy(&tracker);
    trk_tracker_destroy(NULL);
    trk_sequence_destroy(NULL);
}
END_TEST

START_TEST(wrong_order_and_wrong_frames)
{
    ist_frame frame = make_frame(64, 48, 1, IST_PIXEL_U8);
    memset(frame.data, 0, 64 * 48);
    const trk_roi roi = {10, 10, 20, 20};
    trk_tracker *tracker = make_tracker(&frame, &roi, 1, NULL);
    trk_sequence *sequence;
    ck_assert_int_eq(trk_sequence_create(&sequence, tracker, NULL), IST_OK);
    trk_row row;
    ist_error error;
    ck_assert_int_eq(trk_tracker_measure(tracker, sequence, &frame, &row, &error), IST_ERROR_STATE);
    ist_frame other[] = {make_frame(65, 48, 1, IST_PIXEL_U8), make_frame(64, 47, 1, IST_PIXEL_U8),
                         make_frame(64, 48, 3, IST_PIXEL_U8), make_frame(64, 48, 1, IST_PIXEL_U16)};
    ck_assert_int_eq(trk_tracker_set_template(tracker, &frame, NULL), IST_OK);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(trk_tracker_set_template(tracker, &other[i], &error), IST_ERROR_ARGUMENT);
        ck_assert_int_eq(trk_tracker_measure(tracker, sequence, &other[i], &row, &error), IST_ERROR_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(error.message, "64 x 48"));
        ist_frame_free(&other[i]);
    }
    frame.index = 5;
    frame.number = 55;
    frame.time_s = 5.5;
    ck_assert_int_eq(trk_tracker_measure(tracker, sequence, &frame, &row, NULL), IST_OK);
    ck_assert(row.frame_index == 5 && row.frame_number == 55 && row.frame_time_s == 5.5 && row.roi == 0);
    trk_sequence_destroy(&sequence);
    trk_tracker_destroy(&tracker);
    ist_frame_free(&frame);
}
END_TEST

START_TEST(names)
{
    ck_assert_str_eq(trk_row_status_name(TRK_MEASURED), "");
    ck_assert_str_eq(trk_row_status_name(TRK_FLAT), "flat");
    ck_assert_str_eq(trk_row_status_name(TRK_LOST), "lost");
    ck_assert_str_eq(trk_row_status_name(TRK_EDGE), "edge");
    ck_assert_str_eq(trk_row_status_name(TRK_MISSING), "missing");
    ck_assert_str_eq(trk_row_status_name(TRK_GAP), "gap");
    ck_assert_str_eq(trk_row_status_name(TRK_UNSURE), "unsure");
    ck_assert_ptr_nonnull(strchr(trk_version(), '.'));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("track_laws");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 240);
    tcase_add_loop_test(tests, moved_by_d_is_found_as_d, 0, 4);
    tcase_add_test(tests, deep_samples);
    tcase_add_test(tests, same_frame_is_zero);
    tcase_add_test(tests, right_and_down_are_positive);
    tcase_add_test(tests, gain_and_offset_are_free);
    tcase_add_test(tests, colour_is_measured_as_its_gray);
    tcase_add_test(tests, kernels_and_layout_do_not_matter);
    tcase_add_test(tests, flat);
    tcase_add_test(tests, lost);
    tcase_add_test(tests, edge);
    tcase_add_test(tests, borders);
    tcase_add_test(tests, stripes);
    tcase_add_test(tests, bad_arguments);
    tcase_add_test(tests, wrong_order_and_wrong_frames);
    tcase_add_test(tests, names);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
