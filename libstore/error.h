/* Filling in an ist_error. Each function returns the status, so that `return error_set(...)` reads well. */
#ifndef ERROR_H
#define ERROR_H

#include <libstore/error.h>

ist_status error_set(ist_error *error, ist_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "TEXT: " in front of a message that is there. */
ist_status error_prefix(ist_error *error, ist_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "TEXT: " and the system's text for an errno value; its status follows from the value. */
ist_status error_errno(ist_error *error, int number, const char *format, ...) __attribute__((format(printf, 3, 4)));

ist_status error_memory(ist_error *error);

#endif
