#include "chunk_close.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chunk_path.h"
#include "error.h"
#include "fs.h"

static ist_status allocate_frames(struct npz_index *frames, int64_t count, ist_error *error)
{
    const size_t size = (size_t)count * 8 + 1;
    *frames = (struct npz_index){.count = count,
                                 .numbers = malloc(size),
                                 .times_s = malloc(size),
                                 .checksums = malloc(size),
                                 .camera_times_s = malloc(size)};
    return frames->numbers && frames->times_s && frames->checksums && frames->camera_times_s ? IST_OK
                                                                                             : error_memory(error);
}

static ist_status read_entries(struct index *index, const struct chunk_range *range, struct npz_index *frames,
                               ist_error *error)
{
    struct index_entry *entries = malloc((size_t)range->frame_count * sizeof *entries + 1);
    const ist_status status =
        entries ? index_entries(index, range->first_index, range->frame_count, entries, error) : error_memory(error);
    for (int64_t i = 0; i < range->frame_count && status >= 0; i++) {
        frames->numbers[i] = entries[i].number;
        frames->times_s[i] = entries[i].time_s;
        frames->checksums[i] = entries[i].checksum;
    }
    free(entries);
    return status;
}

/* Most cameras have no clock of their own; then there is no array for it. */
static ist_status read_camera_times(struct index *index, const struct chunk_range *range, struct npz_index *frames,
                                    ist_error *error)
{
    double *times_s = frames->camera_times_s;
    const ist_status status = index_camera_times(index, range->first_index, range->frame_count, times_s, error);
    for (int64_t i = 0; i < range->frame_count && status >= 0; i++)
        if (!isnan(times_s[i]))
            return IST_OK;
    free(times_s);
    frames->camera_times_s = NULL;
    return status;
}

ist_status chunk_frames(struct index *index, const struct chunk_range *range, struct npz_index *frames,
                        ist_error *error)
{
    const int64_t first = range->first_index;
    ist_status status = allocate_frames(frames, range->frame_count, error);
    if (status >= 0)
        status = read_entries(index, range, frames, error);
    if (status >= 0)
        status = read_camera_times(index, range, frames, error);
    if (status >= 0)
        status = index_drops(index, first, first + range->frame_count, &frames->drops, error);
    for (int64_t i = 0; i < frames->drops.count; i++)
        frames->drops.items[i].before -= first;
    if (status < 0)
        npz_index_free(frames);
    return status;
}

/* The npz, which is the index for imgstore, from our index: so that both say the same. */
static ist_status write_npz(const char *path, const struct chunk_range *range, struct index *index, ist_error *error)
{
    struct npz_index frames;
    ist_status status = chunk_frames(index, range, &frames, error);
    if (status >= 0)
        status = npz_write(path, &frames, error);
    npz_index_free(&frames);
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

static int64_t count_behind(const struct npz_index *frames)
{
    int64_t count = 0;
    for (int64_t i = 0; i < frames->drops.count; i++)
        count += frames->drops.items[i].before == frames->count;
    return count;
}

ist_status chunk_close_tail(const char *directory, bool is_video, struct index *index, ist_error *error)
{
    int count;
    const struct chunk_range *ranges = index_ranges(index, &count);
    char path[PATH_MAX];
    if (count == 0)
        return IST_OK;
    const struct chunk_range *last = &ranges[count - 1];
    chunk_path_sidecar(path, directory, last->chunk, is_video, ".npz");
    if (!fs_exists(path)) // an old store
        return IST_OK;
    struct npz_index frames, beside = {0};
    int64_t *numbers_before = NULL;
    ist_status status = chunk_frames(index, last, &frames, error);
    if (status < 0)
        return status;
    // One that is damaged becomes whole by the way; the index is what counts here.
    if (npz_read(path, &beside, NULL) < 0 || count_behind(&frames) > count_behind(&beside)) {
        (void)npz_read_before(path, last->frame_count, &numbers_before, NULL);
        status = npz_write_renumbered(path, &frames, numbers_before, error);
    }
    free(numbers_before);
    npz_index_free(&beside);
    npz_index_free(&frames);
    return status;
}
