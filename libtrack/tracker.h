/* Inside of a tracker: what analyze.c needs to share the work by ROI. */
#ifndef TRACKER_H
#define TRACKER_H

#include <libtrack/tracker.h>

#include "plane.h"

int tracker_roi_count(const trk_tracker *tracker);

/* Threads asked for; 0: one for each processor. */
int tracker_threads(const trk_tracker *tracker);

bool tracker_has_template(const trk_tracker *tracker);

/* IST_ERROR_ARGUMENT unless the frame has the tracker's shape and type. */
ist_status tracker_check_frame(const trk_tracker *tracker, const ist_frame *frame, ist_error *error);

/* Fills in a row but for frame and ROI. Any number of threads, each with its own scratch. */
void tracker_measure_roi(const trk_tracker *tracker, trk_scratch *scratch, const struct plane *plane, int roi,
                         trk_row *row);

/* A row without numbers for ROI `roi`: x, y and score are NaN. */
trk_row tracker_blank_row(const ist_frame *frame, int roi, trk_row_status status);

#endif
