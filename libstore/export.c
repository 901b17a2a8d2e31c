/*
 * Frames go from the reader into a sink, which writes PATH.part. What is common to all kinds of files is here: which
 * kind it is, and what to do about frames that cannot be read. export_walk.c says which frames, export_output.c lets
 * the file appear whole or not at all.
 */
#include <libstore/export.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "error.h"
#include "export_output.h"
#include "export_sink.h"
#include "export_walk.h"
#include "fs.h"

struct kind {
    const char *ending;
    const struct export_sink_calls *calls;
    bool no_pixels;   /* only numbers and times are needed */
    bool any_shape;   /* frames may differ */
    bool needs_times; /* the plan must know them */
    enum export_output_kind output;
};

static const struct kind kinds[] = {
    {.ending = ".npy", .calls = &export_npy},
    {.ending = ".tif", .calls = &export_tiff},
    {.ending = ".tiff", .calls = &export_tiff},
    {.ending = ".mp4", .calls = &export_video, .needs_times = true},
    {.ending = ".mkv", .calls = &export_video, .needs_times = true},
    {.ending = ".avi", .calls = &export_video, .needs_times = true},
    {.ending = ".txt", .calls = &export_timecodes, .no_pixels = true},
};

static const struct kind folder = {.calls = &export_folder, .any_shape = true, .output = OUTPUT_PICTURES};
static const struct kind new_store = {.calls = &export_store, .needs_times = true, .output = OUTPUT_STORE};

const char *ist_export_ending(int i)
{
    return i >= 0 && (size_t)i < sizeof kinds / sizeof *kinds ? kinds[i].ending : NULL;
}

/* Frames between two calls of progress() while they are counted. */
enum { COUNTED = 65536 };

static ist_status interrupted(const char *path, ist_error *error)
{
    return error_set(error, IST_ERROR_INTERRUPTED, "%s: interrupted; nothing was written", path);
}

/* Fills in what the plan knows of the frames. */
static ist_status survey(struct export_walk *walk, bool needs_times, struct export_plan *plan, ist_error *error)
{
    const ist_selection *selection = &walk->selection;
    const int64_t length = selection->index_end - selection->index_first;
    plan->index_max = selection->index_end - 1;
    if (!needs_times && !export_is_filtered(selection)) {
        plan->frame_count = length > 0 ? (length - 1) / selection->step + 1 : 0;
        return IST_OK;
    }
    ist_frame frame = {0};
    ist_status status;
    double first_s = 0, last_s = 0;
    while ((status = export_walk_next(walk, &frame, error)) == IST_OK) {
        if (plan->frame_count == 0)
            first_s = frame.time_s;
        else
            plan->longest_s = fmax(plan->longest_s, frame.time_s - last_s);
        last_s = frame.time_s;
        plan->frame_count++;
        const ist_export_params *params = plan->params;
        if (plan->frame_count % COUNTED == 0 && params->progress && !params->progress(params->context, 0, 0))
            return interrupted(plan->path, error);
    }
    if (plan->frame_count > 1 && last_s > first_s)
        plan->mean_rate = (double)(plan->frame_count - 1) / (last_s - first_s);
    return status < 0 ? status : IST_OK;
}

struct export
{
    ist_reader *reader;
    const struct kind *kind;
    struct export_plan plan;
    struct export_sink *sink;
    struct export_walk walk;
    ist_frame frame;
    ist_frame changed; /* in its place, with params.change */
    ist_frame first;   /* of those exported, its shape only */
    ist_export_report report;
};

static ist_status unknown_kind(const char *path, ist_error *error)
{
    char known[128] = "";
    size_t length = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && length < sizeof known; i++)
        length += (size_t)snprintf(known + length, sizeof known - length, "%s, ", kinds[i].ending);
    return error_set(error, IST_ERROR_ARGUMENT,
                     "%s: its ending does not say what to write; it must be one of %sor / for a directory of pictures",
                     path, known);
}

