#include <stdlib.h>
#include <string.h>

#include "movement.h"

const char *movement_store_name(const struct movement_job *job)
{
    const char *slash = strrchr(job->store, '/');
    return slash && slash[1] ? slash + 1 : job->store;
}

trk_roi *movement_places(const struct movement_job *job)
{
    trk_roi *places = calloc((size_t)job->roi_count, sizeof *places);
    for (int i = 0; places && i < job->roi_count; i++)
        places[i] = job->rois[i].place;
    return places;
}
