/* What ist_repair() says of frames that are not what was recorded. */
#include <check.h>
#include <libstore/libstore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "checksum.h"
#include "fs.h"
#include "temporary.h"

enum { WIDTH = 96, HEIGHT = 48, FRAMES = 9 };

static char folder[TEMPORARY_SIZE], store[80];
static ist_error error;

static void check_ok(ist_status status)
{
    ck_assert_msg(status >= 0, "%s", error.message);
}

static void set_up(void)
{
    temporary_folder(folder, "repair-test");
    snprintf(store, sizeof store, "%s/store", folder);
}

static void tear_down(void)
{
    fs_remove_tree(folder);
}

/* Noise, so that every frame takes about as many bytes. All chunks but the last are finished. */
static void record_and_die(const char *format, int frames, int chunksize)
{
    ist_writer *writer;
    ist_frame frame = {0};
    check_ok(ist_frame_alloc(&frame, WIDTH, HEIGHT, 1, IST_PIXEL_U8, &error));
    check_ok(ist_writer_create(
        &writer, store,
        &(ist_writer_params){.format = format, .width = WIDTH, .height = HEIGHT, .chunksize = chunksize}, &error));
    srand(1);
    for (frame.number = 0; frame.number < frames; frame.number++) {
        for (int i = 0; i < HEIGHT * frame.stride; i++)
            frame.data[i] = (uint8_t)rand();
        check_ok(ist_writer_add(writer, &frame, &error));
    }
    char npz[160];
    snprintf(npz, sizeof npz, strchr(format, '/') ? "%s/%06d.npz" : "%s/%06d/index.npz", store,
             (frames - 1) / chunksize - 1);
    while (frames > chunksize && !fs_exists(npz))
        usleep(1000);
    _exit(0);
}

static void leave_chunks_unfinished(const char *format, int frames, int chunksize)
{
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0)
        record_and_die(format, frames, chunksize);
    int result;
    waitpid(child, &result, 0);
    ck_assert(WIFEXITED(result) && WEXITSTATUS(result) == 0);
}

static void leave_unfinished(const char *format)
{
    leave_chunks_unfinished(format, FRAMES, 100);
}

/* Turns the lowest bit of the byte after this share of them. */
static void flip_bit_at(const char *name, double share)
{
    char path[160];
    struct buffer bytes = {0};
    snprintf(path, sizeof path, "%s/%s", store, name);
    check_ok(fs_read_file(path, &bytes, &error));
    bytes.data[(size_t)((double)bytes.size * share)] ^= 1;
    check_ok(fs_write_file(path, bytes.data, bytes.size, &error));
    buffer_free(&bytes);
}

static void flip_bit(const char *name)
{
    flip_bit_at(name, 0.5);
}

static int64_t count_unreadable(void)
{
    ist_reader *reader;
    ist_frame frame = {0};
    int64_t unreadable = 0;
    check_ok(ist_reader_open(&reader, store, &error));
    ck_assert_int_eq(ist_reader_get_info(reader)->frame_count, FRAMES);
    for (int64_t i = 0; i < FRAMES; i++)
        unreadable += ist_reader_read_index(reader, i, &frame, &error) == IST_ERROR_DATA;
    ist_frame_free(&frame);
    ist_reader_close(&reader);
    return unreadable;
}

/* Names, sizes and times of all files, and their bytes. */
static uint32_t fingerprint(void)
{
    char command[256];
    snprintf(command, sizeof command,
             "cd %s && find . -type f | sort | xargs stat -c '%%n %%s %%y' && find . -type f | sort | xargs cksum",
             store);
    FILE *listing = popen(command, "r");
    ck_assert_ptr_nonnull(listing);
    char line[512];
    uint32_t sum = 0;
    while (fgets(line, sizeof line, listing))
        sum = checksum(sum, line, strlen(line));
    ck_assert_int_eq(pclose(listing), 0);
    return sum;
}

static const struct {
    const char *format, *file; /* where the bit turns */
} recordings[] = {{"npy", "000000/000004.npy"}, {"mjpeg/avi", "000000.avi.live"}, {"ffv1/mkv", "000000.mkv.live"}};

