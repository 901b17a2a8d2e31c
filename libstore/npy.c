#include "npy.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

static const char magic[] = "\x93NUMPY";

enum {
    MAGIC_SIZE = 6,
    PREFIX_SIZE_V1 = 10, // magic, two bytes of version, two of length
    PREFIX_SIZE_V2 = 12, // the same with four bytes of length
    ALIGNMENT = 64,
};

// The rest of the header's text, a Python dictionary: {'descr': '<u2', 'fortran_order': False, 'shape': (3, 4), }
struct text {
    const char *at;
    const char *end;
};

static void skip_space(struct text *text)
{
    while (text->at < text->end && (*text->at == ' ' || *text->at == '\n' || *text->at == '\t'))
        text->at++;
}

static bool take_char(struct text *text, char c)
{
    skip_space(text);
    if (text->at == text->end || *text->at != c)
        return false;
    text->at++;
    return true;
}

static bool take_word(struct text *text, const char *word)
{
    skip_space(text);
    const size_t length = strlen(word);
    if ((size_t)(text->end - text->at) < length || memcmp(text->at, word, length) != 0)
        return false;
    text->at += length;
    return true;
}

static bool take_number(struct text *text, int64_t *value)
{
    skip_space(text);
    const char *start = text->at;
    *value = 0;
    for (; text->at < text->end && *text->at >= '0' && *text->at <= '9'; text->at++)
        if (__builtin_mul_overflow(*value, 10, value) || __builtin_add_overflow(*value, *text->at - '0', value))
            return false;
    return text->at > start;
}

// A quoted string without escapes; `value` is what stands between the quotes.
static bool take_string(struct text *text, struct text *value)
{
    const char quote = take_char(text, '\'') ? '\'' : take_char(text, '"') ? '"' : '\0';
    if (!quote)
        return false;
    const char *close = memchr(text->at, quote, (size_t)(text->end - text->at));
    if (!close)
        return false;
    *value = (struct text){text->at, close};
    text->at = close + 1;
    return true;
}

static bool string_is(struct text string, const char *word)
{
    return (size_t)(string.end - string.at) == strlen(word) && memcmp(string.at, word, strlen(word)) == 0;
}

static bool has_element_size(const struct npy_header *header)
{
    switch (header->kind) {
    case 'b':
        return header->item_size == 1;
    case 'u':
    case 'i':
        return header->item_size == 1 || header->item_size == 2 || header->item_size == 4 || header->item_size == 8;
    case 'f':
        return header->item_size == 2 || header->item_size == 4 || header->item_size == 8 || header->item_size == 16;
    default:
        return true;
    }
}

// "<u2", "|S32", "<U7", "|O", "<M8[us]"
static ist_status parse_descr(struct text text, struct npy_header *header, ist_error *error)
{
    struct text descr = text;
    if (descr.end - descr.at < 2 || !strchr("<>|=", *descr.at) || !strchr("buifcSUOMmVa", descr.at[1]))
        return error_set(error, IST_ERROR_DATA, "npy: unknown element type");
    header->byte_order = *descr.at == '=' ? '<' : *descr.at;
    header->kind = descr.at[1] == 'a' ? 'S' : descr.at[1];
    descr.at += 2;
    if (header->kind == 'O')
        return IST_OK;

    int64_t number = 0;
    if (!take_number(&descr, &number) || number > INT_MAX / 4)
        return error_set(error, IST_ERROR_DATA, "npy: unknown element type");
    header->item_size = (int)number * (header->kind == 'U' ? 4 : 1);
    const bool has_unit = (header->kind == 'M' || header->kind == 'm') && descr.at < descr.end && *descr.at == '[';
    if ((descr.at != descr.end && !has_unit) || !has_element_size(header))
        return error_set(error, IST_ERROR_DATA, "npy: unknown element type");
    return IST_OK;
}

// "()", "(3,)", "(3, 4)"
static ist_status parse_shape(struct text *text, struct npy_header *header, ist_error *error)
{
    if (!take_char(text, '('))
        return error_set(error, IST_ERROR_DATA, "npy: damaged shape");
    header->count = 1;
    while (!take_char(text, ')')) {
        if (header->dimensions == NPY_DIMENSIONS_MAX)
            return error_set(error, IST_ERROR_UNSUPPORTED, "npy: more than %d dimensions", NPY_DIMENSIONS_MAX);
        int64_t *length = &header->shape[header->dimensions];
        if (!take_number(text, length) || __builtin_mul_overflow(header->count, *length, &header->count))
            return error_set(error, IST_ERROR_DATA, "npy: damaged shape");
        header->dimensions++;
        (void)take_char(text, 'L'); // Python 2 wrote 3L
        if (!take_char(text, ',')) {
            if (!take_char(text, ')'))
                return error_set(error, IST_ERROR_DATA, "npy: damaged shape");
            break;
        }
    }
    return IST_OK;
}

