/* Date and time as clocks show them, for frame times and back. */
#ifndef LIBSTORE_TIME_H
#define LIBSTORE_TIME_H

#include <libstore/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Sizes of buffers for ist_time_to_local() and for the name of a zone. */
enum { IST_TIME_TEXT_SIZE = 40, IST_TIME_ZONE_SIZE = 64 };

/* Writes the IANA name of the machine's time zone, by TZ or /etc/localtime; "Etc/UTC" where neither says. */
IST_API void ist_time_machine_zone(char zone[IST_TIME_ZONE_SIZE]);

/*
 * Writes a time as clocks in a time zone show it, in the notation of ISO 8601, with microseconds and the distance from
 * UTC: "2026-11-20T14:03:05.500000+01:00".
 *
 * `zone` is an IANA name such as ist_reader_info.timezone. The process may be in any zone, and stays in it.
 * IST_ERROR_NOT_FOUND: the system (/usr/share/zoneinfo, or $TZDIR) knows no such zone; UTC and Etc/UTC are always
 * known. IST_ERROR_ARGUMENT: not finite, or not in the years 1 to 9999. Thread-safety: any thread; so for the function
 * below. Cost: reads the small file of the zone each time.
 */
IST_API IST_MUST_CHECK ist_status ist_time_to_local(double time_s, const char *zone, char text[IST_TIME_TEXT_SIZE],
                                                    ist_error *error);

/*
 * Reads a date and time as clocks in a time zone show them, into seconds since 1970 UTC: YYYY-MM-DD, then nothing
 * (midnight) or, behind 'T' or a blank, HH:MM or HH:MM:SS or HH:MM:SS.ffffff (digits below microseconds are passed
 * over). A distance from UTC at the end (Z, +HH, +HHMM, +HH:MM, +HH:MM:SS, or with '-') counts instead of the zone.
 *
 * In the hour that comes twice when summer time ends, it is the first one that is meant; with the distance from UTC the
 * other one can be named too. A time that the clocks leapt over when summer time began counts as if they had not yet
 * leapt: 02:30 is half an hour behind 02:00, when they show 03:30. (Both as Python's datetime does with fold=0.)
 *
 * IST_ERROR_ARGUMENT: the text is none of these, or no day of the calendar. IST_ERROR_NOT_FOUND: as above.
 */
IST_API IST_MUST_CHECK ist_status ist_time_from_local(const char *text, const char *zone, double *time_s,
                                                      ist_error *error);

#ifdef __cplusplus
}
#endif
#endif
