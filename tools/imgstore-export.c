/* imgstore-export: frames out of a store into a file that other programs read, or a directory of pictures. */
#include <inttypes.h>
#include <libstore/libstore.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "cli.h"
#include "store_notes.h"

/* What the command line asks for. */
struct request {
    const char *store;
    const char *output;
    const char *frames;
    const char *times;
    cli_range numbers;
    const char *images;
    const char *encoder;
    const char *encoder_options;
    int64_t quality; /* 0: the format's own */
    double rate;     /* 0: the true times */
    bool skip_missing;
};

/* ---- which frames ---- */

/* "A:B", "A:B:STEP"; every part may be empty. */
static int read_frames(const char *text, ist_selection *selection)
{
    const char *first = strchr(text, ':'), *second = first ? strchr(first + 1, ':') : NULL;
    cli_range range = {CLI_OPEN, CLI_OPEN};
    int64_t step = 1;
    char *bounds = strndup(text, second ? (size_t)(second - text) : strlen(text));
    if (!bounds)
        return cli_fail("out of memory");
    bool understood = cli_read_range(bounds, 0, &range);
    free(bounds);
    if (second && second[1] != '\0')
        understood = understood && cli_read_integer(second + 1, 1, INT64_MAX, &step);
    if (!understood)
        return cli_usage("--frames: \"%s\" is not a range A:B or A:B:STEP with A not above B", text);
    selection->index_first = range.first == CLI_OPEN ? 0 : range.first;
    selection->index_end = range.end == CLI_OPEN ? INT64_MAX : range.end;
    selection->step = step;
    // To the library an end of 0 is the end of the store.
    if (selection->index_end == 0)
        selection->index_first = selection->index_end = INT64_MAX;
    return CLI_GO_ON;
}

static void read_numbers(cli_range range, ist_selection *selection)
{
    selection->by_number = range.first != CLI_OPEN || range.end != CLI_OPEN;
    selection->number_first = range.first == CLI_OPEN ? INT64_MIN : range.first;
    selection->number_end = range.end == CLI_OPEN ? INT64_MAX : range.end;
}

enum moment { NO_MOMENT, OPEN_END, SECONDS, DATE };

/* One side of --times: nothing, seconds, or date and time in this zone. */
static enum moment read_moment(const char *text, const char *zone, double *time_s, ist_error *error)
{
    if (*text == '\0')
        return OPEN_END;
    if (cli_read_number(text, -HUGE_VAL, HUGE_VAL, time_s))
        return SECONDS;
    return ist_time_from_local(text, zone, time_s, error) < 0 ? NO_MOMENT : DATE;
}

/*
 * "T0:T1". A time of day has colons of its own: the one between the two is where both sides can be read, as two of
 * one kind.
 */
static int read_times(const char *text, const char *zone, ist_selection *selection)
{
    ist_error error = {0};
    for (const char *colon = strchr(text, ':'); colon; colon = strchr(colon + 1, ':')) {
        double first_s = -HUGE_VAL, end_s = HUGE_VAL;
        char *left = strndup(text, (size_t)(colon - text));
        if (!left)
            return cli_fail("out of memory");
        const enum moment first = read_moment(left, zone, &first_s, &error);
        free(left);
        const enum moment end = read_moment(colon + 1, zone, &end_s, &error);
        if (first == NO_MOMENT || end == NO_MOMENT || (first != end && first != OPEN_END && end != OPEN_END))
            continue;
        if (first_s > end_s)
            return cli_usage("--times: \"%s\" ends before it begins", text);
        selection->by_time = true;
        selection->time_first_s = first_s;
        selection->time_end_s = end_s;
        return CLI_GO_ON;
    }
    if (error.status == IST_ERROR_NOT_FOUND)
        return cli_fail("--times: %s; use seconds since 1970, or times with Z or +HH:MM at their end", error.message);
    return cli_usage("--times: \"%s\" is not a range T0:T1 of seconds, as 12.5:20, or of dates with times, as "
                     "\"2026-11-20 14:03:05:2026-11-20 14:04\"",
                     text);
}

/* ---- exporting ---- */

