/*
 * What is on the screen: one or several recordings side by side, at one place in time, with a status and a bar.
 *
 * It is drawn through an SDL_Renderer, which belongs to a window or, for pictures without a display, to a surface.
 */
#ifndef VIEW_H
#define VIEW_H

#include <SDL.h>

#include "bar.h"
#include "levels.h"
#include "movie.h"
#include "overlay.h"
#include "picture.h"
#include "sketch.h"
#include "text.h"

enum { PANES_MAX = 16 };

/* How the frames of several recordings belong together. */
enum alignment { ALIGN_INDEX, ALIGN_NUMBER, ALIGN_TIME };

/* A recording on the screen. */
struct pane {
    const char *path;
    struct movie *movie;
    ist_frame frame; /* shown; data NULL: none, `error` says why */
    ist_error error;
    bool has_frame; /* something has arrived */
    struct levels levels;
    struct picture picture; /* of the frame */
    SDL_Rect heading;       /* on the screen: its name; without height where it is the only one */
    SDL_Rect place;         /* its picture, below that */
};

struct view {
    SDL_Renderer *renderer; /* somebody else's */
    struct text *text;
    struct pane panes[PANES_MAX];
    int pane_count;
    enum alignment alignment;
    bool shows_status;
    bool shows_bar;

    int64_t index;             /* where we are, in the first recording */
    double zoom;               /* screen pixels a picture pixel; 0: so that it fits */
    double centre_x, centre_y; /* of the picture, in the middle of a pane; of its width and height, 0..1 */
    int mouse_x, mouse_y;      /* -1: not over the window */
    char note[160];            /* behind the status, such as the speed */
    double frame_rate;         /* usual frames a second of the first recording */
    char question[512];        /* above the pictures, instead of what the sketch says */
    bool shows_keys;           /* over everything */

    struct bar *bar; /* these three are of the first recording */
    struct overlay overlay;
    struct regions *regions;
    struct sketch sketch;
};

/* What is to be seen. */
struct view_plan {
    const char *const *paths; /* 1..PANES_MAX recordings */
    int path_count;
    enum alignment alignment;
    struct levels levels;
    bool contrast_is_given; /* else it is found by the type of each recording's samples */
    const char *tracks;     /* movement.csv over the first recording; NULL: none */
    const char *layers;     /* of the tracks, as for overlay_choose() */
    const char *rois;       /* file of ROIs over the first recording; NULL: none */
};

/* Makes an empty view, which needs its renderer only to draw. Returns false, with the reason in SDL_GetError(). */
bool view_init(struct view *view);
void view_finish(struct view *view);

/*
 * Opens what is to be seen; `arrived` as in movie.h. Returns CLI_GO_ON, or says what failed and returns an exit code.
 */
int view_open(struct view *view, const struct view_plan *plan, void (*arrived)(void *context), void *context);

/* Goes to a frame of the first recording, and to those that belong to it in the others. */
void view_go(struct view *view, int64_t index);

/* The same in a hurry, see movie_glance(). */
void view_glance(struct view *view, int64_t index);

/* Takes the frames that have arrived. Returns true if the picture changed. */
bool view_take(struct view *view);

/* Draws everything. */
void view_draw(struct view *view);

/* Draws the first recording's picture alone, into a place of the caller's. */
void view_draw_picture(struct view *view, SDL_Rect place);

/* Things on a screen lie in as many columns as rows, or one more. */
int view_columns(int count);
int view_rows(int count);

/* Height of everything but the pictures: names of several, and the status and the bar as far as they are shown. */
int view_height_beside(const struct view *view);

int64_t view_frame_count(const struct view *view);

/* Takes note of the first recording's frames: to be called when it has grown. Returns false if memory ran out. */
bool view_survey(struct view *view);

/* How long a frame of the first recording is shown, seconds: until the next one came, but gaps are shortened. */
double view_interval_s(const struct view *view, int64_t index);

/* Sets the zoom so that the picture's point under x, y stays there. */
void view_zoom_at(struct view *view, double factor, int x, int y);

/* Where the bar lies. */
SDL_Rect view_bar_place(const struct view *view);

/* Writes index, number, local time and rate of what is shown; or only index and time of day. */
void view_describe(const struct view *view, char *text, size_t size);
void view_describe_briefly(const struct view *view, char *text, size_t size);

/* Brings the colours of all frames up to date after levels were changed. */
void view_recolour(struct view *view);

/* Where a pane's picture lies on the screen. */
struct lens view_lens(const struct view *view, const struct pane *pane);

/* The pane under a point of the screen, and the point in its picture in px, which may lie beside it. NULL: none. */
struct pane *view_pane_at(struct view *view, int x, int y, double *picture_x, double *picture_y);

#endif
