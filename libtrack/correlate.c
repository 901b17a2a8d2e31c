#include "correlate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "memory.h"
#include "windows.h"

// n sum(v v) needs more than 64 bits from about 256 x 256 deep pixels on.
__extension__ typedef __int128 int128;

static int positions_in_row(const struct matcher *matcher)
{
    return matcher->x_max - matcher->x_min + 1;
}

static int64_t pixel_count(const struct matcher *matcher)
{
    return (int64_t)matcher->width * matcher->height;
}

// What a position costs beside its products: window sums, a square root and a division. Measured, ns.
static const double COST_POSITION_NS = 4;

static double direct_cost(const struct matcher *matcher, const struct kernels *kernels)
{
    const bool is_short = matcher->width < kernels->step;
    const bool deep = matcher->type == IST_PIXEL_U16;
    const double product = is_short ? (deep ? kernels->cost_short_u16_ns : kernels->cost_short_u8_ns)
                                    : (deep ? kernels->cost_u16_ns : kernels->cost_u8_ns);
    const int width = is_short ? matcher->width : (matcher->width + kernels->step - 1) / kernels->step * kernels->step;
    const double positions = (double)positions_in_row(matcher) * (matcher->y_max - matcher->y_min + 1);
    return positions * ((double)width * matcher->height * product + COST_POSITION_NS);
}

ist_status matcher_init(struct matcher *matcher, const struct kernels *kernels, enum search_method method,
                        ist_error *error)
{
    const double fft_cost = tiles_plan(matcher);
    const double cost = method == SEARCH_FFT ? HUGE_VAL : method == SEARCH_DIRECT ? 0 : direct_cost(matcher, kernels);
    if (cost <= fft_cost)
        matcher->tile_width = matcher->tile_height = 0;

    matcher->samples = allocate_aligned((size_t)pixel_count(matcher), ist_pixel_size(matcher->type));
    if (!matcher->samples)
        return trk_fail_memory(error);
    if (matcher->tile_width) {
        matcher->spectrum =
            allocate_aligned(fft_spectrum_size(matcher->tile_width, matcher->tile_height), sizeof(float));
        if (!matcher->spectrum)
            return trk_fail_memory(error);
    }
    return IST_OK;
}

void matcher_finish(struct matcher *matcher)
{
    free(matcher->samples);
    free(matcher->spectrum);
    matcher->samples = NULL;
    matcher->spectrum = NULL;
}

static void cut_samples(struct matcher *matcher, const struct plane *plane, int x, int y)
{
    int64_t sum = 0;
    uint64_t square = 0;
    for (int row = 0; row < matcher->height; row++)
        for (int column = 0; column < matcher->width; column++) {
            const int64_t at = (int64_t)row * matcher->width + column;
            int32_t sample;
            if (matcher->type == IST_PIXEL_U16) {
                sample = plane_uint16(plane, x + column, y + row)[0] - 32768;
                ((int16_t *)matcher->samples)[at] = (int16_t)sample;
            } else {
                sample = plane_uint8(plane, x + column, y + row)[0] - 128;
                ((int8_t *)matcher->samples)[at] = (int8_t)sample;
            }
            sum += sample;
            square += (uint64_t)((int64_t)sample * sample);
        }
    matcher->sum = sum;
    matcher->variance = (double)((int128)pixel_count(matcher) * square - (int128)sum * sum);
}

static float sample_at(const struct matcher *matcher, int64_t at)
{
    return matcher->type == IST_PIXEL_U16 ? (float)((const int16_t *)matcher->samples)[at]
                                          : (float)((const int8_t *)matcher->samples)[at];
}

/* The spectrum of the template without its mean, so that single precision is spent on texture. */
static void cut_spectrum(struct matcher *matcher, struct fft *fft)
{
    const float mean = (float)((double)matcher->sum / (double)pixel_count(matcher));
    float *line = fft_line(fft);
    for (int y = 0; y < matcher->height; y += 2) {
        memset(line, 0, 2 * (size_t)matcher->tile_width * sizeof *line);
        for (int row = y; row < y + 2 && row < matcher->height; row++)
            for (int x = 0; x < matcher->width; x++)
                line[2 * x + row - y] = sample_at(matcher, (int64_t)row * matcher->width + x) - mean;
        fft_put(fft, y);
    }
    fft_template(fft, matcher->height, matcher->spectrum);
}

void matcher_cut(struct matcher *matcher, struct search *search, const struct plane *plane, int x, int y)
{
    matcher->home_x = x;
    matcher->home_y = y;
    cut_samples(matcher, plane, x, y);
    if (matcher->spectrum)
        cut_spectrum(matcher, search_fft(search, matcher));
}

