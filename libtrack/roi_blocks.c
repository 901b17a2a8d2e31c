#include <libtrack/roi.h>

#include <math.h>
#include <stdio.h>

#include "fail.h"
#include "roi_set.h"

/* Places for blocks: column i begins at x + floor(i step_x). */
struct lattice {
    int x, y;
    int columns, rows;
    double step_x, step_y;
    int width, height; /* of a block */
};

/* True if a block with its middle there belongs to the shape. */
typedef bool shape_holds(const void *shape, double x, double y);

/* More places than this are a mistake, whatever the shape. */
enum { PLACES_MAX = 1 << 24 };

/* A step that only rounding keeps from fitting once more does fit. */
static const double ROUNDING = 1e-9;

static double take_step(trk_blocks blocks)
{
    return blocks.step == 0 ? 1 : blocks.step;
}

static ist_status check_blocks(trk_blocks blocks, ist_error *error)
{
    const double step = take_step(blocks);
    if (blocks.width < 1 || blocks.height < 1 || blocks.width > TRK_ROI_COORDINATE_MAX ||
        blocks.height > TRK_ROI_COORDINATE_MAX)
        return trk_fail(error, IST_ERROR_ARGUMENT, "blocks of %d x %d px: there are none", blocks.width, blocks.height);
    if (!(step >= 0.01 && step <= 100))
        return trk_fail(error, IST_ERROR_ARGUMENT, "a step of %g blocks: it must be 0.01 to 100", step);
    return IST_OK;
}

static ist_status check_values(const double *values, int count, ist_error *error)
{
    for (int i = 0; i < count; i++)
        if (!(fabs(values[i]) <= 3.0 * TRK_ROI_COORDINATE_MAX))
            return trk_fail(error, IST_ERROR_ARGUMENT, "%g is beyond any picture", values[i]);
    return IST_OK;
}

/* The lattice over width x height px from x, y on. */
static ist_status lay_lattice(struct lattice *lattice, int x, int y, double width, double height, trk_blocks blocks,
                              ist_error *error)
{
    const double numbers[] = {x, y, width, height};
    if (check_blocks(blocks, error) < 0 || check_values(numbers, 4, error) < 0)
        return IST_ERROR_ARGUMENT;
    const double step_x = take_step(blocks) * blocks.width, step_y = take_step(blocks) * blocks.height;
    const double columns = floor(width / step_x + ROUNDING), rows = floor(height / step_y + ROUNDING);
    if (columns > 0 && rows > 0 && columns * rows > PLACES_MAX)
        return trk_fail(error, IST_ERROR_ARGUMENT, "%.0f x %.0f blocks are too many", columns, rows);
    *lattice = (struct lattice){
        .x = x,
        .y = y,
        .columns = columns > 0 ? (int)columns : 0,
        .rows = rows > 0 ? (int)rows : 0,
        .step_x = step_x,
        .step_y = step_y,
        .width = blocks.width,
        .height = blocks.height,
    };
    return IST_OK;
}

static ist_status lay_over_area(struct lattice *lattice, trk_roi area, trk_blocks blocks, ist_error *error)
{
    if (area.width < 1 || area.height < 1)
        return trk_fail(error, IST_ERROR_ARGUMENT, "an area of %d x %d px is empty", area.width, area.height);
    return lay_lattice(lattice, area.x, area.y, area.width, area.height, blocks, error);
}

/* Adds the blocks whose middle the shape holds, row by row. On failure the set may have some of them. */
static ist_status add_held(trk_roi_set *set, const char *group, const struct lattice *lattice, shape_holds *holds,
                           const void *shape, ist_error *error)
{
    for (int row = 0; row < lattice->rows; row++)
        for (int column = 0; column < lattice->columns; column++) {
            const trk_roi roi = {lattice->x + (int)floor(column * lattice->step_x + ROUNDING),
                                 lattice->y + (int)floor(row * lattice->step_y + ROUNDING), lattice->width,
                                 lattice->height};
            if (!holds(shape, roi.x + roi.width / 2.0, roi.y + roi.height / 2.0))
                continue;
            const ist_status status = trk_roi_set_add(set, roi, NULL, group, error);
            if (status < 0)
                return status;
        }
    return IST_OK;
}

/* All or nothing: takes away what was added behind the first `before` ROIs if it failed, and fails if that is none. */
static ist_status keep_whole(trk_roi_set *set, int before, ist_status status, ist_error *error)
{
    if (status < 0)
        roi_set_truncate(set, before);
    else if (trk_roi_set_count(set) == before)
        return trk_fail(error, IST_ERROR_ARGUMENT, "no block has its middle in the shape");
    return status;
}

