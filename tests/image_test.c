// The formats of single pictures: what is written is read back, and damage is an error, never a crash.

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>
#include <unistd.h>

#include "image.h"
#include "image_write.h"
#include "npy.h"
#include "temporary.h"
#include "tiff_pages.h"

static uint32_t random_state;

static uint32_t random_u32(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8;
}

// Gradients with some noise, in a picture whose rows have gaps if `gap` is not 0.
static ist_frame make_frame(int width, int height, int channels, ist_pixel_type type, int gap)
{
    ist_frame frame = {.width = width, .height = height, .channels = channels, .type = type};
    const size_t size = ist_pixel_size(type);
    frame.stride = (ptrdiff_t)((size_t)(width * channels) * size) + gap;
    frame.data = malloc((size_t)frame.stride * (size_t)height);
    ck_assert_ptr_nonnull(frame.data);
    for (int y = 0; y < height; y++)
        for (int i = 0; i < width * channels; i++) {
            const uint16_t value = (uint16_t)(y * 300 + i * 77 + (int)(random_u32() % 50));
            memcpy(frame.data + y * frame.stride + (size_t)i * size, &value, size);
        }
    return frame;
}

static void assert_same_pixels(const ist_frame *a, const ist_frame *b)
{
    ck_assert_int_eq(a->width, b->width);
    ck_assert_int_eq(a->height, b->height);
    ck_assert_int_eq(a->channels, b->channels);
    ck_assert_int_eq(a->type, b->type);
    for (int y = 0; y < a->height; y++)
        ck_assert_mem_eq(a->data + y * a->stride, b->data + y * b->stride,
                         (size_t)(a->width * a->channels) * ist_pixel_size(a->type));
}

static const char *const lossless[] = {
    "npy",
    "tif",
#ifdef IST_WITH_BLOSC
    "bpk",
#endif
};

// The last two are, for bpk, pieces that are just full, and such that end within a row.
static const int sizes[][2] = {{1, 1}, {7, 3}, {64, 48}, {97, 65}, {700, 33}, {1024, 1024}, {1031, 1033}};

START_TEST(what_is_written_is_read)
{
    const struct image_format *format = image_format_find(lossless[_i]);
    image_encode_function *encode = image_encoder_find(lossless[_i]);
    ck_assert(format && encode && format->lossless && format->holds_u16);
    struct buffer bytes = {0};
    ist_frame read = {0};
    ist_error error;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int channels = 1; channels <= 3; channels += 2)
            for (int type = IST_PIXEL_U8; type <= IST_PIXEL_U16; type++)
                for (int gap = 0; gap <= 10; gap += 10) {
                    ist_frame frame = make_frame(sizes[s][0], sizes[s][1], channels, (ist_pixel_type)type, gap);
                    ck_assert_msg(encode(&frame, 0, &bytes, &error) == IST_OK, "%s", error.message);
                    read.number = 7;
                    ck_assert_msg(format->decode(bytes.data, bytes.size, &read, &error) == IST_OK, "%s", error.message);
                    assert_same_pixels(&frame, &read);
                    ck_assert_int_eq(read.number, 7);
                    free(frame.data);
                }
    ist_frame_free(&read);
    buffer_free(&bytes);
}
END_TEST

// Every truncation of a file is an error, or reads as the whole (when what is missing does not matter). It lies in
// memory of exactly that size, so that a sanitizer sees a byte too many.
static void truncate_everywhere(const struct image_format *format, const uint8_t *data, size_t size)
{
    ist_frame whole = {0};
    ist_frame read = {0};
    ck_assert_int_eq(format->decode(data, size, &whole, NULL), IST_OK);
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *part = malloc(cut ? cut : 1);
        memcpy(part, data, cut);
        const ist_status status = format->decode(part, cut, &read, NULL);
        if (status == IST_OK)
            assert_same_pixels(&whole, &read);
        else
            ck_assert(status == IST_ERROR_DATA || status == IST_ERROR_UNSUPPORTED);
        free(part);
    }
    ist_frame_free(&whole);
    ist_frame_free(&read);
}