static bool show_progress(void *context, int64_t done, int64_t total)
{
    (void)context;
    if (total > 0) {
        static bool started;
        if (!started)
            cli_progress_start("exporting", total);
        started = true;
        cli_progress_update(done);
    }
    return !cli_stop_requested();
}

static const char *plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

/* What is not obvious about the file. */
static void say_what_differs(const struct request *request, const ist_reader *reader, const ist_export_report *report)
{
    const ist_reader_info *info = ist_reader_get_info(reader);
    const char *output = request->output;
    char rate[CLI_NUMBER_SIZE];
    if (report->frame_rate > 0)
        cli_note("%s: has one frame rate, %s frames/s; the times of the frames are not in it (export to .txt keeps "
                 "them)",
                 output, cli_format_number(rate, report->frame_rate));
    if (report->moved_count > 0)
        cli_note("%s: %" PRId64 " frame%s come%s later than recorded: a video cannot show times that repeat or go back",
                 output, report->moved_count, plural(report->moved_count), report->moved_count == 1 ? "s" : "");
    if (report->width > 0 && (report->width < info->width || report->height < info->height))
        cli_note("%s: a video has even sides: %d x %d px of %d x %d", output, report->width, report->height,
                 info->width, info->height);
    if (report->skipped_count > 0)
        cli_note("%s: %" PRId64 " frame%s could not be read and %s left out, the first is frame %" PRId64, output,
                 report->skipped_count, plural(report->skipped_count), report->skipped_count == 1 ? "is" : "are",
                 report->first_skipped);
}

static void print_summary(const struct request *request, const ist_export_report *report)
{
    if (cli_quiet())
        return;
    printf("%" PRId64 " frame%s", report->frame_count, plural(report->frame_count));
    if (report->skipped_count > 0)
        printf(", %" PRId64 " skipped", report->skipped_count);
    if (report->width > 0)
        printf(", %d x %d px", report->width, report->height);
    struct stat status;
    char size[CLI_NUMBER_SIZE];
    if (stat(request->output, &status) == 0 && S_ISREG(status.st_mode))
        printf(", %s", cli_format_size(size, status.st_size));
    printf(" in %s\n", request->output);
}

static int export_frames(const struct request *request, ist_reader *reader)
{
    ist_export_params params = {
        .images = request->images,
        .quality = (int)request->quality,
        .encoder = request->encoder,
        .encoder_options = request->encoder_options,
        .frame_rate = request->rate,
        .skip_missing = request->skip_missing,
        .progress = show_progress,
    };
    int result = CLI_GO_ON;
    if (request->frames)
        result = read_frames(request->frames, &params.frames);
    if (result == CLI_GO_ON && request->times)
        result = read_times(request->times, ist_reader_get_info(reader)->timezone, &params.frames);
    if (result != CLI_GO_ON)
        return result;
    read_numbers(request->numbers, &params.frames);

    ist_error error;
    ist_export_report report;
    cli_catch_stop(NULL, NULL);
    const ist_status status = ist_export(reader, request->output, &params, &report, &error);
    cli_progress_finish();
    if (status < 0)
        return cli_fail("%s", error.message);
    say_what_differs(request, reader, &report);
    print_summary(request, &report);
    return CLI_SUCCESS;
}

/* Before anything is read: whether the output is something that can be written at all. */
static int check_output(const struct request *request)
{
    const char *output = request->output;
    const size_t length = strlen(output);
    if (length == 0)
        return cli_usage("the output has no name");
    struct stat status;
    if (lstat(output, &status) == 0)
        return cli_fail("%s: exists already; choose another name, or remove it first", output);
    if (request->images || output[length - 1] == '/')
        return CLI_GO_ON;
    char known[128] = "";
    size_t used = 0;
    const char *ending;
    for (int i = 0; (ending = ist_export_ending(i)) != NULL; i++) {
        const size_t size = strlen(ending);
        if (length > size && strcasecmp(output + length - size, ending) == 0 && output[length - size - 1] != '/')
            return CLI_GO_ON;
        if (used < sizeof known)
            used += (size_t)snprintf(known + used, sizeof known - used, "%s, ", ending);
    }
    return cli_usage("%s: its ending does not say what to write: it must be one of %sor / for a directory of pictures",
                     output, known);
}

