/*
 * Changes to a whole store that are done once, however often they are broken off.
 *
 * All that a change writes is staged beside the files that it replaces, as NAME.new. Then the journal `.edit` is
 * written, whole or not at all, and from this moment on the change counts as made: what remains are steps that can all
 * be repeated, renaming NAME.new to NAME and removing files. Before this moment a change that breaks off is taken back
 * by removing what was staged.
 */
#ifndef EDIT_JOURNAL_H
#define EDIT_JOURNAL_H

#include <libstore/error.h>
#include <limits.h>
#include <stdbool.h>

#include "metadata.h"

struct json_t;

#define EDIT_STAGED_ENDING ".new"

enum edit_kind {
    EDIT_NONE,
    EDIT_SAVE_INDEX, /* the index */
    EDIT_EMPTY,      /* the index, then all chunks go */
    EDIT_REINDEX,    /* the index, then what lies beside the chunks */
    EDIT_INSERT,     /* a chunk, then the index */
};

/* What the journal says. */
struct edit_note {
    enum edit_kind kind;
    int chunk;                /* EDIT_INSERT: the new one */
    bool move;                /* EDIT_INSERT: `file` is removed at last */
    char file[PATH_MAX];      /* EDIT_INSERT: where it came from */
    long long size, mtime_ns; /* EDIT_INSERT: of the file; one that is another by then is not removed */
};

struct edit {
    char directory[PATH_MAX];
    struct metadata metadata;
    int lock_fd;
    bool begun; /* the journal is there and must go at the end */
};

/*
 * Locks the store, finishes or takes back what an edit before left, repairs what a recorder left. In any case
 * edit_finish() or edit_abandon() must follow.
 */
ist_status edit_begin(struct edit *edit, const char *path, ist_error *error);

/* Writes down that all is staged, does the rest, and unlocks the store. */
ist_status edit_finish(struct edit *edit, const struct edit_note *note, ist_error *error);

/* Takes back what is staged, if it has not been written down yet; unlocks the store; frees everything. */
void edit_abandon(struct edit *edit);

/* True if an edit left something to recover, or goes on. */
bool edit_has_journal(const char *directory);

/*
 * For a store whose lock the caller holds: finishes a change that was written down, takes back one that was not.
 * *pending is false where there was none.
 */
ist_status edit_recover(const char *directory, const struct metadata *metadata, bool *pending, ist_error *error);

#endif
