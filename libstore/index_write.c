/* The writing half of the index. */
#include <math.h>

#include "error.h"
#include "fs.h"
#include "index.h"
#include "index_database.h"
#include "index_sql.h"

/* WAL with NORMAL: a commit is a write without a sync, and survives the death of the process. FULL adds the sync. */
static ist_status set_journal(struct index *index, bool durable, ist_error *error)
{
    // A checkpoint within a commit would hold the recorder up; it is left to index_checkpoint() while that keeps up.
    const ist_status status =
        index_execute(index, "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 100000", error);
    if (status < 0)
        return status;
    return index_execute(index, durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", error);
}

static ist_status note_uuid(struct index *index, const char *uuid, ist_error *error)
{
    char *sql = sqlite3_mprintf("INSERT INTO store_information VALUES ('uuid', %Q)", uuid);
    const ist_status status = sql ? index_execute(index, sql, error) : error_memory(error);
    sqlite3_free(sql);
    return status;
}

ist_status index_create(struct index **index, const char *path, const char *uuid, bool durable, ist_error *error)
{
    ist_status status = index_allocate(index, error);
    if (status < 0)
        return status;
    struct index *created = *index;
    if (sqlite3_open_v2(path, &created->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK)
        status = index_sql_failure(created, error);
    sqlite3_busy_timeout(created->db, BUSY_TIMEOUT_MS);
    if (status >= 0)
        status = set_journal(created, durable, error);
    if (status >= 0)
        status = index_execute(created, "BEGIN", error);
    if (status >= 0)
        status = index_execute(created, index_sql, error);
    if (status >= 0)
        status = note_uuid(created, uuid, error);
    if (status >= 0)
        status = index_execute(created, "COMMIT", error);
    if (status < 0)
        index_close(index);
    return status;
}

static ist_status note_removed(struct index *index, const struct store_removed *removed, ist_error *error)
{
    char *sql = sqlite3_mprintf("INSERT OR REPLACE INTO store_information VALUES ('removed_chunks', '%d'),"
                                "('removed_frames', '%lld')",
                                removed->chunks, (long long)removed->frames);
    const ist_status status = sql ? index_execute(index, sql, error) : error_memory(error);
    sqlite3_free(sql);
    return status;
}

static ist_status insert_chunk(struct index *index, int chunk, const char *chunk_path, ist_error *error)
{
    char *sql = sqlite3_mprintf("INSERT INTO chunks VALUES (%d, %Q)", chunk, chunk_path);
    const ist_status status = sql ? index_execute(index, sql, error) : error_memory(error);
    sqlite3_free(sql);
    return status;
}

static ist_status insert_frame(struct index *index, int64_t frame_index, int chunk, int64_t frame_idx,
                               const struct index_entry *entry, ist_error *error)
{
    sqlite3_stmt *insert = index_statement(index, STATEMENT_ADD_FRAME);
    sqlite3_bind_int64(insert, 1, index_rowid(index, frame_index));
    sqlite3_bind_int(insert, 2, chunk);
    sqlite3_bind_int64(insert, 3, frame_idx);
    sqlite3_bind_int64(insert, 4, entry->number);
    sqlite3_bind_double(insert, 5, entry->time_s);
    return index_run(index, STATEMENT_ADD_FRAME, error);
}

static ist_status insert_camera_time(struct index *index, int64_t frame_index, double time_s, ist_error *error)
{
    sqlite3_stmt *insert = index_statement(index, STATEMENT_ADD_CAMERA_TIME);
    sqlite3_bind_int64(insert, 1, index_rowid(index, frame_index));
    sqlite3_bind_double(insert, 2, time_s);
    return index_run(index, STATEMENT_ADD_CAMERA_TIME, error);
}

/* Keeps imgstore's summary true at every moment, also for those who look at a store while it is recorded. */
static ist_status write_summary(struct index *index, const struct chunk_range *all, ist_error *error)
{
    sqlite3_stmt *summary = index_statement(index, STATEMENT_SUMMARY);
    sqlite3_bind_double(summary, 1, all->time_min_s);
    sqlite3_bind_double(summary, 2, all->time_max_s);
    sqlite3_bind_double(summary, 3, (double)all->number_min);
    sqlite3_bind_double(summary, 4, (double)all->number_max);
    return index_run(index, STATEMENT_SUMMARY, error);
}

ist_status index_add_frame(struct index *index, int64_t frame_index, int chunk, const char *chunk_path, int frame_idx,
                           const struct index_entry *entry, ist_error *error)
{
    struct chunk_range all = index->all;
    chunk_range_add(&all, entry->number, entry->time_s, 0, 0);
    ist_status status = index_run(index, STATEMENT_BEGIN, error);
    if (status < 0)
        return status;
    if (frame_idx == 0)
        status = insert_chunk(index, chunk, chunk_path, error);
    if (status >= 0)
        status = insert_frame(index, frame_index, chunk, frame_idx, entry, error);
    if (status >= 0 && entry->camera_time_s != 0)
        status = insert_camera_time(index, frame_index, entry->camera_time_s, error);
    index_checksums_append(index, chunk, frame_idx, entry);
    if (status >= 0)
        status = index_checksums_write(index, error);
    if (status >= 0)
        status = write_summary(index, &all, error);
    if (status >= 0)
        status = index_run(index, STATEMENT_COMMIT, error);
    if (status < 0) {
        index->checksums.count--;
        (void)index_run(index, STATEMENT_ROLLBACK, NULL);
        return status;
    }
    index->all = all;
    return IST_OK;
}

ist_status index_add_extra(struct index *index, int64_t frame_index, const char *json, ist_error *error)
{
    sqlite3_stmt *insert = index_statement(index, STATEMENT_ADD_EXTRA);
    sqlite3_bind_int64(insert, 1, index_rowid(index, frame_index));
    sqlite3_bind_text(insert, 2, json, -1, SQLITE_TRANSIENT);
    return index_run(index, STATEMENT_ADD_EXTRA, error);
}

ist_status index_add_drop(struct index *index, int64_t frame_index, const ist_drop *drop, ist_error *error)
{
    sqlite3_stmt *insert = index_statement(index, STATEMENT_ADD_DROP);
    sqlite3_bind_int64(insert, 1, index_rowid(index, frame_index));
    sqlite3_bind_text(insert, 2, ist_drop_cause_name(drop->cause), -1, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 3, drop->first_number);
    sqlite3_bind_int64(insert, 4, drop->count);
    sqlite3_bind_double(insert, 5, drop->time_s);
    return index_run(index, STATEMENT_ADD_DROP, error);
}

ist_status index_finish_chunk(struct index *index, const struct chunk_range *range, ist_error *error)
{
    sqlite3_stmt *insert;
    if (sqlite3_prepare_v2(index->db, "INSERT INTO chunk_ranges VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)", -1,
                           &insert, NULL) != SQLITE_OK)
        return index_sql_failure(index, error);
    sqlite3_bind_int(insert, 1, range->chunk);
    sqlite3_bind_int64(insert, 2, index->removed.frames + range->first_index);
    sqlite3_bind_int64(insert, 3, range->frame_count);
    sqlite3_bind_int64(insert, 4, range->number_min);
    sqlite3_bind_int64(insert, 5, range->number_max);
    sqlite3_bind_int(insert, 6, range->numbers_rise);
    sqlite3_bind_double(insert, 7, range->time_min_s);
    sqlite3_bind_double(insert, 8, range->time_max_s);
    sqlite3_bind_int(insert, 9, range->times_rise);
    const ist_status status = sqlite3_step(insert) == SQLITE_DONE ? IST_OK : index_sql_failure(index, error);
    sqlite3_finalize(insert);
    return status;
}

ist_status index_checkpoint(const char *path, ist_error *error)
{
    // The recorder may write on meanwhile; the log begins anew only when nothing of it is left.
    enum { TRIES = 5 };
    struct index *index;
    ist_status status = index_allocate(&index, error);
    if (status < 0)
        return status;
    if (sqlite3_open_v2(path, &index->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        status = index_sql_failure(index, error);
    // A connection that has read nothing does not know of the log yet, and would bring nothing over.
    if (status >= 0)
        status = index_execute(index, "SELECT count(*) FROM sqlite_master", error);
    int in_log = 1, copied = 0;
    for (int i = 0; i < TRIES && status >= 0 && copied < in_log; i++)
        if (sqlite3_wal_checkpoint_v2(index->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_log, &copied) != SQLITE_OK)
            status = index_sql_failure(index, error);
    index_close(&index);
    return status;
}

ist_status index_finish(struct index *index, ist_error *error)
{
    // Somebody who is reading at this moment keeps the log in use; then it stays, and nothing is the worse for it.
    if (index_execute(index, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE", NULL) >= 0)
        return IST_OK;
    const int code = sqlite3_errcode(index->db) & 0xff;
    return code == SQLITE_BUSY || code == SQLITE_LOCKED ? IST_OK : index_sql_failure(index, error);
}

/* The range over all frames, as the summary has it. */
static struct chunk_range range_over_all(const struct index *index)
{
    struct chunk_range all = {0};
    for (int i = 0; i < index->range_count; i++) {
        const struct chunk_range *range = &index->ranges[i];
        chunk_range_add(&all, range->number_min, range->time_min_s, 0, 0);
        chunk_range_add(&all, range->number_max, range->time_max_s, 0, 0);
    }
    return all;
}

ist_status index_build_begin(struct index **index, const char *path, const char *uuid, ist_error *error)
{
    ist_status status = index_allocate(index, error);
    if (status < 0)
        return status;
    struct index *built = *index;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX; // one handle, one thread
    if (sqlite3_open_v2(path ? path : ":memory:", &built->db, flags, NULL) != SQLITE_OK)
        status = index_sql_failure(built, error);
    // A build that breaks off is begun anew, so that nothing has to be safe before the end.
    if (status >= 0)
        status = index_execute(built, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN", error);
    if (status >= 0)
        status = index_execute(built, index_sql, error);
    // Rows go in faster without it; only imgstore looks frames up by chunk.
    if (status >= 0)
        status = index_execute(built, "DROP INDEX chunk_index", error);
    if (status >= 0)
        status = note_uuid(built, uuid, error);
    if (status < 0)
        index_close(index);
    return status;
}

static bool same_drop(const ist_drop *a, const ist_drop *b)
{
    return a->cause == b->cause && a->first_number == b->first_number && a->count == b->count && a->time_s == b->time_s;
}

/*
 * Drops of a chunk whose first frame has this index. What lies between two chunks stands beside both: what the chunk
 * before knew of it comes first here too, and is there already.
 */
static ist_status build_drops(struct index *index, int64_t first, const struct drop_list *drops, ist_error *error)
{
    struct drop_list there = {0};
    ist_status status = drops->count ? index_drops(index, first, first, &there, error) : IST_OK;
    int64_t known = 0;
    while (known < there.count && known < drops->count && drops->items[known].before == 0 &&
           same_drop(&drops->items[known].drop, &there.items[known].drop))
        known++;
    for (int64_t i = known == there.count ? known : 0; i < drops->count && status >= 0; i++)
        status = index_add_drop(index, first + drops->items[i].before, &drops->items[i].drop, error);
    drop_list_free(&there);
    return status;
}

static ist_status build_camera_times(struct index *index, int64_t first, const struct npz_index *frames,
                                     ist_error *error)
{
    ist_status status = IST_OK;
    for (int64_t i = 0; frames->camera_times_s && i < frames->count && status >= 0; i++)
        if (!isnan(frames->camera_times_s[i]))
            status = insert_camera_time(index, first + i, frames->camera_times_s[i], error);
    return status;
}

ist_status index_build_removed(struct index *index, const struct store_removed *removed, ist_error *error)
{
    if (removed->frames == 0)
        return IST_OK;
    index->removed = *removed;
    return note_removed(index, removed, error);
}

ist_status index_build_chunk(struct index *index, int chunk, const char *chunk_path, const struct npz_index *frames,
                             ist_error *error)
{
    if (frames->count == 0)
        return IST_OK;
    const int64_t first = index_frame_count(index);
    struct chunk_range *range = index_append_range(index, error);
    if (!range)
        return IST_ERROR_MEMORY;
    *range = (struct chunk_range){.chunk = chunk, .first_index = first, .finished = true};
    for (int64_t i = 0; i < frames->count; i++) {
        const struct index_entry entry = {.number = frames->numbers[i],
                                          .time_s = frames->times_s[i],
                                          .checksum = frames->checksums ? frames->checksums[i] : 0};
        ist_status status = insert_frame(index, first + i, chunk, i, &entry, error);
        index_checksums_append(index, chunk, i, &entry);
        if (status >= 0 && (index->checksums.count == CHECKSUMS_IN_ROW || i + 1 == frames->count))
            status = index_checksums_write(index, error);
        if (status < 0)
            return status;
        chunk_range_add(range, entry.number, entry.time_s, i ? frames->numbers[i - 1] : 0,
                        i ? frames->times_s[i - 1] : 0);
    }
    ist_status status = build_camera_times(index, first, frames, error);
    if (status >= 0)
        status = build_drops(index, first, &frames->drops, error);
    if (status >= 0)
        status = insert_chunk(index, chunk, chunk_path, error);
    return status < 0 ? status : index_finish_chunk(index, range, error);
}

ist_status index_build_finish(struct index *index, ist_error *error)
{
    index->all = range_over_all(index);
    ist_status status = index->range_count ? write_summary(index, &index->all, error) : IST_OK;
    const char *file = sqlite3_db_filename(index->db, NULL);
    if (status >= 0 && file && *file)
        status = index_execute(index, "CREATE INDEX chunk_index ON frames (chunk, frame_idx)", error);
    return status < 0 ? status : index_run(index, STATEMENT_COMMIT, error);
}

ist_status index_reopen(struct index **index, const char *path, const char *uuid, bool durable, ist_error *error)
{
    *index = NULL;
    if (!fs_exists(path))
        return error_set(error, IST_ERROR_NOT_FOUND, "%s: no such file", path);
    ist_status status = index_check_files(path, error);
    if (status >= 0)
        status = index_allocate(index, error);
    if (status < 0)
        return status;
    struct index *reopened = *index;
    if (sqlite3_open_v2(path, &reopened->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        status = index_sql_failure(reopened, error);
    sqlite3_busy_timeout(reopened->db, BUSY_TIMEOUT_MS);
    if (status >= 0)
        status = index_check_store(reopened, path, uuid, error);
    if (status >= 0)
        status = set_journal(reopened, durable, error);
    if (status >= 0)
        status = index_reload(reopened, error);
    if (status < 0)
        index_close(index);
    else
        reopened->all = range_over_all(reopened);
    return status;
}

static ist_status drop_rows(struct index *index, int64_t first, int64_t count, ist_error *error)
{
    // Rows move up by way of negative rowids, so that no two are ever the same.
    static const char sql[] = "DELETE FROM extra_data WHERE frame BETWEEN %lld AND %lld;"
                              "DELETE FROM frames WHERE rowid BETWEEN %lld AND %lld;"
                              "DELETE FROM camera_times WHERE frame BETWEEN %lld AND %lld;"
                              "UPDATE frames SET rowid = -rowid WHERE rowid > %lld;"
                              "UPDATE frames SET rowid = -rowid - %lld WHERE rowid < 0;"
                              "UPDATE camera_times SET frame = -frame WHERE frame > %lld;"
                              "UPDATE camera_times SET frame = -frame - %lld WHERE frame < 0;"
                              "UPDATE extra_data SET frame = frame - %lld WHERE frame > %lld;"
                              "UPDATE drops SET frame = max(%lld, frame - %lld) WHERE frame > %lld;"
                              "DELETE FROM chunks WHERE chunk NOT IN (SELECT DISTINCT chunk FROM frames)";
    const long long from = index_rowid(index, first), to = index_rowid(index, first + count - 1), shift = count;
    char *filled =
        sqlite3_mprintf(sql, from, to, from, to, from, to, to, shift, to, shift, shift, to, from, shift, from);
    const ist_status status = filled ? index_execute(index, filled, error) : error_memory(error);
    sqlite3_free(filled);
    return status;
}

/* The rows of all frames that are to be removed, and of their chunks. */
static ist_status remove_rows(struct index *index, const struct store_removed *removed, ist_error *error)
{
    static const char sql[] = "DELETE FROM frames WHERE rowid <= %lld;"
                              "DELETE FROM extra_data WHERE frame <= %lld;"
                              "DELETE FROM camera_times WHERE frame <= %lld;"
                              "DELETE FROM drops WHERE frame <= %lld;"
                              "DELETE FROM checksums WHERE first < %lld;"
                              "DELETE FROM chunk_ranges WHERE chunk < %d;"
                              "DELETE FROM chunks WHERE chunk < %d";
    const long long last = removed->frames, first_checksum = (long long)removed->chunks << 32;
    char *filled = sqlite3_mprintf(sql, last, last, last, last, first_checksum, removed->chunks, removed->chunks);
    ist_status status = filled ? index_execute(index, filled, error) : error_memory(error);
    sqlite3_free(filled);
    return status < 0 ? status : note_removed(index, removed, error);
}

/* Ends a transaction that changed which frames there are. */
static ist_status commit_frames(struct index *index, ist_status status, ist_error *error)
{
    if (status >= 0)
        status = index_reload(index, error);
    const struct chunk_range all = range_over_all(index);
    if (status >= 0)
        status = write_summary(index, &all, error);
    if (status >= 0)
        status = index_run(index, STATEMENT_COMMIT, error);
    if (status < 0) {
        (void)index_run(index, STATEMENT_ROLLBACK, NULL);
        (void)index_reload(index, NULL);
    } else {
        index->all = all;
    }
    return status;
}

ist_status index_remove_chunks(struct index *index, int count, ist_error *error)
{
    const struct chunk_range *first_kept = &index->ranges[count];
    const struct store_removed removed = {first_kept->chunk, index->removed.frames + first_kept->first_index};
    ist_status status = index_run(index, STATEMENT_BEGIN, error);
    if (status < 0)
        return status;
    status = remove_rows(index, &removed, error);
    return commit_frames(index, status, error);
}

ist_status index_drop_frames(struct index *index, int64_t first, int64_t count, ist_error *error)
{
    ist_status status = index_run(index, STATEMENT_BEGIN, error);
    if (status < 0)
        return status;
    const struct chunk_range *range = index_range_of(index, first);
    status = index_checksums_drop(index, range->chunk, first - range->first_index, error);
    if (status >= 0)
        status = drop_rows(index, first, count, error);
    return commit_frames(index, status, error);
}

static ist_status move_rows(struct index *index, int by, ist_error *error)
{
    static const char sql[] = "UPDATE frames SET chunk = chunk - %d;"
                              "UPDATE chunks SET chunk = chunk - %d, chunk_path = "
                              "replace(chunk_path, printf('/%%06d', chunk), printf('/%%06d', chunk - %d));"
                              "UPDATE chunk_ranges SET chunk = chunk - %d;"
                              "UPDATE checksums SET first = first - (%d << 32);"
                              "INSERT OR REPLACE INTO store_information VALUES ('moved_by', '%d'),"
                              "('moving_by', '%d')";
    char *filled = sqlite3_mprintf(sql, by, by, by, by, by, index->moves.moved_by + by, by);
    const ist_status status = filled ? index_execute(index, filled, error) : error_memory(error);
    sqlite3_free(filled);
    return status;
}

ist_status index_move_chunks(struct index *index, int first, ist_error *error)
{
    ist_status status = index_execute(index, "PRAGMA synchronous = FULL", error);
    if (status >= 0)
        status = index_run(index, STATEMENT_BEGIN, error);
    if (status < 0)
        return status;
    status = move_rows(index, index->ranges[0].chunk - first, error);
    if (status >= 0)
        status = note_removed(index, &(struct store_removed){first, index->removed.frames}, error);
    return commit_frames(index, status, error);
}

ist_status index_end_move(struct index *index, ist_error *error)
{
    const ist_status status = index_execute(index, "DELETE FROM store_information WHERE name = 'moving_by'", error);
    return status < 0 ? status : index_reload(index, error);
}
