/* Recording through a queue: every frame is written or counted, whatever is slow, full or broken. */
#include <check.h>
#include <errno.h>
#include <libstore/libstore.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fs.h"
#include "temporary.h"

enum { WIDTH = 64, HEIGHT = 48, FRAME_BYTES = WIDTH * HEIGHT };

static char folder[TEMPORARY_SIZE], store[80];
static ist_error error;
static struct fs_calls sound_calls;

static void setup(void)
{
    temporary_folder(folder, "recorder-test");
    snprintf(store, sizeof store, "%s/store", folder);
    sound_calls = fs_calls;
}

static void teardown(void)
{
    fs_calls = sound_calls;
    fs_remove_tree(folder);
}

/* ---- a camera ---- */

/* A frame whose every pixel follows from its number. */
static ist_frame frame_of(int64_t number, uint8_t pixels[FRAME_BYTES])
{
    for (int i = 0; i < FRAME_BYTES; i++)
        pixels[i] = (uint8_t)(i + number * 7);
    return (ist_frame){.data = pixels,
                       .stride = WIDTH,
                       .width = WIDTH,
                       .height = HEIGHT,
                       .channels = 1,
                       .number = number,
                       .time_s = 1e9 + (double)number / 100};
}

static ist_recorder *start_writer(ist_writer_params shape, const ist_recorder_params *params)
{
    ist_writer *writer;
    ist_recorder *recorder;
    shape.format = "npy";
    shape.width = WIDTH;
    shape.height = HEIGHT;
    ck_assert_msg(ist_writer_create(&writer, store, &shape, &error) == IST_OK, "%s", error.message);
    ck_assert_msg(ist_recorder_start(&recorder, &writer, store, params, &error) == IST_OK, "%s", error.message);
    ck_assert_ptr_null(writer);
    return recorder;
}

static ist_recorder *start(const ist_recorder_params *params)
{
    return start_writer((ist_writer_params){.chunksize = 25}, params);
}

static ist_status add(ist_recorder *recorder, int64_t number, double wait_s)
{
    uint8_t pixels[FRAME_BYTES];
    const ist_frame frame = frame_of(number, pixels);
    return ist_recorder_add(recorder, &frame, wait_s, &error);
}

static ist_recorder_stats finish(ist_recorder **recorder)
{
    ist_recorder_stats stats;
    ck_assert_msg(ist_recorder_finish(recorder, &stats, &error) == IST_OK, "%s", error.message);
    ck_assert_ptr_null(*recorder);
    return stats;
}

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* ---- a slow or broken disk ---- */

static atomic_int writes_left; /* until the disk is full */

static ssize_t slow_write(int fd, const void *data, size_t size)
{
    if (size >= FRAME_BYTES)
        usleep(4000);
    return sound_calls.write(fd, data, size);
}

static ssize_t full_write(int fd, const void *data, size_t size)
{
    if (size >= FRAME_BYTES && atomic_fetch_sub(&writes_left, 1) <= 0) {
        errno = ENOSPC;
        return -1;
    }
    return sound_calls.write(fd, data, size);
}

/* ---- what is in the store ---- */

static ist_reader *open_store(void)
{
    ist_reader *reader;
    ck_assert_msg(ist_reader_open(&reader, store, &error) == IST_OK, "%s", error.message);
    return reader;
}

/* Every frame has the pixels, number and time that it was given; calls `number` for each. */
static void check_frames(ist_reader *reader, void (*seen)(int64_t number))
{
    uint8_t pixels[FRAME_BYTES];
    ist_frame frame = {0};
    ist_status status;
    while ((status = ist_reader_next(reader, &frame, &error)) == IST_OK) {
        const ist_frame given = frame_of(frame.number, pixels);
        ck_assert(frame.time_s == given.time_s);
        for (int y = 0; y < HEIGHT; y++)
            ck_assert_mem_eq(frame.data + y * frame.stride, pixels + y * WIDTH, WIDTH);
        seen(frame.number);
    }
    ck_assert_int_eq(status, IST_END);
    ist_frame_free(&frame);
}

