/*
 * The rotation of a square part of the picture, as movemeter measures it: the part of the reference is turned about its
 * middle, and its inner part, which stays free of corners, is matched with the part of the frame. First at 36 angles
 * over the range, then five times at 6 angles between the neighbours of the best.
 */
#ifndef TURN_H
#define TURN_H

#include "correlate.h"

struct turn {
    int x, y, side;         /* px, the middle square of a ROI */
    int size;               /* samples of a side, resized */
    int inner;              /* samples of a side of the part that is matched */
    double range_deg;       /* angles from -range / 2 to range / 2; set by the caller */
    bool middle_only;       /* compare the middle with the middle; else the best of all places; set by the caller */
    struct matcher *finder; /* of the inner part in the square, for a first look; the caller's */
};

struct turn_result {
    double angle_deg; /* counter-clockwise on the screen */
    double score;     /* NaN: there is no texture */
};

struct turn_room {
    float *frame, *reference; /* squares */
    float *turned;            /* inner part */
    uint16_t *frame_u16, *turned_u16;
    float *map;
};

/* Takes the largest square in the middle of a ROI, and sets the sizes of `finder`, which matcher_init() is to follow.
 */
void turn_init(struct turn *turn, struct matcher *finder, int x, int y, int width, int height, double scale);

ist_status turn_room_init(struct turn_room *room, const struct turn *turns, int count, ist_error *error);
void turn_room_finish(struct turn_room *room);

struct turn_result turn_measure(const struct turn *turn, struct turn_room *room, struct search *search,
                                const struct plane *frame, const struct plane *reference);

#endif
