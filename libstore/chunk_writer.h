/* Writing one chunk: a video file or a folder of images. */
#ifndef CHUNK_WRITER_H
#define CHUNK_WRITER_H

#include <libstore/writer.h>
#include <stdbool.h>
#include <stdint.h>

struct chunk_writer;
struct video_encoder;

/* A format of imgstore, and how it is written. */
struct chunk_format {
    const char *name;      /* "avc1/mp4" */
    const char *extension; /* of the chunk (video, with dot) or of its images (without) */
    bool is_video;
    bool lossless;
    bool holds_u16;
    bool holds_jpeg;       /* frames that are JPEGs are kept as they are */
    int only_channels;     /* 1: gray only, 3: colour only; 0: either */
    int default_chunksize; /* frames */
    const struct chunk_writer_calls *calls;
};

/* The i-th format, i = 0, 1, ..., or NULL behind the last; and the one of a name, or NULL. */
const struct chunk_format *chunk_format_at(int i);
const struct chunk_format *chunk_format_find(const char *name);

/* The same for a name that may have "+color" behind it. */
const struct chunk_format *chunk_format_parse(const char *name, bool *color);

struct chunk_writer_calls {
    /* Fails as the first chunk would, for parameters that cannot be written. May be NULL. */
    ist_status (*check)(const struct chunk_format *format, const ist_writer_params *params, ist_error *error);

    /*
     * Begins the chunk with this number in the store's directory. Leftovers of the same number are replaced. *encoder,
     * NULL at first, is what a video goes on using from chunk to chunk; it and `params` must outlive the chunk.
     */
    ist_status (*begin)(struct chunk_writer **writer, const struct chunk_format *format, const char *directory,
                        int chunk, const ist_writer_params *params, struct video_encoder **encoder, ist_error *error);

    /*
     * Writes the next frame. When it returns IST_OK, the frame is with the operating system and
     * can be read back even if this process dies now. After a failure the chunk can only be abandoned.
     * `checksum` is of the frame as it is stored (checksum.h); 0: not known.
     */
    ist_status (*add)(struct chunk_writer *writer, const ist_frame *frame, uint32_t *checksum, ist_error *error);

    /* Brings the chunk into its final form, on the disk, under its final name. Frees the writer, always. */
    ist_status (*finish)(struct chunk_writer **writer, ist_error *error);

    /* Lets go of the files as they are and frees the writer. Takes a NULL writer. */
    void (*abandon)(struct chunk_writer **writer);
};

extern const struct chunk_writer_calls video_writer_calls;
extern const struct chunk_writer_calls directory_writer_calls;

#endif
