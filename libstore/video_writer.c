/*
 * A chunk as a video file.
 *
 * While it is recorded the file is of a kind that can be read however it breaks off (fragmented mp4, flushed avi),
 * under a name that ends in .live; every frame has left the encoder, the muxer and the process before it is
 * acknowledged. At the chunk's end it becomes the plain file that everyone reads and seeks in.
 */
#include <fcntl.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chunk_path.h"
#include "chunk_writer.h"
#include "error.h"
#include "ffmpeg_log.h"
#include "fs.h"
#include "media_io.h"

/* How the formats differ. */
struct video_kind {
    const char *format;
    const char *muxer;
    const char *encoder;
    const char *live_options; /* of the muxer, while recording */
    bool fragment_each_frame; /* a frame is in the file only when its fragment is ended */
    bool remux;               /* the finished file is a copy in plain form; else the live one serves */
    enum AVPixelFormat pixel_format;
    int default_quality;
};

static const struct video_kind kinds[] = {
    {
        .format = "avc1/mp4",
        .muxer = "mp4",
        .encoder = "libx264",
        .live_options = "movflags=frag_custom+empty_moov+default_base_moof",
        .fragment_each_frame = true,
        .remux = true,
        .pixel_format = AV_PIX_FMT_YUV420P,
        .default_quality = 90,
    },
    {
        .format = "mjpeg/avi",
        .muxer = "avi",
        .encoder = "mjpeg",
        .live_options = "flush_packets=1",
        .pixel_format = AV_PIX_FMT_YUVJ420P,
        .default_quality = 96,
    },
};

enum { DEFAULT_FRAME_RATE = 25, KEY_FRAME_INTERVAL = 25 };

struct chunk_writer {
    const struct video_kind *kind;
    AVIOContext *io;
    AVFormatContext *muxer;
    AVCodecContext *encoder;
    AVPacket *packet;
    AVFrame *picture;       /* what the encoder gets */
    struct SwsContext *sws; /* BGR to the encoder's pixels */
    int64_t frame_count;
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

/* The encoder's own scale for a quality of 1..100, see ist_writer_params. */
static void set_quality(AVCodecContext *encoder, const struct video_kind *kind, int quality)
{
    const double coarseness = 100 - (quality ? quality : kind->default_quality);
    if (strcmp(kind->encoder, "mjpeg") == 0) {
        encoder->flags |= AV_CODEC_FLAG_QSCALE;
        encoder->global_quality = (int)lround(FF_QP2LAMBDA * (1 + 0.3 * coarseness));
        // The rate control would raise a quantiser below its own minimum of 2.
        encoder->qmin = 1;
    } else {
        av_opt_set_double(encoder->priv_data, "crf", 0.51 * coarseness, 0);
    }
}

static void set_encoder(AVCodecContext *encoder, const struct video_kind *kind, const ist_writer_params *params)
{
    const double rate = params->frame_rate > 0 ? params->frame_rate : DEFAULT_FRAME_RATE;
    encoder->width = params->width & ~1;
    encoder->height = params->height & ~1;
    encoder->pix_fmt = kind->pixel_format;
    encoder->framerate = av_d2q(rate, 1000000);
    // Constant-rate time stamps: OpenCV finds the wrong frames in a file that has others. True times are in the index.
    encoder->time_base = av_inv_q(encoder->framerate);
    encoder->gop_size = KEY_FRAME_INTERVAL;
    // The full range of values, said so: then a reader gets every gray value back as it was.
    encoder->color_range = AVCOL_RANGE_JPEG;
    encoder->colorspace = AVCOL_SPC_SMPTE170M;
    // Anything that lets the encoder keep a frame back would keep it from being safe when it is acknowledged.
    encoder->max_b_frames = 0;
    encoder->thread_count = 1;
    encoder->log_level_offset = FFMPEG_LOG_OFFSET;
    av_opt_set(encoder->priv_data, "preset", "veryfast", 0);
    av_opt_set(encoder->priv_data, "tune", "zerolatency", 0);
    set_quality(encoder, kind, params->quality);
}

/* First key of the options that nobody took. */
static const char *unused_key(const AVDictionary *options)
{
    const AVDictionaryEntry *entry = av_dict_get(options, "", NULL, AV_DICT_IGNORE_SUFFIX);
    return entry ? entry->key : NULL;
}

static ist_status open_encoder(AVCodecContext **encoder, const struct video_kind *kind, bool global_header,
                               const ist_writer_params *params, ist_error *error)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(kind->encoder);
    if (!codec)
        return error_set(error, IST_ERROR_NOT_FOUND,
                         "format %s needs the encoder %s, which this FFmpeg does not have; mjpeg/avi needs none",
                         kind->format, kind->encoder);
    AVCodecContext *context = *encoder = avcodec_alloc_context3(codec);
    if (!context)
        return error_memory(error);
    set_encoder(context, kind, params);
    if (global_header)
        context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;