static ist_status find_kind(const struct kind **kind, const char *path, const ist_export_params *params,
                            ist_error *error)
{
    const size_t length = strlen(path);
    if (params->store) {
        *kind = &new_store;
        return IST_OK;
    }
    if (params->images && !export_folder_knows(params->images))
        return error_set(error, IST_ERROR_ARGUMENT, "'%s' is not a kind of pictures; choose png, tif or jpg",
                         params->images);
    if (params->images || (length > 0 && path[length - 1] == '/')) {
        *kind = &folder;
        return IST_OK;
    }
    const char *name = fs_basename(path), *ending = strrchr(name, '.');
    for (size_t i = 0; ending && ending > name && i < sizeof kinds / sizeof *kinds; i++)
        if (strcasecmp(ending, kinds[i].ending) == 0) {
            *kind = &kinds[i];
            return IST_OK;
        }
    return unknown_kind(path, error);
}

static ist_status check_params(const ist_export_params *params, ist_error *error)
{
    const ist_selection *selection = &params->frames;
    if (selection->index_first < 0 || selection->index_end < 0 || selection->step < 0)
        return error_set(error, IST_ERROR_ARGUMENT, "a range of frames must not be below 0, nor its step");
    if (params->quality < 0 || params->quality > 100)
        return error_set(error, IST_ERROR_ARGUMENT, "quality %d is not in 1 to 100", params->quality);
    if (!(params->frame_rate >= 0 && params->frame_rate <= 1e6))
        return error_set(error, IST_ERROR_ARGUMENT, "a frame rate of %g cannot be used", params->frame_rate);
    return IST_OK;
}

static bool same_shape(const ist_frame *a, const ist_frame *b)
{
    return a->width == b->width && a->height == b->height && a->channels == b->channels && a->type == b->type;
}

static ist_status check_shape(const struct export *e, const ist_frame *b, ist_error *error)
{
    const ist_frame *a = &e->first;
    if (e->kind->any_shape || e->kind->no_pixels || same_shape(a, b))
        return IST_OK;
    return error_set(error, IST_ERROR_DATA,
                     "%s: frame %lld is %d x %d px of %d x %d bits, frame %lld is %d x %d px of %d x %d bits; one file "
                     "cannot hold both",
                     e->plan.path, (long long)a->index, a->width, a->height, a->channels,
                     8 * (int)ist_pixel_size(a->type), (long long)b->index, b->width, b->height, b->channels,
                     8 * (int)ist_pixel_size(b->type));
}

/* Reads the pixels of the frame that the walk gave. IST_END: it cannot be read, and is skipped. */
static ist_status read_pixels(struct export *e, ist_error *error)
{
    if (e->kind->no_pixels)
        return IST_OK;
    const int64_t index = e->frame.index;
    ist_error reason;
    const ist_status status = ist_reader_read_index(e->reader, index, &e->frame, &reason);
    if (status >= 0)
        return IST_OK;
    if (!e->plan.params->skip_missing || status == IST_ERROR_MEMORY)
        return error_set(error, status, "frame %lld cannot be read: %s", (long long)index, reason.message);
    if (e->report.skipped_count++ == 0)
        e->report.first_skipped = index;
    return IST_END;
}

/* Gives the frame that is to be exported, which is the one that was read unless it is changed. */
static ist_status change_frame(struct export *e, const ist_frame **frame, ist_error *error)
{
    const ist_export_params *params = e->plan.params;
    *frame = &e->frame;
    if (!params->change || e->kind->no_pixels)
        return IST_OK;
    const ist_status status = params->change(params->context, &e->frame, &e->changed, error);
    e->changed.index = e->frame.index;
    e->changed.number = e->frame.number;
    e->changed.time_s = e->frame.time_s;
    *frame = &e->changed;
    return status;
}

static ist_status begin_sink(struct export *e, const ist_frame *frame, ist_error *error)
{
    e->first = *frame;
    if (!e->kind->no_pixels) {
        e->report.width = frame->width;
        e->report.height = frame->height;
    }
    return e->kind->calls->open(&e->sink, &e->plan, frame, error);
}

