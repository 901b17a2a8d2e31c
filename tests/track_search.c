/* The search by FFT finds what the direct one finds: the same place and the same score, to the last bit. */
#include <check.h>
#include <libtrack/libtrack.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "correlate.h"
#include "track_rows.h"
#include "track_texture.h"
#include "windows.h"

/* Searches with both methods and all sets of kernels, and compares. Returns what was found. */
static struct match find(const struct matcher *layout, const struct plane *reference, int x, int y,
                         const struct plane *plane)
{
    struct match first = {0};
    double first_gap = 0;
    const unsigned masks[] = {0, TRK_CPU_AVX2, ~0u};
    for (int i = 0; i < 6; i++) {
        const struct kernels kernels = kernels_get(masks[i / 2]);
        struct matcher matcher = *layout;
        struct search search;
        ck_assert_int_eq(matcher_init(&matcher, &kernels, i & 1 ? SEARCH_FFT : SEARCH_DIRECT, NULL), IST_OK);
        ck_assert((matcher.spectrum != NULL) == ((i & 1) != 0));
        ck_assert_int_eq(search_init(&search, &kernels, &matcher, 1, NULL), IST_OK);
        matcher_cut(&matcher, &search, reference, x, y);
        double gap;
        const struct match match = matcher_find(&matcher, &search, plane, &gap);
        if (i == 0) {
            first = match;
            first_gap = gap;
        }
        ck_assert_msg(memcmp(&gap, &first_gap, sizeof gap) == 0 || (isnan(gap) && isnan(first_gap)),
                      "way %d: gap %.17g, not %.17g", i, gap, first_gap);
        const struct match alone = matcher_find(&matcher, &search, plane, NULL);
        ck_assert(alone.x == match.x && alone.y == match.y && same_double(alone.score, match.score));
        ck_assert_msg(memcmp(&match.score, &first.score, sizeof match.score) == 0 ||
                          (isnan(match.score) && isnan(first.score)),
                      "way %d: score %.17g, not %.17g", i, match.score, first.score);
        if (!isnan(first.score))
            ck_assert_msg(match.x == first.x && match.y == first.y, "way %d: at %d,%d, not %d,%d (score %.17g)", i,
                          match.x, match.y, first.x, first.y, first.score);
        search_finish(&search);
        matcher_finish(&matcher);
    }
    return first;
}

static struct plane plane_of(const ist_frame *frame)
{
    return (struct plane){.data = frame->data,
                          .stride = frame->width,
                          .width = frame->width,
                          .height = frame->height,
                          .type = frame->type};
}

static ist_frame make_frame(int width, int height, ist_pixel_type type)
{
    ist_frame frame = {0};
    ck_assert_int_eq(ist_frame_alloc(&frame, width, height, 1, type, NULL), IST_OK);
    return frame;
}

static struct matcher whole_picture(const ist_frame *frame, int width, int height)
{
    return (struct matcher){.width = width,
                            .height = height,
                            .x_max = frame->width - width,
                            .y_max = frame->height - height,
                            .type = frame->type};
}

static void set_sample(ist_frame *frame, int x, int y, int value)
{
    if (frame->type == IST_PIXEL_U16)
        ((uint16_t *)(void *)frame->data)[(size_t)y * (size_t)frame->width + (size_t)x] = (uint16_t)value;
    else
        frame->data[(size_t)y * (size_t)frame->width + (size_t)x] = (uint8_t)value;
}

static void draw_noise(ist_frame *frame, struct random *random, uint64_t mask)
{
    for (int y = 0; y < frame->height; y++)
        for (int x = 0; x < frame->width; x++)
            set_sample(frame, x, y, (int)(random_bits(random) & mask));
}

/* A template that is nowhere in the picture: many scores lie close together. */
static void search_in_noise(ist_pixel_type type, uint64_t mask)
{
    struct random random = {random_seed()};
    for (int i = 0; i < 12; i++) {
        const int width = 4 + (int)(random_bits(&random) % 60), height = 4 + (int)(random_bits(&random) % 60);
        ist_frame a = make_frame(width + 1 + (int)(random_bits(&random) % 150),
                                 height + 1 + (int)(random_bits(&random) % 150), type);
        ist_frame b = make_frame(a.width, a.height, type);
        draw_noise(&a, &random, mask);
        draw_noise(&b, &random, mask);
        const struct matcher layout = whole_picture(&a, width, height);
        const struct plane reference = plane_of(&a), plane = plane_of(&b);
        find(&layout, &reference, a.width - width, 0, &plane);
        const struct match itself = find(&layout, &reference, a.width - width, 0, &reference);
        ck_assert_int_eq(itself.x, a.width - width);
        ck_assert_int_eq(itself.y, 0);
        ck_assert(itself.score == 1);
        ist_frame_free(&a);
        ist_frame_free(&b);
    }
}

