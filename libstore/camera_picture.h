/* From the bytes of a camera's picture to the pixels of an ist_frame. */
#ifndef CAMERA_PICTURE_H
#define CAMERA_PICTURE_H

#include <libstore/frame.h>
#include <stdbool.h>

#include "unpack.h"

/* How the pixels lie. */
enum camera_layout {
    CAMERA_GRAY8,
    CAMERA_GRAY16, /* little-endian, 9 to 16 bits: the values stay what they are */
    CAMERA_YUYV,
    CAMERA_UYVY,
    CAMERA_NV12,
    CAMERA_YUV420, /* three planes: luma, U, V */
    CAMERA_RGB,
    CAMERA_BGR,
    CAMERA_JPEG,
};

enum { CAMERA_PLANES_MAX = 3 };

struct camera_plane {
    const void *data;
    size_t size;   /* bytes in data */
    size_t stride; /* bytes from row to row; 0: nothing between them, not even the rest of a byte */
};

struct camera_picture {
    enum camera_layout layout;
    const struct packing *packing; /* of CAMERA_GRAY16; NULL: 16 bits each */
    int width, height;             /* px */
    bool full_range;               /* luma from 0 to 255 instead of 16 to 235 */
    struct camera_plane planes[CAMERA_PLANES_MAX];
    int plane_count; /* 0 or 1: all is in planes[0], one plane behind the other; else each has its own memory */
};

/* Thread-safety: one thread at a time. */
struct camera_converter;

/* NULL: out of memory. */
struct camera_converter *camera_converter_create(void);

/* Takes NULL. */
void camera_converter_destroy(struct camera_converter *converter);

/*
 * Converts; index, number and times of `frame` stay. With `gray` one channel, but for JPEG. A JPEG is decoded unless
 * `encoded`. IST_ERROR_DATA: the bytes are not all of such a picture.
 */
ist_status camera_picture_convert(struct camera_converter *converter, const struct camera_picture *picture, bool gray,
                                  bool encoded, ist_frame *frame, ist_error *error);

#endif
