/*
 * A chunk as a video file: the i-th frame is the i-th in the order of presentation, whatever the seeking and the
 * time stamps of the container make of it.
 *
 * Every packet goes into the decoder with the index of its frame as time stamp, so that each picture that comes out
 * says which frame it is.
 */
#include <fcntl.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdlib.h>
#include <string.h>

#include "chunk_path.h"
#include "chunk_reader.h"
#include "error.h"
#include "ffmpeg_log.h"
#include "fs.h"
#include "media_io.h"
#include "packet_table.h"
#include "pixels.h"

struct chunk_reader {
    char path[PATH_MAX];
    const char *name;  /* for messages, without .live */
    int width, height; /* px, as the store has them */
    struct pixel_layout layout;

    AVIOContext *io;
    AVFormatContext *file;
    const AVCodec *codec;
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *picture; /* the one the decoder gave last */
    struct pixel_converter *converter;
    int stream;
    struct packet_table table;

    bool decoding;       /* the decoder stands somewhere */
    bool drained;        /* it got the last packet */
    int64_t next_packet; /* which the file gives next */
    int64_t next_frame;  /* which the decoder gives next, where the file has no times */
    int64_t last_frame;  /* that is in `picture`; -1: none */
};

/* Opens the file, picks its video and puts it to its beginning. */
static ist_status open_file(struct chunk_reader *r, ist_error *error)
{
    ist_status status = media_io_open(&r->io, r->path, O_RDONLY, error);
    if (status < 0)
        return status;
    r->file = avformat_alloc_context();
    if (!r->file)
        return error_memory(error);
    r->file->pb = r->io;
    int result = avformat_open_input(&r->file, r->path, NULL, NULL);
    if (result >= 0)
        result = avformat_find_stream_info(r->file, NULL);
    if (result < 0)
        return media_error(error, result, r->name, "not a video that can be read");
    r->stream = av_find_best_stream(r->file, AVMEDIA_TYPE_VIDEO, -1, -1, &r->codec, 0);
    if (r->stream < 0 || !r->codec)
        return error_set(error, IST_ERROR_DATA, "%s: holds no video that can be decoded", r->name);
    for (unsigned i = 0; i < r->file->nb_streams; i++)
        r->file->streams[i]->discard = (int)i == r->stream ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    return IST_OK;
}

static ist_status open_decoder(struct chunk_reader *r, ist_error *error)
{
    r->decoder = avcodec_alloc_context3(r->codec);
    if (!r->decoder || avcodec_parameters_to_context(r->decoder, r->file->streams[r->stream]->codecpar) < 0)
        return error_memory(error);
    // One thread: frame threads would decode ahead what a random read throws away.
    r->decoder->thread_count = 1;
    r->decoder->log_level_offset = FFMPEG_LOG_OFFSET;
    const int result = avcodec_open2(r->decoder, r->codec, NULL);
    return result < 0 ? media_error(error, result, r->name, "cannot be decoded") : IST_OK;
}

static void close_file(struct chunk_reader *r)
{
    avcodec_free_context(&r->decoder);
    avformat_close_input(&r->file);
    media_io_close(&r->io);
}

static void video_close(struct chunk_reader **reader)
{
    struct chunk_reader *r = *reader;
    if (!r)
        return;
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    close_file(r);
    pixel_converter_destroy(r->converter);
    av_frame_free(&r->picture);
    av_packet_free(&r->packet);
    packet_table_free(&r->table);
    ffmpeg_log_end(&log);
    free(r);
    *reader = NULL;
}

static ist_status open_chunk(struct chunk_reader *r, ist_error *error)
{
    r->packet = av_packet_alloc();
    r->picture = av_frame_alloc();
    r->converter = pixel_converter_create(PIXEL_RULE_OPENCV);
    if (!r->packet || !r->picture || !r->converter)
        return error_memory(error);
    ist_status status = open_file(r, error);
    if (status >= 0)
        status = open_decoder(r, error);
    if (status >= 0)
        status = packet_table_read(&r->table, r->file, r->stream, r->name, error);
    return status;
}

