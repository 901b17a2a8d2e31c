/* A store that keeps only its newest frames while it is recorded (ist_writer_params.keep_s). */
#include <check.h>
#include <errno.h>
#include <libstore/libstore.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "barcode.h"
#include "fs.h"
#include "temporary.h"

enum { WIDTH = 96, HEIGHT = 48, RATE = 10, CHUNK = 5, KEPT = 20, FRAMES = 93 };
static const double KEEP_S = (double)KEPT / RATE, CHUNK_S = (double)CHUNK / RATE;

static const char *const formats[] = {"avc1/mp4", "mjpeg/avi", "h264/mkv", "png", "npy"};

enum { FORMAT_COUNT = sizeof formats / sizeof *formats };

static char folder[TEMPORARY_SIZE], store[128];
static _Thread_local ist_error error;
static struct fs_calls sound_calls;
static int64_t repeats; /* frames with the same number; 0: they fall within each chunk */

static void setup(void)
{
    temporary_folder(folder, "ring-test");
    snprintf(store, sizeof store, "%s/store", folder);
    sound_calls = fs_calls;
    repeats = 2;
}

static void teardown(void)
{
    fs_calls = sound_calls;
    fs_remove_tree(folder);
}

static void check_ok(ist_status status)
{
    ck_assert_msg(status >= 0, "%s", error.message);
}

/* ---- recording ---- */

/* Numbers repeat, so that extra data find their frames by the index alone. */
static int64_t number_of(int64_t i)
{
    return repeats ? i / repeats : i - i % CHUNK + CHUNK - 1 - i % CHUNK;
}

static double time_of(int64_t i)
{
    return 1.7e9 + (double)i / RATE;
}

static void add(ist_writer *writer, int64_t i)
{
    ist_frame frame = {0};
    char extra[64];
    check_ok(ist_frame_alloc(&frame, WIDTH, HEIGHT, 1, IST_PIXEL_U8, &error));
    memset(frame.data, 90, (size_t)frame.stride * HEIGHT);
    barcode_draw(&frame, i);
    frame.number = number_of(i);
    frame.time_s = time_of(i);
    frame.camera_time_s = 1 + (double)i / RATE;
    if (i % 7 == 0)
        check_ok(ist_writer_note_drop(
            writer, &(ist_drop){.cause = IST_DROP_BUS, .first_number = i, .count = 1, .time_s = time_of(i)}, &error));
    check_ok(ist_writer_add(writer, &frame, &error));
    snprintf(extra, sizeof extra, "{\"i\": %lld}", (long long)i);
    if (i % 3 == 0)
        check_ok(ist_writer_add_extra(writer, extra, &error));
    ist_frame_free(&frame);
}

static ist_writer *begin(const char *format)
{
    ist_writer *writer;
    const ist_writer_params params = {
        .format = format, .width = WIDTH, .height = HEIGHT, .keep_s = KEEP_S, .chunk_duration_s = CHUNK_S};
    check_ok(ist_writer_create(&writer, store, &params, &error));
    return writer;
}

/* Leaves the writer open. */
static ist_writer *record_frames(const char *format, int64_t frames)
{
    ist_writer *writer = begin(format);
    for (int64_t i = 0; i < frames; i++)
        add(writer, i);
    return writer;
}

static void record(const char *format)
{
    ist_writer *writer = record_frames(format, FRAMES);
    check_ok(ist_writer_close(&writer, &error));
}

/* ---- what must be there ---- */

/* Of `frames` frames that were recorded. */
static void check_kept(const ist_reader_info *info, int64_t frames)
{
    ck_assert_int_eq(info->removed_frames + info->frame_count, frames);
    if (frames > KEPT)
        ck_assert_int_ge(info->frame_count, KEPT);
    ck_assert_int_le(info->frame_count, KEPT + 2 * CHUNK + 1);
    ck_assert_int_eq(info->removed_frames, CHUNK * info->removed_chunks);
}

static int64_t rows_in(const char *extra)
{
    int64_t rows = 0;
    for (const char *at = extra; (at = strstr(at, "\"i\": ")); at++)
        rows++;
    return rows;
}

/* Every row says which frame it was bound to. */
static void check_extra(ist_reader *reader, int64_t removed, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        char *extra, row[48], place[48];
        check_ok(ist_reader_extra(reader, i, 1, &extra, &error));
        snprintf(row, sizeof row, "\"i\": %lld,", (long long)(removed + i));
        snprintf(place, sizeof place, "\"frame_index\": %lld}", (long long)i);
        ck_assert_int_eq(rows_in(extra), (removed + i) % 3 == 0);
        if ((removed + i) % 3 == 0)
            ck_assert_msg(strstr(extra, row) && strstr(extra, place), "frame %lld: %s", (long long)i, extra);
        ist_free(extra);
    }
}

