// Parts of the viewer that need no screen: contrast and colours, the clock of playing, steps of ROIs.

#include <check.h>
#include <libstore/libstore.h>
#include <stdio.h>
#include <stdlib.h>

#include "temporary.h"
#include "view/levels.h"
#include "view/player.h"
#include "view/regions.h"
#include "view/shrink.h"

static ist_error error;

/* ---- levels ---- */

START_TEST(percentiles_cut_off_what_they_say)
{
    enum { SIDE = 100 };
    static uint16_t samples[SIDE * SIDE];
    static uint32_t pixels[SIDE * SIDE];
    for (int i = 0; i < SIDE * SIDE; i++)
        samples[i] = (uint16_t)(1000 + i * 7919 % (SIDE * SIDE)); // each value from 1000 to 10999 once
    const ist_frame frame = {.data = (uint8_t *)samples,
                             .stride = SIDE * 2,
                             .width = SIDE,
                             .height = SIDE,
                             .channels = 1,
                             .type = IST_PIXEL_U16};
    for (int percent = 0; percent < 50; percent += 7) {
        struct levels levels = {
            .contrast = CONTRAST_PERCENTILE, .low_percent = percent, .high_percent = 100 - percent / 2};
        levels_apply(&levels, &frame, pixels);
        ck_assert_int_eq(levels.low, 1000 + percent * SIDE);
        ck_assert_int_eq(levels.high, 10999 - percent / 2 * SIDE);
        for (int i = 0; i < SIDE * SIDE; i++)
            ck_assert_int_eq((pixels[i] & 0xff) == 0, samples[i] <= levels.low + (levels.high - levels.low) / 511);
    }
}
END_TEST

START_TEST(one_value_is_no_range)
{
    uint8_t samples[16] = {0};
    uint32_t pixels[16];
    const ist_frame frame = {.data = samples, .stride = 4, .width = 4, .height = 4, .channels = 1};
    for (int value = 0; value <= 255; value += 51) {
        for (int i = 0; i < 16; i++)
            samples[i] = (uint8_t)value;
        struct levels levels = {.contrast = CONTRAST_AUTO};
        levels_apply(&levels, &frame, pixels);
        ck_assert_int_lt(levels.low, levels.high);
    }
}
END_TEST

START_TEST(a_contrast_is_read_as_people_write_it)
{
    static const struct {
        const char *text;
        enum contrast contrast;
        double low, high; /* samples or percent */
    } cases[] = {
        {"full", CONTRAST_FULL, 0, 0},
        {"auto", CONTRAST_AUTO, 0, 0},
        {"1%", CONTRAST_PERCENTILE, 1, 99},
        {"0.5%..90%", CONTRAST_PERCENTILE, 0.5, 90},
        {"2%:100%", CONTRAST_PERCENTILE, 2, 100},
        {"0% 50%", CONTRAST_PERCENTILE, 0, 50},
        {"100..2000", CONTRAST_FIXED, 100, 2000},
        {"100:2000", CONTRAST_FIXED, 100, 2000},
        {"0  65535", CONTRAST_FIXED, 0, 65535},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct levels levels;
        levels_init(&levels);
        ck_assert_msg(levels_read(&levels, cases[i].text), "%s", cases[i].text);
        ck_assert_int_eq(levels.contrast, cases[i].contrast);
        const bool has_percent = levels.contrast == CONTRAST_PERCENTILE;
        if (has_percent || levels.contrast == CONTRAST_FIXED) {
            ck_assert_double_eq(has_percent ? levels.low_percent : levels.low, cases[i].low);
            ck_assert_double_eq(has_percent ? levels.high_percent : levels.high, cases[i].high);
        }
    }
    static const char *const wrong[] = {"",         "high",       "5",     "%",       "50%",   "99%..1%",
                                        "200..100", "3:3",        "-1:3",  "1:65536", "1%..5", "1..5%",
                                        "1..5..9",  "101%..102%", "1 2 3", "auto "};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct levels levels = {.contrast = CONTRAST_AUTO, .low = 7, .high_percent = 3};
        ck_assert_msg(!levels_read(&levels, wrong[i]), "%s", wrong[i]);
        ck_assert(levels.contrast == CONTRAST_AUTO && levels.low == 7 && levels.high_percent == 3);
    }
}
END_TEST

