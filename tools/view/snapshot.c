#include "snapshot.h"

#include <SDL_image.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../cli.h"

enum { WAIT_S = 60, LABEL_GAP_PX = 2, CELL_GAP_PX = 6 };

int snapshot_begin(struct snapshot *snapshot, int width, int height)
{
    *snapshot = (struct snapshot){0};
    snapshot->surface = SDL_CreateRGBSurfaceWithFormat(0, width, height, 32, SDL_PIXELFORMAT_ARGB8888);
    if (snapshot->surface)
        snapshot->renderer = SDL_CreateSoftwareRenderer(snapshot->surface);
    if (!snapshot->renderer || !view_init(&snapshot->view, snapshot->renderer))
        return cli_fail("a picture of %d x %d px cannot be drawn: %s", width, height, SDL_GetError());
    return CLI_GO_ON;
}

void snapshot_end(struct snapshot *snapshot)
{
    view_finish(&snapshot->view);
    if (snapshot->renderer)
        SDL_DestroyRenderer(snapshot->renderer);
    SDL_FreeSurface(snapshot->surface);
    *snapshot = (struct snapshot){0};
}

static int save(const struct snapshot *snapshot, const char *path)
{
    char part[PATH_MAX];
    if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
        return cli_fail("%s: the path is too long", path);
    SDL_RenderPresent(snapshot->renderer);
    if (IMG_SavePNG(snapshot->surface, part) < 0) {
        remove(part);
        return cli_fail("%s: %s", part, SDL_GetError());
    }
    if (rename(part, path) < 0) {
        const int number = errno;
        remove(part);
        return cli_fail("%s: %s", path, strerror(number));
    }
    return CLI_SUCCESS;
}

/* Waits for all pictures of a place in time. */
static int fetch(struct view *view, int64_t index)
{
    view_go(view, index);
    for (int i = 0; i < view->pane_count; i++)
        movie_wait(view->panes[i].movie, WAIT_S);
    view_take(view);
    for (int i = 0; i < view->pane_count; i++) {
        const struct pane *pane = &view->panes[i];
        if (!pane->has_frame || !pane->frame.data)
            return cli_fail("%s: %s", pane->path, pane->has_frame ? pane->error.message : "no frame could be read");
    }
    return CLI_GO_ON;
}

int snapshot_export(struct snapshot *snapshot, int64_t index, const char *path)
{
    const int result = fetch(&snapshot->view, index);
    if (result != CLI_GO_ON)
        return result;
    view_draw(&snapshot->view);
    return save(snapshot, path);
}

static void draw_label(struct view *view, SDL_Rect place)
{
    char text[192];
    view_describe(view, text, sizeof text);
    SDL_SetRenderDrawColor(view->renderer, 225, 225, 225, 255);
    SDL_RenderSetClipRect(view->renderer, &place);
    text_draw(view->text, view->renderer, place.x, place.y, text);
    SDL_RenderSetClipRect(view->renderer, NULL);
}

int snapshot_contact_sheet(struct snapshot *snapshot, int count, const char *path)
{
    struct view *view = &snapshot->view;
    const SDL_Surface *surface = snapshot->surface;
    const int64_t last = view_frame_count(view) - 1;
    const int columns = (int)ceil(sqrt(count)), rows = (count + columns - 1) / columns;
    const int label = text_height(view->text) + LABEL_GAP_PX;
    SDL_SetRenderDrawColor(view->renderer, 20, 20, 20, 255);
    SDL_RenderClear(view->renderer);
    for (int i = 0; i < count; i++) {
        const int result = fetch(view, count > 1 ? last * i / (count - 1) : last / 2);
        if (result != CLI_GO_ON)
            return result;
        const int column = i % columns, row = i / columns;
        SDL_Rect cell = {.x = surface->w * column / columns + CELL_GAP_PX / 2,
                         .y = surface->h * row / rows + CELL_GAP_PX / 2,
                         .w = surface->w / columns - CELL_GAP_PX,
                         .h = surface->h / rows - CELL_GAP_PX};
        draw_label(view, (SDL_Rect){cell.x, cell.y, cell.w, label});
        cell.y += label;
        cell.h -= label;
        view_draw_picture(view, cell);
    }
    return save(snapshot, path);
}
