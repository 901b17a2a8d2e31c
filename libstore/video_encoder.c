#include "video_encoder.h"

#include <libavcodec/avcodec.h>
#include <libavutil/hwcontext.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "ffmpeg_log.h"
#include "media_io.h"

enum { DEFAULT_FRAME_RATE = 25, KEY_FRAME_INTERVAL = 25 };

/* How a quality of 1..100 is told to an encoder, see ist_writer_params. */
enum quality_scale {
    NO_QUALITY,
    CONSTANT_RATE_FACTOR, /* option crf */
    QUANTISER,            /* option qp */
    GLOBAL_QUALITY,       /* of the codec context, in quantisers of H.264 */
    MJPEG_QUANTISER,      /* the same in those of MJPEG */
};

/*
 * What encoders need to be told. Whatever lets one keep a frame back is switched off: the frame would not be safe when
 * it is acknowledged.
 */
static const struct encoder_family {
    const char *part; /* of its name */
    const char *options;
    enum quality_scale quality;
} families[] = {
    {"libx264", "preset=veryfast:tune=zerolatency:forced-idr=1", CONSTANT_RATE_FACTOR},
    {"libx265", "preset=veryfast:tune=zerolatency:forced-idr=1:x265-params=log-level=none", CONSTANT_RATE_FACTOR},
    {"_nvenc", "preset=p4:tune=ull:forced-idr=1:rc=constqp:delay=0:zerolatency=1:rc-lookahead=0", QUANTISER},
    {"_vaapi", "rc_mode=CQP:async_depth=1", QUANTISER},
    {"_qsv", "async_depth=1:look_ahead=0", GLOBAL_QUALITY},
    {"mjpeg", "", MJPEG_QUANTISER},
    {"ffv1", "level=3:slicecrc=1:g=1", NO_QUALITY},
};

struct video_encoder {
    AVCodecContext *codec;
    AVFrame *picture;       /* what the encoder gets */
    AVFrame *uploaded;      /* the same on the graphics card, for encoders that take it only from there */
    struct SwsContext *sws; /* from the pixels of a frame to the encoder's; NULL: they are copied */
    int64_t frame_count;    /* encoded so far, in all chunks */
};

static const struct encoder_family *family_of(const char *name)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strstr(name, families[i].part))
            return &families[i];
    return NULL;
}

/* ---- pixels ---- */

static bool takes(const AVCodec *codec, enum AVPixelFormat format)
{
    for (const enum AVPixelFormat *known = codec->pix_fmts; known && *known != AV_PIX_FMT_NONE; known++)
        if (*known == format)
            return true;
    return codec->pix_fmts == NULL;
}

static enum AVPixelFormat format_of_frames(const ist_writer_params *params)
{
    if (params->channels == 1)
        return params->type == IST_PIXEL_U16 ? AV_PIX_FMT_GRAY16 : AV_PIX_FMT_GRAY8;
    return params->type == IST_PIXEL_U16 ? AV_PIX_FMT_BGR48 : AV_PIX_FMT_BGR24;
}

/* The first that loses nothing, for lossless encoders; else what every player shows. */
static enum AVPixelFormat choose_format(const AVCodec *codec, const ist_writer_params *params)
{
    const bool lossless = codec->id == AV_CODEC_ID_FFV1;
    const enum AVPixelFormat given = format_of_frames(params);
    const enum AVPixelFormat alike = params->channels == 1           ? given
                                     : params->type == IST_PIXEL_U16 ? AV_PIX_FMT_GBRP16
                                                                     : AV_PIX_FMT_BGR0;
    const enum AVPixelFormat order[] = {
        lossless ? given : AV_PIX_FMT_NONE,
        lossless ? alike : AV_PIX_FMT_NONE,
        codec->id == AV_CODEC_ID_MJPEG ? AV_PIX_FMT_YUVJ420P : AV_PIX_FMT_NONE,
        AV_PIX_FMT_YUV420P,
        AV_PIX_FMT_NV12,
        AV_PIX_FMT_BGR24,
    };
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (order[i] != AV_PIX_FMT_NONE && takes(codec, order[i]))
            return order[i];
    return codec->pix_fmts[0];
}

