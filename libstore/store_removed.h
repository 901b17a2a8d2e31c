/* What a ring removed from the front of a store. */
#ifndef STORE_REMOVED_H
#define STORE_REMOVED_H

#include <stdint.h>

/* All zero: nothing, as in nearly all stores. Only ist_writer_params.keep_s removes chunks. */
struct store_removed {
    int chunks;     /* all chunks below this number are no longer part of the store */
    int64_t frames; /* that were in them */
};

#endif
