#include "encoding.h"

#include <stdbool.h>
#include <string.h>

#include "error.h"

struct encoding {
    const char *code;
    int samples;
    bool holds_u16;
    bool in_planes; // YUV 4:2:0
    bool halves;    // chroma of half the width
    void (*decode)(const struct encoding *encoding, const ist_frame *raw, ist_frame *picture);
    // Bayer: column and row, 0 or 1, of a red pixel. YUV: where in the data the first of each lies.
    int first[3];
};

/*
 * Bayer
 */

static int sample_at(const ist_frame *raw, int x, int y)
{
    const uint8_t *row = raw->data + y * raw->stride;
    return raw->type == IST_PIXEL_U16 ? ((const uint16_t *)(const void *)row)[x] : row[x];
}

static void set_pixel(ist_frame *picture, int x, int y, int blue, int green, int red)
{
    uint8_t *row = picture->data + y * picture->stride;
    if (picture->type == IST_PIXEL_U16) {
        uint16_t *to = (uint16_t *)(void *)row + 3 * x;
        to[0] = (uint16_t)blue, to[1] = (uint16_t)green, to[2] = (uint16_t)red;
    } else {
        uint8_t *to = row + 3 * x;
        to[0] = (uint8_t)blue, to[1] = (uint8_t)green, to[2] = (uint8_t)red;
    }
}

static int mean_across(const ist_frame *raw, int x, int y)
{
    return (sample_at(raw, x - 1, y) + sample_at(raw, x + 1, y) + 1) >> 1;
}

static int mean_down(const ist_frame *raw, int x, int y)
{
    return (sample_at(raw, x, y - 1) + sample_at(raw, x, y + 1) + 1) >> 1;
}

static int mean_cross(const ist_frame *raw, int x, int y)
{
    return (sample_at(raw, x - 1, y) + sample_at(raw, x + 1, y) + sample_at(raw, x, y - 1) + sample_at(raw, x, y + 1) +
            2) >>
           2;
}

static int mean_corners(const ist_frame *raw, int x, int y)
{
    return (sample_at(raw, x - 1, y - 1) + sample_at(raw, x + 1, y - 1) + sample_at(raw, x - 1, y + 1) +
            sample_at(raw, x + 1, y + 1) + 2) >>
           2;
}

// What a pixel's own filter lets through is taken as it is, the other two colours are means of the neighbours.
static void demosaic_pixel(const struct encoding *e, const ist_frame *raw, ist_frame *picture, int x, int y)
{
    const int own = sample_at(raw, x, y);
    const bool red_column = (x & 1) == e->first[0], red_row = (y & 1) == e->first[1];
    if (red_column && red_row)
        set_pixel(picture, x, y, mean_corners(raw, x, y), mean_cross(raw, x, y), own);
    else if (!red_column && !red_row)
        set_pixel(picture, x, y, own, mean_cross(raw, x, y), mean_corners(raw, x, y));
    else if (red_row)
        set_pixel(picture, x, y, mean_down(raw, x, y), own, mean_across(raw, x, y));
    else
        set_pixel(picture, x, y, mean_across(raw, x, y), own, mean_down(raw, x, y));
}

// The pixels at the border have no neighbours on one side: they repeat those beside them. Pictures that are nothing but
// border are black.
static void decode_bayer(const struct encoding *encoding, const ist_frame *raw, ist_frame *picture)
{
    const int width = raw->width, height = raw->height;
    const size_t pixel = 3 * ist_pixel_size(raw->type);
    if (width < 3 || height < 3) {
        memset(picture->data, 0, (size_t)picture->stride * (size_t)height);
        return;
    }
    for (int y = 1; y < height - 1; y++) {
        for (int x = 1; x < width - 1; x++)
            demosaic_pixel(encoding, raw, picture, x, y);
        uint8_t *row = picture->data + y * picture->stride;
        memcpy(row, row + pixel, pixel);
        memcpy(row + (size_t)(width - 1) * pixel, row + (size_t)(width - 2) * pixel, pixel);
    }
    uint8_t *last = picture->data + (height - 1) * picture->stride;
    memcpy(picture->data, picture->data + picture->stride, (size_t)picture->stride);
    memcpy(last, last - picture->stride, (size_t)picture->stride);
}

/*
 * Other orders of channels: `first` are the places of blue, green and red in a pixel.
 */

