#include "packet_table.h"

#include <libavformat/avformat.h>
#include <stdlib.h>

#include "error.h"
#include "media_io.h"

static ist_status append(struct packet_table *table, int64_t *capacity, const AVPacket *packet, ist_error *error)
{
    if (table->count == *capacity) {
        *capacity = *capacity ? *capacity * 2 : 1024;
        struct packet_entry *grown = realloc(table->packets, (size_t)*capacity * sizeof *grown);
        if (!grown)
            return error_memory(error);
        table->packets = grown;
    }
    table->packets[table->count++] = (struct packet_entry){
        .pts = packet->pts,
        .dts = packet->dts,
        .pos = packet->pos,
        .frame = packet->flags & AV_PKT_FLAG_DISCARD ? -1 : 0,
        .key = packet->flags & AV_PKT_FLAG_KEY,
    };
    return IST_OK;
}

static ist_status scan(struct packet_table *table, AVFormatContext *file, int stream, const char *name,
                       ist_error *error)
{
    AVPacket *packet = av_packet_alloc();
    if (!packet)
        return error_memory(error);
    int64_t capacity = 0;
    ist_status status = IST_OK;
    int result = 0;
    while (status >= 0 && (result = av_read_frame(file, packet)) >= 0) {
        // A file that breaks off can end in a piece of a packet; there is no frame in it.
        if (packet->stream_index == stream && packet->size > 0 && !(packet->flags & AV_PKT_FLAG_CORRUPT))
            status = append(table, &capacity, packet, error);
        av_packet_unref(packet);
    }
    // Where a damaged file can be read no further, the frames before are sound.
    if (status >= 0 && result != AVERROR_EOF && table->count == 0)
        status = media_error(error, result, name, "cannot read");
    av_packet_free(&packet);
    return status;
}

/* Orders by time of presentation; equal times keep the order of the file. */
static int compare_presentation(const void *a, const void *b, void *context)
{
    const struct packet_entry *packets = context;
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    if (packets[left].pts != packets[right].pts)
        return packets[left].pts < packets[right].pts ? -1 : 1;
    return (left > right) - (left < right);
}

static ist_status number_frames(struct packet_table *table, ist_error *error)
{
    table->packet_of_frame = malloc((size_t)(table->count + 1) * sizeof *table->packet_of_frame);
    if (!table->packet_of_frame)
        return error_memory(error);
    for (int64_t i = 0; i < table->count; i++) {
        if (table->packets[i].frame < 0)
            continue;
        table->packet_of_frame[table->frame_count++] = i;
        table->without_times |= table->packets[i].pts == AV_NOPTS_VALUE;
    }
    if (!table->without_times)
        qsort_r(table->packet_of_frame, (size_t)table->frame_count, sizeof *table->packet_of_frame,
                compare_presentation, table->packets);
    for (int64_t frame = 0; frame < table->frame_count; frame++)
        table->packets[table->packet_of_frame[frame]].frame = frame;
    return IST_OK;
}

ist_status packet_table_read(struct packet_table *table, AVFormatContext *file, int stream, const char *name,
                             ist_error *error)
{
    *table = (struct packet_table){0};
    ist_status status = scan(table, file, stream, name, error);
    if (status >= 0)
        status = number_frames(table, error);
    if (status < 0)
        packet_table_free(table);
    return status;
}

int64_t packet_table_key_for(const struct packet_table *table, int64_t frame)
{
    // A frame that is shown before the key picture, though it comes behind it in the file, needs the one before (open
    // GOP).
    for (int64_t i = table->packet_of_frame[frame]; i > 0; i--)
        if (table->packets[i].key && table->packets[i].frame >= 0 && table->packets[i].frame <= frame)
            return i;
    return 0;
}

int64_t packet_table_find(const struct packet_table *table, const AVPacket *packet)
{
    // Positions and decoding times rise in nearly every file, then bisection finds the packet; the walk is for the
    // rest.
    int64_t low = 0, high = table->count - 1;
    while (low < high && packet->pos >= 0) {
        const int64_t middle = (low + high) / 2;
        if (table->packets[middle].pos < packet->pos)
            low = middle + 1;
        else
            high = middle;
    }
    for (int64_t step = 0; step < table->count; step++) {
        const int64_t i = (low + step) % table->count;
        const struct packet_entry *entry = &table->packets[i];
        if (entry->pos == packet->pos && entry->pts == packet->pts && entry->dts == packet->dts)
            return i;
    }
    return -1;
}

void packet_table_free(struct packet_table *table)
{
    free(table->packets);
    free(table->packet_of_frame);
    *table = (struct packet_table){0};
}
