/* The window: keys, mouse, playing. */
#ifndef WINDOW_H
#define WINDOW_H

#include "view.h"

struct window_plan {
    const char *const *paths;
    int path_count;
    int width, height; /* px; 0: from the pictures */
    int64_t index;     /* to begin with */
    enum alignment alignment;
    struct levels levels;
    bool follow; /* go on as a store that is being recorded grows */
    bool plays;
    bool loops;
};

/* Shows the recordings until the user quits. Returns the exit code. */
int window_run(const struct window_plan *plan);

#endif
