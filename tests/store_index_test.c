/* The index of a long store is made once and kept, noticed when it is stale, and never put over somebody else's. */
#include <check.h>
#include <libstore/libstore.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs.h"
#include "npz.h"
#include "temporary.h"

enum { CHUNKS = 20 };

static char folder[TEMPORARY_SIZE];
static char store[96];
static char index_path[128];

static void check_ok(ist_status status, const ist_error *error)
{
    ck_assert_msg(status >= 0, "%s", error->message);
}

static void write_npz(int chunk, int64_t number)
{
    ist_error error;
    char path[128];
    double time_s = (double)number;
    snprintf(path, sizeof path, "%s/%06d.npz", store, chunk);
    check_ok(npz_write(path, &(struct npz_index){.count = 1, .numbers = &number, .times_s = &time_s}, &error), &error);
}

/* Looks long, with chunks of 10000 frames, and holds one frame a chunk. */
static void make_store(void)
{
    ist_error error;
    ist_writer *writer;
    ist_frame frame = {0};
    temporary_folder(folder, "store-index-test");
    snprintf(store, sizeof store, "%s/store", folder);
    snprintf(index_path, sizeof index_path, "%s/.index.sqlite", store);
    ck_assert_int_eq(setenv("XDG_CACHE_HOME", folder, 1), 0);
    check_ok(ist_frame_alloc(&frame, 32, 32, 1, IST_PIXEL_U8, &error), &error);
    memset(frame.data, 0, 32 * 32);
    check_ok(
        ist_writer_create(&writer, store, &(ist_writer_params){.width = 32, .height = 32, .chunksize = 10000}, &error),
        &error);
    check_ok(ist_writer_add(writer, &frame, &error), &error);
    check_ok(ist_writer_close(&writer, &error), &error);
    ist_frame_free(&frame);
    for (int chunk = 0; chunk < CHUNKS; chunk++) {
        char first[128], path[128];
        snprintf(first, sizeof first, "%s/000000.mp4", store);
        snprintf(path, sizeof path, "%s/%06d.mp4", store, chunk);
        ck_assert(chunk == 0 || link(first, path) == 0);
        write_npz(chunk, 100 + chunk);
    }
    unlink(index_path);
}

static void remove_store(void)
{
    fs_remove_tree(folder);
}

/* Opens, looks the last number up, and reads a frame. */
static void check_store(int64_t last_number)
{
    ist_error error;
    ist_reader *reader;
    ist_frame frame = {0};
    check_ok(ist_reader_open(&reader, store, &error), &error);
    ck_assert_int_eq(ist_reader_get_info(reader)->frame_count, CHUNKS);
    ck_assert_int_eq(ist_reader_get_info(reader)->number_max, last_number);
    check_ok(ist_reader_read_number(reader, last_number, IST_MATCH_EXACT, &frame, &error), &error);
    ck_assert_int_eq(frame.index, CHUNKS - 1);
    ist_frame_free(&frame);
    ist_reader_close(&reader);
}

static bool cache_is_used(void)
{
    char path[96];
    snprintf(path, sizeof path, "%s/libstore", folder);
    // The directory is made when an index is looked for; it holds one more entry when one is kept.
    char command[160];
    snprintf(command, sizeof command, "ls %s/*.sqlite >/dev/null 2>&1", path);
    return system(command) == 0;
}

START_TEST(test_kept_in_the_store)
{
    struct stat before, after;
    check_store(100 + CHUNKS - 1);
    ck_assert_int_eq(stat(index_path, &before), 0);
    check_store(100 + CHUNKS - 1);
    ck_assert_int_eq(stat(index_path, &after), 0);
    ck_assert_int_eq(before.st_ino, after.st_ino);
    ck_assert(!cache_is_used());
}
END_TEST

START_TEST(test_stale)
{
    struct stat before, after;
    check_store(100 + CHUNKS - 1);
    ck_assert_int_eq(stat(index_path, &before), 0);
    usleep(20000);
    write_npz(CHUNKS - 1, 5000);
    check_store(5000);
    ck_assert_int_eq(stat(index_path, &after), 0);
    ck_assert_int_ne(before.st_ino, after.st_ino);
}
END_TEST

/* Another program's index stays as it is; ours goes into the user's cache. */
START_TEST(test_foreign)
{
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(index_path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "CREATE TABLE theirs (a)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    struct stat before, after;
    ck_assert_int_eq(stat(index_path, &before), 0);
    check_store(100 + CHUNKS - 1);
    ck_assert_int_eq(stat(index_path, &after), 0);
    ck_assert_int_eq(before.st_ino, after.st_ino);
    ck_assert(cache_is_used());
    check_store(100 + CHUNKS - 1);
    usleep(20000);
    write_npz(CHUNKS - 1, 5000);
    check_store(5000);
}
END_TEST

/* A log without its index must not be taken for that of a new one. */
START_TEST(test_log_left_over)
{
    ist_error error;
    char wal[160];
    snprintf(wal, sizeof wal, "%s-wal", index_path);
    check_ok(fs_write_file(wal, "left over", 9, &error), &error);
    check_store(100 + CHUNKS - 1);
    ck_assert(!fs_exists(index_path));
    ck_assert(cache_is_used());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_index");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_checked_fixture(all, make_store, remove_store);
    tcase_add_test(all, test_kept_in_the_store);
    tcase_add_test(all, test_stale);
    tcase_add_test(all, test_foreign);
    tcase_add_test(all, test_log_left_over);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
