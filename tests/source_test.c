// Sources: what goes in comes out, in order, with its times; what is not whole is said.

#include <check.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libstore/source.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tiffio.h>
#include <unistd.h>

#include "fs.h"
#include "temporary.h"

static char folder[TEMPORARY_SIZE];

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void set_up(void)
{
    temporary_folder(folder, "source-test");
}

static void tear_down(void)
{
    fs_remove_tree(folder);
}

static void write_file(const char *path, const void *data, size_t size)
{
    ist_error error;
    ck_assert_msg(fs_write_file(path, data, size, &error) == IST_OK, "%s", error.message);
}

static ist_source *open_source(const char *location, const ist_source_params *params)
{
    ist_source *source = NULL;
    ist_error error = {0};
    ck_assert_msg(ist_source_open(&source, location, params, &error) == IST_OK, "%s", error.message);
    return source;
}

static void assert_fails(const char *location, const char *options, ist_status status, const char *text)
{
    ist_source *source;
    ist_error error = {0};
    const ist_source_params params = {.options = options};
    ck_assert_int_eq(ist_source_open(&source, location, &params, &error), status);
    ck_assert_ptr_null(source);
    ck_assert_int_eq(error.status, status);
    ck_assert_msg(strstr(error.message, text) != NULL, "'%s' does not say '%s'", error.message, text);
}

static bool next(ist_source *source, ist_frame *frame)
{
    ist_error error = {0};
    const ist_status status = ist_source_next(source, frame, &error);
    ck_assert_msg(status >= 0, "%s", error.message);
    return status == IST_OK;
}

static unsigned sample(const ist_frame *frame, int x, int y, int channel)
{
    const uint8_t *at =
        frame->data + y * frame->stride + (x * frame->channels + channel) * (int)ist_pixel_size(frame->type);
    uint16_t deep;
    if (frame->type == IST_PIXEL_U8)
        return *at;
    memcpy(&deep, at, sizeof deep);
    return deep;
}

START_TEST(pattern_moves_by_what_it_says)
{
    // One pixel a frame to the right and down: then frame i is frame 0, moved.
    ist_source *source =
        open_source(_i ? "test:motion=drift,amplitude=10,period=10,frames=8,size=61x47,color=1,depth=16"
                       : "test:motion=drift,amplitude=10,period=10,frames=8,size=61x47",
                    NULL);
    const ist_source_info *info = ist_source_get_info(source);
    ck_assert_str_eq(info->kind, "test");
    ck_assert(info->width == 61 && info->height == 47 && info->frame_count == 8 && isnan(info->creation_time_s));
    ck_assert(info->channels == (_i ? 3 : 1) && info->type == (_i ? IST_PIXEL_U16 : IST_PIXEL_U8));
    ist_frame first = {0};
    ist_frame frame = {0};
    ck_assert_ptr_null(ist_source_extra(source));
    ck_assert(next(source, &first));
    for (int i = 1; i < 8; i++) {
        ck_assert(next(source, &frame));
        ck_assert(frame.index == i && frame.number == i && fabs(frame.time_s - i / 25.0) < 1e-12);
        double x = 0, y = 0;
        ck_assert_int_eq(sscanf(ist_source_extra(source), "{\"motion_x\": %lf, \"motion_y\": %lf}", &x, &y), 2);
        ck_assert(fabs(x - i) < 1e-12 && fabs(y - i) < 1e-12);
        for (int v = i; v < frame.height; v++)
            for (int u = i; u < frame.width; u++)
                for (int c = 0; c < frame.channels; c++)
                    ck_assert_uint_eq(sample(&frame, u, v, c), sample(&first, u - i, v - i, c));
    }
    ck_assert(!next(source, &frame));
    ck_assert(!next(source, &frame));
    ist_frame_free(&first);
    ist_frame_free(&frame);
    ist_source_close(&source);
    ck_assert_ptr_null(source);
}
END_TEST

static void measure(const char *location, double *mean, double *deviation)
{
    ist_source *source = open_source(location, NULL);
    ist_frame frame = {0};
    double sum = 0, squares = 0, count = 0;
    for (int i = 0; i < 4; i++) {
        ck_assert(next(source, &frame));
        for (int y = 0; y < frame.height; y++)
            for (int x = 0; x < frame.width; x++) {
                const double value = sample(&frame, x, y, 0);
                sum += value;
                squares += value * value;
                count++;
            }
    }
    *mean = sum / count;
    *deviation = sqrt(squares / count - *mean * *mean);
    ist_frame_free(&frame);
    ist_source_close(&source);
}