static void flip_bytes(const struct image_format *format, const uint8_t *data, size_t size, int rounds)
{
    ist_frame read = {0};
    uint8_t *damaged = malloc(size);
    for (int i = 0; i < rounds; i++) {
        memcpy(damaged, data, size);
        // Mostly near the beginning and the end, where the structure is.
        for (uint32_t n = random_u32() % 4; n != UINT32_MAX; n--) {
            const size_t near = random_u32() % (size < 200 ? size : 200);
            damaged[random_u32() % 2 ? near : size - 1 - near] = (uint8_t)random_u32();
        }
        const ist_status status = format->decode(damaged, size, &read, NULL);
        ck_assert(status == IST_OK || status == IST_ERROR_DATA || status == IST_ERROR_UNSUPPORTED ||
                  status == IST_ERROR_ARGUMENT || status == IST_ERROR_MEMORY);
    }
    free(damaged);
    ist_frame_free(&read);
}

START_TEST(damage_is_an_error)
{
    const struct image_format *format = image_format_find(lossless[_i]);
    image_encode_function *encode = image_encoder_find(lossless[_i]);
    struct buffer bytes = {0};
    ist_error error;
    for (int channels = 1; channels <= 3; channels += 2) {
        ist_frame frame = make_frame(33, 20, channels, IST_PIXEL_U16, 0);
        ck_assert_msg(encode(&frame, 0, &bytes, &error) == IST_OK, "%s", error.message);
        truncate_everywhere(format, bytes.data, bytes.size);
        flip_bytes(format, bytes.data, bytes.size, 2000);
        free(frame.data);
    }
    buffer_free(&bytes);
}
END_TEST

static const uint8_t ppm[] = "P6\n3 2\n255\nabcdefghijklmnopqr";
static const uint8_t pgm[] = "P5\n4 3\n255\nabcdefghijkl";
static const uint8_t deep_pgm[] = "P5\n2 2\n65535\nabcdefgh";

START_TEST(ffmpeg_reads_plain_pictures)
{
    ist_frame frame = {0};
    ist_error error;
    ck_assert_msg(image_ffmpeg.decode(ppm, sizeof ppm - 1, &frame, &error) == IST_OK, "%s", error.message);
    ck_assert(frame.width == 3 && frame.height == 2 && frame.channels == 3 && frame.type == IST_PIXEL_U8);
    ck_assert_mem_eq(frame.data, "cbafedihg", 9);
    ck_assert_msg(image_ffmpeg.decode(pgm, sizeof pgm - 1, &frame, &error) == IST_OK, "%s", error.message);
    ck_assert(frame.width == 4 && frame.height == 3 && frame.channels == 1 && frame.type == IST_PIXEL_U8);
    ck_assert_mem_eq(frame.data, "abcdefghijkl", 12);
    ck_assert_msg(image_ffmpeg.decode(deep_pgm, sizeof deep_pgm - 1, &frame, &error) == IST_OK, "%s", error.message);
    ck_assert(frame.channels == 1 && frame.type == IST_PIXEL_U16);
    uint16_t first;
    memcpy(&first, frame.data, sizeof first);
    ck_assert_uint_eq(first, 'a' << 8 | 'b');
    ist_frame_free(&frame);
    truncate_everywhere(&image_ffmpeg, ppm, sizeof ppm - 1);
    truncate_everywhere(&image_ffmpeg, deep_pgm, sizeof deep_pgm - 1);
    flip_bytes(&image_ffmpeg, ppm, sizeof ppm - 1, 2000);
}
END_TEST

// Kinds of TIFF that others write. `expected` holds what each must read as, in gray or BGR.
struct tiff_case {
    const char *name;
    int bits, samples, photometric, planar, compression, tile;
    int channels;
    ist_pixel_type type;
};

