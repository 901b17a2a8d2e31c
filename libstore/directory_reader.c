/* A chunk as a folder of images. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "checksum.h"
#include "chunk_path.h"
#include "chunk_reader.h"
#include "error.h"
#include "fs.h"
#include "image.h"
#include "index.h"

struct chunk_reader {
    char directory[PATH_MAX];
    int chunk;
    int folder; /* open, so that it stays the same when chunks get other names */
    struct index *index;
    const char *format;
    const struct image_format *image;
    int channels;        /* as the store says: 1 or 3, or 2 and 4 of raw data */
    struct buffer bytes; /* of the file last read */
    ist_frame picture;   /* in it, where it has other channels than the store */
};

/* Under the number of before, or under its own. */
static ist_status open_folder(int *folder, const char *directory, int chunk, int moving_by, ist_error *error)
{
    char path[PATH_MAX];
    chunk_path_folder(path, directory, chunk + moving_by);
    *folder = fs_calls.open(path, O_RDONLY | O_DIRECTORY, 0);
    if (*folder < 0 && errno == ENOENT && moving_by != 0) {
        chunk_path_folder(path, directory, chunk);
        *folder = fs_calls.open(path, O_RDONLY | O_DIRECTORY, 0);
    }
    if (*folder >= 0)
        return IST_OK;
    return errno == ENOENT ? error_set(error, IST_ERROR_NOT_FOUND, "%s: the chunk is missing", fs_basename(path))
                           : error_errno(error, errno, "%s", path);
}

static ist_status directory_open(struct chunk_reader **reader, const struct metadata *metadata, const char *directory,
                                 int chunk, struct index *index, const struct decoding *decoding, ist_error *error)
{
    (void)decoding; // nor is anything kept, as the system keeps files that were read
    *reader = NULL;
    int folder;
    const ist_status status = open_folder(&folder, directory, chunk, index_moves(index)->moving_by, error);
    if (status < 0)
        return status;
    struct chunk_reader *opened = calloc(1, sizeof *opened);
    if (!opened) {
        fs_calls.close(folder);
        return error_memory(error);
    }
    opened->folder = folder;
    snprintf(opened->directory, sizeof opened->directory, "%s", directory);
    opened->chunk = chunk;
    opened->index = index;
    opened->format = metadata->format;
    opened->image = image_format_find(metadata->format);
    opened->channels = metadata->channels;
    *reader = opened;
    return IST_OK;
}

static int sample_of(const ist_frame *frame, int y, int i)
{
    const uint8_t *row = frame->data + y * frame->stride;
    return frame->type == IST_PIXEL_U16 ? ((const uint16_t *)(const void *)row)[i] : row[i];
}

static void set_sample(ist_frame *frame, int y, int i, int value)
{
    uint8_t *row = frame->data + y * frame->stride;
    if (frame->type == IST_PIXEL_U16)
        ((uint16_t *)(void *)row)[i] = (uint16_t)value;
    else
        row[i] = (uint8_t)value;
}

/* Shares of the colours in gray: (blue * B + green * G + red * R + half) >> shift. */
struct gray_rule {
    int blue, green, red, half, shift;
};

/* OpenCV leaves gray to libpng, which cuts off the shares, and of 8 bits the sum; other formats it weighs itself. */
static struct gray_rule gray_rule_for(const char *format, ist_pixel_type type)
{
    if (strcasecmp(format, "png") == 0)
        return (struct gray_rule){3737, 19234, 9797, type == IST_PIXEL_U16 ? 1 << 14 : 0, 15};
    return (struct gray_rule){1868, 9617, 4899, 1 << 13, 14};
}

/*
 * imgstore writes gray pictures as ppm with three channels and colour ones as pgm with one, and reads them back as the
 * store says.
 */
