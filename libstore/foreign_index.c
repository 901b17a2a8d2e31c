#include "foreign_index.h"

#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "error.h"
#include "fs.h"
#include "index.h"

struct foreign_index {
    sqlite3 *db;
};

ist_status foreign_index_open(struct foreign_index **index, const char *directory, ist_error *error)
{
    *index = NULL;
    char path[PATH_MAX];
    const int length = snprintf(path, sizeof path, "%s/" FOREIGN_INDEX_FILE_NAME, directory);
    if (length < 0 || (size_t)length >= sizeof path || !fs_exists(path))
        return IST_OK;
    const ist_status status = index_check_files(path, error);
    if (status < 0)
        return status;
    struct foreign_index *opened = calloc(1, sizeof *opened);
    if (!opened)
        return error_memory(error);
    // SQLite opens lazily: what is wrong with the file shows when it is read.
    if (sqlite3_open_v2(path, &opened->db, SQLITE_OPEN_READONLY, NULL) == SQLITE_NOMEM) {
        foreign_index_close(&opened);
        return error_memory(error);
    }
    *index = opened;
    return IST_OK;
}

static ist_status append(struct npz_index *frames, int64_t number, double time_s, ist_error *error)
{
    if ((frames->count & (frames->count + 1)) == 0) {
        // Room for twice as many whenever the count reaches a power of two less one.
        const size_t room = (size_t)(2 * frames->count + 2);
        int64_t *numbers = realloc(frames->numbers, room * sizeof *numbers);
        if (numbers)
            frames->numbers = numbers;
        double *times_s = realloc(frames->times_s, room * sizeof *times_s);
        if (times_s)
            frames->times_s = times_s;
        if (!numbers || !times_s)
            return error_memory(error);
    }
    frames->numbers[frames->count] = number;
    frames->times_s[frames->count++] = time_s;
    return IST_OK;
}

ist_status foreign_index_read(struct foreign_index *index, int chunk, struct npz_index *frames, ist_error *error)
{
    *frames = (struct npz_index){0};
    sqlite3_stmt *query;
    if (sqlite3_prepare_v2(index->db,
                           "SELECT frame_idx, frame_number, frame_time FROM frames WHERE chunk = ?1 ORDER BY rowid", -1,
                           &query, NULL) != SQLITE_OK)
        return error_set(error, IST_ERROR_DATA, FOREIGN_INDEX_FILE_NAME ": %s", sqlite3_errmsg(index->db));
    sqlite3_bind_int(query, 1, chunk);
    ist_status status = IST_OK;
    int result;
    while (status >= 0 && (result = sqlite3_step(query)) == SQLITE_ROW) {
        if (sqlite3_column_int64(query, 0) != frames->count)
            status = error_set(error, IST_ERROR_DATA, FOREIGN_INDEX_FILE_NAME ": chunk %06d: frame %lld is missing",
                               chunk, (long long)frames->count);
        else
            status = append(frames, sqlite3_column_int64(query, 1), sqlite3_column_double(query, 2), error);
    }
    if (status >= 0 && result != SQLITE_DONE)
        status = error_set(error, IST_ERROR_DATA, FOREIGN_INDEX_FILE_NAME ": %s", sqlite3_errmsg(index->db));
    if (status >= 0 && frames->count == 0)
        status = error_set(error, IST_ERROR_NOT_FOUND, FOREIGN_INDEX_FILE_NAME ": knows no chunk %06d", chunk);
    sqlite3_finalize(query);
    if (status < 0)
        npz_index_free(frames);
    return status;
}

void foreign_index_close(struct foreign_index **index)
{
    if (!*index)
        return;
    sqlite3_close_v2((*index)->db);
    free(*index);
    *index = NULL;
}
