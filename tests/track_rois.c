/* Sets of ROIs: the blocks of each shape, names and groups, and files; also damaged ones. */
#include <check.h>
#include <jansson.h>
#include <libtrack/libtrack.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "temporary.h"

static trk_roi_set *make_set(void)
{
    trk_roi_set *set;
    ck_assert_int_eq(trk_roi_set_create(&set, NULL), IST_OK);
    return set;
}

static bool same_roi(trk_roi a, trk_roi b)
{
    return a.x == b.x && a.y == b.y && a.width == b.width && a.height == b.height;
}

static bool holds(const trk_roi_set *set, trk_roi roi)
{
    for (int i = 0; i < trk_roi_set_count(set); i++)
        if (same_roi(trk_roi_set_rois(set)[i], roi))
            return true;
    return false;
}

static bool is_subset(const trk_roi_set *part, const trk_roi_set *whole)
{
    for (int i = 0; i < trk_roi_set_count(part); i++)
        if (!holds(whole, trk_roi_set_rois(part)[i]))
            return false;
    return true;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static const char *group_name(const trk_roi_set *set, int i)
{
    const int group = trk_roi_set_group(set, i);
    return group < 0 ? NULL : trk_roi_set_group_name(set, group);
}

static bool same_set(const trk_roi_set *a, const trk_roi_set *b)
{
    if (trk_roi_set_count(a) != trk_roi_set_count(b) || trk_roi_set_group_count(a) != trk_roi_set_group_count(b))
        return false;
    for (int i = 0; i < trk_roi_set_count(a); i++)
        if (!same_roi(trk_roi_set_rois(a)[i], trk_roi_set_rois(b)[i]) ||
            trk_roi_set_is_named(a, i) != trk_roi_set_is_named(b, i) ||
            !same_text(trk_roi_set_name(a, i), trk_roi_set_name(b, i)) ||
            trk_roi_set_group(a, i) != trk_roi_set_group(b, i) || !same_text(group_name(a, i), group_name(b, i)))
            return false;
    return true;
}

/* The sizes of the groups are those that counting gives. */
static void check_groups(const trk_roi_set *set)
{
    for (int group = 0; group < trk_roi_set_group_count(set); group++) {
        int count = 0;
        for (int i = 0; i < trk_roi_set_count(set); i++)
            count += trk_roi_set_group(set, i) == group;
        ck_assert_int_gt(count, 0);
        ck_assert_int_eq(trk_roi_set_group_size(set, group), count);
    }
}

static int random_below(int count)
{
    return (int)(random() % count);
}

/* ---- the reference lists ---- */

static json_t *load_expected(void)
{
    json_error_t error;
    json_t *expected = json_load_file(TEST_DATA "/rois/expected.json", 0, &error);
    ck_assert_msg(expected != NULL, "%s", error.text);
    return expected;
}

static double number_at(const json_t *array, size_t i)
{
    return json_number_value(json_array_get(array, i));
}

static int read_points(const json_t *array, trk_point *points, int most)
{
    const int count = (int)json_array_size(array);
    ck_assert_int_le(count, most);
    for (int i = 0; i < count; i++) {
        const json_t *point = json_array_get(array, (size_t)i);
        points[i] = (trk_point){number_at(point, 0), number_at(point, 1)};
    }
    return count;
}

static trk_point read_point(const json_t *array)
{
    return (trk_point){number_at(array, 0), number_at(array, 1)};
}

static trk_circle read_circle(const json_t *arguments)
{
    trk_point points[16];
    trk_circle circle;
    const int count = read_points(json_object_get(arguments, "points"), points, 16);
    ck_assert_int_eq(trk_circle_fit(&circle, points, count, NULL), IST_OK);
    return circle;
}

/* In the lists a ring without a width is this wide, in blocks. */
static const double RING_BLOCKS = 1.1;

static ist_status add_listed(trk_roi_set *set, const char *generator, const json_t *arguments, ist_error *error)
{
    const json_t *place = json_object_get(arguments, "gridpos"), *size = json_object_get(arguments, "blocksize");
    const trk_roi area = {(int)number_at(place, 0), (int)number_at(place, 1), (int)number_at(place, 2),
                          (int)number_at(place, 3)};
    const trk_blocks blocks = {(int)number_at(size, 0), (int)number_at(size, 1),
                               json_number_value(json_object_get(arguments, "step"))};
    const json_t *width = json_object_get(arguments, "lw");
    const double ring = width ? json_number_value(width) : RING_BLOCKS * fmax(blocks.width, blocks.height);
    if (strcmp(generator, "grid") == 0)
        return trk_roi_set_add_grid(set, NULL, area, blocks, error);
    if (strcmp(generator, "ellipse") == 0)
        return trk_roi_set_add_ellipse(set, NULL, area, json_is_true(json_object_get(arguments, "fill")) ? 0 : ring,
                                       blocks, error);
    if (strcmp(generator, "line") == 0)
        return trk_roi_set_add_line(set, NULL, read_point(json_object_get(arguments, "p0")),
                                    read_point(json_object_get(arguments, "p1")),
                                    json_number_value(json_object_get(arguments, "d")), blocks, error);
    if (strcmp(generator, "arc") == 0)
        return trk_roi_set_add_arc(set, NULL, area, read_circle(arguments), ring, blocks, error);
    ck_assert_str_eq(generator, "radial");
    return trk_roi_set_add_radial(set, "part", area, read_circle(arguments),
                                  json_number_value(json_object_get(arguments, "line_len")),
                                  (int)json_integer_value(json_object_get(arguments, "n_segments")), blocks, error);
}

START_TEST(the_reference_lists)
{
    json_t *expected = load_expected();
    size_t number;
    json_t *entry;
    json_array_foreach(json_object_get(expected, "lists"), number, entry)
    {
        const json_t *arguments = json_object_get(entry, "args"), *rois = json_object_get(entry, "rois");
        trk_roi_set *set = make_set();
        ist_error error;
        ck_assert_msg(add_listed(set, json_string_value(json_object_get(entry, "generator")), arguments, &error) == 0,
                      "list %zu: %s", number, error.message);
        // The lists have one sector each, ours are groups of one set.
        const json_t *sector = json_object_get(arguments, "i_segment");
        const int group = sector ? (int)json_integer_value(sector) : -1;
        size_t found = 0;
        for (int i = 0; i < trk_roi_set_count(set); i++) {
            if (trk_roi_set_group(set, i) != group)
                continue;
            const json_t *roi = json_array_get(rois, found++);
            const trk_roi wanted = {(int)number_at(roi, 0), (int)number_at(roi, 1), (int)number_at(roi, 2),
                                    (int)number_at(roi, 3)};
            ck_assert_msg(same_roi(trk_roi_set_rois(set)[i], wanted), "list %zu: ROI %zu", number, found - 1);
        }
        ck_assert_msg(found == json_array_size(rois), "list %zu: %zu ROIs", number, found);
        trk_roi_set_destroy(&set);
        ck_assert_ptr_null(set);
    }
    ck_assert_uint_ge(number, 23);
    json_decref(expected);
}
END_TEST

/* ---- circles ---- */

START_TEST(the_reference_circle)
{
    json_t *expected = load_expected();
    const json_t *fit = json_object_get(expected, "circle_fit");
    const trk_circle circle = read_circle(fit);
    ck_assert_double_eq_tol(circle.x, number_at(json_object_get(fit, "centre"), 0), 1e-9);
    ck_assert_double_eq_tol(circle.y, number_at(json_object_get(fit, "centre"), 1), 1e-9);
    ck_assert_double_eq_tol(circle.radius, json_number_value(json_object_get(fit, "radius")), 1e-9);
    json_decref(expected);
}
END_TEST

static double sum_of_squares(trk_circle circle, const trk_point *points, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++) {
        const double error = hypot(points[i].x - circle.x, points[i].y - circle.y) - circle.radius;
        sum += error * error;
    }
    return sum;
}

