/* Changing a store that is there: emptying it, adding a video file, other frame numbers, a saved index. */
#ifndef LIBSTORE_EDIT_H
#define LIBSTORE_EDIT_H

#include <libstore/error.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Of all functions here:
 *
 * `path` is the store's directory or its metadata.yaml, the store of libstore or of another program. The store counts
 * as unfinished, and is locked, while it is changed. A store whose recorder died is repaired first.
 *
 * Killed at any moment, the store is as it was, or the change is noted in it and only half done. Then running the
 * same again finishes it and does not do it twice; so do ist_repair(), every other function here and
 * ist_writer_open(). ist_reader reads the store in the meantime too. After a failure the same holds.
 *
 * Afterwards the store has a .index.sqlite that is true, whoever recorded it. One who is reading at the moment must
 * open the store anew to see the change.
 *
 * IST_ERROR_STATE: the store is being recorded, or changed by someone else. IST_ERROR_NOT_FOUND: there is no store.
 * IST_ERROR_DATA: an index or the extra data of a chunk are damaged (but ist_empty() takes such a store).
 * IST_ERROR_UNSUPPORTED: the store was left unfinished by another program. IST_ERROR_IO.
 *
 * Cost: all npz of the store are read. Memory is that for the frames of one chunk, not of the store; on the disk there
 * must be room for two more indexes, about 50 bytes a frame each.
 */

/* Removes all chunks, with their numbers, times and extra data, and keeps metadata.yaml. The next chunk will be 0. */
IST_API IST_MUST_CHECK ist_status ist_empty(const char *path, ist_error *error);

/* A video file for ist_insert_chunk(). */
typedef struct ist_insertion {
    const char *file;
    const int64_t *numbers; /* of its frames, in the order in which they are shown */
    const double *times_s;  /* seconds */
    int64_t count;          /* frames in the file */
    bool move;              /* the file is removed at last; else it stays */
} ist_insertion;

/*
 * Makes a ready video file the last chunk of a video store, as it is: nothing is encoded again. Where it is that
 * already, with these numbers and times, it is not inserted once more; a file that was moved need not be there then.
 *
 * IST_ERROR_ARGUMENT: the file has another ending or picture size than the store, or other than `count` frames; a time
 * is not finite; nothing is changed. IST_ERROR_DATA: the file is no video, or breaks off. IST_ERROR_UNSUPPORTED: the
 * store is one of images.
 */
IST_API IST_MUST_CHECK ist_status ist_insert_chunk(const char *path, const ist_insertion *insertion, ist_error *error);

/*
 * Counts frame numbers from the frame that has this number: it becomes 0, the numbers of the frames behind it become
 * smaller by `number`, and those before it count back from it one by one, ..., -2, -1, whatever they were. With 0 it
 * is imgstore's reindex(), for cameras that begin again at 0 when they are triggered.
 *
 * Frames that never came (ist_reader_drops()) are counted like the frames around them; those before the frame 0 get the
 * number of the frame behind them, as there is none left between frames that are counted one by one.
 *
 * The old numbers are kept as `_frame_number_before_reindex` in the npz and in the extra data. Python's imgstore, which
 * reads the npz, sees old and new numbers mixed for the moment in which the files are exchanged.
 *
 * A store in which the frame 0 had this number before is left alone: renumbering twice about the same number is
 * renumbering once.
 *
 * IST_ERROR_NOT_FOUND: no frame has this number. IST_ERROR_ARGUMENT: several have it, or the numbers would leave 64
 * bits. IST_ERROR_UNSUPPORTED: the extra data are in Motif's files, or the index is an index.db; these are not
 * rewritten.
 */
IST_API IST_MUST_CHECK ist_status ist_reindex(const char *path, int64_t number, ist_error *error);

/*
 * Makes .index.sqlite anew out of the npz and extra data, in place of what is there. With it a store opens at once.
 */
IST_API IST_MUST_CHECK ist_status ist_save_index(const char *path, ist_error *error);

#ifdef __cplusplus
}
#endif
#endif
