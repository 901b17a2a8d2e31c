/*
 * How fast stores are read, as ratios to what FFmpeg's decoder needs for the same file in the same run, and for npy to
 * a plain copy of the files. 1.00 is as fast as that; larger is slower. Where they are there, OpenCV and FFMS2 read the
 * same frames of the same file.
 *
 * Each ratio comes twice: of the time of all threads on the processors, which what else the machine does hardly
 * changes, and of the time on the clock, which is shorter where threads find idle processors. The reference has one
 * thread. Random reads come twice, too: from nothing kept, and as readers are, which keep the pictures that they
 * decoded on the way and leave decoders standing. Two places are read in turn, half of the frames apart.
 *
 * bench_read [NAME]: only the videos whose names hold NAME; NAME opening: only that
 */
#include <dirent.h>
#include <fcntl.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libstore/libstore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bench_others.h"
#include "chunk_reader.h"
#include "fs.h"
#include "picture_cache.h"

enum { WIDTH = 640, HEIGHT = 480, REPEATS = 2 };

static char folder[64];
static ist_error error;

struct duration {
    double processor_s; /* of all threads */
    double clock_s;
};

static double clock_now_s(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static struct duration now(void)
{
    return (struct duration){clock_now_s(CLOCK_PROCESS_CPUTIME_ID), clock_now_s(CLOCK_MONOTONIC)};
}

/* The time since then, shared by `count` frames. */
static struct duration since(struct duration begin, int count)
{
    const struct duration end = now();
    return (struct duration){(end.processor_s - begin.processor_s) / count, (end.clock_s - begin.clock_s) / count};
}

static void keep_shorter(struct duration *shortest, struct duration took)
{
    if (shortest->clock_s == 0 || took.processor_s < shortest->processor_s)
        shortest->processor_s = took.processor_s;
    if (shortest->clock_s == 0 || took.clock_s < shortest->clock_s)
        shortest->clock_s = took.clock_s;
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
    int chunksize;       /* frames; 0: all */
    const char *foreign; /* arguments for the ffmpeg command, which writes the chunk instead; NULL: libstore does */
};

static const struct subject subjects[] = {
    {"avc1/mp4 gray, GOP 25", "avc1/mp4", 1, 300, 25, 0, NULL},
    {"avc1/mp4 gray, 12 chunks", "avc1/mp4", 1, 300, 25, 25, NULL},
    {"avc1/mp4 colour, GOP 25", "avc1/mp4", 3, 150, 25, 0, NULL},
    {"h264 gray, GOP 250 with B", "avc1/mp4", 1, 500, 250, 0, "-c:v libx264 -sc_threshold 0 -pix_fmt yuv420p"},
    {"mjpeg/avi gray", "mjpeg/avi", 1, 300, 1, 0, NULL},
    {"npy gray", "npy", 1, 300, 1, 0, NULL},
};

/* Puts a video by another encoder into the empty store. */
static void insert_foreign_chunk(const struct subject *subject, const char *store)
{
    enum { MOST_FRAMES = 1000 };
    static uint8_t pixels[WIDTH * HEIGHT];
    static int64_t numbers[MOST_FRAMES];
    static double times_s[MOST_FRAMES];
    char command[512], path[128];
    snprintf(path, sizeof path, "%s/foreign.mp4", folder);
    snprintf(command, sizeof command, "ffmpeg -nostdin -v error -y -f rawvideo -pix_fmt gray -s %dx%d -i pipe:0 %s %s",
             WIDTH, HEIGHT, subject->foreign, path);
    FILE *pipe = popen(command, "w");
    for (int i = 0; i < subject->frames; i++) {
        draw(pixels, 1, i);
        fwrite(pixels, 1, sizeof pixels, pipe);
        numbers[i] = i;
        times_s[i] = i;
    }
    if (pclose(pipe) != 0)
        fail("ffmpeg");
    const ist_insertion insertion = {
        .file = path, .numbers = numbers, .times_s = times_s, .count = subject->frames, .move = true};
    if (ist_insert_chunk(store, &insertion, &error) < 0)
        fail(error.message);
}

static void write_store(const struct subject *subject, const char *store)
{
    static uint8_t pixels[WIDTH * HEIGHT * 3];
    ist_writer *writer;
    const ist_writer_params params = {.format = subject->format,
                                      .width = WIDTH,
                                      .height = HEIGHT,
                                      .channels = subject->channels,
                                      .chunksize = subject->chunksize ? subject->chunksize : subject->frames};
    if (ist_writer_create(&writer, store, &params, &error) < 0)
        fail(error.message);
    ist_frame frame = {.data = pixels,
                       .stride = WIDTH * subject->channels,
                       .width = WIDTH,
                       .height = HEIGHT,
                       .channels = subject->channels};
    for (int i = 0; i < subject->frames && !subject->foreign; i++) {
        draw(pixels, subject->channels, i);
        frame.number = i;
        frame.time_s = i;
        if (ist_writer_add(writer, &frame, &error) < 0)
            fail(error.message);
    }
    if (ist_writer_close(&writer, &error) < 0)
        fail(error.message);
    if (subject->foreign)
        insert_foreign_chunk(subject, store);
}

/* ---- what it is measured by ---- */

/* What FFmpeg's decoder needs for a frame of a file, with one thread. */
static struct duration decode_file(const char *path, int frames)
{
    const struct duration begin = now();
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
    return since(begin, frames);
}

/* What reading a file of a chunk and writing it elsewhere takes. */
static struct duration copy_files(const char *store, int frames)
{
    static uint8_t data[WIDTH * HEIGHT + 4096];
    char from[256], to[256];
    snprintf(to, sizeof to, "%s/copy", folder);
    const struct duration begin = now();
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
    const struct duration took = since(begin, frames);
    unlink(to);
    return took;
}

static const char *video_path(const struct subject *subject, const char *store)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/000000%s", store, strstr(subject->format, "avi") ? ".avi" : ".mp4");
    return path;
}

