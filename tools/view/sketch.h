/* The mouse's hand on ROIs: drawing, choosing, moving. */
#ifndef SKETCH_H
#define SKETCH_H

#include "paint.h"
#include "regions.h"

struct sketch {
    struct regions *regions; /* somebody else's */
    bool draws;              /* a drag draws a shape; else it moves a ROI */
    struct shape shape;      /* to draw; from and to are where the drag began and is, for a move as well */
    bool drags;
    int selected; /* ROI, -1: none */
    char message[512];
};

void sketch_init(struct sketch *sketch, struct regions *regions);

/* Begins to draw shapes of a kind; the same again, or sketch_leave(), ends it. */
void sketch_choose(struct sketch *sketch, enum shape_kind kind);
void sketch_leave(struct sketch *sketch);

/* Makes blocks larger or smaller. */
void sketch_resize_blocks(struct sketch *sketch, int px);

/* The mouse, in px of the picture. sketch_press() returns false if the mouse means something else than ROIs. */
bool sketch_press(struct sketch *sketch, double x, double y);
void sketch_drag(struct sketch *sketch, double x, double y);
void sketch_release(struct sketch *sketch);

/* What keys do: to the ROI that is selected, to the last step, to the file. */
void sketch_remove(struct sketch *sketch);
void sketch_undo(struct sketch *sketch);
void sketch_redo(struct sketch *sketch);
bool sketch_save(struct sketch *sketch, const char *path);

void sketch_draw(const struct sketch *sketch, SDL_Renderer *renderer, struct lens lens);

/* Writes what the mouse does now, or what was wrong; empty: nothing to say. */
void sketch_describe(const struct sketch *sketch, char *text, size_t size);

#endif
