/* A page into a TIFF file that is open in libtiff's hands. */
#ifndef TIFF_PAGE_WRITE_H
#define TIFF_PAGE_WRITE_H

#include <libstore/frame.h>
#include <stdbool.h>

struct tiff; /* libtiff's TIFF */

/* These set the fields of the current page and write its pixels, deflated. The page is for the caller to end. */
bool tiff_page_write(struct tiff *tiff, const ist_frame *frame);
bool tiff_page_write_floats(struct tiff *tiff, const float *pixels, int width, int height);

#endif