static ist_status add_shape(trk_roi_set *set, const char *group, const struct lattice *lattice, shape_holds *holds,
                            const void *shape, ist_error *error)
{
    const int before = trk_roi_set_count(set);
    return keep_whole(set, before, add_held(set, group, lattice, holds, shape, error), error);
}

/* ---- grid ---- */

static bool everything_holds(const void *shape, double x, double y)
{
    (void)shape, (void)x, (void)y;
    return true;
}

ist_status trk_roi_set_add_grid(trk_roi_set *set, const char *group, trk_roi area, trk_blocks blocks, ist_error *error)
{
    struct lattice lattice;
    const ist_status status = lay_over_area(&lattice, area, blocks, error);
    return status < 0 ? status : add_shape(set, group, &lattice, everything_holds, NULL, error);
}

/* ---- ellipse, arc, radial ---- */

/* A ring between two ellipses of one shape; inner 0: filled. Of it, one sector. */
struct ring {
    double x, y, a, b;
    double inner; /* share of a and b, 0..1 */
    int sector, sectors;
};

static bool ring_holds(const void *shape, double x, double y)
{
    const struct ring *ring = shape;
    const double dx = x - ring->x, dy = y - ring->y;
    const double square = dx * dx / (ring->a * ring->a) + dy * dy / (ring->b * ring->b);
    if (square > 1 || square < ring->inner * ring->inner)
        return false;
    const double turn = (atan2(dy, dx) / M_PI + 1) / 2; // 0 to the left, growing clockwise on the screen
    return (int)(turn * ring->sectors) % ring->sectors == ring->sector;
}

/* ring_px 0: filled. */
static ist_status make_ring(struct ring *ring, double x, double y, double a, double b, double ring_px, ist_error *error)
{
    const double numbers[] = {x, y, a, b};
    if (check_values(numbers, 4, error) < 0)
        return IST_ERROR_ARGUMENT;
    if (!(a > 0 && b > 0))
        return trk_fail(error, IST_ERROR_ARGUMENT, "a radius of %g px: it must be above 0", a > 0 ? b : a);
    if (!(ring_px >= 0))
        return trk_fail(error, IST_ERROR_ARGUMENT, "a ring of %g px: it must be 0 or more", ring_px);
    const double longest = fmax(a, b);
    const bool filled = ring_px == 0 || ring_px >= longest;
    *ring = (struct ring){x, y, a, b, .inner = filled ? 0 : 1 - ring_px / longest, .sectors = 1};
    return IST_OK;
}

ist_status trk_roi_set_add_ellipse(trk_roi_set *set, const char *group, trk_roi area, double ring_px, trk_blocks blocks,
                                   ist_error *error)
{
    struct lattice lattice;
    struct ring ring;
    const double a = area.width / 2.0, b = area.height / 2.0;
    if (lay_over_area(&lattice, area, blocks, error) < 0 ||
        make_ring(&ring, area.x + a, area.y + b, a, b, ring_px, error) < 0)
        return IST_ERROR_ARGUMENT;
    return add_shape(set, group, &lattice, ring_holds, &ring, error);
}

/* The ring of a circle, and the lattice to look for its blocks. */
static ist_status lay_circle(struct lattice *lattice, struct ring *ring, trk_roi area, trk_circle circle,
                             double ring_px, trk_blocks blocks, ist_error *error)
{
    const ist_status status = lay_over_area(lattice, area, blocks, error);
    return status < 0 ? status : make_ring(ring, circle.x, circle.y, circle.radius, circle.radius, ring_px, error);
}

ist_status trk_roi_set_add_arc(trk_roi_set *set, const char *group, trk_roi area, trk_circle circle, double ring_px,
                               trk_blocks blocks, ist_error *error)
{
    struct lattice lattice;
    struct ring ring;
    const ist_status status = lay_circle(&lattice, &ring, area, circle, ring_px, blocks, error);
    return status < 0 ? status : add_shape(set, group, &lattice, ring_holds, &ring, error);
}

/* Adds the blocks of one sector after the other. On failure the set may have some of them. */
static ist_status add_sectors(trk_roi_set *set, const char *group, const struct lattice *lattice, struct ring *ring,
                              ist_error *error)
{
    ist_status status = IST_OK;
    for (ring->sector = 0; ring->sector < ring->sectors && status == IST_OK; ring->sector++) {
        char name[TRK_ROI_NAME_MAX + 16];
        snprintf(name, sizeof name, "%.*s-%d", TRK_ROI_NAME_MAX + 1, group ? group : "", ring->sector + 1);
        status = add_held(set, group ? name : NULL, lattice, ring_holds, ring, error);
    }
    return status;
}

