#include "store_scan.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "chunk_path.h"
#include "error.h"
#include "extra_data.h"
#include "foreign_index.h"
#include "fs.h"
#include "yaml_json.h"

static const char npz_ending[] = ".npz";
static const char yaml_ending[] = ".yaml";

/*
 * Scanning
 */

/* What a name in the directory of a video store says of a chunk; false: nothing. */
static bool read_video_name(const char *name, const char *extension, struct store_chunk *found)
{
    const char *rest;
    *found = (struct store_chunk){.chunk = chunk_path_number(name, &rest)};
    if (found->chunk < 0)
        return false;
    const size_t length = strlen(extension);
    found->has_pixels = strncmp(rest, extension, length) == 0 &&
                        (rest[length] == '\0' || strcmp(rest + length, CHUNK_LIVE_ENDING) == 0);
    found->has_npz = strcmp(rest, npz_ending) == 0;
    found->has_yaml = strcmp(rest, yaml_ending) == 0;
    return found->has_pixels || found->has_npz || found->has_yaml;
}

/* The same of a store of images, where a chunk is a folder. */
static bool read_folder_name(const char *name, const char *directory, struct store_chunk *found)
{
    const char *rest;
    *found = (struct store_chunk){.chunk = chunk_path_number(name, &rest), .has_pixels = true};
    if (found->chunk < 0 || *rest)
        return false;
    char path[PATH_MAX];
    chunk_path_sidecar(path, directory, found->chunk, false, npz_ending);
    found->has_npz = fs_exists(path);
    if (found->has_npz)
        return true;
    chunk_path_sidecar(path, directory, found->chunk, false, yaml_ending);
    found->has_yaml = fs_exists(path);
    return true;
}

static ist_status add_chunk(struct store_chunks *chunks, const struct store_chunk *found, ist_error *error)
{
    if ((chunks->count & (chunks->count + 1)) == 0) {
        // Room for twice as many whenever the count reaches a power of two less one.
        struct store_chunk *grown = realloc(chunks->chunks, (size_t)(2 * chunks->count + 2) * sizeof *grown);
        if (!grown)
            return error_memory(error);
        chunks->chunks = grown;
    }
    chunks->chunks[chunks->count++] = *found;
    return IST_OK;
}

static int compare_chunks(const void *a, const void *b)
{
    const struct store_chunk *left = a, *right = b;
    return (left->chunk > right->chunk) - (left->chunk < right->chunk);
}

/* Sorts by number and makes one of the entries that several files of a chunk led to. */
static void merge(struct store_chunks *chunks)
{
    if (chunks->count == 0)
        return;
    qsort(chunks->chunks, (size_t)chunks->count, sizeof *chunks->chunks, compare_chunks);
    int last = 0;
    for (int i = 1; i < chunks->count; i++) {
        struct store_chunk *kept = &chunks->chunks[last], *entry = &chunks->chunks[i];
        if (entry->chunk != kept->chunk) {
            chunks->chunks[++last] = *entry;
            continue;
        }
        kept->has_pixels |= entry->has_pixels;
        kept->has_npz |= entry->has_npz;
        kept->has_yaml |= entry->has_yaml;
    }
    chunks->count = last + 1;
}

ist_status store_scan(struct store_chunks *chunks, const char *directory, const struct metadata *metadata,
                      ist_error *error)
{
    *chunks = (struct store_chunks){0};
    DIR *opened = opendir(directory);
    if (!opened)
        return error_errno(error, errno, "%s", directory);
    ist_status status = IST_OK;
    struct dirent *entry;
    while (status >= 0 && (entry = readdir(opened))) {
        struct store_chunk found;
        if (metadata->is_video ? read_video_name(entry->d_name, metadata->extension, &found)
                               : read_folder_name(entry->d_name, directory, &found))
            status = add_chunk(chunks, &found, error);
    }
    closedir(opened);
    if (status < 0)
        store_chunks_free(chunks);
    merge(chunks);
    return status;
}

void store_chunks_forget_below(struct store_chunks *chunks, int first_kept)
{
    int forgotten = 0;
    while (forgotten < chunks->count && chunks->chunks[forgotten].chunk < first_kept)
        forgotten++;
    if (forgotten == 0)
        return;
    chunks->count -= forgotten;
    memmove(chunks->chunks, chunks->chunks + forgotten, (size_t)chunks->count * sizeof *chunks->chunks);
}

