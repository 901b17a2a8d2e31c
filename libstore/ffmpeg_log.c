#include "ffmpeg_log.h"

#include <libavcodec/avcodec.h>
#include <libavutil/log.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static _Thread_local struct ffmpeg_log *current;

static void watch(void *context, int level, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
static void take_message(void *context, int level, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

static bool is_demuxer(void *context)
{
    const AVClass *class = context ? *(const AVClass **)context : NULL;
    if (!class)
        return false;
    return (class->get_category ? class->get_category(context) : class->category) == AV_CLASS_CATEGORY_DEMUXER;
}

static int plain_level(int level)
{
    return (level & 0xff) % FFMPEG_LOG_OFFSET; // above are colours
}

static bool begins_with(const char *message, const char *beginning)
{
    return beginning && strncmp(message, beginning, strlen(beginning)) == 0;
}

/* A message from a thread that is not ours, of a codec that may be. */
static void watch(void *context, int level, const char *format, va_list arguments)
{
    const bool is_ours = (level & 0xff) >= FFMPEG_LOG_OFFSET;
    if (!is_ours || plain_level(level) > AV_LOG_ERROR || *(const AVClass **)context != avcodec_get_class())
        return;
    struct ffmpeg_watch *watch = ((AVCodecContext *)context)->opaque;
    char message[256];
    vsnprintf(message, sizeof message, format, arguments);
    if (watch && !begins_with(message, watch->ignored))
        atomic_store(&watch->failed, true);
}

static void take_message(void *context, int level, const char *format, va_list arguments)
{
    struct ffmpeg_log *log = current;
    if (!log) {
        va_list copy;
        va_copy(copy, arguments);
        if (context)
            watch(context, level, format, copy);
        va_end(copy);
        av_log_default_callback(context, level, format, arguments);
        return;
    }
    if (plain_level(level) > AV_LOG_ERROR)
        return;
    char message[sizeof log->message];
    vsnprintf(message, sizeof message, format, arguments);
    // Some messages come in pieces; a piece that says nothing must not hide the one before.
    message[strcspn(message, "\r\n")] = '\0';
    if (message[0] && !begins_with(message, log->ignored)) {
        memcpy(log->message, message, sizeof message);
        log->by_demuxer = is_demuxer(context);
    }
}

static void install(void)
{
    av_log_set_callback(take_message);
}

void ffmpeg_log_begin(struct ffmpeg_log *log)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
    *log = (struct ffmpeg_log){.outer = current};
    current = log;
}

void ffmpeg_log_end(struct ffmpeg_log *log)
{
    current = log->outer;
}
