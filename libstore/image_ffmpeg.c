// The common formats of pictures, read by FFmpeg's decoders. What they are is told by their first bytes: the names
// of files lie now and then.
//
// JPEG comes as the ffmpeg command shows it. libjpeg, which OpenCV and imgstore use, differs by a level in gray and by
// much more at the edges of colours, whose samples it smooths.

#include "image.h"

#include <ctype.h>
#include <libavcodec/avcodec.h>
#include <libavutil/mem.h>
#include <limits.h>
#include <string.h>

#include "error.h"
#include "ffmpeg_log.h"
#include "pixels.h"

static const struct signature {
    const char *bytes;
    size_t size;
    enum AVCodecID codec;
} signatures[] = {
    {"\x89PNG\r\n\x1a\n", 8, AV_CODEC_ID_PNG},
    {"BM", 2, AV_CODEC_ID_BMP},
    {"P1", 2, AV_CODEC_ID_PBM},
    {"P2", 2, AV_CODEC_ID_PGM},
    {"P3", 2, AV_CODEC_ID_PPM},
    {"P4", 2, AV_CODEC_ID_PBM},
    {"P5", 2, AV_CODEC_ID_PGM},
    {"P6", 2, AV_CODEC_ID_PPM},
    {"P7", 2, AV_CODEC_ID_PAM},
    {"RIFF", 4, AV_CODEC_ID_WEBP},
    {"GIF8", 4, AV_CODEC_ID_GIF},
};

static const AVCodec *find_decoder(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++)
        if (size >= signatures[i].size && memcmp(data, signatures[i].bytes, signatures[i].size) == 0)
            return avcodec_find_decoder(signatures[i].codec);
    return NULL;
}

// Takes the next number of a PNM's header, behind spaces and comments; -1: there is none.
static int64_t take_number(const uint8_t **at, const uint8_t *end)
{
    const uint8_t *p = *at;
    while (p < end && (isspace(*p) || *p == '#'))
        if (*p++ == '#')
            while (p < end && *p != '\n')
                p++;
    const uint8_t *digits = p;
    int64_t value = 0;
    for (; p < end && isdigit(*p) && p - digits < 6; p++)
        value = value * 10 + *p - '0';
    *at = p;
    return p > digits ? value : -1;
}

// A binary PNM has no checksum, but in a damaged header the sizes do not fit together.
static bool has_size_of_its_header(const uint8_t *data, size_t size)
{
    if (size < 3 || data[0] != 'P' || data[1] < '4' || data[1] > '6')
        return true;
    const uint8_t *at = data + 2, *end = data + size;
    const int64_t width = take_number(&at, end), height = take_number(&at, end);
    const int64_t top = data[1] == '4' ? 1 : take_number(&at, end);
    const int64_t row_bytes = data[1] == '4' ? (width + 7) / 8 : width * (data[1] == '6' ? 3 : 1) * (top > 255 ? 2 : 1);
    return width > 0 && height > 0 && top > 0 && end - at == 1 + row_bytes * height;
}

struct decoding {
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *picture;
    struct pixel_converter *converter;
};

static ist_status prepare(struct decoding *decoding, const AVCodec *codec, const uint8_t *data, size_t size,
                          ist_error *error)
{
    decoding->decoder = avcodec_alloc_context3(codec);
    decoding->packet = av_packet_alloc();
    decoding->picture = av_frame_alloc();
    decoding->converter = pixel_converter_create(PIXEL_RULE_FFMPEG);
    // A packet of its own: decoders read some bytes behind the end.
    if (!decoding->decoder || !decoding->packet || !decoding->picture || !decoding->converter ||
        av_new_packet(decoding->packet, (int)size) < 0)
        return error_memory(error);
    memcpy(decoding->packet->data, data, size);
    decoding->decoder->log_level_offset = FFMPEG_LOG_OFFSET;
    decoding->decoder->thread_count = 1;
    // A picture of which a part is missing is no picture.
    decoding->decoder->err_recognition = AV_EF_EXPLODE | AV_EF_CRCCHECK;
    return IST_OK;
}

