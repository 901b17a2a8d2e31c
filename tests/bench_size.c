/*
 * A store of a week: makes it, opens it, looks frames up, and prints how long each takes and how much memory.
 *
 * bench_size DIR [CHUNKS [FRAMES]]: DIR is made unless it is there; 6048 chunks of 10000 frames are a week at 100
 * frames per second. Index and npz are real; the video is one chunk under 6048 names.
 */
#include <libstore/libstore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "fs.h"
#include "index.h"
#include "npz.h"
#include "store_scan.h"

enum { SIDE = 32 };

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static double memory_mib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

static void check(ist_status status, const ist_error *error)
{
    if (status < 0) {
        fprintf(stderr, "bench_size: %s\n", error->message);
        exit(1);
    }
}

static void fill(struct npz_index *npz, int64_t chunk)
{
    for (int64_t i = 0; i < npz->count; i++) {
        const int64_t index = chunk * npz->count + i;
        npz->numbers[i] = 7 + index + index / 1000; // now and then one was dropped
        npz->times_s[i] = 1700000000.0 + 0.01 * (double)npz->numbers[i];
    }
}

/* One chunk of video, recorded as any other. */
static void record_chunk(const char *directory, int64_t frames)
{
    ist_error error;
    ist_writer *writer;
    ist_frame frame = {0};
    check(ist_frame_alloc(&frame, SIDE, SIDE, 1, IST_PIXEL_U8, &error), &error);
    check(ist_writer_create(&writer, directory,
                            &(ist_writer_params){.width = SIDE, .height = SIDE, .chunksize = (int)frames}, &error),
          &error);
    memset(frame.data, 100, SIDE * SIDE);
    for (frame.number = 0; frame.number < frames; frame.number++)
        check(ist_writer_add(writer, &frame, &error), &error);
    check(ist_writer_close(&writer, &error), &error);
    ist_frame_free(&frame);
}

static void make_store(const char *directory, int chunks, int64_t frames)
{
    ist_error error;
    char path[4096], first[4096];
    record_chunk(directory, frames);
    snprintf(first, sizeof first, "%s/000000.mp4", directory);
    struct npz_index npz = {
        .count = frames, .numbers = malloc((size_t)frames * 8), .times_s = malloc((size_t)frames * 8)};
    for (int chunk = 0; chunk < chunks; chunk++) {
        fill(&npz, chunk);
        snprintf(path, sizeof path, "%s/%06d.npz", directory, chunk);
        unlink(path);
        check(npz_write(path, &npz, &error), &error);
        snprintf(path, sizeof path, "%s/%06d.mp4", directory, chunk);
        if (chunk > 0 && link(first, path) < 0)
            check(IST_ERROR_IO, &(ist_error){.message = "cannot link the chunk"});
    }
    npz_index_free(&npz);
    snprintf(path, sizeof path, "%s/%s", directory, INDEX_FILE_NAME);
    unlink(path);
}

static void open_store(const char *directory, const char *what, int64_t frames)
{
    ist_error error;
    ist_reader *reader;
    const double start = now_s();
    check(ist_reader_open(&reader, directory, &error), &error);
    const double seconds = now_s() - start;
    printf("%s: %.1f ms, %.1f MiB, %.2f million frames/s\n", what, seconds * 1e3, memory_mib(),
           (double)frames / seconds * 1e-6);
    ist_reader_close(&reader);
}

static void look_up(const char *directory, int64_t frames)
{
    enum { LOOKUPS = 20000 };
    ist_error error;
    ist_reader *reader;
    int64_t index;
    check(ist_reader_open(&reader, directory, &error), &error);
    srand(1);
    double start = now_s();
    for (int i = 0; i < LOOKUPS; i++) {
        int64_t number;
        check(ist_reader_frame_metadata(reader, rand() % frames, 1, &number, NULL, &error), &error);
    }
    printf("by index: %.1f us\n", (now_s() - start) / LOOKUPS * 1e6);
    start = now_s();
    for (int i = 0; i < LOOKUPS; i++)
        check(ist_reader_find_number(reader, rand() % frames, IST_MATCH_NEAREST, &index, &error), &error);
    printf("by number: %.1f us\n", (now_s() - start) / LOOKUPS * 1e6);
    start = now_s();
    for (int i = 0; i < LOOKUPS; i++)
        check(ist_reader_find_time(reader, 1700000000.0 + 0.01 * (double)(rand() % frames), &index, &error), &error);
    printf("by time: %.1f us\n", (now_s() - start) / LOOKUPS * 1e6);
    ist_reader_close(&reader);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench_size DIR [CHUNKS [FRAMES]]\n");
        return 2;
    }
    const int chunks = argc > 2 ? atoi(argv[2]) : 6048;
    const int64_t frames = argc > 3 ? atol(argv[3]) : 10000;
    if (!fs_exists(argv[1]))
        make_store(argv[1], chunks, frames);
    printf("memory of the program itself: %.1f MiB\n", memory_mib());
    open_store(argv[1], "opening", chunks * frames);
    look_up(argv[1], chunks * frames);
    printf("memory at the end: %.1f MiB\n", memory_mib());
    return 0;
}
