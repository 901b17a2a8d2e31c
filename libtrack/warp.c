/*
 * A picture moved back: first its spline coefficients, by one filter along rows and columns, then the spline at the
 * place that each pixel came from.
 */
#include <libtrack/stabilise.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "kernels.h"
#include "memory.h"
#include "motion.h"
#include "plane.h"
#include "spline.h"

enum {
    // The inverse of the B-spline falls by 3.7 with each pixel: what is cut off is 1e-7 of a sample.
    RADIUS = 12,
    // Coefficients around a point: from 1 before the pixel on its left to 2 behind it.
    BEFORE = 1,
    EXTRA = 3,
};

/* Where a point takes its coefficients along one axis, and how much of each. */
struct sampling {
    int first;
    bool outside; /* of the picture: the point is its border's */
    float weights[4];
};

struct trk_warp {
    struct kernels kernels;
    float taps[2 * RADIUS + 1];
    int columns_max, rows_max;
    float *line;             /* a row of samples, with RADIUS more on each side, later of coefficients */
    float *filtered;         /* rows filtered along themselves, with RADIUS more above and below */
    float *spline;           /* coefficients of one channel */
    struct sampling *across; /* for each column */
};

/* One channel on its way. */
struct job {
    const ist_frame *from;
    const trk_motion *motion;
    trk_border border;
    trk_roi part;
    ist_frame *to;
    int channel;
};

static int columns_of(const ist_frame *frame)
{
    return frame->width + EXTRA;
}

static int rows_of(const ist_frame *frame)
{
    return frame->height + EXTRA;
}

/* The inverse of the B-spline's own filter (1 4 1) / 6: sqrt(3) z^|k| with z = sqrt(3) - 2, scaled to sum to 1. */
static void make_taps(float *taps)
{
    const double z = sqrt(3) - 2;
    double total = 1;
    for (int k = 1; k <= RADIUS; k++)
        total += 2 * pow(z, k);
    for (int k = 0; k <= RADIUS; k++)
        taps[RADIUS + k] = taps[RADIUS - k] = (float)(pow(z, k) / total);
}

ist_status trk_warp_create(trk_warp **warp, ist_error *error)
{
    trk_warp *new = *warp = calloc(1, sizeof *new);
    if (!new)
        return trk_fail_memory(error);
    new->kernels = kernels_get(~0u);
    make_taps(new->taps);
    return IST_OK;
}

static void free_room(trk_warp *warp)
{
    free(warp->line);
    free(warp->filtered);
    free(warp->spline);
    free(warp->across);
    warp->line = warp->filtered = warp->spline = NULL;
    warp->across = NULL;
    warp->columns_max = warp->rows_max = 0;
}

void trk_warp_destroy(trk_warp **warp)
{
    if (!*warp)
        return;
    free_room(*warp);
    free(*warp);
    *warp = NULL;
}

static ist_status make_room(trk_warp *warp, const ist_frame *frame, ist_error *error)
{
    const int columns = columns_of(frame), rows = rows_of(frame);
    if (columns <= warp->columns_max && rows <= warp->rows_max)
        return IST_OK;
    free_room(warp);
    warp->line = allocate_aligned((size_t)columns + 2 * RADIUS, sizeof(float));
    warp->filtered = allocate_aligned((size_t)columns * ((size_t)rows + 2 * RADIUS), sizeof(float));
    warp->spline = allocate_aligned((size_t)columns * (size_t)rows, sizeof(float));
    warp->across = calloc((size_t)columns, sizeof *warp->across);
    if (!warp->line || !warp->filtered || !warp->spline || !warp->across) {
        free_room(warp);
        return trk_fail_memory(error);
    }
    warp->columns_max = columns;
    warp->rows_max = rows;
    return IST_OK;
}

/* ---- coefficients ---- */

/* Row y of a channel, and what the mirror shows on both sides of it. Samples of 16 bits may lie at odd addresses. */
static void load_line(float *line, const ist_frame *frame, int channel, int y)
{
    const size_t size = ist_pixel_size(frame->type);
    const size_t step = size * (size_t)frame->channels;
    const uint8_t *from = frame->data + y * frame->stride + (size_t)channel * size;
    float *inside = line + RADIUS + BEFORE;
    for (int x = 0; x < frame->width; x++, from += step) {
        uint16_t sample = *from;
        if (frame->type == IST_PIXEL_U16)
            memcpy(&sample, from, sizeof sample);
        inside[x] = (float)sample;
    }
    for (int x = 1; x <= RADIUS + BEFORE; x++)
        inside[-x] = inside[plane_mirror(-x, frame->width)];
    for (int x = frame->width; x < frame->width + EXTRA - BEFORE + RADIUS; x++)
        inside[x] = inside[plane_mirror(x, frame->width)];
}

static void make_spline(trk_warp *warp, const ist_frame *frame, int channel)
{
    const int columns = columns_of(frame), rows = rows_of(frame);
    for (int i = 0; i < rows + 2 * RADIUS; i++) {
        load_line(warp->line, frame, channel, plane_mirror(i - RADIUS - BEFORE, frame->height));
        warp->kernels.filter(warp->filtered + (ptrdiff_t)i * columns, warp->line, columns, 1, warp->taps,
                             2 * RADIUS + 1);
    }
    for (int i = 0; i < rows; i++)
        warp->kernels.filter(warp->spline + (ptrdiff_t)i * columns, warp->filtered + (ptrdiff_t)i * columns, columns,
                             columns, warp->taps, 2 * RADIUS + 1);
}

