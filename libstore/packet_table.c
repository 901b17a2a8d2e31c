#include "packet_table.h"

#include <libavcodec/avcodec.h>
#include <libavcodec/bsf.h>
#include <libavformat/avformat.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "media_io.h"
#include "picture_order.h"

enum completeness { UNKNOWN, COMPLETE, BROKEN_OFF };

/* What is known while the file is read. */
struct scan {
    struct packet_table *table;
    int64_t capacity;
    AVBSFContext *unpack;
    int64_t described;                   /* packets that the file's header describes, see packet_table_read() */
    struct picture_order *picture_order; /* NULL: the codec does not reorder, or the header says how */
    struct picture_place *places;        /* of each packet, as the pictures say themselves */
    bool reorders;                       /* the codec may show pictures in another order than it decodes them */
    bool by_time;                        /* packet_entry.order is the time, else the coded order */
    enum completeness completeness;
};

static ist_status reserve(struct scan *scan, ist_error *error)
{
    struct packet_table *table = scan->table;
    if (table->count < scan->capacity)
        return IST_OK;
    const int64_t capacity = scan->capacity ? scan->capacity * 2 : 1024;
    struct packet_entry *packets = realloc(table->packets, (size_t)capacity * sizeof *packets);
    if (packets)
        table->packets = packets;
    struct picture_place *places = realloc(scan->places, (size_t)capacity * sizeof *places);
    if (places)
        scan->places = places;
    if (!packets || !places)
        return error_memory(error);
    scan->capacity = capacity;
    return IST_OK;
}

/* VP8 has packets that only prepare what later ones refer to. */
static bool is_hidden(const AVPacket *packet, enum AVCodecID codec)
{
    return (packet->flags & AV_PKT_FLAG_DISCARD) || (codec == AV_CODEC_ID_VP8 && !(packet->data[0] & 0x10));
}

/* Animated png takes what is left of pictures before a key; what FFmpeg writes of the others refers to them. */
static bool keys_are_unreliable(enum AVCodecID codec)
{
    return codec == AV_CODEC_ID_APNG || codec == AV_CODEC_ID_H261 || codec == AV_CODEC_ID_RPZA;
}

/* Where the container does not say which packets are keys, FFmpeg takes all of these for keys. */
static bool may_all_be_called_keys(enum AVCodecID codec)
{
    return codec == AV_CODEC_ID_H263 || codec == AV_CODEC_ID_H263P || codec == AV_CODEC_ID_CAVS;
}

static void forget_untrue_keys(struct packet_table *table)
{
    for (int64_t i = 0; i < table->count; i++)
        if (!table->packets[i].key)
            return;
    for (int64_t i = 1; i < table->count; i++)
        table->packets[i].key = false;
}

static void append(struct scan *scan, AVPacket *packet, enum AVCodecID codec)
{
    const int64_t i = scan->table->count++;
    struct packet_entry *entry = &scan->table->packets[i];
    *entry = (struct packet_entry){
        .pts = packet->pts,
        .dts = packet->dts,
        .pos = packet->pos,
        .size = packet->size,
        .frame = is_hidden(packet, codec) ? -1 : 0,
        .key = (packet->flags & AV_PKT_FLAG_KEY) && (i == 0 || !keys_are_unreliable(codec)),
    };
    scan->places[i] = (struct picture_place){.order = i};
    if (scan->unpack &&
        (av_bsf_send_packet(scan->unpack, packet) < 0 || av_bsf_receive_packet(scan->unpack, packet) < 0))
        entry->frame = -1; // only a place for a picture that the packet before held
    else if (scan->picture_order)
        scan->places[i] = picture_order_add(scan->picture_order, packet, &entry->key);
}

