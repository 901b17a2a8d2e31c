/* Memory for vectors. */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdint.h>
#include <stdlib.h>

enum { TRK_ALIGNMENT = 64 };

/* Allocates `count` elements on a cache line of their own, undefined; free() releases them. NULL: no memory. */
static inline void *allocate_aligned(size_t count, size_t size)
{
    if (count > (SIZE_MAX - TRK_ALIGNMENT) / size)
        return NULL;
    const size_t bytes = (count * size + TRK_ALIGNMENT - 1) / TRK_ALIGNMENT * TRK_ALIGNMENT;
    return aligned_alloc(TRK_ALIGNMENT, bytes ? bytes : TRK_ALIGNMENT);
}

#endif
