#include "network_wait.h"

#include <libavutil/time.h>

void network_wait_begin(struct network_wait *wait)
{
    wait->deadline_us = av_gettime_relative() + (int64_t)(wait->limit_s * 1e6);
}

bool network_wait_is_over(struct network_wait *wait, const AVIOContext *io)
{
    if (wait->limit_s <= 0 || wait->is_over)
        return wait->is_over;
    // A slow download may take as long as it likes for a frame.
    if (io && io->bytes_read != wait->bytes_read) {
        wait->bytes_read = io->bytes_read;
        network_wait_begin(wait);
    }
    wait->is_over = av_gettime_relative() > wait->deadline_us;
    return wait->is_over;
}
