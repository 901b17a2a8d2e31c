/* imgstore-test: can this machine's encoders and decoders be trusted, and how fast are they? */
#include <errno.h>
#include <fts.h>
#include <inttypes.h>
#include <libstore/libstore.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

enum {
    CELL = 8,          // px: a square of one level, large enough for every codec to keep its mean
    CODE_BITS = 24,    // cells that spell the frame's index, in the first row of cells; inverted in the second
    RAMP_COLUMNS = 32, // cells of all 256 levels, from the third row of cells on
    RAMP_ROWS = 8,
    WIDTH_MIN = RAMP_COLUMNS * CELL,
    HEIGHT_MIN = (2 + RAMP_ROWS) * CELL,
    RANDOM_READS = 50,
    CHUNKS = 3, // so that reading has to go from file to file
    FIRST_NUMBER = 1000,
};

// Farther than this from what was recorded, in gray levels, the mean of a cell is no rounding of a lossy codec. Colour
// passes through YUV with 219 steps for luma and 224 for chroma (ITU-R BT.601), which alone costs up to 4.
static const double LEVEL_TOLERANCE_GRAY = 1, LEVEL_TOLERANCE_COLOUR = 5;

struct request {
    cli_list formats;
    const char *directory;
    const char *size;
    int64_t frames;
    int width, height;
};

/* ---- what is tried ---- */

struct kind {
    const char *name;
    int channels;
    ist_pixel_type type;
};

static const struct kind kinds[] = {
    {"gray", 1, IST_PIXEL_U8},
    {"colour", 3, IST_PIXEL_U8},
    {"gray, 16 bit", 1, IST_PIXEL_U16},
    {"colour, 16 bit", 3, IST_PIXEL_U16},
};

struct trial {
    const char *format;
    const struct kind *kind;
    int quality;   // 0: the format's own
    bool lossless; // every sample is promised
};

struct outcome {
    bool offered;       // the format takes such frames; all that follows only then
    bool sound;         // can be trusted
    char why[512];      // if it is not
    int64_t wrong;      // frames that were another than the one asked for, or had another number or time
    int64_t altered;    // samples that differ from what was recorded, of a lossless format
    double level_error; // largest distance of a cell's mean, gray levels of 8 bits
    double write_hz, read_hz, random_ms;
};

/* ---- the picture ---- */

static uint32_t hash(uint32_t x)
{
    // The finaliser of MurmurHash3 (Appleby, public domain): every bit of x changes about half of the result.
    x ^= x >> 16;
    x *= 0x85ebca6bU;
    x ^= x >> 13;
    x *= 0xc2b2ae35U;
    return x ^ x >> 16;
}

/* Gray level, 0 to 255, that channel c of frame `index` has in a cell of code or ramp; -1: elsewhere. */
static int cell_level(int column, int row, int c, int64_t index)
{
    if (row < 2 && column < CODE_BITS)
        return (index >> column & 1) != row ? 235 : 20;
    const int ramp_row = row - 2;
    if (ramp_row < 0 || ramp_row >= RAMP_ROWS || column >= RAMP_COLUMNS)
        return -1;
    const int level = ramp_row * RAMP_COLUMNS + column;
    // Colours far from gray, but with neighbours alike: what lossy codecs share between pixels is then no error.
    return c == 0 ? level : c == 1 ? (level / 2 + 64) : 255 - level;
}

static int pixel_level(int x, int y, int c, int64_t index)
{
    const int level = cell_level(x / CELL, y / CELL, c, index);
    if (level >= 0)
        return level;
    // A scene that moves, and the noise of a camera.
    const int across = (int)((x + 2 * index) % 120), down = (int)((y + index) % 88);
    const int scene = 60 + abs(across - 60) + abs(down - 44);
    return scene + (int)(hash((uint32_t)(((index * 4099 + y) * 4099 + x) * 3 + c)) >> 29);
}

