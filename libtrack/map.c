#include "map.h"

#include <math.h>

#include "windows.h"

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* Places x..x+columns-1, y..y+rows-1 of the search. */
struct area {
    int x, y, columns, rows;
};

static struct windows windows_of(const struct matcher *matcher, const struct search *search, const struct plane *plane,
                                 const struct area *area)
{
    return (struct windows){.kernels = &search->kernels,
                            .plane = plane,
                            .x = area->x,
                            .count = area->columns,
                            .width = matcher->width,
                            .height = matcher->height,
                            .column_sum = search->column_sum,
                            .column_square = search->column_square};
}

/* Sums and squares of the next row of places. */
static void next_row(struct windows *windows, struct search *search, const struct area *area, int row)
{
    if (row == 0)
        windows_start(windows, area->y);
    else
        windows_advance(windows);
    windows_row(windows, search->sum, search->square);
}

static void map_directly(const struct matcher *matcher, struct search *search, const struct plane *plane,
                         const struct area *area, float *scores)
{
    struct windows windows = windows_of(matcher, search, plane, area);
    for (int row = 0; row < area->rows; row++, scores += area->columns) {
        next_row(&windows, search, area, row);
        matcher_dots(matcher, search, plane, area->x, area->y + row, area->columns, search->dot);
        for (int i = 0; i < area->columns; i++)
            scores[i] = (float)matcher_score_sums(matcher, search->dot[i], search->sum[i], search->square[i]);
    }
}

static double sample_at(const struct plane *plane, int x, int y)
{
    return plane->type == IST_PIXEL_U16 ? *plane_uint16(plane, x, y) : *plane_uint8(plane, x, y);
}

/* Writes a row of samples less a gray level into every other float of a line; zeros behind them, and below the picture.
 */
static void load_row(const struct plane *plane, const struct area *shown, int row, double level, int length,
                     float *line)
{
    const int inside = row < shown->rows ? shown->columns : 0;
    for (int x = 0; x < inside; x++)
        line[2 * x] = (float)(sample_at(plane, shown->x + x, shown->y + row) - level);
    for (int x = inside; x < length; x++)
        line[2 * x] = 0;
}

/* Correlates the template with what the area's windows show, less a gray level amid them: precision is for texture. */
static void correlate(const struct matcher *matcher, const struct search *search, struct fft *fft,
                      const struct plane *plane, const struct area *area)
{
    const struct area shown = {area->x, area->y, area->columns + matcher->width - 1, area->rows + matcher->height - 1};
    const double level = sample_at(plane, shown.x + shown.columns / 2, shown.y + shown.rows / 2);
    for (int y = 0; y < shown.rows; y += 2) {
        float *line = fft_line(fft);
        load_row(plane, &shown, y, level, fft_width(fft), line);
        load_row(plane, &shown, y + 1, level, fft_width(fft), line + 1);
        fft_put(fft, y);
    }
    fft_correlate(fft, &search->kernels, shown.rows, area->rows, matcher->spectrum);
}

static void map_tile(const struct matcher *matcher, struct search *search, const struct plane *plane,
                     const struct area *area, ptrdiff_t stride, float *scores)
{
    struct fft *fft = search_fft(search, matcher);
    struct windows windows = windows_of(matcher, search, plane, area);
    const double n = (double)matcher->width * matcher->height, energy = matcher->variance / n;
    correlate(matcher, search, fft, plane, area);
    const float *products = NULL;
    for (int row = 0; row < area->rows; row++, scores += stride) {
        next_row(&windows, search, area, row);
        products = row % 2 == 0 ? fft_get(fft, row) : products + 1;
        for (int i = 0; i < area->columns; i++) {
            const double sum = (double)search->sum[i], square = (double)search->square[i];
            const double variance = square - sum * sum / n;
            scores[i] = variance > 1e-12 * square ? products[2 * i] / (float)sqrt(energy * variance) : NAN;
        }
    }
}

void map_scores(const struct matcher *matcher, struct search *search, const struct plane *plane, float *scores)
{
    const int columns = matcher->x_max - matcher->x_min + 1, rows = matcher->y_max - matcher->y_min + 1;
    const struct area all = {matcher->x_min, matcher->y_min, columns, rows};
    if (!matcher->spectrum) {
        map_directly(matcher, search, plane, &all, scores);
        return;
    }
    const int step_x = matcher->tile_width - matcher->width + 1, step_y = matcher->tile_height - matcher->height + 1;
    for (int y = 0; y < rows; y += step_y)
        for (int x = 0; x < columns; x += step_x) {
            const struct area area = {all.x + x, all.y + y, smaller(step_x, columns - x), smaller(step_y, rows - y)};
            map_tile(matcher, search, plane, &area, columns, scores + (ptrdiff_t)y * columns + x);
        }
}
