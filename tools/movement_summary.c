#include "movement.h"

#include <math.h>
#include <stdlib.h>

#include "cli.h"

/* The quality of a row that has a displacement. */
static void add_quality(struct movement_sum *sum, const trk_row *row, bool first)
{
    // fmin() passes over a NaN.
    sum->score_min = first ? row->score : fmin(sum->score_min, row->score);
    sum->second_peak_gap_min = first ? row->second_peak_gap : fmin(sum->second_peak_gap_min, row->second_peak_gap);
    if (isnan(row->standard_error_x_px) || isnan(row->standard_error_y_px))
        return;
    sum->errors++;
    sum->error_x_squares += row->standard_error_x_px * row->standard_error_x_px;
    sum->error_y_squares += row->standard_error_y_px * row->standard_error_y_px;
}

static void add_rotation_error(struct movement_sum *sum, const trk_row *row)
{
    if (isnan(row->standard_error_rotation_deg))
        return;
    sum->rotation_errors++;
    sum->error_rotation_squares += row->standard_error_rotation_deg * row->standard_error_rotation_deg;
}

/* Missing frames tell nothing of a ROI. */
static void count_lost(struct movement_sum *sum, const trk_row *row)
{
    if (row->status == TRK_MISSING)
        return;
    const bool measured = row->status == TRK_MEASURED || row->status == TRK_GAP;
    if (sum->lost_for == 0)
        sum->lost_since = row->frame_index;
    sum->lost_for = measured ? 0 : sum->lost_for + 1;
}

static void add_row(struct movement_sum *sum, const trk_row *row)
{
    sum->rows[row->status]++;
    if (isnan(row->x_px) || row->gaps > 0)
        return;
    const bool first = sum->measured++ == 0;
    sum->x_min = first ? row->x_px : fmin(sum->x_min, row->x_px);
    sum->x_max = first ? row->x_px : fmax(sum->x_max, row->x_px);
    sum->y_min = first ? row->y_px : fmin(sum->y_min, row->y_px);
    sum->y_max = first ? row->y_px : fmax(sum->y_max, row->y_px);
    sum->squares += row->x_px * row->x_px + row->y_px * row->y_px;
    if (first || hypot(row->x_px, row->y_px) > movement_sum_largest_px(sum))
        sum->largest = *row;
    add_quality(sum, row, first);
    add_rotation_error(sum, row);
}

double movement_sum_largest_px(const struct movement_sum *sum)
{
    return sum->measured ? hypot(sum->largest.x_px, sum->largest.y_px) : (double)NAN;
}

double movement_sum_rms_px(const struct movement_sum *sum)
{
    return sqrt(sum->squares / (double)sum->measured);
}

int movement_summary_init(struct movement_summary *summary, const struct movement_job *job)
{
    const size_t groups = (size_t)trk_roi_set_group_count(job->rois);
    *summary = (struct movement_summary){
        .rois = calloc((size_t)job->roi_count, sizeof *summary->rois),
        .groups = calloc(groups + 1, sizeof *summary->groups),
    };
    return summary->rois && summary->groups ? CLI_GO_ON : cli_fail("out of memory");
}

void movement_summary_add(struct movement_summary *summary, const struct movement_job *job,
                          const struct movement_frame *frame)
{
    if (summary->frames++ == 0)
        summary->first_time_s = frame->rows[0].frame_time_s;
    const int group_count = trk_roi_set_group_count(job->rois);
    summary->renewals = 0; // rows count them from the beginning
    for (int i = 0; i < job->roi_count; i++) {
        summary->renewals += frame->rows[i].renewals;
        const int group = trk_roi_set_group(job->rois, i);
        add_row(&summary->all, &frame->rows[i]);
        add_row(&summary->rois[i], &frame->rows[i]);
        count_lost(&summary->rois[i], &frame->rows[i]);
        add_row(&summary->groups[group < 0 ? group_count : group], &frame->rows[i]);
    }
}

void movement_summary_free(struct movement_summary *summary)
{
    free(summary->rois);
    free(summary->groups);
    *summary = (struct movement_summary){0};
}
