/*
 * A store's frames through many hands: the calling thread reads frames into a ring and hands finished rows over in
 * order; workers take the oldest frame's next few ROIs, a batch. Who measures a ROI has no bearing on its row. Where
 * ROIs are remembered from frame to frame, a batch waits for the same batch of the frame before.
 *
 * Workers have a low priority, so that decoding is always ahead of them: while it goes on on one processor only,
 * as at every key picture, the others have a ring full of frames to measure. When the ring is full, the calling thread
 * measures too, so that something is done also where other programs leave the workers no processor.
 */
#include <libtrack/libtrack.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "fail.h"
#include "memory.h"
#include "sequence.h"

enum batch_state { BATCH_OPEN = 0, BATCH_TAKEN, BATCH_DONE };

/* One frame on its way. */
struct slot {
    ist_frame frame;
    bool is_read;    /* the frame has its pixels */
    bool is_missing; /* there is nothing to measure */
    void *samples;   /* room for plane, if frames need it */
    struct plane plane;
    trk_row *rows;
    bool is_plane;   /* plane is there, or will not be as the frame is missing: batches can be taken */
    bool is_taken;   /* somebody is making the plane */
    uint8_t *states; /* of batches: enum batch_state */
    int done;        /* batches that are; all of them: the slot is ready to be handed over */
};

struct analysis {
    const trk_tracker *tracker;
    struct feature *features; /* NULL: nothing is remembered of ROIs */
    double *turns;            /* NULL: no whole turns */
    int batch_size;           /* ROIs in a batch; the last one may have fewer */
    int batch_count;

    pthread_mutex_t mutex;
    pthread_cond_t work_came;  /* for the workers */
    pthread_cond_t frame_done; /* for the caller */
    struct slot *slots;
    int slot_count;
    int64_t first, end; /* frames in the ring, counted from 0: slot is the remainder */
    bool stop;

    struct worker *workers;
    int worker_count;
    struct scratch scratch; /* of the calling thread */
};

struct worker {
    struct analysis *analysis;
    struct scratch scratch;
    pthread_t thread;
    bool runs;
};

/* Something to do: with the plane not there yet, to make it; else a batch. */
struct task {
    struct slot *slot; /* NULL: there is nothing */
    const struct slot *before;
    int batch;
};

/* The slot of a frame, -1 for the frame before the first one. */
static struct slot *slot_of(const struct analysis *analysis, int64_t number)
{
    return &analysis->slots[(number + analysis->slot_count) % analysis->slot_count];
}

/* True if the batch needs nothing that is not there yet. */
static bool batch_is_open(const struct analysis *analysis, int64_t number, int batch)
{
    if (slot_of(analysis, number)->states[batch] != BATCH_OPEN)
        return false;
    const bool waits = analysis->features && number > analysis->first;
    return !waits || slot_of(analysis, number - 1)->states[batch] == BATCH_DONE;
}

/* What there is to do for the oldest frame that has something. With the mutex held. */
static struct task find_task(const struct analysis *analysis)
{
    for (int64_t number = analysis->first; number < analysis->end; number++) {
        struct slot *slot = slot_of(analysis, number);
        struct task task = {.slot = slot, .before = slot_of(analysis, number - 1)};
        if (!slot->is_plane && !slot->is_taken)
            return task;
        for (; slot->is_plane && task.batch < analysis->batch_count; task.batch++)
            if (batch_is_open(analysis, number, task.batch))
                return task;
    }
    return (struct task){0};
}

static void make_plane(struct analysis *analysis, const struct task *task, struct scratch *scratch)
{
    struct slot *slot = task->slot;
    slot->is_taken = true;
    pthread_mutex_unlock(&analysis->mutex);
    slot->plane = prepare_frame(&analysis->tracker->preparation, &scratch->prepare, &slot->frame, &task->before->frame,
                                slot->samples);
    pthread_mutex_lock(&analysis->mutex);
    slot->is_plane = true;
    pthread_cond_broadcast(&analysis->work_came);
}

