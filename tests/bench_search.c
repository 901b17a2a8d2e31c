/*
 * Searches for a template beside OpenCV's matchTemplate on the same pictures, 8 bit, one thread, in processor time. The
 * figures move with the machine; a ratio above its limit is a failure.
 */
#include <libtrack/libtrack.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "correlate.h"
#include "opencv_match.h"
#include "track_texture.h"

/* What is searched for, and the limit: our time divided by OpenCV's. */
struct row {
    int size;          // px, of the square template
    int width, height; // of what is searched
    int margin;        // px of picture around it; what is searched is then the reach of trk_params.max_movement_px
    unsigned cpu_mask;
    const char *kernels; // the row is left out where the processor has none of that name; NULL: the best there are
    bool refined;        // all of a measurement, through the public functions
    double limit;
};

// What a search from frame to frame meets: a motion far from home and from whole pixels, and noise.
static const double MOVED_X = 6.45, MOVED_Y = -4.4, NOISE = 2;
static const double ROUND_US = 500, ROW_US = 1e6;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "bench_search: %s\n", what);
    exit(1);
}

/* Time of this process: what others do on the machine does not count. */
static double now_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec * 1e-3;
}

/* The pictures of a row, and what each of the ways needs to search in them. */
struct scene {
    const struct row *row;
    ist_frame reference, moved;
    struct plane plane;
    uint8_t *pattern; // the template, rows packed
    struct matcher matcher;
    struct search search;
    trk_tracker *tracker;
    trk_sequence *sequence;
    int x, y; // found
};

static void search_opencv(struct scene *scene)
{
    const struct row *row = scene->row;
    opencv_match(scene->pattern, row->size, plane_uint8(&scene->plane, row->margin, row->margin), scene->plane.stride,
                 row->width, row->height, &scene->x, &scene->y);
    scene->x += row->margin;
    scene->y += row->margin;
}

static void search_ours(struct scene *scene)
{
    const struct match match = matcher_find(&scene->matcher, &scene->search, &scene->plane, NULL);
    scene->x = match.x;
    scene->y = match.y;
}

static void measure_ours(struct scene *scene)
{
    trk_row result;
    if (trk_tracker_measure(scene->tracker, scene->sequence, &scene->moved, &result, NULL) < 0)
        fail("the measurement failed");
    scene->x = (int)lround(scene->matcher.home_x + result.x_px);
    scene->y = (int)lround(scene->matcher.home_y + result.y_px);
}

static void draw(const struct texture *texture, ist_frame *frame, const struct row *row, double dx, double dy,
                 struct random *random)
{
    if (ist_frame_alloc(frame, row->width + 2 * row->margin, row->height + 2 * row->margin, 1, IST_PIXEL_U8, NULL) < 0)
        fail("no memory");
    texture_draw(texture, frame, dx, dy, NOISE, random);
}

static void init_tracker(struct scene *scene, int x, int y)
{
    const struct row *row = scene->row;
    const trk_roi roi = {x, y, row->size, row->size};
    const trk_params params = {.max_movement_px = row->margin ? x - row->margin : 0, .cpu_mask = row->cpu_mask};
    if (trk_tracker_create(&scene->tracker, scene->plane.width, scene->plane.height, 1, IST_PIXEL_U8, &roi, 1, &params,
                           NULL) < 0 ||
        trk_sequence_create(&scene->sequence, scene->tracker, NULL) < 0 ||
        trk_tracker_set_template(scene->tracker, &scene->reference, NULL) < 0)
        fail("no tracker");
}

