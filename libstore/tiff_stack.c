#include "tiff_stack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tiffio.h>

#include "error.h"
#include "fs.h"
#include "tiff_page_write.h"

struct tiff_stack {
    const char *path;
    TIFF *tiff;
    int fd;
    int reason; /* errno of the call that failed first; 0: none */
    char message[200];
};

/* ---- the file, in libtiff's calls ---- */

static int keep_message(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments)
    __attribute__((format(printf, 4, 0)));

static int keep_message(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments)
{
    (void)tiff, (void)module;
    struct tiff_stack *s = user;
    if (!*s->message)
        vsnprintf(s->message, sizeof s->message, format, arguments);
    return 1; // libtiff's own handlers, which print, are not called
}

static void keep_reason(struct tiff_stack *s)
{
    if (s->reason == 0)
        s->reason = errno;
}

static tmsize_t read_file(thandle_t handle, void *to, tmsize_t size)
{
    struct tiff_stack *s = handle;
    ssize_t got;
    do
        got = fs_calls.read(s->fd, to, (size_t)size);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        keep_reason(s);
    return got;
}

static tmsize_t write_file(thandle_t handle, void *from, tmsize_t size)
{
    struct tiff_stack *s = handle;
    if (fs_write_all(s->fd, from, (size_t)size, s->path, NULL) >= 0)
        return size;
    keep_reason(s);
    return -1;
}

static toff_t seek_file(thandle_t handle, toff_t offset, int whence)
{
    struct tiff_stack *s = handle;
    const off_t at = fs_calls.seek(s->fd, (off_t)offset, whence);
    if (at < 0)
        keep_reason(s);
    return (toff_t)at;
}

static toff_t size_of_file(thandle_t handle)
{
    const struct tiff_stack *s = handle;
    struct stat info;
    return fstat(s->fd, &info) == 0 ? (toff_t)info.st_size : 0;
}

static int close_nothing(thandle_t handle)
{
    (void)handle;
    return 0;
}

/* ---- */

static ist_status failure(struct tiff_stack *s, ist_error *error)
{
    if (s->reason != 0)
        return error_errno(error, s->reason, "%s: cannot write", s->path);
    return error_set(error, IST_ERROR_IO, "%s: %s", s->path, *s->message ? s->message : "cannot write");
}

ist_status tiff_stack_open(struct tiff_stack **stack, const char *path, const char *part, double pixel_bytes,
                           ist_error *error)
{
    struct tiff_stack *s = *stack = calloc(1, sizeof *s);
    if (!s)
        return error_memory(error);
    s->path = path;
    s->fd = fs_calls.open(part, O_RDWR | O_TRUNC, 0);
    if (s->fd < 0)
        return error_errno(error, errno, "%s: cannot create", path);
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options)
        return error_memory(error);
    TIFFOpenOptionsSetErrorHandlerExtR(options, keep_message, s);
    TIFFOpenOptionsSetWarningHandlerExtR(options, keep_message, s);
    // Deflate may make noise a little larger than it was.
    s->tiff = TIFFClientOpenExt(path, pixel_bytes * 1.01 > 4294967295.0 ? "w8m" : "wm", s, read_file, write_file,
                                seek_file, close_nothing, size_of_file, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    return s->tiff ? IST_OK : failure(s, error);
}

static ist_status end_page(struct tiff_stack *s, bool written, ist_error *error)
{
    return written && TIFFWriteDirectory(s->tiff) && s->reason == 0 ? IST_OK : failure(s, error);
}

ist_status tiff_stack_add(struct tiff_stack *s, const ist_frame *frame, ist_error *error)
{
    return end_page(s, tiff_page_write(s->tiff, frame), error);
}

ist_status tiff_stack_add_floats(struct tiff_stack *s, const float *pixels, int width, int height, ist_error *error)
{
    return end_page(s, tiff_page_write_floats(s->tiff, pixels, width, height), error);
}

ist_status tiff_stack_finish(struct tiff_stack *s, ist_error *error)
{
    return TIFFFlush(s->tiff) && s->reason == 0 ? IST_OK : failure(s, error);
}

void tiff_stack_close(struct tiff_stack **stack)
{
    struct tiff_stack *s = *stack;
    if (!s)
        return;
    if (s->tiff)
        TIFFCleanup(s->tiff); // unlike TIFFClose() it writes nothing
    if (s->fd >= 0)
        fs_calls.close(s->fd);
    free(s);
    *stack = NULL;
}
