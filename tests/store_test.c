/* Laws of writing and reading stores: what goes in comes out, in any order, with number, time and extra data. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <libstore/libstore.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "barcode.h"
#include "fs.h"
#include "npz.h"
#include "temporary.h"

static char folder[TEMPORARY_SIZE];

static void make_folder(void)
{
    temporary_folder(folder, "store-test");
}

static void remove_folder(void)
{
    fs_remove_tree(folder);
}

static const char *in_folder(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void check_ok(ist_status status, const ist_error *error)
{
    ck_assert_msg(status >= 0, "%s", error->message);
}

/* One way of recording. */
struct kind {
    const char *format;
    int channels;
    ist_pixel_type type;
    int quality;
    int tolerance; /* largest difference of a sample after a round trip; -1: pixels may be anything but the barcode */
};

static const struct kind kinds[] = {
    {"avc1/mp4", 1, IST_PIXEL_U8, 0, -1},  {"avc1/mp4", 1, IST_PIXEL_U8, 100, 0}, {"avc1/mp4", 3, IST_PIXEL_U8, 0, -1},
    {"mjpeg/avi", 1, IST_PIXEL_U8, 0, -1}, {"mjpeg/avi", 3, IST_PIXEL_U8, 0, -1}, {"npy", 1, IST_PIXEL_U8, 0, 0},
    {"npy", 3, IST_PIXEL_U8, 0, 0},        {"npy", 1, IST_PIXEL_U16, 0, 0},       {"npy", 3, IST_PIXEL_U16, 0, 0},
    {"tif", 1, IST_PIXEL_U8, 0, 0},        {"tif", 3, IST_PIXEL_U8, 0, 0},        {"tif", 1, IST_PIXEL_U16, 0, 0},
    {"tif", 3, IST_PIXEL_U16, 0, 0},       {"avc1/mp4", 3, IST_PIXEL_U8, 100, 0}, {"h264/mkv", 1, IST_PIXEL_U8, 0, -1},
    {"h264/mkv", 1, IST_PIXEL_U8, 100, 0}, {"h264/mkv", 3, IST_PIXEL_U8, 0, -1},  {"h264/mkv", 3, IST_PIXEL_U8, 100, 0},
    {"ffv1/mkv", 1, IST_PIXEL_U8, 0, 0},   {"ffv1/mkv", 3, IST_PIXEL_U8, 0, 0},   {"ffv1/mkv", 1, IST_PIXEL_U16, 0, 0},
    {"ffv1/mkv", 3, IST_PIXEL_U16, 0, 0},  {"png", 1, IST_PIXEL_U8, 0, 0},        {"png", 3, IST_PIXEL_U8, 0, 0},
    {"png", 1, IST_PIXEL_U16, 0, 0},       {"png", 3, IST_PIXEL_U16, 0, 0},       {"jpg", 1, IST_PIXEL_U8, 0, -1},
    {"jpg", 3, IST_PIXEL_U8, 80, -1},      {"ppm", 3, IST_PIXEL_U8, 0, 0},        {"ppm", 3, IST_PIXEL_U16, 0, 0},
    {"pgm", 1, IST_PIXEL_U8, 0, 0},        {"pgm", 1, IST_PIXEL_U16, 0, 0},       {"bmp", 1, IST_PIXEL_U8, 0, 0},
    {"bmp", 3, IST_PIXEL_U8, 0, 0},
#ifdef IST_WITH_BLOSC
    {"bpk", 1, IST_PIXEL_U8, 0, 0},        {"bpk", 3, IST_PIXEL_U8, 0, 0},        {"bpk", 1, IST_PIXEL_U16, 0, 0},
    {"bpk", 3, IST_PIXEL_U16, 0, 0},
#endif
};

enum { KIND_COUNT = sizeof kinds / sizeof *kinds, WIDTH = 160, HEIGHT = 66, FRAMES = 57, CHUNKSIZE = 10 };

/* Numbers that jump, times that are not even. */
static int64_t number_of(int64_t i)
{
    return 1000 + i + (i / 7) * 3;
}

static double time_of(int64_t i)
{
    return 1700000000.0 + (double)i * 0.04 + (double)(i % 5) * 0.0013;
}

/* Fills the frame with a picture that carries its index, and a pattern that depends on it. */
static void draw(ist_frame *frame, const struct kind *kind, int64_t i)
{
    ist_error error;
    check_ok(ist_frame_alloc(frame, WIDTH, HEIGHT, kind->channels, kind->type, &error), &error);
    for (int y = 0; y < HEIGHT; y++)
        for (int s = 0; s < WIDTH * kind->channels; s++) {
            const int value = (int)((s * 3 + y * 5 + i * 7) % 256);
            if (kind->type == IST_PIXEL_U16)
                ((uint16_t *)(void *)(frame->data + y * frame->stride))[s] = (uint16_t)(value * 251 + 17);
            else
                frame->data[y * frame->stride + s] = (uint8_t)value;
        }
    barcode_draw(frame, i);
    frame->number = number_of(i);
    frame->time_s = time_of(i);
}

