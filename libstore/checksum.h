/* The checksums with which damage is noticed: CRC-32, which tells every change of up to 32 bits in a row. */
#ifndef CHECKSUM_H
#define CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/*
 * Goes on from the checksum of the bytes before, 0 at the beginning; more than 10 GB/s.
 *
 * That of a frame's pixels is over the bytes in which they are stored: a whole file, or the packet of a video behind
 * what the decoder is set up with (packet_checksum.h). In an index and beside a chunk 0 stands for one that is not
 * known; one frame in 2^32 has it by chance, and is not checked.
 */
uint32_t checksum(uint32_t so_far, const void *data, size_t size);

#endif
