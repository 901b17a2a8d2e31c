#include "yaml_json.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "error.h"
#include "number.h"

/* Aliases can make a small text expand without end; no honest metadata comes near this. */
enum { NODES_MAX = 1000000, DEPTH_MAX = 200 };

struct conversion {
    yaml_document_t *document;
    const char *what;
    long nodes;
    ist_error *error;
};

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

static bool matches(const char *text, const char *pattern)
{
    regex_t regex;
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    const bool match = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return match;
}

/* Digits without the underscores that YAML allows between them. */
static bool copy_without_underscores(const char *text, char *out, size_t size)
{
    size_t length = 0;
    for (; *text; text++) {
        if (*text == '_')
            continue;
        if (length + 1 >= size)
            return false;
        out[length++] = *text;
    }
    out[length] = '\0';
    return true;
}

/* 1:30:00 counts in sixties. */
static double sexagesimal(const char *digits)
{
    const double sign = *digits == '-' ? -1 : 1;
    if (*digits == '-' || *digits == '+')
        digits++;
    double sum = 0;
    while (*digits) {
        char part[64];
        const size_t length = strcspn(digits, ":");
        if (length >= sizeof part)
            return (double)NAN;
        memcpy(part, digits, length);
        part[length] = '\0';
        double value;
        if (!number_parse_double(part, &value))
            return (double)NAN;
        sum = sum * 60 + value;
        digits += length + (digits[length] == ':');
    }
    return sign * sum;
}

/*
 * Plain numbers, 12 and -12.5, without the patterns below: the indexes of old stores are long lists of them.
 * NULL: something else.
 */
static json_t *plain_number_from(const char *text)
{
    const char *digits = *text == '-' ? text + 1 : text;
    const size_t whole = strspn(digits, "0123456789");
    const bool has_point = digits[whole] == '.';
    const size_t length = whole + has_point + (has_point ? strspn(digits + whole + 1, "0123456789") : 0);
    if (whole == 0 || length > 18 || digits[length] != '\0' || (!has_point && *digits == '0' && whole > 1))
        return NULL;
    double value;
    if (!has_point)
        return json_integer(strtoll(text, NULL, 10));
    return number_parse_double(text, &value) ? json_real(value) : NULL;
}

/* Integers in the notations of YAML 1.1; NULL when the text is none of them or does not fit. */
static json_t *integer_from(const char *text)
{
    char digits[128];
    if (!matches(text, "^[-+]?(0b[01_]+|0[0-7_]*|[1-9][0-9_]*|0x[0-9a-fA-F_]+|[1-9][0-9_]*(:[0-5]?[0-9])+)$") ||
        !copy_without_underscores(text, digits, sizeof digits))
        return NULL;
    if (strchr(digits, ':')) {
        const double value = sexagesimal(digits);
        return fabs(value) < 9e15 ? json_integer((json_int_t)value) : NULL;
    }
    char *number = digits;
    const bool negative = *number == '-';
    if (*number == '-' || *number == '+')
        number++;
    int base = 10;
    if (number[0] == '0' && number[1] != '\0') {
        base = number[1] == 'x' ? 16 : number[1] == 'b' ? 2 : 8;
        number += base == 8 ? 1 : 2;
    }
    errno = 0;
    if (negative) {
        number--;
        *number = '-';
    }
    char *end;
    const long long value = strtoll(number, &end, base);
    return errno == 0 && *end == '\0' ? json_integer(value) : NULL;
}

static json_t *float_from(const char *text)
{
    char digits[128];
    if (!matches(text, "^([-+]?[0-9][0-9_]*\\.[0-9_]*([eE][-+][0-9]+)?|\\.[0-9][0-9_]*([eE][-+][0-9]+)?|"
                       "[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\\.[0-9_]*)$") ||
        !copy_without_underscores(text, digits, sizeof digits))
        return NULL;
    if (strchr(digits, ':'))
        return json_real(sexagesimal(digits));
    double value;
    return number_parse_double(digits, &value) && isfinite(value) ? json_real(value) : NULL;
}

