/* All frames as the pages of one TIFF file. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tiffio.h>

#include "error.h"
#include "export_sink.h"
#include "fs.h"
#include "tiff_page_write.h"

struct export_sink {
    const struct export_plan *plan;
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
    struct export_sink *s = user;
    if (!*s->message)
        vsnprintf(s->message, sizeof s->message, format, arguments);
    return 1; // libtiff's own handlers, which print, are not called
}

static void keep_reason(struct export_sink *s)
{
    if (s->reason == 0)
        s->reason = errno;
}

static tmsize_t read_file(thandle_t handle, void *to, tmsize_t size)
{
    struct export_sink *s = handle;
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
    struct export_sink *s = handle;
    if (fs_write_all(s->fd, from, (size_t)size, s->plan->path, NULL) >= 0)
        return size;
    keep_reason(s);
    return -1;
}

static toff_t seek_file(thandle_t handle, toff_t offset, int whence)
{
    struct export_sink *s = handle;
    const off_t at = fs_calls.seek(s->fd, (off_t)offset, whence);
    if (at < 0)
        keep_reason(s);
    return (toff_t)at;
}

static toff_t size_of_file(thandle_t handle)
{
    const struct export_sink *s = handle;
    struct stat info;
    return fstat(s->fd, &info) == 0 ? (toff_t)info.st_size : 0;
}

static int close_nothing(thandle_t handle)
{
    (void)handle;
    return 0;
}

/* ---- */

/* Whether the offsets of a plain TIFF may not reach. Deflate may make noise a little larger; a page needs a directory.
 */
static bool needs_big(const struct export_plan *plan, const ist_frame *frame)
{
    const double row_bytes = (double)frame->width * frame->channels * (double)ist_pixel_size(frame->type);
    const double page_bytes = row_bytes * frame->height * 1.01 + 1024 + frame->height * 16.0;
    return page_bytes * (double)plan->frame_count > 4294967295.0;
}

static void close_tiff(struct export_sink **sink)
{
    struct export_sink *s = *sink;
    if (!s)
        return;
    if (s->tiff)
        TIFFCleanup(s->tiff); // unlike TIFFClose() it writes nothing
    if (s->fd >= 0)
        fs_calls.close(s->fd);
    free(s);
    *sink = NULL;
}

static ist_status failure(struct export_sink *s, ist_error *error)
{
    if (s->reason != 0)
        return error_errno(error, s->reason, "%s: cannot write", s->plan->path);
    return error_set(error, IST_ERROR_IO, "%s: %s", s->plan->path, *s->message ? s->message : "cannot write");
}

static ist_status open_tiff(struct export_sink **sink, const struct export_plan *plan, const ist_frame *first,
                            ist_error *error)
{
    struct export_sink *s = *sink = calloc(1, sizeof *s);
    if (!s)
        return error_memory(error);
    s->plan = plan;
    s->fd = fs_calls.open(plan->part, O_RDWR | O_TRUNC, 0);
    if (s->fd < 0)
        return error_errno(error, errno, "%s: cannot create", plan->path);
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options)
        return error_memory(error);
    TIFFOpenOptionsSetErrorHandlerExtR(options, keep_message, s);
    TIFFOpenOptionsSetWarningHandlerExtR(options, keep_message, s);
    s->tiff = TIFFClientOpenExt(plan->path, needs_big(plan, first) ? "w8m" : "wm", s, read_file, write_file, seek_file,
                                close_nothing, size_of_file, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    return s->tiff ? IST_OK : failure(s, error);
}

static ist_status add_page(struct export_sink *s, const ist_frame *frame, ist_error *error)
{
    if (!tiff_page_write(s->tiff, frame) || !TIFFWriteDirectory(s->tiff) || s->reason != 0)
        return failure(s, error);
    return IST_OK;
}

static ist_status finish_tiff(struct export_sink *s, ist_export_report *report, ist_error *error)
{
    (void)report;
    return TIFFFlush(s->tiff) && s->reason == 0 ? IST_OK : failure(s, error);
}

const struct export_sink_calls export_tiff = {open_tiff, add_page, finish_tiff, close_tiff};
