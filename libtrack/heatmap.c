#include <libtrack/heatmap.h>

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "fail.h"

/* Nothing to show, in single and double precision. */
#define NOTHING ((double)NAN)

struct mean {
    double sum;
    int64_t count;
};

/* What is known of one ROI. */
struct place {
    double x_px, y_px, time_s;     /* in the frame last added; NaN: not known, as before the first */
    double shown_x_px, shown_y_px; /* the same where no motion is missing from it */
    double speed;                  /* there */
    struct mean x, y, displacement, speeds;
    double displacement_max, speed_max;
    double x_farthest, y_farthest; /* where displacement was largest */
};

struct trk_heatmap {
    int width, height;
    int roi_count;
    bool speed_per_frame;
    double direction_min_px;
    struct place *places;
    int32_t *owner; /* of each pixel: its ROI, or -1 */
};

static const double DEGREES = 180 / 3.14159265358979323846;

const char *trk_map_name(trk_map_kind kind)
{
    static const char *const names[TRK_MAP_KIND_COUNT] = {"displacement", "speed", "direction"};
    return names[kind];
}

/* ---- whose pixel ---- */

/* Square of the distance from a pixel to the middle of a ROI, in half pixels. */
static int64_t distance(const trk_roi *roi, int x, int y)
{
    const int64_t dx = 2 * (int64_t)(x - roi->x) + 1 - roi->width;
    const int64_t dy = 2 * (int64_t)(y - roi->y) + 1 - roi->height;
    return dx * dx + dy * dy;
}

static void share_pixels(trk_heatmap *map, const trk_roi *rois)
{
    const ptrdiff_t pixels = (ptrdiff_t)map->width * map->height;
    for (ptrdiff_t i = 0; i < pixels; i++)
        map->owner[i] = -1;
    for (int i = 0; i < map->roi_count; i++) {
        const trk_roi *roi = &rois[i];
        for (int y = roi->y; y < roi->y + roi->height; y++)
            for (int x = roi->x; x < roi->x + roi->width; x++) {
                int32_t *owner = &map->owner[(ptrdiff_t)y * map->width + x];
                if (*owner < 0 || distance(roi, x, y) < distance(&rois[*owner], x, y))
                    *owner = i;
            }
    }
}

/* ---- */

static ist_status check(int width, int height, const trk_roi *rois, int roi_count, const trk_heatmap_params *params,
                        ist_error *error)
{
    if (width < 1 || height < 1 || width > UINT16_MAX || height > UINT16_MAX)
        return trk_fail(error, IST_ERROR_ARGUMENT, "a map of %d x %d px cannot be made", width, height);
    if (roi_count < 1 || !rois)
        return trk_fail(error, IST_ERROR_ARGUMENT, "no ROI given");
    for (int i = 0; i < roi_count; i++) {
        const trk_roi *roi = &rois[i];
        if (roi->width < 1 || roi->height < 1 || roi->x < 0 || roi->y < 0 || roi->width > width ||
            roi->height > height || roi->x > width - roi->width || roi->y > height - roi->height)
            return trk_fail(error, IST_ERROR_ARGUMENT, "ROI %d: %d x %d at %d,%d is not inside the map of %d x %d px",
                            i, roi->width, roi->height, roi->x, roi->y, width, height);
    }
    if (!(params->direction_min_px >= 0))
        return trk_fail(error, IST_ERROR_ARGUMENT, "direction_min_px %g must be 0 or more", params->direction_min_px);
    return IST_OK;
}

ist_status trk_heatmap_create(trk_heatmap **map, int width, int height, const trk_roi *rois, int roi_count,
                              const trk_heatmap_params *params, ist_error *error)
{
    *map = NULL;
    const trk_heatmap_params given = params ? *params : (trk_heatmap_params){0};
    const ist_status status = check(width, height, rois, roi_count, &given, error);
    if (status < 0)
        return status;
    trk_heatmap *new = calloc(1, sizeof *new);
    if (!new)
        return trk_fail_memory(error);
    new->width = width;
    new->height = height;
    new->roi_count = roi_count;
    new->speed_per_frame = given.speed_per_frame;
    new->direction_min_px = given.direction_min_px > 0 ? given.direction_min_px : TRK_DIRECTION_MIN_PX;
    new->places = calloc((size_t)roi_count, sizeof *new->places);
    new->owner = calloc((size_t)width * (size_t)height, sizeof *new->owner);
    if (!new->places || !new->owner) {
        trk_heatmap_destroy(&new);
        return trk_fail_memory(error);
    }
    for (int i = 0; i < roi_count; i++)
        new->places[i] = (struct place){.x_px = NOTHING,
                                        .y_px = NOTHING,
                                        .time_s = NOTHING,
                                        .shown_x_px = NOTHING,
                                        .shown_y_px = NOTHING,
                                        .speed = NOTHING};
    share_pixels(new, rois);
    *map = new;
    return IST_OK;
}

