/* Which codecs FFmpeg decodes with frame threads as it does without. */
#ifndef FRAME_THREADS_H
#define FRAME_THREADS_H

#include <libavcodec/codec_id.h>
#include <stdbool.h>

/* With threads the pictures of interlaced MPEG-4 come out otherwise. */
static inline bool frame_threads_are_exact(enum AVCodecID codec)
{
    return codec != AV_CODEC_ID_MPEG4;
}

#endif
