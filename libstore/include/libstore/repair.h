/* Making a store whole whose recorder died. */
#ifndef LIBSTORE_REPAIR_H
#define LIBSTORE_REPAIR_H

#include <libstore/error.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What ist_repair() found and did. */
typedef struct ist_repair_report {
    bool needed;             /* false: the store was whole already, and nothing was changed */
    int chunks_finished;     /* chunks that now are as a recorder leaves them */
    int64_t frame_count;     /* frames in the store */
    int64_t frames_lost;     /* frames in the index whose pixels never reached the disk (after a power loss), or cannot
                                be read any more, at the end of a chunk that was not finished */
    int64_t frames_unlisted; /* frames of which only the pixels are there, as the index lost its end: numbers and times
                                are gone. They stay in their chunk, behind those that have them, or in a chunk without
                                an index */
    int files_kept;          /* live files of chunks with lost frames, now NAME.damaged: more may be in them */
    int64_t frames_damaged; /* of the chunks finished now, those that are not what was recorded: they stay, and are read
                               as damaged */
    int files_removed;      /* leftovers that held no acknowledged frame */
} ist_repair_report;

/*
 * Brings a store whose recorder died into the form in which a recorder leaves it, so that imgstore
 * in Python reads all of it too. Reading with ist_reader needs no repair. It may be interrupted
 * at any moment and run again; every acknowledged frame stays readable all the while.
 * A store that is whole is left alone, and not searched for damage: ist_reader_check_index() does that.
 * `report` may be NULL.
 *
 * IST_ERROR_STATE: the store is being recorded at this moment. IST_ERROR_NOT_FOUND: there is no store.
 * IST_ERROR_UNSUPPORTED: the store was left unfinished by another program than libstore. IST_ERROR_IO: a disk that is
 * full, or cannot be written.
 */
IST_API IST_MUST_CHECK ist_status ist_repair(const char *path, ist_repair_report *report, ist_error *error);

#ifdef __cplusplus
}
#endif
#endif
