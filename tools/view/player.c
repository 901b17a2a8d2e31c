#include "player.h"

#include <math.h>

static const double SPEED_MAX = 64;

void player_restart(struct player *player, double now_s, int64_t index)
{
    player->came_s = now_s;
    player->index = index;
}

int64_t player_due(struct player *player, double now_s, double (*interval_s)(const void *context, int64_t index),
                   const void *context, int64_t last)
{
    for (;;) {
        const double shown_s = interval_s(context, player->index) / player->speed;
        if (now_s - player->came_s < shown_s)
            return player->index;
        if (player->index >= last)
            break;
        player->came_s += shown_s;
        player->index++;
    }
    player->plays = player->loops;
    player_restart(player, now_s, player->loops ? 0 : last);
    return player->index;
}

void player_change_speed(struct player *player, int steps)
{
    player->speed = fmin(SPEED_MAX, fmax(1 / SPEED_MAX, ldexp(player->speed, steps)));
}
