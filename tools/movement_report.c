#include "movement_json.h"

#include <inttypes.h>
#include <math.h>

#include "cli.h"

/* ---- for people ---- */

/* The files, a few of them by name. */
static void print_written(const struct movement_job *job)
{
    enum { NAMED_MAX = 8 };
    const struct movement_written *written = job->written;
    printf("results: %s (", job->output);
    for (int i = 0; i < written->count && i < NAMED_MAX; i++)
        printf("%s%s", i ? ", " : "", written->names[i]);
    if (written->count > NAMED_MAX)
        printf(" and %d more", written->count - NAMED_MAX);
    printf(")\n");
}

static void print_count(const char *before, int64_t count, const char *what)
{
    printf("%s%" PRId64 " %s%s", before, count, what, count == 1 ? "" : "s");
}

static void print_largest(const struct movement_job *job, const struct movement_summary *summary)
{
    const trk_row *largest = &summary->all.largest;
    printf(": largest displacement %.3f px (", movement_sum_largest_px(&summary->all));
    if (job->roi_count > 1)
        printf("ROI %s, ", trk_roi_set_name(job->rois, largest->roi));
    printf("frame %" PRId64 ", at %.3f s), RMS %.3f px", largest->frame_index,
           largest->frame_time_s - summary->first_time_s, movement_sum_rms_px(&summary->all));
}

void movement_note_lost(const struct movement_job *job, const struct movement_summary *summary)
{
    enum { FOR_GOOD = 10 };
    const trk_params *params = &job->params;
    const bool renews = params->renew_every > 0 || params->renew_below != 0;
    if (job->movemeter || params->follow || params->restart_after || !renews)
        return;
    int count = 0, first = 0;
    for (int i = 0; i < job->roi_count; i++)
        if (summary->rois[i].lost_for >= FOR_GOOD && count++ == 0)
            first = i;
    if (count > 0)
        movement_warn(
            job,
            "%d ROI%s lost to the end, ROI %s from frame %" PRId64 " on: the last good template does not fit any "
            "more; --restart N begins anew after N frames, with a gap in the sum",
            count, count == 1 ? " was" : "s were", trk_roi_set_name(job->rois, first), summary->rois[first].lost_since);
}

void movement_report_text(const struct movement_job *job, const struct movement_summary *summary)
{
    print_count("", summary->frames, "frame");
    print_count(", ", job->roi_count, "ROI");
    if (trk_roi_set_group_count(job->rois) > 0)
        print_count(" in ", trk_roi_set_group_count(job->rois), "group");
    if (summary->all.measured > 0)
        print_largest(job, summary);
    else
        printf(": nothing could be measured");
    for (trk_row_status status = TRK_FLAT; status <= TRK_MISSING; status++)
        printf("%s %s %" PRId64, status == TRK_FLAT ? ";" : ",", trk_row_status_name(status),
               summary->all.rows[status]);
    // These only where they were asked for.
    for (trk_row_status status = TRK_GAP; status <= TRK_UNSURE; status++)
        if (summary->all.rows[status] > 0)
            printf(", %s %" PRId64, trk_row_status_name(status), summary->all.rows[status]);
    if (summary->renewals > 0)
        printf("; templates were renewed %" PRId64 " times, and errors add up", summary->renewals);
    putchar('\n');
    print_written(job);
}

/* ---- for programs ---- */

static json_t *row_json(const struct movement_job *job, const trk_row *row)
{
    json_t *object = json_object();
    json_object_set_new(object, "roi", movement_roi_json(job, row->roi));
    json_object_set_new(object, "frame_index", json_integer(row->frame_index));
    json_object_set_new(object, "frame_number", json_integer(row->frame_number));
    json_object_set_new(object, "frame_time", movement_number_json(row->frame_time_s));
    json_object_set_new(object, "x", movement_number_json(row->x_px));
    json_object_set_new(object, "y", movement_number_json(row->y_px));
    json_object_set_new(object, "displacement", movement_number_json(hypot(row->x_px, row->y_px)));
    return object;
}

static json_t *quality_json(const struct movement_sum *sum)
{
    if (sum->measured == 0)
        return json_null();
    const double count = (double)sum->errors;
    json_t *quality = json_object();
    json_object_set_new(quality, "score_min", movement_number_json(sum->score_min));
    json_object_set_new(quality, "second_peak_gap_min", movement_number_json(sum->second_peak_gap_min));
    json_object_set_new(quality, "standard_error_x_rms", movement_number_json(sqrt(sum->error_x_squares / count)));
    json_object_set_new(quality, "standard_error_y_rms", movement_number_json(sqrt(sum->error_y_squares / count)));
    json_object_set_new(quality, "standard_error_rotation_deg_rms",
                        movement_number_json(sqrt(sum->error_rotation_squares / (double)sum->rotation_errors)));
    return quality;
}

/* Adds what rows add up to. */
static void add_sum(json_t *object, const struct movement_job *job, const struct movement_sum *sum)
{
    json_object_set_new(object, "rows", movement_counts_json(sum));
    json_object_set_new(object, "rms", movement_number_json(movement_sum_rms_px(sum)));
    json_object_set_new(object, "largest", sum->measured ? row_json(job, &sum->largest) : json_null());
    json_object_set_new(object, "quality", quality_json(sum));
}

static json_t *rois_json(const struct movement_job *job, const struct movement_summary *summary)
{
    json_t *rois = json_array();
    for (int i = 0; i < job->roi_count; i++) {
        json_t *entry = json_object();
        json_object_set_new(entry, "roi", movement_roi_json(job, i));
        add_sum(entry, job, &summary->rois[i]);
        json_array_append_new(rois, entry);
    }
    return rois;
}

static json_t *groups_json(const struct movement_job *job, const struct movement_summary *summary)
{
    json_t *groups = json_array();
    for (int i = 0; i < trk_roi_set_group_count(job->rois); i++) {
        json_t *entry = json_object();
        json_object_set_new(entry, "group", json_string(trk_roi_set_group_name(job->rois, i)));
        json_object_set_new(entry, "roi_count", json_integer(trk_roi_set_group_size(job->rois, i)));
        add_sum(entry, job, &summary->groups[i]);
        json_array_append_new(groups, entry);
    }
    return groups;
}

int movement_report_json(const struct movement_job *job, const struct movement_summary *summary)
{
    json_t *all = json_object();
    json_object_set_new(all, "output", movement_text_json(job->output));
    json_object_set_new(all, "files", movement_files_json(job));
    json_object_set_new(all, "frames", json_integer(summary->frames));
    json_object_set_new(all, "first_time", movement_number_json(summary->first_time_s));
    json_object_set_new(all, "roi_count", json_integer(job->roi_count));
    json_object_set_new(all, "renewals", json_integer(summary->renewals));
    json_object_set_new(all, "blocks_outside", json_integer(job->blocks_outside));
    json_object_set_new(all, "warnings", movement_warnings_json(job));
    add_sum(all, job, &summary->all);
    json_object_set_new(all, "rois", rois_json(job, summary));
    json_object_set_new(all, "groups", groups_json(job, summary));
    const bool written = json_dumpf(all, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) == 0;
    putchar('\n');
    json_decref(all);
    return written ? CLI_GO_ON : cli_fail("standard output: it cannot be written");
}
