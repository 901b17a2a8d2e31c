#include "analyze.h"

#include <float.h>
#include <inttypes.h>
#include <stdlib.h>

#include "store_notes.h"

/* ---- what to do ---- */

static int resolve_frames(struct movement_job *job, const struct analyze_request *request)
{
    const int64_t count = job->info->frame_count;
    if (count == 0)
        return cli_fail("%s: the store has no frames", job->store);
    job->first = request->frames.first == CLI_OPEN ? 0 : request->frames.first;
    job->end = request->frames.end == CLI_OPEN ? count : request->frames.end;
    if (job->first >= count || job->end > count)
        return cli_fail("--frames %" PRId64 ":%" PRId64 ": the store has %" PRId64 " frames, 0:%" PRId64, job->first,
                        job->end, count, count);
    if (job->first >= job->end)
        return cli_fail("--frames %" PRId64 ":%" PRId64 ": there is no frame in this range", job->first, job->end);
    return CLI_GO_ON;
}

/* The heat maps and the stabilised copy. */
static int resolve_pictures(struct movement_job *job, const struct analyze_request *request)
{
    job->json = request->json;
    job->heatmaps = request->heatmaps;
    job->heatmap_params.speed_per_frame = request->speed_per_frame;
    if (request->speed_per_frame && !request->heatmaps)
        return cli_usage("--speed-per-frame: there is no speed without --heatmaps");
    job->stabilise = (struct movement_stabilise){
        .path = request->stabilise,
        .format = request->stabilise_format,
        .quality = (int)request->stabilise_quality,
        .params = {.border = request->black ? TRK_BORDER_BLACK : TRK_BORDER_REPEAT,
                   .crop = request->crop,
                   .turn = request->turn},
    };
    return movement_stabilise_check(job);
}

static int resolve(struct movement_job *job, const struct analyze_request *request)
{
    int result = analyze_place_rois(job, request);
    if (result != CLI_GO_ON)
        return result;
    job->params = (trk_params){
        .max_movement_px = (int)request->max_movement,
        // To the library 0 stands for its default; who asks for 0 gets the least number above it.
        .min_score = request->min_score == 0 ? DBL_MIN : request->min_score,
        .min_gap = request->min_gap,
        .max_rotation_deg = request->rotation ? (request->max_rotation > 0 ? request->max_rotation : 180) : 0,
        .upscale = request->upscale,
        .threads = (int)request->threads,
    };
    if (request->upscale > 0 && request->upscale < 1 && !request->movemeter)
        return cli_usage("--upscale %g: it must be at least 1; only with --movemeter pictures can be made smaller",
                         request->upscale);
    if (request->upscale > 0 && request->rotation && !request->movemeter)
        return cli_usage("--upscale %g: with --rotation motion is found in fractions of any size, not in steps; leave "
                         "out one of the two, or take --movemeter",
                         request->upscale);
    if (request->max_rotation > 0 && !request->rotation)
        return cli_usage("--max-rotation: it is for --rotation, which was not given");
    result = resolve_frames(job, request);
    if (result == CLI_GO_ON)
        result = analyze_resolve_template(job, request);
    if (result == CLI_GO_ON)
        result = analyze_resolve_movemeter(job, request);
    if (result == CLI_GO_ON)
        result = analyze_resolve_brightness(job, request);
    return result == CLI_GO_ON ? resolve_pictures(job, request) : result;
}

/* ---- doing it ---- */

/* What a frame's rows go to. */
struct sink {
    const struct movement_job *job;
    struct movement_group *groups; /* room for those of one frame */
    struct movement_tables *tables;
    struct movement_heatmaps *heatmaps;
    struct movement_copy *copy; /* NULL: none */
    struct movement_curves *curves;
    struct movement_summary *summary;
};

static bool take_rows(void *context, const trk_row *rows, int row_count)
{
    const struct sink *sink = context;
    struct movement_frame frame = {rows, sink->groups};
    movement_frame_group(&frame, sink->job);
    movement_summary_add(sink->summary, sink->job, &frame);
    movement_curves_add(sink->curves, &frame);
    movement_copy_add(sink->copy, rows, row_count);
    cli_progress_update(sink->summary->frames);
    return movement_tables_add(sink->tables, &frame) && movement_heatmaps_add(sink->heatmaps, rows) &&
           !cli_stop_requested();
}

/* What measures: one of the two. */
struct method {
    trk_tracker *tracker;
    trk_movemeter *movemeter;
};

static int make_method(struct method *method, struct movement_job *job)
{
    const ist_reader_info *info = job->info;
    ist_error error;
    const trk_roi *places = trk_roi_set_rois(job->rois);
    const ist_status status =
        job->movemeter ? trk_movemeter_create(&method->movemeter, info->width, info->height, info->channels, info->type,
                                              places, job->roi_count, &job->movemeter_params, &error)
                       : trk_tracker_create(&method->tracker, info->width, info->height, info->channels, info->type,
                                            places, job->roi_count, &job->params, &error);
    if (status < 0)
        return cli_fail("%s: %s", job->store, error.message);
    if (method->tracker)
        job->params = *trk_tracker_params(method->tracker);
    return CLI_GO_ON;
}