/* The picture's luma, or all of it, is the frame as it lies. */
static bool is_copied(const ist_writer_params *params, const AVPixFmtDescriptor *format, enum AVPixelFormat to)
{
    if (params->channels == 3)
        return to == format_of_frames(params);
    const AVComponentDescriptor *luma = &format->comp[0];
    const bool deep = params->type == IST_PIXEL_U16;
    return !(format->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_BE)) && luma->shift == 0 &&
           luma->step == (deep ? 2 : 1) && (deep ? luma->depth > 8 : luma->depth == 8);
}

/* Gray: luma alone, chroma in the middle, which is exactly what a reader needs to give back the gray values. */
static void clear_colour(AVFrame *picture, const AVPixFmtDescriptor *format)
{
    const int middle = 1 << (format->comp[0].depth - 1);
    const size_t rows = (size_t)AV_CEIL_RSHIFT(picture->height, format->log2_chroma_h);
    for (int plane = 1; plane < 4 && picture->data[plane]; plane++) {
        const size_t bytes = (size_t)picture->linesize[plane] * rows;
        if (format->comp[0].depth == 8)
            memset(picture->data[plane], middle, bytes);
        else
            for (size_t i = 0; i < bytes / 2; i++)
                ((uint16_t *)(void *)picture->data[plane])[i] = (uint16_t)middle;
    }
}

static ist_status prepare_picture(struct video_encoder *e, const ist_writer_params *params, ist_error *error)
{
    AVFrame *picture = e->picture = av_frame_alloc();
    if (!picture)
        return error_memory(error);
    picture->format = e->uploaded ? AV_PIX_FMT_NV12 : e->codec->pix_fmt;
    picture->width = e->codec->width;
    picture->height = e->codec->height;
    picture->color_range = e->codec->color_range;
    picture->colorspace = e->codec->colorspace;
    if (av_frame_get_buffer(picture, 0) < 0)
        return error_memory(error);
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(picture->format);
    if (is_copied(params, format, picture->format)) {
        clear_colour(picture, format);
        return IST_OK;
    }
    // swscale takes yuvj420p for another name of what is set below, and complains.
    const enum AVPixelFormat to = picture->format == AV_PIX_FMT_YUVJ420P ? AV_PIX_FMT_YUV420P : picture->format;
    const int flags = SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP;
    e->sws = sws_getContext(picture->width, picture->height, format_of_frames(params), picture->width, picture->height,
                            to, flags, NULL, NULL, NULL);
    const int *matrix = sws_getCoefficients(SWS_CS_ITU601);
    if (!e->sws)
        return error_set(error, IST_ERROR_ARGUMENT, "pixel format %s cannot be made of these frames",
                         av_get_pix_fmt_name(to));
    if (!(format->flags & AV_PIX_FMT_FLAG_RGB) &&
        sws_setColorspaceDetails(e->sws, matrix, 1, matrix, 1, 0, 1 << 16, 1 << 16) < 0)
        return error_memory(error);
    return IST_OK;
}

/* ---- opening ---- */

