/* The checksums in the index: rows of 64 frames, of which the one used last is kept in memory. */
#include <endian.h>
#include <string.h>

#include "checksum.h"
#include "error.h"
#include "index_database.h"

/* Of one frame, as it lies in the row. */
struct sums {
    uint32_t pixels, entry;
};

static struct sums sums_at(const struct checksum_row *row, int place)
{
    struct sums sums;
    memcpy(&sums, row->sums + place * CHECKSUM_SIZE, sizeof sums);
    return (struct sums){le32toh(sums.pixels), le32toh(sums.entry)};
}

static int64_t row_of(int chunk, int64_t frame_idx)
{
    return ((int64_t)chunk << 32) + frame_idx / CHECKSUMS_IN_ROW * CHECKSUMS_IN_ROW;
}

static uint32_t checksum_of_entry(const struct index_entry *entry)
{
    struct {
        uint64_t number, time;
    } bytes;
    const double time_s = entry->time_s + 0.0; // SQLite keeps no negative zero
    memcpy(&bytes.time, &time_s, sizeof bytes.time);
    bytes.time = htole64(bytes.time);
    bytes.number = htole64((uint64_t)entry->number);
    return checksum(0, &bytes, sizeof bytes);
}

void index_checksums_append(struct index *index, int chunk, int64_t frame_idx, const struct index_entry *entry)
{
    struct checksum_row *row = &index->checksums;
    const int place = (int)(frame_idx % CHECKSUMS_IN_ROW);
    const struct sums sums = {htole32(entry->checksum), htole32(checksum_of_entry(entry))};
    memcpy(row->sums + place * CHECKSUM_SIZE, &sums, sizeof sums);
    row->first = row_of(chunk, frame_idx);
    row->count = place + 1;
}

ist_status index_checksums_write(struct index *index, ist_error *error)
{
    const struct checksum_row *row = &index->checksums;
    sqlite3_stmt *insert = index_statement(index, STATEMENT_SET_CHECKSUMS);
    sqlite3_bind_int64(insert, 1, row->first);
    sqlite3_bind_blob(insert, 2, row->sums, row->count * CHECKSUM_SIZE, SQLITE_STATIC);
    return index_run(index, STATEMENT_SET_CHECKSUMS, error);
}

ist_status index_checksums_drop(struct index *index, int chunk, int64_t from, ist_error *error)
{
    index->checksums.count = 0;
    char *sql = sqlite3_mprintf("DELETE FROM checksums WHERE first >= %lld AND first < %lld",
                                ((int64_t)chunk << 32) + from, ((int64_t)chunk + 1) << 32);
    const ist_status status = sql ? index_execute(index, sql, error) : error_memory(error);
    sqlite3_free(sql);
    return status;
}

/* Makes the row of the frame the one in memory; with fewer frames than that if it has no more, and none if it is not
 * there. */
static ist_status load_row(struct index *index, int chunk, int64_t frame_idx, ist_error *error)
{
    struct checksum_row *row = &index->checksums;
    const int64_t first = row_of(chunk, frame_idx);
    if (row->first == first && row->count > frame_idx % CHECKSUMS_IN_ROW)
        return IST_OK;
    sqlite3_stmt *query = index_statement(index, STATEMENT_CHECKSUMS);
    if (!query)
        return index_sql_failure(index, error);
    row->first = first;
    row->count = 0;
    sqlite3_bind_int64(query, 1, first);
    const int result = sqlite3_step(query);
    ist_status status = IST_OK;
    if (result == SQLITE_ROW) {
        const void *sums = sqlite3_column_blob(query, 0);
        const int size = sqlite3_column_bytes(query, 0);
        if (sums && size <= (int)sizeof row->sums) {
            memcpy(row->sums, sums, (size_t)size);
            row->count = size / CHECKSUM_SIZE;
        }
    } else if (result != SQLITE_DONE) {
        status = index_sql_failure(index, error);
    }
    sqlite3_reset(query);
    return status;
}

ist_status index_checksum(struct index *index, int chunk, int64_t frame_idx, uint32_t *pixels, ist_error *error)
{
    const int place = (int)(frame_idx % CHECKSUMS_IN_ROW);
    const ist_status status = load_row(index, chunk, frame_idx, error);
    *pixels = status >= 0 && place < index->checksums.count ? sums_at(&index->checksums, place).pixels : 0;
    return status;
}

ist_status index_checksums_compare(struct index *index, int64_t frame_index, struct index_entry *entry,
                                   ist_error *error)
{
    const struct chunk_range *range = index_range_of(index, frame_index);
    const int64_t frame_idx = frame_index - range->first_index;
    const int place = (int)(frame_idx % CHECKSUMS_IN_ROW);
    const ist_status status = load_row(index, range->chunk, frame_idx, error);
    if (status < 0)
        return status;
    if (place >= index->checksums.count)
        return error_set(error, IST_ERROR_DATA, "%s: damaged: the checksum of frame %lld is missing", index->name,
                         (long long)frame_index);
    const struct sums sums = sums_at(&index->checksums, place);
    if (sums.entry != checksum_of_entry(entry))
        return error_set(error, IST_ERROR_DATA, "%s: damaged: number or time of frame %lld is not what was recorded",
                         index->name, (long long)frame_index);
    entry->checksum = sums.pixels;
    return IST_OK;
}
