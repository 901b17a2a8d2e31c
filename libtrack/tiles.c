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

/* A search: what is looked for, and what has been found. */
struct contest {
    const struct matcher *matcher;
    struct search *search;
    const struct plane *plane;
    struct peaks *peaks;
};

enum {
    FIRST_GROUPS = 12, // searched before all others in a tile
    FEW_GROUPS = 200,  // of so few the peaks are soon known in any order
};

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
 * Finds the first position from `first` on that may reach the bar; most are far below it, and go out without a root.
 * With T and V the sums of squares of template and window, the score is c / sqrt(T V), and
 * (c + error) / sqrt(T V) < bar means (c + error)^2 < bar^2 T V, or a numerator below 0.
 */
static int next_above_bar(const struct contest *contest, const float *products, const double *variances, int first,
                          int count, double error)
{
    const struct matcher *matcher = contest->matcher;
    const double bar = peaks_bar(contest->peaks);
    const double energy = matcher->variance / ((double)matcher->width * matcher->height);
    if (!(bar > 0))
        return first;
    return contest->search->kernels.sift(products, variances, first, count, error, bar * bar * energy);
}

/*
 * Scores a row of positions from exact sums, those that may reach the bar; -HUGE_VAL for the others. Neighbours
 * together cost far less than one by one.
 */
static void score_row(const struct contest *contest, const struct windows *windows, const float *products, double error,
                      double *scores)
{
    const struct search *search = contest->search;
    const struct matcher *matcher = contest->matcher;
    for (int i = 0; i < windows->count; i++)
        scores[i] = -HUGE_VAL;
    for (int first = 0, end; first < windows->count; first = end + 1) {
        first = next_above_bar(contest, products, search->variance, first, windows->count, error);
        for (end = first; end < windows->count; end++) {
            windows_at(windows, end, &search->sum[end], &search->square[end]);
            const bool is_flat = isnan(matcher_score_sums(matcher, 0, search->sum[end], search->square[end]));
            if (is_flat || next_above_bar(contest, products, search->variance, end, end + 1, error) > end)
                break;
        }
        if (end == first)
            continue;
        matcher_dots(matcher, search, contest->plane, windows->x + first, windows->y, end - first, search->dot);
        for (int i = first; i < end; i++)
            scores[i] = matcher_score_sums(matcher, search->dot[i - first], search->sum[i], search->square[i]);
    }
}

