/*
 * How fast stores are read, as ratios to what FFmpeg's decoder needs for the same file in the same run, and for npy to
 * a plain copy of the files. 1.00 is as fast as that; larger is slower.
 */
#include <dirent.h>
#include <fcntl.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libstore/libstore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fs.h"

enum { WIDTH = 640, HEIGHT = 480, REPEATS = 3 };

static char folder[64];
static ist_error error;

/* Time of this process: what others do on the machine does not count. */
static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "bench_read: %s\n", what);
    fs_remove_tree(folder);
    exit(1);
}

/* ---- what is read ---- */

/* A scene that moves, with the noise of a camera. */
static void draw(uint8_t *pixels, int channels, int index)
{
    static uint32_t state = 1;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH * channels; x++) {
            state = state * 1664525u + 1013904223u;
            const int scene = ((x + 2 * index) / 8 * 37 + (y + index) / 8 * 61) % 128;
            pixels[y * WIDTH * channels + x] = (uint8_t)(40 + scene + (int)(state >> 29));
        }
}

struct subject {
    const char *name;
    const char *format;
    int channels;
    int frames;
    int gop;
    const char *foreign; /* arguments for the ffmpeg command, which writes the chunk instead; NULL: libstore does */
};

static const struct subject subjects[] = {
    {"avc1/mp4 gray, GOP 25", "avc1/mp4", 1, 500, 25, NULL},
    {"avc1/mp4 colour, GOP 25", "avc1/mp4", 3, 250, 25, NULL},
    {"h264 GOP 250 with B", "avc1/mp4", 1, 500, 250, "-c:v libx264 -pix_fmt yuv420p"},
    {"mjpeg/avi gray", "mjpeg/avi", 1, 300, 1, NULL},
    {"npy gray", "npy", 1, 500, 1, NULL},
};

static void write_foreign_chunk(const struct subject *subject, const char *store)
{
    static uint8_t pixels[WIDTH * HEIGHT];
    char command[512];
    snprintf(command, sizeof command,
             "ffmpeg -nostdin -v error -y -f rawvideo -pix_fmt gray -s %dx%d -i pipe:0 %s %s/000000.mp4", WIDTH, HEIGHT,
             subject->foreign, store);
    FILE *pipe = popen(command, "w");
    for (int i = 0; i < subject->frames; i++) {
        draw(pixels, 1, i);
        fwrite(pixels, 1, sizeof pixels, pipe);
    }
    if (pclose(pipe) != 0)
        fail("ffmpeg");
}

static void write_store(const struct subject *subject, const char *store)
{
    static uint8_t pixels[WIDTH * HEIGHT * 3];
    ist_writer *writer;
    const ist_writer_params params = {.format = subject->format,
                                      .width = WIDTH,
                                      .height = HEIGHT,
                                      .channels = subject->channels,
                                      .chunksize = subject->frames};
    if (ist_writer_create(&writer, store, &params, &error) < 0)
        fail(error.message);
    ist_frame frame = {.data = pixels,
                       .stride = WIDTH * subject->channels,
                       .width = WIDTH,
                       .height = HEIGHT,
                       .channels = subject->channels};
    for (int i = 0; i < subject->frames; i++) {
        draw(pixels, subject->channels, i);
        frame.number = i;
        frame.time_s = i;
        if (ist_writer_add(writer, &frame, &error) < 0)
            fail(error.message);
    }
    if (ist_writer_close(&writer, &error) < 0)
        fail(error.message);
    if (subject->foreign)
        write_foreign_chunk(subject, store);
}

/* ---- what it is measured by ---- */

