/* Changing stores that are there: what comes out, and that it comes out however often it is broken off. */
#include <check.h>
#include <errno.h>
#include <libstore/libstore.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "barcode.h"
#include "breaking_fs.h"
#include "fs.h"
#include "index.h"
#include "npz.h"
#include "reader_ranges.h"
#include "temporary.h"

enum { WIDTH = 96, HEIGHT = 64, CHUNKSIZE = 5, FRAMES = 12, RESET_AT = 7 };

static char folder[TEMPORARY_SIZE];
static char store[128];
static char clip[128]; /* a video file of CHUNKSIZE frames */

static void check_ok(ist_status status, const ist_error *error)
{
    ck_assert_msg(status >= 0, "%s", error->message);
}

static void __attribute__((format(printf, 1, 2))) run(const char *format, ...)
{
    char command[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    ck_assert_msg(system(command) == 0, "%s", command);
}

static void set_up(void)
{
    temporary_folder(folder, "edit-test");
    snprintf(store, sizeof store, "%s/store", folder);
    snprintf(clip, sizeof clip, "%s/clip.mp4", folder);
}

static void tear_down(void)
{
    fs_remove_tree(folder);
}

/* A camera whose counter goes back to 0 at RESET_AT. */
static int64_t number_at(int64_t i)
{
    return i < RESET_AT ? 900 + 2 * i : i - RESET_AT;
}

static double time_at(int64_t i)
{
    return 1700000000.0 + (double)i * 0.01;
}

/* By the camera's clock; 0: it does not say. */
static double camera_time_at(int64_t i)
{
    return i % 4 == 2 ? 0 : 5.0 + (double)i * 0.01;
}

/* Frames are missing at the beginning, within a chunk, between two, and at the end. */
static bool has_drop_before(int64_t i)
{
    return i == 0 || i == 3 || i == CHUNKSIZE || i == FRAMES;
}

static ist_drop drop_before(int64_t i)
{
    return (ist_drop){.cause = (ist_drop_cause)(i % IST_DROP_CAUSE_COUNT),
                      .first_number = 10000 + i,
                      .count = 1 + i,
                      .time_s = time_at(i)};
}

static void note_drop_before(ist_writer *writer, int64_t i)
{
    ist_error error;
    const ist_drop drop = drop_before(i);
    if (has_drop_before(i))
        check_ok(ist_writer_note_drop(writer, &drop, &error), &error);
}

/* Records frames first..end-1 with extra data at every third. */
static void record(ist_writer *writer, int64_t first, int64_t end)
{
    ist_error error;
    ist_frame frame = {0};
    check_ok(ist_frame_alloc(&frame, WIDTH, HEIGHT, 1, IST_PIXEL_U8, &error), &error);
    for (int64_t i = first; i < end; i++) {
        char extra[64];
        memset(frame.data, 90, (size_t)frame.stride * HEIGHT);
        barcode_draw(&frame, i);
        frame.number = number_at(i);
        frame.time_s = time_at(i);
        frame.camera_time_s = camera_time_at(i);
        note_drop_before(writer, i);
        check_ok(ist_writer_add(writer, &frame, &error), &error);
        snprintf(extra, sizeof extra, "{\"v\":%lld}", (long long)i);
        if (i % 3 == 0)
            check_ok(ist_writer_add_extra(writer, extra, &error), &error);
    }
    note_drop_before(writer, end);
    ist_frame_free(&frame);
}

static void make_store(const char *path, const char *format, int64_t frames)
{
    ist_error error;
    ist_writer *writer;
    const ist_writer_params params = {.format = format,
                                      .width = WIDTH,
                                      .height = HEIGHT,
                                      .chunksize = CHUNKSIZE,
                                      .encoder_options = strcmp(format, "avc1/mp4") == 0 ? "preset=ultrafast" : NULL};
    check_ok(ist_writer_create(&writer, path, &params, &error), &error);
    record(writer, 0, frames);
    check_ok(ist_writer_close(&writer, &error), &error);
}

/* A store that does not show whether an index is libstore's own. */
static void make_foreign(const char *path, const char *format, int64_t frames)
{
    make_store(path, format, frames);
    run("rm %s/%s", path, INDEX_FILE_NAME);
}

static ist_reader *open_store(void)
{
    ist_error error;
    ist_reader *reader;
    check_ok(ist_reader_open(&reader, store, &error), &error);
    return reader;
}

static int64_t frame_count(void)
{
    ist_reader *reader = open_store();
    const int64_t count = ist_reader_get_info(reader)->frame_count;
    ist_reader_close(&reader);
    return count;
}

static bool is_in(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", store, name);
    return fs_exists(path);
}

/* There is nothing left of an edit, and nothing that would make Python stumble. */
static void check_clean(void)
{
    char command[512];
    ck_assert(!is_in(".lock"));
    ck_assert(!is_in(".edit"));
    snprintf(command, sizeof command, "find %s -name '*.new' -o -name '*.part' | grep .", store);
    ck_assert_msg(system(command) != 0, "leftovers");
}

/* The number that a drop has in a store that is numbered by `number`. */
static int64_t drop_number_before(int64_t i, int64_t (*number)(int64_t))
{
    int64_t zero = 0;
    while (number(zero) != 0)
        zero++;
    if (number == number_at)
        return drop_before(i).first_number;
    return i <= zero ? number(i) : drop_before(i).first_number - number_at(zero);
}

static void check_drops(ist_reader *reader, int64_t old_count, int64_t (*number)(int64_t))
{
    ist_error error;
    struct drop_list drops = {0};
    int64_t next = 0;
    check_ok(reader_drops(reader, 0, ist_reader_get_info(reader)->frame_count, &drops, &error), &error);
    for (int64_t i = 0; i <= old_count && old_count > 0; i++) {
        if (!has_drop_before(i))
            continue;
        const ist_drop expected = drop_before(i), *drop = &drops.items[next].drop;
        ck_assert_int_lt(next, drops.count);
        ck_assert_int_eq(drops.items[next++].before, i);
        ck_assert_int_eq(drop->cause, expected.cause);
        ck_assert_int_eq(drop->count, expected.count);
        ck_assert_int_eq(drop->first_number, drop_number_before(i, number));
        ck_assert_double_eq(drop->time_s, expected.time_s);
    }
    ck_assert_int_eq(next, drops.count);
    drop_list_free(&drops);
}

static void check_camera_times(ist_reader *reader, int64_t old_count)
{
    enum { MOST = FRAMES + CHUNKSIZE };
    ist_error error;
    double times_s[MOST];
    const int64_t count = ist_reader_get_info(reader)->frame_count;
    ck_assert_int_le(count, MOST);
    check_ok(ist_reader_camera_times(reader, 0, count, times_s, &error), &error);
    for (int64_t i = 0; i < count; i++) {
        if (i >= old_count || camera_time_at(i) == 0)
            ck_assert_double_nan(times_s[i]);
        else
            ck_assert_double_eq(times_s[i], camera_time_at(i));
    }
}

/*
 * Checks pixels, numbers, times of all frames, and their drops. The first `old_count` frames are those of make_store(),
 * numbered by `number`; behind them come those of the clip.
 */
static void check_frames(int64_t old_count, int64_t (*number)(int64_t), int64_t clip_count)
{
    ist_error error;
    ist_reader *reader = open_store();
    ist_frame frame = {0};
    ck_assert_int_eq(ist_reader_get_info(reader)->frame_count, old_count + clip_count);
    for (int64_t i = 0; i < old_count + clip_count; i++) {
        const bool old = i < old_count;
        const int64_t k = i - old_count;
        check_ok(ist_reader_next(reader, &frame, &error), &error);
        ck_assert_int_eq(barcode_read(&frame), old ? i : k);
        ck_assert_int_eq(frame.number, old ? number(i) : 5000 + k);
        ck_assert_double_eq(frame.time_s, old ? time_at(i) : 60.0 + (double)k);
    }
    check_drops(reader, old_count, number);
    check_camera_times(reader, old_count);
    ck_assert_ptr_null(ist_reader_problem(reader, 0));
    ist_frame_free(&frame);
    ist_reader_close(&reader);
}

/* The same through the index, and without it through the npz, as Python sees it. */
static void check_both_ways(int64_t old_count, int64_t (*number)(int64_t), int64_t clip_count)
{
    check_clean();
    check_frames(old_count, number, clip_count);
    run("mv %s/.index.sqlite %s.saved", store, store);
    check_frames(old_count, number, clip_count);
    run("mv %s.saved %s/.index.sqlite", store, store);
}

static int64_t about_zero(int64_t i)
{
    return i - RESET_AT;
}

/*
 * Renumbering
 */

static void check_before(const char *name, int64_t first)
{
    ist_error error;
    struct npz_index npz;
    int64_t *before;
    char path[256];
    snprintf(path, sizeof path, "%s/%s", store, name);
    check_ok(npz_read(path, &npz, &error), &error);
    check_ok(npz_read_before(path, npz.count, &before, &error), &error);
    ck_assert_ptr_nonnull(before);
    for (int64_t i = 0; i < npz.count; i++) {
        ck_assert_int_eq(before[i], number_at(first + i));
        ck_assert_int_eq(npz.numbers[i], first + i - RESET_AT);
    }
    free(before);
    npz_index_free(&npz);
}

START_TEST(reindex_is_imgstores)
{
    ist_error error;
    ist_reader *reader;
    char *extra;
    make_store(store, "npy", FRAMES);
    check_ok(ist_reindex(store, 0, &error), &error);
    check_both_ways(FRAMES, about_zero, 0);
    check_before("000000/index.npz", 0);
    check_before("000001/index.npz", CHUNKSIZE);
    reader = open_store();
    check_ok(ist_reader_extra(reader, 3, 1, &extra, &error), &error);
    ck_assert_ptr_nonnull(strstr(extra, "\"_frame_number_before_reindex\": 906"));
    ck_assert_ptr_nonnull(strstr(extra, "\"frame_number\": -4"));
    ist_free(extra);
    ist_reader_close(&reader);
    // Twice is once; the numbers from before stay those from before.
    check_ok(ist_reindex(store, 0, &error), &error);
    check_before("000000/index.npz", 0);
}
END_TEST

/* What Python made of a store is what we make of it. */
START_TEST(reindex_of_golden_store_changes_nothing)
{
    ist_error error;
    ist_reader *reader;
    run("cp -r %s %s", TEST_DATA "/golden/gray-npy-reindexed/store", store);
    run("chmod -R u+w %s", store);
    check_ok(ist_reindex(store, 0, &error), &error);
    check_clean();
    reader = open_store();
    ck_assert_int_eq(ist_reader_get_info(reader)->number_min, -7);
    ck_assert_int_eq(ist_reader_get_info(reader)->number_max, 17);
    ist_reader_close(&reader);
}
END_TEST

static int64_t about_906(int64_t i)
{
    return i < 3 ? i - 3 : number_at(i) - 906;
}

START_TEST(reindex_about_another_number)
{
    ist_error error;
    make_foreign(store, "mjpeg/avi", FRAMES);
    check_ok(ist_reindex(store, 906, &error), &error);
    check_both_ways(FRAMES, about_906, 0);
    check_ok(ist_reindex(store, 906, &error), &error);
    check_both_ways(FRAMES, about_906, 0);
}
END_TEST

START_TEST(reindex_refuses)
{
    ist_error error;
    make_store(store, "npy", FRAMES);
    ck_assert_int_eq(ist_reindex(store, 77, &error), IST_ERROR_NOT_FOUND);
    ck_assert_int_eq(ist_reindex("/nowhere", 77, &error), IST_ERROR_NOT_FOUND);
    check_both_ways(FRAMES, number_at, 0);
    run("echo '[]' > %s/000000.extra_data.json", store);
    ck_assert_int_eq(ist_reindex(store, 0, &error), IST_ERROR_UNSUPPORTED);
    check_clean();
    run("rm %s/000000.extra_data.json && echo x > %s/000001/index.npz", store, store);
    ck_assert_int_eq(ist_reindex(store, 0, &error), IST_ERROR_DATA);
    check_clean();
}
END_TEST

START_TEST(reindex_of_old_store_with_yaml)
{
    ist_error error;
    run("cp -r %s %s", TEST_DATA "/golden/gray-png-yaml-index/store", store);
    run("chmod -R u+w %s", store);
    ist_reader *reader = open_store();
    int64_t number, after;
    check_ok(ist_reader_frame_metadata(reader, 4, 1, &number, NULL, &error), &error);
    ist_reader_close(&reader);
    check_ok(ist_reindex(store, number, &error), &error);
    check_clean();
    ck_assert(!is_in("000000/index.yaml"));
    reader = open_store();
    check_ok(ist_reader_frame_metadata(reader, 4, 1, &after, NULL, &error), &error);
    ck_assert_int_eq(after, 0);
    ck_assert_ptr_null(ist_reader_problem(reader, 0));
    ist_reader_close(&reader);
}
END_TEST

/*
 * Emptying
 */

static const char *const formats[] = {"avc1/mp4", "npy"};

enum { FORMAT_COUNT = sizeof formats / sizeof *formats };

START_TEST(empty_and_go_on)
{
    ist_error error;
    ist_writer *writer;
    make_store(store, formats[_i], FRAMES);
    run("cp %s/metadata.yaml %s.yaml", store, store);
    check_ok(ist_empty(store, &error), &error);
    check_clean();
    ck_assert_int_eq(frame_count(), 0);
    run("cmp %s/metadata.yaml %s.yaml", store, store);
    run("test \"$(ls %s)\" = metadata.yaml", store);
    check_ok(ist_empty(store, &error), &error);
    check_ok(ist_writer_open(&writer, store, NULL, &error), &error);
    record(writer, 0, FRAMES);
    check_ok(ist_writer_close(&writer, &error), &error);
    check_both_ways(FRAMES, number_at, 0);
}
END_TEST

/*
 * Inserting
 */

static const int64_t clip_numbers[CHUNKSIZE] = {5000, 5001, 5002, 5003, 5004};
static const double clip_times[CHUNKSIZE] = {60, 61, 62, 63, 64};

static ist_insertion insertion_of_clip(bool move)
{
    return (ist_insertion){
        .file = clip, .numbers = clip_numbers, .times_s = clip_times, .count = CHUNKSIZE, .move = move};
}

/* Makes the clip, a chunk of another store. */
static void make_clip(void)
{
    char other[128];
    snprintf(other, sizeof other, "%s/other", folder);
    make_store(other, "avc1/mp4", CHUNKSIZE);
    run("mv %s/000000.mp4 %s", other, clip);
    fs_remove_tree(other);
}

START_TEST(insert_copied_moved_and_go_on)
{
    ist_error error;
    ist_writer *writer;
    make_store(store, "avc1/mp4", FRAMES);
    make_clip();
    ist_insertion insertion = insertion_of_clip(false);
    check_ok(ist_insert_chunk(store, &insertion, &error), &error);
    check_both_ways(FRAMES, number_at, CHUNKSIZE);
    ck_assert(fs_exists(clip));
    // The same again is in the store already.
    check_ok(ist_insert_chunk(store, &insertion, &error), &error);
    check_both_ways(FRAMES, number_at, CHUNKSIZE);

    check_ok(ist_empty(store, &error), &error);
    insertion.move = true;
    check_ok(ist_insert_chunk(store, &insertion, &error), &error);
    check_both_ways(0, number_at, CHUNKSIZE);
    ck_assert(!fs_exists(clip));
    check_ok(ist_insert_chunk(store, &insertion, &error), &error);
    check_both_ways(0, number_at, CHUNKSIZE);
    insertion.numbers = (const int64_t[CHUNKSIZE]){0};
    ck_assert_int_eq(ist_insert_chunk(store, &insertion, &error), IST_ERROR_NOT_FOUND);
    check_ok(ist_writer_open(&writer, store, NULL, &error), &error);
    record(writer, 0, 3);
    check_ok(ist_writer_close(&writer, &error), &error);
    ck_assert_int_eq(frame_count(), CHUNKSIZE + 3);
}
END_TEST

START_TEST(insert_refuses)
{
    ist_error error;
    make_store(store, "avc1/mp4", FRAMES);
    make_clip();
    ist_insertion insertion = insertion_of_clip(true);
    insertion.count = 4;
    ck_assert_int_eq(ist_insert_chunk(store, &insertion, &error), IST_ERROR_ARGUMENT);
    insertion.count = 0;
    ck_assert_int_eq(ist_insert_chunk(store, &insertion, &error), IST_ERROR_ARGUMENT);
    insertion = insertion_of_clip(true);
    const double bad_times[CHUNKSIZE] = {1, 2, (double)NAN, 4, 5};
    insertion.times_s = bad_times;
    ck_assert_int_eq(ist_insert_chunk(store, &insertion, &error), IST_ERROR_ARGUMENT);
    insertion = insertion_of_clip(true);
    run("ffmpeg -v error -i %s -vf scale=64:48 %s-small.mp4", clip, clip);
    run("cp %s %s.mkv", clip, clip);
    run("echo no video > %s.txt.mp4", clip);
    char path[160];
    insertion.file = path;
    snprintf(path, sizeof path, "%s-small.mp4", clip);
    ck_assert_int_eq(ist_insert_chunk(store, &insertion, &error), IST_ERROR_ARGUMENT);
    snprintf(path, sizeof path, "%s.mkv", clip);
    ck_assert_int_eq(ist_insert_chunk(store, &insertion, &error), IST_ERROR_ARGUMENT);
    snprintf(path, sizeof path, "%s.txt.mp4", clip);
    ck_assert_int_eq(ist_insert_chunk(store, &insertion, &error), IST_ERROR_DATA);
    snprintf(path, sizeof path, "%s", folder);
    ck_assert_int_eq(ist_insert_chunk(store, &insertion, &error), IST_ERROR_ARGUMENT);
    check_both_ways(FRAMES, number_at, 0);

    snprintf(store, sizeof store, "%s/images", folder);
    make_store(store, "png", FRAMES);
    insertion = insertion_of_clip(true);
    ck_assert_int_eq(ist_insert_chunk(store, &insertion, &error), IST_ERROR_UNSUPPORTED);
    check_both_ways(FRAMES, number_at, 0);
}
END_TEST

/*
 * The index
 */

static const char *const goldens[] = {
    "gray-png-saved-index", "gray-png-yaml-index", "color-avc1-mp4", "gray-npy-reindexed", "motif", "gray-h264-mkv"};

enum { GOLDEN_COUNT = sizeof goldens / sizeof *goldens };

static char *describe(void)
{
    ist_error error;
    ist_reader *reader = open_store();
    const int64_t count = ist_reader_get_info(reader)->frame_count;
    int64_t *numbers = calloc((size_t)count, sizeof *numbers);
    double *times_s = calloc((size_t)count, sizeof *times_s);
    char *extra, *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    check_ok(ist_reader_frame_metadata(reader, 0, count, numbers, times_s, &error), &error);
    check_ok(ist_reader_extra(reader, 0, count, &extra, &error), &error);
    for (int64_t i = 0; i < count; i++)
        fprintf(out, "%lld %a\n", (long long)numbers[i], times_s[i]);
    fputs(extra, out);
    fclose(out);
    ist_free(extra);
    free(numbers);
    free(times_s);
    ist_reader_close(&reader);
    return text;
}

START_TEST(saved_index_says_the_same)
{
    ist_error error;
    struct index *index;
    char source[256], path[256];
    snprintf(source, sizeof source, TEST_DATA "/golden/%s/store", goldens[_i]);
    run("cp -r %s %s", source, store);
    run("chmod -R u+w %s", store);
    char *before = describe();
    check_ok(ist_save_index(store, &error), &error);
    check_clean();
    ist_reader *reader = open_store();
    snprintf(path, sizeof path, "%s/%s", store, INDEX_FILE_NAME);
    check_ok(index_open(&index, path, ist_reader_get_info(reader)->uuid, &error), &error);
    index_close(&index);
    ist_reader_close(&reader);
    char *after = describe();
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
}
END_TEST

START_TEST(stale_index_is_replaced)
{
    ist_error error;
    make_store(store, "npy", FRAMES);
    run("echo garbage > %s/.index.sqlite; echo more > %s/.index.sqlite-wal", store, store);
    check_ok(ist_save_index(store, &error), &error);
    check_both_ways(FRAMES, number_at, 0);
}
END_TEST

START_TEST(refused_while_recorded)
{
    ist_error error;
    ist_writer *writer;
    const ist_insertion insertion = insertion_of_clip(true);
    const ist_writer_params params = {.width = WIDTH, .height = HEIGHT, .chunksize = CHUNKSIZE};
    check_ok(ist_writer_create(&writer, store, &params, &error), &error);
    record(writer, 0, FRAMES);
    ck_assert_int_eq(ist_empty(store, &error), IST_ERROR_STATE);
    ck_assert_int_eq(ist_reindex(store, 0, &error), IST_ERROR_STATE);
    ck_assert_int_eq(ist_save_index(store, &error), IST_ERROR_STATE);
    ck_assert_int_eq(ist_insert_chunk(store, &insertion, &error), IST_ERROR_STATE);
    check_ok(ist_writer_close(&writer, &error), &error);
    check_both_ways(FRAMES, number_at, 0);
}
END_TEST

/*
 * Broken off: at every call to the file system in turn, killed or refused.
 */

static bool every_call; /* none left out, which takes longer */

static ist_status do_reindex(ist_error *error)
{
    return ist_reindex(store, 0, error);
}

static ist_status do_empty(ist_error *error)
{
    return ist_empty(store, error);
}

static ist_status do_insert(ist_error *error)
{
    const ist_insertion insertion = insertion_of_clip(false);
    return ist_insert_chunk(store, &insertion, error);
}

static ist_status do_move(ist_error *error)
{
    const ist_insertion insertion = insertion_of_clip(true);
    return ist_insert_chunk(store, &insertion, error);
}

static ist_status do_save(ist_error *error)
{
    return ist_save_index(store, error);
}

static const struct edit_case {
    const char *name;
    const char *format;
    bool foreign; /* without libstore's index */
    ist_status (*edit)(ist_error *error);
    int64_t (*number)(int64_t);
    int64_t old_count, clip_count; /* afterwards */
} cases[] = {
    {"reindex", "npy", false, do_reindex, about_zero, FRAMES, 0},
    {"reindex-foreign", "mjpeg/avi", true, do_reindex, about_zero, FRAMES, 0},
    {"empty", "npy", false, do_empty, number_at, 0, 0},
    {"empty-foreign", "avc1/mp4", true, do_empty, number_at, 0, 0},
    {"insert", "avc1/mp4", false, do_insert, number_at, FRAMES, CHUNKSIZE},
    {"move", "avc1/mp4", true, do_move, number_at, FRAMES, CHUNKSIZE},
    {"save-index", "npy", true, do_save, number_at, FRAMES, 0},
};

enum { CASE_COUNT = sizeof cases / sizeof *cases };

/* A store that was broken off: all frames that it says it has are there. Of one being emptied, those that it has. */
static void check_in_between(const struct edit_case *c)
{
    ist_error error;
    ist_reader *reader = open_store();
    ist_frame frame = {0};
    const int64_t count = ist_reader_get_info(reader)->frame_count;
    const bool all = count == FRAMES || count == c->old_count + c->clip_count;
    ck_assert(c->edit == do_empty ? count <= FRAMES && (count == FRAMES || count % CHUNKSIZE == 0) : all);
    for (int64_t i = 0; i < count; i++) {
        check_ok(ist_reader_next(reader, &frame, &error), &error);
        ck_assert_int_eq(barcode_read(&frame), i < FRAMES ? i : i - FRAMES);
    }
    ist_frame_free(&frame);
    ist_reader_close(&reader);
}

/* Does the edit until its n-th call to the file system. True: it came to its end before. */
static bool attempt(const struct edit_case *c, int n)
{
    ist_error error = {0};
    if (how == REFUSED) {
        break_off_at(n);
        const ist_status status = c->edit(&error);
        const bool whole = calls_left > 0;
        fs_calls = real;
        ck_assert_msg(status >= 0 || error.message[0], "an error without text");
        return whole;
    }
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        break_off_at(n);
        _exit(c->edit(&error) < 0 ? 1 : 0);
    }
    int result;
    waitpid(child, &result, 0);
    ck_assert_msg(WIFSIGNALED(result) || WEXITSTATUS(result) == 0, "%s failed by itself at call %d", c->name, n);
    return !WIFSIGNALED(result);
}

