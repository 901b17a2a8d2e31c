#include "packet_checksum.h"

#include <endian.h>
#include <libavcodec/packet.h>
#include <libavformat/avformat.h>
#include <string.h>

#include "checksum.h"
#include "packet_units.h"

uint32_t packet_checksum_of_header(const AVFormatContext *file)
{
    if (file->nb_streams < 1)
        return 0;
    const AVCodecParameters *codec = file->streams[0]->codecpar;
    return checksum(0, codec->extradata, (size_t)codec->extradata_size);
}

uint32_t packet_checksum(uint32_t header, const AVPacket *packet)
{
    return header ^ checksum(0, packet->data, (size_t)packet->size);
}

/* Units with start codes between them, as they become in mp4 and mkv: each behind its length in four bytes. */
static uint32_t checksum_of_units(const AVPacket *packet)
{
    uint32_t sum = 0, size;
    const uint8_t *unit;
    struct packet_units units = packet_units_begin(packet, 0);
    while (packet_units_next(&units, &unit, &size)) {
        const uint32_t length = htobe32(size);
        sum = checksum(sum, &length, sizeof length);
        sum = checksum(sum, unit, size);
    }
    return sum;
}

bool packet_checksum_as_written(uint32_t *sum, const AVPacket *packet, const AVFormatContext *muxer)
{
    const AVCodecParameters *codec = muxer->streams[0]->codecpar;
    if (codec->codec_id == AV_CODEC_ID_AV1 || codec->codec_id == AV_CODEC_ID_VP9)
        return false;
    const bool has_units = codec->codec_id == AV_CODEC_ID_H264 || codec->codec_id == AV_CODEC_ID_HEVC;
    if (has_units && packet_units_length_size(codec) == 0 && strcmp(muxer->oformat->name, "avi") != 0)
        *sum = checksum_of_units(packet);
    else
        *sum = checksum(0, packet->data, (size_t)packet->size);
    return true;
}
