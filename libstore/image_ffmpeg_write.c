/* PNG and BMP by FFmpeg's encoders. */
#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
#include <stdbool.h>
#include <string.h>

#include "error.h"
#include "ffmpeg_log.h"
#include "image_write.h"

struct encoding {
    AVCodecContext *encoder;
    AVFrame *picture;
    AVPacket *packet;
};

/* Swaps blue and red, and the bytes of deep samples where the encoder wants the large one first. */
static void fill_row(const uint8_t *from, uint8_t *to, const ist_frame *frame, bool red_first)
{
    const bool swap_bytes = frame->type == IST_PIXEL_U16 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
    const size_t size = ist_pixel_size(frame->type);
    const int channels = frame->channels;
    for (int x = 0; x < frame->width; x++, from += (size_t)channels * size)
        for (int c = 0; c < channels; c++, to += size) {
            const uint8_t *sample = from + (size_t)(red_first ? channels - 1 - c : c) * size;
            to[0] = sample[swap_bytes];
            if (size == 2)
                to[1] = sample[!swap_bytes];
        }
}

static ist_status fill_picture(struct encoding *e, const ist_frame *frame, enum AVPixelFormat format, ist_error *error)
{
    e->picture->format = format;
    e->picture->width = frame->width;
    e->picture->height = frame->height;
    if (av_frame_get_buffer(e->picture, 0) < 0)
        return error_memory(error);
    const bool red_first = format == AV_PIX_FMT_RGB24 || format == AV_PIX_FMT_RGB48BE;
    const bool plain = frame->type == IST_PIXEL_U8 && !red_first;
    for (int y = 0; y < frame->height; y++) {
        const uint8_t *from = frame->data + y * frame->stride;
        uint8_t *to = e->picture->data[0] + (ptrdiff_t)y * e->picture->linesize[0];
        if (plain)
            memcpy(to, from, (size_t)frame->width * (size_t)frame->channels);
        else
            fill_row(from, to, frame, red_first);
    }
    return IST_OK;
}

static int run_encoder(struct encoding *e, const AVCodec *codec)
{
    e->encoder->width = e->picture->width;
    e->encoder->height = e->picture->height;
    e->encoder->pix_fmt = e->picture->format;
    e->encoder->time_base = (AVRational){1, 1};
    e->encoder->thread_count = 1;
    e->encoder->log_level_offset = FFMPEG_LOG_OFFSET;
    // For png: as OpenCV does it, which is fast and not much larger.
    e->encoder->compression_level = 1;
    av_opt_set(e->encoder->priv_data, "pred", "sub", 0);
    int result = avcodec_open2(e->encoder, codec, NULL);
    if (result >= 0)
        result = avcodec_send_frame(e->encoder, e->picture);
    if (result >= 0)
        result = avcodec_receive_packet(e->encoder, e->packet);
    return result;
}

static ist_status encode(const ist_frame *frame, enum AVCodecID id, enum AVPixelFormat format, struct buffer *out,
                         ist_error *error)
{
    const AVCodec *codec = avcodec_find_encoder(id);
    if (!codec)
        return error_set(error, IST_ERROR_NOT_FOUND, "this FFmpeg cannot write %s", avcodec_get_name(id));
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    struct encoding e = {avcodec_alloc_context3(codec), av_frame_alloc(), av_packet_alloc()};
    ist_status status =
        e.encoder && e.picture && e.packet ? fill_picture(&e, frame, format, error) : error_memory(error);
    if (status >= 0 && run_encoder(&e, codec) < 0)
        status = error_set(error, IST_ERROR_IO, "%s: %s", codec->name, *log.message ? log.message : "cannot encode");
    out->size = 0;
    if (status >= 0)
        status = buffer_append(out, e.packet->data, (size_t)e.packet->size, error);
    avcodec_free_context(&e.encoder);
    av_frame_free(&e.picture);
    av_packet_free(&e.packet);
    ffmpeg_log_end(&log);
    return status;
}

ist_status image_encode_png(const ist_frame *frame, int quality, struct buffer *out, ist_error *error)
{
    (void)quality;
    const bool deep = frame->type == IST_PIXEL_U16;
    const enum AVPixelFormat format = frame->channels == 1 ? deep ? AV_PIX_FMT_GRAY16BE : AV_PIX_FMT_GRAY8
                                      : deep               ? AV_PIX_FMT_RGB48BE
                                                           : AV_PIX_FMT_RGB24;
    return encode(frame, AV_CODEC_ID_PNG, format, out, error);
}

ist_status image_encode_bmp(const ist_frame *frame, int quality, struct buffer *out, ist_error *error)
{
    (void)quality;
    if (frame->type != IST_PIXEL_U8)
        return error_set(error, IST_ERROR_ARGUMENT, "bmp holds 8 bits");
    return encode(frame, AV_CODEC_ID_BMP, frame->channels == 1 ? AV_PIX_FMT_GRAY8 : AV_PIX_FMT_BGR24, out, error);
}
