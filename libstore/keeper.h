/* What goes on beside a recording: finishing chunks and bringing frames to the disk. */
#ifndef KEEPER_H
#define KEEPER_H

#include "chunk_writer.h"
#include "index.h"

/*
 * Threads that work for one writer, so that neither the end of a chunk nor a slow disk holds the recording up.
 *
 * Thread-safety: all functions are for the writer's thread.
 */
struct keeper;
struct metadata;

/* Where the store lies. All of it must outlive the keeper. */
struct keeper_store {
    const char *directory;
    const char *index_path;
    const char *uuid;
    const struct chunk_format *format;
    const struct metadata *metadata;
};

ist_status keeper_start(struct keeper **keeper, const struct keeper_store *store, ist_error *error);

/* Says that the frame is acknowledged; about a second later it is on the disk. */
void keeper_note_frame(struct keeper *keeper, int chunk, int64_t frame_idx);

/* Brings the pixels of a frame to the disk now. */
ist_status keeper_sync_pixels(const struct keeper *keeper, int chunk, int64_t frame_idx, ist_error *error);

/*
 * Hands over a chunk that got its last frame and sets *chunk to NULL. The result of the chunk before must have been
 * fetched. When it is finished, what is left of the chunks below `first_kept` is removed.
 */
void keeper_close_chunk(struct keeper *keeper, struct chunk_writer **chunk, const struct chunk_range *range,
                        int first_kept);

/*
 * Fetches the result of a chunk that was handed over: IST_OK with the range of a chunk that is finished now, IST_END
 * when there is none, or what went wrong with it. With `wait` it waits for the chunk under way.
 */
ist_status keeper_fetch(struct keeper *keeper, bool wait, struct chunk_range *range, ist_error *error);

/* Why the chunks below could not all be removed, of the last chunk that was fetched; NULL: they were. */
const char *keeper_removal_failure(const struct keeper *keeper);

/* Ends the threads, after the chunk under way, and sets *keeper to NULL. Takes a NULL keeper. */
void keeper_stop(struct keeper **keeper);

#endif
