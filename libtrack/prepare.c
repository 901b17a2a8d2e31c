#include "prepare.h"

#include <math.h>
#include <string.h>

#include "fail.h"
#include "memory.h"

static void make_blur(struct preparation *preparation, double sigma_px)
{
    preparation->radius = (int)ceil(4 * sigma_px);
    double taps[PREPARE_RADIUS_MAX + 1];
    double total = 0;
    for (int k = 0; k <= preparation->radius; k++) {
        taps[k] = sigma_px > 0 ? exp(-(double)(k * k) / (2 * sigma_px * sigma_px)) : 1;
        total += k ? 2 * taps[k] : taps[k];
    }
    for (int k = 0; k <= preparation->radius; k++)
        preparation->taps[preparation->radius + k] = preparation->taps[preparation->radius - k] =
            (float)(taps[k] / total);
}

/* Chooses whole numbers that hold all there can be: no gray level is clipped, and none that matters is rounded away. */
static void choose_steps(struct preparation *preparation)
{
    const bool is_signed = preparation->difference || preparation->subtracts;
    const bool deep = preparation->frame_type == IST_PIXEL_U16;
    if (preparation->plain) {
        preparation->type = preparation->frame_type;
        preparation->steps = 1;
        preparation->zero = 0;
    } else {
        preparation->type = IST_PIXEL_U16;
        preparation->steps = (deep ? 1.0f : 256.0f) / (is_signed ? 2 : 1);
        preparation->zero = is_signed ? 32768 : 0;
    }
}

ist_status prepare_init(struct preparation *preparation, int width, int height, int channels, ist_pixel_type type,
                        const trk_preparation *params, const struct kernels *kernels, ist_error *error)
{
    *preparation = (struct preparation){.width = width,
                                        .height = height,
                                        .channels = channels,
                                        .frame_type = type,
                                        .difference = params->difference,
                                        .subtracts = params->background,
                                        .kernels = *kernels};
    if (!(params->blur_sigma_px >= 0 && params->blur_sigma_px <= TRK_BLUR_MAX_PX))
        return trk_fail(error, IST_ERROR_ARGUMENT, "a blur of %g px: it must be 0 (none) to %d", params->blur_sigma_px,
                        TRK_BLUR_MAX_PX);
    make_blur(preparation, params->blur_sigma_px);
    preparation->plain = !params->difference && !params->background && preparation->radius == 0;
    choose_steps(preparation);
    return IST_OK;
}

void prepare_finish(struct preparation *preparation)
{
    free(preparation->background);
    preparation->background = NULL;
}

ist_status prepare_room_init(struct prepare_room *room, const struct preparation *preparation, ist_error *error)
{
    const size_t around = 2 * (size_t)preparation->radius;
    *room = (struct prepare_room){0};
    room->line = allocate_aligned(2 * (size_t)preparation->width + around, sizeof *room->line);
    if (preparation->radius)
        room->rows =
            allocate_aligned((size_t)preparation->width * ((size_t)preparation->height + around), sizeof *room->rows);
    return room->line && (room->rows || !preparation->radius) ? IST_OK : trk_fail_memory(error);
}

void prepare_room_finish(struct prepare_room *room)
{
    free(room->line);
    free(room->rows);
    *room = (struct prepare_room){0};
}

size_t prepare_samples_size(const struct preparation *preparation)
{
    // Frames that are gray with 8 bits serve as they are, those with 16 bits but for odd addresses.
    if (preparation->plain && preparation->channels == 1 && preparation->frame_type == IST_PIXEL_U8)
        return 0;
    return (size_t)preparation->width * (size_t)preparation->height * ist_pixel_size(preparation->type);
}

static void subtract_row(float *restrict line, const float *restrict other, int count)
{
    for (int x = 0; x < count; x++)
        line[x] -= other[x];
}

/* Row y in gray levels, but for the blur. `other` is room for a row. */
static void load_row(const struct preparation *preparation, const struct picture *picture, int y, float *line,
                     float *other)
{
    const int width = picture->width;
    if (picture->frame) {
        plane_gray_row(picture->frame, y, line);
        for (int x = 0; x < width; x++)
            line[x] *= picture->scale;
    } else {
        memcpy(line, picture->samples + (ptrdiff_t)y * width, (size_t)width * sizeof *line);
    }
    if (picture->before) {
        plane_gray_row(picture->before, y, other);
        subtract_row(line, other, width);
    }
    if (preparation->background)
        subtract_row(line, preparation->background + (ptrdiff_t)y * width, width);
}

