// Laws of exporting: what comes out is what a reader reads, of exactly the frames that were asked for, and a file is
// there whole or not at all.

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libstore/libstore.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fs.h"
#include "image.h"
#include "npy.h"
#include "temporary.h"
#include "tiff_pages.h"

enum { WIDTH = 50, HEIGHT = 38, CHUNKSIZE = 7, FRAMES = 40 };

static char folder[TEMPORARY_SIZE];
static ist_reader *reader;
static uint64_t random_state;

static uint32_t random_below(uint32_t end)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % end;
}

static const char *in_folder(const char *name)
{
    static char paths[4][256];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void check_ok(ist_status status, const ist_error *error)
{
    ck_assert_msg(status == IST_OK, "%s", error->message);
}

static void setup(void)
{
    temporary_folder(folder, "export-test");
    random_state = (uint64_t)time(NULL);
    printf("seed %llu\n", (unsigned long long)random_state);
}

static void teardown(void)
{
    ist_reader_close(&reader);
    fs_remove_tree(folder);
}

/* What may come one after the other: numbers jump and repeat, times stand still and go back. */
static double wild_time(int i)
{
    return 1795179785.125 + i * 0.01 - (i % 11 == 10 ? 0.055 : 0) - (i == 20 ? 0.01 : 0);
}
static double even_time(int i)
{
    return 1795179785.125 + i * 0.04;
}

/* Records a store of smooth noise and opens it. */
static void make_store(const char *format, int channels, ist_pixel_type type, double (*time_of)(int))
{
    ist_error error;
    ist_writer *writer;
    const ist_writer_params params = {.format = format,
                                      .width = WIDTH,
                                      .height = HEIGHT,
                                      .channels = channels,
                                      .type = type,
                                      .chunksize = CHUNKSIZE,
                                      .quality = 100,
                                      .timezone = "Europe/Berlin"};
    check_ok(ist_writer_create(&writer, in_folder("store"), &params, &error), &error);
    ist_frame frame = {0};
    check_ok(ist_frame_alloc(&frame, WIDTH, HEIGHT, channels, type, &error), &error);
    for (int i = 0; i < FRAMES; i++) {
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH * channels; x++) {
                const uint16_t value = (uint16_t)(i * 700 + x * 290 + y * 170 + (int)random_below(400));
                memcpy(frame.data + y * frame.stride + (size_t)x * ist_pixel_size(type),
                       type == IST_PIXEL_U16 ? (const uint8_t *)&value : (const uint8_t *)&value + 1,
                       ist_pixel_size(type));
            }
        frame.number = 100 + 3 * i - (i % 9 == 8 ? 12 : 0);
        frame.time_s = time_of(i);
        check_ok(ist_writer_add(writer, &frame, &error), &error);
    }
    ist_frame_free(&frame);
    check_ok(ist_writer_close(&writer, &error), &error);
    check_ok(ist_reader_open(&reader, in_folder("store"), &error), &error);
}

static void assert_same(const ist_frame *a, const ist_frame *b)
{
    ck_assert_int_eq(a->width, b->width);
    ck_assert_int_eq(a->height, b->height);
    ck_assert_int_eq(a->channels, b->channels);
    ck_assert_int_eq(a->type, b->type);
    for (int y = 0; y < a->height; y++)
        ck_assert_mem_eq(a->data + y * a->stride, b->data + y * b->stride,
                         (size_t)(a->width * a->channels) * ist_pixel_size(a->type));
}

/* Nothing lies in the folder but the store, and `count` files besides. */
static void assert_files(int count)
{
    DIR *directory = opendir(folder);
    const struct dirent *entry;
    int others = 0;
    while ((entry = readdir(directory)))
        others += *entry->d_name != '.' && strcmp(entry->d_name, "store") != 0;
    closedir(directory);
    ck_assert_int_eq(others, count);
}

/* ---- every kind of file gives back what the reader reads ---- */

