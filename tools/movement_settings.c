#include "movement_json.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

/* ---- what --json needs too ---- */

json_t *movement_text_json(const char *text)
{
    json_t *string = json_string(text);
    return string ? string : json_null();
}

json_t *movement_number_json(double value)
{
    json_t *real = json_real(value);
    return real ? real : json_null();
}

json_t *movement_roi_json(const struct movement_job *job, int roi)
{
    return trk_roi_set_is_named(job->rois, roi) ? json_string(trk_roi_set_name(job->rois, roi)) : json_integer(roi);
}

json_t *movement_counts_json(const struct movement_sum *sum)
{
    json_t *counts = json_object();
    for (trk_row_status status = TRK_MEASURED; status <= TRK_UNSURE; status++)
        json_object_set_new(counts, status == TRK_MEASURED ? "measured" : trk_row_status_name(status),
                            json_integer(sum->rows[status]));
    return counts;
}

json_t *movement_files_json(const struct movement_job *job)
{
    json_t *files = json_array();
    for (int i = 0; i < job->written->count; i++)
        json_array_append_new(files, movement_text_json(job->written->names[i]));
    return files;
}

json_t *movement_warnings_json(const struct movement_job *job)
{
    json_t *texts = json_array();
    for (int i = 0; i < job->warnings->count; i++)
        json_array_append_new(texts, movement_text_json(job->warnings->texts[i]));
    return texts;
}

/* ---- what was asked for ---- */

static json_t *store_json(const struct movement_job *job)
{
    const ist_reader_info *info = job->info;
    char *absolute = realpath(job->store, NULL);
    json_t *store = json_object();
    json_object_set_new(store, "path", movement_text_json(absolute ? absolute : job->store));
    json_object_set_new(store, "uuid", *info->uuid ? json_string(info->uuid) : json_null());
    json_object_set_new(store, "format", json_string(info->format));
    json_object_set_new(store, "width", json_integer(info->width));
    json_object_set_new(store, "height", json_integer(info->height));
    json_object_set_new(store, "channels", json_integer(info->channels));
    json_object_set_new(store, "type", json_string(info->type == IST_PIXEL_U16 ? "uint16" : "uint8"));
    json_object_set_new(store, "frame_count", json_integer(info->frame_count));
    free(absolute);
    return store;
}

static json_t *range_json(const cli_range *range)
{
    return json_pack("{s:I,s:I}", "first", (json_int_t)range->first, "end", (json_int_t)range->end);
}

static json_t *template_json(const struct movement_job *job)
{
    static const char *const sources[] = {"frame", "previous", "mean", "file"};
    json_t *template = json_pack("{s:s}", "source", sources[job->template_source]);
    if (job->template_source == MOVEMENT_TEMPLATE_MEAN)
        json_object_set_new(template, "frames", range_json(&job->template_range));
    if (job->template_source == MOVEMENT_TEMPLATE_FILE)
        json_object_set_new(template, "file", movement_text_json(job->template_file));
    if (job->template_source == MOVEMENT_TEMPLATE_MEAN || job->template_source == MOVEMENT_TEMPLATE_FILE)
        return template;
    json_object_set_new(template, "frame_index", json_integer(job->template_index));
    json_object_set_new(template, "frame_number", json_integer(job->template_number));
    json_object_set_new(template, "frame_time", movement_number_json(job->template_time_s));
    return template;
}

static json_t *prepare_json(const struct movement_job *job)
{
    const trk_preparation *given = &job->params.prepare;
    json_t *prepare = json_object();
    json_object_set_new(prepare, "difference", json_boolean(given->difference));
    json_t *background = json_null();
    if (given->background)
        background = json_pack("{s:s,s:o}", "what", trk_still_kind_name(job->background_kind), "frames",
                               range_json(&job->background_range));
    json_object_set_new(prepare, "background", background);
    json_object_set_new(prepare, "blur_sigma_px", json_real(given->blur_sigma_px));
    return prepare;
}

/* What counts with --movemeter. */
static json_t *movemeter_json(const struct movement_job *job)
{
    const trk_movemeter_params *params = &job->movemeter_params;
    return json_pack("{s:f,s:i,s:b,s:o,s:s,s:i}", "upscale", params->upscale, "max_movement_px",
                     params->max_movement_px, "absolute", params->absolute, "prepare", prepare_json(job), "method",
                     "as movemeter: the frame's ROI searched in the template's picture; x and y are minus the motion",
                     "threads", params->threads);
}

static json_t *parameters_json(const struct movement_job *job)
{
    if (job->movemeter)
        return movemeter_json(job);
    json_t *parameters = json_object();
    json_object_set_new(parameters, "max_movement_px", json_integer(job->params.max_movement_px));
    json_object_set_new(parameters, "search",
                        json_string(job->params.max_movement_px ? "ROI grown by max_movement" : "whole picture"));
    json_object_set_new(parameters, "follow", json_boolean(job->params.follow));
    if (job->params.follow && job->params.max_movement_px)
        json_object_set_new(parameters, "search_again_px", json_integer(job->params.search_again_px));
    json_object_set_new(parameters, "renew_every", json_integer(job->params.renew_every));
    json_object_set_new(parameters, "renew_below", json_real(job->params.renew_below));
    json_object_set_new(parameters, "restart_after", json_integer(job->params.restart_after));
    json_object_set_new(parameters, "max_rotation_deg", json_real(job->params.max_rotation_deg));
    json_object_set_new(parameters, "prepare", prepare_json(job));
    json_object_set_new(parameters, "min_score", json_real(job->params.min_score));
    json_object_set_new(parameters, "min_gap", json_real(job->params.min_gap));
    json_object_set_new(parameters, "upscale", job->params.upscale > 0 ? json_real(job->params.upscale) : json_null());
    json_object_set_new(parameters, "method",
                        json_string("zero-mean normalised cross-correlation; Gauss-Newton between the pixels, "
                                    "gain and offset free"));
    json_object_set_new(parameters, "threads", json_integer(job->params.threads));
    return parameters;
}

