#include <libstore/source.h>

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "source_kind.h"

// The first that accepts a location has it; the last accepts everything.
static const struct source_kind *const kinds[] = {
    &source_test, &source_v4l2, &source_aravis, &source_folder, &source_tiff, &source_ffmpeg,
};

static const double default_rate = 25;

ist_status source_next_option(const char **text, char separator, struct source_option *option, ist_error *error)
{
    const char *at = *text;
    if (!at || !*at)
        return IST_END;
    const char end_of_option[] = {separator, '\0'};
    const size_t length = strcspn(at, end_of_option);
    const char *equals = memchr(at, '=', length);
    const size_t key_length = equals ? (size_t)(equals - at) : 0;
    const size_t value_length = equals ? length - key_length - 1 : 0;
    if (!key_length || key_length >= sizeof option->key || value_length >= sizeof option->value)
        return error_set(error, IST_ERROR_ARGUMENT, "'%.*s' is not of the form KEY=VALUE", (int)length, at);
    *option = (struct source_option){0};
    memcpy(option->key, at, key_length);
    memcpy(option->value, equals + 1, value_length);
    *text = at + length + (at[length] == separator);
    return IST_OK;
}

// As strtod(), but a point is a point in every locale.
static bool parse_number(const char *text, double *number)
{
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!plain)
        return false;
    char *end;
    *number = strtod_l(text, &end, plain);
    freelocale(plain);
    return *text && !*end && isfinite(*number);
}

ist_status source_option_number(const struct source_option *option, double low, double high, double *number,
                                ist_error *error)
{
    if (parse_number(option->value, number) && *number >= low && *number <= high)
        return IST_OK;
    return error_set(error, IST_ERROR_ARGUMENT, "%s=%s: must be a number from %g to %g", option->key, option->value,
                     low, high);
}

ist_status source_option_integer(const struct source_option *option, int64_t low, int64_t high, int64_t *number,
                                 ist_error *error)
{
    char *end;
    errno = 0;
    *number = strtoll(option->value, &end, 10);
    if (*option->value && !*end && !errno && *number >= low && *number <= high)
        return IST_OK;
    return error_set(error, IST_ERROR_ARGUMENT, "%s=%s: must be a whole number from %" PRId64 " to %" PRId64,
                     option->key, option->value, low, high);
}

ist_status source_option_size(const struct source_option *option, int *width, int *height, ist_error *error)
{
    char x;
    int length = 0;
    if (sscanf(option->value, "%5d%c%5d%n", width, &x, height, &length) != 3 || x != 'x' || option->value[length] ||
        *width < 1 || *height < 1 || *width > 65535 || *height > 65535)
        return error_set(error, IST_ERROR_ARGUMENT, "%s=%s: must be WIDTHxHEIGHT, each 1 to 65535", option->key,
                         option->value);
    return IST_OK;
}

ist_status source_rate_option(const char *options, double *rate, ist_error *error)
{
    struct source_option option;
    ist_status status;
    *rate = default_rate;
    while ((status = source_next_option(&options, ':', &option, error)) == IST_OK) {
        if (strcmp(option.key, "rate") != 0 && strcmp(option.key, "framerate") != 0)
            return error_set(error, IST_ERROR_ARGUMENT, "unknown option '%s' (known: rate)", option.key);
        status = source_option_number(&option, 1e-6, 1e6, rate, error);
        if (status < 0)
            return status;
    }
    return status < 0 ? status : IST_OK;
}

// In place: a gray row is never longer than the colour row it comes from. The weights are those of OpenCV.
static void make_gray(ist_frame *frame)
{
    const ptrdiff_t stride = frame->width * (ptrdiff_t)ist_pixel_size(frame->type);
    for (int y = 0; y < frame->height; y++) {
        const uint8_t *from = frame->data + y * frame->stride;
        uint8_t *to = frame->data + y * stride;
        for (int x = 0; x < frame->width; x++) {
            uint16_t bgr[3];
            if (frame->type == IST_PIXEL_U8)
                for (int c = 0; c < 3; c++)
                    bgr[c] = from[3 * x + c];
            else
                memcpy(bgr, from + 6 * x, sizeof bgr);
            const uint16_t gray = (uint16_t)((bgr[0] * 3735u + bgr[1] * 19235u + bgr[2] * 9798u + 16384u) >> 15);
            if (frame->type == IST_PIXEL_U8)
                to[x] = (uint8_t)gray;
            else
                memcpy(to + 2 * x, &gray, sizeof gray);
        }
    }
    frame->stride = stride;
    frame->channels = 1;
}

static ist_status fail_shape(const ist_source *source, const ist_frame *frame, ist_error *error)
{
    const ist_source_info *info = &source->info;
    const char *slash = source->detail ? "/" : "";
    const char *detail = source->detail ? source->detail : "";
    if (frame->width != info->width || frame->height != info->height)
        return error_set(error, IST_ERROR_DATA, "%s%s%s: frame %" PRId64 ": the size changes from %d x %d to %d x %d",
                         source->location, slash, detail, source->delivered, info->width, info->height, frame->width,
                         frame->height);
    return error_set(error, IST_ERROR_DATA, "%s%s%s: frame %" PRId64 ": changes from %s, %zu bit, to %s, %zu bit",
                     source->location, slash, detail, source->delivered, info->channels == 1 ? "gray" : "colour",
                     8 * ist_pixel_size(info->type), frame->channels == 1 ? "gray" : "colour",
                     8 * ist_pixel_size(frame->type));
}

