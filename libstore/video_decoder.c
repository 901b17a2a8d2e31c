/*
 * Every packet goes into the decoder with the index of its frame as time stamp, so that each picture that comes out
 * says which frame it is.
 */
#include "video_decoder.h"

#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <stdlib.h>

#include "error.h"
#include "ffmpeg_log.h"
#include "media_io.h"
#include "picture_buffers.h"
#include "video_file.h"

/* H.264 complains so behind a key picture at which decoding began, when a picture before it is to be forgotten. */
static const char ignored_message[] = "mmco: unref short failure";

struct video_decoder {
    struct ffmpeg_watch watch; /* first, as it is the codec's opaque; on its threads, where there are several */
    struct picture_buffers *buffers;
    struct video_file *file;
    const struct packet_table *table; /* the file's */
    AVCodecContext *codec;
    AVFrame *picture;
    struct video_picture last;
    int64_t next_packet; /* -1: it stands nowhere */
    int64_t start;       /* packet at which decoding began */
    int64_t damage;      /* the packet since that which was damaged last; -1: none */
};

static int get_buffer(AVCodecContext *codec, AVFrame *picture, int flags)
{
    const struct video_decoder *d = codec->opaque;
    return picture_buffers_get(d->buffers, codec, picture, flags);
}

static ist_status open_codec(struct video_decoder *d, int threads, ist_error *error)
{
    d->codec = avcodec_alloc_context3(d->file->codec);
    d->picture = av_frame_alloc();
    if (!d->codec || !d->picture || avcodec_parameters_to_context(d->codec, video_file_parameters(d->file)) < 0)
        return error_memory(error);
    d->codec->thread_type = FF_THREAD_FRAME;
    d->codec->thread_count = threads;
    d->codec->opaque = &d->watch;
    if (d->buffers)
        d->codec->get_buffer2 = get_buffer;
#if LIBAVCODEC_VERSION_MAJOR < 60
    AV_NOWARN_DEPRECATED(d->codec->thread_safe_callbacks = 1;)
#endif
    d->codec->log_level_offset = FFMPEG_LOG_OFFSET;
    d->codec->err_recognition = AV_EF_CRCCHECK;
    const int result = avcodec_open2(d->codec, d->file->codec, NULL);
    return result < 0 ? media_error(error, result, d->file->name, "cannot be decoded") : IST_OK;
}

ist_status video_decoder_create(struct video_decoder **decoder, struct video_file *file, int threads,
                                struct picture_buffers *buffers, ist_error *error)
{
    struct video_decoder *d = *decoder = calloc(1, sizeof *d);
    if (!d)
        return error_memory(error);
    d->buffers = buffers;
    d->file = file;
    d->table = &file->table;
    d->next_packet = d->damage = -1;
    d->watch.ignored = ignored_message;
    const ist_status status = open_codec(d, threads, error);
    if (status < 0)
        video_decoder_destroy(decoder);
    return status;
}

void video_decoder_destroy(struct video_decoder **decoder)
{
    struct video_decoder *d = *decoder;
    if (!d)
        return;
    avcodec_free_context(&d->codec);
    av_frame_free(&d->picture);
    free(d);
    *decoder = NULL;
}

void video_decoder_stop(struct video_decoder *d)
{
    d->next_packet = -1;
    d->last.picture = NULL;
    av_frame_unref(d->picture);
    avcodec_flush_buffers(d->codec);
    atomic_store(&d->watch.failed, false);
}

ist_status video_decoder_begin(struct video_decoder *d, int64_t packet, ist_error *error)
{
    const ist_status status = video_file_fetch_key(d->file, &packet, error);
    if (status < 0)
        return status;
    d->next_packet = d->start = packet;
    d->damage = -1;
    return IST_OK;
}

bool video_decoder_has_threads(const struct video_decoder *d)
{
    return d->codec->thread_count > 1;
}

const struct video_picture *video_decoder_last(const struct video_decoder *d)
{
    return &d->last;
}

bool video_decoder_comes_to(const struct video_decoder *d, int64_t key, int64_t frame)
{
    return d->last.picture && d->last.frame < frame && d->next_packet > key;
}

bool video_decoder_may_wait(const struct video_decoder *d)
{
    // What the filter keeps of the packets before is there for one decoder only.
    const bool is_under_way = d->last.picture && d->next_packet > 0 && !d->file->unpack;
    return is_under_way && d->last.sound && d->damage < 0 &&
           d->next_packet < packet_table_key_behind(d->table, d->next_packet - 1);
}

const struct video_file *video_decoder_file(const struct video_decoder *d)
{
    return d->file;
}

size_t video_decoder_bytes(const struct video_decoder *d)
{
    enum { LEAST_REFERENCES = 4 };
    const int64_t size = av_image_get_buffer_size(d->codec->pix_fmt, d->codec->coded_width, d->codec->coded_height, 1);
    const int pictures =
        FFMAX(d->codec->refs, LEAST_REFERENCES) + d->codec->has_b_frames + 2 * d->codec->thread_count + 1;
    // Half as much again is what else it knows of each picture, motion above all.
    return (size_t)(FFMAX(size, 1) * pictures * 3 / 2);
}

