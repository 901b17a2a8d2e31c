/*
 * Search by FFT. The positions are covered with tiles; in each, a circular correlation gives the products of the
 * template with every position, apart from rounding in single precision. Positions that may be the best within the
 * bound of that rounding are then scored from exact sums, so that the match is that of the direct search to the bit.
 */
#include <math.h>
#include <string.h>

#include "correlate.h"
#include "windows.h"

/*
 * The error of a correlation by FFT is at most about epsilon log2(N) |t| |v|, with |t| and |v| the root of the sum of
 * squares of the template and of the tile (Higham, Accuracy and Stability of Numerical Algorithms, 24.1); measured, it
 * stays below a tenth of that. Twice that is taken.
 */
static const double EPSILON = 2.0 / (1 << 24);

// Cost of a tile in ns for each of its pixels: both transforms, and what else is done with each. Measured.
static const double COST_TRANSFORM_NS = 0.3; // times log2 of the pixels
static const double COST_PIXEL_NS = 2;

static int ceil_divide(int a, int b)
{
    return (a + b - 1) / b;
}

/* The least length of a transform that is at least `length`; above FFT_LENGTH_MAX if there is none. */
static int next_length(int length)
{
    while (length <= FFT_LENGTH_MAX && !fft_is_length(length))
        length++;
    return length;
}

double tiles_plan(struct matcher *matcher)
{
    const int columns = matcher->x_max - matcher->x_min + 1, rows = matcher->y_max - matcher->y_min + 1;
    int widths[128];
    int width_count = 0;
    for (int width = next_length(matcher->width); width <= FFT_LENGTH_MAX; width = next_length(width + 1))
        widths[width_count++] = width;

    double best = HUGE_VAL;
    for (int height = next_length(matcher->height); height <= FFT_LENGTH_MAX; height = next_length(height + 1)) {
        const int down = ceil_divide(rows, height - matcher->height + 1);
        for (int i = 0; i < width_count; i++) {
            const int across = ceil_divide(columns, widths[i] - matcher->width + 1);
            const double pixels = (double)widths[i] * height;
            const double cost = across * down * pixels * (COST_TRANSFORM_NS * log2(pixels) + COST_PIXEL_NS);
            if (cost < best) {
                best = cost;
                matcher->tile_width = widths[i];
                matcher->tile_height = height;
            }
        }
    }
    return best;
}

/* A position that may be the best. */
struct candidate {
    int x, y;
    double most; // its score is at most this
    uint64_t sum, square;
};

enum { CANDIDATES = 256 };

struct contest {
    const struct matcher *matcher;
    const struct search *search;
    const struct plane *plane;
    double limit; // the best score is at least this
    struct match best;
    struct candidate candidates[CANDIDATES];
    int count;
};

static void score_candidates(struct contest *contest)
{
    for (int i = 0; i < contest->count; i++) {
        const struct candidate *candidate = &contest->candidates[i];
        if (candidate->most < contest->limit)
            continue;
        int64_t dot;
        matcher_dots(contest->matcher, contest->search, contest->plane, candidate->x, candidate->y, 1, &dot);
        const struct match match = {candidate->x, candidate->y,
                                    matcher_score_sums(contest->matcher, dot, candidate->sum, candidate->square)};
        if (match_is_better(&match, &contest->best))
            contest->best = match;
        if (match.score > contest->limit)
            contest->limit = match.score;
    }
    contest->count = 0;
}

static void drop_beaten(struct contest *contest)
{
    int kept = 0;
    for (int i = 0; i < contest->count; i++)
        if (contest->candidates[i].most >= contest->limit)
            contest->candidates[kept++] = contest->candidates[i];
    contest->count = kept;
}

static void add_candidate(struct contest *contest, const struct candidate *candidate)
{
    if (contest->count == CANDIDATES) {
        drop_beaten(contest);
        // Mostly still full: a picture that repeats itself. Settle the score now, rather than at every turn.
        if (contest->count > CANDIDATES / 2)
            score_candidates(contest);
    }
    contest->candidates[contest->count++] = *candidate;
}

/* One tile: positions x..x+columns-1, y..y+rows-1. */
struct tile {
    int x, y;
    int columns, rows;
};

/* Samples minus a constant as floats. Returns the sum of their squares. */
static uint64_t load_row_u8(float *restrict line, const uint8_t *restrict row, int width, int offset)
{
    uint64_t energy = 0;
    for (int x = 0; x < width; x++) {
        const int32_t sample = row[x] - offset;
        energy += (uint32_t)(sample * sample);
        line[x] = (float)sample;
    }
    return energy;
}

static uint64_t load_row_u16(float *restrict line, const uint16_t *restrict row, int width, int offset)
{
    uint64_t energy = 0;
    for (int x = 0; x < width; x++) {
        const int32_t sample = row[x] - offset;
        energy += (uint64_t)((int64_t)sample * sample);
        line[x] = (float)sample;
    }
    return energy;
}

