/*
 * The units (NAL) of a packet of H.264 or H.265. They stand behind start codes (ITU-T H.264 Annex B; avi, ts) or each
 * behind its length (ISO/IEC 14496-15; mp4, mkv).
 */
#ifndef PACKET_UNITS_H
#define PACKET_UNITS_H

#include <stdbool.h>
#include <stdint.h>

struct AVCodecParameters;
struct AVPacket;

struct packet_units {
    const uint8_t *at, *end;
    int length_size; /* bytes of a length; 0: start codes */
};

/* Bytes in which the packets of a stream have the lengths of their units; 0: they have start codes. */
int packet_units_length_size(const struct AVCodecParameters *codec);

/* Stands before the first unit of the packet, which must stay. */
struct packet_units packet_units_begin(const struct AVPacket *packet, int length_size);

/*
 * The next unit; between start codes it may be empty. False: there is none; where `at` is not `end`, the rest is none.
 */
bool packet_units_next(struct packet_units *units, const uint8_t **unit, uint32_t *size);

/*
 * Whether this packet of H.264 holds a picture to which no other one refers (nal_ref_idc is 0), and nothing else that
 * others may need. False also where that cannot be told. Takes some ns, with start codes a ns for ten bytes.
 */
bool packet_units_are_disposable(const struct AVPacket *packet, int length_size);

#endif
