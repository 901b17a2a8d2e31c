/* Stores that others wrote, old ones, and those of which something is missing. tests/data/make_foreign.py made the
 * data. */
#include <check.h>
#include <jansson.h>
#include <libstore/libstore.h>
#include <math.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs.h"
#include "image.h"
#include "image_write.h"
#include "npy.h"
#include "npz.h"
#include "temporary.h"

static char folder[TEMPORARY_SIZE];

static void make_folder(void)
{
    temporary_folder(folder, "foreign-test");
}

static void remove_folder(void)
{
    fs_remove_tree(folder);
}

static void check_ok(ist_status status, const ist_error *error)
{
    ck_assert_msg(status >= 0, "%s", error->message);
}

static const char *in_folder(const char *format, ...) __attribute__((format(printf, 1, 2)));

static const char *in_folder(const char *format, ...)
{
    static char paths[4][256];
    static int turn;
    char *path = paths[turn++ % 4];
    const int length = snprintf(path, sizeof paths[0], "%s/", folder);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(path + length, sizeof paths[0] - (size_t)length, format, arguments);
    va_end(arguments);
    return path;
}

static ist_reader *open_store(const char *path)
{
    ist_error error;
    ist_reader *reader;
    check_ok(ist_reader_open(&reader, path, &error), &error);
    return reader;
}

static void write_text(const char *path, const char *text)
{
    ist_error error;
    check_ok(fs_write_file(path, text, strlen(text), &error), &error);
}

/*
 * A store of our own making, `frames` frames in chunks of 10: the pixels of frame i are all i, its number 100 + i, its
 * time 5 + i / 4. The index in SQLite is taken away, as imgstore writes none.
 */
enum { WIDTH = 32, HEIGHT = 16, CHUNK = 10 };

static void record(const char *format, int frames)
{
    ist_error error;
    ist_writer *writer;
    ist_frame frame = {0};
    check_ok(ist_writer_create(
                 &writer, in_folder("store"),
                 &(ist_writer_params){.format = format, .width = WIDTH, .height = HEIGHT, .chunksize = CHUNK}, &error),
             &error);
    check_ok(ist_frame_alloc(&frame, WIDTH, HEIGHT, 1, IST_PIXEL_U8, &error), &error);
    for (int i = 0; i < frames; i++) {
        memset(frame.data, i, WIDTH * HEIGHT);
        frame.number = 100 + i;
        frame.time_s = 5 + i / 4.0;
        check_ok(ist_writer_add(writer, &frame, &error), &error);
    }
    check_ok(ist_writer_close(&writer, &error), &error);
    ist_frame_free(&frame);
    unlink(in_folder("store/.index.sqlite"));
}

static void edit_metadata(const char *from, const char *to)
{
    ist_error error;
    struct buffer text = {0};
    check_ok(fs_read_file(in_folder("store/metadata.yaml"), &text, &error), &error);
    check_ok(buffer_append(&text, "", 1, &error), &error);
    char *const checksum = strstr((char *)text.data, "checksum:");
    if (checksum)
        *checksum = '#'; // taken out, as after an edit on purpose
    char *at = strstr((char *)text.data, from);
    ck_assert_msg(at != NULL, "%s", from);
    struct buffer edited = {0};
    check_ok(buffer_append(&edited, text.data, (size_t)(at - (char *)text.data), &error), &error);
    check_ok(buffer_append(&edited, to, strlen(to), &error), &error);
    check_ok(buffer_append(&edited, at + strlen(from), strlen(at + strlen(from)), &error), &error);
    check_ok(fs_write_file(in_folder("store/metadata.yaml"), edited.data, edited.size, &error), &error);
    buffer_free(&text);
    buffer_free(&edited);
}

static json_t *extra_of(ist_reader *reader)
{
    ist_error error;
    char *text;
    check_ok(ist_reader_extra(reader, 0, ist_reader_get_info(reader)->frame_count, &text, &error), &error);
    json_t *extra = json_loads(text, 0, NULL);
    ist_free(text);
    ck_assert(json_is_array(extra));
    return extra;
}

static void check_extra(ist_reader *reader, const char *expected_text)
{
    json_t *extra = extra_of(reader), *expected = json_loads(expected_text, 0, NULL);
    ck_assert_ptr_nonnull(expected);
    char *text = json_dumps(extra, JSON_REAL_PRECISION(17));
    ck_assert_msg(json_equal(extra, expected), "%s", text);
    free(text);
    json_decref(extra);
    json_decref(expected);
}

/*
 * Formats
 */

/* What make_foreign.py put into a picture. */
static int pattern(int sample, int frame, int factor, int modulus)
{
    return (int)((long)(sample * 7 + frame * 1031) % modulus * factor % modulus);
}

struct pattern_store {
    const char *name;
    int frames, width, height, channels, factor;
    ist_pixel_type type;
};

