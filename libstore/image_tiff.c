#include "image.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

#include "error.h"
#include "tiff_page_write.h"
#include "tiff_pages.h"

enum { STRIP_BYTES = 64 << 10 };

// A file that grows in a buffer, for libtiff's calls.
struct target {
    struct buffer *out;
    size_t position;
    char message[200];
};

static int keep_message(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments)
    __attribute__((format(printf, 4, 0)));

static int keep_message(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments)
{
    (void)tiff, (void)module;
    struct target *target = user;
    vsnprintf(target->message, sizeof target->message, format, arguments);
    return 1; // libtiff's own handlers, which print, are not called
}

static tmsize_t read_target(thandle_t handle, void *to, tmsize_t size)
{
    struct target *target = handle;
    const size_t left = target->position < target->out->size ? target->out->size - target->position : 0;
    const size_t count = (size_t)size < left ? (size_t)size : left;
    if (count)
        memcpy(to, target->out->data + target->position, count);
    target->position += count;
    return (tmsize_t)count;
}

static tmsize_t write_target(thandle_t handle, void *from, tmsize_t size)
{
    struct target *target = handle;
    const size_t end = target->position + (size_t)size;
    if (buffer_reserve(target->out, end, NULL) < 0)
        return -1;
    if (target->position > target->out->size)
        memset(target->out->data + target->out->size, 0, target->position - target->out->size);
    memcpy(target->out->data + target->position, from, (size_t)size);
    target->position = end;
    if (end > target->out->size)
        target->out->size = end;
    return size;
}

static toff_t seek_target(thandle_t handle, toff_t offset, int whence)
{
    struct target *target = handle;
    const size_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? target->position : target->out->size;
    return target->position = base + (size_t)offset;
}

static toff_t size_of_target(thandle_t handle)
{
    const struct target *target = handle;
    return target->out->size;
}

static int close_nothing(thandle_t handle)
{
    (void)handle;
    return 0;
}

static TIFF *open_target(struct target *target)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options)
        return NULL;
    TIFFOpenOptionsSetErrorHandlerExtR(options, keep_message, target);
    TIFFOpenOptionsSetWarningHandlerExtR(options, keep_message, target);
    TIFF *tiff = TIFFClientOpenExt("memory", "wm", target, read_target, write_target, seek_target, close_nothing,
                                   size_of_target, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    return tiff;
}

/* The shape of a page, and how its rows are had as TIFF wants them. */
struct page {
    int width, height, samples; /* samples of a pixel */
    size_t sample_size;
    int sample_format, predictor;
    void (*pack_row)(const void *pixels, int y, uint8_t *to);
    const void *pixels;
};

static size_t row_bytes_of(const struct page *page)
{
    return (size_t)page->width * (size_t)page->samples * page->sample_size;
}

static int strip_rows_of(const struct page *page)
{
    const size_t row_bytes = row_bytes_of(page);
    const int rows = row_bytes < STRIP_BYTES ? (int)(STRIP_BYTES / row_bytes) : 1;
    return rows < page->height ? rows : page->height;
}

// Deflate at its fastest: against LZW, which OpenCV writes, it packs a little better, unpacks in half of the time,
// and does not make noise of 16 bits larger than it was.
static bool set_fields(TIFF *tiff, const struct page *page)
{
    return TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, (uint32_t)page->width) &&
           TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, (uint32_t)page->height) &&
           TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, (int)(8 * page->sample_size)) &&
           TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, page->samples) &&
           TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, page->sample_format) &&
           TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, page->samples == 1 ? PHOTOMETRIC_MINISBLACK : PHOTOMETRIC_RGB) &&
           TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) &&
           TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE) &&
           TIFFSetField(tiff, TIFFTAG_ZIPQUALITY, 1) && TIFFSetField(tiff, TIFFTAG_PREDICTOR, page->predictor) &&
           TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, (uint32_t)strip_rows_of(page));
}

