/*
 * Damaged bytes: every byte of the small files of a store is changed in several ways, and every file is cut off at
 * every length. Nothing crashes, and what comes out is right or an error, as far as the format lets one tell.
 */
#include <check.h>
#include <jansson.h>
#include <libstore/libstore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "extra_hdf5.h"
#include "fs.h"
#include "image.h"
#include "temporary.h"

static char folder[TEMPORARY_SIZE];

static void make_folder(void)
{
    temporary_folder(folder, "damage-test");
}

static void remove_folder(void)
{
    fs_remove_tree(folder);
}

static void check_ok(ist_status status, const ist_error *error)
{
    ck_assert_msg(status >= 0, "%s", error->message);
}

static void load(const char *path, struct buffer *bytes)
{
    ist_error error;
    *bytes = (struct buffer){0};
    check_ok(fs_read_file(path, bytes, &error), &error);
}

/* The ways in which a byte is changed: some bits turned, or another value. */
enum { WAYS = 10 };

/* Each byte is changed in every n-th of the ways, beginning with another one than its neighbour. */
static int ways_apart = 3;

static uint8_t change(uint8_t byte, int way)
{
    return way < 8 ? (uint8_t)(byte ^ (1 << way)) : way == 8 ? (uint8_t)~byte : (uint8_t)(byte + 1);
}

/*
 * Single pictures
 */

/* What a change of a byte may do. */
enum tolerance {
    EXACT, /* nothing: checksums tell */
    SHAPE, /* give another picture of this size: there is nothing that tells */
};

static const struct picture {
    const char *path;
    enum tolerance tolerance;
    size_t exact_from, exact_to; /* bytes for which it is EXACT anyway */
} pictures[] = {
    {"golden/gray-png/store/000000/000003.png", EXACT, 0, 0},
    {"golden/color-png/store/000000/000003.png", EXACT, 0, 0},
    {"foreign/u16-png-color/000000/000001.png", EXACT, 0, 0},
    {"golden/gray-jpg/store/000000/000003.jpg", SHAPE, 0, 0},
    {"golden/color-jpg/store/000000/000003.jpg", SHAPE, 0, 0},
    {"golden/gray-bmp/store/000000/000003.bmp", SHAPE, 0, 2},
    {"golden/color-bmp/store/000000/000003.bmp", SHAPE, 0, 2},
    {"golden/gray-pgm/store/000000/000003.pgm", SHAPE, 0, 8},
    {"golden/color-ppm/store/000000/000003.ppm", SHAPE, 0, 8},
    {"foreign/u16-pgm-gray/000000/000001.pgm", SHAPE, 0, 8},
    {"golden/gray-tif/store/000000/000003.tif", SHAPE, 0, 8},
    {"golden/color-tif/store/000000/000003.tif", SHAPE, 0, 8},
    {"golden/gray-npy/store/000000/000003.npy", SHAPE, 0, 128},
    {"golden/color-npy/store/000000/000003.npy", SHAPE, 0, 128},
#ifdef IST_WITH_BLOSC
    {"foreign/bpk-gray/000000/000000.bpk", EXACT, 0, 0},
    {"foreign/bpk-gray/000000/000001.bpk", EXACT, 0, 0},
    {"foreign/bpk-color-u16/000000/000002.bpk", EXACT, 0, 0},
#endif
};

static bool same_shape(const ist_frame *a, const ist_frame *b)
{
    return a->width == b->width && a->height == b->height && a->channels == b->channels && a->type == b->type;
}

static bool same_pixels(const ist_frame *a, const ist_frame *b)
{
    return same_shape(a, b) && memcmp(a->data, b->data, (size_t)a->stride * (size_t)a->height) == 0;
}

/* Decodes a copy that ends where its memory ends, so that reading on shows. */
static ist_status decode(const char *path, const uint8_t *data, size_t size, ist_frame *frame, ist_error *error)
{
    uint8_t *copy = malloc(size ? size : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, data, size);
    *error = (ist_error){0};
    const ist_status status = image_format_find(path)->decode(copy, size, frame, error);
    ck_assert(status >= 0 || *error->message);
    free(copy);
    return status;
}

