#include "decoder_pool.h"

#include <stdlib.h>
#include <string.h>

#include "picture_buffers.h"
#include "video_decoder.h"

/* Each may have threads, which wait. */
enum { MOST_DECODERS = 16 };

struct decoder_pool {
    struct picture_buffers *buffers;
    size_t limit, bytes;
    int count;
    struct video_decoder *decoders[MOST_DECODERS + 1]; /* the one left last first */
};

/* Takes the i-th out. */
static struct video_decoder *take_out(struct decoder_pool *pool, int i)
{
    struct video_decoder *decoder = pool->decoders[i];
    pool->bytes -= video_decoder_bytes(decoder);
    pool->count--;
    memmove(&pool->decoders[i], &pool->decoders[i + 1], (size_t)(pool->count - i) * sizeof *pool->decoders);
    return decoder;
}

/* Takes the oldest one out if there are too many; NULL: there are not. */
static struct video_decoder *take_surplus(struct decoder_pool *pool)
{
    const bool fits = pool->count <= MOST_DECODERS && pool->bytes <= pool->limit;
    return fits ? NULL : take_out(pool, pool->count - 1);
}

struct decoder_pool *decoder_pool_create(size_t limit_bytes)
{
    struct decoder_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return NULL;
    pool->limit = limit_bytes;
    pool->buffers = picture_buffers_create();
    if (pool->buffers)
        return pool;
    free(pool);
    return NULL;
}

void decoder_pool_destroy(struct decoder_pool *pool)
{
    if (!pool)
        return;
    decoder_pool_set_limit(pool, 0);
    picture_buffers_destroy(pool->buffers);
    free(pool);
}

struct picture_buffers *decoder_pool_buffers(struct decoder_pool *pool)
{
    return pool->buffers;
}

void decoder_pool_set_limit(struct decoder_pool *pool, size_t limit_bytes)
{
    struct video_decoder *surplus;
    pool->limit = limit_bytes;
    while ((surplus = take_surplus(pool)))
        video_decoder_destroy(&surplus);
    picture_buffers_trim(pool->buffers);
}

struct video_decoder *decoder_pool_put(struct decoder_pool *pool, struct video_decoder *decoder)
{
    const size_t bytes = video_decoder_bytes(decoder);
    if (bytes > pool->limit)
        return decoder;
    memmove(&pool->decoders[1], &pool->decoders[0], (size_t)pool->count * sizeof *pool->decoders);
    pool->decoders[0] = decoder;
    pool->count++;
    pool->bytes += bytes;
    struct video_decoder *last = NULL, *surplus;
    while ((surplus = take_surplus(pool))) {
        video_decoder_destroy(&last);
        last = surplus;
    }
    return last;
}

struct video_decoder *decoder_pool_take(struct decoder_pool *pool, const struct video_file *file, int64_t key,
                                        int64_t first, int64_t frame)
{
    int nearest = -1;
    for (int i = 0; i < pool->count; i++) {
        const struct video_decoder *decoder = pool->decoders[i];
        if (video_decoder_file(decoder) != file || !video_decoder_comes_to(decoder, key, frame))
            continue;
        const int64_t at = video_decoder_last(decoder)->frame;
        if (at >= first) {
            nearest = i;
            first = at + 1;
        }
    }
    return nearest < 0 ? NULL : take_out(pool, nearest);
}

void decoder_pool_forget(struct decoder_pool *pool, const struct video_file *file)
{
    for (int i = pool->count - 1; i >= 0; i--) {
        if (video_decoder_file(pool->decoders[i]) != file)
            continue;
        struct video_decoder *decoder = take_out(pool, i);
        video_decoder_destroy(&decoder);
    }
}