static ist_status parse_value(struct text *text, struct text key, struct npy_header *header, ist_error *error)
{
    if (string_is(key, "descr")) {
        struct text descr;
        if (take_char(text, '['))
            return error_set(error, IST_ERROR_UNSUPPORTED, "npy: structured arrays are not supported");
        if (!take_string(text, &descr))
            return error_set(error, IST_ERROR_DATA, "npy: damaged header");
        return parse_descr(descr, header, error);
    }
    if (string_is(key, "fortran_order")) {
        header->fortran_order = take_word(text, "True");
        if (!header->fortran_order && !take_word(text, "False"))
            return error_set(error, IST_ERROR_DATA, "npy: damaged header");
        return IST_OK;
    }
    if (string_is(key, "shape") && header->dimensions == 0)
        return parse_shape(text, header, error);
    return error_set(error, IST_ERROR_DATA, "npy: damaged header");
}

static ist_status parse_dictionary(struct text text, struct npy_header *header, ist_error *error)
{
    int keys = 0;
    if (!take_char(&text, '{'))
        return error_set(error, IST_ERROR_DATA, "npy: damaged header");
    while (!take_char(&text, '}')) {
        struct text key;
        if (!take_string(&text, &key) || !take_char(&text, ':'))
            return error_set(error, IST_ERROR_DATA, "npy: damaged header");
        const ist_status status = parse_value(&text, key, header, error);
        if (status < 0)
            return status;
        keys++;
        if (!take_char(&text, ',') && (text.at == text.end || *text.at != '}'))
            return error_set(error, IST_ERROR_DATA, "npy: damaged header");
    }
    if (keys != 3 || !header->kind || header->count < 0)
        return error_set(error, IST_ERROR_DATA, "npy: damaged header");
    return IST_OK;
}

// Where the text lies, by the version's prefix.
static ist_status find_text(const uint8_t *data, size_t size, struct text *text, ist_error *error)
{
    if (size < PREFIX_SIZE_V1 || memcmp(data, magic, MAGIC_SIZE) != 0)
        return error_set(error, IST_ERROR_DATA, "npy: not a numpy array");
    const int version = data[MAGIC_SIZE];
    if (version < 1 || version > 3)
        return error_set(error, IST_ERROR_UNSUPPORTED, "npy: version %d is not known", version);
    const size_t prefix = version == 1 ? PREFIX_SIZE_V1 : PREFIX_SIZE_V2;
    if (size < prefix)
        return error_set(error, IST_ERROR_DATA, "npy: cut off in the header");
    size_t length = data[8] | (size_t)data[9] << 8;
    if (version > 1)
        length |= (size_t)data[10] << 16 | (size_t)data[11] << 24;
    if (length > size - prefix)
        return error_set(error, IST_ERROR_DATA, "npy: cut off in the header");
    text->at = (const char *)data + prefix;
    text->end = text->at + length;
    return IST_OK;
}

ist_status npy_parse_header(const uint8_t *data, size_t size, struct npy_header *header, ist_error *error)
{
    *header = (struct npy_header){.count = -1};
    struct text text;
    ist_status status = find_text(data, size, &text, error);
    if (status >= 0)
        status = parse_dictionary(text, header, error);
    if (status < 0)
        return status;

    header->data_offset = (size_t)((const uint8_t *)text.end - data);
    if (__builtin_mul_overflow(header->count, header->item_size, &header->data_size) ||
        header->data_size > size - header->data_offset)
        return error_set(error, IST_ERROR_DATA, "npy: cut off: %zu bytes of elements", size - header->data_offset);
    return IST_OK;
}

ist_status npy_write_header(struct buffer *out, const char *descr, const int64_t *shape, int dimensions,
                            ist_error *error)
{
    char text[512];
    int length = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (int i = 0; i < dimensions && length < (int)sizeof text; i++)
        length += snprintf(text + length, sizeof text - (size_t)length, i ? ", %" PRId64 : "%" PRId64, shape[i]);
    if (length < (int)sizeof text)
        length += snprintf(text + length, sizeof text - (size_t)length, "%s), }", dimensions == 1 ? "," : "");
    const int padded = (PREFIX_SIZE_V1 + length + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT - PREFIX_SIZE_V1;
    if (dimensions > NPY_DIMENSIONS_MAX || padded > (int)sizeof text)
        return error_set(error, IST_ERROR_ARGUMENT, "npy: %d dimensions of '%s' cannot be written", dimensions, descr);
    memset(text + length, ' ', (size_t)(padded - length));
    text[padded - 1] = '\n';

    uint8_t prefix[PREFIX_SIZE_V1] = {0};
    memcpy(prefix, magic, MAGIC_SIZE);
    prefix[MAGIC_SIZE] = 1;
    prefix[8] = (uint8_t)(padded & 0xff);
    prefix[9] = (uint8_t)(padded >> 8);
    const ist_status status = buffer_append(out, prefix, sizeof prefix, error);
    return status < 0 ? status : buffer_append(out, text, (size_t)padded, error);
}
