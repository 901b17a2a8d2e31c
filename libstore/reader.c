#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "encoding.h"
#include "error.h"
#include "index_search.h"
#include "reader_ranges.h"
#include "reader_state.h"

/* Makes the i-th of the open chunks the first. */
static void move_to_front(ist_reader *r, int i)
{
    const struct open_chunk chunk = r->chunks[i];
    memmove(&r->chunks[1], &r->chunks[0], (size_t)i * sizeof chunk);
    r->chunks[0] = chunk;
}

/* The chunk's place among the open ones; the last place, of the one read longest ago, if it is not there. */
static int place_of(const ist_reader *r, int64_t first)
{
    for (int i = 0; i < OPEN_CHUNKS; i++)
        if (r->chunks[i].reader && r->chunks[i].first == first)
            return i;
    return OPEN_CHUNKS - 1;
}

/* Opens the file of a chunk; once more where its name was that of another one by then. */
static ist_status open_file_of(ist_reader *r, struct open_chunk *chunk, const struct chunk_range *range,
                               ist_error *error)
{
    ist_status status;
    do {
        r->calls->close(&chunk->reader);
        chunk->number = range->chunk;
        chunk->frame_count = range->frame_count;
        if (range->chunk < 0)
            return error_set(error, IST_ERROR_NOT_FOUND, "the chunk was removed");
        status =
            r->calls->open(&chunk->reader, &r->metadata, r->directory, range->chunk, r->index, &r->decoding, error);
    } while (index_follow_move(r->index));
    return status;
}

/* Makes this chunk the first of the open ones. With `reads_on` the one read last ended just before. */
static ist_status open_chunk(ist_reader *r, const struct chunk_range *range, bool reads_on, ist_error *error)
{
    const int64_t first = index_removed(r->index)->frames + range->first_index;
    const int i = place_of(r, first);
    struct open_chunk *chunk = &r->chunks[i];
    struct chunk_reader *last = i > 0 ? r->chunks[0].reader : NULL;
    // What is known of its file is out of date if frames came to it, or it has another number.
    if (chunk->first != first || chunk->number != range->chunk || chunk->frame_count != range->frame_count)
        r->calls->close(&chunk->reader);
    if (!chunk->reader) {
        chunk->first = first;
        const ist_status status = open_file_of(r, chunk, range, error);
        if (status < 0)
            return status;
    }
    if (last && reads_on && r->calls->follow)
        r->calls->follow(chunk->reader, last);
    if (last && r->calls->rest)
        r->calls->rest(last);
    move_to_front(r, i);
    return IST_OK;
}

/* True if what was read is what the store says; raw data of 2 and 4 samples come side by side. */
static ist_status check_stored(const ist_reader *r, const ist_frame *frame, ist_error *error)
{
    const struct metadata *m = &r->metadata;
    const int across = m->channels % 2 == 0 ? m->channels : 1;
    if (frame->width == across * m->width && frame->height == m->height && frame->channels == m->channels / across)
        return IST_OK;
    return error_set(error, IST_ERROR_DATA,
                     "chunk %06d: the picture is %d x %d pixels with %d channels, but the store says %d x %d with %d",
                     r->chunks[0].number, frame->width / across, frame->height, frame->channels * across, m->width,
                     m->height, m->channels);
}

/* Puts a frame of the open chunk into `frame`, as it is delivered. */
static ist_status read_pixels(ist_reader *r, int64_t frame_idx, ist_frame *frame, ist_error *error)
{
    ist_frame *stored = r->encoding ? &r->raw : frame;
    ist_status status = r->calls->read(r->chunks[0].reader, frame_idx, stored, error);
    if (status >= 0)
        status = check_stored(r, stored, error);
    if (status >= 0 && r->encoding)
        status = encoding_decode(r->encoding, stored, frame, error);
    return status;
}

