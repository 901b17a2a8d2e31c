/* PGM and PPM: a line of text, and the samples, red first, large bytes first. */
#include <stdio.h>

#include "image_write.h"

static uint16_t sample_at(const ist_frame *frame, int y, int sample)
{
    const uint8_t *row = frame->data + y * frame->stride;
    return frame->type == IST_PIXEL_U16 ? ((const uint16_t *)(const void *)row)[sample] : row[sample];
}

static uint8_t *pack_row(const ist_frame *frame, int y, uint8_t *to)
{
    const int channels = frame->channels;
    for (int x = 0; x < frame->width; x++)
        for (int c = channels - 1; c >= 0; c--) {
            const uint16_t sample = sample_at(frame, y, x * channels + c);
            if (frame->type == IST_PIXEL_U16)
                *to++ = (uint8_t)(sample >> 8);
            *to++ = (uint8_t)sample;
        }
    return to;
}

ist_status image_encode_pnm(const ist_frame *frame, int quality, struct buffer *out, ist_error *error)
{
    (void)quality;
    char header[64];
    const int header_size = snprintf(header, sizeof header, "P%d\n%d %d\n%d\n", frame->channels == 1 ? 5 : 6,
                                     frame->width, frame->height, frame->type == IST_PIXEL_U16 ? 65535 : 255);
    const size_t size = (size_t)(frame->width * frame->channels) * (size_t)frame->height * ist_pixel_size(frame->type);
    out->size = 0;
    ist_status status = buffer_append(out, header, (size_t)header_size, error);
    if (status >= 0)
        status = buffer_reserve(out, out->size + size, error);
    if (status < 0)
        return status;
    uint8_t *to = out->data + out->size;
    for (int y = 0; y < frame->height; y++)
        to = pack_row(frame, y, to);
    out->size += size;
    return IST_OK;
}
