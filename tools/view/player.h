/* The clock of playing: which frame is due. */
#ifndef PLAYER_H
#define PLAYER_H

#include <stdbool.h>
#include <stdint.h>

struct player {
    bool plays;
    bool loops;
    double speed;  /* of the recording's own; 1 */
    double came_s; /* when the frame `index` was due, on a clock of the caller's */
    int64_t index;
};

/* Goes on from a frame, now. To be called whenever the place, the speed or `plays` changed. */
void player_restart(struct player *player, double now_s, int64_t index);

/*
 * The frame that is due while playing: frames are skipped if their time has passed. `interval_s(context, index)` says
 * how long a frame is shown, above 0 seconds. `last` is that of the recording; behind it playing begins again at 0 if
 * it loops, else it ends there.
 */
int64_t player_due(struct player *player, double now_s, double (*interval_s)(const void *context, int64_t index),
                   const void *context, int64_t last);

/* Makes it twice as fast, or half (steps -1), between 1/64 and 64 times. */
void player_change_speed(struct player *player, int steps);

#endif