/* A frame that was read is the one that was recorded as number `recorded`. */
static void check_read(const ist_frame *frame, int64_t index, int64_t recorded)
{
    ck_assert_int_eq(barcode_read(frame), recorded);
    ck_assert_int_eq(frame->index, index);
    ck_assert_int_eq(frame->number, number_of(recorded));
    ck_assert(frame->time_s == time_of(recorded));
}

static void check_frame(ist_reader *reader, int64_t index, int64_t recorded)
{
    ist_frame frame = {0};
    check_ok(ist_reader_read_index(reader, index, &frame, &error));
    check_read(&frame, index, recorded);
    ist_frame_free(&frame);
}

/* Reads the store with the frames up to `frames`, by index, and finds them by time. Returns how many were removed. */
static int64_t check_store(int64_t frames)
{
    ist_reader *reader;
    check_ok(ist_reader_open(&reader, store, &error));
    const ist_reader_info *info = ist_reader_get_info(reader);
    const int64_t removed = info->removed_frames, count = info->frame_count;
    ck_assert_int_eq(removed + count, frames);
    ck_assert_ptr_null(ist_reader_problem(reader, 0));
    for (int64_t i = 0; i < count; i++) {
        int64_t found;
        check_frame(reader, i, removed + i);
        check_ok(ist_reader_find_time(reader, time_of(removed + i) + 0.02, &found, &error));
        ck_assert_int_eq(found, i);
    }
    check_extra(reader, removed, count);
    ist_reader_close(&reader);
    return removed;
}

static bool is_there(int chunk, const char *ending)
{
    char path[192];
    snprintf(path, sizeof path, "%s/%06d%s", store, chunk, ending);
    return fs_exists(path);
}

/* What a chunk of these tests consists of: its pixels, its npz, its extra data. */
enum { FILES = 3 };

static bool has_file(const char *format, int chunk, int i)
{
    const char *slash = strchr(format, '/');
    char video[16];
    snprintf(video, sizeof video, ".%s", slash ? slash + 1 : "");
    const char *const endings[FILES] = {slash ? video : "", slash ? ".npz" : "/index.npz",
                                        slash ? ".extra.json" : "/index.extra.json"};
    return is_there(chunk, endings[i]);
}

/* The chunks are numbered from 0 on, and there is nothing else. */
static void check_files(const char *format)
{
    ist_reader *reader;
    check_ok(ist_reader_open(&reader, store, &error));
    const int chunks = ist_reader_get_info(reader)->chunk_count;
    ck_assert_int_eq(ist_reader_get_info(reader)->removed_chunks, 0);
    for (int i = 0; i < chunks; i++) {
        int chunk;
        ist_reader_chunk(reader, i, &chunk, NULL, NULL);
        ck_assert_int_eq(chunk, i);
    }
    ist_reader_close(&reader);
    // The last chunk may be too short to have extra data.
    for (int chunk = 0; chunk < 100; chunk++)
        for (int i = 0; i < (chunk == chunks - 1 ? 2 : FILES); i++)
            ck_assert_msg(has_file(format, chunk, i) == (chunk < chunks), "%06d, file %d", chunk, i);
}

/* The chunks have the numbers that they were recorded with; of chunk 0 there is what imgstore needs. */
static void check_files_of_ring(const char *format, int removed, int missing)
{
    ck_assert_int_gt(removed, 3);
    for (int chunk = 0; chunk <= removed; chunk++)
        for (int i = 0; i < FILES; i++)
            ck_assert_msg(has_file(format, chunk, i) == (chunk == removed || (chunk == 0 && i < 2)), "%06d, file %d",
                          chunk, i);
    ck_assert(!has_file(format, missing, 0));
    ck_assert(!is_there(0, "/000000.png"));
}

static void forget_index(void)
{
    char path[192];
    snprintf(path, sizeof path, "%s/.index.sqlite", store);
    ck_assert_int_eq(unlink(path), 0);
}

/* ---- tests ---- */

/* At every moment the newest frames are there, and not many more. Afterwards too, with the index and without. */
START_TEST(test_newest_frames_stay)
{
    const char *format = formats[_i];
    ist_writer *writer = begin(format);
    for (int64_t i = 0; i < FRAMES; i++) {
        ist_reader *reader;
        add(writer, i);
        check_ok(ist_reader_open(&reader, store, &error));
        const ist_reader_info *info = ist_reader_get_info(reader);
        check_kept(info, i + 1);
        ck_assert_ptr_null(ist_reader_problem(reader, 0));
        ck_assert_int_eq(ist_writer_frame_count(writer), info->frame_count);
        ck_assert_int_eq(ist_writer_removed_frames(writer), info->removed_frames);
        check_frame(reader, 0, info->removed_frames);
        check_frame(reader, info->frame_count - 1, i);
        ist_reader_close(&reader);
    }
    check_ok(ist_writer_close(&writer, &error));
    check_files(format);
    const int64_t removed = check_store(FRAMES);
    ck_assert_int_gt(removed, FRAMES / 2);
    forget_index();
    ck_assert_int_eq(check_store(FRAMES), removed);
}
END_TEST

