/*
 * A chunk as a video file.
 *
 * While it is recorded the file is of a kind that can be read however it breaks off (fragmented mp4, flushed avi or
 * mkv), under a name that ends in .live; every frame has left the encoder, the muxer and the process before it is
 * acknowledged. At the chunk's end it becomes the plain file that everyone reads and seeks in.
 */
#include <fcntl.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdlib.h>
#include <string.h>

#include "chunk_path.h"
#include "chunk_writer.h"
#include "error.h"
#include "ffmpeg_log.h"
#include "fs.h"
#include "media_io.h"
#include "packet_checksum.h"
#include "remux.h"
#include "video_encoder.h"

/* How the formats differ. */
struct video_kind {
    const char *format;
    const char *muxer;
    const char *encoder;
    const char *lossless_colour; /* encoder for quality 100 of coloured frames; NULL: there is none */
    const char *live_options;    /* of the muxer, while recording */
    bool end_each_frame;         /* a frame is in the file only when its fragment or cluster is ended */
    bool remux;                  /* the finished file is a copy in plain form; else the live one serves */
    int default_quality;
};

static const struct video_kind kinds[] = {
    {
        .format = "avc1/mp4",
        .muxer = "mp4",
        .encoder = "libx264",
        .lossless_colour = "libx264rgb",
        .live_options = "movflags=frag_custom+empty_moov+default_base_moof",
        .end_each_frame = true,
        .remux = true,
        .default_quality = 90,
    },
    {
        .format = "mjpeg/avi",
        .muxer = "avi",
        .encoder = "mjpeg",
        .live_options = "flush_packets=1",
        .default_quality = 96,
    },
    {
        .format = "h264/mkv",
        .muxer = "matroska",
        .encoder = "libx264",
        .lossless_colour = "libx264rgb",
        .live_options = "",
        .end_each_frame = true,
        .remux = true,
        .default_quality = 90,
    },
    {
        .format = "ffv1/mkv",
        .muxer = "matroska",
        .encoder = "ffv1",
        .live_options = "",
        .end_each_frame = true,
        .remux = true,
    },
};

struct chunk_writer {
    const struct video_kind *kind;
    AVIOContext *io;
    AVFormatContext *muxer;
    const ist_writer_params *params;
    struct video_encoder **encoder; /* the writer's, for all chunks */
    AVPacket *packet;
    int64_t frame_count;
    uint32_t header_checksum;
    char path[PATH_MAX];
    char live_path[PATH_MAX];
    const char *name; /* of the file, for messages */
};

static const struct video_kind *kind_of(const char *format)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].format, format) == 0)
            return &kinds[i];
    return NULL;
}

static const char *own_encoder(const struct video_kind *kind, const ist_writer_params *params)
{
    const bool lossless = params->quality == 100 && params->channels == 3;
    return lossless && kind->lossless_colour ? kind->lossless_colour : kind->encoder;
}

static ist_status open_encoder(struct video_encoder **encoder, const struct video_kind *kind, bool global_header,
                               const ist_writer_params *params, ist_error *error)
{
    const char *own = own_encoder(kind, params);
    return video_encoder_open(encoder, params->encoder ? params->encoder : own, own, kind->default_quality,
                              global_header, params, error);
}

/* Encodes one black frame, to see whether the encoder gives it away at once. */
static ist_status try_encoder(struct video_encoder *encoder, const ist_writer_params *params, ist_error *error)
{
    ist_frame black = {0};
    AVPacket *packet = av_packet_alloc();
    ist_status status = packet ? IST_OK : error_memory(error);
    if (status >= 0)
        status = ist_frame_alloc(&black, params->width, params->height, params->channels, params->type, error);
    if (status >= 0) {
        memset(black.data, 0, (size_t)black.stride * (size_t)black.height);
        status = video_encoder_encode(encoder, &black, 0, packet, error);
    }
    ist_frame_free(&black);
    av_packet_free(&packet);
    return status;
}