/* Puts the tile's part of the picture minus a constant into the transform. Returns the sum of squares of it. */
static double load_tile(const struct contest *contest, struct fft *fft, const struct tile *tile, int offset)
{
    const struct plane *plane = contest->plane;
    const int width = tile->columns + contest->matcher->width - 1;
    const int height = tile->rows + contest->matcher->height - 1;
    float *line = fft_line(fft);
    uint64_t energy = 0;
    for (int y = tile->y; y < tile->y + height; y++) {
        if (plane->type == IST_PIXEL_U16)
            energy += load_row_u16(line, plane_uint16(plane, tile->x, y), width, offset);
        else
            energy += load_row_u8(line, plane_uint8(plane, tile->x, y), width, offset);
        memset(line + width, 0, (size_t)(fft_width(fft) - width) * sizeof *line);
        fft_put(fft, y - tile->y);
    }
    return (double)energy;
}

/* Mean of the part of the picture that is searched, rounded. */
static int searched_mean(const struct matcher *matcher, const struct plane *plane)
{
    const int width = matcher->x_max - matcher->x_min + matcher->width;
    const int height = matcher->y_max - matcher->y_min + matcher->height;
    uint64_t sum = 0;
    for (int y = matcher->y_min; y < matcher->y_min + height; y++) {
        uint32_t row = 0;
        for (int x = matcher->x_min; x < matcher->x_min + width; x++)
            row += plane->type == IST_PIXEL_U16 ? *plane_uint16(plane, x, y) : *plane_uint8(plane, x, y);
        sum += row;
    }
    const uint64_t n = (uint64_t)width * (uint64_t)height;
    return (int)((sum + n / 2) / n);
}

/*
 * Looks for candidates in a row of positions, given products that are wrong by at most `error`. The score, in terms of
 * the sums c = sum(t - mean t)(v - mean v), T and V of the squares: s = c / sqrt(T V). Most positions are far below the
 * limit; those go out without a root: s + error / sqrt(T V) < limit means (c + error)^2 < limit^2 T V.
 */
static void sift_row(struct contest *contest, const struct tile *tile, int y, const float *products, double error)
{
    const double n = (double)contest->matcher->width * contest->matcher->height;
    const double energy = contest->matcher->variance / n; // T
    const uint64_t *sums = contest->search->sum, *squares = contest->search->square;
    double bar = contest->limit > 0 ? contest->limit * contest->limit * energy : 0;
    for (int i = 0; i < tile->columns; i++) {
        const double sum = (double)(int64_t)sums[i], square = (double)(int64_t)squares[i];
        // The difference of two numbers near each other: what the rounding of doubles may have added is taken off.
        const double variance = square - sum * sum / n; // V
        const double most = (double)products[i] + error;
        if (contest->limit > 0 && (most <= 0 || most * most < bar * (variance - 1e-15 * square)))
            continue;

        if (isnan(matcher_score_sums(contest->matcher, 0, sums[i], squares[i])))
            continue;
        const double v_low = variance - 1e-15 * square, v_high = variance + 1e-15 * square;
        const double least = (double)products[i] - error;
        const double at_most = v_low > 0 ? most / sqrt(energy * (most > 0 ? v_low : v_high)) : HUGE_VAL;
        const double at_least = v_low > 0 ? least / sqrt(energy * (least > 0 ? v_high : v_low)) : -HUGE_VAL;
        if (at_least > contest->limit) {
            contest->limit = at_least;
            bar = contest->limit > 0 ? contest->limit * contest->limit * energy : 0;
        }
        const struct candidate candidate = {tile->x + i, y, at_most, sums[i], squares[i]};
        if (candidate.most >= contest->limit)
            add_candidate(contest, &candidate);
    }
}

static void find_in_tile(struct contest *contest, struct search *search, const struct tile *tile, int offset)
{
    const struct matcher *matcher = contest->matcher;
    struct fft *fft = search_fft(search, matcher);
    struct windows windows = {
        .plane = contest->plane,
        .x = tile->x,
        .count = tile->columns,
        .width = matcher->width,
        .height = matcher->height,
        .column_sum = search->column_sum,
        .column_square = search->column_square,
    };
    const double n = (double)matcher->width * matcher->height;
    const double image = load_tile(contest, fft, tile, offset);
    const double error =
        EPSILON * log2((double)fft_width(fft) * fft_height(fft)) * sqrt(matcher->variance / n) * sqrt(image);
    fft_correlate(fft, tile->rows + matcher->height - 1, tile->rows, matcher->spectrum);
    for (int row = 0; row < tile->rows; row++) {
        if (row == 0)
            windows_start(&windows, tile->y);
        else
            windows_advance(&windows);
        windows_row(&windows, search->sum, search->square);
        fft_get(fft, row);
        sift_row(contest, tile, tile->y + row, fft_line(fft), error);
    }
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

struct match tiles_find(const struct matcher *matcher, struct search *search, const struct plane *plane)
{
    struct contest contest = {
        .matcher = matcher, .search = search, .plane = plane, .limit = -HUGE_VAL, .best = {.score = (double)NAN}};
    const int step_x = matcher->tile_width - matcher->width + 1;
    const int step_y = matcher->tile_height - matcher->height + 1;
    const int offset = searched_mean(matcher, plane);
    for (int y = matcher->y_min; y <= matcher->y_max; y += step_y)
        for (int x = matcher->x_min; x <= matcher->x_max; x += step_x) {
            const struct tile tile = {x, y, smaller(step_x, matcher->x_max - x + 1),
                                      smaller(step_y, matcher->y_max - y + 1)};
            find_in_tile(&contest, search, &tile, offset);
        }
    score_candidates(&contest);
    return contest.best;
}