static void draw(ist_frame *frame, int64_t index)
{
    const int samples = frame->width * frame->channels;
    for (int y = 0; y < frame->height; y++) {
        uint8_t *row8 = frame->data + y * frame->stride;
        uint16_t *row16 = (uint16_t *)(void *)row8;
        for (int i = 0; i < samples; i++) {
            const int level = pixel_level(i / frame->channels, y, i % frame->channels, index);
            if (frame->type == IST_PIXEL_U8)
                row8[i] = (uint8_t)level;
            else
                row16[i] = (uint16_t)(level * 257 - level % 3); // the low byte matters, too
        }
    }
}

static double sample(const ist_frame *frame, int x, int y, int c)
{
    const uint8_t *row = frame->data + y * frame->stride;
    const int i = x * frame->channels + c;
    return frame->type == IST_PIXEL_U8 ? row[i] : ((const uint16_t *)(const void *)row)[i] / 257.0;
}

/* Mean of the inner quarter of a cell. */
static double cell_mean(const ist_frame *frame, int column, int row, int c)
{
    double sum = 0;
    for (int y = CELL / 4; y < CELL * 3 / 4; y++)
        for (int x = CELL / 4; x < CELL * 3 / 4; x++)
            sum += sample(frame, column * CELL + x, row * CELL + y, c);
    return sum / (CELL / 2 * (CELL / 2));
}

/* Index that the frame spells, -1 if it cannot be read. */
static int64_t spelled_index(const ist_frame *frame)
{
    int64_t index = 0;
    for (int bit = 0; bit < CODE_BITS; bit++) {
        const double set = cell_mean(frame, bit, 0, 0), inverse = cell_mean(frame, bit, 1, 0);
        if (fabs(set - inverse) < 100)
            return -1;
        index |= (int64_t)(set > inverse) << bit;
    }
    return index;
}

static double ramp_error(const ist_frame *frame, int64_t index)
{
    double worst = 0;
    for (int level = 0; level < RAMP_ROWS * RAMP_COLUMNS; level++)
        for (int c = 0; c < frame->channels; c++) {
            const int column = level % RAMP_COLUMNS, row = 2 + level / RAMP_COLUMNS;
            const double error = cell_mean(frame, column, row, c) - cell_level(column, row, c, index);
            worst = fmax(worst, fabs(error));
        }
    return worst;
}

static int64_t altered_samples(const ist_frame *frame, const ist_frame *drawn)
{
    const size_t size = ist_pixel_size(frame->type);
    const size_t row_size = (size_t)frame->width * (size_t)frame->channels * size;
    int64_t altered = 0;
    for (int y = 0; y < frame->height; y++) {
        const uint8_t *a = frame->data + y * frame->stride, *b = drawn->data + y * drawn->stride;
        if (memcmp(a, b, row_size) == 0)
            continue;
        for (size_t i = 0; i < row_size; i += size)
            altered += memcmp(a + i, b + i, size) != 0;
    }
    return altered;
}

/* ---- recording and reading ---- */

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* Times are not the index and not even, as a camera's are. */
static double frame_time_s(int64_t index)
{
    return 1.6e9 + (double)index / 30 + (double)(index % 7) * 1e-4;
}

