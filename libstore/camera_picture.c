#include "camera_picture.h"

#include <libavutil/frame.h>
#include <libavutil/imgutils.h>
#include <stdlib.h>

#include "error.h"
#include "image.h"
#include "pixels.h"

struct camera_converter {
    struct pixel_converter *pixels;
    AVFrame *picture; /* points into the camera's memory */
};

static const enum AVPixelFormat formats[] = {
    [CAMERA_GRAY8] = AV_PIX_FMT_GRAY8,  [CAMERA_GRAY16] = AV_PIX_FMT_GRAY16LE, [CAMERA_YUYV] = AV_PIX_FMT_YUYV422,
    [CAMERA_UYVY] = AV_PIX_FMT_UYVY422, [CAMERA_NV12] = AV_PIX_FMT_NV12,       [CAMERA_RGB] = AV_PIX_FMT_RGB24,
    [CAMERA_BGR] = AV_PIX_FMT_BGR24,
};

struct camera_converter *camera_converter_create(void)
{
    struct camera_converter *converter = calloc(1, sizeof *converter);
    if (!converter)
        return NULL;
    converter->pixels = pixel_converter_create(PIXEL_RULE_FFMPEG);
    converter->picture = av_frame_alloc();
    if (!converter->pixels || !converter->picture) {
        camera_converter_destroy(converter);
        return NULL;
    }
    return converter;
}

void camera_converter_destroy(struct camera_converter *converter)
{
    if (!converter)
        return;
    pixel_converter_destroy(converter->pixels);
    av_frame_free(&converter->picture);
    free(converter);
}

/* Points the AVFrame at the camera's bytes; false: there are too few. */
static bool describe(AVFrame *to, const struct camera_picture *from)
{
    uint8_t *data = (uint8_t *)(void *)from->data; // only read
    to->format = formats[from->layout];
    to->width = from->width;
    to->height = from->height;
    to->color_range = from->full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_UNSPECIFIED;
    if (av_image_fill_linesizes(to->linesize, to->format, to->width) < 0)
        return false;
    if ((int)from->stride > to->linesize[0]) {
        to->linesize[0] = (int)from->stride;
        if (from->layout == CAMERA_NV12)
            to->linesize[1] = (int)from->stride;
    }
    const int size = av_image_fill_pointers(to->data, to->format, to->height, data, to->linesize);
    return size > 0 && (size_t)size <= from->size;
}

static ist_status fail_short(const struct camera_picture *picture, ist_error *error)
{
    return error_set(error, IST_ERROR_DATA, "%zu bytes are not all of a picture of %d x %d pixels", picture->size,
                     picture->width, picture->height);
}

static ist_status unpack(const struct camera_picture *picture, ist_frame *frame, ist_error *error)
{
    const size_t width = (size_t)picture->width, height = (size_t)picture->height;
    // With nothing between the rows, all is one row.
    const size_t rows = picture->stride ? height : 1, count = picture->stride ? width : width * height;
    const size_t row_size = packing_size(picture->packing, count);
    if ((rows > 1 && picture->stride < row_size) || (rows - 1) * picture->stride + row_size > picture->size)
        return fail_short(picture, error);
    const ist_status status = ist_frame_alloc(frame, picture->width, picture->height, 1, IST_PIXEL_U16, error);
    for (size_t y = 0; status >= 0 && y < rows; y++)
        picture->packing->unpack((const uint8_t *)picture->data + y * picture->stride,
                                 (uint16_t *)(void *)frame->data + y * count, count);
    return status;
}

ist_status camera_picture_convert(struct camera_converter *converter, const struct camera_picture *picture, bool gray,
                                  bool encoded, ist_frame *frame, ist_error *error)
{
    if (picture->layout == CAMERA_JPEG)
        return encoded ? ist_frame_set_jpeg(frame, picture->data, picture->size, error)
                       : image_jpeg.decode(picture->data, picture->size, frame, error);
    if (picture->packing)
        return unpack(picture, frame, error);
    if (!describe(converter->picture, picture))
        return fail_short(picture, error);
    return pixel_converter_convert(converter->pixels, converter->picture,
                                   pixel_layout_for(converter->picture->format, gray), frame, error);
}
