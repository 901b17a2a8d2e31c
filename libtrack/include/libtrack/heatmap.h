/* Heat maps: the motion of many ROIs as pictures. */
#ifndef LIBTRACK_HEATMAP_H
#define LIBTRACK_HEATMAP_H

#include <libtrack/roi.h>
#include <libtrack/tracker.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a map shows. x and y are a row's motion since its template was cut. */
typedef enum trk_map_kind {
    TRK_MAP_DISPLACEMENT = 0, /* px: hypot(x, y) */
    TRK_MAP_SPEED,            /* px/s: the length of the motion since the frame before, hypot(x - x', y - y'), divided
                                 by the time between the two; px/frame where the params say so */
    TRK_MAP_DIRECTION,        /* degrees, 0 <= d < 360: where the ROI has moved to, 0 to the right, 90 down, 180 to the
                                 left, 270 up: clockwise as it is seen, atan2(y, x) */
    TRK_MAP_KIND_COUNT,
} trk_map_kind;

/* Which frames a map is of. */
typedef enum trk_map_span {
    TRK_MAP_FRAME = 0, /* the frame last added */
    TRK_MAP_MEAN,      /* all so far: of displacement and speed the mean, of direction that of the mean motion */
    TRK_MAP_MAXIMUM,   /* all so far: the largest value; of direction that of the largest displacement */
} trk_map_span;

/* Returns "displacement", "speed" or "direction". */
IST_API const char *trk_map_name(trk_map_kind kind);

/* Below this displacement there is no direction, unless trk_heatmap_params says otherwise. */
#define TRK_DIRECTION_MIN_PX 0.05

/* Zero means default. */
typedef struct trk_heatmap_params {
    bool speed_per_frame;    /* speed in px/frame: since the frame before in the store, whatever the time between */
    double direction_min_px; /* below this displacement a direction would be that of noise: NaN; 0:
                                TRK_DIRECTION_MIN_PX */
} trk_heatmap_params;

/*
 * Maps of the motion of ROIs, wherever they lie: on a grid with or without gaps, overlapping, on a ring.
 *
 * A map is as large as the picture, so that it can be laid over it. A pixel shows the ROI that it lies in; of several
 * the one whose centre is nearest, of equally near ones the first. So blocks show whole where they lie further apart
 * than their size, and each shows its middle where they overlap. A pixel outside of all is NaN, and so is all of a ROI
 * that has no value: not measured (but TRK_EDGE counts as measured where it has x and y), no direction, no speed in the
 * first frame, after one without x and y, or where the times do not rise. Means are over the frames that have a value.
 *
 * Memory: 4 bytes for each pixel and about 120 for each ROI, however many frames there are.
 *
 * Thread-safety: one thread at a time.
 */
typedef struct trk_heatmap trk_heatmap;

/*
 * Creates maps of width x height px for the ROIs of a tracker. ROIs and params are copied; params may be NULL.
 * IST_ERROR_ARGUMENT: a size out of range, no ROI or one outside the picture, a negative parameter. IST_ERROR_MEMORY.
 * Cost: the area of all ROIs.
 */
IST_API IST_MUST_CHECK ist_status trk_heatmap_create(trk_heatmap **map, int width, int height, const trk_roi *rois,
                                                     int roi_count, const trk_heatmap_params *params, ist_error *error);

/*
 * Takes the rows of the next frame, one for each ROI in their order, as a trk_row_handler gets them. Of rows whose sums
 * have gaps speeds count, displacements and directions are not known.
 */
IST_API void trk_heatmap_add(trk_heatmap *map, const trk_row *rows);

/* The value of a ROI, NaN if there is none. */
IST_API double trk_heatmap_value(const trk_heatmap *map, trk_map_kind kind, trk_map_span span, int roi);

/* Paints a map into width x height numbers, rows from top to bottom. */
IST_API void trk_heatmap_paint(const trk_heatmap *map, trk_map_kind kind, trk_map_span span, float *pixels);

/* Destroys the maps and sets *map to NULL. Takes a NULL map. */
IST_API void trk_heatmap_destroy(trk_heatmap **map);

#ifdef __cplusplus
}
#endif
#endif
