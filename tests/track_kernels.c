/* Every table of kernels gives the bits of plain C: all widths, odd strides, unaligned starts, no byte read outside. */
#include "kernels.h"

#include <check.h>
#include <libtrack/libtrack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "track_texture.h"

static struct kernels plain, fast;

/* What the tables are asked for with; the tests run once with each. */
static const unsigned masks[] = {TRK_CPU_AVX2, ~0u};
enum { MASKS = sizeof masks / sizeof *masks };

static void choose_tables(unsigned mask)
{
    plain = kernels_get(0);
    fast = kernels_get(mask);
}

enum fill { FILL_RANDOM, FILL_ZERO, FILL_MAX, FILL_EXTREMES, FILL_COUNT };

static uint8_t fill_byte(enum fill fill, struct random *random)
{
    switch (fill) {
    case FILL_ZERO:
        return 0;
    case FILL_MAX:
        return 255;
    case FILL_EXTREMES:
        return random_bits(random) & 1 ? 255 : 0;
    default:
        return (uint8_t)random_bits(random);
    }
}

/* `size` bytes that end with the allocation and begin `offset` bytes behind its start, for ASan to guard both ends. */
struct block {
    uint8_t *memory;
    uint8_t *data;
};

static struct block make_block(size_t size, size_t offset, enum fill fill, struct random *random)
{
    struct block block = {malloc(size + offset), NULL};
    ck_assert_ptr_nonnull(block.memory);
    block.data = block.memory + offset;
    for (size_t i = 0; i < size; i++)
        block.data[i] = fill_byte(fill, random);
    return block;
}

/* The template's samples are signed: 0 and the largest sample of a picture are -128 and 127. */
static void make_signed(struct block *block, size_t size, size_t step)
{
    for (size_t i = step - 1; i < size; i += step)
        block->data[i] ^= 0x80;
}

static void compare_dots(int bytes, int width, int height, int count, size_t offset, int gap, enum fill fill,
                         struct random *random)
{
    const int t_stride = width + gap, v_stride = width + count - 1 + 3 * gap;
    const size_t sample = (size_t)bytes;
    const size_t t_size = ((size_t)t_stride * (size_t)(height - 1) + (size_t)width) * sample;
    const size_t v_size = ((size_t)v_stride * (size_t)(height - 1) + (size_t)(width + count - 1)) * sample;
    struct block t = make_block(t_size, offset * sample, fill, random);
    struct block v = make_block(v_size, (offset * 3 + 1) * sample, fill == FILL_ZERO ? FILL_MAX : fill, random);
    make_signed(&t, t_size, sample);
    int64_t *expected = calloc((size_t)count, sizeof *expected), *found = calloc((size_t)count, sizeof *found);
    if (bytes == 1) {
        plain.dot_u8((int8_t *)t.data, t_stride, v.data, v_stride, width, height, count, expected);
        fast.dot_u8((int8_t *)t.data, t_stride, v.data, v_stride, width, height, count, found);
    } else {
        const int16_t *template = (void *)t.data;
        const uint16_t *image = (void *)v.data;
        plain.dot_u16(template, t_stride, image, v_stride, width, height, count, expected);
        fast.dot_u16(template, t_stride, image, v_stride, width, height, count, found);
    }
    for (int i = 0; i < count; i++)
        ck_assert_msg(expected[i] == found[i], "%d bytes, %d x %d, position %d of %d: %lld, not %lld", bytes, width,
                      height, i, count, (long long)found[i], (long long)expected[i]);
    free(expected);
    free(found);
    free(t.memory);
    free(v.memory);
}