/* The finished file, or the one that is being recorded. */
static bool find_path(struct chunk_reader *r, const char *directory, int chunk, const char *extension)
{
    chunk_path_video(r->path, directory, chunk, extension);
    if (fs_exists(r->path))
        return true;
    strncat(r->path, CHUNK_LIVE_ENDING, sizeof r->path - strlen(r->path) - 1);
    return fs_exists(r->path);
}

static ist_status video_open(struct chunk_reader **reader, const struct metadata *metadata, const char *directory,
                             int chunk, ist_error *error)
{
    struct chunk_reader *r = *reader = calloc(1, sizeof *r);
    if (!r)
        return error_memory(error);
    r->width = metadata->width;
    r->height = metadata->height;
    r->layout = (struct pixel_layout){metadata->channels, metadata->type};
    r->last_frame = -1;
    ist_status status = IST_OK;
    if (!find_path(r, directory, chunk, metadata->extension))
        status = error_set(error, IST_ERROR_NOT_FOUND, "%06d%s: the chunk is missing", chunk, metadata->extension);
    r->name = fs_basename(r->path);
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    if (status >= 0)
        status = open_chunk(r, error);
    ffmpeg_log_end(&log);
    if (status < 0)
        video_close(reader);
    return status;
}

/* Reads the next packet of the video. 0, or an error of FFmpeg. */
static int read_packet(struct chunk_reader *r)
{
    int result;
    do {
        av_packet_unref(r->packet);
        result = av_read_frame(r->file, r->packet);
    } while (result >= 0 && (r->packet->stream_index != r->stream || r->packet->size == 0));
    return result;
}

/* Asks the container for the packet `key` and looks where that leads. Returns the packet that comes first, or -1. */
static int64_t try_seek(struct chunk_reader *r, int64_t key)
{
    const struct packet_entry *first = &r->table.packets[0], *entry = &r->table.packets[key];
    int64_t target = entry->pts != AV_NOPTS_VALUE ? entry->pts : entry->dts;
    // mp4 seeks by decoding time, shifted so that presentation begins at the first frame.
    if (strstr(r->file->iformat->name, "mp4") && entry->dts != AV_NOPTS_VALUE && first->pts != AV_NOPTS_VALUE)
        target = entry->dts + (first->pts - first->dts);
    if (target == AV_NOPTS_VALUE || av_seek_frame(r->file, r->stream, target, AVSEEK_FLAG_BACKWARD) < 0 ||
        read_packet(r) < 0)
        return -1;
    return packet_table_find(&r->table, r->packet);
}

/* Stands at the beginning of the file again, by opening it anew: that works with every container. */
static ist_status rewind_file(struct chunk_reader *r, ist_error *error)
{
    avformat_close_input(&r->file);
    media_io_close(&r->io);
    av_packet_unref(r->packet);
    return open_file(r, error);
}

/* Makes `key` the next packet that is decoded. It may be in r->packet already, when that is not empty. */
static ist_status seek(struct chunk_reader *r, int64_t key, ist_error *error)
{
    r->decoding = false;
    r->drained = false;
    r->last_frame = -1;
    avcodec_flush_buffers(r->decoder);

    // A container may come out behind the packet that was asked for: then from an earlier key, then from the beginning.
    int64_t at = -1;
    int64_t from = key;
    for (int tries = 0; tries < 3 && at < 0; tries++) {
        at = try_seek(r, from);
        if (at > key)
            at = -1;
        while (from > 0 && !r->table.packets[--from].key)
            ;
    }
    if (at < 0) {
        const ist_status status = rewind_file(r, error);
        if (status < 0)
            return status;
        at = 0;
        if (read_packet(r) < 0)
            return error_set(error, IST_ERROR_DATA, "%s: cannot be read from its beginning", r->name);
    }
    for (; at < key; at++)
        if (read_packet(r) < 0)
            return error_set(error, IST_ERROR_DATA, "%s: packet %lld cannot be read", r->name, (long long)key);
    r->next_packet = key;
    r->next_frame = r->table.packets[key].frame;
    r->decoding = true;
    return IST_OK;
}

