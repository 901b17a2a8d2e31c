#include "overlay.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "levels.h"

enum { HEAT_ALPHA = 140, LATEST_S = 2, PATH_POINTS_MAX = 100000, STRIP_MAX = 4096 };

bool overlay_choose(struct overlay *overlay, const char *layers)
{
    static const char *const names[] = {"boxes", "paths", "latest", "arrows", "heat"};
    bool chosen[sizeof names / sizeof *names] = {false};
    while (*layers) {
        const size_t length = strcspn(layers, ",");
        size_t i = 0;
        while (i < sizeof names / sizeof *names && (strlen(names[i]) != length || memcmp(names[i], layers, length)))
            i++;
        if (i == sizeof names / sizeof *names)
            return false;
        chosen[i] = true;
        layers += length + (layers[length] == ',');
    }
    overlay->boxes = chosen[0];
    overlay->paths = chosen[2] ? PATHS_LATEST : chosen[1] ? PATHS_SO_FAR : PATHS_OFF;
    overlay->arrows = chosen[3];
    overlay->heat = chosen[4];
    return true;
}

void overlay_fit_arrows(struct overlay *overlay)
{
    enum { LONGEST_PX = 100, SCALE_MAX = 1024 };
    const double longest = (double)overlay->tracks->largest_px;
    overlay->arrow_scale = 1;
    while (longest * overlay->arrow_scale * 2 <= LONGEST_PX && overlay->arrow_scale < SCALE_MAX)
        overlay->arrow_scale *= 2;
}

static bool is_measured(struct motion motion)
{
    return !isnan(motion.x) && !isnan(motion.y);
}

/* The middle of a ROI that has moved. */
static SDL_FPoint middle_of(struct lens lens, trk_roi roi, struct motion motion, double scale)
{
    return lens_to_screen(lens, roi.x + roi.width / 2.0 + scale * (double)motion.x,
                          roi.y + roi.height / 2.0 + scale * (double)motion.y);
}

static void draw_heat(const struct tracks *tracks, SDL_Renderer *renderer, struct lens lens, const struct motion *now)
{
    for (int i = 0; i < tracks->roi_count; i++) {
        if (!is_measured(now[i]))
            continue;
        const float share = tracks->largest_px > 0 ? hypotf(now[i].x, now[i].y) / tracks->largest_px : 0;
        const uint32_t colour = colour_map_colour(COLOUR_MAP_INFERNO, (int)lroundf(share * 255));
        paint_area(renderer, lens, tracks->rois[i],
                   (SDL_Color){(Uint8)(colour >> 16), (Uint8)(colour >> 8), (Uint8)colour, HEAT_ALPHA});
    }
}

/* A line with a shadow, so that it shows on bright pictures. */
static void draw_strip(SDL_Renderer *renderer, SDL_FPoint *points, int count, SDL_Color colour)
{
    for (int i = 0; i < count; i++)
        points[i] = (SDL_FPoint){points[i].x + 1, points[i].y + 1};
    SDL_SetRenderDrawBlendMode(renderer, SDL_BLENDMODE_BLEND);
    SDL_SetRenderDrawColor(renderer, 0, 0, 0, 150);
    SDL_RenderDrawLinesF(renderer, points, count);
    for (int i = 0; i < count; i++)
        points[i] = (SDL_FPoint){points[i].x - 1, points[i].y - 1};
    SDL_SetRenderDrawColor(renderer, colour.r, colour.g, colour.b, 255);
    SDL_RenderDrawLinesF(renderer, points, count);
}

