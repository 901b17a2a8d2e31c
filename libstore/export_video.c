/* All frames as a video. */
#include <fcntl.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "error.h"
#include "export_sink.h"
#include "ffmpeg_log.h"
#include "fs.h"
#include "media_io.h"
#include "video_encoder.h"

/* How the containers differ. */
static const struct container {
    const char *ending;
    const char *muxer;
    const char *encoder;
    const char *lossless_colour; /* encoder for quality 100 of coloured frames; NULL: there is none */
    const char *deep;            /* encoder for 16 bits; NULL: there is none */
    int default_quality;
    bool one_rate;
} containers[] = {
    {".mp4", "mp4", "libx264", "libx264rgb", NULL, 90, false},
    {".mkv", "matroska", "libx264", "libx264rgb", "ffv1", 90, false},
    {".avi", "avi", "mjpeg", NULL, NULL, 96, true},
};

static const double default_rate = 25;

struct export_sink {
    const struct export_plan *plan;
    const struct container *container;
    struct video_encoder *encoder;
    const AVCodecContext *codec; /* the encoder's */
    AVFormatContext *muxer;
    AVIOContext *io;
    AVPacket *packet;
    bool one_rate;
    double rate; /* frames per second: of all, or the mean */
    double first_s;
    int64_t frame_count;
    int64_t last_pts;
    int64_t moved_count;
};

static const struct container *container_of(const char *path)
{
    const char *ending = strrchr(path, '.');
    for (size_t i = 0; i < sizeof containers / sizeof *containers; i++)
        if (ending && strcasecmp(ending, containers[i].ending) == 0)
            return &containers[i];
    return NULL;
}

static void close_video(struct export_sink **sink)
{
    struct export_sink *s = *sink;
    if (!s)
        return;
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    av_packet_free(&s->packet);
    video_encoder_close(&s->encoder);
    avformat_free_context(s->muxer);
    media_io_close(&s->io);
    ffmpeg_log_end(&log);
    free(s);
    *sink = NULL;
}

/* ---- opening ---- */

/* The format's own encoder for such frames. */
static const char *own_encoder(const struct export_sink *s, const ist_frame *first)
{
    if (first->type == IST_PIXEL_U16)
        return s->container->deep;
    const bool lossless = s->plan->params->quality == 100 && first->channels == 3;
    return lossless && s->container->lossless_colour ? s->container->lossless_colour : s->container->encoder;
}

static ist_status open_encoder(struct export_sink *s, const ist_frame *first, ist_error *error)
{
    const ist_export_params *params = s->plan->params;
    const char *own = own_encoder(s, first);
    if (!own && !params->encoder)
        return error_set(error, IST_ERROR_ARGUMENT,
                         "%s: the frames have more than 8 bits; choose .mkv, .npy or .tif, which keep them",
                         s->plan->path);
    if (first->width < 2 || first->height < 2)
        return error_set(error, IST_ERROR_ARGUMENT, "%s: frames of %d x %d px are too small for a video", s->plan->path,
                         first->width, first->height);
    const ist_writer_params settings = {
        .width = first->width,
        .height = first->height,
        .channels = first->channels,
        .type = first->type,
        .frame_rate = s->one_rate ? s->rate : fmin(fmax(s->rate, 1), 1000), // no more than a hint for the encoder
        .quality = params->quality,
        .encoder_options = params->encoder_options,
    };
    if (!own)
        own = s->container->encoder;
    const ist_status status =
        video_encoder_open(&s->encoder, params->encoder ? params->encoder : own, own, s->container->default_quality,
                           s->muxer->oformat->flags & AVFMT_GLOBALHEADER, &settings, error);
    if (status < 0)
        return status;
    s->codec = video_encoder_context(s->encoder);
    if (avformat_query_codec(s->muxer->oformat, s->codec->codec_id, FF_COMPLIANCE_NORMAL) != 1)
        return error_set(error, IST_ERROR_ARGUMENT, "%s: %s cannot hold what the encoder %s makes", s->plan->path,
                         s->container->ending, s->codec->codec->name);
    return IST_OK;
}

/*
 * Ticks a second for true times. FFmpeg's mp4 cannot have two frames more than 2^31 ticks apart. (It multiplies less
 * than 10,000 by itself; mkv goes back to its own 1000.)
 */
static int ticks_for(double longest_s)
{
    static const int ticks[] = {1000000, 90000};
    for (size_t i = 0; i < sizeof ticks / sizeof *ticks; i++)
        if (longest_s * ticks[i] < 2e9)
            return ticks[i];
    return 10000;
}

static ist_status write_header(struct export_sink *s, ist_error *error)
{
    AVStream *stream = avformat_new_stream(s->muxer, NULL);
    if (!stream || avcodec_parameters_from_context(stream->codecpar, s->codec) < 0)
        return error_memory(error);
    stream->time_base = s->one_rate ? s->codec->time_base : (AVRational){1, ticks_for(s->plan->longest_s)};
    stream->avg_frame_rate = av_d2q(s->rate, 1000000);
    if (s->one_rate)
        stream->r_frame_rate = s->codec->framerate;
    const int result = avformat_write_header(s->muxer, NULL);
    return result < 0 ? media_error(error, result, s->plan->path, "cannot write the header") : IST_OK;
}

