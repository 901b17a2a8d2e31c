#include "peaks.h"

#include <math.h>
#include <stdlib.h>

bool match_is_better(const struct match *match, const struct match *best)
{
    if (isnan(match->score))
        return false;
    if (isnan(best->score) || match->score > best->score)
        return true;
    return match->score == best->score && (match->y < best->y || (match->y == best->y && match->x < best->x));
}

static void add(struct peaks *peaks, struct match peak)
{
    int at = peaks->count;
    while (at > 0 && match_is_better(&peak, &peaks->list[at - 1]))
        at--;
    if (at == peaks->most || (at > 0 && peaks->list[at - 1].x == peak.x && peaks->list[at - 1].y == peak.y))
        return;
    peaks->count += peaks->count < peaks->most;
    for (int i = peaks->count - 1; i > at; i--)
        peaks->list[i] = peaks->list[i - 1];
    peaks->list[at] = peak;
}

/* True if none of the scores around place i of a row is higher, nor, if they come first, as high. */
static bool beats_row(double score, const double *row, int i, int count, bool comes_first)
{
    for (int k = i > 0 ? i - 1 : 0; row && k <= i + 1 && k < count; k++)
        if (row[k] > score || (comes_first && row[k] == score))
            return false;
    return true;
}

static bool beats_rows(const struct peak_rows *rows, int i)
{
    const double *row = rows->row, score = row[i];
    if ((i > 0 && row[i - 1] >= score) || (i + 1 < rows->count && row[i + 1] > score))
        return false;
    return beats_row(score, rows->above, i, rows->count, true) && beats_row(score, rows->below, i, rows->count, false);
}

void peaks_add_row(struct peaks *peaks, const struct peak_rows *rows, peak_check *check, const void *context)
{
    for (int i = 0; i < rows->count; i++) {
        const struct match match = {rows->x + i, rows->y, rows->row[i]};
        const bool matters = match.score > -HUGE_VAL && match.score >= peaks_bar(peaks);
        if (matters && beats_rows(rows, i) && (!check || check(context, &match)))
            add(peaks, match);
    }
}

double peaks_bar(const struct peaks *peaks)
{
    return peaks->count == peaks->most ? peaks->list[peaks->most - 1].score : -HUGE_VAL;
}

double peaks_gap(const struct peaks *peaks)
{
    if (peaks->count == 0)
        return (double)NAN;
    const struct match *best = &peaks->list[0];
    for (const struct match *peak = best + 1; peak < best + peaks->count; peak++)
        if (abs(peak->x - best->x) > PEAK_WIDTH || abs(peak->y - best->y) > PEAK_WIDTH)
            return best->score - peak->score;
    return best->score + 1;
}
