#include "regions.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 100, SIDE_MIN_PX = 4 };

struct regions {
    int width, height;
    trk_roi_set *steps[STEPS_MAX]; /* what the set was, is, and was before it was undone */
    int step_count;
    int now;                  /* the step that is shown */
    const trk_roi_set *saved; /* as it is in the file; NULL: that is no step any more */
};

const char *shape_name(enum shape_kind kind)
{
    static const char *const names[SHAPE_COUNT] = {"rectangle", "ellipse", "line", "grid"};
    return names[kind];
}

ist_status regions_create(struct regions **regions, int width, int height, const char *path, ist_error *error)
{
    struct regions *r = *regions = calloc(1, sizeof *r);
    if (!r) {
        *error = (ist_error){IST_ERROR_MEMORY, "out of memory"};
        return error->status;
    }
    r->width = width;
    r->height = height;
    ist_status status = trk_roi_set_create(&r->steps[0], error);
    if (status >= 0 && path)
        status = trk_roi_set_read(r->steps[0], path, error);
    r->step_count = 1;
    r->saved = r->steps[0];
    if (status < 0)
        regions_destroy(regions);
    return status;
}

/* Forgets the steps first..end-1. */
static void forget(struct regions *r, int first, int end)
{
    for (int i = first; i < end; i++) {
        if (r->saved == r->steps[i])
            r->saved = NULL;
        trk_roi_set_destroy(&r->steps[i]);
    }
}

void regions_destroy(struct regions **regions)
{
    if (!*regions)
        return;
    forget(*regions, 0, (*regions)->step_count);
    free(*regions);
    *regions = NULL;
}

const trk_roi_set *regions_now(const struct regions *regions)
{
    return regions->steps[regions->now];
}

/* Goes on to a new set. What was undone cannot be done again, and the oldest step is forgotten when there are many. */
static void step_to(struct regions *r, trk_roi_set *set)
{
    forget(r, r->now + 1, r->step_count);
    if (r->now + 1 == STEPS_MAX) {
        forget(r, 0, 1);
        memmove(r->steps, r->steps + 1, (STEPS_MAX - 1) * sizeof *r->steps);
        r->now--;
    }
    r->steps[++r->now] = set;
    r->step_count = r->now + 1;
}

bool regions_undo(struct regions *regions)
{
    const bool has = regions->now > 0;
    regions->now -= has;
    return has;
}

bool regions_redo(struct regions *regions)
{
    const bool has = regions->now + 1 < regions->step_count;
    regions->now += has;
    return has;
}

/* ---- shapes ---- */

/* "ellipse-1", or the first number that no group has. */
static void name_group(const trk_roi_set *set, enum shape_kind kind, char *name, size_t size)
{
    bool taken = true;
    for (int number = 1; taken; number++) {
        snprintf(name, size, "%s-%d", shape_name(kind), number);
        taken = false;
        for (int i = 0; i < trk_roi_set_group_count(set); i++)
            taken |= strcmp(name, trk_roi_set_group_name(set, i)) == 0;
    }
}

/* The pixels between two corners, as far as they are in the picture. */
static trk_roi area_of(const struct regions *r, const struct shape *shape)
{
    const int left = (int)floor(fmax(0, fmin(shape->from.x, shape->to.x)));
    const int top = (int)floor(fmax(0, fmin(shape->from.y, shape->to.y)));
    const int right = (int)floor(fmin(r->width, fmax(shape->from.x, shape->to.x)));
    const int bottom = (int)floor(fmin(r->height, fmax(shape->from.y, shape->to.y)));
    return (trk_roi){left, top, right - left, bottom - top};
}

static ist_status add_shape(const struct regions *r, trk_roi_set *set, const struct shape *shape, ist_error *error)
{
    const trk_roi area = area_of(r, shape);
    const trk_blocks blocks = {.width = shape->block_px, .height = shape->block_px};
    char group[TRK_ROI_NAME_MAX + 1];
    name_group(regions_now(r), shape->kind, group, sizeof group);
    if (shape->kind == SHAPE_LINE)
        return trk_roi_set_add_line(set, group, shape->from, shape->to, shape->block_px / 2.0, blocks, error);
    const int least = shape->kind == SHAPE_RECTANGLE ? SIDE_MIN_PX : shape->block_px;
    if (area.width < least || area.height < least) {
        *error = (ist_error){.status = IST_ERROR_ARGUMENT};
        snprintf(error->message, sizeof error->message, "too small: %d x %d px is the least", least, least);
        return error->status;
    }
    if (shape->kind == SHAPE_ELLIPSE)
        return trk_roi_set_add_ellipse(set, group, area, 0, blocks, error);
    if (shape->kind == SHAPE_GRID)
        return trk_roi_set_add_grid(set, group, area, blocks, error);
    return trk_roi_set_add(set, area, NULL, NULL, error);
}