/* The size of the packets of a transport stream, which begin with 0x47; with a time before, or a checksum behind. */
static int transport_packet_size(AVIOContext *file)
{
    static const struct {
        int size, begin;
    } kinds[] = {{188, 0}, {192, 4}, {204, 0}};
    enum { SYNC = 0x47, LOOKED_AT = 3 };
    uint8_t bytes[LOOKED_AT * 204];
    const int64_t position = avio_tell(file);
    const bool is_read = avio_seek(file, 0, SEEK_SET) >= 0 && avio_read(file, bytes, sizeof bytes) == sizeof bytes;
    int found = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && is_read && found == 0; i++) {
        bool fits = true;
        for (int n = 0; n < LOOKED_AT; n++)
            fits &= bytes[kinds[i].begin + n * kinds[i].size] == SYNC;
        found = fits ? kinds[i].size : 0;
    }
    avio_seek(file, position, SEEK_SET);
    return found;
}

/* Whether a transport stream breaks off within one of its packets. */
static bool ends_within_packet(const AVFormatContext *file)
{
    const int packet_size = strcmp(file->iformat->name, "mpegts") == 0 ? transport_packet_size(file->pb) : 0;
    return packet_size > 0 && avio_size(file->pb) % packet_size != 0;
}

static ist_status read_packets(struct scan *scan, AVFormatContext *file, int stream, const char *name, ist_error *error)
{
    AVPacket *packet = av_packet_alloc();
    if (!packet)
        return error_memory(error);
    const int flags = file->flags;
    if (scan->described)
        file->flags |= AVFMT_FLAG_NOPARSE | AVFMT_FLAG_NOFILLIN;
    const enum AVCodecID codec = file->streams[stream]->codecpar->codec_id;
    ist_status status = IST_OK;
    int result = 0;
    bool was_corrupt = false, last_is_piece = false;
    while (status >= 0) {
        media_io_pass_over(file->pb, scan->table->count < scan->described);
        if ((result = av_read_frame(file, packet)) < 0)
            break;
        if (packet->stream_index == stream && packet->size > 0) {
            // A file that breaks off can end in a piece of a packet; there is no frame in it. Where the end of one
            // packet came with the piece, that one is marked, and the piece is the next.
            const bool is_corrupt = packet->flags & AV_PKT_FLAG_CORRUPT;
            if (is_corrupt)
                scan->completeness = BROKEN_OFF;
            else if ((status = reserve(scan, error)) >= 0)
                append(scan, packet, codec);
            last_is_piece = !is_corrupt && was_corrupt;
            was_corrupt = is_corrupt;
        }
        av_packet_unref(packet);
    }
    media_io_pass_over(file->pb, false);
    file->flags = flags;
    av_packet_free(&packet);
    // To a demuxer a disk that does not answer may look like the end of the file.
    if (status >= 0 && file->pb->error < 0)
        return media_error(error, file->pb->error, name, "cannot read");
    if (ends_within_packet(file)) {
        scan->completeness = BROKEN_OFF;
        last_is_piece |= !was_corrupt;
    }
    if (last_is_piece && scan->table->count > 0)
        scan->table->count--;
    if (may_all_be_called_keys(codec))
        forget_untrue_keys(scan->table);
    if (status >= 0 && result != AVERROR_EOF) {
        // Where a damaged file can be read no further, the frames before are sound.
        scan->completeness = BROKEN_OFF;
        if (scan->table->count == 0)
            status = media_error(error, result, name, "cannot read");
    }
    return status;
}

/* ---- order ---- */

static int compare_presentation(const void *a, const void *b, void *context)
{
    const struct packet_entry *packets = context;
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    if (packets[left].order != packets[right].order)
        return packets[left].order < packets[right].order ? -1 : 1;
    return (left > right) - (left < right);
}

static void sort_frames(struct packet_table *table)
{
    table->frame_count = 0;
    for (int64_t i = 0; i < table->count; i++)
        if (table->packets[i].frame >= 0)
            table->packet_of_frame[table->frame_count++] = i;
    qsort_r(table->packet_of_frame, (size_t)table->frame_count, sizeof *table->packet_of_frame, compare_presentation,
            table->packets);
}

static int64_t order_of(const struct packet_table *table, int64_t frame)
{
    return table->packets[table->packet_of_frame[frame]].order;
}

