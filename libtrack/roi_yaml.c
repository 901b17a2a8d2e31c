#include <jansson.h>
#include <libstore/reader.h>
#include <libstore/yaml.h>
#include <string.h>

#include "fail.h"
#include "roi_file.h"

/* NULL: every key is one of `known`, which ends with NULL. */
static const char *find_unknown_key(json_t *mapping, const char *const known[])
{
    const char *key;
    json_t *value;
    json_object_foreach(mapping, key, value)
    {
        int i = 0;
        while (known[i] && strcmp(known[i], key) != 0)
            i++;
        if (!known[i])
            return key;
    }
    return NULL;
}

static ist_status read_pixels(const json_t *entry, int number, const char *key, int *pixels, ist_error *error)
{
    const json_t *value = json_object_get(entry, key);
    const json_int_t whole = json_integer_value(value);
    if (!json_is_integer(value) || whole < -TRK_ROI_COORDINATE_MAX || whole > TRK_ROI_COORDINATE_MAX)
        return trk_fail(error, IST_ERROR_DATA, "ROI %d: %s must be a whole number of pixels", number, key);
    *pixels = (int)whole;
    return IST_OK;
}

/* *text is NULL if the key is not there. */
static ist_status read_text(const json_t *entry, int number, const char *key, const char **text, ist_error *error)
{
    const json_t *value = json_object_get(entry, key);
    *text = json_string_value(value);
    if (value && !*text)
        return trk_fail(error, IST_ERROR_DATA, "ROI %d: %s must be text; put it in quotes", number, key);
    return IST_OK;
}

/* ROIs are counted from 0, as in the results. */
static ist_status add_entry(trk_roi_set *set, json_t *entry, int number, ist_error *error)
{
    static const char *const keys[] = {"x", "y", "width", "height", "name", "group", NULL};
    if (!json_is_object(entry))
        return trk_fail(error, IST_ERROR_DATA, "ROI %d: it must be a mapping with x, y, width and height", number);
    const char *unknown = find_unknown_key(entry, keys);
    if (unknown)
        return trk_fail(error, IST_ERROR_DATA, "ROI %d: \"%.100s\" is no key of a ROI", number, unknown);
    trk_roi roi;
    const char *name, *group;
    if (read_pixels(entry, number, "x", &roi.x, error) < 0 || read_pixels(entry, number, "y", &roi.y, error) < 0 ||
        read_pixels(entry, number, "width", &roi.width, error) < 0 ||
        read_pixels(entry, number, "height", &roi.height, error) < 0 ||
        read_text(entry, number, "name", &name, error) < 0 || read_text(entry, number, "group", &group, error) < 0)
        return IST_ERROR_DATA;
    ist_error inner;
    const ist_status status = trk_roi_set_add(set, roi, name, group, &inner);
    return status < 0 ? trk_fail(error, status, "ROI %d: %s", number, inner.message) : IST_OK;
}

static ist_status add_document(trk_roi_set *set, json_t *document, ist_error *error)
{
    static const char *const keys[] = {"rois", NULL};
    json_t *list = json_object_get(document, "rois");
    if (!json_is_array(list) || find_unknown_key(document, keys))
        return trk_fail(error, IST_ERROR_DATA, "it must have the key \"rois\" with a list of ROIs, and no other");
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        const ist_status status = add_entry(set, entry, (int)i, error);
        if (status < 0)
            return status;
    }
    return IST_OK;
}

ist_status roi_yaml_parse(trk_roi_set *set, char *text, ist_error *error)
{
    char *json;
    const ist_status status = ist_yaml_to_json(text, &json, error);
    if (status < 0)
        return status;
    json_t *document = json_loads(json, JSON_DECODE_ANY, NULL);
    ist_free(json);
    if (!document)
        return trk_fail(error, IST_ERROR_DATA, "it cannot be read");
    const ist_status added = add_document(set, document, error);
    json_decref(document);
    return added;
}

/* Names have no double quotes and control characters, so only the backslash needs one before it. */
static void print_text(FILE *stream, const char *key, const char *text)
{
    fprintf(stream, ", %s: \"", key);
    for (; *text; text++) {
        if (*text == '\\')
            fputc('\\', stream);
        fputc(*text, stream);
    }
    fputc('"', stream);
}

void roi_yaml_print(FILE *stream, const trk_roi_set *set)
{
    fputs("rois:\n", stream);
    for (int i = 0; i < trk_roi_set_count(set); i++) {
        const trk_roi roi = trk_roi_set_rois(set)[i];
        const int group = trk_roi_set_group(set, i);
        fprintf(stream, "- {x: %d, y: %d, width: %d, height: %d", roi.x, roi.y, roi.width, roi.height);
        if (trk_roi_set_is_named(set, i))
            print_text(stream, "name", trk_roi_set_name(set, i));
        if (group >= 0)
            print_text(stream, "group", trk_roi_set_group_name(set, group));
        fputs("}\n", stream);
    }
}