void store_chunks_follow_move(struct store_chunks *chunks, const struct index *index)
{
    const int by = index_moves(index)->moving_by;
    for (int i = 0; i < chunks->count && by != 0; i++)
        if (index_has_chunk(index, chunks->chunks[i].chunk - by))
            chunks->chunks[i].chunk -= by;
    merge(chunks);
}

void store_chunks_free(struct store_chunks *chunks)
{
    free(chunks->chunks);
    *chunks = (struct store_chunks){0};
}

const struct store_chunk *store_chunks_find(const struct store_chunks *chunks, int chunk)
{
    const struct store_chunk wanted = {.chunk = chunk};
    return chunks->count
               ? bsearch(&wanted, chunks->chunks, (size_t)chunks->count, sizeof *chunks->chunks, compare_chunks)
               : NULL;
}

/*
 * Numbers and times of a chunk
 */

static ist_status take_lists(const json_t *numbers, const json_t *times, struct npz_index *frames, ist_error *error)
{
    const size_t count = json_array_size(numbers);
    if (!json_is_array(numbers) || !json_is_array(times) || json_array_size(times) != count)
        return error_set(error, IST_ERROR_DATA, "has no lists frame_number and frame_time of the same length");
    frames->numbers = calloc(count + 1, sizeof *frames->numbers);
    frames->times_s = calloc(count + 1, sizeof *frames->times_s);
    if (!frames->numbers || !frames->times_s)
        return error_memory(error);
    frames->count = (int64_t)count;
    for (size_t i = 0; i < count; i++) {
        const json_t *number = json_array_get(numbers, i), *time = json_array_get(times, i);
        if (!json_is_integer(number) || !json_is_number(time))
            return error_set(error, IST_ERROR_DATA, "entry %zu: the number is no integer, or the time no number", i);
        frames->numbers[i] = json_integer_value(number);
        frames->times_s[i] = json_number_value(time);
    }
    return IST_OK;
}

static ist_status read_yaml(const char *path, struct npz_index *frames, ist_error *error)
{
    *frames = (struct npz_index){0};
    struct buffer text = {0};
    json_t *root = NULL;
    ist_status status = fs_read_file(path, &text, error);
    if (status >= 0)
        status = yaml_parse((const char *)text.data, text.size, path, &root, error);
    if (status >= 0) {
        status = take_lists(json_object_get(root, "frame_number"), json_object_get(root, "frame_time"), frames, error);
        if (status < 0)
            error_prefix(error, status, "%s", path);
    }
    if (status < 0)
        npz_index_free(frames);
    json_decref(root);
    buffer_free(&text);
    return status;
}

static ist_status check_times(const struct npz_index *frames, const char *path, ist_error *error)
{
    for (int64_t i = 0; i < frames->count; i++)
        if (!isfinite(frames->times_s[i]))
            return error_set(error, IST_ERROR_DATA, "%s: the time of frame %lld is not a number", path, (long long)i);
    return IST_OK;
}

/* What is needed to make an index, and where it stands. */
struct loading {
    struct index *index;
    const char *directory;
    const struct metadata *metadata;
    struct problems *problems;
    struct foreign_index *foreign; /* index.db; NULL: none */
    bool times_looked_at;
    bool times_in_ms;
};

static void sidecar_path(char path[PATH_MAX], const struct loading *l, const struct store_chunk *chunk)
{
    chunk_path_sidecar(path, l->directory, chunk->chunk, l->metadata->is_video,
                       chunk->has_npz ? npz_ending : yaml_ending);
}

static ist_status read_frames(struct loading *l, const struct store_chunk *chunk, struct npz_index *frames,
                              ist_error *error)
{
    char path[PATH_MAX];
    const bool from_file = chunk->has_npz || chunk->has_yaml;
    sidecar_path(path, l, chunk);
    ist_status status = !from_file       ? foreign_index_read(l->foreign, chunk->chunk, frames, error)
                        : chunk->has_npz ? npz_read(path, frames, error)
                                         : read_yaml(path, frames, error);
    if (status >= 0) {
        status = check_times(frames, from_file ? path : FOREIGN_INDEX_FILE_NAME, error);
        if (status < 0)
            npz_index_free(frames);
    }
    return status;
}

