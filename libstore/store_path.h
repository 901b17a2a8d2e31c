/* The directory that a path given by the user means. */
#ifndef STORE_PATH_H
#define STORE_PATH_H

#include <libstore/error.h>
#include <limits.h>

/*
 * Takes DIR, DIR/ or DIR/metadata.yaml; the directory comes without slashes at its end, short enough for the names of
 * all files in a store. Looks at nothing on the disk.
 */
ist_status store_path_directory(char directory[PATH_MAX], const char *path, ist_error *error);

/* The same for a store that must be there. IST_ERROR_NOT_FOUND: it is not, or holds no metadata.yaml. */
ist_status store_path_find(char directory[PATH_MAX], const char *path, ist_error *error);

#endif