static const struct content {
    const char *format;
    int channels;
    ist_pixel_type type;
} contents[] = {
    {"npy", 1, IST_PIXEL_U8},  {"npy", 3, IST_PIXEL_U8},      {"npy", 1, IST_PIXEL_U16},
    {"npy", 3, IST_PIXEL_U16}, {"avc1/mp4", 1, IST_PIXEL_U8}, {"mjpeg/avi", 3, IST_PIXEL_U8},
};

START_TEST(an_array_is_what_is_read)
{
    const struct content *content = &contents[_i];
    make_store(content->format, content->channels, content->type, wild_time);
    ist_error error;
    ist_export_report report;
    check_ok(ist_export(reader, in_folder("out.npy"), NULL, &report, &error), &error);
    ck_assert_int_eq(report.frame_count, FRAMES);
    ck_assert_int_eq(report.first_skipped, -1);
    assert_files(1);

    struct buffer file = {0};
    struct npy_header header;
    check_ok(fs_read_file(in_folder("out.npy"), &file, &error), &error);
    check_ok(npy_parse_header(file.data, file.size, &header, &error), &error);
    ck_assert_int_eq(header.dimensions, content->channels == 1 ? 3 : 4);
    ck_assert_int_eq(header.shape[0], FRAMES);
    ck_assert_int_eq(header.shape[1], HEIGHT);
    ck_assert_int_eq(header.shape[2], WIDTH);
    ck_assert_int_eq(header.item_size, (int)ist_pixel_size(content->type));
    ck_assert_int_eq(header.data_offset + header.data_size, file.size);
    ist_frame frame = {0};
    const size_t frame_size = header.data_size / FRAMES;
    for (int i = 0; i < FRAMES; i++) {
        check_ok(ist_reader_read_index(reader, i, &frame, &error), &error);
        ck_assert_mem_eq(frame.data, file.data + header.data_offset + (size_t)i * frame_size, frame_size);
    }
    ist_frame_free(&frame);
    buffer_free(&file);
}
END_TEST

START_TEST(a_stack_is_what_is_read)
{
    make_store(contents[_i].format, contents[_i].channels, contents[_i].type, wild_time);
    ist_error error;
    check_ok(ist_export(reader, in_folder("out.tif"), NULL, NULL, &error), &error);
    assert_files(1);
    struct tiff_pages *pages;
    check_ok(tiff_pages_open_file(&pages, in_folder("out.tif"), &error), &error);
    ist_frame frame = {0}, page = {0};
    for (int i = 0; i < FRAMES; i++) {
        check_ok(ist_reader_read_index(reader, i, &frame, &error), &error);
        check_ok(tiff_pages_read(pages, &page, &error), &error);
        assert_same(&frame, &page);
        ck_assert_int_eq(tiff_pages_advance(pages, &error), i < FRAMES - 1 ? IST_OK : IST_END);
    }
    tiff_pages_close(&pages);
    ist_frame_free(&frame);
    ist_frame_free(&page);
}
END_TEST

START_TEST(pictures_are_what_is_read)
{
    make_store(contents[_i].format, contents[_i].channels, contents[_i].type, wild_time);
    ist_error error;
    const ist_export_params as_tiff = {.images = "tif"};
    check_ok(ist_export(reader, in_folder("png/"), NULL, NULL, &error), &error);
    check_ok(ist_export(reader, in_folder("tif"), &as_tiff, NULL, &error), &error);
    assert_files(2);
    ist_frame frame = {0}, picture = {0};
    for (int i = 0; i < FRAMES; i++) {
        char name[32];
        check_ok(ist_reader_read_index(reader, i, &frame, &error), &error);
        snprintf(name, sizeof name, "png/%06d.png", i);
        check_ok(image_read(in_folder(name), &picture, &error), &error);
        assert_same(&frame, &picture);
        snprintf(name, sizeof name, "tif/%06d.tif", i);
        check_ok(image_read(in_folder(name), &picture, &error), &error);
        assert_same(&frame, &picture);
    }
    ist_frame_free(&frame);
    ist_frame_free(&picture);
}
END_TEST

