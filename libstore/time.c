#include <libstore/time.h>

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "timezone.h"

/* Years 1 to 9999, a day off both ends so that no zone leaves them. */
static const double time_min_s = -62135510400, time_max_s = 253402214400;

enum { MICRO = 1000000 };

/* What needs no file. */
static bool is_utc(const char *zone)
{
    return strcmp(zone, "UTC") == 0 || strcmp(zone, "Etc/UTC") == 0;
}

static ist_status unknown_zone(const char *zone, ist_error *error)
{
    return error_set(error, IST_ERROR_NOT_FOUND, "time zone '%s' is not known on this machine", zone);
}

void ist_time_machine_zone(char zone[IST_TIME_ZONE_SIZE])
{
    static const char folder[] = "zoneinfo/";
    const char *name = getenv("TZ");
    if (name && *name == ':')
        name++;
    char link[PATH_MAX];
    if (!name || !strchr(name, '/') || *name == '/') {
        const ssize_t length = readlink("/etc/localtime", link, sizeof link - 1);
        link[length > 0 ? length : 0] = '\0';
        name = strstr(link, folder);
        if (name)
            name += strlen(folder);
    }
    snprintf(zone, IST_TIME_ZONE_SIZE, "%s", name ? name : "Etc/UTC");
}

ist_status ist_time_to_local(double time_s, const char *zone, char text[IST_TIME_TEXT_SIZE], ist_error *error)
{
    *text = '\0';
    if (!(time_s >= time_min_s && time_s <= time_max_s))
        return error_set(error, IST_ERROR_ARGUMENT, "%g s since 1970 is not in the years 1 to 9999", time_s);
    int64_t utc_s = (int64_t)floor(time_s);
    long microseconds = lrint((time_s - (double)utc_s) * MICRO);
    if (microseconds == MICRO) {
        microseconds = 0;
        utc_s++;
    }
    int64_t offset_s = 0;
    if (!timezone_offset(zone, utc_s, &offset_s) && !is_utc(zone))
        return unknown_zone(zone, error);

    const time_t local_s = (time_t)(utc_s + offset_s);
    struct tm local;
    gmtime_r(&local_s, &local);
    const int64_t distance_s = offset_s < 0 ? -offset_s : offset_s;
    int length =
        snprintf(text, IST_TIME_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%06ld%c%02" PRId64 ":%02" PRId64,
                 local.tm_year + 1900, local.tm_mon + 1, local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec,
                 microseconds, offset_s < 0 ? '-' : '+', distance_s / 3600, distance_s / 60 % 60);
    if (distance_s % 60 != 0 && length > 0 && length < IST_TIME_TEXT_SIZE) // before there were time zones
        snprintf(text + length, IST_TIME_TEXT_SIZE - (size_t)length, ":%02" PRId64, distance_s % 60);
    return IST_OK;
}

/* ---- reading ---- */

/* Exactly `digits` digits, min..max. */
static bool take_digits(const char **at, int digits, int min, int max, int *value)
{
    int number = 0;
    for (int i = 0; i < digits; i++) {
        const char c = (*at)[i];
        if (c < '0' || c > '9')
            return false;
        number = number * 10 + (c - '0');
    }
    *at += digits;
    *value = number;
    return number >= min && number <= max;
}

static bool take_char(const char **at, char c)
{
    if (**at != c)
        return false;
    ++*at;
    return true;
}

static bool take_date(const char **at, struct tm *date)
{
    if (!(take_digits(at, 4, 1, 9999, &date->tm_year) && take_char(at, '-') &&
          take_digits(at, 2, 1, 12, &date->tm_mon) && take_char(at, '-') && take_digits(at, 2, 1, 31, &date->tm_mday)))
        return false;
    date->tm_year -= 1900;
    date->tm_mon -= 1;
    struct tm normal = *date;
    timegm(&normal); // turns 31 April into 1 May
    return normal.tm_mday == date->tm_mday;
}

static bool take_clock(const char **at, struct tm *date, int *microseconds)
{
    if (!take_digits(at, 2, 0, 23, &date->tm_hour) || !take_char(at, ':') || !take_digits(at, 2, 0, 59, &date->tm_min))
        return false;
    if (!take_char(at, ':'))
        return true;
    if (!take_digits(at, 2, 0, 59, &date->tm_sec))
        return false;
    if (!take_char(at, '.'))
        return true;
    const char *start = *at;
    for (int scale = MICRO / 10; **at >= '0' && **at <= '9'; ++*at, scale /= 10)
        *microseconds += (**at - '0') * scale;
    return *at > start;
}

/* Z, or + or - and HH, HHMM, HH:MM, HH:MM:SS. */
static bool take_offset(const char **at, int64_t *offset_s)
{
    *offset_s = 0;
    if (take_char(at, 'Z'))
        return true;
    const bool negative = **at == '-';
    if (!take_char(at, '+') && !take_char(at, '-'))
        return false;
    int hours, minutes = 0, seconds = 0;
    if (!take_digits(at, 2, 0, 23, &hours))
        return false;
    if (**at != '\0') {
        const bool colon = take_char(at, ':');
        if (!take_digits(at, 2, 0, 59, &minutes))
            return false;
        if (colon && take_char(at, ':') && !take_digits(at, 2, 0, 59, &seconds))
            return false;
    }
    *offset_s = (negative ? -1 : 1) * (hours * 3600 + minutes * 60 + seconds);
    return true;
}

ist_status ist_time_from_local(const char *text, const char *zone, double *time_s, ist_error *error)
{
    const char *at = text;
    struct tm date = {0};
    int microseconds = 0;
    int64_t offset_s = 0;
    bool has_offset = false;
    bool understood = take_date(&at, &date);
    if (understood && (take_char(&at, 'T') || take_char(&at, ' ')))
        understood = take_clock(&at, &date, &microseconds);
    if (understood && *at != '\0')
        understood = has_offset = take_offset(&at, &offset_s);
    if (!understood || *at != '\0')
        return error_set(error, IST_ERROR_ARGUMENT, "'%s' is not a date and time, as 2026-11-20 14:03:05.5 is", text);

    struct tm copy = date;
    double utc_s = (double)((int64_t)timegm(&copy) - offset_s);
    if (!has_offset && !timezone_to_utc(zone, &date, &utc_s) && !is_utc(zone))
        return unknown_zone(zone, error);
    // Whole microseconds first: one rounding, to the double that is nearest.
    *time_s = (double)((int64_t)utc_s * MICRO + microseconds) / MICRO;
    return IST_OK;
}