enum { NUMBERS_MAX = 1000 };
static int times_kept[NUMBERS_MAX], times_dropped[NUMBERS_MAX];

static void keep(int64_t number)
{
    times_kept[number]++;
}

/* Each number below `count` is in the store, or among its drops, and only once. */
static void check_all_accounted_for(int count, const ist_recorder_stats *stats)
{
    memset(times_kept, 0, sizeof times_kept);
    memset(times_dropped, 0, sizeof times_dropped);
    ist_reader *reader = open_store();
    check_frames(reader, keep);
    ist_drop *drops;
    int64_t drop_count;
    int64_t by_cause[IST_DROP_CAUSE_COUNT] = {0};
    ck_assert_int_eq(ist_reader_drops(reader, &drops, &drop_count, &error), IST_OK);
    for (int64_t i = 0; i < drop_count; i++) {
        by_cause[drops[i].cause] += drops[i].count;
        for (int64_t k = 0; k < drops[i].count; k++)
            times_dropped[drops[i].first_number + k]++;
    }
    for (int i = 0; i < count; i++)
        ck_assert_msg(times_kept[i] + times_dropped[i] == 1, "frame %d: kept %d times, dropped %d times", i,
                      times_kept[i], times_dropped[i]);
    for (int cause = 0; cause < IST_DROP_CAUSE_COUNT; cause++) {
        ck_assert_int_eq(by_cause[cause], stats->dropped[cause]);
        ck_assert_int_eq(ist_reader_get_info(reader)->dropped[cause], stats->dropped[cause]);
    }
    ck_assert_int_eq(ist_reader_get_info(reader)->frame_count, stats->written);
    ist_free(drops);
    ist_reader_close(&reader);
}

/* ---- tests ---- */

START_TEST(everything_that_is_waited_for_is_written)
{
    ist_recorder *recorder = start(&(ist_recorder_params){.queue_bytes = 3 * FRAME_BYTES});
    for (int i = 0; i < 120; i++)
        ck_assert_int_eq(add(recorder, i, (double)INFINITY), IST_OK);
    const ist_recorder_stats stats = finish(&recorder);
    ck_assert_int_eq(stats.written, 120);
    ck_assert_int_le(stats.queue_bytes_max, 3 * FRAME_BYTES);
    check_all_accounted_for(120, &stats);
}
END_TEST

START_TEST(somebody_who_reads_does_not_hold_up_the_end)
{
    ist_recorder *recorder = start(NULL);
    for (int i = 0; i < 30; i++)
        ck_assert_int_eq(add(recorder, i, (double)INFINITY), IST_OK);
    ist_reader *reader = open_store();
    ist_recorder_stats stats = finish(&recorder);
    ck_assert_int_eq(ist_reader_refresh(reader, &error), IST_OK);
    ck_assert_int_eq(ist_reader_get_info(reader)->frame_count, 30);
    ist_reader_close(&reader);
    check_all_accounted_for(30, &stats);
}
END_TEST

START_TEST(a_full_queue_drops_and_says_where)
{
    fs_calls.write = slow_write;
    ist_recorder *recorder = start(&(ist_recorder_params){.queue_bytes = 4 * FRAME_BYTES});
    int dropped = 0;
    for (int i = 0; i < 300; i++) {
        const ist_status status = add(recorder, i, 0);
        ck_assert(status == IST_OK || status == IST_DROPPED);
        dropped += status == IST_DROPPED;
        usleep(i % 50 < 25 ? 200 : 5000);
    }
    const ist_recorder_stats stats = finish(&recorder);
    ck_assert_int_gt(dropped, 0);
    ck_assert_int_gt(stats.written, 20);
    ck_assert_int_eq(stats.dropped[IST_DROP_QUEUE], dropped);
    check_all_accounted_for(300, &stats);
}
END_TEST

