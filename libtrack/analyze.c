/*
 * A store's frames through many hands: the calling thread reads frames into a ring and hands finished rows over in
 * order; workers take the oldest frame's next few ROIs. Who measures a ROI has no bearing on its row.
 */
#include <libtrack/libtrack.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "fail.h"
#include "memory.h"
#include "tracker.h"

/* One frame on its way. */
struct slot {
    ist_frame frame;
    void *gray; /* room for plane, if frames need it */
    struct plane plane;
    trk_row *rows;
    bool is_plane; /* plane is there, ROIs can be taken */
    bool is_taken; /* somebody is making the plane */
    int taken;     /* ROIs that were given to workers */
    int done;      /* ROIs that are finished; all of them: the slot is ready to be handed over */
};

struct analysis {
    const trk_tracker *tracker;
    int roi_count;
    int batch; /* ROIs that a worker takes at once */

    pthread_mutex_t mutex;
    pthread_cond_t work_came;  /* for the workers */
    pthread_cond_t frame_done; /* for the caller */
    struct slot *slots;
    int slot_count;
    int64_t first, end; /* frames in the ring, counted from 0: slot is the remainder */
    bool stop;

    struct worker *workers;
    int worker_count;
};

struct worker {
    struct analysis *analysis;
    trk_scratch *scratch;
    pthread_t thread;
    bool runs;
};

static struct slot *slot_of(const struct analysis *analysis, int64_t number)
{
    return &analysis->slots[number % analysis->slot_count];
}

/* The oldest frame with something to do; NULL: none. With the mutex held. */
static struct slot *find_work(const struct analysis *analysis)
{
    for (int64_t i = analysis->first; i < analysis->end; i++) {
        struct slot *slot = slot_of(analysis, i);
        if (slot->is_plane ? slot->taken < analysis->roi_count : !slot->is_taken)
            return slot;
    }
    return NULL;
}

static void make_plane(struct analysis *analysis, struct slot *slot)
{
    slot->is_taken = true;
    pthread_mutex_unlock(&analysis->mutex);
    slot->plane = plane_from_frame(&slot->frame, slot->gray);
    pthread_mutex_lock(&analysis->mutex);
    slot->is_plane = true;
    pthread_cond_broadcast(&analysis->work_came);
}

static void measure_batch(struct analysis *analysis, struct slot *slot, trk_scratch *scratch)
{
    const int first = slot->taken;
    const int count = analysis->roi_count - first < analysis->batch ? analysis->roi_count - first : analysis->batch;
    slot->taken += count;
    pthread_mutex_unlock(&analysis->mutex);
    for (int i = first; i < first + count; i++) {
        slot->rows[i] = tracker_blank_row(&slot->frame, i, TRK_MISSING);
        tracker_measure_roi(analysis->tracker, scratch, &slot->plane, i, &slot->rows[i]);
    }
    pthread_mutex_lock(&analysis->mutex);
    slot->done += count;
    if (slot->done == analysis->roi_count)
        pthread_cond_signal(&analysis->frame_done);
}

static void *work(void *argument)
{
    const struct worker *worker = argument;
    struct analysis *analysis = worker->analysis;
    pthread_mutex_lock(&analysis->mutex);
    while (!analysis->stop) {
        struct slot *slot = find_work(analysis);
        if (!slot)
            pthread_cond_wait(&analysis->work_came, &analysis->mutex);
        else if (!slot->is_plane)
            make_plane(analysis, slot);
        else
            measure_batch(analysis, slot, worker->scratch);
    }
    pthread_mutex_unlock(&analysis->mutex);
    return NULL;
}

/* Puts a frame that is in its slot before the workers; a missing one is finished at once. */
static void publish(struct analysis *analysis, bool missing)
{
    struct slot *slot = slot_of(analysis, analysis->end);
    if (missing)
        for (int i = 0; i < analysis->roi_count; i++)
            slot->rows[i] = tracker_blank_row(&slot->frame, i, TRK_MISSING);
    pthread_mutex_lock(&analysis->mutex);
    slot->is_plane = slot->is_taken = missing;
    slot->taken = slot->done = missing ? analysis->roi_count : 0;
    analysis->end++;
    pthread_cond_broadcast(&analysis->work_came);
    pthread_mutex_unlock(&analysis->mutex);
}

/* True if the oldest frame is finished; with `wait`, waits for it. */
static bool oldest_is_done(struct analysis *analysis, bool wait)
{
    pthread_mutex_lock(&analysis->mutex);
    const struct slot *slot = slot_of(analysis, analysis->first);
    while (wait && slot->done < analysis->roi_count)
        pthread_cond_wait(&analysis->frame_done, &analysis->mutex);
    const bool done = slot->done == analysis->roi_count;
    pthread_mutex_unlock(&analysis->mutex);
    return done;
}

/* Hands over finished frames, and waits until at most `most` are left in the ring. False: the handler stopped. */
static bool hand_over(struct analysis *analysis, int64_t most, trk_row_handler *handler, void *context)
{
    while (analysis->first < analysis->end) {
        if (!oldest_is_done(analysis, analysis->end - analysis->first > most))
            return true;
        if (!handler(context, slot_of(analysis, analysis->first)->rows, analysis->roi_count))
            return false;
        pthread_mutex_lock(&analysis->mutex);
        analysis->first++;
        pthread_mutex_unlock(&analysis->mutex);
    }
    return true;
}