START_TEST(pattern_has_contrast_and_noise)
{
    double mean, deviation;
    measure("test:size=640x480", &mean, &deviation);
    ck_assert(fabs(mean - 127.5) < 2 && fabs(deviation - 40) < 2);
    measure("test:size=640x480,contrast=0,noise=10", &mean, &deviation);
    ck_assert(fabs(mean - 127.5) < 0.1 && fabs(deviation - 10) < 0.1);
    measure("test:size=640x480,contrast=30,noise=40", &mean, &deviation);
    ck_assert(fabs(mean - 127.5) < 2 && fabs(deviation - 50) < 2);
}
END_TEST

START_TEST(pattern_refuses_what_it_does_not_know)
{
    assert_fails("test:foo=1", NULL, IST_ERROR_ARGUMENT, "unknown key 'foo'");
    assert_fails("test:size=320", NULL, IST_ERROR_ARGUMENT, "WIDTHxHEIGHT");
    assert_fails("test:size=0x1", NULL, IST_ERROR_ARGUMENT, "size=0x1");
    assert_fails("test:rate=nan", NULL, IST_ERROR_ARGUMENT, "rate=nan");
    assert_fails("test:rate=0", NULL, IST_ERROR_ARGUMENT, "rate=0");
    assert_fails("test:frames=1.5", NULL, IST_ERROR_ARGUMENT, "frames=1.5");
    assert_fails("test:motion", NULL, IST_ERROR_ARGUMENT, "KEY=VALUE");
    assert_fails("test:motion=up", NULL, IST_ERROR_ARGUMENT, "circle");
    assert_fails("test:depth=12", NULL, IST_ERROR_ARGUMENT, "8 or 16");
    assert_fails("", NULL, IST_ERROR_ARGUMENT, "source");
}
END_TEST

static void write_pgm(const char *name, int width, int level)
{
    char data[64];
    const int length = snprintf(data, sizeof data, "P5\n%d 2\n255\n", width);
    memset(data + length, level, 2 * (size_t)width);
    write_file(path_of(name), data, (size_t)length + 2 * (size_t)width);
}

START_TEST(folder_is_read_in_natural_order)
{
    static const char *const names[] = {"0.pgm",   "a1.pgm",    "a2.PGM",     "a02.pgm",
                                        "a10.pgm", "a10b2.pgm", "a10b10.pgm", "b.pgm"};
    const int count = sizeof names / sizeof *names;
    for (int i = count - 1; i >= 0; i--)
        write_pgm(names[i], 3, 10 + i);
    write_pgm(".hidden.pgm", 3, 1);
    write_file(path_of("notes.txt"), "x", 1);

    ist_source *source = open_source(folder, &(ist_source_params){.options = "rate=10"});
    ck_assert_str_eq(ist_source_get_info(source)->kind, "folder");
    ck_assert_int_eq(ist_source_get_info(source)->frame_count, count);
    ist_frame frame = {0};
    for (int i = 0; i < count; i++) {
        ck_assert(next(source, &frame));
        ck_assert_int_eq((int)sample(&frame, 0, 0, 0), 10 + i);
        ck_assert(frame.index == i && fabs(frame.time_s - i / 10.0) < 1e-12);
        ck_assert_int_eq(frame.channels, 1);
    }
    ck_assert(!next(source, &frame));
    ist_frame_free(&frame);
    ist_source_close(&source);
}
END_TEST

START_TEST(folder_says_what_is_wrong)
{
    assert_fails(folder, NULL, IST_ERROR_DATA, "no pictures");
    write_pgm("1.pgm", 3, 1);
    write_file(path_of("2.pgm"), "P5 no", 5);
    write_pgm("3.pgm", 3, 3);
    write_pgm("4.pgm", 4, 4);
    ist_source *source = open_source(folder, NULL);
    ist_frame frame = {0};
    ist_error error = {0};
    ck_assert(next(source, &frame));
    ck_assert(next(source, &frame));
    ck_assert(frame.index == 1 && fabs(frame.time_s - 2 / 25.0) < 1e-12); // the damaged picture had its time
    ck_assert_int_eq(ist_source_lost(source), 1);
    ck_assert_int_eq(ist_source_next(source, &frame, &error), IST_ERROR_DATA);
    ck_assert_msg(strstr(error.message, "4.pgm: frame 2: the size changes from 3 x 2 to 4 x 2"), "%s", error.message);
    ck_assert_int_eq(ist_source_next(source, &frame, &error), IST_END);
    ist_frame_free(&frame);
    ist_source_close(&source);
    assert_fails(folder, "speed=1", IST_ERROR_ARGUMENT, "speed");
    write_file(path_of("metadata.yaml"), "x", 1);
    assert_fails(folder, NULL, IST_ERROR_ARGUMENT, "store already");
}
END_TEST