static const struct tiff_case tiff_cases[] = {
    {"gray 8 strips", 8, 1, PHOTOMETRIC_MINISBLACK, PLANARCONFIG_CONTIG, COMPRESSION_NONE, 0, 1, IST_PIXEL_U8},
    {"gray 8 tiles", 8, 1, PHOTOMETRIC_MINISBLACK, PLANARCONFIG_CONTIG, COMPRESSION_LZW, 16, 1, IST_PIXEL_U8},
    {"gray 16 deflate", 16, 1, PHOTOMETRIC_MINISBLACK, PLANARCONFIG_CONTIG, COMPRESSION_ADOBE_DEFLATE, 0, 1,
     IST_PIXEL_U16},
    {"gray 16 inverted", 16, 1, PHOTOMETRIC_MINISWHITE, PLANARCONFIG_CONTIG, COMPRESSION_NONE, 0, 1, IST_PIXEL_U16},
    {"gray 12", 12, 1, PHOTOMETRIC_MINISBLACK, PLANARCONFIG_CONTIG, COMPRESSION_NONE, 0, 1, IST_PIXEL_U16},
    {"gray 4", 4, 1, PHOTOMETRIC_MINISBLACK, PLANARCONFIG_CONTIG, COMPRESSION_NONE, 0, 1, IST_PIXEL_U8},
    {"gray 1 inverted", 1, 1, PHOTOMETRIC_MINISWHITE, PLANARCONFIG_CONTIG, COMPRESSION_PACKBITS, 0, 1, IST_PIXEL_U8},
    {"gray 8 and alpha", 8, 2, PHOTOMETRIC_MINISBLACK, PLANARCONFIG_CONTIG, COMPRESSION_NONE, 0, 1, IST_PIXEL_U8},
    {"rgb 8", 8, 3, PHOTOMETRIC_RGB, PLANARCONFIG_CONTIG, COMPRESSION_NONE, 0, 3, IST_PIXEL_U8},
    {"rgb 16 planar", 16, 3, PHOTOMETRIC_RGB, PLANARCONFIG_SEPARATE, COMPRESSION_LZW, 0, 3, IST_PIXEL_U16},
    {"rgb 8 planar tiles", 8, 3, PHOTOMETRIC_RGB, PLANARCONFIG_SEPARATE, COMPRESSION_NONE, 32, 3, IST_PIXEL_U8},
    {"rgba 16 tiles", 16, 4, PHOTOMETRIC_RGB, PLANARCONFIG_CONTIG, COMPRESSION_LZW, 16, 3, IST_PIXEL_U16},
    {"rgba 8 planar", 8, 4, PHOTOMETRIC_RGB, PLANARCONFIG_SEPARATE, COMPRESSION_NONE, 0, 3, IST_PIXEL_U8},
    {"palette 8", 8, 1, PHOTOMETRIC_PALETTE, PLANARCONFIG_CONTIG, COMPRESSION_NONE, 0, 3, IST_PIXEL_U8},
    {"palette 4", 4, 1, PHOTOMETRIC_PALETTE, PLANARCONFIG_CONTIG, COMPRESSION_NONE, 0, 3, IST_PIXEL_U8},
};

enum { TIFF_WIDTH = 37, TIFF_HEIGHT = 21 };

// What the file holds at a place, before any inversion or palette.
static unsigned sample_of(const struct tiff_case *kind, int x, int y, int sample)
{
    return (unsigned)(x * 1999 + y * 3001 + sample * 7001) & ((1u << kind->bits) - 1);
}

static unsigned palette_entry(int colour, unsigned index)
{
    return (index * 97 + (unsigned)colour * 31) % 256;
}

static void put_sample(uint8_t *row, size_t i, int bits, unsigned value)
{
    const uint16_t deep = (uint16_t)value;
    if (bits == 16)
        memcpy(row + 2 * i, &deep, sizeof deep);
    else
        for (int b = 0; b < bits; b++) {
            const size_t at = i * (size_t)bits + (size_t)b;
            if (value >> (bits - 1 - b) & 1)
                row[at / 8] |= (uint8_t)(0x80 >> at % 8);
        }
}

