/* Pictures of recordings without a display. */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include "view.h"

/* What draws into memory. Functions that return int return CLI_GO_ON, or say what failed and return an exit code. */
struct snapshot {
    SDL_Surface *surface;
    SDL_Renderer *renderer;
    struct view view; /* opened by the caller between snapshot_begin() and the picture */
};

int snapshot_begin(struct snapshot *snapshot);

/* Takes a snapshot that could not begin, too. */
void snapshot_end(struct snapshot *snapshot);

/*
 * Writes one frame, as it is on the screen, into a PNG file, which appears when it is whole. Width and height are those
 * of the pictures together, 0: their own; names of several, status and bar come on top.
 */
int snapshot_export(struct snapshot *snapshot, int64_t index, int width, int height, const char *path);

/*
 * Writes `count` frames, evenly spread over the recording, side by side with their times. Width and height are those of
 * the sheet; 0: small pictures.
 */
int snapshot_contact_sheet(struct snapshot *snapshot, int count, int width, int height, const char *path);

#endif
