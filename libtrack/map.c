#include "map.h"

#include <math.h>
#include <string.h>

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
    return (struct windows){.plane = plane,
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

/* Correlates the template with what the area's windows show, less a gray level amid them: precision is for texture. */
static void correlate(const struct matcher *matcher, struct fft *fft, const struct plane *plane,
                      const struct area *area)
{
    const int width = area->columns + matcher->width - 1, height = area->rows + matcher->height - 1;
    const double level = sample_at(plane, area->x + width / 2, area->y + height / 2);
    for (int y = 0; y < height; y++) {
        float *line = fft_line(fft);
        for (int x = 0; x < width; x++)
            line[x] = (float)(sample_at(plane, area->x + x, area->y + y) - level);
        memset(line + width, 0, (size_t)(fft_width(fft) - width) * sizeof *line);
        fft_put(fft, y);
    }
    fft_correlate(fft, height, area->rows, matcher->spectrum);
}

static void map_tile(const struct matcher *matcher, struct search *search, const struct plane *plane,
                     const struct area *area, ptrdiff_t stride, float *scores)
{
    struct fft *fft = search_fft(search, matcher);
    struct windows windows = windows_of(matcher, search, plane, area);
    const double n = (double)matcher->width * matcher->height, energy = matcher->variance / n;
    correlate(matcher, fft, plane, area);
    for (int row = 0; row < area->rows; row++, scores += stride) {
        next_row(&windows, search, area, row);
        fft_get(fft, row);
        const float *products = fft_line(fft);
        for (int i = 0; i < area->columns; i++) {
            const double sum = (double)search->sum[i], square = (double)search->square[i];
            const double variance = square - sum * sum / n;
            scores[i] = variance > 1e-12 * square ? products[i] / (float)sqrt(energy * variance) : NAN;
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