static void decode_order(const struct encoding *encoding, const ist_frame *raw, ist_frame *picture)
{
    const size_t size = ist_pixel_size(raw->type);
    for (int y = 0; y < picture->height; y++) {
        const uint8_t *from = raw->data + y * raw->stride;
        uint8_t *to = picture->data + y * picture->stride;
        for (int x = 0; x < picture->width; x++, from += (size_t)encoding->samples * size)
            for (int c = 0; c < 3; c++, to += size)
                memcpy(to, from + (size_t)encoding->first[c] * size, size);
    }
}

/*
 * YUV, ITU-601 of limited range, in integers of 20 bits behind the point.
 */

enum { SHIFT = 20, HALF = 1 << (SHIFT - 1) };
enum { FROM_Y = 1220542, FROM_U_TO_B = 2116026, FROM_U_TO_G = -409993, FROM_V_TO_G = -852492, FROM_V_TO_R = 1673527 };

static uint8_t clip(int value)
{
    return value < 0 ? 0 : value > 255 ? 255 : (uint8_t)value;
}

static void yuv_to_bgr(uint8_t *to, int y, int u, int v)
{
    const int luma = (y > 16 ? y - 16 : 0) * FROM_Y;
    u -= 128;
    v -= 128;
    to[0] = clip((luma + HALF + FROM_U_TO_B * u) >> SHIFT);
    to[1] = clip((luma + HALF + FROM_V_TO_G * v + FROM_U_TO_G * u) >> SHIFT);
    to[2] = clip((luma + HALF + FROM_V_TO_R * v) >> SHIFT);
}

// Planes of their own: rows of half the width, two in a row of the data, which may begin in its middle.
// `first` tells which of the planes, 0 or 1, U and V are.
static void decode_planar(const struct encoding *encoding, const ist_frame *raw, ist_frame *picture)
{
    const int half_width = picture->width / 2, half_height = picture->height / 2;
    for (int y = 0; y < picture->height; y++) {
        const uint8_t *luma = raw->data + y * raw->stride;
        const uint8_t *chroma[2];
        for (int i = 0; i < 2; i++) {
            const int half_row = encoding->first[i] * half_height + y / 2;
            chroma[i] = raw->data + (picture->height + half_row / 2) * raw->stride + half_row % 2 * half_width;
        }
        uint8_t *to = picture->data + y * picture->stride;
        for (int x = 0; x < picture->width; x++, to += 3)
            yuv_to_bgr(to, luma[x], chroma[0][x / 2], chroma[1][x / 2]);
    }
}

// One plane of U and V in turns: `first` are the places of U and V.
static void decode_half_planar(const struct encoding *encoding, const ist_frame *raw, ist_frame *picture)
{
    for (int y = 0; y < picture->height; y++) {
        const uint8_t *luma = raw->data + y * raw->stride;
        const uint8_t *chroma = raw->data + (picture->height + y / 2) * raw->stride;
        uint8_t *to = picture->data + y * picture->stride;
        for (int x = 0; x < picture->width; x++, to += 3)
            yuv_to_bgr(to, luma[x], chroma[x / 2 * 2 + encoding->first[0]], chroma[x / 2 * 2 + encoding->first[1]]);
    }
}

// Four samples for two pixels: `first` are the places of the first Y, of U and of V; the second Y is two further.
static void decode_packed(const struct encoding *encoding, const ist_frame *raw, ist_frame *picture)
{
    for (int y = 0; y < picture->height; y++) {
        const uint8_t *from = raw->data + y * raw->stride;
        uint8_t *to = picture->data + y * picture->stride;
        for (int x = 0; x < picture->width; x += 2, from += 4, to += 6) {
            const int u = from[encoding->first[1]], v = from[encoding->first[2]];
            yuv_to_bgr(to, from[encoding->first[0]], u, v);
            yuv_to_bgr(to + 3, from[encoding->first[0] + 2], u, v);
        }
    }
}

/*
 * The codes
 */

#define BAYER(code, column, row)                                                                                       \
    {                                                                                                                  \
        code, 1, true, false, false, decode_bayer,                                                                     \
        {                                                                                                              \
            column, row, 0                                                                                             \
        }                                                                                                              \
    }
#define ORDER(code, samples, blue, green, red)                                                                         \
    {                                                                                                                  \
        code, samples, true, false, false, decode_order,                                                               \
        {                                                                                                              \
            blue, green, red                                                                                           \
        }                                                                                                              \
    }
