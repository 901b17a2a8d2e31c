#include "picture_cache.h"

#include <libavutil/frame.h>
#include <stdlib.h>

/* A place for each frame; those that are filled form a ring by age, through the entry behind the last frame. */
struct entry {
    AVFrame *picture;
    size_t bytes;
    int64_t older, newer;
};

struct picture_cache {
    size_t limit, bytes;
    int64_t frame_count;
    struct entry entries[]; /* frame_count + 1 */
};

struct picture_cache *picture_cache_create(int64_t frame_count, size_t limit_bytes)
{
    struct picture_cache *cache = calloc(1, sizeof *cache + (size_t)(frame_count + 1) * sizeof *cache->entries);
    if (!cache)
        return NULL;
    cache->frame_count = frame_count;
    cache->limit = limit_bytes;
    cache->entries[frame_count].older = cache->entries[frame_count].newer = frame_count;
    return cache;
}

static void unlink_entry(struct picture_cache *cache, int64_t frame)
{
    struct entry *entry = &cache->entries[frame];
    cache->entries[entry->older].newer = entry->newer;
    cache->entries[entry->newer].older = entry->older;
}

static void link_newest(struct picture_cache *cache, int64_t frame)
{
    const int64_t ring = cache->frame_count;
    struct entry *entry = &cache->entries[frame];
    entry->older = cache->entries[ring].older;
    entry->newer = ring;
    cache->entries[entry->older].newer = frame;
    cache->entries[ring].older = frame;
}

static void drop(struct picture_cache *cache, int64_t frame)
{
    unlink_entry(cache, frame);
    cache->bytes -= cache->entries[frame].bytes;
    av_frame_free(&cache->entries[frame].picture);
}

/* Makes room for so many bytes more. */
static void make_room(struct picture_cache *cache, size_t bytes)
{
    const int64_t ring = cache->frame_count;
    while (cache->bytes && cache->bytes + bytes > cache->limit)
        drop(cache, cache->entries[ring].newer);
}

static size_t picture_bytes(const AVFrame *picture)
{
    size_t bytes = 0;
    for (int i = 0; i < AV_NUM_DATA_POINTERS && picture->buf[i]; i++)
        bytes += picture->buf[i]->size;
    return bytes;
}

void picture_cache_set_limit(struct picture_cache *cache, size_t limit_bytes)
{
    cache->limit = limit_bytes;
    make_room(cache, 0);
}

void picture_cache_put(struct picture_cache *cache, int64_t frame, const struct AVFrame *picture)
{
    if (picture_cache_get(cache, frame))
        return;
    const size_t bytes = picture_bytes(picture);
    if (bytes == 0 || bytes > cache->limit)
        return;
    make_room(cache, bytes);
    struct entry *entry = &cache->entries[frame];
    entry->picture = av_frame_clone(picture);
    if (!entry->picture)
        return;
    entry->bytes = bytes;
    cache->bytes += bytes;
    link_newest(cache, frame);
}

const struct AVFrame *picture_cache_get(struct picture_cache *cache, int64_t frame)
{
    if (!cache->entries[frame].picture)
        return NULL;
    unlink_entry(cache, frame);
    link_newest(cache, frame);
    return cache->entries[frame].picture;
}

void picture_cache_destroy(struct picture_cache *cache)
{
    if (!cache)
        return;
    cache->limit = 0;
    make_room(cache, 0);
    free(cache);
}