static bool is_npy(const struct subject *subject)
{
    return strcmp(subject->format, "npy") == 0;
}

static struct duration measure_reference(const struct subject *subject, const char *store)
{
    if (is_npy(subject))
        return copy_files(store, subject->frames);
    return decode_file(video_path(subject, store), subject->chunksize ? subject->chunksize : subject->frames);
}

/* ---- reading ---- */

enum way { SEQUENTIAL, RANDOM, RANDOM_KEPT, STRIDED, BACKWARD, TWO_PLACES, WAYS };

static const char *const way_names[WAYS] = {"sequential", "random",   "random, kept",
                                            "strided",    "backward", "two places"};

enum { STRIDE = 7, RANDOM_READS = 30, BACKWARD_READS = 50, TWO_PLACES_READS = 40 };

static bool is_random(enum way way)
{
    return way == RANDOM || way == RANDOM_KEPT;
}

static int read_count(const struct subject *subject, enum way way)
{
    return is_random(way)      ? RANDOM_READS
           : way == BACKWARD   ? BACKWARD_READS
           : way == TWO_PLACES ? TWO_PLACES_READS
           : way == STRIDED    ? (subject->frames - 1) / STRIDE
                               : subject->frames - 1;
}

/* The i-th frame that is read, the same in each run and for each reader. */
static int frame_at(const struct subject *subject, enum way way, int i)
{
    return is_random(way)      ? (int)((unsigned)(i + 1) * 2654435761u / 65536 % (unsigned)subject->frames)
           : way == BACKWARD   ? subject->frames - 1 - i
           : way == TWO_PLACES ? i / 2 + i % 2 * subject->frames / 2
           : way == STRIDED    ? (i + 1) * STRIDE
                               : i + 1;
}

/* What reading one frame in this way should cost, in decodings of a frame. */
static double expected_decodings(const struct subject *subject, enum way way)
{
    const int count = read_count(subject, way), gop = subject->gop, frames = subject->frames;
    if (way == STRIDED)
        return gop > 1 ? STRIDE : 1;
    if (way == BACKWARD)
        return (double)(frames - (frames - count) / gop * gop) / count;
    double decodings = 0;
    for (int i = 0; i < count; i++)
        decodings += is_random(way) ? frame_at(subject, way, i) % gop + 1 : 1;
    return decodings / count;
}

/* Reads in a way; opening and the first frame do not count. */
static struct duration read_store(const struct subject *subject, const char *store, enum way way)
{
    ist_reader *reader;
    ist_frame frame = {0};
    if (ist_reader_open(&reader, store, &error) < 0 || ist_reader_read_index(reader, 0, &frame, &error) < 0)
        fail(error.message);
    if (way == RANDOM)
        ist_reader_set_cache(reader, 0);
    const int count = read_count(subject, way);
    const struct duration begin = now();
    for (int i = 0; i < count; i++)
        if (ist_reader_read_index(reader, frame_at(subject, way, i), &frame, &error) < 0)
            fail(error.message);
    const struct duration took = since(begin, count);
    ist_reader_close(&reader);
    ist_frame_free(&frame);
    return took;
}

static struct duration read_video(const struct other_reader *other, const struct subject *subject, const char *path,
                                  enum way way)
{
    void *video = other->open(path);
    if (!video || !other->read(video, 0))
        fail(other->name);
    const int count = read_count(subject, way);
    const struct duration begin = now();
    for (int i = 0; i < count; i++)
        if (!other->read(video, frame_at(subject, way, i)))
            fail(other->name);
    const struct duration took = since(begin, count);
    other->close(video);
    return took;
}

static const struct other_reader *const others[] = {
#ifdef WITH_OPENCV
    &opencv_reader,
#endif
#ifdef WITH_FFMS2
    &ffms2_reader,
#endif
    NULL,
};

enum { READERS = sizeof others / sizeof *others }; /* with libstore, the first */

