#include "snapshot.h"

#include <SDL_image.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../cli.h"

enum { WAIT_S = 60, SIDE_MAX_PX = 16384, CELL_WIDTH_PX = 320, CELL_HEIGHT_PX = 480, CELL_GAP_PX = 6, LABEL_GAP_PX = 2 };

int snapshot_begin(struct snapshot *snapshot)
{
    *snapshot = (struct snapshot){0};
    if (!view_init(&snapshot->view))
        return cli_fail("no picture can be drawn: %s", SDL_GetError());
    return CLI_GO_ON;
}

/* Gives the view something to draw on. */
static int stretch_canvas(struct snapshot *snapshot, int width, int height)
{
    if (width < 1 || height < 1 || width > SIDE_MAX_PX || height > SIDE_MAX_PX)
        return cli_fail("a picture of %d x %d px cannot be made; choose another with --size", width, height);
    snapshot->surface = SDL_CreateRGBSurfaceWithFormat(0, width, height, 32, SDL_PIXELFORMAT_ARGB8888);
    if (snapshot->surface)
        snapshot->renderer = SDL_CreateSoftwareRenderer(snapshot->surface);
    snapshot->view.renderer = snapshot->renderer;
    if (!snapshot->renderer)
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

int snapshot_export(struct snapshot *snapshot, int64_t index, int width, int height, const char *path)
{
    struct view *view = &snapshot->view;
    const ist_reader_info *info = movie_info(view->panes[0].movie);
    const int columns = view_columns(view->pane_count), rows = view_rows(view->pane_count);
    int result = stretch_canvas(snapshot, width ? width : columns * info->width,
                                (height ? height : rows * info->height) + view_height_beside(view));
    if (result == CLI_GO_ON)
        result = fetch(view, index);
    if (result != CLI_GO_ON)
        return result;
    view_draw(view);
    return save(snapshot, path);
}

static void draw_label(struct view *view, SDL_Rect place)
{
    char text[64];
    view_describe_briefly(view, text, sizeof text);
    SDL_SetRenderDrawColor(view->renderer, 225, 225, 225, 255);
    SDL_RenderSetClipRect(view->renderer, &place);
    text_draw(view->text, view->renderer, place.x, place.y, text);
    SDL_RenderSetClipRect(view->renderer, NULL);
}

/* The i-th of `count` places on the sheet. */
static SDL_Rect cell_of(const SDL_Surface *sheet, int i, int count)
{
    const int columns = view_columns(count), rows = view_rows(count);
    return (SDL_Rect){.x = sheet->w * (i % columns) / columns + CELL_GAP_PX / 2,
                      .y = sheet->h * (i / columns) / rows + CELL_GAP_PX / 2,
                      .w = sheet->w / columns - CELL_GAP_PX,
                      .h = sheet->h / rows - CELL_GAP_PX};
}

int snapshot_contact_sheet(struct snapshot *snapshot, int count, int width, int height, const char *path)
{
    struct view *view = &snapshot->view;
    const ist_reader_info *info = movie_info(view->panes[0].movie);
    const int64_t last = view_frame_count(view) - 1;
    if (count > last + 1)
        count = (int)last + 1;
    const int label = text_height(view->text) + LABEL_GAP_PX;
    const double scale = fmin(1, fmin((double)CELL_WIDTH_PX / info->width, (double)CELL_HEIGHT_PX / info->height));
    const int cell_width = (int)(info->width * scale) + CELL_GAP_PX;
    const int cell_height = (int)(info->height * scale) + label + CELL_GAP_PX;
    int result = stretch_canvas(snapshot, width ? width : view_columns(count) * cell_width,
                                height ? height : view_rows(count) * cell_height);
    if (result != CLI_GO_ON)
        return result;
    SDL_SetRenderDrawColor(view->renderer, 20, 20, 20, 255);
    SDL_RenderClear(view->renderer);
    for (int i = 0; i < count; i++) {
        result = fetch(view, count > 1 ? last * i / (count - 1) : last / 2);
        if (result != CLI_GO_ON)
            return result;
        SDL_Rect cell = cell_of(snapshot->surface, i, count);
        draw_label(view, (SDL_Rect){cell.x, cell.y, cell.w, label});
        cell.y += label;
        cell.h -= label;
        view_draw_picture(view, cell);
    }
    return save(snapshot, path);
}