static const struct pattern_store pattern_stores[] = {
    {"u16-png-gray", 2, 30, 20, 1, 97, IST_PIXEL_U16},  {"u16-tif-gray", 2, 30, 20, 1, 97, IST_PIXEL_U16},
    {"u16-pgm-gray", 2, 30, 20, 1, 97, IST_PIXEL_U16},  {"u16-png-color", 2, 30, 20, 3, 97, IST_PIXEL_U16},
    {"u16-tif-color", 2, 30, 20, 3, 97, IST_PIXEL_U16}, {"u16-ppm-color", 2, 30, 20, 3, 97, IST_PIXEL_U16},
#ifdef IST_WITH_HDF5
    {"motif-h5", 4, 8, 6, 1, 1, IST_PIXEL_U8},
#endif
#ifdef IST_WITH_BLOSC
    {"bpk-gray", 5, 50, 48, 1, 1, IST_PIXEL_U8},        {"bpk-color-u16", 5, 30, 20, 3, 1, IST_PIXEL_U16},
    {"bpk-fortran", 2, 34, 12, 1, 1, IST_PIXEL_U8},
#endif
};

START_TEST(every_sample_comes_back)
{
    const struct pattern_store *s = &pattern_stores[_i];
    ist_error error;
    char path[256];
    snprintf(path, sizeof path, TEST_DATA "/foreign/%s", s->name);
    ist_reader *reader = open_store(path);
    const ist_reader_info *info = ist_reader_get_info(reader);
    ck_assert_int_eq(info->frame_count, s->frames);
    ck_assert_int_eq(info->type, s->type);
    ck_assert(info->lossless);
    ist_frame frame = {0};
    for (int i = 0; i < s->frames; i++) {
        check_ok(ist_reader_next(reader, &frame, &error), &error);
        ck_assert_int_eq(frame.type, s->type);
        ck_assert(frame.width == s->width && frame.height == s->height && frame.channels == s->channels);
        for (int k = 0; k < s->width * s->height * s->channels; k++) {
            const int value = s->type == IST_PIXEL_U16 ? ((uint16_t *)(void *)frame.data)[k] : frame.data[k];
            ck_assert_int_eq(value, pattern(k, i, s->factor, s->type == IST_PIXEL_U16 ? 65536 : 256));
        }
    }
    ck_assert_ptr_null(ist_reader_problem(reader, 0));
    ist_frame_free(&frame);
    ist_reader_close(&reader);
}
END_TEST

#ifdef IST_WITH_BLOSC
/*
 * What bloscpack wrote without being asked for anything special is written alike, up to the lengths of what zlib and
 * Blosc compressed, which other versions of them may compress otherwise.
 */
START_TEST(bpk_is_written_as_bloscpack_writes_it)
{
    static const char *const files[] = {"bpk-gray/000000/000000.bpk", "bpk-color-u16/000000/000000.bpk"};
    enum { HEADERS = 32 + 20, ROOM_AT = 32 + 16 };
    ist_error error;
    char path[256];
    struct buffer given = {0}, written = {0};
    ist_frame frame = {0}, back = {0};
    snprintf(path, sizeof path, TEST_DATA "/foreign/%s", files[_i]);
    check_ok(fs_read_file(path, &given, &error), &error);
    check_ok(image_bpk.decode(given.data, given.size, &frame, &error), &error);
    check_ok(image_encode_bpk(&frame, 0, &written, &error), &error);
    ck_assert_uint_gt(written.size, HEADERS);
    ck_assert_mem_eq(written.data, given.data, HEADERS);
    // One offset, and those of pieces that may be appended, right behind the metadata and their checksum.
    const size_t offsets = 32 + 32 + (given.data[ROOM_AT] | (size_t)given.data[ROOM_AT + 1] << 8) + 4;
    ck_assert_uint_gt(written.size, offsets + 11 * 8);
    ck_assert_mem_eq(written.data + offsets, given.data + offsets, 11 * 8);
    check_ok(image_bpk.decode(written.data, written.size, &back, &error), &error);
    ck_assert(back.width == frame.width && back.height == frame.height && back.channels == frame.channels);
    ck_assert_mem_eq(back.data, frame.data, (size_t)(frame.stride * frame.height));
    ist_frame_free(&frame);
    ist_frame_free(&back);
    buffer_free(&given);
    buffer_free(&written);
}
END_TEST
#endif

static const char *const gray_stores[] = {"gray-of-ppm", "gray-of-bmp", "gray-of-tif", "gray-of-png"};

START_TEST(colour_files_of_a_gray_store_come_as_gray)
{
    ist_error error;
    char path[256];
    snprintf(path, sizeof path, TEST_DATA "/foreign/%s/decoded.npy", gray_stores[_i]);
    struct buffer decoded = {0};
    struct npy_header header;
    check_ok(fs_read_file(path, &decoded, &error), &error);
    check_ok(npy_parse_header(decoded.data, decoded.size, &header, &error), &error);
    *strrchr(path, '/') = '\0';
    ist_reader *reader = open_store(path);
    ist_frame frame = {0};
    for (int i = 0; i < 2; i++) {
        check_ok(ist_reader_read_index(reader, 1 - i, &frame, &error), &error);
        ck_assert(frame.width == 33 && frame.height == 21 && frame.channels == 1);
        ck_assert_mem_eq(frame.data, decoded.data + header.data_offset + (1 - i) * 33 * 21, 33 * 21);
        ck_assert_int_eq(frame.number, 101 - i);
    }
    ist_frame_free(&frame);
    ist_reader_close(&reader);
    buffer_free(&decoded);
}
END_TEST

