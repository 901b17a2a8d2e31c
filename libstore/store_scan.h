/* What lies in a store's directory, for stores whose index is in their npz files. */
#ifndef STORE_SCAN_H
#define STORE_SCAN_H

#include <libstore/error.h>
#include <stdbool.h>

#include "index.h"

/* Chunks that have an npz, in rising order. store_chunks_free() releases them. */
struct store_chunks {
    int *chunks;
    int count;
};

ist_status store_scan(struct store_chunks *chunks, const char *directory, bool is_video, ist_error *error);

void store_chunks_free(struct store_chunks *chunks);

/* Makes an index in memory out of the npz and extra data files of these chunks. */
ist_status store_load_index(struct index **index, const struct store_chunks *chunks, const char *directory,
                            bool is_video, ist_error *error);

#endif
