/* Stores that Python imgstore 0.4 and Motif wrote: every frame and everything said about it, as imgstore reports it. */
#include <check.h>
#include <jansson.h>
#include <libstore/libstore.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs.h"
#include "npy.h"

#define GOLDEN TEST_DATA "/golden"

/* A store, and the frames that imgstore reads from it: of formats without loss they are the same. */
static const struct golden {
    const char *name;
    const char *decoded;
} goldens[] = {
    {"bayer-avc1-mp4", "bayer-avc1-mp4"},
    {"bayer-png", "bayer-colour"},
    {"bayer-written-color-png", "bayer-colour"},
    {"color-avc1-mp4", "color-avc1-mp4"},
    {"color-bmp", "lossless-color"},
    {"color-h264-mkv", "color-h264-mkv"},
    {"color-jpg", "color-jpg"},
    {"color-mjpeg-avi", "color-mjpeg-avi"},
    {"color-npy", "lossless-color"},
    {"color-png", "lossless-color"},
    {"color-ppm", "lossless-color"},
    {"color-tif", "lossless-color"},
    {"gray-avc1-mp4", "gray-avc1-mp4"},
    {"gray-bmp", "lossless-gray"},
    {"gray-h264-mkv", "gray-h264-mkv"},
    {"gray-jpg", "gray-jpg"},
    {"gray-mjpeg-avi", "gray-mjpeg-avi"},
    {"gray-npy", "lossless-gray"},
    {"gray-npy-reindexed", "lossless-gray"},
    {"gray-pgm", "lossless-gray"},
    {"gray-png", "lossless-gray"},
    {"gray-png-saved-index", "lossless-gray"},
    {"gray-png-yaml-index", "lossless-gray"},
    {"gray-tif", "lossless-gray"},
};

enum { GOLDEN_COUNT = sizeof goldens / sizeof *goldens };

static void check_ok(ist_status status, const ist_error *error)
{
    ck_assert_msg(status >= 0, "%s", error->message);
}

static const char *path_of(const char *name, const char *file)
{
    static char path[512];
    snprintf(path, sizeof path, GOLDEN "/%s%s", name, file);
    return path;
}

static ist_reader *open_store(const char *name)
{
    ist_error error;
    ist_reader *reader;
    check_ok(ist_reader_open(&reader, path_of(name, "/store"), &error), &error);
    return reader;
}

/*
 * Pixels
 */

/* Frames as numpy has them: (n, h, w) or (n, h, w, 3), uint8. */
struct decoded {
    struct buffer file;
    struct npy_header header;
};

static void load_decoded(struct decoded *decoded, const char *name)
{
    ist_error error;
    *decoded = (struct decoded){0};
    char file[256];
    snprintf(file, sizeof file, "/%s.npy", name);
    check_ok(fs_read_file(path_of("decoded", file), &decoded->file, &error), &error);
    check_ok(npy_parse_header(decoded->file.data, decoded->file.size, &decoded->header, &error), &error);
}

static void check_pixels(const ist_frame *frame, const struct decoded *decoded, int64_t i, const char *name)
{
    const struct npy_header *h = &decoded->header;
    ck_assert_int_eq(frame->height, h->shape[1]);
    ck_assert_int_eq(frame->width, h->shape[2]);
    ck_assert_int_eq(frame->channels, h->dimensions == 4 ? 3 : 1);
    ck_assert_int_eq(frame->type, IST_PIXEL_U8);
    const size_t row_bytes = (size_t)frame->width * (size_t)frame->channels;
    const uint8_t *expected = decoded->file.data + h->data_offset + (size_t)i * (size_t)frame->height * row_bytes;
    for (int y = 0; y < frame->height; y++)
        ck_assert_msg(memcmp(frame->data + y * frame->stride, expected + (size_t)y * row_bytes, row_bytes) == 0,
                      "%s: frame %lld differs in row %d", name, (long long)i, y);
}

