#include "picture.h"

#include <stdlib.h>

#include "shrink.h"

static uint32_t *allocate(int width, int height)
{
    return malloc((size_t)width * (size_t)height * sizeof(uint32_t));
}

bool picture_set(struct picture *picture, struct levels *levels, const ist_frame *frame)
{
    if (picture->width != frame->width || picture->height != frame->height) {
        picture_finish(picture);
        picture->pixels = allocate(frame->width, frame->height);
        picture->small = allocate(shrink_side(frame->width, 2), shrink_side(frame->height, 2));
        if (!picture->pixels || !picture->small) {
            picture_finish(picture);
            return false;
        }
        picture->width = frame->width;
        picture->height = frame->height;
    }
    levels_apply(levels, frame, picture->pixels);
    picture->changed = true;
    return true;
}

static bool fit_texture(struct picture *picture, SDL_Renderer *renderer, int width, int height)
{
    if (picture->texture && picture->texture_width == width && picture->texture_height == height)
        return true;
    SDL_DestroyTexture(picture->texture);
    picture->texture =
        SDL_CreateTexture(renderer, SDL_PIXELFORMAT_ARGB8888, SDL_TEXTUREACCESS_STREAMING, width, height);
    picture->texture_width = width;
    picture->texture_height = height;
    return picture->texture;
}

/* Brings the pixels into the texture. */
static bool upload(struct picture *picture, SDL_Renderer *renderer, int factor)
{
    const int width = shrink_side(picture->width, factor), height = shrink_side(picture->height, factor);
    if (!fit_texture(picture, renderer, width, height))
        return false;
    if (factor > 1)
        shrink(picture->pixels, picture->width, picture->height, factor, picture->small);
    picture->factor = factor;
    picture->changed = false;
    return SDL_UpdateTexture(picture->texture, NULL, factor > 1 ? picture->small : picture->pixels,
                             width * (int)sizeof(uint32_t)) == 0;
}

bool picture_draw(struct picture *picture, SDL_Renderer *renderer, struct lens lens)
{
    if (!picture->pixels)
        return SDL_OutOfMemory() == 0;
    // The rest of the way, by less than a half, is left to the renderer.
    const int largest = SDL_max(picture->width, picture->height);
    const int factor = lens.scale < 1 ? (int)SDL_min(largest, 1 / SDL_max(lens.scale, 1e-6)) : 1;
    if ((picture->changed || factor != picture->factor) && !upload(picture, renderer, factor))
        return false;
    SDL_SetTextureScaleMode(picture->texture, lens.scale < 1 ? SDL_ScaleModeLinear : SDL_ScaleModeNearest);
    const SDL_FRect to = {(float)lens.left, (float)lens.top, (float)(picture->texture_width * factor * lens.scale),
                          (float)(picture->texture_height * factor * lens.scale)};
    return SDL_RenderCopyF(renderer, picture->texture, NULL, &to) == 0;
}

void picture_finish(struct picture *picture)
{
    SDL_DestroyTexture(picture->texture);
    free(picture->pixels);
    free(picture->small);
    *picture = (struct picture){0};
}
