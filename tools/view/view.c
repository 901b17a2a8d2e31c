#include "view.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../cli.h"
#include "keys.h"

enum { TEXT_SIZE_PX = 14, PADDING_PX = 4, BAR_HEIGHT_PX = 18, STATUS_LINES = 2 };

static const SDL_Color failure_colour = {240, 200, 90, 255};
static const double ZOOM_MIN = 1.0 / 64, ZOOM_MAX = 64;

bool view_init(struct view *view)
{
    *view = (struct view){.shows_status = true, .shows_bar = true, .mouse_x = -1, .mouse_y = -1};
    view->text = text_create(TEXT_SIZE_PX);
    return view->text != NULL;
}

void view_finish(struct view *view)
{
    for (int i = 0; i < view->pane_count; i++) {
        struct pane *pane = &view->panes[i];
        movie_close(&pane->movie);
        ist_frame_free(&pane->frame);
        picture_finish(&pane->picture);
    }
    tracks_free(&view->overlay.tracks);
    regions_destroy(&view->regions);
    bar_destroy(&view->bar);
    text_destroy(&view->text);
}

static int add_recording(struct view *view, const char *path, const struct view_plan *plan,
                         void (*arrived)(void *context), void *context)
{
    ist_error error;
    struct pane *pane = &view->panes[view->pane_count];
    pane->path = path;
    if (movie_open(&pane->movie, path, arrived, context, &error) < 0)
        return cli_fail("%s", error.message);
    view->pane_count++;
    pane->levels = plan->levels;
    // Cameras of 10 or 12 bits fill but the lowest part of 16, which would be black.
    if (!plan->contrast_is_given && movie_info(pane->movie)->type == IST_PIXEL_U16)
        pane->levels.contrast = CONTRAST_AUTO;
    return CLI_GO_ON;
}

static int read_rois(struct view *view, const char *path)
{
    ist_error error;
    const ist_reader_info *info = movie_info(view->panes[0].movie);
    if (regions_create(&view->regions, info->width, info->height, path, &error) < 0)
        return cli_fail("%s", error.message);
    sketch_init(&view->sketch, view->regions);
    return CLI_GO_ON;
}

int view_open(struct view *view, const struct view_plan *plan, void (*arrived)(void *context), void *context)
{
    int result = CLI_GO_ON;
    view->alignment = plan->alignment;
    for (int i = 0; result == CLI_GO_ON && i < plan->path_count; i++)
        result = add_recording(view, plan->paths[i], plan, arrived, context);
    if (result == CLI_GO_ON)
        result = read_rois(view, plan->rois);
    if (result == CLI_GO_ON && !overlay_choose(&view->overlay, plan->layers))
        result = cli_usage("--layers %s: it must be some of boxes, paths, latest, arrows and heat, with commas",
                           plan->layers);
    if (result == CLI_GO_ON && plan->tracks)
        result = tracks_read(&view->overlay.tracks, plan->tracks);
    if (view->overlay.tracks)
        overlay_fit_arrows(&view->overlay);
    if (result != CLI_GO_ON)
        return result;
    return view_survey(view) ? CLI_GO_ON : cli_fail("out of memory");
}

/* ---- where we are ---- */

