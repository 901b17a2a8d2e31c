#include "pixels.h"

#include <libavutil/frame.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "ffmpeg_log.h"
#include "line_map.h"

// What becomes of each luma where there is no colour, for one format and size; see convert_uncoloured().
struct gray_table {
    int width, height;
    enum AVPixelFormat format; // AV_PIX_FMT_NONE: not made yet
    bool usable;
    bool identical; // every value stays what it is
    bool is_line;   // and `line` says the same
    struct line_map line;
    uint8_t values[256];
};

struct pixel_converter {
    enum pixel_rule rule;
    struct SwsContext *sws;
    AVFrame *padded; // what swscale writes into, see convert_padded()
    // What `sws` was made for.
    int width, height;
    enum AVPixelFormat from, to;
    struct gray_table gray;
};

struct pixel_converter *pixel_converter_create(enum pixel_rule rule)
{
    struct pixel_converter *converter = calloc(1, sizeof *converter);
    AVFrame *padded = av_frame_alloc();
    if (!converter || !padded) {
        free(converter);
        av_frame_free(&padded);
        return NULL;
    }
    *converter = (struct pixel_converter){.rule = rule, .padded = padded, .from = AV_PIX_FMT_NONE};
    converter->gray.format = AV_PIX_FMT_NONE;
    return converter;
}

void pixel_converter_destroy(struct pixel_converter *converter)
{
    if (!converter)
        return;
    sws_freeContext(converter->sws);
    av_frame_free(&converter->padded);
    free(converter);
}

static bool is_gray(const AVPixFmtDescriptor *format)
{
    return format->nb_components <= 2 && !(format->flags & (AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_RGB));
}

// One sample of 9 to 16 bits in two bytes, nothing else: can be copied.
static bool is_deep_gray(const AVPixFmtDescriptor *format)
{
    const AVComponentDescriptor *luma = &format->comp[0];
    return format->nb_components == 1 && is_gray(format) && !(format->flags & AV_PIX_FMT_FLAG_FLOAT) &&
           luma->depth > 8 && luma->depth <= 16 && luma->step == 2 && luma->shift == 0;
}

struct pixel_layout pixel_layout_for(int format, bool gray)
{
    const AVPixFmtDescriptor *descriptor = av_pix_fmt_desc_get(format);
    if (!descriptor)
        return (struct pixel_layout){gray ? 1 : 3, IST_PIXEL_U8};
    return (struct pixel_layout){
        .channels = gray || is_gray(descriptor) ? 1 : 3,
        .type = descriptor->comp[0].depth > 8 ? IST_PIXEL_U16 : IST_PIXEL_U8,
    };
}

static enum AVPixelFormat format_of(struct pixel_layout layout)
{
    if (layout.channels == 1)
        return layout.type == IST_PIXEL_U16 ? AV_PIX_FMT_GRAY16 : AV_PIX_FMT_GRAY8;
    return layout.type == IST_PIXEL_U16 ? AV_PIX_FMT_BGR48 : AV_PIX_FMT_BGR24;
}

static void copy_rows(uint8_t *to, ptrdiff_t to_stride, const uint8_t *from, ptrdiff_t from_stride, size_t row_bytes,
                      int height)
{
    for (int y = 0; y < height; y++)
        memcpy(to + y * to_stride, from + y * from_stride, row_bytes);
}

static void copy_swapped(ist_frame *frame, const AVFrame *picture)
{
    for (int y = 0; y < frame->height; y++) {
        const uint8_t *from = picture->data[0] + (ptrdiff_t)y * picture->linesize[0];
        uint8_t *to = frame->data + y * frame->stride;
        for (int x = 0; x < 2 * frame->width; x += 2) {
            to[x] = from[x + 1];
            to[x + 1] = from[x];
        }
    }
}

