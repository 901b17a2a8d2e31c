/* The times of the frames as text, "timecode format v2". */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "error.h"
#include "export_sink.h"
#include "fs.h"

struct export_sink {
    const struct export_plan *plan;
    int fd;
    double first_s;
    struct buffer text; /* not written yet */
};

enum { FLUSH_BYTES = 65536 };

static void close_timecodes(struct export_sink **sink)
{
    struct export_sink *s = *sink;
    if (!s)
        return;
    if (s->fd >= 0)
        fs_calls.close(s->fd);
    buffer_free(&s->text);
    free(s);
    *sink = NULL;
}

static ist_status open_timecodes(struct export_sink **sink, const struct export_plan *plan, const ist_frame *first,
                                 ist_error *error)
{
    static const char title[] = "# timecode format v2\n";
    struct export_sink *s = *sink = calloc(1, sizeof *s);
    if (!s)
        return error_memory(error);
    s->plan = plan;
    s->first_s = first->time_s;
    s->fd = fs_calls.open(plan->part, O_WRONLY | O_TRUNC, 0);
    if (s->fd < 0)
        return error_errno(error, errno, "%s: cannot create", plan->path);
    return buffer_append(&s->text, title, sizeof title - 1, error);
}

static ist_status flush(struct export_sink *s, ist_error *error)
{
    const ist_status status = fs_write_all(s->fd, s->text.data, s->text.size, s->plan->path, error);
    s->text.size = 0;
    return status;
}

static ist_status add_timecode(struct export_sink *s, const ist_frame *frame, ist_error *error)
{
    const double since_s = frame->time_s - s->first_s;
    if (!(fabs(since_s) < 1e12))
        return error_set(error, IST_ERROR_DATA, "%s: frame %" PRId64 " has no time that can be used", s->plan->path,
                         frame->index);
    // A time since 1970 is exact to a quarter of a microsecond. In whole numbers no locale comes into it.
    const int64_t us = llrint(since_s * 1e6);
    const int64_t distance = us < 0 ? -us : us;
    char line[48];
    const int length =
        snprintf(line, sizeof line, "%s%" PRId64 ".%03d\n", us < 0 ? "-" : "", distance / 1000, (int)(distance % 1000));
    const ist_status status = buffer_append(&s->text, line, (size_t)length, error);
    return status >= 0 && s->text.size > FLUSH_BYTES ? flush(s, error) : status;
}

static ist_status finish_timecodes(struct export_sink *s, ist_export_report *report, ist_error *error)
{
    (void)report;
    return flush(s, error);
}

const struct export_sink_calls export_timecodes = {open_timecodes, add_timecode, finish_timecodes, close_timecodes};