/* Notes why a frame could not be read; the list has one entry for each chunk and kind, which grows. */
static void note_failure(ist_reader *r, ist_status status, const struct chunk_range *range, int64_t index,
                         const ist_error *reason)
{
    if (status != IST_ERROR_NOT_FOUND && status != IST_ERROR_DATA && status != IST_ERROR_UNSUPPORTED)
        return;
    const ist_problem_kind kind = status == IST_ERROR_NOT_FOUND ? IST_PROBLEM_NO_PIXELS : IST_PROBLEM_BAD_CHUNK;
    ist_problem *known = problems_find(&r->problems, kind, range->chunk);
    if (!known) {
        // Without memory for it the list lacks an entry; the frame's own error was said.
        (void)problems_add(
            &r->problems,
            &(ist_problem){
                .kind = kind, .chunk = range->chunk, .chunk_count = 1, .first_index = index, .frame_count = 1},
            NULL, "%s", reason->message);
        return;
    }
    const int64_t end = known->first_index + known->frame_count;
    if (index < known->first_index)
        known->first_index = index;
    known->frame_count = (index >= end ? index + 1 : end) - known->first_index;
}

/* To whom asks for a frame that the index knows, pixels that are not there are damage. */
static ist_status refuse_frame(ist_reader *r, ist_status status, const struct chunk_range *range, int64_t index,
                               const ist_error *reason, ist_error *error)
{
    note_failure(r, status, range, index, reason);
    return error_set(error, status == IST_ERROR_NOT_FOUND ? IST_ERROR_DATA : status, "%s", reason->message);
}

static ist_status no_such_frame(const ist_reader *r, int64_t index, ist_error *error)
{
    if (r->info.frame_count == 0)
        return error_set(error, IST_ERROR_NOT_FOUND, "there is no frame %lld: the store is empty", (long long)index);
    return error_set(error, IST_ERROR_NOT_FOUND, "there is no frame %lld: the store holds 0 to %lld", (long long)index,
                     (long long)r->info.frame_count - 1);
}

/* True if a ring that is being recorded removed the frame since the last refresh, which is the error then. */
static bool was_removed(ist_reader *r, int64_t index, ist_error *error)
{
    if (!r->info.unfinished || !index_is_removed(r->index, index))
        return false;
    error_set(error, IST_ERROR_NOT_FOUND,
              "frame %lld was removed: the recording keeps only the newest frames; refresh, or open it again",
              (long long)index);
    return true;
}

/* Reads a frame whose entry is known. */
static ist_status read_entry(ist_reader *r, int64_t index, const struct index_entry *entry, ist_frame *frame,
                             ist_error *error)
{
    const struct chunk_range *range = index_range_of(r->index, index);
    const bool reads_on = index == r->next_index;
    r->next_index = index + 1;
    ist_error reason = {0};
    ist_status status;
    do {
        status = open_chunk(r, range, reads_on, &reason);
        if (status >= 0)
            status = read_pixels(r, index - range->first_index, frame, &reason);
    } while (status < 0 && index_follow_move(r->index));
    if (status < 0 && was_removed(r, index, error))
        return IST_ERROR_NOT_FOUND;
    if (status < 0)
        return refuse_frame(r, status, range, index, &reason, error);
    frame->index = index;
    frame->number = entry->number;
    frame->time_s = entry->time_s;
    frame->camera_time_s = 0;
    return IST_OK;
}

ist_status ist_reader_find_key(ist_reader *reader, int64_t index, int64_t *key, ist_error *error)
{
    if (index < 0 || index >= reader->info.frame_count)
        return no_such_frame(reader, index, error);
    const struct chunk_range *range = index_range_of(reader->index, index);
    *key = index;
    if (!reader->calls->key_for)
        return IST_OK;
    const ist_status status = open_chunk(reader, range, false, error);
    if (status >= 0)
        *key = range->first_index + reader->calls->key_for(reader->chunks[0].reader, index - range->first_index);
    return status < 0 && was_removed(reader, index, error) ? IST_ERROR_NOT_FOUND : status;
}