static void copy_gray(ist_frame *frame, const AVFrame *picture, const AVPixFmtDescriptor *format)
{
    const bool big = format->flags & AV_PIX_FMT_FLAG_BE;
    const bool native_big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
    if (frame->type == IST_PIXEL_U16 && big != native_big)
        copy_swapped(frame, picture);
    else
        copy_rows(frame->data, frame->stride, picture->data[0], picture->linesize[0], (size_t)frame->stride,
                  frame->height);
}

// Chroma positions as libavfilter's scale filter gives them, which is what the ffmpeg command converts with.
static int vertical_chroma_position(enum pixel_rule rule, enum AVPixelFormat from)
{
    return rule == PIXEL_RULE_FFMPEG && from == AV_PIX_FMT_YUV420P ? 128 : -513;
}

static struct SwsContext *create_sws(enum pixel_rule rule, int width, int height, enum AVPixelFormat from,
                                     enum AVPixelFormat to)
{
    struct SwsContext *sws = sws_alloc_context();
    if (!sws)
        return NULL;
    av_opt_set_int(sws, "srcw", width, 0);
    av_opt_set_int(sws, "srch", height, 0);
    av_opt_set_int(sws, "src_format", from, 0);
    av_opt_set_int(sws, "dstw", width, 0);
    av_opt_set_int(sws, "dsth", height, 0);
    av_opt_set_int(sws, "dst_format", to, 0);
    av_opt_set_int(sws, "sws_flags", SWS_BICUBIC, 0);
    av_opt_set_int(sws, "src_v_chr_pos", vertical_chroma_position(rule, from), 0);
    if (sws_init_context(sws, NULL, NULL) < 0) {
        sws_freeContext(sws);
        return NULL;
    }
    return sws;
}

// As libavfilter's scale filter: unknown and RGB count as ITU-601.
static const int *matrix_of(enum AVColorSpace space)
{
    const bool known = space >= 1 && space <= 10 && space != AVCOL_SPC_YCGCO;
    return sws_getCoefficients(known ? (int)space : AVCOL_SPC_BT470BG);
}

static void set_colours(struct SwsContext *sws, const AVFrame *picture)
{
    int *from_matrix, *to_matrix;
    int from_full, to_full, brightness, contrast, saturation;
    if (sws_getColorspaceDetails(sws, &from_matrix, &from_full, &to_matrix, &to_full, &brightness, &contrast,
                                 &saturation) < 0)
        return;
    if (picture->color_range != AVCOL_RANGE_UNSPECIFIED)
        from_full = picture->color_range == AVCOL_RANGE_JPEG;
    const int *matrix = matrix_of(picture->colorspace);
    sws_setColorspaceDetails(sws, matrix, from_full, matrix, to_full, brightness, contrast, saturation);
}

static ist_status prepare(struct pixel_converter *converter, const AVFrame *picture, enum AVPixelFormat to,
                          ist_error *error)
{
    if (!converter->sws || converter->width != picture->width || converter->height != picture->height ||
        (int)converter->from != picture->format || converter->to != to) {
        sws_freeContext(converter->sws);
        converter->width = picture->width;
        converter->height = picture->height;
        converter->from = picture->format;
        converter->to = to;
        converter->sws = create_sws(converter->rule, picture->width, picture->height, picture->format, to);
    }
    if (!converter->sws) {
        const char *name = av_get_pix_fmt_name(picture->format);
        return error_set(error, IST_ERROR_UNSUPPORTED, "pixel format %s cannot be converted", name ? name : "unknown");
    }
    if (converter->rule == PIXEL_RULE_FFMPEG)
        set_colours(converter->sws, picture);
    return IST_OK;
}

