#include <libstore/json.h>

#include <string.h>

#include "number.h"

/* Puts a number there in its shortest form, and gives the place behind it. */
static char *put_number(char *out, const char *number, size_t length)
{
    char before[NUMBER_TEXT_SIZE], after[NUMBER_TEXT_SIZE];
    double value;
    if (length < sizeof before) {
        memcpy(before, number, length);
        before[length] = '\0';
        if (strpbrk(before, ".eE") && number_parse_double(before, &value)) {
            number_format_double(after, value);
            if (strlen(after) < length) {
                number = after;
                length = strlen(after);
            }
        }
    }
    memmove(out, number, length);
    return out + length;
}

void ist_json_shorten(char *text)
{
    char *out = text;
    bool in_string = false;
    for (const char *in = text; *in;) {
        const size_t length = in_string ? 0 : strspn(in, "+-.0123456789");
        if (length > 0) {
            const size_t whole = strspn(in, "+-.0123456789eE");
            out = put_number(out, in, whole);
            in += whole;
            continue;
        }
        if (in_string && *in == '\\')
            *out++ = *in++;
        else if (*in == '"')
            in_string = !in_string;
        *out++ = *in++;
    }
    *out = '\0';
}
