#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "cli.h"
#include "movement.h"

struct movement_copy {
    const struct movement_job *job;
    trk_stabiliser *stabiliser;
};

/* ---- what it becomes ---- */

/* True if the path's ending says that it is to be a file, or a directory of pictures; else it is a store. */
static bool is_file(const char *path)
{
    const size_t length = strlen(path);
    const char *ending;
    for (int i = 0; (ending = ist_export_ending(i)); i++) {
        const size_t size = strlen(ending);
        if (length > size && strcasecmp(path + length - size, ending) == 0)
            return true;
    }
    return length > 0 && path[length - 1] == '/';
}

static int check_format(const struct movement_job *job)
{
    const struct movement_stabilise *asked = &job->stabilise;
    const char *format = asked->format ? asked->format : job->info->format;
    const char *known;
    char all[256] = "";
    size_t length = 0;
    for (int i = 0; (known = ist_writer_format_name(i)); i++) {
        if (strcmp(known, format) == 0)
            return ist_writer_format_holds(format, job->info->channels, job->info->type)
                       ? CLI_GO_ON
                       : cli_fail("--format %s: it cannot hold 16 bits; npy, tif and ffv1/mkv can", format);
        if (length < sizeof all)
            length += (size_t)snprintf(all + length, sizeof all - length, "%s%s", i ? ", " : "", known);
    }
    if (asked->format && ist_writer_format_missing(format))
        return cli_usage("--format: %s cannot be written: %s", format, ist_writer_format_missing(format));
    if (asked->format)
        return cli_usage("--format: there is no format \"%s\"; choose one of %s", format, all);
    return cli_fail("%s: its format %s can only be read; choose with --format one of %s", job->store, format, all);
}

int movement_stabilise_check(const struct movement_job *job)
{
    const struct movement_stabilise *asked = &job->stabilise;
    if (!asked->path) {
        if (asked->params.crop || asked->params.turn || asked->params.border || asked->format || asked->quality)
            return cli_usage("--crop, --black, --turn, --format and --quality say how to --stabilise");
        return CLI_GO_ON;
    }
    struct stat found;
    if (!*asked->path)
        return cli_usage("--stabilise: the copy has no name");
    if (lstat(asked->path, &found) == 0)
        return cli_fail("--stabilise: %s exists already; choose another name, or remove it first", asked->path);
    const trk_params *params = &job->params;
    if (asked->params.turn && job->roi_count < 2 && params->max_rotation_deg == 0)
        return cli_usage(
            "--turn: one ROI does not tell how the picture turns; add --rotation, or give two or more, far "
            "apart");
    if (asked->params.turn && !params->follow && (params->renew_every || params->renew_below != 0))
        return cli_usage("--turn: ROIs that keep their places do not tell it with templates that are renewed; add "
                         "--follow");
    if (!is_file(asked->path))
        return check_format(job);
    return asked->format ? cli_usage("--format: it is for a store; the ending of %s says what it becomes", asked->path)
                         : CLI_GO_ON;
}

/* ---- filling it ---- */

int movement_copy_open(struct movement_copy **copy, const struct movement_job *job)
{
    *copy = NULL;
    if (!job->stabilise.path)
        return CLI_GO_ON;
    ist_error error = {.message = "out of memory"};
    ist_status status = IST_ERROR_MEMORY;
    struct movement_copy *new = calloc(1, sizeof *new);
    if (new)
        status = trk_stabiliser_create(&new->stabiliser, job->info->width, job->info->height,
                                       trk_roi_set_rois(job->rois), job->roi_count, &job->stabilise.params, &error);
    if (status < 0) {
        free(new);
        return cli_fail("--stabilise: %s", error.message);
    }
    new->job = job;
    *copy = new;
    return CLI_GO_ON;
}

void movement_copy_add(struct movement_copy *copy, const trk_row *rows, int row_count)
{
    if (copy)
        (void)trk_stabiliser_add(copy->stabiliser, rows, row_count);
}

void movement_copy_close(struct movement_copy **copy)
{
    if (*copy)
        trk_stabiliser_destroy(&(*copy)->stabiliser);
    free(*copy);
    *copy = NULL;
}