void trk_heatmap_destroy(trk_heatmap **map)
{
    if (!map || !*map)
        return;
    free((*map)->places);
    free((*map)->owner);
    free(*map);
    *map = NULL;
}

/* ---- values ---- */

static void mean_add(struct mean *mean, double value)
{
    mean->sum += value;
    mean->count++;
}

static double mean_value(const struct mean *mean)
{
    return mean->count ? mean->sum / (double)mean->count : NOTHING;
}

/* From where a ROI was to where it is. NaN if either is not known, or the clock did not go on. */
static double speed_since(const struct place *before, const trk_row *row, bool per_frame)
{
    const double way_px = hypot(row->x_px - before->x_px, row->y_px - before->y_px);
    const double time_s = row->frame_time_s - before->time_s;
    if (per_frame)
        return way_px;
    return time_s > 0 ? way_px / time_s : NOTHING;
}

static void add_displacement(struct place *place, double x_px, double y_px)
{
    const double displacement = hypot(x_px, y_px);
    if (place->displacement.count == 0 || displacement > place->displacement_max) {
        place->displacement_max = displacement;
        place->x_farthest = x_px;
        place->y_farthest = y_px;
    }
    mean_add(&place->displacement, displacement);
    mean_add(&place->x, x_px);
    mean_add(&place->y, y_px);
}

static void add_speed(struct place *place, double speed)
{
    if (place->speeds.count == 0 || speed > place->speed_max)
        place->speed_max = speed;
    mean_add(&place->speeds, speed);
}

void trk_heatmap_add(trk_heatmap *map, const trk_row *rows)
{
    for (int i = 0; i < map->roi_count; i++) {
        const trk_row *row = &rows[i];
        struct place *place = &map->places[i];
        place->speed = speed_since(place, row, map->speed_per_frame);
        place->x_px = row->x_px;
        place->y_px = row->y_px;
        place->time_s = row->frame_time_s;
        // From frame to frame a sum with a gap is whole, as displacement it is not.
        place->shown_x_px = row->gaps > 0 ? NOTHING : row->x_px;
        place->shown_y_px = row->gaps > 0 ? NOTHING : row->y_px;
        if (!isnan(place->shown_x_px))
            add_displacement(place, row->x_px, row->y_px);
        if (!isnan(place->speed))
            add_speed(place, place->speed);
    }
}

static double direction_of(const trk_heatmap *map, double x_px, double y_px)
{
    if (!(hypot(x_px, y_px) >= map->direction_min_px))
        return NOTHING;
    const double degrees = atan2(y_px, x_px) * DEGREES;
    // A hair above the right is 360 by rounding.
    return degrees >= 0 ? degrees : degrees + 360 < 360 ? degrees + 360 : 0;
}

static double direction_in(const trk_heatmap *map, const struct place *place, trk_map_span span)
{
    switch (span) {
    case TRK_MAP_FRAME:
        return direction_of(map, place->shown_x_px, place->shown_y_px);
    case TRK_MAP_MEAN:
        return direction_of(map, mean_value(&place->x), mean_value(&place->y));
    case TRK_MAP_MAXIMUM:
        return direction_of(map, place->x_farthest, place->y_farthest);
    }
    return NOTHING;
}

static double length_in(double now, const struct mean *mean, double maximum, trk_map_span span)
{
    switch (span) {
    case TRK_MAP_FRAME:
        return now;
    case TRK_MAP_MEAN:
        return mean_value(mean);
    case TRK_MAP_MAXIMUM:
        return mean->count ? maximum : NOTHING;
    }
    return NOTHING;
}

double trk_heatmap_value(const trk_heatmap *map, trk_map_kind kind, trk_map_span span, int roi)
{
    assert(roi >= 0 && roi < map->roi_count);
    const struct place *place = &map->places[roi];
    if (kind == TRK_MAP_DIRECTION)
        return direction_in(map, place, span);
    if (kind == TRK_MAP_SPEED)
        return length_in(place->speed, &place->speeds, place->speed_max, span);
    return length_in(hypot(place->shown_x_px, place->shown_y_px), &place->displacement, place->displacement_max, span);
}

void trk_heatmap_paint(const trk_heatmap *map, trk_map_kind kind, trk_map_span span, float *pixels)
{
    const ptrdiff_t count = (ptrdiff_t)map->width * map->height;
    // Neighbours mostly have one owner.
    int32_t owner = -1;
    float value = NAN;
    for (ptrdiff_t i = 0; i < count; i++) {
        if (map->owner[i] != owner) {
            owner = map->owner[i];
            value = owner < 0 ? NAN : (float)trk_heatmap_value(map, kind, span, owner);
        }
        pixels[i] = value;
    }
}
