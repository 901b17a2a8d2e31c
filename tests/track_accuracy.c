/*
 * How exact the tracker is: textures with known motion between pixels and noise, beside the Cramer-Rao bound, and
 * beside the standard error that the tracker gives itself.
 *
 * Pairs of pictures come in twins whose noise has opposite signs: in the mean of their errors the noise cancels to
 * first order, and what is left is bias.
 *
 *   track_accuracy [PAIRS]    of twins; 200 is the benchmark; with fewer, limits allow for chance
 */
#include <libtrack/libtrack.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "track_texture.h"

enum { WINDOW = 10, BORDER = 8, BINS = 10, PAIRS = 200, SIZE = 64 };

static const double LEVEL = 128, CONTRAST = 30;
static const double BOUND_MAX = 1.2; // RMS error
static const double BIAS_MAX_PX = 0.005;
static const double OUTLIER = 6;        // standard errors: less than one number in a hundred million lies farther out
static const double ESTIMATE_MAX = 1.7; // RMS error and estimated standard error, either in the other

struct band {
    const char *name;
    double shortest, longest; // px
};

static const struct band bands[] = {{"fine", 3, 20}, {"middle", 5, 40}, {"coarse", 15, 60}};
static const double noises[] = {0, 2, 5, 10};
static const int sizes[] = {16, 24, 32, 64, 128}; // of ROIs

enum {
    BANDS = sizeof bands / sizeof *bands,
    NOISES = sizeof noises / sizeof *noises,
    SIZES = sizeof sizes / sizeof *sizes,
};

/* Sums over the pairs of a cell; errors of x and y are errors alike. */
struct cell {
    int pairs;
    int unknown;    // of them, those without a standard error; all that follows is of the others
    double squares; // of errors
    double bounds;  // of mean squares
    double worst;
    double relative_squares; // of errors in estimated standard errors
    double relative_worst;
    double bias_sum[BINS]; // by the fraction of a pixel
    int bias_count[BINS];
};

/* One pair of pictures, measured. */
struct pair {
    double moved[2];
    double error[2];
    double estimate[2]; // of the standard error
    double bound;
};

static void check(ist_status status, const ist_error *error)
{
    if (status >= 0)
        return;
    fprintf(stderr, "%s\n", error->message);
    exit(1);
}

static trk_row measure(const ist_frame *reference, const ist_frame *frame, const trk_roi *roi)
{
    ist_error error = {0};
    trk_tracker *tracker = NULL;
    trk_sequence *sequence = NULL;
    trk_row row;
    check(trk_tracker_create(&tracker, frame->width, frame->height, 1, frame->type, roi, 1,
                             &(trk_params){.max_movement_px = WINDOW}, &error),
          &error);
    check(trk_tracker_set_template(tracker, reference, &error), &error);
    check(trk_sequence_create(&sequence, tracker, &error), &error);
    check(trk_tracker_measure(tracker, sequence, frame, &row, &error), &error);
    trk_sequence_destroy(&sequence);
    trk_tracker_destroy(&tracker);
    return row;
}

/* Two pictures of a new texture, the second moved; measured with the noise as it is, and with opposite signs. */
static void measure_twins(struct pair twins[2], const struct band *band, double noise, int size, struct random *random)
{
    const trk_roi roi = {WINDOW + BORDER, WINDOW + BORDER, size, size};
    const int side = size + 2 * (WINDOW + BORDER);
    const struct texture texture = texture_make(random, band->shortest, band->longest, LEVEL, CONTRAST);
    ist_error error = {0};
    ist_frame reference = {0}, frame = {0};
    check(ist_frame_alloc(&reference, side, side, 1, IST_PIXEL_U8, &error), &error);
    check(ist_frame_alloc(&frame, side, side, 1, IST_PIXEL_U8, &error), &error);
    double moved[2];
    for (int axis = 0; axis < 2; axis++)
        moved[axis] = (2 * random_uniform(random) - 1) * (WINDOW - 1);
    // Whole gray levels are noise, too.
    const double total_noise = sqrt(noise * noise + 1.0 / 12);
    const double bound = texture_bound(&texture, roi.x, roi.y, size, size, total_noise);
    const struct random before = *random;
    for (int twin = 0; twin < 2; twin++) {
        *random = before;
        const double signed_noise = twin == 0 ? noise : -noise;
        texture_draw(&texture, &reference, 0, 0, signed_noise, random);
        texture_draw(&texture, &frame, moved[0], moved[1], signed_noise, random);
        const trk_row row = measure(&reference, &frame, &roi);
        twins[twin] = (struct pair){{moved[0], moved[1]},
                                    {row.x_px - moved[0], row.y_px - moved[1]},
                                    {row.standard_error_x_px, row.standard_error_y_px},
                                    bound};
    }
    ist_frame_free(&reference);
    ist_frame_free(&frame);
}

