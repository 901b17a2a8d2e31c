/* Reading from a descriptor with FFmpeg, so that a waiting read can be interrupted. */
#ifndef FFMPEG_PIPE_H
#define FFMPEG_PIPE_H

#include <stdatomic.h>

struct AVIOContext;

/*
 * Reads from `fd`, which stays the caller's and is not closed; a regular file can be sought in as well. Every call
 * that waits looks at *interrupted several times a second and then fails with AVERROR_EXIT. NULL: out of memory.
 */
struct AVIOContext *ffmpeg_pipe_open(int fd, const atomic_bool *interrupted);

/* Sets *io to NULL. Takes a NULL io. */
void ffmpeg_pipe_close(struct AVIOContext **io);

#endif
