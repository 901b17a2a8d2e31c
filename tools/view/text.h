/* Text on the screen, in the system's monospaced font. */
#ifndef TEXT_H
#define TEXT_H

#include <SDL.h>

/* A font at one size. */
struct text;

/* Returns NULL, with the reason in SDL_GetError(), if there is no font. */
struct text *text_create(int size_px);
void text_destroy(struct text **text);

int text_height(const struct text *text);
int text_width(const struct text *text, const char *string);

/* Draws a line of UTF-8 with its upper left corner at x, y, in the renderer's draw colour. */
void text_draw(const struct text *text, SDL_Renderer *renderer, int x, int y, const char *string);

#endif
