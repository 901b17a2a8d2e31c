/* What the rest of the library may know of a reader's chunks. */
#ifndef READER_RANGES_H
#define READER_RANGES_H

#include <libstore/reader.h>

#include "index.h"

/* The chunks with the values that their frames take, in the order of the frames; valid until a refresh. */
const struct chunk_range *reader_ranges(const ist_reader *reader, int *count);

#endif
