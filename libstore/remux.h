/* Copying the packets of a video file into another, without decoding. */
#ifndef REMUX_H
#define REMUX_H

#include <libstore/error.h>
#include <stdbool.h>
#include <stdint.h>

/* Is told the checksum (packet_checksum.h) of each frame that is copied, 0, 1, ... */
typedef void remux_seen(void *context, int64_t frame, uint32_t checksum);

/*
 * Copies the first video stream of `from`, at most `max_frames` packets, into a new file `to` of the container that
 * the ending of `name` stands for (".mp4"). *frames becomes the number of packets copied. `from` may break off
 * anywhere. `seen` may be NULL. After a failure `to` may be there in part.
 */
ist_status remux(const char *from, const char *to, const char *name, int64_t max_frames, int64_t *frames,
                 remux_seen *seen, void *context, ist_error *error);

#endif
