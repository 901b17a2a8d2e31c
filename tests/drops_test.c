/* Where frames were dropped, and what the camera's clock said, last as long as the frames: also without the index. */
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
#include <unistd.h>

#include "breaking_fs.h"
#include "fs.h"
#include "index.h"
#include "npz.h"
#include "reader_ranges.h"
#include "temporary.h"

enum { WIDTH = 32, HEIGHT = 16, CHUNKSIZE = 4, FRAMES = 10, MOST = 32 };

static char folder[TEMPORARY_SIZE], store[96], other[96];
static ist_error error;

static void check_ok(ist_status status)
{
    ck_assert_msg(status >= 0, "%s", error.message);
}

static void set_up(void)
{
    temporary_folder(folder, "drops-test");
    snprintf(store, sizeof store, "%s/store", folder);
    snprintf(other, sizeof other, "%s/other", folder);
}

static void tear_down(void)
{
    fs_remove_tree(folder);
}

static void __attribute__((format(printf, 1, 2))) run(const char *format, ...)
{
    char command[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    ck_assert_msg(system(command) == 0, "%s", command);
}

/*
 * Recording
 */

static const char *const formats[] = {"npy", "mjpeg/avi"};

enum { FORMAT_COUNT = sizeof formats / sizeof *formats };

static ist_writer *create(const char *format)
{
    ist_writer *writer;
    const ist_writer_params params = {.format = format, .width = WIDTH, .height = HEIGHT, .chunksize = CHUNKSIZE};
    check_ok(ist_writer_create(&writer, store, &params, &error));
    return writer;
}

static ist_writer *append(void)
{
    ist_writer *writer;
    check_ok(ist_writer_open(&writer, store, NULL, &error));
    return writer;
}

static void drop(ist_writer *writer, int64_t number)
{
    const ist_drop drop = {.cause = (ist_drop_cause)(number % IST_DROP_CAUSE_COUNT),
                           .first_number = number,
                           .count = 1 + number % 5,
                           .time_s = 100.5 + (double)number};
    check_ok(ist_writer_note_drop(writer, &drop, &error));
}

/* Frames that have these numbers; the camera's clock does not say the time of every third. */
static void add(ist_writer *writer, int64_t first_number, int64_t count)
{
    ist_frame frame = {0};
    check_ok(ist_frame_alloc(&frame, WIDTH, HEIGHT, 1, IST_PIXEL_U8, &error));
    memset(frame.data, 90, (size_t)frame.stride * HEIGHT);
    for (int64_t i = first_number; i < first_number + count; i++) {
        frame.number = i;
        frame.time_s = 100.0 + (double)i;
        frame.camera_time_s = i % 3 == 2 ? 0 : 0.25 * (double)(i + 1);
        check_ok(ist_writer_add(writer, &frame, &error));
    }
    ist_frame_free(&frame);
}

/* Three chunks, with drops before them, in them, between them, and behind them. */
static void add_all(ist_writer *writer)
{
    drop(writer, 1);
    add(writer, 10, 2);
    drop(writer, 12);
    drop(writer, 13);
    add(writer, 20, 2);
    drop(writer, 22);
    add(writer, 30, FRAMES - 4);
    drop(writer, 36);
}

static void record(const char *format)
{
    ist_writer *writer = create(format);
    add_all(writer);
    check_ok(ist_writer_close(&writer, &error));
}

/* Does it in a process that then dies. */
static void die_behind(void (*work)(void))
{
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        work();
        raise(SIGKILL);
    }
    int result;
    waitpid(child, &result, 0);
    ck_assert(WIFSIGNALED(result) && WTERMSIG(result) == SIGKILL);
}

/*
 * What is known of a store
 */

struct knowledge {
    int64_t frame_count;
    int64_t numbers[MOST];
    double camera_times_s[MOST];
    int64_t dropped[IST_DROP_CAUSE_COUNT];
    struct drop_list drops;
};

static struct knowledge know(const char *path)
{
    ist_reader *reader;
    struct knowledge k = {0};
    check_ok(ist_reader_open(&reader, path, &error));
    k.frame_count = ist_reader_get_info(reader)->frame_count;
    ck_assert_int_le(k.frame_count, MOST);
    memcpy(k.dropped, ist_reader_get_info(reader)->dropped, sizeof k.dropped);
    check_ok(ist_reader_frame_metadata(reader, 0, k.frame_count, k.numbers, NULL, &error));
    check_ok(ist_reader_camera_times(reader, 0, k.frame_count, k.camera_times_s, &error));
    check_ok(reader_drops(reader, 0, k.frame_count, &k.drops, &error));
    ck_assert_ptr_null(ist_reader_problem(reader, 0));
    ist_reader_close(&reader);
    return k;
}

