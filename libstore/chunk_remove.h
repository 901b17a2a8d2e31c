/* Removing the files of chunks. */
#ifndef CHUNK_REMOVE_H
#define CHUNK_REMOVE_H

#include <libstore/error.h>

#include "metadata.h"

/* Removes all files of a chunk, whoever recorded it. Numbers and times go first: without them a chunk is none. */
ist_status chunk_remove(const char *directory, const struct metadata *metadata, int chunk, ist_error *error);

/*
 * Removes what is left of the chunks below `first_kept`, which are no longer in the index, and adds the number of them
 * to *removed. A failure with one does not keep the others; the first failure is returned.
 *
 * Of chunk 0 a video of one frame, or an empty folder, stays, with an npz of no frames: imgstore in Python opens chunk
 * 0 before it looks for frames.
 */
ist_status chunk_remove_below(const char *directory, const struct metadata *metadata, int first_kept, int *removed,
                              ist_error *error);

#endif