/* Blurs along rows, and mirrors rows above and below. */
static void blur_rows(const struct preparation *preparation, struct prepare_room *room, const struct picture *picture)
{
    const int width = picture->width, height = picture->height, radius = preparation->radius;
    float *line = room->line + radius;
    for (int y = 0; y < height; y++) {
        float *out = room->rows + (ptrdiff_t)(y + radius) * width;
        load_row(preparation, picture, y, line, out);
        for (int i = 1; i <= radius; i++) {
            line[-i] = line[plane_mirror(-i, width)];
            line[width - 1 + i] = line[plane_mirror(width - 1 + i, width)];
        }
        preparation->kernels.filter(out, room->line, width, 1, preparation->taps, 2 * radius + 1);
    }
    for (int i = 1; i <= radius; i++) {
        const int above = plane_mirror(-i, height), below = plane_mirror(height - 1 + i, height);
        const size_t size = (size_t)width * sizeof *room->rows;
        memcpy(room->rows + (ptrdiff_t)(radius - i) * width, room->rows + (ptrdiff_t)(radius + above) * width, size);
        memcpy(room->rows + (ptrdiff_t)(radius + height - 1 + i) * width,
               room->rows + (ptrdiff_t)(radius + below) * width, size);
    }
}

// Rounds to whole numbers. A still of other frames may lead past the ends.
#define DEFINE_ROUND_ROW(name, type, most)                                                                             \
    static void name(type *restrict out, const float *restrict line, int count)                                        \
    {                                                                                                                  \
        for (int x = 0; x < count; x++) {                                                                              \
            const float sample = line[x] + 0.5f;                                                                       \
            out[x] = (type)(sample < 0 ? 0 : sample > (float)(most) ? (float)(most) : sample);                         \
        }                                                                                                              \
    }

DEFINE_ROUND_ROW(round_row_u8, uint8_t, UINT8_MAX)
DEFINE_ROUND_ROW(round_row_u16, uint16_t, UINT16_MAX)

struct plane prepare_picture(const struct preparation *preparation, struct prepare_room *room,
                             const struct picture *picture, void *samples, float *fine)
{
    const int width = picture->width, radius = preparation->radius;
    if (radius)
        blur_rows(preparation, room, picture);
    for (int y = 0; y < picture->height; y++) {
        const ptrdiff_t at = (ptrdiff_t)y * width;
        float *line = room->line;
        if (radius)
            preparation->kernels.filter(line, room->rows + (ptrdiff_t)y * width, width, width, preparation->taps,
                                        2 * radius + 1);
        else
            load_row(preparation, picture, y, line, room->line + width);
        for (int x = 0; x < width; x++)
            line[x] = line[x] * preparation->steps + preparation->zero;
        if (fine)
            memcpy(fine + at, line, (size_t)width * sizeof *fine);
        if (preparation->type == IST_PIXEL_U8)
            round_row_u8((uint8_t *)samples + at, line, width);
        else
            round_row_u16((uint16_t *)samples + at, line, width);
    }
    return (struct plane){.data = samples,
                          .stride = width,
                          .width = width,
                          .height = picture->height,
                          .type = preparation->type,
                          .fine = fine};
}

struct plane prepare_frame(const struct preparation *preparation, struct prepare_room *room, const ist_frame *frame,
                           const ist_frame *before, void *samples)
{
    if (preparation->plain)
        return plane_from_frame(frame, samples);
    const struct picture picture = {.width = frame->width,
                                    .height = frame->height,
                                    .frame = frame,
                                    .before = preparation->difference ? before : NULL,
                                    .scale = 1};
    return prepare_picture(preparation, room, &picture, samples, NULL);
}

static ist_status check_range(double low, double high, ist_error *error)
{
    if (low < high && isfinite(high - low))
        return IST_OK;
    return trk_fail(error, IST_ERROR_ARGUMENT, "samples from %g to %g: both must be finite, the first below the second",
                    low, high);
}

ist_status trk_frame_from_float(ist_frame *frame, const float *samples, ptrdiff_t stride, int width, int height,
                                double low, double high, ist_error *error)
{
    ist_status status = check_range(low, high, error);
    if (status >= 0)
        status = ist_frame_alloc(frame, width, height, 1, IST_PIXEL_U16, error);
    if (status < 0)
        return status;
    const double steps = UINT16_MAX / (high - low);
    for (int y = 0; y < height; y++) {
        const float *row = samples + y * stride;
        uint16_t *out = (uint16_t *)(void *)(frame->data + y * frame->stride);
        for (int x = 0; x < width; x++) {
            const double sample = ((double)row[x] - low) * steps;
            if (isnan(sample))
                return trk_fail(error, IST_ERROR_DATA, "the sample at %d,%d is NaN", x, y);
            out[x] = (uint16_t)lrint(fmin(fmax(sample, 0), UINT16_MAX));
        }
    }
    return IST_OK;
}
