#include "movement.h"

#include <jansson.h>
#include <stdlib.h>

#include "cli.h"

static json_t *store_json(const struct movement_job *job)
{
    const ist_reader_info *info = job->info;
    char *absolute = realpath(job->store, NULL);
    json_t *store = json_object();
    json_object_set_new(store, "path", json_string(absolute ? absolute : job->store));
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
        json_object_set_new(template, "file", json_string(job->template_file));
    if (job->template_source == MOVEMENT_TEMPLATE_MEAN || job->template_source == MOVEMENT_TEMPLATE_FILE)
        return template;
    json_object_set_new(template, "frame_index", json_integer(job->template_index));
    json_object_set_new(template, "frame_number", json_integer(job->template_number));
    json_t *time = json_real(job->template_time_s);
    json_object_set_new(template, "frame_time", time ? time : json_null()); // JSON has no NaN
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

static json_t *parameters_json(const struct movement_job *job)
{
    json_t *parameters = json_object();
    json_object_set_new(parameters, "max_movement_px", json_integer(job->params.max_movement_px));
    json_object_set_new(parameters, "search",
                        json_string(job->params.max_movement_px ? "ROI grown by max_movement" : "whole picture"));
    json_object_set_new(parameters, "follow", json_boolean(job->params.follow));
    if (job->params.follow && job->params.max_movement_px)
        json_object_set_new(parameters, "search_again_px", json_integer(job->params.search_again_px));
    json_object_set_new(parameters, "renew_every", json_integer(job->params.renew_every));
    json_object_set_new(parameters, "renew_below", json_real(job->params.renew_below));
    json_object_set_new(parameters, "prepare", prepare_json(job));
    json_object_set_new(parameters, "min_score", json_real(job->params.min_score));
    json_object_set_new(parameters, "method",
                        json_string("zero-mean normalised cross-correlation; Gauss-Newton on a cubic B-spline, "
                                    "gain and offset free, smoothed with sigma 1 px"));
    json_object_set_new(parameters, "threads", json_integer(job->params.threads));
    return parameters;
}

static json_t *rois_json(const struct movement_job *job)
{
    json_t *rois = json_array();
    for (int i = 0; i < job->roi_count; i++) {
        const struct movement_roi *roi = &job->rois[i];
        json_t *entry = json_object();
        json_object_set_new(entry, "roi", roi->named ? json_string(roi->name) : json_integer(i));
        json_object_set_new(entry, "x", json_integer(roi->place.x));
        json_object_set_new(entry, "y", json_integer(roi->place.y));
        json_object_set_new(entry, "width", json_integer(roi->place.width));
        json_object_set_new(entry, "height", json_integer(roi->place.height));
        json_array_append_new(rois, entry);
    }
    return rois;
}

static json_t *counts_json(const struct movement_summary *summary)
{
    json_t *counts = json_object();
    for (trk_row_status status = TRK_MEASURED; status <= TRK_MISSING; status++)
        json_object_set_new(counts, status == TRK_MEASURED ? "measured" : trk_row_status_name(status),
                            json_integer(summary->rows[status]));
    return counts;
}

/* The pictures and the copy that were asked for beside the table. */
static void add_more(json_t *all, const struct movement_job *job)
{
    const struct movement_stabilise *copy = &job->stabilise;
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

int movement_write_settings(const struct movement_job *job, const struct movement_summary *summary)
{
    json_t *all = json_object();
    json_object_set_new(all, "store", store_json(job));
    json_object_set_new(all, "frames", json_pack("{s:I,s:I}", "first", job->first, "end", job->end));
    json_object_set_new(all, "template", template_json(job));
    json_object_set_new(all, "parameters", parameters_json(job));
    json_object_set_new(all, "rois", rois_json(job));
    json_object_set_new(all, "rows", counts_json(summary));
    json_object_set_new(all, "renewals", json_integer(summary->renewals));
    add_more(all, job);
    json_object_set_new(all, "libstore", json_string(ist_version()));
    json_object_set_new(all, "libtrack", json_string(trk_version()));

    struct movement_file file;
    int result = movement_file_open(&file, job, "settings.json");
    if (result == CLI_GO_ON) {
        json_dumpf(all, file.stream, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
        fputc('\n', file.stream);
        result = movement_file_finish(&file);
    }
    json_decref(all);
    return result;
}
