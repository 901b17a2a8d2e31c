/* The video in a file: its packets, read from any place. */
#ifndef VIDEO_FILE_H
#define VIDEO_FILE_H

#include <libstore/error.h>
#include <stdbool.h>
#include <stdint.h>

#include "packet_table.h"

struct AVBSFContext;
struct AVCodec;
struct AVCodecParameters;
struct AVFormatContext;
struct AVIOContext;
struct AVPacket;
struct index;

struct video_file {
    const char *path;
    const char *name; /* for messages */
    struct packet_table table;
    const struct AVCodec *codec;
    struct AVPacket *packet; /* read by video_file_fetch(); whoever decodes it empties it */

    /* For itself: */
    struct AVIOContext *io;
    struct AVFormatContext *format; /* NULL: it could not be opened again */
    int stream;
    int length_size;                      /* of the units in its packets */
    struct AVCodecParameters *parameters; /* as the file has them */
    int64_t at;                           /* the packet that was read last; -1: the next one is none that is known */
    struct AVBSFContext *unpack; /* one picture a packet, where the file has two and none (mpeg4 in avi); NULL: as is */
    uint8_t *palette;            /* comes with the first packet only; NULL: none */
    struct index *index;         /* has the checksums of the packets; NULL: there are none */
    int chunk;                   /* in it */
    uint32_t header_checksum;
};

/* Opens the file and reads its packets' places. `path` and `name` are not copied. video_file_close() also on failure.
 */
ist_status video_file_open(struct video_file *file, const char *path, const char *name, ist_error *error);

void video_file_close(struct video_file *file);

/* What its decoders are set up with. */
const struct AVCodecParameters *video_file_parameters(const struct video_file *file);

/*
 * Makes this packet the one in `packet`, whichever was read before; that which comes next in the file is read on, which
 * is fast. IST_ERROR_DATA: it is not there.
 */
ist_status video_file_fetch(struct video_file *file, int64_t packet, ist_error *error);

/* The same for a key packet (or packet 0); where it turns out to be no key, *packet becomes the one before. */
ist_status video_file_fetch_key(struct video_file *file, int64_t *packet, ist_error *error);

/* Packets that are not those of the chunk's frames, by the checksums in its index, are taken for damaged. */
void video_file_set_checksums(struct video_file *file, struct index *index, int chunk);

/* Compares `packet` with the checksum of this frame; *right is true also where none is known. */
ist_status video_file_compare(const struct video_file *file, int64_t frame, bool *right, ist_error *error);

/*
 * The same for the packet of a frame, which must have one; *right is false also where it cannot be found. Frames in
 * their order are read on.
 */
ist_status video_file_check(struct video_file *file, int64_t frame, bool *right, ist_error *error);

/*
 * Makes `packet` one that the decoder can take; empty: it held nothing but a place. Packets must come here in their
 * order, from a key packet on.
 */
ist_status video_file_prepare(struct video_file *file, ist_error *error);

/* Whether `packet` holds a picture to which no other one refers; false also where only the decoder can tell. */
bool video_file_is_disposable(const struct video_file *file);

/*
 * When a frame is shown, in seconds from the first frame: as the file says, or where it does not, as its rate says.
 */
double video_file_time_s(const struct video_file *file, int64_t frame);

#endif