/* Measures every frame into the tables, the heat maps, and what the copy is made from. */
static int measure_into(struct sink *sink, const struct movement_job *job, const struct method *method,
                        ist_reader *reader)
{
    ist_error error;
    cli_progress_start("measuring", job->end - job->first);
    const ist_status status =
        method->movemeter
            ? analyze_measure_movemeter(method->movemeter, job, reader, take_rows, sink, &error)
            : trk_analyze(method->tracker, reader, job->first, job->end - job->first, take_rows, sink, &error);
    cli_progress_finish();
    if (status == IST_OK) {
        const int result = movement_tables_finish(&sink->tables);
        return result == CLI_GO_ON ? movement_heatmaps_finish(sink->heatmaps) : result;
    }
    int result = movement_tables_leave(&sink->tables);
    if (result == CLI_GO_ON)
        result = movement_heatmaps_failure(sink->heatmaps);
    if (result != CLI_GO_ON)
        return result;
    const int64_t frames = sink->summary->frames;
    if (status < 0)
        return cli_fail("%s; the first %" PRId64 " frames are in %s/movement.csv.part", error.message, frames,
                        job->output);
    return cli_fail("interrupted; the first %" PRId64 " of %" PRId64 " frames are in %s/movement.csv.part", frames,
                    job->end - job->first, job->output);
}

static int measure(struct sink *sink, const struct method *method, ist_reader *reader)
{
    const struct movement_job *job = sink->job;
    int result = movement_heatmaps_open(&sink->heatmaps, job);
    if (result == CLI_GO_ON)
        result = movement_tables_open(&sink->tables, job);
    if (result == CLI_GO_ON)
        result = measure_into(sink, job, method, reader);
    movement_heatmaps_close(&sink->heatmaps);
    return result;
}

/* Pictures, on the first frame if that can be read. */
static int draw(const struct sink *sink, ist_reader *reader)
{
    ist_frame first = {0};
    ist_error error;
    if (ist_reader_read_index(reader, sink->job->first, &first, &error) < 0)
        ist_frame_free(&first);
    int result = movement_curves_write(sink->curves);
    if (result == CLI_GO_ON)
        result = movement_draw(sink->job, sink->summary, &first);
    ist_frame_free(&first);
    return result;
}

static int write_results(struct sink *sink, const struct method *method, ist_reader *reader)
{
    const struct movement_job *job = sink->job;
    int result = measure(sink, method, reader);
    if (result == CLI_GO_ON)
        result = analyze_brightness(job, reader);
    if (result == CLI_GO_ON)
        result = draw(sink, reader);
    if (result == CLI_GO_ON) {
        movement_note_lost(job, sink->summary);
        result = movement_write_settings(job, sink->summary);
    }
    if (result == CLI_GO_ON && job->json)
        result = movement_report_json(job, sink->summary);
    else if (result == CLI_GO_ON && !cli_quiet())
        movement_report_text(job, sink->summary);
    return result == CLI_GO_ON ? movement_copy_write(sink->copy, reader) : result;
}

/* What frames add up to, and room for the groups of one. */
static int make_sums(struct sink *sink)
{
    const struct movement_job *job = sink->job;
    sink->groups = calloc((size_t)trk_roi_set_group_count(job->rois) + 1, sizeof *sink->groups);
    if (!sink->groups)
        return cli_fail("out of memory");
    const int result = movement_summary_init(sink->summary, job);
    return result == CLI_GO_ON ? movement_curves_create(&sink->curves, job) : result;
}

static int analyze(struct movement_job *job, const struct method *method, ist_reader *reader)
{
    struct movement_summary summary = {0};
    struct sink sink = {.job = job, .summary = &summary};
    int result =
        method->tracker ? analyze_set_template(job, method->tracker, reader) : analyze_name_reference(job, reader);
    if (result == CLI_GO_ON)
        result = analyze_make_directory(job->output);
    if (result == CLI_GO_ON)
        result = movement_copy_open(&sink.copy, job);
    if (result == CLI_GO_ON)
        result = make_sums(&sink);
    if (result == CLI_GO_ON)
        result = write_results(&sink, method, reader);
    movement_copy_close(&sink.copy);
    movement_curves_destroy(&sink.curves);
    movement_summary_free(&summary);
    free(sink.groups);
    return result == CLI_GO_ON ? CLI_SUCCESS : result;
}

int analyze_run(struct movement_job *job, const struct analyze_request *request)
{
    ist_error error;
    ist_reader *reader = NULL;
    if (ist_reader_open(&reader, job->store, &error) < 0)
        return cli_fail("%s", error.message);
    if (request->threads > 0)
        ist_reader_set_threads(reader, (int)request->threads);
    note_left_out(reader);
    job->info = ist_reader_get_info(reader);
    struct method method = {0};
    int result = resolve(job, request);
    if (result == CLI_GO_ON)
        result = make_method(&method, job);
    if (result == CLI_GO_ON) {
        cli_catch_stop(NULL, NULL);
        result = analyze(job, &method, reader);
    }
    trk_tracker_destroy(&method.tracker);
    trk_movemeter_destroy(&method.movemeter);
    ist_reader_close(&reader);
    return result;
}
