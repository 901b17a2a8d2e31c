/*
 * Every frame is the one that was asked for, or an error: in every container, in any order of reading.
 *
 *   exact_test                        the usual kinds, some thousand reads
 *   exact_test RANDOM_READS           all kinds
 *   exact_test RANDOM_READS KIND      the kinds whose names hold KIND, so many reads of each
 *
 * The ffmpeg command makes the files; each frame carries its index. What it decodes from beginning to end says how many
 * frames there are and in which order. From a file that breaks off a frame may lack, but none may stand in for another.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "barcode.h"
#include "chunk_reader.h"
#include "decoder_pool.h"
#include "fs.h"
#include "picture_cache.h"
#include "temporary.h"

enum {
    WIDTH = 96,
    HEIGHT = 64,
    FRAMES = 180,
    SMALL_CACHE = 8 * WIDTH * HEIGHT * 3 / 2,
    LARGE_CACHE = 256 << 20,
    TEN_DECODERS = 1 << 20, /* about */
    DEFAULT_READS = 2000
};

struct kind {
    const char *name;
    const char *extension;
    const char *encoding; /* arguments for the encoder and the muxer */
    const char *copying;  /* arguments of a second command, which copies the packets; NULL: none */
    int kept_percent;     /* of the bytes of the file; 0: all */
    bool cut_anywhere;    /* read in order with what is kept of it, many times */
    int frames;           /* 0: FRAMES */
    const char *rate;     /* frames/s; NULL: 25 */
    bool rare;            /* only in the long run */
};

#define X264 "-c:v libx264 -preset veryfast -g 25 -pix_fmt yuv420p "
#define X264_B X264 "-bf 3 -x264-params b-pyramid=2:b-adapt=0 "
#define X264_OPEN X264 "-bf 3 -x264-params open-gop=1:b-pyramid=2:b-adapt=0 "
#define X264_OPEN_COARSE X264 "-bf 3 -x264-params open-gop=1:b-adapt=0:scenecut=0 "
#define VFR "-vf 'settb=1/1000,setpts=N*40+8*mod(N\\,3)+4*mod(N\\,5)' -enc_time_base 1/1000 -fps_mode passthrough "
#define GAP "-vf 'select=not(eq(n\\,177))' -fps_mode passthrough "
#define MPEG4 "-c:v mpeg4 -q:v 3 -g 12 "
#define TS "-f mpegts -muxdelay 0.1 "

