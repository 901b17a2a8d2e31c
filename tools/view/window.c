#include "window.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../cli.h"

enum { STEP_SHIFT = 10, REFRESH_MS = 200, IDLE_MS = 500, PLAY_MS = 8, PROMPT_SIZE = 64 };

static const double ZOOM_STEP = 1.25, SPEED_STEP = 2, SPEED_MIN = 1.0 / 64, SPEED_MAX = 64;

struct window {
    SDL_Window *window;
    SDL_Renderer *renderer;
    struct view view;
    const struct window_plan *plan;
    Uint32 arrived_event;
    bool quit;
    bool dirty;

    bool plays;
    bool loops;
    double speed;        /* of the recording's own */
    double play_begin_s; /* when playing began, and where */
    int64_t play_begin_index;

    bool drags_bar, drags_picture;
    bool asks; /* for a place to go to */
    char prompt[PROMPT_SIZE];
    char message[128]; /* instead of the prompt's answer: why it is none */
    Uint32 refreshed_ms;
};

static double now_s(void)
{
    return (double)SDL_GetPerformanceCounter() / (double)SDL_GetPerformanceFrequency();
}

/* Called by a reading thread: wakes the window up. */
static void wake(void *context)
{
    const struct window *window = context;
    SDL_PushEvent(&(SDL_Event){.type = window->arrived_event});
}

/* ---- going places ---- */

static void note_playing(struct window *w)
{
    char speed[32] = "";
    if (w->speed != 1)
        snprintf(speed, sizeof speed, "x%g ", w->speed);
    if (w->asks)
        snprintf(w->view.note, sizeof w->view.note, "go to index, #number or time: %s_", w->prompt);
    else
        snprintf(w->view.note, sizeof w->view.note, "%s%s%s%s", speed, w->plays ? "> " : "", w->loops ? "loop " : "",
                 w->message);
    w->dirty = true;
}

static void restart_clock(struct window *w)
{
    w->play_begin_s = now_s();
    w->play_begin_index = w->view.index;
}

static void go(struct window *w, int64_t index)
{
    view_go(&w->view, index);
    restart_clock(w);
    w->message[0] = '\0';
    note_playing(w);
}

static void set_playing(struct window *w, bool plays)
{
    if (plays && w->view.index == view_frame_count(&w->view) - 1)
        view_go(&w->view, 0);
    w->plays = plays;
    restart_clock(w);
    note_playing(w);
}

/* Goes where the clock is, and skips what could not be shown in time. */
static void play(struct window *w)
{
    const double passed = (now_s() - w->play_begin_s) * view_frame_rate(&w->view) * w->speed;
    const int64_t index = w->play_begin_index + (int64_t)passed;
    const int64_t last = view_frame_count(&w->view) - 1;
    if (index == w->view.index)
        return;
    if (index <= last) {
        view_go(&w->view, index);
        return;
    }
    view_go(&w->view, w->loops ? 0 : last);
    restart_clock(w);
    if (!w->loops && !w->plan->follow)
        set_playing(w, false);
}

static void change_speed(struct window *w, double factor)
{
    w->speed = fmin(SPEED_MAX, fmax(SPEED_MIN, w->speed * factor));
    restart_clock(w);
    note_playing(w);
}

/* "123": an index; "#123": a number; else a date and time, or the time of the recording's first day. */
static bool find_place(struct window *w, const char *text, int64_t *index)
{
    ist_reader *reader = movie_reader(w->view.panes[0].movie);
    const ist_reader_info *info = ist_reader_get_info(reader);
    ist_error error = {.message = "an index, #number or a time such as 14:03:05"};
    int64_t number;
    double time_s;
    char full[IST_TIME_TEXT_SIZE + PROMPT_SIZE];
    ist_status status = IST_OK;
    if (cli_read_integer(text, 0, INT64_MAX, index)) {
        if (*index < info->frame_count)
            return true;
        snprintf(error.message, sizeof error.message, "the last index is %" PRId64, info->frame_count - 1);
        status = IST_ERROR_NOT_FOUND;
    } else if (*text == '#') {
        status = cli_read_integer(text + 1, INT64_MIN, INT64_MAX, &number)
                     ? ist_reader_find_number(reader, number, IST_MATCH_EXACT, index, &error)
                     : IST_ERROR_ARGUMENT;
    } else {
        status = ist_time_from_local(text, info->timezone, &time_s, &error);
        if (status < 0 && ist_time_to_local(info->time_min_s, info->timezone, full, NULL) >= 0) {
            snprintf(full + 11, sizeof full - 11, "%s", text);
            status = ist_time_from_local(full, info->timezone, &time_s, &error);
        }
        if (status >= 0)
            status = ist_reader_find_time(reader, time_s, index, &error);
    }
    if (status < 0)
        snprintf(w->message, sizeof w->message, "%.120s", error.message);
    return status >= 0;
}