/* Nothing is lost for it: the frame stays, in its place, and is read as damaged. */
START_TEST(a_bit_that_turned_is_one_damaged_frame)
{
    leave_unfinished(recordings[_i].format);
    flip_bit(recordings[_i].file);
    ck_assert_int_eq(count_unreadable(), 1);

    ist_repair_report report;
    check_ok(ist_repair(store, &report, &error));
    ck_assert(report.needed);
    ck_assert_int_eq(report.chunks_finished, 1);
    ck_assert_int_eq(report.frame_count, FRAMES);
    ck_assert_int_eq(report.frames_lost, 0);
    ck_assert_int_eq(report.frames_damaged, 1);
    ck_assert_int_eq(count_unreadable(), 1);
}
END_TEST

/* Frames that are read, each of which must be the one of its number. */
static int64_t count_right(void)
{
    ist_reader *reader;
    ist_frame frame = {0};
    check_ok(ist_reader_open(&reader, store, &error));
    const int64_t count = ist_reader_get_info(reader)->frame_count;
    for (int64_t i = 0; i < count; i++) {
        check_ok(ist_reader_read_index(reader, i, &frame, &error));
        ck_assert_int_eq(frame.number, i);
    }
    ist_frame_free(&frame);
    ist_reader_close(&reader);
    return count;
}

/* Files with this ending, of whichever size, in the store and its folders. */
static int count_files(const char *ending)
{
    char command[160];
    int count = -1;
    snprintf(command, sizeof command, "find %s -name '*%s' | wc -l", store, ending);
    FILE *listing = popen(command, "r");
    ck_assert_ptr_nonnull(listing);
    ck_assert_int_eq(fscanf(listing, "%d", &count), 1);
    ck_assert_int_eq(pclose(listing), 0);
    return count;
}

static void append_a_frame(void)
{
    ist_writer *writer;
    ist_frame frame = {0};
    check_ok(ist_frame_alloc(&frame, WIDTH, HEIGHT, 1, IST_PIXEL_U8, &error));
    memset(frame.data, 9, (size_t)(frame.stride * HEIGHT));
    check_ok(ist_writer_open(&writer, store, NULL, &error));
    frame.number = ist_writer_frame_count(writer);
    check_ok(ist_writer_add(writer, &frame, &error));
    check_ok(ist_writer_close(&writer, &error));
    ist_frame_free(&frame);
}

static const char *const chunk_formats[] = {"npy", "avc1/mp4", "mjpeg/avi", "h264/mkv"};

/* One bit in its log, and the index ends there. What is finished stays, and no pixel goes. */
START_TEST(an_index_that_lost_its_end)
{
    enum { COUNT = 35, CHUNKSIZE = 4, FINISHED = 32 };
    const char *format = chunk_formats[_i];
    const char *ending = strchr(format, '/') ? strchr(format, '/') + 1 : format;
    for (int tenth = 0; tenth < 10; tenth++) {
        leave_chunks_unfinished(format, COUNT, CHUNKSIZE);
        flip_bit_at(".index.sqlite-wal", tenth / 10.0);
        ck_assert_int_ge(count_right(), FINISHED);

        ist_repair_report report;
        check_ok(ist_repair(store, &report, &error));
        ck_assert_int_eq(report.frame_count + report.frames_unlisted, COUNT);
        ck_assert_int_ge(report.frame_count, FINISHED);
        ck_assert_int_eq(report.frames_lost, 0);
        ck_assert_int_eq(count_right(), report.frame_count);
        const int pixels = count_files(ending);
        ck_assert_int_eq(pixels, strchr(format, '/') ? 9 : COUNT);
        ck_assert_int_eq(count_files(".npz"), report.frame_count > FINISHED ? 9 : 8);

        // What has no numbers is not written over.
        append_a_frame();
        ck_assert_int_eq(count_right(), report.frame_count + 1);
        ck_assert_int_eq(count_files(ending), pixels + 1);
        fs_remove_tree(store);
    }
}
END_TEST

