#include "ffmpeg_log.h"

#include <libavutil/log.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static _Thread_local struct ffmpeg_log *current;

static void take_message(void *context, int level, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

static bool is_demuxer(void *context)
{
    const AVClass *class = context ? *(const AVClass **)context : NULL;
    if (!class)
        return false;
    return (class->get_category ? class->get_category(context) : class->category) == AV_CLASS_CATEGORY_DEMUXER;
}

static void take_message(void *context, int level, const char *format, va_list arguments)
{
    struct ffmpeg_log *log = current;
    if (!log) {
        av_log_default_callback(context, level, format, arguments);
        return;
    }
    const int plain_level = (level & 0xff) % FFMPEG_LOG_OFFSET; // above are colours
    if (plain_level > AV_LOG_ERROR)
        return;
    char message[sizeof log->message];
    vsnprintf(message, sizeof message, format, arguments);
    // Some messages come in pieces; a piece that says nothing must not hide the one before.
    message[strcspn(message, "\r\n")] = '\0';
    const bool ignored = log->ignored && strncmp(message, log->ignored, strlen(log->ignored)) == 0;
    if (message[0] && !ignored) {
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
