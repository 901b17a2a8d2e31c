/* The compatible mode against movemeter's own results. */
#include <check.h>
#include <jansson.h>
#include <libstore/source.h>
#include <libtrack/libtrack.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "track_texture.h"

static const char *const cases[] = {"borders", "brightness", "deep16",   "faint",     "files_large_motion",
                                    "grid",    "rotation",   "tracking", "translate8"};

enum { FRAMES_MAX = 32, CASES = sizeof cases / sizeof *cases };

/* A recording in memory. */
struct recording {
    ist_frame frames[FRAMES_MAX];
    int count;
};

static struct recording load(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, TEST_DATA "/tracking/%s.tif", name);
    struct recording recording = {0};
    ist_source *source;
    ist_error error;
    ck_assert_msg(ist_source_open(&source, path, NULL, &error) == IST_OK, "%s", error.message);
    while (ist_source_next(source, &recording.frames[recording.count], &error) == IST_OK)
        recording.count++;
    ist_source_close(&source);
    ck_assert_int_gt(recording.count, 1);
    return recording;
}

static void release(struct recording *recording)
{
    for (int i = 0; i < FRAMES_MAX; i++)
        ist_frame_free(&recording->frames[i]);
}

static const char *text_of(const json_t *run, const char *key)
{
    const char *text = json_string_value(json_object_get(run, key));
    return text ? text : "";
}

static trk_movemeter_params params_of(const json_t *run)
{
    const char *method = text_of(run, "template_method");
    return (trk_movemeter_params){
        .upscale = json_number_value(json_object_get(run, "upscale")),
        .max_movement_px = (int)json_integer_value(json_object_get(run, "max_movement")),
        .reference = strcmp(method, "previous") == 0 ? TRK_MOVEMETER_PREVIOUS
                     : strcmp(method, "mean") == 0   ? TRK_MOVEMETER_MEAN
                                                     : TRK_MOVEMETER_FIRST,
        .subtract_minimum = json_is_true(json_object_get(run, "subtract_previous")),
        .absolute = json_is_true(json_object_get(run, "absolute_results")),
        .rotation = strcmp(text_of(run, "measure"), "rotation") == 0,
    };
}

static int rois_of(const json_t *run, trk_roi **rois)
{
    const json_t *list = json_object_get(run, "rois_xywh");
    const size_t count = json_array_size(list);
    *rois = calloc(count, sizeof **rois);
    for (size_t i = 0; i < count; i++) {
        int values[4];
        for (size_t k = 0; k < 4; k++)
            values[k] = (int)json_integer_value(json_array_get(json_array_get(list, i), k));
        (*rois)[i] = (trk_roi){values[0], values[1], values[2], values[3]};
    }
    return (int)count;
}

static trk_still *still_of(const struct recording *recording, trk_still_kind kind)
{
    const ist_frame *first = &recording->frames[0];
    trk_still *still;
    ck_assert_int_eq(trk_still_create(&still, first->width, first->height, first->channels, first->type, kind, NULL),
                     IST_OK);
    for (int i = 0; i < recording->count; i++)
        ck_assert_int_eq(trk_still_add(still, &recording->frames[i], NULL), IST_OK);
    ck_assert_int_eq(trk_still_end_pass(still, NULL), IST_OK);
    return still;
}

static void set_stills(trk_movemeter *movemeter, const struct recording *recording, const trk_movemeter_params *params)
{
    if (params->reference == TRK_MOVEMETER_MEAN) {
        trk_still *mean = still_of(recording, TRK_STILL_MEAN);
        ck_assert_int_eq(trk_movemeter_set_mean(movemeter, mean, NULL), IST_OK);
        trk_still_destroy(&mean);
    }
    if (params->subtract_minimum) {
        trk_still *minimum = still_of(recording, TRK_STILL_MINIMUM);
        ck_assert_int_eq(trk_movemeter_set_minimum(movemeter, minimum, NULL), IST_OK);
        trk_still_destroy(&minimum);
    }
}

