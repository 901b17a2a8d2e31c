/* Finding frames by number and time against the plain definition: look at every frame. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs.h"
#include "index.h"
#include "index_search.h"
#include "temporary.h"

static void check_ok(ist_status status, const ist_error *error)
{
    ck_assert_msg(status >= 0, "%s", error->message);
}

/* How the numbers and times of a store run on. */
struct order {
    const char *name;
    int64_t (*number)(int64_t i);
    double (*time_s)(int64_t i);
};

static int64_t rising(int64_t i)
{
    return 3 * i + i / 5;
}
static int64_t negative_rising(int64_t i)
{
    return i - 40;
}
static int64_t repeating(int64_t i)
{
    return i / 4;
}
static int64_t all_equal(int64_t i)
{
    (void)i;
    return 7;
}
static int64_t falling(int64_t i)
{
    return 100000 - 5 * i;
}
static int64_t wrapping(int64_t i)
{
    return (i * 7) % 50;
}
static int64_t scattered(int64_t i)
{
    return (int64_t)((uint64_t)(i + 1) * 2654435761u % 1009) * 2;
}
static int64_t enormous(int64_t i)
{
    return i % 2 ? INT64_MAX - i : INT64_MIN + i;
}
static double even(int64_t i)
{
    return 1700000000.0 + (double)i / 25;
}
static double restarting(int64_t i)
{
    return (double)(i % 37) * 0.5;
}
static double jittered(int64_t i)
{
    return (double)i + 3 * sin((double)i);
}

static const struct order orders[] = {
    {"rising", rising, even},           {"negative", negative_rising, even}, {"repeating", repeating, restarting},
    {"equal", all_equal, jittered},     {"falling", falling, even},          {"wrapping", wrapping, restarting},
    {"scattered", scattered, jittered}, {"enormous", enormous, even},
};

enum { ORDER_COUNT = sizeof orders / sizeof *orders, FRAMES = 200 };

static struct index *make_index(const struct order *order, int64_t chunk_length)
{
    ist_error error;
    struct index *index;
    check_ok(index_build_begin(&index, NULL, "", &error), &error);
    int64_t numbers[FRAMES];
    double times_s[FRAMES];
    for (int64_t first = 0; first < FRAMES; first += chunk_length) {
        struct npz_index npz = {.numbers = numbers, .times_s = times_s};
        for (; npz.count < chunk_length && first + npz.count < FRAMES; npz.count++) {
            numbers[npz.count] = order->number(first + npz.count);
            times_s[npz.count] = order->time_s(first + npz.count);
        }
        check_ok(index_build_chunk(index, (int)(first / chunk_length), "", &npz, &error), &error);
    }
    check_ok(index_build_finish(index, &error), &error);
    ck_assert_int_eq(index_frame_count(index), FRAMES);
    return index;
}

static int64_t nearest_number(const struct order *order, int64_t wanted)
{
    int64_t best = 0;
    for (int64_t i = 1; i < FRAMES; i++) {
        const long double distance = fabsl((long double)order->number(i) - (long double)wanted);
        const long double least = fabsl((long double)order->number(best) - (long double)wanted);
        if (distance < least || (distance == least && order->number(i) < order->number(best)))
            best = i;
    }
    return best;
}

static int64_t nearest_time(const struct order *order, double wanted)
{
    int64_t best = 0;
    for (int64_t i = 1; i < FRAMES; i++) {
        const double distance = fabs(order->time_s(i) - wanted), least = fabs(order->time_s(best) - wanted);
        if (distance < least || (distance == least && order->time_s(i) < order->time_s(best)))
            best = i;
    }
    return best;
}

