#include "picture_buffers.h"

#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

/* Bytes, of rows and planes: more than any processor asks for. */
enum { ALIGNMENT = 64 };

struct picture_buffers {
    pthread_mutex_t lock;
    size_t size;        /* of each buffer */
    AVBufferPool *pool; /* NULL: none was asked for yet */
};

struct picture_buffers *picture_buffers_create(void)
{
    struct picture_buffers *buffers = calloc(1, sizeof *buffers);
    if (buffers)
        pthread_mutex_init(&buffers->lock, NULL);
    return buffers;
}

void picture_buffers_destroy(struct picture_buffers *buffers)
{
    if (!buffers)
        return;
    av_buffer_pool_uninit(&buffers->pool);
    pthread_mutex_destroy(&buffers->lock);
    free(buffers);
}

void picture_buffers_trim(struct picture_buffers *buffers)
{
    pthread_mutex_lock(&buffers->lock);
    av_buffer_pool_uninit(&buffers->pool); // what is in use follows when it is given back
    pthread_mutex_unlock(&buffers->lock);
}

/* Where pictures of another size come, those of before go: one file seldom has both. */
static AVBufferRef *get_buffer(struct picture_buffers *buffers, size_t size)
{
    pthread_mutex_lock(&buffers->lock);
    if (!buffers->pool || buffers->size != size) {
        av_buffer_pool_uninit(&buffers->pool);
        buffers->pool = av_buffer_pool_init(size, av_buffer_allocz);
        buffers->size = size;
    }
    AVBufferRef *buffer = buffers->pool ? av_buffer_pool_get(buffers->pool) : NULL;
    pthread_mutex_unlock(&buffers->lock);
    return buffer;
}

static bool is_plain(const AVCodecContext *codec, const AVPixFmtDescriptor *format)
{
    return (codec->codec->capabilities & AV_CODEC_CAP_DR1) && format &&
           !(format->flags & (AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_BITSTREAM));
}

int picture_buffers_get(struct picture_buffers *buffers, AVCodecContext *codec, AVFrame *picture, int flags)
{
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(picture->format);
    if (!is_plain(codec, format))
        return avcodec_default_get_buffer2(codec, picture, flags);
    int width = picture->width, height = picture->height, row_alignments[AV_NUM_DATA_POINTERS];
    avcodec_align_dimensions2(codec, &width, &height, row_alignments);
    width = FFALIGN(width, ALIGNMENT << format->log2_chroma_w);
    ptrdiff_t rows[4];
    size_t sizes[4], size = ALIGNMENT;
    int result = av_image_fill_linesizes(picture->linesize, picture->format, width);
    for (int i = 0; i < 4; i++)
        rows[i] = picture->linesize[i];
    if (result >= 0)
        result = av_image_fill_plane_sizes(sizes, picture->format, height, rows);
    if (result < 0)
        return result;
    for (int i = 0; i < 4; i++)
        size += FFALIGN(sizes[i], ALIGNMENT) + (sizes[i] ? ALIGNMENT : 0); // some codecs write behind a plane's end
    picture->buf[0] = get_buffer(buffers, size);
    if (!picture->buf[0])
        return AVERROR(ENOMEM);
    uint8_t *plane = (uint8_t *)FFALIGN((uintptr_t)picture->buf[0]->data, ALIGNMENT);
    for (int i = 0; i < 4 && sizes[i]; i++) {
        picture->data[i] = plane;
        plane += FFALIGN(sizes[i], ALIGNMENT) + ALIGNMENT;
    }
    picture->extended_data = picture->data;
    return 0;
}
