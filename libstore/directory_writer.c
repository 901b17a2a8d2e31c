/* A chunk as a folder of images. A killed recorder leaves at most one file that no index names. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checksum.h"
#include "chunk_path.h"
#include "chunk_writer.h"
#include "error.h"
#include "fs.h"
#include "image_write.h"

struct chunk_writer {
    const struct chunk_format *format;
    image_encode_function *encode;
    int quality;
    char directory[PATH_MAX];
    int chunk;
    int frame_count;
    struct buffer bytes;
};

static void release(struct chunk_writer **writer)
{
    if (!*writer)
        return;
    buffer_free(&(*writer)->bytes);
    free(*writer);
    *writer = NULL;
}

static ist_status directory_check(const struct chunk_format *format, const ist_writer_params *params, ist_error *error)
{
    if (format->only_channels && params->channels != format->only_channels)
        return error_set(error, IST_ERROR_ARGUMENT, "format %s holds %s", format->name,
                         format->only_channels == 3 ? "coloured pictures; pgm is for gray ones"
                                                    : "gray pictures; ppm is for coloured ones");
    if (params->encoder || params->encoder_options)
        return error_set(error, IST_ERROR_ARGUMENT, "format %s has no encoder to choose or to set: only videos have",
                         format->name);
    return IST_OK;
}

static ist_status directory_begin(struct chunk_writer **writer, const struct chunk_format *format,
                                  const char *directory, int chunk, const ist_writer_params *params,
                                  struct video_encoder **encoder, ist_error *error)
{
    (void)encoder;
    struct chunk_writer *w = *writer = calloc(1, sizeof *w);
    if (!w)
        return error_memory(error);
    w->format = format;
    w->encode = image_encoder_find(format->extension);
    w->quality = params->quality;
    w->chunk = chunk;
    snprintf(w->directory, sizeof w->directory, "%s", directory);
    char folder[PATH_MAX];
    chunk_path_folder(folder, directory, chunk);
    if (fs_calls.mkdir(folder, 0777) < 0 && errno != EEXIST) {
        const ist_status status = error_errno(error, errno, "%s: cannot create", folder);
        release(writer);
        return status;
    }
    return IST_OK;
}

static ist_status directory_add(struct chunk_writer *w, const ist_frame *frame, uint32_t *sum, ist_error *error)
{
    char path[PATH_MAX];
    chunk_path_image(path, w->directory, w->chunk, w->frame_count, w->format->extension);
    ist_status status = w->encode(frame, w->quality, &w->bytes, error);
    if (status < 0)
        return error_prefix(error, status, "%06d/%s", w->chunk, fs_basename(path));
    status = fs_write_file(path, w->bytes.data, w->bytes.size, error);
    *sum = checksum(0, w->bytes.data, w->bytes.size);
    if (status >= 0)
        w->frame_count++;
    return status;
}

static ist_status directory_finish(struct chunk_writer **writer, ist_error *error)
{
    struct chunk_writer *w = *writer;
    char path[PATH_MAX];
    ist_status status = IST_OK;
    for (int i = 0; i < w->frame_count && status >= 0; i++) {
        chunk_path_image(path, w->directory, w->chunk, i, w->format->extension);
        status = fs_sync_file(path, error);
    }
    if (status >= 0 && w->frame_count > 0)
        status = fs_sync_directory_of(path, error);
    if (status >= 0) {
        chunk_path_folder(path, w->directory, w->chunk);
        status = fs_sync_directory_of(path, error);
    }
    release(writer);
    return status;
}

const struct chunk_writer_calls directory_writer_calls = {
    .check = directory_check,
    .begin = directory_begin,
    .add = directory_add,
    .finish = directory_finish,
    .abandon = release,
};
