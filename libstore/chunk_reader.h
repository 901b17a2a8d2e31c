/* Reading one chunk: a video file or a folder of images. */
#ifndef CHUNK_READER_H
#define CHUNK_READER_H

#include <libstore/frame.h>
#include <stdint.h>

#include "metadata.h"

struct chunk_reader;
struct decoder_pool;
struct index;
struct picture_cache;

/* What all chunks of a store are decoded with. */
struct decoding {
    struct picture_cache *cache;
    struct decoder_pool *pool; /* NULL: none */
    int threads;               /* at most, 1 or more */
};

struct chunk_reader_calls {
    /*
     * Opens the chunk with this number in the store's directory, finished or still being recorded. `index` has the
     * checksums of its frames, and knows which name it has; of a video it may be NULL. It, the cache and the
     * pool must outlive the reader. IST_ERROR_NOT_FOUND: it is not there. IST_ERROR_DATA: it is damaged.
     */
    ist_status (*open)(struct chunk_reader **reader, const struct metadata *metadata, const char *directory, int chunk,
                       struct index *index, const struct decoding *decoding, ist_error *error);

    /*
     * Reads the frame_idx-th frame, 0.., exactly, raw data as they are stored (encoding.h); the frame's index, number
     * and time stay.
     * IST_ERROR_NOT_FOUND: the chunk holds no pixels for it. IST_ERROR_DATA: it is damaged. Others may be sound.
     */
    ist_status (*read)(struct chunk_reader *reader, int64_t frame_idx, ist_frame *frame, ist_error *error);

    /*
     * Compares what the frame_idx-th frame is stored in with its checksum, without decoding it; where none is known, it
     * is enough that it is there. Status as for read; IST_ERROR_DATA: it is not what was recorded.
     */
    ist_status (*check)(struct chunk_reader *reader, int64_t frame_idx, ist_error *error);

    /* Frames in the chunk's file, the damaged ones too. May be NULL. */
    int64_t (*frame_count)(const struct chunk_reader *reader);

    /* The last frame at or before this one that is decoded without others. May be NULL: every one is. */
    int64_t (*key_for)(const struct chunk_reader *reader, int64_t frame_idx);

    /* The next read goes on where those of the chunk before ended. May be NULL. */
    void (*follow)(struct chunk_reader *reader, const struct chunk_reader *before);

    /* Gives back what only the next read takes, as others will be read first. May be NULL. */
    void (*rest)(struct chunk_reader *reader);

    /* Frees the reader and sets *reader to NULL. Takes a NULL reader. */
    void (*close)(struct chunk_reader **reader);
};

extern const struct chunk_reader_calls video_reader_calls;
extern const struct chunk_reader_calls directory_reader_calls;

#endif