ist_status trk_roi_set_add_radial(trk_roi_set *set, const char *group, trk_roi area, trk_circle circle, double ring_px,
                                  int sectors, trk_blocks blocks, ist_error *error)
{
    if (sectors < 1 || sectors > TRK_ROI_SECTORS_MAX)
        return trk_fail(error, IST_ERROR_ARGUMENT, "%d sectors: there must be 1 to %d", sectors, TRK_ROI_SECTORS_MAX);
    struct lattice lattice;
    struct ring ring;
    const ist_status status = lay_circle(&lattice, &ring, area, circle, ring_px, blocks, error);
    if (status < 0)
        return status;
    ring.sectors = sectors;
    const int before = trk_roi_set_count(set);
    return keep_whole(set, before, add_sectors(set, group, &lattice, &ring, error), error);
}

/* ---- line ---- */

struct line {
    trk_point from, to;
    double distance;
};

static bool line_holds(const void *shape, double x, double y)
{
    const struct line *line = shape;
    const trk_point from = line->from, to = line->to;
    const double dx = to.x - from.x, dy = to.y - from.y;
    const double distance = fabs((x - from.x) * dy - (y - from.y) * dx) / hypot(dx, dy);
    const bool between = fabs(dx) > fabs(dy) ? x >= fmin(from.x, to.x) && x <= fmax(from.x, to.x)
                                             : y >= fmin(from.y, to.y) && y <= fmax(from.y, to.y);
    return between && distance <= line->distance;
}

ist_status trk_roi_set_add_line(trk_roi_set *set, const char *group, trk_point from, trk_point to, double distance_px,
                                trk_blocks blocks, ist_error *error)
{
    const double numbers[] = {from.x, from.y, to.x, to.y, distance_px};
    if (check_values(numbers, 5, error) < 0)
        return IST_ERROR_ARGUMENT;
    if (distance_px < 0)
        return trk_fail(error, IST_ERROR_ARGUMENT, "a distance of %g px: it must be 0 or more", distance_px);
    const double extent_x = fabs(to.x - from.x), extent_y = fabs(to.y - from.y);
    if (extent_x == 0 && extent_y == 0)
        return trk_fail(error, IST_ERROR_ARGUMENT, "a line from %g,%g to itself", from.x, from.y);
    const int x = (int)(fmin(from.x, to.x) - fmax(extent_x, distance_px) / 2);
    const int y = (int)(fmin(from.y, to.y) - fmax(extent_y, distance_px) / 2);
    struct lattice lattice;
    const ist_status status = lay_lattice(&lattice, x, y, fmax(from.x, to.x) + distance_px + blocks.width - x,
                                          fmax(from.y, to.y) + distance_px + blocks.height - y, blocks, error);
    const struct line line = {from, to, distance_px};
    return status < 0 ? status : add_shape(set, group, &lattice, line_holds, &line, error);
}

/* ---- polygon ---- */

struct polygon {
    const trk_point *points;
    int count;
};

/* Even-odd rule: how often a ray to the right crosses the border. */
static bool polygon_holds(const void *shape, double x, double y)
{
    const struct polygon *polygon = shape;
    bool inside = false;
    for (int i = 0; i < polygon->count; i++) {
        const trk_point from = polygon->points[i], to = polygon->points[(i + 1) % polygon->count];
        const bool crosses_height = (from.y > y) != (to.y > y);
        if (crosses_height && x < from.x + (to.x - from.x) * (y - from.y) / (to.y - from.y))
            inside = !inside;
    }
    return inside;
}

ist_status trk_roi_set_add_polygon(trk_roi_set *set, const char *group, const trk_point *points, int count,
                                   trk_blocks blocks, ist_error *error)
{
    if (count < 3)
        return trk_fail(error, IST_ERROR_ARGUMENT, "a polygon needs three points or more, not %d", count);
    trk_point low = points[0], high = points[0];
    for (int i = 0; i < count; i++) {
        const double numbers[] = {points[i].x, points[i].y};
        if (check_values(numbers, 2, error) < 0)
            return IST_ERROR_ARGUMENT;
        low = (trk_point){fmin(low.x, points[i].x), fmin(low.y, points[i].y)};
        high = (trk_point){fmax(high.x, points[i].x), fmax(high.y, points[i].y)};
    }
    const int x = (int)floor(low.x), y = (int)floor(low.y);
    struct lattice lattice;
    const ist_status status = lay_lattice(&lattice, x, y, high.x - x, high.y - y, blocks, error);
    const struct polygon polygon = {points, count};
    return status < 0 ? status : add_shape(set, group, &lattice, polygon_holds, &polygon, error);
}
