/* Several stores side by side: against the plainest way to say what belongs together. */
#include <check.h>
#include <libstore/libstore.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "barcode.h"
#include "fs.h"
#include "temporary.h"

enum { WIDTH = 88, HEIGHT = 16, STORES = 3, FRAMES_MAX = 40 };

static char folder[TEMPORARY_SIZE];
static unsigned seed;

/* Numbers of the frames of each store, as they were recorded. */
static int64_t numbers[STORES][FRAMES_MAX];
static int counts[STORES];
static ist_reader *readers[STORES];

static void check_ok(ist_status status, const ist_error *error)
{
    ck_assert_msg(status >= 0, "seed %u: %s", seed, error->message);
}

static void set_up(void)
{
    temporary_folder(folder, "align-test");
}

static void tear_down(void)
{
    for (int s = 0; s < STORES; s++)
        ist_reader_close(&readers[s]);
    fs_remove_tree(folder);
}

/* Records store s with numbers[s]; the barcode is the index. */
static void record(int s)
{
    ist_error error;
    ist_writer *writer;
    ist_frame frame = {0};
    char path[96];
    snprintf(path, sizeof path, "%s/%d", folder, s);
    const int height = HEIGHT + 2 * s; // stores need not be of the same size
    const ist_writer_params params = {.format = "npy", .width = WIDTH, .height = height, .chunksize = 7};
    check_ok(ist_writer_create(&writer, path, &params, &error), &error);
    check_ok(ist_frame_alloc(&frame, WIDTH, height, 1, IST_PIXEL_U8, &error), &error);
    for (int i = 0; i < counts[s]; i++) {
        memset(frame.data, 70, (size_t)frame.stride * (size_t)height);
        barcode_draw(&frame, i + 1);
        frame.number = numbers[s][i];
        frame.time_s = 100.0 * s + i;
        check_ok(ist_writer_add(writer, &frame, &error), &error);
    }
    check_ok(ist_writer_close(&writer, &error), &error);
    check_ok(ist_reader_open(&readers[s], path, &error), &error);
    ist_frame_free(&frame);
}

/* The first frame of the store with the number; -1: none. */
static int index_of(int s, int64_t number)
{
    for (int i = 0; i < counts[s]; i++)
        if (numbers[s][i] == number)
            return i;
    return -1;
}

/* The first frame of the largest number below; -1: none. */
static int index_below(int s, int64_t number)
{
    int best = -1;
    for (int i = 0; i < counts[s]; i++)
        if (numbers[s][i] < number && (best < 0 || numbers[s][i] > numbers[s][best]))
            best = i;
    return best;
}

static void check_slot(int s, int64_t number, ist_align_policy policy, const ist_aligned_frame *slot)
{
    const int own = index_of(s, number), held = policy == IST_ALIGN_HOLD ? index_below(s, number) : -1;
    const int expected = own >= 0 ? own : held;
    ck_assert_int_eq(slot->frame.height, HEIGHT + 2 * s);
    if (expected < 0) {
        ck_assert_int_eq(slot->state, IST_ALIGNED_BLACK);
        ck_assert_int_eq(slot->frame.index, -1);
        ck_assert_int_eq(slot->frame.number, number);
        ck_assert(isnan(slot->frame.time_s));
        for (int y = 0; y < slot->frame.height; y++)
            for (int x = 0; x < WIDTH; x++)
                ck_assert_int_eq(slot->frame.data[y * slot->frame.stride + x], 0);
        return;
    }
    ck_assert_int_eq(slot->state, own >= 0 ? IST_ALIGNED : IST_ALIGNED_HELD);
    ck_assert_int_eq(slot->frame.index, expected);
    ck_assert_int_eq(slot->frame.number, numbers[s][expected]);
    ck_assert_int_eq(barcode_read(&slot->frame), expected + 1);
    ck_assert_double_eq(slot->frame.time_s, 100.0 * s + expected);
}

