#include <libstore/reader.h>
#include <libstore/writer.h>

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "chunk_path.h"
#include "chunk_reader.h"
#include "decoder_pool.h"
#include "encoding.h"
#include "error.h"
#include "fs.h"
#include "image.h"
#include "index.h"
#include "index_search.h"
#include "metadata.h"
#include "picture_cache.h"
#include "plain_file.h"
#include "problems.h"
#include "reader_ranges.h"
#include "store_index.h"
#include "store_lock.h"
#include "store_path.h"

/* The default of ist_reader_set_cache(): a GOP of 250 pictures of 640 x 480 needs half of it. */
enum { CACHE_BYTES = 256 << 20 };

/* Decoders that are left standing may take a byte for so many of the pictures'. */
enum { DECODERS_SHARE = 2 };

enum { OPEN_CHUNKS = 16, ENTRIES = 64 };

struct open_chunk {
    struct chunk_reader *reader; /* NULL: none */
    int64_t first;               /* of its frames, counted with those that were removed: stays the same */
    int number;
    int64_t frame_count; /* as the index had it: more came if it has more now */
};

struct ist_reader {
    char directory[PATH_MAX];
    struct metadata metadata;
    ist_reader_info info;
    bool unfinished; /* when the index was about to be read: what is finished by then, the index has all of */
    struct index *index;
    struct index_search *search;
    struct problems problems;

    const struct encoding *encoding; /* NULL: frames are delivered as they are stored */
    int width, height;               /* px, of the frames that are delivered */
    ist_frame raw;                   /* data of an encoding */

    const struct chunk_reader_calls *calls;
    struct open_chunk chunks[OPEN_CHUNKS]; /* the one read last first */
    struct decoding decoding;              /* of all of them */
    int64_t next_index;                    /* for ist_reader_next() */
    struct index_entry entries[ENTRIES];   /* of the frames from first_entry on, as who reads on will ask for them */
    int64_t first_entry, entry_count;
};

/*
 * Opening
 */

/* An old store that does not say which files it has: imgstore's guess, unless others lie there. */
static void find_extension(ist_reader *r)
{
    static const char *const extensions[] = {".mp4", ".avi", ".mkv", ".mov"};
    char path[PATH_MAX];
    chunk_path_video(path, r->directory, 0, r->metadata.extension);
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions && !fs_exists(path); i++) {
        chunk_path_video(path, r->directory, 0, extensions[i]);
        if (fs_exists(path))
            snprintf(r->metadata.extension, sizeof r->metadata.extension, "%s", extensions[i]);
    }
}

static ist_status choose_encoding(ist_reader *r, ist_error *error)
{
    const struct metadata *m = &r->metadata;
    r->width = m->width;
    r->height = m->height;
    if (!*m->encoding)
        return IST_OK;
    r->encoding = encoding_find(m->encoding);
    if (!r->encoding)
        return error_set(error, IST_ERROR_UNSUPPORTED, "%s: encoding %s cannot be read", r->directory, m->encoding);
    if (encoding_samples(r->encoding) != m->channels)
        return error_set(error, IST_ERROR_DATA, "%s: encoding %s has %d samples a pixel, but imgshape says %d",
                         r->directory, m->encoding, encoding_samples(r->encoding), m->channels);
    const ist_status status = encoding_picture_size(r->encoding, m->width, m->height, &r->width, &r->height, error);
    return status < 0 ? error_prefix(error, status, "%s", r->directory) : IST_OK;
}

static ist_status choose_calls(ist_reader *r, ist_error *error)
{
    r->calls = r->metadata.is_video ? &video_reader_calls : &directory_reader_calls;
    if (r->metadata.extension_guessed)
        find_extension(r);
    if (!r->metadata.is_video && !image_format_find(r->metadata.format))
        return error_set(error, IST_ERROR_UNSUPPORTED, "%s: format %s cannot be read%s", r->directory,
                         r->metadata.format,
                         strcmp(r->metadata.format, "bpk") == 0 ? ": libstore was built without Blosc" : "");
    return choose_encoding(r, error);
}

static bool is_lossless(const struct metadata *m)
{
    if (m->is_video)
        return ist_writer_format_is_lossless(m->format);
    return strcasecmp(m->format, "jpg") != 0 && strcasecmp(m->format, "jpeg") != 0;
}

static void fill_info(ist_reader *r)
{
    const struct metadata *m = &r->metadata;
    ist_reader_info *info = &r->info;
    *info = (ist_reader_info){
        .path = r->directory,
        .class_name = m->is_file    ? ""
                      : m->is_video ? "VideoImgStore"
                                    : "DirectoryImgStore",
        .format = m->format,
        .encoding = m->encoding,
        .uuid = m->uuid,
        .timezone = m->timezone,
        .user_metadata = m->user_json,
        .user_metadata_changed = m->user_changed,
        .created_s = m->created_s,
        .width = r->width,
        .height = r->height,
        .channels = r->encoding ? 3 : m->channels,
        .type = m->type,
        .chunksize = m->chunksize,
        .lossless = is_lossless(m),
        .unfinished = r->unfinished,
        .frame_count = index_frame_count(r->index),
        .removed_chunks = index_removed(r->index)->chunks,
        .removed_frames = index_removed(r->index)->frames,
    };
    const struct chunk_range *ranges = index_ranges(r->index, &info->chunk_count);
    for (int i = 0; i < info->chunk_count; i++) {
        const struct chunk_range *range = &ranges[i];
        if (i == 0 || range->number_min < info->number_min)
            info->number_min = range->number_min;
        if (i == 0 || range->number_max > info->number_max)
            info->number_max = range->number_max;
        if (i == 0 || range->time_min_s < info->time_min_s)
            info->time_min_s = range->time_min_s;
        if (i == 0 || range->time_max_s > info->time_max_s)
            info->time_max_s = range->time_max_s;
    }
}