static bool same_drop(const struct placed_drop *a, const struct placed_drop *b)
{
    return a->before == b->before && a->drop.cause == b->drop.cause && a->drop.count == b->drop.count &&
           a->drop.first_number == b->drop.first_number && a->drop.time_s == b->drop.time_s;
}

static bool same_time(double a, double b)
{
    return isnan(a) ? isnan(b) : a == b;
}

static void check_same(const struct knowledge *a, const struct knowledge *b)
{
    ck_assert_int_eq(a->frame_count, b->frame_count);
    ck_assert_mem_eq(a->numbers, b->numbers, sizeof a->numbers);
    ck_assert_mem_eq(a->dropped, b->dropped, sizeof a->dropped);
    for (int64_t i = 0; i < a->frame_count; i++)
        ck_assert(same_time(a->camera_times_s[i], b->camera_times_s[i]));
    ck_assert_int_eq(a->drops.count, b->drops.count);
    for (int64_t i = 0; i < a->drops.count; i++)
        ck_assert(same_drop(&a->drops.items[i], &b->drops.items[i]));
}

/* As many drops as that are known, and the same when the index is lost, made anew in memory, and in its file. */
static struct knowledge check_kept(int64_t drop_count)
{
    struct knowledge before = know(store);
    ck_assert_int_eq(before.drops.count, drop_count);
    run("rm %s/%s", store, INDEX_FILE_NAME);
    struct knowledge loaded = know(store);
    check_ok(ist_save_index(store, &error));
    struct knowledge saved = know(store);
    check_same(&before, &loaded);
    check_same(&before, &saved);
    drop_list_free(&loaded.drops);
    drop_list_free(&saved.drops);
    return before;
}

static void check_places(const struct knowledge *k, const int64_t *places)
{
    for (int64_t i = 0; i < k->drops.count; i++)
        ck_assert_int_eq(k->drops.items[i].before, places[i]);
}

/*
 * The index is lost
 */

START_TEST(a_lost_index_takes_nothing_along)
{
    record(formats[_i]);
    struct knowledge k = check_kept(5);
    check_places(&k, (const int64_t[]){0, 2, 2, 4, 10});
    ck_assert_double_eq(k.camera_times_s[0], 0.25 * 11);
    ck_assert_double_nan(k.camera_times_s[1]);
    drop_list_free(&k.drops);
}
END_TEST

/* Stores of which there is nothing to say have nothing of it in their npz. */
START_TEST(what_is_not_known_takes_no_room)
{
    ist_writer *writer = create("npy");
    ist_frame frame = {0};
    struct npz_index npz;
    char path[160];
    check_ok(ist_frame_alloc(&frame, WIDTH, HEIGHT, 1, IST_PIXEL_U8, &error));
    memset(frame.data, 0, (size_t)frame.stride * HEIGHT);
    check_ok(ist_writer_add(writer, &frame, &error));
    check_ok(ist_writer_close(&writer, &error));
    snprintf(path, sizeof path, "%s/000000/index.npz", store);
    check_ok(npz_read(path, &npz, &error));
    ck_assert_ptr_null(npz.camera_times_s);
    ck_assert_int_eq(npz.drops.count, 0);
    run("! grep -q -e _drop_ -e _camera_ %s", path);
    npz_index_free(&npz);
    ist_frame_free(&frame);
}
END_TEST

/*
 * Broken off, and gone on
 */

static const char *dying_format;

static void record_some(void)
{
    ist_writer *writer = create(dying_format);
    add_all(writer);
}

START_TEST(repair_keeps_all)
{
    dying_format = formats[_i];
    die_behind(record_some);
    struct knowledge unfinished = know(store);
    check_ok(ist_repair(store, NULL, &error));
    struct knowledge k = check_kept(5);
    check_same(&unfinished, &k);
    drop_list_free(&unfinished.drops);
    drop_list_free(&k.drops);
}
END_TEST

/* What was dropped before the recorder died still counts. */
START_TEST(appending_goes_on_after_death)
{
    int64_t sum = 0;
    dying_format = formats[_i];
    die_behind(record_some);
    ist_writer *writer = append();
    drop(writer, 40);
    add(writer, 50, CHUNKSIZE + 1);
    check_ok(ist_writer_close(&writer, &error));
    struct knowledge k = check_kept(6);
    for (int64_t i = 0; i < k.drops.count; i++)
        sum += k.drops.items[i].drop.count;
    for (int cause = 0; cause < IST_DROP_CAUSE_COUNT; cause++)
        sum -= k.dropped[cause];
    ck_assert_int_eq(sum, 0);
    drop_list_free(&k.drops);
}
END_TEST

