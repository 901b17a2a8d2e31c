/* What a reader is made of: reader_open.c makes it, reader.c reads with it. */
#ifndef READER_STATE_H
#define READER_STATE_H

#include <libstore/reader.h>

#include <limits.h>

#include "chunk_reader.h"
#include "index.h"
#include "metadata.h"
#include "problems.h"

struct encoding;
struct index_search;

enum { OPEN_CHUNKS = 16, ENTRIES = 64 };

struct open_chunk {
    struct chunk_reader *reader; /* NULL: none */
    int64_t first;               /* of its frames, counted with those that were removed: stays the same */
    int number;
    int64_t frame_count; /* as the index had it: more came if it has more now */
};

struct ist_reader {
    char directory[PATH_MAX];
    struct metadata metadata;
    ist_reader_info info;
    bool unfinished; /* when the index was about to be read: what is finished by then, the index has all of */
    struct index *index;
    struct index_search *search;
    struct problems problems;

    const struct encoding *encoding; /* NULL: frames are delivered as they are stored */
    int width, height;               /* px, of the frames that are delivered */
    ist_frame raw;                   /* data of an encoding */

    const struct chunk_reader_calls *calls;
    struct open_chunk chunks[OPEN_CHUNKS]; /* the one read last first */
    struct decoding decoding;              /* of all of them */
    int64_t next_index;                    /* for ist_reader_next() */
    struct index_entry entries[ENTRIES];   /* of the frames from first_entry on, as who reads on will ask for them */
    int64_t first_entry, entry_count;
};

#endif
