/* What an export writes: PATH.part, which gets its name when it is whole. */
#ifndef EXPORT_OUTPUT_H
#define EXPORT_OUTPUT_H

#include <libstore/error.h>
#include <limits.h>
#include <stdbool.h>

enum export_output_kind {
    OUTPUT_FILE = 0,
    OUTPUT_PICTURES, /* a directory of its own files */
    OUTPUT_STORE,    /* is made in a directory, out of which it moves when it is whole */
};

struct export_output {
    char path[PATH_MAX];
    char part[PATH_MAX];
    enum export_output_kind kind;
    bool created;
    int lock_fd; /* of the .part; held while it is written; -1: none */
};

/* Touches nothing yet. IST_ERROR_ARGUMENT: the path has no name. IST_ERROR_EXISTS: something of that name is there. */
ist_status export_output_init(struct export_output *output, const char *path, enum export_output_kind kind,
                              ist_error *error);

/* Creates the .part, locked: two never write one. One that lies there unlocked is of an export that was killed. */
ist_status export_output_begin(struct export_output *output, ist_error *error);

/* Brings it to the disk, then under its name. */
ist_status export_output_publish(struct export_output *output, ist_error *error);

/* Removes what was not published, after export_output_begin(), and lets go of it. */
void export_output_end(struct export_output *output);

#endif