static void set_quality(AVCodecContext *codec, const struct encoder_family *family, int quality)
{
    const double coarseness = 100 - quality, quantiser = 0.51 * coarseness;
    switch (family ? family->quality : NO_QUALITY) {
    case NO_QUALITY:
        break;
    case CONSTANT_RATE_FACTOR:
        av_opt_set_double(codec, "crf", quantiser, AV_OPT_SEARCH_CHILDREN);
        break;
    case QUANTISER:
        av_opt_set_int(codec, "qp", lround(quantiser), AV_OPT_SEARCH_CHILDREN);
        break;
    case GLOBAL_QUALITY:
        codec->flags |= AV_CODEC_FLAG_QSCALE;
        codec->global_quality = (int)lround(FF_QP2LAMBDA * quantiser);
        break;
    case MJPEG_QUANTISER:
        codec->flags |= AV_CODEC_FLAG_QSCALE;
        codec->global_quality = (int)lround(FF_QP2LAMBDA * (1 + 0.3 * coarseness));
        // The rate control would raise a quantiser below its own minimum of 2.
        codec->qmin = 1;
        break;
    }
}

static void set_defaults(AVCodecContext *codec, const struct encoder_family *family, int default_quality,
                         const ist_writer_params *params)
{
    const double rate = params->frame_rate > 0 ? params->frame_rate : DEFAULT_FRAME_RATE;
    codec->width = params->width & ~1;
    codec->height = params->height & ~1;
    codec->framerate = av_d2q(rate, 1000000);
    // Constant-rate time stamps: OpenCV finds the wrong frames in a file that has others. True times are in the index.
    codec->time_base = av_inv_q(codec->framerate);
    codec->gop_size = KEY_FRAME_INTERVAL;
    // The full range of values, said so: then a reader gets every gray value back as it was.
    codec->color_range = AVCOL_RANGE_JPEG;
    codec->colorspace = AVCOL_SPC_SMPTE170M;
    codec->max_b_frames = 0;
    codec->thread_count = 1;
    codec->log_level_offset = FFMPEG_LOG_OFFSET;
    AVDictionary *options = NULL;
    av_dict_parse_string(&options, family ? family->options : "", "=", ":", 0);
    av_opt_set_dict2(codec, &options, AV_OPT_SEARCH_CHILDREN);
    av_dict_free(&options); // an older FFmpeg may not know one
    set_quality(codec, family, params->quality ? params->quality : default_quality);
}

/* Takes the pixel format out of the caller's options: FFmpeg's encoders do not count it among theirs. */
static ist_status set_format(AVCodecContext *codec, AVDictionary **options, const ist_writer_params *params,
                             ist_error *error)
{
    codec->pix_fmt = choose_format(codec->codec, params);
    const AVDictionaryEntry *wanted = av_dict_get(*options, "pixel_format", NULL, 0);
    if (wanted) {
        codec->pix_fmt = av_get_pix_fmt(wanted->value);
        if (codec->pix_fmt == AV_PIX_FMT_NONE || !takes(codec->codec, codec->pix_fmt))
            return error_set(error, IST_ERROR_ARGUMENT, "encoder %s does not take the pixel format '%s'",
                             codec->codec->name, wanted->value);
        av_dict_set(options, "pixel_format", NULL, 0);
    }
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(codec->pix_fmt);
    // Half of every sample would be gone without a word.
    if (params->type == IST_PIXEL_U16 && format->comp[0].depth <= 8)
        return error_set(error, IST_ERROR_ARGUMENT,
                         "frames of 16 bits do not fit into the pixel format %s of the encoder %s", format->name,
                         codec->codec->name);
    if (format->flags & AV_PIX_FMT_FLAG_RGB)
        codec->colorspace = AVCOL_SPC_RGB;
    return IST_OK;
}

/* Some encoders take pictures only from the memory of the graphics card. */
static int open_device(struct video_encoder *e)
{
    if (e->codec->pix_fmt != AV_PIX_FMT_VAAPI)
        return 0;
    AVBufferRef *device = NULL;
    int result = av_hwdevice_ctx_create(&device, AV_HWDEVICE_TYPE_VAAPI, NULL, NULL, 0);
    if (result < 0)
        return result;
    e->codec->hw_frames_ctx = av_hwframe_ctx_alloc(device);
    av_buffer_unref(&device);
    e->uploaded = av_frame_alloc();
    if (!e->codec->hw_frames_ctx || !e->uploaded)
        return AVERROR(ENOMEM);
    AVHWFramesContext *frames = (AVHWFramesContext *)(void *)e->codec->hw_frames_ctx->data;
    frames->format = e->codec->pix_fmt;
    frames->sw_format = AV_PIX_FMT_NV12;
    frames->width = e->codec->width;
    frames->height = e->codec->height;
    frames->initial_pool_size = 4;
    return av_hwframe_ctx_init(e->codec->hw_frames_ctx);
}

