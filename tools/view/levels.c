#include "levels.h"

#include <string.h>

enum { STOPS = 17, VALUES_MAX = 65536 };

/*
 * Every sixteenth colour of the maps of S. van der Walt and N. Smith, "A better default colormap for Matplotlib", SciPy
 * 2015. Straight lines between them differ from the maps by at most 6 of 255.
 */
static const uint8_t stops[COLOUR_MAP_COUNT][STOPS][3] = {
    [COLOUR_MAP_VIRIDIS] = {{68, 1, 84},
                            {72, 24, 106},
                            {71, 45, 123},
                            {66, 64, 134},
                            {59, 82, 139},
                            {51, 99, 141},
                            {44, 114, 142},
                            {38, 130, 142},
                            {33, 145, 140},
                            {31, 159, 136},
                            {39, 173, 129},
                            {61, 188, 116},
                            {92, 200, 99},
                            {129, 211, 77},
                            {170, 220, 50},
                            {213, 226, 26},
                            {253, 231, 37}},
    [COLOUR_MAP_MAGMA] = {{0, 0, 4},
                          {10, 8, 34},
                          {29, 17, 71},
                          {54, 16, 107},
                          {81, 18, 124},
                          {106, 28, 129},
                          {131, 38, 129},
                          {156, 46, 127},
                          {183, 55, 121},
                          {207, 64, 112},
                          {229, 80, 100},
                          {244, 105, 92},
                          {251, 135, 97},
                          {254, 165, 113},
                          {254, 194, 135},
                          {253, 224, 161},
                          {252, 253, 191}},
    [COLOUR_MAP_INFERNO] = {{0, 0, 4},
                            {11, 7, 36},
                            {33, 12, 74},
                            {61, 9, 101},
                            {87, 16, 110},
                            {113, 25, 110},
                            {138, 34, 106},
                            {163, 44, 97},
                            {188, 55, 84},
                            {208, 69, 69},
                            {227, 89, 51},
                            {241, 113, 31},
                            {249, 140, 10},
                            {252, 170, 15},
                            {249, 201, 50},
                            {242, 232, 101},
                            {252, 255, 164}},
};

static const char *const map_names[COLOUR_MAP_COUNT] = {"gray", "viridis", "magma", "inferno"};
static const char *const contrast_names[CONTRAST_COUNT] = {"full", "auto", "percentile", "fixed"};

const char *colour_map_name(enum colour_map map)
{
    return map_names[map];
}

const char *contrast_name(enum contrast contrast)
{
    return contrast_names[contrast];
}

bool colour_map_find(const char *name, enum colour_map *map)
{
    for (int i = 0; i < COLOUR_MAP_COUNT; i++)
        if (strcmp(name, map_names[i]) == 0) {
            *map = (enum colour_map)i;
            return true;
        }
    return false;
}

uint32_t colour_map_colour(enum colour_map map, int value)
{
    if (map == COLOUR_MAP_GRAY)
        return 0xff000000U | (uint32_t)value * 0x010101U;
    const int position = value * (STOPS - 1), stop = position / 255, rest = position % 255;
    const uint8_t *a = stops[map][stop], *b = stops[map][stop + (rest > 0)];
    uint32_t colour = 0xff;
    for (int c = 0; c < 3; c++)
        colour = colour << 8 | (uint32_t)((a[c] * (255 - rest) + b[c] * rest + 127) / 255);
    return colour;
}

/* ---- the range ---- */

static int sample(const ist_frame *frame, int y, int i)
{
    const uint8_t *row = frame->data + y * frame->stride;
    return frame->type == IST_PIXEL_U8 ? row[i] : ((const uint16_t *)(const void *)row)[i];
}

/* Counts every sample of small pictures, and of large ones those on a grid. */
static int64_t count_samples(const ist_frame *frame, uint32_t *counts)
{
    const int samples = frame->width * frame->channels;
    const int step = frame->height > 1000 ? 3 : 1;
    int64_t total = 0;
    for (int y = 0; y < frame->height; y += step)
        for (int i = 0; i < samples; i += step, total++)
            counts[sample(frame, y, i)]++;
    return total;
}

static void find_range(struct levels *levels, const ist_frame *frame)
{
    static uint32_t counts[VALUES_MAX]; // only the thread that draws
    const int last = frame->type == IST_PIXEL_U8 ? 255 : VALUES_MAX - 1;
    memset(counts, 0, ((size_t)last + 1) * sizeof *counts);
    const int64_t total = count_samples(frame, counts);
    const double percent = levels->contrast == CONTRAST_PERCENTILE ? levels->percent : 0;
    const int64_t beyond = (int64_t)((double)total * percent / 100);
    int low = 0, high = last;
    for (int64_t below = counts[0]; low < last && below <= beyond; below += counts[low])
        low++;
    for (int64_t above = counts[last]; high > 0 && above <= beyond; above += counts[high])
        high--;
    levels->low = low;
    levels->high = high > low ? high : low + 1;
}

/* Entry of each sample in the map, 0 to 255. */
static void make_table(const struct levels *levels, int last, uint8_t *table)
{
    const int span = levels->high > levels->low ? levels->high - levels->low : 1;
    for (int value = 0; value <= last; value++) {
        const int level = ((value - levels->low) * 255 + span / 2) / span;
        table[value] = (uint8_t)(value <= levels->low ? 0 : value >= levels->high ? 255 : level);
    }
}

void levels_apply(struct levels *levels, const ist_frame *frame, uint32_t *pixels)
{
    static uint8_t table[VALUES_MAX];
    const int last = frame->type == IST_PIXEL_U8 ? 255 : VALUES_MAX - 1;
    if (levels->contrast == CONTRAST_FULL) {
        levels->low = 0;
        levels->high = last;
    } else if (levels->contrast != CONTRAST_FIXED) {
        find_range(levels, frame);
    }
    make_table(levels, last, table);
    uint32_t colours[256];
    for (int i = 0; i < 256; i++)
        colours[i] = colour_map_colour(levels->map, i);
    for (int y = 0; y < frame->height; y++) {
        uint32_t *out = pixels + (ptrdiff_t)y * frame->width;
        for (int x = 0; x < frame->width; x++)
            if (frame->channels == 1)
                out[x] = colours[table[sample(frame, y, x)]];
            else
                out[x] = 0xff000000U | (uint32_t)table[sample(frame, y, 3 * x + 2)] << 16 |
                         (uint32_t)table[sample(frame, y, 3 * x + 1)] << 8 | table[sample(frame, y, 3 * x)];
    }
}
