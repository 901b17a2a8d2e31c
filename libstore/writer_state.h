/* What a writer is made of: writer_open.c makes it, writer.c records with it. */
#ifndef WRITER_STATE_H
#define WRITER_STATE_H

#include <libstore/writer.h>

#include <limits.h>

#include "index.h"
#include "metadata.h"

struct chunk_format;
struct chunk_writer;
struct encoding;
struct keeper;
struct video_encoder;

/* The frames that the caller gives. */
struct writer_input {
    int width, height, channels;
    int spare_columns, spare_rows;   /* 0 or 1: a frame may have one more, which is not stored */
    const struct encoding *encoding; /* they are raw data; NULL: they are not */
    bool decode;                     /* and are stored as BGR */
};

struct ist_writer {
    char directory[PATH_MAX];
    char folder_name[NAME_MAX + 1]; /* of the store, for imgstore's chunk_path */
    int lock_fd;                    /* holds the lock while it is open */
    ist_writer_params params;       /* of what is stored; its texts are not kept, but for the encoder's */
    struct writer_input input;
    ist_frame decoded; /* of raw data that is decoded while it is written */
    char *encoder_options;
    char *encoder;
    const struct chunk_format *format;
    struct metadata metadata;
    struct index *index;
    char index_path[PATH_MAX + sizeof INDEX_FILE_NAME + 1];
    struct keeper *keeper;

    struct video_encoder *video;    /* for all chunks; NULL: none yet, or images */
    struct chunk_writer *chunk;     /* NULL: none is open */
    struct chunk_range range;       /* of the open chunk */
    char chunk_path[NAME_MAX + 32]; /* of the open chunk, for imgstore */
    int next_chunk;
    int64_t frame_count;
    struct index_entry last;      /* of the frame last added */
    bool changed;                 /* metadata is not what metadata.yaml says */
    struct store_removed removed; /* by this writer */
    ist_error warning;            /* why chunks that are no longer part of the store still lie there */

    ist_error failure; /* what stopped the recording; status IST_OK: nothing did */
};

/* Frees the writer and what it has open, as it is, and sets *writer to NULL. */
void writer_destroy(ist_writer **writer);

#endif
