/* ROIs that are drawn, moved and deleted, with every step taken back if it was a mistake. */
#ifndef REGIONS_H
#define REGIONS_H

#include <libtrack/roi.h>
#include <libtrack/roi_file.h>
#include <stdbool.h>

/* What can be drawn. All but a rectangle are filled with square blocks, which become a group. */
enum shape_kind { SHAPE_RECTANGLE, SHAPE_ELLIPSE, SHAPE_LINE, SHAPE_GRID, SHAPE_COUNT };

struct shape {
    enum shape_kind kind;
    trk_point from, to; /* px: opposite corners, or the ends of the line */
    int block_px;
};

const char *shape_name(enum shape_kind kind);

/*
 * A set of ROIs in a picture, and the sets that it was before.
 *
 * A group stays together: what is done to one of its ROIs is done to all. Functions that return a status leave
 * everything as it was when they fail.
 */
struct regions;

/* For pictures of width x height px. `path`: a file to begin with; NULL: none. Status of trk_roi_set_read(). */
ist_status regions_create(struct regions **regions, int width, int height, const char *path, ist_error *error);
void regions_destroy(struct regions **regions);

/* The ROIs as they are. Valid until the next step. */
const trk_roi_set *regions_now(const struct regions *regions);

/* The ROIs of a shape that lie inside the picture: a new set. IST_ERROR_ARGUMENT: there are none. */
ist_status regions_fill(const struct regions *regions, const struct shape *shape, trk_roi_set **set, ist_error *error);

/* One step each. A move ends at the picture's border. */
ist_status regions_add(struct regions *regions, const struct shape *shape, ist_error *error);
ist_status regions_move(struct regions *regions, int roi, int dx, int dy, ist_error *error);
ist_status regions_remove(struct regions *regions, int roi, ist_error *error);

/* Takes the last step back, or does it again. False: there is none. */
bool regions_undo(struct regions *regions);
bool regions_redo(struct regions *regions);

/* The smallest ROI at a point, -1: there is none. */
int regions_at(const struct regions *regions, double x, double y);

/* True for the ROI itself and for the others in its group. */
bool regions_together(const struct regions *regions, int roi, int other);

/* How far a ROI and its group can be moved: *dx and *dy are cut so that they stay inside the picture. */
void regions_limit_move(const struct regions *regions, int roi, int *dx, int *dy);

/* Writes the file anew; a set that has become empty removes it. */
ist_status regions_save(struct regions *regions, const char *path, ist_error *error);

/* True if there is something that was not saved. */
bool regions_unsaved(const struct regions *regions);

#endif
