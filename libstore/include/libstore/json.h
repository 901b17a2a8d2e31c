/* JSON as libstore and its tools write it. */
#ifndef LIBSTORE_JSON_H
#define LIBSTORE_JSON_H

#include <libstore/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Writes every number with a fraction or an exponent in the shortest form that reads back as exactly this value: 0.1
 * for 0.10000000000000001. `text` is valid JSON and is changed in place.
 */
IST_API void ist_json_shorten(char *text);

#ifdef __cplusplus
}
#endif
#endif
