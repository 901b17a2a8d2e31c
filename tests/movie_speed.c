/*
 * How fast the viewer's reading is: movie_speed FILE. Prints a line each for a drag along the bar, for the same way
 * back (each step is to show something within 50 ms; how many were late?), for jumps to exactly one frame, and for
 * playing at 60 frames a second (how many frames were there when they were due?).
 */
#include "view/movie.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { DRAG_STEPS = 100, JUMPS = 30, PLAY_FRAMES = 180 };

static const double PLAY_HZ = 60, LATE_MS = 50, LONGEST_WAIT_S = 10;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Asks for a frame as a drag does, until there is something near to be seen. */
static double glance_ms(struct movie *movie, ist_frame *frame, int64_t index)
{
    ist_error error;
    const double begin_s = now_s();
    movie_glance(movie, index);
    while (!movie_take(movie, frame, &error) && now_s() - begin_s < LONGEST_WAIT_S)
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    if (!frame->data || frame->index > index) {
        fprintf(stderr, "nothing near to frame %lld came\n", (long long)index);
        exit(EXIT_FAILURE);
    }
    return (now_s() - begin_s) * 1000;
}

/* Goes to a frame and waits for it. */
static double go_ms(struct movie *movie, ist_frame *frame, int64_t index)
{
    ist_error error;
    const double begin_s = now_s();
    movie_request(movie, index);
    movie_wait(movie, LONGEST_WAIT_S);
    if (!movie_take(movie, frame, &error) || frame->index != index || !frame->data) {
        fprintf(stderr, "frame %lld did not come\n", (long long)index);
        exit(EXIT_FAILURE);
    }
    return (now_s() - begin_s) * 1000;
}

static void print(const char *name, double *ms, int count)
{
    int late = 0;
    for (int i = 0; i < count; i++)
        late += ms[i] > LATE_MS;
    qsort(ms, (size_t)count, sizeof *ms, compare);
    printf("%s median_ms %.2f p95_ms %.2f max_ms %.2f late %d\n", name, ms[count / 2], ms[count * 95 / 100],
           ms[count - 1], late);
}

/* Here and there, each to exactly that frame. */
static void jump(struct movie *movie, ist_frame *frame)
{
    double ms[JUMPS];
    for (int i = 0; i < JUMPS; i++)
        ms[i] = go_ms(movie, frame, i * 7919 % movie_info(movie)->frame_count);
    print("jump", ms, JUMPS);
}

static void drag(struct movie *movie, ist_frame *frame, const char *name, bool back)
{
    double ms[DRAG_STEPS];
    const int64_t last = movie_info(movie)->frame_count - 1;
    for (int i = 0; i < DRAG_STEPS; i++)
        ms[i] = glance_ms(movie, frame, last * (back ? DRAG_STEPS - 1 - i : i) / (DRAG_STEPS - 1));
    print(name, ms, DRAG_STEPS);
    // Left alone, the frame itself comes.
    ist_error error;
    movie_wait(movie, LONGEST_WAIT_S);
    movie_take(movie, frame, &error);
    if (frame->index != (back ? 0 : last)) {
        fprintf(stderr, "the %s ends at frame %lld\n", name, (long long)frame->index);
        exit(EXIT_FAILURE);
    }
}

static void sleep_until(double time_s)
{
    const double whole = floor(time_s);
    const struct timespec until = {(time_t)whole, (long)((time_s - whole) * 1e9)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

/* Asks for each frame when it is due, and looks whether it is there when the next one is. */
static void play(struct movie *movie, ist_frame *frame)
{
    int in_time = 0;
    ist_error error;
    go_ms(movie, frame, 0);
    const double begin_s = now_s();
    for (int i = 1; i <= PLAY_FRAMES; i++) {
        movie_request(movie, i);
        sleep_until(begin_s + i / PLAY_HZ);
        in_time += movie_take(movie, frame, &error) && frame->index == i;
    }
    printf("play frames %d in_time %d\n", PLAY_FRAMES, in_time);
}

int main(int argc, char **argv)
{
    struct movie *movie;
    ist_frame frame = {0};
    ist_error error;
    if (argc != 2 || movie_open(&movie, argv[1], NULL, NULL, &error) < 0) {
        fprintf(stderr, "%s\n", argc == 2 ? error.message : "movie_speed FILE");
        return EXIT_FAILURE;
    }
    drag(movie, &frame, "drag", false);
    drag(movie, &frame, "back", true);
    jump(movie, &frame);
    play(movie, &frame);
    ist_frame_free(&frame);
    movie_close(&movie);
    return EXIT_SUCCESS;
}