static ist_writer *begin_in_chunks(const struct kind *kind, const char *name, int chunksize)
{
    ist_error error;
    ist_writer *writer;
    check_ok(ist_writer_create(&writer, in_folder(name),
                               &(ist_writer_params){.format = kind->format,
                                                    .width = WIDTH,
                                                    .height = HEIGHT,
                                                    .channels = kind->channels,
                                                    .type = kind->type,
                                                    .quality = kind->quality,
                                                    .chunksize = chunksize,
                                                    .metadata_json = "{\"n\": 3, \"text\": \"12:30\", \"on\": true}"},
                               &error),
             &error);
    return writer;
}

static ist_writer *begin(const struct kind *kind, const char *name)
{
    return begin_in_chunks(kind, name, CHUNKSIZE);
}

static void record(ist_writer *writer, const struct kind *kind, int64_t first, int64_t end)
{
    ist_error error;
    ist_frame frame = {0};
    for (int64_t i = first; i < end; i++) {
        draw(&frame, kind, i);
        check_ok(ist_writer_add(writer, &frame, &error), &error);
        if (i % 10 == 9 || i % 4 == 0) {
            char extra[64];
            snprintf(extra, sizeof extra, "{\"sample\": %lld, \"t\": 0.1}", (long long)i);
            check_ok(ist_writer_add_extra(writer, extra, &error), &error);
        }
    }
    ist_frame_free(&frame);
}

static void check_frame(const ist_frame *got, const struct kind *kind, int64_t i)
{
    ist_frame expected = {0};
    draw(&expected, kind, i);
    ck_assert_int_eq(got->index, i);
    ck_assert_int_eq(got->number, expected.number);
    ck_assert(got->time_s == expected.time_s);
    ck_assert_int_eq(got->width, WIDTH);
    ck_assert_int_eq(got->height, HEIGHT);
    ck_assert_int_eq(got->channels, kind->channels);
    ck_assert_int_eq(got->type, kind->type);
    ck_assert_int_eq(barcode_read(got), i);
    // Each of Check's assertions writes a line into a file: one for all rows.
    const size_t row_size = (size_t)WIDTH * (size_t)kind->channels * ist_pixel_size(kind->type);
    int row = 0;
    while (row < HEIGHT && kind->tolerance == 0 &&
           memcmp(got->data + row * got->stride, expected.data + row * expected.stride, row_size) == 0)
        row++;
    ck_assert_msg(row == HEIGHT || kind->tolerance != 0, "frame %lld: row %d is another", (long long)i, row);
    ist_frame_free(&expected);
}

static void check_store(const char *name, const struct kind *kind, int64_t frames)
{
    ist_error error;
    ist_reader *reader;
    ist_frame frame = {0};
    check_ok(ist_reader_open(&reader, in_folder(name), &error), &error);
    ck_assert_int_eq(ist_reader_get_info(reader)->frame_count, frames);
    for (int64_t i = 0; i < frames; i++) {
        check_ok(ist_reader_next(reader, &frame, &error), &error);
        check_frame(&frame, kind, i);
    }
    ck_assert_int_eq(ist_reader_next(reader, &frame, &error), IST_END);
    for (int64_t i = frames - 1; i >= 0; i--) {
        check_ok(ist_reader_read_index(reader, i, &frame, &error), &error);
        check_frame(&frame, kind, i);
    }
    srand(7);
    for (int n = 0; n < 100; n++) {
        const int64_t i = rand() % frames;
        check_ok(ist_reader_read_number(reader, number_of(i), IST_MATCH_EXACT, &frame, &error), &error);
        check_frame(&frame, kind, i);
        check_ok(ist_reader_read_time(reader, time_of(i) + 0.003, &frame, &error), &error);
        check_frame(&frame, kind, i);
    }
    char *extra;
    check_ok(ist_reader_extra(reader, 0, frames, &extra, &error), &error);
    ck_assert_ptr_nonnull(strstr(extra, "{\"sample\": 0, \"t\": 0.1"));
    ck_assert_ptr_nonnull(strstr(extra, "\"frame_index\": 0}"));
    ist_free(extra);
    ist_frame_free(&frame);
    ist_reader_close(&reader);
}

START_TEST(test_round_trip)
{
    const struct kind *kind = &kinds[_i];
    ist_error error;
    ist_writer *writer = begin(kind, "store");
    record(writer, kind, 0, FRAMES);
    check_ok(ist_writer_close(&writer, &error), &error);
    ck_assert_ptr_null(writer);
    check_store("store", kind, FRAMES);

    // The npz and the index say the same: without the index nothing changes.
    ck_assert_int_eq(unlink(in_folder("store/.index.sqlite")), 0);
    check_store("store", kind, FRAMES);
}
END_TEST

/* A store that is being recorded shows every acknowledged frame, finished chunks and the growing one. */
START_TEST(test_read_while_recording)
{
    const struct kind *kind = &kinds[3 * _i];
    ist_error error;
    ist_writer *writer = begin(kind, "store");
    for (int64_t i = 0; i < 33; i++) {
        record(writer, kind, i, i + 1);
        if (i == 0 || i == 7 || i % CHUNKSIZE == 0)
            check_store("store", kind, i + 1);
    }
    check_ok(ist_writer_close(&writer, &error), &error);
    check_store("store", kind, 33);
}
END_TEST