    AVDictionary *options = NULL;
    ist_status status = IST_OK;
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    if (params->encoder_options && av_dict_parse_string(&options, params->encoder_options, "=", ":", 0) < 0)
        status = error_set(error, IST_ERROR_ARGUMENT, "encoder options '%s' are not KEY=VALUE:KEY=VALUE",
                           params->encoder_options);
    if (status >= 0) {
        const int result = avcodec_open2(context, codec, &options);
        if (result < 0)
            status = error_set(error, IST_ERROR_ARGUMENT, "encoder %s cannot be opened: %s", kind->encoder,
                               *log.message ? log.message : media_error_text(result));
        else if (unused_key(options))
            status = error_set(error, IST_ERROR_ARGUMENT, "encoder %s has no option '%s'", kind->encoder,
                               unused_key(options));
    }
    ffmpeg_log_end(&log);
    av_dict_free(&options);
    return status;
}

static ist_status video_check(const struct chunk_format *format, const ist_writer_params *params, ist_error *error)
{
    if (params->width < 2 || params->height < 2)
        return error_set(error, IST_ERROR_ARGUMENT, "format %s: a picture of %d x %d pixels is too small", format->name,
                         params->width, params->height);
    AVCodecContext *encoder = NULL;
    const ist_status status = open_encoder(&encoder, kind_of(format->name), true, params, error);
    avcodec_free_context(&encoder);
    return status;
}

static ist_status write_header(struct chunk_writer *w, ist_error *error)
{
    AVStream *stream = avformat_new_stream(w->muxer, NULL);
    if (!stream || avcodec_parameters_from_context(stream->codecpar, w->encoder) < 0)
        return error_memory(error);
    stream->time_base = w->encoder->time_base;
    stream->avg_frame_rate = stream->r_frame_rate = w->encoder->framerate;

    AVDictionary *options = NULL;
    av_dict_parse_string(&options, w->kind->live_options, "=", ":", 0);
    const int result = avformat_write_header(w->muxer, &options);
    av_dict_free(&options);
    if (result < 0)
        return media_error(error, result, w->name, "cannot write the header");
    avio_flush(w->io);
    return w->io->error < 0 ? media_error(error, w->io->error, w->name, "cannot write") : IST_OK;
}

static ist_status prepare_picture(struct chunk_writer *w, int channels, ist_error *error)
{
    AVFrame *picture = w->picture;
    picture->format = w->encoder->pix_fmt;
    picture->width = w->encoder->width;
    picture->height = w->encoder->height;
    picture->color_range = w->encoder->color_range;
    picture->colorspace = w->encoder->colorspace;
    if (av_frame_get_buffer(picture, 0) < 0)
        return error_memory(error);
    if (channels == 1) {
        // Gray: luma alone, chroma in the middle, which is exactly what a reader needs to give back the gray values.
        for (int plane = 1; plane < 3; plane++)
            memset(picture->data[plane], 128, (size_t)picture->linesize[plane] * ((size_t)picture->height / 2));
        return IST_OK;
    }
    const int flags = SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP;
    w->sws = sws_getContext(picture->width, picture->height, AV_PIX_FMT_BGR24, picture->width, picture->height,
                            AV_PIX_FMT_YUV420P, flags, NULL, NULL, NULL);
    const int *matrix = sws_getCoefficients(SWS_CS_ITU601);
    if (!w->sws || sws_setColorspaceDetails(w->sws, matrix, 1, matrix, 1, 0, 1 << 16, 1 << 16) < 0)
        return error_memory(error);
    return IST_OK;
}