/* The gray that OpenCV reads from these, by libpng, whose shares of the colours are cut off, not rounded. */
START_TEST(gray_of_png_as_libpng_makes_it)
{
    static const struct {
        const char *dtype;
        ist_pixel_type type;
        uint16_t bgr[2][3];
        int gray[2];
    } kinds[] = {{"uint8", IST_PIXEL_U8, {{39, 46, 149}, {200, 10, 90}}, {75, 55}},
                 {"uint16", IST_PIXEL_U16, {{10000, 20000, 30000}, {1, 2, 65535}}, {21849, 19595}}};
    ist_error error;
    for (size_t k = 0; k < 2; k++) {
        const char *dtype = kinds[k].dtype;
        char text[256];
        struct buffer file = {0};
        ist_frame frame = {0};
        check_ok(ist_frame_alloc(&frame, 2, 1, 3, kinds[k].type, &error), &error);
        for (int i = 0; i < 6; i++) {
            const uint16_t sample = kinds[k].bgr[i / 3][i % 3];
            if (kinds[k].type == IST_PIXEL_U16)
                ((uint16_t *)(void *)frame.data)[i] = sample;
            else
                frame.data[i] = (uint8_t)sample;
        }
        check_ok(image_encode_png(&frame, 0, &file, &error), &error);
        mkdir(in_folder("%s", dtype), 0777);
        mkdir(in_folder("%s/000000", dtype), 0777);
        check_ok(fs_write_file(in_folder("%s/000000/000000.png", dtype), file.data, file.size, &error), &error);
        write_text(in_folder("%s/000000/index.yaml", dtype), "{frame_number: [7], frame_time: [1.5]}\n");
        snprintf(text, sizeof text,
                 "__store: {class: DirectoryImgStore, version: 2, format: png, imgshape: [1, 2], imgdtype: %s}\n",
                 dtype);
        write_text(in_folder("%s/metadata.yaml", dtype), text);
        ist_reader *reader = open_store(in_folder("%s", dtype));
        check_ok(ist_reader_read_index(reader, 0, &frame, &error), &error);
        ck_assert_int_eq(frame.channels, 1);
        for (int x = 0; x < 2; x++)
            ck_assert_int_eq(kinds[k].type == IST_PIXEL_U16 ? ((uint16_t *)(void *)frame.data)[x] : frame.data[x],
                             kinds[k].gray[x]);
        ist_reader_close(&reader);
        ist_frame_free(&frame);
        buffer_free(&file);
    }
}
END_TEST

START_TEST(gray_files_of_a_colour_store_come_as_colour)
{
    ist_error error;
    record("npy", 3);
    write_text(in_folder("store/metadata.yaml"),
               "__store: {class: DirectoryImgStore, version: 2, format: npy, imgshape: [16, 32, 3]}\n");
    ist_reader *reader = open_store(in_folder("store"));
    ck_assert_int_eq(ist_reader_get_info(reader)->channels, 3);
    ist_frame frame = {0};
    check_ok(ist_reader_read_index(reader, 2, &frame, &error), &error);
    ck_assert_int_eq(frame.channels, 3);
    for (int k = 0; k < WIDTH * HEIGHT * 3; k++)
        ck_assert_int_eq(frame.data[k], 2);
    ist_frame_free(&frame);
    ist_reader_close(&reader);
}
END_TEST

/* As another program does that writes a chunk's npz anew. */
static void forget_checksums(const char *path)
{
    ist_error error;
    struct npz_index npz;
    check_ok(npz_read(path, &npz, &error), &error);
    ck_assert_ptr_nonnull(npz.checksums);
    free(npz.checksums);
    npz.checksums = NULL;
    check_ok(npz_write(path, &npz, &error), &error);
    npz_index_free(&npz);
}

/* Puts one array into a store of npy, and says what it is. */
static ist_reader *store_with_array(const int64_t *shape, int dimensions, const char *encoding, const uint8_t *data,
                                    size_t size)
{
    ist_error error;
    struct buffer npy = {0};
    char text[512], shape_text[64];
    fs_remove_tree(in_folder("store"));
    record("npy", 1);
    check_ok(npy_write_header(&npy, "|u1", shape, dimensions, &error), &error);
    check_ok(buffer_append(&npy, data, size, &error), &error);
    check_ok(fs_write_file(in_folder("store/000000/000000.npy"), npy.data, npy.size, &error), &error);
    forget_checksums(in_folder("store/000000/index.npz"));
    snprintf(shape_text, sizeof shape_text, dimensions == 3 ? "[%d, %d, %d]" : "[%d, %d]", (int)shape[0], (int)shape[1],
             dimensions == 3 ? (int)shape[2] : 0);
    snprintf(text, sizeof text,
             "__store: {class: DirectoryImgStore, version: 2, format: npy, imgshape: %s, encoding: %s}\n", shape_text,
             encoding);
    write_text(in_folder("store/metadata.yaml"), text);
    buffer_free(&npy);
    return open_store(in_folder("store"));
}