static void measure_batch(struct analysis *analysis, const struct task *task, struct scratch *scratch)
{
    struct slot *slot = task->slot;
    const int first = task->batch * analysis->batch_size;
    const int left = analysis->tracker->roi_count - first;
    const int end = first + (left < analysis->batch_size ? left : analysis->batch_size);
    slot->states[task->batch] = BATCH_TAKEN;
    pthread_mutex_unlock(&analysis->mutex);
    for (int i = first; i < end; i++) {
        slot->rows[i] = blank_row(&slot->frame, analysis->features, i);
        if (!slot->is_missing)
            measure_roi(analysis->tracker, scratch, analysis->features, &slot->plane, i, &slot->rows[i]);
    }
    pthread_mutex_lock(&analysis->mutex);
    slot->states[task->batch] = BATCH_DONE;
    slot->done++;
    if (slot->done == analysis->batch_count)
        pthread_cond_signal(&analysis->frame_done);
    if (analysis->features)
        pthread_cond_signal(&analysis->work_came);
}

/* Does what there is to do; else waits on the condition. With the mutex held. */
static void do_task(struct analysis *analysis, struct scratch *scratch, pthread_cond_t *condition)
{
    const struct task task = find_task(analysis);
    if (!task.slot)
        pthread_cond_wait(condition, &analysis->mutex);
    else if (!task.slot->is_plane)
        make_plane(analysis, &task, scratch);
    else
        measure_batch(analysis, &task, scratch);
}

static void *work(void *argument)
{
    enum { LOW_PRIORITY = 15 };
    struct worker *worker = argument;
    struct analysis *analysis = worker->analysis;
    // Of this thread alone, as Linux has it.
    if (getpriority(PRIO_PROCESS, 0) < LOW_PRIORITY)
        (void)setpriority(PRIO_PROCESS, 0, LOW_PRIORITY);
    pthread_mutex_lock(&analysis->mutex);
    while (!analysis->stop)
        do_task(analysis, &worker->scratch, &analysis->work_came);
    pthread_mutex_unlock(&analysis->mutex);
    return NULL;
}

/* Puts a frame that is in its slot before the workers. */
static void publish(struct analysis *analysis)
{
    const trk_tracker *tracker = analysis->tracker;
    struct slot *slot = slot_of(analysis, analysis->end);
    const struct slot *before = slot_of(analysis, analysis->end - 1);
    pthread_mutex_lock(&analysis->mutex);
    // A difference to a frame that is not there cannot be measured either.
    slot->is_missing = !slot->is_read || (tracker->preparation.difference && !before->is_read);
    slot->is_plane = slot->is_taken = slot->is_missing;
    memset(slot->states, BATCH_OPEN, (size_t)analysis->batch_count);
    slot->done = 0;
    analysis->end++;
    pthread_cond_broadcast(&analysis->work_came);
    pthread_mutex_unlock(&analysis->mutex);
}

/* True if the oldest frame is finished; with `wait`, sees to it that it is. */
static bool oldest_is_done(struct analysis *analysis, bool wait)
{
    pthread_mutex_lock(&analysis->mutex);
    const struct slot *slot = slot_of(analysis, analysis->first);
    while (wait && slot->done < analysis->batch_count)
        do_task(analysis, &analysis->scratch, &analysis->frame_done);
    const bool done = slot->done == analysis->batch_count;
    pthread_mutex_unlock(&analysis->mutex);
    return done;
}

/* Hands over finished frames, and goes on until at most `most` are left in the ring. False: the handler stopped. */
static bool hand_over(struct analysis *analysis, int64_t most, trk_row_handler *handler, void *context)
{
    while (analysis->first < analysis->end) {
        if (!oldest_is_done(analysis, analysis->end - analysis->first > most))
            return true;
        trk_row *rows = slot_of(analysis, analysis->first)->rows;
        unwrap_rotations(analysis->turns, rows, analysis->tracker->roi_count);
        if (!handler(context, rows, analysis->tracker->roi_count))
            return false;
        pthread_mutex_lock(&analysis->mutex);
        analysis->first++;
        pthread_mutex_unlock(&analysis->mutex);
    }
    return true;
}

/* Reads a frame into its slot. If it cannot be read, its number and time are there all the same. */
static ist_status read_frame(const struct analysis *analysis, ist_reader *reader, int64_t index, struct slot *slot,
                             ist_error *error)
{
    ist_frame *frame = &slot->frame;
    const ist_status status = ist_reader_read_index(reader, index, frame, error);
    if (status == IST_ERROR_MEMORY || status == IST_ERROR_STATE)
        return status;
    slot->is_read = status == IST_OK && tracker_check_frame(analysis->tracker, frame, NULL) == IST_OK;
    if (slot->is_read)
        return IST_OK;
    frame->index = index;
    return ist_reader_frame_metadata(reader, index, 1, &frame->number, &frame->time_s, error);
}