/* Reads the video that was exported, and compares pixels where they are kept, and times. */
static void check_video(const char *path, bool exact, bool gray, double precision_s, double (*time_of)(int))
{
    ist_error error;
    ist_source *source;
    check_ok(ist_source_open(&source, path, &(ist_source_params){.gray = gray}, &error), &error);
    ist_frame frame = {0}, shown = {0};
    double earliest_s = 0;
    for (int i = 0; i < FRAMES; i++) {
        check_ok(ist_source_next(source, &shown, &error), &error);
        check_ok(ist_reader_read_index(reader, i, &frame, &error), &error);
        if (exact)
            assert_same(&frame, &shown);
        // A video does not go back.
        const double wanted_s = fmax(time_of(i) - time_of(0), earliest_s);
        ck_assert_msg(fabs(shown.time_s - wanted_s) <= precision_s, "%s: frame %d at %.7f, not %.7f", path, i,
                      shown.time_s, wanted_s);
        earliest_s = wanted_s;
    }
    ck_assert_int_eq(ist_source_next(source, &shown, &error), IST_END);
    ist_source_close(&source);
    ist_frame_free(&frame);
    ist_frame_free(&shown);
}

START_TEST(a_video_has_pixels_and_times)
{
    ist_error error;
    ist_export_report report;
    const ist_export_params lossless = {.quality = 100};
    make_store("npy", 1, IST_PIXEL_U8, wild_time);
    check_ok(ist_export(reader, in_folder("out.mp4"), &lossless, &report, &error), &error);
    ck_assert_int_eq(report.moved_count, 4); // 10, 21 and 32 go back, 20 stands still
    ck_assert_double_eq(report.frame_rate, 0);
    check_video(in_folder("out.mp4"), true, true, 10e-6, wild_time);
    check_ok(ist_export(reader, in_folder("out.mkv"), &lossless, &report, &error), &error);
    check_video(in_folder("out.mkv"), true, true, 0.51e-3, wild_time);
    check_ok(ist_export(reader, in_folder("out.avi"), NULL, &report, &error), &error);
    ck_assert_double_eq_tol(report.frame_rate, 100, 2);
    check_ok(ist_export(reader, in_folder("even.mp4"), &(ist_export_params){.frame_rate = 25}, &report, &error),
             &error);
    check_video(in_folder("even.mp4"), false, true, 1e-6, even_time);
}
END_TEST

START_TEST(a_video_of_colour_and_of_16_bits)
{
    ist_error error;
    make_store("npy", _i == 0 ? 3 : 1, _i == 0 ? IST_PIXEL_U8 : IST_PIXEL_U16, even_time);
    check_ok(ist_export(reader, in_folder("out.mkv"), &(ist_export_params){.quality = 100}, NULL, &error), &error);
    check_video(in_folder("out.mkv"), true, false, 0.51e-3, even_time);
    if (_i == 0)
        return;
    ck_assert_int_eq(ist_export(reader, in_folder("out.mp4"), NULL, NULL, &error), IST_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "more than 8 bits"));
    assert_files(1);
}
END_TEST

static double hourly_time(int i)
{
    return i * 3600.000001;
}
static double daily_time(int i)
{
    return i * 86400.0;
}
static double fast_time(int i)
{
    return i * 0.0004;
}
static double weekly_time(int i)
{
    return i * 604800.0;
}

START_TEST(times_near_and_far)
{
    ist_error error;
    make_store("npy", 1, IST_PIXEL_U8,
               _i == 0   ? hourly_time
               : _i == 1 ? daily_time
               : _i == 2 ? fast_time
                         : weekly_time);
    check_ok(ist_export(reader, in_folder("out.mkv"), NULL, NULL, &error), &error);
    const ist_status status = ist_export(reader, in_folder("out.mp4"), NULL, NULL, &error);
    if (_i == 3) {
        ck_assert_int_eq(status, IST_ERROR_ARGUMENT);
        check_video(in_folder("out.mkv"), false, true, 0.51e-3, weekly_time);
        return;
    }
    check_ok(status, &error);
    check_video(in_folder("out.mp4"), false, true, _i == 0 ? 6e-6 : 51e-6,
                _i == 0   ? hourly_time
                : _i == 1 ? daily_time
                          : fast_time);
    check_video(in_folder("out.mkv"), false, true, 0.51e-3, _i == 0 ? hourly_time : _i == 1 ? daily_time : fast_time);
}
END_TEST

