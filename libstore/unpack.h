/* Gray values of 10 to 14 bits that a camera sends without gaps, to 16 bits each. */
#ifndef UNPACK_H
#define UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How values lie in bytes. */
struct packing {
    size_t values, bytes; /* of a group; the next one lies in the same way */
    bool whole;           /* the last group is always whole; false: it ends with the byte that holds its last bit */
    void (*unpack)(const uint8_t *from, uint16_t *to, size_t count);
};

/* GenICam, "Mono10p": a stream of bits, the lowest first. */
extern const struct packing packing_10p, packing_12p;

/* GigE Vision 1, "Mono10Packed": the high bits of two values in the bytes around that with their low bits. */
extern const struct packing packing_10packed, packing_12packed;

/* MIPI, "Y10P": the high bits of the values, a byte each, before the low bits of all. */
extern const struct packing packing_10mipi, packing_12mipi, packing_14mipi;

/* "Y10B": a stream of bits, the highest first. */
extern const struct packing packing_10b;

/* Bytes that so many values take. */
size_t packing_size(const struct packing *packing, size_t count);

#endif
