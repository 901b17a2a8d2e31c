/* Recording live: a queue between those who have frames and the store, so that neither waits for the other. */
#ifndef LIBSTORE_RECORDER_H
#define LIBSTORE_RECORDER_H

#include <libstore/writer.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A store being recorded from frames that come when they come: a camera's, or those of an acquisition program. They
 * wait in a queue of bounded memory for a thread that compresses and writes them.
 *
 * Every frame that is handed over is either written or counted: dropped, because the queue was full, or because the
 * camera or the bus never gave it; or lost, because the store failed with frames in the queue. Each drop has its place:
 * the numbers of the frames around it, and is kept in the store (ist_writer_note_drop()).
 *
 * A frame is safe against the death of the process once it is written (ist_recorder_stats.written), not yet when it
 * is in the queue.
 *
 * Thread-safety: any thread may add frames and extra data, note drops and ask for figures, at the same time.
 * ist_recorder_start() and ist_recorder_finish() are for one thread, when no other uses the recorder.
 */
typedef struct ist_recorder ist_recorder;

/* What may happen beside the recording. */
typedef enum ist_recorder_event_kind {
    IST_RECORDER_DROPPED,   /* `drop`: frames are missing here, for this cause */
    IST_RECORDER_SPACE_LOW, /* `free_bytes` are left on the disk; said once, and again after there was more */
    IST_RECORDER_STOPPED,   /* the recording ends in good order, for the reason in `message`: the disk is nearly full */
    IST_RECORDER_WARNING,   /* `message`: ist_writer_warning(); said once, and again after all was well */
    IST_RECORDER_FAILED,    /* the store could not be written on: `message` */
} ist_recorder_event_kind;

typedef struct ist_recorder_event {
    ist_recorder_event_kind kind;
    ist_drop drop;
    int64_t free_bytes;
    const char *message; /* valid during the call */
} ist_recorder_event;

/* Zero means default. */
typedef struct ist_recorder_params {
    int64_t queue_bytes;     /* pixels and extra data that may wait; 0: 256 MiB. One frame always fits. */
    bool gaps_are_drops;     /* the numbers count every frame of the camera: one that is left out was dropped by it */
    int64_t free_warn_bytes; /* IST_RECORDER_SPACE_LOW below this; 0: 4 GiB, of a small disk 10 %; below 0: never */
    int64_t free_stop_bytes; /* the recording stops while so much is left, beside what closing the chunk takes;
                                0: 512 MiB, of a small disk 2 %; below 0: never */

    /* Called from the thread that adds, or the one that writes; it must be quick and may not call the recorder. */
    void (*event)(void *context, const ist_recorder_event *event);
    void *context;
} ist_recorder_params;

typedef struct ist_recorder_stats {
    int64_t added;                         /* frames taken into the queue */
    int64_t written;                       /* of these, in the store: acknowledged by ist_writer_add() */
    int64_t lost;                          /* of these, in the queue when the store failed */
    int64_t removed;                       /* frames that were in the store, and went to keep no more than keep_s */
    int64_t dropped[IST_DROP_CAUSE_COUNT]; /* frames, by cause; never in the queue */
    int64_t queue_frames;                  /* waiting now */
    int64_t queue_bytes;
    int64_t queue_bytes_max; /* the most that ever waited */
    int64_t free_bytes;      /* on the store's disk, not older than about a second; -1: unknown */
} ist_recorder_stats;

/*
 * Starts to record with `writer`, which the recorder takes over and closes, after a failure too; *writer becomes NULL.
 * `path` is the store's directory, for looking at the free space. `params` may be NULL and is not kept.
 * IST_ERROR_ARGUMENT: a queue below 0. IST_ERROR_MEMORY: no memory, or no thread.
 */
IST_API IST_MUST_CHECK ist_status ist_recorder_start(ist_recorder **recorder, ist_writer **writer, const char *path,
                                                     const ist_recorder_params *params, ist_error *error);

/*
 * Adds a frame, with its number and time; the pixels are copied, so that they are the caller's again. While the queue
 * is full it waits for at most `wait_s`: 0 not at all, INFINITY for as long as it takes.
 *
 * IST_OK: it is in the queue. IST_DROPPED: it is not, the queue was full; counted and noted in the store. IST_END: the
 * recording has stopped in good order. IST_ERROR_ARGUMENT: another shape or type than the frame before. An error of
 * ist_writer_add(): the store failed, from then on every call says so.
 */
IST_API IST_MUST_CHECK ist_status ist_recorder_add(ist_recorder *recorder, const ist_frame *frame, double wait_s,
                                                   ist_error *error);

/*
 * The same without a copy: the pixels must stay as they are until release(context) is called, once, whatever becomes
 * of the frame: from the thread that writes, or within this call if it is not taken.
 */
IST_API IST_MUST_CHECK ist_status ist_recorder_give(ist_recorder *recorder, const ist_frame *frame,
                                                    void (*release)(void *context), void *context, double wait_s,
                                                    ist_error *error);

/*
 * Adds extra data, the text of a JSON object, bound to the frame added last; before the first, to that one. Samples
 * that come faster than frames carry their own time as one of their keys. Waits as ist_recorder_add() does.
 * IST_ERROR_ARGUMENT: not the text of a JSON object, or with a key that belongs to the store. Else as above.
 */
IST_API IST_MUST_CHECK ist_status ist_recorder_add_extra(ist_recorder *recorder, const char *json, double wait_s,
                                                         ist_error *error);

/* Notes frames that never came, from whoever knows of them: they belong before the frame that is added next. */
IST_API void ist_recorder_note_drop(ist_recorder *recorder, const ist_drop *drop);

IST_API ist_recorder_stats ist_recorder_get_stats(ist_recorder *recorder);

/*
 * Writes all that waits, closes the store, frees the recorder and sets *recorder to NULL. `stats` may be NULL, else it
 * gets the last figures. Takes a NULL recorder. A failure is that of the recording if there was one, else of closing.
 */
IST_API IST_MUST_CHECK ist_status ist_recorder_finish(ist_recorder **recorder, ist_recorder_stats *stats,
                                                      ist_error *error);

#ifdef __cplusplus
}
#endif
#endif
