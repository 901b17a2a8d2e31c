/* Packed gray values: bytes that were worked out by hand, as the standards lay them out. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "camera_picture.h"

enum { VALUES_MAX = 5, BYTES_MAX = 10 };

static const struct {
    const struct packing *packing;
    size_t values, bytes;
    uint16_t value[VALUES_MAX];
    uint8_t byte[BYTES_MAX];
} cases[] = {
    {&packing_10p, 5, 7, {0x2a5, 0x13c, 0x3f0, 0x00f, 0x155}, {0xa5, 0xf2, 0x04, 0xff, 0x03, 0x55, 0x01}},
    {&packing_12p, 3, 5, {0xabc, 0x123, 0xf0e}, {0xbc, 0x3a, 0x12, 0x0e, 0x0f}},
    {&packing_10packed, 5, 8, {0x2a5, 0x13c, 0x3f0, 0x00f, 0x155}, {0xa9, 0x01, 0x4f, 0xfc, 0x30, 0x03, 0x55, 0x01}},
    {&packing_12packed, 3, 5, {0xabc, 0x123, 0xf0e}, {0xab, 0x3c, 0x12, 0xf0, 0x0e}},
    {&packing_10mipi, 5, 10, {0x2a5, 0x13c, 0x3f0, 0x00f, 0x155}, {0xa9, 0x4f, 0xfc, 0x03, 0xc1, 0x55, 0, 0, 0, 0x01}},
    {&packing_12mipi, 3, 6, {0xabc, 0x123, 0xf0e}, {0xab, 0x12, 0x3c, 0xf0, 0, 0x0e}},
    {&packing_14mipi, 4, 7, {0x2abc, 0x1234, 0x3f0f, 0x0155}, {0xaa, 0x48, 0xfc, 0x05, 0x3c, 0xfd, 0x54}},
    {&packing_10b, 5, 7, {0x2a5, 0x13c, 0x3f0, 0x00f, 0x155}, {0xa9, 0x53, 0xcf, 0xc0, 0x0f, 0x55, 0x40}},
};

/* Bytes allocated to the last one, so that a sanitizer sees who reads behind it. */
static uint8_t *copy_bytes(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size);
    ck_assert_ptr_nonnull(copy);
    return memcpy(copy, bytes, size);
}

START_TEST(values_are_those_of_the_standard)
{
    const struct packing *packing = cases[_i].packing;
    ck_assert_uint_eq(packing_size(packing, cases[_i].values), cases[_i].bytes);
    ck_assert_uint_eq(packing_size(packing, 100 * packing->values), 100 * packing->bytes);
    for (size_t count = 1; count <= cases[_i].values; count++) {
        const size_t size = packing_size(packing, count);
        ck_assert_uint_le(size, cases[_i].bytes);
        uint8_t *bytes = copy_bytes(cases[_i].byte, size);
        uint16_t values[VALUES_MAX + 1] = {0};
        values[count] = 0xfeed;
        packing->unpack(bytes, values, count);
        for (size_t i = 0; i < count; i++)
            ck_assert_uint_eq(values[i], cases[_i].value[i]);
        ck_assert_uint_eq(values[count], 0xfeed);
        free(bytes);
    }
}
END_TEST

/* Two rows of five: with a stride the second begins where it says, without one within a byte. */
START_TEST(rows_are_padded_or_not)
{
    // The second row's bits come two later than the first one's.
    static const uint8_t joined[13] = {0xa5, 0xf2, 0x04, 0xff, 0x03, 0x55, 0x95, 0xca, 0x13, 0xfc, 0x0f, 0x54, 0x05};
    uint8_t padded[9 + 7] = {0};
    memcpy(padded, cases[0].byte, 7);
    memcpy(padded + 9, cases[0].byte, 7);
    for (int with_stride = 0; with_stride < 2; with_stride++) {
        const size_t size = with_stride ? sizeof padded : sizeof joined;
        uint8_t *bytes = copy_bytes(with_stride ? padded : joined, size);
        struct camera_picture picture = {.layout = CAMERA_GRAY16,
                                         .packing = &packing_10p,
                                         .width = 5,
                                         .height = 2,
                                         .planes = {{bytes, size, with_stride ? 9 : 0}}};
        ist_frame frame = {.number = 7};
        ist_error error;
        ck_assert_int_eq(camera_picture_convert(NULL, &picture, false, false, &frame, &error), IST_OK);
        ck_assert(frame.width == 5 && frame.height == 2 && frame.channels == 1 && frame.number == 7);
        ck_assert_int_eq(frame.type, IST_PIXEL_U16);
        for (size_t y = 0; y < 2; y++)
            ck_assert_mem_eq(frame.data + frame.stride * (ptrdiff_t)y, cases[0].value, 10);
        picture.planes[0].size--;
        ck_assert_int_eq(camera_picture_convert(NULL, &picture, false, false, &frame, &error), IST_ERROR_DATA);
        ist_frame_free(&frame);
        free(bytes);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unpack");
    TCase *tcase = tcase_create("unpack");
    tcase_add_loop_test(tcase, values_are_those_of_the_standard, 0, sizeof cases / sizeof *cases);
    tcase_add_test(tcase, rows_are_padded_or_not);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
