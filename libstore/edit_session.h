/* One change to a store, from taking its lock to giving it back; the journal sees to its safety. */
#ifndef EDIT_SESSION_H
#define EDIT_SESSION_H

#include "edit_journal.h"

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

#endif
