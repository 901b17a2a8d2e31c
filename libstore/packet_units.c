#include "packet_units.h"

#include <libavcodec/codec_par.h>
#include <libavcodec/packet.h>
#include <string.h>

/* ITU-T H.264, table 7-1. */
enum { UNIT_SLICE = 1, UNIT_DELIMITER = 9, UNIT_FILLER = 12 };

/* The next 0, 0, 1; `end`: there is none. */
static const uint8_t *find_start_code(const uint8_t *at, const uint8_t *end)
{
    while (end - at >= 3) {
        at = memchr(at + 2, 1, (size_t)(end - at - 2));
        if (!at)
            return end;
        at -= 2;
        if (at[0] == 0 && at[1] == 0)
            return at;
        at++;
    }
    return end;
}

int packet_units_length_size(const struct AVCodecParameters *codec)
{
    // What begins with 1 is avcC or hvcC: parameters of a stream that has lengths.
    const bool has_lengths = codec->extradata_size > 4 && codec->extradata[0] == 1;
    if (!has_lengths)
        return 0;
    const int at = codec->codec_id == AV_CODEC_ID_HEVC ? 21 : 4;
    return codec->extradata_size > at ? (codec->extradata[at] & 3) + 1 : 0;
}

struct packet_units packet_units_begin(const AVPacket *packet, int length_size)
{
    const uint8_t *end = packet->data + packet->size;
    return (struct packet_units){length_size ? packet->data : find_start_code(packet->data, end), end, length_size};
}

static bool next_by_start_code(struct packet_units *units, const uint8_t **unit, uint32_t *size)
{
    if (units->at == units->end)
        return false;
    *unit = units->at + 3;
    units->at = find_start_code(*unit, units->end);
    // A start code may have one zero more in front.
    const uint8_t *unit_end = units->at < units->end && units->at[-1] == 0 ? units->at - 1 : units->at;
    *size = (uint32_t)(unit_end - *unit);
    return true;
}

static bool next_by_length(struct packet_units *units, const uint8_t **unit, uint32_t *size)
{
    if (units->end - units->at <= units->length_size)
        return false;
    uint32_t length = 0;
    for (int i = 0; i < units->length_size; i++)
        length = length << 8 | units->at[i];
    if (length == 0 || length > units->end - units->at - units->length_size)
        return false;
    *unit = units->at + units->length_size;
    *size = length;
    units->at = *unit + length;
    return true;
}

bool packet_units_next(struct packet_units *units, const uint8_t **unit, uint32_t *size)
{
    return units->length_size ? next_by_length(units, unit, size) : next_by_start_code(units, unit, size);
}

bool packet_units_are_disposable(const AVPacket *packet, int length_size)
{
    struct packet_units units = packet_units_begin(packet, length_size);
    const uint8_t *unit;
    uint32_t size;
    bool has_slice = false;
    while (packet_units_next(&units, &unit, &size)) {
        const int type = size > 0 ? unit[0] & 0x1f : 0, ref_idc = size > 0 ? unit[0] >> 5 & 3 : 0;
        const bool is_slice = type == UNIT_SLICE && ref_idc == 0;
        // Others, SEI too, may hold for what follows.
        if (!is_slice && type != UNIT_DELIMITER && type != UNIT_FILLER)
            return false;
        has_slice |= is_slice;
    }
    return has_slice && units.at == units.end;
}
