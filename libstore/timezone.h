/* Time zones by their IANA names, whatever zone the process is in. */
#ifndef TIMEZONE_H
#define TIMEZONE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Seconds that clocks in this zone are ahead of UTC at that time. False: the system knows no such zone. */
bool timezone_offset(const char *zone, int64_t utc_s, int64_t *offset_s);

/*
 * Turns the date and time that clocks in this zone show into seconds since 1970 UTC. Of an hour that comes twice it is
 * the first one; one that is leapt over counts as if the clocks leapt after it. False: the system knows no such zone.
 */
bool timezone_to_utc(const char *zone, const struct tm *local, double *utc_s);

#endif
