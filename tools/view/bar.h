/* The bar below the picture: a whole recording from left to right, its chunks, what is missing, and where we are. */
#ifndef BAR_H
#define BAR_H

#include <SDL.h>
#include <libstore/libstore.h>
#include <stdbool.h>

struct bar;

/* Collects what the bar shows; again after the recording has grown. Returns NULL without memory. */
struct bar *bar_create(ist_reader *reader);
void bar_destroy(struct bar **bar);

void bar_draw(const struct bar *bar, SDL_Renderer *renderer, SDL_Rect place, int64_t index);

/* The frame under a column of the screen, which may lie beside the bar. */
int64_t bar_index_at(const struct bar *bar, SDL_Rect place, int x);

/* The first frame of the chunk before or behind that of `index` (of its own, if it is not the first there). */
int64_t bar_chunk_before(const struct bar *bar, int64_t index);
int64_t bar_chunk_behind(const struct bar *bar, int64_t index);

#endif
