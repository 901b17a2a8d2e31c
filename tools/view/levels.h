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
    CONTRAST_PERCENTILE, /* from the sample above `low_percent` of each frame's to that above `high_percent` */
    CONTRAST_FIXED,      /* low..high */
    CONTRAST_COUNT,
};

struct levels {
    enum contrast contrast;
    double low_percent; /* 0 <= low < high <= 100, for CONTRAST_PERCENTILE */
    double high_percent;
    int low, high;       /* samples; for CONTRAST_FIXED given, else what was found for the last frame */
    int largest;         /* sample that the last frame's type can hold; 0: there was none */
    enum colour_map map; /* of gray pictures */
};

/* The whole range; percentiles, when they are chosen, without the darkest and the brightest 1 %. */
void levels_init(struct levels *levels);

/*
 * Reads a contrast: "full", "auto", "1%" (without so much at either end), "0.5%..99%", "100..2000"; a colon or a blank
 * may stand for the two points. False, with nothing changed: the text is none of these.
 */
bool levels_read(struct levels *levels, const char *text);

enum { LEVELS_TEXT_SIZE = 96 };

/* Writes the contrast and the range in force, "percentile 1%..99% 812..3921", into LEVELS_TEXT_SIZE characters. */
void levels_describe(const struct levels *levels, char *text, size_t size);

/* Goes to the next kind of contrast. Fixed is what the kind before it found last. */
void levels_next(struct levels *levels);

/* Moves the ends of the range by so many 32nds of it. It is fixed then. */
void levels_move(struct levels *levels, int low_steps, int high_steps);

const char *colour_map_name(enum colour_map map);

/* The map of a name; false: there is none. */
bool colour_map_find(const char *name, enum colour_map *map);

/* Colour of a place on the map, 0 to 255, as 0xffRRGGBB. */
uint32_t colour_map_colour(enum colour_map map, int value);

/*
 * Turns a frame into pixels 0xffRRGGBB, `width` of them a row, and sets levels->low and ->high to the range that was
 * used. Colour pictures keep their colours; the range is that of all channels together.
 */
void levels_apply(struct levels *levels, const ist_frame *frame, uint32_t *pixels);

#endif
