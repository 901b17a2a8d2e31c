#include "picture_order.h"

#include <libavcodec/avcodec.h>
#include <stdlib.h>

/*
 * H.264 and HEVC number their pictures in the order of presentation, beginning anew now and then; MPEG-1, 2 and 4 show
 * a B-picture at once and every other picture when the next such one comes.
 */
struct picture_order {
    bool numbered;
    AVCodecContext *codec;
    AVCodecParserContext *parser;
    int64_t sequence;   /* how often the numbers began anew */
    int64_t largest;    /* number since then */
    int64_t references; /* pictures so far that are not B */
    int64_t between;    /* B-pictures since the last of them */
};

enum { BETWEEN_BITS = 16 };

struct picture_order *picture_order_create(const struct AVCodecParameters *codec)
{
    const enum AVCodecID id = codec->codec_id;
    const bool numbered = id == AV_CODEC_ID_H264 || id == AV_CODEC_ID_HEVC;
    if (!numbered && id != AV_CODEC_ID_MPEG4 && id != AV_CODEC_ID_MPEG2VIDEO && id != AV_CODEC_ID_MPEG1VIDEO)
        return NULL;
    struct picture_order *order = calloc(1, sizeof *order);
    if (!order)
        return NULL;
    order->numbered = numbered;
    order->largest = INT32_MIN;
    order->codec = avcodec_alloc_context3(NULL);
    order->parser = av_parser_init((int)id);
    if (!order->codec || !order->parser || avcodec_parameters_to_context(order->codec, codec) < 0) {
        picture_order_destroy(order);
        return NULL;
    }
    order->parser->flags |= PARSER_FLAG_COMPLETE_FRAMES;
    return order;
}

void picture_order_destroy(struct picture_order *order)
{
    if (!order)
        return;
    if (order->parser)
        av_parser_close(order->parser);
    avcodec_free_context(&order->codec);
    free(order);
}

static int64_t place_by_number(struct picture_order *order)
{
    const int64_t number = order->parser->output_picture_number;
    // Where the numbers begin anew, the first is not above those before.
    if (order->parser->key_frame == 1 && number <= order->largest) {
        order->sequence++;
        order->largest = number;
    }
    if (number > order->largest)
        order->largest = number;
    return order->sequence * PICTURE_ORDER_SEQUENCE + number;
}

static int64_t place_by_type(struct picture_order *order)
{
    // What is not B is shown behind the B-pictures that follow it in the file.
    if (order->parser->pict_type == AV_PICTURE_TYPE_B)
        return ((order->references - 1) << BETWEEN_BITS) + ++order->between;
    order->between = 0;
    return ++order->references << BETWEEN_BITS;
}

int64_t picture_order_add(struct picture_order *order, const struct AVPacket *packet, bool *key)
{
    uint8_t *data;
    int size;
    av_parser_parse2(order->parser, order->codec, &data, &size, packet->data, packet->size, packet->pts, packet->dts,
                     packet->pos);
    if (order->numbered)
        return place_by_number(order);
    *key = *key && order->parser->pict_type == AV_PICTURE_TYPE_I;
    return place_by_type(order);
}
