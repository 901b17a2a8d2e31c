/* The index of a store in SQLite: which frames there are, where they lie, and what is bound to them. */
#ifndef INDEX_H
#define INDEX_H

#include <libstore/frame.h>
#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "drop_list.h"
#include "npz.h"
#include "store_removed.h"

/* Name of the file in the store's directory. */
#define INDEX_FILE_NAME ".index.sqlite"

/* Frames of one chunk and the values they take. */
struct chunk_range {
    int chunk; /* number in the name of its file or folder; -1: it was removed, as index_follow_move() found out */
    int64_t first_index;
    int64_t frame_count;
    int64_t number_min;
    int64_t number_max;
    bool numbers_rise; /* no number is below the one before it */
    double time_min_s;
    double time_max_s;
    bool times_rise;
    bool finished; /* all of the chunk is in its files */
};

/* Takes one more frame, the next one of the chunk, into the range; frame_count 0 begins. `last_*` is the frame before.
 */
void chunk_range_add(struct chunk_range *range, int64_t number, double time_s, int64_t last_number, double last_time_s);

struct index;

/* One frame as the index has it. */
struct index_entry {
    int64_t number;
    double time_s;
    uint32_t checksum;    /* of its pixels as they are stored (checksum.h); 0: not known */
    double camera_time_s; /* 0: not known; only index_camera_times() gives it back */
};

/*
 * Writing: the index of a store that is being recorded. Every call below is one transaction,
 * durable against the death of the process when it returns.
 */

/* Creates PATH, which must not exist, for the store `uuid`. With `durable` every transaction survives a power loss too.
 */
ist_status index_create(struct index **index, const char *path, const char *uuid, bool durable, ist_error *error);

/* Opens the index of a store that was left unfinished, to write on or to repair; it can be read as well. */
ist_status index_reopen(struct index **index, const char *path, const char *uuid, bool durable, ist_error *error);

/*
 * Adds the frame with this index, the next one, as frame_idx of the chunk. The first frame of a chunk brings the
 * chunk into the index, with `chunk_path` for imgstore.
 */
ist_status index_add_frame(struct index *index, int64_t frame_index, int chunk, const char *chunk_path, int frame_idx,
                           const struct index_entry *entry, ist_error *error);

ist_status index_add_extra(struct index *index, int64_t frame_index, const char *json, ist_error *error);

/* Notes frames that never came before the frame with this index. */
ist_status index_add_drop(struct index *index, int64_t frame_index, const ist_drop *drop, ist_error *error);

/* Notes that all of a chunk is in its files. */
ist_status index_finish_chunk(struct index *index, const struct chunk_range *range, ist_error *error);

/* Brings index_ranges() up to date with what was written, by us or another process. A failure leaves them as they were.
 */
ist_status index_reload(struct index *index, ist_error *error);

/*
 * Takes the frames first..first+count-1, the last ones of a chunk, out with their extra data; those behind move up.
 * What was dropped before one of them was then dropped before the frame behind them.
 */
ist_status index_drop_frames(struct index *index, int64_t first, int64_t count, ist_error *error);

/*
 * Takes the first `count` chunks out, fewer than there are, with all that is bound to their frames, in one transaction.
 * The indices of the frames behind them become smaller. Their files are no longer part of the store then.
 */
ist_status index_remove_chunks(struct index *index, int count, ist_error *error);

/*
 * Gives the chunks, which are all finished, the numbers from `first` on, in one transaction that survives a power loss.
 * No new number may be an old one, so that names of files tell which of the two they have. These may get the new names
 * from then on, and have them all at index_end_move().
 */
ist_status index_move_chunks(struct index *index, int first, ist_error *error);
ist_status index_end_move(struct index *index, ist_error *error);

/*
 * Brings what recorders wrote to the log into the file, as far as it can be done without making anybody wait, so that
 * the log begins anew. For another thread than the recorder's, whose commits do not do it: it takes some syncs.
 */
ist_status index_checkpoint(const char *path, ist_error *error);

/* Brings everything into the one file, which can then be read from a disk that is read-only. */
ist_status index_finish(struct index *index, ist_error *error);

/*
 * Building the index of a store that has none: load the chunks in the order of their frames, with the camera times and
 * drops that they bring (what lies between two chunks both may bring: it counts once); add their extra data with
 * index_add_extra(), and end with index_build_finish(). Then it can be read. With a path it is a new file, which is of
 * no use before the end; NULL: in memory.
 */