START_TEST(raw_data_become_colour)
{
    ist_error error;
    ist_frame frame = {0};
    uint8_t data[96];
    for (int i = 0; i < 96; i++)
        data[i] = (uint8_t)(i * 2 + 16);

    // 8 x 4 pixels, two samples each
    ist_reader *reader = store_with_array((const int64_t[]){4, 8, 2}, 3, "cv_yuv_uyvy", data, 64);
    const ist_reader_info *info = ist_reader_get_info(reader);
    ck_assert(info->width == 8 && info->height == 4 && info->channels == 3);
    ck_assert_str_eq(info->encoding, "cv_yuv_uyvy");
    check_ok(ist_reader_next(reader, &frame, &error), &error);
    ck_assert(frame.width == 8 && frame.height == 4 && frame.channels == 3);
    ck_assert_int_eq(frame.number, 100);
    ist_reader_close(&reader);

    reader = store_with_array((const int64_t[]){4, 6, 4}, 3, "cv_rgba", data, 96);
    check_ok(ist_reader_next(reader, &frame, &error), &error);
    ck_assert(frame.width == 6 && frame.height == 4);
    ck_assert(frame.data[0] == data[2] && frame.data[1] == data[1] && frame.data[2] == data[0]);
    ck_assert(frame.data[3] == data[6]);
    ist_reader_close(&reader);

    // 9 rows of data are 6 of the picture
    reader = store_with_array((const int64_t[]){9, 8}, 2, "cv_yuv_i420", data, 72);
    ck_assert_int_eq(ist_reader_get_info(reader)->height, 6);
    check_ok(ist_reader_next(reader, &frame, &error), &error);
    ck_assert(frame.width == 8 && frame.height == 6 && frame.channels == 3);
    ist_reader_close(&reader);

    ist_reader *none;
    reader = store_with_array((const int64_t[]){9, 8}, 2, "cv_gray", data, 72);
    ist_reader_close(&reader);
    edit_metadata("cv_gray", "cv_yuv_uyvy");
    ck_assert_int_eq(ist_reader_open(&none, in_folder("store"), &error), IST_ERROR_DATA);
    edit_metadata("cv_yuv_uyvy", "cv_hsv");
    ck_assert_int_eq(ist_reader_open(&none, in_folder("store"), &error), IST_ERROR_UNSUPPORTED);
    ck_assert_ptr_null(none);
    ist_frame_free(&frame);
}
END_TEST

/*
 * Extra data
 */

#ifdef IST_WITH_HDF5
START_TEST(extra_data_in_hdf5)
{
    ist_reader *reader = open_store(_i ? TEST_DATA "/foreign/motif-h5-gzip" : TEST_DATA "/foreign/motif-h5");
    check_extra(reader,
                "[{\"force\": 0.0, \"pressure\": 0.75, \"trigger\": 0, \"sample_delay\": 0.5, \"frame_time\": 5.0, "
                "\"frame_number\": 100, \"frame_index\": 0},"
                "{\"force\": 0.125, \"pressure\": 0.875, \"trigger\": 3, \"sample_delay\": 0.25, \"frame_time\": 6.0, "
                "\"frame_number\": 101, \"frame_index\": 1},"
                "{\"force\": 0.25, \"pressure\": 1.0, \"trigger\": 6, \"sample_delay\": null, \"frame_time\": 7.0, "
                "\"frame_number\": 102, \"frame_index\": 2},"
                "{\"force\": 0.375, \"pressure\": 1.125, \"trigger\": 9, \"sample_delay\": 0.125, \"frame_time\": 8.0, "
                "\"frame_number\": 103, \"frame_index\": 3}]");
    ck_assert_ptr_null(ist_reader_problem(reader, 0));
    ist_reader_close(&reader);
}
END_TEST
#else
START_TEST(extra_data_in_hdf5)
{
    ist_reader *reader = open_store(TEST_DATA "/foreign/motif-h5");
    check_extra(reader, "[]");
    ck_assert_int_eq(ist_reader_problem(reader, 0)->kind, IST_PROBLEM_BAD_EXTRA);
    ck_assert_ptr_nonnull(strstr(ist_reader_problem(reader, 0)->text, "without HDF5"));
    ist_reader_close(&reader);
}
END_TEST
#endif

START_TEST(extra_data_of_motif_in_json)
{
    record("npy", 12);
    // In the root also of a store of images; rows out of order, prepared only, and of frames that are not there.
    write_text(in_folder("store/000000.extra_data.json"),
               "[{\"frame_index\": 3, \"frame_number\": 103, \"sensor_time\": 2.5, \"v\": NaN},"
               "{\"frame_index\": 3, \"frame_number\": 103, \"sensor_time\": 1.5, \"v\": Infinity},"
               "{\"frame_index\": 1, \"frame_number\": 101, \"sensor_time\": 9.5, \"v\": \"NaN \\\" Infinity\", "
               "\"large\": [18446744073709551615,-9223372036854775809, 9223372036854775807], "
               "\"digits\": \"18446744073709551615\", \"real\": 18446744073709551615.5},"
               "{\"frame_index\": -1, \"frame_number\": -1, \"sensor_time\": 0.5, \"v\": 0},"
               "{\"frame_index\": 77, \"frame_number\": 177, \"sensor_time\": 0.5, \"v\": 0}]");
    ist_reader *reader = open_store(in_folder("store"));
    check_extra(reader, "[{\"frame_index\": 1, \"frame_number\": 101, \"frame_time\": 5.25, \"sensor_time\": 9.5, "
                        "\"v\": \"NaN \\\" Infinity\", "
                        "\"large\": [18446744073709551616.0, -9223372036854775808.0, 9223372036854775807], "
                        "\"digits\": \"18446744073709551615\", \"real\": 18446744073709551616.0},"
                        "{\"frame_index\": 3, \"frame_number\": 103, \"frame_time\": 5.75, \"sensor_time\": 1.5, "
                        "\"v\": null},"
                        "{\"frame_index\": 3, \"frame_number\": 103, \"frame_time\": 5.75, \"sensor_time\": 2.5, "
                        "\"v\": null}]");
    ist_reader_close(&reader);
}
END_TEST