/* All rows of a run, frame by frame. */
static trk_movemeter_row *measure(const struct recording *recording, const trk_roi *rois, int roi_count,
                                  const trk_movemeter_params *params)
{
    const ist_frame *first = &recording->frames[0];
    trk_movemeter *movemeter;
    ist_error error;
    ck_assert_msg(trk_movemeter_create(&movemeter, first->width, first->height, first->channels, first->type, rois,
                                       roi_count, params, &error) == IST_OK,
                  "%s", error.message);
    set_stills(movemeter, recording, params);
    trk_movemeter_row *rows = calloc((size_t)recording->count * (size_t)roi_count, sizeof *rows);
    for (int i = 0; i < recording->count; i++)
        ck_assert_int_eq(
            trk_movemeter_measure(movemeter, &recording->frames[i], rows + (ptrdiff_t)i * roi_count, &error), IST_OK);
    trk_movemeter_destroy(&movemeter);
    return rows;
}

static double number_at(const json_t *run, const char *key, int roi, int frame)
{
    const json_t *list = json_array_get(json_object_get(run, key), (size_t)roi);
    const json_t *number = json_array_get(list, (size_t)frame);
    return number ? json_number_value(number) : (double)NAN;
}

/* Equal, or one step of the grid away where the second best place is as good. */
static bool agrees(const json_t *run, const trk_movemeter_row *row, int frame)
{
    if (json_object_get(run, "rotation_deg"))
        return fabs(row->rotation_deg - number_at(run, "rotation_deg", row->roi, frame)) < 1e-9;
    const double x = row->x_px - number_at(run, "X", row->roi, frame);
    const double y = row->y_px - number_at(run, "Y", row->roi, frame);
    const double off = fmax(fabs(x), fabs(y)) * json_number_value(json_object_get(run, "upscale"));
    const bool near = number_at(run, "score_gap_to_2nd_best", row->roi, frame) < 1e-5;
    return off < 1e-6 || (near && off < 1 + 1e-6);
}

/* A brightness run of movemeter, by its name for the scale. */
static void check_brightness(const struct recording *recording, const json_t *run)
{
    static const struct {
        const char *name;
        trk_brightness_scale scale;
    } scales[] = {
        {"absolute", TRK_BRIGHTNESS_ABSOLUTE}, {"roimin", TRK_BRIGHTNESS_MINIMUM}, {"roi", TRK_BRIGHTNESS_MOVEMETER}};
    size_t at = 0;
    while (strcmp(scales[at].name, text_of(run, "relative")) != 0)
        ck_assert_uint_lt(++at, sizeof scales / sizeof *scales);
    const ist_frame *first = &recording->frames[0];
    trk_roi *rois;
    const int roi_count = rois_of(run, &rois);
    double *means = calloc((size_t)(roi_count * recording->count), sizeof *means);
    trk_brightness *brightness;
    ck_assert_int_eq(trk_brightness_create(&brightness, first->width, first->height, first->channels, first->type, rois,
                                           roi_count, NULL),
                     IST_OK);
    for (int i = 0; i < recording->count; i++)
        ck_assert_int_eq(
            trk_brightness_measure(brightness, &recording->frames[i], means + (ptrdiff_t)i * roi_count, NULL), IST_OK);
    for (int i = 0; i < recording->count * roi_count; i++) {
        const int roi = i % roi_count;
        const double ours =
            trk_brightness_relative(means[i], trk_brightness_range_of(brightness, roi), scales[at].scale);
        const json_t *list = json_array_get(json_object_get(run, "brightness"), (size_t)roi);
        const json_t *theirs = json_array_get(list, (size_t)(i / roi_count));
        if (json_is_null(theirs))
            ck_assert(isnan(ours));
        else
            ck_assert_double_eq_tol(ours, json_number_value(theirs), 1e-12);
    }
    trk_brightness_destroy(&brightness);
    free(means);
    free(rois);
}

