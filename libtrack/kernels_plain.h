/*
 * The kernels in C, which define the result; compiled once for each instruction set. In those in single precision every
 * element has its own chain of operations, and -ffp-contract=off forbids fusing them, so that any vector width gives
 * the same bits.
 *
 * Include it, after <string.h>, with KERNEL(name) defined as the name of that instruction set's version.
 */

static void KERNEL(dot_u8)(const int8_t *template, ptrdiff_t template_stride, const uint8_t *image,
                           ptrdiff_t image_stride, int width, int height, int count, int64_t *sums)
{
    for (int i = 0; i < count; i++) {
        sums[i] = 0;
        for (int y = 0; y < height; y++) {
            const int8_t *t = template + y * template_stride;
            const uint8_t *v = image + y * image_stride + i;
            int32_t row = 0; // 65535 products of at most 128 * 255 stay below 2^31
            for (int x = 0; x < width; x++)
                row += t[x] * v[x];
            sums[i] += row;
        }
    }
}

static void KERNEL(dot_u16)(const int16_t *template, ptrdiff_t template_stride, const uint16_t *image,
                            ptrdiff_t image_stride, int width, int height, int count, int64_t *sums)
{
    for (int i = 0; i < count; i++) {
        sums[i] = 0;
        for (int y = 0; y < height; y++) {
            const int16_t *t = template + y * template_stride;
            const uint16_t *v = image + y * image_stride + i;
            for (int x = 0; x < width; x++)
                sums[i] += (int64_t)t[x] * v[x];
        }
    }
}

/*
 * A register of floats as one value: gcc keeps arrays of them in registers, which it does not with arrays of floats.
 * How many it holds shows in no result.
 */
#ifdef __AVX__
enum { VECTOR = 8 };
#else
enum { VECTOR = 4 };
#endif
typedef float floats __attribute__((vector_size(VECTOR * sizeof(float))));

#define LOAD(value, from) memcpy(&(value), (from), sizeof(floats))
#define STORE(to, value) memcpy((to), &(value), sizeof(floats))

enum { FILTER_PARTS = 32 / VECTOR }; // registers of sums that stay registers over all taps

static inline __attribute__((always_inline)) void KERNEL(filter_block)(float *restrict out, const float *restrict in,
                                                                       ptrdiff_t step, const float *restrict weights,
                                                                       int taps, int parts)
{
    floats sum[FILTER_PARTS] = {{0}}, sample;
    for (int k = 0; k < taps; k++)
        for (int j = 0; j < parts; j++) {
            LOAD(sample, in + j * VECTOR + k * step);
            sum[j] += weights[k] * sample;
        }
    for (int j = 0; j < parts; j++) {
        sample = sum[j];
        STORE(out + j * VECTOR, sample);
    }
}

static void KERNEL(filter)(float *restrict out, const float *restrict in, int count, ptrdiff_t step,
                           const float *restrict weights, int taps)
{
    const int block = count >= FILTER_PARTS * VECTOR ? FILTER_PARTS * VECTOR : VECTOR;
    for (int i = 0; i < count && count >= block; i += block) {
        // The last block overlaps the one before it, and computes the same again.
        const int at = i + block <= count ? i : count - block;
        if (block == VECTOR)
            KERNEL(filter_block)(out + at, in + at, step, weights, taps, 1);
        else
            KERNEL(filter_block)(out + at, in + at, step, weights, taps, FILTER_PARTS);
    }
    for (int i = 0; i < count && count < block; i++) {
        out[i] = 0;
        for (int k = 0; k < taps; k++)
            out[i] += weights[k] * in[i + k * step];
    }
}

