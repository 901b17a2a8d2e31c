/* The checksum of a frame of a video: the same when it is written and when it is read, in each of our containers. */
#ifndef PACKET_CHECKSUM_H
#define PACKET_CHECKSUM_H

#include <stdbool.h>
#include <stdint.h>

struct AVFormatContext;
struct AVPacket;

/*
 * Of what the decoder is set up with, which every frame of the file depends on. `file` was opened, and nothing else was
 * done with it: to find out more than its header says changes what stands there.
 */
uint32_t packet_checksum_of_header(const struct AVFormatContext *file);

/* Of a packet as it comes out of a file with this header. */
uint32_t packet_checksum(uint32_t header, const struct AVPacket *packet);

/*
 * The same for a packet that comes from the encoder, `muxer` having its one stream, without the header: the checksum is
 * `header ^ *sum`. False: the muxer changes packets of this codec in ways of its own.
 */
bool packet_checksum_as_written(uint32_t *sum, const struct AVPacket *packet, const struct AVFormatContext *muxer);

#endif
