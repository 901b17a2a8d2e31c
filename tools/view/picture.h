/* A frame's colours on their way to the screen. */
#ifndef PICTURE_H
#define PICTURE_H

#include "levels.h"
#include "paint.h"

/* Begins as zeros. */
struct picture {
    uint32_t *pixels; /* 0xffRRGGBB, of the whole frame */
    uint32_t *small;  /* the same, shrunk for a screen that has fewer */
    int width, height;
    SDL_Texture *texture;
    int texture_width, texture_height;
    int factor;   /* by which it is smaller */
    bool changed; /* the texture is not that of the pixels */
};

/* Takes a frame. Returns false if memory ran out. */
bool picture_set(struct picture *picture, struct levels *levels, const ist_frame *frame);

/*
 * Draws what was set. Returns false, with the reason in SDL_GetError(), if it cannot be drawn.
 * Cost: the frame goes to the screen again only if it, or by how much it is shrunk, has changed.
 */
bool picture_draw(struct picture *picture, SDL_Renderer *renderer, struct lens lens);

void picture_finish(struct picture *picture);

#endif