static bool order_by_time(struct packet_table *table)
{
    for (int64_t i = 0; i < table->count; i++) {
        struct packet_entry *entry = &table->packets[i];
        entry->order = entry->pts;
        if (entry->frame >= 0 && entry->pts == AV_NOPTS_VALUE)
            return false;
    }
    sort_frames(table);
    for (int64_t frame = 1; frame < table->frame_count; frame++)
        if (order_of(table, frame) == order_of(table, frame - 1))
            return false;
    return true;
}

static void order_frames(struct scan *scan)
{
    struct packet_table *table = scan->table;
    scan->by_time = order_by_time(table);
    if (scan->by_time)
        return;
    for (int64_t i = 0; i < table->count; i++)
        table->packets[i].order = scan->places[i].order;
    sort_frames(table);
}

/* ---- where a file breaks off ---- */

// Packets come in the order of decoding, so a file that breaks off among reordered pictures lacks some that are shown
// before others that are there. Counting on over the gap would give the wrong frames. That a time has no frame is no
// sign of it: cameras drop frames. So the numbers of the pictures count where they have any, else times that are even.

enum { LONGEST_REORDERING = 32 };

static int64_t number_of(const struct scan *scan, int64_t frame)
{
    return scan->places[scan->table->packet_of_frame[frame]].number;
}

/* The distance from the frame before to this one; 0: none that counts, as the places begin anew there. */
static int64_t distance_to(const struct scan *scan, bool by_number, int64_t frame)
{
    const int64_t distance = by_number ? number_of(scan, frame) - number_of(scan, frame - 1)
                                       : order_of(scan->table, frame) - order_of(scan->table, frame - 1);
    return distance < PICTURE_ORDER_SEQUENCE / 2 ? distance : 0;
}

/* The distance from each of the first `count` frames to the next, where it is the same up to rounding. */
static int64_t even_step(const struct scan *scan, bool by_number, int64_t count)
{
    int64_t sum = 0, distances = 0;
    for (int64_t frame = 1; frame < count; frame++) {
        sum += distance_to(scan, by_number, frame);
        distances += distance_to(scan, by_number, frame) != 0;
    }
    if (distances == 0)
        return by_number ? picture_order_step(scan->picture_order) : 0;
    const int64_t step = (sum + distances / 2) / distances;
    for (int64_t frame = 1; frame < count; frame++) {
        const int64_t distance = distance_to(scan, by_number, frame);
        if (distance && (2 * distance > 3 * step || 2 * distance < step))
            return 0;
    }
    return step;
}

/* The first frame before which one may be missing. */
static int64_t first_uncertain(const struct scan *scan)
{
    const struct packet_table *table = scan->table;
    const int64_t last_dts = table->packets[table->count - 1].dts;
    int64_t frame = table->frame_count;
    if (scan->picture_order && picture_order_is_by_type(scan->picture_order))
        return frame - 1;
    // What is missing would be decoded, and therefore shown, behind the last packet.
    if (scan->by_time && last_dts != AV_NOPTS_VALUE) {
        while (frame > 0 && order_of(table, frame - 1) > last_dts)
            frame--;
        return frame;
    }
    return frame > LONGEST_REORDERING ? frame - LONGEST_REORDERING : 0;
}

static bool is_reordered(const struct packet_table *table)
{
    for (int64_t frame = 1; frame < table->frame_count; frame++)
        if (table->packet_of_frame[frame] < table->packet_of_frame[frame - 1])
            return true;
    return false;
}

