#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "movement.h"

const char *movement_store_name(const struct movement_job *job)
{
    const char *slash = strrchr(job->store, '/');
    return slash && slash[1] ? slash + 1 : job->store;
}

void movement_warn(const struct movement_job *job, const char *format, ...)
{
    struct movement_warnings *warnings = job->warnings;
    assert((size_t)warnings->count < sizeof warnings->texts / sizeof *warnings->texts);
    char *text = warnings->texts[warnings->count++];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof *warnings->texts, format, arguments);
    va_end(arguments);
    cli_note("%s", text);
}

void movement_frame_group(struct movement_frame *frame, const struct movement_job *job)
{
    const int group_count = trk_roi_set_group_count(job->rois);
    for (int i = 0; i < group_count; i++)
        frame->groups[i] = (struct movement_group){0};
    for (int i = 0; i < job->roi_count; i++) {
        const trk_row *row = &frame->rows[i];
        const int number = trk_roi_set_group(job->rois, i);
        if (number < 0 || isnan(row->x_px) || row->gaps > 0)
            continue;
        struct movement_group *group = &frame->groups[number];
        group->measured++;
        group->x_px += row->x_px;
        group->y_px += row->y_px;
        group->mean_displacement_px += hypot(row->x_px, row->y_px);
    }
    for (struct movement_group *group = frame->groups; group < frame->groups + group_count; group++) {
        // None measured: 0 / 0 is the NaN that says so.
        group->x_px /= group->measured;
        group->y_px /= group->measured;
        group->mean_displacement_px /= group->measured;
        group->displacement_of_mean_px = hypot(group->x_px, group->y_px);
    }
}
