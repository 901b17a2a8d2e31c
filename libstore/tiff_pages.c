#include "tiff_pages.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tiffio.h>

#include "error.h"

enum { GUARD_BYTES = 64 << 20 };

struct tiff_pages {
    TIFF *tiff;
    size_t file_size;
    // The file in memory, for libtiff's calls; data is NULL for a file on disk.
    const uint8_t *data;
    toff_t position;
    bool lacks_values; // the page's directory could not be read in full
    char message[200]; // the first error of libtiff on this page
    uint8_t *block;    // one strip or tile, decoded
    size_t block_capacity;
};

// How a page's samples lie in the file.
struct layout {
    uint32_t width, height;
    uint16_t bits, samples, photometric, planar, sample_format, compression;
    bool tiled;
    uint32_t block_width, block_height;
    uint16_t *palette[3];
    int channels; // in the frame
    ist_pixel_type type;
};

static int keep_message(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments)
    __attribute__((format(printf, 4, 0)));
static int look_at_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments)
    __attribute__((format(printf, 4, 0)));

static int keep_message(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments)
{
    (void)tiff, (void)module;
    struct tiff_pages *pages = user;
    if (!pages->message[0]) // the first one is the cause
        vsnprintf(pages->message, sizeof pages->message, format, arguments);
    return 1; // libtiff's own handlers, which print, are not called
}

// libtiff warns of all sorts of harmless things, and of values that lie behind the end of the file: it would go on
// without a palette then, and gray would come out where colour is.
static int look_at_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments)
{
    struct tiff_pages *pages = user;
    if (strncmp(format, "IO error", strlen("IO error")) == 0) {
        pages->lacks_values = true;
        keep_message(tiff, user, module, format, arguments);
    }
    return 1;
}

static ist_status fail(const struct tiff_pages *pages, ist_error *error)
{
    return error_set(error, IST_ERROR_DATA, "tiff: %s", pages->message[0] ? pages->message : "damaged");
}

static TIFFOpenOptions *create_options(void *user)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (options) {
        TIFFOpenOptionsSetErrorHandlerExtR(options, keep_message, user);
        TIFFOpenOptionsSetWarningHandlerExtR(options, look_at_warning, user);
    }
    return options;
}

static tmsize_t read_memory(thandle_t handle, void *to, tmsize_t size)
{
    struct tiff_pages *pages = handle;
    const size_t left = pages->position < pages->file_size ? pages->file_size - (size_t)pages->position : 0;
    const size_t count = (size_t)size < left ? (size_t)size : left;
    if (count)
        memcpy(to, pages->data + pages->position, count);
    pages->position += count;
    return (tmsize_t)count;
}

static tmsize_t refuse_write(thandle_t handle, void *from, tmsize_t size)
{
    (void)handle, (void)from, (void)size;
    return -1;
}

static toff_t seek_memory(thandle_t handle, toff_t offset, int whence)
{
    struct tiff_pages *pages = handle;
    const toff_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? pages->position : pages->file_size;
    return pages->position = base + offset;
}

static toff_t size_of_memory(thandle_t handle)
{
    const struct tiff_pages *pages = handle;
    return pages->file_size;
}

static int close_nothing(thandle_t handle)
{
    (void)handle;
    return 0;
}

static struct tiff_pages *create_pages(const uint8_t *data, size_t size)
{
    struct tiff_pages *pages = calloc(1, sizeof *pages);
    if (pages) {
        pages->data = data;
        pages->file_size = size;
    }
    return pages;
}

