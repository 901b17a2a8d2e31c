/* Circular cross-correlation of rectangles by FFT. The only file that knows FFmpeg's libavutil. */
#ifndef FFT_H
#define FFT_H

#include <libstore/error.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernels.h"

enum { FFT_LENGTH_MIN = 16, FFT_LENGTH_MAX = 16384 };

/*
 * Transforms of rectangles of one size, and room for one of them. Two rows go through one complex transform, as its
 * real and its imaginary part: write rows y and y + 1, y even, into fft_line(), sample by sample in turn, and fft_put()
 * them; after all rows fft_correlate(), then fft_get() the rows of the result, two by two.
 *
 * Thread-safety: one thread at a time.
 */
struct fft;

/* True if this is a length of a side: 2^n times 1, 3, 5, 7, 9 or 15, in FFT_LENGTH_MIN..MAX. */
bool fft_is_length(int length);

ist_status fft_create(struct fft **fft, int width, int height, ist_error *error);

/* Sets *fft to NULL and takes a NULL fft. */
void fft_destroy(struct fft **fft);

int fft_width(const struct fft *fft);
int fft_height(const struct fft *fft);

/* Room for two rows: column x of the first is float 2 x, of the second 2 x + 1. */
float *fft_line(struct fft *fft);

/* Makes the line rows `y` and y + 1 of the rectangle; y is even. */
void fft_put(struct fft *fft, int y);

/* Floats in the spectrum of a rectangle. */
size_t fft_spectrum_size(int width, int height);

/* Takes rows 0..rows-1, zeros below, as a template, and writes its spectrum. */
void fft_template(struct fft *fft, int rows, float *spectrum);

/*
 * Correlates rows 0..rows-1, zeros below, with a template: afterwards row v, column u holds
 * the sum over x, y of template[y][x] * image[v + y][u + x], circular. Rows from rows_out on are not computed.
 */
void fft_correlate(struct fft *fft, const struct kernels *kernels, int rows, int rows_out, const float *spectrum);

/* Makes rows y and y + 1 of the correlation, y even: to be called with 0, 2, ... in this order. Returns fft_rows(). */
const float *fft_get(struct fft *fft, int y);

/* Rows y and y + 1 that fft_get() made, in turn as in fft_line(); there until the next rectangle. */
const float *fft_rows(const struct fft *fft, int y);

#endif
