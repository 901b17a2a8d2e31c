/*
 * From a store of video to rows, beside what its parts take: reading the frames on one thread, and measuring them on
 * one thread. Reading and measuring overlap, so one ROI may take no longer than reading alone / 0.9, and 100 ROIs on
 * two processors 1.15 times half of all the work. A ratio above its limit is a failure. Wall clock: the machine should
 * have nothing else to do.
 */
#include <libstore/libstore.h>
#include <libtrack/libtrack.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs.h"
#include "track_texture.h"

enum { SIZE = 512, MARGIN = 8, FRAMES = 400, REPEATS = 3, ROIS_MAX = 100 };

static char folder[64];
static ist_error error;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "bench_analyze: %s\n", what);
    if (*folder)
        fs_remove_tree(folder);
    exit(1);
}

static double clock_s(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* ---- the recording ---- */

/* Part of a large picture that moves about by up to MARGIN, with the noise of a camera. */
static void draw(ist_frame *frame, const ist_frame *scene, int index, struct random *random)
{
    const int x = MARGIN + (int)lround(MARGIN * sin(0.05 * index)),
              y = MARGIN + (int)lround(MARGIN * sin(0.08 * index));
    for (int row = 0; row < SIZE; row++)
        for (int column = 0; column < SIZE * frame->channels; column++) {
            const int noise = (int)(random_bits(random) >> 62) - 1;
            const uint8_t *from = scene->data + (y + row) * scene->stride + x + column / frame->channels;
            frame->data[row * frame->stride + column] = (uint8_t)(*from + noise);
        }
}

static void record(const char *path, int channels)
{
    struct random random = {11};
    const struct texture texture = texture_make(&random, 5, 40, 128, 30);
    ist_frame scene = {0}, frame = {0};
    if (ist_frame_alloc(&scene, SIZE + 2 * MARGIN, SIZE + 2 * MARGIN, 1, IST_PIXEL_U8, &error) < 0 ||
        ist_frame_alloc(&frame, SIZE, SIZE, channels, IST_PIXEL_U8, &error) < 0)
        fail(error.message);
    texture_draw(&texture, &scene, 0, 0, 0, &random);
    ist_writer *writer;
    const ist_writer_params params = {.format = "avc1/mp4", .width = SIZE, .height = SIZE, .channels = channels};
    if (ist_writer_create(&writer, path, &params, &error) < 0)
        fail(error.message);
    for (int i = 0; i < FRAMES; i++) {
        draw(&frame, &scene, i, &random);
        frame.number = i;
        frame.time_s = i;
        if (ist_writer_add(writer, &frame, &error) < 0)
            fail(error.message);
    }
    if (ist_writer_close(&writer, &error) < 0)
        fail(error.message);
    ist_frame_free(&scene);
    ist_frame_free(&frame);
}

/* ---- the parts, and the whole ---- */

/* Seconds for a frame, each the least of several runs. */
struct times {
    double read;    // of the clock: what the decoder is up to
    double work;    // of the processor, on one thread: reading and measuring
    double analyze; // of the clock, for trk_analyze()
    double spent;   // of the processors, for trk_analyze()
};

static trk_tracker *make_tracker(ist_reader *reader, ist_frame *frame, const trk_roi *rois, int count, int channels)
{
    trk_tracker *tracker;
    const trk_params params = {.max_movement_px = 10, .threads = 2};
    if (trk_tracker_create(&tracker, SIZE, SIZE, channels, IST_PIXEL_U8, rois, count, &params, &error) < 0 ||
        ist_reader_read_index(reader, 0, frame, &error) < 0 || trk_tracker_set_template(tracker, frame, &error) < 0)
        fail(error.message);
    return tracker;
}

/* Reads all frames; with a tracker, measures them too. */
static void go_through(ist_reader *reader, ist_frame *frame, const trk_tracker *tracker, trk_sequence *sequence)
{
    trk_row rows[ROIS_MAX];
    for (int i = 0; i < FRAMES; i++)
        if (ist_reader_read_index(reader, i, frame, &error) < 0 ||
            (tracker && trk_tracker_measure(tracker, sequence, frame, rows, &error) < 0))
            fail(error.message);
}

static bool count_measured(void *context, const trk_row *rows, int row_count)
{
    for (int i = 0; i < row_count; i++)
        *(int *)context += rows[i].status == TRK_MEASURED;
    return true;
}

static struct times time_parts(const char *path, const trk_roi *rois, int count, int channels)
{
    ist_reader *reader;
    trk_sequence *sequence;
    ist_frame frame = {0};
    if (ist_reader_open(&reader, path, &error) < 0)
        fail(error.message);
    trk_tracker *tracker = make_tracker(reader, &frame, rois, count, channels);
    if (trk_sequence_create(&sequence, tracker, &error) < 0)
        fail(error.message);
    struct times least = {HUGE_VAL, HUGE_VAL, HUGE_VAL, HUGE_VAL};
    for (int i = 0; i < REPEATS; i++) {
        const double begin = clock_s(CLOCK_MONOTONIC);
        go_through(reader, &frame, NULL, NULL);
        least.read = fmin(least.read, clock_s(CLOCK_MONOTONIC) - begin);

        double work_begin = clock_s(CLOCK_PROCESS_CPUTIME_ID);
        go_through(reader, &frame, tracker, sequence);
        least.work = fmin(least.work, clock_s(CLOCK_PROCESS_CPUTIME_ID) - work_begin);

        int measured = 0;
        const double analyze_begin = clock_s(CLOCK_MONOTONIC);
        work_begin = clock_s(CLOCK_PROCESS_CPUTIME_ID);
        if (trk_analyze(tracker, reader, 0, FRAMES, count_measured, &measured, &error) < 0)
            fail(error.message);
        least.analyze = fmin(least.analyze, clock_s(CLOCK_MONOTONIC) - analyze_begin);
        least.spent = fmin(least.spent, clock_s(CLOCK_PROCESS_CPUTIME_ID) - work_begin);
        if (measured != FRAMES * count)
            fail("some motions could not be measured");
    }
    trk_sequence_destroy(&sequence);
    trk_tracker_destroy(&tracker);
    ist_reader_close(&reader);
    ist_frame_free(&frame);
    return (struct times){least.read / FRAMES, least.work / FRAMES, least.analyze / FRAMES, least.spent / FRAMES};
}

static bool report(const char *what, const struct times *times, double bound, const char *bound_name, double limit)
{
    const double ratio = times->analyze / bound;
    printf("  %-20s reading %.3f ms, reading and measuring %.3f ms of one processor\n"
           "  %-20s trk_analyze: %.0f frames/s, %.3f ms, %.2f of %s (limit %.2f)%s; %.3f ms of processors\n",
           what, times->read * 1e3, times->work * 1e3, "", 1 / times->analyze, times->analyze * 1e3, ratio, bound_name,
           limit, ratio <= limit ? "" : " MISSED", times->spent * 1e3);
    fflush(stdout);
    return ratio <= limit;
}

static bool run(int channels)
{
    char path[128];
    snprintf(path, sizeof path, "%s/store", folder);
    record(path, channels);
    printf("%d x %d, avc1/mp4, %s; ms for a frame\n", SIZE, SIZE, channels == 1 ? "gray" : "colour");

    const trk_roi middle = {(SIZE - 64) / 2, (SIZE - 64) / 2, 64, 64};
    const struct times one = time_parts(path, &middle, 1, channels);
    bool good = report("1 ROI of 64 +-10", &one, one.read, "reading", 1 / 0.9);

    trk_roi grid[ROIS_MAX];
    for (int i = 0; i < ROIS_MAX; i++)
        grid[i] = (trk_roi){16 + i % 10 * 49, 16 + i / 10 * 49, 32, 32};
    const struct times many = time_parts(path, grid, ROIS_MAX, channels);
    good &= report("100 ROIs of 32 +-10", &many, many.work / 2, "half the work", 1.15);
    fs_remove_tree(path);
    return good;
}

int main(void)
{
    strcpy(folder, "/tmp/bench-analyze-XXXXXX");
    if (!mkdtemp(folder))
        fail("no folder in /tmp");
    const bool gray = run(1), colour = run(3);
    fs_remove_tree(folder);
    return gray && colour ? 0 : 1;
}
