/* imgstore-save: turns anything that FFmpeg reads into a store. */
#include <assert.h>
#include <errno.h>
#include <fts.h>
#include <inttypes.h>
#include <jansson.h>
#include <libstore/libstore.h>
#include <libstore/yaml.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

/* What the command line asks for. */
struct request {
    const char *source;
    const char *destination;
    const char *format;   /* NULL: chosen by what the source holds */
    const char *encoding; /* of raw data; NULL: none */
    const char *metadata_file;
    const char *encoder;
    const char *encoder_options;
    const char *source_options;
    const char *timezone;
    cli_list metadata;
    int64_t chunksize; /* 0: the format's own */
    int64_t frames;    /* 0: all */
    int64_t quality;   /* 0: the format's own */
    double duration_s; /* 0: all */
    bool gray;
    bool durable;
};

/* ---- the user's metadata ---- */

static json_t *parse_yaml(const char *yaml, const char *where)
{
    ist_error error;
    char *text = NULL;
    if (ist_yaml_to_json(yaml, &text, &error) < 0) {
        cli_fail("%s: %s", where, error.message);
        return NULL;
    }
    json_error_t json_error;
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &json_error);
    ist_free(text);
    if (!value)
        cli_fail("%s: %s", where, json_error.text);
    return value;
}

static char *read_text_file(const char *path)
{
    enum { TOO_LARGE = 64 << 20 };
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t size = 0;
    size_t capacity = 0;
    while (file && size < TOO_LARGE) {
        if (capacity - size < 4096) {
            capacity += capacity / 2 + 8192;
            char *larger = realloc(text, capacity);
            if (!larger) {
                errno = ENOMEM;
                goto fail;
            }
            text = larger;
        }
        const size_t got = fread(text + size, 1, capacity - size - 1, file);
        size += got;
        if (ferror(file))
            goto fail;
        if (got == 0) {
            text[size] = '\0';
            fclose(file);
            return text;
        }
    }
    if (file)
        errno = EFBIG;
fail:
    cli_fail("%s: %s", path, strerror(errno));
    if (file)
        fclose(file);
    free(text);
    return NULL;
}

static int add_metadata_file(json_t *metadata, const char *path)
{
    char *yaml = read_text_file(path);
    if (!yaml)
        return CLI_FAILURE;
    json_t *mapping = parse_yaml(yaml, path);
    free(yaml);
    if (!mapping)
        return CLI_FAILURE;
    int result = CLI_GO_ON;
    if (json_is_object(mapping))
        json_object_update(metadata, mapping);
    else if (!json_is_null(mapping)) // an empty file says nothing, and that is fine
        result = cli_fail("%s: must be a YAML mapping, lines such as \"name: value\"", path);
    json_decref(mapping);
    return result;
}

static int add_metadata_option(json_t *metadata, const char *text)
{
    const char *yaml;
    const size_t key_length = cli_read_key(text, &yaml);
    if (key_length == 0)
        return cli_usage("--metadata: \"%s\" is not KEY=VALUE", text);
    char *key = strndup(text, key_length);
    if (!key)
        return cli_fail("out of memory");
    char where[256];
    snprintf(where, sizeof where, "--metadata %s", key);
    json_t *value = parse_yaml(yaml, where);
    int result = CLI_GO_ON;
    if (!value)
        result = CLI_USAGE;
    else if (json_object_set_new(metadata, key, value) < 0)
        result = cli_usage("--metadata: \"%s\" is not UTF-8", key);
    free(key);
    return result;
}

/* Gives the text of a JSON object in *json, NULL if there are no metadata; freed with free(). */
static int collect_metadata(const struct request *request, char **json)
{
    json_t *metadata = json_object();
    int result = CLI_GO_ON;
    if (request->metadata_file)
        result = add_metadata_file(metadata, request->metadata_file);
    for (size_t i = 0; result == CLI_GO_ON && i < request->metadata.count; i++)
        result = add_metadata_option(metadata, request->metadata.items[i]);
    if (result == CLI_GO_ON && json_object_get(metadata, "__store"))
        result = cli_usage("metadata: the key __store belongs to the store itself");
    if (result == CLI_GO_ON && json_object_size(metadata) > 0)
        *json = json_dumps(metadata, JSON_REAL_PRECISION(17));
    json_decref(metadata);
    return result;
}

/* ---- what the store is to be ---- */

static bool is_video(const char *format)
{
    return strchr(format, '/') != NULL; // CODEC/CONTAINER; images have a plain name
}

