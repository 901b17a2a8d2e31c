/* How long to wait for the other side of a network: a server that hangs must not hold up a recording for ever. */
#ifndef NETWORK_WAIT_H
#define NETWORK_WAIT_H

#include <libavformat/avio.h>
#include <stdbool.h>
#include <stdint.h>

/* Begins as zeros, which wait for ever. */
struct network_wait {
    double limit_s; /* 0: for ever */
    int64_t deadline_us;
    int64_t bytes_read;
    bool is_over;
};

/* Begins to wait, anew. */
void network_wait_begin(struct network_wait *wait);

/* True once the limit has passed since something came, and from then on. `io`: what counts the bytes that come; NULL:
 * nobody does. */
bool network_wait_is_over(struct network_wait *wait, const AVIOContext *io);

#endif
