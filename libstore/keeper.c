#include "keeper.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "chunk_close.h"
#include "chunk_path.h"
#include "chunk_remove.h"
#include "error.h"
#include "fs.h"

enum { SYNC_INTERVAL_S = 1, LARGE_LOG = 2 << 20 };

/* Frames of one chunk that may not be on the disk yet: from..end-1. */
struct unsynced {
    int chunk;
    int64_t from;
    int64_t end;
};

struct keeper {
    struct keeper_store store;
    pthread_t thread; /* brings frames to the disk */
    pthread_mutex_t mutex;
    pthread_cond_t wake; /* to end the thread */
    bool stop;
    struct unsynced unsynced;

    /* The chunk that is being finished, by a thread of its own. */
    bool closing;
    bool closed; /* it is done; set by that thread, under the mutex */
    pthread_t closing_thread;
    struct chunk_writer *chunk;
    struct chunk_range range;
    struct unsynced tail; /* of the chunk */
    int first_kept;       /* what is left of the chunks below is to be removed */
    ist_status status;
    ist_error error;
    ist_error removal; /* status below 0: they could not all be */
};

/*
 * Works on an index of its own: the writer's belongs to the writer's thread. The frames are there, as they were
 * committed before the chunk was handed over.
 */
static ist_status write_sidecars(const struct keeper_store *store, const struct chunk_range *range, ist_error *error)
{
    struct index *index;
    ist_status status = index_open(&index, store->index_path, store->uuid, error);
    if (status < 0)
        return status;
    status = chunk_close_sidecars(store->directory, store->format->is_video, range, index, error);
    index_close(&index);
    return status;
}

static ist_status sync_pixels(const struct keeper_store *store, const struct unsynced *frames, ist_error *error)
{
    char path[PATH_MAX];
    ist_status status = IST_OK;
    if (store->format->is_video) {
        chunk_path_video(path, store->directory, frames->chunk, store->format->extension);
        strncat(path, CHUNK_LIVE_ENDING, sizeof path - strlen(path) - 1);
        return fs_sync_file(path, error);
    }
    for (int64_t i = frames->from; i < frames->end && status >= 0; i++) {
        chunk_path_image(path, store->directory, frames->chunk, (int)i, store->format->extension);
        status = fs_sync_file(path, error);
    }
    return status < 0 ? status : fs_sync_directory_of(path, error);
}

/*
 * Brings frames to the disk: pixels first, then the log of the index that names them. Failures are not told here: what
 * the system could not keep fails again when the chunk is finished, and is told then.
 */
static void sync_frames(const struct keeper_store *store, const struct unsynced *frames)
{
    char path[PATH_MAX];
    if (frames->from >= frames->end)
        return;
    (void)sync_pixels(store, frames, NULL);
    if ((size_t)snprintf(path, sizeof path, "%s-wal", store->index_path) < sizeof path)
        (void)fs_sync_file(path, NULL);
}

/* The log of the index grows by some pages a frame, until it is taken into the file. */
static void shorten_log(const struct keeper_store *store)
{
    char path[PATH_MAX];
    struct stat info;
    if ((size_t)snprintf(path, sizeof path, "%s-wal", store->index_path) < sizeof path && stat(path, &info) == 0 &&
        info.st_size >= LARGE_LOG)
        (void)index_checkpoint(store->index_path, NULL);
}

/* The chunk's pixels, then what lies beside them. */
static ist_status finish_chunk(struct keeper *k)
{
    // First its last frames as they are: finishing may take longer than the second within which they are promised.
    sync_frames(&k->store, &k->tail);
    const ist_status status = k->store.format->calls->finish(&k->chunk, &k->error);
    return status < 0 ? status : write_sidecars(&k->store, &k->range, &k->error);
}

/*
 * The log comes to the disk first: it says that these chunks are no longer part of the store. What cannot be removed
 * harms nothing but takes room, and is tried again with the next chunk.
 */
static ist_status remove_old(const struct keeper *k, ist_error *error)
{
    char path[PATH_MAX];
    int removed = 0;
    ist_status status = IST_OK;
    if (k->first_kept == 0)
        return IST_OK;
    if ((size_t)snprintf(path, sizeof path, "%s-wal", k->store.index_path) < sizeof path)
        status = fs_sync_file(path, error);
    if (status >= 0)
        status = chunk_remove_below(k->store.directory, k->store.metadata, k->first_kept, &removed, error);
    return status;
}

static void close_and_remove(struct keeper *k)
{
    k->status = finish_chunk(k);
    k->removal = (ist_error){0};
    if (k->status >= 0)
        (void)remove_old(k, &k->removal);
}