START_TEST(frames_are_those_of_imgstore)
{
    const struct golden *golden = &goldens[_i];
    ist_error error;
    struct decoded decoded;
    load_decoded(&decoded, golden->decoded);
    ist_reader *reader = open_store(golden->name);
    const int64_t count = decoded.header.shape[0];
    ck_assert_int_eq(ist_reader_get_info(reader)->frame_count, count);

    ist_frame frame = {0};
    for (int64_t i = 0; i < count; i++) {
        check_ok(ist_reader_next(reader, &frame, &error), &error);
        check_pixels(&frame, &decoded, i, golden->name);
    }
    ck_assert_int_eq(ist_reader_next(reader, &frame, &error), IST_END);
    for (int64_t step = 1; step < count; step++) { // 7 and 25 have no common divisor
        const int64_t i = step * 7 % count;
        check_ok(ist_reader_read_index(reader, i, &frame, &error), &error);
        check_ok(ist_reader_check_index(reader, i, &error), &error);
        ck_assert_int_eq(frame.index, i);
        check_pixels(&frame, &decoded, i, golden->name);
    }
    ck_assert_ptr_null(ist_reader_problem(reader, 0));
    ist_frame_free(&frame);
    ist_reader_close(&reader);
    buffer_free(&decoded.file);
}
END_TEST

/*
 * What is said of them
 */

static json_t *load_expected(const char *name)
{
    json_error_t error;
    json_t *expected = json_load_file(path_of(name, "/expected.json"), 0, &error);
    ck_assert_msg(expected != NULL, "%s: %s", name, error.text);
    return expected;
}

static const char *text_of(const json_t *expected, const char *key)
{
    const char *text = json_string_value(json_object_get(expected, key));
    return text ? text : "";
}

static json_int_t int_of(const json_t *expected, const char *key)
{
    return json_integer_value(json_object_get(expected, key));
}

static double real_of(const json_t *expected, const char *key)
{
    return json_number_value(json_object_get(expected, key));
}

/* "2026-11-20T21:17:57.180350+00:00" */
static double seconds_of(const char *iso)
{
    struct tm utc = {0};
    int microseconds;
    ck_assert_int_eq(sscanf(iso, "%d-%d-%dT%d:%d:%d.%6d", &utc.tm_year, &utc.tm_mon, &utc.tm_mday, &utc.tm_hour,
                            &utc.tm_min, &utc.tm_sec, &microseconds),
                     7);
    utc.tm_year -= 1900;
    utc.tm_mon -= 1;
    return (double)timegm(&utc) + microseconds * 1e-6;
}

static void check_info(const ist_reader_info *info, const json_t *expected)
{
    ck_assert_str_eq(info->class_name, text_of(expected, "class"));
    ck_assert_str_eq(info->format, text_of(expected, "format"));
    ck_assert_str_eq(info->encoding, text_of(expected, "encoding"));
    ck_assert_str_eq(info->uuid, text_of(expected, "uuid"));
    ck_assert_int_eq(info->chunksize, int_of(expected, "chunksize"));
    ck_assert_int_eq(info->lossless, json_is_true(json_object_get(expected, "lossless")));
    ck_assert(!info->unfinished);

    const json_t *shape = json_object_get(expected, "image_shape");
    ck_assert_int_eq(info->height, json_integer_value(json_array_get(shape, 0)));
    ck_assert_int_eq(info->width, json_integer_value(json_array_get(shape, 1)));
    ck_assert_int_eq(info->channels, json_array_size(shape) == 3 ? 3 : 1);
    ck_assert_int_eq(info->type, IST_PIXEL_U8);

    ck_assert_int_eq(info->number_min, int_of(expected, "frame_min"));
    ck_assert_int_eq(info->number_max, int_of(expected, "frame_max"));
    ck_assert(info->time_min_s == real_of(expected, "frame_time_min"));
    ck_assert(info->time_max_s == real_of(expected, "frame_time_max"));
    ck_assert(info->time_max_s - info->time_min_s == real_of(expected, "duration"));

    const json_t *created = json_object_get(expected, "created");
    ck_assert(fabs(info->created_s - seconds_of(json_string_value(json_array_get(created, 0)))) < 1e-6);
    ck_assert_str_eq(info->timezone, json_string_value(json_array_get(created, 1)));

    json_t *user = json_loads(info->user_metadata, 0, NULL);
    ck_assert(json_equal(user, json_object_get(expected, "user_metadata")));
    json_decref(user);
}

