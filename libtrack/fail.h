/* Filling in an ist_error. */
#ifndef FAIL_H
#define FAIL_H

#include <libstore/error.h>

/* Writes status and text, and returns the status, so that `return trk_fail(...)` reads well. error may be NULL. */
ist_status trk_fail(ist_error *error, ist_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

ist_status trk_fail_memory(ist_error *error);

#endif