static const struct kind kinds[] = {
    {.name = "mp4 h264 B", .extension = ".mp4", .encoding = X264_B},
    {.name = "mp4 h264 no B", .rare = true, .extension = ".mp4", .encoding = X264 "-tune zerolatency"},
    {.name = "mp4 h264 GOP 250", .extension = ".mp4", .frames = 520, .encoding = X264_B "-g 250"},
    {.name = "mp4 h264 open GOP", .extension = ".mp4", .encoding = X264_OPEN},
    {.name = "mp4 h264 open GOP fixed", .rare = true, .extension = ".mp4", .encoding = X264_OPEN_COARSE},
    {.name = "mp4 h264 VFR", .extension = ".mp4", .encoding = X264_B VFR},
    {.name = "mp4 h264 edit list", .extension = ".mp4", .encoding = X264_B, .copying = "-ss 1.3"},
    {.name = "mp4 h264 open GOP edit list", .extension = ".mp4", .encoding = X264_OPEN, .copying = "-ss 2.1"},
    {.name = "mp4 h264 negative cts", .extension = ".mp4", .encoding = X264_B "-movflags negative_cts_offsets"},
    {.name = "mp4 h264 fragmented", .extension = ".mp4", .encoding = X264_B "-movflags frag_keyframe+empty_moov"},
    {.name = "mp4 h264 fragments of a frame",
     .rare = true,
     .extension = ".mp4",
     .encoding = X264_B "-movflags frag_every_frame+empty_moov+default_base_moof"},
    {.name = "mp4 h264 intra refresh", .extension = ".mp4", .encoding = X264 "-x264-params intra-refresh=1:bframes=0"},
    {.name = "mp4 h264 10 bit 4:4:4",
     .rare = true,
     .extension = ".mp4",
     .encoding = "-c:v libx264 -preset veryfast -g 25 -pix_fmt yuv444p10 -bf 3"},
    {.name = "mp4 hevc open GOP",
     .extension = ".mp4",
     .encoding =
         "-c:v libx265 -preset ultrafast -x265-params keyint=25:min-keyint=25:bframes=4:open-gop=1:log-level=none"},
    {.name = "mp4 hevc closed GOP",
     .rare = true,
     .extension = ".mp4",
     .encoding = "-c:v libx265 -preset ultrafast -x265-params keyint=25:bframes=4:open-gop=0:log-level=none"},
    {.name = "mp4 hevc RADL",
     .rare = true,
     .extension = ".mp4",
     .encoding = "-c:v libx265 -preset ultrafast -x265-params "
                 "keyint=25:min-keyint=25:bframes=4:open-gop=0:radl=3:log-level=none"},
    {.name = "mp4 mpeg4 B", .rare = true, .extension = ".mp4", .encoding = MPEG4 "-bf 2"},
    {.name = "mp4 av1", .rare = true, .extension = ".mp4", .encoding = "-c:v libsvtav1 -preset 12 -g 25"},
    {.name = "mov prores", .extension = ".mov", .encoding = "-c:v prores"},
    {.name = "mov qtrle", .extension = ".mov", .encoding = "-c:v qtrle -g 20"},
    {.name = "mkv h264 B", .rare = true, .extension = ".mkv", .encoding = X264_B},
    {.name = "mkv h264 open GOP", .rare = true, .extension = ".mkv", .encoding = X264_OPEN},
    {.name = "mkv h264 open GOP cut", .extension = ".mkv", .encoding = X264_OPEN_COARSE, .copying = "-ss 2.1"},
    {.name = "mkv h264 2400/s", .extension = ".mkv", .encoding = X264_B, .rate = "2400"},
    {.name = "mkv h264 open GOP 3000/s", .rare = true, .extension = ".mkv", .encoding = X264_OPEN, .rate = "3000"},
    {.name = "mkv h264 no B 5000/s", .extension = ".mkv", .encoding = X264 "-tune zerolatency", .rate = "5000"},
    {.name = "mkv hevc open GOP cut",
     .rare = true,
     .extension = ".mkv",
     .encoding =
         "-c:v libx265 -preset ultrafast -x265-params keyint=25:min-keyint=25:bframes=4:open-gop=1:log-level=none",
     .copying = "-ss 2.1"},
    {.name = "mkv hevc 2000/s",
     .rare = true,
     .extension = ".mkv",
     .encoding = "-c:v libx265 -preset ultrafast -x265-params keyint=25:bframes=4:log-level=none",
     .rate = "2000"},
    {.name = "mkv mpeg4 B 2000/s", .rare = true, .extension = ".mkv", .encoding = MPEG4 "-bf 2", .rate = "2000"},
    {.name = "mkv ffv1", .extension = ".mkv", .encoding = "-c:v ffv1 -level 3 -g 1"},
    {.name = "mkv ffv1 GOP 12", .rare = true, .extension = ".mkv", .encoding = "-c:v ffv1 -level 3 -g 12"},
    {.name = "avi h264 B", .extension = ".avi", .encoding = X264_B},
    {.name = "avi h264 open GOP", .extension = ".avi", .encoding = X264_OPEN},
    {.name = "avi mpeg4", .rare = true, .extension = ".avi", .encoding = MPEG4},
    {.name = "avi mpeg4 B closed GOP",
     .extension = ".avi",
     .encoding = MPEG4 "-bf 2 -flags +cgop -sc_threshold 1000000000"},
    {.name = "avi mpeg4 B open GOP", .extension = ".avi", .encoding = MPEG4 "-bf 2"},
    {.name = "avi mpeg4 B packed", .extension = ".avi", .encoding = "-c:v libxvid -q:v 3 -g 12 -bf 2"},
    {.name = "avi mpeg4 interlaced", .extension = ".avi", .encoding = MPEG4 "-bf 2 -flags +ildct+ilme -top 1"},
    {.name = "apng", .extension = ".apng", .encoding = "-vf 'drawbox=y=9:c=gray:t=fill:enable=mod(n\\,20)' -f apng"},
    {.name = "avi mpeg2 B", .rare = true, .extension = ".avi", .encoding = "-c:v mpeg2video -q:v 3 -g 12 -bf 2"},
    {.name = "avi mjpeg", .extension = ".avi", .encoding = "-c:v mjpeg -q:v 2 -pix_fmt yuvj420p"},
    {.name = "avi ffvhuff", .rare = true, .extension = ".avi", .encoding = "-c:v ffvhuff"},
    {.name = "ts h264 B", .extension = ".ts", .encoding = X264_B TS},
    {.name = "ts h264 open GOP", .rare = true, .extension = ".ts", .encoding = X264_OPEN TS},
    {.name = "ts h264 open GOP cut", .extension = ".ts", .encoding = X264_OPEN_COARSE TS, .copying = TS "-ss 2.1"},
    {.name = "ts h264 intra refresh",
     .rare = true,
     .extension = ".ts",
     .encoding = X264 TS "-x264-params intra-refresh=1:bframes=0"},
    {.name = "ts mpeg2 B", .extension = ".ts", .encoding = "-c:v mpeg2video -q:v 3 -g 12 -bf 2 " TS},
    {.name = "asf h264", .rare = true, .extension = ".asf", .encoding = X264_B},
    {.name = "asf mpeg4", .rare = true, .extension = ".asf", .encoding = MPEG4},
    {.name = "vob mpeg2", .extension = ".vob", .encoding = "-c:v mpeg2video -q:v 2 -g 12 -bf 2 -f vob"},
    {.name = "mpg mpeg2", .rare = true, .extension = ".mpg", .encoding = "-c:v mpeg2video -q:v 2 -g 12 -bf 2 -f mpeg"},
    {.name = "mpg h264", .rare = true, .extension = ".mpg", .encoding = X264_B "-f vob"},
    {.name = "ts hevc",
     .rare = true,
     .extension = ".ts",
     .encoding = "-c:v libx265 -preset ultrafast -x265-params keyint=25:bframes=4:log-level=none " TS},
    {.name = "webm vp9 alt-ref",
     .extension = ".webm",
     .encoding = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 40 -auto-alt-ref 1 -lag-in-frames 16 -b:v 1M"},
    {.name = "webm vp9 good",
     .rare = true,
     .extension = ".webm",
     .encoding =
         "-c:v libvpx-vp9 -deadline good -cpu-used 5 -g 40 -auto-alt-ref 1 -arnr-maxframes 5 -lag-in-frames 20 -b:v 1M",
     .frames = 90},
    {.name = "webm vp8 alt-ref",
     .extension = ".webm",
     .encoding = "-c:v libvpx -deadline good -cpu-used 5 -g 40 -auto-alt-ref 1 -lag-in-frames 16 -b:v 1M"},
    {.name = "mkv h264 with a gap", .extension = ".mkv", .encoding = X264_B GAP},
    {.name = "mkv hevc with a gap",
     .extension = ".mkv",
     .encoding = "-c:v libx265 -preset veryfast -g 25 -bf 3 -x265-params log-level=none " GAP},
    {.name = "mkv mpeg4 B with a gap", .extension = ".mkv", .encoding = MPEG4 "-bf 2 " GAP},
    {.name = "mkv h264 slowing down",
     .extension = ".mkv",
     .encoding = X264_B "-vf 'setpts=(N*N*0.01+N)/25/TB' -fps_mode passthrough"},
    {.name = "ts h264 with a gap", .extension = ".ts", .encoding = X264_B TS GAP},
    {.name = "flv h264 with a gap", .extension = ".flv", .encoding = X264_B GAP},
    {.name = "nut h264 with a gap", .extension = ".nut", .encoding = X264_B GAP},
    {.name = "avi h263p", .extension = ".avi", .encoding = "-c:v h263p -q:v 2 -g 12"},
    {.name = "mp4 h264 cut off", .extension = ".mp4", .encoding = X264_B "-movflags faststart", .kept_percent = 71},
    {.name = "mp4 h264 VFR cut off",
     .extension = ".mp4",
     .encoding = X264_B VFR "-movflags faststart",
     .kept_percent = 67},
    {.name = "mp4 h264 fragmented cut off",
     .extension = ".mp4",
     .encoding = X264_B "-movflags frag_every_frame+empty_moov+default_base_moof",
     .kept_percent = 64},
    {.name = "mkv h264 cut off", .extension = ".mkv", .encoding = X264_B, .kept_percent = 63},
    {.name = "mkv h264 2400/s cut off", .extension = ".mkv", .encoding = X264_B, .rate = "2400", .kept_percent = 77},
    {.name = "mkv ffv1 cut off",
     .rare = true,
     .extension = ".mkv",
     .encoding = "-c:v ffv1 -level 3 -g 1",
     .kept_percent = 50},
    {.name = "avi h264 cut off", .extension = ".avi", .encoding = X264_B, .kept_percent = 69},
    {.name = "avi mpeg4 B cut off", .extension = ".avi", .encoding = MPEG4 "-bf 2", .kept_percent = 73},
    {.name = "avi mpeg4 B packed cut off",
     .rare = true,
     .extension = ".avi",
     .encoding = "-c:v libxvid -q:v 3 -g 12 -bf 2",
     .kept_percent = 58},
    {.name = "avi mjpeg cut off",
     .extension = ".avi",
     .encoding = "-c:v mjpeg -q:v 2 -pix_fmt yuvj420p",
     .kept_percent = 81},
    {.name = "ts h264 cut off", .extension = ".ts", .encoding = X264_B TS, .kept_percent = 66},
    {.name = "ts mpeg2 cut off",
     .extension = ".ts",
     .encoding = "-c:v mpeg2video -q:v 3 -g 12 -bf 2 " TS,
     .kept_percent = 72},
    {.name = "mp4 h264 cut anywhere",
     .extension = ".mp4",
     .encoding = X264_B "-movflags faststart",
     .cut_anywhere = true},
    {.name = "mp4 h264 fragmented cut anywhere",
     .extension = ".mp4",
     .encoding = X264_B "-movflags frag_keyframe+empty_moov",
     .cut_anywhere = true},
    {.name = "mkv h264 cut anywhere", .extension = ".mkv", .encoding = X264_B, .cut_anywhere = true},
    {.name = "mkv h264 VFR cut anywhere", .extension = ".mkv", .encoding = X264_B VFR, .cut_anywhere = true},
    {.name = "mkv h264 open GOP cut anywhere",
     .extension = ".mkv",
     .encoding = X264_OPEN_COARSE VFR,
     .cut_anywhere = true},
    {.name = "mkv hevc cut anywhere",
     .extension = ".mkv",
     .encoding = "-c:v libx265 -preset veryfast -g 25 -bf 3 -x265-params log-level=none ",
     .cut_anywhere = true},
    {.name = "mkv mpeg4 B cut anywhere", .extension = ".mkv", .encoding = MPEG4 "-bf 2", .cut_anywhere = true},
    {.name = "avi h264 cut anywhere", .extension = ".avi", .encoding = X264_B, .cut_anywhere = true},
    {.name = "avi mpeg4 B cut anywhere", .extension = ".avi", .encoding = MPEG4 "-bf 2", .cut_anywhere = true},
    {.name = "avi mpeg2 B cut anywhere",
     .extension = ".avi",
     .encoding = "-c:v mpeg2video -q:v 3 -g 12 -bf 2 ",
     .cut_anywhere = true},
    {.name = "ts h264 cut anywhere", .extension = ".ts", .encoding = X264_B TS, .cut_anywhere = true},
    {.name = "ts hevc cut anywhere",
     .extension = ".ts",
     .encoding = "-c:v libx265 -preset veryfast -g 25 -bf 3 -x265-params log-level=none " TS,
     .cut_anywhere = true},
    {.name = "ts mpeg2 B cut anywhere",
     .extension = ".ts",
     .encoding = "-c:v mpeg2video -q:v 3 -g 12 -bf 2 " TS,
     .cut_anywhere = true},
    {.name = "mpg mpeg2 B cut anywhere",
     .extension = ".mpg",
     .encoding = "-c:v mpeg2video -q:v 3 -g 12 -bf 2 ",
     .cut_anywhere = true},
    {.name = "mpg mpeg1 B cut anywhere",
     .extension = ".mpg",
     .encoding = "-c:v mpeg1video -q:v 3 -g 12 -bf 2 ",
     .cut_anywhere = true},
    {.name = "flv h264 cut anywhere", .extension = ".flv", .encoding = X264_B, .cut_anywhere = true},
    {.name = "asf mpeg4 B cut anywhere", .extension = ".asf", .encoding = MPEG4 "-bf 2", .cut_anywhere = true},
    {.name = "webm vp9 cut off",
     .rare = true,
     .extension = ".webm",
     .encoding = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 40 -auto-alt-ref 1 -lag-in-frames 16 -b:v 1M",
     .kept_percent = 75},
    {.name = "mov prores cut off",
     .rare = true,
     .extension = ".mov",
     .encoding = "-c:v prores -movflags faststart",
     .kept_percent = 75},
    {.name = "mov qtrle cut off",
     .rare = true,
     .extension = ".mov",
     .encoding = "-c:v qtrle -g 20 -movflags faststart",
     .kept_percent = 75},
};

enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

static char folder[TEMPORARY_SIZE];

/* ---- making a file ---- */

static uint32_t hash32(uint32_t value)
{
    value = (value ^ (value >> 16)) * 0x45d9f3bu;
    return (value ^ (value >> 15)) * 0x2c1b3c6du;
}

/* A texture that wanders, with some noise, so that pictures refer to each other but are no copies. */
static void draw(ist_frame *frame, int index)
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            const uint32_t texture = hash32((uint32_t)((x + index) / 4 * 7919 + (y + index / 2) / 4)) % 120;
            const uint32_t noise = hash32((uint32_t)((index * HEIGHT + y) * WIDTH + x)) % 12;
            frame->data[y * frame->stride + x] = (uint8_t)(60 + texture + noise);
        }
    barcode_draw(frame, index);
}