/*
 * Stores of the fork that writes index.db count their times in milliseconds from the beginning of the recording, also
 * in the npz. But it makes an index.db in every store that it opens, and those have times since 1970. Those are above
 * 1e9, which a recording in milliseconds reaches after 11 days: so the first frame tells.
 */
static void to_seconds(struct loading *l, struct npz_index *frames)
{
    enum { EARLIEST_S = 1000000000 }; // in 2001
    if (!l->foreign || frames->count == 0)
        return;
    if (!l->times_looked_at)
        l->times_in_ms = frames->times_s[0] >= 0 && frames->times_s[0] < EARLIEST_S;
    l->times_looked_at = true;
    for (int64_t i = 0; i < frames->count && l->times_in_ms; i++)
        frames->times_s[i] = l->metadata->created_s + frames->times_s[i] / 1000;
}

/* Whether a failure is about what lies beside this chunk, and says nothing of the others. */
static bool is_about_the_file(const struct loading *l, const struct store_chunk *chunk, ist_status status)
{
    char path[PATH_MAX];
    if (status == IST_ERROR_DATA || status == IST_ERROR_UNSUPPORTED)
        return true;
    if (!chunk->has_npz && !chunk->has_yaml)
        return false;
    sidecar_path(path, l, chunk);
    // Not found is what has its name in the directory: a link to nothing.
    return status == IST_ERROR_NOT_FOUND || (status == IST_ERROR_IO && fs_is_refused(path));
}

/* Frames of a chunk whose index is damaged are left out. */
static ist_status load_chunk(struct loading *l, const struct store_chunk *chunk, ist_error *error)
{
    const int64_t first_index = index_frame_count(l->index);
    struct npz_index frames;
    ist_error reason = {0};
    ist_status status = read_frames(l, chunk, &frames, &reason);
    if (is_about_the_file(l, chunk, status))
        return problems_add(
            l->problems,
            &(ist_problem){
                .kind = IST_PROBLEM_BAD_INDEX, .chunk = chunk->chunk, .chunk_count = 1, .first_index = first_index},
            error, "chunk %06d: its frames are left out, because its index %s: %s", chunk->chunk,
            status == IST_ERROR_DATA ? "is damaged" : "cannot be read", reason.message);
    if (status == IST_ERROR_NOT_FOUND) // index.db knows nothing of it: store_find_missing() will say so
        return IST_OK;
    if (status < 0)
        return error_set(error, status, "%s", reason.message);
    to_seconds(l, &frames);
    if (frames.damage.status < 0)
        status = problems_add(
            l->problems,
            &(ist_problem){
                .kind = IST_PROBLEM_BAD_EXTRA, .chunk = chunk->chunk, .chunk_count = 1, .first_index = first_index},
            error, "chunk %06d: dropped frames and camera times are left out, because they are damaged: %s",
            chunk->chunk, frames.damage.message);
    if (status >= 0)
        status = index_build_chunk(l->index, chunk->chunk, "", &frames, error);
    if (status >= 0)
        status = extra_data_load(l->index, l->directory, chunk->chunk, l->metadata->is_video, &frames, first_index,
                                 l->problems, error);
    npz_index_free(&frames);
    return status;
}

static ist_status load_chunks(struct loading *l, const struct store_chunks *chunks, ist_error *error)
{
    ist_status status = IST_OK;
    for (int i = 0; i < chunks->count && status >= 0; i++) {
        const struct store_chunk *chunk = &chunks->chunks[i];
        if (chunk->has_npz || chunk->has_yaml || l->foreign)
            status = load_chunk(l, chunk, error);
    }
    return status;
}

ist_status store_build_index(struct index **index, const char *path, const struct store_chunks *chunks,
                             const char *directory, const struct metadata *metadata, struct problems *problems,
                             ist_error *error)
{
    struct loading l = {.directory = directory, .metadata = metadata, .problems = problems};
    ist_status status = index_build_begin(&l.index, path, metadata->uuid, error);
    if (status >= 0)
        status = index_build_removed(l.index, &metadata->removed, error);
    if (status >= 0)
        status = foreign_index_open(&l.foreign, directory, error);
    if (status >= 0)
        status = load_chunks(&l, chunks, error);
    if (status >= 0 && index_frame_count(l.index) == 0 && problems->count > 0)
        status = error_set(error, IST_ERROR_DATA, "%s", problems->items[0]->text);
    if (status >= 0)
        status = index_build_finish(l.index, error);
    if (status < 0)
        index_close(&l.index);
    foreign_index_close(&l.foreign);
    *index = l.index;
    return status;
}