START_TEST(appending_goes_on)
{
    record(formats[_i]);
    ist_writer *writer = append();
    drop(writer, 40);
    add(writer, 50, CHUNKSIZE + 1);
    drop(writer, 55);
    check_ok(ist_writer_close(&writer, &error));
    struct knowledge k = check_kept(7);
    check_places(&k, (const int64_t[]){0, 2, 2, 4, 10, 10, 15});
    drop_list_free(&k.drops);
    // Now the index is one that was made out of the npz.
    writer = append();
    drop(writer, 60);
    add(writer, 70, 1);
    check_ok(ist_writer_close(&writer, &error));
    k = check_kept(8);
    ck_assert_int_eq(k.drops.items[7].before, 15);
    drop_list_free(&k.drops);
}
END_TEST

static void append_drops_alone(void)
{
    ist_writer *writer = append();
    drop(writer, 40);
    drop(writer, 45);
}

/* Drops behind a chunk that was finished before them. */
START_TEST(drops_alone_closed_and_killed)
{
    record(formats[_i]);
    check_ok(ist_reindex(store, 20, &error)); // the numbers before stay as well
    ist_writer *writer = append();
    drop(writer, 40);
    check_ok(ist_writer_close(&writer, &error));
    struct knowledge k = check_kept(6);
    drop_list_free(&k.drops);
    die_behind(append_drops_alone);
    check_ok(ist_repair(store, NULL, &error));
    k = check_kept(8);
    check_places(&k, (const int64_t[]){0, 2, 2, 4, 10, 10, 10, 10});
    drop_list_free(&k.drops);
    char path[160];
    int64_t *before;
    snprintf(path, sizeof path, _i == 0 ? "%s/000002/index.npz" : "%s/000002.npz", store);
    check_ok(npz_read_before(path, 2, &before, &error));
    ck_assert_ptr_nonnull(before);
    ck_assert_int_eq(before[1], 35);
    free(before);
}
END_TEST

/* A power loss took the last chunk: what was dropped before its frames now lies behind the last one. */
START_TEST(drops_before_lost_frames)
{
    dying_format = "npy";
    die_behind(record_some);
    run("rm %s/000002/*.npy", store);
    check_ok(ist_repair(store, NULL, &error));
    struct knowledge k = check_kept(5);
    ck_assert_int_eq(k.frame_count, 2 * CHUNKSIZE);
    check_places(&k, (const int64_t[]){0, 2, 2, 4, 8});
    drop_list_free(&k.drops);
}
END_TEST

/*
 * Broken off at every call to the file system, killed or refused
 */

/* Does the work in a process of its own, until its n-th call. True: it came to its end before. */
static bool attempt(ist_status (*work)(void), int n)
{
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        break_off_at(n);
        const ist_status status = work();
        _exit((status < 0) | (calls_left > 0) << 1);
    }
    int result;
    waitpid(child, &result, 0);
    const bool whole = WIFEXITED(result) && (WEXITSTATUS(result) & 2);
    ck_assert(!whole || WEXITSTATUS(result) == 2);
    return whole;
}

static ist_status append_a_drop(void)
{
    ist_writer *writer;
    const ist_drop behind = {.cause = IST_DROP_BUS, .first_number = 40, .count = 1};
    const ist_status status = ist_writer_open(&writer, store, NULL, &error);
    if (status < 0)
        return status;
    (void)!ist_writer_note_drop(writer, &behind, &error);
    return ist_writer_close(&writer, &error);
}

static ist_status repair(void)
{
    return ist_repair(store, NULL, &error);
}

static ist_status (*const works[])(void) = {append_a_drop, repair};

START_TEST(broken_off_at_every_call)
{
    bool whole = false;
    ist_status (*const work)(void) = works[_i / 2];
    how = _i % 2 ? REFUSED : KILLED;
    record("npy");
    if (work == repair)
        die_behind(append_drops_alone);
    run("cp -r %s %s.pristine", store, store);
    const int64_t least = work == repair ? 7 : 5, most = work == repair ? 7 : 6;
    for (int n = 1; !whole; n++) {
        fs_remove_tree(store);
        run("cp -r %s.pristine %s", store, store);
        whole = attempt(work, n);
        struct knowledge broken = know(store);
        ck_assert_int_ge(broken.drops.count, whole ? most : least);
        check_ok(ist_repair(store, NULL, &error));
        struct knowledge k = check_kept(broken.drops.count);
        drop_list_free(&broken.drops);
        drop_list_free(&k.drops);
    }
}
END_TEST