static void take_pristine(void)
{
    fs_remove_tree(store);
    run("cp -r %s.pristine %s", store, store);
    run("cp %s.pristine %s", clip, clip);
}

static void break_off_everywhere(const struct edit_case *c)
{
    ist_error error;
    char pristine[160];
    snprintf(pristine, sizeof pristine, "%s.pristine", store);
    (c->foreign ? make_foreign : make_store)(pristine, c->format, FRAMES);
    make_clip();
    run("cp %s %s.pristine", clip, clip);
    // A kill at every call; a refusal, which takes most of the same ways, at some of them.
    const int step = how == KILLED || every_call ? 1 : 3;
    int n = step == 1 ? 0 : rand() % step;
    for (bool whole = false; !whole; n += step) {
        take_pristine();
        whole = attempt(c, n + 1);
        check_in_between(c);
        // Every third time a repair comes first; it may have finished the edit or taken it back.
        if (n / step % 3 == 2) {
            check_ok(ist_repair(store, NULL, &error), &error);
            check_clean();
            check_in_between(c);
        }
        check_ok(c->edit(&error), &error);
        check_both_ways(c->old_count, c->number, c->clip_count);
        ck_assert(fs_exists(clip) == (c->edit != do_move));
    }
    printf("%s: broken off at %d calls\n", c->name, n / step - 1);
}

