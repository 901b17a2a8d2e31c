#include "video_file.h"

#include <fcntl.h>
#include <libavcodec/bsf.h>
#include <libavformat/avformat.h>
#include <libavutil/mem.h>
#include <string.h>

#include "error.h"
#include "index.h"
#include "media_io.h"
#include "packet_checksum.h"
#include "packet_units.h"

/* ---- what is in it ---- */

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

/* Picks the video of what was opened. */
static ist_status pick_stream(struct video_file *f, ist_error *error)
{
    const AVCodec *codec = NULL;
    const int stream = av_find_best_stream(f->format, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
    if (stream < 0 || !codec)
        return error_set(error, IST_ERROR_DATA, "%s: holds no video that can be decoded", f->name);
    f->stream = stream;
    f->codec = codec;
    const AVCodecParameters *parameters = f->format->streams[stream]->codecpar;
    f->length_size = packet_units_length_size(parameters);
    for (unsigned i = 0; i < f->format->nb_streams; i++)
        f->format->streams[i]->discard = (int)i == stream ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    if (!f->parameters)
        f->parameters = avcodec_parameters_alloc();
    return f->parameters && avcodec_parameters_copy(f->parameters, parameters) >= 0 ? IST_OK : error_memory(error);
}

static ist_status open_input(struct video_file *f, ist_error *error)
{
    f->format = avformat_alloc_context();
    if (!f->format)
        return error_memory(error);
    f->format->pb = f->io;
    int result = avformat_open_input(&f->format, f->path, NULL, NULL);
    if (result >= 0) {
        f->header_checksum = packet_checksum_of_header(f->format);
        if (!header_describes_videos(f->format))
            result = avformat_find_stream_info(f->format, NULL);
    }
    return result < 0 ? media_error(error, result, f->name, "not a video that can be read") : pick_stream(f, error);
}

/* Opens what is in the file and stands at its beginning. */
static ist_status open_format(struct video_file *f, ist_error *error)
{
    const ist_status status = open_input(f, error);
    if (status < 0)
        avformat_close_input(&f->format);
    return status;
}

static ist_status open_unpacking(struct video_file *f, ist_error *error)
{
    const AVStream *stream = f->format->streams[f->stream];
    if (stream->codecpar->codec_id != AV_CODEC_ID_MPEG4)
        return IST_OK;
    const AVBitStreamFilter *filter = av_bsf_get_by_name("mpeg4_unpack_bframes");
    if (!filter)
        return IST_OK;
    if (av_bsf_alloc(filter, &f->unpack) < 0 || avcodec_parameters_copy(f->unpack->par_in, stream->codecpar) < 0)
        return error_memory(error);
    f->unpack->time_base_in = stream->time_base;
    const int result = av_bsf_init(f->unpack);
    return result < 0 ? media_error(error, result, f->name, "cannot be decoded") : IST_OK;
}

/* ---- reading ---- */

/* Reads the next packet of the video. 0, or an error of FFmpeg. */
static int read_packet(struct video_file *f)
{
    int result;
    do {
        av_packet_unref(f->packet);
        result = av_read_frame(f->format, f->packet);
    } while (result >= 0 && (f->packet->stream_index != f->stream || f->packet->size == 0 ||
                             (f->packet->flags & AV_PKT_FLAG_CORRUPT)));
    return result < 0 && f->io->error < 0 ? f->io->error : result;
}

/* ---- seeking ---- */

/*
 * Stands at the beginning of the file again, by opening what is in it anew: that works with every container. The file
 * itself stays open, as it may have another name by now.
 */
static ist_status rewind_file(struct video_file *f, ist_error *error)
{
    av_packet_unref(f->packet);
    avformat_close_input(&f->format);
    f->io->error = 0;
    const int64_t at = avio_seek(f->io, 0, SEEK_SET);
    return at < 0 ? media_error(error, (int)at, f->name, "cannot be read") : open_format(f, error);
}

static int seek_by_time(struct video_file *f, int64_t packet)
{
    const struct packet_entry *first = &f->table.packets[0], *entry = &f->table.packets[packet];
    int64_t target = entry->pts != AV_NOPTS_VALUE ? entry->pts : entry->dts;
    // mp4 seeks by decoding time, shifted so that presentation begins at the first frame.
    if (is_mp4(f->format) && entry->dts != AV_NOPTS_VALUE && first->pts != AV_NOPTS_VALUE)
        target = entry->dts + (first->pts - first->dts);
    if (target == AV_NOPTS_VALUE)
        return AVERROR(EINVAL);
    return av_seek_frame(f->format, f->stream, target, AVSEEK_FLAG_BACKWARD);
}

/* Streams without an index, such as mpegts, can be read from any byte; the places of packets are known. */
static int seek_by_place(struct video_file *f, int64_t packet)
{
    const int64_t pos = f->table.packets[packet].pos;
    if (pos < 0 || !(f->format->iformat->flags & AVFMT_TS_DISCONT) || (f->format->iformat->flags & AVFMT_NO_BYTE_SEEK))
        return AVERROR(ENOSYS);
    return av_seek_frame(f->format, -1, pos, AVSEEK_FLAG_BYTE);
}

typedef int seek_function(struct video_file *f, int64_t packet);

/* Asks for packet `wanted`, looks where that leads and reads on until `target` comes next. */
static bool try_seek(struct video_file *f, seek_function *seek, int64_t wanted, int64_t target)
{
    if (seek(f, wanted) < 0 || read_packet(f) < 0)
        return false;
    int64_t at = packet_table_find(&f->table, f->packet);
    if (at < 0 || at > target)
        return false;
    while (at < target) {
        if (read_packet(f) < 0 || !packet_table_is(&f->table, ++at, f->packet))
            return false;
    }
    return true;
}

static ist_status seek_from_beginning(struct video_file *f, int64_t target, ist_error *error)
{
    ist_status status = rewind_file(f, error);
    for (int64_t at = 0; at <= target && status >= 0; at++)
        if (read_packet(f) < 0 || !packet_table_is(&f->table, at, f->packet))
            status = error_set(error, IST_ERROR_DATA, "%s: packet %lld cannot be read", f->name, (long long)target);
    return status;
}

/* Reads this packet. */
static ist_status go_to_key(struct video_file *f, int64_t packet, ist_error *error)
{
    // A container may come out behind the packet that was asked for: then from an earlier key, then from the beginning.
    const bool found = try_seek(f, seek_by_place, packet, packet) || try_seek(f, seek_by_time, packet, packet) ||
                       try_seek(f, seek_by_time, packet_table_key_before(&f->table, packet), packet);
    const ist_status status = found ? IST_OK : seek_from_beginning(f, packet, error);
    if (status >= 0)
        packet_table_check_key(&f->table, packet, f->packet);
    return status;
}

/* Reads this packet, which comes next. */
static ist_status read_on(struct video_file *f, int64_t packet, ist_error *error)
{
    int result = read_packet(f);
    if (result >= 0 && !packet_table_is(&f->table, packet, f->packet))
        result = AVERROR_INVALIDDATA;
    if (result < 0)
        return media_error(error, result, f->name, "cannot be read on");
    packet_table_check_key(&f->table, packet, f->packet);
    return IST_OK;
}

/* Reads this packet: from the key packet before it on, as containers lead there most surely. */
static ist_status go_to(struct video_file *f, int64_t packet, ist_error *error)
{
    int64_t at = f->table.packets[packet].key ? packet : packet_table_key_before(&f->table, packet);
    ist_status status = IST_OK;
    if (!f->format) // an error broke off the last try
        status = rewind_file(f, error);
    if (status >= 0)
        status = go_to_key(f, at, error);
    while (at < packet && status >= 0)
        status = read_on(f, ++at, error);
    return status;
}

const AVCodecParameters *video_file_parameters(const struct video_file *f)
{
    return f->unpack ? f->unpack->par_out : f->parameters;
}

/* Whether reading on gives this packet. */
static bool comes_next(const struct video_file *f, int64_t packet)
{
    return f->at >= 0 && f->at == packet - 1;
}

ist_status video_file_fetch(struct video_file *f, int64_t packet, ist_error *error)
{
    if (f->at == packet && f->packet->size > 0)
        return IST_OK;
    const bool is_next = comes_next(f, packet);
    f->at = -1;
    const ist_status status = is_next ? read_on(f, packet, error) : go_to(f, packet, error);
    if (status >= 0)
        f->at = packet;
    return status;
}

ist_status video_file_fetch_key(struct video_file *f, int64_t *packet, ist_error *error)
{
    if (f->unpack)
        av_bsf_flush(f->unpack);
    ist_status status;
    while ((status = video_file_fetch(f, *packet, error)) >= 0 && *packet > 0 && !f->table.packets[*packet].key)
        *packet = packet_table_key_before(&f->table, *packet);
    return status;
}

/* ---- packets ---- */

/* What the packet of a frame should have; 0: it is not known. */
static ist_status get_checksum(const struct video_file *f, int64_t frame, uint32_t *sum, ist_error *error)
{
    *sum = 0;
    return f->index && frame >= 0 ? index_checksum(f->index, f->chunk, frame, sum, error) : IST_OK;
}

ist_status video_file_compare(const struct video_file *f, int64_t frame, bool *right, ist_error *error)
{
    uint32_t sum;
    const ist_status status = get_checksum(f, frame, &sum, error);
    *right = sum == 0 || packet_checksum(f->header_checksum, f->packet) == sum;
    return status < 0 ? status : IST_OK;
}

ist_status video_file_check(struct video_file *f, int64_t frame, bool *right, ist_error *error)
{
    const int64_t packet = f->table.packet_of_frame[frame];
    uint32_t sum;
    *right = true;
    const ist_status status = get_checksum(f, frame, &sum, error);
    if (status < 0 || sum == 0)
        return status;
    // What does not come next where it should may be found all the same.
    const bool there =
        (comes_next(f, packet) && video_file_fetch(f, packet, NULL) >= 0) || video_file_fetch(f, packet, NULL) >= 0;
    if (!there && f->io && f->io->error < 0)
        return media_error(error, f->io->error, f->name, "cannot be read");
    *right = there && packet_checksum(f->header_checksum, f->packet) == sum;
    return IST_OK;
}

static ist_status add_palette(const struct video_file *f, ist_error *error)
{
    if (!f->palette || av_packet_get_side_data(f->packet, AV_PKT_DATA_PALETTE, NULL))
        return IST_OK;
    uint8_t *palette = av_packet_new_side_data(f->packet, AV_PKT_DATA_PALETTE, AVPALETTE_SIZE);
    if (!palette)
        return error_memory(error);
    memcpy(palette, f->palette, AVPALETTE_SIZE);
    return IST_OK;
}

ist_status video_file_prepare(struct video_file *f, ist_error *error)
{
    const ist_status status = add_palette(f, error);
    if (status < 0 || !f->unpack)
        return status;
    int result = av_bsf_send_packet(f->unpack, f->packet);
    if (result >= 0)
        result = av_bsf_receive_packet(f->unpack, f->packet);
    if (result < 0)
        av_packet_unref(f->packet);
    return result == AVERROR(ENOMEM) ? error_memory(error) : IST_OK;
}

bool video_file_is_disposable(const struct video_file *f)
{
    // What comes with it may hold for all that follow.
    const bool has_more = av_packet_get_side_data(f->packet, AV_PKT_DATA_NEW_EXTRADATA, NULL) ||
                          av_packet_get_side_data(f->packet, AV_PKT_DATA_PARAM_CHANGE, NULL);
    return f->codec->id == AV_CODEC_ID_H264 && !has_more && packet_units_are_disposable(f->packet, f->length_size);
}

/* ---- opening ---- */

static ist_status read_table(struct video_file *f, ist_error *error)
{
    if (header_describes(f->format, f->format->streams[f->stream])) {
        ist_status status = packet_table_read_header(&f->table, f->format, f->stream, f->name, error);
        if (status == IST_END)
            status = rewind_file(f, error);
        else
            return status;
        if (status < 0)
            return status;
    }
    return packet_table_read(&f->table, f->format, f->stream, f->unpack, f->name, error);
}

/* A palette comes with the first packet that is read, and the decoder may not get to see that one. */
static ist_status keep_palette(struct video_file *f, ist_error *error)
{
    if (f->format->streams[f->stream]->codecpar->format != AV_PIX_FMT_PAL8)
        return IST_OK;
    ist_status status = rewind_file(f, error);
    if (status < 0 || read_packet(f) < 0)
        return status;
    size_t size;
    const uint8_t *palette = av_packet_get_side_data(f->packet, AV_PKT_DATA_PALETTE, &size);
    if (palette && size == AVPALETTE_SIZE && !(f->palette = av_memdup(palette, AVPALETTE_SIZE)))
        status = error_memory(error);
    av_packet_unref(f->packet);
    return status;
}

ist_status video_file_open(struct video_file *f, const char *path, const char *name, ist_error *error)
{
    *f = (struct video_file){.path = path, .name = name, .at = -1, .packet = av_packet_alloc()};
    if (!f->packet)
        return error_memory(error);
    ist_status status = media_io_open(&f->io, path, O_RDONLY, error);
    if (status >= 0)
        status = open_format(f, error);
    if (status >= 0)
        status = open_unpacking(f, error);
    if (status >= 0)
        status = read_table(f, error);
    return status < 0 ? status : keep_palette(f, error);
}

void video_file_close(struct video_file *f)
{
    av_bsf_free(&f->unpack);
    av_packet_free(&f->packet);
    avformat_close_input(&f->format);
    avcodec_parameters_free(&f->parameters);
    media_io_close(&f->io);
    packet_table_free(&f->table);
    av_freep(&f->palette);
}

void video_file_set_checksums(struct video_file *f, struct index *index, int chunk)
{
    f->index = index;
    f->chunk = chunk;
}

static int64_t pts_of(const struct packet_table *table, int64_t frame)
{
    const int64_t packet = table->packet_of_frame[frame];
    return packet < 0 ? AV_NOPTS_VALUE : table->packets[packet].pts;
}

double video_file_time_s(const struct video_file *f, int64_t frame)
{
    enum { DEFAULT_HZ = 25 };
    AVStream *stream = f->format->streams[f->stream];
    const int64_t first = pts_of(&f->table, 0), pts = pts_of(&f->table, frame);
    if (first != AV_NOPTS_VALUE && pts != AV_NOPTS_VALUE)
        return (double)(pts - first) * av_q2d(stream->time_base);
    const AVRational rate = av_guess_frame_rate(f->format, stream, NULL);
    return (double)frame / (rate.num > 0 && rate.den > 0 ? av_q2d(rate) : DEFAULT_HZ);
}