/* Two rows of positions at once are each as by itself. */
static void compare_dots_twice(int width, int height, int count, int gap, enum fill fill, struct random *random)
{
    const int stride = width + count - 1 + gap;
    const size_t t_size = (size_t)width * (size_t)height, v_size = (size_t)stride * (size_t)(height + 1) - (size_t)gap;
    struct block t = make_block(t_size, (size_t)gap, fill, random);
    struct block v = make_block(v_size, 1, fill == FILL_ZERO ? FILL_MAX : fill, random);
    make_signed(&t, t_size, 1);
    int64_t *expected = calloc(2 * (size_t)count, sizeof *expected), *found = calloc(2 * (size_t)count, sizeof *found);
    for (int row = 0; row < 2; row++)
        plain.dot_u8((int8_t *)t.data, width, v.data + row * stride, stride, width, height, count,
                     expected + row * count);
    fast.dot_twice_u8((int8_t *)t.data, width, v.data, stride, width, height, count, found);
    for (int i = 0; i < 2 * count; i++)
        ck_assert_msg(expected[i] == found[i], "%d x %d, position %d of 2 x %d: %lld, not %lld", width, height, i,
                      count, (long long)found[i], (long long)expected[i]);
    free(expected);
    free(found);
    free(t.memory);
    free(v.memory);
}

START_TEST(dots_of_two_rows)
{
    choose_tables(masks[_i]);
    if (!fast.dot_twice_u8)
        return;
    struct random random = {random_seed()};
    for (enum fill fill = 0; fill < FILL_COUNT; fill++) {
        for (int width = 1; width <= 130; width++)
            for (int variant = 0; variant < 3; variant++)
                compare_dots_twice(width, 1 + (width + variant) % 5, 1 + (width * 7 + variant) % 19, variant, fill,
                                   &random);
        compare_dots_twice(65, 2500, 3, 1, fill, &random);
        compare_dots_twice(31, 2500, 11, 1, fill, &random);
        compare_dots_twice(65535, 9, 2, 1, fill, &random);
    }
}
END_TEST

static void every_width(int bytes)
{
    struct random random = {random_seed()};
    for (int width = 1; width <= 130; width++)
        for (enum fill fill = 0; fill < FILL_COUNT; fill++)
            for (int variant = 0; variant < 3; variant++)
                compare_dots(bytes, width, 1 + (width + variant) % 5, 1 + (width * 7 + variant) % 19,
                             (size_t)(width + variant) % 13, variant, fill, &random);
}

START_TEST(dots_of_8_bit)
{
    choose_tables(masks[_i]);
    every_width(1);
}
END_TEST

START_TEST(dots_of_16_bit)
{
    choose_tables(masks[_i]);
    every_width(2);
}
END_TEST

/* Large enough for sums that do not fit into 32 bits, and for rows longer than a band. */
START_TEST(dots_do_not_overflow)
{
    choose_tables(masks[_i]);
    struct random random = {random_seed()};
    for (enum fill fill = 0; fill < FILL_COUNT; fill++) {
        compare_dots(1, 640, 480, 9, 1, 0, fill, &random);
        compare_dots(1, 65, 2500, 3, 1, 1, fill, &random);
        compare_dots(1, 31, 2500, 11, 1, 1, fill, &random);
        compare_dots(1, 65535, 9, 2, 1, 1, fill, &random);
        compare_dots(2, 640, 480, 9, 1, 0, fill, &random);
        for (int width = 2025; width < 2070; width += 3)
            compare_dots(2, width, 3, 7, 1, 1, fill, &random);
        compare_dots(2, 4070, 130, 2, 1, 0, fill, &random);
    }
}
END_TEST

/* The definition itself, against sums written down here. */
START_TEST(plain_is_right)
{
    plain = kernels_get(0);
    const int8_t t8[4] = {1, -128, 3, 127};
    const uint8_t v8[6] = {255, 255, 7, 0, 9, 11};
    int64_t sums[2];
    plain.dot_u8(t8, 2, v8, 3, 2, 2, 2, sums);
    ck_assert_int_eq(sums[0], 255 - 128 * 255 + 3 * 0 + 127 * 9);
    ck_assert_int_eq(sums[1], 255 - 128 * 7 + 3 * 9 + 127 * 11);
    const int16_t t16[2] = {-32768, 32767};
    const uint16_t v16[2] = {65535, 65535};
    plain.dot_u16(t16, 2, v16, 2, 2, 1, 1, sums);
    ck_assert_int_eq(sums[0], -65535);
}
END_TEST