START_TEST(killed_at_every_call)
{
    how = KILLED;
    break_off_everywhere(&cases[_i]);
}
END_TEST

START_TEST(refused_at_every_call)
{
    how = REFUSED;
    break_off_everywhere(&cases[_i]);
}
END_TEST

/* Between the calls, too: in the middle of writing the index. */
START_TEST(killed_at_any_moment)
{
    enum { ROUNDS = 6, LONGEST_LIFE_US = 60000 };
    ist_error error;
    const struct edit_case *c = &cases[_i];
    char pristine[160];
    snprintf(pristine, sizeof pristine, "%s.pristine", store);
    (c->foreign ? make_foreign : make_store)(pristine, c->format, FRAMES);
    make_clip();
    run("cp %s %s.pristine", clip, clip);
    for (int i = 0; i < ROUNDS; i++) {
        take_pristine();
        fflush(NULL);
        const pid_t child = fork();
        if (child == 0)
            _exit(c->edit(&error) < 0);
        usleep((useconds_t)(rand() % LONGEST_LIFE_US));
        kill(child, SIGKILL);
        int result;
        waitpid(child, &result, 0);
        ck_assert(WIFSIGNALED(result) || WEXITSTATUS(result) == 0);
        check_in_between(c);
        check_ok(c->edit(&error), &error);
        check_both_ways(c->old_count, c->number, c->clip_count);
    }
}
END_TEST