START_TEST(nobody_waits_longer_than_asked)
{
    fs_calls.write = slow_write;
    ist_recorder *recorder = start(&(ist_recorder_params){.queue_bytes = FRAME_BYTES});
    ck_assert_int_eq(add(recorder, 0, 0), IST_OK);
    double longest_s = 0;
    for (int i = 1; i < 40; i++) {
        const double begin_s = now_s();
        (void)add(recorder, i, 0.001);
        longest_s = fmax(longest_s, now_s() - begin_s);
    }
    ck_assert_double_lt(longest_s, 0.5); // this machine may be busy with something else
    const ist_recorder_stats stats = finish(&recorder);
    check_all_accounted_for(40, &stats);
}
END_TEST

START_TEST(drops_of_camera_bus_and_queue_are_told_apart)
{
    ist_recorder *recorder = start(&(ist_recorder_params){.gaps_are_drops = true});
    for (int i = 10; i < 20; i++) // the first number is no gap
        ck_assert_int_eq(add(recorder, i, (double)INFINITY), IST_OK);
    ck_assert_int_eq(add(recorder, 23, (double)INFINITY), IST_OK); // 20..22 never came
    const ist_drop broken = {.cause = IST_DROP_BUS, .first_number = 24, .count = 2, .time_s = 5};
    ist_recorder_note_drop(recorder, &broken);
    ck_assert_int_eq(add(recorder, 27, (double)INFINITY), IST_OK); // 26 never came
    const ist_recorder_stats stats = finish(&recorder);
    ck_assert_int_eq(stats.dropped[IST_DROP_CAMERA], 4);
    ck_assert_int_eq(stats.dropped[IST_DROP_BUS], 2);
    ist_reader *reader = open_store();
    ist_drop *drops;
    int64_t count;
    ck_assert_int_eq(ist_reader_drops(reader, &drops, &count, &error), IST_OK);
    ck_assert_int_eq(count, 3);
    ck_assert(drops[0].cause == IST_DROP_CAMERA && drops[0].first_number == 20 && drops[0].count == 3);
    ck_assert(drops[1].cause == IST_DROP_BUS && drops[1].first_number == 24 && drops[1].count == 2);
    ck_assert(drops[2].cause == IST_DROP_CAMERA && drops[2].first_number == 26 && drops[2].count == 1);
    ist_free(drops);
    ist_reader_close(&reader);
}
END_TEST

static atomic_int released[NUMBERS_MAX];

static void count_release(void *context)
{
    atomic_int *counter = context;
    atomic_fetch_add(counter, 1);
}

START_TEST(pixels_that_are_lent_come_back_once)
{
    static uint8_t pixels[100][FRAME_BYTES];
    fs_calls.write = slow_write;
    ist_recorder *recorder = start(&(ist_recorder_params){.queue_bytes = 10 * FRAME_BYTES});
    for (int i = 0; i < 100; i++) {
        atomic_store(&released[i], 0);
        const ist_frame frame = frame_of(i, pixels[i]);
        const ist_status status =
            ist_recorder_give(recorder, &frame, count_release, &released[i], i % 3 ? (double)INFINITY : 0, &error);
        ck_assert(status == IST_OK || status == IST_DROPPED);
    }
    const ist_recorder_stats stats = finish(&recorder);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(atomic_load(&released[i]), 1);
    check_all_accounted_for(100, &stats);
}
END_TEST

START_TEST(a_full_disk_loses_nothing_that_was_written)
{
    atomic_store(&writes_left, 40);
    fs_calls.write = full_write;
    ist_recorder *recorder = start(&(ist_recorder_params){.queue_bytes = 20 * FRAME_BYTES});
    ist_status status = IST_OK;
    int given = 0;
    while (status == IST_OK && given < 500)
        status = add(recorder, given++, (double)INFINITY);
    ck_assert_int_eq(status, IST_ERROR_IO);
    ck_assert_ptr_nonnull(strstr(error.message, "No space left"));
    ck_assert_int_eq(add(recorder, given, 0), IST_ERROR_IO);
    ist_recorder_stats stats;
    ck_assert_int_eq(ist_recorder_finish(&recorder, &stats, &error), IST_ERROR_IO);
    ck_assert_int_eq(stats.written, 40);
    ck_assert_int_eq(stats.written + stats.lost, stats.added);
    fs_calls = sound_calls;
    check_all_accounted_for(40, &stats);
}
END_TEST

