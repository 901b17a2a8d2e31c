/* Where tests write. */
#ifndef TEMPORARY_H
#define TEMPORARY_H

#include <stdio.h>
#include <stdlib.h>

enum { TEMPORARY_SIZE = 64 };

/* Makes a new folder, in TMPDIR or else in /tmp. Without one there is no test. */
static inline void temporary_folder(char folder[TEMPORARY_SIZE], const char *name)
{
    const char *parent = getenv("TMPDIR");
    const int length = snprintf(folder, TEMPORARY_SIZE, "%s/%s-XXXXXX", parent && *parent ? parent : "/tmp", name);
    if (length < TEMPORARY_SIZE && mkdtemp(folder))
        return;
    fprintf(stderr, "%s: no folder can be made for the test; is TMPDIR too long, or not there?\n", folder);
    exit(EXIT_FAILURE);
}

#endif
