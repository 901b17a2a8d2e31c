/* Opening a store or a plain file for reading, what is known of it as a whole, and closing it. */
#include <libstore/writer.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "chunk_path.h"
#include "decoder_pool.h"
#include "encoding.h"
#include "error.h"
#include "fs.h"
#include "image.h"
#include "index_search.h"
#include "picture_cache.h"
#include "plain_file.h"
#include "reader_state.h"
#include "store_index.h"
#include "store_lock.h"
#include "store_path.h"

/* The default of ist_reader_set_cache(): a GOP of 250 pictures of 640 x 480 needs half of it. */
enum { CACHE_BYTES = 256 << 20 };

/* Decoders that are left standing may take a byte for so many of the pictures'. */
enum { DECODERS_SHARE = 2 };

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
        if (r->chunks[i].reader)
            r->calls->close(&r->chunks[i].reader);
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