ist_status tiff_pages_open(struct tiff_pages **out, const uint8_t *data, size_t size, ist_error *error)
{
    *out = NULL;
    struct tiff_pages *pages = create_pages(data, size);
    TIFFOpenOptions *options = create_options(pages);
    if (!pages || !options) {
        free(pages);
        TIFFOpenOptionsFree(options);
        return error_memory(error);
    }
    // "m": no memory map, the bytes are in memory already.
    pages->tiff = TIFFClientOpenExt("memory", "rm", pages, read_memory, refuse_write, seek_memory, close_nothing,
                                    size_of_memory, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    if (!pages->tiff) {
        const ist_status status = fail(pages, error);
        free(pages);
        return status;
    }
    *out = pages;
    return IST_OK;
}

ist_status tiff_pages_open_file(struct tiff_pages **out, const char *path, ist_error *error)
{
    *out = NULL;
    struct stat info;
    if (stat(path, &info) < 0)
        return error_errno(error, errno, "%s", path);
    struct tiff_pages *pages = create_pages(NULL, (size_t)info.st_size);
    TIFFOpenOptions *options = create_options(pages);
    if (!pages || !options) {
        free(pages);
        TIFFOpenOptionsFree(options);
        return error_memory(error);
    }
    errno = 0;
    // "m": a file that someone cuts short while it is mapped would end the process.
    pages->tiff = TIFFOpenExt(path, "rm", options);
    const int reason = errno;
    TIFFOpenOptionsFree(options);
    if (!pages->tiff) {
        const ist_status status = reason == EACCES ? error_errno(error, reason, "%s", path)
                                                   : error_prefix(error, fail(pages, error), "%s", path);
        free(pages);
        return status;
    }
    *out = pages;
    return IST_OK;
}

void tiff_pages_close(struct tiff_pages **pages)
{
    if (!*pages)
        return;
    TIFFClose((*pages)->tiff);
    free((*pages)->block);
    free(*pages);
    *pages = NULL;
}

ist_status tiff_pages_advance(struct tiff_pages *pages, ist_error *error)
{
    pages->message[0] = '\0';
    pages->lacks_values = false;
    if (TIFFLastDirectory(pages->tiff))
        return IST_END;
    return TIFFReadDirectory(pages->tiff) ? IST_OK : fail(pages, error);
}

uint64_t tiff_pages_place(const struct tiff_pages *pages)
{
    return TIFFCurrentDirOffset(pages->tiff);
}

ist_status tiff_pages_go(struct tiff_pages *pages, uint64_t place, ist_error *error)
{
    pages->message[0] = '\0';
    pages->lacks_values = false;
    return TIFFSetSubDirectory(pages->tiff, place) ? IST_OK : fail(pages, error);
}

// True for what the code below takes apart itself; the rest is left to libtiff's RGBA reader.
static bool choose_frame(struct layout *layout)
{
    const bool is_gray = layout->photometric == PHOTOMETRIC_MINISBLACK || layout->photometric == PHOTOMETRIC_MINISWHITE;
    const bool is_rgb = layout->photometric == PHOTOMETRIC_RGB && layout->samples >= 3;
    const bool is_palette = layout->photometric == PHOTOMETRIC_PALETTE && layout->palette[0];
    if (layout->samples < 1 || layout->bits < 1)
        return false;
    layout->channels = is_gray ? 1 : 3;
    layout->type = layout->bits > 8 && !is_palette ? IST_PIXEL_U16 : IST_PIXEL_U8;
    if (is_rgb)
        return layout->bits == 8 || layout->bits == 16;
    return (is_gray && layout->bits <= 16) || (is_palette && (layout->bits <= 8 || layout->bits == 16));
}

static ist_status read_layout(struct tiff_pages *pages, struct layout *layout, ist_error *error)
{
    TIFF *tiff = pages->tiff;
    *layout = (struct layout){0};
    if (!TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &layout->width) ||
        !TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &layout->height) || !layout->width || !layout->height ||
        layout->width > 65535 || layout->height > 65535)
        return error_set(error, IST_ERROR_DATA, "tiff: a picture of %u x %u pixels", (unsigned)layout->width,
                         (unsigned)layout->height);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &layout->bits);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &layout->samples);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &layout->planar);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &layout->sample_format);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &layout->compression);
    if (!TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &layout->photometric))
        layout->photometric = layout->samples >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
    if (layout->photometric == PHOTOMETRIC_PALETTE && layout->bits <= 16)
        TIFFGetField(tiff, TIFFTAG_COLORMAP, &layout->palette[0], &layout->palette[1], &layout->palette[2]);

    layout->tiled = TIFFIsTiled(tiff);
    layout->block_width = layout->width;
    if (layout->tiled) {
        TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &layout->block_width);
        TIFFGetField(tiff, TIFFTAG_TILELENGTH, &layout->block_height);
    } else {
        TIFFGetFieldDefaulted(tiff, TIFFTAG_ROWSPERSTRIP, &layout->block_height);
        if (layout->block_height > layout->height)
            layout->block_height = layout->height;
    }
    const uint32_t block_limit = 1 << 20;
    if (!layout->block_width || !layout->block_height || layout->block_width > block_limit ||
        layout->block_height > block_limit)
        return fail(pages, error);
    if (layout->sample_format != SAMPLEFORMAT_UINT && layout->sample_format != SAMPLEFORMAT_VOID)
        return error_set(error, IST_ERROR_UNSUPPORTED, "tiff: signed, floating-point or complex samples");
    return IST_OK;
}

