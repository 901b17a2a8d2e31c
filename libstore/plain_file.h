/* A plain video or TIFF stack, read as if it were a store of one chunk. */
#ifndef PLAIN_FILE_H
#define PLAIN_FILE_H

#include "chunk_reader.h"
#include "index.h"
#include "metadata.h"

/* True for a file, but for one of the name metadata.yaml, which stands for its store. */
bool plain_file_is(const char *path);

/*
 * Describes the file: metadata as a store would have them, with is_file; an index in memory whose numbers count from 0
 * and whose times are seconds from the first frame; and what reads it, with the file's path in place of the store's
 * directory. IST_ERROR_DATA: it is damaged, or neither a video nor a TIFF.
 */
ist_status plain_file_open(const char *path, struct metadata *metadata, struct index **index,
                           const struct chunk_reader_calls **calls, ist_error *error);

/* The two kinds: set size, layout and format, and *frames, which the caller frees. */
ist_status plain_video_describe(const char *path, struct metadata *metadata, struct npz_index *frames,
                                ist_error *error);
ist_status plain_tiff_describe(const char *path, struct metadata *metadata, struct npz_index *frames, ist_error *error);

extern const struct chunk_reader_calls plain_tiff_calls;

#endif
