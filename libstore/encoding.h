/* Raw data of cameras to BGR, bit for bit as OpenCV's cvtColor() does it. */
#ifndef ENCODING_H
#define ENCODING_H

#include <libstore/frame.h>

/*
 * One of imgstore's codes, "cv_bayerbg": "cv_", then what stands between COLOR_ and 2BGR in the name of OpenCV's
 * constant, and with "_" what stands behind it, all in lower case and without further underscores.
 * These are known:
 *
 *   cv_bayerbg cv_bayergb cv_bayerrg cv_bayergr       one sample a pixel behind colour filters, bilinear; 8 or 16 bit.
 *   cv_bayerrggb cv_bayergrbg cv_bayerbggr cv_bayergbrg   The letters are in the order of the second row of pixels,
 *                                                     beginning with the second; those of four begin at the first row.
 *   cv_gray cv_rgb cv_rgba cv_bgra                    8 or 16 bit
 *   cv_yuv_i420 _iyuv _yv12 _nv12 _nv21, cv_yuv420p (yv12), cv_yuv420sp (nv21)
 *                                                     planes one below the other: 3 rows of data for 2 of the picture
 *   cv_yuv_yuy2 _yuyv _yunv _uyvy _uynv _y422 _yvyu   two samples a pixel
 */
struct encoding;

/* NULL: this code is not known. */
const struct encoding *encoding_find(const char *code);

/*
 * Samples of raw data in a pixel: 1, 2, 3 or 4. Raw data of 2 and 4 come as frames with one channel, the samples of a
 * pixel side by side, so that they are 2 or 4 times as wide.
 */
int encoding_samples(const struct encoding *encoding);

/*
 * Size in pixels of the picture in raw data of `width` x `height` pixels. IST_ERROR_DATA: there is no picture in data
 * of this size: the YUV formats need an even width, those in planes a height that three divides.
 */
ist_status encoding_picture_size(const struct encoding *encoding, int width, int height, int *picture_width,
                                 int *picture_height, ist_error *error);

/* Converts; index, number and time of `picture` stay. IST_ERROR_DATA: the data are not of this encoding. */
ist_status encoding_decode(const struct encoding *encoding, const ist_frame *raw, ist_frame *picture, ist_error *error);

#endif
