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
 * both once more for 64 bits, where all numbers are big-endian; then, between two line ends, the rule for the time
 * behind the last transition, as POSIX has it in TZ: "CET-1CEST,M3.5.0,M10.5.0/3".
 */
enum { HEADER_SIZE = 44, COUNTS = 6, TYPE_SIZE = 6 };
enum count { ISUT, ISSTD, LEAPS, TRANSITIONS, TYPES, LETTERS };

/* The day of a year on which clocks are changed, and when. */
struct change {
    char kind; /* 'M': the week-th (5: last) weekday of a month; 'J': day 1..365, no 29 February; 'D': 0..365 */
    int month, week, day; /* of 'J' and 'D' only the day */
    int64_t local_s;      /* since midnight, by the clocks before the change; also below 0 and above 24 h */
};

/* What holds behind the last transition. */
struct rule {
    int64_t standard_s, summer_s; /* ahead of UTC */
    bool has_summer;
    struct change to_summer, to_standard;
};

struct zone {
    const uint8_t *transitions; /* when the clocks were changed, 8 bytes each */
    const uint8_t *to;          /* type of time behind each of these */
    const uint8_t *types;       /* 4 bytes ahead of UTC in seconds, whether it is summer time, its letters */
    uint32_t transition_count, type_count;
    bool has_rule;
    struct rule rule;
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

/* ---- the rule behind the last transition ---- */

static bool take_number(const char **at, int *value)
{
    char *end;
    if (**at < '0' || **at > '9')
        return false;
    const long number = strtol(*at, &end, 10);
    if (end - *at > 3)
        return false;
    *value = (int)number;
    *at = end;
    return true;
}

/* [+-]hh[:mm[:ss]] */
static bool take_clock(const char **at, int64_t *seconds)
{
    const bool negative = **at == '-';
    *at += **at == '-' || **at == '+';
    int parts[3] = {0};
    if (!take_number(at, &parts[0]))
        return false;
    for (int i = 1; i < 3 && **at == ':'; i++) {
        ++*at;
        if (!take_number(at, &parts[i]))
            return false;
    }
    *seconds = (negative ? -1 : 1) * (parts[0] * 3600 + parts[1] * 60 + parts[2]);
    return true;
}

/* Letters, or anything in <>. */
static bool take_letters(const char **at)
{
    const char *start = *at;
    if (*start == '<') {
        const char *close = strchr(start, '>');
        *at = close ? close + 1 : start;
    } else
        while ((**at >= 'A' && **at <= 'Z') || (**at >= 'a' && **at <= 'z'))
            ++*at;
    return *at > start;
}

static bool take_char(const char **at, char c)
{
    if (**at != c)
        return false;
    ++*at;
    return true;
}

static bool take_change(const char **at, struct change *change)
{
    *change = (struct change){.kind = 'D', .month = 1, .week = 1, .local_s = 2 * 3600};
    if (!take_char(at, ','))
        return false;
    if (**at == 'M' || **at == 'J')
        change->kind = *(*at)++;
    if (change->kind == 'M' && !(take_number(at, &change->month) && take_char(at, '.') &&
                                 take_number(at, &change->week) && take_char(at, '.')))
        return false;
    if (!take_number(at, &change->day))
        return false;
    if (change->month < 1 || change->month > 12 || change->week < 1 || change->week > 5)
        return false;
    return !take_char(at, '/') || take_clock(at, &change->local_s);
}

static bool parse_rule(const char *at, struct rule *rule)
{
    // POSIX counts west of Greenwich.
    *rule = (struct rule){0};
    if (!take_letters(&at) || !take_clock(&at, &rule->standard_s))
        return false;
    rule->standard_s = -rule->standard_s;
    if (*at == '\0')
        return true;
    rule->has_summer = true;
    rule->summer_s = rule->standard_s + 3600;
    if (!take_letters(&at))
        return false;
    if (*at != ',') {
        if (!take_clock(&at, &rule->summer_s))
            return false;
        rule->summer_s = -rule->summer_s;
    }
    return take_change(&at, &rule->to_summer) && take_change(&at, &rule->to_standard) && *at == '\0';
}

/* What clocks show at the change, as seconds since 1970. `year` counts from 1900, as in struct tm. */
static int64_t change_in_year(const struct change *change, int year)
{
    enum { DAY_S = 86400 };
    struct tm first = {.tm_year = year, .tm_mon = change->kind == 'M' ? change->month - 1 : 0, .tm_mday = 1};
    struct tm end = {.tm_year = year, .tm_mon = first.tm_mon + 1, .tm_mday = 1};
    const int64_t start_s = timegm(&first); // sets tm_wday
    const int days = (int)((timegm(&end) - start_s) / DAY_S);
    int day = change->day;
    if (change->kind == 'M') {
        day = (change->day - first.tm_wday + 7) % 7 + 7 * (change->week - 1);
        if (day >= days)
            day -= 7;
    } else if (change->kind == 'J') {
        struct tm march = {.tm_year = year, .tm_mon = 2, .tm_mday = 1};
        const bool leap = (timegm(&march) - start_s) / DAY_S == 60;
        day = change->day - 1 + (leap && change->day >= 60);
    }
    return start_s + (int64_t)day * DAY_S + change->local_s;
}

static int64_t offset_by_rule(const struct rule *rule, int64_t utc_s)
{
    const time_t local = (time_t)(utc_s + rule->standard_s);
    struct tm date;
    if (!rule->has_summer || !gmtime_r(&local, &date))
        return rule->standard_s;
    const int64_t summer = change_in_year(&rule->to_summer, date.tm_year) - rule->standard_s;
    const int64_t standard = change_in_year(&rule->to_standard, date.tm_year) - rule->summer_s;
    // South of the equator the year begins in summer.
    const bool is_summer =
        summer < standard ? utc_s >= summer && utc_s < standard : !(utc_s >= standard && utc_s < summer);
    return is_summer ? rule->summer_s : rule->standard_s;
}

/* ---- */

/* The text between the line ends at the end of the file. */
static bool read_rule(const uint8_t *at, size_t size, struct rule *rule)
{
    char text[128];
    const uint8_t *close = size > 1 && at[0] == '\n' ? memchr(at + 1, '\n', size - 1) : NULL;
    if (!close || close == at + 1 || (size_t)(close - at) > sizeof text)
        return false;
    const size_t length = (size_t)(close - at) - 1;
    memcpy(text, at + 1, length);
    text[length] = '\0';
    return parse_rule(text, rule);
}

static bool parse(const struct buffer *file, struct zone *zone)
{
    uint32_t counts[COUNTS];
    const size_t first = read_header(file->data, file->size, 4, counts);
    if (first == 0 || file->data[4] < '2')
        return false;
    const size_t second = read_header(file->data + first, file->size - first, 8, counts);
    if (second == 0 || counts[TYPES] == 0)
        return false;
    zone->transition_count = counts[TRANSITIONS];
    zone->type_count = counts[TYPES];
    zone->transitions = file->data + first + HEADER_SIZE;
    zone->to = zone->transitions + 8 * (size_t)zone->transition_count;
    zone->types = zone->to + zone->transition_count;
    for (uint32_t i = 0; i < zone->transition_count; i++)
        if (zone->to[i] >= zone->type_count)
            return false;
    zone->has_rule = read_rule(file->data + first + second, file->size - first - second, &zone->rule);
    return true;
}

static int64_t offset_at(const struct zone *zone, int64_t utc_s)
{
    // Transitions at or before that time.
    uint32_t low = 0, high = zone->transition_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (get_i64(zone->transitions + 8 * (size_t)middle) <= utc_s)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == zone->transition_count && zone->has_rule)
        return offset_by_rule(&zone->rule, utc_s);
    const uint32_t type = low == 0 ? 0 : zone->to[low - 1];
    return (int32_t)get_u32(zone->types + (size_t)TYPE_SIZE * type);
}

