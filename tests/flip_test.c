/*
 * Bits that turn on the disk: a recorded store with one bit changed, or one file cut off, anywhere in any of its files,
 * gives every frame as it was or an error, in every format, finished or left by a recorder that died; also behind a
 * repair, which must not take what is damaged for sound.
 *
 * flip_test [TRIALS [SEED]]: trials for each store.
 */
#include <libstore/libstore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "barcode.h"
#include "fs.h"
#include "store_files.h"
#include "temporary.h"

enum { WIDTH = 96, HEIGHT = 48, FRAMES = 22, CHUNKSIZE = 8 };

static const struct recording {
    const char *format;
    int channels;
    ist_pixel_type type;
    int quality;
    const char *encoding;
    bool unfinished;
    bool without_index; /* numbers, times and checksums come from beside the chunks */
} recordings[] = {
    {.format = "avc1/mp4", .channels = 1},
    {.format = "avc1/mp4", .channels = 3, .quality = 100},
    {.format = "avc1/mp4", .channels = 1, .unfinished = true},
    {.format = "avc1/mp4", .channels = 3, .without_index = true},
    {.format = "h264/mkv", .channels = 3},
    {.format = "h264/mkv", .channels = 1, .quality = 100},
    {.format = "h264/mkv", .channels = 1, .unfinished = true},
    {.format = "mjpeg/avi", .channels = 1},
    {.format = "mjpeg/avi", .channels = 3, .unfinished = true},
    {.format = "ffv1/mkv", .channels = 1},
    {.format = "ffv1/mkv", .channels = 1, .type = IST_PIXEL_U16},
    {.format = "ffv1/mkv", .channels = 3, .unfinished = true},
    {.format = "npy", .channels = 1, .type = IST_PIXEL_U16},
    {.format = "npy", .channels = 1, .encoding = "cv_bayerbg"},
    {.format = "npy", .channels = 3, .unfinished = true},
    {.format = "tif", .channels = 1, .without_index = true},
    {.format = "tif", .channels = 3, .unfinished = true},
    {.format = "png", .channels = 1},
    {.format = "png", .channels = 3, .unfinished = true},
    {.format = "jpg", .channels = 3},
    {.format = "jpg", .channels = 3, .unfinished = true},
    {.format = "ppm", .channels = 3},
    {.format = "ppm", .channels = 3, .unfinished = true},
    {.format = "pgm", .channels = 1, .type = IST_PIXEL_U8},
    {.format = "bmp", .channels = 1},
    {.format = "bmp", .channels = 3, .unfinished = true},
#ifdef IST_WITH_BLOSC
    {.format = "bpk", .channels = 1, .type = IST_PIXEL_U16},
    {.format = "bpk", .channels = 3, .unfinished = true},
#endif
};

static char folder[TEMPORARY_SIZE];
static char store[80];
static ist_frame expected[FRAMES];

static void check(ist_status status, const char *what, const ist_error *error)
{
    if (status < 0) {
        fprintf(stderr, "flip_test: %s: %s\n", what, error->message);
        exit(1);
    }
}

/* Frames that move, with noise, so that videos have something to predict and something left over. */
static void draw(ist_frame *frame, int64_t i)
{
    const int sample_size = (int)ist_pixel_size(frame->type);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH * frame->channels * sample_size; x++)
            frame->data[y * frame->stride + x] = (uint8_t)((x * 3 + y * 5 + i * 7) % 200 + rand() % 16);
    barcode_draw(frame, i);
    frame->number = 5 + 2 * i;
    frame->time_s = 1700000000.0 + (double)i * 0.01;
}

static void record(const void *what)
{
    const struct recording *r = what;
    ist_error error;
    ist_writer *writer;
    ist_frame frame = {0};
    const ist_writer_params params = {.format = r->format,
                                      .width = WIDTH,
                                      .height = HEIGHT,
                                      .channels = r->channels,
                                      .type = r->type,
                                      .quality = r->quality,
                                      .encoding = r->encoding,
                                      .chunksize = CHUNKSIZE};
    check(ist_frame_alloc(&frame, WIDTH, HEIGHT, r->channels, r->type, &error), r->format, &error);
    check(ist_writer_create(&writer, store, &params, &error), r->format, &error);
    for (int i = 0; i < FRAMES; i++) {
        draw(&frame, i);
        check(ist_writer_add(writer, &frame, &error), r->format, &error);
        check(ist_writer_add_extra(writer, "{\"note\": \"here\"}", &error), r->format, &error);
    }
    ist_frame_free(&frame);
    if (r->unfinished)
        _exit(0);
    check(ist_writer_close(&writer, &error), r->format, &error);
}

static void record_apart(const struct recording *r)
{
    store_record_apart(record, r);
    char path[128];
    snprintf(path, sizeof path, "%s/.index.sqlite", store);
    if (r->without_index)
        unlink(path);
}

