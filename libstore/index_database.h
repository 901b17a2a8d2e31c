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
    STATEMENT_SUMMARY,
    STATEMENT_ADD_EXTRA,
    STATEMENT_ADD_DROP,
    STATEMENT_ENTRIES,
    STATEMENT_COUNT
};

struct index {
    sqlite3 *db;
    const char *name; /* for messages */
    sqlite3_stmt *statements[STATEMENT_COUNT];
    struct chunk_range all; /* over every frame: for the summary */
    struct chunk_range *ranges;
    int range_count;
    int range_capacity;
};

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

/* Makes room for one more range, of zeros; NULL: no memory. */
struct chunk_range *index_append_range(struct index *index, ist_error *error);

#endif