/* Appending finishes what it finds, and goes on behind it. */
START_TEST(append_to_a_store_broken_off)
{
    ist_error error;
    ist_writer *writer;
    const struct edit_case insert = {"insert", "avc1/mp4", false, do_insert, number_at, FRAMES, CHUNKSIZE};
    how = KILLED;
    char pristine[160];
    snprintf(pristine, sizeof pristine, "%s.pristine", store);
    make_store(pristine, "avc1/mp4", FRAMES);
    make_clip();
    run("cp %s %s.pristine", clip, clip);
    for (int n = 1;; n++) {
        take_pristine();
        ck_assert(!attempt(&insert, n));
        if (is_in(".edit") && frame_count() == FRAMES + CHUNKSIZE)
            break;
    }
    check_ok(ist_writer_open(&writer, store, NULL, &error), &error);
    ck_assert_int_eq(ist_writer_frame_count(writer), FRAMES + CHUNKSIZE);
    record(writer, 0, 3);
    check_ok(ist_writer_close(&writer, &error), &error);
    check_clean();
    ck_assert_int_eq(frame_count(), FRAMES + CHUNKSIZE + 3);
}
END_TEST

/*
 * Raw data
 */

static void record_bayer(const char *format, bool append)
{
    ist_error error;
    ist_writer *writer;
    ist_frame frame = {0};
    const ist_writer_params params = {
        .format = format, .width = WIDTH, .height = HEIGHT, .chunksize = CHUNKSIZE, .encoding = "cv_bayerbg"};
    if (append)
        check_ok(ist_writer_open(&writer, store, &params, &error), &error);
    else
        check_ok(ist_writer_create(&writer, store, &params, &error), &error);
    check_ok(ist_frame_alloc(&frame, WIDTH, HEIGHT, 1, IST_PIXEL_U8, &error), &error);
    for (int i = 0; i < 7; i++) {
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++)
                frame.data[y * frame.stride + x] = (uint8_t)(x * 31 + y * 17 + i * 5 + x * y);
        frame.number = i;
        frame.time_s = i;
        check_ok(ist_writer_add(writer, &frame, &error), &error);
    }
    check_ok(ist_writer_close(&writer, &error), &error);
    ist_frame_free(&frame);
}