/* ---- which frames ---- */

START_TEST(timecodes_are_the_times)
{
    make_store("npy", 1, IST_PIXEL_U8, wild_time);
    ist_error error;
    const ist_export_params params = {.frames = {.index_first = 5, .step = 2}};
    check_ok(ist_export(reader, in_folder("out.txt"), &params, NULL, &error), &error);
    FILE *file = fopen(in_folder("out.txt"), "r");
    char line[64];
    ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
    ck_assert_str_eq(line, "# timecode format v2\n");
    for (int i = 5; i < FRAMES; i += 2) {
        ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
        ck_assert_double_eq_tol(strtod(line, NULL), 1000 * (wild_time(i) - wild_time(5)), 0.00051);
        ck_assert_ptr_nonnull(strchr(line, '.'));
        ck_assert_int_eq(strlen(strchr(line, '.')), 5); // point, three digits, line end
    }
    ck_assert_ptr_null(fgets(line, sizeof line, file));
    fclose(file);
}
END_TEST

/* What ist_selection says, word for word. */
static int choose(const ist_selection *s, int *indexes)
{
    int count = 0;
    int64_t met = 0;
    for (int i = 0; i < FRAMES; i++) {
        int64_t number;
        double time_s;
        ist_error error;
        check_ok(ist_reader_frame_metadata(reader, i, 1, &number, &time_s, &error), &error);
        if (i < s->index_first || (s->index_end > 0 && i >= s->index_end) ||
            (s->by_number && (number < s->number_first || number >= s->number_end)) ||
            (s->by_time && (time_s < s->time_first_s || time_s >= s->time_end_s)))
            continue;
        if (met++ % (s->step > 0 ? s->step : 1) == 0)
            indexes[count++] = i;
    }
    return count;
}

START_TEST(a_selection_is_what_it_says)
{
    double (*const time_at)(int) = _i == 0 ? wild_time : even_time;
    make_store("npy", 1, IST_PIXEL_U8, time_at);
    ist_error error;
    for (int round = 0; round < 200; round++) {
        ist_selection s = {.index_first = random_below(2) ? random_below(FRAMES + 3) : 0,
                           .index_end = random_below(2) ? random_below(FRAMES + 10) : 0,
                           .step = random_below(2) ? random_below(9) : 0,
                           .by_number = random_below(3) == 0,
                           .by_time = random_below(3) == 0};
        s.number_first = 90 + random_below(140);
        s.number_end = s.number_first + random_below(140);
        s.time_first_s = time_at((int)random_below(FRAMES));
        s.time_end_s = time_at((int)random_below(FRAMES));
        int indexes[FRAMES];
        const int count = choose(&s, indexes);
        ist_export_report report;
        const ist_export_params params = {.frames = s, .images = "png"};
        const ist_status status = ist_export(reader, in_folder("out"), &params, &report, &error);
        if (count == 0) {
            ck_assert_int_eq(status, IST_ERROR_NOT_FOUND);
            assert_files(0);
            continue;
        }
        check_ok(status, &error);
        ck_assert_int_eq(report.frame_count, count);
        for (int i = 0; i < count; i++) {
            char name[32];
            snprintf(name, sizeof name, "out/%06d.png", indexes[i]);
            ck_assert_msg(unlink(in_folder(name)) == 0, "%s is missing", name);
        }
        ck_assert_int_eq(rmdir(in_folder("out")), 0); // there was nothing else
    }
}
END_TEST

/* ---- a new store ---- */

static ist_status shift_number_and_size(void *context, const ist_frame *frame, ist_frame *changed, ist_error *error)
{
    ++*(int *)context;
    const ist_status status = ist_frame_alloc(changed, WIDTH / 2, HEIGHT, frame->channels, frame->type, error);
    changed->number = -1; // is not asked for
    for (int y = 0; y < HEIGHT && status >= 0; y++)
        memcpy(changed->data + y * changed->stride, frame->data + y * frame->stride, (size_t)changed->stride);
    return status;
}