static void close_all(struct chunk_writer **writer)
{
    struct chunk_writer *w = *writer;
    if (!w)
        return;
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    sws_freeContext(w->sws);
    av_frame_free(&w->picture);
    av_packet_free(&w->packet);
    avcodec_free_context(&w->encoder);
    avformat_free_context(w->muxer);
    media_io_close(&w->io);
    ffmpeg_log_end(&log);
    free(w);
    *writer = NULL;
}

static ist_status begin(struct chunk_writer *w, const ist_writer_params *params, ist_error *error)
{
    w->packet = av_packet_alloc();
    w->picture = av_frame_alloc();
    if (!w->packet || !w->picture || avformat_alloc_output_context2(&w->muxer, NULL, w->kind->muxer, NULL) < 0)
        return error_memory(error);
    const bool global_header = w->muxer->oformat->flags & AVFMT_GLOBALHEADER;
    ist_status status = open_encoder(&w->encoder, w->kind, global_header, params, error);
    if (status >= 0)
        status = media_io_open(&w->io, w->live_path, O_RDWR | O_CREAT | O_TRUNC, error);
    if (status < 0)
        return status;
    w->muxer->pb = w->io;
    status = write_header(w, error);
    return status < 0 ? status : prepare_picture(w, params->channels, error);
}

static ist_status video_begin(struct chunk_writer **writer, const struct chunk_format *format, const char *directory,
                              int chunk, const ist_writer_params *params, ist_error *error)
{
    struct chunk_writer *w = *writer = calloc(1, sizeof *w);
    if (!w)
        return error_memory(error);
    w->kind = kind_of(format->name);
    chunk_path_video(w->path, directory, chunk, format->extension);
    chunk_path_video(w->live_path, directory, chunk, format->extension);
    strncat(w->live_path, CHUNK_LIVE_ENDING, sizeof w->live_path - strlen(w->live_path) - 1);
    w->name = fs_basename(w->path);

    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    const ist_status status = begin(w, params, error);
    ffmpeg_log_end(&log);
    if (status < 0) {
        const bool created = w->io;
        if (created)
            fs_calls.unlink(w->live_path);
        close_all(writer);
    }
    return status;
}

static ist_status fill_picture(struct chunk_writer *w, const ist_frame *frame, ist_error *error)
{
    AVFrame *picture = w->picture;
    // The encoder may still hold the last picture; then this one must not be written over it.
    if (av_frame_make_writable(picture) < 0)
        return error_memory(error);
    if (frame->channels == 1) {
        for (int y = 0; y < picture->height; y++)
            memcpy(picture->data[0] + (ptrdiff_t)y * picture->linesize[0], frame->data + y * frame->stride,
                   (size_t)picture->width);
    } else {
        const uint8_t *const rows[] = {frame->data};
        const int strides[] = {(int)frame->stride};
        sws_scale(w->sws, rows, strides, 0, picture->height, picture->data, picture->linesize);
    }
    picture->pts = w->frame_count;
    picture->quality = w->encoder->global_quality;
    return IST_OK;
}

static ist_status encode(struct chunk_writer *w, ist_error *error)
{
    int result = avcodec_send_frame(w->encoder, w->picture);
    if (result >= 0)
        result = avcodec_receive_packet(w->encoder, w->packet);
    if (result == AVERROR(EAGAIN))
        return error_set(error, IST_ERROR_ARGUMENT,
                         "%s: encoder %s keeps frames back with these options, so that they would not be safe; "
                         "leave out look-ahead, B-frames and frame threads",
                         w->name, w->kind->encoder);
    return result < 0 ? media_error(error, result, w->name, "cannot encode") : IST_OK;
}

