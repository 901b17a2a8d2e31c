/* Every frame as a picture of its own. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "export_sink.h"
#include "fs.h"
#include "image_write.h"

static const char *const extensions[] = {"png", "tif", "jpg"};

enum { DIGITS_MIN = 6 };

struct export_sink {
    const struct export_plan *plan;
    const char *extension;
    image_encode_function *encode;
    int digits;
    struct buffer bytes;
};

bool export_folder_knows(const char *extension)
{
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++)
        if (strcmp(extension, extensions[i]) == 0)
            return true;
    return false;
}

bool export_folder_owns(const char *name)
{
    const size_t digits = strspn(name, "0123456789");
    return digits >= DIGITS_MIN && name[digits] == '.' && export_folder_knows(name + digits + 1);
}

static void close_folder(struct export_sink **sink)
{
    if (*sink)
        buffer_free(&(*sink)->bytes);
    free(*sink);
    *sink = NULL;
}

static ist_status open_folder(struct export_sink **sink, const struct export_plan *plan, const ist_frame *first,
                              ist_error *error)
{
    (void)first;
    struct export_sink *s = *sink = calloc(1, sizeof *s);
    if (!s)
        return error_memory(error);
    s->plan = plan;
    s->extension = plan->params->images ? plan->params->images : extensions[0];
    s->encode = image_encoder_find(s->extension);
    // As many digits for all, so that names sort as the frames do.
    const int needed = snprintf(NULL, 0, "%" PRId64, plan->index_max);
    s->digits = needed > DIGITS_MIN ? needed : DIGITS_MIN;
    return IST_OK;
}

static ist_status add_picture(struct export_sink *s, const ist_frame *frame, ist_error *error)
{
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/%0*" PRId64 ".%s", s->plan->part, s->digits, frame->index,
                         s->extension) >= sizeof path)
        return error_set(error, IST_ERROR_IO, "%s: its name is too long", s->plan->path);
    const ist_status status = s->encode(frame, s->plan->params->quality, &s->bytes, error);
    if (status < 0)
        return error_prefix(error, status, "%s: frame %" PRId64, s->plan->path, frame->index);
    return fs_write_file(path, s->bytes.data, s->bytes.size, error);
}

static ist_status finish_folder(struct export_sink *s, ist_export_report *report, ist_error *error)
{
    (void)s, (void)report, (void)error;
    return IST_OK;
}

const struct export_sink_calls export_folder = {open_folder, add_picture, finish_folder, close_folder};
