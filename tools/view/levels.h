/* From samples to colours on the screen: a range of contrast, and a colour map. */
#ifndef LEVELS_H
#define LEVELS_H

#include <libstore/frame.h>
#include <stdbool.h>

enum colour_map { COLOUR_MAP_GRAY, COLOUR_MAP_VIRIDIS, COLOUR_MAP_MAGMA, COLOUR_MAP_INFERNO, COLOUR_MAP_COUNT };

/* How the range of samples that goes from black to white is found. */
enum contrast {
    CONTRAST_FULL,       /* all that the type can hold: 0..255 or 0..65535 */
    CONTRAST_AUTO,       /* the smallest and the largest sample of each frame */
    CONTRAST_PERCENTILE, /* what lies within `percent` and 100 - `percent` of the samples of each frame */
    CONTRAST_FIXED,      /* low..high */
    CONTRAST_COUNT,
};

struct levels {
    enum contrast contrast;
    double percent;      /* 0..50, for CONTRAST_PERCENTILE */
    int low, high;       /* samples; for CONTRAST_FIXED given, else what was found for the last frame */
    enum colour_map map; /* of gray pictures */
};

const char *colour_map_name(enum colour_map map);
const char *contrast_name(enum contrast contrast);

/* The map or the kind of contrast of a name; false: there is none. */
bool colour_map_find(const char *name, enum colour_map *map);

/* Colour of a place on the map, 0 to 255, as 0xffRRGGBB. */
uint32_t colour_map_colour(enum colour_map map, int value);

/*
 * Turns a frame into pixels 0xffRRGGBB, `width` of them a row, and sets levels->low and ->high to the range that was
 * used. Colour pictures keep their colours; the range is that of all channels together.
 */
void levels_apply(struct levels *levels, const ist_frame *frame, uint32_t *pixels);

#endif
