#include "store_index.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chunk_path.h"
#include "edit_journal.h"
#include "error.h"
#include "fs.h"
#include "store_lock.h"
#include "store_scan.h"

/* Fewer frames than this are loaded in the blink of an eye, and nothing is kept. */
enum { FRAMES_WORTH_KEEPING = 200000 };

struct place {
    const char *directory;
    const struct metadata *metadata;
    const struct store_chunks *chunks;
    struct problems *problems;
};

/* True if an index that was opened knows every chunk that has one of its own beside it. */
static bool is_complete(const struct index *index, const struct store_chunks *chunks)
{
    int count, known = 0, needed = 0;
    const struct chunk_range *ranges = index_ranges(index, &count);
    for (int i = 0; i < chunks->count; i++)
        needed += chunks->chunks[i].has_npz || chunks->chunks[i].has_yaml;
    for (int i = 0; i < count; i++) {
        const struct store_chunk *chunk = store_chunks_find(chunks, ranges[i].chunk);
        known += chunk && (chunk->has_npz || chunk->has_yaml);
    }
    return known == needed;
}

static bool is_newer(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* The write-ahead log, which is there while somebody writes, or reads what was written. */
static bool wal_path(char path[PATH_MAX], const char *index_path)
{
    return snprintf(path, PATH_MAX, "%s-wal", index_path) < PATH_MAX;
}

/* True if a chunk's npz was written after the index: by imgstore's reindex, say. */
static bool is_outdated(const char *index_path, const struct place *place)
{
    struct stat index, wal, npz;
    char path[PATH_MAX];
    if (stat(index_path, &index) < 0)
        return true;
    if (wal_path(path, index_path) && stat(path, &wal) == 0 && is_newer(&wal.st_mtim, &index.st_mtim))
        index = wal;
    for (int i = 0; i < place->chunks->count; i++) {
        chunk_path_sidecar(path, place->directory, place->chunks->chunks[i].chunk, place->metadata->is_video, ".npz");
        if (place->chunks->chunks[i].has_npz && stat(path, &npz) == 0 && is_newer(&npz.st_mtim, &index.st_mtim))
            return true;
    }
    return false;
}

/* Opens a finished store's index; false: there is none that can be used. */
static bool open_current(struct index **index, const char *path, const struct place *place)
{
    if (index_open(index, path, place->metadata->uuid, NULL) < 0)
        return false;
    if (is_complete(*index, place->chunks) && !is_outdated(path, place))
        return true;
    index_close(index);
    return false;
}

/* Where an index is kept when the store cannot hold it; false: nowhere. */
static bool cache_path(char path[PATH_MAX], const char *uuid)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char folder[PATH_MAX];
    if (!*uuid || ((!cache || *cache != '/') && (!home || *home != '/')))
        return false;
    const int length = cache && *cache == '/' ? snprintf(folder, sizeof folder, "%s/libstore", cache)
                                              : snprintf(folder, sizeof folder, "%s/.cache/libstore", home);
    if (length >= (int)sizeof folder || (fs_calls.mkdir(folder, 0777) < 0 && errno != EEXIST))
        return false;
    return snprintf(path, PATH_MAX, "%s/%s.sqlite", folder, uuid) < PATH_MAX;
}

/* Builds the index in a file of its own, which gets its name when it is whole. */
static ist_status build_at(struct index **index, const char *path, const struct place *place, ist_error *error)
{
    char part[PATH_MAX];
    // Several readers may do this at the same time; each has a file of its own.
    if (snprintf(part, sizeof part, "%s.%ld.part", path, (long)getpid()) >= (int)sizeof part)
        return error_errno(error, ENAMETOOLONG, "%s", path);
    ist_status status =
        store_build_index(index, part, place->chunks, place->directory, place->metadata, place->problems, error);
    if (status >= 0)
        status = fs_publish(part, path, error);
    if (status < 0) {
        index_close(index);
        fs_calls.unlink(part);
    }
    return status;
}

/* True if there is no index in the store, or one that libstore made for it. */
static bool may_replace(const char *path, const struct place *place)
{
    struct index *index;
    char wal[PATH_MAX];
    // A log that is left would be taken for the new file's own.
    if (!wal_path(wal, path) || fs_exists(wal))
        return false;
    if (!fs_exists(path))
        return true;
    if (index_open(&index, path, place->metadata->uuid, NULL) < 0)
        return false;
    index_close(&index);
    return true;
}

static ist_status build(struct index **index, const char *store_path, const struct place *place, ist_error *error)
{
    char cached[PATH_MAX];
    const int64_t frames = (int64_t)place->chunks->count * place->metadata->chunksize;
    if (frames >= FRAMES_WORTH_KEEPING) {
        if (may_replace(store_path, place) && build_at(index, store_path, place, NULL) >= 0)
            return IST_OK;
        problems_free(place->problems); // they are found again
        if (cache_path(cached, place->metadata->uuid) && build_at(index, cached, place, NULL) >= 0)
            return IST_OK;
        problems_free(place->problems); // they are found again
    }
    return store_load_index(index, place->chunks, place->directory, place->metadata, place->problems, error);
}