static int export_store(const struct request *request)
{
    const int result = check_output(request);
    if (result != CLI_GO_ON)
        return result;
    ist_error error;
    ist_reader *reader = NULL;
    if (ist_reader_open(&reader, request->store, &error) < 0)
        return cli_fail("%s", error.message);
    note_left_out(reader);
    const int exit_code = export_frames(request, reader);
    ist_reader_close(&reader);
    return exit_code;
}

static int check_images(const char *images)
{
    if (!images || strcmp(images, "png") == 0 || strcmp(images, "tif") == 0 || strcmp(images, "jpg") == 0)
        return CLI_GO_ON;
    return cli_usage("--images: \"%s\" is none of png, tif and jpg", images);
}

int main(int argc, char **argv)
{
    struct request request = {.numbers = {CLI_OPEN, CLI_OPEN}};
    const cli_option options[] = {
        {"frames", CLI_TEXT, &request.frames, "A:B[:STEP]", "frames A to B-1 of the store, which counts from 0", 0, 0},
        {"numbers", CLI_RANGE, &request.numbers, "A:B", "frames with the camera's numbers A to B-1", -9e15, 0},
        {"times", CLI_TEXT, &request.times, "T0:T1",
         "frames from time T0 to before T1: seconds as in the store (since 1970), or date and time at the place of "
         "recording, \"2026-11-20 14:03:05.5\"; Z or +01:00 at its end names another zone",
         0, 0},
        {"images", CLI_TEXT, &request.images, "png|tif|jpg", "make OUT a directory with a picture for each frame", 0,
         0},
        {"quality", CLI_INTEGER, &request.quality, "1..100",
         "of video and jpg; 100 keeps every value in mp4 and mkv (default: 90, avi 96, jpg 95)", 1, 100},
        {"rate", CLI_NUMBER, &request.rate, "HZ", "give a video this frame rate instead of the true times", 1e-3, 1e6},
        {"encoder", CLI_TEXT, &request.encoder, "NAME",
         "of FFmpeg, for video (default: libx264; avi: mjpeg; 16 bits: ffv1)", 0, 0},
        {"encoder-options", CLI_TEXT, &request.encoder_options, "K=V:K=V", "handed to FFmpeg's encoder", 0, 0},
        {"skip-missing", CLI_FLAG, &request.skip_missing, NULL,
         "leave out frames that cannot be read, and say how many", 0, 0},
        {0},
    };
    const cli_tool tool = {
        .name = "imgstore-export",
        .example = "imgstore-export mystore clip.mp4\n"
                   "imgstore-export mystore stack.tif --frames 1000:2000:10",
        .purpose = "Exports frames of a store into the file OUT. It appears when it is whole; Ctrl-C\n"
                   "leaves nothing.\n"
                   "With several ranges, frames that lie in all of them.",
        .arguments = "[OPTIONS] STORE OUT",
        .options = options,
        .argument_min = 2,
        .argument_max = 2,
        .more = "The ending of OUT says what it becomes:\n"
                "  .npy         numpy array (n, h, w) or (n, h, w, 3), blue, green, red\n"
                "  .tif .tiff   a stack, one page for each frame\n"
                "  .mp4 .mkv    video with the true times (to a microsecond; mkv: a millisecond)\n"
                "  .avi         video with the mean frame rate: an avi cannot hold times\n"
                "  .txt         no pictures, but their times: timecode format v2\n"
                "  OUT/         a directory of png, or of what --images says",
    };
    char **arguments;
    int argument_count;
    int result = cli_parse(&tool, argc, argv, &arguments, &argument_count);
    if (result == CLI_GO_ON)
        result = check_images(request.images);
    if (result == CLI_GO_ON && request.frames)
        result = read_frames(request.frames, &(ist_selection){0});
    if (result == CLI_GO_ON) {
        request.store = arguments[0];
        request.output = arguments[1];
        result = cli_finish(export_store(&request));
    }
    return result;
}
