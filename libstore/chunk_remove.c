#include "chunk_remove.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "chunk_path.h"
#include "error.h"
#include "fs.h"
#include "npz.h"
#include "remux.h"
#include "store_scan.h"

static ist_status remove_file(const char *path, ist_error *error)
{
    if (fs_calls.unlink(path) < 0 && errno != ENOENT)
        return error_errno(error, errno, "%s: cannot remove", path);
    return IST_OK;
}

static ist_status remove_sidecars(const char *directory, bool is_video, int chunk, bool with_npz, ist_error *error)
{
    static const char *const beside[] = {".npz", ".yaml", ".extra.json"};
    static const char *const in_root[] = {".extra_data.json", ".extra_data.h5"};
    char path[PATH_MAX];
    ist_status status = IST_OK;
    for (int i = with_npz ? 0 : 1; i < 3 && status >= 0; i++) {
        chunk_path_sidecar(path, directory, chunk, is_video, beside[i]);
        status = remove_file(path, error);
    }
    for (int i = 0; i < 2 && status >= 0; i++) {
        chunk_path_sidecar(path, directory, chunk, true, in_root[i]);
        status = remove_file(path, error);
    }
    return status;
}

ist_status chunk_remove(const char *directory, const struct metadata *metadata, int chunk, ist_error *error)
{
    char path[PATH_MAX];
    const ist_status status = remove_sidecars(directory, metadata->is_video, chunk, true, error);
    if (status < 0)
        return status;
    if (metadata->is_video) {
        chunk_path_video(path, directory, chunk, metadata->extension);
        return remove_file(path, error);
    }
    chunk_path_folder(path, directory, chunk);
    fs_remove_tree(path);
    if (fs_exists(path))
        return error_set(error, IST_ERROR_IO, "%s: cannot remove", path);
    return IST_OK;
}

/*
 * What imgstore needs of chunk 0
 */

static ist_status write_empty_npz(const char *directory, bool is_video, ist_error *error)
{
    char path[PATH_MAX];
    chunk_path_sidecar(path, directory, 0, is_video, ".npz");
    return npz_write(path, &(struct npz_index){0}, error);
}

static bool is_reduced(const char *directory, bool is_video)
{
    char path[PATH_MAX];
    struct npz_index frames;
    chunk_path_sidecar(path, directory, 0, is_video, ".npz");
    if (npz_read(path, &frames, NULL) < 0)
        return false;
    const bool empty = frames.count == 0;
    npz_index_free(&frames);
    return empty;
}

static ist_status reduce_video(const char *directory, const char *extension, ist_error *error)
{
    char path[PATH_MAX], part[PATH_MAX];
    int64_t copied;
    chunk_path_video(path, directory, 0, extension);
    if ((size_t)snprintf(part, sizeof part, "%s.part", path) >= sizeof part)
        return error_errno(error, ENAMETOOLONG, "%s", path);
    if (!fs_exists(path)) // somebody removed it, and nothing can be made of it
        return IST_OK;
    ist_status status = remux(path, part, fs_basename(path), 1, &copied, NULL, NULL, error);
    if (status >= 0)
        status = fs_publish(part, path, error);
    if (status < 0)
        fs_calls.unlink(part);
    return status;
}

static ist_status reduce_folder(const char *directory, ist_error *error)
{
    char path[PATH_MAX];
    chunk_path_folder(path, directory, 0);
    fs_remove_tree(path);
    if (fs_exists(path))
        return error_set(error, IST_ERROR_IO, "%s: cannot remove", path);
    return fs_calls.mkdir(path, 0777) < 0 ? error_errno(error, errno, "%s: cannot create", path) : IST_OK;
}

/* The empty npz comes last, and says that all is done. */
static ist_status reduce_first_chunk(const char *directory, const struct metadata *metadata, ist_error *error)
{
    ist_status status =
        metadata->is_video ? reduce_video(directory, metadata->extension, error) : reduce_folder(directory, error);
    if (status >= 0)
        status = remove_sidecars(directory, metadata->is_video, 0, false, error);
    return status < 0 ? status : write_empty_npz(directory, metadata->is_video, error);
}

static ist_status remove_one(const char *directory, const struct metadata *metadata, int chunk, int *removed,
                             ist_error *error)
{
    if (chunk == 0 && is_reduced(directory, metadata->is_video))
        return IST_OK;
    const ist_status status =
        chunk == 0 ? reduce_first_chunk(directory, metadata, error) : chunk_remove(directory, metadata, chunk, error);
    *removed += status >= 0;
    return status;
}

ist_status chunk_remove_below(const char *directory, const struct metadata *metadata, int first_kept, int *removed,
                              ist_error *error)
{
    if (first_kept == 0)
        return IST_OK;
    struct store_chunks chunks;
    ist_status result = store_scan(&chunks, directory, metadata, error);
    // The folder of chunk 0 may be gone for a moment; so it is not looked for.
    if (result >= 0)
        result = remove_one(directory, metadata, 0, removed, error);
    for (int i = 0; i < chunks.count && chunks.chunks[i].chunk < first_kept; i++) {
        if (chunks.chunks[i].chunk == 0)
            continue;
        const ist_status status =
            remove_one(directory, metadata, chunks.chunks[i].chunk, removed, result < 0 ? NULL : error);
        result = result < 0 ? result : status;
    }
    store_chunks_free(&chunks);
    return result;
}