static void remove_tree(const char *path)
{
    char *roots[] = {(char *)path, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    const FTSENT *entry;
    while (tree && (entry = fts_read(tree)) != NULL)
        if (entry->fts_info != FTS_D)
            (void)remove(entry->fts_accpath);
    if (tree)
        fts_close(tree);
}

/* Only the time of the library counts, not that of drawing. */
static ist_status record(const struct request *request, const struct trial *trial, const char *store, ist_frame *frame,
                         struct outcome *outcome, ist_error *error)
{
    const ist_writer_params params = {
        .format = trial->format,
        .width = request->width,
        .height = request->height,
        .channels = trial->kind->channels,
        .type = trial->kind->type,
        .quality = trial->quality,
        .chunksize = (int)((request->frames + CHUNKS - 1) / CHUNKS),
        .frame_rate = 30,
    };
    ist_writer *writer = NULL;
    double begin_s = now_s();
    ist_status status = ist_writer_create(&writer, store, &params, error);
    if (status < 0)
        return status;
    double busy_s = now_s() - begin_s;
    for (int64_t i = 0; i < request->frames && status >= 0; i++) {
        draw(frame, i);
        frame->number = FIRST_NUMBER + i;
        frame->time_s = frame_time_s(i);
        begin_s = now_s();
        status = ist_writer_add(writer, frame, error);
        busy_s += now_s() - begin_s;
    }
    begin_s = now_s();
    const ist_status closed = ist_writer_close(&writer, status < 0 ? NULL : error);
    busy_s += now_s() - begin_s;
    outcome->write_hz = (double)request->frames / busy_s;
    return status < 0 ? status : closed;
}

static void check(const struct trial *trial, const ist_frame *frame, ist_frame *drawn, int64_t index,
                  struct outcome *outcome)
{
    if (spelled_index(frame) != index || frame->index != index || frame->number != FIRST_NUMBER + index ||
        frame->time_s != frame_time_s(index)) {
        outcome->wrong++;
        return;
    }
    outcome->level_error = fmax(outcome->level_error, ramp_error(frame, index));
    if (trial->lossless) {
        draw(drawn, index);
        outcome->altered += altered_samples(frame, drawn);
    }
}

/* Reads `count` frames in an order given by a stride; returns the seconds it took. */
static ist_status read_frames(ist_reader *reader, const struct trial *trial, int64_t count, bool random,
                              ist_frame *drawn, struct outcome *outcome, double *busy_s, ist_error *error)
{
    const int64_t frames = ist_reader_get_info(reader)->frame_count;
    ist_frame frame = {0};
    ist_status status = IST_OK;
    *busy_s = 0;
    for (int64_t i = 0; i < count && status >= 0 && !cli_stop_requested(); i++) {
        const int64_t index = random ? (int64_t)(hash((uint32_t)i) % (uint64_t)frames) : i;
        const double begin_s = now_s();
        status = ist_reader_read_index(reader, index, &frame, error);
        *busy_s += now_s() - begin_s;
        if (status >= 0)
            check(trial, &frame, drawn, index, outcome);
    }
    ist_frame_free(&frame);
    return status;
}

static ist_status read_back(const struct trial *trial, const char *store, int64_t frames, ist_frame *drawn,
                            struct outcome *outcome, ist_error *error)
{
    ist_reader *reader = NULL;
    ist_status status = ist_reader_open(&reader, store, error);
    if (status < 0)
        return status;
    if (ist_reader_get_info(reader)->frame_count != frames) {
        outcome->wrong = llabs(frames - ist_reader_get_info(reader)->frame_count);
        ist_reader_close(&reader);
        return IST_OK;
    }
    double busy_s;
    status = read_frames(reader, trial, frames, false, drawn, outcome, &busy_s, error);
    outcome->read_hz = (double)frames / busy_s;
    const int64_t jumps = frames < RANDOM_READS ? frames : RANDOM_READS;
    if (status >= 0)
        status = read_frames(reader, trial, jumps, true, drawn, outcome, &busy_s, error);
    outcome->random_ms = busy_s * 1e3 / (double)jumps;
    ist_reader_close(&reader);
    return status;
}

static void judge(const struct trial *trial, struct outcome *outcome)
{
    const double tolerance = trial->kind->channels == 3 ? LEVEL_TOLERANCE_COLOUR : LEVEL_TOLERANCE_GRAY;
    if (outcome->wrong > 0)
        snprintf(outcome->why, sizeof outcome->why, "%" PRId64 " reads gave another frame", outcome->wrong);
    else if (outcome->altered > 0)
        snprintf(outcome->why, sizeof outcome->why, "%" PRId64 " samples were altered", outcome->altered);
    else if (outcome->level_error > tolerance)
        snprintf(outcome->why, sizeof outcome->why, "gray levels are off by %.1f", outcome->level_error);
    outcome->sound = !*outcome->why;
}

static struct outcome try(const struct request *request, const struct trial *trial, const char *directory)
{
    struct outcome outcome = {.offered =
                                  ist_writer_format_holds(trial->format, trial->kind->channels, trial->kind->type)};
    if (!outcome.offered)
        return outcome;
    char store[PATH_MAX];
    snprintf(store, sizeof store, "%s/store", directory);
    ist_frame frame = {0};
    ist_error error;
    ist_status status =
        ist_frame_alloc(&frame, request->width, request->height, trial->kind->channels, trial->kind->type, &error);
    if (status >= 0)
        status = record(request, trial, store, &frame, &outcome, &error);
    if (status >= 0)
        status = read_back(trial, store, request->frames, &frame, &outcome, &error);
    if (status < 0)
        snprintf(outcome.why, sizeof outcome.why, "%s", error.message);
    else
        judge(trial, &outcome);
    remove_tree(store);
    ist_frame_free(&frame);
    return outcome;
}

/* ---- the table ---- */

static void print_header(const struct request *request)
{
    printf("%" PRId64 " frames of %d x %d px in %s\n\n", request->frames, request->width, request->height,
           request->directory);
    printf("%-10s %-4s %-14s %-7s %-7s %-9s %9s %9s %9s  %s\n", "format", "q", "frames of", "seeking", "levels",
           "lossless", "write/s", "read/s", "random ms", "verdict");
}

static void print_row(const struct trial *trial, const struct outcome *outcome)
{
    char quality[8] = "-", levels[16];
    if (trial->quality)
        snprintf(quality, sizeof quality, "%d", trial->quality);
    printf("%-10s %-4s %-14s ", trial->format, quality, trial->kind->name);
    if (outcome->read_hz <= 0) {
        printf("FAILED: %s\n", outcome->why);
        return;
    }
    snprintf(levels, sizeof levels, outcome->level_error >= 0.05 ? "+-%.1f" : "exact", outcome->level_error);
    printf("%-7s %-7s %-9s %9.0f %9.0f %9.2f  %s%s\n", outcome->wrong ? "WRONG" : "exact", levels,
           !trial->lossless   ? "no"
           : outcome->altered ? "NO"
                              : "yes",
           outcome->write_hz, outcome->read_hz, outcome->random_ms,
           outcome->sound ? "sound" : "FAILED: ", outcome->why);
    fflush(stdout);
}

/* ---- all of it ---- */

static const char default_format[] = "avc1/mp4";

static bool is_asked_for(const struct request *request, const char *format)
{
    for (size_t i = 0; i < request->formats.count; i++)
        if (strcmp(request->formats.items[i], format) == 0)
            return true;
    return request->formats.count == 0;
}

/* Tries one format with every kind of frame that it takes. True: all are sound. */
static bool try_format(const struct request *request, const char *format, int quality, bool lossless,
                       const char *directory)
{
    bool sound = true;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !cli_stop_requested(); i++) {
        const struct trial trial = {format, &kinds[i], quality, lossless};
        const struct outcome outcome = try(request, &trial, directory);
        if (!outcome.offered || cli_stop_requested())
            continue;
        print_row(&trial, &outcome);
        sound &= outcome.sound;
    }
    return sound;
}

