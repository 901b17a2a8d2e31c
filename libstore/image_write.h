/* Pictures into the bytes of a file: the formats that a store of images is written in. */
#ifndef IMAGE_WRITE_H
#define IMAGE_WRITE_H

#include <libstore/frame.h>

#include "buffer.h"

/*
 * Puts the picture into `out`, in place of what was there. `quality` is for jpg, 1..100, 0: 95; the others are
 * lossless. IST_ERROR_ARGUMENT: channels or a type that the format cannot hold.
 */
typedef ist_status image_encode_function(const ist_frame *frame, int quality, struct buffer *out, ist_error *error);

/* For an extension without dot ("png"); NULL: the format is only read. */
image_encode_function *image_encoder_find(const char *extension);

image_encode_function image_encode_png;
image_encode_function image_encode_bmp;
image_encode_function image_encode_pnm; /* pgm of gray, ppm of coloured pictures */
image_encode_function image_encode_jpeg;
#ifdef IST_WITH_BLOSC
image_encode_function image_encode_bpk;
#endif

#endif