static void print_row(const char *name, const struct subject *subject, struct duration reference,
                      const struct duration took[WAYS])
{
    printf("%-28s", name);
    for (int way = 0; way < WAYS; way++) {
        const double decodings = expected_decodings(subject, (enum way)way);
        printf("  %8.3f ms %5.2f %5.2f", took[way].processor_s * 1e3,
               took[way].processor_s / reference.processor_s / decodings,
               took[way].clock_s / reference.clock_s / decodings);
    }
    printf("\n");
    fflush(stdout);
}

static void measure(const struct subject *subject)
{
    char store[128];
    snprintf(store, sizeof store, "%s/store", folder);
    write_store(subject, store);
    const int readers = is_npy(subject) || subject->chunksize ? 1 : READERS;
    struct duration reference = {0}, took[READERS][WAYS] = {0};
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        keep_shorter(&reference, measure_reference(subject, store));
        for (int way = 0; way < WAYS; way++) {
            keep_shorter(&took[0][way], read_store(subject, store, (enum way)way));
            for (int i = 1; i < readers; i++)
                keep_shorter(&took[i][way],
                             read_video(others[i - 1], subject, video_path(subject, store), (enum way)way));
        }
    }
    char name[64];
    snprintf(name, sizeof name, "%s", subject->name);
    printf("%-28s  %8.3f ms\n", name, reference.processor_s * 1e3);
    for (int i = 0; i < readers; i++) {
        snprintf(name, sizeof name, "    %s", i == 0 ? "libstore" : others[i - 1]->name);
        print_row(name, subject, reference, took[i]);
    }
    fs_remove_tree(store);
}

/* ---- opening ---- */

/* Opens a video as a chunk and reads this frame, or lets another library do it. */
static struct duration open_video(const struct other_reader *other, const char *directory, const char *path, int frame)
{
    const struct duration begin = now();
    if (other) {
        void *video = other->open(path);
        if (!video || !other->read(video, frame))
            fail(other->name);
        other->close(video);
        return since(begin, 1);
    }
    const struct metadata metadata = {.width = WIDTH, .height = HEIGHT, .channels = 1, .extension = ".mp4"};
    const struct decoding decoding = {.cache = picture_cache_create(0), .threads = IST_READER_THREADS};
    struct chunk_reader *reader;
    ist_frame pixels = {0};
    if (video_reader_calls.open(&reader, &metadata, directory, 0, NULL, &decoding, &error) < 0 ||
        video_reader_calls.read(reader, frame, &pixels, &error) < 0)
        fail(error.message);
    video_reader_calls.close(&reader);
    picture_cache_destroy(decoding.cache);
    ist_frame_free(&pixels);
    return since(begin, 1);
}

/* A chunk of 10,000 frames: how long until a key frame out of its middle is there. */
static void measure_opening(void)
{
    enum { FRAMES = 500, LOOPS = 20 };
    const struct subject subject = {"opening", "avc1/mp4", 1, FRAMES, 25, 0, NULL};
    char store[128], large[128], path[160], command[512];
    snprintf(store, sizeof store, "%s/store", folder);
    snprintf(large, sizeof large, "%s/large", folder);
    snprintf(path, sizeof path, "%s/000000.mp4", large);
    write_store(&subject, store);
    mkdir(large, 0777);
    snprintf(command, sizeof command, "ffmpeg -nostdin -v error -stream_loop %d -i %s -c copy %s", LOOPS - 1,
             video_path(&subject, store), path);
    if (system(command) != 0)
        fail("ffmpeg");
    printf("\nOpening a chunk of %d frames, the first frame read out of its middle\n", FRAMES * LOOPS);
    for (int i = 0; i < READERS; i++) {
        struct duration took = {0};
        for (int repeat = 0; repeat < REPEATS; repeat++)
            keep_shorter(&took, open_video(i == 0 ? NULL : others[i - 1], large, path, FRAMES * LOOPS / 2));
        printf("    %-24s  %8.1f ms on the processors, %8.1f ms on the clock\n",
               i == 0 ? "libstore" : others[i - 1]->name, took.processor_s * 1e3, took.clock_s * 1e3);
    }
}

int main(int argc, char **argv)
{
    strcpy(folder, "/tmp/bench-read-XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    printf("The decoder's (npy: a copy's) time for a frame; then for a frame read: the time, and its ratio to the\n"
           "decoder's, on the processors and on the clock. A random read may cost decoding from the key frame on, a\n"
           "strided one (every %dth frame) %d frames, a backward one its share in decoding each GOP once, one of two\n"
           "places in turn one frame.\n%-28s",
           STRIDE, STRIDE, "");
    for (int way = 0; way < WAYS; way++)
        printf("  %23s", way_names[way]);
    printf("\n");
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++)
        if (argc < 2 || strstr(subjects[i].name, argv[1]))
            measure(&subjects[i]);
    if (argc < 2 || strstr("opening", argv[1]))
        measure_opening();
    fs_remove_tree(folder);
    return 0;
}
