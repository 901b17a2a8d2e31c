#include "motion.h"

#include <math.h>

#include "rotation.h"

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
    double rotation_deg; /* of one of them; NaN: of none it is known */
};

static struct average average_rows(const trk_roi *rois, const trk_row *rows, int count)
{
    struct average average = {.rotation_deg = (double)NAN};
    for (int i = 0; i < count; i++) {
        if (rows[i].status != TRK_MEASURED)
            continue;
        const struct point middle = middle_of(&rois[i]);
        average.count++;
        average.middle.x += middle.x;
        average.middle.y += middle.y;
        average.motion.x += rows[i].x_px;
        average.motion.y += rows[i].y_px;
        if (isnan(average.rotation_deg))
            average.rotation_deg = rows[i].rotation_deg;
    }
    if (average.count > 0) {
        average.middle.x /= average.count;
        average.middle.y /= average.count;
        average.motion.x /= average.count;
        average.motion.y /= average.count;
    }
    return average;
}

/*
 * The turn that takes the ROIs to where they are with the least squares, all seen from their common middle: of their
 * middles, and where its own rotation is known, of all points of a ROI's disc, of which u.u is r r / 2 on the average.
 */
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
        if (isnan(rows[i].rotation_deg))
            continue;
        const double radius = fmin(rois[i].width, rois[i].height) / 2, angle = rows[i].rotation_deg / DEGREES;
        along += radius * radius / 2 * cos(angle);
        across += radius * radius / 2 * sin(angle);
    }
    return atan2(across, along);
}

/* The same angle, with the whole turns that the ROIs' own rotation has. */
static double count_turns(double angle_deg, double rotation_deg)
{
    return isnan(rotation_deg) ? angle_deg : rotation_unwrap(angle_deg, rotation_deg);
}

bool trk_motion_of_rows(trk_motion *motion, const trk_roi *rois, const trk_row *rows, int count, bool turn)
{
    const struct average average = average_rows(rois, rows, count);
    if (average.count < (turn && isnan(average.rotation_deg) ? 2 : 1))
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
        .turn_deg = count_turns(angle * DEGREES, average.rotation_deg),
    };
    return true;
}

/* Whole pixels to take off for something that sticks out so far. */
static int whole(double out_px)
{
    return out_px > 0 ? (int)ceil(fmin(out_px, UINT16_MAX)) : 0;
}

/*
 * Takes off the sides of a part what of its corners lies out of the picture after the motion. Which side sticks out on
 * which side of the picture (left, top, right, bottom) depends on the quarters of a turn: of one, the left one on top.
 */
static bool take_off_overhang(const trk_motion *motion, int width, int height, trk_roi *part)
{
    enum { SIDES = 4 };
    const struct movement movement = movement_of(motion);
    const int quarters = (int)lround(remainder(motion->turn_deg, 360) / 90) + SIDES;
    int out[SIDES] = {0}, off[SIDES];
    for (int i = 0; i < 4; i++) {
        const struct point corner = movement_apply(&movement, part->x + (i % 2 ? part->width - 1 : 0),
                                                   part->y + (i / 2 ? part->height - 1 : 0));
        const int here[SIDES] = {whole(-corner.x), whole(-corner.y), whole(corner.x - (width - 1)),
                                 whole(corner.y - (height - 1))};
        for (int side = 0; side < SIDES; side++)
            out[side] = here[side] > out[side] ? here[side] : out[side];
    }
    for (int side = 0; side < SIDES; side++)
        off[side] = out[(side + quarters) % SIDES];
    part->x += off[0];
    part->y += off[1];
    part->width -= off[0] + off[2];
    part->height -= off[1] + off[3];
    return off[0] + off[1] + off[2] + off[3] > 0;
}

void motion_crop(const trk_motion *motion, int width, int height, trk_roi *part)
{
    while (part->width > 0 && part->height > 0)
        if (!take_off_overhang(motion, width, height, part))
            return;
    *part = (trk_roi){0};
}
