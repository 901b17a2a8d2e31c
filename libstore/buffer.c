#include "buffer.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"

ist_status buffer_reserve(struct buffer *buffer, size_t capacity, ist_error *error)
{
    if (capacity <= buffer->capacity)
        return IST_OK;
    size_t grown = buffer->capacity + buffer->capacity / 2;
    if (grown < capacity)
        grown = capacity;
    uint8_t *data = realloc(buffer->data, grown);
    if (!data)
        return error_memory(error);
    buffer->data = data;
    buffer->capacity = grown;
    return IST_OK;
}

ist_status buffer_append(struct buffer *buffer, const void *data, size_t size, ist_error *error)
{
    if (!size)
        return IST_OK;
    const ist_status status = buffer_reserve(buffer, buffer->size + size, error);
    if (status < 0)
        return status;
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    return IST_OK;
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}
