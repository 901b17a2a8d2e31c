/* Raw data to BGR against what OpenCV makes of them; tests/data/make_encoding.py made the expected pictures. */
#include <check.h>
#include <libstore/libstore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "encoding.h"
#include "fs.h"

static void check_ok(ist_status status, const ist_error *error)
{
    ck_assert_msg(status >= 0, "%s", error->message);
}

/* Raw data: those of 2 and 4 samples a pixel lie side by side in one channel. */
static void make_raw(ist_frame *raw, int width, int height, int samples, int bits, uint32_t seed)
{
    ist_error error;
    const int across = samples == 3 ? 1 : samples;
    check_ok(ist_frame_alloc(raw, width * across, height, samples / across, bits == 16 ? IST_PIXEL_U16 : IST_PIXEL_U8,
                             &error),
             &error);
    for (int i = 0; i < width * height * samples; i++) {
        seed = seed * 1664525 + 1013904223;
        if (bits == 16)
            ((uint16_t *)(void *)raw->data)[i] = (uint16_t)(seed >> 16);
        else
            raw->data[i] = (uint8_t)(seed >> 24);
    }
}

/* The same data in rows that do not touch. */
static void spread_rows(const ist_frame *raw, ist_frame *spread, uint8_t *memory, ptrdiff_t stride)
{
    *spread = *raw;
    spread->buffer = NULL;
    spread->data = memory;
    spread->stride = stride;
    for (int y = 0; y < raw->height; y++)
        memcpy(memory + y * stride, raw->data + y * raw->stride, (size_t)raw->stride);
}

START_TEST(pictures_are_those_of_opencv)
{
    ist_error error;
    struct buffer expected = {0};
    check_ok(fs_read_file(TEST_DATA "/encoding/bgr.bin", &expected, &error), &error);
    FILE *cases = fopen(TEST_DATA "/encoding/cases.txt", "r");
    ck_assert_ptr_nonnull(cases);
    char code[32];
    int bits, width, height, samples;
    uint32_t number = 0;
    size_t at = 0;
    ist_frame raw = {0}, spread, picture = {0};
    while (fscanf(cases, "%31s %d %d %d %d", code, &bits, &width, &height, &samples) == 5) {
        const struct encoding *encoding = encoding_find(code);
        ck_assert_msg(encoding != NULL, "%s", code);
        ck_assert_int_eq(encoding_samples(encoding), samples);
        make_raw(&raw, width, height, samples, bits, number++);
        const ptrdiff_t stride = raw.stride + 6;
        uint8_t *memory = malloc((size_t)stride * (size_t)height);
        ck_assert_ptr_nonnull(memory);
        spread_rows(&raw, &spread, memory, stride);
        const ist_frame *both[] = {&raw, &spread};
        for (int i = 0; i < 2; i++) {
            check_ok(encoding_decode(encoding, both[i], &picture, &error), &error);
            const size_t size = (size_t)picture.stride * (size_t)picture.height;
            int picture_width, picture_height;
            check_ok(encoding_picture_size(encoding, width, height, &picture_width, &picture_height, &error), &error);
            ck_assert(picture.width == picture_width && picture.height == picture_height && picture.channels == 3);
            ck_assert_uint_le(at + size, expected.size);
            ck_assert_msg(memcmp(picture.data, expected.data + at, size) == 0, "%s, %d bits, %d x %d, way %d", code,
                          bits, width, height, i);
        }
        at += (size_t)picture.stride * (size_t)picture.height;
        free(memory);
    }
    ck_assert_uint_eq(at, expected.size);
    ck_assert_uint_gt(number, 200);
    fclose(cases);
    ist_frame_free(&raw);
    ist_frame_free(&picture);
    buffer_free(&expected);
}
END_TEST

static void check_refused(const char *code, int width, int height, int samples, int bits)
{
    ist_error error = {0};
    ist_frame raw = {0}, picture = {0};
    make_raw(&raw, width, height, samples, bits, 1);
    ck_assert_int_eq(encoding_decode(encoding_find(code), &raw, &picture, &error), IST_ERROR_DATA);
    ck_assert_ptr_nonnull(strstr(error.message, code));
    ist_frame_free(&raw);
    ist_frame_free(&picture);
}

START_TEST(data_of_another_shape_are_refused)
{
    check_refused("cv_yuv_i420", 7, 6, 1, 8);
    check_refused("cv_yuv_i420", 8, 4, 1, 8);
    check_refused("cv_yuv_nv21", 8, 6, 1, 16);
    check_refused("cv_yuv_nv12", 8, 6, 3, 8);
    check_refused("cv_yuv_uyvy", 3, 4, 2, 8);
    check_refused("cv_yuv_yuyv", 5, 4, 1, 8);
    check_refused("cv_bayerbg", 8, 6, 3, 8);
    check_refused("cv_rgb", 8, 6, 1, 8);
    check_refused("cv_rgba", 3, 6, 1, 8);
}
END_TEST

START_TEST(unknown_codes_are_not_found)
{
    const char *const codes[] = {"", "cv_", "cv_bayer", "bayerbg", "cv_BayerBG", "cv_bayerbg_ea", "cv_hsv"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        ck_assert_ptr_null(encoding_find(codes[i]));
}
END_TEST

/* A picture of one colour stays one behind any colour filters. */
START_TEST(even_light_stays_even)
{
    const char *const codes[] = {"cv_bayerbg", "cv_bayergb", "cv_bayerrg", "cv_bayergr"};
    ist_error error;
    ist_frame raw = {0}, picture = {0};
    make_raw(&raw, 9, 8, 1, 8, 1);
    memset(raw.data, 77, (size_t)raw.stride * 8);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        check_ok(encoding_decode(encoding_find(codes[i]), &raw, &picture, &error), &error);
        for (int k = 0; k < 9 * 8 * 3; k++)
            ck_assert_int_eq(picture.data[k], 77);
    }
    ist_frame_free(&raw);
    ist_frame_free(&picture);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("encoding");
    TCase *tests = tcase_create("encoding");
    tcase_add_test(tests, pictures_are_those_of_opencv);
    tcase_add_test(tests, data_of_another_shape_are_refused);
    tcase_add_test(tests, unknown_codes_are_not_found);
    tcase_add_test(tests, even_light_stays_even);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
