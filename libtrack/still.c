/*
 * Stills: sums, minima or counts for each pixel, never frames.
 *
 * The median is found digit by digit, in base 16 from the highest on: each pass counts, for each pixel, the next digit
 * of those samples that begin with the digits known so far; the digit in which the middle one lies is then known, too.
 */
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "memory.h"
#include "plane.h"
#include "still.h"

enum { DIGIT_BITS = 4, DIGITS = 1 << DIGIT_BITS };

struct trk_still {
    int width, height, channels;
    ist_pixel_type type;
    trk_still_kind kind;
    void *gray;           // room for plane_from_frame()
    int passes_left;      // this one included; 0: complete
    int64_t frames;       // in this pass
    int64_t frames_first; // in the first pass
    float *values;        // when complete

    uint64_t *sums;             // mean
    uint16_t *known;            // minimum so far; median: its highest digits
    uint32_t *rank;             // median: how many samples that begin with these digits come before it
    uint32_t (*counts)[DIGITS]; // median: of the next digit
};

const char *trk_still_kind_name(trk_still_kind kind)
{
    switch (kind) {
    case TRK_STILL_MEAN:
        return "mean";
    case TRK_STILL_MINIMUM:
        return "minimum";
    case TRK_STILL_MEDIAN:
        return "median";
    }
    return "unknown";
}

static size_t pixel_count(const trk_still *still)
{
    return (size_t)still->width * (size_t)still->height;
}

static bool allocate(trk_still *still)
{
    const size_t pixels = pixel_count(still);
    still->gray = allocate_aligned(pixels, ist_pixel_size(still->type));
    still->values = allocate_aligned(pixels, sizeof *still->values);
    if (!still->gray || !still->values)
        return false;
    switch (still->kind) {
    case TRK_STILL_MEAN:
        return (still->sums = calloc(pixels, sizeof *still->sums)) != NULL;
    case TRK_STILL_MINIMUM:
        still->known = malloc(pixels * sizeof *still->known);
        if (still->known)
            memset(still->known, 0xff, pixels * sizeof *still->known);
        return still->known != NULL;
    case TRK_STILL_MEDIAN:
        still->known = calloc(pixels, sizeof *still->known);
        still->rank = calloc(pixels, sizeof *still->rank);
        still->counts = calloc(pixels, sizeof *still->counts);
        return still->known && still->rank && still->counts;
    }
    return false;
}

ist_status trk_still_create(trk_still **still, int width, int height, int channels, ist_pixel_type type,
                            trk_still_kind kind, ist_error *error)
{
    *still = NULL;
    if (kind != TRK_STILL_MEAN && kind != TRK_STILL_MINIMUM && kind != TRK_STILL_MEDIAN)
        return trk_fail(error, IST_ERROR_ARGUMENT, "still of kind %d: there is none of this number", (int)kind);
    ist_status status = plane_check_picture(width, height, channels, type, error);
    if (status < 0)
        return status;
    trk_still *new = calloc(1, sizeof *new);
    if (!new)
        return trk_fail_memory(error);
    new->width = width;
    new->height = height;
    new->channels = channels;
    new->type = type;
    new->kind = kind;
    new->passes_left = kind == TRK_STILL_MEDIAN ? 8 * (int)ist_pixel_size(type) / DIGIT_BITS : 1;
    if (!allocate(new)) {
        trk_still_destroy(&new);
        return trk_fail_memory(error);
    }
    *still = new;
    return IST_OK;
}

void trk_still_destroy(trk_still **still)
{
    if (!still || !*still)
        return;
    trk_still *old = *still;
    free(old->gray);
    free(old->values);
    free(old->sums);
    free(old->known);
    free(old->rank);
    free(old->counts);
    free(old);
    *still = NULL;
}

/* How far the digit that is looked for lies from the last one, in bits. */
static int digit_shift(const trk_still *still)
{
    return DIGIT_BITS * (still->passes_left - 1);
}

// Takes in a row of samples, from pixel `at` on.
#define DEFINE_ADD_ROW(type)                                                                                           \
    static void add_row_##type(trk_still *still, const type##_t *row, size_t at)                                       \
    {                                                                                                                  \
        const size_t width = (size_t)still->width;                                                                     \
        const int shift = digit_shift(still);                                                                          \
        if (still->kind == TRK_STILL_MEAN)                                                                             \
            for (size_t x = 0; x < width; x++)                                                                         \
                still->sums[at + x] += row[x];                                                                         \
        else if (still->kind == TRK_STILL_MINIMUM)                                                                     \
            for (size_t x = 0; x < width; x++)                                                                         \
                still->known[at + x] = row[x] < still->known[at + x] ? row[x] : still->known[at + x];                  \
        else                                                                                                           \
            for (size_t x = 0; x < width; x++)                                                                         \
                if (row[x] >> shift >> DIGIT_BITS == still->known[at + x])                                             \
                    still->counts[at + x][(row[x] >> shift) % DIGITS]++;                                               \
    }

DEFINE_ADD_ROW(uint8)
DEFINE_ADD_ROW(uint16)

ist_status trk_still_add(trk_still *still, const ist_frame *frame, ist_error *error)
{
    if (trk_still_is_complete(still))
        return trk_fail(error, IST_ERROR_STATE, "the still is complete");
    const ist_status status =
        plane_check_frame(frame, still->width, still->height, still->channels, still->type, error);
    if (status < 0)
        return status;
    const struct plane plane = plane_from_frame(frame, still->gray);
    for (int y = 0; y < still->height; y++) {
        const size_t at = (size_t)y * (size_t)still->width;
        if (still->type == IST_PIXEL_U16)
            add_row_uint16(still, plane_uint16(&plane, 0, y), at);
        else
            add_row_uint8(still, plane_uint8(&plane, 0, y), at);
    }
    still->frames++;
    return IST_OK;
}

