#include "remux.h"

#include <fcntl.h>
#include <libavformat/avformat.h>
#include <string.h>

#include "error.h"
#include "ffmpeg_log.h"
#include "fs.h"
#include "media_io.h"
#include "packet_checksum.h"

/* Both files and what goes from one to the other. */
struct copy {
    AVFormatContext *from, *to;
    AVIOContext *in, *out;
    AVPacket *packet;
    uint32_t header_checksum;
    int64_t delay;    /* of all times, in the time base of `to` */
    remux_seen *seen; /* may be NULL */
    void *context;
};

static int open_stream(struct copy *c)
{
    AVStream *stream = avformat_new_stream(c->to, NULL);
    if (!stream)
        return AVERROR(ENOMEM);
    const AVStream *source = c->from->streams[0];
    const int result = avcodec_parameters_copy(stream->codecpar, source->codecpar);
    stream->codecpar->codec_tag = 0;
    stream->time_base = source->time_base;
    stream->avg_frame_rate = source->avg_frame_rate;
    stream->r_frame_rate = source->r_frame_rate;
    return result < 0 ? result : avformat_write_header(c->to, NULL);
}

/* The file ends when it would end without the delay: from that, players count its frames. */
static void delay_packet(AVPacket *packet, int64_t delay)
{
    if (packet->pts != AV_NOPTS_VALUE)
        packet->pts += delay;
    if (packet->dts != AV_NOPTS_VALUE)
        packet->dts += delay;
    packet->duration = packet->duration > delay ? packet->duration - delay : 0;
}

static int copy_packets(struct copy *c, int64_t max_frames, int64_t *frames)
{
    int result = 0;
    while (*frames < max_frames && (result = av_read_frame(c->from, c->packet)) >= 0) {
        // The last packet of a file that breaks off may be there in part.
        const bool whole = c->packet->size > 0 && !(c->packet->flags & AV_PKT_FLAG_CORRUPT);
        if (c->packet->stream_index == 0 && whole) {
            if (c->seen)
                c->seen(c->context, *frames, packet_checksum(c->header_checksum, c->packet));
            av_packet_rescale_ts(c->packet, c->from->streams[0]->time_base, c->to->streams[0]->time_base);
            delay_packet(c->packet, c->delay);
            c->packet->pos = -1;
            result = av_write_frame(c->to, c->packet);
            ++*frames;
        }
        av_packet_unref(c->packet);
        if (result < 0)
            return result;
    }
    // To a demuxer a disk that does not answer looks like the end of the file; it must not to us.
    return c->in->error;
}

static ist_status copy_all(struct copy *c, const char *name, int64_t max_frames, int64_t *frames, ist_error *error)
{
    c->from->pb = c->in;
    c->to->pb = c->out;
    int result = avformat_open_input(&c->from, NULL, NULL, NULL);
    if (result >= 0) {
        c->header_checksum = packet_checksum_of_header(c->from);
        result = avformat_find_stream_info(c->from, NULL);
    }
    if (c->in->error < 0)
        result = c->in->error;
    if (result < 0 || c->from->nb_streams < 1)
        return media_error(error, result, name, "what was recorded cannot be read");
    result = open_stream(c);
    if (result >= 0)
        result = copy_packets(c, max_frames, frames);
    if (result >= 0)
        result = av_write_trailer(c->to);
    avio_flush(c->out);
    if (result >= 0)
        result = c->out->error;
    return result < 0 ? media_error(error, result, name, "cannot finish the chunk") : IST_OK;
}

/*
 * Matroska has no times of decoding. For H.264 FFmpeg makes them up as soon as it has decoded 7 frames without delay,
 * from the next packet on; in a file of exactly 7 frames there is none, the times stay unknown, and OpenCV, which takes
 * the time of decoding where the other is 0, believes to be at frame 0 when it is at frame 1.
 */
static bool must_not_begin_at_0(const struct copy *c, int64_t frames)
{
    enum { DECODED_FOR_A_GUESS = 7 };
    return frames == DECODED_FOR_A_GUESS && strcmp(c->to->oformat->name, "matroska") == 0 &&
           c->to->streams[0]->codecpar->codec_id == AV_CODEC_ID_H264;
}

static void close_copy(struct copy *c)
{
    av_packet_free(&c->packet);
    avformat_close_input(&c->from);
    avformat_free_context(c->to);
    media_io_close(&c->out);
    media_io_close(&c->in);
}

/* *again: the file must be copied once more, with a delay. */
static ist_status copy_file(struct copy *c, const char *from, const char *to, const char *name, int64_t max_frames,
                            int64_t *frames, bool *again, ist_error *error)
{
    c->from = avformat_alloc_context();
    c->packet = av_packet_alloc();
    *frames = 0;
    ist_status status = IST_OK;
    if (!c->from || !c->packet || avformat_alloc_output_context2(&c->to, NULL, NULL, name) < 0)
        status = error_memory(error);
    if (status >= 0)
        status = media_io_open(&c->in, from, O_RDONLY, error);
    if (status >= 0)
        status = media_io_open(&c->out, to, O_RDWR | O_CREAT | O_TRUNC, error);
    if (status >= 0)
        status = copy_all(c, name, max_frames, frames, error);
    *again = status >= 0 && c->delay == 0 && must_not_begin_at_0(c, *frames);
    close_copy(c);
    return status;
}

ist_status remux(const char *from, const char *to, const char *name, int64_t max_frames, int64_t *frames,
                 remux_seen *seen, void *context, ist_error *error)
{
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    bool again;
    (void)fs_calls.unlink(to); // left over, if it is there; it may be a pipe, or a link to somewhere else
    ist_status status =
        copy_file(&(struct copy){.seen = seen, .context = context}, from, to, name, max_frames, frames, &again, error);
    if (again)
        status = copy_file(&(struct copy){.delay = 1}, from, to, name, max_frames, frames, &again, error);
    ffmpeg_log_end(&log);
    return status;
}
