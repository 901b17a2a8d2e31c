#include "camera_picture.h"

#include <libavutil/frame.h>
#include <libavutil/imgutils.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "image.h"
#include "pixels.h"

struct camera_converter {
    struct pixel_converter *pixels;
    AVFrame *picture; /* points into the camera's memory */
};

static const enum AVPixelFormat formats[] = {
    [CAMERA_GRAY8] = AV_PIX_FMT_GRAY8,  [CAMERA_GRAY16] = AV_PIX_FMT_GRAY16LE, [CAMERA_YUYV] = AV_PIX_FMT_YUYV422,
    [CAMERA_UYVY] = AV_PIX_FMT_UYVY422, [CAMERA_NV12] = AV_PIX_FMT_NV12,       [CAMERA_YUV420] = AV_PIX_FMT_YUV420P,
    [CAMERA_RGB] = AV_PIX_FMT_RGB24,    [CAMERA_BGR] = AV_PIX_FMT_BGR24,
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

/* Lines as long as they are in the camera's memory. */
static void set_strides(AVFrame *to, const struct camera_picture *from)
{
    for (int i = 0; i < CAMERA_PLANES_MAX && to->linesize[i] > 0; i++) {
        int stride = (int)from->planes[0].stride;
        if (from->plane_count > 1)
            stride = (int)from->planes[i].stride;
        else if (from->layout == CAMERA_YUV420 && i > 0)
            stride /= 2;
        if (stride > to->linesize[i])
            to->linesize[i] = stride;
    }
}

static bool point_at_planes(AVFrame *to, const struct camera_picture *from)
{
    memset(to->data, 0, sizeof to->data);
    for (int i = 0; i < from->plane_count; i++) {
        const struct camera_plane *plane = &from->planes[i];
        const int rows = i == 0 ? to->height : (to->height + 1) / 2; // 4:2:0
        if ((size_t)to->linesize[i] * (size_t)rows > plane->size)
            return false;
        to->data[i] = (uint8_t *)(void *)plane->data; // only read
    }
    return true;
}

/* Points the AVFrame at the camera's bytes; false: there are too few. */
static bool describe(AVFrame *to, const struct camera_picture *from)
{
    to->format = formats[from->layout];
    to->width = from->width;
    to->height = from->height;
    to->color_range = from->full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_UNSPECIFIED;
    if (av_image_fill_linesizes(to->linesize, to->format, to->width) < 0)
        return false;
    set_strides(to, from);
    if (from->plane_count > 1)
        return point_at_planes(to, from);
    uint8_t *data = (uint8_t *)(void *)from->planes[0].data; // only read
    const int size = av_image_fill_pointers(to->data, to->format, to->height, data, to->linesize);
    return size > 0 && (size_t)size <= from->planes[0].size;
}

static ist_status fail_short(const struct camera_picture *picture, ist_error *error)
{
    return error_set(error, IST_ERROR_DATA, "%zu bytes are not all of a picture of %d x %d pixels",
                     picture->planes[0].size, picture->width, picture->height);
}

static ist_status unpack(const struct camera_picture *picture, ist_frame *frame, ist_error *error)
{
    const struct camera_plane *plane = &picture->planes[0];
    const size_t width = (size_t)picture->width, height = (size_t)picture->height;
    // With nothing between the rows, all is one row.
    const size_t rows = plane->stride ? height : 1, count = plane->stride ? width : width * height;
    const size_t row_size = packing_size(picture->packing, count);
    if ((rows > 1 && plane->stride < row_size) || (rows - 1) * plane->stride + row_size > plane->size)
        return fail_short(picture, error);
    const ist_status status = ist_frame_alloc(frame, picture->width, picture->height, 1, IST_PIXEL_U16, error);
    for (size_t y = 0; status >= 0 && y < rows; y++)
        picture->packing->unpack((const uint8_t *)plane->data + y * plane->stride,
                                 (uint16_t *)(void *)frame->data + y * count, count);
    return status;
}

ist_status camera_picture_convert(struct camera_converter *converter, const struct camera_picture *picture, bool gray,
                                  bool encoded, ist_frame *frame, ist_error *error)
{
    if (picture->layout == CAMERA_JPEG)
        return encoded ? ist_frame_set_jpeg(frame, picture->planes[0].data, picture->planes[0].size, error)
                       : image_jpeg.decode(picture->planes[0].data, picture->planes[0].size, frame, error);
    if (picture->packing)
        return unpack(picture, frame, error);
    if (!describe(converter->picture, picture))
        return fail_short(picture, error);
    return pixel_converter_convert(converter->pixels, converter->picture,
                                   pixel_layout_for(converter->picture->format, gray), frame, error);
}
