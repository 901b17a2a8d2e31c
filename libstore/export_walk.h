/* The frames of a store that meet the conditions of a selection, one after the other. */
#ifndef EXPORT_WALK_H
#define EXPORT_WALK_H

#include <libstore/export.h>
#include <stdbool.h>

enum { EXPORT_WALK_BLOCK = 4096 };

struct export_walk {
    ist_reader *reader;
    ist_selection selection; /* with the defaults filled in */
    int64_t position;        /* the next index to look at */
    int64_t met;             /* frames before it that meet the conditions */
    const struct chunk_range *ranges;
    int range, range_count; /* the chunk behind the one of the block */
    int64_t part_end;       /* frames from here to the end of that one do not meet the conditions */
    int64_t block_first, block_count;
    int64_t numbers[EXPORT_WALK_BLOCK]; /* of the frames in the block */
    double times_s[EXPORT_WALK_BLOCK];
};

void export_walk_begin(struct export_walk *walk, ist_reader *reader, const ist_selection *selection);

/* Gives index, number and time of the next frame, its pixels aside. IST_END: there is none. */
ist_status export_walk_next(struct export_walk *walk, ist_frame *frame, ist_error *error);

/* True if a selection depends on more than the index of a frame. */
bool export_is_filtered(const ist_selection *selection);

/* True if a frame of this number and time meets the conditions of the selection; its range and step aside. */
bool export_meets(const ist_selection *selection, int64_t number, double time_s);

#endif