static ist_status count_drop(const ist_drop *drops, int64_t count, int64_t removed)
{
    for (int64_t i = 0; i < count; i++)
        if (drops[i].first_number < removed)
            return IST_ERROR_DATA;
    return IST_OK;
}

static void check_what_is_bound_to_frames(void)
{
    ist_reader *reader;
    ist_drop *drops;
    int64_t count;
    check_ok(ist_reader_open(&reader, store, &error));
    const ist_reader_info *info = ist_reader_get_info(reader);
    check_ok(ist_reader_drops(reader, &drops, &count, &error));
    ck_assert_int_eq(count_drop(drops, count, info->removed_frames), IST_OK);
    int64_t expected = 0;
    for (int64_t i = info->removed_frames; i < FRAMES; i++)
        expected += i % 7 == 0;
    ck_assert_int_eq(count, expected);
    ck_assert_int_eq(info->dropped[IST_DROP_BUS], expected);
    ist_free(drops);
    double times_s[3];
    check_ok(ist_reader_camera_times(reader, 1, 3, times_s, &error));
    for (int i = 0; i < 3; i++)
        ck_assert(times_s[i] == 1 + (double)(info->removed_frames + 1 + i) / RATE);
    ist_reader_close(&reader);
}

/* Drops and the camera's times go with their frames, also where the index is made anew. */
START_TEST(test_what_is_bound_to_frames)
{
    record("png");
    check_what_is_bound_to_frames();
    forget_index();
    check_what_is_bound_to_frames();
}
END_TEST

/* Who follows goes on where it was, and is told clearly what is no longer there. */
START_TEST(test_follow)
{
    const char *format = formats[_i];
    ist_writer *writer = begin(format);
    ist_reader *reader, *late;
    ist_frame frame = {0};
    int64_t i = 0, next = 0;
    for (; i < KEPT; i++)
        add(writer, i);
    check_ok(ist_reader_open(&late, store, &error));
    check_ok(ist_reader_open(&reader, store, &error));
    for (; next < KEPT / 2; next++) {
        check_ok(ist_reader_next(reader, &frame, &error));
        ck_assert_int_eq(barcode_read(&frame), next);
    }
    // Not refreshed: the first frames are removed meanwhile.
    for (; ist_writer_removed_frames(writer) <= next - CHUNK; i++)
        add(writer, i);
    char *extra;
    int64_t number;
    double times_s[2];
    ck_assert_int_eq(ist_reader_read_index(late, 0, &frame, &error), IST_ERROR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(error.message, "frame 0 was removed"));
    ck_assert_ptr_null(ist_reader_problem(late, 0));
    ck_assert_int_eq(ist_reader_read_time(late, time_of(1), &frame, &error), IST_ERROR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(error.message, "was removed"));
    ist_reader_close(&late);
    ck_assert_int_eq(ist_reader_frame_metadata(reader, 0, 1, &number, NULL, &error), IST_ERROR_NOT_FOUND);
    ck_assert_int_eq(ist_reader_extra(reader, 0, 2, &extra, &error), IST_ERROR_NOT_FOUND);
    ck_assert_ptr_null(extra);
    ck_assert_int_eq(ist_reader_camera_times(reader, 0, 2, times_s, &error), IST_ERROR_NOT_FOUND);
    ck_assert_ptr_null(ist_reader_problem(reader, 0));
    check_frame(reader, next, next);

    check_ok(ist_reader_refresh(reader, &error));
    const int64_t removed = ist_reader_get_info(reader)->removed_frames;
    ck_assert_int_eq(removed, ist_writer_removed_frames(writer));
    check_frame(reader, 0, removed);
    check_frame(reader, next - removed, next);
    for (next++; next < i; next++) {
        check_ok(ist_reader_next(reader, &frame, &error));
        ck_assert_int_eq(barcode_read(&frame), next);
    }
    // Too slow: what was next is gone. It goes on with the first that is there.
    for (; ist_writer_removed_frames(writer) <= next; i++)
        add(writer, i);
    check_ok(ist_reader_refresh(reader, &error));
    check_ok(ist_reader_next(reader, &frame, &error));
    ck_assert_int_eq(barcode_read(&frame), ist_reader_get_info(reader)->removed_frames);
    check_ok(ist_writer_close(&writer, &error));
    ist_frame_free(&frame);
    ist_reader_close(&reader);
}
END_TEST

