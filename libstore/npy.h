/* The header of numpy's .npy files, which are also the members of an .npz. */
#ifndef NPY_H
#define NPY_H

#include <libstore/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

enum { NPY_DIMENSIONS_MAX = 8 };

struct npy_header {
    char kind;       /* 'u' 'i' 'f' 'c' 'b' numbers, 'S' bytes, 'U' text, 'O' Python objects, 'M' 'm' times, 'V' raw */
    char byte_order; /* '<' or '>'; '|' where it does not matter. Never '=' */
    int item_size;   /* bytes in one element; of 'U' 4 a character; 0 of 'O' */
    bool fortran_order;
    int dimensions; /* 0 .. NPY_DIMENSIONS_MAX; 0: a single element */
    int64_t shape[NPY_DIMENSIONS_MAX];
    int64_t count;      /* elements: the product of the shape */
    size_t data_offset; /* bytes before the first element */
    size_t data_size;   /* bytes of all elements, count * item_size */
};

/*
 * Reads the header (version 1, 2 or 3) at the beginning of a whole .npy file.
 *
 * On success data_offset + data_size <= size, so that the elements can be read without another check; of objects
 * (kind 'O') data_size is 0.
 * IST_ERROR_DATA: not an .npy file, damaged, or cut off. IST_ERROR_UNSUPPORTED: a structured array, a newer version
 * or more than NPY_DIMENSIONS_MAX dimensions.
 */
ist_status npy_parse_header(const uint8_t *data, size_t size, struct npy_header *header, ist_error *error);

/*
 * Appends a header of version 1 to `out`, as numpy writes it (a multiple of 64 bytes long): an array of `descr` ("<i8")
 * in C order. The elements are for the caller to append.
 */
ist_status npy_write_header(struct buffer *out, const char *descr, const int64_t *shape, int dimensions,
                            ist_error *error);

#endif