START_TEST(equals_movemeter)
{
    char path[512];
    snprintf(path, sizeof path, TEST_DATA "/tracking/%s.json", cases[_i]);
    json_error_t failure;
    json_t *file = json_load_file(path, 0, &failure);
    ck_assert_msg(file != NULL, "%s: %s", path, failure.text);
    struct recording recording = load(cases[_i]);
    size_t at;
    json_t *run;
    json_array_foreach(json_object_get(file, "runs"), at, run)
    {
        if (strcmp(text_of(run, "measure"), "brightness") == 0) {
            check_brightness(&recording, run);
            continue;
        }
        trk_roi *rois;
        const int roi_count = rois_of(run, &rois);
        const trk_movemeter_params params = params_of(run);
        trk_movemeter_row *rows = measure(&recording, rois, roi_count, &params);
        int wrong = 0;
        for (int i = 0; i < recording.count * roi_count; i++)
            if (!agrees(run, &rows[i], i / roi_count))
                wrong++;
        ck_assert_msg(wrong == 0, "%s: %s: %d of %d", cases[_i], text_of(run, "run"), wrong,
                      recording.count * roi_count);
        free(rows);
        free(rois);
    }
    json_decref(file);
    release(&recording);
}
END_TEST

START_TEST(brightness_range)
{
    const trk_brightness_range range = {10, 50}, dark = {0, 0}, steady = {7, 7};
    ck_assert(trk_brightness_relative(20, range, TRK_BRIGHTNESS_ABSOLUTE) == 20);
    ck_assert(trk_brightness_relative(20, range, TRK_BRIGHTNESS_MINIMUM) == 2);
    ck_assert(trk_brightness_relative(20, range, TRK_BRIGHTNESS_RANGE) == 0.25);
    ck_assert(trk_brightness_relative(20, range, TRK_BRIGHTNESS_MOVEMETER) == 0.2);
    for (trk_brightness_scale scale = TRK_BRIGHTNESS_MINIMUM; scale <= TRK_BRIGHTNESS_MOVEMETER; scale++)
        ck_assert(isnan(trk_brightness_relative(0, dark, scale)));
    ck_assert(isnan(trk_brightness_relative(7, steady, TRK_BRIGHTNESS_RANGE)));
    ck_assert(trk_brightness_relative(7, steady, TRK_BRIGHTNESS_MINIMUM) == 1);
}
END_TEST

START_TEST(refusals)
{
    const trk_roi whole = {0, 0, 40, 30}, outside = {1, 0, 40, 30}, flat = {0, 0, 3, 9}, small = {0, 0, 9, 9};
    const struct {
        trk_movemeter_params params;
        const trk_roi *roi;
    } wrong[] = {
        {{.upscale = -1}, &whole},
        {{.upscale = (double)NAN}, &whole},
        {{.upscale = (double)INFINITY}, &whole},
        {{.upscale = 0.3}, &small},
        {{.max_movement_px = -1}, &whole},
        {{.max_rotation_deg = 360}, &whole},
        {{.rotation = true, .reference = TRK_MOVEMETER_PREVIOUS}, &whole},
        {{.rotation = true, .upscale = 900}, &whole},
        {{.threads = -1}, &whole},
        {{.threads = 1}, &outside},
        {{.threads = 1}, &flat},
        {{.threads = 1}, NULL},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        trk_movemeter *movemeter;
        ist_error error = {0};
        ck_assert_int_eq(trk_movemeter_create(&movemeter, 40, 30, 1, IST_PIXEL_U8, wrong[i].roi, wrong[i].roi ? 1 : 0,
                                              &wrong[i].params, &error),
                         IST_ERROR_ARGUMENT);
        ck_assert_ptr_null(movemeter);
        ck_assert_uint_gt(strlen(error.message), 5);
    }
}
END_TEST

/* The mean must be set before, and at no other time. */
START_TEST(stills_in_time)
{
    struct recording recording = load("tracking");
    const ist_frame *first = &recording.frames[0];
    const trk_roi roi = {20, 20, 30, 30};
    trk_still *mean = still_of(&recording, TRK_STILL_MEAN);
    trk_movemeter *movemeter;
    trk_movemeter_row row;
    const trk_movemeter_params params = {.reference = TRK_MOVEMETER_MEAN};
    ck_assert_int_eq(
        trk_movemeter_create(&movemeter, first->width, first->height, 1, first->type, &roi, 1, &params, NULL), IST_OK);
    ck_assert_int_eq(trk_movemeter_measure(movemeter, first, &row, NULL), IST_ERROR_STATE);
    ck_assert_int_eq(trk_movemeter_set_minimum(movemeter, mean, NULL), IST_ERROR_STATE);
    ck_assert_int_eq(trk_movemeter_set_mean(movemeter, mean, NULL), IST_OK);
    ck_assert_int_eq(trk_movemeter_measure(movemeter, first, &row, NULL), IST_OK);
    ck_assert_int_eq(row.status, TRK_MEASURED);
    ck_assert_int_eq(trk_movemeter_set_mean(movemeter, mean, NULL), IST_ERROR_STATE);
    trk_movemeter_destroy(&movemeter);
    trk_still_destroy(&mean);
    release(&recording);
}
END_TEST