/* Of n samples in order, the one in the middle comes behind (n - 1) / 2. */
static void start_ranks(trk_still *still)
{
    const size_t pixels = pixel_count(still);
    for (size_t i = 0; i < pixels; i++)
        still->rank[i] = (uint32_t)((still->frames - 1) / 2);
}

/* Appends to each pixel's median the digit in which it lies. */
static void find_digits(trk_still *still)
{
    const size_t pixels = pixel_count(still);
    for (size_t i = 0; i < pixels; i++) {
        const uint32_t *counts = still->counts[i];
        int digit = 0;
        while (still->rank[i] >= counts[digit] && digit < DIGITS - 1)
            still->rank[i] -= counts[digit++];
        still->known[i] = (uint16_t)(still->known[i] << DIGIT_BITS | digit);
    }
    memset(still->counts, 0, pixels * sizeof *still->counts);
}

static void fill_values(trk_still *still)
{
    const size_t pixels = pixel_count(still);
    for (size_t i = 0; i < pixels; i++)
        still->values[i] = still->kind == TRK_STILL_MEAN ? (float)((double)still->sums[i] / (double)still->frames)
                                                         : (float)still->known[i];
}

ist_status still_check(const trk_still *still, int width, int height, ist_pixel_type type, ist_error *error)
{
    if (!trk_still_is_complete(still))
        return trk_fail(error, IST_ERROR_ARGUMENT, "the still is not complete");
    if (still->width == width && still->height == height && still->type == type)
        return IST_OK;
    return trk_fail(error, IST_ERROR_ARGUMENT, "a still of %d x %d pixels, %d bits; expected are %d x %d, %d bits",
                    still->width, still->height, 8 * (int)ist_pixel_size(still->type), width, height,
                    8 * (int)ist_pixel_size(type));
}

ist_status trk_still_end_pass(trk_still *still, ist_error *error)
{
    if (trk_still_is_complete(still))
        return trk_fail(error, IST_ERROR_STATE, "the still is complete");
    if (still->frames == 0)
        return trk_fail(error, IST_ERROR_STATE, "a still of no frames");
    const bool is_first = still->frames_first == 0;
    if (!is_first && still->frames != still->frames_first)
        return trk_fail(error, IST_ERROR_STATE, "a still of %lld frames in its first pass, %lld in a later one",
                        (long long)still->frames_first, (long long)still->frames);
    if (is_first)
        still->frames_first = still->frames;
    if (still->kind == TRK_STILL_MEDIAN) {
        if (is_first)
            start_ranks(still);
        find_digits(still);
    }
    still->passes_left--;
    if (still->passes_left == 0)
        fill_values(still);
    else
        still->frames = 0;
    return IST_OK;
}

bool trk_still_is_complete(const trk_still *still)
{
    return still->passes_left == 0;
}

int64_t trk_still_frame_count(const trk_still *still)
{
    return still->frames_first ? still->frames_first : still->frames;
}

const float *trk_still_row(const trk_still *still, int y)
{
    return still->values + (ptrdiff_t)y * still->width;
}

/* ---- from a store ---- */

/* The frames of one pass and who is told of them. */
struct reading {
    ist_reader *reader;
    int64_t first, count;
    trk_still_progress *progress;
    void *context;
    int64_t done, total; // frames of all passes
};

static ist_status read_pass(trk_still *still, struct reading *reading, ist_frame *frame, ist_error *error)
{
    for (int64_t i = 0; i < reading->count; i++) {
        ist_status status = ist_reader_read_index(reading->reader, reading->first + i, frame, error);
        if (status == IST_ERROR_MEMORY || status == IST_ERROR_STATE)
            return status;
        // Neither what cannot be read nor what has another shape is part of the picture.
        if (status >= 0)
            status = trk_still_add(still, frame, error);
        reading->done++;
        if (reading->progress && !reading->progress(reading->context, reading->done, reading->total))
            return IST_END;
    }
    if (still->frames == 0)
        return trk_fail(error, IST_ERROR_DATA, "%s: none of %lld frames from frame %lld could be used",
                        trk_still_kind_name(still->kind), (long long)reading->count, (long long)reading->first);
    return trk_still_end_pass(still, error);
}

ist_status trk_still_read(trk_still **still, ist_reader *reader, int64_t first, int64_t count, trk_still_kind kind,
                          trk_still_progress *progress, void *context, ist_error *error)
{
    *still = NULL;
    const ist_reader_info *info = ist_reader_get_info(reader);
    if (first < 0 || count < 0 || count > info->frame_count || first > info->frame_count - count)
        return trk_fail(error, IST_ERROR_NOT_FOUND, "%lld frames from frame %lld: the store has %lld", (long long)count,
                        (long long)first, (long long)info->frame_count);
    ist_status status = trk_still_create(still, info->width, info->height, info->channels, info->type, kind, error);
    if (status < 0)
        return status;
    struct reading reading = {.reader = reader,
                              .first = first,
                              .count = count,
                              .progress = progress,
                              .context = context,
                              .total = count * (*still)->passes_left};
    ist_frame frame = {0};
    while (status == IST_OK && !trk_still_is_complete(*still))
        status = read_pass(*still, &reading, &frame, error);
    ist_frame_free(&frame);
    if (status != IST_OK)
        trk_still_destroy(still);
    return status;
}
