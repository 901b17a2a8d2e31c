#include "fail.h"

#include <stdarg.h>
#include <stdio.h>

ist_status trk_fail(ist_error *error, ist_status status, const char *format, ...)
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

ist_status trk_fail_memory(ist_error *error)
{
    return trk_fail(error, IST_ERROR_MEMORY, "out of memory");
}
