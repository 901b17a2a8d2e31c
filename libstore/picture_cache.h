/* Decoded pictures that may be asked for again, up to a limit in bytes; those used longest ago go first. */
#ifndef PICTURE_CACHE_H
#define PICTURE_CACHE_H

#include <libstore/error.h>
#include <stddef.h>
#include <stdint.h>

struct AVFrame;
struct picture_cache;

/* For the frames 0..frame_count-1. NULL: out of memory. */
struct picture_cache *picture_cache_create(int64_t frame_count, size_t limit_bytes);

/* Takes NULL. */
void picture_cache_destroy(struct picture_cache *cache);

void picture_cache_set_limit(struct picture_cache *cache, size_t limit_bytes);

/* Keeps the picture, without copying it, if there is room and memory for it; what is kept must not be written to. */
void picture_cache_put(struct picture_cache *cache, int64_t frame, const struct AVFrame *picture);

/* The picture of a frame, valid until the next call, or NULL. */
const struct AVFrame *picture_cache_get(struct picture_cache *cache, int64_t frame);

#endif
