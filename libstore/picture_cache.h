/* Decoded pictures that may be asked for again, up to a limit in bytes; those used longest ago go first. */
#ifndef PICTURE_CACHE_H
#define PICTURE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct AVFrame;

/* What is kept of all files together. */
struct picture_cache;

/* The pictures of one file in it. */
struct picture_shelf;

/* NULL: out of memory. */
struct picture_cache *picture_cache_create(size_t limit_bytes);

/* Its shelves must be gone. Takes NULL. */
void picture_cache_destroy(struct picture_cache *cache);

/* Keeps no more than this from now on; 0: nothing. */
void picture_cache_set_limit(struct picture_cache *cache, size_t limit_bytes);

/*
 * Keeps only a few pictures, which stay in the processor's cache, or again as many as the limit allows. For whoever
 * reads on and on: memory that is always new costs more than a tenth of the decoding.
 */
void picture_cache_keep_few(struct picture_cache *cache, bool few);

/* For the frames 0..frame_count-1 of a file. NULL: out of memory. */
struct picture_shelf *picture_shelf_create(struct picture_cache *cache, int64_t frame_count);

/* Takes NULL. */
void picture_shelf_destroy(struct picture_shelf *shelf);

/* Keeps the picture, without copying it, if there is room and memory for it; what is kept must not be written to. */
void picture_shelf_put(struct picture_shelf *shelf, int64_t frame, const struct AVFrame *picture);

/* The picture of a frame, valid until the next call for any shelf, or NULL. */
const struct AVFrame *picture_shelf_get(struct picture_shelf *shelf, int64_t frame);

#endif
