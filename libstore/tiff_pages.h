/* Pages of a TIFF file, one after the other. */
#ifndef TIFF_PAGES_H
#define TIFF_PAGES_H

#include <libstore/frame.h>

/* Thread-safety: one thread at a time. */
struct tiff_pages;

/* Opens a file in memory; the bytes must stay. IST_ERROR_DATA: not a TIFF, or its first page is damaged. */
ist_status tiff_pages_open(struct tiff_pages **pages, const uint8_t *data, size_t size, ist_error *error);

/* Opens a file on disk, of any size. */
ist_status tiff_pages_open_file(struct tiff_pages **pages, const char *path, ist_error *error);

/*
 * Decodes the page the cursor stands on; at first that is page 0. Gray and two-colour pages come as one channel, all
 * else as BGR without alpha. Up to 8 bits become 8, deeper samples keep their values in 16 (12 bits stay 0..4095).
 * White is the larger value, however the file has it. An orientation tag is not applied.
 * IST_ERROR_DATA: damaged. IST_ERROR_UNSUPPORTED: samples of floating point, for instance.
 */
ist_status tiff_pages_read(struct tiff_pages *pages, ist_frame *frame, ist_error *error);

/* Moves to the next page. IST_END: there is none. IST_ERROR_DATA: the way to it is damaged. */
ist_status tiff_pages_advance(struct tiff_pages *pages, ist_error *error);

/* Where in the file the page is that the cursor stands on, and back to such a place. IST_ERROR_DATA: it is damaged. */
uint64_t tiff_pages_place(const struct tiff_pages *pages);
ist_status tiff_pages_go(struct tiff_pages *pages, uint64_t place, ist_error *error);

/* Sets *pages to NULL. Takes a NULL pages. */
void tiff_pages_close(struct tiff_pages **pages);

#endif