/* Going on with a ring: as a ring, or keeping all from then on. */
START_TEST(test_append)
{
    const char *format = formats[_i];
    ist_writer *writer;
    record(format);
    const int64_t removed = check_store(FRAMES);
    check_ok(ist_writer_open(&writer, store, NULL, &error));
    for (int64_t i = FRAMES; i < FRAMES + 3 * KEPT; i++)
        add(writer, i);
    check_ok(ist_writer_close(&writer, &error));
    ck_assert_int_eq(check_store(FRAMES + 3 * KEPT), removed);
    check_ok(
        ist_writer_open(&writer, store, &(ist_writer_params){.keep_s = KEEP_S, .chunk_duration_s = CHUNK_S}, &error));
    for (int64_t i = FRAMES + 3 * KEPT; i < FRAMES + 5 * KEPT; i++)
        add(writer, i);
    check_ok(ist_writer_close(&writer, &error));
    ck_assert_int_gt(check_store(FRAMES + 5 * KEPT), FRAMES + 3 * KEPT);
    check_files(format);
    forget_index();
    check_store(FRAMES + 5 * KEPT);
}
END_TEST

/* However many chunks were removed and are left. */
START_TEST(test_numbered_from_0)
{
    const char *format = formats[_i];
    for (int64_t frames = 2; frames < FRAMES; frames += CHUNK) {
        ist_writer *writer = record_frames(format, frames);
        check_ok(ist_writer_close(&writer, &error));
        check_files(format);
        const int64_t removed = check_store(frames);
        forget_index();
        ck_assert_int_eq(check_store(frames), removed);
        fs_remove_tree(store);
    }
}
END_TEST

/* Where a chunk is missing the others keep their numbers, so that it is seen. */
START_TEST(test_hole)
{
    const char *format = formats[_i];
    char path[192];
    const char *slash = strchr(format, '/');
    ist_writer *writer = record_frames(format, FRAMES);
    const int missing = FRAMES / CHUNK - 2;
    snprintf(path, sizeof path, "%s/%06d%s%s", store, missing, slash ? "." : "", slash ? slash + 1 : "");
    fs_remove_tree(path);
    if (slash)
        ck_assert_int_eq(unlink(path), 0);
    check_ok(ist_writer_close(&writer, &error));
    ist_reader *reader;
    check_ok(ist_reader_open(&reader, store, &error));
    const ist_reader_info *info = ist_reader_get_info(reader);
    check_files_of_ring(format, info->removed_chunks, missing);
    check_frame(reader, 0, info->removed_frames);
    check_frame(reader, info->frame_count - 1, FRAMES - 1);
    ck_assert_ptr_nonnull(ist_reader_problem(reader, 0));
    ck_assert_int_eq(ist_reader_problem(reader, 0)->kind, IST_PROBLEM_NO_PIXELS);
    ist_reader_close(&reader);
}
END_TEST

/* ---- readers that have the store open when the chunks get other numbers ---- */

/* A reader with as many frames read as it reads ahead entries of, and no more. */
static ist_reader *open_and_read(int64_t frames)
{
    ist_reader *reader;
    ist_frame frame = {0};
    check_ok(ist_reader_open(&reader, store, &error));
    const int64_t removed = ist_reader_get_info(reader)->removed_frames;
    for (int64_t i = 0; i < frames; i++) {
        check_ok(ist_reader_next(reader, &frame, &error));
        check_read(&frame, i, removed + i);
    }
    ist_frame_free(&frame);
    return reader;
}

/* Every frame is there and the right one, or was removed since the reader looked last. */
static void check_all(ist_reader *reader, int64_t removed_now)
{
    const ist_reader_info *info = ist_reader_get_info(reader);
    for (int64_t i = 0; i < info->frame_count; i++) {
        ist_frame frame = {0};
        int64_t found;
        const int64_t recorded = info->removed_frames + i;
        const ist_status status = ist_reader_read_index(reader, i, &frame, &error);
        ck_assert_msg(status >= 0 || (status == IST_ERROR_NOT_FOUND && recorded < removed_now), "frame %lld: %s",
                      (long long)recorded, error.message);
        if (status >= 0)
            check_read(&frame, i, recorded);
        if (recorded >= removed_now && i > 0) {
            check_ok(ist_reader_check_index(reader, i, &error));
            check_ok(ist_reader_find_time(reader, time_of(recorded), &found, &error));
            ck_assert_int_eq(found, i);
        }
        ist_frame_free(&frame);
    }
    ck_assert_ptr_null(ist_reader_problem(reader, 0));
}

static void check_and_close(ist_reader **readers, int count, int64_t removed)
{
    for (int i = 0; i < count; i++) {
        check_all(readers[i], removed);
        check_ok(ist_reader_refresh(readers[i], &error));
        ck_assert_int_eq(ist_reader_get_info(readers[i])->removed_frames, removed);
        check_all(readers[i], removed);
        ist_reader_close(&readers[i]);
    }
}

