#include "chunk_close.h"

#include <stdlib.h>
#include <string.h>

#include "chunk_path.h"
#include "error.h"
#include "fs.h"

/* The npz, which is the index for imgstore, from our index: so that both say the same. */
static ist_status write_npz(const char *path, const struct chunk_range *range, struct index *index, ist_error *error)
{
    const size_t count = (size_t)range->frame_count;
    struct index_entry *entries = malloc(count * sizeof *entries);
    struct npz_index npz = {
        .count = range->frame_count,
        .numbers = malloc(count * sizeof *npz.numbers),
        .times_s = malloc(count * sizeof *npz.times_s),
        .checksums = malloc(count * sizeof *npz.checksums),
    };
    ist_status status = entries && npz.numbers && npz.times_s && npz.checksums ? IST_OK : error_memory(error);
    if (status >= 0)
        status = index_entries(index, range->first_index, range->frame_count, entries, error);
    if (status >= 0) {
        for (size_t i = 0; i < count; i++) {
            npz.numbers[i] = entries[i].number;
            npz.times_s[i] = entries[i].time_s;
            npz.checksums[i] = entries[i].checksum;
        }
        status = npz_write(path, &npz, error);
    }
    npz_index_free(&npz);
    free(entries);
    return status;
}

static ist_status write_extra(const char *path, const struct chunk_range *range, struct index *index, ist_error *error)
{
    struct buffer json = {0};
    ist_status status = index_extra_to_keep(index, range->first_index, range->frame_count, &json, error);
    if (status >= 0 && strcmp((const char *)json.data, "[]") != 0)
        status = fs_write_file_whole(path, json.data, json.size, error);
    buffer_free(&json);
    return status;
}

ist_status chunk_close_sidecars(const char *directory, bool is_video, const struct chunk_range *range,
                                struct index *index, ist_error *error)
{
    char path[PATH_MAX];
    chunk_path_sidecar(path, directory, range->chunk, is_video, ".extra.json");
    ist_status status = write_extra(path, range, index, error);
    if (status < 0)
        return status;
    chunk_path_sidecar(path, directory, range->chunk, is_video, ".npz");
    return write_npz(path, range, index, error);
}
