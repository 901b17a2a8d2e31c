/*
 * The rotation of a ROI, and its motion at the same time.
 *
 * What is followed is the disc around the ROI's middle that just fits into it: it stays in view at any angle. With
 * pose (d, angle) it is found where the sum over the disc of (I(c + d + R(angle) u) - a T(c + u) - b)^2 is least, with
 * gain a and brightness b free, and u from the middle c. x points right and y down, so that R, which turns x towards y,
 * turns clockwise on the screen; this is the sign of all angles here.
 *
 * Two levels: a search over all places and angles in a smaller picture, of means of `scale` x `scale` pixels; then
 * Gauss-Newton (inverse compositional) on the cubic B-spline, first of the smaller picture, then of the full one. The
 * highest peaks of the search, in place and angle, are followed up in the smaller picture, and the best two of these
 * that differ in the full one: the second tells how far the first is ahead.
 */
#ifndef ROTATION_H
#define ROTATION_H

#include <libstore/error.h>
#include <libtrack/roi.h>
#include <stdbool.h>

#include "kernels.h"
#include "plane.h"
#include "rotation_fit.h"

/* What is kept of a ROI. All zero is empty. */
struct rotator {
    double half_width, half_height; // px, from the first pixel to the middle
    double middle_x, middle_y;      // px
    int shift_x, shift_y;           // px, from there to where it is searched for
    double x_reach, y_reach;        // px, how far the middle may go
    int picture_width, picture_height;
    double toward_rad, range_rad; // angles are within the range, on either side of the first
    bool turns_freely;            // all angles are
    bool follows;                 // it may be aimed
    int offset;                   // taken off samples, so that single precision is spent on texture
    struct rotation_disc coarse, fine;
    int turn_count;                       // angles that `turned` holds
    double turn_first_rad, turn_step_rad; // they are, from one to the next
    int circle_count;                     // of these make a whole turn; 0: they do not go all round
    int angle_first, angle_count;         // of them: those searched
    float *turned;                        // the coarse disc turned by them: for each pixel, for each angle
    bool usable;                          // false: the texture does not fix motion and angle
};

enum { SCORE_ROWS = 3 }; // what it takes to tell a peak

/* Room for measuring with rotators up to a certain size. */
struct rotation_room {
    struct spline_room spline; // of the part looked at
    float *disc;               // samples under the coarse disc
    float *scores;             // SCORE_ROWS rows of places, each with the scores of all angles
};

/*
 * Prepares for a ROI in pictures of this size, for motion up to max_movement_px (0: anywhere in the picture) and angles
 * up to max_rotation_deg, above 0 and at most 180. One that `follows` may be aimed. rotator_finish() releases it, after
 * a failure too.
 */
ist_status rotator_init(struct rotator *rotator, const trk_roi *roi, int picture_width, int picture_height,
                        int max_movement_px, double max_rotation_deg, bool follows, ist_error *error);
void rotator_finish(struct rotator *rotator);

/*
 * Searches from now on around the place that is shift_x, shift_y from the ROI, reach_px each way (0: the whole picture,
 * else at most as far as it was prepared for), and around an angle, or with `any_angle` for all.
 */
void rotator_aim(struct rotator *rotator, int shift_x, int shift_y, int reach_px, double toward_rad, bool any_angle);

/* Makes room for any of these rotators. */
ist_status rotation_room_init(struct rotation_room *room, const struct rotator *rotators, int count, ist_error *error);
void rotation_room_finish(struct rotation_room *room);

/* Takes the template from `plane`, where the ROI's first pixel lies at x, y. */
void rotator_cut(struct rotator *rotator, struct rotation_room *room, const struct kernels *kernels,
                 const struct plane *plane, int x, int y);

/*
 * Finds the template. The score is NaN if it has too little texture or the steps do not converge. An
 * angle beyond the range comes back as its limit; where all are searched, it is within half a turn.
 */
struct pose rotator_find(const struct rotator *rotator, struct rotation_room *room, const struct kernels *kernels,
                         const struct plane *plane);

/* The errors of a pose that was found. */
struct match_error rotator_error(const struct rotator *rotator, const struct pose *pose);

/* The angle nearest to `before` that shows the same picture as `angle`, both in degrees. */
double rotation_unwrap(double angle_deg, double before_deg);

#endif
