// The pictures in a folder, in natural order.

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "fs.h"
#include "image.h"
#include "source_kind.h"

struct state {
    char **names;
    size_t count;
    size_t capacity;
    size_t next;
    double rate;
};

// Runs of digits count as numbers, so 2 comes before 10; the rest goes by bytes.
static int compare_natural(const char *a, const char *b)
{
    while (*a && *b) {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            a += strspn(a, "0");
            b += strspn(b, "0");
            const size_t a_digits = strspn(a, "0123456789");
            const size_t b_digits = strspn(b, "0123456789");
            if (a_digits != b_digits)
                return a_digits < b_digits ? -1 : 1;
            const int order = memcmp(a, b, a_digits);
            if (order)
                return order;
            a += a_digits;
            b += b_digits;
        } else if (*a != *b) {
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        } else {
            a++;
            b++;
        }
    }
    return (unsigned char)*a - (unsigned char)*b;
}

static int compare_names(const void *left, const void *right)
{
    const char *a = *(const char *const *)left;
    const char *b = *(const char *const *)right;
    const int order = compare_natural(a, b);
    return order ? order : strcmp(a, b); // "1.png" and "01.png"
}

static bool add_name(struct state *state, const char *name)
{
    if (state->count == state->capacity) {
        const size_t capacity = state->capacity ? 2 * state->capacity : 256;
        char **names = realloc(state->names, capacity * sizeof *names);
        if (!names)
            return false;
        state->names = names;
        state->capacity = capacity;
    }
    state->names[state->count] = strdup(name);
    return state->names[state->count] && ++state->count;
}

static ist_status list_images(struct state *state, const char *path, ist_error *error)
{
    DIR *directory = opendir(path);
    if (!directory)
        return error_errno(error, errno, "%s", path);
    const struct dirent *entry;
    bool enough_memory = true;
    while (enough_memory && (entry = readdir(directory)))
        if (entry->d_name[0] != '.' && strchr(entry->d_name, '.') && image_format_find(entry->d_name))
            enough_memory = add_name(state, entry->d_name);
    closedir(directory);
    if (!enough_memory)
        return error_memory(error);
    if (!state->count)
        return error_set(error, IST_ERROR_DATA, "%s: holds no pictures", path);
    qsort(state->names, state->count, sizeof *state->names, compare_names);
    return IST_OK;
}

static ist_status join(char path[PATH_MAX], const char *directory, const char *name, ist_error *error)
{
    if ((size_t)snprintf(path, PATH_MAX, "%s/%s", directory, name) >= PATH_MAX)
        return error_errno(error, ENAMETOOLONG, "%s/%s", directory, name);
    return IST_OK;
}

static ist_status open_folder(ist_source *source, const char *location, const ist_source_params *params,
                              ist_error *error)
{
    char path[PATH_MAX];
    struct state *state = calloc(1, sizeof *state);
    if (!state)
        return error_memory(error);
    source->state = state;
    ist_status status = join(path, location, "metadata.yaml", error);
    if (status < 0)
        return status;
    if (fs_exists(path))
        return error_set(error, IST_ERROR_ARGUMENT, "%s: is a store already, not a source of frames", location);
    status = source_rate_option(params->options, &state->rate, error);
    if (status >= 0)
        status = list_images(state, location, error);
    source->info.frame_rate = state->rate;
    source->info.frame_count = (int64_t)state->count;
    return status;
}

static ist_status next_folder(ist_source *source, ist_frame *frame, ist_error *error)
{
    struct state *state = source->state;
    while (state->next < state->count) {
        char path[PATH_MAX];
        const size_t i = state->next++;
        source->detail = state->names[i];
        ist_status status = join(path, source->location, state->names[i], error);
        if (status >= 0)
            status = image_read(path, frame, error);
        if (status == IST_ERROR_DATA) {
            source_lose(source, error);
            continue;
        }
        // A lost picture leaves its gap in time.
        frame->time_s = (double)i / state->rate;
        return status;
    }
    return IST_END;
}

static void close_folder(ist_source *source)
{
    struct state *state = source->state;
    if (!state)
        return;
    for (size_t i = 0; i < state->count; i++)
        free(state->names[i]);
    free(state->names);
    free(state);
}

static bool accept_folder(const char *location)
{
    struct stat info;
    return stat(location, &info) == 0 && S_ISDIR(info.st_mode);
}

const struct source_kind source_folder = {
    .name = "folder",
    .accepts = accept_folder,
    .open = open_folder,
    .next = next_folder,
    .close = close_folder,
};
