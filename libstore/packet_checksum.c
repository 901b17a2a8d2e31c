#include "packet_checksum.h"

#include <endian.h>
#include <libavcodec/packet.h>
#include <libavformat/avformat.h>
#include <string.h>

#include "checksum.h"

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

/* The next 0, 0, 1, which begins a unit of H.264 and H.265; `end`: there is none. */
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

/* Units with start codes between them, as they become in mp4 and mkv: each behind its length in four bytes. */
static uint32_t checksum_of_units(const uint8_t *data, const uint8_t *end)
{
    uint32_t sum = 0;
    const uint8_t *unit = find_start_code(data, end);
    while (unit < end) {
        unit += 3;
        const uint8_t *next = find_start_code(unit, end);
        // A start code may have one zero more in front.
        const uint8_t *unit_end = next < end && next[-1] == 0 ? next - 1 : next;
        const uint32_t size = htobe32((uint32_t)(unit_end - unit));
        sum = checksum(sum, &size, sizeof size);
        sum = checksum(sum, unit, (size_t)(unit_end - unit));
        unit = next;
    }
    return sum;
}

bool packet_checksum_as_written(uint32_t *sum, const AVPacket *packet, const AVFormatContext *muxer)
{
    const AVCodecParameters *codec = muxer->streams[0]->codecpar;
    if (codec->codec_id == AV_CODEC_ID_AV1 || codec->codec_id == AV_CODEC_ID_VP9)
        return false;
    const bool has_units = codec->codec_id == AV_CODEC_ID_H264 || codec->codec_id == AV_CODEC_ID_HEVC;
    // What begins with 1 are parameters of a stream that has lengths already.
    const bool has_lengths = codec->extradata_size > 0 && codec->extradata[0] == 1;
    if (has_units && !has_lengths && strcmp(muxer->oformat->name, "avi") != 0)
        *sum = checksum_of_units(packet->data, packet->data + packet->size);
    else
        *sum = checksum(0, packet->data, (size_t)packet->size);
    return true;
}
