/* From the pixels of a chunk to a finished one: the files beside it. */
#ifndef CHUNK_CLOSE_H
#define CHUNK_CLOSE_H

#include <stdbool.h>

#include "index.h"
#include "npz.h"

/*
 * Writes extra data (if there is any) and then the npz of a chunk whose pixels are in their final
 * form; with the npz the chunk exists for imgstore. May be repeated. `index` must hold the chunk's frames.
 */
ist_status chunk_close_sidecars(const char *directory, bool is_video, const struct chunk_range *range,
                                struct index *index, ist_error *error);

#endif