START_TEST(changed_bytes_of_pictures)
{
    const struct picture *picture = &pictures[_i];
    char path[256];
    snprintf(path, sizeof path, TEST_DATA "/%s", picture->path);
    struct buffer bytes;
    load(path, &bytes);
    ist_error error;
    ist_frame whole = {0}, frame = {0};
    check_ok(decode(path, bytes.data, bytes.size, &whole, &error), &error);
    // A store compares the shape, so that only pictures of the same one get through.
    for (size_t i = 0; i < bytes.size; i++) {
        const uint8_t kept = bytes.data[i];
        // Of the pixels themselves it is enough to try a few.
        const bool is_head = i < 1200 || i + 300 > bytes.size || i % 37 == 0;
        for (int way = (int)(i % (size_t)ways_apart); way < WAYS && is_head; way += ways_apart) {
            bytes.data[i] = change(kept, way);
            const ist_status status = decode(path, bytes.data, bytes.size, &frame, &error);
            const bool strict = picture->tolerance == EXACT || (i >= picture->exact_from && i < picture->exact_to);
            if (status >= 0 && strict && same_shape(&frame, &whole))
                ck_assert_msg(same_pixels(&frame, &whole), "%s: byte %zu, %02x for %02x: another picture", path, i,
                              bytes.data[i], kept);
        }
        bytes.data[i] = kept;
    }
    ist_frame_free(&whole);
    ist_frame_free(&frame);
    buffer_free(&bytes);
}
END_TEST

START_TEST(cut_off_pictures)
{
    char path[256];
    snprintf(path, sizeof path, TEST_DATA "/%s", pictures[_i].path);
    struct buffer bytes;
    load(path, &bytes);
    ist_error error;
    ist_frame whole = {0}, frame = {0};
    check_ok(decode(path, bytes.data, bytes.size, &whole, &error), &error);
    for (size_t size = 0; size < bytes.size; size += size < 400 || size + 400 > bytes.size ? 1 : 7) {
        const ist_status status = decode(path, bytes.data, size, &frame, &error);
        if (status >= 0)
            ck_assert_msg(same_pixels(&frame, &whole), "%s: cut off at %zu of %zu: another picture", path, size,
                          bytes.size);
    }
    ist_frame_free(&whole);
    ist_frame_free(&frame);
    buffer_free(&bytes);
}
END_TEST

/*
 * Files that a store is made of
 */

enum { FRAMES = 25, FRAMES_BEHIND_FIRST_CHUNK = 15 };

/* Everything that a store delivers. */
struct content {
    int64_t count;
    int64_t numbers[FRAMES];
    double times_s[FRAMES];
    ist_frame frame; /* the last one */
};

static void copy_file(const char *from, const char *to)
{
    ist_error error;
    struct buffer bytes;
    load(from, &bytes);
    check_ok(fs_write_file(to, bytes.data, bytes.size, &error), &error);
    buffer_free(&bytes);
}

/* A store as links to the files of one of the reference stores, but for the one that is to be damaged. */
static void copy_store(const char *name)
{
    static const char *const files[] = {"index.npz", "index.yaml", "index.extra.json"};
    char from[512], to[512];
    snprintf(from, sizeof from, TEST_DATA "/golden/%s/store/metadata.yaml", name);
    snprintf(to, sizeof to, "%s/metadata.yaml", folder);
    copy_file(from, to);
    for (int chunk = 0; chunk < 3; chunk++) {
        snprintf(to, sizeof to, "%s/%06d", folder, chunk);
        ck_assert_int_eq(mkdir(to, 0777), 0);
        for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
            snprintf(from, sizeof from, TEST_DATA "/golden/%s/store/%06d/%s", name, chunk, files[i]);
            snprintf(to, sizeof to, "%s/%06d/%s", folder, chunk, files[i]);
            if (fs_exists(from))
                copy_file(from, to);
        }
        for (int i = 0; i < 10; i++) {
            snprintf(from, sizeof from, TEST_DATA "/golden/%s/store/%06d/%06d.png", name, chunk, i);
            snprintf(to, sizeof to, "%s/%06d/%06d.png", folder, chunk, i);
            ck_assert(!fs_exists(from) || symlink(from, to) == 0);
        }
    }
}

/* Reads numbers and times of all frames, and the last picture. */
static ist_status read_store(struct content *content, ist_error *error)
{
    ist_reader *reader;
    *error = (ist_error){0};
    ist_status status = ist_reader_open(&reader, folder, error);
    ck_assert(status >= 0 || (*error->message && !reader));
    if (status < 0)
        return status;
    content->count = ist_reader_get_info(reader)->frame_count;
    ck_assert_int_le(content->count, FRAMES);
    check_ok(ist_reader_frame_metadata(reader, 0, content->count, content->numbers, content->times_s, error), error);
    char *extra;
    check_ok(ist_reader_extra(reader, 0, content->count, &extra, error), error);
    ist_free(extra);
    if (content->count > 0)
        status = ist_reader_read_index(reader, content->count - 1, &content->frame, error);
    // What is left out is said.
    ck_assert(content->count == FRAMES || ist_reader_problem(reader, 0) != NULL);
    ist_reader_close(&reader);
    return status;
}