/* ---- writing it ---- */

/* What a store says of itself: the user's metadata, and under "stabilised" what was done. */
static char *make_metadata(const struct movement_copy *copy)
{
    const struct movement_job *job = copy->job;
    const trk_stabilise_params *params = &job->stabilise.params;
    const trk_roi part = trk_stabiliser_part(copy->stabiliser);
    json_t *rois = json_array();
    for (int i = 0; i < job->roi_count; i++) {
        const trk_roi *roi = &trk_roi_set_rois(job->rois)[i];
        json_array_append_new(rois, json_pack("[i,i,i,i]", roi->x, roi->y, roi->width, roi->height));
    }
    static const char *const templates[] = {"frame", "previous", "mean", "file"};
    json_t *done =
        json_pack("{s:s,s:s,s:I,s:I,s:s,s:o,s:[i,i,i,i],s:b,s:s,s:s,s:s}", "store", job->store, "uuid", job->info->uuid,
                  "first_frame", (json_int_t)job->first, "frame_end", (json_int_t)job->end, "template",
                  templates[job->template_source], "rois", rois, "part", part.x, part.y, part.width, part.height,
                  "turned", params->turn, "border", params->border == TRK_BORDER_BLACK ? "black" : "repeated",
                  "unknown_motion", "as the frame before", "libtrack", trk_version());
    json_t *all = json_loads(job->info->user_metadata, JSON_ALLOW_NUL, NULL);
    if (!all)
        all = json_object();
    json_object_set_new(all, "stabilised", done);
    char *text = json_dumps(all, JSON_REAL_PRECISION(17));
    json_decref(all);
    return text;
}

static bool show_progress(void *context, int64_t done, int64_t total)
{
    bool *started = context;
    if (total > 0) {
        if (!*started)
            cli_progress_start("stabilising", total);
        *started = true;
        cli_progress_update(done);
    }
    return !cli_stop_requested();
}

static const char *plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

static void say(const struct movement_job *job, const trk_stabilise_report *report)
{
    const char *path = job->stabilise.path;
    if (report->held_count > 0)
        cli_note("%s: %" PRId64 " frame%s without a measured motion: moved as the frame before; the first is frame "
                 "%" PRId64,
                 path, report->held_count, plural(report->held_count), report->first_held);
    if (report->output.skipped_count > 0)
        cli_note("%s: %" PRId64 " frame%s could not be read: left out; the first is frame %" PRId64, path,
                 report->output.skipped_count, plural(report->output.skipped_count), report->output.first_skipped);
    if (cli_quiet() || job->json)
        return;
    printf("stabilised: %s, %" PRId64 " frame%s, %d x %d px at %d,%d of %d x %d; taken back: x %.3f to %.3f px, y "
           "%.3f to %.3f px",
           path, report->output.frame_count, plural(report->output.frame_count), report->part.width,
           report->part.height, report->part.x, report->part.y, job->info->width, job->info->height, report->least.x_px,
           report->most.x_px, report->least.y_px, report->most.y_px);
    if (job->stabilise.params.turn)
        printf(", turn %.3f to %.3f degrees", report->least.turn_deg, report->most.turn_deg);
    putchar('\n');
}

int movement_copy_write(struct movement_copy *copy, ist_reader *reader)
{
    if (!copy)
        return CLI_GO_ON;
    const struct movement_stabilise *asked = &copy->job->stabilise;
    char *metadata = make_metadata(copy);
    if (!metadata)
        return cli_fail("out of memory");
    bool started = false;
    const ist_writer_params store = {.format = asked->format, .quality = asked->quality, .metadata_json = metadata};
    const ist_export_params output = {
        .store = is_file(asked->path) ? NULL : &store,
        .quality = asked->quality,
        .progress = show_progress,
        .context = &started,
    };
    ist_error error;
    trk_stabilise_report report;
    const ist_status status = trk_stabiliser_write(copy->stabiliser, reader, asked->path, &output, &report, &error);
    cli_progress_finish();
    free(metadata);
    if (status < 0)
        return cli_fail("--stabilise: %s", error.message);
    say(copy->job, &report);
    return CLI_GO_ON;
}