/* Hands the packet over to the operating system, all of it. */
static ist_status write_packet(struct chunk_writer *w, ist_error *error)
{
    const AVStream *stream = w->muxer->streams[0];
    w->packet->duration = 1;
    av_packet_rescale_ts(w->packet, w->encoder->time_base, stream->time_base);
    w->packet->stream_index = 0;
    int result = av_write_frame(w->muxer, w->packet);
    av_packet_unref(w->packet);
    if (result >= 0 && w->kind->fragment_each_frame)
        result = av_write_frame(w->muxer, NULL);
    avio_flush(w->io);
    if (result >= 0)
        result = w->io->error;
    return result < 0 ? media_error(error, result, w->name, "cannot write") : IST_OK;
}

static ist_status video_add(struct chunk_writer *w, const ist_frame *frame, ist_error *error)
{
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    ist_status status = fill_picture(w, frame, error);
    if (status >= 0)
        status = encode(w, error);
    if (status >= 0)
        status = write_packet(w, error);
    ffmpeg_log_end(&log);
    if (status >= 0)
        w->frame_count++;
    return status;
}

/* Returns the number of packets, or an error of FFmpeg. */
static int64_t copy_packets(AVFormatContext *from, AVFormatContext *to, AVPacket *packet)
{
    const AVStream *in = from->streams[0], *out = to->streams[0];
    int64_t count = 0;
    int result;
    while ((result = av_read_frame(from, packet)) >= 0) {
        av_packet_rescale_ts(packet, in->time_base, out->time_base);
        packet->pos = -1;
        result = av_write_frame(to, packet);
        av_packet_unref(packet);
        if (result < 0)
            return result;
        count++;
    }
    return result == AVERROR_EOF ? count : result;
}

static int open_copy(const struct chunk_writer *w, AVFormatContext *from, AVFormatContext *to)
{
    AVStream *stream = avformat_new_stream(to, NULL);
    if (!stream)
        return AVERROR(ENOMEM);
    const AVStream *live = from->streams[0];
    int result = avcodec_parameters_copy(stream->codecpar, live->codecpar);
    stream->codecpar->codec_tag = 0;
    stream->time_base = w->encoder->time_base;
    stream->avg_frame_rate = stream->r_frame_rate = w->encoder->framerate;
    return result < 0 ? result : avformat_write_header(to, NULL);
}

/* Copies what lies in the live file, and makes sure that it is everything. */
static ist_status copy_all(struct chunk_writer *w, AVFormatContext *from, AVFormatContext *to, ist_error *error)
{
    int result = open_copy(w, from, to);
    if (result < 0)
        return media_error(error, result, w->name, "cannot finish the chunk");
    const int64_t count = copy_packets(from, to, w->packet);
    if (count >= 0 && count != w->frame_count)
        return error_set(error, IST_ERROR_DATA, "%s: cannot finish the chunk: %lld of its %lld frames can be read",
                         w->name, (long long)count, (long long)w->frame_count);
    result = count < 0 ? (int)count : av_write_trailer(to);
    avio_flush(to->pb);
    if (result >= 0)
        result = to->pb->error;
    return result < 0 ? media_error(error, result, w->name, "cannot finish the chunk") : IST_OK;
}

/* Copies the packets of the live file into a plain one. */
static ist_status remux(struct chunk_writer *w, const char *part, ist_error *error)
{
    AVFormatContext *from = avformat_alloc_context(), *to = NULL;
    AVIOContext *in = NULL, *out = NULL;
    ist_status status = IST_OK;
    if (!from || avformat_alloc_output_context2(&to, NULL, w->kind->muxer, NULL) < 0)
        status = error_memory(error);
    if (status >= 0)
        status = media_io_open(&in, w->live_path, O_RDONLY, error);
    if (status >= 0)
        status = media_io_open(&out, part, O_RDWR | O_CREAT | O_TRUNC, error);
    if (status >= 0) {
        from->pb = in;
        to->pb = out;
        const int result = avformat_open_input(&from, NULL, NULL, NULL);
        status =
            result < 0 ? media_error(error, result, w->name, "cannot finish the chunk") : copy_all(w, from, to, error);
    }
    avformat_close_input(&from);
    avformat_free_context(to);
    media_io_close(&out);
    media_io_close(&in);
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
    ist_status status = remux(w, part, error);
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
