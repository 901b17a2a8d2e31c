// What stands for source_aravis.c where libstore was built without Aravis.

#include <string.h>

#include "error.h"
#include "source_kind.h"

static bool accept_aravis(const char *location)
{
    return strncmp(location, "aravis:", 7) == 0;
}

static ist_status open_aravis(ist_source *source, const char *location, const ist_source_params *params,
                              ist_error *error)
{
    (void)source;
    (void)params;
    return error_set(error, IST_ERROR_UNSUPPORTED, "%s: libstore was built without GenICam; it takes libaravis-dev",
                     location);
}

static void close_aravis(ist_source *source)
{
    (void)source;
}

const struct source_kind source_aravis = {
    .name = "aravis", .accepts = accept_aravis, .open = open_aravis, .close = close_aravis};

ist_status source_aravis_list(ist_camera **cameras, int *count, ist_error *error)
{
    (void)cameras;
    (void)count;
    (void)error;
    return IST_OK;
}
