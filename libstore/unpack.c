// The layouts are defined by GenICam's Pixel Format Naming Convention ("lsb packed" and, from GigE Vision 1.2,
// "Packed"), by MIPI CSI-2 (RAW10, RAW12, RAW14), and by the kernel's documentation of V4L2_PIX_FMT_Y10BPACK.

#include "unpack.h"

// Of 10 and 12 bits no value spans more than two bytes, and each begins within the first.

static void unpack_lowest_first(const uint8_t *from, uint16_t *to, size_t count, unsigned bits)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *at = from + i * bits / 8;
        to[i] = (uint16_t)((at[0] | at[1] << 8) >> i * bits % 8 & ((1 << bits) - 1));
    }
}

static void unpack_10p(const uint8_t *from, uint16_t *to, size_t count)
{
    unpack_lowest_first(from, to, count, 10);
}

static void unpack_12p(const uint8_t *from, uint16_t *to, size_t count)
{
    unpack_lowest_first(from, to, count, 12);
}

static void unpack_10b(const uint8_t *from, uint16_t *to, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *at = from + i * 10 / 8;
        to[i] = (uint16_t)((at[0] << 8 | at[1]) >> (6 - i * 10 % 8) & 0x3ff);
    }
}

static void unpack_10packed(const uint8_t *from, uint16_t *to, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *group = from + i / 2 * 3;
        to[i] = (uint16_t)(group[i % 2 * 2] << 2 | (group[1] >> i % 2 * 4 & 3));
    }
}

static void unpack_12packed(const uint8_t *from, uint16_t *to, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *group = from + i / 2 * 3;
        to[i] = (uint16_t)(group[i % 2 * 2] << 4 | (group[1] >> i % 2 * 4 & 15));
    }
}

static void unpack_10mipi(const uint8_t *from, uint16_t *to, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *group = from + i / 4 * 5;
        to[i] = (uint16_t)(group[i % 4] << 2 | (group[4] >> i % 4 * 2 & 3));
    }
}

static void unpack_12mipi(const uint8_t *from, uint16_t *to, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *group = from + i / 2 * 3;
        to[i] = (uint16_t)(group[i % 2] << 4 | (group[2] >> i % 2 * 4 & 15));
    }
}

static void unpack_14mipi(const uint8_t *from, uint16_t *to, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *group = from + i / 4 * 7;
        const unsigned low = group[4] | (unsigned)group[5] << 8 | (unsigned)group[6] << 16;
        to[i] = (uint16_t)(group[i % 4] << 6 | (low >> i % 4 * 6 & 63));
    }
}

const struct packing packing_10p = {4, 5, false, unpack_10p}, packing_12p = {2, 3, false, unpack_12p};
const struct packing packing_10packed = {2, 3, false, unpack_10packed};
const struct packing packing_12packed = {2, 3, false, unpack_12packed};
const struct packing packing_10mipi = {4, 5, true, unpack_10mipi}, packing_12mipi = {2, 3, true, unpack_12mipi};
const struct packing packing_14mipi = {4, 7, true, unpack_14mipi};
const struct packing packing_10b = {4, 5, false, unpack_10b};

size_t packing_size(const struct packing *packing, size_t count)
{
    const size_t whole = count / packing->values * packing->bytes, rest = count % packing->values;
    if (packing->whole)
        return whole + (rest ? packing->bytes : 0);
    return whole + (rest * packing->bytes + packing->values - 1) / packing->values;
}