// swscale takes another, slightly different way for the last pixels of a row that has no room behind it. The models
// both give it room, so every picture is converted into rows of a multiple of the cache line.
static ist_status convert_padded(struct pixel_converter *converter, const AVFrame *picture, ist_error *error)
{
    AVFrame *padded = converter->padded;
    if (padded->width != picture->width || padded->height != picture->height || padded->format != (int)converter->to) {
        av_frame_unref(padded);
        padded->width = picture->width;
        padded->height = picture->height;
        padded->format = converter->to;
        if (av_frame_get_buffer(padded, 64) < 0) {
            av_frame_unref(padded);
            return error_memory(error);
        }
    }
    if (sws_scale(converter->sws, (const uint8_t *const *)picture->data, picture->linesize, 0, picture->height,
                  padded->data, padded->linesize) < 0)
        return error_set(error, IST_ERROR_UNSUPPORTED, "swscale could not convert the picture");
    return IST_OK;
}

static ist_status convert(struct pixel_converter *converter, const AVFrame *picture, enum AVPixelFormat to,
                          ist_error *error)
{
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    ist_status status = prepare(converter, picture, to, error);
    if (status >= 0)
        status = convert_padded(converter, picture, error);
    ffmpeg_log_end(&log);
    return status;
}

// OpenCV's cvtColor(BGR2GRAY).
static void gray_from_bgr(ist_frame *frame, const AVFrame *bgr)
{
    for (int y = 0; y < frame->height; y++) {
        const uint8_t *from = bgr->data[0] + (ptrdiff_t)y * bgr->linesize[0];
        uint8_t *to = frame->data + y * frame->stride;
        for (int x = 0; x < frame->width; x++, from += 3)
            to[x] = (uint8_t)((from[0] * 3735 + from[1] * 19235 + from[2] * 9798 + 16384) >> 15);
    }
}

/*
 * Gray in a coloured format
 *
 * A picture whose chroma is 128 everywhere has the same gray for the same luma: a table does what two conversions do,
 * bit for bit. Whether that is so is tried out with the conversions themselves, once for a format and size.
 */

static bool is_planar_yuv(const AVPixFmtDescriptor *format)
{
    bool planar = format->nb_components == 3 && !(format->flags & AV_PIX_FMT_FLAG_RGB);
    for (int i = 0; i < 3 && planar; i++)
        planar = format->comp[i].plane == i && format->comp[i].depth == 8 && format->comp[i].step == 1;
    return planar;
}

static bool has_no_colour(const AVFrame *picture, const AVPixFmtDescriptor *format)
{
    enum { NEUTRAL = 128 };
    const int width = AV_CEIL_RSHIFT(picture->width, format->log2_chroma_w);
    const int height = AV_CEIL_RSHIFT(picture->height, format->log2_chroma_h);
    for (int plane = 1; plane < 3; plane++)
        for (int y = 0; y < height; y++) {
            const uint8_t *row = picture->data[plane] + (ptrdiff_t)y * picture->linesize[plane];
            // Every sample equals the one before it, and the first is neutral.
            if (row[0] != NEUTRAL || memcmp(row, row + 1, (size_t)width - 1) != 0)
                return false;
        }
    return true;
}

// Converts a picture of all lumas and no colour; false if one of them comes out in two ways.
static bool try_table(struct pixel_converter *converter, AVFrame *probe, int column_step, int row_step,
                      int16_t values[256])
{
    for (int y = 0; y < probe->height; y++)
        for (int x = 0; x < probe->width; x++)
            probe->data[0][y * probe->linesize[0] + x] = (uint8_t)(x * column_step + y * row_step);
    ist_frame gray = {0};
    bool same = convert(converter, probe, AV_PIX_FMT_BGR24, NULL) >= 0 &&
                ist_frame_alloc(&gray, probe->width, probe->height, 1, IST_PIXEL_U8, NULL) >= 0;
    if (same)
        gray_from_bgr(&gray, converter->padded);
    for (int y = 0; y < probe->height && same; y++)
        for (int x = 0; x < probe->width && same; x++) {
            int16_t *value = &values[probe->data[0][y * probe->linesize[0] + x]];
            const uint8_t got = gray.data[y * gray.stride + x];
            same = *value < 0 || *value == got;
            *value = got;
        }
    ist_frame_free(&gray);
    return same;
}

