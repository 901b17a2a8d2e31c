/* What lies in a store's directory, and the index of stores that keep it beside their chunks. */
#ifndef STORE_SCAN_H
#define STORE_SCAN_H

#include <libstore/error.h>
#include <stdbool.h>

#include "index.h"
#include "metadata.h"
#include "problems.h"

/* The files of one chunk. */
struct store_chunk {
    int chunk;
    bool has_pixels; /* a video, finished or being recorded, or a folder of images */
    bool has_npz;
    bool has_yaml; /* the index of old stores, in place of the npz */
};

/* Chunks in rising order. store_chunks_free() releases them. */
struct store_chunks {
    struct store_chunk *chunks;
    int count;
};

/* Looks for files under the names that imgstore gives them, which for video depend on metadata->extension. */
ist_status store_scan(struct store_chunks *chunks, const char *directory, const struct metadata *metadata,
                      ist_error *error);

void store_chunks_free(struct store_chunks *chunks);

/* Leaves the chunks below this number out: what lies there of them is left over from a ring. */
void store_chunks_forget_below(struct store_chunks *chunks, int first_kept);

/* Takes files that still have the names of before (index_moves()) for those of the chunks that they belong to. */
void store_chunks_follow_move(struct store_chunks *chunks, const struct index *index);

/* The chunk with this number, or NULL. */
const struct store_chunk *store_chunks_find(const struct store_chunks *chunks, int chunk);

/*
 * Makes an index in memory out of the npz, yaml and extra data files, and of index.db for the chunks that have neither.
 * What is damaged is left out and goes to `problems`.
 * IST_ERROR_DATA: there are indexes, but none can be read.
 */
ist_status store_load_index(struct index **index, const struct store_chunks *chunks, const char *directory,
                            const struct metadata *metadata, struct problems *problems, ist_error *error);

/* The same in a new file, which is of no use when this fails. */
ist_status store_build_index(struct index **index, const char *path, const struct store_chunks *chunks,
                             const char *directory, const struct metadata *metadata, struct problems *problems,
                             ist_error *error);

/*
 * True if the index of a recording that broke off lacks frames of chunks that are finished, which lie in their npz:
 * then it lost its end, to a damaged log or to a power loss, and all that came after as well.
 */
bool store_index_lags(const struct store_chunks *chunks, const struct index *index, const char *directory,
                      const struct metadata *metadata);

/*
 * Compares the files with what the index knows and adds what is missing to `problems`. With `growing` the index is that
 * of a recording that may go on: its last chunk may have files already, and no frame yet.
 */
ist_status store_find_missing(const struct store_chunks *chunks, const struct index *index, const char *directory,
                              const struct metadata *metadata, bool growing, struct problems *problems,
                              ist_error *error);

#endif
