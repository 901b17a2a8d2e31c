#include "ffmpeg_pipe.h"

#include <errno.h>
#include <libavformat/avio.h>
#include <libavutil/error.h>
#include <libavutil/mem.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER_SIZE = 65536, LOOK_EVERY_MS = 50 };

struct pipe {
    int fd;
    const atomic_bool *interrupted;
};

static int read_pipe(void *opaque, uint8_t *data, int size)
{
    const struct pipe *pipe = opaque;
    for (;;) {
        struct pollfd waiting = {.fd = pipe->fd, .events = POLLIN};
        if (atomic_load(pipe->interrupted))
            return AVERROR_EXIT;
        const int ready = poll(&waiting, 1, LOOK_EVERY_MS);
        if (ready == 0 || (ready < 0 && errno == EINTR))
            continue;
        const ssize_t got = ready < 0 ? -1 : read(pipe->fd, data, (size_t)size);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        return got > 0 ? (int)got : got == 0 ? AVERROR_EOF : AVERROR(errno);
    }
}

static int64_t seek_pipe(void *opaque, int64_t offset, int whence)
{
    const struct pipe *pipe = opaque;
    struct stat info;
    if (whence & AVSEEK_SIZE)
        return fstat(pipe->fd, &info) == 0 ? info.st_size : AVERROR(errno);
    const off_t at = lseek(pipe->fd, offset, whence & ~AVSEEK_FORCE);
    return at < 0 ? AVERROR(errno) : at;
}

// A file that was read in part before (the shell's `<` in a loop) begins where the descriptor stands, which the
// demuxer would not understand: then it is a stream like any other.
static bool can_seek(int fd)
{
    struct stat info;
    return fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && lseek(fd, 0, SEEK_CUR) == 0;
}

AVIOContext *ffmpeg_pipe_open(int fd, const atomic_bool *interrupted)
{
    struct pipe *pipe = av_malloc(sizeof *pipe);
    uint8_t *buffer = av_malloc(BUFFER_SIZE);
    AVIOContext *io = NULL;
    if (pipe && buffer) {
        *pipe = (struct pipe){fd, interrupted};
        io = avio_alloc_context(buffer, BUFFER_SIZE, 0, pipe, read_pipe, NULL, can_seek(fd) ? seek_pipe : NULL);
    }
    if (!io) {
        av_free(pipe);
        av_free(buffer);
    }
    return io;
}

void ffmpeg_pipe_close(AVIOContext **io)
{
    if (!*io)
        return;
    av_free((*io)->opaque);
    av_freep(&(*io)->buffer);
    avio_context_free(io);
}