/* Random steps leave a range; the end that moves goes where it should, and the other one makes room at most. */
START_TEST(the_ends_of_the_contrast_move)
{
    uint16_t samples[2] = {1000, 3000};
    uint32_t pixels[2];
    const ist_frame frame = {
        .data = (uint8_t *)samples, .stride = 4, .width = 2, .height = 1, .channels = 1, .type = IST_PIXEL_U16};
    struct levels levels = {.contrast = CONTRAST_AUTO};
    levels_move(&levels, 1, 0); // nothing was shown yet
    ck_assert_int_eq(levels.contrast, CONTRAST_AUTO);
    levels_apply(&levels, &frame, pixels);
    levels_move(&levels, 2, 0);
    ck_assert(levels.contrast == CONTRAST_FIXED && levels.low == 1000 + 2 * (2000 / 32) && levels.high == 3000);
    levels_move(&levels, 0, -1);
    ck_assert(levels.low == 1124 && levels.high == 3000 - 1876 / 32);
    levels_apply(&levels, &frame, pixels);
    ck_assert(pixels[0] == 0xff000000U && pixels[1] == 0xffffffffU && levels.low == 1124);
    srand(6);
    for (int i = 0; i < 100000; i++) {
        const int before_low = levels.low, before_high = levels.high, steps = rand() % 9 - 4;
        levels_move(&levels, i % 2 ? steps : 0, i % 2 ? 0 : steps);
        ck_assert(0 <= levels.low && levels.low < levels.high && levels.high <= 65535);
        ck_assert(i % 2 ? levels.high == before_high : levels.low <= before_low);
    }
    // Fixed before anything was shown: there is a picture all the same.
    levels = (struct levels){.contrast = CONTRAST_FIXED};
    levels_apply(&levels, &frame, pixels);
    ck_assert(levels.low == 0 && levels.high == 65535);
}
END_TEST

START_TEST(maps_become_brighter_all_the_way)
{
    for (int map = 0; map < COLOUR_MAP_COUNT; map++) {
        double before = -1;
        for (int value = 0; value < 256; value++) {
            const uint32_t colour = colour_map_colour((enum colour_map)map, value);
            const double brightness =
                0.2126 * (colour >> 16 & 0xff) + 0.7152 * (colour >> 8 & 0xff) + 0.0722 * (colour & 0xff);
            ck_assert_double_gt(brightness, before - 0.5); // colours are whole numbers
            before = brightness;
        }
        enum colour_map found;
        ck_assert(colour_map_find(colour_map_name((enum colour_map)map), &found) && (int)found == map);
    }
}
END_TEST

START_TEST(a_smaller_picture_is_the_mean)
{
    enum { SIDE = 23 };
    static uint32_t pixels[SIDE * SIDE], small[SIDE * SIDE];
    for (int factor = 1; factor <= SIDE + 2; factor++) {
        const int side = shrink_side(SIDE, factor);
        ck_assert(side * factor >= SIDE && (side - 1) * factor < SIDE);
        // A slope of 2 to the right in red and 3 down in green: a mean is the value in the middle.
        for (int i = 0; i < SIDE * SIDE; i++)
            pixels[i] = 0xff000000U | (uint32_t)(i % SIDE * 2) << 16 | (uint32_t)(i / SIDE * 3) << 8 | 77;
        shrink(pixels, SIDE, SIDE, factor, small);
        for (int i = 0; i < side * side; i++) {
            const int left = i % side * factor, top = i / side * factor;
            const int right = left + factor < SIDE ? left + factor : SIDE;
            const int bottom = top + factor < SIDE ? top + factor : SIDE;
            ck_assert_int_eq(small[i] >> 16, 0xff00 + (left + right - 1));
            ck_assert_int_eq(small[i] >> 8 & 0xff, (3 * (top + bottom - 1) + 1) / 2);
            ck_assert_int_eq(small[i] & 0xff, 77);
        }
    }
}
END_TEST

/* ---- playing ---- */

/* 50 frames a second; frame 20 is shown ten times as long. */
static double interval_s(const void *context, int64_t index)
{
    (void)context;
    return index == 20 ? 0.2 : 0.02;
}

static int64_t due(struct player *player, double now_s)
{
    return player_due(player, now_s, interval_s, NULL, 99);
}

START_TEST(frames_come_when_they_are_due)
{
    struct player player = {.plays = true, .speed = 1};
    player_restart(&player, 100, 7);
    ck_assert_int_eq(due(&player, 100), 7);
    ck_assert_int_eq(due(&player, 100.019), 7);
    ck_assert_int_eq(due(&player, 100.021), 8);
    ck_assert_int_eq(due(&player, 100.27), 20);
    ck_assert_int_eq(due(&player, 100.45), 20);
    ck_assert_int_eq(due(&player, 100.47), 21);
    ck_assert_int_eq(due(&player, 101.19), 57);
    player_change_speed(&player, 1);
    player_restart(&player, 101.01, 57);
    ck_assert_int_eq(due(&player, 101.215), 77);
    ck_assert_int_eq(due(&player, 105), 99);
    ck_assert(!player.plays);
    player = (struct player){.plays = true, .loops = true, .speed = 1};
    player_restart(&player, 0, 90);
    ck_assert_int_eq(due(&player, 0.21), 0);
    ck_assert_int_eq(due(&player, 0.245), 1);
    ck_assert_int_eq(due(&player, 0.255), 2);
    ck_assert(player.plays);
    for (int i = 0; i < 20; i++)
        player_change_speed(&player, -1);
    ck_assert_double_eq(player.speed, 1.0 / 64);
}
END_TEST

/* ---- ROIs ---- */

