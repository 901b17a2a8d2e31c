#include <libtrack/roi.h>

#include <math.h>

#include "fail.h"

static trk_point mean_point(const trk_point *points, int count)
{
    trk_point mean = {0, 0};
    for (int i = 0; i < count; i++) {
        mean.x += points[i].x / count;
        mean.y += points[i].y / count;
    }
    return mean;
}

/* Solves a symmetric system of two equations. False: it has no single solution. */
static bool solve(double xx, double xy, double yy, double x, double y, trk_point *solution)
{
    const double determinant = xx * yy - xy * xy;
    // The size that rounding alone gives the determinant of points on a line.
    if (!(determinant > 1e-12 * (xx + yy) * (xx + yy)))
        return false;
    *solution = (trk_point){(x * yy - y * xy) / determinant, (y * xx - x * xy) / determinant};
    return true;
}

/*
 * Kasa: minimises the sum of (|p - c|^2 - r^2)^2. With the origin in the points' mean its normal equations are
 *     2 sum(p p') c = sum(|p|^2 p),   r^2 = |c|^2 + mean(|p|^2)
 */
static bool fit_algebraic(trk_circle *circle, const trk_point *points, int count)
{
    const trk_point mean = mean_point(points, count);
    double xx = 0, xy = 0, yy = 0, x = 0, y = 0;
    for (int i = 0; i < count; i++) {
        const double dx = points[i].x - mean.x, dy = points[i].y - mean.y, square = dx * dx + dy * dy;
        xx += dx * dx;
        xy += dx * dy;
        yy += dy * dy;
        x += square * dx / 2;
        y += square * dy / 2;
    }
    trk_point middle;
    if (!solve(xx, xy, yy, x, y, &middle))
        return false;
    circle->x = mean.x + middle.x;
    circle->y = mean.y + middle.y;
    circle->radius = sqrt(middle.x * middle.x + middle.y * middle.y + (xx + yy) / count);
    return true;
}

/*
 * A step of Gauss-Newton for the sum of (|p - c| - r)^2. For any middle the best radius is the mean distance, so the
 * unknowns are the middle's two coordinates; u is the direction from the middle to a point, less the mean of all u.
 */
static bool step_to_minimum(trk_circle *circle, const trk_point *points, int count, double *step)
{
    double radius = 0, mean_x = 0, mean_y = 0, xx = 0, xy = 0, yy = 0, x = 0, y = 0;
    for (int i = 0; i < count; i++) {
        const double dx = points[i].x - circle->x, dy = points[i].y - circle->y, distance = hypot(dx, dy);
        const double ux = distance > 0 ? dx / distance : 0, uy = distance > 0 ? dy / distance : 0;
        radius += distance / count;
        mean_x += ux / count;
        mean_y += uy / count;
        xx += ux * ux;
        xy += ux * uy;
        yy += uy * uy;
        x += distance * ux;
        y += distance * uy;
    }
    trk_point move;
    if (!solve(xx - count * mean_x * mean_x, xy - count * mean_x * mean_y, yy - count * mean_y * mean_y,
               x - count * radius * mean_x, y - count * radius * mean_y, &move))
        return false;
    circle->x += move.x;
    circle->y += move.y;
    *step = hypot(move.x, move.y);
    return true;
}

static double mean_distance(const trk_circle *circle, const trk_point *points, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += hypot(points[i].x - circle->x, points[i].y - circle->y);
    return sum / count;
}

ist_status trk_circle_fit(trk_circle *circle, const trk_point *points, int count, ist_error *error)
{
    enum { STEPS_MAX = 100 };
    if (count < 3)
        return trk_fail(error, IST_ERROR_ARGUMENT, "a circle needs three points or more, not %d", count);
    for (int i = 0; i < count; i++)
        if (!isfinite(points[i].x) || !isfinite(points[i].y))
            return trk_fail(error, IST_ERROR_ARGUMENT, "point %d is not finite", i);
    trk_circle found;
    if (!fit_algebraic(&found, points, count))
        return trk_fail(error, IST_ERROR_ARGUMENT, "the points lie on a straight line: no circle fits them");
    const trk_circle algebraic = found;
    double step = HUGE_VAL;
    for (int i = 0; i < STEPS_MAX && step > 1e-12 * algebraic.radius; i++)
        if (!step_to_minimum(&found, points, count, &step))
            return trk_fail(error, IST_ERROR_ARGUMENT, "no circle fits these points");
    // Points that hardly bend can lead away: then the algebraic solution stands.
    if (!(step < 1e-6 * algebraic.radius))
        found = algebraic;
    *circle = (trk_circle){found.x, found.y, mean_distance(&found, points, count)};
    return IST_OK;
}
