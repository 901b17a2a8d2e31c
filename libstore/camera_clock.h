/* What cameras count and what their clocks say, as a recording needs it: numbers that only rise, seconds since 1970. */
#ifndef CAMERA_CLOCK_H
#define CAMERA_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* A counter of frames that begins anew. Begins as zeros. */
struct camera_counter {
    bool begun;
    uint64_t last;
    int64_t number;
};

/*
 * The frame's number: what the counter would say had it more bits. It counts from `low` to `high`, then from `low`
 * again; a camera that goes beyond `high` has a wider one, which is left alone. A step back by less than half of the
 * range is one back, not once around. A counter that stands still counts nothing: the number goes on by one.
 */
int64_t camera_counter_unroll(struct camera_counter *counter, uint64_t value, uint64_t low, uint64_t high);

/* A camera's clock, of which only is known when its frames came. Begins as zeros. */
struct camera_clock {
    bool begun;
    int64_t offset_ns; /* what is added to the camera's time */
    int64_t last_ns;   /* the camera's time of the last frame */
    int64_t block_ns;  /* where this block of frames began */
    int64_t least_ns;  /* the smallest offset in this block, and in the one before */
    int64_t least_before_ns;
};

/*
 * The host's time of a frame that the camera's clock gives `camera_ns`, and that came at `host_ns`.
 *
 * A frame comes late by the way it took, never early. So the true offset between the clocks is the smallest that was
 * seen, but for the shortest way; it is looked for in the last 10 to 20 s, because clocks drift (100 ppm: 2 ms in that
 * time). It is changed by at most half of what has passed since the frame before, so that times always rise.
 */
int64_t camera_clock_tie(struct camera_clock *clock, int64_t camera_ns, int64_t host_ns);

#endif