static ist_status open_finished(struct index **index, const char *store_path, const struct place *place,
                                ist_error *error)
{
    char cached[PATH_MAX];
    if (open_current(index, store_path, place))
        return IST_OK;
    if (cache_path(cached, place->metadata->uuid) && open_current(index, cached, place))
        return IST_OK;
    return build(index, store_path, place, error);
}

/* A store of which no recording goes on, or one of another program. */
static ist_status open_whole(struct index **index, const char *path, const char *directory,
                             const struct metadata *metadata, bool unfinished, struct problems *problems,
                             ist_error *error)
{
    struct store_chunks chunks;
    ist_status status = store_scan(&chunks, directory, metadata, error);
    if (status < 0)
        return status;
    store_chunks_forget_below(&chunks, metadata->removed.chunks);
    const struct place place = {directory, metadata, &chunks, problems};
    status = unfinished ? store_load_index(index, &chunks, directory, metadata, problems, error)
                        : open_finished(index, path, &place, error);
    if (status >= 0)
        status = store_find_missing(&chunks, *index, directory, metadata, false, problems, error);
    store_chunks_free(&chunks);
    return status;
}

/*
 * Compares the files of a recording that may go on with its index. The index is read behind the directory, so that it
 * knows of all chunks there. *moved tells that meanwhile chunks got other numbers or names: then it is to be done
 * again.
 */
static ist_status look_for_missing(struct index *index, const char *directory, const struct metadata *metadata,
                                   struct problems *problems, bool *moved, bool *lags, ist_error *error)
{
    const struct chunk_moves before = *index_moves(index);
    struct store_chunks chunks;
    ist_status status = store_scan(&chunks, directory, metadata, error);
    if (status >= 0)
        status = index_reload(index, error);
    if (status >= 0) {
        store_chunks_follow_move(&chunks, index);
        store_chunks_forget_below(&chunks, index_removed(index)->chunks);
        // Of a change that is under way the journal tells.
        *lags = store_lock_look(directory) == STORE_LOCK_STALE && !edit_has_journal(directory) &&
                store_index_lags(&chunks, index, directory, metadata);
        status = store_find_missing(&chunks, index, directory, metadata, true, problems, error);
    }
    store_chunks_free(&chunks);
    (void)index_follow_move(index);
    *moved = !chunk_moves_same(&before, index_moves(index));
    return status;
}

/* Of a store that is not finished and whose index lost its end: the chunks that are finished count. */
static ist_status open_without(struct index **index, const char *path, const char *directory,
                               const struct metadata *metadata, struct problems *problems, ist_error *error)
{
    index_close(index);
    problems_free(problems);
    const ist_status status = open_whole(index, path, directory, metadata, true, problems, error);
    if (status < 0)
        return status;
    int count;
    const struct chunk_range *ranges = index_ranges(*index, &count);
    return problems_add(problems,
                        &(ist_problem){.kind = IST_PROBLEM_BAD_INDEX,
                                       .chunk = count ? ranges[count - 1].chunk + 1 : 0,
                                       .chunk_count = 1,
                                       .first_index = index_frame_count(*index)},
                        error,
                        INDEX_FILE_NAME " lost its end: what was recorded behind the chunks that are finished "
                                        "has no numbers and times");
}

/* Of a store that is not finished, the index knows more than what lies beside the chunks; if libstore made it. */
static ist_status open_unfinished(struct index **index, const char *path, const char *directory,
                                  const struct metadata *metadata, struct problems *problems, ist_error *error)
{
    ist_error reason = {0};
    ist_status status = index_open(index, path, metadata->uuid, &reason);
    if (status == IST_ERROR_NOT_FOUND)
        return open_whole(index, path, directory, metadata, true, problems, error);
    if (status < 0)
        return error_set(error, status, "%s: %s", directory, reason.message);
    bool moved, lags = false;
    do {
        problems_free(problems);
        status = look_for_missing(*index, directory, metadata, problems, &moved, &lags, error);
    } while (status >= 0 && moved);
    return status >= 0 && lags ? open_without(index, path, directory, metadata, problems, error) : status;
}

ist_status store_index_open(struct index **index, const char *directory, const struct metadata *metadata,
                            struct problems *problems, ist_error *error)
{
    char path[PATH_MAX];
    *index = NULL;
    if (snprintf(path, sizeof path, "%s/%s", directory, INDEX_FILE_NAME) >= (int)sizeof path)
        return error_errno(error, ENAMETOOLONG, "%s", directory);
    // The lock is looked at first: a recorder that finishes now leaves more than was there, not less.
    return store_lock_look(directory) != STORE_LOCK_NONE
               ? open_unfinished(index, path, directory, metadata, problems, error)
               : open_whole(index, path, directory, metadata, false, problems, error);
}
