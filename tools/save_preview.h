/* A window on a recording: the viewer, as a process of its own that follows the store and waits for the recording. */
#ifndef SAVE_PREVIEW_H
#define SAVE_PREVIEW_H

#include <sys/types.h>

/*
 * Starts imgstore-view on the store at `path`, with a lower priority: the one beside this program, else the one on
 * PATH. Without a display it says so itself, and the recording goes on. Returns its process, -1 if there is none.
 */
pid_t save_preview_start(const char *path);

/* Closes the window, if it is still open. Takes -1. */
void save_preview_stop(pid_t viewer);

#endif