START_TEST(extra_data_that_break_off)
{
    static const char whole[] = "[{\"frame_index\": 0, \"a\": {\"b\": 1}}, {\"frame_index\": 1, \"a\": \"}\"}, "
                                "{\"frame_index\": 2, \"a\": 3}]";
    const char *const ends[] = {"\"a\": {\"b\": 1}}", "\"a\": \"}\"}", "\"a\": 3}"};
    record("npy", 4);
    for (size_t length = 1; length < sizeof whole; length++) {
        char text[sizeof whole] = {0};
        memcpy(text, whole, length);
        size_t expected = 0;
        for (int i = 0; i < 3; i++)
            expected += strstr(text, ends[i]) != NULL;
        write_text(in_folder("store/000000/index.extra.json"), text);
        ist_reader *reader = open_store(in_folder("store"));
        json_t *extra = extra_of(reader);
        ck_assert_msg(json_array_size(extra) == expected, "%s", text);
        const ist_problem *problem = ist_reader_problem(reader, 0);
        ck_assert(expected == 0 || problem == NULL);
        ck_assert(problem == NULL || problem->kind == IST_PROBLEM_BAD_EXTRA);
        json_decref(extra);
        ist_reader_close(&reader);
    }
}
END_TEST

/* imgstore puts what is bound to the last frame of a chunk into the next one's file; a chunk before may be lost. */
START_TEST(extra_data_find_their_frames)
{
    record("npy", 30);
    write_text(in_folder("store/000001/index.extra.json"), "[{\"frame_index\": 9, \"frame_number\": 109, \"v\": 9}, "
                                                           "{\"frame_index\": 10, \"frame_number\": 110, \"v\": 10}]");
    write_text(in_folder("store/000002/index.extra.json"), "[{\"frame_index\": 19, \"frame_number\": 119, \"v\": 19}, "
                                                           "{\"frame_index\": 25, \"frame_number\": 125, \"v\": 25}]");
    ist_reader *reader = open_store(in_folder("store"));
    check_extra(reader, "[{\"v\": 9, \"frame_time\": 7.25, \"frame_number\": 109, \"frame_index\": 9},"
                        "{\"v\": 10, \"frame_time\": 7.5, \"frame_number\": 110, \"frame_index\": 10},"
                        "{\"v\": 19, \"frame_time\": 9.75, \"frame_number\": 119, \"frame_index\": 19},"
                        "{\"v\": 25, \"frame_time\": 11.25, \"frame_number\": 125, \"frame_index\": 25}]");
    ist_reader_close(&reader);
    fs_remove_tree(in_folder("store/000001"));
    reader = open_store(in_folder("store"));
    check_extra(reader, "[{\"v\": 25, \"frame_time\": 11.25, \"frame_number\": 125, \"frame_index\": 15}]");
    ist_reader_close(&reader);
}
END_TEST

/*
 * Other indexes
 */

/* index.db of a store, with these times: base_s + i * step. */
static void write_foreign_index(int frames, double base, double step)
{
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(in_folder("store/index.db"), &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db,
                                  "DROP TABLE IF EXISTS frames; CREATE TABLE frames (chunk INTEGER, frame_idx INTEGER, "
                                  "frame_number INTEGER, frame_time REAL)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    for (int i = 0; i < frames; i++) {
        char sql[160];
        snprintf(sql, sizeof sql, "INSERT INTO frames VALUES (%d, %d, %d, %.6f)", i / CHUNK, i % CHUNK, i,
                 base + i * step);
        ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    }
    sqlite3_close(db);
}

START_TEST(index_db_of_the_fork)
{
    ist_error error;
    record("npy", 25);
    for (int i = 0; i < 3; i++)
        unlink(in_folder("store/%06d/index.npz", i));
    write_foreign_index(25, 0, 40);
    ist_reader *reader = open_store(in_folder("store"));
    const ist_reader_info *info = ist_reader_get_info(reader);
    ck_assert_int_eq(info->frame_count, 25);
    ck_assert_int_eq(info->number_max, 24);
    ck_assert(fabs(info->time_min_s - info->created_s) < 1e-6);
    ck_assert(fabs(info->time_max_s - info->created_s - 24 * 0.04) < 1e-6);
    ist_frame frame = {0};
    check_ok(ist_reader_read_number(reader, 17, IST_MATCH_EXACT, &frame, &error), &error);
    ck_assert_int_eq(frame.data[0], 17);
    ck_assert_ptr_null(ist_reader_problem(reader, 0));
    ist_reader_close(&reader);

    // Times since 1970 are what they are: the fork makes an index.db of every store that it opens.
    write_foreign_index(25, 1700000000, 0.04);
    reader = open_store(in_folder("store"));
    ck_assert(fabs(ist_reader_get_info(reader)->time_max_s - 1700000000.96) < 1e-6);
    ist_reader_close(&reader);

    // It knows only two of the chunks.
    write_foreign_index(20, 0, 40);
    reader = open_store(in_folder("store"));
    ck_assert_int_eq(ist_reader_get_info(reader)->frame_count, 20);
    ck_assert_int_eq(ist_reader_problem(reader, 0)->kind, IST_PROBLEM_NO_INDEX);
    ck_assert_int_eq(ist_reader_problem(reader, 0)->chunk, 2);
    ist_reader_close(&reader);
    ist_frame_free(&frame);
}
END_TEST

