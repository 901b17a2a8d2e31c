/*
 * Regions of interest: single ones, sets of them with names and groups, and blocks that fill a shape.
 *
 * Coordinates are px, x to the right and y down; (0, 0) is the upper left corner of the picture's first pixel, whose
 * middle lies at (0.5, 0.5). Angles run from 0 to the left over the top to the right: clockwise on the screen.
 */
#ifndef LIBTRACK_ROI_H
#define LIBTRACK_ROI_H

#include <libstore/error.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A region of interest: a rectangle of pixels. To be measured: wholly inside the picture, at least 4 x 4. */
typedef struct trk_roi {
    int x;      /* px from the left border to the ROI's first column */
    int y;      /* px from the top border to the ROI's first row */
    int width;  /* px */
    int height; /* px */
} trk_roi;

/* ---- sets ---- */

/*
 * An ordered set of ROIs. Each may have a name, and may belong to one group; a group is there as long as it has a
 * ROI, and groups are ordered by their first. Names differ from each other within the set.
 *
 * Names of ROIs and of groups are 1 to TRK_ROI_NAME_MAX bytes of UTF-8, not only digits (a number stands for a ROI
 * without a name), without control characters, commas, double quotes, and blanks at either end: they are fields of
 * tables. Names of groups are also parts of file names: no slash.
 *
 * Thread-safety: any number of threads may read a set that none changes.
 */
typedef struct trk_roi_set trk_roi_set;

enum {
    TRK_ROI_NAME_MAX = 63,          /* bytes */
    TRK_ROI_SET_MAX = 100000,       /* ROIs in a set */
    TRK_ROI_COORDINATE_MAX = 65535, /* of x, y (either sign), width and height */
    TRK_ROI_SECTORS_MAX = 1000,
};

/* Creates an empty set. IST_ERROR_MEMORY. */
IST_API IST_MUST_CHECK ist_status trk_roi_set_create(trk_roi_set **set, ist_error *error);

/* Destroys the set and sets *set to NULL. Takes a NULL set. */
IST_API void trk_roi_set_destroy(trk_roi_set **set);

/*
 * Adds a ROI of at least 1 x 1 px; it may lie outside of any picture. `name` and `group` are copied; NULL: none.
 * IST_ERROR_ARGUMENT: a name as it must not be, or that is there already; a coordinate out of range; the set is full.
 * IST_ERROR_MEMORY. The set is then as it was.
 */
IST_API IST_MUST_CHECK ist_status trk_roi_set_add(trk_roi_set *set, trk_roi roi, const char *name, const char *group,
                                                  ist_error *error);

/*
 * Adds the ROIs of `from` that lie wholly inside a picture of width x height px, with their names and groups;
 * *outside becomes the number of those that do not, and are left out. Status as for trk_roi_set_add(); the set is
 * then as it was.
 */
IST_API IST_MUST_CHECK ist_status trk_roi_set_append(trk_roi_set *set, const trk_roi_set *from, int width, int height,
                                                     int *outside, ist_error *error);

/* The number of ROIs, and all of them in order, as trk_tracker_create() takes them. Valid until the set changes. */
IST_API int trk_roi_set_count(const trk_roi_set *set);
IST_API const trk_roi *trk_roi_set_rois(const trk_roi_set *set);

/* The name of ROI i: its own, or its number from 0 as text. Valid until the set changes. */
IST_API const char *trk_roi_set_name(const trk_roi_set *set, int i);
IST_API bool trk_roi_set_is_named(const trk_roi_set *set, int i);

/* Groups are numbered from 0. The group of ROI i; -1: none. */
IST_API int trk_roi_set_group(const trk_roi_set *set, int i);
IST_API int trk_roi_set_group_count(const trk_roi_set *set);
IST_API const char *trk_roi_set_group_name(const trk_roi_set *set, int group);
/* The number of ROIs in a group, at least 1. */
IST_API int trk_roi_set_group_size(const trk_roi_set *set, int group);

/* ---- blocks that fill a shape ---- */