static ist_status add_frame(struct export *e, ist_error *error)
{
    const ist_frame *frame;
    ist_status status = change_frame(e, &frame, error);
    if (status >= 0 && !e->sink)
        status = begin_sink(e, frame, error);
    if (status >= 0)
        status = check_shape(e, frame, error);
    if (status >= 0)
        status = e->kind->calls->add(e->sink, frame, error);
    if (status >= 0)
        e->report.frame_count++;
    return status;
}

static ist_status run(struct export *e, ist_error *error)
{
    const ist_export_params *params = e->plan.params;
    ist_status status;
    export_walk_begin(&e->walk, e->reader, &params->frames);
    for (int64_t done = 0; (status = export_walk_next(&e->walk, &e->frame, error)) == IST_OK;) {
        status = read_pixels(e, error);
        if (status == IST_OK)
            status = add_frame(e, error);
        if (status < 0)
            return status;
        if (params->progress && !params->progress(params->context, ++done, e->plan.frame_count))
            return interrupted(e->plan.path, error);
    }
    if (status < 0)
        return status;
    if (!e->sink)
        return error_set(error, IST_ERROR_DATA, "none of the %lld frames can be read",
                         (long long)e->report.skipped_count);
    return e->kind->calls->finish(e->sink, &e->report, error);
}

static ist_status export_frames(struct export *e, struct export_output *output, ist_error *error)
{
    const ist_export_params *params = e->plan.params;
    export_walk_begin(&e->walk, e->reader, &params->frames);
    ist_status status = survey(&e->walk, e->kind->needs_times, &e->plan, error);
    if (status < 0)
        return status;
    if (e->plan.frame_count == 0)
        return error_set(error, IST_ERROR_NOT_FOUND, "%s: no frame lies in the range; it has %lld frames",
                         ist_reader_get_info(e->reader)->path, (long long)ist_reader_get_info(e->reader)->frame_count);
    status = export_output_begin(output, error);
    if (status >= 0)
        status = run(e, error);
    e->kind->calls->close(&e->sink);
    return status < 0 ? status : export_output_publish(output, error);
}

ist_status ist_export(ist_reader *reader, const char *path, const ist_export_params *params, ist_export_report *report,
                      ist_error *error)
{
    static const ist_export_params defaults;
    if (!params)
        params = &defaults;
    struct export_output *output = calloc(1, sizeof *output);
    struct export *e = calloc(1, sizeof *e);
    ist_status status = output && e ? check_params(params, error) : error_memory(error);
    if (status >= 0) {
        e->reader = reader;
        e->report.first_skipped = -1;
        e->plan = (struct export_plan){.path = output->path, .part = output->part, .params = params, .reader = reader};
        status = find_kind(&e->kind, path, params, error);
    }
    if (status >= 0)
        status = export_output_init(output, path, e->kind->output, error);
    if (status >= 0) {
        status = export_frames(e, output, error);
        export_output_end(output);
        ist_frame_free(&e->frame);
        ist_frame_free(&e->changed);
    }
    if (report)
        *report = e ? e->report : (ist_export_report){0};
    free(e);
    free(output);
    return status;
}

/* ---- a single frame ---- */

ist_status ist_extract_index(const char *path, int64_t index, ist_frame *frame, ist_error *error)
{
    ist_reader *reader;
    ist_status status = ist_reader_open(&reader, path, error);
    if (status >= 0)
        status = ist_reader_read_index(reader, index, frame, error);
    ist_reader_close(&reader);
    return status;
}

ist_status ist_extract_number(const char *path, int64_t number, ist_frame *frame, ist_error *error)
{
    ist_reader *reader;
    ist_status status = ist_reader_open(&reader, path, error);
    if (status >= 0)
        status = ist_reader_read_number(reader, number, IST_MATCH_EXACT, frame, error);
    ist_reader_close(&reader);
    return status;
}
