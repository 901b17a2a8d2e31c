#include <libstore/recorder.h>

#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "error.h"
#include "extra_data.h"
#include "fs.h"

static const int64_t MIB = 1 << 20;
enum { QUEUE_MIB = 256, FREE_WARN_MIB = 4096, FREE_STOP_MIB = 512 };
// Of a small disk these are left instead.
enum { FREE_WARN_PERCENT = 10, FREE_STOP_PERCENT = 2 };

/* What waits: a frame, extra data or a drop; exactly one of them. */
struct item {
    struct item *next;
    int64_t bytes;
    ist_frame frame; /* data NULL: none */
    void (*release)(void *context);
    void *context;
    char *json; /* NULL: none */
    ist_drop drop;
};

struct ist_recorder {
    ist_writer *writer; /* of the thread that writes */
    ist_recorder_params params;
    char path[PATH_MAX];
    pthread_t thread;

    pthread_mutex_t mutex; /* of all that follows */
    pthread_cond_t came;   /* for the thread that writes */
    pthread_cond_t went;   /* for those who wait for room */
    struct item *first, **last;
    struct item *newest; /* the last that came, while it waits */
    struct item *spare;  /* frames that were copied and written: their buffers serve again */
    bool finish;         /* nothing more will be added */
    bool stopped;        /* nothing more is taken, in good order */
    bool has_number;
    int64_t next_number; /* that a camera would count to next */
    ist_recorder_stats stats;
    ist_error failure; /* status below 0: the store failed */

    bool warned; /* of the thread that writes, as the next two */
    bool space_is_low;
    double space_looked_s;
};

/* ---- small things ---- */

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void tell(const ist_recorder *r, const ist_recorder_event *event)
{
    if (r->params.event)
        r->params.event(r->params.context, event);
}

static void free_item(struct item *item)
{
    if (item->release)
        item->release(item->context);
    else
        ist_frame_free(&item->frame);
    free(item->json);
    free(item);
}

/* Without the mutex: it may call the caller's release(). */
static void free_items(struct item *items)
{
    while (items) {
        struct item *next = items->next;
        free_item(items);
        items = next;
    }
}

static void append(ist_recorder *r, struct item *item)
{
    item->next = NULL;
    *r->last = item;
    r->last = &item->next;
    r->newest = item;
    pthread_cond_signal(&r->came);
}

/* ---- adding ---- */

/* Waits until so many bytes have room, and takes them. IST_DROPPED: they have none. With the mutex held. */
static ist_status take_room(ist_recorder *r, int64_t bytes, double wait_s, ist_error *error)
{
    struct timespec until = {0};
    if (wait_s > 0 && wait_s < 1e9) {
        const double end_s = now_s() + wait_s;
        until.tv_sec = (time_t)end_s;
        until.tv_nsec = (long)((end_s - (double)until.tv_sec) * 1e9);
    }
    bool late = !(wait_s > 0);
    for (;;) {
        if (r->failure.status < 0)
            return error_set(error, r->failure.status, "%s", r->failure.message);
        if (r->stopped)
            return IST_END;
        if (r->stats.queue_bytes == 0 || r->stats.queue_bytes + bytes <= r->params.queue_bytes)
            break;
        if (late)
            return IST_DROPPED;
        if (until.tv_sec == 0)
            pthread_cond_wait(&r->went, &r->mutex);
        else
            late = pthread_cond_timedwait(&r->went, &r->mutex, &until) != 0;
    }
    r->stats.queue_bytes += bytes;
    if (r->stats.queue_bytes > r->stats.queue_bytes_max)
        r->stats.queue_bytes_max = r->stats.queue_bytes;
    return IST_OK;
}

/* Puts a drop where it happened. With the mutex held. Without memory for its place it is counted all the same. */
static void place_drop(ist_recorder *r, const ist_drop *drop)
{
    r->stats.dropped[drop->cause] += drop->count;
    ist_drop *before = r->newest ? &r->newest->drop : NULL;
    if (before && before->count > 0 && before->cause == drop->cause &&
        before->first_number + before->count == drop->first_number) {
        before->count += drop->count;
        return;
    }
    struct item *item = calloc(1, sizeof *item);
    if (!item)
        return;
    item->drop = *drop;
    append(r, item);
}

/* A camera's numbers say what it left out, but for what was noted already. With the mutex held. */
static bool find_gap(ist_recorder *r, const ist_frame *frame, ist_drop *drop)
{
    const bool gap = r->params.gaps_are_drops && r->has_number && frame->number > r->next_number;
    if (gap)
        *drop = (ist_drop){.cause = IST_DROP_CAMERA,
                           .first_number = r->next_number,
                           .count = frame->number - r->next_number,
                           .time_s = frame->time_s};
    r->has_number = true;
    r->next_number = frame->number + 1;
    return gap;
}

