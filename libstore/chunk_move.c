#include "chunk_move.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chunk_path.h"
#include "chunk_remove.h"
#include "error.h"
#include "fs.h"

/* The names in a directory, in order: those of a chunk side by side. */
struct names {
    struct dirent **items;
    int count;
};

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static ist_status list_names(struct names *names, const char *directory, ist_error *error)
{
    names->count = scandir(directory, &names->items, NULL, compare_names);
    return names->count < 0 ? error_errno(error, errno, "%s", directory) : IST_OK;
}

static void free_names(struct names *names)
{
    for (int i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
}

/*
 * Whether it can be done
 */

static bool are_whole(const char *directory, const struct metadata *metadata, const struct index *index)
{
    int count;
    const struct chunk_range *ranges = index_ranges(index, &count);
    for (int i = 0; i < count; i++) {
        char pixels[PATH_MAX], npz[PATH_MAX];
        if (metadata->is_video)
            chunk_path_video(pixels, directory, ranges[i].chunk, metadata->extension);
        else
            chunk_path_folder(pixels, directory, ranges[i].chunk);
        chunk_path_sidecar(npz, directory, ranges[i].chunk, metadata->is_video, ".npz");
        if (!ranges[i].finished || ranges[i].chunk != ranges[0].chunk + i || !fs_exists(pixels) || !fs_exists(npz))
            return false;
    }
    return count > 0;
}

/* What stays of chunk 0 while a ring is recorded (chunk_remove.h). */
static bool is_reduced_chunk(const struct metadata *metadata, int chunk, const char *rest)
{
    return chunk == 0 &&
           (metadata->is_video ? strcmp(rest, ".npz") == 0 || strcmp(rest, metadata->extension) == 0 : *rest == '\0');
}

/* True if there is no file under the number of another chunk, on which a new name could come to lie. */
static bool are_alone(const struct names *names, const struct metadata *metadata, const struct index *index)
{
    for (int i = 0; i < names->count; i++) {
        const char *rest;
        const int chunk = chunk_path_number(names->items[i]->d_name, &rest);
        if (chunk >= 0 && !index_has_chunk(index, chunk) && !is_reduced_chunk(metadata, chunk, rest))
            return false;
    }
    return true;
}

static ist_status can_move(const char *directory, const struct metadata *metadata, const struct index *index,
                           bool *possible, ist_error *error)
{
    struct names names;
    *possible = index_removed(index)->chunks > 0 && are_whole(directory, metadata, index);
    if (!*possible)
        return IST_OK;
    const ist_status status = list_names(&names, directory, error);
    if (status < 0)
        return status;
    *possible = are_alone(&names, metadata, index);
    free_names(&names);
    return IST_OK;
}

/*
 * Doing it
 */

/* All that has the number of a chunk in its name, whoever put it there. */
static ist_status rename_one(const char *directory, const char *name, const struct index *index, ist_error *error)
{
    char from[PATH_MAX], to[PATH_MAX];
    const char *rest;
    const int old = chunk_path_number(name, &rest), chunk = old - index_moves(index)->moving_by;
    if (old < 0 || !index_has_chunk(index, chunk))
        return IST_OK;
    if (snprintf(from, sizeof from, "%s/%s", directory, name) >= (int)sizeof from ||
        snprintf(to, sizeof to, "%s/%06d%s", directory, chunk, rest) >= (int)sizeof to)
        return error_errno(error, ENAMETOOLONG, "%s", directory);
    return fs_calls.rename(from, to) < 0 ? error_errno(error, errno, "%s: cannot rename", from) : IST_OK;
}

/* In the order in which broken off the frames are still in order of the names, which is all that imgstore goes by. */
static ist_status rename_files(const char *directory, const struct index *index, ist_error *error)
{
    struct names names;
    ist_status status = list_names(&names, directory, error);
    if (status < 0)
        return status;
    const bool down = index_moves(index)->moving_by > 0;
    for (int i = 0; i < names.count && status >= 0; i++)
        status = rename_one(directory, names.items[down ? i : names.count - 1 - i]->d_name, index, error);
    if (status >= 0) {
        char path[PATH_MAX];
        chunk_path_folder(path, directory, 0);
        status = fs_sync_directory_of(path, error);
    }
    free_names(&names);
    return status;
}

/* On the disk before the index calls another chunk by this number. */
static ist_status remove_reduced_chunk(const char *directory, const struct metadata *metadata, ist_error *error)
{
    char path[PATH_MAX];
    const ist_status status = chunk_remove(directory, metadata, 0, error);
    chunk_path_folder(path, directory, 0);
    return status < 0 ? status : fs_sync_directory_of(path, error);
}

ist_status chunk_move_to_front(const char *directory, const struct metadata *metadata, struct index *index,
                               ist_error *error)
{
    bool possible;
    ist_status status = can_move(directory, metadata, index, &possible, error);
    if (status < 0 || !possible)
        return status;
    int count, first;
    (void)index_ranges(index, &count);
    while (status >= 0 && (first = index_removed(index)->chunks) > 0) {
        // Where fewer chunks were removed than are left, numbers above all are the way round those that are taken.
        const int new_first = first >= count ? 0 : first + count;
        if (new_first == 0)
            status = remove_reduced_chunk(directory, metadata, error);
        if (status >= 0)
            status = index_move_chunks(index, new_first, error);
        if (status >= 0)
            status = rename_files(directory, index, error);
    }
    return status < 0 ? status : index_end_move(index, error);
}

ist_status chunk_move_finish(const char *directory, struct index *index, ist_error *error)
{
    if (index_moves(index)->moving_by == 0)
        return IST_OK;
    const ist_status status = rename_files(directory, index, error);
    return status < 0 ? status : index_end_move(index, error);
}