START_TEST(test_search)
{
    const struct order *order = &orders[_i];
    static const int64_t chunk_lengths[] = {1, 7, 50, FRAMES};
    ist_error error;
    for (size_t c = 0; c < 4; c++) {
        struct index *index = make_index(order, chunk_lengths[c]);
        struct index_search *search;
        check_ok(index_search_create(&search, index, &error), &error);
        for (int64_t i = 0; i < FRAMES; i++) {
            for (int64_t shift = -2; shift <= 2; shift++) {
                struct index_entry entry;
                int64_t found;
                const int64_t number = order->number(i) + (order->number == enormous ? 0 : shift);
                check_ok(index_search_number(search, number, &found, &entry, &error), &error);
                ck_assert_msg(found == nearest_number(order, number), "%s: number %lld: %lld, not %lld", order->name,
                              (long long)number, (long long)found, (long long)nearest_number(order, number));
                ck_assert_int_eq(entry.number, order->number(found));
                const double time_s = order->time_s(i) + (double)shift * 0.013;
                check_ok(index_search_time(search, time_s, &found, &entry, &error), &error);
                ck_assert_msg(found == nearest_time(order, time_s), "%s: time %.17g: %lld, not %lld", order->name,
                              time_s, (long long)found, (long long)nearest_time(order, time_s));
            }
        }
        int64_t found;
        struct index_entry entry;
        check_ok(index_search_number(search, INT64_MIN, &found, &entry, &error), &error);
        ck_assert_int_eq(found, nearest_number(order, INT64_MIN));
        check_ok(index_search_number(search, INT64_MAX, &found, &entry, &error), &error);
        ck_assert_int_eq(found, nearest_number(order, INT64_MAX));
        check_ok(index_search_time(search, 1e10, &found, &entry, &error), &error);
        ck_assert_int_eq(found, nearest_time(order, 1e10));
        index_search_destroy(&search);
        index_close(&index);
    }
}
END_TEST

/* What the writing half puts into the file, the reading half finds, at every moment and after the end. */
START_TEST(test_file)
{
    char folder[TEMPORARY_SIZE], path[96];
    temporary_folder(folder, "index-test");
    snprintf(path, sizeof path, "%s/index", folder);
    ist_error error;
    struct index *writing, *reading;
    check_ok(index_create(&writing, path, "0123", false, &error), &error);
    ck_assert_int_eq(index_open(&reading, path, "4567", &error), IST_ERROR_NOT_FOUND);
    struct chunk_range range = {0};
    struct index_entry last = {0};
    for (int64_t i = 0; i < 25; i++) {
        if (i % 10 == 0) {
            if (i > 0)
                check_ok(index_finish_chunk(writing, &range, &error), &error);
            range = (struct chunk_range){.chunk = (int)(i / 10), .first_index = i};
        }
        const struct index_entry entry = {.number = wrapping(i), .time_s = jittered(i)};
        check_ok(index_add_frame(writing, i, range.chunk, "store/0", (int)(i % 10), &entry, &error), &error);
        chunk_range_add(&range, entry.number, entry.time_s, last.number, last.time_s);
        last = entry;
        check_ok(index_add_extra(writing, i, "{\"a\": 1}", &error), &error);

        check_ok(index_open(&reading, path, "0123", &error), &error);
        ck_assert_int_eq(index_frame_count(reading), i + 1);
        struct index_entry got;
        check_ok(index_entries(reading, i, 1, &got, &error), &error);
        ck_assert_int_eq(got.number, entry.number);
        ck_assert(got.time_s == entry.time_s);
        ck_assert_int_eq(index_range_of(reading, i)->chunk, i / 10);
        ck_assert_int_eq(index_range_of(reading, i)->number_min, range.number_min);
        ck_assert(index_range_of(reading, i)->times_rise == range.times_rise);
        index_close(&reading);
    }
    check_ok(index_finish_chunk(writing, &range, &error), &error);
    check_ok(index_finish(writing, &error), &error);
    index_close(&writing);

    check_ok(index_open(&reading, path, "0123", &error), &error);
    ck_assert_int_eq(index_frame_count(reading), 25);
    struct buffer json = {0};
    check_ok(index_extra(reading, 23, 2, &json, &error), &error);
    ck_assert_ptr_nonnull(strstr((char *)json.data, "\"frame_index\": 24}]"));
    buffer_free(&json);
    index_close(&reading);
    fs_remove_tree(folder);
}
END_TEST

static void add_drop_before(struct index *index, int64_t frame_index, int64_t number)
{
    ist_error error;
    const ist_drop drop = {.cause = IST_DROP_CAMERA, .first_number = number, .count = 1};
    check_ok(index_add_drop(index, frame_index, &drop, &error), &error);
}