void matcher_copy(struct matcher *matcher, struct search *search, const struct matcher *from)
{
    matcher->home_x = from->home_x;
    matcher->home_y = from->home_y;
    matcher->sum = from->sum;
    matcher->variance = from->variance;
    memcpy(matcher->samples, from->samples, (size_t)pixel_count(from) * ist_pixel_size(from->type));
    if (matcher->spectrum)
        cut_spectrum(matcher, search_fft(search, matcher));
}

struct fft *search_fft(const struct search *search, const struct matcher *matcher)
{
    for (int i = 0; i < search->fft_count; i++)
        if (fft_width(search->ffts[i]) == matcher->tile_width && fft_height(search->ffts[i]) == matcher->tile_height)
            return search->ffts[i];
    return NULL;
}

static ist_status add_fft(struct search *search, const struct matcher *matcher, ist_error *error)
{
    if (!matcher->tile_width || search_fft(search, matcher))
        return IST_OK;
    const ist_status status =
        fft_create(&search->ffts[search->fft_count], matcher->tile_width, matcher->tile_height, error);
    if (status >= 0)
        search->fft_count++;
    return status;
}

/* Room for the largest tile. */
static ist_status init_groups(struct search *search, const struct matcher *matchers, int count, ist_error *error)
{
    int width = 0, height = 0;
    for (int i = 0; i < count; i++) {
        width = matchers[i].tile_width > width ? matchers[i].tile_width : width;
        height = matchers[i].tile_height > height ? matchers[i].tile_height : height;
    }
    const size_t columns = (size_t)width / BLOCK + 1, rows = (size_t)height / BLOCK + 1;
    search->peaks = allocate_aligned(columns * rows, sizeof *search->peaks);
    search->least = allocate_aligned(columns, sizeof *search->least);
    if (!search->peaks || !search->least)
        return trk_fail_memory(error);
    return blocks_init(&search->blocks, width, height, error);
}

ist_status search_init(struct search *search, const struct kernels *kernels, const struct matcher *matchers, int count,
                       ist_error *error)
{
    *search = (struct search){.kernels = *kernels};
    int positions = 0, columns = 0;
    for (int i = 0; i < count; i++) {
        const int row = positions_in_row(&matchers[i]);
        positions = row > positions ? row : positions;
        columns = row + matchers[i].width > columns ? row + matchers[i].width : columns;
    }
    search->column_sum = allocate_aligned((size_t)columns, sizeof(uint32_t));
    search->column_square = allocate_aligned((size_t)columns, sizeof(uint64_t));
    search->sum = allocate_aligned((size_t)positions, sizeof *search->sum);
    search->square = allocate_aligned((size_t)positions, sizeof *search->square);
    search->variance = allocate_aligned((size_t)positions, sizeof *search->variance);
    search->scores = allocate_aligned(BLOCK * (size_t)positions, sizeof *search->scores);
    search->products = allocate_aligned(2 * (size_t)positions, sizeof *search->products);
    search->dot = allocate_aligned(2 * (size_t)positions, sizeof *search->dot);
    search->ffts = calloc((size_t)count, sizeof(struct fft *));
    if (!search->column_sum || !search->column_square || !search->sum || !search->square || !search->variance ||
        !search->scores || !search->products || !search->dot || !search->ffts)
        return trk_fail_memory(error);
    ist_status status = init_groups(search, matchers, count, error);
    for (int i = 0; status >= 0 && i < count; i++)
        status = add_fft(search, &matchers[i], error);
    return status;
}

void search_finish(struct search *search)
{
    for (int i = 0; i < search->fft_count; i++)
        fft_destroy(&search->ffts[i]);
    free(search->ffts);
    free(search->column_sum);
    free(search->column_square);
    free(search->sum);
    free(search->square);
    free(search->variance);
    free(search->scores);
    free(search->products);
    free(search->peaks);
    free(search->least);
    blocks_finish(&search->blocks);
    free(search->dot);
    *search = (struct search){0};
}

void matcher_dots(const struct matcher *matcher, const struct search *search, const struct plane *plane, int x, int y,
                  int count, int64_t *dots)
{
    if (matcher->type == IST_PIXEL_U16)
        search->kernels.dot_u16(matcher->samples, matcher->width, plane_uint16(plane, x, y), plane->stride,
                                matcher->width, matcher->height, count, dots);
    else
        search->kernels.dot_u8(matcher->samples, matcher->width, plane_uint8(plane, x, y), plane->stride,
                               matcher->width, matcher->height, count, dots);
}

/* The same for `rows` rows of positions, 1 or 2, one behind the other. */
static void dots_of_rows(const struct matcher *matcher, const struct search *search, const struct plane *plane, int x,
                         int y, int count, int rows, int64_t *dots)
{
    if (rows == 2 && matcher->type == IST_PIXEL_U8 && search->kernels.dot_twice_u8) {
        search->kernels.dot_twice_u8(matcher->samples, matcher->width, plane_uint8(plane, x, y), plane->stride,
                                     matcher->width, matcher->height, count, dots);
        return;
    }
    for (int row = 0; row < rows; row++)
        matcher_dots(matcher, search, plane, x, y + row, count, dots + row * count);
}

