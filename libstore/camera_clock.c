#include "camera_clock.h"

int64_t camera_counter_unroll(struct camera_counter *counter, uint64_t value, uint64_t low, uint64_t high)
{
    if (!counter->begun) {
        counter->begun = true;
        counter->number = (int64_t)value;
    } else if (value == counter->last) {
        counter->number++;
    } else if (value > high || counter->last > high) {
        counter->number += (int64_t)(value - counter->last);
    } else {
        const uint64_t range = high - low + 1;
        const uint64_t ahead = value > counter->last ? value - counter->last : value + range - counter->last;
        counter->number += ahead <= range / 2 ? (int64_t)ahead : -(int64_t)(range - ahead);
    }
    counter->last = value;
    return counter->number;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

int64_t camera_clock_tie(struct camera_clock *clock, int64_t camera_ns, int64_t host_ns)
{
    static const int64_t block_ns = INT64_C(10000000000);
    const int64_t offset_ns = host_ns - camera_ns;
    // A clock that was set back is another one.
    if (!clock->begun || camera_ns < clock->last_ns)
        *clock = (struct camera_clock){.begun = true,
                                       .offset_ns = offset_ns,
                                       .last_ns = camera_ns,
                                       .block_ns = camera_ns,
                                       .least_ns = offset_ns,
                                       .least_before_ns = offset_ns};
    if (camera_ns - clock->block_ns > block_ns) {
        clock->block_ns = camera_ns;
        clock->least_before_ns = clock->least_ns;
        clock->least_ns = offset_ns;
    } else if (offset_ns < clock->least_ns) {
        clock->least_ns = offset_ns;
    }
    const int64_t passed_ns = camera_ns - clock->last_ns;
    const int64_t least_ns = clock->least_ns < clock->least_before_ns ? clock->least_ns : clock->least_before_ns;
    clock->offset_ns += clamp(least_ns - clock->offset_ns, -passed_ns / 2, passed_ns / 2);
    clock->last_ns = camera_ns;
    return camera_ns + clock->offset_ns;
}