/* A tile being searched, its positions in groups of BLOCK x BLOCK. */
struct hunt {
    const struct contest *contest;
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

/* A rectangle of positions that have been scored. */
struct scored {
    const struct contest *contest;
    int x, y, columns, rows;
};

/* True if no neighbour outside of the rectangle is better. */
static bool is_peak_outside(const void *context, const struct match *match)
{
    const struct scored *scored = context;
    const struct matcher *matcher = scored->contest->matcher;
    for (int i = 0; i < 9; i++) {
        struct match other = {match->x + i % 3 - 1, match->y + i / 3 - 1, (double)NAN};
        const bool is_inside = other.x >= scored->x && other.x < scored->x + scored->columns && other.y >= scored->y &&
                               other.y < scored->y + scored->rows;
        const bool is_searched = other.x >= matcher->x_min && other.x <= matcher->x_max && other.y >= matcher->y_min &&
                                 other.y <= matcher->y_max;
        if (is_inside || !is_searched)
            continue;
        other.score = matcher_score(matcher, scored->contest->search, scored->contest->plane, other.x, other.y);
        if (match_is_better(&other, match))
            return false;
    }
    return true;
}

static void add_peaks(const struct scored *scored)
{
    const ptrdiff_t stride = scored->columns;
    const double *scores = scored->contest->search->scores;
    for (int y = 0; y < scored->rows; y++) {
        const double *row = scores + y * stride;
        const struct peak_rows rows = {
            .above = y > 0 ? row - stride : NULL,
            .row = row,
            .below = y + 1 < scored->rows ? row + stride : NULL,
            .count = scored->columns,
            .x = scored->x,
            .y = scored->y + y,
        };
        peaks_add_row(scored->contest->peaks, &rows, is_peak_outside, scored);
    }
}

/* Looks for peaks in the groups first..end-1 of a row of groups. */
static void search_groups(const struct hunt *hunt, int group_row, int first, int end)
{
    const struct matcher *matcher = hunt->contest->matcher;
    struct search *search = hunt->search;
    const int x = first * BLOCK, y = group_row * BLOCK;
    const struct scored scored = {
        .contest = hunt->contest,
        .x = hunt->tile.x + x,
        .y = hunt->tile.y + y,
        .columns = smaller(end * BLOCK, hunt->tile.columns) - x,
        .rows = smaller(BLOCK, hunt->tile.rows - y),
    };
    struct windows windows = {
        .kernels = &search->kernels,
        .plane = hunt->contest->plane,
        .x = scored.x,
        .count = scored.columns,
        .width = matcher->width,
        .height = matcher->height,
        .column_sum = search->column_sum,
        .column_square = search->column_square,
    };
    for (int row = 0; row < scored.rows; row++) {
        if (row == 0)
            windows_start(&windows, scored.y);
        else
            windows_advance(&windows);
        windows_variance(&windows, search->variance);
        const float *rows = fft_rows(hunt->fft, y + row) + 2 * x + (y + row) % 2;
        for (int i = 0; i < windows.count; i++)
            search->products[i] = rows[2 * i];
        score_row(hunt->contest, &windows, search->products, hunt->error,
                  search->scores + (ptrdiff_t)row * windows.count);
    }
    add_peaks(&scored);
}

/* The first group from `group` on that may hold a peak that matters; the number of groups if there is none. */
static int next_group(const struct hunt *hunt, const float *peaks, int group)
{
    return next_above_bar(hunt->contest, peaks, hunt->search->least, group, hunt->columns, hunt->error);
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

/* The groups with the largest products, those wanted or all. Returns how many they are. */
static int list_highest(const float *peaks, int count, int highest[FIRST_GROUPS], int wanted)
{
    int listed = 0;
    for (int i = 0; i < count; i++) {
        int at = listed;
        while (at > 0 && peaks[i] > peaks[highest[at - 1]])
            at--;
        if (at == wanted)
            continue;
        listed += listed < wanted;
        for (int k = listed - 1; k > at; k--)
            highest[k] = highest[k - 1];
        highest[at] = i;
    }
    return listed;
}

static void find_in_tile(const struct contest *contest, struct search *search, const struct tile *tile, int offset)
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

    for (int row = 0; row < hunt.rows; row++)
        find_peaks(&hunt, row, search->peaks + row * hunt.columns);
    // With the bar as high as can be, most groups need no second look.
    int highest[FIRST_GROUPS];
    const int groups = hunt.rows * hunt.columns;
    const int wanted = contest->peaks->most == 1 || groups < FEW_GROUPS ? 1 : FIRST_GROUPS;
    const int count = list_highest(search->peaks, groups, highest, wanted);
    for (int i = 0; i < count; i++)
        search_groups(&hunt, highest[i] / hunt.columns, highest[i] % hunt.columns, highest[i] % hunt.columns + 1);
    for (int row = 0; row < hunt.rows; row++)
        search_group_row(&hunt, row);
}

void tiles_find(const struct matcher *matcher, struct search *search, const struct plane *plane, struct peaks *peaks)
{
    const struct contest contest = {.matcher = matcher, .search = search, .plane = plane, .peaks = peaks};
    const int step_x = matcher->tile_width - matcher->width + 1;
    const int step_y = matcher->tile_height - matcher->height + 1;
    const int offset = searched_mean(matcher, plane);
    for (int y = matcher->y_min; y <= matcher->y_max; y += step_y)
        for (int x = matcher->x_min; x <= matcher->x_max; x += step_x) {
            const struct tile tile = {x, y, smaller(step_x, matcher->x_max - x + 1),
                                      smaller(step_y, matcher->y_max - y + 1)};
            find_in_tile(&contest, search, &tile, offset);
        }
}