/* Walks over all stores and compares with a search through every number that there could be. */
static void check_policy(ist_align_policy policy)
{
    ist_error error;
    ist_aligner *aligner;
    const ist_aligned_frame *frames;
    int64_t steps, number, seen = 0;
    check_ok(ist_aligner_open(&aligner, readers, STORES, policy, &error), &error);
    check_ok(ist_aligner_count(aligner, &steps, &error), &error);
    for (int64_t wanted = -1000; wanted <= 1000; wanted++) {
        int having = 0;
        for (int s = 0; s < STORES; s++)
            having += index_of(s, wanted) >= 0;
        if (having == 0 || (policy == IST_ALIGN_DROP && having < STORES))
            continue;
        const ist_status status = ist_aligner_next(aligner, &number, &frames, &error);
        check_ok(status, &error);
        ck_assert_int_eq(status, IST_OK);
        ck_assert_int_eq(number, wanted);
        for (int s = 0; s < STORES; s++)
            check_slot(s, number, policy, &frames[s]);
        seen++;
    }
    ck_assert_int_eq(ist_aligner_next(aligner, &number, &frames, &error), IST_END);
    ck_assert_int_eq(ist_aligner_next(aligner, &number, &frames, &error), IST_END);
    ck_assert_int_eq(steps, seen);
    ist_aligner_close(&aligner);
    ck_assert_ptr_null(aligner);
}

static void check_policies(void)
{
    for (int s = 0; s < STORES; s++)
        record(s);
    check_policy(IST_ALIGN_DROP);
    check_policy(IST_ALIGN_HOLD);
    check_policy(IST_ALIGN_BLACK);
}

/* Numbers that rise with gaps and repeats, or, in every third store, go anywhere. */
START_TEST(random_numbers)
{
    srand(seed + (unsigned)_i);
    for (int s = 0; s < STORES; s++) {
        counts[s] = rand() % FRAMES_MAX;
        int64_t number = rand() % 10 - 5;
        for (int i = 0; i < counts[s]; i++) {
            numbers[s][i] = _i % 2 && s == _i % 3 ? rand() % 40 - 20 : number;
            number += rand() % 4;
        }
    }
    check_policies();
}
END_TEST

START_TEST(same_numbers)
{
    for (int s = 0; s < STORES; s++) {
        counts[s] = FRAMES_MAX;
        for (int i = 0; i < FRAMES_MAX; i++)
            numbers[s][i] = i;
    }
    check_policies();
}
END_TEST

START_TEST(empty_store)
{
    for (int s = 0; s < STORES; s++) {
        counts[s] = s == 1 ? 0 : 5;
        for (int i = 0; i < counts[s]; i++)
            numbers[s][i] = i * 2;
    }
    check_policies();
}
END_TEST

START_TEST(frame_that_cannot_be_read)
{
    ist_error error;
    ist_aligner *aligner;
    const ist_aligned_frame *frames;
    int64_t number;
    char path[128];
    for (int s = 0; s < STORES; s++) {
        counts[s] = 3;
        for (int i = 0; i < 3; i++)
            numbers[s][i] = i;
        record(s);
    }
    snprintf(path, sizeof path, "%s/1/000000/000001.npy", folder);
    ck_assert_int_eq(fs_calls.unlink(path), 0);
    check_ok(ist_aligner_open(&aligner, readers, STORES, IST_ALIGN_HOLD, &error), &error);
    ck_assert_int_eq(ist_aligner_next(aligner, &number, &frames, &error), IST_OK);
    ck_assert_int_eq(ist_aligner_next(aligner, &number, &frames, &error), IST_ERROR_DATA);
    ck_assert_ptr_nonnull(strstr(error.message, "/1"));
    ck_assert_int_eq(ist_aligner_next(aligner, &number, &frames, &error), IST_OK);
    ck_assert_int_eq(number, 2);
    ist_aligner_close(&aligner);
}
END_TEST

START_TEST(nothing_to_align)
{
    ist_error error;
    ist_aligner *aligner;
    ck_assert_int_eq(ist_aligner_open(&aligner, readers, 0, IST_ALIGN_DROP, &error), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(ist_aligner_open(&aligner, readers, 1, (ist_align_policy)7, &error), IST_ERROR_ARGUMENT);
    ist_aligner_close(&aligner);
}
END_TEST

int main(int argc, char **argv)
{
    seed = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : (unsigned)time(NULL);
    printf("seed %u\n", seed);
    Suite *suite = suite_create("align");
    TCase *tests = tcase_create("align");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, random_numbers, 0, 12);
    tcase_add_test(tests, same_numbers);
    tcase_add_test(tests, empty_store);
    tcase_add_test(tests, frame_that_cannot_be_read);
    tcase_add_test(tests, nothing_to_align);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
