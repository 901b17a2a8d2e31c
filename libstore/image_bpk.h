/* What the reading and the writing of bloscpack files share. image_bpk.c says what lies where in such a file. */
#ifndef IMAGE_BPK_H
#define IMAGE_BPK_H

enum { BPK_VERSION = 3, BPK_HEADER_SIZE = 32 }; /* of the file, and again of the metadata */
enum { BPK_OPTION_OFFSETS = 1, BPK_OPTION_METADATA = 2 };
enum bpk_checksum { BPK_CHECKSUM_NONE, BPK_CHECKSUM_ADLER32, BPK_CHECKSUM_CRC32 };
enum bpk_codec { BPK_CODEC_NONE, BPK_CODEC_ZLIB }; /* of the metadata */

#endif
