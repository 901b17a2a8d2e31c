/* What the parts of a measurement cost, in microseconds. Figures move with the machine; compare them as ratios. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "correlate.h"
#include "refine.h"
#include "track_texture.h"

static double now_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec * 1e-3;
}

struct setting {
    int size;          // px, of the square template
    int width, height; // of the picture
    ist_pixel_type type;
};

// Away from home, and far from the whole pixel: search and refinement have most to do.
static const double MOVED_X = 6.45, MOVED_Y = -4.4;

/* The least of several runs of at least 20 ms in all. */
static double time_search(const struct setting *setting, const struct plane *reference, const struct plane *plane,
                          const struct kernels *kernels, enum search_method method)
{
    struct matcher matcher = {.width = setting->size,
                              .height = setting->size,
                              .x_max = setting->width - setting->size,
                              .y_max = setting->height - setting->size,
                              .type = setting->type};
    struct search search = {0};
    double least = HUGE_VAL;
    if (matcher_init(&matcher, kernels, method, NULL) >= 0 && search_init(&search, kernels, &matcher, 1, NULL) >= 0) {
        matcher_cut(&matcher, &search, reference, matcher.x_max / 2, matcher.y_max / 2);
        const double start = now_us();
        for (int i = 0; i < 3 || (now_us() - start < 2e5 && i < 1000); i++) {
            const double before = now_us();
            (void)matcher_find(&matcher, &search, plane, NULL);
            least = fmin(least, now_us() - before);
        }
    }
    if (method == SEARCH_FFT)
        printf("  tiles %4d x %-4d", matcher.tile_width, matcher.tile_height);
    if (method == SEARCH_CHEAPEST)
        printf("  chosen: %s", matcher.spectrum ? "FFT" : "direct");
    search_finish(&search);
    matcher_finish(&matcher);
    return least;
}

static void time_refinement(const struct setting *setting, const struct plane *reference, const struct plane *plane,
                            const struct kernels *kernels)
{
    struct refiner refiner = {0};
    struct refine_room room = {0};
    const int x = (setting->width - setting->size) / 2, y = (setting->height - setting->size) / 2;
    double least = HUGE_VAL;
    struct refinement found = {0};
    if (refiner_init(&refiner, setting->size, setting->size, NULL) >= 0 &&
        refine_room_init(&room, setting->size, setting->size, NULL) >= 0) {
        refiner_cut(&refiner, &room, kernels, reference, x, y);
        for (int i = 0; i < 200; i++) {
            const double before = now_us();
            (void)refiner_find(&refiner, &room, kernels, plane, x + (int)MOVED_X, y + (int)MOVED_Y, &found);
            least = fmin(least, now_us() - before);
        }
    }
    printf("  refinement, %-8s %6.1f us  (off by %.4f, %.4f px)\n", kernels->name, least,
           found.dx + (int)MOVED_X - MOVED_X, found.dy + (int)MOVED_Y - MOVED_Y);
    refine_room_finish(&room);
    refiner_finish(&refiner);
}

static void run(const struct setting *setting)
{
    struct random random = {7};
    const bool deep = setting->type == IST_PIXEL_U16;
    const struct texture texture = texture_make(&random, 5, 40, deep ? 30000 : 128, deep ? 8000 : 30);
    ist_frame frame = {0};
    if (ist_frame_alloc(&frame, setting->width, setting->height, 1, setting->type, NULL) < 0)
        exit(1);
    texture_draw(&texture, &frame, 0, 0, deep ? 500 : 2, &random);
    ist_frame moved = {0};
    if (ist_frame_alloc(&moved, setting->width, setting->height, 1, setting->type, NULL) < 0)
        exit(1);
    texture_draw(&texture, &moved, MOVED_X, MOVED_Y, deep ? 500 : 2, &random);
    const struct plane plane = {
        .data = frame.data, .stride = frame.width, .width = frame.width, .height = frame.height, .type = frame.type};
    const struct plane moved_plane = {
        .data = moved.data, .stride = moved.width, .width = moved.width, .height = moved.height, .type = moved.type};
    const struct kernels plain = kernels_get(0), best = kernels_get(~0u);

    printf("%d in %d x %d, %d bit\n", setting->size, setting->width, setting->height, deep ? 16 : 8);
    const bool small = setting->width < 300;
    if (small)
        printf("  direct, %-8s %10.1f us\n", plain.name,
               time_search(setting, &plane, &moved_plane, &plain, SEARCH_DIRECT));
    if (setting->width < 1000)
        printf("  direct, %-8s %10.1f us\n", best.name,
               time_search(setting, &plane, &moved_plane, &best, SEARCH_DIRECT));
    printf(" %10.1f us\n", time_search(setting, &plane, &moved_plane, &best, SEARCH_FFT));
    printf(" %10.1f us\n", time_search(setting, &plane, &moved_plane, &best, SEARCH_CHEAPEST));
    time_refinement(setting, &plane, &moved_plane, &plain);
    time_refinement(setting, &plane, &moved_plane, &best);
    ist_frame_free(&frame);
    ist_frame_free(&moved);
}

int main(void)
{
    const struct setting settings[] = {
        {64, 84, 84, IST_PIXEL_U8},    {32, 52, 52, IST_PIXEL_U8},      {64, 84, 84, IST_PIXEL_U16},
        {20, 40, 40, IST_PIXEL_U8},    {12, 32, 32, IST_PIXEL_U8},      {64, 164, 164, IST_PIXEL_U8},
        {64, 512, 512, IST_PIXEL_U8},  {128, 1920, 1080, IST_PIXEL_U8}, {32, 1280, 1024, IST_PIXEL_U8},
        {345, 768, 576, IST_PIXEL_U8}, {345, 768, 576, IST_PIXEL_U16},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        run(&settings[i]);
    return 0;
}
