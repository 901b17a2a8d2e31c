/* How frames become planes: each step against its formula; stills against all frames at once; floats. */
#include <check.h>
#include <libtrack/libtrack.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prepare.h"
#include "track_frames.h"
#include "track_rows.h"
#include "track_texture.h"

static ist_frame random_frame(struct random *random, int width, int height, int channels, ist_pixel_type type)
{
    ist_frame frame = make_frame(width, height, channels, type);
    for (int y = 0; y < height; y++)
        for (ptrdiff_t i = 0; i < width * channels * (ptrdiff_t)ist_pixel_size(type); i++)
            frame.data[y * frame.stride + i] = (uint8_t)random_bits(random);
    return frame;
}

/* A gray frame's sample. */
static int sample(const ist_frame *frame, int x, int y)
{
    const uint8_t *row = frame->data + y * frame->stride;
    return frame->type == IST_PIXEL_U16 ? ((const uint16_t *)(const void *)row)[x] : row[x];
}

static float gray(const ist_frame *frame, int x, int y)
{
    float row[64];
    ck_assert_int_le(frame->width, 64);
    plane_gray_row(frame, y, row);
    return row[x];
}

/* ---- stills ---- */

static int compare(const void *a, const void *b)
{
    return (*(const float *)a > *(const float *)b) - (*(const float *)a < *(const float *)b);
}

/* Gives all frames to a still until it is complete. Returns the number of passes. */
static int fill(trk_still *still, const ist_frame *frames, int count)
{
    int passes = 0;
    for (; !trk_still_is_complete(still); passes++) {
        for (int i = 0; i < count; i++)
            ck_assert_int_eq(trk_still_add(still, &frames[passes % 2 ? count - 1 - i : i], NULL), IST_OK);
        ck_assert_int_eq(trk_still_end_pass(still, NULL), IST_OK);
    }
    ck_assert_int_eq(trk_still_frame_count(still), count);
    return passes;
}

static double expected(trk_still_kind kind, float *values, int count)
{
    double sum = 0;
    qsort(values, (size_t)count, sizeof *values, compare);
    for (int i = 0; i < count; i++)
        sum += (double)values[i];
    return kind == TRK_STILL_MEAN      ? sum / count
           : kind == TRK_STILL_MINIMUM ? (double)values[0]
                                       : (double)values[(count - 1) / 2];
}

START_TEST(stills)
{
    enum { WIDTH = 13, HEIGHT = 7, FRAMES_MAX = 12 };
    struct random random = {random_seed()};
    const ist_pixel_type type = _i % 2 ? IST_PIXEL_U16 : IST_PIXEL_U8;
    const int channels = _i / 2 ? 3 : 1;
    for (int count = 1; count <= FRAMES_MAX; count++) {
        ist_frame frames[FRAMES_MAX];
        for (int i = 0; i < count; i++)
            frames[i] = random_frame(&random, WIDTH, HEIGHT, channels, type);
        for (trk_still_kind kind = TRK_STILL_MEAN; kind <= TRK_STILL_MEDIAN; kind++) {
            trk_still *still;
            ck_assert_int_eq(trk_still_create(&still, WIDTH, HEIGHT, channels, type, kind, NULL), IST_OK);
            const int passes = kind != TRK_STILL_MEDIAN ? 1 : type == IST_PIXEL_U16 ? 4 : 2;
            ck_assert_int_eq(fill(still, frames, count), passes);
            for (int y = 0; y < HEIGHT; y++)
                for (int x = 0; x < WIDTH; x++) {
                    float values[FRAMES_MAX];
                    for (int i = 0; i < count; i++)
                        values[i] = gray(&frames[i], x, y);
                    const double value = expected(kind, values, count);
                    ck_assert_double_eq_tol((double)trk_still_row(still, y)[x], value, 1e-7 * value + 1e-9);
                }
            trk_still_destroy(&still);
            ck_assert_ptr_null(still);
        }
        for (int i = 0; i < count; i++)
            ist_frame_free(&frames[i]);
    }
}
END_TEST

