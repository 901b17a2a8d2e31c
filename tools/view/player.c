#include "player.h"

#include <math.h>

static const double SPEED_MAX = 64;

void player_restart(struct player *player, double now_s, int64_t index)
{
    player->begin_s = now_s;
    player->begin_index = index;
}

int64_t player_due(struct player *player, double now_s, double frame_rate, int64_t last)
{
    const double passed = (now_s - player->begin_s) * frame_rate * player->speed;
    const int64_t index = player->begin_index + (int64_t)passed;
    if (index <= last)
        return index;
    player->plays = player->loops;
    player_restart(player, now_s, player->loops ? 0 : last);
    return player->begin_index;
}

void player_change_speed(struct player *player, int steps)
{
    player->speed = fmin(SPEED_MAX, fmax(1 / SPEED_MAX, ldexp(player->speed, steps)));
}