START_TEST(video_that_does_not_say_its_extension)
{
    static const struct {
        const char *format, *said;
    } kinds[] = {{"avc1/mp4", "libx264"}, {"mjpeg/avi", "mjpeg"}, {"mjpeg/avi", "libx264"}};
    ist_error error;
    record(kinds[_i].format, 12);
    edit_metadata("extension", "no_extension");
    edit_metadata(kinds[_i].format, kinds[_i].said);
    edit_metadata("VideoImgStore", "VideoImgStoreFFMPEG");
    ist_reader *reader = open_store(in_folder("store"));
    ist_frame frame = {0};
    ck_assert_str_eq(ist_reader_get_info(reader)->class_name, "VideoImgStore");
    ck_assert_int_eq(ist_reader_get_info(reader)->frame_count, 12);
    check_ok(ist_reader_read_index(reader, 11, &frame, &error), &error);
    ck_assert_int_eq(frame.number, 111);
    ck_assert_ptr_null(ist_reader_problem(reader, 0));
    ist_frame_free(&frame);
    ist_reader_close(&reader);
}
END_TEST

/* Sizes in old metadata are those of the camera, where the file had to have even ones. */
START_TEST(video_of_an_odd_size)
{
    static const char *const formats[] = {"libx264", "nvenc-h264", "h264_nvenc/mp4", "divx/avi", "mjpeg"};
    ist_error error;
    ist_frame frame = {0};
    record("avc1/mp4", 3);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "__store: {class: VideoImgStoreFFMPEG, version: 2, format: %s, imgshape: [17, 33], extension: .mp4}\n",
                 formats[i]);
        write_text(in_folder("store/metadata.yaml"), text);
        ist_reader *reader = open_store(in_folder("store"));
        ck_assert_int_eq(ist_reader_get_info(reader)->width, WIDTH);
        ck_assert_int_eq(ist_reader_get_info(reader)->height, HEIGHT);
        check_ok(ist_reader_read_index(reader, 2, &frame, &error), &error);
        ist_reader_close(&reader);
    }
    ist_frame_free(&frame);
}
END_TEST

/*
 * What is missing
 */

static void check_problem(ist_reader *reader, int i, ist_problem_kind kind, int chunk, int64_t first, int64_t count)
{
    const ist_problem *problem = ist_reader_problem(reader, i);
    ck_assert_ptr_nonnull(problem);
    ck_assert_msg(problem->kind == kind && problem->chunk == chunk && problem->first_index == first &&
                      problem->frame_count == count,
                  "%d: kind %d, chunk %d, frames %lld + %lld: %s", i, (int)problem->kind, problem->chunk,
                  (long long)problem->first_index, (long long)problem->frame_count, problem->text);
    ck_assert_ptr_nonnull(problem->text);
    ck_assert_ptr_nonnull(strstr(problem->text, "00000"));
}

/* Reads all frames one behind the other; their numbers are in `numbers`, -1 for those that failed. */
static int read_all(ist_reader *reader, int64_t *numbers)
{
    ist_error error;
    ist_frame frame = {0};
    int count = 0;
    for (;;) {
        const ist_status status = ist_reader_next(reader, &frame, &error);
        if (status == IST_END)
            break;
        if (status < 0) {
            ck_assert_int_eq(status, IST_ERROR_DATA);
        } else {
            ck_assert_int_eq(frame.index, count);
            ck_assert_int_eq(frame.data[0], frame.number - 100);
        }
        numbers[count++] = status < 0 ? -1 : frame.number;
    }
    ist_frame_free(&frame);
    return count;
}

START_TEST(what_is_missing_is_said)
{
    record("npy", 75);
    fs_remove_tree(in_folder("store/000001"));                             // nothing is left
    fs_remove_tree(in_folder("store/000002"));                             // nor here
    unlink(in_folder("store/000003/index.npz"));                           // no index
    write_text(in_folder("store/000004/index.npz"), "not an npz");         // a damaged one
    unlink(in_folder("store/000005/000003.npy"));                          // no pixels for one
    unlink(in_folder("store/000005/000006.npy"));                          // and another
    write_text(in_folder("store/000006/000009.npy"), "not an npy either"); // damaged pixels
    ist_reader *reader = open_store(in_folder("store"));
    check_problem(reader, 0, IST_PROBLEM_CHUNK_MISSING, 1, -1, 0);
    ck_assert_int_eq(ist_reader_problem(reader, 0)->chunk_count, 2);
    check_problem(reader, 1, IST_PROBLEM_NO_INDEX, 3, -1, 0);
    check_problem(reader, 2, IST_PROBLEM_BAD_INDEX, 4, 10, 0);
    ck_assert_ptr_null(ist_reader_problem(reader, 3));
    ck_assert_ptr_null(ist_reader_problem(reader, -1));

    // 0..9, 50..69, 70..74
    int64_t numbers[75];
    ck_assert_int_eq(read_all(reader, numbers), 35);
    for (int i = 0; i < 35; i++) {
        const int recorded = i < 10 ? i : i + 40;
        const bool lost = recorded == 53 || recorded == 56 || recorded == 69;
        ck_assert_int_eq(numbers[i], lost ? -1 : 100 + recorded);
    }
    check_problem(reader, 3, IST_PROBLEM_NO_PIXELS, 5, 13, 4);
    check_problem(reader, 4, IST_PROBLEM_BAD_CHUNK, 6, 29, 1);
    ck_assert_ptr_null(ist_reader_problem(reader, 5));
    ist_reader_close(&reader);
}
END_TEST