/* First key of the options that nobody took. */
static const char *unused_key(const AVDictionary *options)
{
    const AVDictionaryEntry *entry = av_dict_get(options, "", NULL, AV_DICT_IGNORE_SUFFIX);
    return entry ? entry->key : NULL;
}

/* Why it cannot be opened, and what can be used instead. */
static ist_status refuse(const AVCodec *codec, const char *own, int result, const struct ffmpeg_log *log,
                         ist_error *error)
{
    const bool no_device = strstr(codec->name, "_vaapi") && result == AVERROR_EXTERNAL;
    const char *reason = *log->message ? log->message : no_device ? "no VAAPI device" : media_error_text(result);
    if (strcmp(codec->name, own) == 0)
        return error_set(error, IST_ERROR_ARGUMENT, "encoder %s cannot be opened: %s", codec->name, reason);
    return error_set(error, IST_ERROR_ARGUMENT,
                     "encoder %s cannot be opened: %s; it is missing on this machine, busy, or refuses these settings. "
                     "The format's own encoder, %s, needs nothing",
                     codec->name, reason, own);
}

static ist_status open_codec(struct video_encoder *e, const AVCodec *codec, const char *own,
                             const ist_writer_params *params, ist_error *error)
{
    AVDictionary *options = NULL;
    ist_status status = IST_OK;
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    if (params->encoder_options && av_dict_parse_string(&options, params->encoder_options, "=", ":", 0) < 0)
        status = error_set(error, IST_ERROR_ARGUMENT, "encoder options '%s' are not KEY=VALUE:KEY=VALUE",
                           params->encoder_options);
    if (status >= 0)
        status = set_format(e->codec, &options, params, error);
    if (status >= 0) {
        int result = open_device(e);
        if (result >= 0)
            result = avcodec_open2(e->codec, codec, &options);
        if (result < 0)
            status = refuse(codec, own, result, &log, error);
        else if (unused_key(options))
            status =
                error_set(error, IST_ERROR_ARGUMENT, "encoder %s has no option '%s'", codec->name, unused_key(options));
    }
    ffmpeg_log_end(&log);
    av_dict_free(&options);
    return status;
}

static ist_status not_there(const char *name, const char *own, ist_error *error)
{
    if (strcmp(name, own) == 0)
        return error_set(error, IST_ERROR_NOT_FOUND,
                         "this FFmpeg does not have the encoder %s; the format mjpeg/avi needs none", name);
    return error_set(
        error, IST_ERROR_NOT_FOUND,
        "this FFmpeg does not have the encoder '%s'; the format's own is %s, and `ffmpeg -encoders` lists all", name,
        own);
}

ist_status video_encoder_open(struct video_encoder **encoder, const char *name, const char *own, int default_quality,
                              bool global_header, const ist_writer_params *params, ist_error *error)
{
    *encoder = NULL;
    const AVCodec *codec = avcodec_find_encoder_by_name(name);
    if (!codec || codec->type != AVMEDIA_TYPE_VIDEO)
        return not_there(name, own, error);
    struct video_encoder *e = *encoder = calloc(1, sizeof *e);
    if (!e || !(e->codec = avcodec_alloc_context3(codec))) {
        video_encoder_close(encoder);
        return error_memory(error);
    }
    set_defaults(e->codec, family_of(name), default_quality, params);
    if (global_header)
        e->codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    ist_status status = open_codec(e, codec, own, params, error);
    if (status >= 0)
        status = prepare_picture(e, params, error);
    if (status < 0)
        video_encoder_close(encoder);
    return status;
}