START_TEST(test_finished_chunk_has_npz)
{
    const struct kind *kind = &kinds[_i];
    ist_error error;
    ist_writer *writer = begin(kind, "store");
    record(writer, kind, 0, CHUNKSIZE + 1);
    struct npz_index npz;
    const char *path = in_folder(strchr(kind->format, '/') ? "store/000000.npz" : "store/000000/index.npz");
    // Chunks are finished beside the recording.
    for (int i = 0; i < 1000 && !fs_exists(path); i++)
        usleep(10000);
    check_ok(npz_read(path, &npz, &error), &error);
    ck_assert_int_eq(npz.count, CHUNKSIZE);
    for (int64_t i = 0; i < npz.count; i++) {
        ck_assert_int_eq(npz.numbers[i], number_of(i));
        ck_assert(npz.times_s[i] == time_of(i));
    }
    npz_index_free(&npz);
    check_ok(ist_writer_close(&writer, &error), &error);
    ck_assert(!fs_exists(in_folder("store/.lock")));
}
END_TEST

/* Somebody who looks at the store when it is closed keeps nothing from being closed, and reads on. */
START_TEST(test_close_while_read)
{
    const struct kind *kind = &kinds[_i];
    ist_error error;
    ist_frame frame = {0};
    ist_reader *reader;
    ist_writer *writer = begin(kind, "store");
    record(writer, kind, 0, 15);
    check_ok(ist_reader_open(&reader, in_folder("store"), &error), &error);
    check_ok(ist_reader_read_index(reader, 12, &frame, &error), &error);
    check_ok(ist_writer_close(&writer, &error), &error);
    for (int64_t i = 14; i >= 0; i--) {
        check_ok(ist_reader_read_index(reader, i, &frame, &error), &error);
        check_frame(&frame, kind, i);
    }
    ist_frame_free(&frame);
    ist_reader_close(&reader);
    check_store("store", kind, 15);
}
END_TEST

/* A reader that stays open sees frame after frame, from chunk to chunk, and the end. */
START_TEST(test_follow)
{
    const struct kind *kind = &kinds[_i];
    ist_error error;
    ist_reader *reader;
    ist_frame frame = {0};
    ist_writer *writer = begin(kind, "store");
    check_ok(ist_reader_open(&reader, in_folder("store"), &error), &error);
    for (int64_t i = 0; i < 23; i++) {
        ck_assert_int_eq(ist_reader_next(reader, &frame, &error), IST_END);
        record(writer, kind, i, i + 1);
        check_ok(ist_reader_refresh(reader, &error), &error);
        ck_assert_int_eq(ist_reader_get_info(reader)->frame_count, i + 1);
        check_ok(ist_reader_next(reader, &frame, &error), &error);
        check_frame(&frame, kind, i);
        check_ok(ist_reader_read_number(reader, number_of(i / 2), IST_MATCH_EXACT, &frame, &error), &error);
        check_frame(&frame, kind, i / 2);
        check_ok(ist_reader_read_index(reader, i, &frame, &error), &error);
    }
    check_ok(ist_writer_close(&writer, &error), &error);
    check_ok(ist_reader_refresh(reader, &error), &error);
    ck_assert(!ist_reader_get_info(reader)->unfinished);
    ck_assert_int_eq(ist_reader_next(reader, &frame, &error), IST_END);
    check_ok(ist_reader_read_index(reader, 5, &frame, &error), &error);
    check_frame(&frame, kind, 5);
    ist_frame_free(&frame);
    ist_reader_close(&reader);
}
END_TEST

static struct fs_calls real;

/* A recorder that finishes a chunk just when its live file is about to be opened. */
static int open_too_late(const char *path, int flags, mode_t mode)
{
    char finished[256];
    const char *ending = strstr(path, ".live");
    if (ending && (flags & O_ACCMODE) == O_RDONLY) {
        snprintf(finished, sizeof finished, "%.*s", (int)(ending - path), path);
        ck_assert_int_eq(rename(path, finished), 0);
    }
    return real.open(path, flags, mode);
}

START_TEST(test_chunk_ends_while_it_is_opened)
{
    const struct kind *kind = &kinds[_i];
    ist_error error;
    ist_reader *reader;
    ist_frame frame = {0};
    ist_writer *writer = begin(kind, "store");
    record(writer, kind, 0, 3);
    check_ok(ist_reader_open(&reader, in_folder("store"), &error), &error);
    real = fs_calls;
    fs_calls.open = open_too_late;
    const ist_status status = ist_reader_read_index(reader, 1, &frame, &error);
    fs_calls = real;
    check_ok(status, &error);
    check_frame(&frame, kind, 1);
    ck_assert_ptr_null(ist_reader_problem(reader, 0));
    ist_frame_free(&frame);
    ist_reader_close(&reader);
    (void)!ist_writer_close(&writer, &error); // misses the file that is its own
}
END_TEST

static ist_writer *ending_writer;
static int looks_left;

/* A recorder that ends just when somebody looks whether it goes on, the first time or a later one. */
static int end_when_looked_at(const char *path, int flags, mode_t mode)
{
    ist_error error;
    if (strstr(path, "/.lock") && looks_left-- == 0) {
        fs_calls = real;
        record(ending_writer, &kinds[0], 3, 5);
        check_ok(ist_writer_close(&ending_writer, &error), &error);
    }
    return real.open(path, flags, mode);
}