/* The value of a plain scalar. */
static json_t *resolve(const char *text)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", NULL};
    static const char *const falses[] = {"no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", NULL};
    if (is_one_of(text, nulls))
        return json_null();
    if (is_one_of(text, trues))
        return json_true();
    if (is_one_of(text, falses))
        return json_false();
    if (strchr("+-.0123456789", *text)) {
        json_t *number = plain_number_from(text);
        if (!number)
            number = integer_from(text);
        if (!number)
            number = float_from(text);
        if (number)
            return number;
    }
    return json_string(text);
}

static bool has_tag(const yaml_node_t *node, const char *tag)
{
    return node->tag && strcmp((const char *)node->tag, tag) == 0;
}

/* True for text in quotes that says of itself to be a value: !!int "2". */
static bool has_tag_of_value(const yaml_node_t *node)
{
    return has_tag(node, YAML_INT_TAG) || has_tag(node, YAML_FLOAT_TAG) || has_tag(node, YAML_BOOL_TAG) ||
           has_tag(node, YAML_NULL_TAG);
}

static json_t *scalar_to_json(struct conversion *c, const yaml_node_t *node)
{
    const char *text = (const char *)node->data.scalar.value;
    if (strlen(text) != node->data.scalar.length) {
        error_set(c->error, IST_ERROR_DATA, "%s: line %zu: a zero byte in a string", c->what,
                  node->start_mark.line + 1);
        return NULL;
    }
    const bool plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE || has_tag_of_value(node);
    json_t *value = plain ? resolve(text) : json_string(text);
    if (json_is_integer(value) && has_tag(node, YAML_FLOAT_TAG)) {
        const double number = (double)json_integer_value(value);
        json_decref(value);
        value = json_real(number);
    }
    if (!value)
        error_set(c->error, IST_ERROR_DATA, "%s: line %zu: text that is not UTF-8", c->what, node->start_mark.line + 1);
    return value;
}

static json_t *node_to_json(struct conversion *c, int id, int depth);