// A few damaged bytes can claim a picture of gigabytes. No compression makes more than some thousand bytes of one.
static ist_status check_size(const struct tiff_pages *pages, const struct layout *layout, ist_error *error)
{
    const uint64_t bytes = (uint64_t)layout->width * layout->height * layout->samples * layout->bits / 8;
    const uint64_t block = (uint64_t)layout->block_width * layout->block_height * layout->samples * layout->bits / 8;
    const uint64_t larger = bytes > block ? bytes : block;
    if (larger > GUARD_BYTES && larger / 4000 > pages->file_size)
        return error_set(error, IST_ERROR_DATA, "tiff: %u x %u pixels cannot be in %zu bytes", (unsigned)layout->width,
                         (unsigned)layout->height, pages->file_size);
    return IST_OK;
}

// Sample number `i` of a row; up to 8 bits and odd depths are packed, the highest bit first.
static inline unsigned sample_at(const uint8_t *row, size_t i, unsigned bits)
{
    if (bits == 8)
        return row[i];
    if (bits == 16) {
        uint16_t value; // libtiff has brought it into native order
        memcpy(&value, row + 2 * i, sizeof value);
        return value;
    }
    unsigned value = 0;
    for (size_t bit = i * bits; bit < (i + 1) * bits; bit++)
        value = value << 1 | (row[bit / 8] >> (7 - bit % 8) & 1);
    return value;
}

static void store(ist_frame *frame, int x, int y, int channel, unsigned value)
{
    const ptrdiff_t i = (ptrdiff_t)x * frame->channels + channel;
    uint8_t *row = frame->data + y * frame->stride;
    const uint16_t deep = (uint16_t)value;
    if (frame->type == IST_PIXEL_U8)
        row[i] = (uint8_t)value;
    else
        memcpy(row + 2 * i, &deep, sizeof deep);
}

static void store_palette(ist_frame *frame, const struct layout *layout, int x, int y, unsigned entry)
{
    for (int c = 0; c < 3; c++)
        store(frame, x, y, 2 - c, layout->palette[c][entry] >> 8);
}

static unsigned scale_gray(const struct layout *layout, unsigned value)
{
    const unsigned white = (1u << layout->bits) - 1;
    if (layout->photometric == PHOTOMETRIC_MINISWHITE)
        value = white - value;
    return layout->bits < 8 ? value * 255 / white : value;
}

// One row of a block: `count` pixels from column x on. In a planar file it holds only samples of number `plane`.
static void unpack_row(ist_frame *frame, const struct layout *layout, const uint8_t *row, int x, int y, int count,
                       int plane)
{
    const bool separate = layout->planar == PLANARCONFIG_SEPARATE;
    if (layout->photometric == PHOTOMETRIC_MINISBLACK && (separate || layout->samples == 1) &&
        layout->bits == 8 * ist_pixel_size(layout->type)) {
        const size_t size = ist_pixel_size(layout->type);
        memcpy(frame->data + y * frame->stride + x * (ptrdiff_t)size, row, (size_t)count * size);
        return;
    }
    const size_t step = separate ? 1 : layout->samples;
    const int last = layout->channels == 3 && layout->photometric == PHOTOMETRIC_RGB ? 2 : 0;
    for (int sample = separate ? plane : 0; sample <= (separate ? plane : last); sample++) {
        const size_t offset = separate ? 0 : (size_t)sample;
        for (int i = 0; i < count; i++) {
            const unsigned value = sample_at(row, (size_t)i * step + offset, layout->bits);
            if (layout->photometric == PHOTOMETRIC_PALETTE)
                store_palette(frame, layout, x + i, y, value);
            else if (layout->channels == 3)
                store(frame, x + i, y, 2 - sample, value);
            else
                store(frame, x + i, y, 0, scale_gray(layout, value));
        }
    }
}

static ist_status reserve_block(struct tiff_pages *pages, tmsize_t size, ist_error *error)
{
    if (size <= 0)
        return fail(pages, error);
    if (pages->block_capacity >= (size_t)size)
        return IST_OK;
    free(pages->block);
    pages->block = malloc((size_t)size);
    pages->block_capacity = pages->block ? (size_t)size : 0;
    return pages->block ? IST_OK : error_memory(error);
}

