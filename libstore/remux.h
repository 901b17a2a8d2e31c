/* Copying the packets of a video file into another, without decoding. */
#ifndef REMUX_H
#define REMUX_H

#include <libstore/error.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Copies the first video stream of `from`, at most `max_frames` packets, into a new file `to` of the container that
 * the ending of `name` stands for (".mp4"). *frames becomes the number of packets copied. `from` may break off
 * anywhere. After a failure `to` may be there in part.
 */
ist_status remux(const char *from, const char *to, const char *name, int64_t max_frames, int64_t *frames,
                 ist_error *error);

#endif
