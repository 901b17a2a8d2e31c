/*
 * Bits that turn on the disk: a recorded store with one bit changed, or one file cut off, anywhere in any of its files,
 * gives every frame as it was or an error, in every format, finished or left by a recorder that died; also behind a
 * repair, which must not take what is damaged for sound.
 *
 * flip_test [TRIALS [SEED]]: trials for each store.
 */
#include <dirent.h>
#include <fcntl.h>
#include <libstore/libstore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "barcode.h"
#include "fs.h"
#include "temporary.h"

enum { WIDTH = 96, HEIGHT = 48, FRAMES = 22, CHUNKSIZE = 8, FILES_MAX = 128 };

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

static void record(const struct recording *r)
{
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

/* In a process of its own, so that a recorder can die. */
static void record_apart(const struct recording *r)
{
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        record(r);
        _exit(0);
    }
    int result;
    waitpid(child, &result, 0);
    if (!WIFEXITED(result) || WEXITSTATUS(result) != 0)
        exit(1);
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

/* A file of the store. */
struct file {
    char path[160];
    struct buffer bytes;
    struct timespec times[2];
};

static void load_files(const char *path, struct file files[FILES_MAX], int *count)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        struct file *file = &files[*count];
        struct stat info;
        ist_error error;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || *count == FILES_MAX)
            continue;
        *file = (struct file){0};
        if (snprintf(file->path, sizeof file->path, "%s/%s", path, entry->d_name) >= (int)sizeof file->path ||
            stat(file->path, &info) < 0)
            continue;
        if (S_ISDIR(info.st_mode)) {
            const struct file found = *file;
            load_files(found.path, files, count);
            continue;
        }
        // SQLite makes what lies in it anew.
        if (strstr(entry->d_name, "-shm"))
            continue;
        file->times[0] = info.st_atim;
        file->times[1] = info.st_mtim;
        check(fs_read_file(file->path, &file->bytes, &error), file->path, &error);
        (*count)++;
    }
    if (directory)
        closedir(directory);
}

/* Writes the file's first bytes over it; a disk that forgets does not note the time. */
static void put(const struct file *file, size_t size)
{
    ist_error error;
    check(fs_write_file(file->path, file->bytes.data, size, &error), file->path, &error);
    utimensat(AT_FDCWD, file->path, file->times, 0);
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

/* Puts everything back as it was, into a store that reading and repairing may have changed. */
static void restore(struct file files[FILES_MAX], int count)
{
    fs_remove_tree(store);
    mkdir(store, 0777);
    for (int i = 0; i < count; i++) {
        const char *path = files[i].path;
        char chunk[160];
        snprintf(chunk, sizeof chunk, "%.*s", (int)(strrchr(path, '/') - path), path);
        mkdir(chunk, 0777);
        put(&files[i], files[i].bytes.size);
    }
}

static void damage(const struct recording *r, struct file files[FILES_MAX], int count, struct outcome *outcome)
{
    struct file *file;
    do
        file = &files[rand() % count];
    while (file->bytes.size == 0);
    const size_t place = (size_t)rand() % file->bytes.size;
    const int bit = rand() % 9; // the ninth: cut off
    char what[256] = "";
    const int64_t wrong_before = outcome->wrong;
    if (bit < 8)
        file->bytes.data[place] ^= (uint8_t)(1 << bit);
    put(file, bit < 8 ? file->bytes.size : place);
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
        restore(files, count);
    else
        put(file, file->bytes.size);
}

static int64_t try_recording(const struct recording *r, int trials)
{
    static struct file files[FILES_MAX];
    struct outcome outcome = {0};
    int count = 0;
    record_apart(r);
    read_expected(r);
    load_files(store, files, &count);
    for (int i = 0; i < trials; i++)
        damage(r, files, count, &outcome);
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
    for (int i = 0; i < count; i++)
        buffer_free(&files[i].bytes);
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