START_TEST(what_is_missing_of_a_video_is_said)
{
    record("mjpeg/avi", 45);
    unlink(in_folder("store/000001.avi"));
    unlink(in_folder("store/000002.npz"));
    write_text(in_folder("store/000003.avi"), "not a video");
    ist_reader *reader = open_store(in_folder("store"));
    check_problem(reader, 0, IST_PROBLEM_NO_PIXELS, 1, 10, 10);
    check_problem(reader, 1, IST_PROBLEM_NO_INDEX, 2, -1, 0);
    ck_assert_ptr_null(ist_reader_problem(reader, 2));

    ist_error error;
    ist_frame frame = {0};
    int sound = 0;
    for (ist_status status; (status = ist_reader_next(reader, &frame, &error)) != IST_END;)
        sound += status >= 0;
    ck_assert_int_eq(sound, 15);
    ck_assert_int_eq(frame.number, 144);
    check_problem(reader, 2, IST_PROBLEM_BAD_CHUNK, 3, 20, 10);
    ck_assert_ptr_null(ist_reader_problem(reader, 3));
    ist_frame_free(&frame);
    ist_reader_close(&reader);
}
END_TEST

START_TEST(a_store_without_one_good_index_is_refused)
{
    ist_error error;
    ist_reader *reader;
    record("npy", 15);
    write_text(in_folder("store/000000/index.npz"), "");
    write_text(in_folder("store/000001/index.npz"), "");
    ck_assert_int_eq(ist_reader_open(&reader, in_folder("store"), &error), IST_ERROR_DATA);
    ck_assert_ptr_nonnull(strstr(error.message, "000000"));
    ck_assert_ptr_null(reader);
}
END_TEST

