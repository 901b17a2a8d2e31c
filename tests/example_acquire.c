/*
 * A camera's thread hands frames over without copying them, 500 a second of 640 x 480 pixels, while a second thread
 * adds samples of an analogue input, 1000 a second with times of their own. What the machine could do is said at the
 * end.
 *
 *     example_acquire STORE [SECONDS [RATE [FORMAT]]]
 */
#include <libstore/libstore.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WIDTH = 640, HEIGHT = 480, BUFFERS = 64, SAMPLES_A_SECOND = 1000 };

static uint8_t buffers[BUFFERS][WIDTH * HEIGHT]; /* the camera's own memory */
static atomic_bool taken[BUFFERS];
static atomic_bool ends;

static double now_s(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void sleep_until(double time_s)
{
    const struct timespec until = {.tv_sec = (time_t)time_s, .tv_nsec = (long)(fmod(time_s, 1) * 1e9)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static void give_back(void *buffer)
{
    atomic_store((atomic_bool *)buffer, false);
}

/* What a camera would do: a bright square moves over gray. */
static void expose(uint8_t *pixels, int64_t number)
{
    memset(pixels, 90, WIDTH * HEIGHT);
    for (int y = 200; y < 280; y++)
        memset(pixels + y * WIDTH + number % (WIDTH - 80), 200, 80);
}

static void *sample(void *recorder)
{
    const double begin_s = now_s(CLOCK_MONOTONIC);
    for (int i = 0; !atomic_load(&ends); i++) {
        char json[80];
        sleep_until(begin_s + (double)i / SAMPLES_A_SECOND);
        snprintf(json, sizeof json, "{\"volts\": %.4f, \"sample_time\": %.6f}", sin(i * 0.01), now_s(CLOCK_REALTIME));
        ist_error error;
        if (ist_recorder_add_extra(recorder, json, (double)INFINITY, &error) < 0) {
            fprintf(stderr, "%s\n", error.message);
            break;
        }
    }
    return NULL;
}

/* Returns the frames that came while the camera had no buffer free. */
static int64_t run_camera(ist_recorder *recorder, int64_t frames, double rate)
{
    const double begin_s = now_s(CLOCK_MONOTONIC);
    int64_t missed = 0;
    ist_error error;
    for (int64_t number = 0; number < frames; number++) {
        sleep_until(begin_s + (double)number / rate);
        const int at = (int)(number % BUFFERS);
        if (atomic_exchange(&taken[at], true)) {
            missed++;
            continue;
        }
        expose(buffers[at], number);
        const ist_frame frame = {.data = buffers[at],
                                 .stride = WIDTH,
                                 .width = WIDTH,
                                 .height = HEIGHT,
                                 .channels = 1,
                                 .number = number,
                                 .time_s = now_s(CLOCK_REALTIME)};
        if (ist_recorder_give(recorder, &frame, give_back, &taken[at], 0, &error) < 0) {
            fprintf(stderr, "%s\n", error.message);
            break;
        }
    }
    return missed;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 5) {
        fprintf(stderr, "usage: example_acquire STORE [SECONDS [RATE [FORMAT]]]\n");
        return 2;
    }
    const double seconds = argc > 2 ? atof(argv[2]) : 5;
    const double rate = argc > 3 ? atof(argv[3]) : 500;
    const ist_writer_params shape = {
        .format = argc > 4 ? argv[4] : "mjpeg/avi", .width = WIDTH, .height = HEIGHT, .frame_rate = rate};
    const ist_recorder_params params = {.queue_bytes = (int64_t)BUFFERS * WIDTH * HEIGHT, .gaps_are_drops = true};
    ist_error error;
    ist_writer *writer;
    ist_recorder *recorder;
    if (ist_writer_create(&writer, argv[1], &shape, &error) < 0 ||
        ist_recorder_start(&recorder, &writer, argv[1], &params, &error) < 0) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    pthread_t sampler;
    const bool samples = pthread_create(&sampler, NULL, sample, recorder) == 0;
    const int64_t missed = run_camera(recorder, (int64_t)(seconds * rate), rate);
    atomic_store(&ends, true);
    if (samples)
        pthread_join(sampler, NULL);
    ist_recorder_stats stats;
    if (ist_recorder_finish(&recorder, &stats, &error) < 0) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    printf("%lld frames at %g a second: %lld written, %lld dropped by the camera, %lld by the queue; at most %.1f MB "
           "waited\n",
           (long long)(seconds * rate), rate, (long long)stats.written, (long long)stats.dropped[IST_DROP_CAMERA],
           (long long)stats.dropped[IST_DROP_QUEUE], (double)stats.queue_bytes_max / 1e6);
    // A gap at the end is seen by nobody but the camera.
    return stats.written + stats.dropped[IST_DROP_QUEUE] + missed == (int64_t)(seconds * rate) ? 0 : 1;
}