/* What the store delivers as it was recorded; all of it must be there. */
static void read_expected(const struct recording *r)
{
    ist_error error;
    ist_reader *reader;
    check(ist_reader_open(&reader, store, &error), r->format, &error);
    for (int i = 0; i < FRAMES; i++)
        check(ist_reader_read_index(reader, i, &expected[i], &error), r->format, &error);
    ist_reader_close(&reader);
}

static bool is_as_expected(const ist_frame *frame)
{
    // Where a chunk is left out, those behind it move up.
    const int64_t i = (frame->number - 5) / 2;
    if (i < 0 || i >= FRAMES)
        return false;
    const ist_frame *was = &expected[i];
    return frame->number == was->number && frame->time_s == was->time_s && frame->width == was->width &&
           frame->height == was->height && frame->channels == was->channels && frame->type == was->type &&
           memcmp(frame->data, was->data, (size_t)was->stride * (size_t)was->height) == 0;
}

/* Counts what came of the frames. */
struct outcome {
    int64_t right, refused, wrong;
};

static void read_all(struct outcome *outcome, char what[256])
{
    ist_error error = {0};
    ist_reader *reader;
    static ist_frame frame;
    if (ist_reader_open(&reader, store, &error) < 0) {
        outcome->refused += FRAMES;
        return;
    }
    const bool backward = rand() % 2;
    for (int i = 0; i < FRAMES; i++) {
        if (ist_reader_read_index(reader, backward ? FRAMES - 1 - i : i, &frame, &error) < 0) {
            outcome->refused++;
        } else if (is_as_expected(&frame)) {
            outcome->right++;
        } else {
            outcome->wrong++;
            snprintf(what, 256, "frame %d is another one", (int)frame.index);
        }
    }
    ist_reader_close(&reader);
}

static void damage(const struct recording *r, struct store_files *files, struct outcome *outcome)
{
    struct store_file *file;
    do
        file = &files->files[rand() % files->count];
    while (file->bytes.size == 0);
    const size_t place = (size_t)rand() % file->bytes.size;
    const int bit = rand() % 9; // the ninth: cut off
    char what[256] = "";
    const int64_t wrong_before = outcome->wrong;
    if (bit < 8)
        file->bytes.data[place] ^= (uint8_t)(1 << bit);
    store_file_put(file, bit < 8 ? file->bytes.size : place);
    read_all(outcome, what);
    ist_error error;
    if (r->unfinished && ist_repair(store, NULL, &error) >= 0)
        read_all(outcome, what);
    if (outcome->wrong > wrong_before)
        printf("    %s: byte %zu of %zu, %s %d: %s\n", file->path, place, file->bytes.size, bit < 8 ? "bit" : "cut off",
               bit, what);
    if (bit < 8)
        file->bytes.data[place] ^= (uint8_t)(1 << bit);
    if (r->unfinished)
        store_files_restore(files, store);
    else
        store_file_put(file, file->bytes.size);
}

static int64_t try_recording(const struct recording *r, int trials)
{
    static struct store_files files;
    struct outcome outcome = {0};
    record_apart(r);
    read_expected(r);
    store_files_load(&files, store, "-shm"); // SQLite makes what lies in it anew
    for (int i = 0; i < trials; i++)
        damage(r, &files, &outcome);
    // The reader's notes must have been about the damage.
    struct outcome whole = {0};
    char what[256];
    read_all(&whole, what);
    if (whole.right != FRAMES) {
        fprintf(stderr, "flip_test: %s: put right again it is not\n", r->format);
        exit(1);
    }
    printf("%-10s %s%s%s%s %d trials: %lld frames right, %lld refused, %lld wrong\n", r->format,
           r->channels == 3 ? "colour" : "gray", r->quality == 100 ? ", lossless" : "",
           r->unfinished ? ", unfinished" : "", r->without_index ? ", without index:" : ":", trials,
           (long long)outcome.right, (long long)outcome.refused, (long long)outcome.wrong);
    fflush(stdout);
    store_files_free(&files);
    for (int i = 0; i < FRAMES; i++)
        ist_frame_free(&expected[i]);
    fs_remove_tree(store);
    return outcome.wrong;
}

int main(int argc, char **argv)
{
    const int trials = argc > 1 ? atoi(argv[1]) : 20;
    const unsigned seed = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    int64_t wrong = 0;
    printf("seed %u\n", seed);
    temporary_folder(folder, "flip-test");
    snprintf(store, sizeof store, "%s/store", folder);
    setenv("XDG_CACHE_HOME", folder, 1);
    for (size_t i = 0; i < sizeof recordings / sizeof *recordings; i++) {
        srand(seed + (unsigned)i);
        wrong += try_recording(&recordings[i], trials);
    }
    fs_remove_tree(folder);
    return wrong == 0 ? 0 : 1;
}
