#include "save_metadata.h"

#include <errno.h>
#include <jansson.h>
#include <libstore/libstore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *parse_yaml(const char *yaml, const char *where)
{
    ist_error error;
    char *text = NULL;
    if (ist_yaml_to_json(yaml, &text, &error) < 0) {
        cli_fail("%s: %s", where, error.message);
        return NULL;
    }
    json_error_t json_error;
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &json_error);
    ist_free(text);
    if (!value)
        cli_fail("%s: %s", where, json_error.text);
    return value;
}

static char *read_text_file(const char *path)
{
    enum { TOO_LARGE = 64 << 20 };
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t size = 0;
    size_t capacity = 0;
    while (file && size < TOO_LARGE) {
        if (capacity - size < 4096) {
            capacity += capacity / 2 + 8192;
            char *larger = realloc(text, capacity);
            if (!larger) {
                errno = ENOMEM;
                goto fail;
            }
            text = larger;
        }
        const size_t got = fread(text + size, 1, capacity - size - 1, file);
        size += got;
        if (ferror(file))
            goto fail;
        if (got == 0) {
            text[size] = '\0';
            fclose(file);
            return text;
        }
    }
    if (file)
        errno = EFBIG;
fail:
    cli_fail("%s: %s", path, strerror(errno));
    if (file)
        fclose(file);
    free(text);
    return NULL;
}

static int add_metadata_file(json_t *metadata, const char *path)
{
    char *yaml = read_text_file(path);
    if (!yaml)
        return CLI_FAILURE;
    json_t *mapping = parse_yaml(yaml, path);
    free(yaml);
    if (!mapping)
        return CLI_FAILURE;
    int result = CLI_GO_ON;
    if (json_is_object(mapping))
        json_object_update(metadata, mapping);
    else if (!json_is_null(mapping)) // an empty file says nothing, and that is fine
        result = cli_fail("%s: must be a YAML mapping, lines such as \"name: value\"", path);
    json_decref(mapping);
    return result;
}

static int add_metadata_option(json_t *metadata, const char *text)
{
    const char *yaml;
    const size_t key_length = cli_read_key(text, &yaml);
    if (key_length == 0)
        return cli_usage("--metadata: \"%s\" is not KEY=VALUE", text);
    char *key = strndup(text, key_length);
    if (!key)
        return cli_fail("out of memory");
    char where[256];
    snprintf(where, sizeof where, "--metadata %s", key);
    json_t *value = parse_yaml(yaml, where);
    int result = CLI_GO_ON;
    if (!value)
        result = CLI_USAGE;
    else if (json_object_set_new(metadata, key, value) < 0)
        result = cli_usage("--metadata: \"%s\" is not UTF-8", key);
    free(key);
    return result;
}

int save_metadata_collect(const char *file, const cli_list *options, char **json)
{
    *json = NULL;
    json_t *metadata = json_object();
    int result = CLI_GO_ON;
    if (file)
        result = add_metadata_file(metadata, file);
    for (size_t i = 0; result == CLI_GO_ON && i < options->count; i++)
        result = add_metadata_option(metadata, options->items[i]);
    if (result == CLI_GO_ON && json_object_get(metadata, "__store"))
        result = cli_usage("metadata: the key __store belongs to the store itself");
    if (result == CLI_GO_ON && json_object_size(metadata) > 0)
        *json = json_dumps(metadata, JSON_REAL_PRECISION(17));
    json_decref(metadata);
    return result;
}
