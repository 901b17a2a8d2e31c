/* What FFmpeg has to say goes into our errors, not to the terminal. */
#ifndef FFMPEG_LOG_H
#define FFMPEG_LOG_H

#include <stdatomic.h>
#include <stdbool.h>

/*
 * FFmpeg knows one log function for the whole process. Ours takes a message only when it comes from a thread that is
 * inside ffmpeg_log_begin() .. ffmpeg_log_end(); everything else, of a program that uses FFmpeg itself, goes the
 * usual way. Decoders and encoders that may run threads of their own need FFMPEG_LOG_OFFSET besides.
 */
struct ffmpeg_log {
    char message[256];   /* the last error that FFmpeg reported, without its line end; "" if there was none */
    bool by_demuxer;     /* it came from reading the container, not from what is in it */
    const char *ignored; /* messages that begin so are not taken; NULL: none. May be set after ffmpeg_log_begin(). */
    struct ffmpeg_log *outer;
};

/* Give it to AVCodecContext.log_level_offset: the messages of its threads come out below every level. */
enum { FFMPEG_LOG_OFFSET = 128 };

/* Give it to AVCodecContext.opaque besides, and an error that the codec reports in a thread of its own shows. */
struct ffmpeg_watch {
    const char *ignored; /* as above */
    atomic_bool failed;
};

void ffmpeg_log_begin(struct ffmpeg_log *log);
void ffmpeg_log_end(struct ffmpeg_log *log);

#endif
