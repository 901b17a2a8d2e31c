// Plain videos and TIFF stacks through the reader: the same frames in any order, and nothing written beside them.

#include <check.h>
#include <dirent.h>
#include <libstore/libstore.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs.h"
#include "temporary.h"

enum { FRAMES = 40, WIDTH = 64, HEIGHT = 48 };

static char folder[TEMPORARY_SIZE], store[96];
static ist_error error;

static void make_store(void)
{
    ist_source *source;
    ist_writer *writer;
    ist_frame frame = {0};
    ist_status status;
    ck_assert_int_eq(ist_source_open(&source, "test:frames=40,size=64x48,depth=16", NULL, &error), IST_OK);
    const ist_writer_params params = {
        .format = "npy", .width = WIDTH, .height = HEIGHT, .channels = 1, .type = IST_PIXEL_U16};
    ck_assert_msg(ist_writer_create(&writer, store, &params, &error) >= 0, "%s", error.message);
    while ((status = ist_source_next(source, &frame, &error)) == IST_OK)
        ck_assert_int_eq(ist_writer_add(writer, &frame, &error), IST_OK);
    ck_assert_int_eq(status, IST_END);
    ck_assert_int_eq(ist_writer_close(&writer, &error), IST_OK);
    ist_source_close(&source);
    ist_frame_free(&frame);
}

static void setup(void)
{
    temporary_folder(folder, "plain-test");
    snprintf(store, sizeof store, "%s/store", folder);
    make_store();
}

static void teardown(void)
{
    fs_remove_tree(folder);
}

static const char *export_as(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    ist_export_report report;
    const ist_export_params params = {0};
    ist_reader *reader;
    ck_assert_int_eq(ist_reader_open(&reader, store, &error), IST_OK);
    ck_assert_msg(ist_export(reader, path, &params, &report, &error) >= 0, "%s", error.message);
    ist_reader_close(&reader);
    return path;
}

static ist_reader *open_reader(const char *path)
{
    ist_reader *reader;
    ck_assert_msg(ist_reader_open(&reader, path, &error) >= 0, "%s", error.message);
    return reader;
}

static int entries_in_folder(void)
{
    DIR *entries = opendir(folder);
    int count = 0;
    while (readdir(entries))
        count++;
    closedir(entries);
    return count;
}

static void assert_same_pixels(const ist_frame *a, const ist_frame *b)
{
    ck_assert(a->width == b->width && a->height == b->height && a->channels == b->channels && a->type == b->type);
    const size_t row = (size_t)a->width * (size_t)a->channels * ist_pixel_size(a->type);
    for (int y = 0; y < a->height; y++)
        ck_assert_mem_eq(a->data + y * a->stride, b->data + y * b->stride, row);
}

/* Both are lossless: they are the store itself, in any order. */
static void assert_like_store(const char *path, double tolerance_s)
{
    ist_reader *original = open_reader(store), *plain = open_reader(path);
    const int before = entries_in_folder();
    const ist_reader_info *info = ist_reader_get_info(plain);
    ck_assert_int_eq(info->frame_count, FRAMES);
    ck_assert(info->width == WIDTH && info->height == HEIGHT && info->channels == 1 && info->type == IST_PIXEL_U16);
    ck_assert(info->number_min == 0 && info->number_max == FRAMES - 1 && !info->unfinished);
    ck_assert_str_eq(info->path, path);
    ist_frame expected = {0}, frame = {0};
    for (int i = 0; i < 3 * FRAMES; i++) {
        const int64_t index = i < FRAMES ? i : i * 29 % FRAMES;
        ck_assert_int_eq(ist_reader_read_index(original, index, &expected, &error), IST_OK);
        ck_assert_msg(ist_reader_read_index(plain, index, &frame, &error) == IST_OK, "%s", error.message);
        assert_same_pixels(&expected, &frame);
        ck_assert_int_eq(frame.index, index);
        ck_assert_int_eq(frame.number, index);
        ck_assert_double_eq_tol(frame.time_s, (double)index / 25, tolerance_s);
        int64_t key, again;
        ck_assert_int_eq(ist_reader_find_key(plain, index, &key, &error), IST_OK);
        ck_assert(key >= 0 && key <= index);
        ck_assert_int_eq(ist_reader_find_key(plain, key, &again, &error), IST_OK);
        ck_assert_int_eq(key, again);
        ck_assert_int_eq(ist_reader_find_key(original, index, &key, &error), IST_OK);
        ck_assert_int_eq(key, index); // an image stands alone
    }
    int64_t index;
    ck_assert_int_eq(ist_reader_find_key(plain, FRAMES, &index, &error), IST_ERROR_NOT_FOUND);
    ck_assert_int_eq(ist_reader_find_time(plain, 0.81, &index, &error), IST_OK);
    ck_assert_int_eq(index, 20);
    ck_assert_int_eq(ist_reader_refresh(plain, &error), IST_OK);
    ck_assert_int_eq(ist_reader_read_index(plain, FRAMES, &frame, &error), IST_ERROR_NOT_FOUND);
    ck_assert_int_eq(entries_in_folder(), before);
    ist_frame_free(&expected);
    ist_frame_free(&frame);
    ist_reader_close(&original);
    ist_reader_close(&plain);
}

