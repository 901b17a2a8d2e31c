/* What a place on an enlarged grid costs, in microseconds, beside the search at whole pixels alone. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "track_texture.h"
#include "upscale.h"

static double now_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec * 1e-3;
}

struct setting {
    int size, around; // px, of the square template, and how far it is searched each way
    double scale;
    double noise;
    ist_pixel_type type;
};

enum { MOTIONS = 40 };

struct bench {
    struct matcher matcher;
    struct search search;
    struct upscaler upscaler;
    struct upscale_room room;
};

static bool bench_init(struct bench *bench, const struct setting *setting, const struct kernels *kernels)
{
    bench->matcher = (struct matcher){.width = setting->size,
                                      .height = setting->size,
                                      .x_max = 2 * setting->around,
                                      .y_max = 2 * setting->around,
                                      .type = setting->type};
    return matcher_init(&bench->matcher, kernels, SEARCH_CHEAPEST, NULL) >= 0 &&
           search_init(&bench->search, kernels, &bench->matcher, 1, NULL) >= 0 &&
           upscaler_init(&bench->upscaler, &bench->matcher, setting->scale, GRID_OF_WINDOW, NULL) >= 0 &&
           upscale_room_init(&bench->room, &bench->upscaler, 1, NULL) >= 0;
}

static void bench_finish(struct bench *bench)
{
    upscale_room_finish(&bench->room);
    upscaler_finish(&bench->upscaler);
    search_finish(&bench->search);
    matcher_finish(&bench->matcher);
}

/* The least of several times for whole pixels, for the template, and for a place on the grid. */
static void time_motion(struct bench *bench, const struct plane *reference, const struct plane *plane, int home,
                        double times[3], struct fine_match *found)
{
    matcher_cut(&bench->matcher, &bench->search, reference, home, home);
    for (int i = 0; i < 3; i++)
        times[i] = HUGE_VAL;
    for (int i = 0; i < 5; i++) {
        const double start = now_us();
        (void)matcher_find(&bench->matcher, &bench->search, plane, NULL);
        const double whole = now_us();
        upscaler_cut(&bench->upscaler, &bench->room, &bench->matcher);
        const double cut = now_us();
        *found = upscaler_find(&bench->upscaler, &bench->room, &bench->matcher, &bench->search, plane);
        const double end = now_us();
        times[0] = fmin(times[0], whole - start);
        times[1] = fmin(times[1], cut - whole);
        times[2] = fmin(times[2], end - cut);
    }
}

static void run(const struct setting *setting, const struct kernels *kernels)
{
    const int side = setting->size + 2 * setting->around, home = setting->around;
    struct bench bench = {0};
    ist_frame frame = {0}, moved = {0};
    if (!bench_init(&bench, setting, kernels) || ist_frame_alloc(&frame, side, side, 1, setting->type, NULL) < 0 ||
        ist_frame_alloc(&moved, side, side, 1, setting->type, NULL) < 0)
        exit(1);
    struct random random = {7};
    double sums[3] = {0}, worst = 0, off = 0;
    for (int i = 0; i < MOTIONS; i++) {
        const bool deep = setting->type == IST_PIXEL_U16;
        const struct texture texture = texture_make(&random, 5, 40, deep ? 30000 : 128, deep ? 8000 : 30);
        const double x = 16 * random_uniform(&random) - 8, y = 16 * random_uniform(&random) - 8;
        texture_draw(&texture, &frame, 0, 0, setting->noise, &random);
        texture_draw(&texture, &moved, x, y, setting->noise, &random);
        const struct plane planes[] = {
            {.data = frame.data, .stride = side, .width = side, .height = side, .type = setting->type},
            {.data = moved.data, .stride = side, .width = side, .height = side, .type = setting->type}};
        double times[3];
        struct fine_match found;
        time_motion(&bench, &planes[0], &planes[1], home, times, &found);
        for (int k = 0; k < 3; k++)
            sums[k] += times[k];
        worst = fmax(worst, times[1] + times[2]);
        off = fmax(off, fmax(fabs(found.x - home - x), fabs(found.y - home - y)));
    }
    printf("  %3d +-%-3d %2d bit noise %-3g upscale %-6g %-8s whole pixels %7.1f  template %6.1f  grid %8.1f  worst of "
           "%d %8.1f"
           "  (off by at most %.3f px)\n",
           setting->size, setting->around, 8 * (int)ist_pixel_size(setting->type), setting->noise, setting->scale,
           kernels->name, sums[0] / MOTIONS, sums[1] / MOTIONS, sums[2] / MOTIONS, MOTIONS, worst, off);
    ist_frame_free(&frame);
    ist_frame_free(&moved);
    bench_finish(&bench);
}

int main(void)
{
    const struct setting settings[] = {
        {64, 10, 10, 2, IST_PIXEL_U8},  {64, 10, 10, 0, IST_PIXEL_U8},  {64, 10, 10, 10, IST_PIXEL_U8},
        {64, 10, 4, 2, IST_PIXEL_U8},   {64, 10, 2.5, 2, IST_PIXEL_U8}, {63, 10, 2.5, 2, IST_PIXEL_U8},
        {64, 10, 100, 2, IST_PIXEL_U8}, {32, 10, 10, 2, IST_PIXEL_U8},  {64, 10, 10, 200, IST_PIXEL_U16},
        {64, 100, 10, 2, IST_PIXEL_U8}, {64, 10, 10, 30, IST_PIXEL_U8},
    };
    const struct kernels plain = kernels_get(0), best = kernels_get(~0u);
    printf("texture 5-40 px, mean of %d motions, microseconds of processor time\n", MOTIONS);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        run(&settings[i], &best);
    run(&settings[0], &plain);
    return 0;
}
