#include "timezone.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "fs.h"

/*
 * A file of the system's time zones (RFC 8536): a header with six counts, then the data for clocks of 32 bits, then
 * both once more for 64 bits, where all numbers are big-endian.
 */
enum { HEADER_SIZE = 44, COUNTS = 6, TYPE_SIZE = 6 };
enum count { ISUT, ISSTD, LEAPS, TRANSITIONS, TYPES, LETTERS };

struct zone {
    const uint8_t *transitions; /* when the clocks were changed, 8 bytes each */
    const uint8_t *to;          /* type of time behind each of these */
    const uint8_t *types;       /* 4 bytes ahead of UTC in seconds, whether it is summer time, its letters */
    uint32_t transition_count, type_count;
};

static uint32_t get_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static int64_t get_i64(const uint8_t *bytes)
{
    return (int64_t)((uint64_t)get_u32(bytes) << 32 | get_u32(bytes + 4));
}

/* Reads the counts of a header and gives the bytes of the data behind it; 0: no header, or not enough data. */
static size_t read_header(const uint8_t *at, size_t size, int time_size, uint32_t counts[COUNTS])
{
    if (size < HEADER_SIZE || memcmp(at, "TZif", 4) != 0)
        return 0;
    for (int i = 0; i < COUNTS; i++) {
        counts[i] = get_u32(at + 20 + 4 * i);
        if (counts[i] > 1 << 20)
            return 0;
    }
    const size_t length = (size_t)counts[TRANSITIONS] * (size_t)(time_size + 1) + (size_t)counts[TYPES] * TYPE_SIZE +
                          counts[LETTERS] + (size_t)counts[LEAPS] * (size_t)(time_size + 4) + counts[ISSTD] +
                          counts[ISUT];
    return HEADER_SIZE + length <= size ? HEADER_SIZE + length : 0;
}

static bool parse(const struct buffer *file, struct zone *zone)
{
    uint32_t counts[COUNTS];
    const size_t first = read_header(file->data, file->size, 4, counts);
    if (first == 0 || file->data[4] < '2' || read_header(file->data + first, file->size - first, 8, counts) == 0 ||
        counts[TYPES] == 0)
        return false;
    zone->transition_count = counts[TRANSITIONS];
    zone->type_count = counts[TYPES];
    zone->transitions = file->data + first + HEADER_SIZE;
    zone->to = zone->transitions + 8 * (size_t)zone->transition_count;
    zone->types = zone->to + zone->transition_count;
    for (uint32_t i = 0; i < zone->transition_count; i++)
        if (zone->to[i] >= zone->type_count)
            return false;
    return true;
}

/* Seconds that clocks are ahead of UTC behind the transition; -1: before the first. */
static int64_t offset_behind(const struct zone *zone, int64_t transition)
{
    const uint32_t type = transition < 0 ? 0 : zone->to[transition];
    return (int32_t)get_u32(zone->types + (size_t)TYPE_SIZE * type);
}

/* The first time at which the clocks show it; a time that they leapt over counts as if they had leapt before. */
static double find_utc(const struct zone *zone, int64_t local)
{
    for (int64_t i = -1; i < (int64_t)zone->transition_count; i++) {
        const int64_t utc = local - offset_behind(zone, i);
        if (i + 1 == (int64_t)zone->transition_count || utc < get_i64(zone->transitions + 8 * (i + 1)))
            return (double)utc;
    }
    return (double)local;
}

bool timezone_to_utc(const char *name, const struct tm *local, double *utc_s)
{
    const char *folder = getenv("TZDIR");
    char path[PATH_MAX];
    const int length = snprintf(path, sizeof path, "%s/%s", folder ? folder : "/usr/share/zoneinfo", name);
    if (!*name || *name == '/' || strstr(name, "..") || length < 0 || (size_t)length >= sizeof path)
        return false;
    struct buffer file = {0};
    struct zone zone;
    const bool found = fs_read_file(path, &file, NULL) >= 0 && parse(&file, &zone);
    if (found) {
        struct tm copy = *local;
        *utc_s = find_utc(&zone, (int64_t)timegm(&copy));
    }
    buffer_free(&file);
    return found;
}
