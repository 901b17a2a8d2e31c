#include "index.h"

#include <libstore/json.h>

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "fs.h"
#include "index_database.h"

static const char *const statement_sql[STATEMENT_COUNT] = {
    [STATEMENT_BEGIN] = "BEGIN",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_ROLLBACK] = "ROLLBACK",
    [STATEMENT_ADD_FRAME] = "INSERT INTO frames (rowid, chunk, frame_idx, frame_number, frame_time) "
                            "VALUES (?1, ?2, ?3, ?4, ?5)",
    [STATEMENT_ADD_CAMERA_TIME] = "INSERT INTO camera_times VALUES (?1, ?2)",
    [STATEMENT_SUMMARY] = "UPDATE summary SET value = CASE name WHEN 'frame_time_min' THEN ?1 "
                          "WHEN 'frame_time_max' THEN ?2 WHEN 'frame_min' THEN ?3 WHEN 'frame_max' THEN ?4 END",
    [STATEMENT_ADD_EXTRA] = "INSERT INTO extra_data (frame, data) VALUES (?1, ?2)",
    [STATEMENT_ADD_DROP] = "INSERT INTO drops (frame, cause, first_number, count, time) VALUES (?1, ?2, ?3, ?4, ?5)",
    [STATEMENT_ENTRIES] = "SELECT frame_number, frame_time FROM frames WHERE rowid BETWEEN ?1 AND ?2 ORDER BY rowid",
    [STATEMENT_SET_CHECKSUMS] = "INSERT OR REPLACE INTO checksums (first, sums) VALUES (?1, ?2)",
    [STATEMENT_CHECKSUMS] = "SELECT sums FROM checksums WHERE first = ?1",
    // One statement sees one moment.
    [STATEMENT_MOVES] = "SELECT (SELECT value FROM store_information WHERE name = 'moved_by'), "
                        "(SELECT value FROM store_information WHERE name = 'moving_by')",
};

void chunk_range_add(struct chunk_range *range, int64_t number, double time_s, int64_t last_number, double last_time_s)
{
    if (range->frame_count == 0) {
        range->number_min = range->number_max = number;
        range->time_min_s = range->time_max_s = time_s;
        range->numbers_rise = range->times_rise = true;
    } else {
        range->number_min = number < range->number_min ? number : range->number_min;
        range->number_max = number > range->number_max ? number : range->number_max;
        range->time_min_s = time_s < range->time_min_s ? time_s : range->time_min_s;
        range->time_max_s = time_s > range->time_max_s ? time_s : range->time_max_s;
        range->numbers_rise = range->numbers_rise && number >= last_number;
        range->times_rise = range->times_rise && time_s >= last_time_s;
    }
    range->frame_count++;
}

ist_status index_sql_failure(struct index *index, ist_error *error)
{
    const int code = sqlite3_errcode(index->db) & 0xff;
    const ist_status status = code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_ERROR ? IST_ERROR_DATA
                              : code == SQLITE_NOMEM                                                  ? IST_ERROR_MEMORY
                                                                                                      : IST_ERROR_IO;
    return error_set(error, status, "%s: %s", index->name, sqlite3_errmsg(index->db));
}

ist_status index_execute(struct index *index, const char *sql, ist_error *error)
{
    return sqlite3_exec(index->db, sql, NULL, NULL, NULL) == SQLITE_OK ? IST_OK : index_sql_failure(index, error);
}

sqlite3_stmt *index_statement(struct index *index, enum statement which)
{
    if (!index->statements[which])
        sqlite3_prepare_v3(index->db, statement_sql[which], -1, SQLITE_PREPARE_PERSISTENT, &index->statements[which],
                           NULL);
    return index->statements[which];
}

/* Runs a prepared statement, its values bound before, that gives no rows. */
ist_status index_run(struct index *index, enum statement which, ist_error *error)
{
    sqlite3_stmt *statement = index_statement(index, which);
    const int result = statement ? sqlite3_step(statement) : SQLITE_ERROR;
    const ist_status status = result == SQLITE_DONE ? IST_OK : index_sql_failure(index, error);
    sqlite3_reset(statement);
    return status;
}

ist_status index_allocate(struct index **index, ist_error *error)
{
    *index = calloc(1, sizeof **index);
    if (!*index)
        return error_memory(error);
    (*index)->name = INDEX_FILE_NAME;
    return IST_OK;
}

