#include "window.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../cli.h"
#include "place.h"
#include "player.h"

enum { STEP_SHIFT = 10, REFRESH_MS = 200, IDLE_MS = 500, PLAY_MS = 4, PROMPT_SIZE = 64, BLOCK_STEP_PX = 4 };

static const double ZOOM_STEP = 1.25, ARROW_STEP = 2;

struct window;

/* Something to be typed. */
struct question {
    const char *key; /* that asks it */
    const char *text;
    void (*answer)(struct window *window, const char *answer);
};

struct window {
    SDL_Window *window;
    SDL_Renderer *renderer;
    struct view view;
    const struct window_plan *plan;
    char rois[PATH_MAX + 16]; /* where they are saved */
    Uint32 arrived_event;
    bool quit;
    bool warned; /* that ROIs are not saved */
    bool dirty;

    struct player player;
    bool drags_bar, drags_picture;
    bool plays_on;                   /* when the bar is let go */
    const struct question *question; /* NULL: nothing is asked */
    char prompt[PROMPT_SIZE];
    char message[512]; /* why a place was not found, and the like */
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

/* Brings to the screen what is asked and how it plays. */
static void show_state(struct window *w)
{
    const struct player *player = &w->player;
    char speed[32] = "";
    if (player->speed != 1)
        snprintf(speed, sizeof speed, "x%g ", player->speed);
    snprintf(w->view.note, sizeof w->view.note, "%s%s%s", player->plays ? "> " : "", speed,
             player->loops ? "loop " : "");
    if (w->question)
        snprintf(w->view.question, sizeof w->view.question, "%s: %s_", w->question->text, w->prompt);
    else
        snprintf(w->view.question, sizeof w->view.question, "%s", w->message);
    w->dirty = true;
}

static void say(struct window *w, const char *message)
{
    snprintf(w->message, sizeof w->message, "%s", message);
    show_state(w);
}

/* ---- going places ---- */

static void go(struct window *w, int64_t index)
{
    view_go(&w->view, index);
    player_restart(&w->player, now_s(), w->view.index);
    say(w, "");
}

static void set_playing(struct window *w, bool plays)
{
    if (plays && w->view.index == view_frame_count(&w->view) - 1)
        view_go(&w->view, 0);
    w->player.plays = plays;
    player_restart(&w->player, now_s(), w->view.index);
    show_state(w);
}

static double interval_s(const void *view, int64_t index)
{
    return view_interval_s(view, index);
}

static void play(struct window *w)
{
    const int64_t index = player_due(&w->player, now_s(), interval_s, &w->view, view_frame_count(&w->view) - 1);
    if (index != w->view.index)
        view_go(&w->view, index);
    if (!w->player.plays)
        show_state(w);
}

static void change_speed(struct window *w, int steps)
{
    player_change_speed(&w->player, steps);
    player_restart(&w->player, now_s(), w->view.index);
    show_state(w);
}

/* ---- questions ---- */

static void answer_place(struct window *w, const char *answer)
{
    ist_error error;
    int64_t index;
    if (place_find(movie_reader(w->view.panes[0].movie), answer, &index, &error) >= 0)
        go(w, index);
    else
        say(w, error.message);
}

static void answer_contrast(struct window *w, const char *answer)
{
    bool understood = true;
    for (int i = 0; i < w->view.pane_count && understood; i++)
        understood = levels_read(&w->view.panes[i].levels, answer);
    if (!understood)
        say(w, "a contrast is full, auto, 1%, 1%..99%, or two samples such as 100..2000");
    view_recolour(&w->view);
}

static const struct question for_place = {"g", "Go to index, #number or time", answer_place};
static const struct question for_contrast = {"C", "Contrast: LOW HIGH, 1%..99%, auto or full", answer_contrast};

/* NULL ends the question. */
static void ask(struct window *w, const struct question *question)
{
    w->question = question;
    w->prompt[0] = '\0';
    say(w, "");
}

static void answer(struct window *w)
{
    const struct question *question = w->question;
    char text[PROMPT_SIZE];
    snprintf(text, sizeof text, "%s", w->prompt);
    ask(w, NULL);
    if (*text)
        question->answer(w, text);
}

/* Drops the last letter, which may have several bytes. */
static void erase_letter(char *text)
{
    size_t length = strlen(text);
    while (length > 0 && ((unsigned char)text[length - 1] & 0xc0) == 0x80)
        length--;
    text[length > 0 ? length - 1 : 0] = '\0';
}

static void question_key(struct window *w, SDL_Keycode key)
{
    if (key == SDLK_ESCAPE)
        ask(w, NULL);
    else if (key == SDLK_RETURN || key == SDLK_KP_ENTER)
        answer(w);
    else if (key == SDLK_BACKSPACE)
        erase_letter(w->prompt);
    show_state(w);
}

static void question_text(struct window *w, const char *text)
{
    const size_t length = strlen(w->prompt);
    // The key that asked comes as text, too.
    if (length == 0 && SDL_strcasecmp(text, w->question->key) == 0)
        return;
    // A letter that does not fit is left out whole.
    if (length + strlen(text) < sizeof w->prompt)
        strcat(w->prompt, text);
    show_state(w);
}

/* ---- keys ---- */

static int64_t step_of(const struct window *w, Uint16 modifiers)
{
    if (modifiers & KMOD_CTRL)
        return (int64_t)fmax(1, round(w->view.frame_rate));
    return modifiers & KMOD_SHIFT ? STEP_SHIFT : 1;
}

static void step(struct window *w, int64_t frames)
{
    w->player.plays = false;
    go(w, w->view.index + frames);
}

static void next_map(struct window *w)
{
    const enum colour_map map = (w->view.panes[0].levels.map + 1) % COLOUR_MAP_COUNT;
    for (int i = 0; i < w->view.pane_count; i++)
        w->view.panes[i].levels.map = map;
    view_recolour(&w->view);
}

/* All recordings get the kind that is next for the first; each finds a range of its own. */
static void next_contrast(struct window *w)
{
    const enum contrast now = w->view.panes[0].levels.contrast;
    for (int i = 0; i < w->view.pane_count; i++) {
        w->view.panes[i].levels.contrast = now;
        levels_next(&w->view.panes[i].levels);
    }
    view_recolour(&w->view);
}

static void move_contrast(struct window *w, int low_steps, int high_steps)
{
    for (int i = 0; i < w->view.pane_count; i++)
        levels_move(&w->view.panes[i].levels, low_steps, high_steps);
    view_recolour(&w->view);
}

static void fit(struct window *w, double zoom)
{
    w->view.zoom = zoom;
    w->view.centre_x = w->view.centre_y = 0.5;
    w->dirty = true;
}

/* ---- ROIs and tracks ---- */

/* Where what was drawn is saved. */
static void name_rois(const struct window_plan *plan, char *path, size_t size)
{
    const char *recording = plan->view.paths[0];
    size_t length = strlen(recording);
    while (length > 1 && recording[length - 1] == '/')
        length--;
    if (plan->save_rois || plan->view.rois)
        snprintf(path, size, "%s", plan->save_rois ? plan->save_rois : plan->view.rois);
    else
        snprintf(path, size, "%.*s-rois.yaml", (int)length, recording);
}

static void quit(struct window *w)
{
    w->quit = w->warned || !regions_unsaved(w->view.regions);
    w->warned = true;
    if (!w->quit)
        say(w, "The ROIs are not saved. s saves them; q again ends without");
}

static void leave(struct window *w)
{
    if (w->view.shows_keys)
        w->view.shows_keys = false;
    else if (w->view.sketch.draws)
        sketch_leave(&w->view.sketch);
    else
        quit(w);
}

/* Keys that draw. Returns false if the key is none of them. */
static bool press_for_sketch(struct window *w, SDL_Keycode key, Uint16 modifiers)
{
    struct sketch *sketch = &w->view.sketch;
    const bool shift = modifiers & KMOD_SHIFT;
    switch (key) {
    case SDLK_r:
        sketch_choose(sketch, SHAPE_RECTANGLE);
        break;
    case SDLK_e:
        sketch_choose(sketch, SHAPE_ELLIPSE);
        break;
    case SDLK_i:
        sketch_choose(sketch, SHAPE_LINE);
        break;
    case SDLK_b:
        sketch_choose(sketch, SHAPE_GRID);
        break;
    case SDLK_COMMA:
        sketch_resize_blocks(sketch, -BLOCK_STEP_PX);
        break;
    case SDLK_PERIOD:
        sketch_resize_blocks(sketch, BLOCK_STEP_PX);
        break;
    case SDLK_DELETE:
    case SDLK_BACKSPACE:
        sketch_remove(sketch);
        break;
    case SDLK_u:
    case SDLK_z:
        if (shift)
            sketch_redo(sketch);
        else
            sketch_undo(sketch);
        break;
    case SDLK_y:
        sketch_redo(sketch);
        break;
    case SDLK_s:
        sketch_save(sketch, w->rois);
        break;
    default:
        return false;
    }
    return true;
}

/* Keys for the tracks. Returns false if the key is none of them. */
static bool press_for_tracks(struct window *w, SDL_Keycode key)
{
    struct overlay *overlay = &w->view.overlay;
    switch (key) {
    case SDLK_o:
        overlay->boxes = !overlay->boxes;
        break;
    case SDLK_p:
        overlay->paths = (overlay->paths + 1) % PATHS_COUNT;
        break;
    case SDLK_a:
        overlay->arrows = !overlay->arrows;
        break;
    case SDLK_h:
        overlay->heat = !overlay->heat;
        break;
    case SDLK_PLUS:
    case SDLK_EQUALS:
    case SDLK_KP_PLUS:
        overlay->arrow_scale *= ARROW_STEP;
        break;
    case SDLK_MINUS:
    case SDLK_KP_MINUS:
        overlay->arrow_scale /= ARROW_STEP;
        break;
    default:
        return false;
    }
    if (!overlay->tracks)
        say(w, "There are no tracks: open them with --tracks");
    return true;
}

/* ---- all keys ---- */

static void press_for_view(struct window *w, SDL_Keycode key, Uint16 modifiers)
{
    const struct bar *bar = w->view.bar;
    switch (key) {
    case SDLK_SPACE:
        set_playing(w, !w->player.plays);
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
        ask(w, &for_place);
        break;
    case SDLK_l:
        w->player.loops = !w->player.loops;
        show_state(w);
        break;
    case SDLK_RIGHTBRACKET:
    case SDLK_UP:
        change_speed(w, 1);
        break;
    case SDLK_LEFTBRACKET:
    case SDLK_DOWN:
        change_speed(w, -1);
        break;
    case SDLK_c:
        if (modifiers & KMOD_SHIFT)
            ask(w, &for_contrast);
        else
            next_contrast(w);
        break;
    case SDLK_3:
        move_contrast(w, -1, 0);
        break;
    case SDLK_4:
        move_contrast(w, 1, 0);
        break;
    case SDLK_5:
        move_contrast(w, 0, -1);
        break;
    case SDLK_6:
        move_contrast(w, 0, 1);
        break;
    case SDLK_m:
        next_map(w);
        break;
    case SDLK_f:
        fit(w, 0);
        break;
    case SDLK_1:
        fit(w, 1);
        break;
    case SDLK_F1:
    case SDLK_QUESTION:
    case SDLK_SLASH: // the question mark's key on many keyboards
        w->view.shows_keys = !w->view.shows_keys;
        break;
    case SDLK_ESCAPE:
        leave(w);
        break;
    case SDLK_q:
        quit(w);
        break;
    default:
        break;
    }
}

static void press(struct window *w, const SDL_KeyboardEvent *event)
{
    const SDL_Keycode key = event->keysym.sym;
    const bool ends = key == SDLK_ESCAPE || key == SDLK_q;
    if (event->repeat && (ends || key == SDLK_SPACE))
        return;
    w->warned = w->warned && ends;
    if (*w->message && !ends)
        say(w, "");
    if (!press_for_sketch(w, key, event->keysym.mod) && !press_for_tracks(w, key))
        press_for_view(w, key, event->keysym.mod);
    w->dirty = true;
}

/* ---- mouse ---- */

static void drag_bar(struct window *w, int x)
{
    w->player.plays = false;
    view_glance(&w->view, bar_index_at(w->view.bar, view_bar_place(&w->view), x));
    say(w, "");
}

static void drag_picture(struct window *w, int dx, int dy)
{
    const struct lens lens = view_lens(&w->view, &w->view.panes[0]);
    const ist_reader_info *info = movie_info(w->view.panes[0].movie);
    if (w->view.zoom <= 0)
        fit(w, lens.scale);
    w->view.centre_x -= dx / lens.scale / info->width;
    w->view.centre_y -= dy / lens.scale / info->height;
}

/* The mouse over the first recording, whose ROIs are drawn. False: it is elsewhere. */
static bool find_point(struct window *w, int x, int y, double *picture_x, double *picture_y)
{
    return view_pane_at(&w->view, x, y, picture_x, picture_y) == w->view.panes;
}

static void press_button(struct window *w, const SDL_MouseButtonEvent *event)
{
    const SDL_Rect bar = view_bar_place(&w->view);
    double x, y;
    w->dirty = true;
    if (SDL_PointInRect(&(SDL_Point){event->x, event->y}, &bar)) {
        w->drags_bar = true;
        w->plays_on = w->player.plays;
        drag_bar(w, event->x);
        return;
    }
    const bool draws = event->button == SDL_BUTTON_LEFT && find_point(w, event->x, event->y, &x, &y) &&
                       sketch_press(&w->view.sketch, x, y);
    w->drags_picture = !draws;
}

static void release_button(struct window *w)
{
    if (w->drags_bar) {
        w->player.plays = w->plays_on;
        go(w, w->view.index);
    }
    w->drags_bar = w->drags_picture = false;
    sketch_release(&w->view.sketch);
    w->dirty = true;
}

static void move_mouse(struct window *w, const SDL_MouseMotionEvent *event)
{
    double x, y;
    w->view.mouse_x = event->x;
    w->view.mouse_y = event->y;
    w->dirty = true;
    if (w->drags_bar)
        drag_bar(w, event->x);
    else if (w->drags_picture)
        drag_picture(w, event->xrel, event->yrel);
    else if (w->view.sketch.drags && find_point(w, event->x, event->y, &x, &y))
        sketch_drag(&w->view.sketch, x, y);
}

/* Zooms; with Shift and Ctrl it moves the ends of the contrast of what is under the pointer. */
static void turn_wheel(struct window *w, const SDL_MouseWheelEvent *event)
{
    double x, y;
    const SDL_Keymod modifiers = SDL_GetModState();
    const int mouse_x = w->view.mouse_x, mouse_y = w->view.mouse_y;
    struct pane *pane = view_pane_at(&w->view, mouse_x, mouse_y, &x, &y);
    w->dirty = true;
    if (pane && modifiers & (KMOD_SHIFT | KMOD_CTRL)) {
        levels_move(&pane->levels, modifiers & KMOD_SHIFT ? event->y : 0, modifiers & KMOD_CTRL ? event->y : 0);
        view_recolour(&w->view);
    } else {
        view_zoom_at(&w->view, pow(ZOOM_STEP, event->y), mouse_x, mouse_y);
    }
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
        quit(w);
        break;
    case SDL_WINDOWEVENT:
        handle_window(w, &event->window);
        break;
    case SDL_KEYDOWN:
        if (w->question)
            question_key(w, event->key.keysym.sym);
        else
            press(w, &event->key);
        break;
    case SDL_TEXTINPUT:
        if (w->question)
            question_text(w, event->text.text);
        break;
    case SDL_MOUSEWHEEL:
        turn_wheel(w, &event->wheel);
        break;
    case SDL_MOUSEBUTTONDOWN:
        press_button(w, &event->button);
        break;
    case SDL_MOUSEBUTTONUP:
        release_button(w);
        break;
    case SDL_MOUSEMOTION:
        move_mouse(w, &event->motion);
        break;
    default:
        break;
    }
}

