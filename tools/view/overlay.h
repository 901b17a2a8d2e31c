/* The results of mm-analyze over the picture: ROIs that move, their paths, arrows, a heat map. */
#ifndef OVERLAY_H
#define OVERLAY_H

#include "paint.h"
#include "tracks.h"

enum paths { PATHS_OFF, PATHS_SO_FAR, PATHS_LATEST, PATHS_COUNT };

struct overlay {
    struct tracks *tracks; /* NULL: nothing is shown */
    bool boxes;            /* ROIs where their features are */
    bool arrows;           /* from where they were to where they are */
    bool heat;             /* ROIs in the colour of their displacement */
    enum paths paths;
    double arrow_scale; /* arrows are so many times as long as the displacement */
};

/* Reads "boxes,paths,latest,arrows,heat" or some of them. False: there is another word. */
bool overlay_choose(struct overlay *overlay, const char *layers);

/* Makes the longest arrow 50 to 100 px of the picture long, or as long as the displacement if that is more. */
void overlay_fit_arrows(struct overlay *overlay);

/* Draws what is chosen of the frame with this index. */
void overlay_draw(const struct overlay *overlay, SDL_Renderer *renderer, struct lens lens, int64_t index,
                  double frame_rate);

/* Writes what is shown, for the status line. */
void overlay_describe(const struct overlay *overlay, char *text, size_t size);

#endif
