/*
 * The highest peaks of a map of scores.
 *
 * A peak is a position that beats its (up to) 8 neighbours among those searched, as match_is_better() has it: of equal
 * neighbours the first one, row by row, is the peak. The best match is always one.
 */
#ifndef PEAKS_H
#define PEAKS_H

#include <stdbool.h>

/* A place in the picture and its score. */
struct match {
    int x, y;
    double score; /* NaN: no place has a score */
};

/* True if `match` beats `best`: a higher score, or the same and earlier in row-major order. */
bool match_is_better(const struct match *match, const struct match *best);

enum {
    PEAKS_KEPT = 4,
    PEAK_WIDTH = 2, // px; noise splits a peak, so that another one this near is taken for the same
};

/* The highest so far, in order. */
struct peaks {
    int most; /* how many are kept, 1..PEAKS_KEPT */
    int count;
    struct match list[PEAKS_KEPT];
};

/* A row of `count` scores from x, y on, and the rows above and below it; NULL: not known. */
struct peak_rows {
    const double *above, *row, *below;
    int count;
    int x, y;
};

/* Whether a position that beats its neighbours in the rows given is a peak. */
typedef bool peak_check(const void *context, const struct match *match);

/*
 * Adds the peaks of a row, unless they are there already. A score below peaks_bar() may be replaced by -HUGE_VAL
 * before. `check` has the last word, on neighbours that are not in the rows; NULL: there are none.
 */
void peaks_add_row(struct peaks *peaks, const struct peak_rows *rows, peak_check *check, const void *context);

/* Nothing below this score matters any more. */
double peaks_bar(const struct peaks *peaks);

/*
 * How much less than the highest peak the best of the other three scores that lies more than PEAK_WIDTH from it in x or
 * in y. If there is none such, the match is beyond doubt: the gap is that to a score of -1. NaN: there is no peak.
 */
double peaks_gap(const struct peaks *peaks);

#endif