/* Seconds that FFmpeg's decoder needs for all frames of a file, with one thread. */
static double decode_file(const char *path, int frames)
{
    const double begin = now_s();
    AVFormatContext *file = NULL;
    const AVCodec *codec;
    AVPacket *packet = av_packet_alloc();
    AVFrame *picture = av_frame_alloc();
    if (avformat_open_input(&file, path, NULL, NULL) < 0 || avformat_find_stream_info(file, NULL) < 0)
        fail(path);
    const int stream = av_find_best_stream(file, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
    AVCodecContext *decoder = avcodec_alloc_context3(codec);
    avcodec_parameters_to_context(decoder, file->streams[stream]->codecpar);
    decoder->thread_count = 1;
    if (avcodec_open2(decoder, codec, NULL) < 0)
        fail(path);
    int count = 0;
    for (bool end = false; !end;) {
        end = av_read_frame(file, packet) < 0;
        avcodec_send_packet(decoder, end ? NULL : packet);
        av_packet_unref(packet);
        while (avcodec_receive_frame(decoder, picture) >= 0)
            count++;
    }
    avcodec_free_context(&decoder);
    avformat_close_input(&file);
    av_packet_free(&packet);
    av_frame_free(&picture);
    if (count != frames)
        fail("the decoder gave another number of frames");
    return now_s() - begin;
}

/* Seconds for reading all files of a chunk and writing them elsewhere. */
static double copy_files(const char *store, int frames)
{
    static uint8_t data[WIDTH * HEIGHT + 4096];
    char from[256], to[256];
    snprintf(to, sizeof to, "%s/copy", folder);
    const double begin = now_s();
    for (int i = 0; i < frames; i++) {
        snprintf(from, sizeof from, "%s/000000/%06d.npy", store, i);
        const int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        ssize_t size;
        while ((size = read(in, data, sizeof data)) > 0)
            if (write(out, data, (size_t)size) != size)
                fail(to);
        close(in);
        close(out);
    }
    const double duration_s = now_s() - begin;
    unlink(to);
    return duration_s;
}

static double reference_s(const struct subject *subject, const char *store)
{
    if (strcmp(subject->format, "npy") == 0)
        return copy_files(store, subject->frames);
    char path[256];
    snprintf(path, sizeof path, "%s/000000%s", store, strstr(subject->format, "avi") ? ".avi" : ".mp4");
    return decode_file(path, subject->frames);
}

/* ---- reading ---- */

enum way { SEQUENTIAL, RANDOM, STRIDED, BACKWARD, WAYS };

static const char *const way_names[WAYS] = {"sequential", "random", "strided", "backward"};

/* Reads in a way and returns the seconds for a frame read; opening does not count. */
static double read_store(const struct subject *subject, const char *store, enum way way)
{
    enum { STRIDE = 7, RANDOM_READS = 60 };
    ist_reader *reader;
    ist_frame frame = {0};
    const int frames = subject->frames;
    if (ist_reader_open(&reader, store, &error) < 0 || ist_reader_read_index(reader, 0, &frame, &error) < 0)
        fail(error.message);
    const int step = way == STRIDED ? STRIDE : 1;
    const int count = way == RANDOM ? RANDOM_READS : (frames - 1) / step;
    const double begin = now_s();
    for (int i = 0; i < count; i++) {
        const int index = way == RANDOM ? rand() % frames : way == BACKWARD ? frames - 1 - i : (i + 1) * step;
        if (ist_reader_read_index(reader, index, &frame, &error) < 0)
            fail(error.message);
    }
    const double duration_s = now_s() - begin;
    ist_reader_close(&reader);
    ist_frame_free(&frame);
    return duration_s / count;
}

/* What reading one frame in this way should cost, in decodings of a frame. */
static double expected_decodings(const struct subject *subject, enum way way)
{
    const double half_gop = (subject->gop + 1) / 2.0;
    return way == RANDOM ? half_gop : way == STRIDED && subject->gop > 1 ? 7 : 1;
}

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

static void measure(const struct subject *subject)
{
    char store[128];
    snprintf(store, sizeof store, "%s/store", folder);
    write_store(subject, store);
    double reference = 1e9, ways[WAYS] = {1e9, 1e9, 1e9, 1e9};
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        reference = smaller(reference, reference_s(subject, store) / subject->frames);
        for (int way = 0; way < WAYS; way++)
            ways[way] = smaller(ways[way], read_store(subject, store, (enum way)way));
    }
    printf("%-26s %8.3f ms", subject->name, reference * 1e3);
    for (int way = 0; way < WAYS; way++)
        printf("   %8.3f ms %5.2f", ways[way] * 1e3,
               ways[way] / reference / expected_decodings(subject, (enum way)way));
    printf("\n");
    fflush(stdout);
    fs_remove_tree(store);
}

int main(void)
{
    strcpy(folder, "/tmp/bench-read-XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    printf(
        "A frame, and its ratio to the decoder (npy: to a copy of the file). A random read is expected to cost half a\n"
        "GOP, a strided one (every 7th frame) 7 frames.\n%-26s %11s",
        "", "reference");
    for (int way = 0; way < WAYS; way++)
        printf("   %17s", way_names[way]);
    printf("\n");
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++)
        measure(&subjects[i]);
    fs_remove_tree(folder);
    return 0;
}
