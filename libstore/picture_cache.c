#include "picture_cache.h"

#include <libavutil/frame.h>
#include <stdlib.h>

enum { FEW_BYTES = 2 << 20 };

/* A place for one picture; those that are filled form a ring by age. */
struct place {
    AVFrame *picture; /* NULL: empty */
    size_t bytes;
    struct place *older, *newer;
};

struct picture_cache {
    size_t limit, bytes;
    bool few;
    struct place ring; /* its newer is the oldest of all, its older the newest */
};

struct picture_shelf {
    struct picture_cache *cache;
    int64_t frame_count;
    struct place places[]; /* frame_count */
};

static void unlink_place(struct place *place)
{
    place->older->newer = place->newer;
    place->newer->older = place->older;
}

static void link_newest(struct picture_cache *cache, struct place *place)
{
    place->older = cache->ring.older;
    place->newer = &cache->ring;
    place->older->newer = place;
    cache->ring.older = place;
}

static void empty(struct picture_cache *cache, struct place *place)
{
    unlink_place(place);
    cache->bytes -= place->bytes;
    av_frame_free(&place->picture);
}

static size_t limit_now(const struct picture_cache *cache)
{
    return cache->few && cache->limit > FEW_BYTES ? FEW_BYTES : cache->limit;
}

/* Makes room for so many bytes more. */
static void make_room(struct picture_cache *cache, size_t bytes)
{
    while (cache->bytes && cache->bytes + bytes > limit_now(cache))
        empty(cache, cache->ring.newer);
}

struct picture_cache *picture_cache_create(size_t limit_bytes)
{
    struct picture_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return NULL;
    cache->limit = limit_bytes;
    cache->ring.older = cache->ring.newer = &cache->ring;
    return cache;
}

void picture_cache_destroy(struct picture_cache *cache)
{
    free(cache);
}

void picture_cache_set_limit(struct picture_cache *cache, size_t limit_bytes)
{
    cache->limit = limit_bytes;
    make_room(cache, 0);
}

void picture_cache_keep_few(struct picture_cache *cache, bool few)
{
    cache->few = few;
    make_room(cache, 0);
}

struct picture_shelf *picture_shelf_create(struct picture_cache *cache, int64_t frame_count)
{
    struct picture_shelf *shelf = calloc(1, sizeof *shelf + (size_t)frame_count * sizeof *shelf->places);
    if (!shelf)
        return NULL;
    shelf->cache = cache;
    shelf->frame_count = frame_count;
    return shelf;
}

void picture_shelf_destroy(struct picture_shelf *shelf)
{
    for (int64_t frame = 0; shelf && frame < shelf->frame_count; frame++)
        if (shelf->places[frame].picture)
            empty(shelf->cache, &shelf->places[frame]);
    free(shelf);
}

static size_t picture_bytes(const AVFrame *picture)
{
    size_t bytes = 0;
    for (int i = 0; i < AV_NUM_DATA_POINTERS && picture->buf[i]; i++)
        bytes += picture->buf[i]->size;
    return bytes;
}

void picture_shelf_put(struct picture_shelf *shelf, int64_t frame, const struct AVFrame *picture)
{
    if (picture_shelf_get(shelf, frame))
        return;
    struct picture_cache *cache = shelf->cache;
    const size_t bytes = picture_bytes(picture);
    if (bytes == 0 || bytes > limit_now(cache))
        return;
    make_room(cache, bytes);
    struct place *place = &shelf->places[frame];
    place->picture = av_frame_clone(picture);
    if (!place->picture)
        return;
    place->bytes = bytes;
    cache->bytes += bytes;
    link_newest(cache, place);
}

const struct AVFrame *picture_shelf_get(struct picture_shelf *shelf, int64_t frame)
{
    struct place *place = &shelf->places[frame];
    if (!place->picture)
        return NULL;
    unlink_place(place);
    link_newest(shelf->cache, place);
    return place->picture;
}