/*
 * Into new stores
 */

static struct knowledge export_frames(const ist_selection *frames)
{
    ist_reader *reader;
    ist_writer_params params = {0};
    fs_remove_tree(other);
    check_ok(ist_reader_open(&reader, store, &error));
    check_ok(ist_export(reader, other, &(ist_export_params){.frames = *frames, .store = &params, .skip_missing = true},
                        NULL, &error));
    ist_reader_close(&reader);
    return know(other);
}

static void check_export(const ist_selection *frames, const struct knowledge *whole, const int64_t *drops,
                         const int64_t *places, int64_t count)
{
    struct knowledge k = export_frames(frames);
    ck_assert_int_eq(k.drops.count, count);
    int64_t dropped[IST_DROP_CAUSE_COUNT] = {0};
    for (int64_t i = 0; i < count; i++) {
        struct placed_drop expected = whole->drops.items[drops[i]];
        dropped[expected.drop.cause] += expected.drop.count;
        expected.before = places[i];
        ck_assert(same_drop(&k.drops.items[i], &expected));
    }
    ck_assert_mem_eq(k.dropped, dropped, sizeof dropped);
    for (int64_t i = 0, at = 0; i < k.frame_count; i++) {
        while (whole->numbers[at] != k.numbers[i])
            at++;
        ck_assert(same_time(k.camera_times_s[i], whole->camera_times_s[at]));
    }
    drop_list_free(&k.drops);
}

START_TEST(exports_hold_what_lies_before_their_frames)
{
    record("npy");
    struct knowledge whole = know(store);
    const struct {
        ist_selection frames;
        int64_t count, drops[5], places[5];
    } exports[] = {
        {{0}, 5, {0, 1, 2, 3, 4}, {0, 2, 2, 4, 10}},
        {{.index_end = 2}, 1, {0}, {0}},
        {{.index_first = 2, .index_end = 4}, 2, {1, 2}, {0, 0}},
        {{.index_first = 4}, 2, {3, 4}, {0, 6}},
        {{.index_first = 5, .index_end = 9}, 0, {0}, {0}},
        {{.step = 3}, 5, {0, 1, 2, 3, 4}, {0, 1, 1, 2, 4}},                       // frames 0, 3, 6, 9
        {{.index_first = 1, .index_end = 5, .step = 4}, 3, {1, 2, 3}, {1, 1, 1}}, // frame 1; behind it none
        {{.by_number = true, .number_first = 20, .number_end = 31}, 3, {1, 2, 3}, {0, 0, 2}},
        {{.by_time = true, .time_first_s = 111, .time_end_s = 120}, 0, {0}, {0}},
        {{.by_time = true, .time_first_s = 135, .time_end_s = 200}, 1, {4}, {1}},
    };
    for (size_t i = 0; i < sizeof exports / sizeof *exports; i++)
        check_export(&exports[i].frames, &whole, exports[i].drops, exports[i].places, exports[i].count);
    // A frame that cannot be read leaves its drops to the next.
    run("rm %s/000000/000002.npy", store);
    check_export(&(ist_selection){0}, &whole, (const int64_t[]){0, 1, 2, 3, 4}, (const int64_t[]){0, 2, 2, 3, 9}, 5);
    drop_list_free(&whole.drops);
}
END_TEST

/*
 * Damage
 */

static void write_bad(const struct npz_index *frames)
{
    char path[160];
    snprintf(path, sizeof path, "%s/000000/index.npz", store);
    check_ok(npz_write(path, frames, &error));
}

