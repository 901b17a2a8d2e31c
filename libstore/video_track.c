/*
 * Every packet goes into the decoder with the index of its frame as time stamp, so that each picture that comes out
 * says which frame it is.
 */
#include "video_track.h"

#include <fcntl.h>
#include <libavcodec/avcodec.h>
#include <libavcodec/bsf.h>
#include <libavformat/avformat.h>
#include <libavutil/cpu.h>
#include <libavutil/mem.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "ffmpeg_log.h"
#include "index.h"
#include "media_io.h"
#include "packet_checksum.h"
#include "packet_units.h"

/* H.264 complains so behind a key picture at which decoding began, when a picture before it is to be forgotten. */
static const char ignored_message[] = "mmco: unref short failure";

struct video_track {
    const char *path;
    const char *name;
    int thread_count; /* that may decode */
    AVIOContext *io;
    AVFormatContext *file;
    int stream;
    int length_size; /* of the units in its packets */
    const AVCodec *codec;
    AVCodecContext *decoders[2]; /* without and with threads, each made when it is needed */
    AVCodecContext *decoder;     /* one of them; NULL: none is in use */
    struct ffmpeg_watch watch;   /* on the one with threads */
    AVBSFContext *unpack; /* one picture a packet, where the file has two and none (mpeg4 in avi); NULL: not needed */
    AVPacket *packet;     /* the one that is decoded next, when it is not empty */
    AVFrame *picture;
    struct packet_table table;
    struct index *index; /* has the checksums of the packets; NULL: there are none */
    int chunk;           /* in it */
    uint32_t header_checksum;
    uint8_t *palette; /* comes with the first packet only; NULL: none */

    int64_t checked;     /* the packet last read by video_track_check(); -1: another was read since */
    int64_t next_packet; /* -1: the decoder stands nowhere */
    bool drained;        /* the decoder got the last packet */
    int64_t start;       /* packet at which decoding began */
    int64_t damage;      /* the packet since that which was damaged last; -1: none */
};

/* ---- the file ---- */

static bool is_mp4(const AVFormatContext *file)
{
    return strstr(file->iformat->name, "mp4") != NULL;
}

/*
 * A mp4 without fragments describes H.264, and every packet of it, in its header: looking for that in the pictures
 * would take longer than decoding some.
 */
static bool header_describes(const AVFormatContext *file, const AVStream *stream)
{
    const AVCodecParameters *video = stream->codecpar;
    return is_mp4(file) && video->codec_id == AV_CODEC_ID_H264 && video->extradata_size > 0 && video->width > 0 &&
           stream->nb_frames > 0 && avformat_index_get_entries_count(stream) == stream->nb_frames;
}