static float *make_floats(int count, struct random *random)
{
    float *floats = malloc((size_t)count * sizeof *floats);
    ck_assert_ptr_nonnull(floats);
    for (int i = 0; i < count; i++)
        floats[i] = (float)(200 * random_normal(random));
    return floats;
}

START_TEST(floats_have_the_same_bits)
{
    choose_tables(masks[_i]);
    struct random random = {random_seed()};
    const float weights[] = {-0.1f, 0.5f, 0.3f, 0.1f, 0.02f};
    for (int count = 1; count <= 130; count++) {
        float *in = make_floats(count + 4, &random), *gx = make_floats(count, &random);
        float *gy = make_floats(count, &random), *model = make_floats(count, &random);
        float *a = make_floats(count, &random), *b = make_floats(count, &random);
        const size_t size = (size_t)count * sizeof *a;

        plain.filter(a, in, count, 1, weights, 5);
        fast.filter(b, in, count, 1, weights, 5);
        ck_assert_mem_eq(a, b, size);
        plain.raise(a, in, count);
        memcpy(b, a, size);
        plain.raise(a, gx, count);
        fast.raise(b, gx, count);
        ck_assert_mem_eq(a, b, size);
        plain.multiply(a, gy, count / 2);
        fast.multiply(b, gy, count / 2);
        ck_assert_mem_eq(a, b, size);
        double expected[KERNEL_SUMS][KERNEL_LANES] = {{1}, {2}, {3}, {4}, {5}}, found[KERNEL_SUMS][KERNEL_LANES];
        memcpy(found, expected, sizeof found);
        plain.normal(in, model, gx, gy, count, expected);
        fast.normal(in, model, gx, gy, count, found);
        ck_assert_mem_eq(expected, found, sizeof expected);

        free(in);
        free(gx);
        free(gy);
        free(model);
        free(a);
        free(b);
    }
}
END_TEST

/* Both samples of every column, minus the offset, and the sum of their squares. */
static void compare_interleaved(int bytes, int count, size_t offset, enum fill fill, struct random *random)
{
    const size_t size = (size_t)count * (size_t)bytes;
    struct block first = make_block(size, offset * (size_t)bytes, fill, random);
    struct block second = make_block(size, (offset + 3) * (size_t)bytes, fill, random);
    float *expected = malloc(2 * (size_t)count * sizeof *expected), *found = malloc(2 * (size_t)count * sizeof *found);
    uint64_t expected_energy, found_energy;
    if (bytes == 1) {
        expected_energy = plain.interleave_u8(expected, first.data, second.data, count, 100);
        found_energy = fast.interleave_u8(found, first.data, second.data, count, 100);
        ck_assert(expected[0] == (float)(first.data[0] - 100) && expected[1] == (float)(second.data[0] - 100));
    } else {
        const uint16_t *a = (void *)first.data, *b = (void *)second.data;
        expected_energy = plain.interleave_u16(expected, a, b, count, 30000);
        found_energy = fast.interleave_u16(found, a, b, count, 30000);
        ck_assert(expected[0] == (float)(a[0] - 30000) && expected[1] == (float)(b[0] - 30000));
    }
    double energy = 0;
    for (int i = 0; i < 2 * count; i++)
        energy += (double)expected[i] * (double)expected[i];
    ck_assert(energy == (double)expected_energy);
    ck_assert_uint_eq(expected_energy, found_energy);
    ck_assert_mem_eq(expected, found, 2 * (size_t)count * sizeof *found);
    free(expected);
    free(found);
    free(first.memory);
    free(second.memory);
}