/* ---- pixels ---- */

static struct sampling sample_at(double place, int size)
{
    const double last = size - 1;
    const double inside = place < 0 ? 0 : place > last ? last : place;
    const int whole = (int)inside;
    struct sampling sampling = {.first = whole + BEFORE - 1, .outside = inside < place || inside > place};
    spline_weights((float)(inside - whole), sampling.weights);
    return sampling;
}

static float weigh(const float *four, const float *weights)
{
    return four[0] * weights[0] + four[1] * weights[1] + four[2] * weights[2] + four[3] * weights[3];
}

static void put_sample(const struct job *job, int x, int y, float value)
{
    const ist_frame *to = job->to;
    const size_t size = ist_pixel_size(to->type);
    uint8_t *at = to->data + y * to->stride + ((size_t)x * (size_t)to->channels + (size_t)job->channel) * size;
    const float most = to->type == IST_PIXEL_U16 ? UINT16_MAX : UINT8_MAX;
    const float clipped = value < 0 ? 0 : value > most ? most : value;
    const uint16_t sample = (uint16_t)(clipped + 0.5f);
    if (to->type == IST_PIXEL_U16)
        memcpy(at, &sample, sizeof sample);
    else
        *at = (uint8_t)sample;
}

/* Without a turn all pixels of a row take theirs from the same rows, and those of a column likewise. */
static void shift_back(trk_warp *warp, const struct job *job)
{
    const int columns = columns_of(job->from);
    for (int x = 0; x < job->part.width; x++)
        warp->across[x] = sample_at(job->part.x + x + job->motion->x_px, job->from->width);
    for (int y = 0; y < job->part.height; y++) {
        const struct sampling down = sample_at(job->part.y + y + job->motion->y_px, job->from->height);
        warp->kernels.filter(warp->line, warp->spline + (ptrdiff_t)down.first * columns, columns, columns, down.weights,
                             4);
        for (int x = 0; x < job->part.width; x++) {
            const struct sampling *across = &warp->across[x];
            const bool black = job->border == TRK_BORDER_BLACK && (across->outside || down.outside);
            put_sample(job, x, y, black ? 0 : weigh(warp->line + across->first, across->weights));
        }
    }
}

static void turn_back(const trk_warp *warp, const struct job *job)
{
    const int columns = columns_of(job->from);
    const struct movement movement = movement_of(job->motion);
    for (int y = 0; y < job->part.height; y++)
        for (int x = 0; x < job->part.width; x++) {
            const struct point place = movement_apply(&movement, job->part.x + x, job->part.y + y);
            const struct sampling across = sample_at(place.x, job->from->width);
            const struct sampling down = sample_at(place.y, job->from->height);
            const float *around = warp->spline + (ptrdiff_t)down.first * columns + across.first;
            float rows[4];
            for (int i = 0; i < 4; i++)
                rows[i] = weigh(around + (ptrdiff_t)i * columns, across.weights);
            const bool black = job->border == TRK_BORDER_BLACK && (across.outside || down.outside);
            put_sample(job, x, y, black ? 0 : weigh(rows, down.weights));
        }
}

static ist_status check(const ist_frame *frame, const trk_motion *motion, const trk_roi *part, ist_error *error)
{
    if (!isfinite(motion->x_px) || !isfinite(motion->y_px) || !isfinite(motion->turn_deg))
        return trk_fail(error, IST_ERROR_ARGUMENT, "frame %lld: a motion that is not known cannot be taken back",
                        (long long)frame->index);
    if (part->width < 1 || part->height < 1 || part->x < 0 || part->y < 0 || part->width > frame->width - part->x ||
        part->height > frame->height - part->y)
        return trk_fail(error, IST_ERROR_ARGUMENT, "frame %lld: %d x %d px at %d,%d is no part of %d x %d px",
                        (long long)frame->index, part->width, part->height, part->x, part->y, frame->width,
                        frame->height);
    return IST_OK;
}

ist_status trk_warp_back(trk_warp *warp, const ist_frame *from, const trk_motion *motion, trk_border border,
                         const trk_roi *part, ist_frame *to, ist_error *error)
{
    struct job job = {.from = from, .motion = motion, .border = border, .to = to};
    job.part = part ? *part : (trk_roi){0, 0, from->width, from->height};
    ist_status status = check(from, motion, &job.part, error);
    if (status >= 0)
        status = make_room(warp, from, error);
    if (status >= 0)
        status = ist_frame_alloc(to, job.part.width, job.part.height, from->channels, from->type, error);
    if (status < 0)
        return status;
    to->index = from->index;
    to->number = from->number;
    to->time_s = from->time_s;
    for (job.channel = 0; job.channel < from->channels; job.channel++) {
        make_spline(warp, from, job.channel);
        if (motion->turn_deg < 0 || motion->turn_deg > 0)
            turn_back(warp, &job);
        else
            shift_back(warp, &job);
    }
    return IST_OK;
}