static bool run_encoder(const struct kind *kind, const char *path, int frames)
{
    char command[2048];
    snprintf(command, sizeof command,
             "ffmpeg -nostdin -v error -y -f rawvideo -pix_fmt gray -s %dx%d -r %s -i pipe:0 %s '%s'", WIDTH, HEIGHT,
             kind->rate ? kind->rate : "25", kind->encoding, path);
    FILE *pipe = popen(command, "w");
    static uint8_t pixels[WIDTH * HEIGHT];
    ist_frame frame = {.data = pixels, .stride = WIDTH, .width = WIDTH, .height = HEIGHT, .channels = 1};
    for (int i = 0; i < frames; i++) {
        draw(&frame, i);
        fwrite(pixels, 1, sizeof pixels, pipe);
    }
    return pclose(pipe) == 0;
}

static bool make_file(const struct kind *kind, const char *path)
{
    char first[128], command[512];
    snprintf(first, sizeof first, "%s/first%s", folder, kind->extension);
    if (!run_encoder(kind, kind->copying ? first : path, kind->frames ? kind->frames : FRAMES))
        return false;
    if (kind->copying) {
        snprintf(command, sizeof command, "ffmpeg -nostdin -v error -y %s -i '%s' -c copy %s '%s'",
                 strstr(kind->copying, "-ss"), first, strstr(kind->copying, "-f ") ? "-f mpegts" : "", path);
        if (system(command) != 0)
            return false;
    }
    struct stat info;
    if (kind->kept_percent && (stat(path, &info) < 0 || truncate(path, info.st_size * kind->kept_percent / 100) < 0))
        return false;
    return true;
}

