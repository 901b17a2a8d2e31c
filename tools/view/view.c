#include "view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_SIZE_PX = 14, PADDING_PX = 4, BAR_HEIGHT_PX = 18 };

static const double ZOOM_MIN = 1.0 / 64, ZOOM_MAX = 64;

bool view_init(struct view *view, SDL_Renderer *renderer)
{
    *view = (struct view){.renderer = renderer, .shows_status = true, .shows_bar = true, .mouse_x = -1, .mouse_y = -1};
    view->text = text_create(TEXT_SIZE_PX);
    return view->text != NULL;
}

void view_finish(struct view *view)
{
    for (int i = 0; i < view->pane_count; i++) {
        struct pane *pane = &view->panes[i];
        movie_close(&pane->movie);
        ist_frame_free(&pane->frame);
        free(pane->pixels);
        if (pane->texture)
            SDL_DestroyTexture(pane->texture);
    }
    bar_destroy(&view->bar);
    text_destroy(&view->text);
}

ist_status view_add(struct view *view, const char *path, void (*arrived)(void *context), void *context,
                    ist_error *error)
{
    struct pane *pane = &view->panes[view->pane_count];
    *pane = (struct pane){.path = path, .levels = {.percent = 1}};
    const ist_status status = movie_open(&pane->movie, path, arrived, context, error);
    if (status < 0)
        return status;
    view->pane_count++;
    if (view->pane_count == 1)
        view->bar = bar_create(movie_reader(pane->movie));
    return IST_OK;
}

/* ---- where we are ---- */

int64_t view_frame_count(const struct view *view)
{
    return movie_info(view->panes[0].movie)->frame_count;
}

double view_frame_rate(const struct view *view)
{
    enum { DEFAULT_HZ = 25 };
    const ist_reader_info *info = movie_info(view->panes[0].movie);
    const double duration_s = info->time_max_s - info->time_min_s;
    return duration_s > 0 && info->frame_count > 1 ? (double)(info->frame_count - 1) / duration_s : DEFAULT_HZ;
}

/* The frame of another recording that belongs to one of the first. */
static int64_t matching_index(const struct view *view, const struct pane *pane, int64_t index)
{
    ist_reader *reader = movie_reader(pane->movie);
    int64_t number, match = index;
    double time_s;
    const bool known =
        view->alignment != ALIGN_INDEX &&
        ist_reader_frame_metadata(movie_reader(view->panes[0].movie), index, 1, &number, &time_s, NULL) >= 0;
    ist_status found = IST_OK;
    if (known && view->alignment == ALIGN_NUMBER)
        found = ist_reader_find_number(reader, number, IST_MATCH_NEAREST, &match, NULL);
    if (known && view->alignment == ALIGN_TIME)
        found = ist_reader_find_time(reader, time_s, &match, NULL);
    const int64_t last = movie_info(pane->movie)->frame_count - 1;
    return found < 0 ? 0 : match > last ? last : match;
}

void view_go(struct view *view, int64_t index)
{
    const int64_t last = view_frame_count(view) - 1;
    if (last < 0)
        return;
    view->index = index < 0 ? 0 : index > last ? last : index;
    for (int i = 0; i < view->pane_count; i++) {
        const struct pane *pane = &view->panes[i];
        if (movie_info(pane->movie)->frame_count > 0)
            movie_request(pane->movie, i == 0 ? view->index : matching_index(view, pane, view->index));
    }
}

/* ---- pictures ---- */

/* Brings the frame's colours into the texture. */
static void upload(const struct view *view, struct pane *pane)
{
    const ist_frame *frame = &pane->frame;
    if (!pane->texture || pane->texture_width != frame->width || pane->texture_height != frame->height) {
        if (pane->texture)
            SDL_DestroyTexture(pane->texture);
        free(pane->pixels);
        pane->pixels = malloc((size_t)frame->width * (size_t)frame->height * sizeof *pane->pixels);
        pane->texture = SDL_CreateTexture(view->renderer, SDL_PIXELFORMAT_ARGB8888, SDL_TEXTUREACCESS_STREAMING,
                                          frame->width, frame->height);
        pane->texture_width = frame->width;
        pane->texture_height = frame->height;
    }
    if (!pane->texture || !pane->pixels)
        return;
    levels_apply(&pane->levels, frame, pane->pixels);
    SDL_UpdateTexture(pane->texture, NULL, pane->pixels, frame->width * (int)sizeof *pane->pixels);
}

