// Files, streams and devices through FFmpeg.
//
// Frames come as they are coded: a display matrix (a phone held upright) is not applied, because what is measured
// is the sensor's picture.

#include <inttypes.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avstring.h>
#include <libavutil/parseutils.h>
#include <libavutil/time.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "camera_clock.h"
#include "error.h"
#include "ffmpeg_location.h"
#include "ffmpeg_log.h"
#include "ffmpeg_pipe.h"
#include "frame_threads.h"
#include "media_io.h"
#include "network_wait.h"
#include "pixels.h"
#include "source_kind.h"

struct state {
    AVFormatContext *input;
    AVIOContext *pipe; // NULL: FFmpeg opened the input itself
    AVStream *stream;
    AVCodecContext *decoder;
    AVPacket *packet;
    AVPacket *held; // a packet of unsound data: the last one is dropped, one in the middle is decoded
    bool has_held;
    AVFrame *picture;
    struct pixel_converter *converter;
    struct pixel_layout layout; // of the first frame, kept for all
    bool is_live;
    bool is_network;
    struct network_wait wait;
    const AVIOContext *opened; // while the input is open; NULL: it reads in another way
    bool drained;              // the decoder was told that nothing more comes
    int64_t packets;           // video packets read
    int64_t end_pts;           // where the latest of them ends, in the stream's time base
    int64_t end_position;      // byte behind the last of them
    double next_time_s;        // for a frame without a time
    bool has_begun;
    double begin_s;            // of a live source that does not count from 1970: what is added to its times
    struct camera_clock clock; // of one in the network
    char complaint[128];       // why reading ended, if not because of the end
};

static int check_interrupt(void *opaque)
{
    const ist_source *source = opaque;
    struct state *state = source->state;
    return source_is_interrupted(source) || network_wait_is_over(&state->wait, state->opened);
}

