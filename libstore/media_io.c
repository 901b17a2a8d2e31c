#include "media_io.h"

#include <errno.h>
#include <fcntl.h>
#include <libavformat/avio.h>
#include <libavutil/error.h>
#include <libavutil/mem.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "fs.h"

enum { BUFFER_SIZE = 65536 };

struct media_file {
    AVIOContext *io;
    int fd;
    bool passing_over; /* what is read is not looked at, see media_io_pass_over() */
    char path[];       /* for messages */
};

/* As reading, up to the end of the file, but brings no data. */
static int pass_over(const struct media_file *file, int size)
{
    struct stat info;
    const off_t at = fs_calls.seek(file->fd, 0, SEEK_CUR);
    if (at < 0 || fstat(file->fd, &info) < 0)
        return AVERROR(errno);
    if (at >= info.st_size)
        return AVERROR_EOF;
    const int passed = info.st_size - at < size ? (int)(info.st_size - at) : size;
    if (fs_calls.seek(file->fd, passed, SEEK_CUR) < 0)
        return AVERROR(errno);
    return passed;
}

static int read_packet(void *opaque, uint8_t *data, int size)
{
    const struct media_file *file = opaque;
    if (file->passing_over)
        return pass_over(file, size);
    ssize_t got;
    do
        got = fs_calls.read(file->fd, data, (size_t)size);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return AVERROR(errno);
    return got == 0 ? AVERROR_EOF : (int)got;
}

static int write_packet(void *opaque, uint8_t *data, int size)
{
    const struct media_file *file = opaque;
    return fs_write_all(file->fd, data, (size_t)size, file->path, NULL) < 0 ? AVERROR(errno) : size;
}

static int64_t seek(void *opaque, int64_t offset, int whence)
{
    const struct media_file *file = opaque;
    if (whence & AVSEEK_SIZE) {
        struct stat info;
        return fstat(file->fd, &info) < 0 ? AVERROR(errno) : info.st_size;
    }
    const off_t at = fs_calls.seek(file->fd, offset, whence & ~AVSEEK_FORCE);
    if (at >= 0)
        return at;
    // Muxers go back to fill in sizes and do not look whether that worked; the file's error tells it in the end.
    file->io->error = AVERROR(errno);
    return file->io->error;
}

ist_status media_io_open(struct AVIOContext **io, const char *path, int flags, ist_error *error)
{
    *io = NULL;
    const bool writes = (flags & O_ACCMODE) != O_RDONLY;
    int fd;
    if (writes && (fd = fs_calls.open(path, flags, 0666)) < 0)
        return error_errno(error, errno, flags & O_CREAT ? "%s: cannot create" : "%s", path);
    const ist_status status = writes ? IST_OK : fs_open_regular(&fd, path, error);
    if (status < 0)
        return status;
    const size_t path_size = strlen(path) + 1;
    struct media_file *file = malloc(sizeof *file + path_size);
    uint8_t *buffer = av_malloc(BUFFER_SIZE);
    if (file && buffer) {
        file->fd = fd;
        file->passing_over = false;
        memcpy(file->path, path, path_size);
        *io = avio_alloc_context(buffer, BUFFER_SIZE, writes, file, read_packet, write_packet, seek);
        file->io = *io;
    }
    if (!*io) {
        fs_calls.close(fd);
        free(file);
        av_free(buffer);
        return error_memory(error);
    }
    return IST_OK;
}

void media_io_pass_over(struct AVIOContext *io, bool passing_over)
{
    struct media_file *file = io->opaque;
    if (file->passing_over == passing_over)
        return;
    file->passing_over = passing_over;
    // What was read ahead in the other way must not be used.
    const int64_t at = avio_tell(io);
    io->buf_ptr = io->buf_end = io->buffer;
    avio_seek(io, at, SEEK_SET);
}

void media_io_close(struct AVIOContext **io)
{
    if (!*io)
        return;
    struct media_file *file = (*io)->opaque;
    fs_calls.close(file->fd);
    free(file);
    av_freep(&(*io)->buffer);
    avio_context_free(io);
}

const char *media_error_text(int code)
{
    static _Thread_local char text[AV_ERROR_MAX_STRING_SIZE];
    av_strerror(code, text, sizeof text);
    return text;
}

ist_status media_error(ist_error *error, int code, const char *path, const char *what)
{
    // FFmpeg's own codes are far below those that it makes of errno values.
    const bool from_system = code > -4096;
    return error_set(error, from_system ? IST_ERROR_IO : IST_ERROR_DATA, "%s: %s: %s", path, what,
                     media_error_text(code));
}