static json_t *sequence_to_json(struct conversion *c, const yaml_node_t *node, int depth)
{
    json_t *array = json_array();
    for (yaml_node_item_t *item = node->data.sequence.items.start; array && item < node->data.sequence.items.top;
         item++) {
        if (json_array_append_new(array, node_to_json(c, *item, depth + 1)) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *mapping_to_json(struct conversion *c, const yaml_node_t *node, int depth)
{
    json_t *object = json_object();
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; object && pair < node->data.mapping.pairs.top;
         pair++) {
        const yaml_node_t *key = yaml_document_get_node(c->document, pair->key);
        if (!key || key->type != YAML_SCALAR_NODE) {
            error_set(c->error, IST_ERROR_DATA, "%s: line %zu: a key that is not plain text", c->what,
                      node->start_mark.line + 1);
            json_decref(object);
            return NULL;
        }
        json_t *value = node_to_json(c, pair->value, depth + 1);
        if (!value || json_object_set_new(object, (const char *)key->data.scalar.value, value) < 0) {
            if (value)
                error_set(c->error, IST_ERROR_DATA, "%s: line %zu: a key that is not UTF-8", c->what,
                          key->start_mark.line + 1);
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *node_to_json(struct conversion *c, int id, int depth)
{
    const yaml_node_t *node = yaml_document_get_node(c->document, id);
    if (!node || depth > DEPTH_MAX || ++c->nodes > NODES_MAX) {
        error_set(c->error, IST_ERROR_DATA, "%s: nested too deeply, or without end", c->what);
        return NULL;
    }
    switch (node->type) {
    case YAML_SCALAR_NODE:
        return scalar_to_json(c, node);
    case YAML_SEQUENCE_NODE:
        return sequence_to_json(c, node, depth);
    case YAML_MAPPING_NODE:
        return mapping_to_json(c, node, depth);
    default:
        return json_null();
    }
}

ist_status yaml_parse(const char *text, size_t size, const char *what, json_t **value, ist_error *error)
{
    *value = NULL;
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return error_memory(error);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);

    ist_status status = IST_OK;
    yaml_document_t document;
    if (!yaml_parser_load(&parser, &document)) {
        status = error_set(error, IST_ERROR_DATA, "%s: line %zu: not YAML: %s", what, parser.problem_mark.line + 1,
                           parser.problem ? parser.problem : "cannot be read");
    } else {
        struct conversion c = {.document = &document, .what = what, .error = error};
        // Set before the walk, for the failures that leave no text of their own: those of memory.
        error_set(error, IST_ERROR_DATA, "%s: cannot be read", what);
        *value = yaml_document_get_root_node(&document) ? node_to_json(&c, 1, 0) : json_null();
        status = *value ? IST_OK : IST_ERROR_DATA;
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return status;
}

ist_status ist_yaml_to_json(const char *yaml, char **json, ist_error *error)
{
    *json = NULL;
    json_t *value;
    const ist_status status = yaml_parse(yaml, strlen(yaml), "YAML", &value, error);
    if (status < 0)
        return status;
    *json = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(value);
    return *json ? IST_OK : error_memory(error);
}

static int append_to_buffer(void *out, unsigned char *data, size_t size)
{
    return buffer_append(out, data, size, NULL) >= 0;
}

static bool emit_scalar(yaml_emitter_t *emitter, const char *text, yaml_scalar_style_t style)
{
    yaml_event_t event;
    return yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text), 1, 1,
                                        style) &&
           yaml_emitter_emit(emitter, &event);
}

/* True for text that needs no quotes: it looks like a name and YAML takes it for nothing else. */
static bool reads_as_text(const char *text)
{
    if (!matches(text, "^[A-Za-z_][A-Za-z0-9_]*$"))
        return false;
    json_t *value = resolve(text);
    const bool is_text = json_is_string(value);
    json_decref(value);
    return is_text;
}

static bool emit_value(yaml_emitter_t *emitter, const json_t *value);

static bool emit_array(yaml_emitter_t *emitter, const json_t *array)
{
    yaml_event_t event;
    if (!yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE) ||
        !yaml_emitter_emit(emitter, &event))
        return false;
    for (size_t i = 0; i < json_array_size(array); i++)
        if (!emit_value(emitter, json_array_get(array, i)))
            return false;
    return yaml_sequence_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

static bool emit_object(yaml_emitter_t *emitter, const json_t *object)
{
    yaml_event_t event;
    if (!yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE) ||
        !yaml_emitter_emit(emitter, &event))
        return false;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        const yaml_scalar_style_t style =
            reads_as_text(key) ? YAML_PLAIN_SCALAR_STYLE : YAML_SINGLE_QUOTED_SCALAR_STYLE;
        if (!emit_scalar(emitter, key, style) || !emit_value(emitter, value))
            return false;
    }
    return yaml_mapping_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

static bool emit_value(yaml_emitter_t *emitter, const json_t *value)
{
    char text[NUMBER_TEXT_SIZE];
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return emit_object(emitter, value);
    case JSON_ARRAY:
        return emit_array(emitter, value);
    case JSON_STRING:
        return emit_scalar(emitter, json_string_value(value), YAML_SINGLE_QUOTED_SCALAR_STYLE);
    case JSON_INTEGER:
        snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
        return emit_scalar(emitter, text, YAML_PLAIN_SCALAR_STYLE);
    case JSON_REAL:
        number_format_double(text, json_real_value(value));
        return emit_scalar(emitter, text, YAML_PLAIN_SCALAR_STYLE);
    case JSON_TRUE:
        return emit_scalar(emitter, "true", YAML_PLAIN_SCALAR_STYLE);
    case JSON_FALSE:
        return emit_scalar(emitter, "false", YAML_PLAIN_SCALAR_STYLE);
    default:
        return emit_scalar(emitter, "null", YAML_PLAIN_SCALAR_STYLE);
    }
}

ist_status yaml_emit(const json_t *value, struct buffer *out, ist_error *error)
{
    yaml_emitter_t emitter;
    if (!yaml_emitter_initialize(&emitter))
        return error_memory(error);
    yaml_emitter_set_output(&emitter, append_to_buffer, out);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, -1);

    yaml_event_t event;
    const bool done = yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
                      yaml_emitter_emit(&emitter, &event) &&
                      yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
                      yaml_emitter_emit(&emitter, &event) && emit_value(&emitter, value) &&
                      yaml_document_end_event_initialize(&event, 1) && yaml_emitter_emit(&emitter, &event) &&
                      yaml_stream_end_event_initialize(&event) && yaml_emitter_emit(&emitter, &event);
    const char *problem = emitter.problem ? emitter.problem : "out of memory";
    const ist_status status =
        done ? IST_OK : error_set(error, IST_ERROR_DATA, "cannot be written as YAML: %s", problem);
    yaml_emitter_delete(&emitter);
    return status;
}