ist_status store_load_index(struct index **index, const struct store_chunks *chunks, const char *directory,
                            const struct metadata *metadata, struct problems *problems, ist_error *error)
{
    return store_build_index(index, NULL, chunks, directory, metadata, problems, error);
}

/*
 * What is missing
 */

static int compare_int(const void *a, const void *b)
{
    const int left = *(const int *)a, right = *(const int *)b;
    return (left > right) - (left < right);
}

/* Numbers between those of the chunks that have files, or that the index knows. */
static ist_status find_gaps(const struct store_chunks *chunks, const struct index *index, struct problems *problems,
                            ist_error *error)
{
    int range_count, count = 0;
    const struct chunk_range *ranges = index_ranges(index, &range_count);
    int *known = calloc((size_t)(range_count + chunks->count) + 1, sizeof *known);
    if (!known)
        return error_memory(error);
    for (int i = 0; i < range_count; i++)
        known[count++] = ranges[i].chunk;
    for (int i = 0; i < chunks->count; i++)
        known[count++] = chunks->chunks[i].chunk;
    qsort(known, (size_t)count, sizeof *known, compare_int);

    ist_status status = IST_OK;
    for (int i = 0, expected = index_removed(index)->chunks; i < count && status >= 0; expected = known[i++] + 1) {
        const int missing = known[i] - expected;
        const ist_problem gap = {
            .kind = IST_PROBLEM_CHUNK_MISSING, .chunk = expected, .chunk_count = missing, .first_index = -1};
        if (missing == 1)
            status = problems_add(problems, &gap, error, "chunk %06d is missing", expected);
        else if (missing > 1)
            status = problems_add(problems, &gap, error, "chunks %06d to %06d are missing", expected, known[i] - 1);
    }
    free(known);
    return status;
}

/* Looks again: the chunk may have begun since the directory was listed, and may end between two looks. */
static bool has_pixels_now(const char *directory, const struct metadata *metadata, int chunk)
{
    char path[PATH_MAX], live[PATH_MAX];
    if (!metadata->is_video) {
        chunk_path_folder(path, directory, chunk);
        return fs_exists(path);
    }
    chunk_path_video(path, directory, chunk, metadata->extension);
    snprintf(live, sizeof live, "%.*s%s", PATH_MAX - 32, path, CHUNK_LIVE_ENDING);
    return fs_exists(path) || fs_exists(live) || fs_exists(path);
}

/* What can be seen of a finished chunk without opening it: the video is empty, or the last picture is not there. */
static bool lacks_last_pixels(const char *directory, const struct metadata *metadata, const struct chunk_range *range)
{
    char path[PATH_MAX];
    struct stat info;
    if (metadata->is_video)
        chunk_path_video(path, directory, range->chunk, metadata->extension);
    else
        chunk_path_image(path, directory, range->chunk, (int)range->frame_count - 1, metadata->format);
    return stat(path, &info) < 0 ? errno == ENOENT && !metadata->is_video : S_ISREG(info.st_mode) && info.st_size == 0;
}

static ist_status note_no_pixels(const struct chunk_range *range, const struct metadata *metadata, bool is_there,
                                 struct problems *problems, ist_error *error)
{
    const char *ending = metadata->is_video ? metadata->extension : "";
    ist_problem problem = {.kind = IST_PROBLEM_NO_PIXELS,
                           .chunk = range->chunk,
                           .chunk_count = 1,
                           .first_index = range->first_index,
                           .frame_count = range->frame_count};
    if (is_there && !metadata->is_video) {
        problem.frame_count = 0; // of the others nothing is known
        return problems_add(problems, &problem, error, "%06d: the last of its %lld pictures is missing, or empty",
                            range->chunk, (long long)range->frame_count);
    }
    return problems_add(problems, &problem, error, "%06d%s is %s: frames %lld to %lld have no pixels", range->chunk,
                        ending, is_there ? "empty" : "missing", (long long)range->first_index,
                        (long long)(range->first_index + range->frame_count - 1));
}

