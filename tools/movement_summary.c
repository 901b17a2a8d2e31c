#include "movement.h"

#include <inttypes.h>
#include <math.h>

#include "cli.h"

static void add_row(struct movement_summary *summary, const trk_row *row)
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

void movement_summary_add(struct movement_summary *summary, const trk_row *rows, int row_count)
{
    summary->renewals = 0; // rows count them from the beginning
    for (int i = 0; i < row_count; i++) {
        add_row(summary, &rows[i]);
        summary->renewals += rows[i].renewals;
    }
    summary->frames++;
}

/* The files, a few of them by name. */
static void print_written(const struct movement_job *job)
{
    enum { NAMED_MAX = 6 };
    const struct movement_written *written = job->written;
    printf("results: %s (", job->output);
    for (int i = 0; i < written->count && i < NAMED_MAX; i++)
        printf("%s%s", i ? ", " : "", written->names[i]);
    if (written->count > NAMED_MAX)
        printf(" and %d more", written->count - NAMED_MAX);
    printf(")\n");
}

void movement_summary_print(const struct movement_summary *summary, const struct movement_job *job)
{
    const int64_t measured = summary->measured;
    printf("%" PRId64 " frame%s, %d ROI%s: ", summary->frames, summary->frames == 1 ? "" : "s", job->roi_count,
           job->roi_count == 1 ? "" : "s");
    if (measured > 0) {
        const trk_row *largest = &summary->largest;
        printf("largest displacement %.3f px (%s%s%sframe %" PRId64 ", at %.3f s), RMS %.3f px",
               hypot(largest->x_px, largest->y_px), job->roi_count > 1 ? "ROI " : "",
               job->roi_count > 1 ? job->rois[largest->roi].name : "", job->roi_count > 1 ? ", " : "",
               largest->frame_index, largest->frame_time_s - summary->first_time_s,
               sqrt(summary->squares / (double)measured));
    } else {
        printf("nothing could be measured");
    }
    for (trk_row_status status = TRK_FLAT; status <= TRK_MISSING; status++)
        printf("%s %s %" PRId64, status == TRK_FLAT ? ";" : ",", trk_row_status_name(status), summary->rows[status]);
    if (summary->renewals > 0)
        printf("; templates were renewed %" PRId64 " times, and errors add up", summary->renewals);
    putchar('\n');
    print_written(job);
}