/* The indices that ffmpeg sees from beginning to end. Returns their count. */
static int decode_all(const char *path, int *indices, int capacity)
{
    char command[512];
    snprintf(command, sizeof command,
             "ffmpeg -nostdin -v quiet -i '%s' -fps_mode passthrough -f rawvideo -pix_fmt gray pipe:1", path);
    FILE *pipe = popen(command, "r");
    static uint8_t pixels[WIDTH * HEIGHT];
    const ist_frame frame = {.data = pixels, .stride = WIDTH, .width = WIDTH, .height = HEIGHT, .channels = 1};
    int count = 0;
    while (count < capacity && fread(pixels, 1, sizeof pixels, pipe) == sizeof pixels)
        indices[count++] = (int)barcode_read(&frame);
    pclose(pipe);
    return count;
}

/* ---- reading it ---- */

static bool lacks_frames(const struct kind *kind)
{
    return kind->kept_percent || kind->cut_anywhere;
}

struct trial {
    const struct kind *kind;
    struct chunk_reader *reader;
    struct picture_cache *cache;
    struct decoder_pool *pool;
    ist_frame frame;
    int count;
    int expected[4096];  /* index drawn into each frame; -1: not known */
    uint32_t sums[4096]; /* of its pixels, once it has been read */
    bool known[4096], failed[4096];
    int64_t reads, right, errors, wrong;
    int reports;
};