static void add_pair(struct cell *cell, const struct pair *pair)
{
    cell->pairs++;
    if (isnan(pair->estimate[0] + pair->estimate[1])) {
        cell->unknown++;
        return;
    }
    cell->bounds += pair->bound * pair->bound;
    for (int axis = 0; axis < 2; axis++) {
        const double error = pair->error[axis], relative = error / pair->estimate[axis];
        const double fraction = pair->moved[axis] - floor(pair->moved[axis]);
        const int bin = (int)(fraction * BINS) % BINS;
        cell->squares += error * error;
        cell->worst = fmax(cell->worst, fabs(error));
        cell->relative_squares += relative * relative;
        cell->relative_worst = fmax(cell->relative_worst, fabs(relative));
        cell->bias_sum[bin] += error;
        cell->bias_count[bin]++;
    }
}

static struct cell fill_cell(uint64_t seed, const struct band *band, double noise, int size, int pairs)
{
    struct random random = {seed + (uint64_t)(noise * 100 + band->longest)};
    struct cell cell = {0};
    for (int i = 0; i < pairs; i++) {
        struct pair twins[2];
        measure_twins(twins, band, noise, size, &random);
        add_pair(&cell, &twins[0]);
        add_pair(&cell, &twins[1]);
    }
    return cell;
}

static double largest_bias(const struct cell *cell)
{
    double largest = 0;
    for (int i = 0; i < BINS; i++)
        if (cell->bias_count[i] > 0)
            largest = fmax(largest, fabs(cell->bias_sum[i] / cell->bias_count[i]));
    return largest;
}

static double root_mean(double squares, const struct cell *cell)
{
    return sqrt(squares / (2 * (cell->pairs - cell->unknown)));
}

/*
 * How much the limits are widened for fewer pairs than the benchmark's. A twin adds nothing to an RMS but doubles it:
 * of n pairs, each with x and y, its standard deviation is 1 / sqrt(4 n) of it. Three of them.
 */
static double allowance(int pairs)
{
    return pairs < PAIRS ? 1 + 3 / sqrt(4.0 * pairs) : 1;
}

static const char *mark(bool good)
{
    return good ? "" : "  <- too much";
}

/* Prints a line of the table. True if the cell is as good as it must be. */
static bool judge_errors(const struct cell *cell, const struct band *band, double noise, int pairs)
{
    const double rms = root_mean(cell->squares, cell), bound = root_mean(2 * cell->bounds, cell);
    const double bias = largest_bias(cell);
    // What noise leaves in the mean of a bin, to second order, shrinks with the root of the pairs in it.
    const double bias_max = BIAS_MAX_PX * sqrt(fmax(1, PAIRS / (double)pairs));
    const bool good = rms <= BOUND_MAX * allowance(pairs) * bound && bias <= bias_max && cell->unknown == 0 &&
                      cell->relative_worst <= OUTLIER;
    printf(
        "%-6s %2.0f-%2.0f px, noise %2.0f: RMS %.5f px, bound %.5f px, ratio %.3f; bias %.5f px; worst %.5f px, %.1f "
        "standard errors%s\n",
        band->name, band->shortest, band->longest, noise, rms, bound, rms / bound, bias, cell->worst,
        cell->relative_worst, mark(good));
    return good;
}

/* The same for the standard errors, of one size of ROI or number of renewals. */
static bool judge_estimates(const struct cell *cell, int number, const char *unit, int pairs)
{
    const double ratio = root_mean(cell->relative_squares, cell);
    const double most = ESTIMATE_MAX * allowance(pairs);
    const bool good = ratio <= most && ratio >= 1 / most;
    printf("  %d%s %.2f", number, unit, ratio);
    if (cell->unknown)
        printf(" (%d of %d unknown)", cell->unknown, cell->pairs);
    printf("%s", mark(good));
    return good;
}

/* ---- sums ---- */

enum { SUM_SIZE = 48, SUM_REACH = 10, SUM_STEP = 3, SUM_MARKS = 5 };