/* Every second frame; pixels, numbers and times are those that were read, or as they were changed. */
START_TEST(a_store_is_what_is_read)
{
    const struct content *content = &contents[_i];
    make_store(content->format, content->channels, content->type, wild_time);
    ist_error error;
    int changes = 0;
    ist_export_params params = {
        .frames = {.index_first = 3, .step = 2}, .store = &(ist_writer_params){.format = "npy"}, .context = &changes};
    check_ok(ist_export(reader, in_folder("copy"), &params, NULL, &error), &error);
    params.change = shift_number_and_size;
    check_ok(ist_export(reader, in_folder("changed"), &params, NULL, &error), &error);
    assert_files(2);
    ist_reader *copy, *changed;
    check_ok(ist_reader_open(&copy, in_folder("copy"), &error), &error);
    check_ok(ist_reader_open(&changed, in_folder("changed"), &error), &error);
    ck_assert_int_eq(ist_reader_get_info(copy)->frame_count, (FRAMES - 3 + 1) / 2);
    ck_assert_int_eq(changes, (FRAMES - 3 + 1) / 2);
    ck_assert_str_eq(ist_reader_get_info(copy)->timezone, "Europe/Berlin");
    ck_assert_int_eq(ist_reader_get_info(copy)->chunksize, CHUNKSIZE);
    ist_frame frame = {0}, copied = {0};
    for (int i = 0; i < (FRAMES - 3 + 1) / 2; i++) {
        check_ok(ist_reader_read_index(reader, 3 + 2 * i, &frame, &error), &error);
        check_ok(ist_reader_read_index(copy, i, &copied, &error), &error);
        assert_same(&frame, &copied);
        ck_assert(copied.number == frame.number && copied.time_s == frame.time_s);
        check_ok(ist_reader_read_index(changed, i, &copied, &error), &error);
        ck_assert(copied.number == frame.number && copied.time_s == frame.time_s);
        frame.width = WIDTH / 2;
        assert_same(&frame, &copied);
    }
    ist_frame_free(&frame);
    ist_frame_free(&copied);
    ist_reader_close(&copy);
    ist_reader_close(&changed);
}
END_TEST

/* ---- what is missing ---- */

static const char *const outputs[] = {"out.npy", "out.tif", "out.mp4", "out.mkv",
                                      "out.avi", "out.txt", "out/",    "out.store"};
enum { OUTPUTS = sizeof outputs / sizeof *outputs };

/* What the last of them takes to be a store. */
static const ist_writer_params *store_of(const char *output)
{
    static const ist_writer_params like_this = {.chunksize = 5};
    return strcmp(output, "out.store") == 0 ? &like_this : NULL;
}

START_TEST(frames_that_cannot_be_read)
{
    make_store("npy", 1, IST_PIXEL_U8, even_time);
    ck_assert_int_eq(unlink(in_folder("store/000000/000000.npy")), 0);
    ck_assert_int_eq(unlink(in_folder("store/000001/000003.npy")), 0);
    ck_assert_int_eq(truncate(in_folder("store/000002/000001.npy"), 100), 0);
    for (int i = 0; i < OUTPUTS; i++) {
        const char *output = outputs[i];
        ist_error error;
        ist_export_report report;
        ist_export_params params = {.frames = {.index_first = 1}, .store = store_of(output)};
        const bool pixels = strcmp(output, "out.txt") != 0;
        const ist_status status = ist_export(reader, in_folder(output), &params, &report, &error);
        if (!pixels) {
            check_ok(status, &error); // times need no pixels
            continue;
        }
        ck_assert_int_lt(status, 0);
        ck_assert_msg(strstr(error.message, "frame 10 "), "%s", error.message);
        params.frames.index_first = 0;
        params.skip_missing = true;
        check_ok(ist_export(reader, in_folder(output), &params, &report, &error), &error);
        ck_assert_int_eq(report.frame_count, FRAMES - 3);
        ck_assert_int_eq(report.skipped_count, 3);
        ck_assert_int_eq(report.first_skipped, 0);
    }
    assert_files(OUTPUTS);

    struct buffer file = {0};
    struct npy_header header;
    ist_error error;
    check_ok(fs_read_file(in_folder("out.npy"), &file, &error), &error);
    check_ok(npy_parse_header(file.data, file.size, &header, &error), &error);
    ck_assert_int_eq(header.shape[0], FRAMES - 3);
    ck_assert_int_eq(header.data_offset + header.data_size, file.size);
    buffer_free(&file);

    const ist_export_params only_bad = {.frames = {.index_first = 10, .index_end = 11}, .skip_missing = true};
    ck_assert_int_eq(ist_export(reader, in_folder("none.npy"), &only_bad, NULL, &error), IST_ERROR_DATA);
    assert_files(OUTPUTS);
}
END_TEST

