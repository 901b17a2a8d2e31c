/* What mm-analyze found: ROIs and how far each has moved in every frame. */
#ifndef TRACKS_H
#define TRACKS_H

#include <libtrack/roi.h>
#include <stdbool.h>
#include <stdint.h>

struct motion {
    float x, y; /* px since the template was cut; NaN: not measured */
};

struct tracks {
    trk_roi *rois;
    int roi_count;
    int64_t first, end;    /* the frames that were measured: indices, half-open */
    struct motion *motion; /* of each of these frames each ROI: [frame - first][roi] */
    float largest_px;      /* the largest displacement there is; 0: none was measured */
};

/*
 * Reads a movement.csv, and the places of its ROIs from the settings.json beside it. Returns CLI_GO_ON, or says what is
 * wrong and returns an exit code.
 * Cost: 8 bytes and a quarter of a microsecond a row.
 */
int tracks_read(struct tracks **tracks, const char *path);
void tracks_free(struct tracks **tracks);

/* Motion of every ROI in a frame; NULL: the frame was not measured. */
const struct motion *tracks_at(const struct tracks *tracks, int64_t index);

#endif
