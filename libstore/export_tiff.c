/* All frames as the pages of one TIFF file. */
#include <stdlib.h>

#include "error.h"
#include "export_sink.h"
#include "tiff_stack.h"

struct export_sink {
    struct tiff_stack *stack;
};

/* A page needs a directory beside its pixels, and each of its strips a place in that. */
static double page_bytes(const ist_frame *frame)
{
    const double row_bytes = (double)frame->width * frame->channels * (double)ist_pixel_size(frame->type);
    return row_bytes * frame->height + 1024 + frame->height * 16.0;
}

static void close_tiff(struct export_sink **sink)
{
    if (*sink)
        tiff_stack_close(&(*sink)->stack);
    free(*sink);
    *sink = NULL;
}

static ist_status open_tiff(struct export_sink **sink, const struct export_plan *plan, const ist_frame *first,
                            ist_error *error)
{
    struct export_sink *s = *sink = calloc(1, sizeof *s);
    if (!s)
        return error_memory(error);
    return tiff_stack_open(&s->stack, plan->path, plan->part, page_bytes(first) * (double)plan->frame_count, error);
}

static ist_status add_page(struct export_sink *s, const ist_frame *frame, ist_error *error)
{
    return tiff_stack_add(s->stack, frame, error);
}

static ist_status finish_tiff(struct export_sink *s, ist_export_report *report, ist_error *error)
{
    (void)report;
    return tiff_stack_finish(s->stack, error);
}

const struct export_sink_calls export_tiff = {open_tiff, add_page, finish_tiff, close_tiff};