// The kind's next frame in the shape that was asked for.
static ist_status next_frame(ist_source *source, ist_frame *frame, ist_error *error)
{
    frame->camera_time_s = 0;
    const ist_status status = source->kind->next(source, frame, error);
    if (status != IST_OK)
        return status;
    if (source->gray && frame->channels == 3)
        make_gray(frame);
    const ist_source_info *info = &source->info;
    const bool shape_known = info->width > 0;
    if (shape_known && (frame->width != info->width || frame->height != info->height ||
                        frame->channels != info->channels || frame->type != info->type))
        return fail_shape(source, frame, error);
    frame->index = source->delivered;
    if (!source->numbers)
        frame->number = source->delivered + source->lost;
    return IST_OK;
}

// A source says what it delivers before it delivers it, and often only its first frame tells.
static ist_status look_at_first(ist_source *source, ist_error *error)
{
    ist_status status = next_frame(source, &source->first, error);
    if (status == IST_END && source->lost)
        status = error_set(error, IST_ERROR_DATA, "%s: no frame could be decoded, %" PRId64 " are damaged",
                           source->location, source->lost);
    else if (status == IST_END)
        status = error_set(error, IST_ERROR_DATA, "%s: holds no frame that can be decoded", source->location);
    if (status < 0)
        return status;
    source->has_first = true;
    source->info.width = source->first.width;
    source->info.height = source->first.height;
    source->info.channels = source->first.channels;
    source->info.type = source->first.type;
    return IST_OK;
}

static ist_source *create_source(const char *location)
{
    ist_source *source = calloc(1, sizeof *source);
    if (!source)
        return NULL;
    source->location = strdup(location);
    if (!source->location) {
        free(source);
        return NULL;
    }
    source->info.frame_count = -1;
    source->info.creation_time_s = (double)NAN;
    atomic_init(&source->interrupted, false);
    return source;
}

ist_status ist_source_open(ist_source **out, const char *location, const ist_source_params *params, ist_error *error)
{
    static const ist_source_params defaults = {0};
    *out = NULL;
    if (!params)
        params = &defaults;
    if (!location || !*location)
        return error_set(error, IST_ERROR_ARGUMENT, "no source is named");
    ist_source *source = create_source(location);
    if (!source)
        return error_memory(error);

    source->gray = params->gray;
    size_t i = 0;
    while (!kinds[i]->accepts(location))
        i++;
    source->kind = kinds[i];
    source->info.kind = kinds[i]->name;
    ist_status status = source->kind->open(source, location, params, error);
    if (status >= 0 && !source->info.width)
        status = look_at_first(source, error);
    if (status < 0) {
        ist_source_close(&source);
        return status;
    }
    *out = source;
    return IST_OK;
}

const ist_source_info *ist_source_get_info(const ist_source *source)
{
    return &source->info;
}

ist_status ist_source_next(ist_source *source, ist_frame *frame, ist_error *error)
{
    if (source_is_interrupted(source))
        return error_set(error, IST_ERROR_INTERRUPTED, "%s: interrupted", source->location);
    if (source->ended)
        return IST_END;
    ist_status status;
    if (source->has_first) {
        status = ist_frame_copy(frame, &source->first, error);
        if (status < 0)
            return status;
        source->has_first = false;
        ist_frame_free(&source->first);
    } else {
        status = next_frame(source, frame, error);
    }
    if (status == IST_OK)
        source->delivered++;
    else if (status != IST_ERROR_INTERRUPTED)
        source->ended = true;
    return status;
}

const char *ist_source_extra(const ist_source *source)
{
    return source->kind->extra && source->delivered ? source->kind->extra(source) : NULL;
}

void source_lose(ist_source *source, const ist_error *error)
{
    source->lost++;
    if (error)
        source->lost_reason = *error;
}

void source_note_drop(ist_source *source, const ist_drop *drop)
{
    ist_drop *last = source->drop_count ? &source->drops[source->drop_count - 1] : NULL;
    if (last && last->cause == drop->cause && last->first_number + last->count == drop->first_number) {
        last->count += drop->count;
        return;
    }
    ist_drop *drops = realloc(source->drops, ((size_t)source->drop_count + 1) * sizeof *drops);
    if (!drops)
        return; // the gap in the numbers still tells of it
    source->drops = drops;
    drops[source->drop_count++] = *drop;
}

bool ist_source_next_drop(ist_source *source, ist_drop *drop)
{
    if (source->drop_count == 0)
        return false;
    *drop = source->drops[0];
    memmove(source->drops, source->drops + 1, (size_t)--source->drop_count * sizeof *source->drops);
    return true;
}

const char *ist_source_lost_reason(const ist_source *source)
{
    return source->lost_reason.message;
}

int64_t ist_source_lost(const ist_source *source)
{
    return source->lost;
}

bool ist_source_get_stats(const ist_source *source, ist_source_stats *stats)
{
    return source->kind->stats && source->kind->stats(source, stats);
}

void ist_source_interrupt(ist_source *source)
{
    atomic_store_explicit(&source->interrupted, true, memory_order_relaxed);
}

void ist_source_close(ist_source **source)
{
    if (!*source)
        return;
    if ((*source)->kind)
        (*source)->kind->close(*source);
    ist_frame_free(&(*source)->first);
    free((*source)->location);
    free((*source)->drops);
    free(*source);
    *source = NULL;
}