void video_encoder_close(struct video_encoder **encoder)
{
    struct video_encoder *e = *encoder;
    if (!e)
        return;
    sws_freeContext(e->sws);
    av_frame_free(&e->picture);
    av_frame_free(&e->uploaded);
    avcodec_free_context(&e->codec);
    free(e);
    *encoder = NULL;
}

const struct AVCodecContext *video_encoder_context(const struct video_encoder *encoder)
{
    return encoder->codec;
}

/* ---- encoding ---- */

static ist_status check_depth(const ist_frame *frame, int depth, ist_error *error)
{
    for (int y = 0; y < frame->height; y++) {
        const uint16_t *row = (const uint16_t *)(const void *)(frame->data + y * frame->stride);
        for (int x = 0; x < frame->width; x++)
            if (row[x] >> depth)
                return error_set(error, IST_ERROR_ARGUMENT, "a sample of %d does not fit into the %d bits of the video",
                                 row[x], depth);
    }
    return IST_OK;
}

static ist_status fill_picture(struct video_encoder *e, const ist_frame *frame, ist_error *error)
{
    AVFrame *picture = e->picture;
    // The encoder may still hold the last picture; then this one must not be written over it.
    if (av_frame_make_writable(picture) < 0)
        return error_memory(error);
    if (e->sws) {
        const uint8_t *const rows[] = {frame->data};
        const int strides[] = {(int)frame->stride};
        sws_scale(e->sws, rows, strides, 0, picture->height, picture->data, picture->linesize);
        return IST_OK;
    }
    const size_t row_bytes = (size_t)(picture->width * frame->channels) * ist_pixel_size(frame->type);
    for (int y = 0; y < picture->height; y++)
        memcpy(picture->data[0] + (ptrdiff_t)y * picture->linesize[0], frame->data + y * frame->stride, row_bytes);
    const int depth = av_pix_fmt_desc_get(picture->format)->comp[0].depth;
    return frame->type == IST_PIXEL_U16 && depth < 16 ? check_depth(frame, depth, error) : IST_OK;
}

static int upload_picture(struct video_encoder *e)
{
    av_frame_unref(e->uploaded);
    int result = av_hwframe_get_buffer(e->codec->hw_frames_ctx, e->uploaded, 0);
    if (result >= 0)
        result = av_hwframe_transfer_data(e->uploaded, e->picture, 0);
    return result < 0 ? result : av_frame_copy_props(e->uploaded, e->picture);
}

ist_status video_encoder_encode(struct video_encoder *e, const ist_frame *frame, int64_t place, AVPacket *packet,
                                ist_error *error)
{
    const ist_status status = fill_picture(e, frame, error);
    if (status < 0)
        return status;
    e->picture->pts = e->frame_count++;
    e->picture->pict_type = place == 0 ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    e->picture->quality = e->codec->global_quality;
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    int result = e->uploaded ? upload_picture(e) : 0;
    if (result >= 0)
        result = avcodec_send_frame(e->codec, e->uploaded ? e->uploaded : e->picture);
    if (result >= 0)
        result = avcodec_receive_packet(e->codec, packet);
    ffmpeg_log_end(&log);
    if (result == AVERROR(EAGAIN))
        return error_set(error, IST_ERROR_ARGUMENT,
                         "encoder %s keeps frames back with these options, so that they would not be safe; "
                         "leave out look-ahead, B-frames and frame threads",
                         e->codec->codec->name);
    if (result < 0)
        return error_set(error, IST_ERROR_IO, "encoder %s: %s", e->codec->codec->name,
                         *log.message ? log.message : media_error_text(result));
    packet->pts = packet->dts = place; // none are reordered
    return IST_OK;
}