static uint32_t sum_of(const ist_frame *frame)
{
    uint32_t sum = 1;
    for (int64_t i = 0; i < frame->stride * frame->height; i++)
        sum = (sum ^ frame->data[i]) * 16777619u;
    return sum;
}

static void report(struct trial *t, int i, const char *how, const char *what)
{
    if (t->reports++ < 4)
        printf("  %s, %s: frame %d: %s\n", t->kind->name, how, i, what);
}

static void read_one(struct trial *t, int i, const char *how)
{
    ist_error error;
    char what[sizeof error.message];
    t->reads++;
    if (video_reader_calls.read(t->reader, i, &t->frame, &error) < 0) {
        t->errors++;
        // A frame that was there once must be there always.
        if (t->known[i] || !lacks_frames(t->kind)) {
            t->wrong += t->known[i];
            snprintf(what, sizeof what, "%s", error.message);
            report(t, i, how, what);
        }
        t->failed[i] = true;
        return;
    }
    const int index = (int)barcode_read(&t->frame);
    const uint32_t sum = sum_of(&t->frame);
    if (index != t->expected[i] || (t->known[i] && sum != t->sums[i]) || t->failed[i]) {
        t->wrong++;
        snprintf(what, sizeof what, "shows %d instead of %d%s%s", index, t->expected[i],
                 t->known[i] && sum != t->sums[i] ? ", other pixels" : "", t->failed[i] ? ", failed before" : "");
        report(t, i, how, what);
        return;
    }
    t->known[i] = true;
    t->sums[i] = sum;
    t->right++;
}

