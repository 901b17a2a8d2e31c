/* Frames into a new store, with all that is bound to them. */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drop_list.h"
#include "error.h"
#include "export_sink.h"
#include "export_walk.h"
#include "reader_ranges.h"

const char export_store_name[] = "store";

struct export_sink {
    const struct export_plan *plan;
    ist_writer *writer;
    struct drop_list drops; /* those exported */
    int64_t next_drop;      /* those before it are in the new store */
};

static void close_store(struct export_sink **sink)
{
    if (*sink) {
        (void)!ist_writer_close(&(*sink)->writer, NULL); // a store that was finished is closed already
        drop_list_free(&(*sink)->drops);
    }
    free(*sink);
    *sink = NULL;
}

/* What was asked for, and where nothing was, what the reader's store is like. */
static ist_writer_params complete_params(const struct export_plan *plan, const ist_frame *first)
{
    const ist_reader_info *info = ist_reader_get_info(plan->reader);
    ist_writer_params params = *plan->params->store;
    if (!params.format)
        params.format = info->format;
    if (params.chunksize == 0)
        params.chunksize = info->chunksize;
    if (params.frame_rate == 0)
        params.frame_rate = plan->mean_rate;
    if (!params.metadata_json)
        params.metadata_json = info->user_metadata;
    if (!params.timezone)
        params.timezone = info->timezone;
    params.width = first->width;
    params.height = first->height;
    params.channels = first->channels;
    params.type = first->type;
    return params;
}

/*
 * A drop goes where the frame behind it goes, whether or not the step or damage leaves that one out: so exports of
 * neighbouring ranges hold each drop once. Those behind the last frame of the store go with that frame.
 */
static ist_status choose_drops(struct export_sink *s, ist_error *error)
{
    const ist_selection *selection = &s->plan->params->frames;
    const int64_t count = ist_reader_get_info(s->plan->reader)->frame_count, end = s->plan->index_max + 1;
    struct drop_list *drops = &s->drops;
    ist_status status =
        reader_drops(s->plan->reader, selection->index_first, end == count ? end : end - 1, drops, error);
    int64_t chosen = 0;
    for (int64_t i = 0; i < drops->count && status >= 0; i++) {
        const struct placed_drop item = drops->items[i];
        const int64_t frame = item.before < count ? item.before : count - 1;
        int64_t number;
        double time_s;
        status = ist_reader_frame_metadata(s->plan->reader, frame, 1, &number, &time_s, error);
        if (status >= 0 && export_meets(selection, number, time_s))
            drops->items[chosen++] = item;
    }
    drops->count = chosen;
    return status;
}

/* Those before the frame with this index, as far as they are not there yet. */
static ist_status note_drops(struct export_sink *s, int64_t index, ist_error *error)
{
    ist_status status = IST_OK;
    for (; s->next_drop < s->drops.count && s->drops.items[s->next_drop].before <= index && status >= 0; s->next_drop++)
        status = ist_writer_note_drop(s->writer, &s->drops.items[s->next_drop].drop, error);
    return status;
}

static ist_status open_store(struct export_sink **sink, const struct export_plan *plan, const ist_frame *first,
                             ist_error *error)
{
    struct export_sink *s = *sink = calloc(1, sizeof *s);
    if (!s)
        return error_memory(error);
    s->plan = plan;
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", plan->part, export_store_name) >= sizeof path)
        return error_errno(error, ENAMETOOLONG, "%s", plan->path);
    const ist_writer_params params = complete_params(plan, first);
    const ist_status status = choose_drops(s, error);
    return status < 0 ? status : ist_writer_create(&s->writer, path, &params, error);
}

/* Adds one object, without the keys that the store adds where it is read. */
static ist_status add_object(struct export_sink *s, json_t *object, ist_error *error)
{
    static const char *const keys[] = {"frame_time", "frame_number", "frame_index"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        json_object_del(object, keys[i]);
    char *text = json_dumps(object, JSON_REAL_PRECISION(17) | JSON_COMPACT);
    if (!text)
        return error_memory(error);
    const ist_status status = ist_writer_add_extra(s->writer, text, error);
    free(text);
    return status;
}

static ist_status add_extra(struct export_sink *s, int64_t index, ist_error *error)
{
    char *text;
    ist_status status = ist_reader_extra(s->plan->reader, index, 1, &text, error);
    if (status < 0)
        return status;
    json_t *rows = json_loads(text, JSON_ALLOW_NUL, NULL);
    ist_free(text);
    if (!rows)
        return error_memory(error);
    for (size_t i = 0; i < json_array_size(rows) && status >= 0; i++)
        status = add_object(s, json_array_get(rows, i), error);
    json_decref(rows);
    return status;
}

static ist_status add_frame(struct export_sink *s, const ist_frame *frame, ist_error *error)
{
    ist_frame added = *frame;
    ist_status status = ist_reader_camera_times(s->plan->reader, frame->index, 1, &added.camera_time_s, error);
    if (isnan(added.camera_time_s))
        added.camera_time_s = 0;
    if (status >= 0)
        status = note_drops(s, frame->index, error);
    if (status >= 0)
        status = ist_writer_add(s->writer, &added, error);
    return status < 0 ? status : add_extra(s, frame->index, error);
}

static ist_status finish_store(struct export_sink *s, ist_export_report *report, ist_error *error)
{
    (void)report;
    const ist_status status = note_drops(s, INT64_MAX, error);
    return status < 0 ? status : ist_writer_close(&s->writer, error);
}

const struct export_sink_calls export_store = {open_store, add_frame, finish_store, close_store};
