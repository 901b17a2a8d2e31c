/* Motion of a picture as a whole. */
#ifndef MOTION_H
#define MOTION_H

#include <libtrack/stabilise.h>

struct point {
    double x, y;
};

/* The motion as it is used: turned by the angle of this cosine and sine, then shifted. */
struct movement {
    double x, y, cosine, sine;
};

struct movement movement_of(const trk_motion *motion);

/* Where a point of the reference is after the motion. */
static inline struct point movement_apply(const struct movement *movement, double x, double y)
{
    return (struct point){movement->x + x * movement->cosine - y * movement->sine,
                          movement->y + x * movement->sine + y * movement->cosine};
}

/* Leaves of `part` what a picture of this size shows in full after the motion; where that is nothing, zeros. */
void motion_crop(const trk_motion *motion, int width, int height, trk_roi *part);

#endif