static void KERNEL(normal)(const float *restrict image, const float *restrict model, const float *restrict gx,
                           const float *restrict gy, int count, double (*restrict sums)[KERNEL_LANES])
{
    enum { PARTS = KERNEL_LANES / VECTOR };
    floats sum[KERNEL_SUMS][PARTS] = {{{0}}};
    int i = 0;
    for (; i + KERNEL_LANES <= count; i += KERNEL_LANES)
        for (int part = 0; part < PARTS; part++) {
            const int at = i + part * VECTOR;
            floats residual, m, x, y;
            LOAD(residual, image + at);
            LOAD(m, model + at);
            LOAD(x, gx + at);
            LOAD(y, gy + at);
            residual -= m;
            sum[0][part] += x * residual;
            sum[1][part] += y * residual;
            sum[2][part] += m * residual;
            sum[3][part] += residual;
            sum[4][part] += residual * residual;
        }
    float lanes[KERNEL_SUMS][KERNEL_LANES];
    memcpy(lanes, sum, sizeof lanes);
    for (int j = 0; i + j < count; j++) {
        const float residual = image[i + j] - model[i + j];
        lanes[0][j] += gx[i + j] * residual;
        lanes[1][j] += gy[i + j] * residual;
        lanes[2][j] += model[i + j] * residual;
        lanes[3][j] += residual;
        lanes[4][j] += residual * residual;
    }
    for (int k = 0; k < KERNEL_SUMS; k++)
        for (int j = 0; j < KERNEL_LANES; j++)
            sums[k][j] += (double)lanes[k][j];
}

static inline bool KERNEL(is_above)(float product, double variance, double error, double bar)
{
    const double most = (double)product + error;
    return (most > 0) & (most * most >= bar * variance);
}

static int KERNEL(sift)(const float *restrict products, const double *restrict variances, int first, int count,
                        double error, double bar)
{
    enum { BLOCK = 16 };
    int i = first;
    for (; i + BLOCK <= count; i += BLOCK) {
        // Mostly there is none in a block: no branch inside, so that it can be done in vectors.
        int found = 0;
        for (int j = 0; j < BLOCK; j++)
            found |= KERNEL(is_above)(products[i + j], variances[i + j], error, bar);
        if (found)
            break;
    }
    while (i < count && !KERNEL(is_above)(products[i], variances[i], error, bar))
        i++;
    return i;
}

static uint64_t KERNEL(interleave_u8)(float *restrict line, const uint8_t *restrict first,
                                      const uint8_t *restrict second, int count, int offset)
{
    uint32_t energy = 0; // 2 * 16384 squares of at most 255 stay below 2^32
    for (int i = 0; i < count; i++) {
        const int32_t a = first[i] - offset, b = second[i] - offset;
        energy += (uint32_t)(a * a + b * b);
        line[2 * i] = (float)a;
        line[2 * i + 1] = (float)b;
    }
    return energy;
}

static uint64_t KERNEL(interleave_u16)(float *restrict line, const uint16_t *restrict first,
                                       const uint16_t *restrict second, int count, int offset)
{
    uint64_t energy = 0;
    for (int i = 0; i < count; i++) {
        const int32_t a = first[i] - offset, b = second[i] - offset;
        energy += (uint64_t)((int64_t)a * a + (int64_t)b * b);
        line[2 * i] = (float)a;
        line[2 * i + 1] = (float)b;
    }
    return energy;
}

static void KERNEL(raise)(float *restrict most, const float *restrict values, int count)
{
    for (int i = 0; i < count; i++)
        most[i] = values[i] > most[i] ? values[i] : most[i];
}

static void KERNEL(multiply)(float *restrict a, const float *restrict b, int count)
{
    for (int i = 0; i < 2 * count; i += 2) {
        const float re = a[i] * b[i] - a[i + 1] * b[i + 1];
        const float im = a[i] * b[i + 1] + a[i + 1] * b[i];
        a[i] = re;
        a[i + 1] = im;
    }
}

static void KERNEL(add_row_u8)(uint32_t *restrict sum, uint32_t *restrict square, const uint8_t *restrict row,
                               int count)
{
    for (int i = 0; i < count; i++) {
        sum[i] += row[i];
        square[i] += (uint32_t)row[i] * row[i];
    }
}

static void KERNEL(add_row_u16)(uint32_t *restrict sum, uint64_t *restrict square, const uint16_t *restrict row,
                                int count)
{
    for (int i = 0; i < count; i++) {
        sum[i] += row[i];
        square[i] += (uint32_t)row[i] * row[i];
    }
}
