/* Time zones by their IANA names, whatever zone the process is in. */
#ifndef TIMEZONE_H
#define TIMEZONE_H

#include <stdbool.h>
#include <time.h>

/*
 * Turns the date and time that clocks in this zone show into seconds since 1970 UTC. Of an hour that comes twice it is
 * the first one. False: the system knows no such zone.
 */
bool timezone_to_utc(const char *zone, const struct tm *local, double *utc_s);

#endif