static void compare_added(int bytes, int count, size_t offset, enum fill fill, struct random *random)
{
    const size_t size = (size_t)count * (size_t)bytes;
    struct block row = make_block(size, offset * (size_t)bytes, fill, random);
    // Sums that wrap, as differences of them do.
    struct block sums = make_block((size_t)count * sizeof(uint32_t), 0, FILL_MAX, random);
    struct block squares = make_block((size_t)count * sizeof(uint64_t), 0, FILL_MAX, random);
    struct block other_sums = make_block((size_t)count * sizeof(uint32_t), 0, FILL_MAX, random);
    struct block other_squares = make_block((size_t)count * sizeof(uint64_t), 0, FILL_MAX, random);
    if (bytes == 1) {
        plain.add_row_u8((void *)sums.data, (void *)squares.data, row.data, count);
        fast.add_row_u8((void *)other_sums.data, (void *)other_squares.data, row.data, count);
    } else {
        plain.add_row_u16((void *)sums.data, (void *)squares.data, (void *)row.data, count);
        fast.add_row_u16((void *)other_sums.data, (void *)other_squares.data, (void *)row.data, count);
    }
    const uint32_t first = bytes == 1 ? row.data[0] : *(uint16_t *)(void *)row.data;
    ck_assert_uint_eq(*(uint32_t *)(void *)sums.data, first - 1);
    ck_assert_uint_eq(*(uint32_t *)(void *)squares.data, first * first - 1);
    ck_assert_mem_eq(sums.data, other_sums.data, (size_t)count * sizeof(uint32_t));
    ck_assert_mem_eq(squares.data, other_squares.data, (size_t)count * sizeof(uint64_t));
    struct block *blocks[] = {&row, &sums, &squares, &other_sums, &other_squares};
    for (int i = 0; i < 5; i++)
        free(blocks[i]->memory);
}

START_TEST(rows_are_taken_up)
{
    choose_tables(masks[_i]);
    struct random random = {random_seed()};
    for (enum fill fill = 0; fill < FILL_COUNT; fill++) {
        for (int count = 1; count <= 130; count++)
            for (int bytes = 1; bytes <= 2; bytes++) {
                compare_interleaved(bytes, count, (size_t)count % 5, fill, &random);
                compare_added(bytes, count, (size_t)count % 5, fill, &random);
            }
        compare_interleaved(1, 16384, 0, fill, &random);
    }
}
END_TEST

/* The position found is the first by the definition, wherever it lies and wherever the search starts. */
START_TEST(sift_finds_the_first)
{
    choose_tables(masks[_i]);
    struct random random = {random_seed()};
    for (int count = 1; count <= 130; count++) {
        float *products = make_floats(count, &random);
        double *variances = calloc((size_t)count, sizeof *variances);
        for (int i = 0; i < count; i++)
            variances[i] = 1e4 * random_uniform(&random);
        const double error = 3, bar = 12;
        for (int first = 0; first <= count; first++) {
            int expected = first;
            while (expected < count && !((double)products[expected] + error > 0 &&
                                         ((double)products[expected] + error) * ((double)products[expected] + error) >=
                                             bar * variances[expected]))
                expected++;
            ck_assert_int_eq(plain.sift(products, variances, first, count, error, bar), expected);
            ck_assert_int_eq(fast.sift(products, variances, first, count, error, bar), expected);
        }
        free(products);
        free(variances);
    }
}
END_TEST

int main(void)
{
    for (int i = 0; i < MASKS; i++)
        printf("comparing %s with %s\n", kernels_get(masks[i]).name, kernels_get(0).name);
    Suite *suite = suite_create("track_kernels");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, plain_is_right);
    tcase_add_loop_test(tests, dots_of_8_bit, 0, MASKS);
    tcase_add_loop_test(tests, dots_of_two_rows, 0, MASKS);
    tcase_add_loop_test(tests, dots_of_16_bit, 0, MASKS);
    tcase_add_loop_test(tests, dots_do_not_overflow, 0, MASKS);
    tcase_add_loop_test(tests, floats_have_the_same_bits, 0, MASKS);
    tcase_add_loop_test(tests, rows_are_taken_up, 0, MASKS);
    tcase_add_loop_test(tests, sift_finds_the_first, 0, MASKS);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