struct chunk_range *index_append_range(struct index *index, ist_error *error)
{
    if (index->range_count == index->range_capacity) {
        const int capacity = index->range_capacity ? index->range_capacity * 2 : 16;
        struct chunk_range *ranges = realloc(index->ranges, (size_t)capacity * sizeof *ranges);
        if (!ranges) {
            error_memory(error);
            return NULL;
        }
        index->ranges = ranges;
        index->range_capacity = capacity;
    }
    struct chunk_range *range = &index->ranges[index->range_count++];
    *range = (struct chunk_range){0};
    return range;
}

ist_status index_check_files(const char *path, ist_error *error)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    ist_status status = IST_OK;
    for (size_t i = 0; i < sizeof endings / sizeof *endings && status >= 0; i++) {
        char file[PATH_MAX];
        if ((size_t)snprintf(file, sizeof file, "%s%s", path, endings[i]) >= sizeof file)
            return error_errno(error, ENAMETOOLONG, "%s", path);
        status = fs_check_regular(file, error);
    }
    return status;
}

/* Opens for reading, and makes sure that it can be read: SQLite opens lazily. */
static ist_status open_for_reading(struct index *index, const char *path, ist_error *error)
{
    if (sqlite3_open_v2(path, &index->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return index_sql_failure(index, error);
    sqlite3_busy_timeout(index->db, BUSY_TIMEOUT_MS);
    return index_execute(index, "SELECT count(*) FROM sqlite_master", error);
}

/*
 * Opens a copy in the directory for temporary files: the way out when the recorder died and the disk is read-only,
 * because SQLite must then go through the write-ahead log, and needs to write beside it.
 */
static ist_status open_copy(struct index *index, const char *path, ist_error *error)
{
    static const char *const endings[] = {"", "-wal"};
    const char *temporary = getenv("TMPDIR");
    char folder[PATH_MAX / 2], from[PATH_MAX], to[PATH_MAX];
    snprintf(folder, sizeof folder, "%s/libstore-index-XXXXXX", temporary ? temporary : "/tmp");
    if (!mkdtemp(folder))
        return error_set(error, IST_ERROR_IO, "%s: cannot create a directory", folder);
    struct buffer bytes = {0};
    ist_status status = IST_OK;
    for (int i = 0; i < 2 && status >= 0; i++) {
        snprintf(from, sizeof from, "%s%s", path, endings[i]);
        snprintf(to, sizeof to, "%s/index%s", folder, endings[i]);
        if (!fs_exists(from))
            continue;
        status = fs_read_file(from, &bytes, error);
        if (status >= 0)
            status = fs_write_file(to, bytes.data, bytes.size, error);
    }
    buffer_free(&bytes);
    if (status >= 0) {
        snprintf(to, sizeof to, "%s/index", folder);
        sqlite3_close_v2(index->db);
        index->db = NULL;
        // Read and write, so that the log can be worked in and nothing of it needs the files any more.
        if (sqlite3_open_v2(to, &index->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
            status = index_sql_failure(index, error);
        else
            status = index_execute(index, "PRAGMA wal_checkpoint(TRUNCATE)", error);
    }
    fs_remove_tree(folder);
    return status;
}

ist_status index_check_store(struct index *index, const char *path, const char *uuid, ist_error *error)
{
    sqlite3_stmt *query;
    if (sqlite3_prepare_v2(index->db, "SELECT value FROM store_information WHERE name = 'uuid'", -1, &query, NULL) !=
        SQLITE_OK) {
        // A table that is not there tells of an index that somebody else wrote, or that broke off while it was created.
        const bool foreign = (sqlite3_errcode(index->db) & 0xff) == SQLITE_ERROR;
        return foreign ? error_set(error, IST_ERROR_NOT_FOUND, "%s: is no index of libstore's", path)
                       : index_sql_failure(index, error);
    }
    const int result = sqlite3_step(query);
    const char *value = result == SQLITE_ROW ? (const char *)sqlite3_column_text(query, 0) : NULL;
    ist_status status = IST_OK;
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        status = index_sql_failure(index, error);
    else if (!value || strcmp(value, uuid) != 0)
        status = error_set(error, IST_ERROR_NOT_FOUND, "%s: belongs to another store", path);
    sqlite3_finalize(query);
    return status;
}

/* A number in store_information; 0: it is not there. */
static ist_status read_information(struct index *index, const char *name, int64_t *value, ist_error *error)
{
    sqlite3_stmt *query;
    *value = 0;
    if (sqlite3_prepare_v2(index->db, "SELECT value FROM store_information WHERE name = ?1", -1, &query, NULL) !=
        SQLITE_OK)
        return index_sql_failure(index, error);
    sqlite3_bind_text(query, 1, name, -1, SQLITE_STATIC);
    const int result = sqlite3_step(query);
    if (result == SQLITE_ROW)
        *value = sqlite3_column_int64(query, 0);
    const ist_status status = result == SQLITE_ROW || result == SQLITE_DONE ? IST_OK : index_sql_failure(index, error);
    sqlite3_finalize(query);
    return status;
}

static ist_status load_removed(struct index *index, ist_error *error)
{
    int64_t chunks = 0, frames = 0;
    ist_status status = read_information(index, "removed_chunks", &chunks, error);
    if (status >= 0)
        status = read_information(index, "removed_frames", &frames, error);
    if (status >= 0 && (chunks < 0 || chunks > INT_MAX || frames < 0))
        status = error_set(error, IST_ERROR_DATA, "%s: damaged: it says that %lld chunks were removed, %lld frames",
                           index->name, (long long)chunks, (long long)frames);
    if (status >= 0)
        index->removed = (struct store_removed){(int)chunks, frames};
    return status;
}

static ist_status load_finished_ranges(struct index *index, ist_error *error)
{
    sqlite3_stmt *query;
    if (sqlite3_prepare_v2(index->db,
                           "SELECT chunk, first_index, frame_count, number_min, number_max, numbers_rise, time_min, "
                           "time_max, times_rise FROM chunk_ranges ORDER BY first_index",
                           -1, &query, NULL) != SQLITE_OK)
        return index_sql_failure(index, error);
    ist_status status = IST_OK;
    int result;
    while (status >= 0 && (result = sqlite3_step(query)) == SQLITE_ROW) {
        const int64_t expected_first = index_frame_count(index);
        struct chunk_range *range = index_append_range(index, error);
        if (!range) {
            status = IST_ERROR_MEMORY;
            break;
        }
        *range = (struct chunk_range){
            .chunk = sqlite3_column_int(query, 0),
            .first_index = sqlite3_column_int64(query, 1) - index->removed.frames,
            .frame_count = sqlite3_column_int64(query, 2),
            .number_min = sqlite3_column_int64(query, 3),
            .number_max = sqlite3_column_int64(query, 4),
            .numbers_rise = sqlite3_column_int(query, 5),
            .time_min_s = sqlite3_column_double(query, 6),
            .time_max_s = sqlite3_column_double(query, 7),
            .times_rise = sqlite3_column_int(query, 8),
            .finished = true,
        };
        if (range->first_index != expected_first || range->frame_count < 1)
            status = error_set(error, IST_ERROR_DATA, "%s: chunk %06d: its frames do not follow those before it",
                               index->name, range->chunk);
    }
    if (status >= 0 && result != SQLITE_DONE)
        status = index_sql_failure(index, error);
    sqlite3_finalize(query);
    return status;
}

/* Ranges of the frames that no finished chunk holds: those of a recording that goes on, or broke off. */
static ist_status load_growing_ranges(struct index *index, ist_error *error)
{
    sqlite3_stmt *query;
    if (sqlite3_prepare_v2(index->db,
                           "SELECT rowid, chunk, frame_number, frame_time FROM frames WHERE rowid > ?1 ORDER BY rowid",
                           -1, &query, NULL) != SQLITE_OK)
        return index_sql_failure(index, error);
    int64_t expected_rowid = index_rowid(index, index_frame_count(index));
    sqlite3_bind_int64(query, 1, expected_rowid - 1);

    struct chunk_range *range = NULL;
    int64_t last_number = 0;
    double last_time_s = 0;
    ist_status status = IST_OK;
    int result;
    while (status >= 0 && (result = sqlite3_step(query)) == SQLITE_ROW) {
        const int chunk = sqlite3_column_int(query, 1);
        if (sqlite3_column_int64(query, 0) != expected_rowid++)
            status = error_set(error, IST_ERROR_DATA, "%s: frames are missing in the middle", index->name);
        else if ((!range || range->chunk != chunk) && !(range = index_append_range(index, error)))
            status = IST_ERROR_MEMORY;
        if (status < 0)
            break;
        if (range->frame_count == 0) {
            range->chunk = chunk;
            range->first_index = expected_rowid - 2 - index->removed.frames;
        }
        const int64_t number = sqlite3_column_int64(query, 2);
        const double time_s = sqlite3_column_double(query, 3);
        chunk_range_add(range, number, time_s, last_number, last_time_s);
        last_number = number;
        last_time_s = time_s;
    }
    if (status >= 0 && result != SQLITE_DONE)
        status = index_sql_failure(index, error);
    sqlite3_finalize(query);
    return status;
}

/* All in one savepoint, so that a recorder that goes on does not show half of a step. */
static ist_status load_ranges(struct index *index, ist_error *error)
{
    ist_status status = index_execute(index, "SAVEPOINT load", error);
    if (status < 0)
        return status;
    status = load_removed(index, error);
    if (status >= 0)
        status = index_load_moves(index, error);
    if (status >= 0)
        status = load_finished_ranges(index, error);
    if (status >= 0)
        status = load_growing_ranges(index, error);
    const ist_status released = index_execute(index, "RELEASE load", status < 0 ? NULL : error);
    return status < 0 ? status : released;
}

ist_status index_reload(struct index *index, ist_error *error)
{
    const struct index before = *index;
    index->checksums.count = 0;
    index->ranges = NULL;
    index->range_count = index->range_capacity = 0;
    const ist_status status = load_ranges(index, error);
    free(status < 0 ? index->ranges : before.ranges);
    if (status < 0) {
        index->ranges = before.ranges;
        index->range_count = before.range_count;
        index->range_capacity = before.range_capacity;
        index->removed = before.removed;
        index->moves = before.moves;
    }
    return status;
}

ist_status index_open(struct index **index, const char *path, const char *uuid, ist_error *error)
{
    *index = NULL;
    if (!fs_exists(path))
        return error_set(error, IST_ERROR_NOT_FOUND, "%s: no such file", path);
    ist_status status = index_check_files(path, error);
    if (status >= 0)
        status = index_allocate(index, error);
    if (status < 0)
        return status;
    status = open_for_reading(*index, path, error);
    if (status == IST_ERROR_IO)
        status = open_copy(*index, path, error);
    if (status >= 0)
        status = index_check_store(*index, path, uuid, error);
    if (status >= 0)
        status = index_reload(*index, error);
    if (status < 0)
        index_close(index);
    return status;
}

const struct chunk_range *index_ranges(const struct index *index, int *count)
{
    *count = index->range_count;
    return index->ranges;
}

int64_t index_frame_count(const struct index *index)
{
    if (index->range_count == 0)
        return 0;
    const struct chunk_range *last = &index->ranges[index->range_count - 1];
    return last->first_index + last->frame_count;
}

const struct store_removed *index_removed(const struct index *index)
{
    return &index->removed;
}

bool index_is_removed(struct index *index, int64_t frame_index)
{
    int64_t frames;
    return read_information(index, "removed_frames", &frames, NULL) >= 0 && index_rowid(index, frame_index) <= frames;
}

bool index_has_chunk(const struct index *index, int chunk)
{
    // Chunks come in the order of their numbers.
    int low = 0, high = index->range_count;
    while (low < high) {
        const int middle = (low + high) / 2;
        if (index->ranges[middle].chunk < chunk)
            low = middle + 1;
        else
            high = middle;
    }
    return low < index->range_count && index->ranges[low].chunk == chunk;
}

const struct chunk_range *index_range_of(const struct index *index, int64_t frame_index)
{
    int low = 0, high = index->range_count - 1;
    while (low < high) {
        const int middle = (low + high + 1) / 2;
        if (index->ranges[middle].first_index <= frame_index)
            low = middle;
        else
            high = middle - 1;
    }
    return &index->ranges[low];
}

/* The rows as they are. */
static ist_status read_entries(struct index *index, int64_t first, int64_t count, struct index_entry *entries,
                               ist_error *error)
{
    sqlite3_stmt *query = index_statement(index, STATEMENT_ENTRIES);
    if (!query)
        return index_sql_failure(index, error);
    sqlite3_bind_int64(query, 1, index_rowid(index, first));
    sqlite3_bind_int64(query, 2, index_rowid(index, first + count - 1));
    int64_t found = 0;
    int result;
    while ((result = sqlite3_step(query)) == SQLITE_ROW && found < count)
        entries[found++] =
            (struct index_entry){.number = sqlite3_column_int64(query, 0), .time_s = sqlite3_column_double(query, 1)};
    ist_status status = IST_OK;
    if (result != SQLITE_DONE)
        status = index_sql_failure(index, error);
    else if (found != count)
        status = error_set(error, IST_ERROR_DATA, "%s: frame %lld is missing", index->name, (long long)(first + found));
    sqlite3_reset(query);
    return status;
}

ist_status index_entries(struct index *index, int64_t first, int64_t count, struct index_entry *entries,
                         ist_error *error)
{
    ist_status status;
    do {
        status = read_entries(index, first, count, entries, error);
        for (int64_t i = 0; i < count && status >= 0; i++)
            status = index_checksums_compare(index, first + i, &entries[i], error);
    } while (status == IST_ERROR_DATA && index_follow_move(index));
    return status;
}

ist_status index_peek(struct index *index, int64_t frame_index, struct index_entry *entry, ist_error *error)
{
    return read_entries(index, frame_index, 1, entry, error);
}

ist_status index_camera_times(struct index *index, int64_t first, int64_t count, double *times_s, ist_error *error)
{
    for (int64_t i = 0; i < count; i++)
        times_s[i] = (double)NAN;
    sqlite3_stmt *query;
    if (sqlite3_prepare_v2(index->db, "SELECT frame, time FROM camera_times WHERE frame BETWEEN ?1 AND ?2", -1, &query,
                           NULL) != SQLITE_OK)
        return (sqlite3_errcode(index->db) & 0xff) == SQLITE_ERROR ? IST_OK : index_sql_failure(index, error);
    sqlite3_bind_int64(query, 1, index_rowid(index, first));
    sqlite3_bind_int64(query, 2, index_rowid(index, first + count - 1));
    int result;
    while ((result = sqlite3_step(query)) == SQLITE_ROW)
        times_s[sqlite3_column_int64(query, 0) - index_rowid(index, first)] = sqlite3_column_double(query, 1);
    const ist_status status = result == SQLITE_DONE ? IST_OK : index_sql_failure(index, error);
    sqlite3_finalize(query);
    return status;
}

ist_status index_begin_reading(struct index *index, ist_error *error)
{
    return index_run(index, STATEMENT_BEGIN, error);
}

void index_end_reading(struct index *index)
{
    // Nothing was written: a commit and taking back are the same, and cannot fail.
    (void)index_run(index, STATEMENT_ROLLBACK, NULL);
}

/* One row of extra data as the user gets it, of the frame with this index. */
static json_t *extra_object(sqlite3_stmt *row, int64_t frame_index)
{
    const char *data = (const char *)sqlite3_column_text(row, 0);
    json_t *object = data ? json_loads(data, 0, NULL) : NULL;
    if (!json_is_object(object)) {
        json_decref(object);
        return NULL;
    }
    json_object_set_new(object, "frame_time", json_real(sqlite3_column_double(row, 2)));
    json_object_set_new(object, "frame_number", json_integer(sqlite3_column_int64(row, 1)));
    json_object_set_new(object, "frame_index", json_integer(frame_index));
    return object;
}

static ist_status collect_extra(struct index *index, sqlite3_stmt *query, int64_t first_rowid, json_t *array,
                                ist_error *error)
{
    int result;
    while ((result = sqlite3_step(query)) == SQLITE_ROW) {
        const int64_t frame_index = sqlite3_column_int64(query, 3) - first_rowid;
        json_t *object = extra_object(query, frame_index);
        if (!object)
            return error_set(error, IST_ERROR_DATA, "%s: extra data of frame %lld is damaged", index->name,
                             (long long)frame_index);
        if (json_array_append_new(array, object) < 0)
            return error_memory(error);
    }
    return result == SQLITE_DONE ? IST_OK : index_sql_failure(index, error);
}

/* frame_index counts from the frame in the row `first_rowid`. */
static ist_status read_extra(struct index *index, int64_t first, int64_t count, int64_t first_rowid, struct buffer *out,
                             ist_error *error)
{
    sqlite3_stmt *query;
    if (sqlite3_prepare_v2(index->db,
                           "SELECT e.data, f.frame_number, f.frame_time, e.frame FROM extra_data AS e "
                           "JOIN frames AS f ON f.rowid = e.frame WHERE e.frame BETWEEN ?1 AND ?2 "
                           "ORDER BY e.frame, e.rowid",
                           -1, &query, NULL) != SQLITE_OK)
        return index_sql_failure(index, error);
    sqlite3_bind_int64(query, 1, index_rowid(index, first));
    sqlite3_bind_int64(query, 2, index_rowid(index, first + count - 1));
    json_t *array = json_array();
    ist_status status = array ? collect_extra(index, query, first_rowid, array, error) : error_memory(error);
    if (status >= 0) {
        char *text = json_dumps(array, JSON_REAL_PRECISION(17));
        out->size = 0;
        if (text)
            ist_json_shorten(text);
        status = text ? buffer_append(out, text, strlen(text) + 1, error) : error_memory(error);
        if (status >= 0)
            out->size--;
        free(text);
    }
    json_decref(array);
    sqlite3_finalize(query);
    return status;
}

ist_status index_extra(struct index *index, int64_t first, int64_t count, struct buffer *out, ist_error *error)
{
    return read_extra(index, first, count, index_rowid(index, 0), out, error);
}

ist_status index_extra_to_keep(struct index *index, int64_t first, int64_t count, struct buffer *out, ist_error *error)
{
    return read_extra(index, first, count, 1, out, error);
}

/* The cause of this name; IST_DROP_CAUSE_COUNT: there is none. */
static ist_drop_cause find_cause(const char *name)
{
    ist_drop_cause cause = 0;
    while (cause < IST_DROP_CAUSE_COUNT && (!name || strcmp(name, ist_drop_cause_name(cause)) != 0))
        cause++;
    return cause;
}

ist_status index_drops(struct index *index, int64_t first, int64_t last, struct drop_list *drops, ist_error *error)
{
    sqlite3_stmt *query;
    if (sqlite3_prepare_v2(index->db,
                           "SELECT cause, first_number, count, time, frame FROM drops WHERE frame BETWEEN ?1 AND ?2 "
                           "ORDER BY frame, rowid",
                           -1, &query, NULL) != SQLITE_OK)
        return (sqlite3_errcode(index->db) & 0xff) == SQLITE_ERROR ? IST_OK : index_sql_failure(index, error);
    sqlite3_bind_int64(query, 1, index_rowid(index, first));
    sqlite3_bind_int64(query, 2, index_rowid(index, last));
    ist_status status = IST_OK;
    int result;
    while (status >= 0 && (result = sqlite3_step(query)) == SQLITE_ROW) {
        const ist_drop drop = {.cause = find_cause((const char *)sqlite3_column_text(query, 0)),
                               .first_number = sqlite3_column_int64(query, 1),
                               .count = sqlite3_column_int64(query, 2),
                               .time_s = sqlite3_column_double(query, 3)};
        if (drop.cause == IST_DROP_CAUSE_COUNT || drop.count < 1)
            status = error_set(error, IST_ERROR_DATA, "%s: the list of dropped frames is damaged", index->name);
        else
            status = drop_list_add(drops, sqlite3_column_int64(query, 4) - index_rowid(index, 0), &drop, error);
    }
    if (status >= 0 && result != SQLITE_DONE)
        status = index_sql_failure(index, error);
    sqlite3_finalize(query);
    return status;
}

ist_status index_count_drops(struct index *index, int64_t dropped[IST_DROP_CAUSE_COUNT], ist_error *error)
{
    struct drop_list drops = {0};
    memset(dropped, 0, IST_DROP_CAUSE_COUNT * sizeof *dropped);
    const ist_status status = index_drops(index, 0, index_frame_count(index), &drops, error);
    for (int64_t i = 0; i < drops.count; i++)
        dropped[drops.items[i].drop.cause] += drops.items[i].drop.count;
    drop_list_free(&drops);
    return status;
}

void index_close(struct index **index)
{
    if (!*index)
        return;
    for (int i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize((*index)->statements[i]);
    sqlite3_close_v2((*index)->db);
    free((*index)->ranges);
    free(*index);
    *index = NULL;
}
