#include "upscale.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "map.h"
#include "memory.h"

enum {
    TAPS_MAX = 6,     // rows of the window that one row of the template meets at one place
    OFFSETS_MAX = 14, // the same at all places of a block
};

/* The rows p + first, p + first + 1, ... of the window that row p of the template meets, and with what weights. */
struct taps {
    int first, count;
    double weight[TAPS_MAX];
};

/*
 * Enlarging takes up to 5/9 of a window's energy (white noise), which lets a score rise by up to 1.5; in single windows
 * more was seen. And a score may rise a little more than the energies say, as they differ with the place between
 * pixels.
 */
static const double GAIN_MAX = 1.7, GAIN_MARGIN = 1.05;

/* Above it what is found is what was searched for, and has one peak. Below, any place with a good score may be the
 * best. */
static const double SCORE_SURE = 0.7, SCORE_LOST = 0.6;

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* ---- where samples lie ---- */

/* A sample is (1 - fraction) of pixel `at` plus fraction of the next one. */
struct sample {
    int at;
    double fraction;
};

static inline struct sample sample_at(const struct scale *scale, int i)
{
    const double place = scale->origin + (i + 0.5) * scale->step - 0.5;
    if (place <= 0)
        return (struct sample){0, 0};
    if (place >= scale->pixels - 1)
        return (struct sample){scale->pixels - 1, 0};
    const int at = (int)place;
    return (struct sample){at, place - at};
}

static void add_tap(struct taps *taps, int offset, double weight)
{
    if (taps->count == 0)
        taps->first = offset;
    const int i = offset - taps->first;
    assert(i >= 0 && i < TAPS_MAX);
    while (taps->count <= i)
        taps->weight[taps->count++] = 0;
    taps->weight[i] += weight;
}

/* What row p of the template meets when the template lies at `place`. */
static struct taps find_taps(const struct upscale_axis *axis, int p, int place)
{
    const struct scale *template = &axis->template;
    // Samples between rows p - 1 and p + 1; the first and the last row stand for what lies beyond them, too.
    const int first = p == 0 ? 0 : (int)((p - 0.5) / template->step - 0.5);
    const int behind = (int)((p + 1.5) / template->step - 0.5) + 2;
    const int end = p == template->pixels - 1 ? template->count : smaller(template->count, behind);
    struct taps taps = {0};
    for (int i = first; i < end; i++) {
        const struct sample from = sample_at(template, i);
        const double weight = from.at == p ? 1 - from.fraction : from.at + 1 == p ? from.fraction : 0;
        if (weight <= 0)
            continue;
        const struct sample to = sample_at(&axis->window, place + i);
        add_tap(&taps, to.at - p, weight * (1 - to.fraction));
        if (to.fraction > 0)
            add_tap(&taps, to.at + 1 - p, weight * to.fraction);
    }
    return taps;
}

/* ---- making ---- */

static bool is_whole(double number)
{
    return fabs(number - rint(number)) < 1e-9;
}

static ist_status make_runs(struct upscale_axis *axis, ist_error *error)
{
    const int pixels = axis->template.pixels;
    const bool alike =
        is_whole(1 / axis->template.step) && fabs(axis->template.step - axis->window.step) < 1e-12 && pixels > 2;
    axis->run_count = alike ? 3 : pixels;
    axis->runs = calloc((size_t)axis->run_count, sizeof *axis->runs);
    if (!axis->runs)
        return trk_fail_memory(error);
    for (int i = 0; i < axis->run_count; i++)
        axis->runs[i] = (struct run){i, 1};
    if (alike) {
        axis->runs[1].count = pixels - 2;
        axis->runs[2].first = pixels - 1;
    }
    return IST_OK;
}

