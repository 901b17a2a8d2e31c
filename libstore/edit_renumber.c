/* Counting frame numbers from another frame. */
#include <libstore/edit.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chunk_close.h"
#include "chunk_path.h"
#include "edit_index.h"
#include "error.h"
#include "foreign_index.h"
#include "fs.h"
#include "npz.h"

/* Motif's files and the index.db of a fork hold frame numbers too, which would no longer be those of the frames. */
static ist_status check_foreign(const struct edit *edit, const struct edit_contents *contents, ist_error *error)
{
    static const char *const endings[] = {".extra_data.json", ".extra_data.h5"};
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%.*s/%s", PATH_MAX - 32, edit->directory, FOREIGN_INDEX_FILE_NAME);
    bool foreign = fs_exists(path);
    for (int i = 0; i < contents->chunks.count; i++) {
        for (int e = 0; e < 2 && !foreign; e++) {
            chunk_path_sidecar(path, edit->directory, contents->chunks.chunks[i].chunk, true, endings[e]);
            foreign = fs_exists(path);
            if (!foreign) {
                chunk_path_sidecar(path, edit->directory, contents->chunks.chunks[i].chunk, edit->metadata.is_video,
                                   endings[e]);
                foreign = fs_exists(path);
            }
        }
    }
    if (!foreign)
        return IST_OK;
    return error_set(error, IST_ERROR_UNSUPPORTED, "%s: holds frame numbers that cannot be changed", path);
}

/* What is known of the frames whose number decides. */
struct zero_search {
    int64_t about_count, about_index; /* frames with the number, and the last of them */
    int64_t zero_count, zero_index;   /* the same of number 0 */
    int zero_chunk;                   /* the chunk of zero_index, and its frames */
    int64_t zero_first_index, zero_frame_count;
    int64_t number_min, number_max; /* of all frames, dropped ones too */
};

static ist_status search_zero(struct zero_search *found, struct index *index, int64_t about, ist_error *error)
{
    int count;
    const struct chunk_range *ranges = index_ranges(index, &count);
    for (int c = 0; c < count; c++) {
        struct npz_index frames = {0};
        if (ranges[c].number_min < found->number_min)
            found->number_min = ranges[c].number_min;
        if (ranges[c].number_max > found->number_max)
            found->number_max = ranges[c].number_max;
        const ist_status status = chunk_frames(index, &ranges[c], &frames, error);
        if (status < 0)
            return status;
        for (int64_t i = 0; i < frames.count; i++) {
            if (frames.numbers[i] == about) {
                found->about_count++;
                found->about_index = ranges[c].first_index + i;
            }
            if (frames.numbers[i] == 0) {
                found->zero_count++;
                found->zero_index = ranges[c].first_index + i;
                found->zero_chunk = ranges[c].chunk;
                found->zero_first_index = ranges[c].first_index;
                found->zero_frame_count = ranges[c].frame_count;
            }
        }
        for (int64_t i = 0; i < frames.drops.count; i++) {
            const int64_t number = frames.drops.items[i].drop.first_number;
            found->number_min = number < found->number_min ? number : found->number_min;
            found->number_max = number > found->number_max ? number : found->number_max;
        }
        npz_index_free(&frames);
    }
    return IST_OK;
}

/* True if the frame 0 had the number before; then all was done by an earlier run. */
static ist_status is_renumbered(const struct edit *edit, const struct zero_search *found, int64_t about, bool *done,
                                ist_error *error)
{
    *done = false;
    if (found->zero_count != 1)
        return IST_OK;
    char path[PATH_MAX];
    chunk_path_sidecar(path, edit->directory, found->zero_chunk, edit->metadata.is_video, ".npz");
    if (!fs_exists(path)) // an old store
        return IST_OK;
    int64_t *before;
    const ist_status status = npz_read_before(path, found->zero_frame_count, &before, error);
    if (status >= 0 && before)
        *done = before[found->zero_index - found->zero_first_index] == about;
    free(before);
    return status;
}

/* True if no frame would get another number; the ones that are kept from before stay then. */
static ist_status changes_nothing(struct index *index, const struct edit_renumbering *r, bool *nothing,
                                  ist_error *error)
{
    enum { BATCH = 1024 };
    struct index_entry entries[BATCH];
    *nothing = r->about == 0;
    for (int64_t first = 0; first < r->zero && *nothing; first += BATCH) {
        const int64_t count = r->zero - first < BATCH ? r->zero - first : BATCH;
        const ist_status status = index_entries(index, first, count, entries, error);
        if (status < 0)
            return status;
        for (int64_t i = 0; i < count; i++)
            *nothing = *nothing && entries[i].number == first + i - r->zero;
    }
    return IST_OK;
}