/* Indexes of the frames that are not what was recorded, as bits. */
static unsigned damaged_frames(void)
{
    ist_reader *reader;
    unsigned damaged = 0;
    check_ok(ist_reader_open(&reader, store, &error));
    for (int i = 0; i < FRAMES; i++) {
        const ist_status status = ist_reader_check_index(reader, i, &error);
        ck_assert_msg(status == IST_OK || status == IST_ERROR_DATA, "%s", error.message);
        damaged |= (unsigned)(status < 0) << i;
    }
    ck_assert_int_eq(ist_reader_check_index(reader, FRAMES, &error), IST_ERROR_NOT_FOUND);
    ist_reader_close(&reader);
    return damaged;
}

/* Of these formats no frame is predicted from another: those that cannot be read are those that are damaged. */
static unsigned unreadable_frames(void)
{
    ist_reader *reader;
    ist_frame frame = {0};
    unsigned unreadable = 0;
    check_ok(ist_reader_open(&reader, store, &error));
    for (int i = 0; i < FRAMES; i++) {
        (void)!ist_reader_check_index(reader, rand() % FRAMES, &error); // which does not disturb who reads
        unreadable |= (unsigned)(ist_reader_read_index(reader, i, &frame, &error) < 0) << i;
    }
    ist_frame_free(&frame);
    ist_reader_close(&reader);
    return unreadable;
}

START_TEST(damage_is_found_before_and_behind_repair)
{
    leave_unfinished(recordings[_i].format);
    ck_assert_uint_eq(damaged_frames(), 0);
    flip_bit(recordings[_i].file);
    const unsigned damaged = damaged_frames();
    ck_assert_uint_ne(damaged, 0);
    ck_assert_uint_eq(damaged & (damaged - 1), 0);
    ck_assert_uint_eq(unreadable_frames(), damaged);
    for (int i = 0; i < 2; i++) {
        check_ok(ist_repair(store, NULL, &error));
        ck_assert_uint_eq(damaged_frames(), damaged);
        ck_assert_uint_eq(unreadable_frames(), damaged);
    }
}
END_TEST

static const char *const finished_files[] = {"000000/000004.npy", "000000.avi", "000000.mkv"};

/* In files that were finished, too; and without the index, by what lies beside them. */
START_TEST(damage_to_a_finished_store_is_found)
{
    char command[256];
    leave_unfinished(recordings[_i].format);
    check_ok(ist_repair(store, NULL, &error));
    ck_assert_uint_eq(damaged_frames(), 0);
    flip_bit(finished_files[_i]);
    const unsigned damaged = damaged_frames();
    ck_assert_uint_ne(damaged, 0);
    ck_assert_uint_eq(unreadable_frames(), damaged);
    snprintf(command, sizeof command, "rm %s/.index.sqlite", store);
    ck_assert_int_eq(system(command), 0);
    ck_assert_uint_eq(damaged_frames(), damaged);
    snprintf(command, sizeof command, "rm %s/%s", store, finished_files[_i]);
    ck_assert_int_eq(system(command), 0);
    ck_assert_uint_eq(damaged_frames(), _i == 0 ? 1U << 4 : (1U << FRAMES) - 1);
}
END_TEST

START_TEST(repaired_again_nothing_changes)
{
    leave_unfinished(recordings[_i].format);
    flip_bit(recordings[_i].file);
    check_ok(ist_repair(store, NULL, &error));

    const uint32_t before = fingerprint();
    ist_repair_report report;
    check_ok(ist_repair(store, &report, &error));
    ck_assert(!report.needed);
    ck_assert_int_eq(report.frames_lost, 0);
    ck_assert_uint_eq(fingerprint(), before);
    ck_assert_int_eq(count_unreadable(), 1);
}
END_TEST

int main(void)
{
    enum { COUNT = sizeof recordings / sizeof *recordings };
    Suite *suite = suite_create("repair");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_loop_test(all, a_bit_that_turned_is_one_damaged_frame, 0, COUNT);
    tcase_add_loop_test(all, an_index_that_lost_its_end, 0, sizeof chunk_formats / sizeof *chunk_formats);
    tcase_add_loop_test(all, damage_is_found_before_and_behind_repair, 0, COUNT);
    tcase_add_loop_test(all, damage_to_a_finished_store_is_found, 0, COUNT);
    tcase_add_loop_test(all, repaired_again_nothing_changes, 0, COUNT);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