/* The first time at which the clocks show it. */
static int64_t find_utc(const struct zone *zone, int64_t local)
{
    enum { DAY_S = 86400 }; // no clock is a day or more ahead or behind
    const int64_t before = offset_at(zone, local - DAY_S), after = offset_at(zone, local + DAY_S);
    const int64_t early = local - before, late = local - after;
    // Before the change the clocks show it at `early`, behind it at `late`; when both hold the hour comes twice.
    if (offset_at(zone, early) == before || offset_at(zone, late) != after)
        return early;
    return late;
}

/* `file` holds what the zone points into. */
static bool load(const char *name, struct buffer *file, struct zone *zone)
{
    const char *folder = getenv("TZDIR");
    char path[PATH_MAX];
    const int length = snprintf(path, sizeof path, "%s/%s", folder ? folder : "/usr/share/zoneinfo", name);
    if (!*name || *name == '/' || strstr(name, "..") || length < 0 || (size_t)length >= sizeof path)
        return false;
    return fs_read_file(path, file, NULL) >= 0 && parse(file, zone);
}

bool timezone_offset(const char *name, int64_t utc_s, int64_t *offset_s)
{
    struct buffer file = {0};
    struct zone zone;
    const bool found = load(name, &file, &zone);
    if (found)
        *offset_s = offset_at(&zone, utc_s);
    buffer_free(&file);
    return found;
}

bool timezone_to_utc(const char *name, const struct tm *local, double *utc_s)
{
    struct buffer file = {0};
    struct zone zone;
    const bool found = load(name, &file, &zone);
    if (found) {
        struct tm copy = *local;
        *utc_s = (double)find_utc(&zone, (int64_t)timegm(&copy));
    }
    buffer_free(&file);
    return found;
}