/* Asking the index for one frame costs about as much as asking for many. */
static ist_status find_entry(ist_reader *r, int64_t index, const struct index_entry **entry, ist_error *error)
{
    if (index < r->first_entry || index >= r->first_entry + r->entry_count) {
        const int64_t left = r->info.frame_count - index;
        const int64_t count = index != r->next_index ? 1 : left < ENTRIES ? left : ENTRIES;
        r->entry_count = 0;
        const ist_status status = index_entries(r->index, index, count, r->entries, error);
        if (status < 0)
            return status;
        r->first_entry = index;
        r->entry_count = count;
    }
    *entry = &r->entries[index - r->first_entry];
    return IST_OK;
}

ist_status ist_reader_read_index(ist_reader *reader, int64_t index, ist_frame *frame, ist_error *error)
{
    if (index < 0 || index >= reader->info.frame_count)
        return no_such_frame(reader, index, error);
    const struct index_entry *entry;
    const ist_status status = find_entry(reader, index, &entry, error);
    if (status < 0 && was_removed(reader, index, error))
        return IST_ERROR_NOT_FOUND;
    return status < 0 ? status : read_entry(reader, index, entry, frame, error);
}

ist_status ist_reader_check_index(ist_reader *reader, int64_t index, ist_error *error)
{
    if (index < 0 || index >= reader->info.frame_count)
        return no_such_frame(reader, index, error);
    const struct index_entry *entry;
    ist_error reason = {0};
    ist_status status = find_entry(reader, index, &entry, error);
    if (status < 0)
        return status;
    const struct chunk_range *range = index_range_of(reader->index, index);
    do {
        status = open_chunk(reader, range, false, &reason);
        if (status >= 0)
            status = reader->calls->check(reader->chunks[0].reader, index - range->first_index, &reason);
    } while (status < 0 && index_follow_move(reader->index));
    if (status < 0 && was_removed(reader, index, error))
        return IST_ERROR_NOT_FOUND;
    return status < 0 ? refuse_frame(reader, status, range, index, &reason, error) : IST_OK;
}

ist_status ist_reader_next(ist_reader *reader, ist_frame *frame, ist_error *error)
{
    if (reader->next_index >= reader->info.frame_count)
        return IST_END;
    return ist_reader_read_index(reader, reader->next_index, frame, error);
}

static ist_status search_number(ist_reader *r, int64_t number, ist_match match, int64_t *index,
                                struct index_entry *entry, ist_error *error)
{
    const ist_status status = index_search_number(r->search, number, index, entry, error);
    if (status < 0 && was_removed(r, 0, error))
        return IST_ERROR_NOT_FOUND;
    if (status >= 0 && match == IST_MATCH_EXACT && entry->number != number)
        return error_set(error, IST_ERROR_NOT_FOUND, "there is no frame with number %lld; the nearest is %lld",
                         (long long)number, (long long)entry->number);
    return status;
}

static ist_status search_time(ist_reader *r, double time_s, int64_t *index, struct index_entry *entry, ist_error *error)
{
    if (!isfinite(time_s))
        return error_set(error, IST_ERROR_ARGUMENT, "a time that is not finite cannot be found");
    const ist_status status = index_search_time(r->search, time_s, index, entry, error);
    return status < 0 && was_removed(r, 0, error) ? IST_ERROR_NOT_FOUND : status;
}

ist_status ist_reader_read_number(ist_reader *reader, int64_t number, ist_match match, ist_frame *frame,
                                  ist_error *error)
{
    int64_t index;
    struct index_entry entry;
    const ist_status status = search_number(reader, number, match, &index, &entry, error);
    return status < 0 ? status : ist_reader_read_index(reader, index, frame, error);
}

ist_status ist_reader_read_time(ist_reader *reader, double time_s, ist_frame *frame, ist_error *error)
{
    int64_t index;
    struct index_entry entry;
    const ist_status status = search_time(reader, time_s, &index, &entry, error);
    return status < 0 ? status : ist_reader_read_index(reader, index, frame, error);
}

ist_status ist_reader_find_number(ist_reader *reader, int64_t number, ist_match match, int64_t *index, ist_error *error)
{
    struct index_entry entry;
    return search_number(reader, number, match, index, &entry, error);
}

