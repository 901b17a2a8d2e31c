/* imgstore-save: records a camera, or anything that FFmpeg reads, into a store. */
#include <inttypes.h>
#include <libstore/libstore.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "save_cameras.h"
#include "save_metadata.h"
#include "save_preview.h"
#include "save_recording.h"

/* What the command line asks for. */
struct request {
    const char *source; /* NULL: the first camera */
    const char *destination;
    const char *format;   /* NULL: chosen by what the source holds */
    const char *encoding; /* of raw data; NULL: the source's own, if it is a camera that gives such */
    const char *metadata_file;
    const char *encoder;
    const char *encoder_options;
    const char *source_options;
    cli_list camera; /* KEY=VALUE */
    const char *timezone;
    cli_list metadata;
    int64_t chunksize;       /* 0: the format's own */
    double chunk_duration_s; /* 0: only by chunksize */
    double keep_s;           /* 0: all */
    int64_t quality;         /* 0: the format's own */
    const char *when_full;
    const char *start, *until; /* clock times; NULL: not given */
    double start_delay_s;
    int64_t queue_mb, free_warn_mb, free_stop_mb;
    struct save_plan plan;
    bool gray;
    bool durable;
    bool preview;
    bool list_sources;
    bool json;
};

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
    if (ist_writer_format_missing(format))
        return cli_usage("--format: %s cannot be written: %s", format, ist_writer_format_missing(format));
    return cli_usage("--format: there is no format \"%s\"; choose one of %s", format, known);
}