// Fills `rows` rows of `columns` pixels from (x, y) on, as the file has them.
static void fill_block(const struct tiff_case *kind, uint8_t *block, size_t row_bytes, int x, int y, int columns,
                       int rows, int plane)
{
    const bool separate = kind->planar == PLANARCONFIG_SEPARATE;
    const int step = separate ? 1 : kind->samples;
    memset(block, 0, row_bytes * (size_t)rows);
    for (int j = 0; j < rows; j++)
        for (int i = 0; i < columns; i++)
            for (int s = 0; s < step; s++)
                put_sample(block + (size_t)j * row_bytes, (size_t)(i * step + s), kind->bits,
                           sample_of(kind, x + i, y + j, separate ? plane : s));
}

static void write_page(TIFF *tiff, const struct tiff_case *kind)
{
    uint16_t palette[3][256];
    uint8_t block[16384];
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, TIFF_WIDTH);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, TIFF_HEIGHT);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, kind->bits);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, kind->samples);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, kind->photometric);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, kind->planar);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, kind->compression);
    for (int c = 0; c < 3; c++)
        for (unsigned i = 0; i < 256; i++)
            palette[c][i] = (uint16_t)(palette_entry(c, i) * 257);
    if (kind->photometric == PHOTOMETRIC_PALETTE)
        TIFFSetField(tiff, TIFFTAG_COLORMAP, palette[0], palette[1], palette[2]);
    if (kind->tile) {
        TIFFSetField(tiff, TIFFTAG_TILEWIDTH, kind->tile);
        TIFFSetField(tiff, TIFFTAG_TILELENGTH, kind->tile);
    } else {
        TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, 5);
    }
    const int planes = kind->planar == PLANARCONFIG_SEPARATE ? kind->samples : 1;
    const int columns = kind->tile ? kind->tile : TIFF_WIDTH;
    const int rows = kind->tile ? kind->tile : 1;
    for (int plane = 0; plane < planes; plane++)
        for (int y = 0; y < TIFF_HEIGHT; y += rows)
            for (int x = 0; x < TIFF_WIDTH; x += columns) {
                const tmsize_t row_bytes = kind->tile ? TIFFTileRowSize(tiff) : TIFFScanlineSize(tiff);
                fill_block(kind, block, (size_t)row_bytes, x, y, columns, rows, plane);
                if (kind->tile)
                    ck_assert(TIFFWriteTile(tiff, block, (uint32_t)x, (uint32_t)y, 0, (uint16_t)plane) > 0);
                else
                    ck_assert(TIFFWriteScanline(tiff, block, (uint32_t)y, (uint16_t)plane) > 0);
            }
    ck_assert(TIFFWriteDirectory(tiff));
}

static unsigned expected_at(const struct tiff_case *kind, int x, int y, int channel)
{
    const unsigned white = (1u << kind->bits) - 1;
    if (kind->photometric == PHOTOMETRIC_PALETTE)
        return palette_entry(2 - channel, sample_of(kind, x, y, 0));
    unsigned value = sample_of(kind, x, y, kind->channels == 3 ? 2 - channel : 0);
    if (kind->photometric == PHOTOMETRIC_MINISWHITE)
        value = white - value;
    return kind->bits < 8 ? value * 255 / white : value;
}

static void assert_page(const struct tiff_case *kind, const ist_frame *frame)
{
    ck_assert_int_eq(frame->width, TIFF_WIDTH);
    ck_assert_int_eq(frame->height, TIFF_HEIGHT);
    ck_assert_int_eq(frame->channels, kind->channels);
    ck_assert_int_eq(frame->type, kind->type);
    const size_t size = ist_pixel_size(frame->type);
    for (int y = 0; y < frame->height; y++)
        for (int x = 0; x < frame->width; x++)
            for (int c = 0; c < frame->channels; c++) {
                uint16_t value = 0;
                memcpy(&value, frame->data + y * frame->stride + (size_t)(x * frame->channels + c) * size, size);
                ck_assert_msg(value == expected_at(kind, x, y, c), "%s: %d at %d,%d,%d, not %u", kind->name, value, x,
                              y, c, expected_at(kind, x, y, c));
            }
}