static int refuse_chunk_42(const char *path, mode_t mode)
{
    if (strcmp(fs_basename(path), "000042") != 0)
        return sound_calls.mkdir(path, mode);
    errno = ENOSPC;
    return -1;
}

/* At the beginning of a chunk, where the ring has just removed the oldest one. */
START_TEST(a_ring_that_fails_counts_what_it_removed)
{
    fs_calls.mkdir = refuse_chunk_42;
    ist_recorder *recorder = start_writer((ist_writer_params){.keep_s = 0.3}, NULL);
    for (int i = 0; i < 500; i++)
        (void)add(recorder, i, 0); // which the queue has room for, or says that the store failed
    ist_recorder_stats stats;
    ck_assert_int_eq(ist_recorder_finish(&recorder, &stats, &error), IST_ERROR_IO);
    ist_reader *reader;
    ck_assert_msg(ist_reader_open(&reader, store, &error) == IST_OK, "%s", error.message);
    ck_assert_int_gt(stats.removed, 0);
    ck_assert_int_eq(stats.removed, ist_reader_get_info(reader)->removed_frames);
    ck_assert_int_eq(stats.written - stats.removed, ist_reader_get_info(reader)->frame_count);
    ist_reader_close(&reader);
}
END_TEST

static atomic_int events[IST_RECORDER_FAILED + 1];

static void count_event(void *context, const ist_recorder_event *event)
{
    ck_assert_ptr_eq(context, events);
    atomic_fetch_add(&events[event->kind], 1);
}

START_TEST(a_disk_that_fills_ends_the_recording_in_good_order)
{
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        atomic_store(&events[i], 0);
    ist_recorder *recorder =
        start(&(ist_recorder_params){.free_stop_bytes = INT64_MAX / 2, .event = count_event, .context = events});
    ist_status status = IST_OK;
    int given = 0;
    while (status == IST_OK)
        status = add(recorder, given++, (double)INFINITY);
    ck_assert_int_eq(status, IST_END);
    ck_assert_int_eq(add(recorder, given, (double)INFINITY), IST_END);
    const ist_recorder_stats stats = finish(&recorder);
    ck_assert_int_eq(stats.written, given - 1);
    ck_assert_int_eq(atomic_load(&events[IST_RECORDER_STOPPED]), 1);
    ck_assert_int_eq(atomic_load(&events[IST_RECORDER_FAILED]), 0);
    ist_reader *reader = open_store();
    ck_assert_int_eq(ist_reader_get_info(reader)->frame_count, given - 1);
    ck_assert(!ist_reader_get_info(reader)->unfinished);
    ist_reader_close(&reader);
}
END_TEST

enum { SAMPLES = 200 };

static void *sample_daq(void *recorder)
{
    for (int i = 0; i < SAMPLES; i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"sample\": %d, \"sample_time\": %.3f}", i, 1e9 + i * 1e-3);
        ck_assert_int_eq(ist_recorder_add_extra(recorder, json, (double)INFINITY, NULL), IST_OK);
    }
    return NULL;
}

