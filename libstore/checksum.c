#include "checksum.h"

#include <libdeflate.h>

uint32_t checksum(uint32_t so_far, const void *data, size_t size)
{
    return libdeflate_crc32(so_far, data, size);
}