static void *run_closing(void *argument)
{
    struct keeper *k = argument;
    close_and_remove(k);
    pthread_mutex_lock(&k->mutex);
    k->closed = true;
    pthread_mutex_unlock(&k->mutex);
    return NULL;
}

static struct timespec one_interval_from_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_sec += SYNC_INTERVAL_S;
    return time;
}

static void *run_syncing(void *argument)
{
    struct keeper *k = argument;
    pthread_mutex_lock(&k->mutex);
    while (!k->stop) {
        const struct timespec next = one_interval_from_now();
        while (!k->stop && pthread_cond_timedwait(&k->wake, &k->mutex, &next) == 0)
            ;
        const struct unsynced frames = k->unsynced;
        if (k->stop || frames.from >= frames.end)
            continue;
        k->unsynced.from = frames.end;
        pthread_mutex_unlock(&k->mutex);
        sync_frames(&k->store, &frames);
        shorten_log(&k->store);
        pthread_mutex_lock(&k->mutex);
    }
    pthread_mutex_unlock(&k->mutex);
    return NULL;
}

/* Starts a thread that leaves signals to the program's own, which wait for them. */
static int start_thread(pthread_t *thread, void *(*work)(void *), void *argument)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    const int result = pthread_create(thread, NULL, work, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

ist_status keeper_start(struct keeper **keeper, const struct keeper_store *store, ist_error *error)
{
    struct keeper *k = *keeper = calloc(1, sizeof *k);
    if (!k)
        return error_memory(error);
    k->store = *store;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&k->mutex, NULL);
    pthread_cond_init(&k->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    const int result = start_thread(&k->thread, run_syncing, k);
    if (result != 0) {
        free(k);
        *keeper = NULL;
        return error_errno(error, result, "cannot start a thread");
    }
    return IST_OK;
}

void keeper_note_frame(struct keeper *keeper, int chunk, int64_t frame_idx)
{
    pthread_mutex_lock(&keeper->mutex);
    if (keeper->unsynced.chunk != chunk)
        keeper->unsynced = (struct unsynced){chunk, 0, 0};
    keeper->unsynced.end = frame_idx + 1;
    pthread_mutex_unlock(&keeper->mutex);
}

ist_status keeper_sync_pixels(const struct keeper *keeper, int chunk, int64_t frame_idx, ist_error *error)
{
    return sync_pixels(&keeper->store, &(struct unsynced){chunk, frame_idx, frame_idx + 1}, error);
}

void keeper_close_chunk(struct keeper *keeper, struct chunk_writer **chunk, const struct chunk_range *range,
                        int first_kept)
{
    struct keeper *k = keeper;
    k->chunk = *chunk;
    *chunk = NULL;
    k->range = *range;
    k->first_kept = first_kept;
    k->closed = false;
    k->closing = true;
    pthread_mutex_lock(&k->mutex);
    k->tail = k->unsynced;
    k->unsynced.from = k->unsynced.end;
    pthread_mutex_unlock(&k->mutex);
    if (start_thread(&k->closing_thread, run_closing, k) != 0) {
        // Without a thread it is done here and now.
        close_and_remove(k);
        k->closing_thread = pthread_self();
        k->closed = true;
    }
}

ist_status keeper_fetch(struct keeper *keeper, bool wait, struct chunk_range *range, ist_error *error)
{
    struct keeper *k = keeper;
    if (!k->closing)
        return IST_END;
    pthread_mutex_lock(&k->mutex);
    const bool closed = k->closed;
    pthread_mutex_unlock(&k->mutex);
    if (!closed && !wait)
        return IST_END;
    if (!pthread_equal(k->closing_thread, pthread_self()))
        pthread_join(k->closing_thread, NULL);
    k->closing = false;
    *range = k->range;
    if (k->status < 0 && error)
        *error = k->error;
    return k->status;
}

const char *keeper_removal_failure(const struct keeper *keeper)
{
    return !keeper->closing && keeper->removal.status < 0 ? keeper->removal.message : NULL;
}

void keeper_stop(struct keeper **keeper)
{
    struct keeper *k = *keeper;
    if (!k)
        return;
    struct chunk_range range;
    (void)keeper_fetch(k, true, &range, NULL);
    pthread_mutex_lock(&k->mutex);
    k->stop = true;
    pthread_cond_signal(&k->wake);
    pthread_mutex_unlock(&k->mutex);
    pthread_join(k->thread, NULL);
    pthread_cond_destroy(&k->wake);
    pthread_mutex_destroy(&k->mutex);
    free(k);
    *keeper = NULL;
}