static int decode(struct decoding *decoding, const AVCodec *codec)
{
    int code = avcodec_open2(decoding->decoder, codec, NULL);
    if (code >= 0)
        code = avcodec_send_packet(decoding->decoder, decoding->packet);
    if (code >= 0)
        code = avcodec_send_packet(decoding->decoder, NULL);
    if (code >= 0)
        code = avcodec_receive_frame(decoding->decoder, decoding->picture);
    return code;
}

// OpenCV and others write gray BMP files as 256 colours that all are gray.
static bool has_gray_palette(const AVFrame *picture)
{
    if (picture->format != AV_PIX_FMT_PAL8)
        return false;
    for (size_t i = 0; i < 256; i++) {
        uint32_t argb;
        memcpy(&argb, picture->data[1] + 4 * i, sizeof argb);
        if ((argb & 0xff) != (argb >> 8 & 0xff) || (argb & 0xff) != (argb >> 16 & 0xff))
            return false;
    }
    return true;
}

static ist_status look_up_gray(const AVFrame *picture, ist_frame *frame, ist_error *error)
{
    const ist_status status = ist_frame_alloc(frame, picture->width, picture->height, 1, IST_PIXEL_U8, error);
    for (int y = 0; y < picture->height && status >= 0; y++) {
        const uint8_t *from = picture->data[0] + (ptrdiff_t)y * picture->linesize[0];
        for (int x = 0; x < picture->width; x++) {
            uint32_t argb;
            memcpy(&argb, picture->data[1] + 4 * from[x], sizeof argb);
            frame->data[y * frame->stride + x] = (uint8_t)argb;
        }
    }
    return status;
}

static ist_status deliver(const struct decoding *decoding, ist_frame *frame, ist_error *error)
{
    const AVFrame *picture = decoding->picture;
    if (has_gray_palette(picture))
        return look_up_gray(picture, frame, error);
    return pixel_converter_convert(decoding->converter, picture, pixel_layout_for(picture->format, false), frame,
                                   error);
}

static void finish(struct decoding *decoding)
{
    avcodec_free_context(&decoding->decoder);
    av_packet_free(&decoding->packet);
    av_frame_free(&decoding->picture);
    pixel_converter_destroy(decoding->converter);
}

static ist_status decode_ffmpeg(const uint8_t *data, size_t size, ist_frame *frame, ist_error *error)
{
    if (size >= 3 && memcmp(data, "\xff\xd8\xff", 3) == 0)
        return image_jpeg.decode(data, size, frame, error);
    const AVCodec *codec = find_decoder(data, size);
    if (!codec || size > INT_MAX - AV_INPUT_BUFFER_PADDING_SIZE)
        return error_set(error, IST_ERROR_DATA, "not a picture of a known format");
    if (!has_size_of_its_header(data, size))
        return error_set(error, IST_ERROR_DATA, "%s: the file has not the size that its header says", codec->name);

    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    struct decoding decoding = {0};
    ist_status status = prepare(&decoding, codec, data, size, error);
    const int code = status < 0 ? 0 : decode(&decoding, codec);
    if (code == AVERROR(ENOMEM))
        status = error_memory(error);
    else if (code < 0)
        status = error_set(error, IST_ERROR_DATA, "%s: %s", codec->name,
                           log.message[0] ? log.message : "damaged or cut off");
    if (status >= 0)
        status = deliver(&decoding, frame, error);
    finish(&decoding);
    ffmpeg_log_end(&log);
    return status;
}

const struct image_format image_ffmpeg = {
    .extensions = (const char *const[]){"png", "bmp", "pgm", "ppm", "pbm", "pnm", "pam", "webp", "gif", NULL},
    .decode = decode_ffmpeg,
};