/* Lays the grid over the places start..last of the template's first row. */
static void lay_grid(struct upscale_axis *axis, int start, int last, int home, double scale, enum upscale_grid grid)
{
    const int pixels = axis->template.pixels, window = last - start + pixels;
    axis->window_start = start;
    axis->window = (struct scale){.pixels = window, .count = axis->template.count, .step = 1 / scale};
    if (grid == GRID_OF_WINDOW) {
        const int count = (int)(window * scale);
        axis->window.step = (double)window / count;
        axis->first = 0;
        axis->last = count - axis->template.count;
    } else {
        axis->window.origin = home - start;
        axis->first = -(int)(axis->window.origin * scale);
        axis->last = (int)((last - home) * scale);
    }
}

static ist_status init_axis(struct upscale_axis *axis, int pixels, int start, int last, int home, double scale,
                            enum upscale_grid grid, ist_error *error)
{
    const int count = (int)(pixels * scale);
    axis->template = (struct scale){
        .pixels = pixels, .count = count, .step = grid == GRID_OF_WINDOW ? (double)pixels / count : 1 / scale};
    lay_grid(axis, start, last, home, scale, grid);
    // The peak is no more than half a pixel from the one at whole pixels; a step more shows that it is one.
    axis->half = (int)ceil(0.5 / axis->window.step) + 1;
    return make_runs(axis, error);
}

ist_status upscaler_init(struct upscaler *upscaler, const struct matcher *matcher, double scale, enum upscale_grid grid,
                         ist_error *error)
{
    *upscaler = (struct upscaler){.scale = scale, .grid = grid};
    const ist_status status =
        init_axis(&upscaler->x, matcher->width, matcher->x_min, matcher->x_max, matcher->home_x, scale, grid, error);
    return status < 0 ? status
                      : init_axis(&upscaler->y, matcher->height, matcher->y_min, matcher->y_max, matcher->home_y, scale,
                                  grid, error);
}

void upscaler_aim(struct upscaler *upscaler, const struct matcher *matcher)
{
    lay_grid(&upscaler->x, matcher->x_min, matcher->x_max, matcher->home_x, upscaler->scale, upscaler->grid);
    lay_grid(&upscaler->y, matcher->y_min, matcher->y_max, matcher->home_y, upscaler->scale, upscaler->grid);
}

