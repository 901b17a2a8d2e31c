/* A chunk as a folder of images. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "chunk_path.h"
#include "chunk_reader.h"
#include "error.h"
#include "fs.h"
#include "image.h"

struct chunk_reader {
    char directory[PATH_MAX];
    int chunk;
    const char *format;
    const struct image_format *image;
    struct buffer bytes; /* of the file last read */
};

static ist_status directory_open(struct chunk_reader **reader, const struct metadata *metadata, const char *directory,
                                 int chunk, ist_error *error)
{
    *reader = NULL;
    char folder[PATH_MAX];
    chunk_path_folder(folder, directory, chunk);
    if (!fs_exists(folder))
        return error_set(error, IST_ERROR_NOT_FOUND, "%s: the chunk is missing", fs_basename(folder));
    struct chunk_reader *opened = calloc(1, sizeof *opened);
    if (!opened)
        return error_memory(error);
    snprintf(opened->directory, sizeof opened->directory, "%s", directory);
    opened->chunk = chunk;
    opened->format = metadata->format;
    opened->image = image_format_find(metadata->format);
    *reader = opened;
    return IST_OK;
}

static ist_status directory_read(struct chunk_reader *reader, int64_t frame_idx, ist_frame *frame, ist_error *error)
{
    char path[PATH_MAX];
    chunk_path_image(path, reader->directory, reader->chunk, (int)frame_idx, reader->format);
    ist_status status = fs_read_file(path, &reader->bytes, error);
    if (status == IST_ERROR_NOT_FOUND)
        status = IST_ERROR_DATA;
    if (status < 0)
        return status;
    status = reader->image->decode(reader->bytes.data, reader->bytes.size, frame, error);
    return status < 0 ? error_prefix(error, status, "%06d/%s", reader->chunk, fs_basename(path)) : IST_OK;
}

static void directory_close(struct chunk_reader **reader)
{
    if (!*reader)
        return;
    buffer_free(&(*reader)->bytes);
    free(*reader);
    *reader = NULL;
}

const struct chunk_reader_calls directory_reader_calls = {
    .open = directory_open,
    .read = directory_read,
    .close = directory_close,
};