START_TEST(a_tiff_stack_is_its_pages)
{
    assert_like_store(export_as("stack.tif"), 1e-9);
}
END_TEST

START_TEST(a_video_is_its_frames)
{
    assert_like_store(export_as("clip.mkv"), 1e-3);
}
END_TEST

START_TEST(what_was_cut_off_ends_early_or_says_so)
{
    char path[128];
    strcpy(path, export_as("stack.tif"));
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    fclose(file);
    int opened = 0;
    for (int part = 19; part > 0; part -= 3) {
        ist_reader *reader;
        ck_assert_int_eq(truncate(path, size * part / 20), 0);
        if (ist_reader_open(&reader, path, &error) < 0) {
            ck_assert_ptr_nonnull(strstr(error.message, "stack.tif"));
            continue;
        }
        opened++;
        ist_frame frame = {0};
        const int64_t count = ist_reader_get_info(reader)->frame_count;
        ck_assert(count > 0 && count < FRAMES);
        ck_assert_int_eq(ist_reader_read_index(reader, 0, &frame, &error), IST_OK);
        ist_frame_free(&frame);
        ist_reader_close(&reader);
    }
    ck_assert_int_gt(opened, 2);
}
END_TEST

/* Of its first bytes it is a video without a packet. */
START_TEST(a_header_alone_is_refused)
{
    char path[128];
    strcpy(path, export_as("clip.mkv"));
    for (int kept = 4000; kept > 0; kept -= 50) {
        ist_reader *reader;
        struct stat info;
        if (stat(path, &info) == 0 && info.st_size <= kept)
            continue;
        ck_assert_int_eq(truncate(path, kept), 0);
        if (ist_reader_open(&reader, path, &error) < 0) {
            ck_assert_ptr_null(reader);
            ck_assert_ptr_nonnull(strstr(error.message, "clip.mkv"));
        } else {
            ck_assert_int_gt(ist_reader_get_info(reader)->frame_count, 0);
            ist_reader_close(&reader);
        }
    }
}
END_TEST

START_TEST(what_is_neither_is_refused)
{
    static const char *const names[] = {"empty.tif", "empty.mp4", "empty"};
    char path[128];
    ist_reader *reader;
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        FILE *file = fopen(path, "wb");
        ck_assert_ptr_nonnull(file);
        fclose(file);
        ck_assert_int_eq(ist_reader_open(&reader, path, &error), IST_ERROR_DATA);
        ck_assert_ptr_null(reader);
        ck_assert_ptr_nonnull(strstr(error.message, names[i]));
    }
    // The store's own file stands for the store.
    snprintf(path, sizeof path, "%s/metadata.yaml", store);
    reader = open_reader(path);
    ck_assert_str_eq(ist_reader_get_info(reader)->path, store);
    ist_reader_close(&reader);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plain");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_tiff_stack_is_its_pages);
    tcase_add_test(tests, a_video_is_its_frames);
    tcase_add_test(tests, what_was_cut_off_ends_early_or_says_so);
    tcase_add_test(tests, a_header_alone_is_refused);
    tcase_add_test(tests, what_is_neither_is_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