/* Makes room for a frame, or counts it as dropped. With the mutex held, but for telling. */
static ist_status admit(ist_recorder *r, const ist_frame *frame, int64_t bytes, double wait_s, ist_error *error)
{
    ist_drop gap, full = {.cause = IST_DROP_QUEUE, .first_number = frame->number, .count = 1, .time_s = frame->time_s};
    const bool has_gap = find_gap(r, frame, &gap);
    if (has_gap)
        place_drop(r, &gap);
    const ist_status status = take_room(r, bytes, wait_s, error);
    if (status == IST_DROPPED)
        place_drop(r, &full);
    pthread_mutex_unlock(&r->mutex);
    if (has_gap)
        tell(r, &(ist_recorder_event){.kind = IST_RECORDER_DROPPED, .drop = gap});
    if (status == IST_DROPPED)
        tell(r, &(ist_recorder_event){.kind = IST_RECORDER_DROPPED, .drop = full});
    pthread_mutex_lock(&r->mutex);
    return status;
}

static int64_t frame_bytes(const ist_frame *frame)
{
    if (frame->encoded_size)
        return (int64_t)frame->encoded_size;
    return (int64_t)frame->width * frame->channels * (int64_t)ist_pixel_size(frame->type) * frame->height;
}

static void give_room_back(ist_recorder *r, int64_t bytes)
{
    r->stats.queue_bytes -= bytes;
    pthread_cond_broadcast(&r->went);
}

static struct item *take_spare(ist_recorder *r)
{
    struct item *item = r->spare;
    if (item)
        r->spare = item->next;
    return item ? item : calloc(1, sizeof *item);
}

ist_status ist_recorder_add(ist_recorder *recorder, const ist_frame *frame, double wait_s, ist_error *error)
{
    ist_recorder *r = recorder;
    const int64_t bytes = frame_bytes(frame);
    pthread_mutex_lock(&r->mutex);
    ist_status status = admit(r, frame, bytes, wait_s, error);
    struct item *item = status == IST_OK ? take_spare(r) : NULL;
    pthread_mutex_unlock(&r->mutex);
    if (status != IST_OK)
        return status;

    status = item ? ist_frame_copy(&item->frame, frame, error) : error_memory(error);
    pthread_mutex_lock(&r->mutex);
    if (status == IST_OK) {
        item->bytes = bytes;
        r->stats.added++;
        r->stats.queue_frames++;
        append(r, item);
    } else {
        give_room_back(r, bytes);
    }
    pthread_mutex_unlock(&r->mutex);
    if (status < 0 && item)
        free_item(item);
    return status;
}

ist_status ist_recorder_give(ist_recorder *recorder, const ist_frame *frame, void (*release)(void *context),
                             void *context, double wait_s, ist_error *error)
{
    ist_recorder *r = recorder;
    struct item *item = calloc(1, sizeof *item);
    if (!item) {
        release(context);
        return error_memory(error);
    }
    *item = (struct item){.bytes = frame_bytes(frame), .frame = *frame, .release = release, .context = context};
    item->frame.buffer = NULL;
    pthread_mutex_lock(&r->mutex);
    const ist_status status = admit(r, frame, item->bytes, wait_s, error);
    if (status == IST_OK) {
        r->stats.added++;
        r->stats.queue_frames++;
        append(r, item);
    }
    pthread_mutex_unlock(&r->mutex);
    if (status != IST_OK)
        free_item(item);
    return status;
}

ist_status ist_recorder_add_extra(ist_recorder *recorder, const char *json, double wait_s, ist_error *error)
{
    ist_recorder *r = recorder;
    ist_status status = extra_data_check(json, error);
    if (status < 0)
        return status;
    struct item *item = calloc(1, sizeof *item);
    if (item)
        item->json = strdup(json);
    if (!item || !item->json) {
        free(item);
        return error_memory(error);
    }
    item->bytes = (int64_t)strlen(json);
    pthread_mutex_lock(&r->mutex);
    status = take_room(r, item->bytes, wait_s, error);
    if (status == IST_OK)
        append(r, item);
    pthread_mutex_unlock(&r->mutex);
    if (status != IST_OK)
        free_item(item);
    return status;
}

void ist_recorder_note_drop(ist_recorder *recorder, const ist_drop *drop)
{
    pthread_mutex_lock(&recorder->mutex);
    place_drop(recorder, drop);
    // The numbers of these frames are no second drop.
    const int64_t end = drop->first_number + drop->count;
    if (recorder->has_number && end > recorder->next_number)
        recorder->next_number = end;
    pthread_mutex_unlock(&recorder->mutex);
    tell(recorder, &(ist_recorder_event){.kind = IST_RECORDER_DROPPED, .drop = *drop});
}