static bool same(const trk_roi_set *a, const trk_roi_set *b)
{
    bool equal = trk_roi_set_count(a) == trk_roi_set_count(b);
    for (int i = 0; equal && i < trk_roi_set_count(a); i++) {
        const trk_roi p = trk_roi_set_rois(a)[i], q = trk_roi_set_rois(b)[i];
        equal = p.x == q.x && p.y == q.y && p.width == q.width && p.height == q.height &&
                (trk_roi_set_group(a, i) < 0) == (trk_roi_set_group(b, i) < 0);
    }
    return equal;
}

/* Random steps; every one undone gives what was before, every one done again what was after. */
START_TEST(steps_go_back_and_forth)
{
    enum { STEPS = 150, KEPT = 99 };
    struct regions *regions;
    trk_roi_set *sets[STEPS + 1];
    const unsigned seed = 5;
    srand(seed);
    printf("seed %u\n", seed);
    ck_assert_int_eq(regions_create(&regions, 320, 240, NULL, &error), IST_OK);
    for (int step = 0; step <= STEPS; step++) {
        int outside;
        ck_assert_int_eq(trk_roi_set_create(&sets[step], &error), IST_OK);
        ck_assert_int_eq(trk_roi_set_append(sets[step], regions_now(regions), 320, 240, &outside, &error), IST_OK);
        ck_assert_int_eq(outside, 0); // all steps leave them in the picture
        const int count = trk_roi_set_count(regions_now(regions));
        const int roi = count ? rand() % count : 0;
        const struct shape shape = {.kind = (enum shape_kind)(rand() % SHAPE_COUNT),
                                    .from = {rand() % 300, rand() % 200},
                                    .to = {rand() % 340, rand() % 260},
                                    .block_px = 8};
        const trk_roi_set *before = regions_now(regions);
        for (int tries = 0; step < STEPS && regions_now(regions) == before; tries++) {
            const int what = count ? rand() % 4 : 0;
            if (what == 3)
                (void)(regions_remove(regions, roi, &error) < 0);
            else if (what == 2)
                (void)(regions_move(regions, roi, rand() % 400 - 200, rand() % 400 - 200, &error) < 0);
            else
                (void)(regions_add(regions, &shape, &error) < 0);
            if (tries == 20)
                (void)(regions_add(regions, &(struct shape){.to = {5, 5}, .block_px = 8}, &error) < 0);
        }
    }
    for (int step = STEPS - 1; step >= STEPS - KEPT; step--) {
        ck_assert(regions_undo(regions));
        ck_assert(same(regions_now(regions), sets[step]));
    }
    ck_assert(!regions_undo(regions));
    for (int step = STEPS - KEPT + 1; step <= STEPS; step++) {
        ck_assert(regions_redo(regions));
        ck_assert(same(regions_now(regions), sets[step]));
    }
    ck_assert(!regions_redo(regions));
    regions_destroy(&regions);
    for (int step = 0; step <= STEPS; step++)
        trk_roi_set_destroy(&sets[step]);
}
END_TEST

START_TEST(saved_is_what_is_in_the_file)
{
    struct regions *regions;
    char folder[TEMPORARY_SIZE], path[96];
    temporary_folder(folder, "view-parts");
    snprintf(path, sizeof path, "%s/regions.yaml", folder);
    const struct shape box = {.from = {10, 10}, .to = {50, 40}, .block_px = 8};
    ck_assert_int_eq(regions_create(&regions, 320, 240, NULL, &error), IST_OK);
    ck_assert(!regions_unsaved(regions));
    ck_assert_int_eq(regions_add(regions, &box, &error), IST_OK);
    ck_assert(regions_unsaved(regions));
    ck_assert_int_eq(regions_save(regions, path, &error), IST_OK);
    ck_assert(!regions_unsaved(regions));
    ck_assert_int_eq(regions_move(regions, 0, 5, 5, &error), IST_OK);
    ck_assert(regions_unsaved(regions));
    ck_assert(regions_undo(regions) && !regions_unsaved(regions));
    ck_assert_int_eq(regions_at(regions, 10, 10), 0);
    ck_assert_int_eq(regions_at(regions, 50, 40), -1);
    regions_destroy(&regions);
    ck_assert_int_eq(regions_create(&regions, 320, 240, path, &error), IST_OK);
    ck_assert_int_eq(trk_roi_set_count(regions_now(regions)), 1);
    regions_destroy(&regions);
    remove(path);
    remove(folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("view");
    TCase *tests = tcase_create("parts");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, percentiles_cut_off_what_they_say);
    tcase_add_test(tests, one_value_is_no_range);
    tcase_add_test(tests, a_contrast_is_read_as_people_write_it);
    tcase_add_test(tests, the_ends_of_the_contrast_move);
    tcase_add_test(tests, maps_become_brighter_all_the_way);
    tcase_add_test(tests, a_smaller_picture_is_the_mean);
    tcase_add_test(tests, frames_come_when_they_are_due);
    tcase_add_test(tests, steps_go_back_and_forth);
    tcase_add_test(tests, saved_is_what_is_in_the_file);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