bool view_take(struct view *view)
{
    bool changed = false;
    for (int i = 0; i < view->pane_count; i++) {
        struct pane *pane = &view->panes[i];
        if (!movie_take(pane->movie, &pane->frame, &pane->error))
            continue;
        pane->has_frame = changed = true;
        if (pane->frame.data)
            upload(view, pane);
    }
    return changed;
}

void view_recolour(struct view *view)
{
    for (int i = 0; i < view->pane_count; i++)
        if (view->panes[i].frame.data)
            upload(view, &view->panes[i]);
}

/* ---- layout ---- */

static SDL_Rect screen_of(const struct view *view)
{
    SDL_Rect screen = {0};
    SDL_GetRendererOutputSize(view->renderer, &screen.w, &screen.h);
    return screen;
}

static int status_height(const struct view *view)
{
    return view->shows_status ? text_height(view->text) + 2 * PADDING_PX : 0;
}

static int bar_height(const struct view *view)
{
    return view->shows_bar ? BAR_HEIGHT_PX : 0;
}

int view_footer_height(const struct view *view)
{
    return status_height(view) + bar_height(view);
}

SDL_Rect view_bar_place(const struct view *view)
{
    const SDL_Rect screen = screen_of(view);
    return (SDL_Rect){0, screen.h - view_footer_height(view), screen.w, bar_height(view)};
}

/* As many columns as rows, or one more. */
static void lay_out(struct view *view)
{
    const SDL_Rect bar = view_bar_place(view);
    const int columns = (int)ceil(sqrt(view->pane_count));
    const int rows = (view->pane_count + columns - 1) / columns;
    for (int i = 0; i < view->pane_count; i++) {
        const int column = i % columns, row = i / columns;
        SDL_Rect *place = &view->panes[i].place;
        place->x = bar.w * column / columns;
        place->y = bar.y * row / rows;
        place->w = bar.w * (column + 1) / columns - place->x;
        place->h = bar.y * (row + 1) / rows - place->y;
    }
}

double view_scale(const struct view *view, const struct pane *pane, double *left, double *top)
{
    const ist_reader_info *info = movie_info(pane->movie);
    const double fit = fmin((double)pane->place.w / info->width, (double)pane->place.h / info->height);
    const double scale = view->zoom > 0 ? view->zoom : fit;
    const double x = view->zoom > 0 ? view->centre_x : info->width / 2.0;
    const double y = view->zoom > 0 ? view->centre_y : info->height / 2.0;
    *left = pane->place.x + pane->place.w / 2.0 - x * scale;
    *top = pane->place.y + pane->place.h / 2.0 - y * scale;
    return scale;
}

struct pane *view_pane_at(struct view *view, int x, int y, double *picture_x, double *picture_y)
{
    lay_out(view);
    for (int i = 0; i < view->pane_count; i++) {
        struct pane *pane = &view->panes[i];
        if (!SDL_PointInRect(&(SDL_Point){x, y}, &pane->place))
            continue;
        double left, top;
        const double scale = view_scale(view, pane, &left, &top);
        *picture_x = (x + 0.5 - left) / scale;
        *picture_y = (y + 0.5 - top) / scale;
        return pane;
    }
    return NULL;
}

void view_zoom_at(struct view *view, double factor, int x, int y)
{
    double picture_x, picture_y, left, top;
    const struct pane *pane = view_pane_at(view, x, y, &picture_x, &picture_y);
    if (!pane)
        return;
    const double scale = view_scale(view, pane, &left, &top);
    view->zoom = fmin(ZOOM_MAX, fmax(ZOOM_MIN, scale * factor));
    // Solve view_scale() for the centre that leaves the point where it is.
    view->centre_x = picture_x - (x + 0.5 - pane->place.x - pane->place.w / 2.0) / view->zoom;
    view->centre_y = picture_y - (y + 0.5 - pane->place.y - pane->place.h / 2.0) / view->zoom;
}

/* ---- drawing ---- */

static void draw_message(const struct view *view, const struct pane *pane, const char *message)
{
    SDL_SetRenderDrawColor(view->renderer, 240, 200, 90, 255);
    text_draw(view->text, view->renderer, pane->place.x + 2 * PADDING_PX, pane->place.y + 2 * PADDING_PX, message);
}

