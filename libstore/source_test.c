// A picture whose motion is known exactly.
//
// The texture is a sum of plane waves with random directions, phases and wavelengths. Moving it by any amount only
// changes the phases, so the picture at every sub-pixel position is exact, not interpolated.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "error.h"
#include "source_kind.h"

enum { WAVES = 48, CHANNELS_MAX = 3 };

static const double two_pi = 6.283185307179586476925287;
static const double middle_level = 127.5;
static const double wavelength_min_px = 5;
static const double wavelength_max_px = 40;

enum motion { MOTION_CIRCLE, MOTION_LINE, MOTION_DRIFT, MOTION_NONE };

static const char *const motion_names[] = {
    [MOTION_CIRCLE] = "circle",
    [MOTION_LINE] = "line",
    [MOTION_DRIFT] = "drift",
    [MOTION_NONE] = "none",
};

struct pattern {
    int width, height;
    double rate;
    int64_t frames; // 0: endless
    enum motion motion;
    double amplitude_px;
    double period; // frames
    double noise;  // standard deviations in 8-bit gray levels
    double contrast;
    int64_t seed;
    bool is_colour;
    bool is_deep;
    bool is_live; // comes by the clock
};

struct wave {
    double kx, ky; // radians per pixel
    double phase;
};

struct state {
    struct pattern pattern;
    struct wave waves[CHANNELS_MAX][WAVES];
    double *cosines; // cos(kx x) of each channel, wave and x
    double *sines;
    double *row; // one channel of one row, in gray levels
    int64_t next;
    double start_s;      // of frame 0 when it is live, by the monotonic clock; 0: not begun
    double start_time_s; // the same since 1970
    double motion_x, motion_y;
    char extra[80];
};