static ist_status open_all(struct export_sink *s, const ist_frame *first, ist_error *error)
{
    s->packet = av_packet_alloc();
    if (!s->packet || avformat_alloc_output_context2(&s->muxer, NULL, s->container->muxer, NULL) < 0)
        return error_memory(error);
    ist_status status = open_encoder(s, first, error);
    if (status >= 0)
        status = media_io_open(&s->io, s->plan->part, O_RDWR | O_TRUNC, error);
    if (status < 0)
        return status;
    s->muxer->pb = s->io;
    return write_header(s, error);
}

static ist_status open_video(struct export_sink **sink, const struct export_plan *plan, const ist_frame *first,
                             ist_error *error)
{
    struct export_sink *s = *sink = calloc(1, sizeof *s);
    if (!s)
        return error_memory(error);
    const double wanted = plan->params->frame_rate;
    s->plan = plan;
    s->container = container_of(plan->path);
    s->one_rate = wanted > 0 || s->container->one_rate;
    s->rate = wanted > 0 ? wanted : plan->mean_rate > 0 ? fmin(fmax(plan->mean_rate, 1e-3), 1e6) : default_rate;
    s->first_s = first->time_s;
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    const ist_status status = open_all(s, first, error);
    ffmpeg_log_end(&log);
    return status;
}

/* ---- frames ---- */

/* When to show the frame, in ticks of the container. */
static ist_status time_stamp(struct export_sink *s, const ist_frame *frame, int64_t *pts, ist_error *error)
{
    const AVRational tick = s->muxer->streams[0]->time_base;
    if (s->one_rate) {
        *pts = av_rescale_q(s->frame_count, s->codec->time_base, tick);
        return IST_OK;
    }
    const double ticks = (frame->time_s - s->first_s) / av_q2d(tick);
    if (!(fabs(ticks) < 1e15))
        return error_set(error, IST_ERROR_DATA, "%s: frame %lld has no time that can be used", s->plan->path,
                         (long long)frame->index);
    *pts = llround(ticks);
    // Some containers let two frames have one time.
    const bool strict = !(s->muxer->oformat->flags & AVFMT_TS_NONSTRICT);
    const int64_t earliest = s->frame_count == 0 ? 0 : s->last_pts + strict;
    if (*pts < earliest) {
        *pts = earliest;
        s->moved_count++;
    }
    if (*pts - s->last_pts > INT32_MAX && strcmp(s->container->muxer, "mp4") == 0)
        return error_set(error, IST_ERROR_ARGUMENT,
                         "%s: frame %lld comes more than two days behind the one before, which mp4 cannot hold; "
                         "choose .mkv, or one frame rate",
                         s->plan->path, (long long)frame->index);
    return IST_OK;
}

static ist_status write_frame(struct export_sink *s, const ist_frame *frame, ist_error *error)
{
    int64_t pts = 0;
    ist_status status = time_stamp(s, frame, &pts, error);
    if (status >= 0)
        status = video_encoder_encode(s->encoder, frame, s->frame_count, s->packet, error);
    if (status < 0)
        return status;
    const AVRational tick = s->muxer->streams[0]->time_base;
    // The encoder keeps no frame back, so that what comes out is this frame.
    s->packet->pts = s->packet->dts = pts;
    s->packet->duration = llround(fmin(1 / (s->rate * av_q2d(tick)), INT32_MAX)); // shows in the last one only
    s->packet->stream_index = 0;
    s->last_pts = pts;
    s->frame_count++;
    int result = av_write_frame(s->muxer, s->packet);
    av_packet_unref(s->packet);
    if (s->io->error < 0)
        result = s->io->error;
    return result < 0 ? media_error(error, result, s->plan->path, "cannot write") : IST_OK;
}

static ist_status add_video(struct export_sink *s, const ist_frame *frame, ist_error *error)
{
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    const ist_status status = write_frame(s, frame, error);
    ffmpeg_log_end(&log);
    return status;
}

static ist_status finish_video(struct export_sink *s, ist_export_report *report, ist_error *error)
{
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    int result = av_write_trailer(s->muxer);
    avio_flush(s->io);
    ffmpeg_log_end(&log);
    if (s->io->error < 0)
        result = s->io->error;
    if (result < 0)
        return media_error(error, result, s->plan->path, "cannot write");
    report->moved_count = s->moved_count;
    report->frame_rate = s->one_rate ? s->rate : 0;
    report->width = s->codec->width;
    report->height = s->codec->height;
    return IST_OK;
}

const struct export_sink_calls export_video = {open_video, add_video, finish_video, close_video};
