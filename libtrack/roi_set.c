#include <libtrack/roi.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "roi_set.h"

struct name {
    char text[TRK_ROI_NAME_MAX + 1];
};

/* What a set knows of a ROI beside its place. */
struct label {
    struct name name; /* its own, or its number */
    bool named;
    int group; /* -1: none */
};

struct group {
    struct name name;
    int size; /* ROIs in it */
};

struct trk_roi_set {
    trk_roi *rois;
    struct label *labels;
    int count, capacity;
    struct group *groups;
    int group_count, group_capacity;
};

ist_status trk_roi_set_create(trk_roi_set **set, ist_error *error)
{
    *set = calloc(1, sizeof **set);
    return *set ? IST_OK : trk_fail_memory(error);
}

void trk_roi_set_destroy(trk_roi_set **set)
{
    if (!*set)
        return;
    free((*set)->rois);
    free((*set)->labels);
    free((*set)->groups);
    free(*set);
    *set = NULL;
}

/* ---- names ---- */

static bool is_utf8(const char *text)
{
    json_t *string = json_string(text);
    json_decref(string);
    return string != NULL;
}

/* Control characters, and what else YAML takes for the end of a line or does not take. Of UTF-8. */
static bool has_control(const char *text)
{
    static const char *const others[] = {"\u2028", "\u2029", "\ufeff", "\xef\xbf\xbe", "\xef\xbf\xbf"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strstr(text, others[i]))
            return true;
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < ' ' || *c == 0x7f || (c[0] == 0xc2 && c[1] < 0xa0)) // U+0080 to U+009F
            return true;
    return false;
}

/* What is wrong with a name; NULL: nothing. */
static const char *find_fault(const char *name, bool is_group)
{
    const size_t length = strlen(name);
    if (length == 0)
        return "is empty";
    if (length > TRK_ROI_NAME_MAX)
        return "is longer than 63 bytes";
    if (strspn(name, "0123456789") == length)
        return "is a number, which stands for a ROI without a name";
    if (name[0] == ' ' || name[length - 1] == ' ')
        return "begins or ends with a blank";
    if (!is_utf8(name))
        return "is not UTF-8";
    if (has_control(name) || strpbrk(name, ",\""))
        return "has a comma, a double quote or a control character";
    return is_group && strchr(name, '/') ? "has a slash" : NULL;
}

static ist_status check_name(const char *name, bool is_group, ist_error *error)
{
    const char *fault = name ? find_fault(name, is_group) : NULL;
    if (!fault)
        return IST_OK;
    return trk_fail(error, IST_ERROR_ARGUMENT, "%s \"%.*s\": the name %s", is_group ? "group" : "ROI",
                    TRK_ROI_NAME_MAX + 1, name, fault);
}

static bool has_name(const trk_roi_set *set, const char *name)
{
    for (int i = 0; i < set->count; i++)
        if (set->labels[i].named && strcmp(set->labels[i].name.text, name) == 0)
            return true;
    return false;
}

static struct name copy_name(const char *text)
{
    struct name name;
    snprintf(name.text, sizeof name.text, "%s", text);
    return name;
}

/* ---- adding ---- */

static int doubled(int capacity)
{
    return capacity ? capacity * 2 : 16;
}

static bool make_room_for_roi(trk_roi_set *set)
{
    if (set->count < set->capacity)
        return true;
    const size_t wanted = (size_t)doubled(set->capacity);
    trk_roi *rois = realloc(set->rois, wanted * sizeof *rois);
    if (rois)
        set->rois = rois;
    struct label *labels = rois ? realloc(set->labels, wanted * sizeof *labels) : NULL;
    if (!labels)
        return false;
    set->labels = labels;
    set->capacity = (int)wanted;
    return true;
}

static bool make_room_for_group(trk_roi_set *set)
{
    if (set->group_count < set->group_capacity)
        return true;
    const size_t wanted = (size_t)doubled(set->group_capacity);
    struct group *groups = realloc(set->groups, wanted * sizeof *groups);
    if (!groups)
        return false;
    set->groups = groups;
    set->group_capacity = (int)wanted;
    return true;
}