/* A patch without texture has no motion, and adds nothing to a sum of steps. */
START_TEST(flat_frames)
{
    struct recording recording = load("tracking");
    ist_frame *blank = &recording.frames[3];
    for (int y = 0; y < blank->height; y++)
        memset(blank->data + y * blank->stride, 77, (size_t)blank->width);
    const trk_roi roi = {64, 44, 32, 32};
    static const double scales[] = {0.5, 1, 4};
    const trk_movemeter_params params = {
        .upscale = scales[_i], .max_movement_px = 10, .reference = TRK_MOVEMETER_PREVIOUS};
    trk_movemeter_row *rows = measure(&recording, &roi, 1, &params);
    for (int i = 0; i < recording.count; i++) {
        const bool flat = i == 3 || i == 4; // as template and as what is searched
        ck_assert_int_eq(rows[i].status, flat ? TRK_FLAT : TRK_MEASURED);
        ck_assert(isnan(rows[i].x_px) == flat && isnan(rows[i].score) == flat);
    }
    free(rows);
    release(&recording);
}
END_TEST

/* In the exact mode places are multiples of 1 / upscale from where the template was cut, next to the true ones. */
START_TEST(upscale_in_exact_mode)
{
    static const double scales[] = {1, 1.5, 2.5, 4, 10, 100};
    const double scale = scales[_i];
    struct random random = {random_seed() + (uint64_t)_i};
    const struct texture texture = texture_make(&random, 6, 40, 128, 30);
    const trk_roi rois[] = {{40, 31, 33, 27}, {0, 0, 30, 30}};
    const trk_params params = {.upscale = scale, .max_movement_px = 9, .follow = scale >= 4};
    ist_frame frame = {0};
    trk_tracker *tracker;
    trk_sequence *sequence;
    ck_assert_int_eq(ist_frame_alloc(&frame, 120, 90, 1, IST_PIXEL_U8, NULL), IST_OK);
    ck_assert_int_eq(trk_tracker_create(&tracker, 120, 90, 1, IST_PIXEL_U8, rois, 2, &params, NULL), IST_OK);
    texture_draw(&texture, &frame, 0, 0, 0, &random);
    ck_assert_int_eq(trk_tracker_set_template(tracker, &frame, NULL), IST_OK);
    ck_assert_int_eq(trk_sequence_create(&sequence, tracker, NULL), IST_OK);
    for (int i = 0; i < 8; i++) {
        trk_row rows[2];
        const double x = i * 0.83, y = i * 0.61;
        texture_draw(&texture, &frame, x, y, 0, &random);
        ck_assert_int_eq(trk_tracker_measure(tracker, sequence, &frame, rows, NULL), IST_OK);
        for (int k = 0; k < 2; k++) {
            ck_assert_double_eq_tol(rows[k].x_px * scale, rint(rows[k].x_px * scale), 1e-9);
            // Enlarging bilinearly draws places a little towards whole pixels.
            ck_assert_double_eq_tol(rows[k].x_px, x, 1 / scale + 0.06);
            ck_assert_double_eq_tol(rows[k].y_px, y, 1 / scale + 0.06);
            ck_assert(i > 0 || (rows[k].x_px == 0 && rows[k].y_px == 0));
        }
    }
    trk_sequence_destroy(&sequence);
    trk_tracker_destroy(&tracker);
    ist_frame_free(&frame);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("track_movemeter");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, equals_movemeter, 0, CASES);
    tcase_add_test(tests, brightness_range);
    tcase_add_test(tests, refusals);
    tcase_add_test(tests, stills_in_time);
    tcase_add_loop_test(tests, flat_frames, 0, 3);
    tcase_add_loop_test(tests, upscale_in_exact_mode, 0, 6);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
