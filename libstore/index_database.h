/* What index.c (reading) and index_write.c (writing) share: the database itself. Nobody else includes it. */
#ifndef INDEX_DATABASE_H
#define INDEX_DATABASE_H

#include <sqlite3.h>

#include "index.h"

/* How long to wait for a reader or writer who is at the file at the same moment. */
enum { BUSY_TIMEOUT_MS = 5000 };

enum statement {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_ROLLBACK,
    STATEMENT_ADD_FRAME,
    STATEMENT_ADD_CAMERA_TIME,
    STATEMENT_SUMMARY,
    STATEMENT_ADD_EXTRA,
    STATEMENT_ADD_DROP,
    STATEMENT_ENTRIES,
    STATEMENT_SET_CHECKSUMS,
    STATEMENT_CHECKSUMS,
    STATEMENT_MOVES,
    STATEMENT_COUNT
};

/* As the schema has it. */
enum { CHECKSUMS_IN_ROW = 64, CHECKSUM_SIZE = 8 };

/* A row of checksums: the one that was read last, or to which frames are being added. */
struct checksum_row {
    int64_t first; /* its key */
    int count;     /* frames in it; 0: there is none in memory */
    uint8_t sums[CHECKSUMS_IN_ROW * CHECKSUM_SIZE];
};

struct index {
    sqlite3 *db;
    const char *name; /* for messages */
    sqlite3_stmt *statements[STATEMENT_COUNT];
    struct chunk_range all; /* over every frame: for the summary */
    struct chunk_range *ranges;
    int range_count;
    int range_capacity;
    struct checksum_row checksums;
    struct store_removed removed;
    struct chunk_moves moves;
};

/* The row of a frame in `frames`, and what other tables name it by. */
static inline int64_t index_rowid(const struct index *index, int64_t frame_index)
{
    return index->removed.frames + frame_index + 1;
}

/* Allocates a closed index. */
ist_status index_allocate(struct index **index, ist_error *error);

/* Fails with SQLite's own text for what went wrong last. */
ist_status index_sql_failure(struct index *index, ist_error *error);

/* Runs statements without values or rows. */
ist_status index_execute(struct index *index, const char *sql, ist_error *error);

/* A statement prepared once; NULL: it could not be. */
sqlite3_stmt *index_statement(struct index *index, enum statement which);

/* Runs a prepared statement, its values bound before, that gives no rows. */
ist_status index_run(struct index *index, enum statement which, ist_error *error);

/* IST_ERROR_NOT_FOUND: the index is not one that libstore made for this store. */
ist_status index_check_store(struct index *index, const char *path, const char *uuid, ist_error *error);

/* Brings index_moves() up to date. */
ist_status index_load_moves(struct index *index, ist_error *error);

/* Adds those of a frame to the row in memory; frames of a chunk come one behind the other. */
void index_checksums_append(struct index *index, int chunk, int64_t frame_idx, const struct index_entry *entry);

/* Writes the row in memory, in place of what is there of it. */
ist_status index_checksums_write(struct index *index, ist_error *error);

/* Takes those of a chunk's frames `from` and on out, but for some that share a row with frames that stay. */
ist_status index_checksums_drop(struct index *index, int chunk, int64_t from, ist_error *error);

/* Compares number and time with their checksum, and fills in that of the pixels. IST_ERROR_DATA: they differ. */
ist_status index_checksums_compare(struct index *index, int64_t frame_index, struct index_entry *entry,
                                   ist_error *error);

/* Makes room for one more range, of zeros; NULL: no memory. */
struct chunk_range *index_append_range(struct index *index, ist_error *error);

#endif