START_TEST(tiff_stack_gives_every_page)
{
    enum { PAGES = 12, WIDTH = 9, HEIGHT = 4 };
    TIFF *tiff = TIFFOpen(path_of("stack.tif"), "w");
    for (int page = 0; page < PAGES; page++) {
        TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, WIDTH);
        TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, HEIGHT);
        TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 16);
        TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
        for (int y = 0; y < HEIGHT; y++) {
            uint16_t row[WIDTH];
            for (int x = 0; x < WIDTH; x++)
                row[x] = (uint16_t)(page * 5000 + y * 100 + x);
            ck_assert(TIFFWriteScanline(tiff, row, (uint32_t)y, 0) == 1);
        }
        ck_assert(TIFFWriteDirectory(tiff));
    }
    TIFFClose(tiff);

    ist_source *source = open_source(path_of("stack.tif"), NULL);
    const ist_source_info *info = ist_source_get_info(source);
    ck_assert_str_eq(info->kind, "tiff");
    ck_assert(info->channels == 1 && info->type == IST_PIXEL_U16);
    ist_frame frame = {0};
    for (int page = 0; page < PAGES; page++) {
        ck_assert(next(source, &frame));
        ck_assert(fabs(frame.time_s - page / 25.0) < 1e-12);
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++)
                ck_assert_uint_eq(sample(&frame, x, y, 0), (unsigned)(page * 5000 + y * 100 + x));
    }
    ck_assert(!next(source, &frame));
    ist_frame_free(&frame);
    ist_source_close(&source);
}
END_TEST

// Encodes `frames` pictures of the test pattern, 80 x 64, at 20 frames a second.
static void encode_video(const char *path, enum AVCodecID id, enum AVPixelFormat format, const char *mux_options,
                         int frames)
{
    AVFormatContext *output = NULL;
    ck_assert_int_ge(avformat_alloc_output_context2(&output, NULL, NULL, path), 0);
    AVCodecContext *encoder = avcodec_alloc_context3(avcodec_find_encoder(id));
    encoder->width = 80;
    encoder->height = 64;
    encoder->pix_fmt = format;
    encoder->time_base = (AVRational){1, 20};
    encoder->framerate = (AVRational){20, 1};
    encoder->gop_size = 10;
    encoder->bit_rate = 400000;
    encoder->color_range = id == AV_CODEC_ID_MJPEG ? AVCOL_RANGE_JPEG : AVCOL_RANGE_UNSPECIFIED;
    if (output->oformat->flags & AVFMT_GLOBALHEADER)
        encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    ck_assert_int_ge(avcodec_open2(encoder, NULL, NULL), 0);
    AVStream *stream = avformat_new_stream(output, NULL);
    avcodec_parameters_from_context(stream->codecpar, encoder);
    stream->time_base = encoder->time_base;
    stream->avg_frame_rate = encoder->framerate;
    av_dict_set(&output->metadata, "creation_time", "2020-02-03T04:05:06Z", 0);
    ck_assert_int_ge(avio_open(&output->pb, path, AVIO_FLAG_WRITE), 0);
    AVDictionary *options = NULL;
    av_dict_parse_string(&options, mux_options, "=", ":", 0);
    ck_assert_int_ge(avformat_write_header(output, &options), 0);
    av_dict_free(&options);

    AVFrame *picture = av_frame_alloc();
    AVPacket *packet = av_packet_alloc();
    picture->width = encoder->width;
    picture->height = encoder->height;
    picture->format = format;
    av_frame_get_buffer(picture, 0);
    ist_source *source = open_source("test:size=80x64", NULL);
    ist_frame frame = {0};
    for (int i = 0; i <= frames; i++) {
        ck_assert(next(source, &frame));
        av_frame_make_writable(picture);
        for (int y = 0; y < 64; y++)
            memcpy(picture->data[0] + y * picture->linesize[0], frame.data + y * frame.stride, 80);
        for (int plane = 1; plane < 3; plane++)
            memset(picture->data[plane], 128, (size_t)picture->linesize[plane] * 32);
        picture->pts = i;
        ck_assert_int_ge(avcodec_send_frame(encoder, i < frames ? picture : NULL), 0);
        while (avcodec_receive_packet(encoder, packet) >= 0) {
            av_packet_rescale_ts(packet, encoder->time_base, stream->time_base);
            ck_assert_int_ge(av_write_frame(output, packet), 0);
            av_packet_unref(packet);
        }
    }
    ck_assert_int_ge(av_write_trailer(output), 0);
    ist_frame_free(&frame);
    ist_source_close(&source);
    av_packet_free(&packet);
    av_frame_free(&picture);
    avcodec_free_context(&encoder);
    avio_closep(&output->pb);
    avformat_free_context(output);
}