START_TEST(test_readers_across_the_end)
{
    const char *format = formats[_i];
    enum { READERS = 3 };
    for (int64_t frames = KEPT + 2 * CHUNK; frames < FRAMES; frames += 3 * CHUNK) {
        ist_writer *writer = record_frames(format, frames);
        ist_reader *readers[READERS] = {open_and_read(0), open_and_read(1), open_and_read(KEPT)};
        check_ok(ist_writer_close(&writer, &error));
        check_and_close(readers, READERS, check_store(frames));
        fs_remove_tree(store);
    }
}
END_TEST

/* The same readers while it goes on, and ends again. */
START_TEST(test_readers_across_two_ends)
{
    const char *format = formats[_i];
    enum { READERS = 3 };
    int64_t frames = KEPT + 3 * CHUNK;
    ist_writer *writer = record_frames(format, frames);
    ist_reader *readers[READERS] = {open_and_read(0), open_and_read(1), open_and_read(KEPT)};
    check_ok(ist_writer_close(&writer, &error));
    check_all(readers[1], check_store(frames));
    check_ok(
        ist_writer_open(&writer, store, &(ist_writer_params){.keep_s = KEEP_S, .chunk_duration_s = CHUNK_S}, &error));
    for (int64_t end = frames + 2 * CHUNK; frames < end; frames++)
        add(writer, frames);
    check_ok(ist_writer_close(&writer, &error));
    const int64_t removed = check_store(frames);
    check_all(readers[0], removed);
    check_and_close(readers, READERS, removed);
    check_files(format);
}
END_TEST

/* What was sorted to find numbers in a chunk is not taken for the one that has its number now. */
START_TEST(test_searches_across_the_end)
{
    repeats = 0;
    for (int64_t sought = 0; sought < KEPT; sought += CHUNK) {
        int64_t found;
        ist_writer *writer = record_frames("npy", KEPT + 3 * CHUNK);
        ist_reader *reader = open_and_read(0);
        const int64_t removed = ist_reader_get_info(reader)->removed_frames;
        ck_assert_int_gt(removed, 0);
        check_ok(ist_reader_find_number(reader, number_of(removed + sought), IST_MATCH_EXACT, &found, &error));
        ck_assert_int_eq(found, sought);
        check_ok(ist_writer_close(&writer, &error));
        check_frame(reader, 0, removed);
        const int64_t after = sought + removed < KEPT ? sought + removed : 0;
        check_ok(ist_reader_find_number(reader, number_of(removed + after), IST_MATCH_EXACT, &found, &error));
        ck_assert_int_eq(found, after);
        ist_reader_close(&reader);
        fs_remove_tree(store);
    }
}
END_TEST

static int renames_left;

static int rename_some(const char *from, const char *to)
{
    if (!strstr(from, ".part") && renames_left-- == 0) {
        errno = EIO;
        return -1;
    }
    return sound_calls.rename(from, to);
}

/* By whoever comes first to a store that was left unfinished. */
static void make_whole(int way)
{
    ist_writer *writer;
    if (way % 3 == 0)
        check_ok(ist_repair(store, NULL, &error));
    if (way % 3 == 1)
        check_ok(ist_save_index(store, &error));
    if (way % 3 == 2) {
        check_ok(ist_writer_open(&writer, store, NULL, &error));
        check_ok(ist_writer_close(&writer, &error));
    }
}

/* Ends a recording of which the rename behind `renames` fails. True if there is no such. */
static bool end_with_failure(const char *format, int64_t frames, int renames)
{
    ist_writer *writer = record_frames(format, frames - 2 * CHUNK);
    ist_reader *early = open_and_read(1); // some of what it knows is removed
    for (int64_t i = frames - 2 * CHUNK; i < frames; i++)
        add(writer, i);
    ist_reader *readers[] = {early, open_and_read(0), open_and_read(KEPT / 2)};
    fs_calls.rename = rename_some;
    renames_left = renames;
    const bool whole = ist_writer_close(&writer, &error) >= 0;
    ck_assert(whole || strstr(error.message, "cannot rename"));
    // By then the last chunk is finished, and its live file gone.
    fs_calls = sound_calls;
    const int64_t removed = check_store(frames);
    check_all(readers[0], removed);
    check_all(readers[1], removed);
    make_whole(renames);
    check_files(format);
    ck_assert_int_eq(check_store(frames), removed);
    check_and_close(readers, 3, removed);
    forget_index();
    ck_assert_int_eq(check_store(frames), removed);
    fs_remove_tree(store);
    return whole;
}