START_TEST(noise_8_bit)
{
    search_in_noise(IST_PIXEL_U8, 0xff);
}
END_TEST

START_TEST(noise_of_two_levels)
{
    search_in_noise(IST_PIXEL_U8, 1);
}
END_TEST

START_TEST(noise_16_bit)
{
    search_in_noise(IST_PIXEL_U16, 0xffff);
}
END_TEST

START_TEST(noise_of_few_of_16_bits)
{
    search_in_noise(IST_PIXEL_U16, 7);
}
END_TEST

START_TEST(texture_in_a_window)
{
    struct random random = {random_seed()};
    for (int i = 0; i < 16; i++) {
        const ist_pixel_type type = i & 1 ? IST_PIXEL_U16 : IST_PIXEL_U8;
        const double scale = i & 1 ? 200 : 1;
        const struct texture texture = texture_make(&random, 5, 40, 120 * scale, 30 * scale);
        ist_frame a = make_frame(150, 130, type), b = make_frame(150, 130, type);
        const int dx = (int)(random_bits(&random) % 21) - 10, dy = (int)(random_bits(&random) % 21) - 10;
        texture_draw(&texture, &a, 0, 0, 3 * scale, &random);
        texture_draw(&texture, &b, dx, dy, 3 * scale, &random);
        const struct matcher layout = {.width = 40,
                                       .height = 33,
                                       .x_min = 50 - 12,
                                       .x_max = 50 + 12,
                                       .y_min = 45 - 12,
                                       .y_max = 45 + 12,
                                       .type = type};
        const struct plane reference = plane_of(&a), plane = plane_of(&b);
        const struct match match = find(&layout, &reference, 50, 45, &plane);
        ck_assert_int_eq(match.x, 50 + dx);
        ck_assert_int_eq(match.y, 45 + dy);
        ist_frame_free(&a);
        ist_frame_free(&b);
    }
}
END_TEST

/* More tiles than one, and a template whose own FFT is longer than the window. */
START_TEST(large_picture_in_tiles)
{
    struct random random = {random_seed()};
    const struct texture texture = texture_make(&random, 5, 40, 128, 40);
    ist_frame a = make_frame(1300, 300, IST_PIXEL_U8), b = make_frame(1300, 300, IST_PIXEL_U8);
    texture_draw(&texture, &a, 0, 0, 0, &random);
    texture_draw(&texture, &b, -171.4, 33.3, 5, &random);
    const struct matcher layout = whole_picture(&a, 24, 24);
    const struct plane reference = plane_of(&a), plane = plane_of(&b);
    const struct match match = find(&layout, &reference, 700, 150, &plane);
    ck_assert_int_eq(match.x, 700 - 171);
    ck_assert_int_eq(match.y, 150 + 33);
    ist_frame_free(&a);
    ist_frame_free(&b);
}
END_TEST

/* Equal scores at many places: the first in row-major order wins, and the list of candidates runs over. */
START_TEST(pattern_that_repeats)
{
    for (int period = 2; period <= 16; period *= 2) {
        ist_frame a = make_frame(160, 140, period & 2 ? IST_PIXEL_U16 : IST_PIXEL_U8);
        for (int y = 0; y < a.height; y++)
            for (int x = 0; x < a.width; x++)
                set_sample(&a, x, y, (x % period) * 16 + (y % period) * 3);
        const struct matcher layout = whole_picture(&a, 32, 32);
        const struct plane plane = plane_of(&a);
        const struct match match = find(&layout, &plane, 64, 64, &plane);
        ck_assert_int_eq(match.x, 0);
        ck_assert_int_eq(match.y, 0);
        ck_assert(match.score == 1);
        ist_frame_free(&a);
    }
}
END_TEST

/* All places score about 1: the candidates lie side by side, and are many. */
START_TEST(ramp)
{
    for (int i = 0; i < 4; i++) {
        ist_frame a = make_frame(190, 140, i & 1 ? IST_PIXEL_U16 : IST_PIXEL_U8);
        for (int y = 0; y < a.height; y++)
            for (int x = 0; x < a.width; x++)
                set_sample(&a, x, y, (i & 2 ? x + y / 3 : x) * (i & 1 ? 150 : 1));
        const struct matcher layout = whole_picture(&a, 40, 33);
        const struct plane plane = plane_of(&a);
        find(&layout, &plane, 64, 64, &plane);
        ist_frame_free(&a);
    }
}
END_TEST