static ist_status run(struct analysis *analysis, ist_reader *reader, int64_t first, int64_t count,
                      trk_row_handler *handler, void *context, ist_error *error)
{
    ist_status status = IST_OK;
    if (analysis->tracker->preparation.difference && first > 0)
        status = read_frame(analysis, reader, first - 1, slot_of(analysis, -1), error);
    for (int64_t i = 0; i < count && status >= 0; i++) {
        // The frame before the oldest one is kept, too: there may be a difference to it.
        if (!hand_over(analysis, analysis->slot_count - 2, handler, context))
            return IST_END;
        status = read_frame(analysis, reader, first + i, slot_of(analysis, analysis->end), error);
        if (status >= 0)
            publish(analysis);
    }
    if (status < 0)
        return status;
    return hand_over(analysis, 0, handler, context) ? IST_OK : IST_END;
}

static ist_status make_ring(struct analysis *analysis, ist_error *error)
{
    // Two frames in work for each worker, so that nobody waits for the slowest ROI of a frame, and some more, as
    // several threads decode and frames come in bunches.
    const int count = 2 * analysis->worker_count + 10;
    const size_t samples_size = prepare_samples_size(&analysis->tracker->preparation);
    analysis->slots = calloc((size_t)count, sizeof *analysis->slots);
    if (!analysis->slots)
        return trk_fail_memory(error);
    analysis->slot_count = count;
    for (int i = 0; i < count; i++) {
        struct slot *slot = &analysis->slots[i];
        slot->rows = calloc((size_t)analysis->tracker->roi_count, sizeof *slot->rows);
        slot->states = calloc((size_t)analysis->batch_count, sizeof *slot->states);
        slot->samples = samples_size ? allocate_aligned(samples_size, 1) : NULL;
        if (!slot->rows || !slot->states || (samples_size && !slot->samples))
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
        status = scratch_init(&worker->scratch, analysis->tracker, error);
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
        scratch_finish(&analysis->workers[i].scratch);
    }
    for (int i = 0; i < analysis->slot_count; i++) {
        ist_frame_free(&analysis->slots[i].frame);
        free(analysis->slots[i].samples);
        free(analysis->slots[i].states);
        free(analysis->slots[i].rows);
    }
    scratch_finish(&analysis->scratch);
    features_destroy(&analysis->features, analysis->tracker->roi_count);
    free(analysis->turns);
    free(analysis->slots);
    free(analysis->workers);
    pthread_cond_destroy(&analysis->frame_done);
    pthread_cond_destroy(&analysis->work_came);
    pthread_mutex_destroy(&analysis->mutex);
}

static void share_out(struct analysis *analysis)
{
    // Few ROIs in a batch, for a frame to be shared by all; many enough for the mutex not to matter.
    const int most = 4 * analysis->worker_count, rois = analysis->tracker->roi_count;
    analysis->batch_size = (rois + most - 1) / most;
    analysis->batch_count = (rois + analysis->batch_size - 1) / analysis->batch_size;
}

ist_status trk_analyze(trk_tracker *tracker, ist_reader *reader, int64_t first, int64_t count, trk_row_handler *handler,
                       void *context, ist_error *error)
{
    const ist_reader_info *info = ist_reader_get_info(reader);
    ist_status status = tracker_check_template(tracker, error);
    if (status < 0)
        return status;
    if (first < 0 || count < 0 || count > info->frame_count || first > info->frame_count - count)
        return trk_fail(error, IST_ERROR_NOT_FOUND, "%lld frames from frame %lld: the store has %lld", (long long)count,
                        (long long)first, (long long)info->frame_count);

    struct analysis analysis = {
        .tracker = tracker,
        .worker_count = tracker->params.threads,
        .mutex = PTHREAD_MUTEX_INITIALIZER,
        .work_came = PTHREAD_COND_INITIALIZER,
        .frame_done = PTHREAD_COND_INITIALIZER,
    };
    share_out(&analysis);
    status = make_ring(&analysis, error);
    if (status >= 0)
        status = features_create(&analysis.features, tracker, error);
    if (status >= 0)
        status = turns_create(&analysis.turns, tracker, error);
    if (status >= 0)
        status = scratch_init(&analysis.scratch, tracker, error);
    if (status >= 0)
        status = start_workers(&analysis, error);
    if (status >= 0)
        status = run(&analysis, reader, first, count, handler, context, error);
    finish(&analysis);
    return status;
}