ist_recorder_stats ist_recorder_get_stats(ist_recorder *recorder)
{
    pthread_mutex_lock(&recorder->mutex);
    const ist_recorder_stats stats = recorder->stats;
    pthread_mutex_unlock(&recorder->mutex);
    return stats;
}

/* ---- writing ---- */

/* How much may be left on the disk before the recording has to end. */
static int64_t space_to_stop(const ist_recorder *r)
{
    return r->params.free_stop_bytes + ist_writer_closing_bytes(r->writer);
}

/* Looks once a second. Without the mutex. */
static void watch_space(ist_recorder *r)
{
    enum { INTERVAL_S = 1 };
    const double now = now_s();
    if (now - r->space_looked_s < INTERVAL_S)
        return;
    r->space_looked_s = now;
    const int64_t left = fs_free_bytes(r->path);
    const bool low = left >= 0 && left < r->params.free_warn_bytes;
    const bool over = left >= 0 && r->params.free_stop_bytes >= 0 && left < space_to_stop(r);
    if (low && !r->space_is_low && !over)
        tell(r, &(ist_recorder_event){.kind = IST_RECORDER_SPACE_LOW, .free_bytes = left});
    r->space_is_low = low;
    pthread_mutex_lock(&r->mutex);
    const bool stops = over && !r->stopped;
    r->stopped |= over;
    r->stats.free_bytes = left;
    pthread_cond_broadcast(&r->went);
    pthread_mutex_unlock(&r->mutex);
    if (!stops)
        return;
    char message[PATH_MAX + 128];
    snprintf(message, sizeof message, "%s: only %lld MB are left on the disk; the recording ends before it is full",
             r->path, (long long)(left / 1000000));
    tell(r, &(ist_recorder_event){.kind = IST_RECORDER_STOPPED, .free_bytes = left, .message = message});
}

/* Says once what goes wrong beside the recording. Without the mutex. */
static void watch_warning(ist_recorder *r)
{
    const char *warning = ist_writer_warning(r->writer);
    if (warning && !r->warned)
        tell(r, &(ist_recorder_event){.kind = IST_RECORDER_WARNING, .message = warning});
    r->warned = warning != NULL;
}

static ist_status write_item(ist_recorder *r, const struct item *item, ist_error *error)
{
    if (item->json)
        return ist_writer_add_extra(r->writer, item->json, error);
    if (item->frame.data)
        return ist_writer_add(r->writer, &item->frame, error);
    return ist_writer_note_drop(r->writer, &item->drop, error);
}

/* The store failed: everything that waits is lost, and is counted. Returns it. With the mutex held. */
static struct item *give_up(ist_recorder *r, const ist_error *failure)
{
    struct item *waiting = r->first;
    r->failure = *failure;
    r->stats.lost = r->stats.added - r->stats.written;
    r->stats.removed = ist_writer_removed_frames(r->writer);
    r->first = r->newest = NULL;
    r->last = &r->first;
    r->stats.queue_frames = 0;
    r->stats.queue_bytes = 0;
    pthread_cond_broadcast(&r->went);
    return waiting;
}

/* Counts what was written. With the mutex held. */
static void settle(ist_recorder *r, bool is_frame, int64_t bytes)
{
    r->stats.written += is_frame;
    r->stats.removed = ist_writer_removed_frames(r->writer);
    r->stats.queue_frames -= is_frame;
    give_room_back(r, bytes);
}

/* Extra data that came before any frame wait for the first one, which they are bound to. */
static struct item *take_next(ist_recorder *r)
{
    struct item **place = &r->first;
    if (ist_writer_frame_count(r->writer) == 0)
        while (*place && (*place)->json)
            place = &(*place)->next;
    struct item *item = *place;
    if (!item)
        return NULL;
    *place = item->next;
    if (!*place)
        r->last = place;
    if (item == r->newest)
        r->newest = NULL;
    return item;
}

/* Writes one item and hands it back; its buffer, if it has one, serves again. Called and left with the mutex held. */
static ist_status write_next(ist_recorder *r, struct item *item, ist_error *error)
{
    pthread_mutex_unlock(&r->mutex);
    const bool is_frame = item->frame.data != NULL;
    const int64_t bytes = item->bytes;
    const ist_status status = write_item(r, item, error);
    if (!item->frame.buffer) {
        free_item(item);
        item = NULL;
    }
    if (status >= 0) {
        watch_warning(r);
        watch_space(r);
    }
    pthread_mutex_lock(&r->mutex);
    if (status >= 0)
        settle(r, is_frame, bytes);
    if (item) {
        item->next = r->spare;
        r->spare = item;
    }
    return status;
}