/* ---- whole or not at all ---- */

static bool stop_at(void *context, int64_t done, int64_t total)
{
    ck_assert_int_eq(total, FRAMES);
    return done < *(const int *)context;
}

START_TEST(an_export_that_is_ended_leaves_nothing)
{
    make_store("npy", 1, IST_PIXEL_U8, even_time);
    ist_error error;
    for (int at = 1; at <= FRAMES; at += 13) {
        const ist_export_params params = {.store = store_of(outputs[_i]), .progress = stop_at, .context = &at};
        ck_assert_int_eq(ist_export(reader, in_folder(outputs[_i]), &params, NULL, &error), IST_ERROR_INTERRUPTED);
        assert_files(0);
    }
}
END_TEST

START_TEST(what_is_there_is_left_alone)
{
    make_store("npy", 1, IST_PIXEL_U8, even_time);
    ist_error error;
    check_ok(fs_write_file(in_folder("out.npy"), "mine", 4, &error), &error);
    ck_assert_int_eq(ist_export(reader, in_folder("out.npy"), NULL, NULL, &error), IST_ERROR_EXISTS);
    ck_assert_int_eq(mkdir(in_folder("out"), 0777), 0);
    ck_assert_int_eq(ist_export(reader, in_folder("out/"), NULL, NULL, &error), IST_ERROR_EXISTS);
    ck_assert_int_eq(symlink("nowhere", in_folder("link.npy")), 0);
    ck_assert_int_eq(ist_export(reader, in_folder("link.npy"), NULL, NULL, &error), IST_ERROR_EXISTS);
    assert_files(3);

    // A .part of a killed export is replaced; of a directory only when all of it is an export's.
    const ist_export_params few = {.frames = {.index_end = 3}};
    check_ok(fs_write_file(in_folder("new.npy.part"), "half of something, and longer than three pictures", 40, &error),
             &error);
    ck_assert_int_eq(truncate(in_folder("new.npy.part"), 1 << 20), 0);
    check_ok(ist_export(reader, in_folder("new.npy"), &few, NULL, &error), &error);
    struct stat info;
    ck_assert_int_eq(stat(in_folder("new.npy"), &info), 0);
    ck_assert_int_eq(info.st_size, 128 + 3 * WIDTH * HEIGHT);
    ck_assert_int_eq(mkdir(in_folder("new.part"), 0777), 0);
    check_ok(fs_write_file(in_folder("new.part/000077.png"), "half", 4, &error), &error);
    check_ok(ist_export(reader, in_folder("new/"), &few, NULL, &error), &error);
    ck_assert_int_eq(access(in_folder("new/000077.png"), F_OK), -1);
    assert_files(5);
    ck_assert_int_eq(mkdir(in_folder("other.part"), 0777), 0);
    check_ok(fs_write_file(in_folder("other.part/000077.png"), "half", 4, &error), &error);
    check_ok(fs_write_file(in_folder("other.part/mine"), "mine", 4, &error), &error);
    ck_assert_int_eq(ist_export(reader, in_folder("other/"), &few, NULL, &error), IST_ERROR_EXISTS);
    ck_assert_int_eq(access(in_folder("other.part/mine"), F_OK), 0);
    ck_assert_int_eq(access(in_folder("other.part/000077.png"), F_OK), 0);

    ck_assert_int_eq(mkdir(in_folder("copy.part"), 0777), 0);
    ck_assert_int_eq(mkdir(in_folder("copy.part/store"), 0777), 0);
    check_ok(fs_write_file(in_folder("copy.part/store/metadata.yaml"), "half", 4, &error), &error);
    const ist_export_params few_in_a_store = {.frames = {.index_end = 3}, .store = store_of("out.store")};
    check_ok(ist_export(reader, in_folder("copy"), &few_in_a_store, NULL, &error), &error);
    ck_assert_int_eq(access(in_folder("copy.part"), F_OK), -1);
    ck_assert_int_eq(ist_export(reader, in_folder("other"), &few_in_a_store, NULL, &error), IST_ERROR_EXISTS);
    ck_assert_int_eq(access(in_folder("other.part/mine"), F_OK), 0);

    // One that is under way is not disturbed.
    const int fd = open(in_folder("busy.npy.part"), O_RDWR | O_CREAT, 0666);
    ck_assert_int_eq(flock(fd, LOCK_EX), 0);
    ck_assert_int_eq(ist_export(reader, in_folder("busy.npy"), &few, NULL, &error), IST_ERROR_STATE);
    ck_assert_int_eq(access(in_folder("busy.npy.part"), F_OK), 0);
    close(fd);
    check_ok(ist_export(reader, in_folder("busy.npy"), &few, NULL, &error), &error);
}
END_TEST