static ist_status fail(const ist_source *source, int code, const struct ffmpeg_log *log, ist_error *error)
{
    const ist_status status =
        code == AVERROR(ENOENT) || code == AVERROR_HTTP_NOT_FOUND || code == AVERROR_PROTOCOL_NOT_FOUND
            ? IST_ERROR_NOT_FOUND
        : code == AVERROR(ENOMEM)                                ? IST_ERROR_MEMORY
        : code == AVERROR_EXIT                                   ? IST_ERROR_INTERRUPTED
        : code == AVERROR_INVALIDDATA || code == AVERROR(EINVAL) ? IST_ERROR_DATA
                                                                 : IST_ERROR_IO;
    char reason[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(code, reason, sizeof reason);
    const struct state *state = source->state;
    if (state->wait.is_over)
        return error_set(error, IST_ERROR_IO, "%s: nothing came for %g s (the option wait=SECONDS sets how long)",
                         source->location, state->wait.limit_s);
    const bool explained = log->message[0] && status != IST_ERROR_NOT_FOUND;
    if (state->is_live && explained)
        return error_set(error, status, "%s: %s", source->location, log->message);
    const char *text = status == IST_ERROR_DATA ? "not a video or picture that FFmpeg can read" : reason;
    return error_set(error, status, "%s: %s%s%s%s", source->location, text, explained ? " (" : "",
                     explained ? log->message : "", explained ? ")" : "");
}

// Takes wait=SECONDS out of the options.
static ist_status take_wait(struct state *state, AVDictionary **options, ist_error *error)
{
    enum { DEFAULT_S = 10, LONGEST_S = 1000000 };
    const AVDictionaryEntry *entry = av_dict_get(*options, "wait", NULL, AV_DICT_MATCH_CASE);
    struct source_option option = {.key = "wait"};
    state->wait.limit_s = DEFAULT_S;
    if (!entry)
        return IST_OK;
    snprintf(option.value, sizeof option.value, "%s", entry->value);
    av_dict_set(options, "wait", NULL, 0);
    return source_option_number(&option, 0, LONGEST_S, &state->wait.limit_s, error);
}

static ist_status parse_options(const char *options, AVDictionary **dictionary, ist_error *error)
{
    if (options && av_dict_parse_string(dictionary, options, "=", ":", 0) < 0)
        return error_set(error, IST_ERROR_ARGUMENT, "options '%s' are not of the form KEY=VALUE:KEY=VALUE", options);
    return IST_OK;
}

static bool format_is(const struct state *state, const char *name)
{
    return strcmp(state->input->iformat->name, name) == 0;
}

static ist_status open_input(ist_source *source, const char *location, AVDictionary **options, struct ffmpeg_log *log,
                             ist_error *error)
{
    struct state *state = source->state;
    const char *url = location;
    const AVInputFormat *device = ffmpeg_location_device(location, &url);
    const int fd = ffmpeg_location_descriptor(location);
    state->is_live = device || fd >= 0;
    source->info.live = ffmpeg_location_is_live(location, device);
    if (device || fd >= 0)
        ffmpeg_location_translate_options(options);
    // Of raw pixels nothing but these options says what they are.
    if (fd >= 0 && av_dict_get(*options, "video_size", NULL, 0))
        device = av_find_input_format("rawvideo");
    struct stat info;
    char *file_url = NULL;
    state->is_network = fd < 0 && ffmpeg_location_is_network(location, device);
    const ist_status taken = state->is_network ? take_wait(state, options, error) : IST_OK;
    if (taken < 0)
        return taken;

    state->input = avformat_alloc_context();
    if (!state->input)
        return error_memory(error);
    state->input->interrupt_callback = (AVIOInterruptCB){check_interrupt, source};
    network_wait_begin(&state->wait);
    if (fd >= 0) {
        state->pipe = ffmpeg_pipe_open(fd, &source->interrupted);
        state->input->pb = state->pipe;
        url = "";
    } else if (!device && stat(location, &info) == 0) {
        // A file may be called "10:30.avi" or "http:x": what is there is a file.
        file_url = av_asprintf("file:%s", location);
        url = file_url;
    }
    const int code =
        !url || (fd >= 0 && !state->pipe) ? AVERROR(ENOMEM) : avformat_open_input(&state->input, url, device, options);
    av_free(file_url);
    if (code < 0)
        return fail(source, code, log, error);
    state->opened = state->input->pb;

    const AVDictionaryEntry *unknown = av_dict_get(*options, "", NULL, AV_DICT_IGNORE_SUFFIX);
    if (unknown)
        return error_set(error, IST_ERROR_ARGUMENT, "%s: unknown option '%s' for %s", location, unknown->key,
                         state->input->iformat->name);
    // It paints text as pictures, and takes every .txt for one.
    if (format_is(state, "tty"))
        return error_set(error, IST_ERROR_DATA, "%s: text, not a video or picture that FFmpeg can read", location);
    return IST_OK;
}

// The best video stream; a cover picture in a music file is none.
static AVStream *choose_stream(AVFormatContext *input)
{
    const int best = av_find_best_stream(input, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    for (unsigned i = 0; i < input->nb_streams; i++)
        input->streams[i]->discard = AVDISCARD_ALL;
    AVStream *chosen = best >= 0 ? input->streams[best] : NULL;
    for (unsigned i = 0; i < input->nb_streams && (!chosen || chosen->disposition & AV_DISPOSITION_ATTACHED_PIC); i++) {
        AVStream *stream = input->streams[i];
        const bool is_video = stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO;
        chosen = is_video && !(stream->disposition & AV_DISPOSITION_ATTACHED_PIC) ? stream : NULL;
    }
    if (chosen && !(chosen->disposition & AV_DISPOSITION_ATTACHED_PIC)) {
        chosen->discard = AVDISCARD_DEFAULT;
        return chosen;
    }
    return NULL;
}

// A single picture, or a numbered sequence of them.
static bool is_still(const AVFormatContext *input)
{
    const char *name = input->iformat->name;
    const size_t length = strlen(name);
    return strcmp(name, "image2") == 0 || (length > 5 && strcmp(name + length - 5, "_pipe") == 0);
}

static ist_status open_decoder(ist_source *source, struct ffmpeg_log *log, ist_error *error)
{
    struct state *state = source->state;
    const AVCodecParameters *parameters = state->stream->codecpar;
    const AVCodec *codec = avcodec_find_decoder(parameters->codec_id);
    if (!codec)
        return error_set(error, IST_ERROR_UNSUPPORTED, "%s: no decoder for %s", source->location,
                         avcodec_get_name(parameters->codec_id));
    state->decoder = avcodec_alloc_context3(codec);
    state->packet = av_packet_alloc();
    state->held = av_packet_alloc();
    state->picture = av_frame_alloc();
    state->converter = pixel_converter_create(PIXEL_RULE_FFMPEG);
    if (!state->decoder || !state->packet || !state->held || !state->picture || !state->converter)
        return error_memory(error);

    int code = avcodec_parameters_to_context(state->decoder, parameters);
    state->decoder->pkt_timebase = state->stream->time_base;
    state->decoder->log_level_offset = FFMPEG_LOG_OFFSET;
    state->decoder->thread_count = frame_threads_are_exact(codec->id) ? 0 : 1;
    if (is_still(state->input)) // half a picture is none; in a video the rest is made up from the one before
        state->decoder->err_recognition = AV_EF_EXPLODE | AV_EF_CRCCHECK;
    if (state->is_live || source->info.live) // frame threads hold back as many frames as there are threads
        state->decoder->thread_type = FF_THREAD_SLICE;
    if (code >= 0)
        code = avcodec_open2(state->decoder, codec, NULL);
    return code < 0 ? fail(source, code, log, error) : IST_OK;
}

// Seconds since 1970 of a creation_time such as "2017-09-01T02:23:48.000000Z"; without a zone it is UTC.
static bool parse_creation_time(const AVDictionary *metadata, double *time_s)
{
    const AVDictionaryEntry *entry = av_dict_get(metadata, "creation_time", NULL, 0);
    char text[64];
    int64_t time_us;
    if (!entry || strlen(entry->value) + 2 > sizeof text)
        return false;
    const char *clock = strpbrk(entry->value, "T ");
    const bool has_zone = clock && strpbrk(clock + 1, "Zz+-");
    snprintf(text, sizeof text, "%s%s", entry->value, has_zone ? "" : "Z");
    if (av_parse_time(&time_us, text, 0) < 0)
        return false;
    *time_s = (double)time_us / 1e6;
    return true;
}

static void fill_info(ist_source *source)
{
    const struct state *state = source->state;
    AVStream *stream = state->stream;
    AVRational rate = stream->avg_frame_rate;
    if (rate.num <= 0 || rate.den <= 0)
        rate = av_guess_frame_rate(state->input, stream, NULL);
    source->info.frame_rate = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
    source->info.frame_count = stream->nb_frames > 0 ? stream->nb_frames : -1;
    double time_s;
    if (parse_creation_time(state->input->metadata, &time_s) || parse_creation_time(stream->metadata, &time_s))
        source->info.creation_time_s = time_s;
}

// Finds out what the streams hold. What is read for that of a live one is old when it is delivered; so it is as little
// as can be, and nothing where RTSP has said it already.
static int probe(ist_source *source)
{
    struct state *state = source->state;
    if (format_is(state, "rtsp"))
        return 0;
    if (source->info.live && state->is_network)
        state->input->fps_probe_size = 0;
    network_wait_begin(&state->wait);
    return avformat_find_stream_info(state->input, NULL);
}

static ist_status open_all(ist_source *source, const char *location, AVDictionary **options, struct ffmpeg_log *log,
                           ist_error *error)
{
    struct state *state = source->state;
    const ist_status status = open_input(source, location, options, log, error);
    if (status < 0)
        return status;
    // Pictures of a camera, one after the other.
    source->info.live |= format_is(state, "mpjpeg");
    const int code = probe(source);
    if (code < 0 || state->wait.is_over)
        return fail(source, code, log, error);
    state->stream = choose_stream(state->input);
    if (!state->stream)
        return error_set(error, IST_ERROR_DATA, "%s: holds no video", location);
    fill_info(source);
    return open_decoder(source, log, error);
}

static ist_status open_ffmpeg(ist_source *source, const char *location, const ist_source_params *params,
                              ist_error *error)
{
    struct state *state = calloc(1, sizeof *state);
    if (!state)
        return error_memory(error);
    source->state = state;
    state->end_pts = INT64_MIN;

    struct ffmpeg_log log;
    AVDictionary *options = NULL;
    ffmpeg_log_begin(&log);
    ist_status status = parse_options(params->options, &options, error);
    if (status >= 0)
        status = open_all(source, location, &options, &log, error);
    av_dict_free(&options);
    ffmpeg_log_end(&log);
    return status;
}

// The next packet of the video stream, whatever its state.
static int read_packet(ist_source *source, AVPacket *packet)
{
    struct state *state = source->state;
    network_wait_begin(&state->wait);
    for (;;) {
        const int code = av_read_frame(state->input, packet);
        if (code < 0 && state->wait.is_over)
            return AVERROR(ETIMEDOUT);
        if (code == AVERROR(EAGAIN) && !source_is_interrupted(source)) {
            av_usleep(1000); // a device that has nothing yet
            continue;
        }
        if (code < 0 || packet->stream_index == state->stream->index)
            return source_is_interrupted(source) ? AVERROR_EXIT : code;
        av_packet_unref(packet);
    }
}

static void note_packet(struct state *state, const AVPacket *packet)
{
    const int64_t start = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    state->packets++;
    if (start != AV_NOPTS_VALUE && start + packet->duration > state->end_pts)
        state->end_pts = start + packet->duration;
    if (packet->pos >= 0)
        state->end_position = packet->pos + packet->size;
}

// The next packet for the decoder. One that is not whole is given only when another one follows: as the last of a
// file it is where the file was cut off, and its picture would be half of one.
static int next_packet(ist_source *source)
{
    struct state *state = source->state;
    if (state->has_held) {
        state->has_held = false;
        av_packet_move_ref(state->packet, state->held);
        return 0;
    }
    int code = read_packet(source, state->packet);
    if (code < 0 || !(state->packet->flags & AV_PKT_FLAG_CORRUPT))
        return code;
    code = read_packet(source, state->held);
    if (code >= 0) {
        state->has_held = true;
        return 0;
    }
    av_packet_unref(state->packet);
    if (code == AVERROR_EOF)
        snprintf(state->complaint, sizeof state->complaint, "the last one is cut off");
    return code;
}

static void lose_frame(ist_source *source, int code, ist_error *error)
{
    error_set(error, IST_ERROR_DATA, "%s: a frame after frame %" PRId64 " cannot be decoded: %s", source->location,
              source->delivered - 1, media_error_text(code));
    source_lose(source, error);
}

// Why no packet came. At a sound end a demuxer has nothing to complain of, and what is live does not end.
static void complain(ist_source *source, int code, const struct ffmpeg_log *log)
{
    struct state *state = source->state;
    char *text = state->complaint;
    const size_t size = sizeof state->complaint;
    if (state->wait.is_over)
        snprintf(text, size, "nothing came for %g s", state->wait.limit_s);
    else if (log->by_demuxer)
        snprintf(text, size, "%.*s", (int)size - 1, log->message);
    else if (code != AVERROR_EOF)
        av_strerror(code, text, size);
    else if (source->info.live && !*text)
        snprintf(text, size, "the stream ended");
}

// Gives the decoder one more packet, or tells it that there are none.
static ist_status feed(ist_source *source, ist_error *error)
{
    struct state *state = source->state;
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    const int code = next_packet(source);
    if (code >= 0)
        note_packet(state, state->packet);
    else
        complain(source, code, &log);
    int sent = 0;
    if (code != AVERROR_EXIT) {
        sent = avcodec_send_packet(state->decoder, code < 0 ? NULL : state->packet);
        state->drained = code < 0;
        av_packet_unref(state->packet);
    }
    ffmpeg_log_end(&log);

    if (code == AVERROR_EXIT)
        return error_set(error, IST_ERROR_INTERRUPTED, "%s: interrupted", source->location);
    if (sent == AVERROR(ENOMEM))
        return error_memory(error);
    if (sent < 0 && code >= 0)
        lose_frame(source, sent, error);
    return IST_OK;
}

// Frames that the container promised but did not hold; 0 if it kept its word, or gave none.
static int64_t missing_frames(const struct state *state)
{
    if (format_is(state, "mov,mp4,m4a,3gp,3g2,mj2")) // nb_frames also counts what an edit list leaves out
        return avformat_index_get_entries_count(state->stream) - state->packets;
    if (state->stream->nb_frames <= 0)
        return 0;
    if (format_is(state, "avi")) // counts pictures that were dropped, too, and its time base is one frame
        return state->stream->nb_frames - (state->end_pts > state->packets ? state->end_pts : state->packets);
    return state->stream->nb_frames - state->packets;
}

// Matroska notes how long each stream is when it is closed.
static bool ends_early(const struct state *state, double frame_rate)
{
    const AVDictionaryEntry *entry = av_dict_get(state->stream->metadata, "DURATION", NULL, 0);
    int64_t promised_us;
    if (!format_is(state, "matroska,webm") || !entry || av_parse_time(&promised_us, entry->value, 1) < 0 ||
        state->end_pts == INT64_MIN)
        return false;
    const double end_s = (double)state->end_pts * av_q2d(state->stream->time_base);
    const double tolerance_s = fmax(0.1, frame_rate > 0 ? 2.5 / frame_rate : 0);
    return (double)promised_us / 1e6 - end_s > tolerance_s;
}

// yuv4mpeg says nothing when its last frame is not whole.
static bool has_rest(const struct state *state)
{
    return format_is(state, "yuv4mpegpipe") && state->input->pb && avio_tell(state->input->pb) > state->end_position;
}

static ist_status finish(const ist_source *source, ist_error *error)
{
    const struct state *state = source->state;
    const int64_t missing = missing_frames(state);
    if (missing > 0)
        return error_set(error, IST_ERROR_DATA, "%s: breaks off: %" PRId64 " of %" PRId64 " frames could be read%s%s",
                         source->location, source->delivered, state->packets + missing, state->complaint[0] ? ": " : "",
                         state->complaint);
    if (state->complaint[0] || ends_early(state, source->info.frame_rate) || has_rest(state))
        return error_set(error, IST_ERROR_DATA, "%s: breaks off after %" PRId64 " frames%s%s", source->location,
                         source->delivered, state->complaint[0] ? ": " : "", state->complaint);
    return IST_END;
}

static double host_time_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// Most devices count from 1970; of those that count from some other moment the first frame is now.
static double device_time(struct state *state, double time_s)
{
    enum { A_DAY_S = 86400 };
    if (!state->has_begun) {
        const double now_s = host_time_s();
        state->begin_s = fabs(now_s - time_s) < A_DAY_S ? 0 : now_s - time_s;
        state->has_begun = true;
    }
    return state->begin_s + time_s;
}

// The stream's clock, of which only is known when its frames came. Pictures one by one over http have none.
static void set_network_time(struct state *state, ist_frame *frame, double time_s)
{
    frame->time_s = host_time_s();
    if (format_is(state, "mpjpeg"))
        return;
    frame->camera_time_s = time_s;
    frame->time_s =
        (double)camera_clock_tie(&state->clock, (int64_t)(time_s * 1e9), (int64_t)(frame->time_s * 1e9)) / 1e9;
}

static void set_time(ist_source *source, ist_frame *frame)
{
    struct state *state = source->state;
    const AVFrame *picture = state->picture;
    const int64_t pts = picture->pts != AV_NOPTS_VALUE ? picture->pts : picture->best_effort_timestamp;
    const double time_s = pts != AV_NOPTS_VALUE ? (double)pts * av_q2d(state->stream->time_base) : state->next_time_s;
    state->next_time_s = time_s + (source->info.frame_rate > 0 ? 1 / source->info.frame_rate : 0);
    if (!source->info.live)
        frame->time_s = isnan(source->info.creation_time_s) ? time_s : source->info.creation_time_s + time_s;
    else if (state->is_network)
        set_network_time(state, frame, time_s);
    else
        frame->time_s = device_time(state, time_s);
}

static ist_status deliver(ist_source *source, ist_frame *frame, ist_error *error)
{
    struct state *state = source->state;
    if (!state->layout.channels)
        state->layout = pixel_layout_for(state->picture->format, source->gray);
    const ist_status status = pixel_converter_convert(state->converter, state->picture, state->layout, frame, error);
    set_time(source, frame);
    av_frame_unref(state->picture);
    if (status < 0)
        return error_prefix(error, status, "%s: frame %" PRId64, source->location, source->delivered);
    return IST_OK;
}

static int receive_picture(struct state *state)
{
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    const int code = avcodec_receive_frame(state->decoder, state->picture);
    ffmpeg_log_end(&log);
    return code;
}

static ist_status next_ffmpeg(ist_source *source, ist_frame *frame, ist_error *error)
{
    struct state *state = source->state;
    for (;;) {
        const int code = receive_picture(state);
        if (code >= 0)
            return deliver(source, frame, error);
        if (code == AVERROR_EOF || (code == AVERROR(EAGAIN) && state->drained))
            return finish(source, error);
        if (code != AVERROR(EAGAIN)) {
            lose_frame(source, code, error);
            continue;
        }
        const ist_status status = feed(source, error);
        if (status < 0)
            return status;
    }
}

static void close_ffmpeg(ist_source *source)
{
    struct state *state = source->state;
    if (!state)
        return;
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    pixel_converter_destroy(state->converter);
    av_frame_free(&state->picture);
    av_packet_free(&state->packet);
    av_packet_free(&state->held);
    avcodec_free_context(&state->decoder);
    state->opened = NULL;
    avformat_close_input(&state->input);
    ffmpeg_pipe_close(&state->pipe);
    ffmpeg_log_end(&log);
    free(state);
}

static bool accept_anything(const char *location)
{
    (void)location;
    return true;
}

const struct source_kind source_ffmpeg = {
    .name = "ffmpeg",
    .accepts = accept_anything,
    .open = open_ffmpeg,
    .next = next_ffmpeg,
    .close = close_ffmpeg,
};