static ist_status find_unpictured(const struct store_chunks *chunks, const struct index *index, const char *directory,
                                  const struct metadata *metadata, bool growing, struct problems *problems,
                                  ist_error *error)
{
    int count;
    const struct chunk_range *ranges = index_ranges(index, &count);
    const int moving_by = index_moves(index)->moving_by;
    ist_status status = IST_OK;
    for (int i = 0; i < count && status >= 0; i++) {
        const struct store_chunk *chunk = store_chunks_find(chunks, ranges[i].chunk);
        const bool is_there = (chunk && chunk->has_pixels) ||
                              has_pixels_now(directory, metadata, ranges[i].chunk + moving_by) ||
                              has_pixels_now(directory, metadata, ranges[i].chunk);
        const bool is_still = !growing && moving_by == 0 && ranges[i].finished;
        if (!is_there || (is_still && lacks_last_pixels(directory, metadata, &ranges[i])))
            status = note_no_pixels(&ranges[i], metadata, is_there, problems, error);
    }
    return status;
}

static bool *known_chunks(const struct store_chunks *chunks, const struct index *index)
{
    bool *known = calloc((size_t)chunks->count + 1, sizeof *known);
    int count;
    const struct chunk_range *ranges = index_ranges(index, &count);
    for (int i = 0; i < count && known; i++) {
        const struct store_chunk *chunk = store_chunks_find(chunks, ranges[i].chunk);
        if (chunk)
            known[chunk - chunks->chunks] = true;
    }
    return known;
}

/* Whether the npz of a chunk has more frames than the index knows of it. */
static bool npz_has_more(const char *directory, const struct metadata *metadata, int chunk, int64_t known)
{
    char path[PATH_MAX];
    struct npz_index frames;
    chunk_path_sidecar(path, directory, chunk, metadata->is_video, npz_ending);
    if (npz_read(path, &frames, NULL) < 0)
        return false;
    const bool more = frames.count > known;
    npz_index_free(&frames);
    return more;
}

bool store_index_lags(const struct store_chunks *chunks, const struct index *index, const char *directory,
                      const struct metadata *metadata)
{
    // A ring gives its chunks other numbers when all of them are finished and known.
    if (index_moves(index)->moving_by != 0)
        return false;
    int count;
    const struct chunk_range *ranges = index_ranges(index, &count);
    bool lags = false;
    for (int i = 0; i < count && !lags; i++) {
        const struct store_chunk *chunk = ranges[i].finished ? NULL : store_chunks_find(chunks, ranges[i].chunk);
        lags = chunk && chunk->has_npz && npz_has_more(directory, metadata, chunk->chunk, ranges[i].frame_count);
    }
    bool *known = known_chunks(chunks, index);
    for (int i = 0; i < chunks->count && known && !lags; i++)
        lags = !known[i] && chunks->chunks[i].has_npz && npz_has_more(directory, metadata, chunks->chunks[i].chunk, 0);
    free(known);
    return lags;
}

static ist_status find_unindexed(const struct store_chunks *chunks, const struct index *index,
                                 const struct metadata *metadata, bool growing, struct problems *problems,
                                 ist_error *error)
{
    bool *known = known_chunks(chunks, index);
    ist_status status = known ? IST_OK : error_memory(error);
    for (int i = 0; i < chunks->count - growing && status >= 0; i++) {
        const struct store_chunk *chunk = &chunks->chunks[i];
        if (!known[i] && chunk->has_pixels && !chunk->has_npz && !chunk->has_yaml)
            status = problems_add(
                problems,
                &(ist_problem){
                    .kind = IST_PROBLEM_NO_INDEX, .chunk = chunk->chunk, .chunk_count = 1, .first_index = -1},
                error, "%06d%s has no index: its frames are left out", chunk->chunk,
                metadata->is_video ? metadata->extension : "");
    }
    free(known);
    return status;
}

ist_status store_find_missing(const struct store_chunks *chunks, const struct index *index, const char *directory,
                              const struct metadata *metadata, bool growing, struct problems *problems,
                              ist_error *error)
{
    ist_status status = find_gaps(chunks, index, problems, error);
    if (status >= 0)
        status = find_unpictured(chunks, index, directory, metadata, growing, problems, error);
    if (status >= 0)
        status = find_unindexed(chunks, index, metadata, growing, problems, error);
    problems_sort(problems);
    return status;
}
