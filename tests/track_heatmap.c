/* Heat maps: values from rows, and pixels from values. */
#include <check.h>
#include <jansson.h>
#include <libtrack/libtrack.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "track_texture.h"

enum { WIDTH = 60, HEIGHT = 40 };

static const trk_roi one_roi = {10, 8, 16, 12};

static trk_heatmap *make_map(const trk_roi *rois, int count, const trk_heatmap_params *params)
{
    trk_heatmap *map;
    ist_error error;
    ck_assert_msg(trk_heatmap_create(&map, WIDTH, HEIGHT, rois, count, params, &error) == IST_OK, "%s", error.message);
    return map;
}

static trk_row row_at(double time_s, double x, double y)
{
    return (trk_row){.frame_time_s = time_s, .x_px = x, .y_px = y, .status = isnan(x) ? TRK_LOST : TRK_MEASURED};
}

static void add(trk_heatmap *map, double time_s, double x, double y)
{
    const trk_row row = row_at(time_s, x, y);
    trk_heatmap_add(map, &row);
}

static double value(const trk_heatmap *map, trk_map_kind kind, trk_map_span span)
{
    return trk_heatmap_value(map, kind, span, 0);
}

static const double nothing = (double)NAN;

/* ---- values ---- */

START_TEST(values_of_a_path)
{
    trk_heatmap *map = make_map(&one_roi, 1, NULL);
    ck_assert_double_nan(value(map, TRK_MAP_DISPLACEMENT, TRK_MAP_FRAME));
    ck_assert_double_nan(value(map, TRK_MAP_SPEED, TRK_MAP_MEAN));
    add(map, 10, 0, 0);
    ck_assert_double_eq(value(map, TRK_MAP_DISPLACEMENT, TRK_MAP_FRAME), 0);
    ck_assert_double_nan(value(map, TRK_MAP_SPEED, TRK_MAP_FRAME));
    ck_assert_double_nan(value(map, TRK_MAP_DIRECTION, TRK_MAP_FRAME));
    add(map, 10.5, 3, 4); // right and down
    ck_assert_double_eq_tol(value(map, TRK_MAP_DISPLACEMENT, TRK_MAP_FRAME), 5, 1e-12);
    ck_assert_double_eq_tol(value(map, TRK_MAP_SPEED, TRK_MAP_FRAME), 10, 1e-12);
    ck_assert_double_eq_tol(value(map, TRK_MAP_DIRECTION, TRK_MAP_FRAME), 53.13010235415598, 1e-9);
    add(map, 12.5, 3, -4); // as far away as before: the displacement stands still, but it has moved
    ck_assert_double_eq_tol(value(map, TRK_MAP_DISPLACEMENT, TRK_MAP_FRAME), 5, 1e-12);
    ck_assert_double_eq_tol(value(map, TRK_MAP_SPEED, TRK_MAP_FRAME), 4, 1e-12);
    ck_assert_double_eq_tol(value(map, TRK_MAP_DIRECTION, TRK_MAP_FRAME), 306.86989764584402, 1e-9);

    ck_assert_double_eq_tol(value(map, TRK_MAP_DISPLACEMENT, TRK_MAP_MEAN), 10.0 / 3, 1e-12);
    ck_assert_double_eq_tol(value(map, TRK_MAP_SPEED, TRK_MAP_MEAN), 7, 1e-12);
    ck_assert_double_eq_tol(value(map, TRK_MAP_DIRECTION, TRK_MAP_MEAN), 0, 1e-12); // (2, 0) on the average
    ck_assert_double_eq_tol(value(map, TRK_MAP_DISPLACEMENT, TRK_MAP_MAXIMUM), 5, 1e-12);
    ck_assert_double_eq_tol(value(map, TRK_MAP_SPEED, TRK_MAP_MAXIMUM), 10, 1e-12);
    ck_assert_double_eq_tol(value(map, TRK_MAP_DIRECTION, TRK_MAP_MAXIMUM), 53.13010235415598, 1e-9);
    trk_heatmap_destroy(&map);
    ck_assert_ptr_null(map);
}
END_TEST

START_TEST(what_is_not_known)
{
    trk_heatmap *map = make_map(&one_roi, 1, NULL);
    add(map, 0, 1, 0);
    add(map, 1, nothing, nothing);
    ck_assert_double_nan(value(map, TRK_MAP_DISPLACEMENT, TRK_MAP_FRAME));
    ck_assert_double_nan(value(map, TRK_MAP_SPEED, TRK_MAP_FRAME));
    ck_assert_double_nan(value(map, TRK_MAP_DIRECTION, TRK_MAP_FRAME));
    add(map, 2, 3, 0);
    ck_assert_double_nan(value(map, TRK_MAP_SPEED, TRK_MAP_FRAME));
    add(map, 2, 5, 0); // the clock stands
    ck_assert_double_nan(value(map, TRK_MAP_SPEED, TRK_MAP_FRAME));
    ck_assert_double_nan(value(map, TRK_MAP_SPEED, TRK_MAP_MAXIMUM));
    ck_assert_double_eq(value(map, TRK_MAP_DISPLACEMENT, TRK_MAP_MEAN), 3);
    add(map, 2.5, 5, 0);
    ck_assert_double_eq(value(map, TRK_MAP_SPEED, TRK_MAP_MEAN), 0);
    trk_heatmap_destroy(&map);
}
END_TEST