static void close_reader(struct trial *t)
{
    video_reader_calls.close(&t->reader);
    picture_cache_destroy(t->cache);
    decoder_pool_destroy(t->pool);
    t->cache = NULL;
    t->pool = NULL;
}

static ist_status open_file(struct trial *t, size_t cache_bytes, size_t pool_bytes, ist_error *error)
{
    const struct metadata metadata = {.width = WIDTH, .height = HEIGHT, .channels = 1};
    struct metadata filled = metadata;
    snprintf(filled.extension, sizeof filled.extension, "%s", t->kind->extension);
    close_reader(t);
    t->cache = picture_cache_create(cache_bytes);
    t->pool = decoder_pool_create(pool_bytes);
    const struct decoding decoding = {t->cache, t->pool, 2};
    return video_reader_calls.open(&t->reader, &filled, folder, 0, NULL, &decoding, error);
}

static bool open_reader(struct trial *t, size_t cache_bytes, size_t pool_bytes)
{
    ist_error error;
    if (open_file(t, cache_bytes, pool_bytes, &error) < 0) {
        printf("  %s: %s\n", t->kind->name, error.message);
        return false;
    }
    return true;
}

static int random_frame(const struct trial *t)
{
    return rand() % t->count;
}

static void read_in_order(struct trial *t)
{
    for (int i = 0; i < t->count; i++)
        read_one(t, i, "sequential");
    for (int i = t->count - 1; i >= 0; i--)
        read_one(t, i, "backward");
    for (int i = 0; i < t->count; i += 7)
        read_one(t, i, "strided");
    for (int i = t->count - 1; i >= 0; i -= 11)
        read_one(t, i, "strided backward");
    for (int i = 0; i < t->count / 2; i++) {
        read_one(t, i, "first of two places");
        read_one(t, i + t->count / 2, "second of two places");
    }
}

/* Jumps, and some steps on or back from there. */
static void read_randomly(struct trial *t, int reads)
{
    while (reads > 0) {
        int i = random_frame(t);
        const int steps = 1 + rand() % 4, direction = rand() % 3 - 1;
        for (int n = 0; n < steps && i >= 0 && i < t->count; n++, i += direction, reads--)
            read_one(t, i, n ? "behind a seek" : "random");
    }
}

static bool read_all_ways(struct trial *t, int random_reads)
{
    static const size_t caches[] = {LARGE_CACHE, 0, SMALL_CACHE}, pools[] = {0, 0, TEN_DECODERS};
    for (int c = 0; c < 3; c++) {
        if (!open_reader(t, caches[c], pools[c]))
            return false;
        read_in_order(t);
        if (!open_reader(t, caches[c], pools[c]))
            return false;
        read_randomly(t, random_reads / 3);
        // Also near the beginning, where opening may have decoded already.
        for (int n = 0; n < 6; n++) {
            if (!open_reader(t, caches[c], pools[c]))
                return false;
            read_one(t, n < 3 ? (3 + 4 * n) % t->count : random_frame(t), "first of all");
        }
    }
    return true;
}