int64_t view_frame_count(const struct view *view)
{
    return movie_info(view->panes[0].movie)->frame_count;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Frames a second by the median of the first intervals, for a pause would spoil a mean; 25 where times do not say. */
static double find_frame_rate(ist_reader *reader)
{
    enum { FRAMES = 1000, DEFAULT_HZ = 25 };
    double times_s[FRAMES];
    const int64_t all = ist_reader_get_info(reader)->frame_count;
    const int count = all < FRAMES ? (int)all : FRAMES;
    if (count < 2 || ist_reader_frame_metadata(reader, 0, count, NULL, times_s, NULL) < 0)
        return DEFAULT_HZ;
    for (int i = 0; i + 1 < count; i++)
        times_s[i] = times_s[i + 1] - times_s[i];
    qsort(times_s, (size_t)count - 1, sizeof *times_s, compare);
    const double median_s = times_s[(count - 1) / 2];
    return median_s > 0 ? 1 / median_s : DEFAULT_HZ;
}

bool view_survey(struct view *view)
{
    ist_reader *reader = movie_reader(view->panes[0].movie);
    struct bar *bar = bar_create(reader);
    if (!bar)
        return false;
    bar_destroy(&view->bar);
    view->bar = bar;
    view->frame_rate = find_frame_rate(reader);
    return true;
}

double view_interval_s(const struct view *view, int64_t index)
{
    enum { LONGEST = 10 }; // usual intervals: dropped frames take their time, a pause of an hour does not
    double times_s[2];
    const double usual_s = 1 / view->frame_rate;
    if (ist_reader_frame_metadata(movie_reader(view->panes[0].movie), index, 2, NULL, times_s, NULL) < 0)
        return usual_s;
    const double interval_s = times_s[1] - times_s[0];
    return interval_s > 0 && interval_s <= LONGEST * usual_s ? interval_s : usual_s;
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

static void ask_for(struct view *view, int64_t index, void (*ask)(struct movie *movie, int64_t index))
{
    const int64_t last = view_frame_count(view) - 1;
    if (last < 0)
        return;
    view->index = index < 0 ? 0 : index > last ? last : index;
    for (int i = 0; i < view->pane_count; i++) {
        const struct pane *pane = &view->panes[i];
        if (movie_info(pane->movie)->frame_count > 0)
            ask(pane->movie, i == 0 ? view->index : matching_index(view, pane, view->index));
    }
}

void view_go(struct view *view, int64_t index)
{
    ask_for(view, index, movie_request);
}

void view_glance(struct view *view, int64_t index)
{
    ask_for(view, index, movie_glance);
}

/* ---- pictures ---- */

/* Finds the colours of a frame; without memory drawing it will say so. */
static void colour(struct pane *pane)
{
    if (pane->frame.data)
        picture_set(&pane->picture, &pane->levels, &pane->frame);
}

bool view_take(struct view *view)
{
    bool changed = false;
    for (int i = 0; i < view->pane_count; i++) {
        struct pane *pane = &view->panes[i];
        if (!movie_take(pane->movie, &pane->frame, &pane->error))
            continue;
        pane->has_frame = changed = true;
        colour(pane);
    }
    return changed;
}

void view_recolour(struct view *view)
{
    for (int i = 0; i < view->pane_count; i++)
        colour(&view->panes[i]);
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
    return view->shows_status ? STATUS_LINES * text_height(view->text) + 2 * PADDING_PX : 0;
}

static int bar_height(const struct view *view)
{
    return view->shows_bar ? BAR_HEIGHT_PX : 0;
}

static int line_height(const struct view *view)
{
    return text_height(view->text) + PADDING_PX;
}

static int heading_height(const struct view *view)
{
    return view->pane_count > 1 ? line_height(view) : 0;
}

static int footer_height(const struct view *view)
{
    return status_height(view) + bar_height(view);
}

int view_height_beside(const struct view *view)
{
    return view_rows(view->pane_count) * heading_height(view) + footer_height(view);
}

SDL_Rect view_bar_place(const struct view *view)
{
    const SDL_Rect screen = screen_of(view);
    return (SDL_Rect){0, screen.h - footer_height(view), screen.w, bar_height(view)};
}

int view_columns(int count)
{
    return (int)ceil(sqrt(count));
}

int view_rows(int count)
{
    const int columns = view_columns(count);
    return (count + columns - 1) / columns;
}

static void lay_out(struct view *view)
{
    const SDL_Rect bar = view_bar_place(view);
    const int columns = view_columns(view->pane_count), rows = view_rows(view->pane_count);
    for (int i = 0; i < view->pane_count; i++) {
        const int column = i % columns, row = i / columns;
        const int left = bar.w * column / columns, right = bar.w * (column + 1) / columns;
        const int top = bar.y * row / rows, bottom = bar.y * (row + 1) / rows, below = top + heading_height(view);
        view->panes[i].heading = (SDL_Rect){left, top, right - left, below - top};
        view->panes[i].place = (SDL_Rect){left, below, right - left, SDL_max(1, bottom - below)};
    }
}

struct lens view_lens(const struct view *view, const struct pane *pane)
{
    const ist_reader_info *info = movie_info(pane->movie);
    const double fit = fmin((double)pane->place.w / info->width, (double)pane->place.h / info->height);
    const double scale = view->zoom > 0 ? view->zoom : fit;
    const double x = info->width * (view->zoom > 0 ? view->centre_x : 0.5);
    const double y = info->height * (view->zoom > 0 ? view->centre_y : 0.5);
    return (struct lens){.left = pane->place.x + pane->place.w / 2.0 - x * scale,
                         .top = pane->place.y + pane->place.h / 2.0 - y * scale,
                         .scale = scale};
}

struct pane *view_pane_at(struct view *view, int x, int y, double *picture_x, double *picture_y)
{
    lay_out(view);
    for (int i = 0; i < view->pane_count; i++) {
        struct pane *pane = &view->panes[i];
        if (!SDL_PointInRect(&(SDL_Point){x, y}, &pane->place))
            continue;
        const struct lens lens = view_lens(view, pane);
        *picture_x = (x + 0.5 - lens.left) / lens.scale;
        *picture_y = (y + 0.5 - lens.top) / lens.scale;
        return pane;
    }
    return NULL;
}

void view_zoom_at(struct view *view, double factor, int x, int y)
{
    double picture_x, picture_y;
    const struct pane *pane = view_pane_at(view, x, y, &picture_x, &picture_y);
    if (!pane)
        return;
    const ist_reader_info *info = movie_info(pane->movie);
    view->zoom = fmin(ZOOM_MAX, fmax(ZOOM_MIN, view_lens(view, pane).scale * factor));
    // Solve view_lens() for the centre that leaves the point where it is.
    view->centre_x = (picture_x - (x + 0.5 - pane->place.x - pane->place.w / 2.0) / view->zoom) / info->width;
    view->centre_y = (picture_y - (y + 0.5 - pane->place.y - pane->place.h / 2.0) / view->zoom) / info->height;
}

/* ---- drawing ---- */

static void draw_strip(const struct view *view, SDL_Rect place)
{
    SDL_SetRenderDrawBlendMode(view->renderer, SDL_BLENDMODE_BLEND);
    SDL_SetRenderDrawColor(view->renderer, 28, 28, 30, 210);
    SDL_RenderFillRect(view->renderer, &place);
}

/* A line at the upper edge of a place on the screen. */
static void draw_line(const struct view *view, SDL_Rect place, SDL_Color colour, const char *line)
{
    draw_strip(view, (SDL_Rect){place.x, place.y, place.w, line_height(view)});
    SDL_SetRenderDrawColor(view->renderer, colour.r, colour.g, colour.b, colour.a);
    text_draw(view->text, view->renderer, place.x + PADDING_PX, place.y + PADDING_PX / 2, line);
}

static void draw_frame(const struct view *view, struct pane *pane)
{
    const struct lens lens = view_lens(view, pane);
    if (!picture_draw(&pane->picture, view->renderer, lens)) {
        char text[200];
        snprintf(text, sizeof text, "%d x %d px cannot be shown: %s", pane->frame.width, pane->frame.height,
                 SDL_GetError());
        draw_line(view, pane->place, failure_colour, text);
    }
    if (pane != view->panes)
        return;
    overlay_draw(&view->overlay, view->renderer, lens, pane->frame.index, view->frame_rate);
    sketch_draw(&view->sketch, view->renderer, lens);
}

/* What is behind the last slash. */
static const char *name_of(const struct pane *pane)
{
    const char *name = pane->path;
    for (const char *c = pane->path; *c; c++)
        if (*c == '/' && c[1] && c[1] != '/')
            name = c + 1;
    return name;
}

/* The end of a name, so that what stands behind it has its place, too. */
static void shorten_name(const struct view *view, const char *name, int width_px, char *text, size_t size)
{
    enum { LEAST = 12 };
    const size_t fitting = (size_t)SDL_max(LEAST, width_px / text_width(view->text, "m"));
    const size_t length = strlen(name);
    const char *end = length > fitting ? name + length - fitting + 1 : name;
    while ((*end & 0xc0) == 0x80) // not within a letter
        end++;
    snprintf(text, size, "%s%s", end > name ? "\u2026" : "", end);
}

/* One of several recordings: its name, where it is, how much later than the first, its contrast. */
static void describe_pane(const struct view *view, const struct pane *pane, char *text, size_t size)
{
    const ist_frame *frame = &pane->frame, *first = &view->panes[0].frame;
    char contrast[LEVELS_TEXT_SIZE], where[LEVELS_TEXT_SIZE + 120] = "", name[NAME_MAX + 8];
    levels_describe(&pane->levels, contrast, sizeof contrast);
    if (pane->has_frame && pane == view->panes)
        snprintf(where, sizeof where, "  %s", contrast);
    else if (pane->has_frame)
        snprintf(where, sizeof where, "  %" PRId64 "  number %" PRId64 "  %+.6g s  %s", frame->index, frame->number,
                 frame->time_s - first->time_s, contrast);
    const int width_px = pane->place.w - text_width(view->text, where) - 2 * PADDING_PX;
    shorten_name(view, name_of(pane), width_px, name, sizeof name);
    snprintf(text, size, "%s%s", name, where);
}

static void draw_heading(const struct view *view, const struct pane *pane)
{
    char text[NAME_MAX + 300];
    describe_pane(view, pane, text, sizeof text);
    SDL_RenderSetClipRect(view->renderer, &pane->heading);
    draw_line(view, pane->heading, (SDL_Color){225, 225, 225, 255}, text);
}

static void draw_pane(const struct view *view, struct pane *pane)
{
    if (view->pane_count > 1)
        draw_heading(view, pane);
    SDL_RenderSetClipRect(view->renderer, &pane->place);
    if (pane->frame.data)
        draw_frame(view, pane);
    else if (pane->has_frame)
        draw_line(view, pane->place, failure_colour, pane->error.message);
    else if (movie_info(pane->movie)->frame_count == 0)
        draw_line(view, pane->place, failure_colour, "no frames yet");
    SDL_RenderSetClipRect(view->renderer, NULL);
}

void view_draw_picture(struct view *view, SDL_Rect place)
{
    view->panes[0].place = place;
    SDL_RenderSetClipRect(view->renderer, &place);
    draw_frame(view, &view->panes[0]);
    SDL_RenderSetClipRect(view->renderer, NULL);
}

/* Sample values under the mouse: "123,45: 87", or with three channels "R G B". */
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
        snprintf(text, size, "%d,%d: R %d G %d B %d", (int)x, (int)y, value[2], value[1], value[0]);
    else
        snprintf(text, size, "%d,%d: %d", (int)x, (int)y, value[0]);
}

/* "2026-11-20T14:03:05.500000+01:00" without what a person does not need; seconds where they are not since 1970. */
static void describe_time(const struct view *view, char local[IST_TIME_TEXT_SIZE])
{
    enum { DATE_LENGTH = 10, MILLISECONDS_LENGTH = 23 };
    static const double since_1970_s = 1e8;
    const struct pane *pane = &view->panes[0];
    if (pane->frame.time_s < since_1970_s ||
        ist_time_to_local(pane->frame.time_s, movie_info(pane->movie)->timezone, local, NULL) < 0) {
        snprintf(local, IST_TIME_TEXT_SIZE, "%.6f s", pane->frame.time_s);
        return;
    }
    local[DATE_LENGTH] = ' ';
    if (strlen(local) > MILLISECONDS_LENGTH)
        local[MILLISECONDS_LENGTH] = '\0';
}

void view_describe(const struct view *view, char *text, size_t size)
{
    const struct pane *pane = &view->panes[0];
    char local[IST_TIME_TEXT_SIZE];
    if (!pane->has_frame) {
        snprintf(text, size, "%s", pane->path);
        return;
    }
    describe_time(view, local);
    snprintf(text, size, "%" PRId64 "/%" PRId64 "  number %" PRId64 "  %s  %.2f fps", pane->frame.index,
             movie_info(pane->movie)->frame_count, pane->frame.number, local, view->frame_rate);
}

void view_describe_briefly(const struct view *view, char *text, size_t size)
{
    char local[IST_TIME_TEXT_SIZE];
    describe_time(view, local);
    const char *blank = strchr(local, ' '); // before the time of day, or before "s"
    snprintf(text, size, "%" PRId64 "  %s", view->panes[0].frame.index, blank && blank[1] != 's' ? blank + 1 : local);
}

/* Text that ends at the right edge of the screen, over what is there. */
static void draw_at_right(const struct view *view, int top, const char *string)
{
    const SDL_Rect screen = screen_of(view);
    const int left = screen.w - text_width(view->text, string) - 2 * PADDING_PX;
    SDL_SetRenderDrawColor(view->renderer, 28, 28, 30, 255);
    SDL_RenderFillRect(view->renderer, &(SDL_Rect){left, top, screen.w - left, text_height(view->text)});
    SDL_SetRenderDrawColor(view->renderer, 225, 225, 225, 255);
    text_draw(view->text, view->renderer, left + PADDING_PX, top, string);
}

static void draw_status(struct view *view)
{
    if (!view->shows_status)
        return;
    const SDL_Rect screen = screen_of(view);
    const int height = status_height(view), line = text_height(view->text), top = screen.h - height + PADDING_PX;
    const struct levels *levels = &view->panes[0].levels;
    char where[192], point[80], layers[120], contrast[LEVELS_TEXT_SIZE], how[640];
    view_describe(view, where, sizeof where);
    describe_point(view, point, sizeof point);
    overlay_describe(&view->overlay, layers, sizeof layers);
    levels_describe(levels, contrast, sizeof contrast);
    snprintf(how, sizeof how, "%s%s%s%s%s", view->note, contrast, levels->map ? " " : "",
             levels->map ? colour_map_name(levels->map) : "", layers);
    SDL_SetRenderDrawColor(view->renderer, 28, 28, 30, 255);
    SDL_RenderFillRect(view->renderer, &(SDL_Rect){0, screen.h - height, screen.w, height});
    SDL_SetRenderDrawColor(view->renderer, 225, 225, 225, 255);
    text_draw(view->text, view->renderer, PADDING_PX, top, where);
    text_draw(view->text, view->renderer, PADDING_PX, top + line, how);
    if (*point)
        draw_at_right(view, top + line, point);
}

/* What is asked, or what the mouse does. */
static void draw_hint(const struct view *view)
{
    char hint[512] = "";
    if (*view->question)
        snprintf(hint, sizeof hint, "%s", view->question);
    else
        sketch_describe(&view->sketch, hint, sizeof hint);
    if (*hint)
        draw_line(view, screen_of(view), (SDL_Color){240, 200, 90, 255}, hint);
}

/* Line by line; smaller where the screen is. */
static void draw_keys(const struct view *view)
{
    enum { LINE_SIZE = 100, COLUMNS = 80 };
    const SDL_Rect screen = screen_of(view);
    const int line = text_height(view->text);
    int count = 1, width;
    for (const char *c = keys_help; *c; c++)
        count += *c == '\n';
    const int wanted_width = COLUMNS * text_width(view->text, "m") + 2 * PADDING_PX;
    const int wanted_height = count * line + 2 * PADDING_PX;
    const double scale = fmin(1, fmin((double)screen.w / wanted_width, (double)screen.h / wanted_height));
    SDL_RenderSetScale(view->renderer, (float)scale, (float)scale);
    SDL_SetRenderDrawBlendMode(view->renderer, SDL_BLENDMODE_BLEND);
    SDL_SetRenderDrawColor(view->renderer, 28, 28, 30, 248);
    SDL_RenderFillRect(view->renderer, &(SDL_Rect){0, 0, wanted_width, wanted_height});
    SDL_SetRenderDrawColor(view->renderer, 225, 225, 225, 255);
    const char *text = keys_help;
    for (int i = 0; i < count; i++, text += width + 1) {
        char part[LINE_SIZE];
        width = (int)strcspn(text, "\n");
        snprintf(part, sizeof part, "%.*s", width, text);
        text_draw(view->text, view->renderer, PADDING_PX, PADDING_PX + i * line, part);
    }
    SDL_RenderSetScale(view->renderer, 1, 1);
}

void view_draw(struct view *view)
{
    lay_out(view);
    SDL_SetRenderDrawColor(view->renderer, 12, 12, 12, 255);
    SDL_RenderClear(view->renderer);
    for (int i = 0; i < view->pane_count; i++)
        draw_pane(view, &view->panes[i]);
    if (view->shows_bar)
        bar_draw(view->bar, view->renderer, view_bar_place(view), view->index);
    draw_status(view);
    draw_hint(view);
    if (view->shows_keys)
        draw_keys(view);
}