/* After a gap it is known how fast, not how far. */
START_TEST(behind_a_gap)
{
    trk_heatmap *map = make_map(&one_roi, 1, NULL);
    add(map, 0, 1, 0);
    add(map, 1, nothing, nothing);
    for (int i = 2; i < 4; i++) {
        trk_row row = row_at(i, 3 * i, 4 * i);
        row.status = TRK_GAP;
        row.gaps = 1;
        trk_heatmap_add(map, &row);
        ck_assert_double_nan(value(map, TRK_MAP_DISPLACEMENT, TRK_MAP_FRAME));
        ck_assert_double_nan(value(map, TRK_MAP_DIRECTION, TRK_MAP_FRAME));
    }
    ck_assert_double_eq(value(map, TRK_MAP_SPEED, TRK_MAP_FRAME), 5);
    ck_assert_double_eq(value(map, TRK_MAP_SPEED, TRK_MAP_MEAN), 5);
    ck_assert_double_eq(value(map, TRK_MAP_DISPLACEMENT, TRK_MAP_MAXIMUM), 1);
    trk_heatmap_destroy(&map);
}
END_TEST

START_TEST(params_say_otherwise)
{
    trk_heatmap *map = make_map(&one_roi, 1, &(trk_heatmap_params){.speed_per_frame = true, .direction_min_px = 2});
    add(map, 7, 0, 0);
    add(map, 7, 0, 1.5);
    ck_assert_double_eq(value(map, TRK_MAP_SPEED, TRK_MAP_FRAME), 1.5);
    ck_assert_double_nan(value(map, TRK_MAP_DIRECTION, TRK_MAP_FRAME));
    add(map, 7, 0, 2);
    ck_assert_double_eq_tol(value(map, TRK_MAP_DIRECTION, TRK_MAP_FRAME), 90, 1e-12);
    trk_heatmap_destroy(&map);
}
END_TEST

/*
 * movemeter's maps of a grid: its displacement is ours. Its direction is the reverse of ours, in turns; its speed, the
 * change of the displacement, is not one.
 */
START_TEST(same_numbers_as_movemeter)
{
    json_t *golden = json_load_file(TEST_DATA "/heatmaps.json", 0, NULL);
    ck_assert_ptr_nonnull(golden);
    json_t *x, *y, *displacement, *direction;
    ck_assert_int_eq(json_unpack(golden, "{s:o,s:o,s:o,s:o}", "x", &x, "y", &y, "displacement", &displacement,
                                 "direction", &direction),
                     0);
    ck_assert_uint_eq(json_array_size(x), 24);
    int compared = 0;
    for (size_t roi = 0; roi < json_array_size(x); roi++) {
        trk_heatmap *map = make_map(&one_roi, 1, NULL);
        for (size_t i = 0; i < json_array_size(displacement); i++) {
            add(map, (double)i, -json_real_value(json_array_get(json_array_get(x, roi), i)),
                -json_real_value(json_array_get(json_array_get(y, roi), i)));
            const double theirs = json_real_value(json_array_get(json_array_get(displacement, i), roi));
            ck_assert_double_eq_tol(value(map, TRK_MAP_DISPLACEMENT, TRK_MAP_FRAME), theirs, 2e-9);
            if (theirs < TRK_DIRECTION_MIN_PX)
                continue;
            const double reverse = 360 * json_real_value(json_array_get(json_array_get(direction, i), roi)) + 180;
            ck_assert_double_eq_tol(value(map, TRK_MAP_DIRECTION, TRK_MAP_FRAME), fmod(reverse, 360), 1e-5);
            compared++;
        }
        trk_heatmap_destroy(&map);
    }
    ck_assert_int_eq(compared, 24 * 11);
    json_decref(golden);
}
END_TEST

/* ---- pixels ---- */

static double middle_distance(const trk_roi *roi, int x, int y)
{
    return hypot(x + 0.5 - roi->x - roi->width / 2.0, y + 0.5 - roi->y - roi->height / 2.0);
}

static bool contains(const trk_roi *roi, int x, int y)
{
    return x >= roi->x && x < roi->x + roi->width && y >= roi->y && y < roi->y + roi->height;
}