/* Adds the ROIs of a shape to *set as far as they are in the picture. */
static ist_status append_shape(const struct regions *r, trk_roi_set *set, const struct shape *shape, ist_error *error)
{
    trk_roi_set *all;
    int outside;
    const int before = trk_roi_set_count(set);
    ist_status status = trk_roi_set_create(&all, error);
    if (status >= 0)
        status = add_shape(r, all, shape, error);
    if (status >= 0)
        status = trk_roi_set_append(set, all, r->width, r->height, &outside, error);
    if (status >= 0 && trk_roi_set_count(set) == before) {
        *error = (ist_error){IST_ERROR_ARGUMENT, "no block of it lies in the picture"};
        status = error->status;
    }
    trk_roi_set_destroy(&all);
    return status;
}

ist_status regions_fill(const struct regions *regions, const struct shape *shape, trk_roi_set **set, ist_error *error)
{
    ist_status status = trk_roi_set_create(set, error);
    if (status >= 0)
        status = append_shape(regions, *set, shape, error);
    if (status < 0)
        trk_roi_set_destroy(set);
    return status;
}

/* ---- steps ---- */

/* A copy in which a ROI and its group are moved, or left out. */
static ist_status copy_changed(const struct regions *r, int changed, bool keep, int dx, int dy, trk_roi_set **copy,
                               ist_error *error)
{
    const trk_roi_set *set = regions_now(r);
    ist_status status = trk_roi_set_create(copy, error);
    for (int i = 0; i < trk_roi_set_count(set) && status >= 0; i++) {
        const bool changes = changed >= 0 && regions_together(r, changed, i);
        const int group = trk_roi_set_group(set, i);
        trk_roi roi = trk_roi_set_rois(set)[i];
        if (changes && !keep)
            continue;
        roi.x += changes ? dx : 0;
        roi.y += changes ? dy : 0;
        status = trk_roi_set_add(*copy, roi, trk_roi_set_is_named(set, i) ? trk_roi_set_name(set, i) : NULL,
                                 group >= 0 ? trk_roi_set_group_name(set, group) : NULL, error);
    }
    if (status < 0)
        trk_roi_set_destroy(copy);
    return status;
}

ist_status regions_add(struct regions *regions, const struct shape *shape, ist_error *error)
{
    trk_roi_set *set;
    ist_status status = copy_changed(regions, -1, true, 0, 0, &set, error);
    if (status < 0)
        return status;
    status = append_shape(regions, set, shape, error);
    if (status < 0)
        trk_roi_set_destroy(&set);
    else
        step_to(regions, set);
    return status;
}

ist_status regions_move(struct regions *regions, int roi, int dx, int dy, ist_error *error)
{
    trk_roi_set *set;
    regions_limit_move(regions, roi, &dx, &dy);
    if (dx == 0 && dy == 0)
        return IST_OK;
    const ist_status status = copy_changed(regions, roi, true, dx, dy, &set, error);
    if (status >= 0)
        step_to(regions, set);
    return status;
}

ist_status regions_remove(struct regions *regions, int roi, ist_error *error)
{
    trk_roi_set *set;
    const ist_status status = copy_changed(regions, roi, false, 0, 0, &set, error);
    if (status >= 0)
        step_to(regions, set);
    return status;
}

/* ---- which ---- */

int regions_at(const struct regions *regions, double x, double y)
{
    const trk_roi_set *set = regions_now(regions);
    const trk_roi *rois = trk_roi_set_rois(set);
    int found = -1;
    for (int i = 0; i < trk_roi_set_count(set); i++) {
        const trk_roi *roi = &rois[i];
        const bool inside = x >= roi->x && y >= roi->y && x < roi->x + roi->width && y < roi->y + roi->height;
        if (inside &&
            (found < 0 || (int64_t)roi->width * roi->height < (int64_t)rois[found].width * rois[found].height))
            found = i;
    }
    return found;
}

bool regions_together(const struct regions *regions, int roi, int other)
{
    const trk_roi_set *set = regions_now(regions);
    const int group = trk_roi_set_group(set, roi);
    return roi == other || (group >= 0 && group == trk_roi_set_group(set, other));
}

static int clamp(int value, int low, int high)
{
    return value > high ? high : value < low ? low : value;
}

void regions_limit_move(const struct regions *regions, int roi, int *dx, int *dy)
{
    const trk_roi_set *set = regions_now(regions);
    for (int i = 0; i < trk_roi_set_count(set); i++) {
        const trk_roi member = trk_roi_set_rois(set)[i];
        if (!regions_together(regions, roi, i))
            continue;
        *dx = clamp(*dx, -member.x, regions->width - member.width - member.x);
        *dy = clamp(*dy, -member.y, regions->height - member.height - member.y);
    }
}

/* ---- files ---- */

ist_status regions_save(struct regions *regions, const char *path, ist_error *error)
{
    const trk_roi_set *set = regions_now(regions);
    ist_status status = IST_OK;
    if (trk_roi_set_count(set) > 0) {
        status = trk_roi_set_write(set, path, error);
    } else if (remove(path) < 0 && errno != ENOENT) {
        *error = (ist_error){.status = IST_ERROR_IO};
        snprintf(error->message, sizeof error->message, "%.200s: %s", path, strerror(errno));
        status = error->status;
    }
    if (status >= 0)
        regions->saved = set;
    return status;
}

bool regions_unsaved(const struct regions *regions)
{
    return regions->saved != regions_now(regions);
}