/* Draws one ROI's way from frame `first` to `last`, every `step`-th frame of it, broken where it was not measured. */
static void draw_path(const struct tracks *tracks, SDL_Renderer *renderer, struct lens lens, int roi, int64_t first,
                      int64_t last, int64_t step)
{
    SDL_FPoint strip[STRIP_MAX];
    int count = 0;
    // Steps are counted from the first frame of all, so that the line does not flicker as it grows.
    for (int64_t index = first; index <= last;) {
        const struct motion motion = tracks_at(tracks, index)[roi];
        if (is_measured(motion))
            strip[count++] = middle_of(lens, tracks->rois[roi], motion, 1);
        const bool is_end = !is_measured(motion) || index == last;
        if (is_end || count == STRIP_MAX) {
            if (count > 1)
                draw_strip(renderer, strip, count, paint_colour(roi));
            strip[0] = strip[count > 0 ? count - 1 : 0];
            count = is_end ? 0 : 1;
        }
        const int64_t next = index - (index - tracks->first) % step + step;
        index = index < last && next > last ? last : next;
    }
}

static void draw_paths(const struct overlay *overlay, SDL_Renderer *renderer, struct lens lens, int64_t index,
                       double frame_rate)
{
    const struct tracks *tracks = overlay->tracks;
    const int64_t latest = index - (int64_t)(LATEST_S * frame_rate);
    const bool all = overlay->paths == PATHS_SO_FAR || latest < tracks->first;
    const int64_t first = all ? tracks->first : latest;
    const int64_t last = index < tracks->end ? index : tracks->end - 1;
    const int64_t points = (last - first + 1) * tracks->roi_count;
    for (int i = 0; i < tracks->roi_count; i++)
        draw_path(tracks, renderer, lens, i, first, last, points / PATH_POINTS_MAX + 1);
}

static void draw_arrow(SDL_Renderer *renderer, SDL_FPoint from, SDL_FPoint to, SDL_Color colour)
{
    const float width = 2, dx = to.x - from.x, dy = to.y - from.y, length = hypotf(dx, dy);
    const float head = length < 20 ? 0.4F : 8 / length; // of the arrow's length
    if (length < 1)
        return;
    paint_line(renderer, from, to, width, colour);
    for (int side = -1; side <= 1; side += 2) {
        const float x = to.x - head * (dx + (float)side * dy / 2), y = to.y - head * (dy - (float)side * dx / 2);
        paint_line(renderer, to, (SDL_FPoint){x, y}, width, colour);
    }
}

void overlay_draw(const struct overlay *overlay, SDL_Renderer *renderer, struct lens lens, int64_t index,
                  double frame_rate)
{
    const struct tracks *tracks = overlay->tracks;
    if (!tracks || index < tracks->first)
        return;
    const struct motion *now = tracks_at(tracks, index);
    if (overlay->heat && now)
        draw_heat(tracks, renderer, lens, now);
    if (overlay->paths != PATHS_OFF)
        draw_paths(overlay, renderer, lens, index, frame_rate);
    for (int i = 0; now && i < tracks->roi_count; i++) {
        if (!is_measured(now[i]))
            continue;
        const trk_roi roi = tracks->rois[i];
        if (overlay->boxes)
            paint_outline(renderer, lens, roi, (double)now[i].x, (double)now[i].y, paint_colour(i));
        if (overlay->arrows)
            draw_arrow(renderer, middle_of(lens, roi, (struct motion){0}, 1),
                       middle_of(lens, roi, now[i], overlay->arrow_scale), paint_colour(i));
    }
}

void overlay_describe(const struct overlay *overlay, char *text, size_t size)
{
    char arrows[40] = "", heat[40] = "";
    *text = '\0';
    if (!overlay->tracks)
        return;
    if (overlay->arrows)
        snprintf(arrows, sizeof arrows, " arrows x%g", overlay->arrow_scale);
    if (overlay->heat)
        snprintf(heat, sizeof heat, " heat 0..%.3g px", (double)overlay->tracks->largest_px);
    snprintf(text, size, "  tracks:%s%s%s%s", overlay->boxes ? " boxes" : "",
             overlay->paths == PATHS_SO_FAR   ? " paths"
             : overlay->paths == PATHS_LATEST ? " latest paths"
                                              : "",
             arrows, heat);
}