struct video {
    const char *name;
    enum AVCodecID codec;
    enum AVPixelFormat format;
    const char *options;
    bool has_creation_time;
    bool index_behind; // nothing can be read when the end is missing
};

static const struct video videos[] = {
    {"a.avi", AV_CODEC_ID_MJPEG, AV_PIX_FMT_YUVJ420P, "", false, false},
    {"b.avi", AV_CODEC_ID_MPEG4, AV_PIX_FMT_YUV420P, "", false, false},
    {"c.mp4", AV_CODEC_ID_MPEG4, AV_PIX_FMT_YUV420P, "movflags=faststart", true, false},
    {"d.mp4", AV_CODEC_ID_MPEG4, AV_PIX_FMT_YUV420P, "", true, true},
    {"e.mkv", AV_CODEC_ID_MPEG4, AV_PIX_FMT_YUV420P, "", true, false},
};

enum { VIDEO_FRAMES = 53 };

// Reads to the end; the status and text of the last call. Returns the frames read.
static int read_all(const char *path, ist_status *status, ist_error *error)
{
    ist_source *source = NULL;
    ist_frame frame = {0};
    int count = 0;
    *status = ist_source_open(&source, path, NULL, error);
    while (*status == IST_OK && (*status = ist_source_next(source, &frame, error)) == IST_OK) {
        ck_assert_int_eq(frame.index, count);
        count++;
    }
    if (source && *status < 0)
        ck_assert_int_eq(ist_source_next(source, &frame, NULL), IST_END);
    ist_frame_free(&frame);
    ist_source_close(&source);
    return count;
}

START_TEST(video_gives_every_frame_with_its_time)
{
    const struct video *video = &videos[_i];
    const char *path = path_of(video->name);
    encode_video(path, video->codec, video->format, video->options, VIDEO_FRAMES);
    ist_source *source = open_source(path, &(ist_source_params){.gray = true});
    const ist_source_info *info = ist_source_get_info(source);
    const double creation_s = video->has_creation_time ? 1580702706 : 0; // 2020-02-03T04:05:06Z
    ck_assert(info->width == 80 && info->height == 64 && info->channels == 1);
    ck_assert(fabs(info->frame_rate - 20) < 1e-3);
    ck_assert(video->has_creation_time ? fabs(info->creation_time_s - creation_s) < 1e-6
                                       : isnan(info->creation_time_s) != 0);
    ist_frame frame = {0};
    int count = 0;
    for (; next(source, &frame); count++)
        ck_assert_msg(fabs(frame.time_s - creation_s - count / 20.0) < 1e-6, "%s: frame %d at %f", video->name, count,
                      frame.time_s);
    ck_assert_int_eq(count, VIDEO_FRAMES);
    ck_assert_int_eq(ist_source_lost(source), 0);
    ist_frame_free(&frame);
    ist_source_close(&source);
}
END_TEST

START_TEST(video_that_is_cut_off_says_so)
{
    const struct video *video = &videos[_i];
    char path[256];
    snprintf(path, sizeof path, "%s", path_of(video->name));
    encode_video(path, video->codec, video->format, video->options, VIDEO_FRAMES);
    struct stat info;
    ck_assert_int_eq(stat(path, &info), 0);
    for (int percent = 80; percent >= 20; percent -= 15) {
        ist_status status;
        ist_error error = {0};
        ck_assert_int_eq(truncate(path, info.st_size * percent / 100), 0);
        const int count = read_all(path, &status, &error);
        ck_assert_int_eq(status, IST_ERROR_DATA);
        ck_assert_msg(strstr(error.message, video->index_behind ? "not a video" : "breaks off"), "%s", error.message);
        if (!video->index_behind)
            ck_assert_msg(count > VIDEO_FRAMES * (percent - 20) / 100 && count < VIDEO_FRAMES, "%d%%: %d frames",
                          percent, count);
    }
}
END_TEST