static void show_title(struct window *w)
{
    char where[192], title[512];
    view_describe(&w->view, where, sizeof where);
    snprintf(title, sizeof title, "%s - %s - imgstore-view", w->view.panes[0].path, where);
    SDL_SetWindowTitle(w->window, title);
}

/* A store that is being recorded grows; who stands at its end goes along. */
static void follow(struct window *w)
{
    const Uint32 now_ms = SDL_GetTicks();
    if (!w->plan->follow || now_ms - w->refreshed_ms < REFRESH_MS)
        return;
    w->refreshed_ms = now_ms;
    bool changed = false;
    const bool at_end = w->view.index >= view_frame_count(&w->view) - 1;
    int64_t removed[PANES_MAX];
    for (int i = 0; i < w->view.pane_count; i++)
        changed |= movie_refresh(w->view.panes[i].movie, &removed[i]);
    if (!changed)
        return;
    view_survey(&w->view); // without memory the old bar stays
    show_title(w);
    if (at_end && !w->player.plays)
        view_go(&w->view, view_frame_count(&w->view) - 1);
    else if (removed[0] > 0) // the frame that is shown has another index now; if it is gone, the first takes its place
        go(w, w->view.index - removed[0]);
    w->dirty = true;
}

static void loop(struct window *w)
{
    SDL_Event event;
    while (!w->quit && !cli_stop_requested()) {
        const int wait_ms = w->player.plays ? PLAY_MS : w->plan->follow ? REFRESH_MS : IDLE_MS;
        if (SDL_WaitEventTimeout(&event, wait_ms))
            do
                handle(w, &event);
            while (SDL_PollEvent(&event));
        follow(w);
        if (w->player.plays)
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
    enum { WIDTH_MIN = 640, HEIGHT_MIN = 240 };
    SDL_Rect usable = {.w = 1280, .h = 800};
    SDL_GetDisplayUsableBounds(0, &usable);
    const ist_reader_info *info = movie_info(view->panes[0].movie);
    const int wanted_width = view_columns(view->pane_count) * info->width;
    const int wanted_height = view_rows(view->pane_count) * info->height + view_height_beside(view);
    *width = plan->width ? plan->width : SDL_max(WIDTH_MIN, SDL_min(wanted_width, usable.w));
    *height = plan->height ? plan->height : SDL_max(HEIGHT_MIN, SDL_min(wanted_height, usable.h));
}

/* Without one SDL tries drivers that are none, and hangs. */
static bool has_display(void)
{
    return getenv("DISPLAY") || getenv("WAYLAND_DISPLAY") || getenv("SDL_VIDEODRIVER");
}

static int fail_to_open(const char *reason)
{
    return cli_fail("no window can be opened: %s; --export and --contact-sheet work without a display", reason);
}

static int init_video(struct window *w)
{
    if (!has_display())
        return fail_to_open("there is no display (DISPLAY and WAYLAND_DISPLAY are not set)");
    SDL_SetHint(SDL_HINT_VIDEODRIVER, getenv("DISPLAY") ? "x11" : "wayland");
    SDL_SetHint(SDL_HINT_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR, "0"); // this is no game
    if (SDL_Init(SDL_INIT_VIDEO) < 0 || !view_init(&w->view))
        return fail_to_open(SDL_GetError());
    w->arrived_event = SDL_RegisterEvents(1);
    return CLI_GO_ON;
}

/* ROIs that were saved earlier are there again, and saving does not lose them. */
static int open_recordings(struct window *w)
{
    const struct window_plan *plan = w->plan;
    struct view_plan view = plan->view;
    name_rois(plan, w->rois, sizeof w->rois);
    if (!view.rois && access(w->rois, F_OK) == 0)
        view.rois = w->rois;
    const int result = view_open(&w->view, &view, wake, w);
    if (result == CLI_GO_ON && plan->index >= view_frame_count(&w->view) && plan->index > 0)
        return cli_fail("%s: there is no frame %lld; the last is %lld", plan->view.paths[0], (long long)plan->index,
                        (long long)view_frame_count(&w->view) - 1);
    return result;
}

/* Of ROIs that nobody asked for it is said where they come from. */
static void say_found_rois(struct window *w)
{
    char text[sizeof w->message];
    const int count = trk_roi_set_count(regions_now(w->view.regions));
    if (count == 0 || w->plan->view.rois)
        return;
    snprintf(text, sizeof text, "%d ROIs from %.400s", count, w->rois);
    say(w, text);
}

static int create_window(struct window *w)
{
    int width, height;
    choose_size(w->plan, &w->view, &width, &height);
    w->window = SDL_CreateWindow("imgstore-view", SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED, width, height,
                                 SDL_WINDOW_RESIZABLE);
    if (w->window)
        w->renderer = SDL_CreateRenderer(w->window, -1, 0);
    if (!w->renderer)
        return fail_to_open(SDL_GetError());
    w->view.renderer = w->renderer;
    SDL_StartTextInput(); // all the time: what is typed right behind the key that asks is in the queue already
    return CLI_GO_ON;
}

int window_run(const struct window_plan *plan)
{
    struct window w = {.plan = plan, .player = {.speed = 1, .loops = plan->loops}, .dirty = true};
    int result = init_video(&w);
    if (result == CLI_GO_ON)
        result = open_recordings(&w);
    if (result == CLI_GO_ON)
        result = create_window(&w);
    if (result == CLI_GO_ON) {
        cli_catch_stop(NULL, NULL);
        // Who follows wants to see what comes.
        go(&w, plan->follow && plan->index == 0 ? view_frame_count(&w.view) - 1 : plan->index);
        set_playing(&w, plan->plays);
        say_found_rois(&w);
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