/* Faint texture beside full contrast: where single precision is worst. */
START_TEST(faint_beside_bright)
{
    struct random random = {random_seed()};
    for (int i = 0; i < 4; i++) {
        const ist_pixel_type type = i & 1 ? IST_PIXEL_U16 : IST_PIXEL_U8;
        ist_frame a = make_frame(200, 160, type);
        draw_noise(&a, &random, type == IST_PIXEL_U16 ? 0xffff : 0xff);
        for (int y = 0; y < 80; y++)
            for (int x = 0; x < 100; x++)
                set_sample(&a, x, y, (int)(random_bits(&random) % (i & 2 ? 3 : 2)));
        const struct matcher layout = whole_picture(&a, 20, 20);
        const struct plane plane = plane_of(&a);
        const struct match match = find(&layout, &plane, 31, 47, &plane);
        ck_assert_int_eq(match.x, 31);
        ck_assert_int_eq(match.y, 47);
        ist_frame_free(&a);
    }
}
END_TEST

START_TEST(flat_has_no_score)
{
    struct random random = {random_seed()};
    ist_frame flat = make_frame(100, 90, IST_PIXEL_U8), textured = make_frame(100, 90, IST_PIXEL_U8);
    memset(flat.data, 255, 100 * 90);
    draw_noise(&textured, &random, 0xff);
    const struct matcher layout = whole_picture(&flat, 20, 30);
    const struct plane flat_plane = plane_of(&flat), textured_plane = plane_of(&textured);
    ck_assert(isnan(find(&layout, &flat_plane, 10, 10, &textured_plane).score));
    ck_assert(isnan(find(&layout, &textured_plane, 10, 10, &flat_plane).score));

    // Flat but for one pixel: only windows that hold it have a score.
    set_sample(&flat, 60, 50, 254);
    const struct match match = find(&layout, &textured_plane, 10, 10, &flat_plane);
    ck_assert(match.x <= 60 && match.x > 40 && match.y <= 50 && match.y > 20);
    ist_frame_free(&flat);
    ist_frame_free(&textured);
}
END_TEST

/* What blocks say a window varies at the least is never more than it does, and in noise not far from it. */
static void check_blocks(ist_pixel_type type, int width, int height)
{
    struct random random = {random_seed()};
    ist_frame a = make_frame(61, 70, type);
    draw_noise(&a, &random, type == IST_PIXEL_U16 ? 0xffff : 0xff);
    const struct plane plane = plane_of(&a);
    const int x = 3, y = 5, columns = 53 - width, rows = 60 - height, groups = (columns + BLOCK - 1) / BLOCK;
    uint32_t column_sum[64];
    uint64_t column_square[64];
    double least[8], variance[64];
    struct blocks blocks = {0};
    const struct kernels kernels = kernels_get(~0u);
    ck_assert_int_eq(blocks_init(&blocks, columns + width - 1, rows + height - 1, NULL), IST_OK);
    blocks_fill(&blocks, &kernels, &plane, x, y, columns + width - 1, rows + height - 1, column_sum, column_square);
    struct windows windows = {&kernels, &plane, x, y, columns, width, height, column_sum, column_square};
    for (int row = 0; row < rows; row++) {
        windows_start(&windows, y + row);
        windows_variance(&windows, variance);
        blocks_variance(&blocks, row / BLOCK, groups, width, height, least);
        for (int i = 0; i < columns; i++) {
            ck_assert(least[i / BLOCK] >= 0 && least[i / BLOCK] <= variance[i]);
            ck_assert(width < 32 || height < 32 || least[i / BLOCK] > variance[i] / 4);
        }
    }
    blocks_finish(&blocks);
    ist_frame_free(&a);
}

START_TEST(blocks_bound_windows)
{
    for (int size = 4; size <= 40; size++) {
        check_blocks(IST_PIXEL_U8, size, 44 - size);
        check_blocks(IST_PIXEL_U16, 44 - size, size);
        check_blocks(IST_PIXEL_U8, size, size);
    }
}
END_TEST

START_TEST(lengths)
{
    ck_assert(fft_is_length(16) && fft_is_length(512) && fft_is_length(576) && fft_is_length(640));
    ck_assert(fft_is_length(768) && fft_is_length(960) && fft_is_length(16384));
    ck_assert(!fft_is_length(0) && !fft_is_length(8) && !fft_is_length(18) && !fft_is_length(30));
    ck_assert(!fft_is_length(44) && !fft_is_length(32768));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("track_search");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, lengths);
    tcase_add_test(tests, blocks_bound_windows);
    tcase_add_test(tests, noise_8_bit);
    tcase_add_test(tests, noise_of_two_levels);
    tcase_add_test(tests, noise_16_bit);
    tcase_add_test(tests, noise_of_few_of_16_bits);
    tcase_add_test(tests, texture_in_a_window);
    tcase_add_test(tests, large_picture_in_tiles);
    tcase_add_test(tests, pattern_that_repeats);
    tcase_add_test(tests, ramp);
    tcase_add_test(tests, faint_beside_bright);
    tcase_add_test(tests, flat_has_no_score);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
