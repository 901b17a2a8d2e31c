/* Every video packet of a file: which frame it holds, and from where that frame can be decoded. */
#ifndef PACKET_TABLE_H
#define PACKET_TABLE_H

#include <libstore/error.h>
#include <stdbool.h>
#include <stdint.h>

struct AVFormatContext;
struct AVPacket;

struct packet_entry {
    int64_t pts, dts; /* in the stream's time base; INT64_MIN: the file does not say */
    int64_t pos;      /* byte in the file; -1: not known */
    int64_t frame;    /* 0.. in the order of presentation; -1: the packet shows none */
    bool key;         /* decoding can begin here */
};

/* Packets in the order of the file, which is that of decoding. */
struct packet_table {
    struct packet_entry *packets;
    int64_t count;
    int64_t *packet_of_frame;
    int64_t frame_count;
    /* The file does not say when each frame is shown: frames count in the order in which the decoder gives them. */
    bool without_times;
};

/* Reads the whole file once, from where it stands, 1 to 2 us a packet. */
ist_status packet_table_read(struct packet_table *table, struct AVFormatContext *file, int stream, const char *name,
                             ist_error *error);

/* The packet from which decoding has to begin to get this frame. */
int64_t packet_table_key_for(const struct packet_table *table, int64_t frame);

/* Finds a packet that was read from the file; -1: it is none of the table. */
int64_t packet_table_find(const struct packet_table *table, const struct AVPacket *packet);

void packet_table_free(struct packet_table *table);

#endif
