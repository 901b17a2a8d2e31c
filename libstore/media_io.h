/* A file in FFmpeg's hands, read and written through fs_calls. */
#ifndef MEDIA_IO_H
#define MEDIA_IO_H

#include <libstore/error.h>
#include <stdbool.h>

struct AVIOContext;

/*
 * Opens a file; `flags` as for open(2). *io is for AVFormatContext.pb. What is only read must be a regular file, see
 * fs_open_regular().
 */
ist_status media_io_open(struct AVIOContext **io, const char *path, int flags, ist_error *error);

/*
 * From now on reading takes no data from the disk, though it goes on, and ends, as if it did: what comes is undefined.
 * For demuxers that know all places of packets and need not look into them.
 */
void media_io_pass_over(struct AVIOContext *io, bool passing_over);

/*
 * Closes the file and sets *io to NULL. Takes a NULL io. What was written must have been flushed
 * and its errors looked at before.
 */
void media_io_close(struct AVIOContext **io);

/* Text for an error code of FFmpeg; of the file's own error, if there was one. Valid until the next call in this
 * thread. */
const char *media_error_text(int code);

/* Fails with "PATH: WHAT: text of the code", as IST_ERROR_IO where the system refused, else as IST_ERROR_DATA. */
ist_status media_error(ist_error *error, int code, const char *path, const char *what);

#endif