/* A file of a store, and what may come of changes in it. */
static const struct part {
    const char *store, *file;
    bool numbers_may_change; /* text without checksums */
} parts[] = {
    {"gray-png", "metadata.yaml", false},
    {"gray-png", "000000/index.npz", false},
    {"gray-png", "000000/index.extra.json", false},
    {"gray-png-yaml-index", "000000/index.yaml", true},
};

static bool same_rows(const struct content *got, const struct content *whole)
{
    // All frames, or those of the chunks behind the damaged one.
    const int64_t skipped = got->count == FRAMES ? 0 : FRAMES - FRAMES_BEHIND_FIRST_CHUNK;
    return got->count == FRAMES - skipped &&
           memcmp(got->numbers, whole->numbers + skipped, (size_t)got->count * sizeof *got->numbers) == 0 &&
           memcmp(got->times_s, whole->times_s + skipped, (size_t)got->count * sizeof *got->times_s) == 0;
}

static void check_damaged(const struct part *part, const struct content *whole, struct content *got, const char *what,
                          size_t place)
{
    ist_error error;
    const ist_status status = read_store(got, &error);
    if (status < 0)
        return;
    ck_assert_msg(part->numbers_may_change || same_rows(got, whole), "%s: %s %zu: other numbers or times", part->file,
                  what, place);
    ck_assert_msg(same_pixels(&got->frame, &whole->frame), "%s: %s %zu: another picture", part->file, what, place);
}

static void damage_part(const struct part *part, bool cut)
{
    ist_error error;
    static struct content whole, got;
    struct buffer bytes;
    char path[512];
    copy_store(part->store);
    check_ok(read_store(&whole, &error), &error);
    ck_assert_int_eq(whole.count, FRAMES);
    snprintf(path, sizeof path, "%s/%s", folder, part->file);
    load(path, &bytes);
    for (size_t i = 0; i < bytes.size; i += cut && i > 600 && i + 300 < bytes.size ? 5 : 1) {
        const uint8_t kept = bytes.data[i];
        // In the middle of an npz are members that nobody needs.
        const int step = i < 600 || i + 1100 > bytes.size ? ways_apart : 5;
        for (int way = cut ? 0 : (int)(i % (size_t)ways_apart); way < (cut ? 1 : WAYS); way += step) {
            bytes.data[i] = cut ? kept : change(kept, way);
            check_ok(fs_write_file(path, bytes.data, cut ? i : bytes.size, &error), &error);
            check_damaged(part, &whole, &got, cut ? "cut off at" : "changed byte", i);
        }
        bytes.data[i] = kept;
    }
    ist_frame_free(&whole.frame);
    ist_frame_free(&got.frame);
    buffer_free(&bytes);
}

START_TEST(changed_bytes_of_a_store)
{
    damage_part(&parts[_i], false);
}
END_TEST

START_TEST(cut_off_files_of_a_store)
{
    damage_part(&parts[_i], true);
}
END_TEST

/*
 * metadata.yaml of a store that we wrote
 */

/* What a user may say, with all that JSON and YAML write in different ways. */
static const char user_metadata[] =
    "{\"dose\": 10.0, \"n\": -3, \"big\": 9007199254740993, \"small\": 1e-7, \"third\": 0.3333333333333333, "
    "\"zero\": -0.0, \"on\": true, \"off\": null, \"list\": [1, [], {}, \"\"], \"text\": \"12:30\", \"yes\": \"no\", "
    "\"lines\": \"a\\n b\\r\\n\\tc: 'd' \\\"e\\\" \\\\ # f\\n\\n\", \"M\\u00e4use\": \"\\u6642\\ud83d\\udc2d "
    "\\u0085\\u2028\", "
    "\"control\": \"\\u0001\\u007f\", \"0x10\": {\"b\": 1, \"a\": \" x \"}}";

static void record_with_metadata(void)
{
    ist_error error;
    ist_writer *writer;
    ist_frame frame = {0};
    const ist_writer_params params = {.format = "png",
                                      .width = 16,
                                      .height = 8,
                                      .channels = 3,
                                      .timezone = "Asia/Tokyo",
                                      .chunksize = 12,
                                      .metadata_json = user_metadata};
    check_ok(ist_frame_alloc(&frame, 16, 8, 3, IST_PIXEL_U8, &error), &error);
    fs_remove_tree(folder);
    check_ok(ist_writer_create(&writer, folder, &params, &error), &error);
    check_ok(ist_writer_add(writer, &frame, &error), &error);
    check_ok(ist_writer_close(&writer, &error), &error);
    ist_frame_free(&frame);
}

