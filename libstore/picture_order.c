#include "picture_order.h"

#include <libavcodec/avcodec.h>
#include <stdlib.h>

/*
 * H.264 and HEVC number their pictures in the order of presentation, beginning anew now and then; MPEG-1, 2 and 4 show
 * a B-picture at once and every other picture when the next such one comes. MPEG-1 and 2 number them, too, within each
 * group of pictures.
 */
struct picture_order {
    enum AVCodecID id;
    bool by_type;
    AVCodecContext *codec;
    AVCodecParserContext *parser;
    int64_t sequence;   /* how often the numbers began anew */
    int64_t largest;    /* number since then */
    int64_t references; /* pictures so far that are not B */
    int64_t between;    /* B-pictures since the last of them */
    int64_t group;      /* number of the first picture of the group of pictures */
    int64_t latest;     /* largest number so far */
};

enum { BETWEEN_BITS = 16 };

struct picture_order *picture_order_create(const struct AVCodecParameters *codec)
{
    const enum AVCodecID id = codec->codec_id;
    const bool by_type = id == AV_CODEC_ID_MPEG4 || id == AV_CODEC_ID_MPEG2VIDEO || id == AV_CODEC_ID_MPEG1VIDEO;
    if (!by_type && id != AV_CODEC_ID_H264 && id != AV_CODEC_ID_HEVC)
        return NULL;
    struct picture_order *order = calloc(1, sizeof *order);
    if (!order)
        return NULL;
    order->id = id;
    order->by_type = by_type;
    order->largest = INT32_MIN;
    order->latest = -1;
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

/*
 * The number of a picture of MPEG-1 or 2: its temporal_reference (ISO/IEC 13818-2, 6.3.9), of 10 bits, counts from 0 in
 * each group of pictures.
 */
static int64_t number_in_group(struct picture_order *order, const AVPacket *packet)
{
    enum { PICTURE = 0x00, GROUP = 0xb8, NUMBERS = 1024 };
    for (const uint8_t *at = packet->data, *end = at + packet->size; end - at >= 6; at++) {
        if (at[0] != 0 || at[1] != 0 || at[2] != 1)
            continue;
        if (at[3] == GROUP)
            order->group = order->latest + 1;
        if (at[3] != PICTURE)
            continue;
        int64_t number = order->group + (at[4] << 2 | at[5] >> 6);
        if (number < order->latest - NUMBERS / 2) {
            order->group += NUMBERS;
            number += NUMBERS;
        }
        if (number > order->latest)
            order->latest = number;
        return number;
    }
    return order->latest;
}

struct picture_place picture_order_add(struct picture_order *order, const struct AVPacket *packet, bool *key)
{
    uint8_t *data;
    int size;
    av_parser_parse2(order->parser, order->codec, &data, &size, packet->data, packet->size, packet->pts, packet->dts,
                     packet->pos);
    if (!order->by_type) {
        const int64_t place = place_by_number(order);
        return (struct picture_place){place, place};
    }
    *key = *key && order->parser->pict_type == AV_PICTURE_TYPE_I;
    const bool is_numbered = picture_order_step(order) != 0;
    return (struct picture_place){place_by_type(order), is_numbered ? number_in_group(order, packet) : 0};
}

int picture_order_step(const struct picture_order *order)
{
    // H.264 counts the fields of its frames.
    return order->id == AV_CODEC_ID_MPEG4 ? 0 : order->id == AV_CODEC_ID_H264 ? 2 : 1;
}

bool picture_order_is_by_type(const struct picture_order *order)
{
    return order->by_type;
}