static void draw_pane(const struct view *view, const struct pane *pane)
{
    SDL_RenderSetClipRect(view->renderer, &pane->place);
    if (pane->has_frame && pane->frame.data && pane->texture) {
        double left, top;
        const double scale = view_scale(view, pane, &left, &top);
        SDL_SetTextureScaleMode(pane->texture, scale < 1 ? SDL_ScaleModeLinear : SDL_ScaleModeNearest);
        const SDL_FRect to = {(float)left, (float)top, (float)(pane->frame.width * scale),
                              (float)(pane->frame.height * scale)};
        SDL_RenderCopyF(view->renderer, pane->texture, NULL, &to);
    } else if (pane->has_frame) {
        draw_message(view, pane, pane->error.message);
    } else if (movie_info(pane->movie)->frame_count == 0) {
        draw_message(view, pane, "no frames yet");
    }
    if (view->pane_count > 1)
        draw_message(view, pane, pane->path);
    SDL_RenderSetClipRect(view->renderer, NULL);
}

void view_draw_picture(struct view *view, SDL_Rect place)
{
    view->panes[0].place = place;
    draw_pane(view, &view->panes[0]);
}

/* Sample values under the mouse: "  123,45: 87", or with three channels "R G B". */
static void describe_point(struct view *view, char *text, size_t size)
{
    double x, y;
    const struct pane *pane = view->mouse_x >= 0 ? view_pane_at(view, view->mouse_x, view->mouse_y, &x, &y) : NULL;
    *text = '\0';
    if (!pane || !pane->frame.data || x < 0 || y < 0 || x >= pane->frame.width || y >= pane->frame.height)
        return;
    const ist_frame *frame = &pane->frame;
    const uint8_t *row = frame->data + (int)y * frame->stride;
    const uint16_t *row16 = (const uint16_t *)(const void *)row;
    int value[3];
    for (int c = 0; c < frame->channels; c++) {
        const int i = (int)x * frame->channels + c;
        value[c] = frame->type == IST_PIXEL_U8 ? row[i] : row16[i];
    }
    if (frame->channels == 3)
        snprintf(text, size, "  %d,%d: R %d G %d B %d", (int)x, (int)y, value[2], value[1], value[0]);
    else
        snprintf(text, size, "  %d,%d: %d", (int)x, (int)y, value[0]);
}

void view_describe(const struct view *view, char *text, size_t size)
{
    const struct pane *pane = &view->panes[0];
    const ist_reader_info *info = movie_info(pane->movie);
    if (!pane->has_frame) {
        snprintf(text, size, "%s", pane->path);
        return;
    }
    char local[IST_TIME_TEXT_SIZE];
    const ist_frame *frame = &pane->frame;
    if (frame->time_s < 1e8 || ist_time_to_local(frame->time_s, info->timezone, local, NULL) < 0)
        snprintf(local, sizeof local, "%.6f s", frame->time_s);
    // "2026-11-20T14:03:05.500000+01:00": the second half a person does not need.
    if (strlen(local) > 23 && local[10] == 'T') {
        local[10] = ' ';
        local[23] = '\0';
    }
    snprintf(text, size, "%lld/%lld  number %lld  %s  %.2f fps", (long long)frame->index, (long long)info->frame_count,
             (long long)frame->number, local, view_frame_rate(view));
}

static void draw_status(struct view *view)
{
    if (!view->shows_status)
        return;
    const SDL_Rect screen = screen_of(view);
    const int height = status_height(view);
    const struct levels *levels = &view->panes[0].levels;
    char where[192], point[80], text[640];
    view_describe(view, where, sizeof where);
    describe_point(view, point, sizeof point);
    snprintf(text, sizeof text, "%s  %s %d..%d%s%s%s  %s", where, contrast_name(levels->contrast), levels->low,
             levels->high, levels->map ? " " : "", levels->map ? colour_map_name(levels->map) : "", point, view->note);
    SDL_SetRenderDrawColor(view->renderer, 28, 28, 30, 255);
    SDL_RenderFillRect(view->renderer, &(SDL_Rect){0, screen.h - height, screen.w, height});
    SDL_SetRenderDrawColor(view->renderer, 225, 225, 225, 255);
    text_draw(view->text, view->renderer, PADDING_PX, screen.h - height + PADDING_PX, text);
}

void view_draw(struct view *view)
{
    lay_out(view);
    SDL_SetRenderDrawColor(view->renderer, 12, 12, 12, 255);
    SDL_RenderClear(view->renderer);
    for (int i = 0; i < view->pane_count; i++)
        draw_pane(view, &view->panes[i]);
    if (view->shows_bar && view->bar)
        bar_draw(view->bar, view->renderer, view_bar_place(view), view->index);
    draw_status(view);
}