static void ask(struct window *w, bool asks)
{
    w->asks = asks;
    w->prompt[0] = '\0';
    if (asks)
        SDL_StartTextInput();
    else
        SDL_StopTextInput();
    note_playing(w);
}

static void answer_prompt(struct window *w)
{
    char text[PROMPT_SIZE];
    int64_t index;
    strcpy(text, w->prompt);
    w->message[0] = '\0';
    const bool found = *text && find_place(w, text, &index);
    ask(w, false);
    if (found)
        go(w, index);
}

static void prompt_key(struct window *w, SDL_Keycode key)
{
    const size_t length = strlen(w->prompt);
    if (key == SDLK_ESCAPE)
        ask(w, false);
    else if (key == SDLK_RETURN || key == SDLK_KP_ENTER)
        answer_prompt(w);
    else if (key == SDLK_BACKSPACE && length > 0)
        w->prompt[length - 1] = '\0';
    note_playing(w);
}

static void prompt_text(struct window *w, const char *text)
{
    const size_t length = strlen(w->prompt);
    // The "g" that asked comes as text, too.
    if (length == 0 && strcmp(text, "g") == 0)
        return;
    snprintf(w->prompt + length, sizeof w->prompt - length, "%s", text);
    note_playing(w);
}

/* ---- keys ---- */

static int64_t step_of(const struct window *w, Uint16 modifiers)
{
    if (modifiers & KMOD_CTRL)
        return (int64_t)fmax(1, round(view_frame_rate(&w->view)));
    return modifiers & KMOD_SHIFT ? STEP_SHIFT : 1;
}

static void step(struct window *w, int64_t frames)
{
    w->plays = false;
    go(w, w->view.index + frames);
}

static void recolour(struct window *w, bool next_contrast, bool next_map)
{
    for (int i = 0; i < w->view.pane_count; i++) {
        struct levels *levels = &w->view.panes[i].levels;
        if (next_contrast)
            levels->contrast = (levels->contrast + 1) % CONTRAST_COUNT;
        if (next_map)
            levels->map = (levels->map + 1) % COLOUR_MAP_COUNT;
    }
    view_recolour(&w->view);
    w->dirty = true;
}

static void fit(struct window *w, double zoom)
{
    const ist_reader_info *info = movie_info(w->view.panes[0].movie);
    w->view.zoom = zoom;
    w->view.centre_x = info->width / 2.0;
    w->view.centre_y = info->height / 2.0;
    w->dirty = true;
}

static void press(struct window *w, SDL_Keycode key, Uint16 modifiers)
{
    const struct bar *bar = w->view.bar;
    switch (key) {
    case SDLK_SPACE:
        set_playing(w, !w->plays);
        break;
    case SDLK_RIGHT:
        step(w, step_of(w, modifiers));
        break;
    case SDLK_LEFT:
        step(w, -step_of(w, modifiers));
        break;
    case SDLK_HOME:
        go(w, 0);
        break;
    case SDLK_END:
        go(w, view_frame_count(&w->view) - 1);
        break;
    case SDLK_PAGEUP:
        go(w, bar_chunk_before(bar, w->view.index));
        break;
    case SDLK_PAGEDOWN:
        go(w, bar_chunk_behind(bar, w->view.index));
        break;
    case SDLK_g:
        ask(w, true);
        break;
    case SDLK_l:
        w->loops = !w->loops;
        note_playing(w);
        break;
    case SDLK_RIGHTBRACKET:
    case SDLK_UP:
        change_speed(w, SPEED_STEP);
        break;
    case SDLK_LEFTBRACKET:
    case SDLK_DOWN:
        change_speed(w, 1 / SPEED_STEP);
        break;
    case SDLK_c:
        recolour(w, true, false);
        break;
    case SDLK_m:
        recolour(w, false, true);
        break;
    case SDLK_f:
        fit(w, 0);
        break;
    case SDLK_1:
        fit(w, 1);
        break;
    case SDLK_ESCAPE:
    case SDLK_q:
        w->quit = true;
        break;
    default:
        break;
    }
}