/* Decoding while writing and while reading gives the same picture, and an appended store goes on so. */
START_TEST(raw_and_color_read_the_same)
{
    ist_error error;
    ist_reader *raw, *color;
    ist_frame left = {0}, right = {0};
    record_bayer("png", false);
    record_bayer("png", true);
    check_ok(ist_reader_open(&raw, store, &error), &error);
    ck_assert_str_eq(ist_reader_get_info(raw)->encoding, "cv_bayerbg");
    snprintf(store, sizeof store, "%s/color", folder);
    record_bayer("png+color", false);
    record_bayer("png+color", true);
    check_ok(ist_reader_open(&color, store, &error), &error);
    ck_assert_str_eq(ist_reader_get_info(color)->encoding, "");
    ck_assert_str_eq(ist_reader_get_info(color)->format, "png");
    ck_assert_int_eq(ist_reader_get_info(color)->channels, 3);
    for (int i = 0; i < 14; i++) {
        check_ok(ist_reader_next(raw, &left, &error), &error);
        check_ok(ist_reader_next(color, &right, &error), &error);
        ck_assert_int_eq(left.channels, 3);
        ck_assert_mem_eq(left.data, right.data, (size_t)WIDTH * HEIGHT * 3);
    }
    ist_frame_free(&left);
    ist_frame_free(&right);
    ist_reader_close(&raw);
    ist_reader_close(&color);
    snprintf(store, sizeof store, "%s/video", folder);
    record_bayer("avc1/mp4+color", false);
    ck_assert_int_eq(frame_count(), 7);
}
END_TEST

