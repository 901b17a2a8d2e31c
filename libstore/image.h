/* Formats of single pictures: the files in a directory store, and in a folder given as a source. */
#ifndef IMAGE_H
#define IMAGE_H

#include <libstore/frame.h>
#include <stdbool.h>

#include "buffer.h"

/* One format. Files are read and written elsewhere; a format turns bytes into pixels and back. */
struct image_format {
    const char *const *extensions; /* without dot, lower case, the one for writing first; NULL-terminated */
    bool lossless;
    bool holds_u16;

    /* Puts the picture into `out`, in place of what was there. NULL: this format is only read. */
    ist_status (*encode)(const ist_frame *frame, struct buffer *out, ist_error *error);

    /*
     * Takes the (first) picture out of the bytes; the frame's index, number and time stay. Gray stays gray, deep
     * samples stay deep; colour comes as BGR, alpha is dropped. IST_ERROR_DATA: damaged, or another format.
     */
    ist_status (*decode)(const uint8_t *data, size_t size, ist_frame *frame, ist_error *error);

    /*
     * Takes raw data with this many samples a pixel (2, 4) out of the bytes, as one channel with the samples of a pixel
     * side by side: the frame is `samples` times as wide. NULL: this format cannot hold such data.
     */
    ist_status (*decode_raw)(const uint8_t *data, size_t size, int samples, ist_frame *frame, ist_error *error);
};

/* Format for a file's name or extension, upper or lower case ("000001.TIF", "tif"); NULL: none. */
const struct image_format *image_format_find(const char *name);

/* Reads the picture in a file. */
ist_status image_read(const char *path, ist_frame *frame, ist_error *error);

#ifdef IST_WITH_BLOSC
extern const struct image_format image_bpk;
#endif
extern const struct image_format image_jpeg;
extern const struct image_format image_npy;
extern const struct image_format image_tiff;
extern const struct image_format image_ffmpeg;

#endif
