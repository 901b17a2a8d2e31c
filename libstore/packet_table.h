/* Every video packet of a file: which frame it holds, and from where that frame can be decoded. */
#ifndef PACKET_TABLE_H
#define PACKET_TABLE_H

#include <libstore/error.h>
#include <stdbool.h>
#include <stdint.h>

struct AVBSFContext;
struct AVFormatContext;
struct AVPacket;

struct packet_entry {
    int64_t pts, dts; /* in the stream's time base; INT64_MIN: the file does not say */
    int64_t pos;      /* byte in the file; -1: not known */
    int64_t order;    /* larger for what is shown later, also for packets that show nothing */
    int64_t frame;    /* 0.. in the order of presentation; -1: the packet shows none */
    int size;         /* bytes */
    bool key;         /* decoding can begin here */
};

/* Packets in the order of the file, which is that of decoding. */
struct packet_table {
    struct packet_entry *packets;
    int64_t count;
    int64_t *packet_of_frame; /* -1: the file breaks off before it, though frames shown later are there */
    int64_t frame_count;
};

/*
 * Reads the whole file once, from where it stands, 1 to 2 us a packet.
 *
 * The order of presentation is that of the times in the file; where these lack (avi) or are not distinct (mkv at more
 * than 1000 frames/s), it is the one that the coded pictures have in themselves. `unpack`, which packets go through
 * before they are decoded, may be NULL.
 */
ist_status packet_table_read(struct packet_table *table, struct AVFormatContext *file, int stream,
                             struct AVBSFContext *unpack, const char *name, ist_error *error);

/*
 * The same for a file whose header describes all packets (mp4 without fragments), which are gone through without being
 * read, half a microsecond each; nothing must have been read from it before. Which packets are keys is what the header
 * says: whoever reads them calls packet_table_check_key().
 * IST_END: the times are not distinct; nothing is in the table.
 */
ist_status packet_table_read_header(struct packet_table *table, struct AVFormatContext *file, int stream,
                                    const char *name, ist_error *error);

/* Takes it back that the i-th packet is a key if the packet itself, read from the file, is none. */
void packet_table_check_key(struct packet_table *table, int64_t i, const struct AVPacket *packet);

/* Takes the first frames out, which the decoder never shows: the numbers of the others become smaller by `count`. */
void packet_table_drop_first(struct packet_table *table, int64_t count);

/* The packet from which decoding has to begin to get this frame, whose packet must be there. */
int64_t packet_table_key_for(const struct packet_table *table, int64_t frame);

/* The nearest key packet before and behind a packet; 0 and the table's count where there is none. */
int64_t packet_table_key_before(const struct packet_table *table, int64_t packet);
int64_t packet_table_key_behind(const struct packet_table *table, int64_t packet);

/* Finds a packet that was read from the file; -1: it is none of the table. */
int64_t packet_table_find(const struct packet_table *table, const struct AVPacket *packet);

/* Tells whether a packet that was read from the file behind the one before it is the i-th of the table. */
bool packet_table_is(const struct packet_table *table, int64_t i, const struct AVPacket *packet);

void packet_table_free(struct packet_table *table);

#endif
