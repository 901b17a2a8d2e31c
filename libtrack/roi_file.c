#include <libtrack/roi_file.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "fail.h"
#include "roi_file.h"
#include "roi_set.h"

enum { FILE_SIZE_MAX = 64 << 20 };

/* A kind of file. */
struct kind {
    const char *ending;
    ist_status (*parse)(trk_roi_set *set, char *text, ist_error *error);
    void (*print)(FILE *stream, const trk_roi_set *set);
};

static const struct kind kinds[] = {
    {".yaml", roi_yaml_parse, roi_yaml_print},
    {".yml", roi_yaml_parse, roi_yaml_print},
    {".csv", roi_csv_parse, roi_csv_print},
};

/* NULL: the path has no such ending. */
static const struct kind *find_kind(const char *path, ist_error *error)
{
    const size_t length = strlen(path);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const size_t ending = strlen(kinds[i].ending);
        if (length > ending && strcasecmp(path + length - ending, kinds[i].ending) == 0)
            return &kinds[i];
    }
    trk_fail(error, IST_ERROR_ARGUMENT, "%s: a file of ROIs must end in .yaml, .yml or .csv", path);
    return NULL;
}

static ist_status fail_errno(ist_error *error, const char *path)
{
    const int number = errno;
    return trk_fail(error, number == ENOENT ? IST_ERROR_NOT_FOUND : IST_ERROR_IO, "%s: %s", path, strerror(number));
}

/* Reads all that is left of a stream, as text. */
static ist_status read_stream(FILE *stream, const char *path, char **text, ist_error *error)
{
    size_t length = 0, capacity = 0;
    do {
        capacity = capacity ? capacity * 2 : 1 << 14;
        char *grown = capacity / 2 <= FILE_SIZE_MAX ? realloc(*text, capacity) : NULL;
        if (!grown)
            return capacity / 2 <= FILE_SIZE_MAX ? trk_fail_memory(error)
                                                 : trk_fail(error, IST_ERROR_DATA, "%s: is too large", path);
        *text = grown;
        length += fread(*text + length, 1, capacity - 1 - length, stream);
    } while (length == capacity - 1);
    if (ferror(stream))
        return fail_errno(error, path);
    (*text)[length] = '\0';
    if (strlen(*text) < length)
        return trk_fail(error, IST_ERROR_DATA, "%s: is not text", path);
    return IST_OK;
}

/* The caller frees *text, whatever is returned. */
static ist_status read_text(const char *path, char **text, ist_error *error)
{
    *text = NULL;
    FILE *stream = fopen(path, "rb");
    if (!stream)
        return fail_errno(error, path);
    const ist_status status = read_stream(stream, path, text, error);
    fclose(stream);
    return status;
}

/* Puts the path in front of a message about what is in the file. */
static ist_status fail_in_file(ist_error *error, const char *path, const ist_error *inner)
{
    return trk_fail(error, inner->status, "%s: %s", path, inner->message);
}

ist_status trk_roi_set_read(trk_roi_set *set, const char *path, ist_error *error)
{
    const struct kind *kind = find_kind(path, error);
    if (!kind)
        return IST_ERROR_ARGUMENT;
    const int before = trk_roi_set_count(set);
    char *text;
    ist_error inner;
    ist_status status = read_text(path, &text, error);
    if (status == IST_OK) {
        static const char byte_order_mark[] = "\xef\xbb\xbf";
        const size_t mark = strncmp(text, byte_order_mark, 3) == 0 ? 3 : 0;
        status = kind->parse(set, text + mark, &inner);
        if (status == IST_OK && trk_roi_set_count(set) == before)
            status = trk_fail(&inner, IST_ERROR_DATA, "there is no ROI in it");
        if (status < 0) {
            roi_set_truncate(set, before);
            fail_in_file(error, path, &inner);
        }
    }
    free(text);
    return status;
}

/* Brings the stream to the disk and closes it in any case. */
static bool close_whole(FILE *stream)
{
    const bool written = fflush(stream) == 0 && !ferror(stream) && fsync(fileno(stream)) == 0;
    const int number = errno;
    const bool closed = fclose(stream) == 0;
    if (!written)
        errno = number;
    return written && closed;
}

ist_status trk_roi_set_write(const trk_roi_set *set, const char *path, ist_error *error)
{
    const struct kind *kind = find_kind(path, error);
    if (!kind)
        return IST_ERROR_ARGUMENT;
    if (trk_roi_set_count(set) == 0)
        return trk_fail(error, IST_ERROR_ARGUMENT, "%s: there is no ROI to write", path);
    char part[PATH_MAX];
    if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
        return trk_fail(error, IST_ERROR_IO, "%s: the path is too long", path);
    FILE *stream = fopen(part, "wb");
    if (!stream)
        return fail_errno(error, part);
    kind->print(stream, set);
    if (close_whole(stream) && rename(part, path) == 0)
        return IST_OK;
    const ist_status status = fail_errno(error, path);
    unlink(part);
    return status;
}
