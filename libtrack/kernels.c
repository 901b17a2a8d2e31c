#include "kernels.h"

#include <libtrack/libtrack.h>
#include <string.h>

#define KERNEL(name) name##_c
#include "kernels_plain.h"

struct kernels kernels_get(unsigned mask)
{
    struct kernels kernels = {
        .name = "plain C",
        .cost_u8_ns = 0.083,
        .cost_u16_ns = 0.25,
        .cost_short_u8_ns = 0.25,
        .cost_short_u16_ns = 0.25,
        .step = 4,
        .dot_u8 = dot_u8_c,
        .dot_u16 = dot_u16_c,
        .filter = filter_c,
        .normal = normal_c,
        .sift = sift_c,
        .interleave_u8 = interleave_u8_c,
        .interleave_u16 = interleave_u16_c,
        .add_row_u8 = add_row_u8_c,
        .add_row_u16 = add_row_u16_c,
        .raise = raise_c,
        .multiply = multiply_c,
    };
#if defined(__x86_64__)
    if ((mask & TRK_CPU_AVX2) && __builtin_cpu_supports("avx2"))
        kernels_add_avx2(&kernels);
    if ((mask & TRK_CPU_VNNI) && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        kernels_add_vnni(&kernels);
#else
    (void)mask;
#endif
    return kernels;
}