/* Who is told that a store is finished has all of its frames. */
START_TEST(test_recording_ends_while_it_is_looked_at)
{
    const bool refresh = _i == 2;
    ist_error error;
    ist_reader *reader;
    looks_left = _i % 2;
    ending_writer = begin(&kinds[0], "store");
    record(ending_writer, &kinds[0], 0, 3);
    real = fs_calls;
    if (!refresh)
        fs_calls.open = end_when_looked_at;
    check_ok(ist_reader_open(&reader, in_folder("store"), &error), &error);
    fs_calls.open = refresh ? end_when_looked_at : real.open;
    check_ok(ist_reader_refresh(reader, &error), &error);
    ck_assert(!ist_reader_get_info(reader)->unfinished);
    ck_assert_int_eq(ist_reader_get_info(reader)->frame_count, 5);
    ist_reader_close(&reader);
}
END_TEST

static int stumbles;

/* Seeking that fails some times: then frames are looked for from the beginning. */
static off_t stumbling_seek(int fd, off_t offset, int whence)
{
    if (whence == SEEK_SET && offset > 0 && stumbles > 0) {
        stumbles--;
        errno = EIO;
        return -1;
    }
    return real.seek(fd, offset, whence);
}

/* Who has the live file open goes on with it, wherever in it, and whatever its name is by then. */
START_TEST(test_chunk_ends_while_it_is_read)
{
    const struct kind *kind = &kinds[_i];
    ist_error error;
    ist_reader *reader;
    ist_frame frame = {0};
    ist_writer *writer = begin(kind, "store");
    record(writer, kind, 0, CHUNKSIZE);
    check_ok(ist_reader_open(&reader, in_folder("store"), &error), &error);
    ist_reader_set_cache(reader, 0);
    check_ok(ist_reader_read_index(reader, 0, &frame, &error), &error);
    check_ok(ist_writer_close(&writer, &error), &error);
    srand(3);
    for (int i = 0; i < 3 * CHUNKSIZE; i++) {
        const int64_t index = rand() % CHUNKSIZE;
        real = fs_calls;
        fs_calls.seek = stumbling_seek;
        stumbles = 3;
        const ist_status status = ist_reader_read_index(reader, index, &frame, &error);
        fs_calls = real;
        check_ok(status, &error);
        check_frame(&frame, kind, index);
        check_ok(ist_reader_check_index(reader, rand() % CHUNKSIZE, &error), &error);
    }
    ist_frame_free(&frame);
    ist_reader_close(&reader);
}
END_TEST

static ssize_t refusing_read(int fd, void *data, size_t size)
{
    (void)fd;
    (void)data;
    (void)size;
    errno = EIO;
    return -1;
}

static ssize_t ending_read(int fd, void *data, size_t size)
{
    (void)fd;
    (void)data;
    (void)size;
    return 0;
}

/* A disk that does not answer for a while, or seems to end: errors, and afterwards every frame again. */
START_TEST(test_reading_breaks_off)
{
    enum { MANY = 20 * CHUNKSIZE, READS = 8 };
    ssize_t (*const breaking[])(int, void *, size_t) = {refusing_read, ending_read};
    const struct kind *kind = &kinds[_i];
    ist_error error;
    ist_reader *reader;
    ist_frame frame = {0};
    ist_writer *writer = begin_in_chunks(kind, "store", MANY);
    record(writer, kind, 0, MANY);
    check_ok(ist_writer_close(&writer, &error), &error);
    for (size_t b = 0; b < sizeof breaking / sizeof *breaking; b++) {
        check_ok(ist_reader_open(&reader, in_folder("store"), &error), &error);
        ist_reader_set_cache(reader, 0);
        check_ok(ist_reader_read_index(reader, 1, &frame, &error), &error);
        real = fs_calls;
        fs_calls.read = breaking[b];
        int failed = 0;
        for (int64_t i = 0; i < READS; i++) {
            const int64_t index = (i + 1) * 77 % MANY;
            if (ist_reader_read_index(reader, index, &frame, &error) < 0)
                failed++;
            else // it was in a buffer
                check_frame(&frame, kind, index);
        }
        fs_calls = real;
        ck_assert_int_ge(failed, 1);
        for (int64_t i = 0; i < MANY; i += 3) {
            const int64_t index = MANY - 1 - i;
            check_ok(ist_reader_read_index(reader, index, &frame, &error), &error);
            check_frame(&frame, kind, index);
        }
        ist_reader_close(&reader);
    }
    ist_frame_free(&frame);
}
END_TEST

/* More chunks than stay open, in any order, with pictures kept and without. */
START_TEST(test_jumps_between_chunks)
{
    enum { MANY = 20 * CHUNKSIZE, READS = 200 };
    const struct kind *kind = &kinds[0];
    ist_error error;
    ist_reader *reader;
    ist_frame frame = {0};
    ist_writer *writer = begin(kind, "store");
    record(writer, kind, 0, MANY);
    check_ok(ist_writer_close(&writer, &error), &error);
    srand(4);
    check_ok(ist_reader_open(&reader, in_folder("store"), &error), &error);
    for (int i = 0; i < READS; i++) {
        if (i == READS / 2)
            ist_reader_set_cache(reader, 0);
        const int64_t index = rand() % MANY;
        check_ok(ist_reader_read_index(reader, index, &frame, &error), &error);
        check_frame(&frame, kind, index);
    }
    ist_frame_free(&frame);
    ist_reader_close(&reader);
}
END_TEST