/* Points on a part of a circle, each displaced by up to `noise` px in both directions. */
static int draw_arc(trk_point *points, int count, trk_circle circle, double turn, double noise)
{
    for (int i = 0; i < count; i++) {
        const double angle = turn * 2 * M_PI * i / (count - 1);
        points[i].x = circle.x + circle.radius * cos(angle) + noise * (random_below(2001) - 1000) / 1000;
        points[i].y = circle.y + circle.radius * sin(angle) + noise * (random_below(2001) - 1000) / 1000;
    }
    return count;
}

START_TEST(points_of_a_circle_give_it_back)
{
    for (int i = 0; i < 200; i++) {
        const trk_circle circle = {random_below(2000) - 500, random_below(2000) - 500, 3 + random_below(500)};
        trk_point points[20];
        trk_circle found;
        const int count = draw_arc(points, 3 + random_below(17), circle, 0.1 + random_below(90) / 100.0, 0);
        ck_assert_int_eq(trk_circle_fit(&found, points, count, NULL), IST_OK);
        ck_assert_double_eq_tol(found.x, circle.x, 1e-6);
        ck_assert_double_eq_tol(found.y, circle.y, 1e-6);
        ck_assert_double_eq_tol(found.radius, circle.radius, 1e-6);
    }
}
END_TEST

START_TEST(no_circle_near_by_fits_better)
{
    for (int i = 0; i < 200; i++) {
        trk_point points[20];
        trk_circle found;
        const int count =
            draw_arc(points, 5 + random_below(15), (trk_circle){100, 80, 45}, 0.3 + random_below(60) / 100.0, 3);
        ck_assert_int_eq(trk_circle_fit(&found, points, count, NULL), IST_OK);
        const double best = sum_of_squares(found, points, count);
        for (int k = 0; k < 6; k++) {
            const double step = k % 2 ? 1e-3 : -1e-3;
            const trk_circle other = {found.x + (k / 2 == 0) * step, found.y + (k / 2 == 1) * step,
                                      found.radius + (k / 2 == 2) * step};
            ck_assert_double_gt(sum_of_squares(other, points, count), best);
        }
    }
}
END_TEST

