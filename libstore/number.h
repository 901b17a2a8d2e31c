/* Numbers as text, whatever the locale of the process. */
#ifndef NUMBER_H
#define NUMBER_H

#include <stdbool.h>

enum { NUMBER_TEXT_SIZE = 32 };

/* Writes the shortest text that reads back as exactly this value; always with a '.' or as nan, inf, -inf. */
void number_format_double(char text[NUMBER_TEXT_SIZE], double value);

/* Reads a decimal number that is the whole of the text. */
bool number_parse_double(const char *text, double *value);

#endif
