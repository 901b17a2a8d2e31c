#include "paint.h"

#include <math.h>

SDL_FPoint lens_to_screen(struct lens lens, double x, double y)
{
    return (SDL_FPoint){(float)(lens.left + x * lens.scale), (float)(lens.top + y * lens.scale)};
}

SDL_Color paint_colour(int i)
{
    static const SDL_Color colours[] = {
        {255, 205, 60, 255},  {80, 200, 255, 255}, {255, 110, 90, 255}, {130, 230, 110, 255},
        {210, 150, 255, 255}, {255, 165, 60, 255}, {95, 235, 210, 255}, {255, 140, 190, 255},
    };
    return colours[i % (int)(sizeof colours / sizeof *colours)];
}

void paint_line(SDL_Renderer *renderer, SDL_FPoint from, SDL_FPoint to, float width, SDL_Color colour)
{
    const float dx = to.x - from.x, dy = to.y - from.y, length = hypotf(dx, dy);
    if (!(length > 0))
        return;
    const float across_x = -dy / length * width / 2, across_y = dx / length * width / 2;
    const SDL_Vertex corners[] = {
        {{from.x + across_x, from.y + across_y}, colour, {0, 0}},
        {{from.x - across_x, from.y - across_y}, colour, {0, 0}},
        {{to.x - across_x, to.y - across_y}, colour, {0, 0}},
        {{to.x + across_x, to.y + across_y}, colour, {0, 0}},
    };
    static const int triangles[] = {0, 1, 2, 2, 3, 0};
    SDL_RenderGeometry(renderer, NULL, corners, 4, triangles, 6);
}

static SDL_FRect place_of(struct lens lens, trk_roi roi, double dx, double dy)
{
    const SDL_FPoint corner = lens_to_screen(lens, roi.x + dx, roi.y + dy);
    return (SDL_FRect){corner.x, corner.y, (float)(roi.width * lens.scale), (float)(roi.height * lens.scale)};
}

static void draw_outline(SDL_Renderer *renderer, SDL_FRect place, float inset, SDL_Color colour)
{
    const SDL_FRect inner = {place.x + inset, place.y + inset, place.w - 2 * inset, place.h - 2 * inset};
    SDL_SetRenderDrawColor(renderer, colour.r, colour.g, colour.b, colour.a);
    SDL_RenderDrawRectF(renderer, &inner);
}

void paint_outline(SDL_Renderer *renderer, struct lens lens, trk_roi roi, double dx, double dy, SDL_Color colour)
{
    const SDL_FRect place = place_of(lens, roi, dx, dy);
    SDL_SetRenderDrawBlendMode(renderer, SDL_BLENDMODE_BLEND);
    draw_outline(renderer, place, -1, (SDL_Color){0, 0, 0, 150});
    draw_outline(renderer, place, 0, colour);
}

void paint_area(SDL_Renderer *renderer, struct lens lens, trk_roi roi, SDL_Color colour)
{
    const SDL_FRect place = place_of(lens, roi, 0, 0);
    SDL_SetRenderDrawBlendMode(renderer, SDL_BLENDMODE_BLEND);
    SDL_SetRenderDrawColor(renderer, colour.r, colour.g, colour.b, colour.a);
    SDL_RenderFillRectF(renderer, &place);
}