static ist_status fit_channels(const ist_frame *picture, int channels, struct gray_rule rule, ist_frame *frame,
                               ist_error *error)
{
    const ist_status status = ist_frame_alloc(frame, picture->width, picture->height, channels, picture->type, error);
    if (status < 0)
        return status;
    for (int y = 0; y < frame->height; y++)
        for (int x = 0; x < frame->width; x++) {
            if (channels == 3) {
                const int gray = sample_of(picture, y, x);
                for (int c = 0; c < 3; c++)
                    set_sample(frame, y, 3 * x + c, gray);
            } else {
                const int blue = sample_of(picture, y, 3 * x), green = sample_of(picture, y, 3 * x + 1),
                          red = sample_of(picture, y, 3 * x + 2);
                set_sample(frame, y, x,
                           (rule.blue * blue + rule.green * green + rule.red * red + rule.half) >> rule.shift);
            }
        }
    return IST_OK;
}

static void swap_frames(ist_frame *a, ist_frame *b)
{
    const ist_frame kept = *a;
    *a = *b;
    *b = kept;
}

static ist_status decode(struct chunk_reader *reader, ist_frame *frame, ist_error *error)
{
    const struct buffer *bytes = &reader->bytes;
    if (reader->channels % 2 == 0) {
        if (!reader->image->decode_raw)
            return error_set(error, IST_ERROR_UNSUPPORTED, "%s cannot hold raw data of %d channels", reader->format,
                             reader->channels);
        return reader->image->decode_raw(bytes->data, bytes->size, reader->channels, frame, error);
    }
    ist_status status = reader->image->decode(bytes->data, bytes->size, frame, error);
    // Nobody writes arrays in colour for a gray store: what the store says is damaged.
    const bool is_damaged = strcmp(reader->format, "npy") == 0 && frame->channels > reader->channels;
    if (status >= 0 && frame->channels != reader->channels && !is_damaged) {
        swap_frames(frame, &reader->picture);
        status = fit_channels(&reader->picture, reader->channels, gray_rule_for(reader->format, reader->picture.type),
                              frame, error);
        frame->index = reader->picture.index;
        frame->number = reader->picture.number;
        frame->time_s = reader->picture.time_s;
    }
    return status;
}

/* IST_ERROR_DATA: these are not the bytes that were written. */
static ist_status check_bytes(struct chunk_reader *reader, int64_t frame_idx, ist_error *error)
{
    uint32_t sum;
    const ist_status status = index_checksum(reader->index, reader->chunk, frame_idx, &sum, error);
    if (status < 0 || sum == 0 || checksum(0, reader->bytes.data, reader->bytes.size) == sum)
        return status;
    return error_set(error, IST_ERROR_DATA, "is damaged: it is not what was recorded");
}

/* Reads the file, and decodes it unless `frame` is NULL. */
static ist_status read_file(struct chunk_reader *reader, int64_t frame_idx, ist_frame *frame, ist_error *error)
{
    char path[PATH_MAX];
    chunk_path_image(path, reader->directory, reader->chunk, (int)frame_idx, reader->format);
    ist_status status = fs_read_file_in(reader->folder, path, &reader->bytes, error);
    if (status < 0)
        return status;
    status = check_bytes(reader, frame_idx, error);
    if (status >= 0 && frame)
        status = decode(reader, frame, error);
    return status < 0 ? error_prefix(error, status, "%06d/%s", reader->chunk, fs_basename(path)) : IST_OK;
}

static ist_status directory_read(struct chunk_reader *reader, int64_t frame_idx, ist_frame *frame, ist_error *error)
{
    return read_file(reader, frame_idx, frame, error);
}

static ist_status directory_check(struct chunk_reader *reader, int64_t frame_idx, ist_error *error)
{
    return read_file(reader, frame_idx, NULL, error);
}

static void directory_close(struct chunk_reader **reader)
{
    if (!*reader)
        return;
    fs_calls.close((*reader)->folder);
    buffer_free(&(*reader)->bytes);
    ist_frame_free(&(*reader)->picture);
    free(*reader);
    *reader = NULL;
}

const struct chunk_reader_calls directory_reader_calls = {
    .open = directory_open,
    .read = directory_read,
    .check = directory_check,
    .close = directory_close,
};
