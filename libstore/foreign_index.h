/* index.db, the index that a fork of imgstore writes: imgstore's tables in another file. */
#ifndef FOREIGN_INDEX_H
#define FOREIGN_INDEX_H

#include <libstore/error.h>

#include "npz.h"

#define FOREIGN_INDEX_FILE_NAME "index.db"

struct foreign_index;

/* Opens DIRECTORY/index.db. *index is NULL, and the status IST_OK, where there is none. */
ist_status foreign_index_open(struct foreign_index **index, const char *directory, ist_error *error);

/*
 * Numbers and times of a chunk, as they are in the file. IST_ERROR_NOT_FOUND: it knows nothing of this chunk.
 * IST_ERROR_DATA: it is damaged.
 */
ist_status foreign_index_read(struct foreign_index *index, int chunk, struct npz_index *frames, ist_error *error);

/* Closes it and sets *index to NULL. Takes a NULL index. */
void foreign_index_close(struct foreign_index **index);

#endif