static void make_table(struct pixel_converter *converter, const AVFrame *picture)
{
    struct gray_table *table = &converter->gray;
    *table = (struct gray_table){.width = picture->width, .height = picture->height, .format = picture->format};
    AVFrame *probe = av_frame_alloc();
    int16_t values[256];
    memset(values, -1, sizeof values);
    if (probe) {
        probe->width = picture->width;
        probe->height = picture->height;
        probe->format = picture->format;
    }
    if (probe && av_frame_get_buffer(probe, 0) >= 0) {
        const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(probe->format);
        const size_t chroma_height = (size_t)AV_CEIL_RSHIFT(probe->height, format->log2_chroma_h);
        for (int plane = 1; plane < 3; plane++)
            memset(probe->data[plane], 128, (size_t)probe->linesize[plane] * chroma_height);
        table->usable = try_table(converter, probe, 1, 31, values) && try_table(converter, probe, 37, 1, values);
    }
    table->identical = table->usable;
    for (int i = 0; i < 256; i++) {
        table->usable &= values[i] >= 0;
        table->identical &= values[i] == i;
        table->values[i] = (uint8_t)values[i];
    }
    table->is_line = line_map_fit(&table->line, table->values);
    av_frame_free(&probe);
}

static void map_row(const struct gray_table *table, const uint8_t *from, uint8_t *to, size_t width)
{
    if (table->identical)
        memcpy(to, from, width);
    else if (table->is_line)
        line_map_apply(table->line, from, to, width);
    else
        for (size_t x = 0; x < width; x++)
            to[x] = table->values[from[x]];
}

// As the conversion to BGR and on to gray. Returns false, with nothing done, where the table does not serve.
static bool convert_uncoloured(struct pixel_converter *converter, const AVFrame *picture,
                               const AVPixFmtDescriptor *format, ist_frame *frame)
{
    if (!is_planar_yuv(format) || !has_no_colour(picture, format))
        return false;
    const struct gray_table *table = &converter->gray;
    if (table->width != picture->width || table->height != picture->height || (int)table->format != picture->format)
        make_table(converter, picture);
    for (int y = 0; y < frame->height && table->usable; y++)
        map_row(table, picture->data[0] + (ptrdiff_t)y * picture->linesize[0], frame->data + y * frame->stride,
                (size_t)frame->width);
    return table->usable;
}

ist_status pixel_converter_convert(struct pixel_converter *converter, const struct AVFrame *picture,
                                   struct pixel_layout layout, ist_frame *frame, ist_error *error)
{
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(picture->format);
    if (!format || (format->flags & AV_PIX_FMT_FLAG_HWACCEL))
        return error_set(error, IST_ERROR_UNSUPPORTED, "the decoder gave no pixels");
    ist_status status = ist_frame_alloc(frame, picture->width, picture->height, layout.channels, layout.type, error);
    if (status < 0)
        return status;

    const bool one_channel = layout.channels == 1;
    const bool deep = layout.type == IST_PIXEL_U16;
    if (one_channel && (deep ? is_deep_gray(format) : picture->format == AV_PIX_FMT_GRAY8)) {
        copy_gray(frame, picture, format);
        return IST_OK;
    }
    const bool weigh = one_channel && !deep && converter->rule == PIXEL_RULE_OPENCV;
    if (weigh && convert_uncoloured(converter, picture, format, frame))
        return IST_OK;
    status = convert(converter, picture, weigh ? AV_PIX_FMT_BGR24 : format_of(layout), error);
    if (status < 0)
        return status;
    const AVFrame *padded = converter->padded;
    if (weigh)
        gray_from_bgr(frame, padded);
    else
        copy_rows(frame->data, frame->stride, padded->data[0], padded->linesize[0], (size_t)frame->stride,
                  frame->height);
    return IST_OK;
}