static ist_status video_check(const struct chunk_format *format, const ist_writer_params *params, ist_error *error)
{
    if (params->width < 2 || params->height < 2)
        return error_set(error, IST_ERROR_ARGUMENT, "format %s: a picture of %d x %d pixels is too small", format->name,
                         params->width, params->height);
    const struct video_kind *kind = kind_of(format->name);
    struct video_encoder *encoder;
    ist_status status = open_encoder(&encoder, kind, true, params, error);
    if (status < 0)
        return status;
    const AVCodecContext *codec = video_encoder_context(encoder);
    if (avformat_query_codec(av_guess_format(kind->muxer, NULL, NULL), codec->codec_id, FF_COMPLIANCE_NORMAL) != 1)
        status = error_set(error, IST_ERROR_ARGUMENT, "format %s cannot hold what the encoder %s makes", format->name,
                           codec->codec->name);
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    if (status >= 0)
        status = try_encoder(encoder, params, error);
    video_encoder_close(&encoder);
    ffmpeg_log_end(&log);
    return status;
}

static ist_status write_header(struct chunk_writer *w, ist_error *error)
{
    const AVCodecContext *codec = video_encoder_context(*w->encoder);
    AVStream *stream = avformat_new_stream(w->muxer, NULL);
    if (!stream || avcodec_parameters_from_context(stream->codecpar, codec) < 0)
        return error_memory(error);
    stream->time_base = codec->time_base;
    stream->avg_frame_rate = stream->r_frame_rate = codec->framerate;

    AVDictionary *options = NULL;
    av_dict_parse_string(&options, w->kind->live_options, "=", ":", 0);
    const int result = avformat_write_header(w->muxer, &options);
    av_dict_free(&options);
    if (result < 0)
        return media_error(error, result, w->name, "cannot write the header");
    avio_flush(w->io);
    return w->io->error < 0 ? media_error(error, w->io->error, w->name, "cannot write") : IST_OK;
}

/* What counts of the header is what a reader finds there; some find nothing before the first frame. */
static ist_status read_header_back(struct chunk_writer *w, ist_error *error)
{
    AVIOContext *io;
    AVFormatContext *file = avformat_alloc_context();
    if (!file)
        return error_memory(error);
    ist_status status = media_io_open(&io, w->live_path, O_RDONLY, error);
    file->pb = io;
    if (status >= 0) {
        const int result = avformat_open_input(&file, w->live_path, NULL, NULL);
        if (result < 0)
            status = media_error(error, result, w->name, "cannot read the header");
        else
            w->header_checksum = packet_checksum_of_header(file);
    }
    avformat_close_input(&file);
    media_io_close(&io);
    return status;
}

static void close_all(struct chunk_writer **writer)
{
    struct chunk_writer *w = *writer;
    if (!w)
        return;
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    av_packet_free(&w->packet);
    avformat_free_context(w->muxer);
    media_io_close(&w->io);
    ffmpeg_log_end(&log);
    free(w);
    *writer = NULL;
}

static ist_status open_own_encoder(struct chunk_writer *w, ist_error *error)
{
    const bool global_header = w->muxer->oformat->flags & AVFMT_GLOBALHEADER;
    return open_encoder(w->encoder, w->kind, global_header, w->params, error);
}

static ist_status begin(struct chunk_writer *w, ist_error *error)
{
    w->packet = av_packet_alloc();
    if (!w->packet || avformat_alloc_output_context2(&w->muxer, NULL, w->kind->muxer, NULL) < 0)
        return error_memory(error);
    ist_status status = *w->encoder ? IST_OK : open_own_encoder(w, error);
    if (status >= 0)
        status = media_io_open(&w->io, w->live_path, O_RDWR | O_CREAT | O_TRUNC, error);
    if (status < 0)
        return status;
    w->muxer->pb = w->io;
    return write_header(w, error);
}

static ist_status video_begin(struct chunk_writer **writer, const struct chunk_format *format, const char *directory,
                              int chunk, const ist_writer_params *params, struct video_encoder **encoder,
                              ist_error *error)
{
    struct chunk_writer *w = *writer = calloc(1, sizeof *w);
    if (!w)
        return error_memory(error);
    w->kind = kind_of(format->name);
    w->params = params;
    w->encoder = encoder;
    chunk_path_video(w->path, directory, chunk, format->extension);
    chunk_path_video(w->live_path, directory, chunk, format->extension);
    strncat(w->live_path, CHUNK_LIVE_ENDING, sizeof w->live_path - strlen(w->live_path) - 1);
    w->name = fs_basename(w->path);

    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    const ist_status status = begin(w, error);
    ffmpeg_log_end(&log);
    if (status < 0) {
        const bool created = w->io;
        if (created)
            fs_calls.unlink(w->live_path);
        close_all(writer);
    }
    return status;
}