/* Names that only look like chunks are none. */
START_TEST(foreign_names_are_no_chunks)
{
    record("npy", 5);
    const char *const names[] = {"1", "0000001", "000001x", "-00001", "99999999999999999999", ".git", "+00001"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        ck_assert_int_eq(mkdir(in_folder("store/%s", names[i]), 0777), 0);
    ist_reader *reader = open_store(in_folder("store"));
    ck_assert_ptr_null(ist_reader_problem(reader, 0));
    ck_assert_int_eq(ist_reader_get_info(reader)->frame_count, 5);
    ist_reader_close(&reader);
}
END_TEST

/* A store that is recorded lacks nothing, at any moment. */
START_TEST(a_growing_store_lacks_nothing)
{
    const char *const formats[] = {"npy", "avc1/mp4"};
    ist_error error;
    ist_writer *writer;
    ist_frame frame = {0};
    check_ok(ist_writer_create(
                 &writer, in_folder("store"),
                 &(ist_writer_params){.format = formats[_i], .width = WIDTH, .height = HEIGHT, .chunksize = 3}, &error),
             &error);
    check_ok(ist_frame_alloc(&frame, WIDTH, HEIGHT, 1, IST_PIXEL_U8, &error), &error);
    memset(frame.data, 7, WIDTH * HEIGHT);
    for (int i = 0; i <= 10; i++) {
        ist_reader *reader = open_store(in_folder("store"));
        ck_assert_int_eq(ist_reader_get_info(reader)->frame_count, i);
        ck_assert_msg(ist_reader_problem(reader, 0) == NULL, "%d frames: %s", i, ist_reader_problem(reader, 0)->text);
        ist_reader_close(&reader);
        check_ok(ist_writer_add(writer, &frame, &error), &error);
    }
    check_ok(ist_writer_close(&writer, &error), &error);
    ist_frame_free(&frame);
}
END_TEST

/* What imgstore's own recorder leaves: a last chunk that has no index yet. */
START_TEST(the_last_chunk_of_a_recording_by_imgstore_is_said)
{
    record("npy", 15);
    unlink(in_folder("store/000001/index.npz"));
    write_text(in_folder("store/.lock"), "");
    ist_reader *reader = open_store(in_folder("store"));
    ck_assert(ist_reader_get_info(reader)->unfinished);
    check_problem(reader, 0, IST_PROBLEM_NO_INDEX, 1, -1, 0);
    ist_reader_close(&reader);
}
END_TEST

/* An index that libstore wrote does not hide that pixels are missing. */
START_TEST(missing_pixels_show_with_an_index_of_our_own)
{
    ist_error error;
    ist_writer *writer;
    ist_frame frame = {0};
    check_ok(ist_writer_create(
                 &writer, in_folder("store"),
                 &(ist_writer_params){.format = "tif", .width = WIDTH, .height = HEIGHT, .chunksize = CHUNK}, &error),
             &error);
    check_ok(ist_frame_alloc(&frame, WIDTH, HEIGHT, 1, IST_PIXEL_U8, &error), &error);
    memset(frame.data, 7, WIDTH * HEIGHT);
    for (int i = 0; i < 25; i++)
        check_ok(ist_writer_add(writer, &frame, &error), &error);
    check_ok(ist_writer_close(&writer, &error), &error);
    ist_reader *reader = open_store(in_folder("store"));
    ck_assert_ptr_null(ist_reader_problem(reader, 0));
    ist_reader_close(&reader);
    fs_remove_tree(in_folder("store/000001"));
    reader = open_store(in_folder("store"));
    ck_assert_int_eq(ist_reader_get_info(reader)->frame_count, 25);
    check_problem(reader, 0, IST_PROBLEM_NO_PIXELS, 1, 10, 10);
    ck_assert_ptr_null(ist_reader_problem(reader, 1));
    ist_reader_close(&reader);
    ist_frame_free(&frame);
}
END_TEST

/*
 * Metadata
 */

START_TEST(little_metadata_do)
{
    record("npy", 3);
    write_text(in_folder("store/metadata.yaml"), "timezone: America/New_York\nname: old\n"
                                                 "__store: {class: DirectoryImgStore, version: 2, format: npy, "
                                                 "imgshape: [16, 32]}\n");
    ck_assert_int_eq(rename(in_folder("store"), in_folder("fly_20150704_120000_x")), 0);
    ist_reader *reader = open_store(in_folder("fly_20150704_120000_x"));
    const ist_reader_info *info = ist_reader_get_info(reader);
    ck_assert_str_eq(info->uuid, "");
    ck_assert_str_eq(info->encoding, "");
    ck_assert_str_eq(info->timezone, "America/New_York");
    ck_assert_int_eq(info->chunksize, 200);
    ck_assert_int_eq(info->type, IST_PIXEL_U8);
    ck_assert_msg(info->created_s == 1436025600, "%.3f", info->created_s); // noon in New York is 16 h UTC
    ist_reader_close(&reader);
}
END_TEST

START_TEST(times_of_creation)
{
    static const struct {
        const char *text;
        double created_s;
    } times[] = {
        {"2024-01-02T03:04:05.000006", 1704164645.000006}, {"2024-01-02 03:04:05", 1704164645},
        {"2024-01-02T03:04:05.5+00:00", 1704164645.5},     {"2024-01-02T03:04:05+02:00", 1704157445},
        {"2024-01-02T03:04:05.25-0130", 1704170045.25},    {"2024-01-02T03:04:05Z", 1704164645},
    };
    record("npy", 1);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "__store: {class: DirectoryImgStore, version: 2, format: npy, imgshape: [16, 32], "
                 "created_utc: '%s', timezone_local: UTC}\n",
                 times[i].text);
        write_text(in_folder("store/metadata.yaml"), text);
        ist_reader *reader = open_store(in_folder("store"));
        ck_assert_msg(ist_reader_get_info(reader)->created_s == times[i].created_s, "%s: %.6f", times[i].text,
                      ist_reader_get_info(reader)->created_s);
        ist_reader_close(&reader);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("foreign");
    TCase *tests = tcase_create("foreign");
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, every_sample_comes_back, 0, sizeof pattern_stores / sizeof *pattern_stores);
#ifdef IST_WITH_BLOSC
    tcase_add_loop_test(tests, bpk_is_written_as_bloscpack_writes_it, 0, 2);
#endif
    tcase_add_loop_test(tests, colour_files_of_a_gray_store_come_as_gray, 0, sizeof gray_stores / sizeof *gray_stores);
    tcase_add_test(tests, gray_of_png_as_libpng_makes_it);
    tcase_add_test(tests, gray_files_of_a_colour_store_come_as_colour);
    tcase_add_test(tests, raw_data_become_colour);
    tcase_add_loop_test(tests, extra_data_in_hdf5, 0, 2);
    tcase_add_test(tests, extra_data_of_motif_in_json);
    tcase_add_test(tests, extra_data_that_break_off);
    tcase_add_test(tests, extra_data_find_their_frames);
    tcase_add_test(tests, index_db_of_the_fork);
    tcase_add_loop_test(tests, video_that_does_not_say_its_extension, 0, 3);
    tcase_add_test(tests, video_of_an_odd_size);
    tcase_add_test(tests, what_is_missing_is_said);
    tcase_add_test(tests, what_is_missing_of_a_video_is_said);
    tcase_add_test(tests, a_store_without_one_good_index_is_refused);
    tcase_add_test(tests, foreign_names_are_no_chunks);
    tcase_add_test(tests, missing_pixels_show_with_an_index_of_our_own);
    tcase_add_loop_test(tests, a_growing_store_lacks_nothing, 0, 2);
    tcase_add_test(tests, the_last_chunk_of_a_recording_by_imgstore_is_said);
    tcase_add_test(tests, little_metadata_do);
    tcase_add_test(tests, times_of_creation);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