#define PLANAR(code, u, v)                                                                                             \
    {                                                                                                                  \
        code, 1, false, true, true, decode_planar,                                                                     \
        {                                                                                                              \
            u, v, 0                                                                                                    \
        }                                                                                                              \
    }
#define HALF_PLANAR(code, u, v)                                                                                        \
    {                                                                                                                  \
        code, 1, false, true, true, decode_half_planar,                                                                \
        {                                                                                                              \
            u, v, 0                                                                                                    \
        }                                                                                                              \
    }
#define PACKED(code, y, u, v)                                                                                          \
    {                                                                                                                  \
        code, 2, false, false, true, decode_packed,                                                                    \
        {                                                                                                              \
            y, u, v                                                                                                    \
        }                                                                                                              \
    }

static const struct encoding encodings[] = {
    BAYER("cv_bayerbg", 0, 0),        BAYER("cv_bayerrggb", 0, 0),      BAYER("cv_bayergb", 1, 0),
    BAYER("cv_bayergrbg", 1, 0),      BAYER("cv_bayerrg", 1, 1),        BAYER("cv_bayerbggr", 1, 1),
    BAYER("cv_bayergr", 0, 1),        BAYER("cv_bayergbrg", 0, 1),

    ORDER("cv_gray", 1, 0, 0, 0),     ORDER("cv_rgb", 3, 2, 1, 0),      ORDER("cv_rgba", 4, 2, 1, 0),
    ORDER("cv_bgra", 4, 0, 1, 2),

    PLANAR("cv_yuv_i420", 0, 1),      PLANAR("cv_yuv_iyuv", 0, 1),      PLANAR("cv_yuv_yv12", 1, 0),
    PLANAR("cv_yuv420p", 1, 0),       HALF_PLANAR("cv_yuv_nv12", 0, 1), HALF_PLANAR("cv_yuv_nv21", 1, 0),
    HALF_PLANAR("cv_yuv420sp", 1, 0),

    PACKED("cv_yuv_yuy2", 0, 1, 3),   PACKED("cv_yuv_yuyv", 0, 1, 3),   PACKED("cv_yuv_yunv", 0, 1, 3),
    PACKED("cv_yuv_uyvy", 1, 0, 2),   PACKED("cv_yuv_uynv", 1, 0, 2),   PACKED("cv_yuv_y422", 1, 0, 2),
    PACKED("cv_yuv_yvyu", 0, 3, 1),
};

const struct encoding *encoding_find(const char *code)
{
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++)
        if (strcmp(encodings[i].code, code) == 0)
            return &encodings[i];
    return NULL;
}

int encoding_samples(const struct encoding *encoding)
{
    return encoding->samples;
}

ist_status encoding_picture_size(const struct encoding *encoding, int width, int height, int *picture_width,
                                 int *picture_height, ist_error *error)
{
    if (encoding->halves && width % 2 != 0)
        return error_set(error, IST_ERROR_DATA, "%s: data %d pixels wide: the width must be even", encoding->code,
                         width);
    if (encoding->in_planes && height % 3 != 0)
        return error_set(error, IST_ERROR_DATA, "%s: %d rows of data: the number must be a multiple of 3",
                         encoding->code, height);
    *picture_width = width;
    *picture_height = encoding->in_planes ? height / 3 * 2 : height;
    return IST_OK;
}

ist_status encoding_decode(const struct encoding *encoding, const ist_frame *raw, ist_frame *picture, ist_error *error)
{
    const bool side_by_side = encoding->samples != 3;
    const int samples = side_by_side ? encoding->samples : 1;
    if (raw->channels != (side_by_side ? 1 : 3) || raw->width % samples != 0)
        return error_set(error, IST_ERROR_DATA, "%s: data with %d channels", encoding->code, raw->channels);
    if (raw->type == IST_PIXEL_U16 && !encoding->holds_u16)
        return error_set(error, IST_ERROR_DATA, "%s: data of 16 bits", encoding->code);
    int width, height;
    ist_status status = encoding_picture_size(encoding, raw->width / samples, raw->height, &width, &height, error);
    if (status >= 0)
        status = ist_frame_alloc(picture, width, height, 3, raw->type, error);
    if (status >= 0)
        encoding->decode(encoding, raw, picture);
    return status;
}
