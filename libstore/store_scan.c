#include "store_scan.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "chunk_path.h"
#include "error.h"
#include "fs.h"

static const char npz_ending[] = ".npz";
static const char extra_ending[] = ".extra.json";

/* The chunk that a name in the directory stands for: 000003.npz, or the folder 000003; -1: none. */
static int chunk_of(const char *name, bool is_video)
{
    char *end;
    if (!isdigit((unsigned char)*name))
        return -1;
    errno = 0;
    const long chunk = strtol(name, &end, 10);
    if (errno || chunk > INT_MAX || strcmp(end, is_video ? npz_ending : "") != 0)
        return -1;
    return (int)chunk;
}

static int compare_int(const void *a, const void *b)
{
    const int left = *(const int *)a, right = *(const int *)b;
    return (left > right) - (left < right);
}

static ist_status add_chunk(struct store_chunks *chunks, int chunk, ist_error *error)
{
    if ((chunks->count & (chunks->count + 1)) == 0) {
        // Room for twice as many whenever the count reaches a power of two less one.
        int *grown = realloc(chunks->chunks, (size_t)(2 * chunks->count + 2) * sizeof *grown);
        if (!grown)
            return error_memory(error);
        chunks->chunks = grown;
    }
    chunks->chunks[chunks->count++] = chunk;
    return IST_OK;
}

ist_status store_scan(struct store_chunks *chunks, const char *directory, bool is_video, ist_error *error)
{
    *chunks = (struct store_chunks){0};
    DIR *opened = opendir(directory);
    if (!opened)
        return error_errno(error, errno, "%s", directory);
    ist_status status = IST_OK;
    struct dirent *entry;
    while (status >= 0 && (entry = readdir(opened))) {
        const int chunk = chunk_of(entry->d_name, is_video);
        if (chunk < 0)
            continue;
        char npz[PATH_MAX];
        chunk_path_sidecar(npz, directory, chunk, is_video, npz_ending);
        if (is_video || fs_exists(npz))
            status = add_chunk(chunks, chunk, error);
    }
    closedir(opened);
    if (status < 0)
        store_chunks_free(chunks);
    else if (chunks->count)
        qsort(chunks->chunks, (size_t)chunks->count, sizeof *chunks->chunks, compare_int);
    return status;
}

void store_chunks_free(struct store_chunks *chunks)
{
    free(chunks->chunks);
    *chunks = (struct store_chunks){0};
}

/* A list that lacks its last bracket was written by a recorder that died. */
static json_t *parse_list(struct buffer *text, ist_error *error)
{
    json_t *list = json_loadb((const char *)text->data, text->size, 0, NULL);
    if (!list && buffer_append(text, "]", 1, error) >= 0)
        list = json_loadb((const char *)text->data, text->size, 0, NULL);
    return list;
}

/* The frame that a row of extra data belongs to; -1: none of this chunk. */
static int64_t frame_of(const json_t *row, const struct npz_index *frames, int64_t first_index)
{
    const json_t *index = json_object_get(row, "frame_index");
    if (json_is_integer(index))
        return json_integer_value(index);
    const json_t *number = json_object_get(row, "frame_number");
    for (int64_t i = 0; json_is_integer(number) && i < frames->count; i++)
        if (frames->numbers[i] == json_integer_value(number))
            return first_index + i;
    return -1;
}

static ist_status add_row(struct index *index, json_t *row, int64_t frame, ist_error *error)
{
    static const char *const ours[] = {"frame_time", "frame_number", "frame_index"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        json_object_del(row, ours[i]);
    char *text = json_dumps(row, JSON_COMPACT | JSON_REAL_PRECISION(17));
    const ist_status status = text ? index_add_extra(index, frame, text, error) : error_memory(error);
    free(text);
    return status;
}

static ist_status load_extra(struct index *index, const char *path, const struct npz_index *frames, int64_t first_index,
                             ist_error *error)
{
    struct buffer text = {0};
    ist_status status = fs_read_file(path, &text, error);
    json_t *list = status >= 0 ? parse_list(&text, error) : NULL;
    if (status >= 0 && !json_is_array(list))
        status = error_set(error, IST_ERROR_DATA, "%s: is not a list in JSON", path);
    for (size_t i = 0; status >= 0 && i < json_array_size(list); i++) {
        json_t *row = json_array_get(list, i);
        const int64_t frame = frame_of(row, frames, first_index);
        // Rows of frames that are not there have nothing to belong to.
        if (json_is_object(row) && frame >= 0 && frame < index_frame_count(index))
            status = add_row(index, row, frame, error);
    }
    json_decref(list);
    buffer_free(&text);
    return status;
}

static ist_status load_chunk(struct index *index, const char *directory, int chunk, bool is_video, ist_error *error)
{
    char path[PATH_MAX];
    chunk_path_sidecar(path, directory, chunk, is_video, npz_ending);
    const int64_t first_index = index_frame_count(index);
    struct npz_index frames;
    ist_status status = npz_read(path, &frames, error);
    if (status >= 0)
        status = index_build_chunk(index, chunk, path, &frames, error);
    chunk_path_sidecar(path, directory, chunk, is_video, extra_ending);
    if (status >= 0 && fs_exists(path))
        status = load_extra(index, path, &frames, first_index, error);
    npz_index_free(&frames);
    return status;
}

ist_status store_load_index(struct index **index, const struct store_chunks *chunks, const char *directory,
                            bool is_video, ist_error *error)
{
    ist_status status = index_build_begin(index, NULL, "", error);
    for (int i = 0; i < chunks->count && status >= 0; i++)
        status = load_chunk(*index, directory, chunks->chunks[i], is_video, error);
    if (status >= 0)
        status = index_build_finish(*index, error);
    if (status < 0)
        index_close(index);
    return status;
}
