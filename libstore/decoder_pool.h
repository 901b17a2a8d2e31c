/*
 * Decoders that were left standing where someone may go on, of all files of a reader, up to a limit in bytes; those
 * left longest ago go first.
 */
#ifndef DECODER_POOL_H
#define DECODER_POOL_H

#include <stddef.h>
#include <stdint.h>

struct decoder_pool;
struct picture_buffers;
struct video_decoder;
struct video_file;

/* NULL: out of memory. */
struct decoder_pool *decoder_pool_create(size_t limit_bytes);

/* Takes NULL. */
void decoder_pool_destroy(struct decoder_pool *pool);

/* Where all decoders of the reader have their pictures. */
struct picture_buffers *decoder_pool_buffers(struct decoder_pool *pool);

/* Keeps no more than this from now on, 0: nothing, and gives memory back that is not in use. */
void decoder_pool_set_limit(struct decoder_pool *pool, size_t limit_bytes);

/* Keeps the decoder. Returns one for which there is no room any more, which may be the same; NULL: none. */
struct video_decoder *decoder_pool_put(struct decoder_pool *pool, struct video_decoder *decoder);

/*
 * Gives that one of the file's decoders back that is nearest before `frame`: it has decoded the key packet from which
 * the frame is reached, and frames up to one from `first` on. NULL: none has.
 */
struct video_decoder *decoder_pool_take(struct decoder_pool *pool, const struct video_file *file, int64_t key,
                                        int64_t first, int64_t frame);

/* Destroys all of the file's decoders. */
void decoder_pool_forget(struct decoder_pool *pool, const struct video_file *file);

#endif
