#include "number.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The C locale; glibc hands out a constant for it, so that nothing needs freeing. */
static locale_t c_locale(void)
{
    return newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

void number_format_double(char text[NUMBER_TEXT_SIZE], double value)
{
    if (!isfinite(value)) {
        strcpy(text, isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
        return;
    }
    const locale_t before = uselocale(c_locale());
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, NUMBER_TEXT_SIZE, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    uselocale(before);

    // YAML 1.1 takes 1e-07 for a string and 1 for an integer: a number with a fraction shows it.
    if (!strchr(text, '.')) {
        char *exponent = strchr(text, 'e');
        char rest[NUMBER_TEXT_SIZE] = "";
        if (exponent) {
            strcpy(rest, exponent);
            *exponent = '\0';
        }
        strcat(text, ".0");
        strcat(text, rest);
    }
}

bool number_parse_double(const char *text, double *value)
{
    if (!*text || strchr(" \t\n\r\v\f", *text))
        return false;
    char *end;
    *value = strtod_l(text, &end, c_locale());
    return *end == '\0';
}
