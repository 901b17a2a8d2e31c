/* Circular cross-correlation of rectangles by FFT. The only file that knows FFmpeg's libavutil. */
#ifndef FFT_H
#define FFT_H

#include <libstore/error.h>
#include <stdbool.h>
#include <stddef.h>

enum { FFT_LENGTH_MIN = 16, FFT_LENGTH_MAX = 16384 };

/*
 * Transforms of rectangles of one size, and room for one of them. Work goes line by line:
 * write a line into fft_line(), fft_put() it as a row; after all rows fft_correlate(), then
 * fft_get() the rows of the result back into fft_line().
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

/* Room for `width` floats. */
float *fft_line(struct fft *fft);

/* Makes the line row `y` of the rectangle. The line is undefined afterwards. */
void fft_put(struct fft *fft, int y);

/* Floats in the spectrum of a rectangle. */
size_t fft_spectrum_size(int width, int height);

/* Takes rows 0..rows-1, zeros below, as a template, and writes its spectrum. */
void fft_template(struct fft *fft, int rows, float *spectrum);

/*
 * Correlates rows 0..rows-1, zeros below, with a template: afterwards row v, column u holds
 * the sum over x, y of template[y][x] * image[v + y][u + x], circular. Rows above rows_out are not computed.
 */
void fft_correlate(struct fft *fft, int rows, int rows_out, const float *spectrum);

/* Writes row `y` of the correlation into the line. Once for each row. */
void fft_get(struct fft *fft, int y);

#endif
