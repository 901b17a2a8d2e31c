/* The short way of converting gray pictures gives the same bits as the long one. */
#include <check.h>
#include <libavutil/frame.h>
#include <libavutil/pixdesc.h>
#include <stdlib.h>
#include <string.h>

#include "line_map.h"
#include "pixels.h"

static const enum AVPixelFormat formats[] = {AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUV420P,  AV_PIX_FMT_YUVJ422P,
                                             AV_PIX_FMT_YUV422P,  AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUV444P,
                                             AV_PIX_FMT_YUV410P,  AV_PIX_FMT_YUV411P};

enum { FORMAT_COUNT = sizeof formats / sizeof *formats };

static AVFrame *make_picture(enum AVPixelFormat format, int width, int height)
{
    AVFrame *picture = av_frame_alloc();
    picture->format = format;
    picture->width = width;
    picture->height = height;
    ck_assert_int_ge(av_frame_get_buffer(picture, 0), 0);
    const int chroma_height = AV_CEIL_RSHIFT(height, av_pix_fmt_desc_get(format)->log2_chroma_h);
    for (int plane = 1; plane < 3; plane++)
        memset(picture->data[plane], 128, (size_t)(picture->linesize[plane] * chroma_height));
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            picture->data[0][y * picture->linesize[0] + x] = (uint8_t)rand();
    return picture;
}

/* The definition: BGR, then OpenCV's weights. */
static void check_gray(const ist_frame *gray, const ist_frame *bgr)
{
    int wrong = 0;
    for (int y = 0; y < gray->height; y++)
        for (int x = 0; x < gray->width; x++) {
            const uint8_t *from = bgr->data + y * bgr->stride + 3 * (ptrdiff_t)x;
            const int expected = (from[0] * 3735 + from[1] * 19235 + from[2] * 9798 + 16384) >> 15;
            wrong += gray->data[y * gray->stride + x] != expected;
        }
    ck_assert_int_eq(wrong, 0);
}

START_TEST(test_gray_is_what_bgr_gives)
{
    srand(3);
    ist_error error;
    ist_frame gray = {0}, bgr = {0};
    struct pixel_converter *converter = pixel_converter_create(PIXEL_RULE_OPENCV);
    const struct pixel_layout one = {1, IST_PIXEL_U8}, three = {3, IST_PIXEL_U8};
    static const int sizes[][2] = {{640, 480}, {96, 64}, {98, 66}, {97, 65}, {33, 16}, {300, 3}, {301, 200}, {20, 20}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        AVFrame *picture = make_picture(formats[_i], sizes[i][0], sizes[i][1]);
        // With one coloured sample everything takes the long way.
        for (int coloured = 0; coloured < 2; coloured++) {
            picture->data[2][0] = coloured ? 90 : 128;
            ck_assert_int_eq(pixel_converter_convert(converter, picture, one, &gray, &error), IST_OK);
            ck_assert_int_eq(pixel_converter_convert(converter, picture, three, &bgr, &error), IST_OK);
            check_gray(&gray, &bgr);
        }
        av_frame_free(&picture);
    }
    pixel_converter_destroy(converter);
    ist_frame_free(&gray);
    ist_frame_free(&bgr);
}
END_TEST

static uint8_t value_on(struct line_map line, int i)
{
    const int value = ((i * line.slope >> 8) + line.offset) >> 6;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

START_TEST(test_line_gives_what_its_table_gives)
{
    uint8_t from[100], to[101], values[256];
    for (int trial = 0; trial < 300; trial++) {
        // Within sight: 128 is not cut off.
        const int slope = 8192 + rand() % 16384;
        const int at_128 = 20 * 64 + rand() % (200 * 64);
        const struct line_map line = {slope, at_128 - (128 * slope >> 8)};
        for (int i = 0; i < 256; i++)
            values[i] = value_on(line, i);
        struct line_map found;
        ck_assert(line_map_fit(&found, values));
        for (int i = 0; i < 100; i++)
            from[i] = (uint8_t)rand();
        const size_t begin = (size_t)rand() % 20, count = (size_t)rand() % (100 - begin);
        memset(to, 77, sizeof to);
        line_map_apply(found, from + begin, to, count);
        for (size_t i = 0; i < count; i++)
            ck_assert_int_eq(to[i], values[from[begin + i]]);
        ck_assert_int_eq(to[count], 77);
        values[128] = (uint8_t)(values[128] + 5); // no line goes through that
        ck_assert(!line_map_fit(&found, values));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pixels");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, test_gray_is_what_bgr_gives, 0, FORMAT_COUNT);
    tcase_add_test(all, test_line_gives_what_its_table_gives);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
