/* The index of a store before a change and after it. */
#ifndef EDIT_INDEX_H
#define EDIT_INDEX_H

#include "edit_session.h"
#include "index.h"
#include "store_scan.h"

/* The store as it is: its files, and the index that follows from them. All zero is empty. */
struct edit_contents {
    struct store_chunks chunks;
    struct index *index;
};

/*
 * Reads the store that is edited. IST_ERROR_DATA: part of it is damaged, which would be left out of the new index, and
 * be missed by nobody.
 */
ist_status edit_contents_load(struct edit_contents *contents, const struct edit *edit, ist_error *error);

void edit_contents_free(struct edit_contents *contents);

/* Writes the name under which a file is staged. */
void edit_staged_path(char path[PATH_MAX], const char *final);

/* Frames are counted from the one with index `zero`, whose number was `about`. */
struct edit_renumbering {
    int64_t zero;
    int64_t about;
};

/* A chunk that comes behind those of the store. */
struct edit_added_chunk {
    int chunk;
    const struct npz_index *frames;
};

/*
 * Stages the index of the store: the chunks of `from` (NULL: none), renumbered by `r` (NULL: as they are), and one more
 * (NULL: none). With `open` the new index is left open to read from.
 */
ist_status edit_stage_index(const struct edit *edit, struct index *from, const struct edit_renumbering *r,
                            const struct edit_added_chunk *added, struct index **open, ist_error *error);

#endif
