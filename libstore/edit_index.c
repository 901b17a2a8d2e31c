#include "edit_index.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chunk_close.h"
#include "error.h"
#include "fs.h"
#include "problems.h"

static const char before_key[] = "_frame_number_before_reindex";

/*
 * The store as it is
 */

void edit_contents_free(struct edit_contents *contents)
{
    index_close(&contents->index);
    store_chunks_free(&contents->chunks);
}

/* In a file whose name goes at once, so that nothing is left of it, and memory does not grow with the store. */
static ist_status build_index(struct edit_contents *contents, const struct edit *edit, struct problems *problems,
                              ist_error *error)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%.*s/%s.before%s", PATH_MAX - 32, edit->directory, INDEX_FILE_NAME,
             EDIT_STAGED_ENDING);
    ist_status status =
        store_build_index(&contents->index, path, &contents->chunks, edit->directory, &edit->metadata, problems, error);
    if (status >= 0 && fs_calls.unlink(path) < 0)
        status = error_errno(error, errno, "%s: cannot remove", path);
    return status;
}

ist_status edit_contents_load(struct edit_contents *contents, const struct edit *edit, ist_error *error)
{
    struct problems problems = {0};
    ist_status status = store_scan(&contents->chunks, edit->directory, &edit->metadata, error);
    if (status >= 0)
        store_chunks_forget_below(&contents->chunks, edit->metadata.removed.chunks);
    if (status >= 0)
        status = build_index(contents, edit, &problems, error);
    if (status >= 0 && problems.count > 0)
        status =
            error_set(error, IST_ERROR_DATA, "%s: nothing was changed: %s", edit->directory, problems.items[0]->text);
    problems_free(&problems);
    return status;
}

static int64_t new_number(const struct edit_renumbering *r, int64_t index, int64_t number)
{
    return index < r->zero ? index - r->zero : number - r->about;
}

/* Between frames that are counted one by one there are no numbers left: drops get that of the frame behind them. */
static int64_t new_drop_number(const struct edit_renumbering *r, int64_t index, int64_t number)
{
    return index <= r->zero ? index - r->zero : number - r->about;
}

static void renumber(const struct edit_renumbering *r, int64_t first_index, struct npz_index *frames)
{
    for (int64_t i = 0; i < frames->count; i++)
        frames->numbers[i] = new_number(r, first_index + i, frames->numbers[i]);
    for (int64_t i = 0; i < frames->drops.count; i++) {
        struct placed_drop *item = &frames->drops.items[i];
        item->drop.first_number = new_drop_number(r, first_index + item->before, item->drop.first_number);
    }
}

/*
 * The new index
 */

void edit_staged_path(char path[PATH_MAX], const char *final)
{
    if (snprintf(path, PATH_MAX, "%s%s", final, EDIT_STAGED_ENDING) >= PATH_MAX)
        path[0] = '\0';
}

/* One row of extra data, as index_extra() gives it, to the frame that it was bound to. */
static ist_status copy_row(struct index *to, json_t *row, const struct edit_renumbering *r, ist_error *error)
{
    const int64_t frame = json_integer_value(json_object_get(row, "frame_index"));
    json_t *number = json_incref(json_object_get(row, "frame_number"));
    json_object_del(row, "frame_index");
    json_object_del(row, "frame_number");
    json_object_del(row, "frame_time");
    if (r)
        json_object_set(row, before_key, number);
    json_decref(number);
    char *text = json_dumps(row, JSON_COMPACT | JSON_REAL_PRECISION(17));
    const ist_status status = text ? index_add_extra(to, frame, text, error) : error_memory(error);
    free(text);
    return status;
}

static ist_status copy_extra(struct index *to, struct index *from, const struct chunk_range *range,
                             const struct edit_renumbering *r, ist_error *error)
{
    struct buffer text = {0};
    ist_status status = index_extra(from, range->first_index, range->frame_count, &text, error);
    if (status >= 0 && strcmp((const char *)text.data, "[]") != 0) {
        json_t *rows = json_loadb((const char *)text.data, text.size, 0, NULL);
        if (!rows)
            status = error_memory(error);
        for (size_t i = 0; i < json_array_size(rows) && status >= 0; i++)
            status = copy_row(to, json_array_get(rows, i), r, error);
        json_decref(rows);
    }
    buffer_free(&text);
    return status;
}

/* What imgstore calls the chunk. */
static ist_status add_chunk(struct index *to, const struct edit *edit, int chunk, const struct npz_index *frames,
                            ist_error *error)
{
    char chunk_path[NAME_MAX + 32];
    snprintf(chunk_path, sizeof chunk_path, edit->metadata.is_video ? "%.255s/%06d" : "%.255s/%06d/index",
             fs_basename(edit->directory), chunk);
    return index_build_chunk(to, chunk, chunk_path, frames, error);
}

static ist_status copy_chunk(struct index *to, const struct edit *edit, struct index *from,
                             const struct chunk_range *range, const struct edit_renumbering *r, ist_error *error)
{
    struct npz_index frames = {0};
    ist_status status = chunk_frames(from, range, &frames, error);
    if (status >= 0 && r)
        renumber(r, range->first_index, &frames);
    if (status >= 0)
        status = add_chunk(to, edit, range->chunk, &frames, error);
    if (status >= 0)
        status = copy_extra(to, from, range, r, error);
    npz_index_free(&frames);
    return status;
}

static ist_status copy_chunks(struct index *to, const struct edit *edit, struct index *from,
                              const struct edit_renumbering *r, ist_error *error)
{
    int count = 0;
    const struct chunk_range *ranges = from ? index_ranges(from, &count) : NULL;
    ist_status status = IST_OK;
    for (int i = 0; i < count && status >= 0; i++)
        status = copy_chunk(to, edit, from, &ranges[i], r, error);
    return status;
}

ist_status edit_stage_index(const struct edit *edit, struct index *from, const struct edit_renumbering *r,
                            const struct edit_added_chunk *added, struct index **open, ist_error *error)
{
    char final[PATH_MAX], path[PATH_MAX];
    snprintf(final, sizeof final, "%.*s/%s", PATH_MAX - 32, edit->directory, INDEX_FILE_NAME);
    edit_staged_path(path, final);
    struct index *built = NULL;
    ist_status status = index_build_begin(&built, path, edit->metadata.uuid, error);
    if (status >= 0 && from)
        status = index_build_removed(built, index_removed(from), error);
    if (status >= 0)
        status = copy_chunks(built, edit, from, r, error);
    if (status >= 0 && added)
        status = add_chunk(built, edit, added->chunk, added->frames, error);
    if (status >= 0)
        status = index_build_finish(built, error);
    if (status >= 0)
        status = fs_sync_file(path, error);
    if (status < 0 || !open)
        index_close(&built);
    else
        *open = built;
    return status;
}
