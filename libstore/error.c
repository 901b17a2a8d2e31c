#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *ist_version(void)
{
    return IST_VERSION;
}

ist_status error_set(ist_error *error, ist_status status, const char *format, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        error->status = status;
    }
    return status;
}

ist_status error_prefix(ist_error *error, ist_status status, const char *format, ...)
{
    if (error) {
        char what[sizeof error->message];
        memcpy(what, error->message, sizeof what);
        va_list arguments;
        va_start(arguments, format);
        const int prefix = vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        if (prefix >= 0 && (size_t)prefix < sizeof error->message)
            snprintf(error->message + prefix, sizeof error->message - (size_t)prefix, ": %s", what);
    }
    return status;
}

ist_status error_errno(ist_error *error, int number, const char *format, ...)
{
    const ist_status status = number == ENOENT   ? IST_ERROR_NOT_FOUND
                              : number == EEXIST ? IST_ERROR_EXISTS
                              : number == ENOMEM ? IST_ERROR_MEMORY
                                                 : IST_ERROR_IO;
    if (error) {
        char what[sizeof error->message];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(what, sizeof what, format, arguments);
        va_end(arguments);
        error_set(error, status, "%s: %s", what, strerror(number));
    }
    return status;
}

ist_status error_memory(ist_error *error)
{
    return error_set(error, IST_ERROR_MEMORY, "out of memory");
}
