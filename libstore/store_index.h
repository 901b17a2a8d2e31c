/* The index of a store: the one that is there, or one made from what lies beside the chunks. */
#ifndef STORE_INDEX_H
#define STORE_INDEX_H

#include "index.h"
#include "metadata.h"
#include "problems.h"

/*
 * Opens the store's own index if it is sound and up to date: it knows every finished chunk, and no npz is newer.
 * Else one is built from the npz (or yaml) and extra data files, more than a million frames a second. That of a long
 * store is kept: in the store, where that can be written and holds no other program's index, else in the user's cache
 * directory; next time it is opened from there. What is missing or damaged goes to `problems`.
 *
 * IST_ERROR_DATA, IST_ERROR_IO: of a store that is not finished the index alone knows everything, and cannot be opened.
 */
ist_status store_index_open(struct index **index, const char *directory, const struct metadata *metadata,
                            struct problems *problems, ist_error *error);

#endif