/* Hands the packet over to the operating system, all of it. */
static ist_status write_packet(struct chunk_writer *w, ist_error *error)
{
    const AVStream *stream = w->muxer->streams[0];
    w->packet->duration = 1;
    av_packet_rescale_ts(w->packet, video_encoder_context(*w->encoder)->time_base, stream->time_base);
    w->packet->stream_index = 0;
    int result = av_write_frame(w->muxer, w->packet);
    av_packet_unref(w->packet);
    if (result >= 0 && w->kind->end_each_frame)
        result = av_write_frame(w->muxer, NULL);
    avio_flush(w->io);
    if (result >= 0)
        result = w->io->error;
    return result < 0 ? media_error(error, result, w->name, "cannot write") : IST_OK;
}

/* A packet that is the JPEG as it came. */
static ist_status wrap_jpeg(const ist_frame *frame, int64_t place, AVPacket *packet, ist_error *error)
{
    if (av_new_packet(packet, (int)frame->encoded_size) < 0)
        return error_memory(error);
    memcpy(packet->data, frame->data, frame->encoded_size);
    packet->pts = packet->dts = place;
    packet->flags |= AV_PKT_FLAG_KEY;
    return IST_OK;
}

/* A chunk begins with a key picture: an encoder that cannot be asked for one begins anew. */
static ist_status encode(struct chunk_writer *w, const ist_frame *frame, ist_error *error)
{
    ist_status status = video_encoder_encode(*w->encoder, frame, w->frame_count, w->packet, error);
    if (status < 0 || w->frame_count > 0 || (w->packet->flags & AV_PKT_FLAG_KEY))
        return status;
    av_packet_unref(w->packet);
    video_encoder_close(w->encoder);
    status = open_own_encoder(w, error);
    return status < 0 ? status : video_encoder_encode(*w->encoder, frame, 0, w->packet, error);
}

static ist_status video_add(struct chunk_writer *w, const ist_frame *frame, uint32_t *checksum, ist_error *error)
{
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    ist_status status =
        frame->encoded_size ? wrap_jpeg(frame, w->frame_count, w->packet, error) : encode(w, frame, error);
    if (status < 0)
        error_prefix(error, status, "%s", w->name);
    uint32_t sum = 0;
    const bool known = status >= 0 && packet_checksum_as_written(&sum, w->packet, w->muxer);
    if (status >= 0)
        status = write_packet(w, error);
    if (status >= 0 && w->frame_count == 0)
        status = read_header_back(w, error);
    *checksum = known ? w->header_checksum ^ sum : 0;
    ffmpeg_log_end(&log);
    if (status >= 0)
        w->frame_count++;
    return status;
}

/* The live file becomes the chunk; killed anywhere in between, one of the two is whole. */
static ist_status finish(struct chunk_writer *w, ist_error *error)
{
    int result = av_write_trailer(w->muxer);
    avio_flush(w->io);
    if (result >= 0)
        result = w->io->error;
    if (result < 0)
        return media_error(error, result, w->name, "cannot finish the chunk");
    media_io_close(&w->io);
    w->muxer->pb = NULL;
    if (!w->kind->remux)
        return fs_publish(w->live_path, w->path, error);

    char part[PATH_MAX];
    if ((size_t)snprintf(part, sizeof part, "%s.part", w->path) >= sizeof part)
        return error_errno(error, ENAMETOOLONG, "%s", w->path);
    int64_t copied;
    ist_status status = remux(w->live_path, part, w->name, INT64_MAX, &copied, NULL, NULL, error);
    if (status >= 0 && copied != w->frame_count)
        status = error_set(error, IST_ERROR_DATA, "%s: cannot finish the chunk: %lld of its %lld frames can be read",
                           w->name, (long long)copied, (long long)w->frame_count);
    if (status >= 0)
        status = fs_publish(part, w->path, error);
    if (status < 0) {
        fs_calls.unlink(part);
        return status;
    }
    fs_calls.unlink(w->live_path);
    return IST_OK;
}

static ist_status video_finish(struct chunk_writer **writer, ist_error *error)
{
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    const ist_status status = finish(*writer, error);
    ffmpeg_log_end(&log);
    close_all(writer);
    return status;
}

const struct chunk_writer_calls video_writer_calls = {
    .check = video_check,
    .begin = video_begin,
    .add = video_add,
    .finish = video_finish,
    .abandon = close_all,
};
