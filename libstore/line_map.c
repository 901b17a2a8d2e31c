#include "line_map.h"

#include <limits.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { SLOPE_SHIFT = 8, SHIFT = 6 };

static uint8_t map_one(struct line_map map, int value)
{
    const int mapped = ((value * map.slope >> SLOPE_SHIFT) + map.offset) >> SHIFT;
    return (uint8_t)(mapped < 0 ? 0 : mapped > UINT8_MAX ? UINT8_MAX : mapped);
}

/* The offsets for which the line of this slope goes through all values that are not cut off; false: none. */
static bool find_offset(int slope, const uint8_t values[256], int *offset)
{
    int smallest = INT16_MIN, largest = INT16_MAX;
    for (int i = 0; i < 256; i++) {
        const int low = (values[i] << SHIFT) - (i * slope >> SLOPE_SHIFT), high = low + (1 << SHIFT) - 1;
        if (values[i] > 0 && low > smallest)
            smallest = low;
        if (values[i] < UINT8_MAX && high < largest)
            largest = high;
    }
    *offset = smallest;
    return smallest <= largest;
}

bool line_map_fit(struct line_map *map, const uint8_t values[256])
{
    int first = 0, last = UINT8_MAX; // of those that are not cut off
    while (first < UINT8_MAX && values[first] == 0)
        first++;
    while (last > 0 && values[last] == UINT8_MAX)
        last--;
    if (first >= last || values[first] >= values[last])
        return false;
    // Values are rounded, so that the line rises by up to one more or less than they do.
    const int rise = values[last] - values[first], run = last - first;
    const int flattest = ((rise - 1) << (SLOPE_SHIFT + SHIFT)) / run,
              steepest = ((rise + 1) << (SLOPE_SHIFT + SHIFT)) / run + 1;
    for (map->slope = flattest; map->slope <= steepest && map->slope <= INT16_MAX; map->slope++)
        if (find_offset(map->slope, values, &map->offset))
            return true;
    return false;
}

#ifdef __SSE2__
/* `values` are 256 times those of the picture. */
static __m128i map_eight(__m128i values, __m128i slope, __m128i offset)
{
    return _mm_srai_epi16(_mm_adds_epi16(_mm_mulhi_epu16(values, slope), offset), SHIFT);
}

/* As many as whole registers hold. Returns how many were mapped. */
static size_t map_registers(struct line_map map, const uint8_t *from, uint8_t *to, size_t count)
{
    const __m128i zero = _mm_setzero_si128();
    const __m128i slope = _mm_set1_epi16((short)map.slope), offset = _mm_set1_epi16((short)map.offset);
    size_t i = 0;
    for (; i + sizeof zero <= count; i += sizeof zero) {
        const __m128i values = _mm_loadu_si128((const __m128i *)(const void *)(from + i));
        const __m128i low = map_eight(_mm_unpacklo_epi8(zero, values), slope, offset);
        const __m128i high = map_eight(_mm_unpackhi_epi8(zero, values), slope, offset);
        _mm_storeu_si128((__m128i *)(void *)(to + i), _mm_packus_epi16(low, high));
    }
    return i;
}
#else
static size_t map_registers(struct line_map map, const uint8_t *from, uint8_t *to, size_t count)
{
    (void)map, (void)from, (void)to, (void)count;
    return 0;
}
#endif

void line_map_apply(struct line_map map, const uint8_t *from, uint8_t *to, size_t count)
{
    for (size_t i = map_registers(map, from, to, count); i < count; i++)
        to[i] = map_one(map, from[i]);
}
