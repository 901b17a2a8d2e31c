/* Chunks that were given other numbers, as whoever has the index open learns of it. */
#include "index_database.h"

ist_status index_load_moves(struct index *index, ist_error *error)
{
    sqlite3_stmt *query = index_statement(index, STATEMENT_MOVES);
    if (!query)
        return index_sql_failure(index, error);
    ist_status status = IST_OK;
    if (sqlite3_step(query) == SQLITE_ROW)
        index->moves = (struct chunk_moves){sqlite3_column_int(query, 0), sqlite3_column_int(query, 1)};
    else
        status = index_sql_failure(index, error);
    sqlite3_reset(query);
    return status;
}

const struct chunk_moves *index_moves(const struct index *index)
{
    return &index->moves;
}

bool chunk_moves_same(const struct chunk_moves *a, const struct chunk_moves *b)
{
    return a->moved_by == b->moved_by && a->moving_by == b->moving_by;
}

bool index_follow_move(struct index *index)
{
    const struct chunk_moves before = index->moves;
    if (index_load_moves(index, NULL) < 0 || chunk_moves_same(&before, &index->moves))
        return false;
    for (int i = 0; i < index->range_count; i++) {
        struct chunk_range *range = &index->ranges[i];
        // One that was removed must not be taken for one that has its number now.
        const bool removed = index_is_removed(index, range->first_index);
        range->chunk = removed ? -1 : range->chunk - (index->moves.moved_by - before.moved_by);
    }
    index->checksums.count = 0;
    return true;
}
