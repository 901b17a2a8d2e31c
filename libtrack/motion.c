#include "motion.h"

#include <math.h>

static const double DEGREES = 180 / 3.14159265358979323846;

struct movement movement_of(const trk_motion *motion)
{
    const double angle = motion->turn_deg / DEGREES;
    return (struct movement){motion->x_px, motion->y_px, cos(angle), sin(angle)};
}

/* The middle of a ROI in the reference. */
static struct point middle_of(const trk_roi *roi)
{
    return (struct point){roi->x + (roi->width - 1) / 2.0, roi->y + (roi->height - 1) / 2.0};
}

/* What the ROIs that were measured are on the average. */
struct average {
    int count;
    struct point middle, motion;
};

static struct average average_rows(const trk_roi *rois, const trk_row *rows, int count)
{
    struct average average = {0};
    for (int i = 0; i < count; i++) {
        if (rows[i].status != TRK_MEASURED)
            continue;
        const struct point middle = middle_of(&rois[i]);
        average.count++;
        average.middle.x += middle.x;
        average.middle.y += middle.y;
        average.motion.x += rows[i].x_px;
        average.motion.y += rows[i].y_px;
    }
    if (average.count > 0) {
        average.middle.x /= average.count;
        average.middle.y /= average.count;
        average.motion.x /= average.count;
        average.motion.y /= average.count;
    }
    return average;
}

/* The turn that takes the middles to where they are with the least squares, both seen from their own middle. */
static double find_turn(const trk_roi *rois, const trk_row *rows, int count, const struct average *average)
{
    double along = 0, across = 0;
    for (int i = 0; i < count; i++) {
        if (rows[i].status != TRK_MEASURED)
            continue;
        const struct point middle = middle_of(&rois[i]);
        const double x = middle.x - average->middle.x, y = middle.y - average->middle.y;
        const double to_x = x + rows[i].x_px - average->motion.x, to_y = y + rows[i].y_px - average->motion.y;
        along += x * to_x + y * to_y;
        across += x * to_y - y * to_x;
    }
    return atan2(across, along);
}

bool trk_motion_of_rows(trk_motion *motion, const trk_roi *rois, const trk_row *rows, int count, bool turn)
{
    const struct average average = average_rows(rois, rows, count);
    if (average.count < (turn ? 2 : 1))
        return false;
    if (!turn) {
        *motion = (trk_motion){average.motion.x, average.motion.y, 0};
        return true;
    }
    const double angle = find_turn(rois, rows, count, &average);
    const double x = average.middle.x, y = average.middle.y;
    *motion = (trk_motion){
        .x_px = average.motion.x + x - (x * cos(angle) - y * sin(angle)),
        .y_px = average.motion.y + y - (x * sin(angle) + y * cos(angle)),
        .turn_deg = angle * DEGREES,
    };
    return true;
}

/* Whole pixels to take off for something that sticks out so far. */
static int whole(double out_px)
{
    return out_px > 0 ? (int)ceil(fmin(out_px, UINT16_MAX)) : 0;
}

/* How far the corners of a part lie out of the picture, on each side. */
struct overhang {
    int left, top, right, bottom;
};

static struct overhang overhang_of(const struct movement *movement, int width, int height, const trk_roi *part)
{
    struct overhang most = {0};
    for (int i = 0; i < 4; i++) {
        const struct point corner =
            movement_apply(movement, part->x + (i % 2 ? part->width - 1 : 0), part->y + (i / 2 ? part->height - 1 : 0));
        const struct overhang here = {whole(-corner.x), whole(-corner.y), whole(corner.x - (width - 1)),
                                      whole(corner.y - (height - 1))};
        most.left = here.left > most.left ? here.left : most.left;
        most.top = here.top > most.top ? here.top : most.top;
        most.right = here.right > most.right ? here.right : most.right;
        most.bottom = here.bottom > most.bottom ? here.bottom : most.bottom;
    }
    return most;
}

void motion_crop(const trk_motion *motion, int width, int height, trk_roi *part)
{
    const struct movement movement = movement_of(motion);
    while (part->width > 0 && part->height > 0) {
        const struct overhang out = overhang_of(&movement, width, height, part);
        if (out.left + out.top + out.right + out.bottom == 0)
            return;
        part->x += out.left;
        part->y += out.top;
        part->width -= out.left + out.right;
        part->height -= out.top + out.bottom;
    }
    *part = (trk_roi){0};
}