START_TEST(samples_of_another_thread_are_all_kept)
{
    ist_recorder *recorder = start(NULL);
    ck_assert_int_eq(ist_recorder_add_extra(recorder, "[1]", 0, &error), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(ist_recorder_add_extra(recorder, "{\"frame_time\": 1}", 0, &error), IST_ERROR_ARGUMENT);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, sample_daq, recorder), 0); // begins before there is a frame
    usleep(2000);
    for (int i = 0; i < 60; i++)
        ck_assert_int_eq(add(recorder, i, (double)INFINITY), IST_OK);
    pthread_join(thread, NULL);
    const ist_recorder_stats stats = finish(&recorder);
    ck_assert_int_eq(stats.written, 60);
    ist_reader *reader = open_store();
    char *json;
    ck_assert_int_eq(ist_reader_extra(reader, 0, 60, &json, &error), IST_OK);
    const char *at = json;
    for (int i = 0; i < SAMPLES; i++) {
        char text[32];
        snprintf(text, sizeof text, "\"sample\": %d,", i);
        at = strstr(at, text); // all of them, in their order
        ck_assert_msg(at, "sample %d is missing", i);
    }
    ist_free(json);
    ist_reader_close(&reader);
}
END_TEST

START_TEST(drops_survive_a_crash_and_an_append)
{
    ist_writer *writer;
    uint8_t pixels[FRAME_BYTES];
    const ist_writer_params shape = {.format = "npy", .width = WIDTH, .height = HEIGHT};
    ck_assert_int_eq(ist_writer_create(&writer, store, &shape, &error), IST_OK);
    ist_frame frame = frame_of(0, pixels);
    ck_assert_int_eq(ist_writer_add(writer, &frame, &error), IST_OK);
    ck_assert_int_eq(
        ist_writer_note_drop(writer, &(ist_drop){.cause = IST_DROP_CAMERA, .first_number = 1, .count = 3}, &error),
        IST_OK);
    ck_assert_int_eq(ist_writer_note_drop(writer, &(ist_drop){.cause = IST_DROP_CAMERA}, &error), IST_ERROR_ARGUMENT);

    // A copy of the store, as a dead recorder would leave it.
    char command[256], copy[96];
    snprintf(copy, sizeof copy, "%s/copy", folder);
    snprintf(command, sizeof command, "cp -r %s %s", store, copy);
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(ist_writer_close(&writer, &error), IST_OK);
    ck_assert_int_eq(ist_repair(copy, NULL, &error), IST_OK);
    const char *const stores[] = {store, copy};
    for (int i = 0; i < 2; i++) {
        ist_reader *reader;
        ck_assert_int_eq(ist_writer_open(&writer, stores[i], NULL, &error), IST_OK);
        ck_assert_int_eq(
            ist_writer_note_drop(writer, &(ist_drop){.cause = IST_DROP_QUEUE, .first_number = 4, .count = 1}, &error),
            IST_OK);
        ck_assert_int_eq(ist_reader_open(&reader, stores[i], &error), IST_OK);
        ck_assert_int_eq(ist_reader_get_info(reader)->dropped[IST_DROP_QUEUE], 1); // while it is recorded, too
        ist_reader_close(&reader);
        ck_assert_int_eq(ist_writer_close(&writer, &error), IST_OK);
        ck_assert_int_eq(ist_reader_open(&reader, stores[i], &error), IST_OK);
        ck_assert_int_eq(ist_reader_get_info(reader)->dropped[IST_DROP_CAMERA], 3);
        ck_assert_int_eq(ist_reader_get_info(reader)->dropped[IST_DROP_QUEUE], 1);
        ist_reader_close(&reader);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recorder");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, everything_that_is_waited_for_is_written);
    tcase_add_test(tests, somebody_who_reads_does_not_hold_up_the_end);
    tcase_add_test(tests, a_full_queue_drops_and_says_where);
    tcase_add_test(tests, nobody_waits_longer_than_asked);
    tcase_add_test(tests, drops_of_camera_bus_and_queue_are_told_apart);
    tcase_add_test(tests, pixels_that_are_lent_come_back_once);
    tcase_add_test(tests, a_full_disk_loses_nothing_that_was_written);
    tcase_add_test(tests, a_ring_that_fails_counts_what_it_removed);
    tcase_add_test(tests, a_disk_that_fills_ends_the_recording_in_good_order);
    tcase_add_test(tests, samples_of_another_thread_are_all_kept);
    tcase_add_test(tests, drops_survive_a_crash_and_an_append);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
