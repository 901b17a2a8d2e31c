/* .lock, which tells everyone that a store is being recorded. */
#ifndef STORE_LOCK_H
#define STORE_LOCK_H

#include <libstore/error.h>

enum store_lock_state {
    STORE_LOCK_NONE,  /* finished */
    STORE_LOCK_HELD,  /* being recorded */
    STORE_LOCK_STALE, /* the recorder died */
};

enum store_lock_state store_lock_look(const char *directory);

/*
 * Creates the file, or takes over the one of a recorder that died, and holds it with flock(2) while *fd is open.
 * IST_ERROR_STATE: somebody else holds it; the text says who.
 */
ist_status store_lock_take(int *fd, const char *directory, ist_error *error);

/* Removes the file, for a store that is finished, and closes *fd. */
ist_status store_lock_release(int *fd, const char *directory, ist_error *error);

/* Lets go and leaves the file, for a store that is not finished. Takes an *fd of -1. */
void store_lock_abandon(int *fd);

#endif