/* Where drops lie shows in their order, when others are noted before every frame: these come behind the older ones. */
START_TEST(test_drops_stay_in_place)
{
    enum { CHUNK = 4, CHUNKS = 2, LOST_FIRST = 2, LOST = 2, LEFT = CHUNK * CHUNKS - LOST, PROBE = 1000 };
    char folder[TEMPORARY_SIZE], path[96];
    temporary_folder(folder, "index-test");
    snprintf(path, sizeof path, "%s/index", folder);
    ist_error error;
    struct index *index;
    check_ok(index_create(&index, path, "0123", false, &error), &error);
    for (int64_t i = 0; i < CHUNK * CHUNKS; i++)
        check_ok(index_add_frame(index, i, (int)(i / CHUNK), "store/0", (int)(i % CHUNK),
                                 &(struct index_entry){.number = i}, &error),
                 &error);
    const int64_t before[] = {1, 3, 5, CHUNK * CHUNKS};
    for (int i = 0; i < 4; i++)
        add_drop_before(index, before[i], i);
    check_ok(index_reload(index, &error), &error);
    check_ok(index_drop_frames(index, LOST_FIRST, LOST, &error), &error);
    for (int64_t i = 0; i <= LEFT; i++)
        add_drop_before(index, i, PROBE + i);

    const int64_t expected[] = {PROBE, 0, PROBE + 1, 1, PROBE + 2, 2, PROBE + 3, PROBE + 4, PROBE + 5, 3, PROBE + 6};
    struct drop_list found = {0};
    check_ok(index_drops(index, 0, LEFT, &found, &error), &error);
    ck_assert_int_eq(found.count, sizeof expected / sizeof *expected);
    for (int64_t i = 0; i < found.count; i++)
        ck_assert_int_eq(found.items[i].drop.first_number, expected[i]);
    drop_list_free(&found);
    index_close(&index);
    fs_remove_tree(folder);
}
END_TEST

/* However long a recording goes on, its log does not: what is brought into the file makes room for what comes. */
START_TEST(test_log_begins_anew)
{
    enum { ROUNDS = 6, FRAMES_A_ROUND = 200 };
    char folder[TEMPORARY_SIZE], path[96], log[112];
    temporary_folder(folder, "index-test");
    snprintf(path, sizeof path, "%s/index", folder);
    snprintf(log, sizeof log, "%s-wal", path);
    ist_error error;
    struct index *index;
    check_ok(index_create(&index, path, "0123", false, &error), &error);
    int64_t size_after_two = 0;
    for (int64_t i = 0; i < (int64_t)ROUNDS * FRAMES_A_ROUND; i++) {
        check_ok(index_add_frame(index, i, 0, "store/0", (int)i, &(struct index_entry){.number = i}, &error), &error);
        if (i % FRAMES_A_ROUND == 0)
            check_ok(index_checkpoint(path, &error), &error);
        if (i == 2 * FRAMES_A_ROUND)
            size_after_two = fs_file_size(log);
    }
    // Rows spread over a few more pages as there are more of them.
    ck_assert_int_gt(size_after_two, 0);
    ck_assert_int_lt(fs_file_size(log), size_after_two * 3 / 2);
    index_close(&index);
    fs_remove_tree(folder);
}
END_TEST

START_TEST(test_damaged_file)
{
    char folder[TEMPORARY_SIZE], path[96];
    temporary_folder(folder, "index-test");
    snprintf(path, sizeof path, "%s/index", folder);
    ist_error error;
    struct index *index;
    ck_assert_int_eq(index_open(&index, path, "0123", &error), IST_ERROR_NOT_FOUND);
    check_ok(fs_write_file(path, "this is no database, but it is long enough", 42, &error), &error);
    ck_assert_int_lt(index_open(&index, path, "0123", &error), 0);
    ck_assert_ptr_null(index);
    check_ok(fs_write_file(path, "", 0, &error), &error);
    ck_assert_int_lt(index_open(&index, path, "0123", &error), 0);
    fs_remove_tree(folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("index");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, test_search, 0, ORDER_COUNT);
    tcase_add_test(all, test_file);
    tcase_add_test(all, test_drops_stay_in_place);
    tcase_add_test(all, test_log_begins_anew);
    tcase_add_test(all, test_damaged_file);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
