/* Regions of interest. */
#ifndef LIBTRACK_ROI_H
#define LIBTRACK_ROI_H

#ifdef __cplusplus
extern "C" {
#endif

/* A region of interest: a rectangle of pixels, wholly inside the picture, at least 4 x 4. */
typedef struct trk_roi {
    int x;      /* px from the left border to the ROI's first column */
    int y;      /* px from the top border to the ROI's first row */
    int width;  /* px */
    int height; /* px */
} trk_roi;

#ifdef __cplusplus
}
#endif
#endif