/* The number of a group, which is added if it is not there. -1: no memory. */
static int take_group(trk_roi_set *set, const char *name)
{
    // The last ROI's group is the most likely one.
    const int last = set->count ? set->labels[set->count - 1].group : -1;
    if (last >= 0 && strcmp(set->groups[last].name.text, name) == 0)
        return last;
    for (int i = 0; i < set->group_count; i++)
        if (strcmp(set->groups[i].name.text, name) == 0)
            return i;
    if (!make_room_for_group(set))
        return -1;
    set->groups[set->group_count] = (struct group){.name = copy_name(name)};
    return set->group_count++;
}

/* Adds what was checked. */
static bool append(trk_roi_set *set, trk_roi roi, const char *name, const char *group)
{
    if (!make_room_for_roi(set))
        return false;
    struct label label = {.named = name != NULL, .group = -1};
    if (group && (label.group = take_group(set, group)) < 0)
        return false;
    if (name)
        label.name = copy_name(name);
    else
        snprintf(label.name.text, sizeof label.name.text, "%d", set->count);
    if (label.group >= 0)
        set->groups[label.group].size++;
    set->rois[set->count] = roi;
    set->labels[set->count++] = label;
    return true;
}

static bool is_in_range(trk_roi roi)
{
    const int most = TRK_ROI_COORDINATE_MAX;
    return abs(roi.x) <= most && abs(roi.y) <= most && roi.width >= 1 && roi.width <= most && roi.height >= 1 &&
           roi.height <= most;
}

ist_status trk_roi_set_add(trk_roi_set *set, trk_roi roi, const char *name, const char *group, ist_error *error)
{
    if (check_name(name, false, error) < 0 || check_name(group, true, error) < 0)
        return IST_ERROR_ARGUMENT;
    if (name && has_name(set, name))
        return trk_fail(error, IST_ERROR_ARGUMENT, "two ROIs are called \"%s\"", name);
    if (!is_in_range(roi))
        return trk_fail(error, IST_ERROR_ARGUMENT, "a ROI of %d x %d px at %d,%d is empty or beyond any picture",
                        roi.width, roi.height, roi.x, roi.y);
    if (set->count >= TRK_ROI_SET_MAX)
        return trk_fail(error, IST_ERROR_ARGUMENT, "more than %d ROIs", TRK_ROI_SET_MAX);
    return append(set, roi, name, group) ? IST_OK : trk_fail_memory(error);
}

void roi_set_truncate(trk_roi_set *set, int count)
{
    while (set->count > count) {
        const int group = set->labels[--set->count].group;
        // Groups are ordered by their first ROI, so the one that becomes empty is the last.
        if (group >= 0 && --set->groups[group].size == 0)
            set->group_count--;
    }
}

static bool is_inside(trk_roi roi, int width, int height)
{
    return roi.x >= 0 && roi.y >= 0 && roi.width <= width - roi.x && roi.height <= height - roi.y;
}

ist_status trk_roi_set_append(trk_roi_set *set, const trk_roi_set *from, int width, int height, int *outside,
                              ist_error *error)
{
    const int count = set->count;
    *outside = 0;
    for (int i = 0; i < from->count; i++) {
        const struct label *label = &from->labels[i];
        if (!is_inside(from->rois[i], width, height)) {
            ++*outside;
            continue;
        }
        const char *name = label->named ? label->name.text : NULL;
        const char *group = label->group < 0 ? NULL : from->groups[label->group].name.text;
        const ist_status status = trk_roi_set_add(set, from->rois[i], name, group, error);
        if (status < 0) {
            roi_set_truncate(set, count);
            return status;
        }
    }
    return IST_OK;
}

/* ---- looking ---- */

int trk_roi_set_count(const trk_roi_set *set)
{
    return set->count;
}

const trk_roi *trk_roi_set_rois(const trk_roi_set *set)
{
    return set->rois;
}

const char *trk_roi_set_name(const trk_roi_set *set, int i)
{
    return set->labels[i].name.text;
}

bool trk_roi_set_is_named(const trk_roi_set *set, int i)
{
    return set->labels[i].named;
}

int trk_roi_set_group(const trk_roi_set *set, int i)
{
    return set->labels[i].group;
}

int trk_roi_set_group_count(const trk_roi_set *set)
{
    return set->group_count;
}

const char *trk_roi_set_group_name(const trk_roi_set *set, int group)
{
    return set->groups[group].name.text;
}

int trk_roi_set_group_size(const trk_roi_set *set, int group)
{
    return set->groups[group].size;
}