// Whole strips, because libtiff then has them compressed in one go by the faster libdeflate. Its predictor works in
// place, so all rows are copied.
static bool write_strips(TIFF *tiff, const struct page *page)
{
    const size_t row_bytes = row_bytes_of(page);
    const int strip_rows = strip_rows_of(page);
    uint8_t *strip = malloc(row_bytes * (size_t)strip_rows);
    bool written = strip != NULL;
    for (int y = 0, i = 0; y < page->height && written; y += strip_rows, i++) {
        const int left = page->height - y;
        const int rows = left < strip_rows ? left : strip_rows;
        for (int j = 0; j < rows; j++)
            page->pack_row(page->pixels, y + j, strip + (size_t)j * row_bytes);
        written = TIFFWriteEncodedStrip(tiff, (uint32_t)i, strip, (tmsize_t)(row_bytes * (size_t)rows)) >= 0;
    }
    free(strip);
    return written;
}

// A row of a frame: red first.
static void pack_frame_row(const void *pixels, int y, uint8_t *to)
{
    const ist_frame *frame = pixels;
    const uint8_t *from = frame->data + y * frame->stride;
    const size_t size = ist_pixel_size(frame->type);
    if (frame->channels == 1) {
        memcpy(to, from, (size_t)frame->width * size);
        return;
    }
    for (int x = 0; x < frame->width; x++, from += 3 * size, to += 3 * size) {
        memcpy(to, from + 2 * size, size);
        memcpy(to + size, from + size, size);
        memcpy(to + 2 * size, from, size);
    }
}

bool tiff_page_write(TIFF *tiff, const ist_frame *frame)
{
    const struct page page = {
        .width = frame->width,
        .height = frame->height,
        .samples = frame->channels,
        .sample_size = ist_pixel_size(frame->type),
        .sample_format = SAMPLEFORMAT_UINT,
        .predictor = PREDICTOR_HORIZONTAL,
        .pack_row = pack_frame_row,
        .pixels = frame,
    };
    return set_fields(tiff, &page) && write_strips(tiff, &page);
}

struct floats {
    const float *first;
    int width;
};

static void pack_float_row(const void *pixels, int y, uint8_t *to)
{
    const struct floats *floats = pixels;
    memcpy(to, floats->first + (ptrdiff_t)y * floats->width, (size_t)floats->width * sizeof(float));
}

bool tiff_page_write_floats(TIFF *tiff, const float *pixels, int width, int height)
{
    const struct page page = {
        .width = width,
        .height = height,
        .samples = 1,
        .sample_size = sizeof(float),
        .sample_format = SAMPLEFORMAT_IEEEFP,
        .predictor = PREDICTOR_NONE,
        .pack_row = pack_float_row,
        .pixels = &(struct floats){pixels, width},
    };
    return set_fields(tiff, &page) && write_strips(tiff, &page);
}

static ist_status encode_tiff(const ist_frame *frame, struct buffer *out, ist_error *error)
{
    struct target target = {.out = out};
    out->size = 0;
    TIFF *tiff = open_target(&target);
    if (!tiff)
        return error_memory(error);
    const bool written = tiff_page_write(tiff, frame) && TIFFFlush(tiff);
    TIFFClose(tiff);
    if (!written)
        return error_set(error, IST_ERROR_IO, "tiff: %s", target.message[0] ? target.message : "cannot be written");
    return IST_OK;
}

static ist_status decode_tiff(const uint8_t *data, size_t size, ist_frame *frame, ist_error *error)
{
    struct tiff_pages *pages;
    ist_status status = tiff_pages_open(&pages, data, size, error);
    if (status >= 0)
        status = tiff_pages_read(pages, frame, error);
    tiff_pages_close(&pages);
    return status;
}

const struct image_format image_tiff = {
    .extensions = (const char *const[]){"tif", "tiff", NULL},
    .lossless = true,
    .holds_u16 = true,
    .encode = encode_tiff,
    .decode = decode_tiff,
};