START_TEST(points_that_no_circle_fits)
{
    trk_circle circle;
    ist_error error;
    const trk_point line[] = {{1, 1}, {2, 2}, {7, 7}, {5, 5}}, one[] = {{3, 4}, {3, 4}, {3, 4}};
    const trk_point wrong[] = {{1, 1}, {2, (double)NAN}, {3, 0}};
    ck_assert_int_eq(trk_circle_fit(&circle, line, 4, &error), IST_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "straight line"));
    ck_assert_int_eq(trk_circle_fit(&circle, one, 3, NULL), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(trk_circle_fit(&circle, wrong, 3, NULL), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(trk_circle_fit(&circle, line, 2, NULL), IST_ERROR_ARGUMENT);
}
END_TEST

/* ---- laws of shapes ---- */

START_TEST(a_grid_covers_its_area_once)
{
    const trk_roi area = {7, 3, 131, 90};
    for (int size = 1; size <= 40; size++) {
        const trk_blocks blocks = {size, size + 5, 1};
        trk_roi_set *set = make_set();
        ck_assert_int_eq(trk_roi_set_add_grid(set, "g", area, blocks, NULL), IST_OK);
        static unsigned char hits[200][200];
        memset(hits, 0, sizeof hits);
        for (int i = 0; i < trk_roi_set_count(set); i++) {
            const trk_roi roi = trk_roi_set_rois(set)[i];
            for (int y = roi.y; y < roi.y + roi.height; y++)
                for (int x = roi.x; x < roi.x + roi.width; x++)
                    hits[y][x]++;
        }
        int wrong = 0;
        for (int y = 0; y < 200; y++)
            for (int x = 0; x < 200; x++)
                wrong += hits[y][x] != (x >= area.x && x < area.x + area.width / size * size && y >= area.y &&
                                        y < area.y + area.height / (size + 5) * (size + 5));
        ck_assert_int_eq(wrong, 0);
        trk_roi_set_destroy(&set);
    }
}
END_TEST

START_TEST(a_step_that_divides_the_area_loses_nothing)
{
    // 3 * 1.1 is a little more than 3.3 in binary, and 33 / (3 * 1.1) a little less than 10.
    trk_roi_set *set = make_set();
    ck_assert_int_eq(trk_roi_set_add_grid(set, NULL, (trk_roi){0, 0, 33, 4}, (trk_blocks){3, 3, 1.1}, NULL), IST_OK);
    ck_assert_int_eq(trk_roi_set_count(set), 10);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(trk_roi_set_rois(set)[i].x, 33 * i / 10);
    trk_roi_set_destroy(&set);
}
END_TEST

START_TEST(a_ring_lies_in_a_thicker_one)
{
    const trk_roi area = {5, 9, 180, 120};
    const trk_blocks blocks = {8, 6, 0.5};
    trk_roi_set *filled = make_set(), *before = make_set();
    ck_assert_int_eq(trk_roi_set_add_ellipse(filled, NULL, area, 0, blocks, NULL), IST_OK);
    for (int width = 4; width <= 120; width += 4) {
        trk_roi_set *ring = make_set();
        ck_assert_int_eq(trk_roi_set_add_ellipse(ring, NULL, area, width, blocks, NULL), IST_OK);
        ck_assert(is_subset(before, ring));
        ck_assert(is_subset(ring, filled));
        // Thicker than the longer half of the ellipse: nothing is missing in the middle.
        ck_assert_int_eq(same_set(ring, filled), width >= 90);
        trk_roi_set_destroy(&before);
        before = ring;
    }
    trk_roi_set_destroy(&before);
    trk_roi_set_destroy(&filled);
}
END_TEST

START_TEST(a_circle_looks_the_same_after_a_quarter_turn)
{
    const int side = 120;
    for (int ring = 0; ring < 60; ring += 7) {
        trk_roi_set *set = make_set();
        const trk_roi area = {0, 0, side, side};
        ck_assert_int_eq(trk_roi_set_add_ellipse(set, NULL, area, ring, (trk_blocks){6, 6, 1}, NULL), IST_OK);
        for (int i = 0; i < trk_roi_set_count(set); i++) {
            const trk_roi roi = trk_roi_set_rois(set)[i];
            ck_assert(holds(set, (trk_roi){side - roi.y - roi.height, roi.x, roi.height, roi.width}));
        }
        trk_roi_set *arc = make_set();
        const trk_circle circle = {side / 2.0, side / 2.0, side / 2.0};
        ck_assert_int_eq(trk_roi_set_add_arc(arc, NULL, area, circle, ring, (trk_blocks){6, 6, 1}, NULL), IST_OK);
        ck_assert(same_set(arc, set));
        trk_roi_set_destroy(&arc);
        trk_roi_set_destroy(&set);
    }
}
END_TEST

START_TEST(sectors_share_out_the_ring)
{
    const trk_roi area = {0, 0, 201, 160};
    const trk_circle circle = {96, 78, 66}; // middles of blocks lie straight to the left of this one's
    const trk_blocks blocks = {12, 12, 1};
    trk_roi_set *ring = make_set();
    ck_assert_int_eq(trk_roi_set_add_arc(ring, NULL, area, circle, 45, blocks, NULL), IST_OK);
    ck_assert(holds(ring, (trk_roi){24, 72, 12, 12}));
    for (int sectors = 1; sectors <= 12; sectors++) {
        trk_roi_set *set = make_set();
        ck_assert_int_eq(trk_roi_set_add_radial(set, "iris", area, circle, 45, sectors, blocks, NULL), IST_OK);
        ck_assert_int_eq(trk_roi_set_count(set), trk_roi_set_count(ring));
        ck_assert(is_subset(ring, set));
        ck_assert_int_eq(trk_roi_set_group_count(set), sectors);
        ck_assert_str_eq(trk_roi_set_group_name(set, 0), "iris-1");
        check_groups(set);
        trk_roi_set_destroy(&set);
    }
    trk_roi_set_destroy(&ring);
}
END_TEST

START_TEST(a_line_has_no_direction_and_no_preferred_axis)
{
    const trk_blocks blocks = {12, 12, 1};
    for (int i = 0; i < 200; i++) {
        const trk_point a = {random_below(300), random_below(300)}, b = {random_below(300) + 301, random_below(300)};
        trk_roi_set *there = make_set(), *back = make_set(), *turned = make_set();
        ck_assert_int_eq(trk_roi_set_add_line(there, NULL, a, b, 14, blocks, NULL), IST_OK);
        ck_assert_int_eq(trk_roi_set_add_line(back, NULL, b, a, 14, blocks, NULL), IST_OK);
        ck_assert(same_set(there, back));
        if (fabs(a.x - b.x) != fabs(a.y - b.y)) {
            const trk_point c = {a.y, a.x}, d = {b.y, b.x};
            ck_assert_int_eq(trk_roi_set_add_line(turned, NULL, c, d, 14, blocks, NULL), IST_OK);
            ck_assert_int_eq(trk_roi_set_count(turned), trk_roi_set_count(there));
            for (int k = 0; k < trk_roi_set_count(there); k++) {
                const trk_roi roi = trk_roi_set_rois(there)[k];
                ck_assert(holds(turned, (trk_roi){roi.y, roi.x, roi.height, roi.width}));
            }
        }
        trk_roi_set_destroy(&there);
        trk_roi_set_destroy(&back);
        trk_roi_set_destroy(&turned);
    }
}
END_TEST

START_TEST(a_polygon_has_no_first_point)
{
    const trk_roi area = {10, 20, 96, 72};
    const trk_point rectangle[] = {{10, 20}, {106, 20}, {106, 92}, {10, 92}};
    const trk_blocks blocks = {8, 8, 1};
    trk_roi_set *grid = make_set();
    ck_assert_int_eq(trk_roi_set_add_grid(grid, NULL, area, blocks, NULL), IST_OK);
    for (int first = 0; first < 8; first++) {
        trk_point points[4];
        for (int i = 0; i < 4; i++)
            points[i] = rectangle[(first < 4 ? first + i : first + 4 - i) % 4];
        trk_roi_set *set = make_set();
        ck_assert_int_eq(trk_roi_set_add_polygon(set, NULL, points, 4, blocks, NULL), IST_OK);
        ck_assert(same_set(set, grid));
        trk_roi_set_destroy(&set);
    }
    // Half of it is a triangle; the other half is the rest, apart from blocks whose middle lies on the diagonal.
    trk_roi_set *upper = make_set(), *lower = make_set();
    const trk_point above[] = {{10, 20}, {106, 20}, {106, 92}}, below[] = {{10, 20}, {106, 92}, {10, 92}};
    ck_assert_int_eq(trk_roi_set_add_polygon(upper, NULL, above, 3, blocks, NULL), IST_OK);
    ck_assert_int_eq(trk_roi_set_add_polygon(lower, NULL, below, 3, blocks, NULL), IST_OK);
    ck_assert_int_eq(trk_roi_set_count(upper) + trk_roi_set_count(lower), trk_roi_set_count(grid));
    ck_assert(is_subset(upper, grid) && is_subset(lower, grid));
    trk_roi_set_destroy(&upper);
    trk_roi_set_destroy(&lower);
    trk_roi_set_destroy(&grid);
}
END_TEST

START_TEST(shapes_that_cannot_be)
{
    trk_roi_set *set = make_set();
    ck_assert_int_eq(trk_roi_set_add(set, (trk_roi){1, 2, 3, 4}, "kept", "group", NULL), IST_OK);
    const trk_roi area = {0, 0, 100, 80};
    const trk_blocks blocks = {8, 8, 0};
    const trk_circle circle = {50, 40, 30};
    const trk_point points[] = {{0, 0}, {50, 0}, {0, 50}}, wrong[] = {{0, 0}, {HUGE_VAL, 0}, {0, 50}};
    ist_error error;
#define REFUSED(call, word)                                                                                            \
    do {                                                                                                               \
        ck_assert_int_eq(call, IST_ERROR_ARGUMENT);                                                                    \
        ck_assert_msg(strstr(error.message, word) != NULL, "%s", error.message);                                       \
        ck_assert_int_eq(trk_roi_set_count(set), 1);                                                                   \
        ck_assert_int_eq(trk_roi_set_group_count(set), 1);                                                             \
    } while (0)
    REFUSED(trk_roi_set_add_grid(set, "g", area, (trk_blocks){0, 8, 1}, &error), "0 x 8");
    REFUSED(trk_roi_set_add_grid(set, "g", area, (trk_blocks){8, 8, (double)NAN}, &error), "step");
    REFUSED(trk_roi_set_add_grid(set, "g", area, (trk_blocks){8, 8, 0.001}, &error), "step");
    REFUSED(trk_roi_set_add_grid(set, "g", area, (trk_blocks){200, 8, 1}, &error), "no block");
    REFUSED(trk_roi_set_add_grid(set, "g", (trk_roi){0, 0, 0, 9}, blocks, &error), "empty");
    REFUSED(trk_roi_set_add_grid(set, "g", (trk_roi){0, 0, 60000, 60000}, blocks, &error), "too many");
    REFUSED(trk_roi_set_add_grid(set, "g", (trk_roi){0, 0, 9000, 9000}, blocks, &error), "more than 100000");
    REFUSED(trk_roi_set_add_grid(set, "a,b", area, blocks, &error), "comma");
    REFUSED(trk_roi_set_add_ellipse(set, "g", area, -1, blocks, &error), "ring");
    REFUSED(trk_roi_set_add_ellipse(set, "g", area, (double)NAN, blocks, &error), "ring");
    REFUSED(trk_roi_set_add_ellipse(set, "g", area, 0.01, (trk_blocks){8, 8, 4}, &error), "no block");
    REFUSED(trk_roi_set_add_line(set, "g", points[0], points[0], 9, blocks, &error), "itself");
    REFUSED(trk_roi_set_add_line(set, "g", points[0], points[1], -9, blocks, &error), "distance");
    REFUSED(trk_roi_set_add_line(set, "g", points[0], wrong[1], 9, blocks, &error), "inf");
    REFUSED(trk_roi_set_add_arc(set, "g", area, (trk_circle){50, 40, 0}, 9, blocks, &error), "radius");
    REFUSED(trk_roi_set_add_arc(set, "g", area, (trk_circle){50, (double)NAN, 9}, 9, blocks, &error), "nan");
    REFUSED(trk_roi_set_add_arc(set, "g", area, (trk_circle){500, 400, 30}, 9, blocks, &error), "no block");
    REFUSED(trk_roi_set_add_radial(set, "g", area, circle, 9, 0, blocks, &error), "sectors");
    REFUSED(trk_roi_set_add_radial(set, "a/b", area, circle, 9, 4, blocks, &error), "slash");
    REFUSED(trk_roi_set_add_polygon(set, "g", points, 2, blocks, &error), "three points");
    REFUSED(trk_roi_set_add_polygon(set, "g", wrong, 3, blocks, &error), "inf");
#undef REFUSED
    trk_roi_set_destroy(&set);
}
END_TEST

/* ---- names, groups ---- */

START_TEST(names_that_cannot_be)
{
    static const char *const names[] = {"",     "12",   "a,b",      "a\"b",         "a\nb",         " a",   "a ",
                                        "\x7f", "\xff", "\xc2\x85", "\xe2\x80\xa8", "\xed\xa0\x80", "a\xc0"};
    const trk_roi roi = {1, 2, 30, 40};
    trk_roi_set *set = make_set();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ck_assert_int_eq(trk_roi_set_add(set, roi, names[i], NULL, NULL), IST_ERROR_ARGUMENT);
        ck_assert_int_eq(trk_roi_set_add(set, roi, NULL, names[i], NULL), IST_ERROR_ARGUMENT);
    }
    char name[TRK_ROI_NAME_MAX + 2];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    ck_assert_int_eq(trk_roi_set_add(set, roi, name, NULL, NULL), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(trk_roi_set_add(set, roi, name + 1, NULL, NULL), IST_OK);
    ck_assert_int_eq(trk_roi_set_add(set, roi, name + 1, NULL, NULL), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(trk_roi_set_add(set, roi, "a/b", NULL, NULL), IST_OK);
    ck_assert_int_eq(trk_roi_set_add(set, roi, NULL, "a/b", NULL), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(trk_roi_set_add(set, (trk_roi){0, 0, 0, 4}, NULL, NULL, NULL), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(trk_roi_set_add(set, (trk_roi){70000, 0, 4, 4}, NULL, NULL, NULL), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(trk_roi_set_add(set, (trk_roi){INT32_MIN, 0, 4, 4}, NULL, NULL, NULL), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(trk_roi_set_count(set), 2);
    trk_roi_set_destroy(&set);
    trk_roi_set_destroy(&set);
}
END_TEST

/* A set of random ROIs; a third of them have names, most belong to one of five groups. */
static trk_roi_set *random_set(int count)
{
    static const char *const groups[] = {"lid", "it's", "back\\slash", "Ω µ", "- {a: b} #", NULL};
    trk_roi_set *set = make_set();
    for (int i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s %d", i % 2 ? "yes: \\n" : "Λ|>*&!%", i);
        const trk_roi roi = {random_below(200) - 100, random_below(200) - 100, 1 + random_below(90),
                             1 + random_below(90)};
        ck_assert_int_eq(trk_roi_set_add(set, roi, random_below(3) ? NULL : name, groups[random_below(6)], NULL),
                         IST_OK);
    }
    return set;
}

START_TEST(what_lies_inside_is_taken)
{
    for (int i = 0; i < 100; i++) {
        trk_roi_set *all = random_set(60), *inside = make_set(), *again = make_set();
        int outside;
        ck_assert_int_eq(trk_roi_set_append(inside, all, 90, 70, &outside, NULL), IST_OK);
        ck_assert_int_eq(trk_roi_set_count(inside) + outside, 60);
        ck_assert(is_subset(inside, all));
        check_groups(inside);
        for (int k = 0; k < trk_roi_set_count(inside); k++) {
            const trk_roi roi = trk_roi_set_rois(inside)[k];
            ck_assert(roi.x >= 0 && roi.y >= 0 && roi.x + roi.width <= 90 && roi.y + roi.height <= 70);
        }
        ck_assert_int_eq(trk_roi_set_append(again, inside, 90, 70, &outside, NULL), IST_OK);
        ck_assert_int_eq(outside, 0);
        ck_assert(same_set(again, inside));
        // Names that are there already: nothing changes.
        trk_roi_set *named = make_set();
        ck_assert_int_eq(trk_roi_set_add(named, (trk_roi){0, 0, 5, 5}, NULL, "new", NULL), IST_OK);
        ck_assert_int_eq(trk_roi_set_add(named, (trk_roi){0, 0, 5, 5}, "same", NULL, NULL), IST_OK);
        ck_assert_int_eq(trk_roi_set_add(again, (trk_roi){0, 0, 5, 5}, "same", NULL, NULL), IST_OK);
        ck_assert_int_eq(trk_roi_set_add(inside, (trk_roi){0, 0, 5, 5}, "same", NULL, NULL), IST_OK);
        ck_assert_int_eq(trk_roi_set_append(again, named, 90, 70, &outside, NULL), IST_ERROR_ARGUMENT);
        ck_assert(same_set(again, inside));
        check_groups(again);
        trk_roi_set_destroy(&named);
        trk_roi_set_destroy(&all);
        trk_roi_set_destroy(&inside);
        trk_roi_set_destroy(&again);
    }
}
END_TEST

/* ---- files ---- */

static char folder[TEMPORARY_SIZE];

static void make_folder(void)
{
    temporary_folder(folder, "track-rois");
}

static const char *const endings[] = {"yaml", "csv"};

/* The path of a file in the folder. Good until the next call. */
static const char *path_of(const char *ending)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/rois.%s", folder, ending);
    return path;
}

static void remove_folder(void)
{
    static const char *const all[] = {"yaml", "yml", "csv"};
    for (int i = 0; i < 3; i++)
        unlink(path_of(all[i]));
    ck_assert_int_eq(rmdir(folder), 0);
}

static void write_bytes(const char *path, const char *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

static ist_status read_as(trk_roi_set *set, const char *ending, const char *text, ist_error *error)
{
    write_bytes(path_of(ending), text, strlen(text));
    return trk_roi_set_read(set, path_of(ending), error);
}

START_TEST(what_is_written_is_read)
{
    for (int i = 0; i < 20; i++) {
        trk_roi_set *set = random_set(1 + random_below(50)), *read = make_set();
        ist_error error;
        ck_assert_msg(trk_roi_set_write(set, path_of(endings[i % 2]), &error) == IST_OK, "%s", error.message);
        ck_assert_msg(trk_roi_set_read(read, path_of(endings[i % 2]), &error) == IST_OK, "%s", error.message);
        ck_assert(same_set(read, set));
        trk_roi_set_destroy(&read);
        trk_roi_set_destroy(&set);
    }
}
END_TEST

START_TEST(files_as_people_write_them)
{
    static const char *const texts[][2] = {
        {"yaml", "rois:\n  # two of them\n  - x: 1\n    y: 2\n    width: 30\n    height: 40\n    name: lid\n"
                 "  - {height: 8, width: 7, y: 6, x: 5, group: eye}\n"},
        {"yml", "{\"rois\": [{\"x\": 1, \"y\": 2, \"width\": 30, \"height\": 40, \"name\": \"lid\"},"
                "{\"x\": 5, \"y\": 6, \"width\": 7, \"height\": 8, \"group\": \"eye\"}]}"},
        {"csv", "\xef\xbb\xbfx,y,width,height,name,group\r\n1,2,30,40,lid,\r\n\r\n5,6,7,8,,eye\r\n"},
        {"csv", "group, height, width, y, x, name\n, 40, 30, 2, 1, lid\neye, 8, 7, 6, 5,"},
    };
    trk_roi_set *wanted = make_set();
    ck_assert_int_eq(trk_roi_set_add(wanted, (trk_roi){1, 2, 30, 40}, "lid", NULL, NULL), IST_OK);
    ck_assert_int_eq(trk_roi_set_add(wanted, (trk_roi){5, 6, 7, 8}, NULL, "eye", NULL), IST_OK);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        trk_roi_set *set = make_set();
        ist_error error;
        ck_assert_msg(read_as(set, texts[i][0], texts[i][1], &error) == IST_OK, "%s", error.message);
        ck_assert(same_set(set, wanted));
        trk_roi_set_destroy(&set);
    }
    trk_roi_set_destroy(&wanted);
}
END_TEST

START_TEST(files_that_cannot_be)
{
    static const struct {
        const char *ending, *text, *word;
    } cases[] = {
        {"yaml", "", "rois"},
        {"yaml", "rois: []", "no ROI"},
        {"yaml", "rois: {x: 1}", "list"},
        {"yaml", "rois:\n- {x: 1, y: 2, width: 3}", "ROI 0: height"},
        {"yaml", "rois:\n- {x: 1, y: 2, width: 3, height: 4}\n- {x: 1.5, y: 2, width: 3, height: 4}", "ROI 1: x"},
        {"yaml", "rois:\n- {x: 1, y: 2, width: 3, height: 4, nam: a}", "\"nam\""},
        {"yaml", "rois:\n- {x: 1, y: 2, width: 3, height: 4, name: 5}", "quotes"},
        {"yaml", "rois:\n- {x: 1, y: 2, width: 3, height: 0}", "3 x 0"},
        {"yaml", "rois:\n- {x: 1, y: 2, width: 3, height: 99999999999}", "height"},
        {"yaml", "rois:\n- 5", "mapping"},
        {"yaml", "rois:\n- {x: 1\n", "line"},
        {"yaml", "rois:\n- {x: 1, y: 2, width: 3, height: 4}\nmore: 1", "no other"},
        {"csv", "", "empty"},
        {"csv", "x,y,width,height\n", "no ROI"},
        {"csv", "1,2,3,4\n", "header"},
        {"csv", "x,y,width\n1,2,3\n", "height"},
        {"csv", "x,y,width,x\n", "twice"},
        {"csv", "x,y,width,height\n1,2,3\n", "line 2: it must have 4 fields"},
        {"csv", "x,y,width,height\n1,2,3,4,5\n", "line 2: it must have 4 fields"},
        {"csv", "x,y,width,height\n1,2,3,4\n1,2,3,\n", "line 3: height"},
        {"csv", "x,y,width,height\n1,2,3,four\n", "four"},
        {"csv", "x,y,width,height,name\n1,2,3,4,\"a\"\n", "quote"},
        {"csv", "x,y,width,height,name\n1,2,3,4,a\n1,2,3,4,a\n", "line 3: two ROIs"},
    };
    trk_roi_set *set = random_set(20), *copy = make_set();
    int outside;
    ck_assert_int_eq(trk_roi_set_append(copy, set, 300, 300, &outside, NULL), IST_OK);
    const int count = trk_roi_set_count(copy);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ist_error error;
        ck_assert_int_lt(read_as(copy, cases[i].ending, cases[i].text, &error), 0);
        ck_assert_msg(strstr(error.message, cases[i].word) && strstr(error.message, path_of(cases[i].ending)),
                      "%zu: %s", i, error.message);
        ck_assert_int_eq(trk_roi_set_count(copy), count);
        check_groups(copy);
    }
    ck_assert_int_eq(trk_roi_set_read(set, path_of("txt"), NULL), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(trk_roi_set_write(set, path_of("txt"), NULL), IST_ERROR_ARGUMENT);
    unlink(path_of("csv"));
    ck_assert_int_eq(trk_roi_set_read(set, path_of("csv"), NULL), IST_ERROR_NOT_FOUND);
    ck_assert_int_eq(trk_roi_set_write(set, "/nowhere/at/all.csv", NULL), IST_ERROR_NOT_FOUND);
    trk_roi_set_destroy(&copy);
    ck_assert_int_eq(trk_roi_set_write(copy = make_set(), path_of("csv"), NULL), IST_ERROR_ARGUMENT);
    ck_assert_int_ne(access(path_of("csv"), F_OK), 0);
    trk_roi_set_destroy(&copy);
    trk_roi_set_destroy(&set);
}
END_TEST

/* Reads bytes that may be anything: a set, which can be written and read again, or an error and the set as it was. */
static void read_damaged(const char *ending, const char *bytes, size_t size, bool write_again)
{
    write_bytes(path_of(ending), bytes, size);
    trk_roi_set *set = make_set(), *again = make_set();
    ist_error error = {0};
    const ist_status status = trk_roi_set_read(set, path_of(ending), &error);
    if (status == IST_OK) {
        check_groups(set);
        if (write_again) {
            ck_assert_int_eq(trk_roi_set_write(set, path_of("yml"), NULL), IST_OK);
            ck_assert_msg(trk_roi_set_read(again, path_of("yml"), &error) == IST_OK, "%s", error.message);
            ck_assert(same_set(set, again));
        }
    } else {
        ck_assert_int_eq(trk_roi_set_count(set), 0);
        ck_assert_int_eq(trk_roi_set_group_count(set), 0);
        ck_assert_uint_gt(strlen(error.message), strlen(path_of(ending)));
        ck_assert_int_eq(error.status, status);
    }
    trk_roi_set_destroy(&again);
    trk_roi_set_destroy(&set);
}

START_TEST(damaged_files)
{
    static const char whole[2][160] = {
        "rois:\n- {x: -1, y: 2, width: 30, height: 4, name: \"a\\\\b\", group: eye}\n- {x: 5, y: 6, width: 7, height: "
        "8}\n",
        "x,y,width,height,name,group\n-1,2,30,4,a\\b,eye\n5,6,7,8,,\n",
    };
    for (int kind = 0; kind < 2; kind++) {
        const size_t size = strlen(whole[kind]);
        char bytes[sizeof whole[0]];
        for (size_t at = 0; at < size; at++) {
            for (int bit = 0; bit < 8; bit++) {
                memcpy(bytes, whole[kind], size);
                bytes[at] = (char)(bytes[at] ^ 1 << bit);
                read_damaged(endings[kind], bytes, size, false);
            }
            read_damaged(endings[kind], whole[kind], at, false);
        }
        for (int i = 0; i < 1000; i++) {
            memcpy(bytes, whole[kind], size);
            for (int k = 0; k < 3; k++)
                bytes[random_below((int)size)] = whole[kind][random_below((int)size)];
            read_damaged(endings[kind], bytes, size, i % 100 == 0);
        }
    }
}
END_TEST

int main(void)
{
    const unsigned seed = 20261121;
    printf("seed %u\n", seed);
    srandom(seed);

    TCase *shapes = tcase_create("shapes");
    tcase_set_timeout(shapes, 60);
    tcase_add_test(shapes, the_reference_lists);
    tcase_add_test(shapes, the_reference_circle);
    tcase_add_test(shapes, points_of_a_circle_give_it_back);
    tcase_add_test(shapes, no_circle_near_by_fits_better);
    tcase_add_test(shapes, points_that_no_circle_fits);
    tcase_add_test(shapes, a_grid_covers_its_area_once);
    tcase_add_test(shapes, a_step_that_divides_the_area_loses_nothing);
    tcase_add_test(shapes, a_ring_lies_in_a_thicker_one);
    tcase_add_test(shapes, a_circle_looks_the_same_after_a_quarter_turn);
    tcase_add_test(shapes, sectors_share_out_the_ring);
    tcase_add_test(shapes, a_line_has_no_direction_and_no_preferred_axis);
    tcase_add_test(shapes, a_polygon_has_no_first_point);
    tcase_add_test(shapes, shapes_that_cannot_be);
    tcase_add_test(shapes, names_that_cannot_be);
    tcase_add_test(shapes, what_lies_inside_is_taken);

    TCase *files = tcase_create("files");
    tcase_add_checked_fixture(files, make_folder, remove_folder);
    tcase_set_timeout(files, 60);
    tcase_add_test(files, what_is_written_is_read);
    tcase_add_test(files, files_as_people_write_them);
    tcase_add_test(files, files_that_cannot_be);
    tcase_add_test(files, damaged_files);

    Suite *suite = suite_create("track_rois");
    suite_add_tcase(suite, shapes);
    suite_add_tcase(suite, files);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