ist_status index_build_begin(struct index **index, const char *path, const char *uuid, ist_error *error);
/* Notes what was removed from the store; before the first chunk. */
ist_status index_build_removed(struct index *index, const struct store_removed *removed, ist_error *error);
ist_status index_build_chunk(struct index *index, int chunk, const char *chunk_path, const struct npz_index *frames,
                             ist_error *error);
ist_status index_build_finish(struct index *index, ist_error *error);

/*
 * IST_ERROR_DATA: one of the files that SQLite opens for a database of that path, and would wait for, is not a regular
 * file.
 */
ist_status index_check_files(const char *path, ist_error *error);

/*
 * Reading.
 * IST_ERROR_NOT_FOUND: there is no such file, or it is not an index of the store `uuid` that this library wrote.
 */
ist_status index_open(struct index **index, const char *path, const char *uuid, ist_error *error);

/* The chunks with their frames, in the order of the frames; the last may be still growing. Empty chunks are left out.
 */
const struct chunk_range *index_ranges(const struct index *index, int *count);

int64_t index_frame_count(const struct index *index);

/* What was removed from the front, as index_ranges() knows it. */
const struct store_removed *index_removed(const struct index *index);

/* True if the frame was removed since index_ranges() was brought up to date. */
bool index_is_removed(struct index *index, int64_t frame_index);

/* Other numbers that the chunks of a ring were given (chunk_move.h), as index_ranges() knows it. */
struct chunk_moves {
    int moved_by;  /* by so much smaller than at first, in all moves */
    int moving_by; /* in the one under way: files may still have the names of before; 0: there is none. Who looks for
                      the old name first, then for the new one, does not miss a file */
};

const struct chunk_moves *index_moves(const struct index *index);
bool chunk_moves_same(const struct chunk_moves *a, const struct chunk_moves *b);

/*
 * True if the chunks were given other numbers since, or their files other names: the ranges, which stay where they are,
 * have the new numbers then. Whoever opens a file asks afterwards, because a name may be that of another chunk by then.
 */
bool index_follow_move(struct index *index);

/* True if the index holds frames of the chunk. */
bool index_has_chunk(const struct index *index, int chunk);

/* The range that holds a frame, which must exist. */
const struct chunk_range *index_range_of(const struct index *index, int64_t frame_index);

/*
 * Entries of the frames first..first+count-1, which must exist. IST_ERROR_DATA: one is not what was written.
 */
ist_status index_entries(struct index *index, int64_t first, int64_t count, struct index_entry *entries,
                         ist_error *error);

/* Number and time of a frame, which must exist, as they are there: for a search, which looks at many. */
ist_status index_peek(struct index *index, int64_t frame_index, struct index_entry *entry, ist_error *error);

/*
 * What is read between these two is of one moment, and costs less than the calls by themselves: the file is locked
 * once. Nothing is to be written meanwhile.
 */
ist_status index_begin_reading(struct index *index, ist_error *error);
void index_end_reading(struct index *index);

/* The checksum of a frame's pixels, 0.. within the chunk; *pixels 0: not known. */
ist_status index_checksum(struct index *index, int chunk, int64_t frame_idx, uint32_t *pixels, ist_error *error);
/* The times by the camera's clock of the frames first..first+count-1; NAN: not known. */
ist_status index_camera_times(struct index *index, int64_t first, int64_t count, double *times_s, ist_error *error);

/*
 * Extra data of the frames first..first+count-1 as a JSON array. `out` ends with a zero byte that is not counted.
 * frame_index counts from the first frame that is there.
 */
ist_status index_extra(struct index *index, int64_t first, int64_t count, struct buffer *out, ist_error *error);

/* The same as it is kept in a file: frame_index counts from the first frame that was ever there, and stays true. */
ist_status index_extra_to_keep(struct index *index, int64_t first, int64_t count, struct buffer *out, ist_error *error);

/*
 * Adds the drops before the frames first..last to the list; those behind the last frame have the number of frames for
 * theirs. IST_ERROR_DATA: the list of drops is damaged.
 */
ist_status index_drops(struct index *index, int64_t first, int64_t last, struct drop_list *drops, ist_error *error);

/* Adds up their frames by cause. */
ist_status index_count_drops(struct index *index, int64_t dropped[IST_DROP_CAUSE_COUNT], ist_error *error);

/* Closes the index and sets *index to NULL. Takes a NULL index. */
void index_close(struct index **index);

#endif