/* Renaming may break off anywhere: all is there, and the repair does the rest. */
START_TEST(test_broken_off)
{
    static const int64_t counts[] = {KEPT + 3 * CHUNK + 1, FRAMES};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        // Some of them, and each in one of the formats.
        int renames = _i % 4;
        while (!end_with_failure(formats[_i], counts[i], renames))
            renames += 4;
        ck_assert_int_gt(renames, KEPT / CHUNK);
    }
}
END_TEST

static atomic_bool ended;

/* Reads with a reader that was open before, and opens others, until the writer is closed. */
static void *read_until_end(void *argument)
{
    const int64_t *removed = argument;
    ist_reader *reader = open_and_read(KEPT / 2);
    while (!atomic_load(&ended)) {
        ist_reader *another = open_and_read(KEPT / 2);
        check_all(another, *removed);
        check_all(reader, *removed);
        ist_reader_close(&another);
    }
    ist_reader_close(&reader);
    return NULL;
}

/* Only opens, which is sooner done, and finds nothing missing. */
static void *open_until_end(void *unused)
{
    (void)unused;
    while (!atomic_load(&ended)) {
        ist_reader *reader = open_and_read(0);
        const ist_problem *problem = ist_reader_problem(reader, 0);
        ck_assert_msg(!problem, "%s", problem ? problem->text : "");
        ist_reader_close(&reader);
    }
    return NULL;
}

START_TEST(test_reading_at_the_end)
{
    const char *format = formats[_i];
    for (int64_t frames = KEPT + 2 * CHUNK; frames < FRAMES; frames += 2 * CHUNK) {
        ist_writer *writer = record_frames(format, frames);
        const int64_t removed = ist_writer_removed_frames(writer);
        pthread_t threads[2];
        atomic_store(&ended, false);
        pthread_create(&threads[0], NULL, read_until_end, (void *)&removed);
        pthread_create(&threads[1], NULL, open_until_end, NULL);
        usleep((useconds_t)(rand() % 5000));
        check_ok(ist_writer_close(&writer, &error));
        usleep(3000);
        atomic_store(&ended, true);
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
        check_files(format);
        fs_remove_tree(store);
    }
}
END_TEST

static int64_t first_number(void)
{
    ist_reader *reader;
    int64_t number;
    check_ok(ist_reader_open(&reader, store, &error));
    check_ok(ist_reader_frame_metadata(reader, 0, 1, &number, NULL, &error));
    ist_reader_close(&reader);
    return number;
}

/* Changes to the whole store leave it the ring that it is, and empty it to one that begins anew. */
START_TEST(test_edit)
{
    record("avc1/mp4");
    const int64_t removed = check_store(FRAMES);
    check_ok(ist_save_index(store, &error));
    ck_assert_int_eq(check_store(FRAMES), removed);

    // The only frame whose number no other has is the last.
    const int64_t last = number_of(FRAMES - 1);
    check_ok(ist_reindex(store, last, &error));
    ck_assert_int_eq(first_number(), -(FRAMES - 1 - removed));
    forget_index();
    ck_assert_int_eq(first_number(), -(FRAMES - 1 - removed));
    ist_reader *reader;
    check_ok(ist_reader_open(&reader, store, &error));
    check_extra(reader, removed, FRAMES - removed);
    const int chunks = ist_reader_get_info(reader)->chunk_count;
    ist_reader_close(&reader);

    char file[192];
    int64_t numbers[CHUNK];
    double times_s[CHUNK];
    for (int i = 0; i < CHUNK; i++) {
        numbers[i] = 1000 + i;
        times_s[i] = time_of(FRAMES + i);
    }
    int first_chunk;
    check_ok(ist_reader_open(&reader, store, &error));
    ist_reader_chunk(reader, 0, &first_chunk, NULL, NULL);
    ist_reader_close(&reader);
    snprintf(file, sizeof file, "%s/%06d.mp4", store, first_chunk);
    check_ok(ist_insert_chunk(
        store, &(ist_insertion){.file = file, .numbers = numbers, .times_s = times_s, .count = CHUNK}, &error));
    check_ok(ist_reader_open(&reader, store, &error));
    ck_assert_int_eq(ist_reader_get_info(reader)->removed_frames, removed);
    ck_assert_int_eq(ist_reader_get_info(reader)->chunk_count, chunks + 1);
    ck_assert_int_eq(ist_reader_get_info(reader)->frame_count, FRAMES - removed + CHUNK);
    ck_assert_ptr_null(ist_reader_problem(reader, 0));
    ist_reader_close(&reader);

    check_ok(ist_empty(store, &error));
    check_ok(ist_reader_open(&reader, store, &error));
    ck_assert_int_eq(ist_reader_get_info(reader)->removed_chunks, 0);
    ck_assert_int_eq(ist_reader_get_info(reader)->frame_count, 0);
    ist_reader_close(&reader);
    ist_writer *writer;
    check_ok(ist_writer_open(&writer, store, NULL, &error));
    for (int64_t i = 0; i < CHUNK; i++)
        add(writer, i);
    check_ok(ist_writer_close(&writer, &error));
    ck_assert_int_eq(check_store(CHUNK), 0);
    forget_index();
    check_store(CHUNK);
}
END_TEST

