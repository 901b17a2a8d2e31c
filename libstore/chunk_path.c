#include "chunk_path.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A directory whose name leaves no room is refused when the store is opened or created; the checks here
 * are for the compiler, which cannot know.
 */
static void finish(char path[PATH_MAX], int length)
{
    if (length < 0 || length >= PATH_MAX)
        path[0] = '\0';
}

void chunk_path_video(char path[PATH_MAX], const char *directory, int chunk, const char *extension)
{
    finish(path, snprintf(path, PATH_MAX, "%s/%06d%s", directory, chunk, extension));
}

void chunk_path_folder(char path[PATH_MAX], const char *directory, int chunk)
{
    finish(path, snprintf(path, PATH_MAX, "%s/%06d", directory, chunk));
}

void chunk_path_image(char path[PATH_MAX], const char *directory, int chunk, int frame_idx, const char *extension)
{
    finish(path, snprintf(path, PATH_MAX, "%s/%06d/%06d.%s", directory, chunk, frame_idx, extension));
}

void chunk_path_sidecar(char path[PATH_MAX], const char *directory, int chunk, int is_video, const char *ending)
{
    finish(path, snprintf(path, PATH_MAX, is_video ? "%s/%06d%s" : "%s/%06d/index%s", directory, chunk, ending));
}

int chunk_path_number(const char *name, const char **rest)
{
    char *end;
    if (!isdigit((unsigned char)*name))
        return -1;
    errno = 0;
    const long chunk = strtol(name, &end, 10);
    char expected[24];
    snprintf(expected, sizeof expected, "%06ld", chunk);
    if (errno || chunk >= INT_MAX || strlen(expected) != (size_t)(end - name))
        return -1;
    *rest = end;
    return (int)chunk;
}
