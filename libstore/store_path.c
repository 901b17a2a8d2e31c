#include "store_path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "fs.h"

static const char metadata_name[] = "metadata.yaml";

enum { LONGEST_NAME_INSIDE = 64 };

ist_status store_path_directory(char directory[PATH_MAX], const char *path, ist_error *error)
{
    size_t length = strlen(path);
    if (length == 0)
        return error_set(error, IST_ERROR_ARGUMENT, "the path of the store is empty");
    const char *name = fs_basename(path);
    if (strcmp(name, metadata_name) == 0)
        length = (size_t)(name - path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    if (length + LONGEST_NAME_INSIDE > PATH_MAX)
        return error_errno(error, ENAMETOOLONG, "%.100s...", path);
    if (length == 0) {
        strcpy(directory, ".");
    } else {
        memcpy(directory, path, length);
        directory[length] = '\0';
    }
    return IST_OK;
}

ist_status store_path_find(char directory[PATH_MAX], const char *path, ist_error *error)
{
    char metadata[PATH_MAX + sizeof metadata_name + 1];
    const ist_status status = store_path_directory(directory, path, error);
    if (status < 0)
        return status;
    struct stat info;
    snprintf(metadata, sizeof metadata, "%s/%s", directory, metadata_name);
    if (stat(directory, &info) < 0)
        return error_errno(error, errno, "%s", path);
    // A pipe that is named as if it were a video; any other file is no store either, as the next look tells.
    if (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode))
        return error_set(error, IST_ERROR_DATA, "%s: is not a regular file", path);
    if (stat(metadata, &info) == 0)
        return IST_OK;
    // Whether it is there cannot always be seen.
    if (errno != ENOENT && errno != ENOTDIR)
        return error_errno(error, errno, "%s", metadata);
    return error_set(error, IST_ERROR_NOT_FOUND, "%s: is not a store: it holds no %s", path, metadata_name);
}