/* Leaves the places of missing frames free where even steps tell them; else ends before the first that may lack. */
static ist_status open_gaps(const struct scan *scan, ist_error *error)
{
    struct packet_table *table = scan->table;
    const bool by_number = scan->picture_order && picture_order_step(scan->picture_order) != 0;
    // Of a short piece the first packets may be in order.
    const bool may_lack = scan->reorders && (by_number || scan->completeness == BROKEN_OFF);
    if (scan->completeness == COMPLETE || table->frame_count == 0 || (!is_reordered(table) && !may_lack))
        return IST_OK;
    const int64_t first = first_uncertain(scan), count = table->frame_count;
    const int64_t step = by_number || scan->by_time ? even_step(scan, by_number, first) : 0;
    if (step == 0) {
        if (scan->completeness == BROKEN_OFF)
            table->frame_count = first;
        for (int64_t frame = table->frame_count; frame < count; frame++)
            table->packets[table->packet_of_frame[frame]].frame = -1;
        return IST_OK;
    }
    int64_t *placed = malloc((size_t)(count + LONGEST_REORDERING * LONGEST_REORDERING) * sizeof *placed);
    if (!placed)
        return error_memory(error);
    int64_t place = 0;
    for (int64_t frame = 0; frame < count; frame++) {
        if (frame > 0 && frame >= first) {
            const int64_t missing = (distance_to(scan, by_number, frame) + step / 2) / step - 1;
            // Farther away is no gap but another beginning.
            for (int64_t i = 0; i < missing && missing < LONGEST_REORDERING; i++)
                placed[place++] = -1;
        }
        placed[place++] = table->packet_of_frame[frame];
    }
    free(table->packet_of_frame);
    table->packet_of_frame = placed;
    table->frame_count = place;
    return IST_OK;
}

/* Whether the header gives the file a longer duration than its packets have. Other streams may be longer. */
static bool ends_before_duration(const struct scan *scan, const AVFormatContext *file, const AVStream *stream)
{
    const struct packet_table *table = scan->table;
    const int64_t first = table->packets[0].dts, last = table->packets[table->count - 1].dts;
    if (file->nb_streams != 1 || table->count < 2 || first == AV_NOPTS_VALUE || last == AV_NOPTS_VALUE)
        return false;
    if (file->duration == AV_NOPTS_VALUE || file->duration_estimation_method != AVFMT_DURATION_FROM_STREAM)
        // FFmpeg passes over that of an asf file which is shorter than it should be.
        return strcmp(file->iformat->name, "asf") == 0;
    const int64_t duration = av_rescale_q(file->duration, AV_TIME_BASE_Q, stream->time_base);
    // A file that is whole ends no more than three frames earlier than that; times are rounded.
    return last - first + 3 * (last - first) / (table->count - 1) + 2 < duration;
}

/* Compares with what the file's header says, where it says something. */
static void find_completeness(struct scan *scan, const AVFormatContext *file, const AVStream *stream)
{
    const int64_t count = scan->table->count;
    if (scan->completeness != UNKNOWN || count == 0)
        return;
    if (stream->nb_frames == 0) {
        if (ends_before_duration(scan, file, stream))
            scan->completeness = BROKEN_OFF;
        return;
    }
    // In avi times count frames, with those that repeat the one before and have no packet.
    const int64_t last_dts = scan->table->packets[count - 1].dts;
    const bool dts_counts = strcmp(file->iformat->name, "avi") == 0 && last_dts != AV_NOPTS_VALUE;
    const int64_t frames = dts_counts && last_dts >= count ? last_dts + 1 : count;
    scan->completeness = frames >= stream->nb_frames ? COMPLETE : BROKEN_OFF;
}

static ist_status number_frames(struct scan *scan, ist_error *error)
{
    struct packet_table *table = scan->table;
    table->packet_of_frame = malloc((size_t)(table->count + 1) * sizeof *table->packet_of_frame);
    if (!table->packet_of_frame)
        return error_memory(error);
    order_frames(scan);
    const ist_status status = open_gaps(scan, error);
    for (int64_t frame = 0; frame < table->frame_count; frame++)
        if (table->packet_of_frame[frame] >= 0)
            table->packets[table->packet_of_frame[frame]].frame = frame;
    return status;
}

static ist_status read_table(struct scan *scan, AVFormatContext *file, int stream, const char *name, ist_error *error)
{
    ist_status status = read_packets(scan, file, stream, name, error);
    if (status >= 0) {
        find_completeness(scan, file, file->streams[stream]);
        status = number_frames(scan, error);
    }
    picture_order_destroy(scan->picture_order);
    free(scan->places);
    if (status < 0)
        packet_table_free(scan->table);
    return status;
}

