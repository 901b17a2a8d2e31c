/*
 * Finding a template: zero-mean normalised cross-correlation (ZNCC) at whole pixels.
 *
 * With n pixels, template samples t, image samples v and sums over the window:
 *     score = (n sum(t v) - sum(t) sum(v)) / sqrt((n sum(t t) - sum(t)^2) (n sum(v v) - sum(v)^2))
 * All sums are exact integers, so a score depends on pixels only: not on the way it was found, nor on its place.
 */
#ifndef CORRELATE_H
#define CORRELATE_H

#include <stdbool.h>

#include "blocks.h"
#include "fft.h"
#include "kernels.h"
#include "peaks.h"
#include "plane.h"

/* One template, where it is looked for, and how. */
struct matcher {
    int width, height; /* px, of the template */
    int x_min, x_max;  /* positions of its first column, both included */
    int y_min, y_max;
    ist_pixel_type type;
    void *samples;      /* int8_t or int16_t, rows packed: the template's samples minus 128 or 32768 */
    int64_t sum;        /* of samples */
    double variance;    /* n sum(t t) - sum(t)^2; 0: flat */
    int home_x, home_y; /* where the template was cut */

    /* By FFT, in overlapping tiles of this size; 0: by direct sums. */
    int tile_width, tile_height;
    float *spectrum; /* of the template in a tile */
};

/* Room for a search with one matcher, or with any of several. */
struct search {
    struct kernels kernels;
    void *column_sum, *column_square; /* for struct windows */
    uint64_t *sum, *square;           /* a row of positions each */
    double *variance;
    double *scores;       /* BLOCK rows of them */
    float *products;      /* room for two rows */
    struct blocks blocks; /* of a tile, and for each group of its positions: */
    float *peaks;         /* the largest product */
    double *least;        /* for one row of groups: the least variance */
    int64_t *dot;
    struct fft **ffts; /* one for each size of tile */
    int fft_count;
};

/* How a template may be searched for. */
enum search_method { SEARCH_CHEAPEST, SEARCH_DIRECT, SEARCH_FFT };

/*
 * Lays out a matcher, all zero but for sizes, positions and type: chooses the method and the tiles, and allocates. With
 * SEARCH_FFT a template too large for a tile is still searched for directly. matcher_finish() releases it.
 */
ist_status matcher_init(struct matcher *matcher, const struct kernels *kernels, enum search_method method,
                        ist_error *error);
void matcher_finish(struct matcher *matcher);

/* Takes the template from position x, y of `plane`. Uses the room of `search`. */
void matcher_cut(struct matcher *matcher, struct search *search, const struct plane *plane, int x, int y);

/* Gives a matcher the template of another one of the same size. Uses the room of `search`. */
void matcher_copy(struct matcher *matcher, struct search *search, const struct matcher *from);

/* Makes room for searches with these matchers. search_finish() releases it, after a failure too. */
ist_status search_init(struct search *search, const struct kernels *kernels, const struct matcher *matchers, int count,
                       ist_error *error);
void search_finish(struct search *search);

/*
 * The best match; of equals, the first in row-major order. With `gap`, also how far it is ahead, see peaks_gap(). Both
 * ways of searching give exactly the same.
 */
struct match matcher_find(const struct matcher *matcher, struct search *search, const struct plane *plane, double *gap);

/* The score at one place inside the picture. */
double matcher_score(const struct matcher *matcher, const struct search *search, const struct plane *plane, int x,
                     int y);

/* The same where sums over the window are known already. */
double matcher_score_sums(const struct matcher *matcher, int64_t dot, uint64_t sum, uint64_t square);

/* Search by FFT; private to correlate.c and tiles.c. */
void tiles_find(const struct matcher *matcher, struct search *search, const struct plane *plane, struct peaks *peaks);

/* Chooses the size of tiles that costs least. Returns its cost in ns, HUGE_VAL if the template is too large. */
double tiles_plan(struct matcher *matcher);

/* The workspace for the matcher's tiles. */
struct fft *search_fft(const struct search *search, const struct matcher *matcher);

/* Products of the template with `count` neighbouring positions from x, y on, added up. */
void matcher_dots(const struct matcher *matcher, const struct search *search, const struct plane *plane, int x, int y,
                  int count, int64_t *dots);

#endif
