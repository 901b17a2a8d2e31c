#include "sketch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK_PX = 16, BLOCK_MIN_PX = 4, BLOCK_MAX_PX = 512 };

static const SDL_Color SELECTED = {255, 70, 255, 255};

void sketch_init(struct sketch *sketch, struct regions *regions)
{
    *sketch = (struct sketch){.regions = regions, .shape.block_px = BLOCK_PX, .selected = -1};
}

static void say(struct sketch *s, const char *text)
{
    snprintf(s->message, sizeof s->message, "%s", text);
}

/* ---- shapes ---- */

void sketch_choose(struct sketch *sketch, enum shape_kind kind)
{
    sketch->draws = !(sketch->draws && sketch->shape.kind == kind);
    sketch->shape.kind = kind;
    sketch->drags = false;
    say(sketch, "");
}

void sketch_leave(struct sketch *sketch)
{
    sketch->draws = sketch->drags = false;
    say(sketch, "");
}

void sketch_resize_blocks(struct sketch *sketch, int px)
{
    const int wanted = sketch->shape.block_px + px;
    sketch->shape.block_px = wanted < BLOCK_MIN_PX ? BLOCK_MIN_PX : wanted > BLOCK_MAX_PX ? BLOCK_MAX_PX : wanted;
    say(sketch, "");
}

/* ---- the mouse ---- */

bool sketch_press(struct sketch *sketch, double x, double y)
{
    say(sketch, "");
    if (!sketch->draws)
        sketch->selected = regions_at(sketch->regions, x, y);
    sketch->drags = sketch->draws || sketch->selected >= 0;
    sketch->shape.from = sketch->shape.to = (trk_point){x, y};
    return sketch->drags;
}

void sketch_drag(struct sketch *sketch, double x, double y)
{
    sketch->shape.to = (trk_point){x, y};
}

/* How far the mouse has moved a ROI. */
static void find_move(const struct sketch *s, int *dx, int *dy)
{
    *dx = (int)lround(s->shape.to.x - s->shape.from.x);
    *dy = (int)lround(s->shape.to.y - s->shape.from.y);
    regions_limit_move(s->regions, s->selected, dx, dy);
}

static bool is_click(const struct sketch *s)
{
    return s->shape.from.x == s->shape.to.x && s->shape.from.y == s->shape.to.y;
}

void sketch_release(struct sketch *sketch)
{
    struct sketch *s = sketch;
    ist_error error = {0};
    ist_status status = IST_OK;
    int dx, dy;
    if (!s->drags)
        return;
    s->drags = false;
    if (!s->draws) {
        find_move(s, &dx, &dy);
        status = regions_move(s->regions, s->selected, dx, dy, &error);
    } else if (!is_click(s)) {
        status = regions_add(s->regions, &s->shape, &error);
        s->selected = status < 0 ? s->selected : trk_roi_set_count(regions_now(s->regions)) - 1;
    }
    if (status < 0)
        say(s, error.message);
}

/* ---- keys ---- */

void sketch_remove(struct sketch *sketch)
{
    ist_error error = {0};
    if (sketch->selected < 0)
        say(sketch, "no ROI is selected: click on one");
    else if (regions_remove(sketch->regions, sketch->selected, &error) < 0)
        say(sketch, error.message);
    else
        say(sketch, "");
    sketch->selected = -1;
}

void sketch_undo(struct sketch *sketch)
{
    say(sketch, regions_undo(sketch->regions) ? "" : "nothing to undo");
    sketch->selected = -1;
}

void sketch_redo(struct sketch *sketch)
{
    say(sketch, regions_redo(sketch->regions) ? "" : "nothing to do again");
    sketch->selected = -1;
}

bool sketch_save(struct sketch *sketch, const char *path)
{
    ist_error error = {0};
    const ist_status status = regions_save(sketch->regions, path, &error);
    if (status < 0)
        say(sketch, error.message);
    else
        snprintf(sketch->message, sizeof sketch->message, "%d ROIs saved in %.100s",
                 trk_roi_set_count(regions_now(sketch->regions)), path);
    return status >= 0;
}

/* ---- on the screen ---- */

static void draw_new(const struct sketch *s, SDL_Renderer *renderer, struct lens lens)
{
    trk_roi_set *set;
    ist_error error;
    paint_line(renderer, lens_to_screen(lens, s->shape.from.x, s->shape.from.y),
               lens_to_screen(lens, s->shape.to.x, s->shape.to.y), 1, SELECTED);
    if (regions_fill(s->regions, &s->shape, &set, &error) < 0)
        return; // not yet large enough
    for (int i = 0; i < trk_roi_set_count(set); i++)
        paint_outline(renderer, lens, trk_roi_set_rois(set)[i], 0, 0, SELECTED);
    trk_roi_set_destroy(&set);
}

void sketch_draw(const struct sketch *sketch, SDL_Renderer *renderer, struct lens lens)
{
    const struct sketch *s = sketch;
    const trk_roi_set *set = regions_now(s->regions);
    int dx = 0, dy = 0;
    if (s->drags && !s->draws)
        find_move(s, &dx, &dy);
    for (int i = 0; i < trk_roi_set_count(set); i++) {
        const int group = trk_roi_set_group(set, i);
        const bool selected = s->selected >= 0 && regions_together(s->regions, s->selected, i);
        paint_outline(renderer, lens, trk_roi_set_rois(set)[i], selected ? dx : 0, selected ? dy : 0,
                      selected ? SELECTED : paint_colour(group + 1));
    }
    if (s->drags && s->draws && !is_click(s))
        draw_new(s, renderer, lens);
}

static void describe_selected(const struct sketch *s, char *text, size_t size)
{
    const trk_roi_set *set = regions_now(s->regions);
    const trk_roi roi = trk_roi_set_rois(set)[s->selected];
    const int group = trk_roi_set_group(set, s->selected);
    char together[120] = "";
    if (group >= 0)
        snprintf(together, sizeof together, " + %d of %s", trk_roi_set_group_size(set, group) - 1,
                 trk_roi_set_group_name(set, group));
    snprintf(text, size, "ROI %s%s, %d,%d,%d,%d: drag moves, Delete, u undo, s save",
             trk_roi_set_name(set, s->selected), together, roi.x, roi.y, roi.width, roi.height);
}

void sketch_describe(const struct sketch *sketch, char *text, size_t size)
{
    const struct shape *shape = &sketch->shape;
    *text = '\0';
    if (*sketch->message)
        snprintf(text, size, "%s", sketch->message);
    else if (sketch->draws && shape->kind == SHAPE_RECTANGLE)
        snprintf(text, size, "Drag a rectangle. u undo, s save, Esc end");
    else if (sketch->draws)
        snprintf(text, size, "Drag %s %s of %d px blocks (, . change). u undo, s save, Esc end",
                 shape->kind == SHAPE_ELLIPSE ? "an" : "a", shape_name(shape->kind), shape->block_px);
    else if (sketch->selected >= 0)
        describe_selected(sketch, text, size);
}
