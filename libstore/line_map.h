/* A table of gray values that is a straight line, cut off at both ends, goes over a picture faster as a line. */
#ifndef LINE_MAP_H
#define LINE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * to = ((from * slope >> 8) + offset) >> 6, cut off to 0..255: every step fits into 16 bits, so that a register holds
 * many of them.
 */
struct line_map {
    int slope;  /* 1..32767, in 2^-14 */
    int offset; /* -32768..32767, in 2^-6 */
};

/* Finds the line that gives exactly these values. false: there is none. */
bool line_map_fit(struct line_map *map, const uint8_t values[256]);

/* Maps `count` samples; the same bits on every processor. */
void line_map_apply(struct line_map map, const uint8_t *from, uint8_t *to, size_t count);

#endif
