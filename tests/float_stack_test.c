// A stack of numbers is there whole or not at all; its values are looked at by tools_maps.py, with another reader.

#include <check.h>
#include <errno.h>
#include <libstore/libstore.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs.h"
#include "temporary.h"

enum { WIDTH = 40, HEIGHT = 30 };

static char folder[TEMPORARY_SIZE], path[96], part[104];
static float pixels[HEIGHT * WIDTH];
static const struct fs_calls *real_calls;
static int calls_left; // until one fails; below 0: none does

static void setup(void)
{
    temporary_folder(folder, "float-stack");
    snprintf(path, sizeof path, "%s/map.tif", folder);
    snprintf(part, sizeof part, "%s.part", path);
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        pixels[i] = i % 7 ? (float)i : NAN;
}

static void teardown(void)
{
    fs_remove_tree(folder);
}

static ist_status write_stack(int64_t page_count, ist_error *error)
{
    ist_float_stack *stack;
    ist_status status = ist_float_stack_create(&stack, path, WIDTH, HEIGHT, page_count, error);
    for (int i = 0; i < 3 && status >= 0; i++)
        status = ist_float_stack_add(stack, pixels, error);
    if (status >= 0)
        status = ist_float_stack_finish(&stack, error);
    ist_float_stack_discard(&stack);
    return status;
}

static uint8_t version_of_file(void)
{
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    uint8_t head[4];
    ck_assert_uint_eq(fread(head, 1, sizeof head, file), sizeof head);
    fclose(file);
    return head[head[0] == 'M' ? 3 : 2]; // in the file's own byte order
}

START_TEST(it_appears_when_it_is_whole)
{
    ist_error error;
    ist_float_stack *stack;
    ck_assert_int_eq(ist_float_stack_create(&stack, path, WIDTH, HEIGHT, 1, &error), IST_OK);
    ck_assert_int_eq(ist_float_stack_add(stack, pixels, &error), IST_OK);
    ck_assert(fs_exists(part) && !fs_exists(path));
    ck_assert_int_eq(ist_float_stack_finish(&stack, &error), IST_OK);
    ck_assert_ptr_null(stack);
    ck_assert(fs_exists(path) && !fs_exists(part));
    ck_assert_int_eq(version_of_file(), 42);

    ck_assert_int_eq(ist_float_stack_create(&stack, path, WIDTH, HEIGHT, 1, &error), IST_OK);
    ist_float_stack_discard(&stack);
    ck_assert_ptr_null(stack);
    ck_assert(fs_exists(path) && !fs_exists(part)); // that of before
}
END_TEST

START_TEST(large_ones_are_bigtiff)
{
    ist_error error;
    ck_assert_int_eq(write_stack(4 << 20, &error), IST_OK);
    ck_assert_int_eq(version_of_file(), 43);
}
END_TEST

START_TEST(sizes_that_cannot_be)
{
    ist_error error;
    ist_float_stack *stack;
    ck_assert_int_eq(ist_float_stack_create(&stack, path, 0, HEIGHT, 1, &error), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(ist_float_stack_create(&stack, path, WIDTH, 65536, 1, &error), IST_ERROR_ARGUMENT);
    ck_assert_ptr_null(stack);
    ck_assert(!fs_exists(part));
    snprintf(path, sizeof path, "%s/no/map.tif", folder);
    ck_assert_int_eq(ist_float_stack_create(&stack, path, WIDTH, HEIGHT, 1, &error), IST_ERROR_NOT_FOUND);
    ck_assert_ptr_null(stack);
}
END_TEST

static bool fails_now(void)
{
    if (calls_left != 0) {
        calls_left -= calls_left > 0;
        return false;
    }
    errno = ENOSPC;
    return true;
}

static ssize_t failing_write(int fd, const void *data, size_t size)
{
    return fails_now() ? -1 : real_calls->write(fd, data, size);
}

static int failing_sync(int fd)
{
    return fails_now() ? -1 : real_calls->sync(fd);
}

static int failing_rename(const char *from, const char *to)
{
    return fails_now() ? -1 : real_calls->rename(from, to);
}

/* Each write, sync and rename fails in turn: an error that says why, and what was there before is as it was. */
START_TEST(the_disk_is_full)
{
    ist_error error;
    ck_assert_int_eq(write_stack(4 << 20, &error), IST_OK);
    const struct fs_calls calls = fs_calls;
    real_calls = &calls;
    fs_calls.write = failing_write;
    fs_calls.sync = failing_sync;
    fs_calls.rename = failing_rename;
    int failures = 0, renamed = 0;
    for (bool done = false; !done; failures++) {
        calls_left = failures;
        const ist_status status = write_stack(1, &error);
        done = status == IST_OK;
        if (!done) {
            ck_assert_int_eq(status, IST_ERROR_IO);
            ck_assert_msg(strstr(error.message, strerror(ENOSPC)) != NULL, "%s", error.message);
            ck_assert(!fs_exists(part));
        }
        renamed += version_of_file() == 42;
    }
    fs_calls = calls;
    printf("%d calls failed in turn\n", failures - 1);
    ck_assert_int_gt(failures, 5);
    // Only when it went well, and when nothing was left to do but to bring the new name to the disk.
    ck_assert_int_eq(renamed, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("float_stack");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, it_appears_when_it_is_whole);
    tcase_add_test(tests, large_ones_are_bigtiff);
    tcase_add_test(tests, sizes_that_cannot_be);
    tcase_add_test(tests, the_disk_is_full);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