/* ---- mouse ---- */

static void drag_bar(struct window *w, int x)
{
    w->plays = false;
    go(w, bar_index_at(w->view.bar, view_bar_place(&w->view), x));
}

static void drag_picture(struct window *w, int dx, int dy)
{
    double left, top;
    const double scale = view_scale(&w->view, &w->view.panes[0], &left, &top);
    if (w->view.zoom <= 0)
        fit(w, scale);
    w->view.centre_x -= dx / scale;
    w->view.centre_y -= dy / scale;
    w->dirty = true;
}

static void press_button(struct window *w, const SDL_MouseButtonEvent *event)
{
    const SDL_Rect bar = view_bar_place(&w->view);
    if (event->button != SDL_BUTTON_LEFT)
        return;
    if (SDL_PointInRect(&(SDL_Point){event->x, event->y}, &bar)) {
        w->drags_bar = true;
        drag_bar(w, event->x);
    } else {
        w->drags_picture = true;
    }
}

static void move_mouse(struct window *w, const SDL_MouseMotionEvent *event)
{
    w->view.mouse_x = event->x;
    w->view.mouse_y = event->y;
    w->dirty = true;
    if (w->drags_bar)
        drag_bar(w, event->x);
    else if (w->drags_picture)
        drag_picture(w, event->xrel, event->yrel);
}

/* ---- the loop ---- */

static void handle_window(struct window *w, const SDL_WindowEvent *event)
{
    if (event->event == SDL_WINDOWEVENT_LEAVE)
        w->view.mouse_x = w->view.mouse_y = -1;
    w->dirty = true;
}

static void handle(struct window *w, const SDL_Event *event)
{
    switch (event->type) {
    case SDL_QUIT:
        w->quit = true;
        break;
    case SDL_WINDOWEVENT:
        handle_window(w, &event->window);
        break;
    case SDL_KEYDOWN:
        if (w->asks)
            prompt_key(w, event->key.keysym.sym);
        else
            press(w, event->key.keysym.sym, event->key.keysym.mod);
        break;
    case SDL_TEXTINPUT:
        if (w->asks)
            prompt_text(w, event->text.text);
        break;
    case SDL_MOUSEWHEEL:
        view_zoom_at(&w->view, pow(ZOOM_STEP, event->wheel.y), w->view.mouse_x, w->view.mouse_y);
        w->dirty = true;
        break;
    case SDL_MOUSEBUTTONDOWN:
        press_button(w, &event->button);
        break;
    case SDL_MOUSEBUTTONUP:
        w->drags_bar = w->drags_picture = false;
        break;
    case SDL_MOUSEMOTION:
        move_mouse(w, &event->motion);
        break;
    default:
        break;
    }
}

/* A store that is being recorded grows; who stands at its end goes along. */
static void follow(struct window *w)
{
    const Uint32 now_ms = SDL_GetTicks();
    if (!w->plan->follow || now_ms - w->refreshed_ms < REFRESH_MS)
        return;
    w->refreshed_ms = now_ms;
    bool grew = false;
    const bool at_end = w->view.index >= view_frame_count(&w->view) - 1;
    for (int i = 0; i < w->view.pane_count; i++)
        grew |= movie_refresh(w->view.panes[i].movie);
    if (!grew)
        return;
    bar_destroy(&w->view.bar);
    w->view.bar = bar_create(movie_reader(w->view.panes[0].movie));
    if (at_end && !w->plays)
        view_go(&w->view, view_frame_count(&w->view) - 1);
    w->dirty = true;
}