START_TEST(encodings_that_cannot_be)
{
    ist_error error;
    ist_writer *writer;
    const struct {
        ist_writer_params params;
        ist_status status;
    } bad[] = {
        {{.format = "png+color"}, IST_ERROR_ARGUMENT},
        {{.format = "png", .encoding = "cv_nonsense"}, IST_ERROR_NOT_FOUND},
        {{.format = "png", .encoding = "cv_bgra"}, IST_ERROR_ARGUMENT},
        {{.format = "png", .encoding = "cv_bayerbg", .channels = 3}, IST_ERROR_ARGUMENT},
        {{.format = "png", .encoding = "cv_yuv_i420"}, IST_ERROR_ARGUMENT}, // 64 rows are not three times anything
        {{.format = "avc1/mp4+color", .encoding = "cv_bayerbg", .type = IST_PIXEL_U16}, IST_ERROR_ARGUMENT},
        {{.format = "nothing+color", .encoding = "cv_bayerbg"}, IST_ERROR_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ist_writer_params params = bad[i].params;
        params.width = WIDTH;
        params.height = HEIGHT;
        ck_assert_int_eq(ist_writer_create(&writer, store, &params, &error), bad[i].status);
        ck_assert(!fs_exists(store));
    }
    ck_assert(ist_writer_format_is_lossless("png+color"));
    ck_assert(!ist_writer_format_holds("bmp+color", 1, IST_PIXEL_U16));
}
END_TEST

START_TEST(planes_decoded_while_writing)
{
    ist_error error;
    ist_writer *writer;
    ist_frame frame = {0};
    ist_writer_params params = {.format = "npy+color", .width = 96, .height = 96, .encoding = "cv_yuv_i420"};
    check_ok(ist_frame_alloc(&frame, 96, 96, 1, IST_PIXEL_U8, &error), &error);
    memset(frame.data, 128, 96 * 96);
    check_ok(ist_writer_create(&writer, store, &params, &error), &error);
    check_ok(ist_writer_add(writer, &frame, &error), &error);
    check_ok(ist_writer_close(&writer, &error), &error);
    params.height = 0;
    params.width = 0;
    check_ok(ist_writer_open(&writer, store, &params, &error), &error);
    check_ok(ist_writer_add(writer, &frame, &error), &error);
    check_ok(ist_writer_close(&writer, &error), &error);
    ist_reader *reader = open_store();
    ck_assert_int_eq(ist_reader_get_info(reader)->height, 64);
    ck_assert_int_eq(ist_reader_get_info(reader)->frame_count, 2);
    check_ok(ist_reader_read_index(reader, 1, &frame, &error), &error);
    ck_assert_int_eq(frame.data[0], 130); // 1.164 (128 - 16)
    ist_reader_close(&reader);
    ist_frame_free(&frame);
}
END_TEST

/* edit_test [SEED [all]]: with `all`, every call is refused once. */
int main(int argc, char **argv)
{
    const unsigned seed = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : (unsigned)time(NULL);
    every_call = argc > 2;
    printf("seed %u\n", seed);
    srand(seed);
    Suite *suite = suite_create("edit");
    TCase *tests = tcase_create("edit");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, reindex_is_imgstores);
    tcase_add_test(tests, reindex_of_golden_store_changes_nothing);
    tcase_add_test(tests, reindex_about_another_number);
    tcase_add_test(tests, reindex_refuses);
    tcase_add_test(tests, reindex_of_old_store_with_yaml);
    tcase_add_loop_test(tests, empty_and_go_on, 0, FORMAT_COUNT);
    tcase_add_test(tests, insert_copied_moved_and_go_on);
    tcase_add_test(tests, insert_refuses);
    tcase_add_loop_test(tests, saved_index_says_the_same, 0, GOLDEN_COUNT);
    tcase_add_test(tests, stale_index_is_replaced);
    tcase_add_test(tests, refused_while_recorded);
    tcase_add_loop_test(tests, killed_at_every_call, 0, CASE_COUNT);
    tcase_add_loop_test(tests, refused_at_every_call, 0, CASE_COUNT);
    tcase_add_loop_test(tests, killed_at_any_moment, 0, CASE_COUNT);
    tcase_add_test(tests, append_to_a_store_broken_off);
    tcase_add_test(tests, raw_and_color_read_the_same);
    tcase_add_test(tests, encodings_that_cannot_be);
    tcase_add_test(tests, planes_decoded_while_writing);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
