/*
 * How long ist_writer_add() takes: the median and the slow ones, over many chunks, in each format; and how fast a
 * finished store of it was written. The end of a chunk must not show: its 99.9th percentile stays near the median.
 * Times are those that the call took, and the same without what it waited for a processor that others had, which is
 * what counts on a machine that does other things as well.
 *
 * bench_write [FRAMES [CHUNKSIZE]]
 */
#include <libstore/libstore.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs.h"

enum { WIDTH = 640, HEIGHT = 480, PICTURES = 50 };

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void check(ist_status status, const ist_error *error)
{
    if (status < 0) {
        fprintf(stderr, "bench_write: %s\n", error->message);
        exit(1);
    }
}

static int compare(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void draw_pictures(ist_frame pictures[PICTURES], int channels)
{
    ist_error error;
    ist_source *source;
    check(ist_source_open(&source, channels == 1 ? "test:size=640x480,noise=2" : "test:size=640x480,noise=2,color=1",
                          NULL, &error),
          &error);
    for (int i = 0; i < PICTURES; i++)
        check(ist_source_next(source, &pictures[i], &error), &error);
    ist_source_close(&source);
}

/* The element of `count` sorted ones that this many thousandths do not exceed. */
static int percentile(int count, int thousandths)
{
    return (int)(((int64_t)count * thousandths + 999) / 1000) - 1;
}

/* How long this thread waited for a processor so far; 0 where the system does not tell. */
static double waited_s(void)
{
    long long ran_ns, waited_ns = 0;
    FILE *file = fopen("/proc/thread-self/schedstat", "r");
    if (!file || fscanf(file, "%lld %lld", &ran_ns, &waited_ns) != 2)
        waited_ns = 0;
    if (file)
        fclose(file);
    return (double)waited_ns * 1e-9;
}

static void print_times(double *took_s, int count)
{
    qsort(took_s, (size_t)count, sizeof *took_s, compare);
    const double median_s = took_s[count / 2], slow_s = took_s[percentile(count, 999)];
    printf(" median %6.0f us, 99 %% %6.0f us, 99.9 %% %6.0f us (%5.1f medians), slowest %6.0f us\n", median_s * 1e6,
           took_s[percentile(count, 990)] * 1e6, slow_s * 1e6, slow_s / median_s, took_s[count - 1] * 1e6);
}

/* As from a camera: a frame comes when it is due, or at once if the recorder is behind. */
static void wait_until(double due_s)
{
    const double left = due_s - now_s();
    if (left > 0) {
        const struct timespec pause = {(time_t)left, (long)((left - (double)(time_t)left) * 1e9)};
        nanosleep(&pause, NULL);
    }
}

static void measure(const char *format, int frames, int chunksize, const char *store)
{
    enum { RATE = 100 };
    static ist_frame pictures[PICTURES];
    const int channels = strcmp(format, "ppm") == 0 ? 3 : 1;
    double *took_s = malloc((size_t)frames * sizeof *took_s), *own_s = malloc((size_t)frames * sizeof *own_s);
    ist_error error;
    ist_writer *writer;
    draw_pictures(pictures, channels);
    const ist_writer_params params = {
        .format = format, .width = WIDTH, .height = HEIGHT, .channels = channels, .chunksize = chunksize};
    check(ist_writer_create(&writer, store, &params, &error), &error);
    const double begin_s = now_s();
    for (int i = 0; i < frames; i++) {
        ist_frame *frame = &pictures[i % PICTURES];
        frame->number = i;
        frame->time_s = (double)i / RATE;
        wait_until(begin_s + frame->time_s);
        const double waited_before_s = waited_s(), start_s = now_s();
        check(ist_writer_add(writer, frame, &error), &error);
        took_s[i] = now_s() - start_s;
        own_s[i] = fmax(0, took_s[i] - (waited_s() - waited_before_s));
    }
    check(ist_writer_close(&writer, &error), &error);
    printf("%-10s      ", format);
    print_times(took_s, frames);
    printf("%-10s alone", "");
    print_times(own_s, frames);
    fflush(stdout);
    free(own_s);
    free(took_s);
    for (int i = 0; i < PICTURES; i++)
        ist_frame_free(&pictures[i]);
    fs_remove_tree(store);
}

int main(int argc, char **argv)
{
    const int frames = argc > 1 ? atoi(argv[1]) : 1000;
    const int chunksize = argc > 2 ? atoi(argv[2]) : 200;
    char folder[] = "/tmp/bench-write-XXXXXX", store[64];
    if (!mkdtemp(folder))
        return 1;
    snprintf(store, sizeof store, "%s/store", folder);
    printf("%d frames of %d x %d at 100 frames/s, chunks of %d\n", frames, WIDTH, HEIGHT, chunksize);
    const char *format;
    for (int i = 0; (format = ist_writer_format_name(i)); i++)
        measure(format, frames, chunksize, store);
    fs_remove_tree(folder);
    return 0;
}
