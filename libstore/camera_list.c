#include <stdlib.h>

#include "error.h"
#include "source_kind.h"

ist_camera *camera_list_append(ist_camera **cameras, int *count, ist_error *error)
{
    ist_camera *more = realloc(*cameras, ((size_t)*count + 1) * sizeof *more);
    if (!more) {
        error_memory(error);
        return NULL;
    }
    *cameras = more;
    more[*count] = (ist_camera){0};
    return &more[(*count)++];
}

ist_status ist_camera_list(ist_camera **cameras, int *count, ist_error *error)
{
    *cameras = NULL;
    *count = 0;
    ist_status status = source_v4l2_list(cameras, count, error);
    if (status >= 0)
        status = source_aravis_list(cameras, count, error);
    if (status < 0) {
        ist_camera_list_free(cameras, *count);
        *count = 0;
    }
    return status;
}

void ist_camera_list_free(ist_camera **cameras, int count)
{
    for (int i = 0; i < count; i++)
        free((*cameras)[i].modes);
    free(*cameras);
    *cameras = NULL;
}