START_TEST(tiff_of_others)
{
    char folder[TEMPORARY_SIZE], path[96];
    temporary_folder(folder, "image-test");
    snprintf(path, sizeof path, "%s/of-others.tif", folder);
    TIFF *tiff = TIFFOpen(path, _i % 2 ? "wb" : "wl"); // both byte orders
    ck_assert_ptr_nonnull(tiff);
    write_page(tiff, &tiff_cases[_i]);
    TIFFClose(tiff);

    FILE *file = fopen(path, "rb");
    static uint8_t data[65536];
    const size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    unlink(path);
    rmdir(folder);
    ist_frame frame = {0};
    ist_error error;
    ck_assert_msg(image_tiff.decode(data, size, &frame, &error) == IST_OK, "%s: %s", tiff_cases[_i].name,
                  error.message);
    assert_page(&tiff_cases[_i], &frame);
    ist_frame_free(&frame);
    truncate_everywhere(&image_tiff, data, size);
    flip_bytes(&image_tiff, data, size, 2000);
}
END_TEST

START_TEST(npy_of_others)
{
    static const struct {
        const char *descr;
        bool fortran_order;
        const char *elements;
        size_t size;
    } cases[] = {
        {"|u1", false, "\1\2\3\4\5\6", 6},
        {"|u1", true, "\1\4\2\5\3\6", 6},
        {"<u2", false, "\1\0\2\0\3\0\4\0\5\0\6\0", 12},
        {">u2", false, "\0\1\0\2\0\3\0\4\0\5\0\6", 12},
        {">u2", true, "\0\1\0\4\0\2\0\5\0\3\0\6", 12},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128];
        uint8_t file[256] = "\x93NUMPY\1\0";
        const int length = snprintf(text, sizeof text, "{'shape': (2, 3), 'fortran_order': %s, 'descr': '%s'}\n",
                                    cases[i].fortran_order ? "True" : "False", cases[i].descr);
        file[8] = (uint8_t)length;
        memcpy(file + 10, text, (size_t)length);
        memcpy(file + 10 + length, cases[i].elements, cases[i].size);
        ist_frame frame = {0};
        ist_error error;
        ck_assert_msg(image_npy.decode(file, 10 + (size_t)length + cases[i].size, &frame, &error) == IST_OK, "%s",
                      error.message);
        ck_assert_int_eq(frame.width, 3);
        ck_assert_int_eq(frame.height, 2);
        for (int j = 0; j < 6; j++) {
            uint16_t value = 0;
            const size_t size = ist_pixel_size(frame.type);
            memcpy(&value, frame.data + (size_t)j * size, size);
            ck_assert_int_eq(value, j + 1);
        }
        ist_frame_free(&frame);
    }
}
END_TEST

START_TEST(formats_are_found_by_name)
{
    ck_assert_ptr_eq(image_format_find("tif"), &image_tiff);
    ck_assert_ptr_eq(image_format_find("a/b.c/000001.TIF"), &image_tiff);
    ck_assert_ptr_eq(image_format_find("x.npy"), &image_npy);
    ck_assert_ptr_eq(image_format_find("x.y.Png"), &image_ffmpeg);
    ck_assert_ptr_null(image_format_find("x.npz"));
    ck_assert_ptr_null(image_format_find("tif/readme"));
    ck_assert_ptr_null(image_format_find(""));
}
END_TEST

int main(void)
{
    random_state = 20;
    TCase *tests = tcase_create("image");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, what_is_written_is_read, 0, sizeof lossless / sizeof *lossless);
    tcase_add_loop_test(tests, damage_is_an_error, 0, sizeof lossless / sizeof *lossless);
    tcase_add_test(tests, ffmpeg_reads_plain_pictures);
    tcase_add_loop_test(tests, tiff_of_others, 0, sizeof tiff_cases / sizeof *tiff_cases);
    tcase_add_test(tests, npy_of_others);
    tcase_add_test(tests, formats_are_found_by_name);
    Suite *suite = suite_create("image");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
