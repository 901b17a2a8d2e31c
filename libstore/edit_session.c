#include "edit_session.h"

#include <stdio.h>

#include "fs.h"
#include "repair.h"
#include "store_lock.h"
#include "store_path.h"

/* With the store locked: what was there before comes to its end. `whole`: nobody left it unfinished. */
static ist_status settle(struct edit *edit, bool whole, ist_error *error)
{
    bool pending;
    ist_status status = edit_recover(edit->directory, &edit->metadata, &pending, error);
    if (status < 0 || whole)
        return status;
    ist_repair_report report = {0};
    status = repair_store(edit->directory, &edit->metadata, &report, error);
    // A store of another program is whole where it was an edit that left it.
    return status == IST_ERROR_UNSUPPORTED && pending ? IST_OK : status;
}

ist_status edit_begin(struct edit *edit, const char *path, ist_error *error)
{
    *edit = (struct edit){.lock_fd = -1};
    ist_status status = store_path_find(edit->directory, path, error);
    if (status >= 0)
        status = metadata_read(&edit->metadata, edit->directory, error);
    if (status < 0)
        return status;
    edit_find_extension(&edit->metadata, edit->directory);

    // The journal comes before the lock, so that a lock that is left over tells whose it was.
    char lock[PATH_MAX];
    snprintf(lock, sizeof lock, "%.*s/.lock", PATH_MAX - 32, edit->directory);
    const bool whole = !fs_exists(lock);
    const bool created = whole && edit_create_journal(edit->directory);
    status = store_lock_take(&edit->lock_fd, edit->directory, error);
    if (status < 0) {
        // A disk that is full may leave a lock of ours, which nobody holds.
        if (created && store_lock_look(edit->directory) != STORE_LOCK_STALE)
            (void)edit_remove_journal(edit->directory, NULL);
        return status;
    }
    edit->begun = created;
    if (!created)
        status = settle(edit, whole, error);
    if (!created && status >= 0) {
        // It may say more now.
        metadata_free(&edit->metadata);
        status = metadata_read(&edit->metadata, edit->directory, error);
        edit_find_extension(&edit->metadata, edit->directory);
    }
    if (status >= 0 && !created) {
        status = edit_write_note(edit->directory, &(struct edit_note){0}, error);
        edit->begun = status >= 0;
        // The store is whole, and must not be taken for one that a recorder left.
        if (status < 0)
            (void)store_lock_release(&edit->lock_fd, edit->directory, NULL);
    }
    return status;
}

/*
 * The store is as the change found it, or as it left it, and the journal says so. It goes behind the lock, because a
 * lock without it would be one of a recorder.
 */
static ist_status end_edit(struct edit *edit, ist_error *error)
{
    edit->begun = false;
    const ist_status status = store_lock_release(&edit->lock_fd, edit->directory, error);
    return status < 0 ? status : edit_remove_journal(edit->directory, error);
}

ist_status edit_finish(struct edit *edit, const struct edit_note *note, ist_error *error)
{
    bool there;
    struct edit_note written;
    ist_status status = edit_write_note(edit->directory, note, error);
    if (status < 0) {
        // What cannot be told to be not written may be: then it is left to the next run.
        if (edit_read_note(edit->directory, &there, &written, NULL) < 0 || written.kind != EDIT_NONE)
            edit->begun = false;
        return status;
    }
    edit->begun = false;
    status = edit_apply(edit->directory, &edit->metadata, note, error);
    if (status >= 0)
        status = edit_write_note(edit->directory, &(struct edit_note){0}, error);
    return status < 0 ? status : end_edit(edit, error);
}

void edit_abandon(struct edit *edit)
{
    if (edit->begun && edit_unstage(edit->directory, NULL) >= 0)
        (void)end_edit(edit, NULL);
    store_lock_abandon(&edit->lock_fd);
    metadata_free(&edit->metadata);
}