/* The n-th call of the disk fails. */
static struct fs_calls real;
static long calls, failing;
static bool disk_full; /* from then on; else once, with EIO */

static bool strikes(bool writes)
{
    calls++;
    if (failing == 0 || (disk_full ? calls < failing || !writes : calls != failing))
        return false;
    errno = disk_full ? ENOSPC : EIO;
    return true;
}

static int faulty_open(const char *path, int flags, mode_t mode)
{
    return strikes(flags & O_CREAT) ? -1 : real.open(path, flags, mode);
}
static ssize_t faulty_read(int fd, void *data, size_t size)
{
    return strikes(false) ? -1 : real.read(fd, data, size);
}
static ssize_t faulty_write(int fd, const void *data, size_t size)
{
    return strikes(true) ? -1 : real.write(fd, data, size);
}
static off_t faulty_seek(int fd, off_t offset, int whence)
{
    return strikes(false) ? -1 : real.seek(fd, offset, whence);
}
static int faulty_sync(int fd)
{
    (void)fd;
    return strikes(true) ? -1 : 0;
}
static int faulty_rename(const char *from, const char *to)
{
    return strikes(false) ? -1 : real.rename(from, to);
}
static int faulty_mkdir(const char *path, mode_t mode)
{
    return strikes(true) ? -1 : real.mkdir(path, mode);
}

START_TEST(a_disk_that_fails)
{
    make_store("npy", 1, IST_PIXEL_U8, even_time);
    real = fs_calls;
    fs_calls.open = faulty_open;
    fs_calls.read = faulty_read;
    fs_calls.write = faulty_write;
    fs_calls.seek = faulty_seek;
    fs_calls.sync = faulty_sync;
    fs_calls.rename = faulty_rename;
    fs_calls.mkdir = faulty_mkdir;
    const ist_export_params params = {.frames = {.index_end = 9, .step = 2}, .store = store_of(outputs[_i])};
    for (int full = 0; full < 2; full++) {
        disk_full = full;
        ist_status status = IST_ERROR_IO;
        long n = 0;
        while (status < 0) {
            ist_error error = {0};
            failing = ++n;
            calls = 0;
            status = ist_export(reader, in_folder(outputs[_i]), &params, NULL, &error);
            failing = 0;
            if (status >= 0)
                break;
            ck_assert_msg(status == IST_ERROR_IO, "call %ld: %s", n, error.message);
            ck_assert_msg(strstr(error.message, full ? "No space left" : "Input/output error"), "call %ld: %s", n,
                          error.message);
            ck_assert_ptr_null(strchr(error.message, '\n'));
            assert_files(0);
        }
        printf("%s: %ld calls failed\n", outputs[_i], n - 1);
        ck_assert_int_ge(n, 4);
        assert_files(1);
        ck_assert_int_eq(rename(in_folder(outputs[_i]), in_folder("done")), 0);
        fs_remove_tree(in_folder("done"));
        unlink(in_folder("done"));
    }
    fs_calls = real;
}
END_TEST

