/* What keys and mouse do, for --help and for the window. */
#ifndef KEYS_H
#define KEYS_H

extern const char keys_help[];

#endif
