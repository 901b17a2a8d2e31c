#include "levels.h"

#include <stdio.h>
#include <string.h>

#include "../cli.h"

enum { STOPS = 17, VALUES_MAX = 65536, STEPS_A_RANGE = 32 };

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

/* ---- what is asked for ---- */

void levels_init(struct levels *levels)
{
    *levels = (struct levels){.low_percent = 1, .high_percent = 99};
}

/* Cuts "LOW..HIGH" in two. Returns false if there is but one. */
static bool split(char *text, char **high)
{
    static const char *const between[] = {"..", ":", " "};
    for (size_t i = 0; i < sizeof between / sizeof *between; i++) {
        char *found = strstr(text, between[i]);
        if (!found)
            continue;
        *found = '\0';
        *high = found + strlen(between[i]);
        *high += strspn(*high, " ");
        return true;
    }
    return false;
}

static bool read_percent(char *text, double *percent)
{
    const size_t length = strlen(text);
    if (length < 2 || text[length - 1] != '%')
        return false;
    text[length - 1] = '\0';
    return cli_read_number(text, 0, 100, percent);
}

bool levels_read(struct levels *levels, const char *text)
{
    char low[64], *high;
    int64_t first, last;
    struct levels wanted = *levels;
    if (strcmp(text, contrast_names[CONTRAST_FULL]) == 0 || strcmp(text, contrast_names[CONTRAST_AUTO]) == 0) {
        levels->contrast = *text == 'a' ? CONTRAST_AUTO : CONTRAST_FULL;
        return true;
    }
    if (snprintf(low, sizeof low, "%s", text) >= (int)sizeof low)
        return false;
    const bool has_two = split(low, &high);
    if (has_two && cli_read_integer(low, 0, VALUES_MAX - 1, &first) &&
        cli_read_integer(high, first + 1, VALUES_MAX - 1, &last)) {
        levels->contrast = CONTRAST_FIXED;
        levels->low = (int)first;
        levels->high = (int)last;
        return true;
    }
    if (!read_percent(low, &wanted.low_percent))
        return false;
    wanted.high_percent = 100 - wanted.low_percent;
    if ((has_two && !read_percent(high, &wanted.high_percent)) || !(wanted.low_percent < wanted.high_percent))
        return false;
    wanted.contrast = CONTRAST_PERCENTILE;
    *levels = wanted;
    return true;
}

void levels_describe(const struct levels *levels, char *text, size_t size)
{
    char percent[64] = "";
    if (levels->contrast == CONTRAST_PERCENTILE)
        snprintf(percent, sizeof percent, " %g%%..%g%%", levels->low_percent, levels->high_percent);
    snprintf(text, size, "%s%s %d..%d", contrast_names[levels->contrast], percent, levels->low, levels->high);
}

void levels_next(struct levels *levels)
{
    levels->contrast = (levels->contrast + 1) % CONTRAST_COUNT;
}

static int clamp(int value, int low, int high)
{
    return value > high ? high : value < low ? low : value;
}

void levels_move(struct levels *levels, int low_steps, int high_steps)
{
    const int span = levels->high - levels->low, step = span > STEPS_A_RANGE ? span / STEPS_A_RANGE : 1;
    if (levels->largest == 0)
        return;
    levels->contrast = CONTRAST_FIXED;
    // A range that was given may lie beyond what the samples can hold.
    levels->high = clamp(levels->high + high_steps * step, 1, levels->largest);
    levels->low = clamp(levels->low + low_steps * step, 0, levels->largest - 1);
    if (high_steps)
        levels->high = levels->high > levels->low ? levels->high : levels->low + 1;
    else
        levels->low = levels->low < levels->high ? levels->low : levels->high - 1;
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
    const bool cuts = levels->contrast == CONTRAST_PERCENTILE;
    const int64_t darkest = cuts ? (int64_t)((double)total * levels->low_percent / 100) : 0;
    const int64_t brightest = cuts ? (int64_t)((double)total * (100 - levels->high_percent) / 100) : 0;
    int low = 0, high = last;
    for (int64_t below = counts[0]; low < last && below <= darkest; below += counts[low])
        low++;
    for (int64_t above = counts[last]; high > 0 && above <= brightest; above += counts[high])
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
    const int last = levels->largest = frame->type == IST_PIXEL_U8 ? 255 : VALUES_MAX - 1;
    // Fixed before there was a range to fix is the whole one.
    if (levels->contrast == CONTRAST_FULL || (levels->contrast == CONTRAST_FIXED && levels->high == 0)) {
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
