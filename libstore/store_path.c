#include "store_path.h"

#include <errno.h>
#include <string.h>

#include "error.h"
#include "fs.h"

enum { LONGEST_NAME_INSIDE = 64 };

ist_status store_path_directory(char directory[PATH_MAX], const char *path, ist_error *error)
{
    size_t length = strlen(path);
    if (length == 0)
        return error_set(error, IST_ERROR_ARGUMENT, "the path of the store is empty");
    const char *name = fs_basename(path);
    if (strcmp(name, "metadata.yaml") == 0)
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
