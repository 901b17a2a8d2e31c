#include "movement.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

/* ---- files ---- */

static const char part[] = ".part";

int movement_file_open(struct movement_file *file, const struct movement_job *job, const char *name)
{
    file->stream = NULL;
    if (snprintf(file->name, sizeof file->name, "%s/%s%s", job->output, name, part) >= (int)sizeof file->name)
        return cli_fail("%s: the path is too long", job->output);
    file->stream = fopen(file->name, "w");
    return file->stream ? CLI_GO_ON : cli_fail("%s: %s", file->name, strerror(errno));
}

int movement_file_leave(struct movement_file *file)
{
    FILE *stream = file->stream;
    file->stream = NULL;
    const bool lost = ferror(stream) != 0;
    if (fclose(stream) != 0 || lost)
        return cli_fail("%s: %s", file->name, strerror(errno ? errno : EIO));
    return CLI_GO_ON;
}

int movement_file_finish(struct movement_file *file)
{
    // A name that survives a power cut must not stand for a file that did not.
    const bool synced = fflush(file->stream) == 0 && fsync(fileno(file->stream)) == 0;
    if (!synced) {
        const int number = errno;
        fclose(file->stream);
        file->stream = NULL;
        return cli_fail("%s: %s", file->name, strerror(number));
    }
    const int result = movement_file_leave(file);
    if (result != CLI_GO_ON)
        return result;
    char final[PATH_MAX];
    const size_t length = strlen(file->name) - strlen(part);
    memcpy(final, file->name, length);
    final[length] = '\0';
    return rename(file->name, final) == 0 ? CLI_GO_ON : cli_fail("%s: %s", final, strerror(errno));
}

/* ---- movement.csv ---- */

void movement_write_header(FILE *stream)
{
    fputs("frame_index,frame_number,frame_time,roi,x,y,score,status\n", stream);
}

void movement_write_row(FILE *stream, const struct movement_job *job, const trk_row *row)
{
    char time[CLI_NUMBER_SIZE], x[CLI_NUMBER_SIZE], y[CLI_NUMBER_SIZE], score[CLI_NUMBER_SIZE];
    fprintf(stream, "%" PRId64 ",%" PRId64 ",%s,%s,%s,%s,%s,%s\n", row->frame_index, row->frame_number,
            cli_format_number(time, row->frame_time_s), job->rois[row->roi].name, cli_format_number(x, row->x_px),
            cli_format_number(y, row->y_px), cli_format_number(score, row->score), trk_row_status_name(row->status));
}

/* ---- sums ---- */

void movement_add(struct movement_summary *summary, const trk_row *row)
{
    if (summary->frames == 0 && row->roi == 0)
        summary->first_time_s = row->frame_time_s;
    summary->rows[row->status]++;
    if (isnan(row->x_px))
        return;
    const bool first = summary->measured++ == 0;
    summary->x_min = first ? row->x_px : fmin(summary->x_min, row->x_px);
    summary->x_max = first ? row->x_px : fmax(summary->x_max, row->x_px);
    summary->y_min = first ? row->y_px : fmin(summary->y_min, row->y_px);
    summary->y_max = first ? row->y_px : fmax(summary->y_max, row->y_px);
    summary->squares += row->x_px * row->x_px + row->y_px * row->y_px;
    if (first || hypot(row->x_px, row->y_px) > hypot(summary->largest.x_px, summary->largest.y_px))
        summary->largest = *row;
}

/* ---- settings.json ---- */

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

static json_t *template_json(const struct movement_job *job)
{
    json_t *template = json_object();
    json_object_set_new(template, "frame_index", json_integer(job->template_index));
    json_object_set_new(template, "frame_number", json_integer(job->template_number));
    json_t *time = json_real(job->template_time_s);
    json_object_set_new(template, "frame_time", time ? time : json_null()); // JSON has no NaN
    return template;
}

static json_t *parameters_json(const struct movement_job *job)
{
    json_t *parameters = json_object();
    json_object_set_new(parameters, "max_movement_px", json_integer(job->params.max_movement_px));
    json_object_set_new(parameters, "search",
                        json_string(job->params.max_movement_px ? "ROI grown by max_movement" : "whole picture"));
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

int movement_write_settings(const struct movement_job *job, const struct movement_summary *summary)
{
    json_t *all = json_object();
    json_object_set_new(all, "store", store_json(job));
    json_object_set_new(all, "frames", json_pack("{s:I,s:I}", "first", job->first, "end", job->end));
    json_object_set_new(all, "template", template_json(job));
    json_object_set_new(all, "parameters", parameters_json(job));
    json_object_set_new(all, "rois", rois_json(job));
    json_object_set_new(all, "rows", counts_json(summary));
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
