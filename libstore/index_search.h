/* Finding frames by number and by time. */
#ifndef INDEX_SEARCH_H
#define INDEX_SEARCH_H

#include "index.h"

/*
 * Works on an index that outlives it. Where numbers or times rise within a chunk, it is searched
 * by bisection over rows; where they do not, the chunk's values are sorted, and those of the last such chunk kept.
 */
struct index_search;

ist_status index_search_create(struct index_search **search, struct index *index, ist_error *error);

/*
 * Finds the frame whose value is nearest; of two equally near the smaller value, of the same value the first frame.
 * IST_ERROR_NOT_FOUND: there are no frames. `entry` is as it lies in the index, without a look at its checksum.
 */
ist_status index_search_number(struct index_search *search, int64_t number, int64_t *frame_index,
                               struct index_entry *entry, ist_error *error);
ist_status index_search_time(struct index_search *search, double time_s, int64_t *frame_index,
                             struct index_entry *entry, ist_error *error);

void index_search_destroy(struct index_search **search);

#endif