START_TEST(stills_that_cannot_be)
{
    trk_still *still;
    ist_error error;
    ck_assert_int_eq(trk_still_create(&still, 0, 8, 1, IST_PIXEL_U8, TRK_STILL_MEAN, &error), IST_ERROR_ARGUMENT);
    ck_assert_ptr_null(still);
    ck_assert_int_eq(trk_still_create(&still, 8, 8, 2, IST_PIXEL_U8, TRK_STILL_MEAN, &error), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(trk_still_create(&still, 8, 8, 1, IST_PIXEL_U8, (trk_still_kind)7, &error), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(trk_still_create(&still, 8, 8, 1, IST_PIXEL_U8, TRK_STILL_MEDIAN, &error), IST_OK);
    ck_assert_int_eq(trk_still_end_pass(still, &error), IST_ERROR_STATE);
    ist_frame frame = make_frame(8, 8, 1, IST_PIXEL_U8), other = make_frame(8, 9, 1, IST_PIXEL_U8);
    memset(frame.data, 3, 64);
    ck_assert_int_eq(trk_still_add(still, &other, &error), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(trk_still_add(still, &frame, &error), IST_OK);
    ck_assert_int_eq(trk_still_end_pass(still, &error), IST_OK);
    ck_assert(!trk_still_is_complete(still));
    // The second pass must have the same frames.
    ck_assert_int_eq(trk_still_end_pass(still, &error), IST_ERROR_STATE);
    ck_assert_int_eq(trk_still_add(still, &frame, &error), IST_OK);
    ck_assert_int_eq(trk_still_add(still, &frame, &error), IST_OK);
    ck_assert_int_eq(trk_still_end_pass(still, &error), IST_ERROR_STATE);
    trk_still_destroy(&still);
    trk_still_destroy(&still);
    ist_frame_free(&frame);
    ist_frame_free(&other);
}
END_TEST

/* ---- planes ---- */

static int mirrored(int i, int count)
{
    while (count > 1 && (i < 0 || i >= count))
        i = i < 0 ? -i : 2 * (count - 1) - i;
    return count > 1 ? i : 0;
}

/* Blurs in two dimensions at once, as the definition says. */
static double blurred(const double *picture, int width, int height, int x, int y, double sigma)
{
    const int radius = (int)ceil(4 * sigma);
    double sum = 0, weights = 0;
    for (int j = -radius; j <= radius; j++)
        for (int i = -radius; i <= radius; i++) {
            const double weight = exp(-(i * i + j * j) / (2 * sigma * sigma));
            sum += weight * picture[mirrored(y + j, height) * width + mirrored(x + i, width)];
            weights += weight;
        }
    return sum / weights;
}

/* What one kind of preparation makes of random frames, against the formulas. */
static void check_preparation(struct random *random, int width, int height, int channels, ist_pixel_type type,
                              const trk_preparation *params)
{
    const struct kernels kernels = kernels_get(~0u);
    struct preparation preparation;
    struct prepare_room room;
    ck_assert_int_eq(prepare_init(&preparation, width, height, channels, type, params, &kernels, NULL), IST_OK);
    ck_assert_int_eq(prepare_room_init(&room, &preparation, NULL), IST_OK);
    ist_frame before = random_frame(random, width, height, channels, type);
    ist_frame frame = random_frame(random, width, height, channels, type);
    const size_t pixels = (size_t)width * (size_t)height;
    const double most = type == IST_PIXEL_U16 ? 65535 : 255;
    preparation.background = params->background ? malloc(pixels * sizeof(float)) : NULL;
    double *picture = malloc(pixels * sizeof *picture);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            double *value = &picture[y * width + x];
            *value = (double)gray(&frame, x, y) - (params->difference ? (double)gray(&before, x, y) : 0);
            if (params->background) {
                // A background that holds only what the frames may have keeps the result in range.
                float *background = &preparation.background[y * width + x];
                *background = params->difference ? 0 : (float)(most * random_uniform(random));
                *value -= (double)*background;
            }
        }
    void *samples = malloc(pixels * ist_pixel_size(preparation.type));
    const struct plane plane = prepare_frame(&preparation, &room, &frame, &before, samples);
    ck_assert_int_eq(plane.type, preparation.type);
    const double steps = (double)preparation.steps, zero = (double)preparation.zero;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const double value = params->blur_sigma_px > 0
                                     ? blurred(picture, width, height, x, y, params->blur_sigma_px)
                                     : picture[y * width + x];
            const int got = plane.type == IST_PIXEL_U16 ? *plane_uint16(&plane, x, y) : *plane_uint8(&plane, x, y);
            // Half a step, and the rounding of single precision.
            ck_assert_msg(fabs(value * steps + zero - got) <= 0.51, "%d,%d: %g, not %d", x, y, value * steps + zero,
                          got);
        }
    free(samples);
    free(picture);
    ist_frame_free(&before);
    ist_frame_free(&frame);
    prepare_room_finish(&room);
    prepare_finish(&preparation);
}

START_TEST(planes_follow_the_formulas)
{
    struct random random = {random_seed()};
    const int sizes[][2] = {{1, 1}, {2, 5}, {7, 3}, {33, 21}, {48, 20}};
    const double sigmas[] = {0, 0.3, 1, 2.5};
    for (size_t size = 0; size < sizeof sizes / sizeof *sizes; size++)
        for (int what = 0; what < 64; what++) {
            const trk_preparation params = {
                .blur_sigma_px = sigmas[what / 4 % 4], .background = what & 1, .difference = what & 2};
            check_preparation(&random, sizes[size][0], sizes[size][1], what & 16 ? 3 : 1,
                              what & 32 ? IST_PIXEL_U16 : IST_PIXEL_U8, &params);
        }
}
END_TEST

START_TEST(gray_levels_stay_gray_levels)
{
    // Stripes of 0 and `high`: their standard deviation is half of it, whatever units a plane has.
    const trk_roi roi = {4, 4, 24, 24};
    const trk_preparation kinds[] = {{0}, {.blur_sigma_px = 0.05}, {.background = true}, {.difference = true}};
    ist_frame black = make_frame(32, 32, 1, IST_PIXEL_U8), frame = make_frame(32, 32, 1, IST_PIXEL_U8);
    memset(black.data, 0, 32 * 32);
    trk_still *still;
    ck_assert_int_eq(trk_still_create(&still, 32, 32, 1, IST_PIXEL_U8, TRK_STILL_MEAN, NULL), IST_OK);
    ck_assert_int_eq(fill(still, &black, 1), 1);
    for (int high = 1; high <= 3; high++)
        for (int kind = 0; kind < 4; kind++) {
            for (int i = 0; i < 32 * 32; i++)
                frame.data[i] = (uint8_t)(i % 2 ? high : 0);
            trk_tracker *tracker;
            const trk_params params = {.prepare = kinds[kind]};
            ck_assert_int_eq(trk_tracker_create(&tracker, 32, 32, 1, IST_PIXEL_U8, &roi, 1, &params, NULL), IST_OK);
            if (kinds[kind].background) {
                ck_assert_int_eq(trk_tracker_set_template(tracker, &frame, NULL), IST_ERROR_STATE);
                ck_assert_int_eq(trk_tracker_set_background(tracker, still, NULL), IST_OK);
            } else {
                ck_assert_int_eq(trk_tracker_set_background(tracker, still, NULL), IST_ERROR_STATE);
            }
            ck_assert_int_eq(kinds[kind].difference ? trk_tracker_set_template_difference(tracker, &black, &frame, NULL)
                                                    : trk_tracker_set_template(tracker, &frame, NULL),
                             IST_OK);
            ck_assert_int_eq(trk_tracker_template_is_flat(tracker, 0), high < 2);
            trk_tracker_destroy(&tracker);
        }
    trk_still_destroy(&still);
    ist_frame_free(&black);
    ist_frame_free(&frame);
}
END_TEST

START_TEST(what_cannot_be_prepared)
{
    const trk_roi roi = {4, 4, 8, 8};
    const double sigmas[] = {-1, TRK_BLUR_MAX_PX + 1, (double)NAN, HUGE_VAL};
    for (int i = 0; i < 4; i++) {
        trk_tracker *tracker;
        ist_error error;
        const trk_params params = {.prepare.blur_sigma_px = sigmas[i]};
        ck_assert_int_eq(trk_tracker_create(&tracker, 32, 32, 1, IST_PIXEL_U8, &roi, 1, &params, &error),
                         IST_ERROR_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(error.message, "blur"));
        ck_assert_ptr_null(tracker);
    }
}
END_TEST

/* ---- floating point ---- */

START_TEST(floats)
{
    enum { WIDTH = 5, HEIGHT = 4, STRIDE = 7 };
    float samples[HEIGHT * STRIDE];
    struct random random = {random_seed()};
    for (int i = 0; i < HEIGHT * STRIDE; i++)
        samples[i] = (float)(3 * random_uniform(&random) - 1.5);
    samples[1] = HUGE_VALF;
    samples[2] = -HUGE_VALF;
    ist_frame frame = {.index = 5, .number = 7, .time_s = 9};
    ck_assert_int_eq(trk_frame_from_float(&frame, samples, STRIDE, WIDTH, HEIGHT, -1, 1, NULL), IST_OK);
    ck_assert(frame.width == WIDTH && frame.height == HEIGHT && frame.channels == 1 && frame.type == IST_PIXEL_U16);
    ck_assert(frame.index == 5 && frame.number == 7 && frame.time_s == 9);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            const double value = fmin(1, fmax(-1, (double)samples[y * STRIDE + x]));
            ck_assert_double_eq_tol(sample(&frame, x, y), (value + 1) / 2 * 65535, 0.5001);
        }
    ist_error error;
    samples[2 * STRIDE + 3] = NAN;
    ck_assert_int_eq(trk_frame_from_float(&frame, samples, STRIDE, WIDTH, HEIGHT, -1, 1, &error), IST_ERROR_DATA);
    ck_assert_ptr_nonnull(strstr(error.message, "3,2"));
    const double ranges[][2] = {{1, 1}, {1, 0}, {(double)NAN, 1}, {0, HUGE_VAL}, {-1e308, 1e308}};
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(
            trk_frame_from_float(&frame, samples, STRIDE, WIDTH, HEIGHT, ranges[i][0], ranges[i][1], &error),
            IST_ERROR_ARGUMENT);
    ck_assert_int_eq(trk_frame_from_float(&frame, samples, STRIDE, 0, HEIGHT, 0, 1, &error), IST_ERROR_ARGUMENT);
    ist_frame_free(&frame);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("track_prepare");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, stills, 0, 4);
    tcase_add_test(tests, stills_that_cannot_be);
    tcase_add_test(tests, planes_follow_the_formulas);
    tcase_add_test(tests, gray_levels_stay_gray_levels);
    tcase_add_test(tests, what_cannot_be_prepared);
    tcase_add_test(tests, floats);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