/* Whether what the decoder leaves out on AVDISCARD_NONREF is never referred to. */
static bool can_skip(enum AVCodecID codec)
{
    // HEVC says it only within a temporal layer.
    return codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_MPEG4 || codec == AV_CODEC_ID_MPEG2VIDEO;
}

/* Notes a packet from which on nothing is sound up to the next key picture. */
static void note_damage(struct video_decoder *d, int64_t packet)
{
    // What comes behind it in the same GOP adds nothing.
    if (d->damage < 0 || packet < d->damage || packet >= packet_table_key_behind(d->table, d->damage))
        d->damage = packet;
}

/* Gives the decoder one more packet, or the end. */
static ist_status feed(struct video_decoder *d, int64_t skip_to, ist_error *error)
{
    struct video_file *file = d->file;
    int result;
    if (d->next_packet >= d->table->count) {
        result = avcodec_send_packet(d->codec, NULL);
        return result < 0 ? media_error(error, result, file->name, "cannot be read on") : IST_OK;
    }
    const int64_t at = d->next_packet;
    const struct packet_entry *entry = &d->table->packets[at];
    bool right = false;
    ist_status status = video_file_fetch(file, at, error);
    if (status >= 0)
        status = video_file_compare(file, entry->frame, &right, error);
    if (status < 0)
        return status;
    d->next_packet++;
    if (!right)
        note_damage(d, at);
    const bool skip = entry->frame >= 0 && entry->frame < skip_to && can_skip(file->codec->id);
    // The decoder would leave it out as well. But of several threads the one whose turn it is would get it and have
    // nothing to do, where every second picture is like that always the same one.
    if (skip && video_file_is_disposable(file)) {
        av_packet_unref(file->packet);
        return IST_OK;
    }
    status = video_file_prepare(file, error);
    if (status < 0 || file->packet->size == 0)
        return status;
    file->packet->pts = entry->frame >= 0 ? entry->frame : AV_NOPTS_VALUE;
    file->packet->dts = AV_NOPTS_VALUE;
    d->codec->skip_frame = skip ? AVDISCARD_NONREF : AVDISCARD_DEFAULT;

    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    log.ignored = ignored_message;
    result = avcodec_send_packet(d->codec, file->packet);
    ffmpeg_log_end(&log);
    av_packet_unref(file->packet);
    // Decoders hide damage as well as they can; but they say so. Pictures shown before the first key picture always
    // lack what they refer to, and nothing behind it refers to them.
    if ((result == AVERROR_INVALIDDATA || log.message[0]) && entry->order >= d->table->packets[d->start].order)
        note_damage(d, at);
    return result < 0 && result != AVERROR_INVALIDDATA ? media_error(error, result, file->name, "cannot be read on")
                                                       : IST_OK;
}

/* Everything up to the next key picture may have been made from what was damaged. */
static bool is_sound(const struct video_decoder *d, int64_t frame)
{
    const struct packet_entry *packets = d->table->packets;
    const int64_t packet = d->table->packet_of_frame[frame];
    // Shown before the picture at which decoding began: what it refers to was never decoded.
    if (packets[packet].order < packets[d->start].order)
        return false;
    if (d->damage < 0)
        return true;
    const int64_t key = packet_table_key_behind(d->table, d->damage);
    if (key < d->table->count && packet >= key && packets[packet].order >= packets[key].order)
        return true;
    return packet < d->damage && packets[packet].order < packets[d->damage].order;
}

/* Whether the decoder with threads, which gave this picture or an error, said anything that leaves doubts. */
static bool is_doubtful(const struct video_decoder *d, int result)
{
    return atomic_load(&d->watch.failed) || (result < 0 && result != AVERROR(EAGAIN) && result != AVERROR_EOF) ||
           (result >= 0 && (d->picture->decode_error_flags || (d->picture->flags & AV_FRAME_FLAG_CORRUPT)));
}

ist_status video_decoder_next(struct video_decoder *d, int64_t skip_to, ist_error *error)
{
    d->last.picture = NULL;
    ist_status status = IST_OK;
    while (status >= 0) {
        const int result = avcodec_receive_frame(d->codec, d->picture);
        if (video_decoder_has_threads(d) && (d->damage >= 0 || is_doubtful(d, result))) {
            d->next_packet = -1;
            return IST_END;
        }
        const int64_t frame = result < 0 ? -1 : d->picture->pts;
        if (frame >= 0 && frame < d->table->frame_count) {
            if (d->picture->decode_error_flags || (d->picture->flags & AV_FRAME_FLAG_CORRUPT))
                note_damage(d, d->table->packet_of_frame[frame]);
            d->last = (struct video_picture){d->picture, frame, is_sound(d, frame)};
            return IST_OK;
        }
        if (result == AVERROR_EOF)
            return IST_END;
        if (result == AVERROR(EAGAIN) || result == AVERROR_INVALIDDATA)
            status = feed(d, skip_to, error);
        else if (result < 0)
            status = media_error(error, result, d->file->name, "cannot be read on");
    }
    d->next_packet = -1;
    return status;
}
