/* From a picture that FFmpeg decoded to the pixels of an ist_frame. */
#ifndef PIXELS_H
#define PIXELS_H

#include <libstore/frame.h>
#include <stdbool.h>

struct AVFrame;

/* How YUV becomes BGR. */
enum pixel_rule {
    /* Bit for bit as the command `ffmpeg -pix_fmt bgr24` (bgr48, gray): the file's own matrix and range. */
    PIXEL_RULE_FFMPEG,
    /*
     * Bit for bit as OpenCV's VideoCapture: always the ITU-601 matrix, full range only if the pixel format says so;
     * gray is (B*3735 + G*19235 + R*9798 + 16384) >> 15 of the BGR picture. Files of gray pixels keep their values.
     */
    PIXEL_RULE_OPENCV,
};

/* What an ist_frame holds of each pixel. */
struct pixel_layout {
    int channels; /* 1 or 3 */
    ist_pixel_type type;
};

/*
 * Converts pictures; keeps what can be used again for the next picture of the same format and size.
 * Thread-safety: one thread at a time.
 */
struct pixel_converter;

/* NULL: out of memory. */
struct pixel_converter *pixel_converter_create(enum pixel_rule rule);

/* Takes NULL. */
void pixel_converter_destroy(struct pixel_converter *converter);

/*
 * The layout that loses least: gray stays gray, more than 8 bits become 16. With `gray` always one channel.
 * `format` is an enum AVPixelFormat.
 */
struct pixel_layout pixel_layout_for(int format, bool gray);

/*
 * Converts a picture into `frame` in this layout, rows packed; index, number and time stay.
 *
 * A gray picture of more than 8 bits keeps its values when IST_PIXEL_U16 is asked for (12 bits: 0..4095); every other
 * conversion to 16 bit goes to 0..65535. IST_ERROR_UNSUPPORTED: a pixel format that swscale cannot read.
 */
ist_status pixel_converter_convert(struct pixel_converter *converter, const struct AVFrame *picture,
                                   struct pixel_layout layout, ist_frame *frame, ist_error *error);

#endif
