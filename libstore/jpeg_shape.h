/* What the header of a JPEG says, without decoding it. */
#ifndef JPEG_SHAPE_H
#define JPEG_SHAPE_H

#include <libstore/error.h>
#include <stddef.h>

struct jpeg_shape {
    int width, height; /* px */
    int channels;      /* 1 gray, 3 colour */
    size_t size;       /* bytes up to its end; what a camera put behind it is not counted */
};

/*
 * Looks through the segments before the picture and for the end behind it (ITU-T T.81, annex B). IST_ERROR_DATA: not a
 * JPEG, or not all of one. IST_ERROR_UNSUPPORTED: of a kind that not every player shows.
 */
ist_status jpeg_look(const void *bytes, size_t size, struct jpeg_shape *shape, ist_error *error);

#endif