/* All that metadata.yaml says, as text that can be compared; of the user's part only whether it is the same. */
static ist_status describe(char text[512], bool *user_is_right, ist_error *error)
{
    ist_reader *reader;
    const ist_status status = ist_reader_open(&reader, folder, error);
    if (status < 0)
        return status;
    const ist_reader_info *info = ist_reader_get_info(reader);
    snprintf(text, 512, "%s %s '%s' %s %s %.6f %d x %d x %d %d %d %lld", info->class_name, info->format, info->encoding,
             info->uuid, info->timezone, info->created_s, info->width, info->height, info->channels, info->type,
             info->chunksize, (long long)info->dropped[IST_DROP_QUEUE]);
    json_t *user = json_loads(info->user_metadata, 0, NULL), *recorded = json_loads(user_metadata, 0, NULL);
    ck_assert_ptr_nonnull(recorded);
    *user_is_right = json_equal(user, recorded);
    ck_assert_msg(*user_is_right || info->user_metadata_changed, "metadata of the user: %s", info->user_metadata);
    json_decref(user);
    json_decref(recorded);
    ist_reader_close(&reader);
    return IST_OK;
}

/* Each is noticed: what the store says is right or refused, what the user said is right or said to be another. */
START_TEST(damaged_metadata)
{
    ist_error error;
    char path[512], whole[512], got[512];
    bool user_is_right;
    int64_t noticed = 0;
    struct buffer bytes;
    record_with_metadata();
    check_ok(describe(whole, &user_is_right, &error), &error);
    ck_assert(user_is_right);
    snprintf(path, sizeof path, "%s/metadata.yaml", folder);
    load(path, &bytes);
    for (size_t i = 0; i < bytes.size; i++) {
        const uint8_t kept = bytes.data[i];
        for (int way = 0; way <= WAYS; way++) { // the last: cut off
            bytes.data[i] = way < WAYS ? change(kept, way) : kept;
            check_ok(fs_write_file(path, bytes.data, way < WAYS ? bytes.size : i, &error), &error);
            if (describe(got, &user_is_right, &error) < 0)
                noticed++;
            else
                ck_assert_msg(strcmp(got, whole) == 0, "byte %zu, way %d: %s, not %s", i, way, got, whole);
        }
        bytes.data[i] = kept;
    }
    ck_assert_int_gt(noticed, (int64_t)bytes.size);
    buffer_free(&bytes);
}
END_TEST

#ifdef IST_WITH_HDF5
/* The HDF5 library crashes on many of these, and goes on for ever on some; see extra_hdf5.c. */
START_TEST(damaged_hdf5)
{
    ist_error error;
    struct buffer bytes;
    load(TEST_DATA "/foreign/motif-h5/000000.extra_data.h5", &bytes);
    for (size_t i = 0; i < bytes.size; i += i < 1100 ? 13 : 41) {
        json_t *rows;
        bytes.data[i] ^= 0xff;
        const ist_status status = extra_hdf5_read(&bytes, &rows, &error);
        ck_assert(status >= 0 ? json_is_array(rows) : status == IST_ERROR_DATA && rows == NULL);
        json_decref(rows);
        bytes.data[i] ^= 0xff;
    }
    for (size_t size = 0; size < bytes.size; size += 97) {
        json_t *rows;
        const struct buffer cut = {.data = bytes.data, .size = size};
        ck_assert_int_eq(extra_hdf5_read(&cut, &rows, &error), IST_ERROR_DATA);
    }
    buffer_free(&bytes);
}
END_TEST
#endif

/* damage_test all: every byte in every way */
int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "all") == 0)
        ways_apart = 1;
    Suite *suite = suite_create("damage");
    TCase *tests = tcase_create("damage");
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_set_timeout(tests, 600);
    tcase_add_loop_test(tests, changed_bytes_of_pictures, 0, sizeof pictures / sizeof *pictures);
    tcase_add_loop_test(tests, cut_off_pictures, 0, sizeof pictures / sizeof *pictures);
#ifdef IST_WITH_HDF5
    tcase_add_test(tests, damaged_hdf5);
#endif
    tcase_add_test(tests, damaged_metadata);
    tcase_add_loop_test(tests, changed_bytes_of_a_store, 0, sizeof parts / sizeof *parts);
    tcase_add_loop_test(tests, cut_off_files_of_a_store, 0, sizeof parts / sizeof *parts);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