START_TEST(what_cannot_be_exported_is_said)
{
    make_store("npy", 1, IST_PIXEL_U8, even_time);
    ist_error error;
    static const char *const names[] = {"out", "out.png", "out.gif", ".npy", "out.npy.gz", "mp4", "out."};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        ck_assert_int_eq(ist_export(reader, in_folder(names[i]), NULL, NULL, &error), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(ist_export(reader, "", NULL, NULL, &error), IST_ERROR_ARGUMENT);
    ck_assert_int_eq(ist_export(reader, in_folder("no/such/out.npy"), NULL, NULL, &error), IST_ERROR_NOT_FOUND);
    ck_assert_int_eq(ist_export(reader, in_folder("no/such/out/"), NULL, NULL, &error), IST_ERROR_NOT_FOUND);
    const ist_export_params bad[] = {
        {.images = "gif"},          {.quality = 101},
        {.frame_rate = -1},         {.frame_rate = strtod("nan", NULL)},
        {.frames = {.step = -1}},   {.frames = {.index_first = -1}},
        {.encoder_options = "crf"}, {.encoder_options = "no_such=1"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_int_eq(ist_export(reader, in_folder("out.mp4"), &bad[i], NULL, &error), IST_ERROR_ARGUMENT);
    const ist_export_params no_encoder = {.encoder = "no_such"};
    ck_assert_int_eq(ist_export(reader, in_folder("out.mp4"), &no_encoder, NULL, &error), IST_ERROR_NOT_FOUND);
    assert_files(0);
}
END_TEST

START_TEST(one_frame)
{
    make_store("avc1/mp4", 1, IST_PIXEL_U8, even_time);
    ist_error error;
    ist_frame frame = {0}, wanted = {0};
    check_ok(ist_reader_read_index(reader, 17, &wanted, &error), &error);
    check_ok(ist_extract_index(in_folder("store"), 17, &frame, &error), &error);
    assert_same(&frame, &wanted);
    check_ok(ist_extract_number(in_folder("store"), 100 + 3 * 22, &frame, &error), &error);
    ck_assert_int_eq(frame.number, 100 + 3 * 22);
    ck_assert_int_eq(ist_extract_index(in_folder("store"), FRAMES, &frame, &error), IST_ERROR_NOT_FOUND);
    ck_assert_int_eq(ist_extract_number(in_folder("store"), 1, &frame, &error), IST_ERROR_NOT_FOUND);
    ck_assert_int_eq(ist_extract_index(in_folder("nothing"), 0, &frame, &error), IST_ERROR_NOT_FOUND);
    ist_frame_free(&frame);
    ist_frame_free(&wanted);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("export");
    TCase *tests = tcase_create("export");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    const int content_count = sizeof contents / sizeof *contents;
    tcase_add_loop_test(tests, an_array_is_what_is_read, 0, content_count);
    tcase_add_loop_test(tests, a_stack_is_what_is_read, 0, content_count);
    tcase_add_loop_test(tests, pictures_are_what_is_read, 0, content_count);
    tcase_add_loop_test(tests, a_store_is_what_is_read, 0, content_count);
    tcase_add_test(tests, a_video_has_pixels_and_times);
    tcase_add_loop_test(tests, a_video_of_colour_and_of_16_bits, 0, 2);
    tcase_add_loop_test(tests, times_near_and_far, 0, 4);
    tcase_add_test(tests, timecodes_are_the_times);
    tcase_add_loop_test(tests, a_selection_is_what_it_says, 0, 2);
    tcase_add_test(tests, frames_that_cannot_be_read);
    tcase_add_loop_test(tests, an_export_that_is_ended_leaves_nothing, 0, OUTPUTS);
    tcase_add_test(tests, what_is_there_is_left_alone);
    tcase_add_loop_test(tests, a_disk_that_fails, 0, OUTPUTS);
    tcase_add_test(tests, what_cannot_be_exported_is_said);
    tcase_add_test(tests, one_frame);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