static void show_title(struct window *w)
{
    char where[192], title[512];
    view_describe(&w->view, where, sizeof where);
    snprintf(title, sizeof title, "%s - %s - imgstore-view", w->view.panes[0].path, where);
    SDL_SetWindowTitle(w->window, title);
}

static void loop(struct window *w)
{
    SDL_Event event;
    while (!w->quit && !cli_stop_requested()) {
        const int wait_ms = w->plays ? PLAY_MS : w->plan->follow ? REFRESH_MS : IDLE_MS;
        if (SDL_WaitEventTimeout(&event, wait_ms))
            do
                handle(w, &event);
            while (SDL_PollEvent(&event));
        follow(w);
        if (w->plays)
            play(w);
        if (view_take(&w->view)) {
            show_title(w);
            w->dirty = true;
        }
        if (w->dirty) {
            view_draw(&w->view);
            SDL_RenderPresent(w->renderer);
            w->dirty = false;
        }
    }
}

/* ---- beginning and end ---- */

/* The first picture at its own size, as far as the screen goes. */
static void choose_size(const struct window_plan *plan, const struct view *view, int *width, int *height)
{
    SDL_Rect usable = {.w = 1280, .h = 800};
    SDL_GetDisplayUsableBounds(0, &usable);
    const ist_reader_info *info = movie_info(view->panes[0].movie);
    const int columns = (int)ceil(sqrt(view->pane_count));
    const int rows = (view->pane_count + columns - 1) / columns;
    const int wanted_width = columns * info->width, wanted_height = rows * info->height + view_footer_height(view);
    *width = plan->width ? plan->width : SDL_max(480, SDL_min(wanted_width, usable.w));
    *height = plan->height ? plan->height : SDL_max(240, SDL_min(wanted_height, usable.h));
}

static int create(struct window *w)
{
    if (SDL_Init(SDL_INIT_VIDEO) < 0)
        return cli_fail("no window can be opened: %s; --export and --contact-sheet work without a display",
                        SDL_GetError());
    w->window = SDL_CreateWindow("imgstore-view", SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED, 640, 480,
                                 SDL_WINDOW_RESIZABLE | SDL_WINDOW_HIDDEN);
    if (w->window)
        w->renderer = SDL_CreateRenderer(w->window, -1, 0);
    if (!w->renderer || !view_init(&w->view, w->renderer))
        return cli_fail("no window can be opened: %s", SDL_GetError());
    SDL_StopTextInput();
    w->arrived_event = SDL_RegisterEvents(1);
    return CLI_GO_ON;
}

static int open_recordings(struct window *w)
{
    const struct window_plan *plan = w->plan;
    w->view.alignment = plan->alignment;
    for (int i = 0; i < plan->path_count; i++) {
        ist_error error;
        if (view_add(&w->view, plan->paths[i], wake, w, &error) < 0)
            return cli_fail("%s", error.message);
        w->view.panes[i].levels = plan->levels;
    }
    if (plan->index >= view_frame_count(&w->view) && plan->index > 0)
        return cli_fail("%s: there is no frame %" PRId64 "; it has %" PRId64, plan->paths[0], plan->index,
                        view_frame_count(&w->view));
    return CLI_GO_ON;
}

int window_run(const struct window_plan *plan)
{
    struct window w = {.plan = plan, .speed = 1, .loops = plan->loops, .dirty = true};
    int result = create(&w);
    if (result == CLI_GO_ON)
        result = open_recordings(&w);
    if (result == CLI_GO_ON) {
        int width, height;
        choose_size(plan, &w.view, &width, &height);
        SDL_SetWindowSize(w.window, width, height);
        SDL_ShowWindow(w.window);
        go(&w, plan->index);
        set_playing(&w, plan->plays);
        cli_catch_stop(NULL, NULL);
        loop(&w);
        result = CLI_SUCCESS;
    }
    view_finish(&w.view);
    if (w.renderer)
        SDL_DestroyRenderer(w.renderer);
    if (w.window)
        SDL_DestroyWindow(w.window);
    SDL_Quit();
    return result;
}