/*
 * Cuts the file at many places, and reads what is left in order. The cuts are far apart at first, and then everywhere
 * among the first 40 frames or so, and at the end.
 */
static bool read_cut(struct trial *t, const char *path)
{
    enum { CUTS = 60 };
    ist_error error;
    struct buffer whole = {0};
    if (fs_read_file(path, &whole, &error) < 0)
        return false;
    for (int i = 0; i < FRAMES; i++)
        t->expected[i] = i;
    for (int cut = 0; cut < CUTS; cut++) {
        const double share = (cut % 20 + rand() / (RAND_MAX + 1.0)) / 20; // 0 to 1
        const double kept = cut < 20 ? share : cut < 40 ? share / 4 : 1 - share / 10;
        unlink(path);
        if (fs_write_file(path, whole.data, (size_t)((double)whole.size * kept), &error) < 0)
            return false;
        memset(t->known, 0, sizeof t->known);
        memset(t->failed, 0, sizeof t->failed);
        const int64_t wrong = t->wrong;
        // A file of which only the header is left may be refused.
        const bool opened = open_file(t, LARGE_CACHE, 0, &error) >= 0;
        t->count = opened ? (int)video_reader_calls.frame_count(t->reader) : 0;
        for (int i = 0; i < t->count; i++)
            read_one(t, i, "sequential");
        if (t->wrong > wrong)
            printf("  %s: with %zu of %zu bytes\n", t->kind->name, (size_t)((double)whole.size * kept), whole.size);
    }
    buffer_free(&whole);
    return true;
}

static bool read_whole(struct trial *t, int decoded, int random_reads)
{
    const struct kind *kind = t->kind;
    if (!open_reader(t, LARGE_CACHE, 0))
        return false;
    t->count = (int)video_reader_calls.frame_count(t->reader);
    for (int i = 0; i < t->count && kind->kept_percent; i++)
        t->expected[i] = i;
    return (kind->kept_percent || t->count == decoded) && t->count > 0 && read_all_ways(t, random_reads);
}

static bool try_kind(const struct kind *kind, int random_reads, int64_t *total)
{
    static struct trial t;
    t = (struct trial){.kind = kind};
    char path[128];
    snprintf(path, sizeof path, "%s/000000%s", folder, kind->extension);
    if (!make_file(kind, path)) {
        printf("%-32s this ffmpeg cannot make it\n", kind->name);
        return true;
    }
    const int decoded = decode_all(path, t.expected, 4096);
    const bool passed = kind->cut_anywhere ? read_cut(&t, path) : read_whole(&t, decoded, random_reads);
    int sound = 0;
    for (int i = 0; i < t.count; i++)
        sound += t.known[i];
    printf("%-32s %5d %7d %6d %8" PRId64 " %7" PRId64 " %6" PRId64 "\n", kind->name, decoded, t.count, sound, t.reads,
           t.errors, t.wrong);
    fflush(stdout);
    *total += t.reads;
    ist_frame_free(&t.frame);
    close_reader(&t);
    unlink(path);
    return passed && t.wrong == 0 && (lacks_frames(kind) || t.errors == 0);
}

int main(int argc, char **argv)
{
    const int reads = argc > 1 ? atoi(argv[1]) : DEFAULT_READS;
    temporary_folder(folder, "exact-test");
    setenv("SVT_LOG", "0", 1);
    signal(SIGPIPE, SIG_IGN);
    srand(1);
    int failed = 0, read_randomly_count = 0;
    int64_t total = 0;
    for (int i = 0; i < KIND_COUNT; i++)
        read_randomly_count += !kinds[i].cut_anywhere;
    printf("%-32s %5s %7s %6s %8s %7s %6s\n", "", "ffmpeg", "frames", "sound", "reads", "errors", "wrong");
    for (int i = 0; i < KIND_COUNT; i++)
        if (argc < 3 ? argc == 2 || !kinds[i].rare : strstr(kinds[i].name, argv[2]) != NULL)
            failed += !try_kind(&kinds[i], reads / (argc < 3 ? read_randomly_count : 1), &total);
    printf("%" PRId64 " reads, %d kinds failed\n", total, failed);
    fs_remove_tree(folder);
    return failed ? 1 : 0;
}