/* A name that no reader can resolve would spoil the times of the store for good. */
static int check_timezone(const char *name)
{
    char text[IST_TIME_TEXT_SIZE];
    if (ist_time_to_local(0, name, text, NULL) == IST_ERROR_NOT_FOUND)
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
    if (!ist_writer_format_holds(*format, 1, first->type) && !ist_writer_format_holds(*format, 3, first->type))
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

/* Creates the store once the first frame is there, so that a source that gives none leaves nothing behind. */
static int create_store(const struct request *request, const ist_source_info *info, const ist_frame *first,
                        ist_writer **writer)
{
    const char *format, *encoding = request->encoding ? request->encoding : info->encoding;
    int result = choose_format(request, first, &format);
    if (result != CLI_GO_ON)
        return result;
    const bool decodes = strchr(format, '+') != NULL;
    if (decodes && !encoding)
        return cli_usage("--format %s decodes raw data: --encoding CODE must say which", format);
    if (info->encoding && !decodes)
        cli_note("%s: raw data of a filter of colours, kept with encoding %s; --format png+color decodes them",
                 request->source, encoding);
    char *metadata;
    result = save_metadata_collect(request->metadata_file, &request->metadata, &metadata);
    if (result != CLI_GO_ON)
        return result;

    const ist_writer_params params = {
        .format = format,
        .width = first->width,
        .height = first->height,
        .channels = first->channels,
        .type = first->type,
        .chunksize = (int)request->chunksize,
        .chunk_duration_s = request->chunk_duration_s,
        .keep_s = request->keep_s,
        .frame_rate = info->frame_rate,
        // A mosaic of colours does not survive compression: raw data are kept exactly unless told otherwise.
        .quality = encoding && !decodes && !request->quality ? 100 : (int)request->quality,
        .encoder = request->encoder,
        .encoder_options = request->encoder_options,
        .encoding = encoding,
        .metadata_json = metadata,
        .timezone = request->timezone,
        .durable = request->durable,
    };
    ist_error error;
    const ist_status status = ist_writer_create(writer, request->destination, &params, &error);
    free(metadata);
    return status < 0 ? cli_fail("%s", error.message) : CLI_GO_ON;
}

static int record_source(const struct request *request, ist_source *source)
{
    struct save_recording *recording;
    const ist_frame *first;
    ist_writer *writer;
    int result = save_recording_open(&recording, source, request->source, &request->plan, &first);
    if (result == CLI_GO_ON)
        result = create_store(request, ist_source_get_info(source), first, &writer);
    if (result == CLI_GO_ON) {
        const pid_t viewer = request->preview ? save_preview_start(request->destination) : -1;
        result = save_recording_run(recording, &writer, request->destination);
        save_preview_stop(viewer);
    }
    save_recording_close(&recording);
    return result;
}

static void interrupt_source(void *source)
{
    ist_source_interrupt(source);
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

/* All settings of the source as one text, which the caller frees; NULL: no memory. */
static char *join_options(const struct request *request)
{
    const char *separator = request->source_options ? ":" : "";
    size_t size = 1 + (request->source_options ? strlen(request->source_options) : 0);
    for (size_t i = 0; i < request->camera.count; i++)
        size += 1 + strlen(request->camera.items[i]);
    char *text = calloc(1, size);
    if (text && request->source_options)
        strcpy(text, request->source_options);
    for (size_t i = 0; text && i < request->camera.count; i++, separator = ":")
        strcat(strcat(text, separator), request->camera.items[i]);
    return text;
}

static int open_source(const struct request *request, ist_source **source)
{
    char *options = join_options(request);
    if (!options)
        return cli_fail("out of memory");
    // Raw data have one channel, also in files that claim to be of colour.
    const bool raw = request->gray || request->encoding;
    const ist_source_params params = {.gray = raw,
                                      .encoded = ist_writer_format_holds_jpeg(request->format) && !request->encoder,
                                      .options = *options ? options : NULL};
    ist_error error;
    const ist_status status = ist_source_open(source, request->source, &params, &error);
    free(options);
    return status < 0 ? cli_fail("%s", error.message) : CLI_GO_ON;
}

static int save(struct request *request)
{
    char first[CAMERA_LOCATION_SIZE];
    ist_source *source;
    int result = check_destination(request->destination);
    if (result != CLI_GO_ON)
        return result;
    cli_catch_stop(leave, NULL);
    if (!request->source) {
        result = save_cameras_find_first(first);
        request->source = first;
    }
    if (result == CLI_GO_ON)
        result = open_source(request, &source);
    if (result != CLI_GO_ON)
        return result;

    cli_catch_stop(interrupt_source, source); // from here on the recording ends in good order
    result = record_source(request, source);
    cli_forget_stop_action();
    ist_source_close(&source);
    return result;
}

/* ---- the command line ---- */

/* A date and time as clocks at the place of recording show it, or HH:MM[:SS] for the next time that they do. */
static int read_clock(const char *option, const char *text, const char *zone, double *time_s)
{
    ist_error error;
    char day[IST_TIME_TEXT_SIZE], full[IST_TIME_TEXT_SIZE * 2];
    const double now_s = (double)time(NULL);
    if (ist_time_from_local(text, zone, time_s, &error) >= 0)
        return CLI_GO_ON;
    if (strlen(text) > 15 || !strchr(text, ':') || ist_time_to_local(now_s, zone, day, &error) < 0)
        return cli_usage("--%s: %s", option, error.message);
    for (int days = 0; days < 2; days++) {
        if (ist_time_to_local(now_s + 86400 * days, zone, day, &error) < 0)
            return cli_usage("--%s: %s", option, error.message);
        snprintf(full, sizeof full, "%.10sT%s", day, text);
        if (ist_time_from_local(full, zone, time_s, &error) < 0)
            return cli_usage("--%s: \"%s\" is no time; write HH:MM or 2026-11-20T18:00", option, text);
        if (*time_s > now_s)
            break;
    }
    return CLI_GO_ON;
}

enum { MB = 1000000, NOT_GIVEN = -1 };

/* For the recorder 0 is its default, and who says 0 wants no limit. */
static int64_t space_limit(int64_t mb)
{
    return mb == NOT_GIVEN ? 0 : mb == 0 ? -1 : mb * MB;
}

static int read_plan(struct request *request)
{
    struct save_plan *plan = &request->plan;
    char machine_zone[IST_TIME_ZONE_SIZE];
    ist_time_machine_zone(machine_zone);
    const char *zone = request->timezone ? request->timezone : machine_zone;
    plan->queue_bytes = request->queue_mb * MB;
    plan->free_warn_bytes = space_limit(request->free_warn_mb);
    plan->free_stop_bytes = space_limit(request->free_stop_mb);
    if (request->when_full && strcmp(request->when_full, "drop") != 0 && strcmp(request->when_full, "block") != 0)
        return cli_usage("--when-full %s: it must be drop or block", request->when_full);
    plan->block = request->when_full && strcmp(request->when_full, "block") == 0;
    int result = CLI_GO_ON;
    if (request->keep_s > 0 && request->chunk_duration_s > request->keep_s)
        return cli_usage("--keep removes whole chunks: --chunk-duration must not be longer than what is kept");
    if (request->start)
        result = read_clock("start", request->start, zone, &plan->start_s);
    if (request->start_delay_s > 0)
        plan->start_s = fmax(plan->start_s, (double)time(NULL) + request->start_delay_s);
    if (result == CLI_GO_ON && request->until)
        result = read_clock("until", request->until, zone, &plan->until_s);
    if (result == CLI_GO_ON && plan->until_s > 0 && plan->until_s <= fmax(plan->start_s, (double)time(NULL)))
        result = cli_usage("--until %s: this time has passed, or comes before the start", request->until);
    return result;
}

int main(int argc, char **argv)
{
    struct request request = {.queue_mb = 256, .free_warn_mb = NOT_GIVEN, .free_stop_mb = NOT_GIVEN};
    const cli_option options[] = {
        {.type = CLI_HEADING, .name = "What is recorded"},
        {"source", CLI_TEXT, &request.source, "SRC",
         "what to record: a camera, a file, a folder, a URL, a screen; see below (default: the first camera)", 0, 0},
        {"source-options", CLI_TEXT, &request.source_options, "K=V:K=V",
         "handed to FFmpeg's demuxer or device; rate=HZ for a folder or a TIFF stack (default: 25), "
         "wait=SECONDS for the network (default: 10)",
         0, 0},
        {"camera", CLI_LIST, &request.camera, "KEY=VALUE", "a setting of the camera, see below. May be repeated", 0, 0},
        {"list-sources", CLI_FLAG, &request.list_sources, NULL, "show the cameras with their modes, and record nothing",
         0, 0},
        {"json", CLI_FLAG, &request.json, NULL, "the list is JSON", 0, 0},
        {"encoding", CLI_TEXT, &request.encoding, "CODE",
         "the source is raw data, cv_bayerbg (read as gray): kept raw and decoded by whoever reads it, or with "
         "--format png+color decoded now",
         0, 0},
        {"gray", CLI_FLAG, &request.gray, NULL, "keep brightness only", 0, 0},
        {.type = CLI_HEADING, .name = "How it is kept"},
        {"format", CLI_TEXT, &request.format, "FORMAT",
         "one of those below (default: avc1/mp4; for a source with more than 8 bits tif)", 0, 0},
        {"quality", CLI_INTEGER, &request.quality, "1..100",
         "of a video or jpg; 100 with avc1/mp4 keeps every sample (default: avc1/mp4 and h264/mkv 90, mjpeg/avi 96, "
         "jpg 95)",
         1, 100},
        {"encoder", CLI_TEXT, &request.encoder, "NAME",
         "FFmpeg's name of another encoder: libx265, h264_nvenc, h264_vaapi, h264_qsv (default: the format's own)", 0,
         0},
        {"encoder-options", CLI_TEXT, &request.encoder_options, "K=V:K=V", "handed to FFmpeg's encoder", 0, 0},
        {"chunksize", CLI_INTEGER, &request.chunksize, "N",
         "frames in a file or folder (default: video 10000, images 200)", 1, INT_MAX},
        {"chunk-duration", CLI_TIME, &request.chunk_duration_s, "TIME", "a chunk also ends when it spans so much time",
         1e-3, 1e9},
        {"keep", CLI_TIME, &request.keep_s, "TIME",
         "a ring: keep the last 30s, 10m, 2h, 3d and remove older chunks while recording; at most two chunks more than "
         "that stay. Chunks then span a tenth of it, unless --chunk-duration says otherwise",
         1e-3, 1e9},
        {"durable", CLI_FLAG, &request.durable, NULL,
         "wait for the disk after every frame, so that even a loss of power loses none; else it may lose the last "
         "second",
         0, 0},
        {"preview", CLI_FLAG, &request.preview, NULL,
         "show the recording in imgstore-view's window, a few frames a second, with a lower priority", 0, 0},
        {.type = CLI_HEADING, .name = "When"},
        {"start", CLI_TEXT, &request.start, "WHEN", "begin at this time", 0, 0},
        {"start-delay", CLI_TIME, &request.start_delay_s, "TIME", "begin so much later: 90, 30m, 2h", 0, 1e9},
        {"start-on-signal", CLI_FLAG, &request.plan.start_on_signal, NULL,
         "begin when the signal USR1 comes (kill -USR1 PID)", 0, 0},
        {"frames", CLI_INTEGER, &request.plan.frames, "N", "end after so many frames", 1, 9007199254740992.0},
        {"duration", CLI_TIME, &request.plan.duration_s, "TIME",
         "end when so much time has passed in the source: 90 (seconds), 30m, 2h, 1d", 1e-9, 1e12},
        {"until", CLI_TEXT, &request.until, "WHEN",
         "end at this time, 18:00 or 2026-11-20T18:00, as clocks at the place of recording show it", 0, 0},
        {.type = CLI_HEADING, .name = "Queue and disk"},
        {"queue", CLI_INTEGER, &request.queue_mb, "MB", "memory for frames that wait for the encoder (default: 256)", 1,
         1 << 20},
        {"when-full", CLI_TEXT, &request.when_full, "drop|block",
         "what a camera's frame does while the queue is full: it is dropped, counted and said (drop, the default), or "
         "the camera "
         "waits; files always wait",
         0, 0},
        {"free-warn", CLI_INTEGER, &request.free_warn_mb, "MB",
         "say so when less is free on the disk (default: 4000, of a small disk 10 %; 0: never)", 0, 1 << 30},
        {"free-stop", CLI_INTEGER, &request.free_stop_mb, "MB",
         "end in good order when less is free, beside what closing the chunk takes (default: 500, of a small disk 2 %; "
         "0: "
         "never)",
         0, 1 << 30},
        {.type = CLI_HEADING, .name = "Metadata"},
        {"metadata", CLI_LIST, &request.metadata, "KEY=VALUE",
         "user metadata; VALUE is YAML: 25.5, true, [1, 2], text. To YAML 12:30 and 0755 are numbers: quote them, "
         "KEY='\"12:30\"'. May be repeated",
         0, 0},
        {"metadata-file", CLI_TEXT, &request.metadata_file, "FILE",
         "YAML file with user metadata; --metadata goes over it", 0, 0},
        {"timezone", CLI_TEXT, &request.timezone, "NAME",
         "of the place of recording, such as Europe/Berlin (default: the machine's)", 0, 0},
        {0},
    };
    const cli_tool tool = {
        .name = "imgstore-save",
        .example = "imgstore-save mystore\nimgstore-save --source clip.avi mystore",
        .purpose = "Records a source into a new store, the directory DEST: every frame, with its\n"
                   "number and time. Ctrl-C ends the recording in good order.",
        .arguments = "[OPTIONS] DEST",
        .options = options,
        .argument_max = 1,
        .more = "Sources:\n"
                "  clip.avi, http://...      a file or URL that FFmpeg reads\n"
                "  /dev/video0, 0, v4l2:     a camera\n"
                "  aravis:, aravis:NAME      a GigE Vision or USB3 Vision camera (GenICam)\n"
                "  x11:DISPLAY               a screen, x11::0\n"
                "  rtsp://...                a camera in the network\n"
                "  folder                    its images, in natural order\n"
                "  stack.tif                 every page of a TIFF stack\n"
                "  -                         a stream on standard input, y4m for one; of raw\n"
                "                            pixels --camera size=, format= and rate= are needed\n"
                "  DEVICE:WHAT               another input device of FFmpeg\n"
                "  lavfi:GRAPH               a filter graph of FFmpeg\n"
                "  test:motion=circle        a test pattern with known motion\n"
                "\n"
                "Formats:\n"
                "  avc1/mp4     video, small; exact with --quality 100\n"
                "  mjpeg/avi    video, each frame a JPEG\n"
                "  h264/mkv     as avc1/mp4, in another container\n"
                "  ffv1/mkv     video, exact, 8 or 16 bits\n"
                "  npy          numpy arrays, exact, not compressed, 8 or 16 bits\n"
                "  tif          pictures, exact, 8 or 16 bits\n"
                "  png          pictures, exact, 8 or 16 bits\n"
                "  jpg          pictures\n"
                "  ppm          pictures, exact, not compressed, 8 or 16 bits, colour\n"
                "  pgm          pictures, exact, not compressed, 8 or 16 bits, gray\n"
                "  bmp          pictures, exact, not compressed\n"
                "  bpk          numpy arrays that Blosc compresses, exact, 8 or 16 bits\n"
                "\n"
                "Settings of a camera, --camera KEY=VALUE:\n"
                "  size=WxH, rate=HZ, format=NAME   as --list-sources shows them\n"
                "  exposure=US, gain=VALUE          microseconds, the camera's own unit; or auto\n"
                "  trigger=VALUE                    off, Line1, Software; V4L2: its own control\n"
                "  and each control of V4L2 or feature of GenICam; a wrong name lists them.\n"
                "With --format mjpeg/avi pictures of a camera that gives JPEG are kept as they\n"
                "come.\n"
                "\n"
                "If the source breaks off, the frames before are kept in a sound store, and the\n"
                "exit code is 1.",
    };
    char **arguments;
    int argument_count;
    int result = cli_parse(&tool, argc, argv, &arguments, &argument_count);
    if (result == CLI_GO_ON && request.list_sources)
        result = cli_finish(save_cameras_print(request.json));
    else if (result == CLI_GO_ON && argument_count == 0)
        result = cli_usage("an argument is missing: %s %s", tool.name, tool.arguments);
    if (result == CLI_GO_ON && request.format)
        result = check_format_name(request.format);
    if (result == CLI_GO_ON && request.timezone)
        result = check_timezone(request.timezone);
    if (result == CLI_GO_ON)
        result = read_plan(&request);
    if (result == CLI_GO_ON) {
        request.destination = arguments[0];
        result = cli_finish(save(&request));
    }
    cli_list_free(&request.metadata);
    cli_list_free(&request.camera);
    return result;
}