static int check_format_name(const char *format)
{
    char known[256] = "";
    size_t length = 0;
    const char *name;
    for (int i = 0; (name = ist_writer_format_name(i)) != NULL; i++) {
        const size_t plain = strlen(name);
        if (strncmp(name, format, plain) == 0 && (!format[plain] || strcmp(format + plain, "+color") == 0))
            return CLI_GO_ON;
        if (length < sizeof known)
            length += (size_t)snprintf(known + length, sizeof known - length, "%s%s", i ? ", " : "", name);
    }
    return cli_usage("--format: there is no format \"%s\"; choose one of %s", format, known);
}

/* A name that no reader can resolve would spoil the times of the store for good. */
static int check_timezone(const char *name)
{
    static const char zones[] = "/usr/share/zoneinfo";
    char path[256];
    struct stat status;
    if (stat(zones, &status) != 0)
        return CLI_GO_ON; // a machine without the list
    const int length = snprintf(path, sizeof path, "%s/%s", zones, name);
    if (strstr(name, "..") || length >= (int)sizeof path || stat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return cli_usage("--timezone: there is no time zone \"%s\"; names are as in Europe/Berlin", name);
    return CLI_GO_ON;
}

static int check_destination(const char *path)
{
    if (*path == '\0')
        return cli_usage("the destination has no name");
    struct stat status;
    if (lstat(path, &status) == 0)
        return cli_fail("%s: exists already; choose another name, or remove it first", path);
    return CLI_GO_ON;
}

/* Decides the format for what the source delivers, and says what is not obvious about it. */
static int choose_format(const struct request *request, const ist_frame *first, const char **format)
{
    const bool deep = first->type == IST_PIXEL_U16;
    *format = request->format ? request->format : deep ? "tif" : "avc1/mp4";
    if (!ist_writer_format_holds(*format, first->type))
        return cli_fail(
            "%s: its samples have more than 8 bits, which %s cannot hold; choose --format npy, tif or ffv1/mkv",
            request->source, *format);
    if (deep && !request->format)
        cli_note("%s: its samples have more than 8 bits: the format is tif, which keeps them exactly", request->source);
    if (is_video(*format) && first->width > 1 && first->height > 1 && (first->width % 2 || first->height % 2))
        cli_note("%s: %d x %d px: %s needs even sizes and keeps %d x %d; npy and tif keep all", request->source,
                 first->width, first->height, *format, first->width & ~1, first->height & ~1);
    return CLI_GO_ON;
}

/* ---- recording ---- */

enum ending { ENDED, SOURCE_BROKE, WRITE_FAILED };

struct recording {
    const struct request *request;
    ist_source *source;
    ist_writer *writer;
    ist_frame frame;
    double first_s; /* time of the first frame kept */
    double last_s;
    ist_error error; /* why it did not simply end */
};

static void interrupt_source(void *source)
{
    ist_source_interrupt(source);
}

static int64_t expected_frames(const struct request *request, const ist_source_info *info)
{
    int64_t total = info->frame_count;
    if (request->frames > 0 && (total < 0 || request->frames < total))
        total = request->frames;
    if (request->duration_s > 0 && info->frame_rate > 0) {
        const double frames = ceil(request->duration_s * info->frame_rate);
        if (frames < 1e15 && (total < 0 || frames < (double)total))
            total = (int64_t)frames;
    }
    return total;
}

/* Creates the store once the first frame is there, so that a source that gives none leaves nothing behind. */
static int create_store(struct recording *rec)
{
    const struct request *request = rec->request;
    const char *format;
    int result = choose_format(request, &rec->frame, &format);
    if (result != CLI_GO_ON)
        return result;
    char *metadata = NULL;
    result = collect_metadata(request, &metadata);
    if (result != CLI_GO_ON)
        return result;

    const ist_writer_params params = {
        .format = format,
        .width = rec->frame.width,
        .height = rec->frame.height,
        .channels = rec->frame.channels,
        .type = rec->frame.type,
        .chunksize = (int)request->chunksize,
        .frame_rate = ist_source_get_info(rec->source)->frame_rate,
        // A mosaic of colours does not survive compression: raw data are kept exactly unless told otherwise.
        .quality = request->encoding && !strchr(format, '+') && !request->quality ? 100 : (int)request->quality,
        .encoder = request->encoder,
        .encoder_options = request->encoder_options,
        .encoding = request->encoding,
        .metadata_json = metadata,
        .timezone = request->timezone,
        .durable = request->durable,
    };
    const ist_status status = ist_writer_create(&rec->writer, request->destination, &params, &rec->error);
    free(metadata);
    return status < 0 ? cli_fail("%s", rec->error.message) : CLI_GO_ON;
}

static ist_status keep_frame(struct recording *rec)
{
    ist_status status = ist_writer_add(rec->writer, &rec->frame, &rec->error);
    const char *extra = ist_source_extra(rec->source);
    if (status >= 0 && extra)
        status = ist_writer_add_extra(rec->writer, extra, &rec->error);
    return status;
}

/* Records from the first frame, which is there already, until the source or the wish for more ends. */
static enum ending record(struct recording *rec)
{
    const struct request *request = rec->request;
    rec->first_s = rec->frame.time_s;
    for (int64_t kept = 0;;) {
        if (keep_frame(rec) < 0)
            return WRITE_FAILED;
        rec->last_s = rec->frame.time_s;
        kept++;
        cli_progress_update(kept);
        if (cli_stop_requested() || kept == request->frames)
            return ENDED;

        const int64_t lost = ist_source_lost(rec->source);
        const ist_status status = ist_source_next(rec->source, &rec->frame, &rec->error);
        if (ist_source_lost(rec->source) > lost)
            cli_note("lost: %s", ist_source_lost_reason(rec->source));
        if (status == IST_END || status == IST_ERROR_INTERRUPTED)
            return ENDED;
        if (status < 0)
            return SOURCE_BROKE;
        if (request->duration_s > 0 && rec->frame.time_s - rec->first_s >= request->duration_s)
            return ENDED;
    }
}

static int64_t size_on_disk(const char *path)
{
    char *roots[] = {(char *)path, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    int64_t bytes = 0;
    const FTSENT *entry;
    while (tree && (entry = fts_read(tree)) != NULL)
        if (entry->fts_info == FTS_F)
            bytes += entry->fts_statp->st_size;
    if (tree)
        fts_close(tree);
    return bytes;
}

static void print_summary(const struct recording *rec, int64_t kept)
{
    if (cli_quiet())
        return;
    const char *path = rec->request->destination;
    char size[CLI_NUMBER_SIZE];
    // Nothing is dropped here: the source waits for the writer.
    printf("%" PRId64 " frames kept, 0 dropped, %" PRId64 " lost; %.3f s, %s in %s\n", kept,
           ist_source_lost(rec->source), rec->last_s - rec->first_s, cli_format_size(size, size_on_disk(path)), path);
}

/* Closes the store and says how it went. */
static int conclude(struct recording *rec, enum ending ending)
{
    const char *path = rec->request->destination;
    const int64_t kept = ist_writer_frame_count(rec->writer);
    ist_error close_error;
    const ist_status closed = ist_writer_close(&rec->writer, &close_error);
    cli_progress_finish();

    if (ending == WRITE_FAILED)
        return cli_fail("%s; the %" PRId64 " frames before are safe in %s", rec->error.message, kept, path);
    if (closed < 0)
        return cli_fail("%s; %" PRId64 " frames are safe in %s, which stays marked as unfinished", close_error.message,
                        kept, path);
    if (ending == SOURCE_BROKE)
        return cli_fail("%s; %" PRId64 " frames are sound and kept in %s", rec->error.message, kept, path);
    print_summary(rec, kept);
    return CLI_SUCCESS;
}

/* With the source open: first frame, store, all other frames. */
static int record_source(struct recording *rec)
{
    const ist_status first = ist_source_next(rec->source, &rec->frame, &rec->error);
    if (first == IST_ERROR_INTERRUPTED)
        return cli_fail("%s: stopped before the first frame; no store was written", rec->request->source);
    if (first == IST_END)
        return cli_fail("%s: holds no frames; no store was written", rec->request->source);
    if (first < 0)
        return cli_fail("%s", rec->error.message);

    const int result = create_store(rec);
    if (result != CLI_GO_ON)
        return result;
    cli_progress_start("recording", expected_frames(rec->request, ist_source_get_info(rec->source)));
    return conclude(rec, record(rec));
}

/* To open a pipe or a stream can take for ever, and nothing can be left behind yet. */
static void leave(void *context)
{
    static const char line[] = "imgstore-save: stopped before the first frame; no store was written\n";
    (void)context;
    const ssize_t ignored = write(STDERR_FILENO, line, sizeof line - 1);
    (void)ignored;
    _exit(CLI_FAILURE);
}

static int save(const struct request *request)
{
    int result = check_destination(request->destination);
    if (result != CLI_GO_ON)
        return result;

    struct recording rec = {.request = request};
    cli_catch_stop(leave, NULL);
    // Raw data have one channel, also in files that claim to be of colour.
    const ist_source_params params = {.gray = request->gray || request->encoding, .options = request->source_options};
    if (ist_source_open(&rec.source, request->source, &params, &rec.error) < 0)
        return cli_fail("%s", rec.error.message);

    cli_catch_stop(interrupt_source, rec.source); // from here on the recording ends in good order
    result = record_source(&rec);
    cli_forget_stop_action();

    ist_frame_free(&rec.frame);
    ist_source_close(&rec.source);
    return result;
}

int main(int argc, char **argv)
{
    struct request request = {0};
    const cli_option options[] = {
        {"source", CLI_TEXT, &request.source, "SRC", "what to record; see below", 0, 0},
        {"format", CLI_TEXT, &request.format, "FORMAT",
         "avc1/mp4 (the default), mjpeg/avi, h264/mkv; exact:\nffv1/mkv, npy, tif, png, bmp, ppm (colour), pgm "
         "(gray);\n"
         "jpg. A source with more than 8 bits goes to tif by default",
         0, 0},
        {"encoding", CLI_TEXT, &request.encoding, "CODE",
         "the source is raw data, cv_bayerbg (read as gray): kept\nraw and decoded by whoever reads it, or with "
         "--format "
         "png+color\ndecoded now",
         0, 0},
        {"chunksize", CLI_INTEGER, &request.chunksize, "N", "frames in a file or folder (video 10000, images 200)", 1,
         INT_MAX},
        {"metadata", CLI_LIST, &request.metadata, "KEY=VALUE",
         "user metadata; VALUE is YAML: 25.5, true, [1, 2], text.\nTo YAML 12:30 and 0755 are numbers: quote them,\n"
         "KEY='\"12:30\"'. May be repeated",
         0, 0},
        {"metadata-file", CLI_TEXT, &request.metadata_file, "FILE",
         "YAML file with user metadata; --metadata goes over it", 0, 0},
        {"frames", CLI_INTEGER, &request.frames, "N", "end after so many frames", 1, 9007199254740992.0},
        {"duration", CLI_NUMBER, &request.duration_s, "SECONDS", "end when so much time has passed in the source", 1e-9,
         1e12},
        {"gray", CLI_FLAG, &request.gray, NULL, "keep brightness only", 0, 0},
        {"quality", CLI_INTEGER, &request.quality, "1..100",
         "of a video or jpg; 100 with avc1/mp4 keeps every sample\n(avc1/mp4 and h264/mkv 90, mjpeg/avi 96, jpg 95)", 1,
         100},
        {"encoder", CLI_TEXT, &request.encoder, "NAME",
         "FFmpeg's name of another encoder: libx265, h264_nvenc,\nh264_vaapi, h264_qsv (the format's own)", 0, 0},
        {"encoder-options", CLI_TEXT, &request.encoder_options, "K=V:K=V", "handed to FFmpeg's encoder", 0, 0},
        {"source-options", CLI_TEXT, &request.source_options, "K=V:K=V",
         "handed to FFmpeg's demuxer or device; rate=HZ for a\nfolder or a TIFF stack (25)", 0, 0},
        {"durable", CLI_FLAG, &request.durable, NULL,
         "wait for the disk after every frame, so that even a loss\nof power loses none; else it may lose the last "
         "second",
         0, 0},
        {"timezone", CLI_TEXT, &request.timezone, "NAME", "of the place of recording, Europe/Berlin (the machine's)", 0,
         0},
        {0},
    };
    const cli_tool tool = {
        .name = "imgstore-save",
        .example = "imgstore-save --source clip.avi mystore",
        .purpose = "Records a source into a new store, the directory DEST: every frame, with its number and\n"
                   "time. Ctrl-C ends the recording in good order.",
        .arguments = "--source SRC [OPTIONS] DEST",
        .options = options,
        .argument_min = 1,
        .argument_max = 1,
        .more = "Sources:\n"
                "  clip.avi, http://...      a file or URL that FFmpeg reads\n"
                "  folder                    its images, in natural order\n"
                "  stack.tif                 every page of a TIFF stack\n"
                "  -                         a stream on standard input\n"
                "  v4l2:/dev/video0          an FFmpeg input device; lavfi:GRAPH is a filter graph\n"
                "  test:motion=circle        a test pattern with known motion\n"
                "\n"
                "If the source breaks off, the frames before are kept in a sound store, and the exit code is 1.",
    };
    char **arguments;
    int argument_count;
    int result = cli_parse(&tool, argc, argv, &arguments, &argument_count);
    if (result == CLI_GO_ON && !request.source)
        result = cli_usage("--source is missing");
    if (result == CLI_GO_ON && request.format)
        result = check_format_name(request.format);
    if (result == CLI_GO_ON && request.format && !request.encoding && strchr(request.format, '+'))
        result = cli_usage("--format %s decodes raw data: --encoding CODE must say which", request.format);
    if (result == CLI_GO_ON && request.timezone)
        result = check_timezone(request.timezone);
    if (result == CLI_GO_ON) {
        request.destination = arguments[0];
        result = cli_finish(save(&request));
    }
    cli_list_free(&request.metadata);
    return result;
}