/* metadata.yaml knows them when a store was closed, the index as they come. */
static ist_status count_drops(ist_reader *r, ist_error *error)
{
    memcpy(r->info.dropped, r->metadata.dropped, sizeof r->info.dropped);
    if (!r->info.unfinished)
        return IST_OK;
    int64_t dropped[IST_DROP_CAUSE_COUNT];
    const ist_status status = index_count_drops(r->index, dropped, error);
    for (int cause = 0; cause < IST_DROP_CAUSE_COUNT; cause++)
        if (dropped[cause] > r->info.dropped[cause])
            r->info.dropped[cause] = dropped[cause];
    return status;
}

static bool is_unfinished(const ist_reader *r)
{
    return store_lock_look(r->directory) != STORE_LOCK_NONE;
}

static ist_status open_store(ist_reader *r, const char *path, ist_error *error)
{
    ist_status status = store_path_find(r->directory, path, error);
    if (status >= 0)
        status = metadata_read(&r->metadata, r->directory, error);
    if (status >= 0)
        status = choose_calls(r, error);
    r->unfinished = status >= 0 && is_unfinished(r);
    if (status >= 0)
        status = store_index_open(&r->index, r->directory, &r->metadata, &r->problems, error);
    return status;
}

static ist_status open_file(ist_reader *r, const char *path, ist_error *error)
{
    if (snprintf(r->directory, sizeof r->directory, "%s", path) >= (int)sizeof r->directory)
        return error_errno(error, ENAMETOOLONG, "%.100s...", path);
    const ist_status status = plain_file_open(r->directory, &r->metadata, &r->index, &r->calls, error);
    r->width = r->metadata.width;
    r->height = r->metadata.height;
    return status;
}

ist_status ist_reader_open(ist_reader **reader, const char *path, ist_error *error)
{
    ist_reader *r = *reader = calloc(1, sizeof *r);
    if (!r)
        return error_memory(error);
    r->decoding = (struct decoding){
        .cache = picture_cache_create(0), .pool = decoder_pool_create(0), .threads = IST_READER_THREADS};
    ist_status status = r->decoding.cache && r->decoding.pool ? IST_OK : error_memory(error);
    if (status >= 0)
        ist_reader_set_cache(r, CACHE_BYTES);
    if (status >= 0)
        status = plain_file_is(path) ? open_file(r, path, error) : open_store(r, path, error);
    if (status >= 0)
        status = index_search_create(&r->search, r->index, error);
    if (status >= 0) {
        fill_info(r);
        status = count_drops(r, error);
    }
    if (status < 0)
        ist_reader_close(reader);
    return status;
}

/* Frames were removed from the front: every index that is remembered becomes smaller. */
static void follow_ring(ist_reader *r, int64_t removed)
{
    r->next_index = r->next_index > removed ? r->next_index - removed : 0;
    for (int i = 0; i < r->problems.count; i++) {
        ist_problem *problem = r->problems.items[i];
        if (problem->first_index >= removed)
            problem->first_index -= removed;
        else
            problem->first_index = -1;
    }
}

ist_status ist_reader_refresh(ist_reader *reader, ist_error *error)
{
    ist_reader *r = reader;
    if (!r->info.unfinished)
        return IST_OK;
    struct index_search *search;
    const bool unfinished = is_unfinished(r);
    ist_status status = index_reload(r->index, error);
    if (status >= 0)
        status = index_search_create(&search, r->index, error);
    if (status < 0)
        return status;
    index_search_destroy(&r->search);
    r->search = search;
    r->unfinished = unfinished;
    r->entry_count = 0;
    follow_ring(r, index_removed(r->index)->frames - r->info.removed_frames);
    fill_info(r);
    return count_drops(r, error);
}

const ist_reader_info *ist_reader_get_info(const ist_reader *reader)
{
    return &reader->info;
}

static void close_chunk(ist_reader *r, int i)
{
    if (r->chunks[i].reader)
        r->calls->close(&r->chunks[i].reader);
}

void ist_reader_set_cache(ist_reader *reader, size_t bytes)
{
    decoder_pool_set_limit(reader->decoding.pool, bytes / DECODERS_SHARE);
    picture_cache_set_limit(reader->decoding.cache, bytes);
}

void ist_reader_set_threads(ist_reader *reader, int most)
{
    reader->decoding.threads = most > 1 ? most : 1;
}

void ist_reader_close(ist_reader **reader)
{
    ist_reader *r = *reader;
    if (!r)
        return;
    for (int i = 0; i < OPEN_CHUNKS; i++)
        close_chunk(r, i);
    decoder_pool_destroy(r->decoding.pool);
    picture_cache_destroy(r->decoding.cache);
    if (r->search)
        index_search_destroy(&r->search);
    index_close(&r->index);
    problems_free(&r->problems);
    ist_frame_free(&r->raw);
    metadata_free(&r->metadata);
    free(r);
    *reader = NULL;
}

/*
 * Frames
 */

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
        close_chunk(r, i);
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
