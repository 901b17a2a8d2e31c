#include "bar.h"

#include <stdlib.h>

/* Where something is missing. */
struct gap {
    int64_t index;
    int64_t count; /* frames of the recording that lack their pixels; 0: it lies before the frame */
};

struct bar {
    int64_t frame_count;
    int64_t *chunks; /* index of the first frame of each */
    int chunk_count;
    struct gap *gaps;
    int gap_count;
};

static bool add_gap(struct bar *bar, int64_t index, int64_t count)
{
    // Room doubles whenever the count is a power of two.
    if ((bar->gap_count & (bar->gap_count - 1)) == 0) {
        struct gap *gaps = realloc(bar->gaps, (bar->gap_count ? 2 * (size_t)bar->gap_count : 1) * sizeof *gaps);
        if (!gaps)
            return false;
        bar->gaps = gaps;
    }
    bar->gaps[bar->gap_count++] = (struct gap){index, count};
    return true;
}

/* The first frame of the first chunk behind one that is not there. */
static int64_t place_of_lost_chunk(const struct bar *bar, const ist_reader *reader, int lost)
{
    for (int i = 0; i < bar->chunk_count; i++) {
        int chunk;
        ist_reader_chunk(reader, i, &chunk, NULL, NULL);
        if (chunk > lost)
            return bar->chunks[i];
    }
    return bar->frame_count - 1;
}

static bool add_problems(struct bar *bar, const ist_reader *reader)
{
    const ist_problem *problem;
    for (int i = 0; (problem = ist_reader_problem(reader, i)); i++) {
        const bool is_lost = problem->kind != IST_PROBLEM_NO_PIXELS && problem->kind != IST_PROBLEM_BAD_CHUNK;
        const int64_t index =
            problem->first_index < 0 ? place_of_lost_chunk(bar, reader, problem->chunk) : problem->first_index;
        if (problem->kind != IST_PROBLEM_BAD_EXTRA && !add_gap(bar, index, is_lost ? 0 : problem->frame_count))
            return false;
    }
    return true;
}

static bool add_drops(struct bar *bar, ist_reader *reader)
{
    ist_drop *drops;
    int64_t count;
    if (ist_reader_drops(reader, &drops, &count, NULL) < 0)
        return true; // the frames can be seen all the same
    bool complete = true;
    for (int64_t i = 0; i < count && complete; i++) {
        int64_t index;
        if (ist_reader_find_number(reader, drops[i].first_number, IST_MATCH_NEAREST, &index, NULL) >= 0)
            complete = add_gap(bar, index, 0);
    }
    ist_free(drops);
    return complete;
}

struct bar *bar_create(ist_reader *reader)
{
    const ist_reader_info *info = ist_reader_get_info(reader);
    struct bar *bar = calloc(1, sizeof *bar);
    if (!bar)
        return NULL;
    bar->frame_count = info->frame_count;
    bar->chunk_count = info->chunk_count;
    bar->chunks = calloc((size_t)info->chunk_count + 1, sizeof *bar->chunks);
    for (int i = 0; bar->chunks && i < info->chunk_count; i++)
        ist_reader_chunk(reader, i, NULL, &bar->chunks[i], NULL);
    if (!bar->chunks || !add_problems(bar, reader) || !add_drops(bar, reader))
        bar_destroy(&bar);
    return bar;
}

void bar_destroy(struct bar **bar)
{
    if (!*bar)
        return;
    free((*bar)->chunks);
    free((*bar)->gaps);
    free(*bar);
    *bar = NULL;
}

static int column_of(const struct bar *bar, SDL_Rect place, int64_t index)
{
    const int64_t last = bar->frame_count > 1 ? bar->frame_count - 1 : 1;
    return place.x + (int)((double)index / (double)last * (place.w - 1));
}

int64_t bar_index_at(const struct bar *bar, SDL_Rect place, int x)
{
    const double share = place.w > 1 ? (double)(x - place.x) / (place.w - 1) : 0;
    const double index = (share < 0 ? 0 : share > 1 ? 1 : share) * (double)(bar->frame_count - 1) + 0.5;
    return bar->frame_count > 0 ? (int64_t)index : 0;
}

/* Ticks between chunks, as long as they can be told apart. */
static void draw_chunks(const struct bar *bar, SDL_Renderer *renderer, SDL_Rect place)
{
    enum { CLOSEST_PX = 3 };
    if ((int64_t)bar->chunk_count * CLOSEST_PX > place.w)
        return;
    SDL_SetRenderDrawColor(renderer, 130, 130, 130, 255);
    for (int i = 1; i < bar->chunk_count; i++) {
        const int x = column_of(bar, place, bar->chunks[i]);
        SDL_RenderDrawLine(renderer, x, place.y, x, place.y + place.h - 1);
    }
}

static void draw_gaps(const struct bar *bar, SDL_Renderer *renderer, SDL_Rect place)
{
    SDL_SetRenderDrawColor(renderer, 230, 60, 50, 255);
    for (int i = 0; i < bar->gap_count; i++) {
        const struct gap *gap = &bar->gaps[i];
        const int left = column_of(bar, place, gap->index);
        const int right = column_of(bar, place, gap->index + gap->count);
        SDL_RenderFillRect(renderer, &(SDL_Rect){left, place.y, right > left + 2 ? right - left : 2, place.h});
    }
}

void bar_draw(const struct bar *bar, SDL_Renderer *renderer, SDL_Rect place, int64_t index)
{
    SDL_SetRenderDrawColor(renderer, 45, 45, 48, 255);
    SDL_RenderFillRect(renderer, &place);
    const int here = column_of(bar, place, index);
    SDL_SetRenderDrawColor(renderer, 60, 95, 140, 255);
    SDL_RenderFillRect(renderer, &(SDL_Rect){place.x, place.y, here - place.x, place.h});
    draw_chunks(bar, renderer, place);
    draw_gaps(bar, renderer, place);
    SDL_SetRenderDrawColor(renderer, 255, 255, 255, 255);
    SDL_RenderFillRect(renderer, &(SDL_Rect){here - 1, place.y, 3, place.h});
}

/* The chunk of a frame, 0..chunk_count-1. */
static int chunk_of(const struct bar *bar, int64_t index)
{
    int low = 0, high = bar->chunk_count - 1;
    while (low < high) {
        const int middle = (low + high + 1) / 2;
        if (bar->chunks[middle] <= index)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

int64_t bar_chunk_before(const struct bar *bar, int64_t index)
{
    return bar->chunk_count > 0 && index > 0 ? bar->chunks[chunk_of(bar, index - 1)] : 0;
}

int64_t bar_chunk_behind(const struct bar *bar, int64_t index)
{
    const int chunk = bar->chunk_count > 0 ? chunk_of(bar, index) + 1 : 0;
    return chunk < bar->chunk_count ? bar->chunks[chunk] : bar->frame_count - 1;
}
