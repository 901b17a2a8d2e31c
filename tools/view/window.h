/* The window: keys, mouse, playing. */
#ifndef WINDOW_H
#define WINDOW_H

#include "view.h"

struct window_plan {
    struct view_plan view;
    int width, height;     /* px; 0: from the pictures */
    int64_t index;         /* to begin with */
    const char *save_rois; /* where what was drawn is saved; NULL: in view.rois, or beside the first recording */
    bool follow;           /* go on as a store that is being recorded grows */
    bool plays;
    bool loops;
};

/* Shows the recordings until the user quits. Returns the exit code. */
int window_run(const struct window_plan *plan);

#endif
