#include "export_output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "export_sink.h"
#include "fs.h"

static bool is_there(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

static ist_status set_paths(struct export_output *output, const char *path, ist_error *error)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    if (length == 0)
        return error_set(error, IST_ERROR_ARGUMENT, "the output has no name");
    if (length + sizeof ".part/" + NAME_MAX >= sizeof output->part)
        return error_errno(error, ENAMETOOLONG, "%s", path);
    memcpy(output->path, path, length);
    output->path[length] = '\0';
    memcpy(output->part, path, length);
    strcpy(output->part + length, ".part");
    return IST_OK;
}

ist_status export_output_init(struct export_output *output, const char *path, enum export_output_kind kind,
                              ist_error *error)
{
    *output = (struct export_output){.kind = kind, .lock_fd = -1};
    const ist_status status = set_paths(output, path, error);
    if (status >= 0 && is_there(output->path))
        return error_set(error, IST_ERROR_EXISTS, "%s: exists already; it is left alone", output->path);
    return status;
}

static bool owns(const struct export_output *output, const char *name)
{
    return output->kind == OUTPUT_STORE ? strcmp(name, export_store_name) == 0 : export_folder_owns(name);
}

/* Removes what an export put into its directory; false, and nothing removed: there is something else in it. */
static bool clear_directory(const struct export_output *output, const char *path)
{
    bool ours = true;
    for (int removing = 0; removing < 2 && ours; removing++) {
        DIR *directory = opendir(path);
        struct dirent *entry;
        while (directory && (entry = readdir(directory))) {
            char child[PATH_MAX];
            const char *name = entry->d_name;
            if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                continue;
            ours = ours && owns(output, name);
            if (!removing || (size_t)snprintf(child, sizeof child, "%s/%s", path, name) >= sizeof child)
                continue;
            if (output->kind == OUTPUT_STORE)
                fs_remove_tree(child);
            else
                fs_calls.unlink(child);
        }
        if (directory)
            closedir(directory);
    }
    return ours;
}

static void remove_part(const struct export_output *output)
{
    if (output->kind == OUTPUT_FILE)
        fs_calls.unlink(output->part);
    else if (clear_directory(output, output->part))
        fs_calls.rmdir(output->part);
}

static void remove_whole(const struct export_output *output)
{
    if (output->kind == OUTPUT_FILE)
        fs_calls.unlink(output->path);
    else
        fs_remove_tree(output->path);
}

static int open_part(const struct export_output *output)
{
    if (output->kind == OUTPUT_FILE)
        return fs_calls.open(output->part, O_RDWR | O_CREAT, 0666);
    if (fs_calls.mkdir(output->part, 0777) < 0 && errno != EEXIST)
        return -1;
    return fs_calls.open(output->part, O_RDONLY | O_DIRECTORY, 0);
}

ist_status export_output_begin(struct export_output *output, ist_error *error)
{
    const bool was_there = is_there(output->part);
    output->lock_fd = open_part(output);
    if (output->lock_fd < 0) {
        const int reason = errno;
        if (output->kind != OUTPUT_FILE && !was_there)
            fs_calls.rmdir(output->part);
        return error_errno(error, reason, "%s: cannot create", output->path);
    }
    struct stat locked, named;
    const bool refused = flock(output->lock_fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    if (refused || fstat(output->lock_fd, &locked) < 0 || stat(output->part, &named) < 0 ||
        locked.st_ino != named.st_ino)
        return error_set(error, IST_ERROR_STATE, "%s: another export to it is under way", output->path);
    if (was_there && output->kind != OUTPUT_FILE && !clear_directory(output, output->part))
        return error_set(error, IST_ERROR_EXISTS, "%s: is there, with files in it that are not of an export",
                         output->part);
    output->created = true;
    // The export that held the lock a moment ago may have ended well.
    if (is_there(output->path))
        return error_set(error, IST_ERROR_EXISTS, "%s: exists already; it is left alone", output->path);
    return IST_OK;
}

static ist_status sync_pictures(const char *path, ist_error *error)
{
    DIR *directory = opendir(path);
    if (!directory)
        return error_errno(error, errno, "%s", path);
    ist_status status = IST_OK;
    struct dirent *entry;
    while (status >= 0 && (entry = readdir(directory))) {
        char child[PATH_MAX];
        if (export_folder_owns(entry->d_name) &&
            (size_t)snprintf(child, sizeof child, "%s/%s", path, entry->d_name) < sizeof child)
            status = fs_sync_file(child, error);
    }
    closedir(directory);
    char inside[PATH_MAX];
    if (status >= 0 && (size_t)snprintf(inside, sizeof inside, "%s/.", path) < sizeof inside)
        status = fs_sync_directory_of(inside, error);
    return status;
}

static ist_status sync_part(const struct export_output *output, ist_error *error)
{
    switch (output->kind) {
    case OUTPUT_PICTURES:
        return sync_pictures(output->part, error);
    case OUTPUT_STORE: // its writer did that
        return IST_OK;
    case OUTPUT_FILE:
        break;
    }
    return fs_sync_file(output->part, error);
}

static ist_status rename_part(const struct export_output *output, ist_error *error)
{
    char from[PATH_MAX];
    const bool inside = output->kind == OUTPUT_STORE;
    if ((size_t)snprintf(from, sizeof from, "%s%s%s", output->part, inside ? "/" : "",
                         inside ? export_store_name : "") >= sizeof from)
        return error_errno(error, ENAMETOOLONG, "%s", output->part);
    if (fs_calls.rename(from, output->path) < 0)
        return error_errno(error, errno, "%s: cannot rename", from);
    if (inside)
        fs_calls.rmdir(output->part);
    return IST_OK;
}

ist_status export_output_publish(struct export_output *output, ist_error *error)
{
    ist_status status = sync_part(output, error);
    if (status < 0)
        return status;
    if (is_there(output->path)) // rename() would replace it
        return error_set(error, IST_ERROR_EXISTS, "%s: exists already; it is left alone", output->path);
    status = rename_part(output, error);
    if (status < 0)
        return status;
    output->created = false;
    status = fs_sync_directory_of(output->path, error);
    if (status < 0)
        remove_whole(output);
    return status;
}

void export_output_end(struct export_output *output)
{
    if (output->created)
        remove_part(output);
    if (output->lock_fd >= 0)
        fs_calls.close(output->lock_fd);
}