static bool header_describes_videos(const AVFormatContext *file)
{
    bool described = file->nb_streams > 0;
    for (unsigned i = 0; i < file->nb_streams; i++)
        if (file->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
            described &= header_describes(file, file->streams[i]);
    return described;
}

/* Opens what is in the file, picks its video and stands at its beginning. */
static ist_status open_format(struct video_track *t, ist_error *error)
{
    t->file = avformat_alloc_context();
    if (!t->file)
        return error_memory(error);
    t->file->pb = t->io;
    int result = avformat_open_input(&t->file, t->path, NULL, NULL);
    if (result >= 0) {
        t->header_checksum = packet_checksum_of_header(t->file);
        if (!header_describes_videos(t->file))
            result = avformat_find_stream_info(t->file, NULL);
    }
    if (result < 0)
        return media_error(error, result, t->name, "not a video that can be read");
    t->stream = av_find_best_stream(t->file, AVMEDIA_TYPE_VIDEO, -1, -1, &t->codec, 0);
    if (t->stream < 0 || !t->codec)
        return error_set(error, IST_ERROR_DATA, "%s: holds no video that can be decoded", t->name);
    t->length_size = packet_units_length_size(t->file->streams[t->stream]->codecpar);
    for (unsigned i = 0; i < t->file->nb_streams; i++)
        t->file->streams[i]->discard = (int)i == t->stream ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    return IST_OK;
}

static ist_status open_file(struct video_track *t, ist_error *error)
{
    const ist_status status = media_io_open(&t->io, t->path, O_RDONLY, error);
    return status < 0 ? status : open_format(t, error);
}

static void close_format(struct video_track *t)
{
    av_packet_unref(t->packet);
    avformat_close_input(&t->file);
}

static void close_file(struct video_track *t)
{
    close_format(t);
    media_io_close(&t->io);
}

static ist_status open_unpacking(struct video_track *t, ist_error *error)
{
    const AVStream *stream = t->file->streams[t->stream];
    if (stream->codecpar->codec_id != AV_CODEC_ID_MPEG4)
        return IST_OK;
    const AVBitStreamFilter *filter = av_bsf_get_by_name("mpeg4_unpack_bframes");
    if (!filter)
        return IST_OK;
    if (av_bsf_alloc(filter, &t->unpack) < 0 || avcodec_parameters_copy(t->unpack->par_in, stream->codecpar) < 0)
        return error_memory(error);
    t->unpack->time_base_in = stream->time_base;
    const int result = av_bsf_init(t->unpack);
    return result < 0 ? media_error(error, result, t->name, "cannot be decoded") : IST_OK;
}

bool video_track_can_thread(const struct video_track *t)
{
    return (t->codec->capabilities & AV_CODEC_CAP_FRAME_THREADS) && t->thread_count > 1 && av_cpu_count() > 1;
}

static ist_status open_decoder(struct video_track *t, bool threads, ist_error *error)
{
    AVCodecContext *decoder = t->decoders[threads] = avcodec_alloc_context3(t->codec);
    const AVCodecParameters *parameters = t->unpack ? t->unpack->par_out : t->file->streams[t->stream]->codecpar;
    if (!decoder || avcodec_parameters_to_context(decoder, parameters) < 0)
        return error_memory(error);
    decoder->thread_type = FF_THREAD_FRAME;
    decoder->thread_count = threads ? FFMIN(av_cpu_count(), t->thread_count) : 1;
    decoder->opaque = threads ? &t->watch : NULL;
    decoder->log_level_offset = FFMPEG_LOG_OFFSET;
    decoder->err_recognition = AV_EF_CRCCHECK;
    const int result = avcodec_open2(decoder, t->codec, NULL);
    return result < 0 ? media_error(error, result, t->name, "cannot be decoded") : IST_OK;
}

/* Chooses the decoder, which stands nowhere then. */
static ist_status use_decoder(struct video_track *t, bool threads, ist_error *error)
{
    threads = threads && video_track_can_thread(t);
    ist_status status = IST_OK;
    if (t->decoder)
        avcodec_flush_buffers(t->decoder);
    if (!t->decoders[threads])
        status = open_decoder(t, threads, error);
    if (status < 0)
        avcodec_free_context(&t->decoders[threads]);
    t->decoder = t->decoders[threads];
    atomic_store(&t->watch.failed, false);
    return status;
}

/* Reads the next packet of the video. 0, or an error of FFmpeg. */
static int read_packet(struct video_track *t)
{
    int result;
    do {
        av_packet_unref(t->packet);
        result = av_read_frame(t->file, t->packet);
    } while (result >= 0 && (t->packet->stream_index != t->stream || t->packet->size == 0 ||
                             (t->packet->flags & AV_PKT_FLAG_CORRUPT)));
    return result < 0 && t->io->error < 0 ? t->io->error : result;
}

/* ---- seeking ---- */

/*
 * Stands at the beginning of the file again, by opening what is in it anew: that works with every container. The file
 * itself stays open, as it may have another name by now.
 */
static ist_status rewind_file(struct video_track *t, ist_error *error)
{
    close_format(t);
    t->io->error = 0;
    const int64_t at = avio_seek(t->io, 0, SEEK_SET);
    return at < 0 ? media_error(error, (int)at, t->name, "cannot be read") : open_format(t, error);
}

static int seek_by_time(struct video_track *t, int64_t packet)
{
    const struct packet_entry *first = &t->table.packets[0], *entry = &t->table.packets[packet];
    int64_t target = entry->pts != AV_NOPTS_VALUE ? entry->pts : entry->dts;
    // mp4 seeks by decoding time, shifted so that presentation begins at the first frame.
    if (is_mp4(t->file) && entry->dts != AV_NOPTS_VALUE && first->pts != AV_NOPTS_VALUE)
        target = entry->dts + (first->pts - first->dts);
    if (target == AV_NOPTS_VALUE)
        return AVERROR(EINVAL);
    return av_seek_frame(t->file, t->stream, target, AVSEEK_FLAG_BACKWARD);
}

/* Streams without an index, such as mpegts, can be read from any byte; the places of packets are known. */
static int seek_by_place(struct video_track *t, int64_t packet)
{
    const int64_t pos = t->table.packets[packet].pos;
    if (pos < 0 || !(t->file->iformat->flags & AVFMT_TS_DISCONT) || (t->file->iformat->flags & AVFMT_NO_BYTE_SEEK))
        return AVERROR(ENOSYS);
    return av_seek_frame(t->file, -1, pos, AVSEEK_FLAG_BYTE);
}

typedef int seek_function(struct video_track *t, int64_t packet);

/* Asks for packet `wanted`, looks where that leads and reads on until `target` comes next. */
static bool try_seek(struct video_track *t, seek_function *seek, int64_t wanted, int64_t target)
{
    if (seek(t, wanted) < 0 || read_packet(t) < 0)
        return false;
    int64_t at = packet_table_find(&t->table, t->packet);
    if (at < 0 || at > target)
        return false;
    while (at < target) {
        if (read_packet(t) < 0 || !packet_table_is(&t->table, ++at, t->packet))
            return false;
    }
    return true;
}

static ist_status seek_from_beginning(struct video_track *t, int64_t target, ist_error *error)
{
    ist_status status = rewind_file(t, error);
    for (int64_t at = 0; at <= target && status >= 0; at++)
        if (read_packet(t) < 0 || !packet_table_is(&t->table, at, t->packet))
            status = error_set(error, IST_ERROR_DATA, "%s: packet %lld cannot be read", t->name, (long long)target);
    return status;
}

/* Reads this packet, which is decoded next then. */
static ist_status go_to(struct video_track *t, int64_t packet, ist_error *error)
{
    // A container may come out behind the packet that was asked for: then from an earlier key, then from the beginning.
    const bool found = try_seek(t, seek_by_place, packet, packet) || try_seek(t, seek_by_time, packet, packet) ||
                       try_seek(t, seek_by_time, packet_table_key_before(&t->table, packet), packet);
    const ist_status status = found ? IST_OK : seek_from_beginning(t, packet, error);
    if (status >= 0)
        packet_table_check_key(&t->table, packet, t->packet);
    return status;
}

ist_status video_track_seek(struct video_track *t, int64_t packet, bool threads, ist_error *error)
{
    t->next_packet = t->checked = -1;
    ist_status status = use_decoder(t, threads, error);
    if (status < 0)
        return status;
    if (t->unpack)
        av_bsf_flush(t->unpack);
    while ((status = go_to(t, packet, error)) >= 0 && packet > 0 && !t->table.packets[packet].key)
        packet = packet_table_key_before(&t->table, packet);
    if (status < 0)
        return status;
    t->next_packet = t->start = packet;
    t->drained = false;
    t->damage = -1;
    return IST_OK;
}

bool video_track_has_threads(const struct video_track *t)
{
    return t->decoder && t->decoder == t->decoders[true];
}

int64_t video_track_position(const struct video_track *t)
{
    return t->next_packet;
}

/* ---- decoding ---- */

/* A palette comes with the first packet that is read, and the decoder may not get to see that one. */
static ist_status keep_palette(struct video_track *t, ist_error *error)
{
    if (t->file->streams[t->stream]->codecpar->format != AV_PIX_FMT_PAL8)
        return IST_OK;
    ist_status status = rewind_file(t, error);
    if (status < 0 || read_packet(t) < 0)
        return status;
    size_t size;
    const uint8_t *palette = av_packet_get_side_data(t->packet, AV_PKT_DATA_PALETTE, &size);
    if (palette && size == AVPALETTE_SIZE && !(t->palette = av_memdup(palette, AVPALETTE_SIZE)))
        status = error_memory(error);
    av_packet_unref(t->packet);
    return status;
}

static int add_palette(const struct video_track *t)
{
    if (!t->palette || av_packet_get_side_data(t->packet, AV_PKT_DATA_PALETTE, NULL))
        return 0;
    uint8_t *palette = av_packet_new_side_data(t->packet, AV_PKT_DATA_PALETTE, AVPALETTE_SIZE);
    if (!palette)
        return AVERROR(ENOMEM);
    memcpy(palette, t->palette, AVPALETTE_SIZE);
    return 0;
}

/* Whether what the decoder leaves out on AVDISCARD_NONREF is never referred to. */
static bool can_skip(enum AVCodecID codec)
{
    // HEVC says it only within a temporal layer.
    return codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_MPEG4 || codec == AV_CODEC_ID_MPEG2VIDEO;
}

/*
 * The decoder would leave this picture out as well. But of several threads the one whose turn it is would get it and
 * have nothing to do, where every second picture is like that always the same one.
 */
static bool can_keep_from_decoder(const struct video_track *t)
{
    return t->codec->id == AV_CODEC_ID_H264 && packet_units_are_disposable(t->packet, t->length_size);
}

static int unpack_packet(struct video_track *t)
{
    if (!t->unpack)
        return 0;
    const int result = av_bsf_send_packet(t->unpack, t->packet);
    return result < 0 ? result : av_bsf_receive_packet(t->unpack, t->packet);
}

/* Whether the packet that was read is the one that was recorded, as far as that is known. 0, or an error of FFmpeg. */
static int compare_packet(const struct video_track *t, int64_t frame, bool *right)
{
    uint32_t sum = 0;
    if (t->index && frame >= 0 && index_checksum(t->index, t->chunk, frame, &sum, NULL) < 0)
        return AVERROR(EIO);
    *right = sum == 0 || packet_checksum(t->header_checksum, t->packet) == sum;
    return 0;
}

/* Notes a packet from which on nothing is sound up to the next key picture. */
static void note_damage(struct video_track *t, int64_t packet)
{
    // What comes behind it in the same GOP adds nothing.
    if (t->damage < 0 || packet < t->damage || packet >= packet_table_key_behind(&t->table, t->damage))
        t->damage = packet;
}

/* Makes this packet the one that was read, by reading on where it comes next. False: it is not there. */
static bool fetch(struct video_track *t, int64_t packet)
{
    const bool next = packet > 0 && t->checked == packet - 1;
    if (next && read_packet(t) >= 0 && packet_table_is(&t->table, packet, t->packet))
        return true;
    return go_to(t, packet, NULL) >= 0;
}

ist_status video_track_check(struct video_track *t, int64_t frame, bool *right, ist_error *error)
{
    const int64_t packet = t->table.packet_of_frame[frame];
    uint32_t sum = 0;
    *right = true;
    const ist_status status = t->index ? index_checksum(t->index, t->chunk, frame, &sum, error) : IST_OK;
    if (status < 0 || sum == 0)
        return status;
    t->next_packet = -1;
    const bool there = fetch(t, packet);
    t->checked = there ? packet : -1;
    if (!there && t->io && t->io->error < 0)
        return media_error(error, t->io->error, t->name, "cannot be read");
    *right = there && packet_checksum(t->header_checksum, t->packet) == sum;
    return IST_OK;
}

/* Gives the decoder one more packet, or the end. 0, or an error of FFmpeg. */
static int feed(struct video_track *t, int64_t skip_to)
{
    if (t->next_packet >= t->table.count) {
        t->drained = true;
        return avcodec_send_packet(t->decoder, NULL);
    }
    if (t->packet->size == 0) {
        const int result = read_packet(t);
        if (result < 0)
            return result;
    }
    const int64_t at = t->next_packet;
    const struct packet_entry *entry = &t->table.packets[at];
    if (!packet_table_is(&t->table, at, t->packet))
        return AVERROR_INVALIDDATA;
    t->next_packet++;
    packet_table_check_key(&t->table, at, t->packet);
    bool right;
    if (compare_packet(t, entry->frame, &right) < 0)
        return AVERROR(EIO);
    if (!right)
        note_damage(t, at);
    if (add_palette(t) < 0)
        return AVERROR(ENOMEM);
    if (unpack_packet(t) < 0) {
        av_packet_unref(t->packet); // held nothing but a place
        return 0;
    }
    t->packet->pts = entry->frame >= 0 ? entry->frame : AV_NOPTS_VALUE;
    t->packet->dts = AV_NOPTS_VALUE;
    const bool skip = entry->frame >= 0 && entry->frame < skip_to && can_skip(t->codec->id);
    if (skip && can_keep_from_decoder(t)) {
        av_packet_unref(t->packet);
        return 0;
    }
    t->decoder->skip_frame = skip ? AVDISCARD_NONREF : AVDISCARD_DEFAULT;

    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    log.ignored = ignored_message;
    const int result = avcodec_send_packet(t->decoder, t->packet);
    ffmpeg_log_end(&log);
    av_packet_unref(t->packet);
    // Decoders hide damage as well as they can; but they say so. Pictures shown before the first key picture always
    // lack what they refer to, and nothing behind it refers to them.
    if ((result == AVERROR_INVALIDDATA || log.message[0]) && entry->order >= t->table.packets[t->start].order)
        note_damage(t, at);
    return result == AVERROR_INVALIDDATA ? 0 : result;
}

/* Everything up to the next key picture may have been made from what was damaged. */
static bool is_sound(const struct video_track *t, int64_t frame)
{
    const struct packet_entry *packets = t->table.packets;
    const int64_t packet = t->table.packet_of_frame[frame];
    // Shown before the picture at which decoding began: what it refers to was never decoded.
    if (packets[packet].order < packets[t->start].order)
        return false;
    if (t->damage < 0)
        return true;
    const int64_t key = packet_table_key_behind(&t->table, t->damage);
    if (key < t->table.count && packet >= key && packets[packet].order >= packets[key].order)
        return true;
    return packet < t->damage && packets[packet].order < packets[t->damage].order;
}

/* Whether the decoder with threads, which gave this picture or an error, said anything that leaves doubts. */
static bool is_doubtful(const struct video_track *t, int result)
{
    return atomic_load(&t->watch.failed) || (result < 0 && result != AVERROR(EAGAIN) && result != AVERROR_EOF) ||
           (result >= 0 && (t->picture->decode_error_flags || (t->picture->flags & AV_FRAME_FLAG_CORRUPT)));
}

ist_status video_track_next(struct video_track *t, int64_t skip_to, struct video_picture *out, ist_error *error)
{
    *out = (struct video_picture){.picture = t->picture};
    for (;;) {
        int result = avcodec_receive_frame(t->decoder, t->picture);
        if (video_track_has_threads(t) && (t->damage >= 0 || is_doubtful(t, result))) {
            t->next_packet = -1;
            return IST_END;
        }
        const int64_t frame = result < 0 ? -1 : t->picture->pts;
        if (frame >= 0 && frame < t->table.frame_count) {
            if (t->picture->decode_error_flags || (t->picture->flags & AV_FRAME_FLAG_CORRUPT))
                note_damage(t, t->table.packet_of_frame[frame]);
            out->frame = frame;
            out->sound = is_sound(t, frame);
            return IST_OK;
        }
        if (result == AVERROR_EOF)
            return IST_END;
        if (result == AVERROR(EAGAIN) || result == AVERROR_INVALIDDATA)
            result = feed(t, skip_to);
        if (result < 0) {
            t->next_packet = -1;
            return media_error(error, result, t->name, "cannot be read on");
        }
    }
}

/* ---- opening ---- */

/*
 * A file cut out of a longer one may begin with pictures that refer to what was cut away. The decoder never shows them;
 * then they do not count.
 */
static ist_status drop_undecodable_beginning(struct video_track *t, ist_error *error)
{
    const struct packet_table *table = &t->table;
    if (table->count == 0 || table->frame_count == 0)
        return IST_OK;
    const int64_t first_key = table->packets[0].key ? 0 : packet_table_key_behind(table, 0);
    const int64_t first_frame = table->packet_of_frame[0];
    if (first_key == 0 && (first_frame < 0 || table->packets[first_frame].order >= table->packets[0].order))
        return IST_OK;
    ist_status status = video_track_seek(t, 0, false, error);
    struct video_picture first;
    if (status >= 0)
        status = video_track_next(t, 0, &first, error);
    if (status == IST_OK)
        packet_table_drop_first(&t->table, first.frame);
    t->next_packet = -1;
    return status < 0 ? status : IST_OK;
}

static ist_status read_table(struct video_track *t, ist_error *error)
{
    if (header_describes(t->file, t->file->streams[t->stream])) {
        ist_status status = packet_table_read_header(&t->table, t->file, t->stream, t->name, error);
        if (status == IST_END)
            status = rewind_file(t, error);
        else
            return status;
        if (status < 0)
            return status;
    }
    return packet_table_read(&t->table, t->file, t->stream, t->unpack, t->name, error);
}

static ist_status open_track(struct video_track *t, ist_error *error)
{
    t->packet = av_packet_alloc();
    t->picture = av_frame_alloc();
    if (!t->packet || !t->picture)
        return error_memory(error);
    ist_status status = open_file(t, error);
    if (status >= 0)
        status = open_unpacking(t, error);
    if (status >= 0)
        status = read_table(t, error);
    if (status >= 0)
        status = keep_palette(t, error);
    return status < 0 ? status : drop_undecodable_beginning(t, error);
}

ist_status video_track_open(struct video_track **track, const char *path, const char *name, int threads,
                            ist_error *error)
{
    struct video_track *t = *track = calloc(1, sizeof *t);
    if (!t)
        return error_memory(error);
    t->path = path;
    t->name = name;
    t->thread_count = threads;
    t->next_packet = t->checked = -1;
    t->damage = -1;
    t->watch.ignored = ignored_message;
    const ist_status status = open_track(t, error);
    if (status < 0)
        video_track_close(track);
    return status;
}

void video_track_rest(struct video_track *t)
{
    av_frame_unref(t->picture);
    av_packet_unref(t->packet);
    avcodec_free_context(&t->decoders[false]);
    avcodec_free_context(&t->decoders[true]);
    t->decoder = NULL;
    t->next_packet = -1;
}

void video_track_close(struct video_track **track)
{
    struct video_track *t = *track;
    if (!t)
        return;
    avcodec_free_context(&t->decoders[false]);
    avcodec_free_context(&t->decoders[true]);
    av_bsf_free(&t->unpack);
    if (t->packet)
        close_file(t);
    av_packet_free(&t->packet);
    av_frame_free(&t->picture);
    packet_table_free(&t->table);
    av_free(t->palette);
    free(t);
    *track = NULL;
}

static int64_t pts_of(const struct packet_table *table, int64_t frame)
{
    const int64_t packet = table->packet_of_frame[frame];
    return packet < 0 ? AV_NOPTS_VALUE : table->packets[packet].pts;
}

double video_track_time_s(const struct video_track *t, int64_t frame)
{
    enum { DEFAULT_HZ = 25 };
    AVStream *stream = t->file->streams[t->stream];
    const int64_t first = pts_of(&t->table, 0), pts = pts_of(&t->table, frame);
    if (first != AV_NOPTS_VALUE && pts != AV_NOPTS_VALUE)
        return (double)(pts - first) * av_q2d(stream->time_base);
    const AVRational rate = av_guess_frame_rate(t->file, stream, NULL);
    return (double)frame / (rate.num > 0 && rate.den > 0 ? av_q2d(rate) : DEFAULT_HZ);
}

void video_track_set_checksums(struct video_track *t, struct index *index, int chunk)
{
    t->index = index;
    t->chunk = chunk;
}

const struct packet_table *video_track_table(const struct video_track *t)
{
    return &t->table;
}