/* Counts the formats that failed; those that the exit code depends on in *essential. */
static int try_all(const struct request *request, const char *directory, int *essential)
{
    int failures = 0;
    const char *format;
    for (int i = 0; (format = ist_writer_format_name(i)) != NULL; i++) {
        if (!is_asked_for(request, format))
            continue;
        bool sound = try_format(request, format, 0, ist_writer_format_is_lossless(format), directory);
        if (strcmp(format, default_format) == 0) // its best quality promises every sample
            sound &= try_format(request, format, 100, true, directory);
        failures += !sound;
        *essential += !sound && (request->formats.count > 0 || strcmp(format, default_format) == 0);
    }
    return failures;
}

static int test(struct request *request)
{
    char directory[PATH_MAX];
    if (snprintf(directory, sizeof directory, "%s/imgstore-test-XXXXXX", request->directory) >=
        (int)sizeof directory - 32)
        return cli_fail("%s: the path is too long", request->directory);
    if (!mkdtemp(directory))
        return cli_fail("%s: %s; choose another place with --directory", request->directory, strerror(errno));
    cli_catch_stop(NULL, NULL);
    print_header(request);
    int essential = 0;
    const int failures = try_all(request, directory, &essential);
    remove_tree(directory);
    if (cli_stop_requested())
        return cli_fail("stopped");
    if (failures == 0)
        printf("\nEverything tried is sound.\n");
    else
        printf("\n%d format%s failed: do not record with %s here%s.\n", failures, failures == 1 ? "" : "s",
               failures == 1 ? "it" : "them", essential ? "" : "; the default format is sound");
    return essential ? CLI_FAILURE : CLI_SUCCESS;
}

