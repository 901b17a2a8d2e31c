/*
 * The kernels in C, which define the result; compiled once for each instruction set. In those in single precision every
 * element has its own chain of operations, and -ffp-contract=off forbids fusing them, so that any vector width gives
 * the same bits.
 *
 * Include it with KERNEL(name) defined as the name of that instruction set's version.
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

enum { FILTER_BLOCK = 32 }; // sums stay in registers over all taps

static inline void KERNEL(filter_block)(float *restrict out, const float *restrict in, int count, ptrdiff_t step,
                                        const float *restrict taps, int radius)
{
    float sum[FILTER_BLOCK];
    for (int j = 0; j < count; j++)
        sum[j] = taps[0] * in[j];
    for (int k = 1; k <= radius; k++) {
        const float *before = in - k * step;
        const float *after = in + k * step;
        for (int j = 0; j < count; j++)
            sum[j] += taps[k] * (before[j] + after[j]);
    }
    for (int j = 0; j < count; j++)
        out[j] = sum[j];
}

static void KERNEL(filter)(float *restrict out, const float *restrict in, int count, ptrdiff_t step,
                           const float *restrict taps, int radius)
{
    if (count < FILTER_BLOCK) {
        KERNEL(filter_block)(out, in, count, step, taps, radius);
        return;
    }
    // The last block overlaps the one before it, and computes the same again.
    for (int i = 0; i < count; i += FILTER_BLOCK) {
        const int at = i + FILTER_BLOCK <= count ? i : count - FILTER_BLOCK;
        KERNEL(filter_block)(out + at, in + at, FILTER_BLOCK, step, taps, radius);
    }
}

static void KERNEL(taps4)(float *restrict out, const float *restrict in, int count, ptrdiff_t step,
                          const float *restrict weights)
{
    const float w0 = weights[0], w1 = weights[1], w2 = weights[2], w3 = weights[3];
    for (int i = 0; i < count; i++)
        out[i] = w0 * in[i] + w1 * in[i + step] + w2 * in[i + 2 * step] + w3 * in[i + 3 * step];
}

static void KERNEL(normal)(const float *restrict image, const float *restrict model, const float *restrict gx,
                           const float *restrict gy, int count, double *restrict sums)
{
    enum { LANES = 8 };
    float x[LANES] = {0}, y[LANES] = {0}, m[LANES] = {0}, one[LANES] = {0};
    int i = 0;
    for (; i + LANES <= count; i += LANES)
        for (int j = 0; j < LANES; j++) {
            const float residual = image[i + j] - model[i + j];
            x[j] += gx[i + j] * residual;
            y[j] += gy[i + j] * residual;
            m[j] += model[i + j] * residual;
            one[j] += residual;
        }
    for (int j = 0; i + j < count; j++) {
        const float residual = image[i + j] - model[i + j];
        x[j] += gx[i + j] * residual;
        y[j] += gy[i + j] * residual;
        m[j] += model[i + j] * residual;
        one[j] += residual;
    }
    for (int j = 0; j < LANES; j++) {
        sums[0] += (double)x[j];
        sums[1] += (double)y[j];
        sums[2] += (double)m[j];
        sums[3] += (double)one[j];
    }
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
