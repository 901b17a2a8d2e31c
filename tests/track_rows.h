/* Rows compared bit by bit, NaN and all, but for the padding between the fields. */
#ifndef TRACK_ROWS_H
#define TRACK_ROWS_H

#include <libtrack/libtrack.h>
#include <string.h>

static inline bool same_double(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static inline bool same_row(const trk_row *a, const trk_row *b)
{
    return a->frame_index == b->frame_index && a->frame_number == b->frame_number &&
           same_double(a->frame_time_s, b->frame_time_s) && a->roi == b->roi && same_double(a->x_px, b->x_px) &&
           same_double(a->y_px, b->y_px) && same_double(a->score, b->score) && a->status == b->status &&
           same_double(a->second_peak_gap, b->second_peak_gap) &&
           same_double(a->standard_error_x_px, b->standard_error_x_px) &&
           same_double(a->standard_error_y_px, b->standard_error_y_px) &&
           same_double(a->rotation_deg, b->rotation_deg) &&
           same_double(a->standard_error_rotation_deg, b->standard_error_rotation_deg) && a->renewals == b->renewals &&
           a->gaps == b->gaps;
}

static inline bool same_rows(const trk_row *a, const trk_row *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!same_row(&a[i], &b[i]))
            return false;
    return true;
}

#endif
