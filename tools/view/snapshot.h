/* Pictures of recordings without a display. */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include "view.h"

/*
 * Makes a view that draws into memory, for snapshot_*(). Returns CLI_GO_ON, or says what failed and returns an exit
 * code. snapshot_end() releases it, after a failure too.
 */
struct snapshot {
    SDL_Surface *surface;
    SDL_Renderer *renderer;
    struct view view;
};

int snapshot_begin(struct snapshot *snapshot, int width, int height);
void snapshot_end(struct snapshot *snapshot);

/* Writes one frame, as it is on the screen, into a PNG file, which appears when it is whole. */
int snapshot_export(struct snapshot *snapshot, int64_t index, const char *path);

/* Writes `count` frames, evenly spread over the recording, side by side with their times. */
int snapshot_contact_sheet(struct snapshot *snapshot, int count, const char *path);

#endif
