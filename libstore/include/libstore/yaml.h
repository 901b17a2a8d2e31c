/* YAML as imgstore writes and reads it. */
#ifndef LIBSTORE_YAML_H
#define LIBSTORE_YAML_H

#include <libstore/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Turns a YAML document into JSON text, with the rules of YAML 1.1 that Python's yaml package
 * applies to plain scalars: yes, no, on and off are booleans, 0755 is octal, 12:30 is a number to
 * the base 60, 1e-7 (without a point) is a string. Dates stay text; so do .nan, .inf and integers
 * beyond 64 bits, which JSON cannot hold. An empty document is null. The caller frees *json with
 * ist_free().
 *
 * IST_ERROR_DATA: not YAML, naming the line, or a mapping with keys that are not scalars.
 */
IST_API IST_MUST_CHECK ist_status ist_yaml_to_json(const char *yaml, char **json, ist_error *error);

#ifdef __cplusplus
}
#endif
#endif