static const int sum_marks[SUM_MARKS] = {0, 1, 5, 20, 100}; // renewals

/* A step further on a random walk that stays within SUM_REACH. */
static double walk(double from, struct random *random)
{
    double to;
    do
        to = from + SUM_STEP * (2 * random_uniform(random) - 1);
    while (fabs(to) > SUM_REACH);
    return to;
}

/* One recording, with a renewal in each frame. */
static void add_sums(struct cell cells[SUM_MARKS], const struct band *band, double noise, bool follow,
                     struct random *random)
{
    const trk_roi roi = {SUM_REACH + BORDER, SUM_REACH + BORDER, SUM_SIZE, SUM_SIZE};
    const int side = SUM_SIZE + 2 * (SUM_REACH + BORDER);
    const trk_params params = {.max_movement_px = 2 * SUM_STEP, .follow = follow, .renew_every = 1};
    const struct texture texture = texture_make(random, band->shortest, band->longest, LEVEL, CONTRAST);
    ist_error error = {0};
    ist_frame frame = {0};
    trk_tracker *tracker = NULL;
    trk_sequence *sequence = NULL;
    check(ist_frame_alloc(&frame, side, side, 1, IST_PIXEL_U8, &error), &error);
    check(trk_tracker_create(&tracker, side, side, 1, IST_PIXEL_U8, &roi, 1, &params, &error), &error);
    texture_draw(&texture, &frame, 0, 0, noise, random);
    check(trk_tracker_set_template(tracker, &frame, &error), &error);
    check(trk_sequence_create(&sequence, tracker, &error), &error);
    double x = 0, y = 0;
    for (int i = 0, mark = 0; mark < SUM_MARKS; i++) {
        trk_row row;
        x = walk(x, random);
        y = walk(y, random);
        texture_draw(&texture, &frame, x, y, noise, random);
        check(trk_tracker_measure(tracker, sequence, &frame, &row, &error), &error);
        if (i == sum_marks[mark])
            add_pair(&cells[mark++], &(struct pair){.moved = {x, y},
                                                    .error = {row.x_px - x, row.y_px - y},
                                                    .estimate = {row.standard_error_x_px, row.standard_error_y_px}});
    }
    trk_sequence_destroy(&sequence);
    trk_tracker_destroy(&tracker);
    ist_frame_free(&frame);
}

static bool judge_sums(uint64_t seed, int pairs)
{
    const int runs = pairs / 2;
    bool good = true;
    printf("Sums of motions, ROI %d x %d: RMS error / estimated standard error, by renewals:\n", SUM_SIZE, SUM_SIZE);
    for (int i = 0; i < 2 * BANDS * NOISES; i++) {
        const struct band *band = &bands[i / 2 / NOISES];
        const double noise = noises[i / 2 % NOISES];
        const bool follow = i % 2;
        struct random random = {seed + (uint64_t)i};
        struct cell cells[SUM_MARKS] = {0};
        for (int k = 0; k < runs; k++)
            add_sums(cells, band, noise, follow, &random);
        printf("%-6s noise %2.0f, %s:", band->name, noise, follow ? "followed" : "in place");
        for (int k = 0; k < SUM_MARKS; k++)
            good = judge_estimates(&cells[k], sum_marks[k], ":", runs) && good;
        printf("\n");
    }
    return good;
}

int main(int argc, char **argv)
{
    const int pairs = argc > 1 ? atoi(argv[1]) : PAIRS;
    const uint64_t seed = random_seed();
    bool good = true;
    printf("Errors, ROI %d x %d:\n", SIZE, SIZE);
    for (int i = 0; i < BANDS; i++)
        for (int j = 0; j < NOISES; j++) {
            const struct cell cell = fill_cell(seed, &bands[i], noises[j], SIZE, pairs);
            good = judge_errors(&cell, &bands[i], noises[j], pairs) && good;
        }
    printf("RMS error / estimated standard error, by size of ROI:\n");
    for (int i = 0; i < BANDS; i++)
        for (int j = 0; j < NOISES; j++) {
            printf("%-6s noise %2.0f:", bands[i].name, noises[j]);
            for (int k = 0; k < SIZES; k++) {
                const struct cell cell = fill_cell(seed + 1, &bands[i], noises[j], sizes[k], pairs);
                good = judge_estimates(&cell, sizes[k], " px:", pairs) && good;
            }
            printf("\n");
        }
    good = judge_sums(seed + 2, pairs) && good;
    return good ? 0 : 1;
}