/* Each pixel shows the nearest of the ROIs that it lies in. Displacements are the ROIs' numbers from 1. */
static void check_pixels(const trk_roi *rois, int count)
{
    trk_heatmap *map = make_map(rois, count, NULL);
    trk_row rows[32];
    for (int i = 0; i < count; i++)
        rows[i] = row_at(0, i + 1, 0);
    trk_heatmap_add(map, rows);
    static float pixels[HEIGHT][WIDTH];
    trk_heatmap_paint(map, TRK_MAP_DISPLACEMENT, TRK_MAP_FRAME, pixels[0]);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            double nearest = HUGE_VAL;
            bool inside = false;
            for (int i = 0; i < count; i++)
                if (contains(&rois[i], x, y)) {
                    inside = true;
                    nearest = fmin(nearest, middle_distance(&rois[i], x, y));
                }
            ck_assert_int_eq(!isnan(pixels[y][x]), inside);
            if (!inside)
                continue;
            const trk_roi *shown = &rois[(int)pixels[y][x] - 1];
            ck_assert(contains(shown, x, y));
            ck_assert_double_eq_tol(middle_distance(shown, x, y), nearest, 1e-9);
        }
    trk_heatmap_destroy(&map);
}

START_TEST(pixels_show_the_nearest_roi)
{
    struct random random = {random_seed()};
    for (int round = 0; round < 50; round++) {
        trk_roi rois[32];
        const int count = 1 + (int)(random_bits(&random) % 32);
        for (int i = 0; i < count; i++) {
            const int width = 4 + (int)(random_bits(&random) % 20), height = 4 + (int)(random_bits(&random) % 20);
            rois[i] = (trk_roi){(int)(random_bits(&random) % (unsigned)(WIDTH - width + 1)),
                                (int)(random_bits(&random) % (unsigned)(HEIGHT - height + 1)), width, height};
        }
        check_pixels(rois, count);
    }
}
END_TEST

/* A grid of 8 px blocks at this distance: each block shows `distance` columns, or all its own. */
START_TEST(grid_with_a_block_distance)
{
    const int distance = _i;
    trk_roi rois[4];
    for (int i = 0; i < 4; i++)
        rois[i] = (trk_roi){4 + i * distance, 10, 8, 8};
    trk_heatmap *map = make_map(rois, 4, NULL);
    const trk_row rows[4] = {row_at(0, 1, 0), row_at(0, 2, 0), row_at(0, 3, 0), row_at(0, 4, 0)};
    trk_heatmap_add(map, rows);
    static float pixels[HEIGHT][WIDTH];
    trk_heatmap_paint(map, TRK_MAP_DISPLACEMENT, TRK_MAP_FRAME, pixels[0]);
    for (int i = 1; i <= 4; i++) {
        int columns = 0;
        for (int x = 0; x < WIDTH; x++)
            columns += lrintf(pixels[12][x]) == i;
        if (i == 2 || i == 3)
            ck_assert_int_eq(columns, distance < 8 ? distance : 8);
    }
    ck_assert(isnan(pixels[9][8]));
    trk_heatmap_destroy(&map);
}
END_TEST

START_TEST(bad_maps)
{
    trk_heatmap *map;
    ist_error error;
    const trk_roi outside = {WIDTH - 4, 0, 5, 5};
    ck_assert_int_eq(trk_heatmap_create(&map, WIDTH, HEIGHT, &outside, 1, NULL, &error), IST_ERROR_ARGUMENT);
    ck_assert_ptr_null(map);
    ck_assert_int_eq(trk_heatmap_create(&map, WIDTH, HEIGHT, NULL, 0, NULL, &error), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(trk_heatmap_create(&map, 0, HEIGHT, &one_roi, 1, NULL, &error), IST_ERROR_ARGUMENT);
    const trk_heatmap_params negative = {.direction_min_px = -1};
    ck_assert_int_eq(trk_heatmap_create(&map, WIDTH, HEIGHT, &one_roi, 1, &negative, &error), IST_ERROR_ARGUMENT);
    trk_heatmap_destroy(&map);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heatmap");
    TCase *values = tcase_create("values");
    tcase_add_test(values, values_of_a_path);
    tcase_add_test(values, what_is_not_known);
    tcase_add_test(values, behind_a_gap);
    tcase_add_test(values, params_say_otherwise);
    tcase_add_test(values, same_numbers_as_movemeter);
    suite_add_tcase(suite, values);
    TCase *pixels = tcase_create("pixels");
    tcase_add_test(pixels, pixels_show_the_nearest_roi);
    tcase_add_loop_test(pixels, grid_with_a_block_distance, 4, 13);
    tcase_add_test(pixels, bad_maps);
    suite_add_tcase(suite, pixels);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