START_TEST(what_is_no_video_says_so)
{
    assert_fails(path_of("no.avi"), NULL, IST_ERROR_NOT_FOUND, "no.avi: No such file or directory");
    assert_fails(path_of("no.tif"), NULL, IST_ERROR_NOT_FOUND, "no.tif: No such file or directory");
    static const char text[] = "Dear reader,\n\nthis is a text and not a video.\n";
    static const char *const names[] = {"a.txt", "a.avi", "a.mp4", "a.nfo", "a.png", "a.tif", "a", "a.ans"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        write_file(path_of(names[i]), text, sizeof text - 1);
        assert_fails(path_of(names[i]), NULL, IST_ERROR_DATA, names[i]);
        write_file(path_of(names[i]), text, 0);
        assert_fails(path_of(names[i]), NULL, IST_ERROR_DATA, names[i]);
    }
    static const uint8_t wav[44 + 800] = "RIFF\x44\3\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x40\x1f\0\0\1\0\10\0"
                                         "data\x20\3\0";
    write_file(path_of("sound.wav"), wav, sizeof wav);
    assert_fails(path_of("sound.wav"), NULL, IST_ERROR_DATA, "sound.wav: holds no video");
    assert_fails("lavfi:nosuchfilter", NULL, IST_ERROR_DATA, "nosuchfilter");
    encode_video(path_of("v.avi"), AV_CODEC_ID_MJPEG, AV_PIX_FMT_YUVJ420P, "", 3);
    assert_fails(path_of("v.avi"), "colour=red", IST_ERROR_ARGUMENT, "colour");
    assert_fails(path_of("v.avi"), "colour", IST_ERROR_ARGUMENT, "KEY=VALUE");
}
END_TEST

START_TEST(single_picture_is_one_frame)
{
    write_pgm("one.pgm", 5, 77);
    ist_source *source = open_source(path_of("one.pgm"), NULL);
    ist_frame frame = {0};
    ck_assert(next(source, &frame));
    ck_assert(frame.width == 5 && frame.height == 2 && frame.channels == 1 && sample(&frame, 4, 1, 0) == 77);
    ck_assert(!next(source, &frame));
    ist_frame_free(&frame);
    ist_source_close(&source);
    write_file(path_of("one.pgm"), "P5\n5 2\n255\nabc", 15);
    assert_fails(path_of("one.pgm"), NULL, IST_ERROR_DATA, "one.pgm: ");
}
END_TEST

START_TEST(filter_graph_keeps_gray_and_depth)
{
    static const struct {
        const char *graph;
        int channels;
        ist_pixel_type type;
        unsigned largest;
    } cases[] = {
        {"lavfi:color=white:s=32x24:r=10:d=1,format=gray", 1, IST_PIXEL_U8, 255},
        {"lavfi:color=white:s=32x24:r=10:d=1,format=gray12le", 1, IST_PIXEL_U16, 4095},
        {"lavfi:color=white:s=32x24:r=10:d=1,format=gray16le", 1, IST_PIXEL_U16, 65535},
        {"lavfi:color=white:s=32x24:r=10:d=1,format=rgb24", 3, IST_PIXEL_U8, 255},
        {"lavfi:color=white:s=32x24:r=10:d=1,format=rgb48be", 3, IST_PIXEL_U16, 65535},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ist_source *source = open_source(cases[i].graph, NULL);
        ist_frame frame = {0};
        int count = 0;
        for (; next(source, &frame); count++) {
            ck_assert_int_eq(frame.channels, cases[i].channels);
            ck_assert_int_eq(frame.type, cases[i].type);
            const unsigned white = sample(&frame, 31, 23, 0); // 235 of 255 in some graphs
            ck_assert_msg(white <= cases[i].largest && white > cases[i].largest / 10 * 9, "%s: %u", cases[i].graph,
                          white);
            ck_assert(fabs(frame.time_s - count / 10.0) < 1e-9);
        }
        ck_assert_int_eq(count, 10);
        ist_frame_free(&frame);
        ist_source_close(&source);
    }
}
END_TEST

// A stream of gray frames 16 x 16 of raw video; frame i is all of level i.
struct stream {
    int fd;
    int frames;
    size_t last_size; // bytes of the last frame
    bool keep_open;
};

