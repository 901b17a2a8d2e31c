/* YAML text to JSON values and back. */
#ifndef YAML_JSON_H
#define YAML_JSON_H

#include <libstore/yaml.h>
#include <stddef.h>

#include "buffer.h"

struct json_t;

/* Reads the first document of the text; `what` names it in messages. The caller owns *value. */
ist_status yaml_parse(const char *text, size_t size, const char *what, struct json_t **value, ist_error *error);

/* Appends the value as a document in block style. Every string is quoted, so that it reads back as a string. */
ist_status yaml_emit(const struct json_t *value, struct buffer *out, ist_error *error);

#endif