/* A copy is a store like any other; beside it the ring has frames from the one on that it still has. */
START_TEST(test_export_and_align)
{
    char whole[160], copy[160];
    snprintf(whole, sizeof whole, "%s/whole", folder);
    snprintf(copy, sizeof copy, "%s/copy", folder);
    repeats = 1;
    record(formats[_i]);
    const int64_t removed = check_store(FRAMES);
    ist_reader *reader, *readers[2];
    check_ok(ist_reader_open(&reader, store, &error));
    ist_export_report report;
    check_ok(ist_export(reader, copy, &(ist_export_params){.store = &(ist_writer_params){.format = "npy"}}, &report,
                        &error));
    ck_assert_int_eq(report.frame_count, FRAMES - removed);
    ist_reader_close(&reader);

    ist_writer *writer;
    check_ok(ist_writer_create(&writer, whole, &(ist_writer_params){.format = "npy", .width = WIDTH, .height = HEIGHT},
                               &error));
    for (int64_t i = 0; i < FRAMES; i++)
        add(writer, i);
    check_ok(ist_writer_close(&writer, &error));
    const char *const others[] = {copy, whole};
    for (int o = 0; o < 2; o++) {
        check_ok(ist_reader_open(&readers[0], store, &error));
        check_ok(ist_reader_open(&readers[1], others[o], &error));
        if (o == 0)
            ck_assert_int_eq(ist_reader_get_info(readers[1])->removed_frames, 0);
        ist_aligner *aligner;
        const ist_aligned_frame *frames;
        int64_t number, next = removed;
        check_ok(ist_aligner_open(&aligner, readers, 2, IST_ALIGN_DROP, &error));
        while (ist_aligner_next(aligner, &number, &frames, &error) == IST_OK) {
            ck_assert_int_eq(number, next);
            for (int r = 0; r < 2; r++)
                ck_assert_int_eq(barcode_read(&frames[r].frame), next);
            next++;
        }
        ck_assert_int_eq(next, FRAMES);
        ist_aligner_close(&aligner);
        ist_reader_close(&readers[0]);
        ist_reader_close(&readers[1]);
    }
}
END_TEST

/* ---- what cannot be removed ---- */

static int refuse(const char *path)
{
    errno = EIO;
    return strstr(path, ".live") || strstr(path, ".part") || strstr(path, ".lock") ? sound_calls.unlink(path) : -1;
}

static int count_files(void)
{
    char command[256];
    int count = 0;
    snprintf(command, sizeof command, "ls %s | grep -c '^0'", store);
    FILE *list = popen(command, "r");
    ck_assert_int_eq(fscanf(list, "%d", &count), 1);
    pclose(list);
    return count;
}

struct told {
    int warnings;
    char text[512];
};

static void note(void *context, const ist_recorder_event *event)
{
    struct told *told = context;
    ck_assert_int_ne(event->kind, IST_RECORDER_FAILED);
    if (event->kind != IST_RECORDER_WARNING)
        return;
    told->warnings++;
    snprintf(told->text, sizeof told->text, "%s", event->message);
}

static void record_some(ist_recorder *recorder, int64_t first, int64_t end)
{
    uint8_t pixels[WIDTH * HEIGHT];
    for (int64_t i = first; i < end; i++) {
        ist_frame frame = {.data = pixels, .stride = WIDTH, .width = WIDTH, .height = HEIGHT, .channels = 1};
        memset(pixels, 90, sizeof pixels);
        barcode_draw(&frame, i);
        frame.number = number_of(i);
        frame.time_s = time_of(i);
        char extra[32];
        snprintf(extra, sizeof extra, "{\"i\": %lld}", (long long)i);
        check_ok(ist_recorder_add(recorder, &frame, (double)INFINITY, &error));
        if (i % 3 == 0)
            check_ok(ist_recorder_add_extra(recorder, extra, (double)INFINITY, &error));
    }
    while (ist_recorder_get_stats(recorder).written < end)
        usleep(1000);
}

/* The recording goes on, says so once, and tries again at the end of every chunk. What stays is no part of the store.
 */
