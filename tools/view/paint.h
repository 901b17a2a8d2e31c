/* Lines and boxes over a picture, in its own coordinates. */
#ifndef PAINT_H
#define PAINT_H

#include <SDL.h>
#include <libtrack/roi.h>

/* Where a picture lies on the screen. */
struct lens {
    double left, top; /* screen px of its upper left corner */
    double scale;     /* screen px for each of its own */
};

SDL_FPoint lens_to_screen(struct lens lens, double x, double y);

/* The colour of the i-th of several things, which differs from that of its neighbours. */
SDL_Color paint_colour(int i);

/* A line on the screen, `width` px wide. */
void paint_line(SDL_Renderer *renderer, SDL_FPoint from, SDL_FPoint to, float width, SDL_Color colour);

/* The outline of a ROI that has moved by dx, dy px, with a dark rim that shows on bright pictures. */
void paint_outline(SDL_Renderer *renderer, struct lens lens, trk_roi roi, double dx, double dy, SDL_Color colour);

/* A ROI filled with a colour. */
void paint_area(SDL_Renderer *renderer, struct lens lens, trk_roi roi, SDL_Color colour);

#endif
