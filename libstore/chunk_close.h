/* From the pixels of a chunk to a finished one: the files beside it. */
#ifndef CHUNK_CLOSE_H
#define CHUNK_CLOSE_H

#include <stdbool.h>

#include "index.h"
#include "npz.h"

/* Gives all that the index has of a chunk's frames and that goes into the npz; npz_index_free() releases it. */
ist_status chunk_frames(struct index *index, const struct chunk_range *range, struct npz_index *frames,
                        ist_error *error);

/*
 * Writes extra data (if there is any) and then the npz of a chunk whose pixels are in their final
 * form; with the npz the chunk exists for imgstore. May be repeated. `index` must hold the chunk's frames.
 */
ist_status chunk_close_sidecars(const char *directory, bool is_video, const struct chunk_range *range,
                                struct index *index, ist_error *error);

/*
 * Brings drops that were noted behind the last frame of the store into the npz of the last chunk, where that was
 * finished before them. All chunks must be finished.
 */
ist_status chunk_close_tail(const char *directory, bool is_video, struct index *index, ist_error *error);

#endif