static void init_scene(struct scene *scene, const struct row *row, const struct kernels *kernels)
{
    struct random random = {7};
    const struct texture texture = texture_make(&random, 5, 40, 128, 30);
    *scene = (struct scene){.row = row};
    draw(&texture, &scene->reference, row, 0, 0, &random);
    draw(&texture, &scene->moved, row, MOVED_X, MOVED_Y, &random);
    scene->plane = plane_from_frame(&scene->moved, NULL);

    const int x = row->margin + (row->width - row->size) / 2, y = row->margin + (row->height - row->size) / 2;
    scene->matcher = (struct matcher){.width = row->size,
                                      .height = row->size,
                                      .x_min = row->margin,
                                      .x_max = row->margin + row->width - row->size,
                                      .y_min = row->margin,
                                      .y_max = row->margin + row->height - row->size,
                                      .type = IST_PIXEL_U8};
    if (matcher_init(&scene->matcher, kernels, SEARCH_CHEAPEST, NULL) < 0 ||
        search_init(&scene->search, kernels, &scene->matcher, 1, NULL) < 0)
        fail("no memory");
    const struct plane reference = plane_from_frame(&scene->reference, NULL);
    matcher_cut(&scene->matcher, &scene->search, &reference, x, y);
    init_tracker(scene, x, y);

    scene->pattern = malloc((size_t)row->size * (size_t)row->size);
    if (!scene->pattern)
        fail("no memory");
    for (int i = 0; i < row->size * row->size; i++)
        scene->pattern[i] = *plane_uint8(&reference, x + i % row->size, y + i / row->size);
}

static void finish_scene(struct scene *scene)
{
    ist_frame_free(&scene->reference);
    ist_frame_free(&scene->moved);
    search_finish(&scene->search);
    matcher_finish(&scene->matcher);
    trk_sequence_destroy(&scene->sequence);
    trk_tracker_destroy(&scene->tracker);
    free(scene->pattern);
}

/* Time of one search, from as many as make up for the clock's own time. */
static double time_round(void (*search)(struct scene *), struct scene *scene)
{
    const double start = now_us();
    double end = start;
    int count = 0;
    for (; end - start < ROUND_US; count++) {
        for (int i = 0; i < (count ? 8 : 1); i++)
            search(scene);
        end = now_us();
    }
    return (end - start) / (8 * (count - 1) + 1);
}

/* Times both in turn. Returns false if ours takes longer than it may. */
static bool run(const struct row *row)
{
    const struct kernels kernels = kernels_get(row->cpu_mask);
    if (row->kernels && strcmp(row->kernels, kernels.name) != 0)
        return true;
    struct scene scene;
    init_scene(&scene, row, &kernels);
    double ours = HUGE_VAL, opencv = HUGE_VAL;
    const double start = now_us();
    for (int i = 0; i < 3 || now_us() - start < ROW_US; i++) {
        opencv = fmin(opencv, time_round(search_opencv, &scene));
        const int x = scene.x, y = scene.y;
        ours = fmin(ours, time_round(row->refined ? measure_ours : search_ours, &scene));
        // A refined motion of half a pixel may be rounded either way.
        if (abs(scene.x - x) > row->refined || abs(scene.y - y) > row->refined)
            fail("another place than OpenCV's");
    }
    const bool good = ours <= row->limit * opencv;
    printf("%4d in %4d x %-4d  %-8s %-6s %-7s %10.1f us  OpenCV %10.1f us  ratio %.3f  limit %.3f%s\n", row->size,
           row->width, row->height, kernels.name, scene.matcher.spectrum ? "FFT" : "direct",
           row->refined ? "refined" : "", ours, opencv, ours / opencv, row->limit, good ? "" : "  MISSED");
    finish_scene(&scene);
    return good;
}

int main(void)
{
    const struct row rows[] = {
        {64, 84, 84, 32, TRK_CPU_AVX2, "AVX2", false, 33. / 158},
        {64, 84, 84, 32, TRK_CPU_AVX2, "AVX2", true, (33. + 30) / 158},
        {32, 52, 52, 32, TRK_CPU_AVX2, "AVX2", false, 11. / 54},
        {64, 84, 84, 32, ~0u, "VNNI", false, 18. / 158},
        {64, 84, 84, 32, ~0u, "VNNI", true, (18. + 30) / 158},
        {32, 52, 52, 32, ~0u, "VNNI", false, 7. / 54},
        {64, 512, 512, 0, ~0u, NULL, false, 1.7 / 10.2},
        {128, 1920, 1080, 0, ~0u, NULL, false, 18. / 108},
        {32, 1280, 1024, 0, ~0u, NULL, false, 7. / 37},
    };
    printf("beside %s\n", opencv_version());
    bool good = true;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        good &= run(&rows[i]);
    return good ? 0 : 1;
}