// splitmix64: small, good, and the same everywhere, which the libc's generators are not.
static uint64_t random_bits(uint64_t *random)
{
    uint64_t z = *random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

// 0 <= value < 1
static double random_unit(uint64_t *random)
{
    return (double)(random_bits(random) >> 11) * 0x1p-53;
}

static void create_waves(struct state *state)
{
    uint64_t random = (uint64_t)state->pattern.seed;
    for (int c = 0; c < CHANNELS_MAX; c++)
        for (int i = 0; i < WAVES; i++) {
            // Each octave gets its share: coarse structure to find the way, fine to be precise.
            const double wavelength_px =
                wavelength_min_px * pow(wavelength_max_px / wavelength_min_px, random_unit(&random));
            const double direction = two_pi * random_unit(&random);
            state->waves[c][i] = (struct wave){
                .kx = two_pi / wavelength_px * cos(direction),
                .ky = two_pi / wavelength_px * sin(direction),
                .phase = two_pi * random_unit(&random),
            };
        }
}

// cos(kx x + b) = cos(kx x) cos b - sin(kx x) sin b: what depends on x is computed once for all frames.
static ist_status create_tables(struct state *state, ist_error *error)
{
    const size_t width = (size_t)state->pattern.width;
    const size_t channels = state->pattern.is_colour ? 3 : 1;
    state->cosines = malloc(channels * WAVES * width * sizeof *state->cosines);
    state->sines = malloc(channels * WAVES * width * sizeof *state->sines);
    state->row = malloc(width * sizeof *state->row);
    if (!state->cosines || !state->sines || !state->row)
        return error_memory(error);
    for (size_t c = 0; c < channels; c++)
        for (size_t i = 0; i < WAVES; i++)
            for (size_t x = 0; x < width; x++) {
                state->cosines[(c * WAVES + i) * width + x] = cos(state->waves[c][i].kx * (double)x);
                state->sines[(c * WAVES + i) * width + x] = sin(state->waves[c][i].kx * (double)x);
            }
    return IST_OK;
}

static ist_status set_motion(struct pattern *pattern, const struct source_option *option, ist_error *error)
{
    for (int i = 0; i <= MOTION_NONE; i++)
        if (strcmp(option->value, motion_names[i]) == 0) {
            pattern->motion = (enum motion)i;
            return IST_OK;
        }
    return error_set(error, IST_ERROR_ARGUMENT, "motion=%s: must be none, circle, line or drift", option->value);
}

static ist_status set_depth(struct pattern *pattern, const struct source_option *option, ist_error *error)
{
    pattern->is_deep = strcmp(option->value, "16") == 0;
    if (!pattern->is_deep && strcmp(option->value, "8") != 0)
        return error_set(error, IST_ERROR_ARGUMENT, "depth=%s: must be 8 or 16", option->value);
    return IST_OK;
}

static ist_status set_option(struct pattern *pattern, const struct source_option *option, ist_error *error)
{
    const char *key = option->key;
    if (strcmp(key, "size") == 0)
        return source_option_size(option, &pattern->width, &pattern->height, error);
    if (strcmp(key, "motion") == 0)
        return set_motion(pattern, option, error);
    if (strcmp(key, "depth") == 0)
        return set_depth(pattern, option, error);
    if (strcmp(key, "rate") == 0)
        return source_option_number(option, 1e-6, 1e6, &pattern->rate, error);
    if (strcmp(key, "frames") == 0)
        return source_option_integer(option, 0, INT64_MAX, &pattern->frames, error);
    if (strcmp(key, "amplitude") == 0)
        return source_option_number(option, -1e6, 1e6, &pattern->amplitude_px, error);
    if (strcmp(key, "period") == 0)
        return source_option_number(option, 1e-3, 1e9, &pattern->period, error);
    if (strcmp(key, "noise") == 0)
        return source_option_number(option, 0, 1000, &pattern->noise, error);
    if (strcmp(key, "contrast") == 0)
        return source_option_number(option, 0, 1000, &pattern->contrast, error);
    if (strcmp(key, "seed") == 0)
        return source_option_integer(option, 0, INT64_MAX, &pattern->seed, error);
    if (strcmp(key, "color") == 0) {
        int64_t value = 0;
        const ist_status status = source_option_integer(option, 0, 1, &value, error);
        pattern->is_colour = value;
        return status;
    }
    if (strcmp(key, "live") == 0) {
        int64_t value = 0;
        const ist_status status = source_option_integer(option, 0, 1, &value, error);
        pattern->is_live = value;
        return status;
    }
    return error_set(error, IST_ERROR_ARGUMENT,
                     "unknown key '%s' (known: size, rate, frames, motion, amplitude, period, noise, contrast, seed, "
                     "color, depth, live)",
                     key);
}

static ist_status parse_pattern(struct pattern *pattern, const char *text, ist_error *error)
{
    struct source_option option;
    ist_status status;
    *pattern = (struct pattern){
        .width = 320, .height = 240, .rate = 25, .amplitude_px = 5, .period = 50, .contrast = 40, .seed = 1};
    while ((status = source_next_option(&text, ',', &option, error)) == IST_OK) {
        status = set_option(pattern, &option, error);
        if (status < 0)
            return status;
    }
    return status < 0 ? status : IST_OK;
}

static const char prefix[] = "test:";

static bool accept_test(const char *location)
{
    return strncmp(location, prefix, sizeof prefix - 1) == 0;
}

static ist_status open_test(ist_source *source, const char *location, const ist_source_params *params, ist_error *error)
{
    struct state *state = calloc(1, sizeof *state);
    if (!state)
        return error_memory(error);
    source->state = state;
    if (params->options && *params->options)
        return error_set(error, IST_ERROR_ARGUMENT, "%s: options stand behind 'test:', not apart", location);
    struct pattern *pattern = &state->pattern;
    ist_status status = parse_pattern(pattern, location + sizeof prefix - 1, error);
    if (status < 0)
        return error_prefix(error, status, "%s", location);
    source->info.width = pattern->width;
    source->info.height = pattern->height;
    source->info.channels = pattern->is_colour && !source->gray ? 3 : 1;
    source->info.type = pattern->is_deep ? IST_PIXEL_U16 : IST_PIXEL_U8;
    source->info.frame_rate = pattern->rate;
    source->info.frame_count = pattern->frames ? pattern->frames : -1;
    source->info.live = source->numbers = pattern->is_live;
    create_waves(state);
    return create_tables(state, error);
}

static void set_motion_of(struct state *state, int64_t index)
{
    const struct pattern *pattern = &state->pattern;
    const double turns = (double)index / pattern->period;
    const double angle = two_pi * (turns - floor(turns));
    state->motion_x = state->motion_y = 0;
    if (pattern->motion == MOTION_DRIFT) {
        state->motion_x = state->motion_y = pattern->amplitude_px * (double)index / pattern->period;
    } else if (pattern->motion != MOTION_NONE) {
        state->motion_x = pattern->amplitude_px * sin(angle);
        state->motion_y = pattern->motion == MOTION_CIRCLE ? pattern->amplitude_px * (1 - cos(angle)) : 0;
    }
}

// One channel of one row, in gray levels about the middle.
static void draw_row(struct state *state, int channel, int y)
{
    const size_t width = (size_t)state->pattern.width;
    const double amplitude = state->pattern.contrast * sqrt(2.0 / WAVES); // the variance of a cosine is 1/2
    double *restrict row = state->row;
    for (size_t x = 0; x < width; x++)
        row[x] = 0;
    // Two waves at a time, to go over the row half as often.
    for (size_t i = 0; i < WAVES; i += 2) {
        const struct wave *wave = &state->waves[channel][i];
        const double a = wave[0].phase - wave[0].kx * state->motion_x + wave[0].ky * ((double)y - state->motion_y);
        const double b = wave[1].phase - wave[1].kx * state->motion_x + wave[1].ky * ((double)y - state->motion_y);
        const double a_cos = amplitude * cos(a), a_sin = amplitude * sin(a);
        const double b_cos = amplitude * cos(b), b_sin = amplitude * sin(b);
        const double *restrict cosines = state->cosines + ((size_t)channel * WAVES + i) * width;
        const double *restrict sines = state->sines + ((size_t)channel * WAVES + i) * width;
        for (size_t x = 0; x < width; x++)
            row[x] += (a_cos * cosines[x] - a_sin * sines[x]) + (b_cos * cosines[width + x] - b_sin * sines[width + x]);
    }
}

// Box and Muller: two Gaussian values from two even ones.
static void add_noise(struct state *state, uint64_t *random)
{
    for (int x = 0; x < state->pattern.width; x += 2) {
        const double radius = state->pattern.noise * sqrt(-2 * log(1 - random_unit(random)));
        const double angle = two_pi * random_unit(random);
        state->row[x] += radius * cos(angle);
        if (x + 1 < state->pattern.width)
            state->row[x + 1] += radius * sin(angle);
    }
}

static void store_row(const struct state *state, ist_frame *frame, int channel, int y)
{
    uint8_t *to = frame->data + y * frame->stride + channel * (ptrdiff_t)ist_pixel_size(frame->type);
    const ptrdiff_t step = frame->channels * (ptrdiff_t)ist_pixel_size(frame->type);
    // 16 bits show the same picture in 257 times finer steps.
    const double scale = frame->type == IST_PIXEL_U16 ? 257 : 1;
    for (int x = 0; x < frame->width; x++, to += step) {
        const double level = (state->row[x] + middle_level) * scale + 0.5;
        const double white = 255 * scale;
        const uint16_t value = (uint16_t)(level < 0 ? 0 : level > white ? white : level);
        if (frame->type == IST_PIXEL_U8)
            *to = (uint8_t)value;
        else
            memcpy(to, &value, sizeof value);
    }
}

// Each frame's noise is its own, whatever was drawn before.
static uint64_t noise_seed(int64_t seed, int64_t index)
{
    uint64_t random = (uint64_t)seed ^ UINT64_C(0x5eed0f0015e00000);
    random = random_bits(&random) + (uint64_t)index;
    return random_bits(&random);
}

static double clock_s(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

// Waits until the next frame is due. As a camera with a few buffers: who comes later than they reach misses frames.
static ist_status wait_for_frame(ist_source *source, ist_error *error)
{
    enum { BUFFERS = 4 };
    const struct timespec nap = {.tv_nsec = 500000};
    struct state *state = source->state;
    if (state->start_s == 0) {
        state->start_s = clock_s(CLOCK_MONOTONIC);
        state->start_time_s = clock_s(CLOCK_REALTIME);
    }
    double past;
    while ((past = (clock_s(CLOCK_MONOTONIC) - state->start_s) * state->pattern.rate) < (double)state->next) {
        if (source_is_interrupted(source))
            return error_set(error, IST_ERROR_INTERRUPTED, "%s: interrupted", source->location);
        nanosleep(&nap, NULL);
    }
    const int64_t oldest = (int64_t)past - BUFFERS + 1;
    if (oldest > state->next)
        state->next = oldest;
    return IST_OK;
}

static ist_status next_test(ist_source *source, ist_frame *frame, ist_error *error)
{
    struct state *state = source->state;
    const struct pattern *pattern = &state->pattern;
    ist_status status = pattern->is_live ? wait_for_frame(source, error) : IST_OK;
    if (status < 0)
        return status;
    if (pattern->frames && state->next >= pattern->frames)
        return IST_END;
    status =
        ist_frame_alloc(frame, pattern->width, pattern->height, pattern->is_colour ? 3 : 1, source->info.type, error);
    if (status < 0)
        return status;
    const int64_t index = state->next++;
    uint64_t random = noise_seed(pattern->seed, index);
    set_motion_of(state, index);
    for (int y = 0; y < frame->height; y++)
        for (int c = 0; c < frame->channels; c++) {
            draw_row(state, c, y);
            if (pattern->noise > 0)
                add_noise(state, &random);
            store_row(state, frame, c, y);
        }
    frame->number = index;
    frame->time_s = state->start_time_s + (double)index / pattern->rate;
    snprintf(state->extra, sizeof state->extra, "{\"motion_x\": %.17g; \"motion_y\": %.17g}", state->motion_x,
             state->motion_y);
    // In some locales the point is a comma.
    for (char *c = state->extra; *c; c++)
        *c = (char)(*c == ',' ? '.' : *c == ';' ? ',' : *c);
    return IST_OK;
}

static const char *extra_of_test(const ist_source *source)
{
    const struct state *state = source->state;
    return state->extra;
}

static void close_test(ist_source *source)
{
    struct state *state = source->state;
    if (!state)
        return;
    free(state->cosines);
    free(state->sines);
    free(state->row);
    free(state);
}

const struct source_kind source_test = {
    .name = "test",
    .accepts = accept_test,
    .open = open_test,
    .next = next_test,
    .extra = extra_of_test,
    .close = close_test,
};