START_TEST(test_disk_that_does_not_remove)
{
    const char *format = formats[_i];
    ist_writer *writer = begin(format);
    ist_recorder *recorder;
    struct told told = {0};
    ist_recorder_stats stats;
    check_ok(ist_recorder_start(&recorder, &writer, store,
                                &(ist_recorder_params){.event = note, .context = &told, .free_stop_bytes = -1},
                                &error));
    fs_calls.unlink = refuse;
    record_some(recorder, 0, FRAMES);
    ck_assert_int_eq(told.warnings, 1);
    ck_assert_msg(strstr(told.text, "cannot remove"), "%s", told.text);
    const int files = count_files();
    ck_assert_int_ge(files, FRAMES / CHUNK);
    ck_assert_int_gt(check_store(FRAMES), FRAMES / 2);

    fs_calls = sound_calls;
    record_some(recorder, FRAMES, FRAMES + 3 * CHUNK);
    stats = ist_recorder_get_stats(recorder);
    check_ok(ist_recorder_finish(&recorder, NULL, &error));
    ck_assert_int_eq(told.warnings, 1);
    ck_assert_int_lt(count_files(), files);
    check_files(format);
    ck_assert_int_eq(check_store(FRAMES + 3 * CHUNK), stats.removed);
}
END_TEST

/* Files that were left when the recorder ended are not taken for frames, and go with the next repair or recording. */
START_TEST(test_leftovers)
{
    const char *format = formats[_i];
    ist_writer *writer = begin(format);
    fs_calls.unlink = refuse;
    for (int64_t i = 0; i < FRAMES; i++)
        add(writer, i);
    check_ok(ist_writer_close(&writer, &error));
    fs_calls = sound_calls;
    const int64_t removed = check_store(FRAMES);
    const int files = count_files();
    forget_index();
    ck_assert_int_eq(check_store(FRAMES), removed);
    check_ok(ist_save_index(store, &error));
    ck_assert_int_eq(check_store(FRAMES), removed);
    ck_assert_int_eq(count_files(), files);

    char lock[160];
    ist_repair_report report;
    snprintf(lock, sizeof lock, "%s/.lock", store);
    check_ok(fs_write_file(lock, "", 0, &error));
    ck_assert_int_eq(check_store(FRAMES), removed);
    check_ok(ist_repair(store, &report, &error));
    ck_assert_int_gt(report.files_removed, 0);
    ck_assert_int_eq(report.frame_count, FRAMES - removed);
    check_files(format);
    ck_assert_int_eq(check_store(FRAMES), removed);
}
END_TEST

START_TEST(test_params)
{
    static const struct {
        double keep_s, chunk_duration_s;
    } wrong[] = {{-1, 0}, {(double)NAN, 0}, {(double)INFINITY, 0}, {2, 3}};
    ist_writer *writer;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const ist_writer_params params = {
            .width = WIDTH, .height = HEIGHT, .keep_s = wrong[i].keep_s, .chunk_duration_s = wrong[i].chunk_duration_s};
        ck_assert_int_eq(ist_writer_create(&writer, store, &params, &error), IST_ERROR_ARGUMENT);
    }
    // Without a duration of chunks they span a tenth.
    const ist_writer_params params = {.format = "npy", .width = WIDTH, .height = HEIGHT, .keep_s = KEEP_S};
    check_ok(ist_writer_create(&writer, store, &params, &error));
    for (int64_t i = 0; i < FRAMES; i++)
        add(writer, i);
    check_ok(ist_writer_close(&writer, &error));
    ck_assert_int_le(FRAMES - check_store(FRAMES), KEPT + 2 * KEPT / 10 + 1);
    check_ok(ist_empty(store, &error));
    ck_assert_int_eq(ist_writer_open(&writer, store, &(ist_writer_params){.keep_s = 1, .chunk_duration_s = 2}, &error),
                     IST_ERROR_ARGUMENT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 120);
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_loop_test(all, test_newest_frames_stay, 0, FORMAT_COUNT);
    tcase_add_test(all, test_what_is_bound_to_frames);
    tcase_add_loop_test(all, test_follow, 0, FORMAT_COUNT);
    tcase_add_loop_test(all, test_append, 0, FORMAT_COUNT);
    tcase_add_loop_test(all, test_numbered_from_0, 0, FORMAT_COUNT);
    tcase_add_loop_test(all, test_hole, 0, FORMAT_COUNT);
    tcase_add_loop_test(all, test_readers_across_the_end, 0, FORMAT_COUNT);
    tcase_add_loop_test(all, test_readers_across_two_ends, 0, FORMAT_COUNT);
    tcase_add_test(all, test_searches_across_the_end);
    tcase_add_loop_test(all, test_broken_off, 0, FORMAT_COUNT);
    tcase_add_loop_test(all, test_reading_at_the_end, 0, FORMAT_COUNT);
    tcase_add_test(all, test_edit);
    tcase_add_loop_test(all, test_export_and_align, 0, FORMAT_COUNT);
    tcase_add_loop_test(all, test_disk_that_does_not_remove, 0, FORMAT_COUNT);
    tcase_add_loop_test(all, test_leftovers, 0, FORMAT_COUNT);
    tcase_add_test(all, test_params);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