static ist_status check_numbers(const struct zero_search *found, int64_t about, ist_error *error)
{
    if (found->about_count == 0)
        return error_set(error, IST_ERROR_NOT_FOUND, "there is no frame with number %lld", (long long)about);
    if (found->about_count > 1)
        return error_set(error, IST_ERROR_ARGUMENT, "%lld frames have the number %lld; it must be one",
                         (long long)found->about_count, (long long)about);
    if (about > 0 ? found->number_min < INT64_MIN + about : found->number_max > INT64_MAX + about)
        return error_set(error, IST_ERROR_ARGUMENT, "counted from %lld, frame numbers would leave 64 bits",
                         (long long)about);
    return IST_OK;
}

static ist_status stage_extra(const struct edit *edit, const struct chunk_range *range, struct index *renumbered,
                              ist_error *error)
{
    char final[PATH_MAX], path[PATH_MAX];
    struct buffer extra = {0};
    chunk_path_sidecar(final, edit->directory, range->chunk, edit->metadata.is_video, ".extra.json");
    edit_staged_path(path, final);
    ist_status status = index_extra_to_keep(renumbered, range->first_index, range->frame_count, &extra, error);
    // Rows may have moved to the file of their own chunk; then the one that they were in becomes empty.
    if (status >= 0 && (strcmp((const char *)extra.data, "[]") != 0 || fs_exists(final)))
        status = fs_write_file_whole(path, extra.data, extra.size, error);
    buffer_free(&extra);
    return status;
}

/* New numbers out of one index, old ones out of the other. */
static ist_status stage_npz(const struct edit *edit, const struct chunk_range *range, struct index *index,
                            struct index *renumbered, ist_error *error)
{
    char final[PATH_MAX], path[PATH_MAX];
    struct npz_index old = {0}, frames = {0};
    chunk_path_sidecar(final, edit->directory, range->chunk, edit->metadata.is_video, ".npz");
    edit_staged_path(path, final);
    ist_status status = chunk_frames(index, range, &old, error);
    if (status >= 0)
        status = chunk_frames(renumbered, range, &frames, error);
    if (status >= 0)
        status = npz_write_renumbered(path, &frames, old.numbers, error);
    npz_index_free(&frames);
    npz_index_free(&old);
    return status;
}

static ist_status stage_renumbered(const struct edit *edit, struct index *index, const struct edit_renumbering *r,
                                   ist_error *error)
{
    struct index *renumbered = NULL;
    int count;
    const struct chunk_range *ranges = index_ranges(index, &count);
    ist_status status = edit_stage_index(edit, index, r, NULL, &renumbered, error);
    for (int i = 0; i < count && status >= 0; i++)
        status = stage_extra(edit, &ranges[i], renumbered, error);
    for (int i = 0; i < count && status >= 0; i++)
        status = stage_npz(edit, &ranges[i], index, renumbered, error);
    index_close(&renumbered);
    return status;
}

static ist_status reindex(struct edit *edit, int64_t about, ist_error *error)
{
    struct edit_contents contents = {0};
    struct zero_search found = {0};
    bool done = false;
    ist_status status = edit_contents_load(&contents, edit, error);
    if (status >= 0)
        status = check_foreign(edit, &contents, error);
    if (status >= 0)
        status = search_zero(&found, contents.index, about, error);
    if (status >= 0)
        status = is_renumbered(edit, &found, about, &done, error);
    if (status >= 0 && !done)
        status = check_numbers(&found, about, error);
    const struct edit_renumbering r = {.zero = found.about_index, .about = about};
    if (status >= 0 && !done)
        status = changes_nothing(contents.index, &r, &done, error);
    if (status >= 0 && !done)
        status = stage_renumbered(edit, contents.index, &r, error);
    if (status >= 0 && !done)
        status = edit_finish(edit, &(struct edit_note){.kind = EDIT_REINDEX}, error);
    edit_contents_free(&contents);
    return status;
}

ist_status ist_reindex(const char *path, int64_t number, ist_error *error)
{
    struct edit edit;
    ist_status status = edit_begin(&edit, path, error);
    if (status >= 0)
        status = reindex(&edit, number, error);
    edit_abandon(&edit);
    return status;
}