static json_t *rois_json(const struct movement_job *job)
{
    json_t *rois = json_array();
    for (int i = 0; i < job->roi_count; i++) {
        const trk_roi roi = trk_roi_set_rois(job->rois)[i];
        const int group = trk_roi_set_group(job->rois, i);
        json_t *entry = json_object();
        json_object_set_new(entry, "roi", movement_roi_json(job, i));
        json_object_set_new(entry, "x", json_integer(roi.x));
        json_object_set_new(entry, "y", json_integer(roi.y));
        json_object_set_new(entry, "width", json_integer(roi.width));
        json_object_set_new(entry, "height", json_integer(roi.height));
        if (group >= 0)
            json_object_set_new(entry, "group", json_string(trk_roi_set_group_name(job->rois, group)));
        json_array_append_new(rois, entry);
    }
    return rois;
}

static json_t *groups_json(const struct movement_job *job)
{
    json_t *groups = json_array();
    for (int i = 0; i < trk_roi_set_group_count(job->rois); i++)
        json_array_append_new(groups, json_pack("{s:s,s:i}", "group", trk_roi_set_group_name(job->rois, i), "roi_count",
                                                trk_roi_set_group_size(job->rois, i)));
    return groups;
}

/* The pictures and the copy that were asked for beside the table. */
static void add_more(json_t *all, const struct movement_job *job)
{
    const struct movement_stabilise *copy = &job->stabilise;
    json_object_set_new(all, "movemeter", json_boolean(job->movemeter));
    json_object_set_new(all, "brightness",
                        job->brightness ? json_string(trk_brightness_scale_name(job->brightness_scale)) : json_null());
    if (job->heatmaps)
        json_object_set_new(
            all, "heatmaps",
            json_pack("{s:s}", "speed_unit", job->heatmap_params.speed_per_frame ? "px/frame" : "px/s"));
    if (copy->path)
        json_object_set_new(all, "stabilise",
                            json_pack("{s:s,s:b,s:b,s:s}", "path", copy->path, "crop", copy->params.crop, "turn",
                                      copy->params.turn, "border",
                                      copy->params.border == TRK_BORDER_BLACK ? "black" : "repeated"));
}

/* ---- files of an earlier run ---- */

static const char settings_name[] = "settings.json";

/* The names that the settings of an earlier run list; NULL: there are none. */
static json_t *load_old_files(const struct movement_job *job)
{
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/%s", job->output, settings_name);
    json_t *settings = json_load_file(path, 0, NULL);
    json_t *files = json_incref(json_object_get(settings, "files"));
    json_decref(settings);
    return files;
}

/* A table or picture of other ROIs beside the new ones would belie them. */
static void remove_old_files(const struct movement_job *job, const json_t *files)
{
    size_t i;
    json_t *file;
    json_array_foreach(files, i, file)
    {
        const char *name = json_string_value(file);
        if (!name || !*name || strchr(name, '/') || movement_written_has(job->written, name))
            continue;
        char path[PATH_MAX + NAME_MAX + 2];
        if (snprintf(path, sizeof path, "%s/%s", job->output, name) < (int)sizeof path)
            unlink(path);
    }
}

/* ---- all of it ---- */

static json_t *settings_json(const struct movement_job *job, const struct movement_summary *summary)
{
    json_t *all = json_object();
    json_object_set_new(all, "store", store_json(job));
    json_object_set_new(all, "frames", json_pack("{s:I,s:I}", "first", job->first, "end", job->end));
    json_object_set_new(all, "template", template_json(job));
    json_object_set_new(all, "parameters", parameters_json(job));
    json_object_set_new(all, "rois", rois_json(job));
    json_object_set_new(all, "groups", groups_json(job));
    json_object_set_new(all, "blocks_outside", json_integer(job->blocks_outside));
    json_object_set_new(all, "warnings", movement_warnings_json(job));
    json_object_set_new(all, "rows", movement_counts_json(&summary->all));
    json_object_set_new(all, "files", movement_files_json(job));
    json_object_set_new(all, "renewals", json_integer(summary->renewals));
    add_more(all, job);
    json_object_set_new(all, "libstore", json_string(ist_version()));
    json_object_set_new(all, "libtrack", json_string(trk_version()));
    return all;
}

int movement_write_settings(const struct movement_job *job, const struct movement_summary *summary)
{
    json_t *old_files = load_old_files(job);
    struct movement_file file;
    int result = movement_file_open(&file, job, settings_name);
    if (result == CLI_GO_ON) {
        json_t *all = settings_json(job, summary);
        json_dumpf(all, file.stream, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
        json_decref(all);
        fputc('\n', file.stream);
        result = movement_file_finish(&file);
    }
    if (result == CLI_GO_ON)
        remove_old_files(job, old_files);
    json_decref(old_files);
    return result;
}