START_TEST(test_append)
{
    const struct kind *kind = &kinds[_i];
    const ist_writer_params params = {.quality = kind->quality};
    ist_error error;
    ist_writer *second, *writer = begin(kind, "store");
    record(writer, kind, 0, 15);
    ck_assert_int_eq(ist_writer_open(&second, in_folder("store"), &params, &error), IST_ERROR_STATE);
    ck_assert_ptr_null(second);
    ck_assert_int_eq(ist_repair(in_folder("store"), NULL, &error), IST_ERROR_STATE);
    check_ok(ist_writer_close(&writer, &error), &error);
    for (int64_t frames = 15; frames < 40; frames += 12) {
        check_ok(ist_writer_open(&writer, in_folder("store/metadata.yaml"), &params, &error), &error);
        ck_assert_int_eq(ist_writer_frame_count(writer), frames);
        record(writer, kind, frames, frames + 12);
        check_ok(ist_writer_close(&writer, &error), &error);
        check_store("store", kind, frames + 12);
    }
    const ist_writer_params other = {.width = WIDTH + 2, .height = HEIGHT, .type = kind->type};
    ck_assert_int_eq(ist_writer_open(&writer, in_folder("store"), &other, &error), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(ist_writer_open(&writer, in_folder("nothing"), &params, &error), IST_ERROR_NOT_FOUND);
    ck_assert(!fs_exists(in_folder("store/.lock")));
}
END_TEST

START_TEST(test_append_after_an_edit_of_the_metadata)
{
    const struct kind *kind = &kinds[0];
    ist_error error;
    ist_reader *reader;
    ist_writer *writer = begin(kind, "store");
    struct buffer text = {0};
    record(writer, kind, 0, 5);
    check_ok(ist_writer_close(&writer, &error), &error);
    check_ok(fs_read_file(in_folder("store/metadata.yaml"), &text, &error), &error);
    char *value = memmem(text.data, text.size, "\nn: 3", strlen("\nn: 3"));
    ck_assert_ptr_nonnull(value);
    value[strlen("\nn: ")] = '4';
    check_ok(fs_write_file(in_folder("store/metadata.yaml"), text.data, text.size, &error), &error);
    buffer_free(&text);
    // Writing it anew does not make what was edited, or damaged, what was recorded.
    check_ok(ist_writer_open(&writer, in_folder("store"), &(ist_writer_params){.quality = kind->quality}, &error),
             &error);
    record(writer, kind, 5, 10);
    check_ok(ist_writer_close(&writer, &error), &error);
    check_store("store", kind, 10);
    check_ok(ist_reader_open(&reader, in_folder("store"), &error), &error);
    ck_assert_ptr_nonnull(strstr(ist_reader_get_info(reader)->user_metadata, "\"n\":4"));
    ck_assert(ist_reader_get_info(reader)->user_metadata_changed);
    ist_reader_close(&reader);
}
END_TEST

START_TEST(test_wrong_frame_changes_nothing)
{
    const struct kind *kind = &kinds[_i];
    ist_error error;
    ist_writer *writer = begin(kind, "store");
    record(writer, kind, 0, 3);
    ist_frame frame = {0};
    draw(&frame, kind, 3);
    ist_frame wrong = frame;
    wrong.width = WIDTH - 2;
    ck_assert_int_eq(ist_writer_add(writer, &wrong, &error), IST_ERROR_ARGUMENT);
    wrong = frame;
    wrong.channels = kind->channels == 1 ? 3 : 1;
    ck_assert_int_eq(ist_writer_add(writer, &wrong, &error), IST_ERROR_ARGUMENT);
    wrong = frame;
    wrong.type = kind->type == IST_PIXEL_U8 ? IST_PIXEL_U16 : IST_PIXEL_U8;
    ck_assert_int_eq(ist_writer_add(writer, &wrong, &error), IST_ERROR_ARGUMENT);
    wrong = frame;
    wrong.time_s = (double)NAN;
    ck_assert_int_eq(ist_writer_add(writer, &wrong, &error), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(ist_writer_add_extra(writer, "[1]", &error), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(ist_writer_add_extra(writer, "{\"frame_time\": 1}", &error), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(ist_writer_frame_count(writer), 3);
    record(writer, kind, 3, 12);
    check_ok(ist_writer_close(&writer, &error), &error);
    check_store("store", kind, 12);
    ist_frame_free(&frame);
}
END_TEST

START_TEST(test_bad_params)
{
    static const ist_writer_params bad[] = {
        {.format = "h265/mov", .width = 64, .height = 64},
        {.width = 0, .height = 64},
        {.width = 64, .height = 70000},
        {.width = 64, .height = 64, .channels = 2},
        {.width = 64, .height = 64, .type = IST_PIXEL_U16},
        {.width = 64, .height = 64, .quality = 101},
        {.width = 64, .height = 64, .chunksize = -1},
        {.width = 64, .height = 64, .encoder_options = "no-such-option=1"},
        {.width = 64, .height = 64, .encoder_options = "nonsense"},
        {.width = 64, .height = 64, .metadata_json = "{"},
        {.width = 64, .height = 64, .metadata_json = "[]"},
        {.width = 64, .height = 64, .metadata_json = "{\"__store\": 1}"},
        {.width = 64, .height = 64, .frame_rate = -1},
        {.width = 64, .height = 64, .encoder = "no-such-encoder"},
        {.width = 64, .height = 64, .encoder = "aac"},
        {.width = 64, .height = 64, .encoder = "h264_nvenc", .encoder_options = "gpu=77"},
        {.width = 64, .height = 64, .encoder = "h264_vaapi", .encoder_options = "nonsense"},
        {.width = 64, .height = 64, .encoder = "huffyuv"},
        {.width = 64, .height = 64, .encoder_options = "pixel_format=gray12le"},
        {.width = 64,
         .height = 64,
         .format = "ffv1/mkv",
         .type = IST_PIXEL_U16,
         .encoder_options = "pixel_format=gray"},
        {.width = 64, .height = 64, .format = "ffv1/mkv", .type = IST_PIXEL_U16, .encoder = "ffvhuff"},
        {.width = 64,
         .height = 64,
         .format = "ffv1/mkv",
         .type = IST_PIXEL_U16,
         .channels = 3,
         .encoder_options = "pixel_format=bgr0"},
        {.width = 64, .height = 64, .format = "ppm"},
        {.width = 64, .height = 64, .format = "pgm", .channels = 3},
        {.width = 64, .height = 64, .format = "bmp", .type = IST_PIXEL_U16},
        {.width = 64, .height = 64, .format = "npy", .encoder = "libx264"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ist_error error = {0};
        ist_writer *writer;
        ck_assert_msg(ist_writer_create(&writer, in_folder("store"), &bad[i], &error) < 0, "case %zu", i);
        ck_assert_ptr_null(writer);
        ck_assert_msg(error.message[0] && error.status < 0, "case %zu", i);
        ck_assert_msg(!fs_exists(in_folder("store")), "case %zu left something behind", i);
    }
}
END_TEST

/* What this libstore cannot write it knows all the same, and says why. */
START_TEST(test_format_that_was_left_out)
{
    ist_error error;
    ist_writer *writer;
    const char *const names[] = {"bpk", "bpk+color"};
    for (size_t i = 0; i < sizeof names / sizeof *names && !ist_writer_format_is_lossless("bpk"); i++) {
        const ist_writer_params params = {.format = names[i], .width = 64, .height = 64};
        ck_assert_int_eq(ist_writer_create(&writer, in_folder("store"), &params, &error), IST_ERROR_NOT_FOUND);
        ck_assert_ptr_nonnull(strstr(error.message, "libstore was built without Blosc"));
        ck_assert(!fs_exists(in_folder("store")));
    }
}
END_TEST

START_TEST(test_existing_destination)
{
    ist_error error;
    ist_writer *writer;
    ck_assert_int_eq(mkdir(in_folder("store"), 0777), 0);
    const ist_writer_params params = {.width = 64, .height = 64};
    ck_assert_int_eq(ist_writer_create(&writer, in_folder("store"), &params, &error), IST_ERROR_EXISTS);
    ck_assert_int_eq(rmdir(in_folder("store")), 0);
    ck_assert_int_eq(ist_writer_create(&writer, in_folder("no/such/place"), &params, &error), IST_ERROR_NOT_FOUND);
}
END_TEST

/* An encoder that would keep acknowledged frames to itself is refused, and leaves nothing. */
START_TEST(test_encoder_that_holds_frames_back)
{
    ist_error error;
    ist_writer *writer;
    const ist_writer_params params = {.width = 64, .height = 64, .encoder_options = "tune=film"};
    ck_assert_int_eq(ist_writer_create(&writer, in_folder("store"), &params, &error), IST_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "keeps frames back"));
    ck_assert(!fs_exists(in_folder("store")));
}
END_TEST

START_TEST(test_closed_writer)
{
    ist_error error;
    ist_frame frame = {0};
    ck_assert_int_eq(ist_writer_add(NULL, &frame, &error), IST_ERROR_STATE);
    ck_assert_int_eq(ist_writer_add_extra(NULL, "{}", &error), IST_ERROR_STATE);
    ck_assert_int_eq(ist_writer_frame_count(NULL), 0);
    ist_writer *writer = NULL;
    check_ok(ist_writer_close(&writer, &error), &error);
}
END_TEST

/* Video formats store even sizes, as imgstore does. */
START_TEST(test_odd_size)
{
    ist_error error;
    ist_writer *writer;
    ist_reader *reader;
    ist_frame frame = {0};
    for (int channels = 1; channels <= 3; channels += 2) {
        check_ok(ist_frame_alloc(&frame, 65, 43, channels, IST_PIXEL_U8, &error), &error);
        memset(frame.data, 100, 65 * 43 * (size_t)channels);
        check_ok(ist_writer_create(&writer, in_folder("store"),
                                   &(ist_writer_params){.width = 65, .height = 43, .channels = channels}, &error),
                 &error);
        check_ok(ist_writer_add(writer, &frame, &error), &error);
        check_ok(ist_writer_close(&writer, &error), &error);
        check_ok(ist_reader_open(&reader, in_folder("store"), &error), &error);
        check_ok(ist_reader_next(reader, &frame, &error), &error);
        ck_assert_int_eq(frame.width, 64);
        ck_assert_int_eq(frame.height, 42);
        ck_assert_int_eq(frame.data[41 * frame.stride + 63 * channels], 100);
        ist_reader_close(&reader);
        fs_remove_tree(in_folder("store"));
    }
    ist_frame_free(&frame);
}
END_TEST

static ist_status add_gray(ist_writer *writer, int width, int height, ist_error *error)
{
    ist_error ignored;
    ist_frame frame = {0};
    check_ok(ist_frame_alloc(&frame, width, height, 1, IST_PIXEL_U8, &ignored), &ignored);
    memset(frame.data, 100, (size_t)frame.stride * (size_t)height);
    frame.number = ist_writer_frame_count(writer);
    const ist_status status = ist_writer_add(writer, &frame, error);
    ist_frame_free(&frame);
    return status;
}

/* A program that begins anew knows the size of its frames, not that of what is stored of them. */
START_TEST(test_append_of_odd_size)
{
    static const char *const formats[] = {"avc1/mp4", "mjpeg/avi", "h264/mkv", "ffv1/mkv", "npy"};
    ist_error error;
    ist_writer *writer;
    ist_writer_params params = {.format = formats[_i], .width = 97, .height = 67};
    const bool is_video = strchr(formats[_i], '/');
    const int64_t frames = is_video ? 6 : 3;
    check_ok(ist_writer_create(&writer, in_folder("store"), &params, &error), &error);
    check_ok(add_gray(writer, 97, 67, &error), &error);
    check_ok(ist_writer_close(&writer, &error), &error);

    check_ok(ist_writer_open(&writer, in_folder("store"), &params, &error), &error);
    check_ok(add_gray(writer, 97, 67, &error), &error);
    ck_assert_int_eq(add_gray(writer, 96, 66, &error), IST_ERROR_ARGUMENT);
    check_ok(ist_writer_close(&writer, &error), &error);

    check_ok(ist_writer_open(&writer, in_folder("store"), NULL, &error), &error);
    check_ok(add_gray(writer, 97, 67, &error), &error);
    for (int more = 0; more < 3 && is_video; more++)
        check_ok(add_gray(writer, 96 + more % 2, 66 + more / 2, &error), &error);
    ck_assert_int_eq(add_gray(writer, 98, 66, &error), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(add_gray(writer, 95, 67, &error), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(add_gray(writer, 97, 68, &error), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(ist_writer_frame_count(writer), frames);
    check_ok(ist_writer_close(&writer, &error), &error);

    params.width = 98;
    ck_assert_int_eq(ist_writer_open(&writer, in_folder("store"), &params, &error), IST_ERROR_ARGUMENT);
    params.width = 95;
    ck_assert_int_eq(ist_writer_open(&writer, in_folder("store"), &params, &error), IST_ERROR_ARGUMENT);

    ist_reader *reader;
    ist_frame frame = {0};
    check_ok(ist_reader_open(&reader, in_folder("store"), &error), &error);
    for (int64_t i = 0; i < frames; i++) {
        check_ok(ist_reader_next(reader, &frame, &error), &error);
        ck_assert_int_eq(frame.width, is_video ? 96 : 97);
        ck_assert_int_eq(frame.height, is_video ? 66 : 67);
        ck_assert_int_le(abs(frame.data[65 * frame.stride + 95] - 100), 1);
    }
    ck_assert_int_eq(ist_reader_next(reader, &frame, &error), IST_END);
    ist_frame_free(&frame);
    ist_reader_close(&reader);
}
END_TEST

START_TEST(test_empty_store)
{
    ist_error error;
    ist_writer *writer;
    ist_reader *reader;
    ist_frame frame = {0};
    int64_t index;
    check_ok(ist_writer_create(&writer, in_folder("store"), &(ist_writer_params){.width = 64, .height = 64}, &error),
             &error);
    check_ok(ist_writer_close(&writer, &error), &error);
    check_ok(ist_reader_open(&reader, in_folder("store/metadata.yaml"), &error), &error);
    ck_assert_int_eq(ist_reader_get_info(reader)->frame_count, 0);
    ck_assert_int_eq(ist_reader_next(reader, &frame, &error), IST_END);
    ck_assert_int_eq(ist_reader_read_index(reader, 0, &frame, &error), IST_ERROR_NOT_FOUND);
    ck_assert_int_eq(ist_reader_find_time(reader, 0, &index, &error), IST_ERROR_NOT_FOUND);
    ist_reader_close(&reader);
}
END_TEST

START_TEST(test_not_a_store)
{
    static const char *const bad[] = {
        "",
        "a: 1\n",
        "[1, 2]\n",
        "__store: {class: DirectoryImgStore, version: 3, format: npy, imgshape: [4, 4], imgdtype: uint8}\n",
        "__store: {class: Somebody, version: 2, format: npy, imgshape: [4, 4], imgdtype: uint8}\n",
        "__store: {class: DirectoryImgStore, version: 2, format: npy, imgshape: [4], imgdtype: uint8}\n",
        "__store: {class: DirectoryImgStore, version: 2, format: xyz, imgshape: [4, 4], imgdtype: uint8}\n",
        "__store: {class: DirectoryImgStore, version: 2, format: npy, imgshape: [4, 4], imgdtype: complex64}\n",
        "__store: {class: DirectoryImgStore, version: 2, imgshape: [4, 4], imgdtype: uint8}\n",
        "__store: [",
        "a: &a [*a, *a]\n__store: {}\n",
    };
    ist_error error;
    ist_reader *reader;
    ck_assert_int_eq(ist_reader_open(&reader, in_folder("nothing"), &error), IST_ERROR_NOT_FOUND);
    ck_assert_int_eq(mkdir(in_folder("store"), 0777), 0);
    ck_assert_int_eq(ist_reader_open(&reader, in_folder("store"), &error), IST_ERROR_NOT_FOUND);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        check_ok(fs_write_file(in_folder("store/metadata.yaml"), bad[i], strlen(bad[i]), &error), &error);
        error = (ist_error){0};
        const ist_status status = ist_reader_open(&reader, in_folder("store"), &error);
        ck_assert_msg(status == IST_ERROR_DATA || status == IST_ERROR_UNSUPPORTED, "case %zu: %d", i, status);
        ck_assert_msg(strstr(error.message, "store"), "case %zu: %s", i, error.message);
        ck_assert_ptr_null(reader);
    }
}
END_TEST

/* What is not there is another thing than a wrong value. */
START_TEST(test_metadata_without_version)
{
    static const char *const cases[][2] = {
        {"__store: {class: DirectoryImgStore, format: npy}\n", "version is missing"},
        {"__store: {class: DirectoryImgStore, version: two, format: npy}\n", "version is not a number"},
        {"__store: {class: DirectoryImgStore, version: 3, format: npy}\n", "version 3 is not known, only 2"},
    };
    ist_error error;
    ist_reader *reader;
    ck_assert_int_eq(mkdir(in_folder("store"), 0777), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_ok(fs_write_file(in_folder("store/metadata.yaml"), cases[i][0], strlen(cases[i][0]), &error), &error);
        ck_assert_int_lt(ist_reader_open(&reader, in_folder("store"), &error), 0);
        ck_assert_msg(strstr(error.message, cases[i][1]), "%s", error.message);
    }
}
END_TEST

/* A store that cannot be looked into is not said to be none. Each test is a process of its own. */
START_TEST(test_no_permission)
{
    enum { NOBODY = 65534 };
    static const char *const closed[] = {"parent", "parent/store"};
    ist_error error;
    ist_reader *reader;
    ck_assert_int_eq(chmod(folder, 0755), 0);
    ck_assert_int_eq(mkdir(in_folder("parent"), 0755), 0);
    ck_assert_int_eq(mkdir(in_folder("parent/store"), 0755), 0);
    check_ok(fs_write_file(in_folder("parent/store/metadata.yaml"), "a: 1\n", 5, &error), &error);
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++) {
        ck_assert_int_eq(chmod(in_folder(closed[i]), 0600), 0);
        // For root there is nothing that is closed.
        const bool is_root = geteuid() == 0;
        ck_assert(!is_root || seteuid(NOBODY) == 0);
        const ist_status status = ist_reader_open(&reader, in_folder("parent/store"), &error);
        ck_assert(!is_root || seteuid(0) == 0);
        ck_assert_int_eq(chmod(in_folder(closed[i]), 0755), 0);
        ck_assert_int_eq(status, IST_ERROR_IO);
        ck_assert_msg(strstr(error.message, "Permission denied"), "%s", error.message);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 120);
    tcase_add_checked_fixture(all, make_folder, remove_folder);
    tcase_add_loop_test(all, test_round_trip, 0, KIND_COUNT);
    tcase_add_loop_test(all, test_read_while_recording, 0, (KIND_COUNT + 2) / 3);
    tcase_add_loop_test(all, test_finished_chunk_has_npz, 0, KIND_COUNT);
    tcase_add_loop_test(all, test_close_while_read, 0, KIND_COUNT);
    tcase_add_loop_test(all, test_follow, 0, KIND_COUNT);
    tcase_add_loop_test(all, test_chunk_ends_while_it_is_opened, 0, KIND_COUNT);
    tcase_add_loop_test(all, test_recording_ends_while_it_is_looked_at, 0, 3);
    tcase_add_loop_test(all, test_chunk_ends_while_it_is_read, 0, KIND_COUNT);
    tcase_add_loop_test(all, test_reading_breaks_off, 0, KIND_COUNT);
    tcase_add_test(all, test_jumps_between_chunks);
    tcase_add_test(all, test_append_after_an_edit_of_the_metadata);
    tcase_add_loop_test(all, test_append, 0, KIND_COUNT);
    tcase_add_loop_test(all, test_wrong_frame_changes_nothing, 0, KIND_COUNT);
    tcase_add_test(all, test_bad_params);
    tcase_add_test(all, test_format_that_was_left_out);
    tcase_add_test(all, test_existing_destination);
    tcase_add_test(all, test_encoder_that_holds_frames_back);
    tcase_add_test(all, test_closed_writer);
    tcase_add_test(all, test_odd_size);
    tcase_add_loop_test(all, test_append_of_odd_size, 0, 5);
    tcase_add_test(all, test_empty_store);
    tcase_add_test(all, test_not_a_store);
    tcase_add_test(all, test_metadata_without_version);
    tcase_add_test(all, test_no_permission);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
