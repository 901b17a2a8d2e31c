#include "text.h"

#include <SDL_ttf.h>
#include <fontconfig/fontconfig.h>
#include <stdlib.h>

struct text {
    TTF_Font *font;
};

/* Opens what the system calls its monospaced font. */
static TTF_Font *open_font(int size_px)
{
    FcPattern *wish = FcNameParse((const FcChar8 *)"monospace");
    FcConfigSubstitute(NULL, wish, FcMatchPattern);
    FcDefaultSubstitute(wish);
    FcResult result;
    FcPattern *found = FcFontMatch(NULL, wish, &result);
    FcChar8 *file = NULL;
    TTF_Font *font = NULL;
    if (found && FcPatternGetString(found, FC_FILE, 0, &file) == FcResultMatch)
        font = TTF_OpenFont((const char *)file, size_px);
    else
        SDL_SetError("no font is installed; fonts-dejavu-core has one");
    if (found)
        FcPatternDestroy(found);
    FcPatternDestroy(wish);
    FcFini(); // there is but one font
    return font;
}

struct text *text_create(int size_px)
{
    if (TTF_Init() < 0)
        return NULL;
    struct text *text = calloc(1, sizeof *text);
    if (!text)
        SDL_OutOfMemory();
    else
        text->font = open_font(size_px);
    if (!text || !text->font)
        text_destroy(&text);
    return text;
}

void text_destroy(struct text **text)
{
    if (!*text)
        return;
    if ((*text)->font)
        TTF_CloseFont((*text)->font);
    TTF_Quit();
    free(*text);
    *text = NULL;
}

int text_height(const struct text *text)
{
    return TTF_FontHeight(text->font);
}

int text_width(const struct text *text, const char *string)
{
    int width = 0;
    TTF_SizeUTF8(text->font, string, &width, NULL);
    return width;
}

void text_draw(const struct text *text, SDL_Renderer *renderer, int x, int y, const char *string)
{
    SDL_Color colour;
    SDL_GetRenderDrawColor(renderer, &colour.r, &colour.g, &colour.b, &colour.a);
    SDL_Surface *surface = *string ? TTF_RenderUTF8_Blended(text->font, string, colour) : NULL;
    SDL_Texture *texture = surface ? SDL_CreateTextureFromSurface(renderer, surface) : NULL;
    if (texture)
        SDL_SetTextureScaleMode(texture, SDL_ScaleModeLinear); // of a renderer that scales
    if (texture)
        SDL_RenderCopy(renderer, texture, NULL, &(SDL_Rect){x, y, surface->w, surface->h});
    SDL_DestroyTexture(texture);
    SDL_FreeSurface(surface);
}