/* n sum(t v) - sum(t) sum(v), and n sum(v v) - sum(v)^2. */
static inline void moments(const struct matcher *matcher, int64_t dot, uint64_t sum, uint64_t square,
                           double *covariance, double *variance)
{
    // In 64 bits where they suffice, as the conversion of 128 bits is slow; the double is the same.
    const int64_t n = pixel_count(matcher);
    if (n <= (matcher->type == IST_PIXEL_U16 ? 1 << 15 : 1 << 22)) {
        *covariance = (double)(n * dot - matcher->sum * (int64_t)sum);
        *variance = (double)(int64_t)((uint64_t)n * square - sum * sum);
    } else {
        *covariance = (double)((int128)n * dot - (int128)matcher->sum * (int128)sum);
        *variance = (double)((int128)n * (int128)square - (int128)sum * (int128)sum);
    }
}

double matcher_score_sums(const struct matcher *matcher, int64_t dot, uint64_t sum, uint64_t square)
{
    double covariance, variance;
    moments(matcher, dot, sum, square, &covariance, &variance);
    // One root of the product: a perfect match scores exactly 1.
    return variance > 0 ? covariance / sqrt(matcher->variance * variance) : (double)NAN;
}

double matcher_score(const struct matcher *matcher, const struct search *search, const struct plane *plane, int x,
                     int y)
{
    uint64_t sum = 0, square = 0;
    for (int row = y; row < y + matcher->height; row++)
        for (int column = x; column < x + matcher->width; column++) {
            const uint64_t sample = matcher->type == IST_PIXEL_U16 ? plane_uint16(plane, column, row)[0]
                                                                   : plane_uint8(plane, column, row)[0];
            sum += sample;
            square += sample * sample;
        }
    int64_t dot;
    matcher_dots(matcher, search, plane, x, y, 1, &dot);
    return matcher_score_sums(matcher, dot, sum, square);
}

/* The scores of a row of positions, those that matter; -HUGE_VAL for the others, and where there is none. */
static void score_row(const struct matcher *matcher, const struct search *search, const int64_t *dot, int count,
                      double bar, double *scores)
{
    for (int i = 0; i < count; i++) {
        double covariance, variance;
        moments(matcher, dot[i], search->sum[i], search->square[i], &covariance, &variance);
        scores[i] = -HUGE_VAL;
        // Most are far below the bar, and go out without a root and a division; rounding is far below 1e-12.
        if (bar > 0 &&
            !(covariance > 0 && covariance * covariance >= bar * bar * (1 - 1e-12) * matcher->variance * variance))
            continue;
        const double score = matcher_score_sums(matcher, dot[i], search->sum[i], search->square[i]);
        if (score >= bar)
            scores[i] = score;
    }
}

static void find_directly(const struct matcher *matcher, struct search *search, const struct plane *plane,
                          struct peaks *peaks)
{
    struct windows windows = {
        .kernels = &search->kernels,
        .plane = plane,
        .x = matcher->x_min,
        .count = positions_in_row(matcher),
        .width = matcher->width,
        .height = matcher->height,
        .column_sum = search->column_sum,
        .column_square = search->column_square,
    };
    double *above = NULL, *row = NULL;
    for (int y = matcher->y_min; y <= matcher->y_max; y++) {
        if (y == matcher->y_min)
            windows_start(&windows, y);
        else
            windows_advance(&windows);
        windows_row(&windows, search->sum, search->square);
        const int which = (y - matcher->y_min) % 2;
        if (which == 0)
            dots_of_rows(matcher, search, plane, matcher->x_min, y, windows.count, y < matcher->y_max ? 2 : 1,
                         search->dot);
        double *below = search->scores + (ptrdiff_t)(y % 3) * windows.count;
        score_row(matcher, search, search->dot + which * windows.count, windows.count, peaks_bar(peaks), below);
        // A row has its peaks when the one below it is known.
        if (row)
            peaks_add_row(peaks, &(struct peak_rows){above, row, below, windows.count, matcher->x_min, y - 1}, NULL,
                          NULL);
        above = row;
        row = below;
    }
    peaks_add_row(peaks, &(struct peak_rows){above, row, NULL, windows.count, matcher->x_min, matcher->y_max}, NULL,
                  NULL);
}

struct match matcher_find(const struct matcher *matcher, struct search *search, const struct plane *plane, double *gap)
{
    struct peaks peaks = {.most = gap ? PEAKS_KEPT : 1};
    if (matcher->variance > 0 && matcher->spectrum)
        tiles_find(matcher, search, plane, &peaks);
    else if (matcher->variance > 0)
        find_directly(matcher, search, plane, &peaks);
    if (gap)
        *gap = peaks_gap(&peaks);
    return peaks.count > 0 ? peaks.list[0] : (struct match){.score = (double)NAN};
}