void upscaler_finish(struct upscaler *upscaler)
{
    free(upscaler->x.runs);
    free(upscaler->y.runs);
    *upscaler = (struct upscaler){0};
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t places_of_block(const struct upscale_axis *axis)
{
    return 2 * (size_t)axis->half + 1;
}

static size_t pixels_of_block(const struct upscale_axis *axis)
{
    return (size_t)axis->template.pixels + OFFSETS_MAX;
}

static size_t whole_places(const struct upscale_axis *axis)
{
    return (size_t)(axis->window.pixels - axis->template.pixels + 1);
}

ist_status upscale_room_init(struct upscale_room *room, const struct upscaler *upscalers, int count, ist_error *error)
{
    size_t map = 0, taps = 0, taps_x = 0, partial = 0, columns = 0, weights = 0, block = 0;
    for (int i = 0; i < count; i++) {
        const struct upscale_axis *x = &upscalers[i].x, *y = &upscalers[i].y;
        const size_t down = places_of_block(y), across = places_of_block(x);
        map = larger(map, whole_places(x) * whole_places(y));
        taps = larger(taps, down * (size_t)y->run_count);
        taps_x = larger(taps_x, across * (size_t)x->run_count);
        partial = larger(partial, down * OFFSETS_MAX);
        columns = larger(columns, pixels_of_block(x));
        weights = larger(weights, larger(pixels_of_block(x), pixels_of_block(y)));
        block = larger(block, down * across);
    }
    *room = (struct upscale_room){
        .map = allocate_aligned(map, sizeof *room->map),
        .taps = calloc(taps + 1, sizeof *room->taps),
        .taps_x = calloc(taps_x + 1, sizeof *room->taps_x),
        .partial = allocate_aligned(partial, sizeof *room->partial),
        .lines = allocate_aligned(2 * columns, sizeof *room->lines),
        .sums = allocate_aligned(3 * columns, sizeof *room->sums),
        .weights = allocate_aligned(3 * weights, sizeof *room->weights),
        .block = allocate_aligned(3 * block, sizeof *room->block),
    };
    const bool whole = room->map && room->taps && room->taps_x && room->partial && room->lines && room->sums &&
                       room->weights && room->block;
    return whole ? IST_OK : trk_fail_memory(error);
}

void upscale_room_finish(struct upscale_room *room)
{
    free(room->map);
    free(room->taps);
    free(room->taps_x);
    free(room->partial);
    free(room->lines);
    free(room->sums);
    free(room->weights);
    free(room->block);
    *room = (struct upscale_room){0};
}

/* ---- sums and energies of enlarged windows ---- */

/* Places first_x.., first_y.. on the grid, and where their numbers go: one row of `across` after the other. */
struct block {
    int first_x, first_y;
    int across, down;
    double *sum, *energy, *product;
};

/* What pixels start.. count for in a window of samples: in its sum, in its energy, and together with the next pixel. */
struct window_weights {
    int start, count;
    double *once, *square, *cross;
};

static struct window_weights weigh_window(const struct scale *scale, int place, double *room)
{
    const int start = sample_at(scale, place).at;
    const int count = sample_at(scale, place + scale->count - 1).at + 2 - start;
    struct window_weights weights = {start, count, room, room + count, room + 2 * count};
    memset(room, 0, 3 * (size_t)count * sizeof *room);
    for (int i = place; i < place + scale->count; i++) {
        const struct sample sample = sample_at(scale, i);
        const double f = sample.fraction, g = 1 - f;
        const int k = sample.at - start;
        weights.once[k] += g;
        weights.once[k + 1] += f;
        weights.square[k] += g * g;
        weights.square[k + 1] += f * f;
        weights.cross[k] += f * g;
    }
    return weights;
}

/* A part of the picture whose columns are summed: samples minus `offset`, so that little is lost to rounding. */
struct columns {
    const struct plane *plane;
    bool is_signed;            /* its samples are those of a matcher */
    int x, y;                  /* where rows and columns are counted from */
    int last_row, last_column; /* they stand for what lies beyond them */
    int start, count;
    double offset;
    double *line, *next;
    double *once, *square, *cross; /* of enlarged rows: their sum, their energy, and with their right neighbours */
};

static void load_line(const struct columns *columns, int row, double *line)
{
    const struct plane *plane = columns->plane;
    const int x = columns->x + columns->start, y = columns->y + smaller(row, columns->last_row);
    const int inside = smaller(columns->count, columns->last_column + 1 - columns->start);
    const double offset = columns->offset;
    if (plane->type == IST_PIXEL_U16 && columns->is_signed)
        for (int i = 0; i < inside; i++)
            line[i] = ((const int16_t *)plane_uint16(plane, x, y))[i] - offset;
    else if (plane->type == IST_PIXEL_U16)
        for (int i = 0; i < inside; i++)
            line[i] = plane_uint16(plane, x, y)[i] - offset;
    else if (columns->is_signed)
        for (int i = 0; i < inside; i++)
            line[i] = ((const int8_t *)plane_uint8(plane, x, y))[i] - offset;
    else
        for (int i = 0; i < inside; i++)
            line[i] = plane_uint8(plane, x, y)[i] - offset;
    for (int i = inside; i < columns->count; i++)
        line[i] = line[inside - 1];
}

/* Adds up the columns of all rows of a window. */
static void sum_columns(struct columns *columns, const struct window_weights *rows)
{
    const size_t bytes = (size_t)columns->count * sizeof(double);
    memset(columns->once, 0, bytes);
    memset(columns->square, 0, bytes);
    memset(columns->cross, 0, bytes);
    load_line(columns, rows->start, columns->line);
    for (int r = 0; r < rows->count; r++) {
        load_line(columns, rows->start + r + 1, columns->next);
        const double once = rows->once[r], square = rows->square[r], cross = rows->cross[r];
        const double *restrict a = columns->line, *restrict b = columns->next;
        for (int i = 0; i < columns->count - 1; i++) {
            columns->once[i] += once * a[i];
            columns->square[i] += (square * a[i] + 2 * cross * b[i]) * a[i];
            columns->cross[i] += square * a[i] * a[i + 1] + cross * (a[i] * b[i + 1] + b[i] * a[i + 1]);
        }
        double *swap = columns->line;
        columns->line = columns->next;
        columns->next = swap;
    }
}

/* Adds one enlarged row to the columns, or with sign -1 takes it away. */
static void add_enlarged_row(struct columns *columns, const struct sample *sample, double sign)
{
    load_line(columns, sample->at, columns->line);
    load_line(columns, sample->at + 1, columns->next);
    const double f = sample->fraction;
    const double *restrict a = columns->line, *restrict b = columns->next;
    double value = a[0] + f * (b[0] - a[0]);
    for (int i = 0; i < columns->count - 1; i++) {
        const double right = a[i + 1] + f * (b[i + 1] - a[i + 1]);
        columns->once[i] += sign * value;
        columns->square[i] += sign * value * value;
        columns->cross[i] += sign * value * right;
        value = right;
    }
}

/* One enlarged column's share of sum and energy. */
static void add_enlarged_column(const struct columns *columns, const struct sample *sample, double sign, double *sum,
                                double *energy)
{
    const int i = sample->at - columns->start;
    const double f = sample->fraction, g = 1 - f;
    *sum += sign * (g * columns->once[i] + f * columns->once[i + 1]);
    *energy += sign * (g * g * columns->square[i] + 2 * f * g * columns->cross[i] + f * f * columns->square[i + 1]);
}

static void sum_row_of_windows(const struct columns *columns, const struct scale *scale,
                               const struct window_weights *weights, int first, int count, double *sums,
                               double *energies)
{
    double sum = 0, energy = 0;
    for (int k = 0; k < weights->count; k++) {
        const int i = weights->start + k - columns->start;
        sum += weights->once[k] * columns->once[i];
        energy += weights->square[k] * columns->square[i] + 2 * weights->cross[k] * columns->cross[i];
    }
    for (int i = 0; i < count; i++) {
        if (i > 0) {
            const struct sample out = sample_at(scale, first + i - 1),
                                in = sample_at(scale, first + i - 1 + scale->count);
            add_enlarged_column(columns, &out, -1, &sum, &energy);
            add_enlarged_column(columns, &in, 1, &sum, &energy);
        }
        sums[i] = sum;
        energies[i] = energy;
    }
}

/* Sums and energies of the windows at all places of a block; rows and columns count from x, y of the plane. */
static void sum_windows(const struct scale *scale_x, const struct scale *scale_y, struct upscale_room *room,
                        const struct plane *plane, bool is_signed, int x, int y, double offset,
                        const struct block *block)
{
    const int start = sample_at(scale_x, block->first_x).at;
    // Of the last sample's two columns the second has a right neighbour.
    const int count = sample_at(scale_x, block->first_x + block->across + scale_x->count - 2).at + 3 - start;
    struct columns columns = {.plane = plane,
                              .is_signed = is_signed,
                              .x = x,
                              .y = y,
                              .last_row = scale_y->pixels - 1,
                              .last_column = scale_x->pixels - 1,
                              .start = start,
                              .count = count,
                              .offset = offset,
                              .line = room->lines,
                              .next = room->lines + count,
                              .once = room->sums,
                              .square = room->sums + count,
                              .cross = room->sums + 2 * count};
    const struct window_weights rows = weigh_window(scale_y, block->first_y, room->weights);
    sum_columns(&columns, &rows);
    const struct window_weights weights = weigh_window(scale_x, block->first_x, room->weights);
    for (int i = 0; i < block->down; i++) {
        if (i > 0) {
            const int place = block->first_y + i - 1;
            const struct sample out = sample_at(scale_y, place), in = sample_at(scale_y, place + scale_y->count);
            add_enlarged_row(&columns, &out, -1);
            add_enlarged_row(&columns, &in, 1);
        }
        sum_row_of_windows(&columns, scale_x, &weights, block->first_x, block->across, block->sum + i * block->across,
                           block->energy + i * block->across);
    }
}

/* ---- products ---- */

/* Offsets first..first+count-1 at which a run meets the window at any of some places. */
struct offsets {
    int first, count;
};

static struct offsets offsets_of_run(const struct taps *taps, int run, int run_count, int places)
{
    int first = INT_MAX, end = INT_MIN;
    for (int i = 0; i < places; i++) {
        const struct taps *at = &taps[i * run_count + run];
        first = at->count > 0 && at->first < first ? at->first : first;
        end = at->count > 0 && at->first + at->count > end ? at->first + at->count : end;
    }
    if (end < first)
        return (struct offsets){0, 0};
    assert(end - first <= OFFSETS_MAX);
    return (struct offsets){first, end - first};
}

static void find_taps_of_block(const struct upscale_axis *axis, int first, int places, struct taps *taps)
{
    for (int i = 0; i < places; i++)
        for (int run = 0; run < axis->run_count; run++)
            taps[i * axis->run_count + run] = find_taps(axis, axis->runs[run].first, first + i);
}

/* The products of a part of the template with the picture at x, y and the `count` - 1 places right of it. */
static void part_dots(const struct matcher *matcher, const struct search *search, const struct plane *plane,
                      const struct run *rows, const struct run *columns, int x, int y, int count, int64_t *dots)
{
    const ptrdiff_t at = (ptrdiff_t)rows->first * matcher->width + columns->first;
    if (matcher->type == IST_PIXEL_U16)
        search->kernels.dot_u16((const int16_t *)matcher->samples + at, matcher->width, plane_uint16(plane, x, y),
                                plane->stride, columns->count, rows->count, count, dots);
    else
        search->kernels.dot_u8((const int8_t *)matcher->samples + at, matcher->width, plane_uint8(plane, x, y),
                               plane->stride, columns->count, rows->count, count, dots);
}

/* Adds a run of rows and a run of columns to what is known of the latter: an array of offsets for each place down. */
static void add_rows(const struct upscaler *upscaler, const struct matcher *matcher, const struct search *search,
                     const struct plane *plane, const struct taps *taps, int down, int row_run, int column_run,
                     const struct offsets *rows, const struct offsets *columns, double *partial)
{
    const struct upscale_axis *x = &upscaler->x, *y = &upscaler->y;
    const struct run *across = &x->runs[column_run], *along = &y->runs[row_run];
    for (int d = 0; d < rows->count; d++) {
        const int offset = rows->first + d;
        int64_t dots[OFFSETS_MAX];
        part_dots(matcher, search, plane, along, across, x->window_start + across->first + columns->first,
                  y->window_start + along->first + offset, columns->count, dots);
        for (int i = 0; i < down; i++) {
            const struct taps *at = &taps[i * y->run_count + row_run];
            const int tap = offset - at->first;
            if (tap < 0 || tap >= at->count)
                continue;
            for (int e = 0; e < columns->count; e++)
                partial[i * OFFSETS_MAX + e] += at->weight[tap] * (double)dots[e];
        }
    }
}

/* Sums of products of the enlarged template and windows at all places of a block. */
static void sum_products(const struct upscaler *upscaler, struct upscale_room *room, const struct matcher *matcher,
                         const struct search *search, const struct plane *plane, const struct block *block)
{
    const struct upscale_axis *x = &upscaler->x, *y = &upscaler->y;
    find_taps_of_block(y, block->first_y, block->down, room->taps);
    find_taps_of_block(x, block->first_x, block->across, room->taps_x);
    memset(block->product, 0, (size_t)(block->down * block->across) * sizeof *block->product);
    for (int column_run = 0; column_run < x->run_count; column_run++) {
        const struct offsets columns = offsets_of_run(room->taps_x, column_run, x->run_count, block->across);
        double *partial = room->partial;
        memset(partial, 0, (size_t)block->down * OFFSETS_MAX * sizeof *partial);
        for (int row_run = 0; row_run < y->run_count; row_run++) {
            const struct offsets rows = offsets_of_run(room->taps, row_run, y->run_count, block->down);
            add_rows(upscaler, matcher, search, plane, room->taps, block->down, row_run, column_run, &rows, &columns,
                     partial);
        }
        for (int i = 0; i < block->down; i++)
            for (int j = 0; j < block->across; j++) {
                const struct taps *at = &room->taps_x[j * x->run_count + column_run];
                const double *of_place = partial + i * OFFSETS_MAX + (at->first - columns.first);
                for (int e = 0; e < at->count; e++)
                    block->product[i * block->across + j] += at->weight[e] * of_place[e];
            }
    }
}

/* ---- scores ---- */

static double sample_count(const struct upscaler *upscaler)
{
    return (double)upscaler->x.template.count * upscaler->y.template.count;
}

/* A value amid those of the template, which sums are taken about. */
static double middle_value(const struct matcher *matcher)
{
    const double n = (double)matcher->width * matcher->height;
    return rint((double)matcher->sum / n);
}

/* What the matcher takes off samples. */
static double samples_zero(const struct matcher *matcher)
{
    return matcher->type == IST_PIXEL_U16 ? 32768 : 128;
}

void upscaler_cut(struct upscaler *upscaler, struct upscale_room *room, const struct matcher *matcher)
{
    const double n = sample_count(upscaler), middle = middle_value(matcher);
    const struct plane samples = {.data = matcher->samples,
                                  .stride = matcher->width,
                                  .width = matcher->width,
                                  .height = matcher->height,
                                  .type = matcher->type};
    double sum, energy;
    const struct block whole = {.across = 1, .down = 1, .sum = &sum, .energy = &energy};
    sum_windows(&upscaler->x.template, &upscaler->y.template, room, &samples, true, 0, 0, middle, &whole);
    upscaler->sum = sum + n * middle;
    upscaler->variance = energy - sum * sum / n;
    const double pixels = (double)matcher->width * matcher->height;
    upscaler->gain = matcher->variance / (pixels * pixels) / (upscaler->variance / n);
}

static struct block room_for_block(const struct upscale_room *room, int places)
{
    return (struct block){.sum = room->block, .energy = room->block + places, .product = room->block + 2 * places};
}

/* Scores of all places of the block, in place of its products. */
static void score_block(const struct upscaler *upscaler, struct upscale_room *room, const struct matcher *matcher,
                        const struct search *search, const struct plane *plane, const struct block *block)
{
    const double n = sample_count(upscaler), middle = middle_value(matcher) + samples_zero(matcher);
    sum_windows(&upscaler->x.window, &upscaler->y.window, room, plane, false, upscaler->x.window_start,
                upscaler->y.window_start, middle, block);
    sum_products(upscaler, room, matcher, search, plane, block);
    for (int i = 0; i < block->down * block->across; i++) {
        const double sum = block->sum[i] + n * middle;
        const double variance = block->energy[i] - block->sum[i] * block->sum[i] / n;
        const double covariance = block->product[i] - upscaler->sum * sum / n;
        block->product[i] =
            variance > 1e-12 * block->energy[i] ? covariance / sqrt(upscaler->variance * variance) : (double)NAN;
    }
}

/* ---- searching ---- */

/* A place on the grid and its score. */
struct grid_match {
    int x, y;
    double score;
};

static bool is_better(const struct grid_match *match, const struct grid_match *best)
{
    if (isnan(match->score))
        return false;
    if (isnan(best->score) || match->score > best->score)
        return true;
    return match->score == best->score && (match->y < best->y || (match->y == best->y && match->x < best->x));
}

static int limit(int place, const struct upscale_axis *axis)
{
    return place < axis->first ? axis->first : place > axis->last ? axis->last : place;
}

/* True if `place` is at the rim of a block which may go on there. */
static bool leads_on(int place, int first, int count, const struct upscale_axis *axis)
{
    return (place == first && place > axis->first) || (place == first + count - 1 && place < axis->last);
}

/* The best place around x, y on the grid; where the best is at the rim, also around that. */
static struct grid_match climb(const struct upscaler *upscaler, struct upscale_room *room,
                               const struct matcher *matcher, const struct search *search, const struct plane *plane,
                               int x, int y)
{
    struct grid_match best = {x, y, (double)NAN};
    bool higher;
    do {
        const int left = limit(best.x - upscaler->x.half, &upscaler->x),
                  top = limit(best.y - upscaler->y.half, &upscaler->y);
        const int across = limit(best.x + upscaler->x.half, &upscaler->x) + 1 - left;
        const int down = limit(best.y + upscaler->y.half, &upscaler->y) + 1 - top;
        struct block block = room_for_block(room, across * down);
        block.first_x = left, block.first_y = top, block.across = across, block.down = down;
        score_block(upscaler, room, matcher, search, plane, &block);
        higher = false;
        for (int i = 0; i < across * down; i++) {
            const struct grid_match match = {left + i % across, top + i / across, block.product[i]};
            if (is_better(&match, &best)) {
                best = match;
                higher = true;
            }
        }
        higher = higher && (leads_on(best.x, left, across, &upscaler->x) || leads_on(best.y, top, down, &upscaler->y));
    } while (higher);
    return best;
}

/* True if no neighbour in the map is higher. */
static bool is_peak(const float *map, int width, int height, int x, int y)
{
    const float score = map[(ptrdiff_t)y * width + x];
    for (int v = y > 0 ? y - 1 : 0; v <= smaller(y + 1, height - 1); v++)
        for (int u = x > 0 ? x - 1 : 0; u <= smaller(x + 1, width - 1); u++)
            if (map[(ptrdiff_t)v * width + u] > score)
                return false;
    return true;
}

/* The grid's place nearest to a whole pixel, counted from the window's first. */
static int grid_place(const struct upscale_axis *axis, int pixel)
{
    return limit((int)rint((pixel - axis->window.origin) / axis->window.step), axis);
}

static struct fine_match place_of(const struct upscaler *upscaler, const struct grid_match *match)
{
    const struct upscale_axis *x = &upscaler->x, *y = &upscaler->y;
    return (struct fine_match){x->window_start + x->window.origin + match->x / upscaler->scale,
                               y->window_start + y->window.origin + match->y / upscaler->scale, match->score};
}

/* Variance of the window's pixels where the template lies at whole pixel x, y of the search. */
static double variance_at(const struct upscaler *upscaler, const struct matcher *matcher, const struct plane *plane,
                          int x, int y)
{
    const int left = upscaler->x.window_start + x, top = upscaler->y.window_start + y;
    uint64_t sum = 0, square = 0;
    for (int v = top; v < top + matcher->height; v++)
        for (int u = left; u < left + matcher->width; u++) {
            const uint64_t sample =
                plane->type == IST_PIXEL_U16 ? *plane_uint16(plane, u, v) : *plane_uint8(plane, u, v);
            sum += sample;
            square += sample * sample;
        }
    const double pixels = (double)matcher->width * matcher->height;
    return ((double)square - (double)sum * (double)sum / pixels) / pixels;
}

/* Variance of the enlarged window's samples there. */
static double enlarged_variance_at(const struct upscaler *upscaler, struct upscale_room *room,
                                   const struct matcher *matcher, const struct plane *plane, int x, int y)
{
    const double n = sample_count(upscaler), middle = middle_value(matcher) + samples_zero(matcher);
    double sum, energy;
    const struct block one = {.first_x = grid_place(&upscaler->x, x),
                              .first_y = grid_place(&upscaler->y, y),
                              .across = 1,
                              .down = 1,
                              .sum = &sum,
                              .energy = &energy};
    sum_windows(&upscaler->x.window, &upscaler->y.window, room, plane, false, upscaler->x.window_start,
                upscaler->y.window_start, middle, &one);
    return (energy - sum * sum / n) / n;
}

/* By what factor a score may rise around a whole pixel when template and window lose energy by enlarging. */
static double gain_at(const struct upscaler *upscaler, struct upscale_room *room, const struct matcher *matcher,
                      const struct plane *plane, int x, int y)
{
    const double enlarged = enlarged_variance_at(upscaler, room, matcher, plane, x, y);
    return enlarged > 0 ? sqrt(upscaler->gain * variance_at(upscaler, matcher, plane, x, y) / enlarged) : HUGE_VAL;
}

/* The highest of all whole pixels; -1: none has a score. */
static ptrdiff_t highest_of(const float *map, ptrdiff_t count)
{
    ptrdiff_t highest = -1;
    for (ptrdiff_t i = 0; i < count; i++)
        if (highest < 0 ? !isnan(map[i]) : map[i] > map[highest])
            highest = i;
    return highest;
}

struct fine_match upscaler_find(const struct upscaler *upscaler, struct upscale_room *room,
                                const struct matcher *matcher, struct search *search, const struct plane *plane)
{
    const struct upscale_axis *x = &upscaler->x, *y = &upscaler->y;
    const int width = (int)whole_places(x), height = (int)whole_places(y);
    const float *map = room->map;
    map_scores(matcher, search, plane, room->map);
    const ptrdiff_t highest = highest_of(map, (ptrdiff_t)width * height);
    if (highest < 0)
        return (struct fine_match){.score = (double)NAN};

    const int highest_x = (int)(highest % width), highest_y = (int)(highest / width);
    struct grid_match best =
        climb(upscaler, room, matcher, search, plane, grid_place(x, highest_x), grid_place(y, highest_y));
    for (int v = 0; v < height; v++)
        for (int u = 0; u < width; u++) {
            const double score = (double)map[(ptrdiff_t)v * width + u];
            const bool may_reach = best.score <= 0 || score * GAIN_MAX * sqrt(upscaler->gain) >= best.score;
            const bool beside = abs(u - highest_x) <= 1 && abs(v - highest_y) <= 1;
            if (!may_reach || (u == highest_x && v == highest_y))
                continue;
            if (best.score > SCORE_SURE && (beside || !is_peak(map, width, height, u, v)))
                continue;
            if (best.score > SCORE_LOST &&
                score * GAIN_MARGIN * gain_at(upscaler, room, matcher, plane, u, v) < best.score)
                continue;
            const struct grid_match match =
                climb(upscaler, room, matcher, search, plane, grid_place(x, u), grid_place(y, v));
            if (is_better(&match, &best))
                best = match;
        }
    return place_of(upscaler, &best);
}

struct fine_match upscaler_find_near(const struct upscaler *upscaler, struct upscale_room *room,
                                     const struct matcher *matcher, const struct search *search,
                                     const struct plane *plane, int x, int y)
{
    const struct grid_match best =
        climb(upscaler, room, matcher, search, plane, grid_place(&upscaler->x, x - upscaler->x.window_start),
              grid_place(&upscaler->y, y - upscaler->y.window_start));
    return place_of(upscaler, &best);
}