ist_status ist_reader_find_time(ist_reader *reader, double time_s, int64_t *index, ist_error *error)
{
    struct index_entry entry;
    return search_time(reader, time_s, index, &entry, error);
}

/*
 * What is known of the frames
 */

const struct chunk_range *reader_ranges(const ist_reader *reader, int *count)
{
    return index_ranges(reader->index, count);
}

static ist_status check_range(const ist_reader *r, int64_t first, int64_t count, ist_error *error)
{
    if (first >= 0 && count >= 0 && first <= r->info.frame_count && count <= r->info.frame_count - first)
        return IST_OK;
    return error_set(error, IST_ERROR_NOT_FOUND, "frames %lld to %lld are not all there: the store holds %lld",
                     (long long)first, (long long)(first + count - 1), (long long)r->info.frame_count);
}

ist_status ist_reader_frame_metadata(ist_reader *reader, int64_t first, int64_t count, int64_t *numbers,
                                     double *times_s, ist_error *error)
{
    enum { BATCH = 256 };
    struct index_entry entries[BATCH];
    ist_status status = check_range(reader, first, count, error);
    for (int64_t done = 0; done < count && status >= 0; done += BATCH) {
        const int64_t batch = count - done < BATCH ? count - done : BATCH;
        status = index_entries(reader->index, first + done, batch, entries, error);
        for (int64_t i = 0; i < batch && status >= 0; i++) {
            if (numbers)
                numbers[done + i] = entries[i].number;
            if (times_s)
                times_s[done + i] = entries[i].time_s;
        }
    }
    return status < 0 && was_removed(reader, first, error) ? IST_ERROR_NOT_FOUND : status;
}

ist_status ist_reader_camera_times(ist_reader *reader, int64_t first, int64_t count, double *times_s, ist_error *error)
{
    ist_status status = check_range(reader, first, count, error);
    if (status >= 0)
        status = index_camera_times(reader->index, first, count, times_s, error);
    return status >= 0 && was_removed(reader, first, error) ? IST_ERROR_NOT_FOUND : status;
}

ist_status ist_reader_extra(ist_reader *reader, int64_t first, int64_t count, char **json, ist_error *error)
{
    *json = NULL;
    struct buffer text = {0};
    ist_status status = check_range(reader, first, count, error);
    if (status >= 0)
        status = index_extra(reader->index, first, count, &text, error);
    if (status >= 0 && was_removed(reader, first, error))
        status = IST_ERROR_NOT_FOUND;
    if (status < 0)
        buffer_free(&text);
    *json = (char *)text.data;
    return status;
}

void ist_reader_chunk(const ist_reader *reader, int i, int *chunk, int64_t *first_index, int64_t *frame_count)
{
    int count;
    const struct chunk_range *range = &index_ranges(reader->index, &count)[i];
    if (chunk)
        *chunk = range->chunk;
    if (first_index)
        *first_index = range->first_index;
    if (frame_count)
        *frame_count = range->frame_count;
}

const ist_problem *ist_reader_problem(const ist_reader *reader, int i)
{
    return i >= 0 && i < reader->problems.count ? reader->problems.items[i] : NULL;
}

ist_status ist_reader_drops(ist_reader *reader, ist_drop **drops, int64_t *count, ist_error *error)
{
    struct drop_list list = {0};
    *drops = NULL;
    *count = 0;
    ist_status status = index_drops(reader->index, 0, reader->info.frame_count, &list, error);
    if (status >= 0 && list.count > 0 && !(*drops = malloc((size_t)list.count * sizeof **drops)))
        status = error_memory(error);
    if (*drops)
        *count = list.count;
    for (int64_t i = 0; i < *count; i++)
        (*drops)[i] = list.items[i].drop;
    drop_list_free(&list);
    return status;
}

ist_status reader_drops(ist_reader *reader, int64_t first, int64_t last, struct drop_list *drops, ist_error *error)
{
    return index_drops(reader->index, first, last, drops, error);
}

void ist_free(void *memory)
{
    free(memory);
}