ist_status packet_table_read(struct packet_table *table, AVFormatContext *file, int stream, AVBSFContext *unpack,
                             const char *name, ist_error *error)
{
    *table = (struct packet_table){0};
    struct scan scan = {.table = table, .unpack = unpack};
    scan.picture_order = picture_order_create(file->streams[stream]->codecpar);
    scan.reorders = file->streams[stream]->codecpar->video_delay > 0;
    return read_table(&scan, file, stream, name, error);
}

ist_status packet_table_read_header(struct packet_table *table, AVFormatContext *file, int stream, const char *name,
                                    ist_error *error)
{
    *table = (struct packet_table){0};
    struct scan scan = {.table = table,
                        .described = avformat_index_get_entries_count(file->streams[stream]),
                        .reorders = file->streams[stream]->codecpar->video_delay > 0};
    const ist_status status = read_table(&scan, file, stream, name, error);
    if (status < 0 || scan.by_time)
        return status;
    packet_table_free(table);
    return IST_END;
}

void packet_table_check_key(struct packet_table *table, int64_t i, const AVPacket *packet)
{
    if (!(packet->flags & AV_PKT_FLAG_KEY))
        table->packets[i].key = false;
}

void packet_table_drop_first(struct packet_table *table, int64_t count)
{
    for (int64_t i = 0; i < table->count; i++)
        if (table->packets[i].frame >= 0)
            table->packets[i].frame = table->packets[i].frame < count ? -1 : table->packets[i].frame - count;
    table->frame_count -= count;
    for (int64_t frame = 0; frame < table->frame_count; frame++)
        table->packet_of_frame[frame] = table->packet_of_frame[frame + count];
}

/* ---- looking up ---- */

int64_t packet_table_key_before(const struct packet_table *table, int64_t packet)
{
    while (packet > 0 && !table->packets[--packet].key)
        ;
    return packet;
}

int64_t packet_table_key_behind(const struct packet_table *table, int64_t packet)
{
    while (++packet < table->count && !table->packets[packet].key)
        ;
    return packet;
}

int64_t packet_table_key_for(const struct packet_table *table, int64_t frame)
{
    // A frame that is shown before the key picture, though it comes behind it in the file, needs the one before (open
    // GOP).
    const int64_t packet = table->packet_of_frame[frame];
    for (int64_t i = packet; i > 0; i--)
        if (table->packets[i].key && table->packets[i].order <= table->packets[packet].order)
            return i;
    return 0;
}

/* Behind a seek (asf) a packet may come without place and times. */
static bool has_nothing_of_its_own(const AVPacket *packet)
{
    return packet->pos < 0 && packet->pts == AV_NOPTS_VALUE && packet->dts == AV_NOPTS_VALUE;
}

bool packet_table_is(const struct packet_table *table, int64_t i, const AVPacket *packet)
{
    const struct packet_entry *entry = &table->packets[i];
    // Where packets begin anywhere (program streams), the first one that is read may be a piece.
    if (entry->size != packet->size)
        return false;
    if (has_nothing_of_its_own(packet))
        return true;
    if (entry->pos >= 0)
        return entry->pos == packet->pos;
    return entry->pts == packet->pts && entry->dts == packet->dts;
}

/* Whether the packet is the i-th, and can be no other. */
static bool is_certainly(const struct packet_table *table, int64_t i, const AVPacket *packet)
{
    if (!packet_table_is(table, i, packet) || has_nothing_of_its_own(packet))
        return false;
    // Some containers put several packets into one place; times alone change with the way that led here, where FFmpeg
    // has to guess them.
    const bool shares_place = (i > 0 && table->packets[i - 1].pos == packet->pos) ||
                              (i + 1 < table->count && table->packets[i + 1].pos == packet->pos);
    return !shares_place || (table->packets[i].pts == packet->pts && packet->pts != AV_NOPTS_VALUE);
}

int64_t packet_table_find(const struct packet_table *table, const AVPacket *packet)
{
    // Positions rise in nearly every file, then bisection finds the packet; the walk is for the rest.
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
        if (is_certainly(table, i, packet))
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
