/* What the rest of the library may know of a reader's store. */
#ifndef READER_RANGES_H
#define READER_RANGES_H

#include <libstore/reader.h>

#include "index.h"

/* The chunks with the values that their frames take, in the order of the frames; valid until a refresh. */
const struct chunk_range *reader_ranges(const ist_reader *reader, int *count);

/* Adds the drops before the frames first..last to the list; those behind the last frame are before frame_count. */
ist_status reader_drops(ist_reader *reader, int64_t first, int64_t last, struct drop_list *drops, ist_error *error);

#endif
