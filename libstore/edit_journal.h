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

/* True if an edit left something to recover, or goes on. */
bool edit_has_journal(const char *directory);

/* Creates the journal of a change that has not begun. False: there is one, or it cannot be created. */
bool edit_create_journal(const char *directory);

/* Writes the journal, whole or not at all. */
ist_status edit_write_note(const char *directory, const struct edit_note *note, ist_error *error);

/* Reads the journal; *there is false without one. */
ist_status edit_read_note(const char *directory, bool *there, struct edit_note *note, ist_error *error);

ist_status edit_remove_journal(const char *directory, ist_error *error);

/* Takes back what is staged. */
ist_status edit_unstage(const char *directory, ist_error *error);

/* Does what was written down; all of it may have been done before. */
ist_status edit_apply(const char *directory, const struct metadata *metadata, const struct edit_note *note,
                      ist_error *error);

/* For an old store that does not say which files it has: imgstore's guess stands, unless others lie there. */
void edit_find_extension(struct metadata *metadata, const char *directory);

/*
 * For a store whose lock the caller holds: finishes a change that was written down, takes back one that was not.
 * *pending is false where there was none.
 */
ist_status edit_recover(const char *directory, const struct metadata *metadata, bool *pending, ist_error *error);

#endif
