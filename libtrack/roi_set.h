/* Inside of a set of ROIs. */
#ifndef ROI_SET_H
#define ROI_SET_H

#include <libtrack/roi.h>

/* Removes all ROIs behind the first `count`: what was added is as if it had not been. */
void roi_set_truncate(trk_roi_set *set, int count);

#endif