static void *write_stream(void *argument)
{
    const struct stream *stream = argument;
    ist_error error;
    static const char header[] = "YUV4MPEG2 W16 H16 F25:1 Cmono\n";
    ck_assert(fs_write_all(stream->fd, header, sizeof header - 1, "pipe", &error) == IST_OK);
    for (int i = 0; i < stream->frames; i++) {
        uint8_t frame[6 + 256] = "FRAME\n";
        memset(frame + 6, i, 256);
        const size_t size = i < stream->frames - 1 ? sizeof frame : 6 + stream->last_size;
        ck_assert(fs_write_all(stream->fd, frame, size, "pipe", &error) == IST_OK);
    }
    if (!stream->keep_open)
        close(stream->fd);
    return NULL;
}

static ist_source *open_stream(struct stream *stream, int fds[2], pthread_t *writer)
{
    char location[32];
    ck_assert_int_eq(pipe(fds), 0);
    stream->fd = fds[1];
    ck_assert_int_eq(pthread_create(writer, NULL, write_stream, stream), 0);
    snprintf(location, sizeof location, "pipe:%d", fds[0]);
    return open_source(location, NULL);
}

START_TEST(pipe_is_read_to_its_end)
{
    const bool is_whole = _i == 0;
    int fds[2];
    pthread_t writer;
    struct stream stream = {.frames = 40, .last_size = is_whole ? 256 : 100};
    ist_source *source = open_stream(&stream, fds, &writer);
    ist_frame frame = {0};
    ist_error error = {0};
    for (int i = 0; i < (is_whole ? 40 : 39); i++) {
        ck_assert(next(source, &frame));
        ck_assert_int_eq((int)sample(&frame, 5, 5, 0), i);
        ck_assert_int_eq(frame.channels, 1);
    }
    ck_assert_int_eq(ist_source_next(source, &frame, &error), is_whole ? IST_END : IST_ERROR_DATA);
    ck_assert_int_eq(ist_source_next(source, &frame, &error), IST_END);
    pthread_join(writer, NULL);
    close(fds[0]);
    ist_frame_free(&frame);
    ist_source_close(&source);
}
END_TEST

static void *interrupt_soon(void *source)
{
    usleep(100000);
    ist_source_interrupt(source);
    return NULL;
}

START_TEST(waiting_can_be_interrupted)
{
    int fds[2];
    pthread_t writer, interrupter;
    struct stream stream = {.frames = 40, .last_size = 256, .keep_open = true};
    ist_source *source = open_stream(&stream, fds, &writer);
    ck_assert_int_eq(pthread_create(&interrupter, NULL, interrupt_soon, source), 0);
    ist_frame frame = {0};
    ist_status status;
    while ((status = ist_source_next(source, &frame, NULL)) == IST_OK)
        ;
    ck_assert_int_eq(status, IST_ERROR_INTERRUPTED);
    ck_assert_int_eq(ist_source_next(source, &frame, NULL), IST_ERROR_INTERRUPTED);
    pthread_join(writer, NULL);
    pthread_join(interrupter, NULL);
    close(fds[0]);
    close(fds[1]);
    ist_frame_free(&frame);
    ist_source_close(&source);
}
END_TEST

int main(void)
{
    av_log_set_level(AV_LOG_ERROR); // for the encoders of this test
    TCase *tests = tcase_create("source");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, pattern_moves_by_what_it_says, 0, 2);
    tcase_add_test(tests, pattern_has_contrast_and_noise);
    tcase_add_test(tests, pattern_refuses_what_it_does_not_know);
    tcase_add_test(tests, folder_is_read_in_natural_order);
    tcase_add_test(tests, folder_says_what_is_wrong);
    tcase_add_test(tests, tiff_stack_gives_every_page);
    tcase_add_loop_test(tests, video_gives_every_frame_with_its_time, 0, sizeof videos / sizeof *videos);
    tcase_add_loop_test(tests, video_that_is_cut_off_says_so, 0, sizeof videos / sizeof *videos);
    tcase_add_test(tests, what_is_no_video_says_so);
    tcase_add_test(tests, single_picture_is_one_frame);
    tcase_add_test(tests, filter_graph_keeps_gray_and_depth);
    tcase_add_loop_test(tests, pipe_is_read_to_its_end, 0, 2);
    tcase_add_test(tests, waiting_can_be_interrupted);
    Suite *suite = suite_create("source");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