/* Gives the decoder one more packet, or the end. 0, or an error of FFmpeg. */
static int feed(struct chunk_reader *r)
{
    if (r->next_packet >= r->table.count) {
        r->drained = true;
        return avcodec_send_packet(r->decoder, NULL);
    }
    if (r->packet->size == 0) {
        const int result = read_packet(r);
        if (result < 0)
            return result;
    }
    const struct packet_entry *entry = &r->table.packets[r->next_packet];
    r->packet->pts = entry->frame >= 0 ? entry->frame : AV_NOPTS_VALUE;
    r->packet->dts = AV_NOPTS_VALUE;
    const int result = avcodec_send_packet(r->decoder, r->packet);
    av_packet_unref(r->packet);
    r->next_packet++;
    // A packet that cannot be decoded has no picture; those behind it may be sound.
    return result == AVERROR_INVALIDDATA ? 0 : result;
}

/* Decodes one more picture. 0, or an error of FFmpeg; AVERROR_EOF behind the last. */
static int decode_next(struct chunk_reader *r)
{
    for (;;) {
        const int result = avcodec_receive_frame(r->decoder, r->picture);
        if (result >= 0) {
            r->last_frame = r->table.without_times ? r->next_frame++ : r->picture->pts;
            return 0;
        }
        if (result != AVERROR(EAGAIN) && result != AVERROR_INVALIDDATA)
            return result;
        if (r->drained)
            return AVERROR_EOF;
        const int fed = feed(r);
        if (fed < 0)
            return fed;
    }
}

static ist_status frame_failure(const struct chunk_reader *r, int64_t frame_idx, const char *what, ist_error *error)
{
    return error_set(error, IST_ERROR_DATA, "%s: frame %lld: %s", r->name, (long long)frame_idx, what);
}

/* Puts the frame into r->picture. */
static ist_status decode_frame(struct chunk_reader *r, int64_t frame_idx, ist_error *error)
{
    if (r->last_frame == frame_idx)
        return IST_OK;
    const int64_t key = packet_table_key_for(&r->table, frame_idx);
    const bool ahead = r->decoding && r->last_frame < frame_idx && r->next_packet > key;
    if (!ahead) {
        const ist_status status = seek(r, key, error);
        if (status < 0)
            return status;
    }
    int result;
    while ((result = decode_next(r)) >= 0 && r->last_frame < frame_idx)
        ;
    if (result >= 0 && r->last_frame == frame_idx)
        return IST_OK;
    r->decoding = false;
    r->last_frame = -1;
    return frame_failure(r, frame_idx, "the decoder gave no picture", error);
}

static ist_status read_frame(struct chunk_reader *r, int64_t frame_idx, ist_frame *frame, ist_error *error)
{
    if (frame_idx >= r->table.frame_count)
        return frame_failure(r, frame_idx, "the file ends before it", error);
    ist_status status = decode_frame(r, frame_idx, error);
    if (status < 0)
        return status;
    if (r->picture->decode_error_flags || (r->picture->flags & AV_FRAME_FLAG_CORRUPT))
        return frame_failure(r, frame_idx, "is damaged", error);
    if (r->picture->width < r->width || r->picture->height < r->height)
        return error_set(error, IST_ERROR_DATA, "%s: frame %lld: %d x %d pixels, but the store says %d x %d", r->name,
                         (long long)frame_idx, r->picture->width, r->picture->height, r->width, r->height);
    status = pixel_converter_convert(r->converter, r->picture, r->layout, frame, error);
    if (status < 0)
        return error_prefix(error, status, "%s: frame %lld", r->name, (long long)frame_idx);
    // imgstore rounds sizes down to even ones; a file of an odd size has a column or row more.
    frame->width = r->width;
    frame->height = r->height;
    return IST_OK;
}

static ist_status video_read(struct chunk_reader *r, int64_t frame_idx, ist_frame *frame, ist_error *error)
{
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    const ist_status status = read_frame(r, frame_idx, frame, error);
    ffmpeg_log_end(&log);
    return status;
}

const struct chunk_reader_calls video_reader_calls = {
    .open = video_open,
    .read = video_read,
    .close = video_close,
};