static ist_status read_block(struct tiff_pages *pages, const struct layout *layout, ist_frame *frame, uint32_t x,
                             uint32_t y, int plane, ist_error *error)
{
    TIFF *tiff = pages->tiff;
    const uint32_t rows = layout->height - y < layout->block_height ? layout->height - y : layout->block_height;
    const uint32_t columns = layout->width - x < layout->block_width ? layout->width - x : layout->block_width;
    const tmsize_t row_bytes = layout->tiled ? TIFFTileRowSize(tiff) : TIFFScanlineSize(tiff);
    const tmsize_t wanted = (tmsize_t)rows * row_bytes;
    const tmsize_t got =
        layout->tiled ? TIFFReadEncodedTile(tiff, TIFFComputeTile(tiff, x, y, 0, (uint16_t)plane), pages->block, -1)
                      : TIFFReadEncodedStrip(tiff, TIFFComputeStrip(tiff, y, (uint16_t)plane), pages->block, wanted);
    if (got < wanted)
        return fail(pages, error);
    for (uint32_t i = 0; i < rows; i++)
        unpack_row(frame, layout, pages->block + (tmsize_t)i * row_bytes, (int)x, (int)(y + i), (int)columns, plane);
    return IST_OK;
}

static ist_status read_blocks(struct tiff_pages *pages, const struct layout *layout, ist_frame *frame, ist_error *error)
{
    const size_t samples = layout->planar == PLANARCONFIG_SEPARATE ? 1 : layout->samples;
    const size_t least_row = (layout->block_width * samples * layout->bits + 7) / 8;
    const tmsize_t row_bytes = layout->tiled ? TIFFTileRowSize(pages->tiff) : TIFFScanlineSize(pages->tiff);
    // Some codecs (JPEG with subsampled colour) have rows of their own kind.
    if (row_bytes < 0 || (size_t)row_bytes < least_row)
        return error_set(error, IST_ERROR_UNSUPPORTED, "tiff: rows of an unknown layout");
    ist_status status = reserve_block(
        pages, layout->tiled ? TIFFTileSize(pages->tiff) : (tmsize_t)layout->block_height * row_bytes, error);

    const int planes = layout->planar == PLANARCONFIG_SEPARATE && layout->photometric == PHOTOMETRIC_RGB ? 3 : 1;
    for (int plane = 0; plane < planes; plane++)
        for (uint32_t y = 0; y < layout->height; y += layout->block_height)
            for (uint32_t x = 0; x < layout->width && status >= 0; x += layout->block_width)
                status = read_block(pages, layout, frame, x, y, plane, error);
    return status;
}

// Everything that has a colour but is not stored as RGB: YCbCr, CMYK, CIE L*a*b*, ... comes as 8 bit.
static ist_status read_rgba(struct tiff_pages *pages, const struct layout *layout, ist_frame *frame, ist_error *error)
{
    char reason[1024] = "";
    if (!TIFFRGBAImageOK(pages->tiff, reason))
        return error_set(error, IST_ERROR_UNSUPPORTED, "tiff: %.200s", reason);
    ist_status status = ist_frame_alloc(frame, (int)layout->width, (int)layout->height, 3, IST_PIXEL_U8, error);
    const size_t row_pixels = layout->width;
    uint32_t *rgba = status < 0 ? NULL : malloc(row_pixels * layout->height * sizeof *rgba);
    if (!rgba)
        return status < 0 ? status : error_memory(error);
    // Asking for the orientation that the page has turns nothing, as everywhere else here.
    uint16_t orientation = ORIENTATION_TOPLEFT;
    TIFFGetFieldDefaulted(pages->tiff, TIFFTAG_ORIENTATION, &orientation);
    if (!TIFFReadRGBAImageOriented(pages->tiff, layout->width, layout->height, rgba, orientation, 1)) {
        free(rgba);
        return fail(pages, error);
    }
    for (int y = 0; y < frame->height; y++)
        for (int x = 0; x < frame->width; x++) {
            const uint32_t pixel = rgba[(size_t)y * row_pixels + (size_t)x];
            store(frame, x, y, 0, TIFFGetB(pixel));
            store(frame, x, y, 1, TIFFGetG(pixel));
            store(frame, x, y, 2, TIFFGetR(pixel));
        }
    free(rgba);
    return IST_OK;
}

ist_status tiff_pages_read(struct tiff_pages *pages, ist_frame *frame, ist_error *error)
{
    struct layout layout;
    if (pages->lacks_values)
        return fail(pages, error);
    ist_status status = read_layout(pages, &layout, error);
    if (status >= 0)
        status = check_size(pages, &layout, error);
    if (status < 0)
        return status;
    if (layout.photometric == PHOTOMETRIC_YCBCR && layout.compression == COMPRESSION_JPEG) {
        // Let libjpeg undo the subsampling: then it is RGB like any other.
        TIFFSetField(pages->tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
        layout.photometric = PHOTOMETRIC_RGB;
    }
    if (!choose_frame(&layout))
        return read_rgba(pages, &layout, frame, error);
    status = ist_frame_alloc(frame, (int)layout.width, (int)layout.height, layout.channels, layout.type, error);
    return status < 0 ? status : read_blocks(pages, &layout, frame, error);
}