/*
 * Blocks lie on a lattice over a rectangle, and each whose middle belongs to the shape becomes a ROI without a name,
 * row by row. Column i of the lattice begins at x + floor(i step width), i below floor(area width / (step width));
 * rows likewise. With a step below 1 neighbours overlap, and the last ones stick out of the rectangle by less than
 * one block. Blocks may stick out of
 * the picture too: trk_roi_set_append() leaves those out.
 */
typedef struct trk_blocks {
    int width;   /* px */
    int height;  /* px */
    double step; /* from one block to the next, in blocks; 0: 1, side by side */
} trk_blocks;

typedef struct trk_point {
    double x;
    double y;
} trk_point;

typedef struct trk_circle {
    double x; /* of the middle */
    double y;
    double radius;
} trk_circle;

/*
 * Fits a circle to `count` points, three or more: least squares of their distances to it, by Gauss-Newton from the
 * algebraic solution (Gander, Golub, Strebel: Least-squares fitting of circles and ellipses, BIT 34, 1994; Kasa: A
 * circle fitting procedure and its error analysis, IEEE Trans. Instrum. Meas. 25, 1976).
 * IST_ERROR_ARGUMENT: fewer than three points, values that are not finite, or points on a straight line.
 */
IST_API IST_MUST_CHECK ist_status trk_circle_fit(trk_circle *circle, const trk_point *points, int count,
                                                 ist_error *error);

/*
 * All that follow add ROIs to `group`, which may be there already, or be NULL. None is added when they fail:
 * IST_ERROR_ARGUMENT: blocks below 1 x 1 px or with a step that is not a number from 0.01 to 100; values that are not
 * finite or out of range; no block belongs to the shape; a group's name as it must not be; the set would have more
 * than TRK_ROI_SET_MAX. IST_ERROR_MEMORY.
 */

/* Every block of the lattice over `area`. */
IST_API IST_MUST_CHECK ist_status trk_roi_set_add_grid(trk_roi_set *set, const char *group, trk_roi area,
                                                       trk_blocks blocks, ist_error *error);

/*
 * The ellipse that touches the sides of `area`, whose lattice it takes: (dx / a)^2 + (dy / b)^2 <= 1 with half the
 * area's sides a and b. With ring_px > 0 only a ring along its rim: what lies outside of the same ellipse shrunk by
 * ring_px / max(a, b), so that its width is ring_px where the ellipse is longest. 0, or as much as max(a, b): filled.
 */
IST_API IST_MUST_CHECK ist_status trk_roi_set_add_ellipse(trk_roi_set *set, const char *group, trk_roi area,
                                                          double ring_px, trk_blocks blocks, ist_error *error);

/*
 * Blocks at most distance_px from the straight line through `from` and `to`, and between the two in x if they lie
 * farther apart in x than in y, else in y. The lattice begins half of the line's extent, at least distance_px / 2,
 * to the left of and above both, in whole px (towards 0).
 */
IST_API IST_MUST_CHECK ist_status trk_roi_set_add_line(trk_roi_set *set, const char *group, trk_point from,
                                                       trk_point to, double distance_px, trk_blocks blocks,
                                                       ist_error *error);

/* The lattice over `area` where it meets a ring: from circle.radius - ring_px to circle.radius; 0, or more: a disc. */
IST_API IST_MUST_CHECK ist_status trk_roi_set_add_arc(trk_roi_set *set, const char *group, trk_roi area,
                                                      trk_circle circle, double ring_px, trk_blocks blocks,
                                                      ist_error *error);

/*
 * The same ring in `sectors` (1..TRK_ROI_SECTORS_MAX) equal parts, the first from the angle 0, one after the other.
 * Each becomes a group with its number from 1 behind `group`, as in "iris-1"; one without a block has no group.
 */
IST_API IST_MUST_CHECK ist_status trk_roi_set_add_radial(trk_roi_set *set, const char *group, trk_roi area,
                                                         trk_circle circle, double ring_px, int sectors,
                                                         trk_blocks blocks, ist_error *error);

/* A closed polygon of three or more points (what is inside: even-odd rule), on the lattice over its bounding box. */
IST_API IST_MUST_CHECK ist_status trk_roi_set_add_polygon(trk_roi_set *set, const char *group, const trk_point *points,
                                                          int count, trk_blocks blocks, ist_error *error);

#ifdef __cplusplus
}
#endif
#endif
