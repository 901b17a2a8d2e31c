/* What a ring removed from the front of a store. */
#ifndef STORE_REMOVED_H
#define STORE_REMOVED_H

#include <stdint.h>

/*
 * All zero: nothing, as in nearly all stores. Only ist_writer_params.keep_s removes chunks. When the recording ends
 * those that are left are numbered from 0 on (chunk_move.h), and `frames` alone tells of the others.
 */
struct store_removed {
    int chunks;     /* all chunks below this number are no longer part of the store */
    int64_t frames; /* that were in them */
};

#endif
