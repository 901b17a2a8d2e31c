/*
 * Giving the chunks of a ring numbers from 0 on when its recording ends, so that it is a store like any other: Python's
 * imgstore begins with chunk 0, and looks for chunk N + 1 behind chunk N.
 *
 * The index changes first, in one transaction, then the files get their new names. The new numbers are clear of the old
 * ones, if need be by way of numbers above both, so that at every moment a file's name tells which chunk it is:
 * renaming may break off anywhere, and be repeated.
 */
#ifndef CHUNK_MOVE_H
#define CHUNK_MOVE_H

#include <libstore/error.h>

#include "index.h"
#include "metadata.h"

/*
 * Does it for a store that is locked, and whose chunks are all finished. One in which a chunk is missing, or where
 * files lie that belong to none, stays as it is.
 */
ist_status chunk_move_to_front(const char *directory, const struct metadata *metadata, struct index *index,
                               ist_error *error);

/* Brings a move to its end that was broken off. Takes a store that has none. */
ist_status chunk_move_finish(const char *directory, struct index *index, ist_error *error);

#endif