/* Frames are not lost for it; it is said, and nothing is made of it that would make the loss last. */
START_TEST(nonsense_is_left_out_and_said)
{
    record("npy");
    run("rm %s/%s", store, INDEX_FILE_NAME);
    int64_t numbers[CHUNKSIZE] = {1, 2, 3, 4};
    double times_s[CHUNKSIZE] = {1, 2, 3, 4};
    double clock_s[CHUNKSIZE] = {1, 2, (double)INFINITY, 4};
    struct placed_drop drops[] = {{.before = 1, .drop = {.count = 1}}, {.before = CHUNKSIZE, .drop = {.count = 1}}};
    const struct npz_index good = {
        .count = CHUNKSIZE, .numbers = numbers, .times_s = times_s, .drops = {.items = drops, .count = 2}};
    struct npz_index frames = good;
    switch (_i) {
    case 0:
        drops[1].before++;
        break;
    case 1:
        drops[1].drop.cause = IST_DROP_CAUSE_COUNT;
        break;
    case 2:
        drops[1].drop.count = 0;
        break;
    case 3:
        drops[0].before = -1;
        break;
    case 4:
        drops[0].drop.time_s = (double)NAN;
        break;
    default:
        frames.camera_times_s = clock_s;
    }
    write_bad(&frames);
    ist_reader *reader;
    ist_drop *found;
    int64_t count;
    check_ok(ist_reader_open(&reader, store, &error));
    ck_assert_int_eq(ist_reader_get_info(reader)->frame_count, FRAMES);
    const ist_problem *problem = ist_reader_problem(reader, 0);
    ck_assert_ptr_nonnull(problem);
    ck_assert_int_eq(problem->kind, IST_PROBLEM_BAD_EXTRA);
    ck_assert_int_eq(problem->chunk, 0);
    ck_assert_ptr_null(ist_reader_problem(reader, 1));
    check_ok(ist_reader_drops(reader, &found, &count, &error));
    ck_assert_int_eq(count, 2); // those of the other chunks
    ck_assert_int_eq(found[0].first_number, 22);
    ist_free(found);
    ist_reader_close(&reader);
    ck_assert_int_eq(ist_save_index(store, &error), IST_ERROR_DATA);
    ck_assert_ptr_nonnull(strstr(error.message, "chunk 000000"));
}
END_TEST

static bool is_among(const struct placed_drop *drop, const struct drop_list *drops)
{
    for (int64_t i = 0; i < drops->count; i++)
        if (same_drop(drop, &drops->items[i]))
            return true;
    return false;
}

/* Wherever a bit turns: frames, drops and times that are told are those that were, or the store says what is damaged.
 */
START_TEST(no_bit_makes_a_wrong_drop)
{
    record("npy");
    struct knowledge whole = know(store);
    char path[160];
    struct buffer bytes = {0};
    run("rm %s/%s", store, INDEX_FILE_NAME);
    snprintf(path, sizeof path, "%s/000000/index.npz", store);
    check_ok(fs_read_file(path, &bytes, &error));
    for (size_t i = 0; i < bytes.size; i++) {
        bytes.data[i] ^= (uint8_t)(1 << i % 8);
        check_ok(fs_write_file(path, bytes.data, bytes.size, &error));
        bytes.data[i] ^= (uint8_t)(1 << i % 8);
        ist_reader *reader;
        struct drop_list drops = {0};
        check_ok(ist_reader_open(&reader, store, &error));
        const ist_problem *problem = ist_reader_problem(reader, 0);
        if (problem && problem->kind == IST_PROBLEM_BAD_INDEX) {
            ist_reader_close(&reader);
            continue;
        }
        double clock_s[FRAMES];
        ck_assert_int_eq(ist_reader_get_info(reader)->frame_count, FRAMES);
        check_ok(ist_reader_camera_times(reader, 0, FRAMES, clock_s, &error));
        check_ok(reader_drops(reader, 0, FRAMES, &drops, &error));
        for (int k = 0; k < FRAMES; k++)
            ck_assert(isnan(clock_s[k]) || clock_s[k] == whole.camera_times_s[k]);
        for (int64_t k = 0; k < drops.count; k++)
            ck_assert(is_among(&drops.items[k], &whole.drops));
        ck_assert(drops.count == whole.drops.count || problem);
        drop_list_free(&drops);
        ist_reader_close(&reader);
    }
    buffer_free(&bytes);
    drop_list_free(&whole.drops);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("drops");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 120);
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_loop_test(all, a_lost_index_takes_nothing_along, 0, FORMAT_COUNT);
    tcase_add_test(all, what_is_not_known_takes_no_room);
    tcase_add_loop_test(all, repair_keeps_all, 0, FORMAT_COUNT);
    tcase_add_loop_test(all, appending_goes_on, 0, FORMAT_COUNT);
    tcase_add_loop_test(all, appending_goes_on_after_death, 0, FORMAT_COUNT);
    tcase_add_loop_test(all, drops_alone_closed_and_killed, 0, FORMAT_COUNT);
    tcase_add_test(all, drops_before_lost_frames);
    tcase_add_loop_test(all, broken_off_at_every_call, 0, 4);
    tcase_add_test(all, exports_hold_what_lies_before_their_frames);
    tcase_add_loop_test(all, nonsense_is_left_out_and_said, 0, 6);
    tcase_add_test(all, no_bit_makes_a_wrong_drop);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
