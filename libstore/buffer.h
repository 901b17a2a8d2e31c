/* Bytes that grow. */
#ifndef BUFFER_H
#define BUFFER_H

#include <libstore/error.h>
#include <stddef.h>
#include <stdint.h>

/* All zero is an empty buffer. */
struct buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

/* Makes room for `capacity` bytes in all; size stays. */
ist_status buffer_reserve(struct buffer *buffer, size_t capacity, ist_error *error);

ist_status buffer_append(struct buffer *buffer, const void *data, size_t size, ist_error *error);

/* Releases the memory; the buffer is empty afterwards. */
void buffer_free(struct buffer *buffer);

#endif