static void check_numbers_and_times(ist_reader *reader, const json_t *expected)
{
    ist_error error;
    const json_t *numbers = json_object_get(expected, "frame_number"), *times = json_object_get(expected, "frame_time");
    const int64_t count = (int64_t)json_array_size(numbers);
    ck_assert_int_eq(ist_reader_get_info(reader)->frame_count, count);
    ck_assert_int_eq(int_of(expected, "frame_count"), count);
    for (int64_t i = 0; i < count; i++) {
        int64_t number;
        double time_s;
        check_ok(ist_reader_frame_metadata(reader, i, 1, &number, &time_s, &error), &error);
        ck_assert_int_eq(number, json_integer_value(json_array_get(numbers, (size_t)i)));
        ck_assert(time_s == json_number_value(json_array_get(times, (size_t)i)));
    }
    const json_t *chunks = json_object_get(expected, "chunks");
    ck_assert_int_eq(ist_reader_get_info(reader)->chunk_count, json_array_size(chunks));
    int64_t next = 0;
    for (int i = 0; i < (int)json_array_size(chunks); i++) {
        int chunk;
        int64_t first, frames;
        ist_reader_chunk(reader, i, &chunk, &first, &frames);
        ck_assert_int_eq(chunk, json_integer_value(json_array_get(chunks, (size_t)i)));
        ck_assert_int_eq(first, next);
        next += frames;
    }
    ck_assert_int_eq(next, count);
}

static void check_extra(ist_reader *reader, const json_t *expected)
{
    ist_error error;
    char *text;
    check_ok(ist_reader_extra(reader, 0, ist_reader_get_info(reader)->frame_count, &text, &error), &error);
    json_t *extra = json_loads(text, 0, NULL);
    if (json_is_array(expected))
        ck_assert_msg(json_equal(extra, expected), "%s", text);
    else
        ck_assert_int_eq(json_array_size(extra), 0);
    json_decref(extra);
    ist_free(text);
}

START_TEST(all_that_imgstore_says_is_said)
{
    json_t *expected = load_expected(goldens[_i].name);
    ist_reader *reader = open_store(goldens[_i].name);
    check_info(ist_reader_get_info(reader), expected);
    check_numbers_and_times(reader, expected);
    check_extra(reader, json_object_get(expected, "extra_data"));
    ist_reader_close(&reader);
    json_decref(expected);
}
END_TEST

static double mean_of(const ist_frame *frame)
{
    double sum = 0;
    for (int y = 0; y < frame->height; y++)
        for (int x = 0; x < frame->width; x++)
            sum += frame->data[y * frame->stride + x];
    return sum / frame->width / frame->height;
}

START_TEST(recording_of_motif)
{
    ist_error error;
    json_t *expected = load_expected("motif");
    ist_reader *reader = open_store("motif");
    const ist_reader_info *info = ist_reader_get_info(reader);
    ck_assert_str_eq(info->class_name, "VideoImgStore");
    ck_assert_str_eq(info->format, "libx264");
    ck_assert_int_eq(info->height, 512);
    ck_assert_int_eq(info->width, 512);
    ck_assert_int_eq(info->channels, 1);
    ck_assert_int_eq(info->number_max, int_of(expected, "frame_max"));
    check_numbers_and_times(reader, expected);

    struct decoded decoded;
    load_decoded(&decoded, "motif-first-last");
    const json_t *means = json_object_get(expected, "mean_gray");
    ist_frame frame = {0};
    for (int64_t i = 0; i < info->frame_count; i++) {
        check_ok(ist_reader_next(reader, &frame, &error), &error);
        ck_assert_msg(fabs(mean_of(&frame) - json_number_value(json_array_get(means, (size_t)i))) < 1e-9, "frame %lld",
                      (long long)i);
        if (i == 0 || i == info->frame_count - 1)
            check_pixels(&frame, &decoded, i ? 1 : 0, "motif");
    }
    ck_assert_ptr_null(ist_reader_problem(reader, 0));
    ist_frame_free(&frame);
    buffer_free(&decoded.file);
    ist_reader_close(&reader);
    json_decref(expected);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("golden");
    TCase *tests = tcase_create("golden");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, frames_are_those_of_imgstore, 0, GOLDEN_COUNT);
    tcase_add_loop_test(tests, all_that_imgstore_says_is_said, 0, GOLDEN_COUNT);
    tcase_add_test(tests, recording_of_motif);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