static void *write_all(void *argument)
{
    ist_recorder *r = argument;
    ist_error error = {0};
    ist_status status = IST_OK;
    struct item *lost = NULL;
    pthread_mutex_lock(&r->mutex);
    while (status >= 0) {
        struct item *item = take_next(r);
        if (item)
            status = write_next(r, item, &error);
        else if (r->finish)
            break;
        else
            pthread_cond_wait(&r->came, &r->mutex);
    }
    if (status < 0)
        lost = give_up(r, &error);
    pthread_mutex_unlock(&r->mutex);
    free_items(lost);
    if (status < 0)
        tell(r, &(ist_recorder_event){.kind = IST_RECORDER_FAILED, .message = error.message});
    return NULL;
}

/* ---- beginning and end ---- */

/* A limit of free space that was not given. */
static int64_t default_limit(const char *path, int64_t mib, int percent)
{
    const int64_t share = fs_disk_bytes(path) / 100 * percent;
    return share > 0 && share < mib * MIB ? share : mib * MIB;
}

static void init_waiting(ist_recorder *r)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&r->mutex, NULL);
    pthread_cond_init(&r->came, &attributes);
    pthread_cond_init(&r->went, &attributes);
    pthread_condattr_destroy(&attributes);
}

static bool start_thread(ist_recorder *r)
{
    // Signals are for the program's own threads.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    const bool started = pthread_create(&r->thread, NULL, write_all, r) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static void destroy(ist_recorder **recorder)
{
    ist_recorder *r = *recorder;
    free_items(r->first);
    free_items(r->spare);
    pthread_cond_destroy(&r->went);
    pthread_cond_destroy(&r->came);
    pthread_mutex_destroy(&r->mutex);
    free(r);
    *recorder = NULL;
}

static ist_status check_params(const char *path, const ist_recorder_params *params, ist_error *error)
{
    if (params && params->queue_bytes < 0)
        return error_set(error, IST_ERROR_ARGUMENT, "a queue of %lld bytes: it must be 0 or more",
                         (long long)params->queue_bytes);
    if (strlen(path) >= PATH_MAX)
        return error_set(error, IST_ERROR_ARGUMENT, "%.200s...: the path is too long", path);
    return IST_OK;
}

/* Without the thread. */
static ist_status create(ist_recorder **recorder, const char *path, const ist_recorder_params *params, ist_error *error)
{
    *recorder = NULL;
    const ist_status status = check_params(path, params, error);
    if (status < 0)
        return status;
    ist_recorder *r = *recorder = calloc(1, sizeof *r);
    if (!r)
        return error_memory(error);
    if (params)
        r->params = *params;
    if (r->params.queue_bytes == 0)
        r->params.queue_bytes = QUEUE_MIB * MIB;
    if (r->params.free_warn_bytes == 0)
        r->params.free_warn_bytes = default_limit(path, FREE_WARN_MIB, FREE_WARN_PERCENT);
    if (r->params.free_stop_bytes == 0)
        r->params.free_stop_bytes = default_limit(path, FREE_STOP_MIB, FREE_STOP_PERCENT);
    strcpy(r->path, path);
    r->last = &r->first;
    r->stats.free_bytes = fs_free_bytes(path);
    init_waiting(r);
    return IST_OK;
}

ist_status ist_recorder_start(ist_recorder **recorder, ist_writer **writer, const char *path,
                              const ist_recorder_params *params, ist_error *error)
{
    ist_status status = create(recorder, path, params, error);
    if (status >= 0) {
        (*recorder)->writer = *writer;
        if (!start_thread(*recorder)) {
            destroy(recorder);
            status = error_set(error, IST_ERROR_MEMORY, "no thread could be started");
        }
    }
    // What was not recorded in cannot be lost; its own failure comes second.
    if (status < 0 && ist_writer_close(writer, NULL) < 0)
        return status;
    *writer = NULL;
    return status;
}

ist_status ist_recorder_finish(ist_recorder **recorder, ist_recorder_stats *stats, ist_error *error)
{
    ist_recorder *r = *recorder;
    if (!r)
        return IST_OK;
    pthread_mutex_lock(&r->mutex);
    r->finish = true;
    pthread_cond_signal(&r->came);
    pthread_mutex_unlock(&r->mutex);
    pthread_join(r->thread, NULL);
    ist_status status = ist_writer_close(&r->writer, r->failure.status < 0 ? NULL : error);
    if (r->failure.status < 0)
        status = error_set(error, r->failure.status, "%s", r->failure.message);
    if (stats)
        *stats = r->stats;
    destroy(recorder);
    return status;
}