static int read_size(struct request *request)
{
    int end = 0;
    if (sscanf(request->size, "%5dx%5d%n", &request->width, &request->height, &end) != 2 || request->size[end] ||
        request->width < WIDTH_MIN || request->height < HEIGHT_MIN || request->width % 2 || request->height % 2)
        return cli_usage("--size %s: it must be WIDTHxHEIGHT, both even, at least %dx%d", request->size, WIDTH_MIN,
                         HEIGHT_MIN);
    return CLI_GO_ON;
}

static int check_formats(const cli_list *formats)
{
    for (size_t i = 0; i < formats->count; i++) {
        const char *name;
        int k = 0;
        while ((name = ist_writer_format_name(k)) != NULL && strcmp(name, formats->items[i]) != 0)
            k++;
        if (!name && ist_writer_format_missing(formats->items[i]))
            return cli_usage("--format: %s cannot be written: %s", formats->items[i],
                             ist_writer_format_missing(formats->items[i]));
        if (!name)
            return cli_usage("--format: there is no format \"%s\"; without --format all are tried", formats->items[i]);
    }
    return CLI_GO_ON;
}

int main(int argc, char **argv)
{
    const char *temporary = getenv("TMPDIR");
    struct request request = {
        .directory = temporary && *temporary ? temporary : "/tmp", .size = "640x480", .frames = 150};
    const cli_option options[] = {
        {"format", CLI_LIST, &request.formats, "FORMAT", "try this one only; may be repeated (default: all)", 0, 0},
        {"size", CLI_TEXT, &request.size, "WxH", "size of the frames (default: 640x480)", 0, 0},
        {"frames", CLI_INTEGER, &request.frames, "N", "frames to record and read with each (default: 150)", 9, 100000},
        {"directory", CLI_TEXT, &request.directory, "DIR",
         "where to record, such as the disk for recordings; what is written is removed again (default: $TMPDIR, or "
         "/tmp)",
         0, 0},
        {0},
    };
    const cli_tool tool = {
        .name = "imgstore-test",
        .example = "imgstore-test\n"
                   "imgstore-test --format avc1/mp4 --size 1920x1080 --directory /data",
        .purpose = "Checks this machine: records and reads frames that carry their index, every gray\n"
                   "level and a moving scene with each format, in order and at random, and says what\n"
                   "can be trusted.",
        .arguments = "[OPTIONS]",
        .options = options,
        .more = "Columns:\n"
                "  q          quality asked for; -: the format's own\n"
                "  seeking    each read gave the frame, number and time asked for\n"
                "  levels     the farthest that an area's mean was from what was recorded, of 256\n"
                "             gray levels\n"
                "  lossless   every sample came back as it was; \"no\" for formats that do not\n"
                "             promise it\n"
                "  write/s    frames a second, with compressing and closing\n"
                "  read/s     frames a second, in order\n"
                "  random ms  for a frame anywhere\n"
                "Exit code 0 only if the default format, avc1/mp4, is sound; with --format, all\n"
                "that were named.",
    };
    char **arguments;
    int argument_count;
    int result = cli_parse(&tool, argc, argv, &arguments, &argument_count);
    if (result == CLI_GO_ON)
        result = read_size(&request);
    if (result == CLI_GO_ON)
        result = check_formats(&request.formats);
    if (result == CLI_GO_ON)
        result = cli_finish(test(&request));
    cli_list_free(&request.formats);
    return result;
}
