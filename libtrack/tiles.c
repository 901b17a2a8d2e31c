/*
 * Search by FFT. The positions are covered with tiles; in each, a circular correlation gives the products of the
 * template with every position, apart from rounding in single precision. Positions that may be the best within the
 * bound of that rounding are then scored from exact sums, so that the match is that of the direct search to the bit.
 * Most positions are put aside 64 at a time, by the largest product of a group and the least that windows vary there.
 */
#include <math.h>
#include <string.h>

#include "blocks.h"
#include "correlate.h"
#include "windows.h"

/*
 * The error of a correlation by FFT is at most about epsilon log2(N) |t| |v|, with |t| and |v| the root of the sum of
 * squares of the template and of the tile (Higham, Accuracy and Stability of Numerical Algorithms, 24.1); measured, it
 * stays below a tenth of that. Twice that is taken.
 */
static const double EPSILON = 2.0 / (1 << 24);

// Cost of a tile in ns for each of its pixels: the transforms forth and back, and what else is done. Measured.
static const double COST_TRANSFORM_NS = 0.1; // times log2 of each side
static const double COST_PIXEL_NS = 0.8;

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

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

/* What a transform of this length costs for each sample. FFmpeg is best at powers of two. Measured. */
static double length_cost(int length)
{
    int odd = length;
    while (odd % 2 == 0)
        odd /= 2;
    const double factor = odd == 1 ? 1 : odd == 3 ? 1.7 : odd == 5 ? 1.9 : odd <= 9 ? 2.2 : 2.6;
    return COST_TRANSFORM_NS * factor * log2(length);
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
            const double pixels = (double)across * down * widths[i] * height;
            const double cost = pixels * (length_cost(widths[i]) + length_cost(height) + COST_PIXEL_NS);
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

/* Candidates from `first` on that lie side by side in a row, as many as can be scored in one go. */
static int side_by_side(const struct contest *contest, int first)
{
    const struct candidate *candidates = &contest->candidates[first];
    int count = 1;
    while (first + count < contest->count && candidates[count].y == candidates->y &&
           candidates[count].x == candidates->x + count)
        count++;
    return count;
}

static void score_candidates(struct contest *contest)
{
    const struct matcher *matcher = contest->matcher;
    int64_t dots[CANDIDATES];
    for (int first = 0, count; first < contest->count; first += count) {
        const struct candidate *candidates = &contest->candidates[first];
        count = 1;
        if (candidates->most < contest->limit)
            continue;
        // In a ramp without noise all places are equal: neighbours together cost far less than one by one.
        count = side_by_side(contest, first);
        matcher_dots(matcher, contest->search, contest->plane, candidates->x, candidates->y, count, dots);
        for (int i = 0; i < count; i++) {
            const double score = matcher_score_sums(matcher, dots[i], candidates[i].sum, candidates[i].square);
            const struct match match = {candidates[i].x, candidates[i].y, score};
            if (match_is_better(&match, &contest->best))
                contest->best = match;
            contest->limit = fmax(contest->limit, contest->best.score);
        }
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

/* Puts the tile's part of the picture minus a constant into the transform. Returns the sum of squares of it. */
static double load_tile(const struct contest *contest, struct fft *fft, const struct tile *tile, int offset)
{
    const struct kernels *kernels = &contest->search->kernels;
    const struct plane *plane = contest->plane;
    const int width = tile->columns + contest->matcher->width - 1;
    const int last = tile->y + tile->rows + contest->matcher->height - 2;
    float *line = fft_line(fft);
    uint64_t energy = 0;
    memset(line, 0, 2 * (size_t)fft_width(fft) * sizeof *line);
    for (int y = tile->y; y <= last; y += 2) {
        // With an odd number of rows the last one goes in twice; no position looked at reaches the second.
        const int next = smaller(y + 1, last);
        if (plane->type == IST_PIXEL_U16)
            energy += kernels->interleave_u16(line, plane_uint16(plane, tile->x, y), plane_uint16(plane, tile->x, next),
                                              width, offset);
        else
            energy += kernels->interleave_u8(line, plane_uint8(plane, tile->x, y), plane_uint8(plane, tile->x, next),
                                             width, offset);
        fft_put(fft, y - tile->y);
    }
    return (double)energy;
}

/* About the mean of the part of the picture that is searched: some of its rows stand for all. */
static int searched_mean(const struct matcher *matcher, const struct plane *plane)
{
    enum { STEP = 16 };
    const int width = matcher->x_max - matcher->x_min + matcher->width;
    const int height = matcher->y_max - matcher->y_min + matcher->height;
    uint64_t sum = 0, n = 0;
    for (int y = matcher->y_min; y < matcher->y_min + height; y += STEP, n += (uint64_t)width) {
        uint32_t row = 0;
        for (int x = matcher->x_min; x < matcher->x_min + width; x++)
            row += plane->type == IST_PIXEL_U16 ? *plane_uint16(plane, x, y) : *plane_uint8(plane, x, y);
        sum += row;
    }
    return (int)((sum + n / 2) / n);
}

/*
 * Takes up a position if it may be the best, given its sum c = sum(t - mean t)(v - mean v), wrong by at most `error`.
 * With T and V the sums of squares, the score is c / sqrt(T V).
 */
static void consider(struct contest *contest, const struct windows *windows, int i, double c, double error)
{
    const double n = (double)contest->matcher->width * contest->matcher->height;
    struct candidate candidate = {.x = windows->x + i, .y = windows->y};
    windows_at(windows, i, &candidate.sum, &candidate.square);
    if (isnan(matcher_score_sums(contest->matcher, 0, candidate.sum, candidate.square)))
        return;
    const double energy = contest->matcher->variance / n; // T
    const double square = (double)candidate.square, sum = (double)candidate.sum;
    const double variance = square - sum * sum / n; // V, between these two:
    const double low = variance - 1e-15 * square, high = variance + 1e-15 * square;
    const double most = c + error, least = c - error;
    candidate.most = low > 0 ? most / sqrt(energy * (most > 0 ? low : high)) : HUGE_VAL;
    if (low > 0)
        contest->limit = fmax(contest->limit, least / sqrt(energy * (least > 0 ? high : low)));
    if (candidate.most >= contest->limit)
        add_candidate(contest, &candidate);
}

/*
 * Looks for candidates in a row of positions. Most are far below the limit, and go out without a root:
 * (c + error) / sqrt(T V) < limit means (c + error)^2 < limit^2 T V, or a numerator below 0.
 */
static void sift_row(struct contest *contest, const struct windows *windows, const float *products, double error)
{
    const struct search *search = contest->search;
    const double energy = contest->matcher->variance / ((double)windows->width * windows->height);
    for (int i = 0; i < windows->count; i++) {
        if (contest->limit > 0)
            i = search->kernels.sift(products, search->variance, i, windows->count, error,
                                     contest->limit * contest->limit * energy);
        if (i < windows->count)
            consider(contest, windows, i, (double)products[i], error);
    }
}

/* A tile being searched, its positions in groups of BLOCK x BLOCK. */
struct hunt {
    struct contest *contest;
    struct search *search;
    struct fft *fft;
    struct tile tile;
    double error;      // of products
    int columns, rows; // of groups
};

static float larger(float a, float b)
{
    return a > b ? a : b;
}

/* The largest products in each group of a row of groups. */
static void find_peaks(const struct hunt *hunt, int group_row, float *peaks)
{
    const int columns = hunt->tile.columns;
    const int first = group_row * BLOCK, end = smaller(first + BLOCK, hunt->tile.rows);
    float *line = hunt->search->products; // the largest of the rows so far, even and odd ones in turn
    for (int i = 0; i < 2 * columns; i++)
        line[i] = -HUGE_VALF;
    for (int y = first; y < end; y += 2) {
        const float *rows = fft_get(hunt->fft, y);
        if (y + 1 < end)
            hunt->search->kernels.raise(line, rows, 2 * columns);
        else
            for (int i = 0; i < 2 * columns; i += 2)
                line[i] = larger(line[i], rows[i]);
    }
    for (int group = 0; group < hunt->columns; group++) {
        peaks[group] = -HUGE_VALF;
        for (int i = 2 * group * BLOCK; i < 2 * smaller((group + 1) * BLOCK, columns); i++)
            peaks[group] = larger(peaks[group], line[i]);
    }
}

/* Looks for candidates in the groups first..end-1 of a row of groups. */
static void search_groups(const struct hunt *hunt, int group_row, int first, int end)
{
    const struct matcher *matcher = hunt->contest->matcher;
    struct search *search = hunt->search;
    const int x = first * BLOCK, y = group_row * BLOCK;
    struct windows windows = {
        .kernels = &search->kernels,
        .plane = hunt->contest->plane,
        .x = hunt->tile.x + x,
        .count = smaller(end * BLOCK, hunt->tile.columns) - x,
        .width = matcher->width,
        .height = matcher->height,
        .column_sum = search->column_sum,
        .column_square = search->column_square,
    };
    for (int row = y; row < smaller(y + BLOCK, hunt->tile.rows); row++) {
        if (row == y)
            windows_start(&windows, hunt->tile.y + y);
        else
            windows_advance(&windows);
        windows_variance(&windows, search->variance);
        const float *rows = fft_rows(hunt->fft, row) + 2 * x + row % 2;
        for (int i = 0; i < windows.count; i++)
            search->products[i] = rows[2 * i];
        sift_row(hunt->contest, &windows, search->products, hunt->error);
    }
}

/* The first group from `group` on that may hold a candidate; the number of groups if there is none. */
static int next_group(const struct hunt *hunt, const float *peaks, int group)
{
    const struct contest *contest = hunt->contest;
    const struct matcher *matcher = contest->matcher;
    const double energy = matcher->variance / ((double)matcher->width * matcher->height);
    if (!(contest->limit > 0))
        return group;
    return hunt->search->kernels.sift(peaks, hunt->search->least, group, hunt->columns, hunt->error,
                                      contest->limit * contest->limit * energy);
}

static void search_group_row(const struct hunt *hunt, int group_row)
{
    const struct matcher *matcher = hunt->contest->matcher;
    const float *peaks = hunt->search->peaks + group_row * hunt->columns;
    blocks_variance(&hunt->search->blocks, group_row, hunt->columns, matcher->width, matcher->height,
                    hunt->search->least);
    int end;
    for (int first = 0; (first = next_group(hunt, peaks, first)) < hunt->columns; first = end) {
        end = first + 1;
        while (end < hunt->columns && next_group(hunt, peaks, end) == end)
            end++;
        search_groups(hunt, group_row, first, end);
    }
}

static void find_in_tile(struct contest *contest, struct search *search, const struct tile *tile, int offset)
{
    const struct matcher *matcher = contest->matcher;
    struct fft *fft = search_fft(search, matcher);
    const double n = (double)matcher->width * matcher->height;
    const double image = load_tile(contest, fft, tile, offset);
    const struct hunt hunt = {
        .contest = contest,
        .search = search,
        .fft = fft,
        .tile = *tile,
        .error = EPSILON * log2((double)fft_width(fft) * fft_height(fft)) * sqrt(matcher->variance / n) * sqrt(image),
        .columns = ceil_divide(tile->columns, BLOCK),
        .rows = ceil_divide(tile->rows, BLOCK),
    };
    fft_correlate(fft, &search->kernels, tile->rows + matcher->height - 1, tile->rows, matcher->spectrum);
    blocks_fill(&search->blocks, &search->kernels, contest->plane, tile->x, tile->y, tile->columns + matcher->width - 1,
                tile->rows + matcher->height - 1, search->column_sum, search->column_square);

    int highest = 0;
    for (int row = 0; row < hunt.rows; row++) {
        find_peaks(&hunt, row, search->peaks + row * hunt.columns);
        for (int i = row * hunt.columns; i < (row + 1) * hunt.columns; i++)
            highest = search->peaks[i] > search->peaks[highest] ? i : highest;
    }
    // Mostly the best match is there, and most others then need no second look.
    search_groups(&hunt, highest / hunt.columns, highest % hunt.columns, highest % hunt.columns + 1);
    for (int row = 0; row < hunt.rows; row++)
        search_group_row(&hunt, row);
}

/* The place where the template was cut: mostly its score is high, and most others need no second look. */
static void start_at_home(struct contest *contest)
{
    const struct matcher *matcher = contest->matcher;
    const int x = matcher->home_x, y = matcher->home_y;
    if (x < matcher->x_min || x > matcher->x_max || y < matcher->y_min || y > matcher->y_max)
        return;
    const struct match home = {x, y, matcher_score(matcher, contest->search, contest->plane, x, y)};
    if (match_is_better(&home, &contest->best)) {
        contest->best = home;
        contest->limit = home.score;
    }
}

struct match tiles_find(const struct matcher *matcher, struct search *search, const struct plane *plane)
{
    struct contest contest = {
        .matcher = matcher, .search = search, .plane = plane, .limit = -HUGE_VAL, .best = {.score = (double)NAN}};
    const int step_x = matcher->tile_width - matcher->width + 1;
    const int step_y = matcher->tile_height - matcher->height + 1;
    const int offset = searched_mean(matcher, plane);
    start_at_home(&contest);
    for (int y = matcher->y_min; y <= matcher->y_max; y += step_y)
        for (int x = matcher->x_min; x <= matcher->x_max; x += step_x) {
            const struct tile tile = {x, y, smaller(step_x, matcher->x_max - x + 1),
                                      smaller(step_y, matcher->y_max - y + 1)};
            find_in_tile(&contest, search, &tile, offset);
        }
    score_candidates(&contest);
    return contest.best;
}