/* Reads a frame into its slot. IST_END: it cannot be read, but its number and time are there. */
static ist_status read_frame(const struct analysis *analysis, ist_reader *reader, int64_t index, ist_frame *frame,
                             ist_error *error)
{
    ist_status status = ist_reader_read_index(reader, index, frame, error);
    if (status == IST_ERROR_MEMORY || status == IST_ERROR_STATE)
        return status;
    if (status == IST_OK && tracker_check_frame(analysis->tracker, frame, NULL) == IST_OK)
        return IST_OK;
    frame->index = index;
    status = ist_reader_frame_metadata(reader, index, 1, &frame->number, &frame->time_s, error);
    return status < 0 ? status : IST_END;
}

static ist_status run(struct analysis *analysis, ist_reader *reader, int64_t first, int64_t count,
                      trk_row_handler *handler, void *context, ist_error *error)
{
    for (int64_t i = 0; i < count; i++) {
        if (!hand_over(analysis, analysis->slot_count - 1, handler, context))
            return IST_END;
        const ist_status status =
            read_frame(analysis, reader, first + i, &slot_of(analysis, analysis->end)->frame, error);
        if (status < 0)
            return status;
        publish(analysis, status == IST_END);
    }
    return hand_over(analysis, 0, handler, context) ? IST_OK : IST_END;
}

static int thread_count(const trk_tracker *tracker)
{
    if (tracker_threads(tracker))
        return tracker_threads(tracker);
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return processors < 1 ? 1 : processors > 256 ? 256 : (int)processors;
}

static ist_status make_ring(struct analysis *analysis, const ist_reader_info *info, ist_error *error)
{
    // Two frames in work for each worker, so that nobody waits for the slowest ROI of a frame.
    const int count = 2 * analysis->worker_count + 1;
    analysis->slots = calloc((size_t)count, sizeof *analysis->slots);
    if (!analysis->slots)
        return trk_fail_memory(error);
    analysis->slot_count = count;
    const bool turns_gray = info->channels != 1 || info->type == IST_PIXEL_U16;
    for (int i = 0; i < count; i++) {
        struct slot *slot = &analysis->slots[i];
        slot->rows = calloc((size_t)analysis->roi_count, sizeof *slot->rows);
        if (turns_gray)
            slot->gray = allocate_aligned((size_t)info->width * (size_t)info->height, ist_pixel_size(info->type));
        if (!slot->rows || (turns_gray && !slot->gray))
            return trk_fail_memory(error);
    }
    return IST_OK;
}

static ist_status start_workers(struct analysis *analysis, ist_error *error)
{
    analysis->workers = calloc((size_t)analysis->worker_count, sizeof *analysis->workers);
    if (!analysis->workers)
        return trk_fail_memory(error);
    // Signals are for the program's own threads.
    sigset_t all, before;
    sigfillset(&all);
    ist_status status = IST_OK;
    for (int i = 0; i < analysis->worker_count && status >= 0; i++) {
        struct worker *worker = &analysis->workers[i];
        worker->analysis = analysis;
        status = trk_scratch_create(&worker->scratch, analysis->tracker, error);
        if (status < 0)
            break;
        pthread_sigmask(SIG_BLOCK, &all, &before);
        worker->runs = pthread_create(&worker->thread, NULL, work, worker) == 0;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        // A machine may allow fewer threads; one is enough.
        if (!worker->runs && i == 0)
            status = trk_fail(error, IST_ERROR_MEMORY, "no thread could be started");
        if (!worker->runs)
            break;
    }
    return status;
}

static void finish(struct analysis *analysis)
{
    pthread_mutex_lock(&analysis->mutex);
    analysis->stop = true;
    pthread_cond_broadcast(&analysis->work_came);
    pthread_mutex_unlock(&analysis->mutex);
    for (int i = 0; analysis->workers && i < analysis->worker_count; i++) {
        if (analysis->workers[i].runs)
            pthread_join(analysis->workers[i].thread, NULL);
        trk_scratch_destroy(&analysis->workers[i].scratch);
    }
    for (int i = 0; i < analysis->slot_count; i++) {
        ist_frame_free(&analysis->slots[i].frame);
        free(analysis->slots[i].gray);
        free(analysis->slots[i].rows);
    }
    free(analysis->slots);
    free(analysis->workers);
    pthread_cond_destroy(&analysis->frame_done);
    pthread_cond_destroy(&analysis->work_came);
    pthread_mutex_destroy(&analysis->mutex);
}

static int batch_size(int roi_count, int threads)
{
    // Few enough for a frame to be shared by all, many enough for the mutex not to matter.
    const int batches = 4 * threads;
    return (roi_count + batches - 1) / batches;
}

ist_status trk_analyze(trk_tracker *tracker, ist_reader *reader, int64_t first, int64_t count, trk_row_handler *handler,
                       void *context, ist_error *error)
{
    const ist_reader_info *info = ist_reader_get_info(reader);
    if (!tracker_has_template(tracker))
        return trk_fail(error, IST_ERROR_STATE, "no template was set");
    if (first < 0 || count < 0 || count > info->frame_count || first > info->frame_count - count)
        return trk_fail(error, IST_ERROR_NOT_FOUND, "%lld frames from frame %lld: the store has %lld", (long long)count,
                        (long long)first, (long long)info->frame_count);

    struct analysis analysis = {
        .tracker = tracker,
        .roi_count = tracker_roi_count(tracker),
        .worker_count = thread_count(tracker),
        .mutex = PTHREAD_MUTEX_INITIALIZER,
        .work_came = PTHREAD_COND_INITIALIZER,
        .frame_done = PTHREAD_COND_INITIALIZER,
    };
    analysis.batch = batch_size(analysis.roi_count, analysis.worker_count);
    ist_status status = make_ring(&analysis, info, error);
    if (status >= 0)
        status = start_workers(&analysis, error);
    if (status >= 0)
        status = run(&analysis, reader, first, count, handler, context, error);
    finish(&analysis);
    return status;
}
