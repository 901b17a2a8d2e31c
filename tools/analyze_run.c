#include "analyze.h"

#include <float.h>
#include <inttypes.h>
#include <stdlib.h>

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
        .threads = (int)request->threads,
    };
    result = resolve_frames(job, request);
    if (result == CLI_GO_ON)
        result = analyze_resolve_template(job, request);
    return result == CLI_GO_ON ? resolve_pictures(job, request) : result;
}

/* ---- doing it ---- */

/* What a frame's rows go to. */
struct sink {
    struct movement_tables *tables;
    struct movement_heatmaps *heatmaps;
    struct movement_copy *copy; /* NULL: none */
    struct movement_summary *summary;
};

static bool take_rows(void *context, const trk_row *rows, int row_count)
{
    const struct sink *sink = context;
    movement_summary_add(sink->summary, rows, row_count);
    movement_copy_add(sink->copy, rows, row_count);
    cli_progress_update(sink->summary->frames);
    return movement_tables_add(sink->tables, rows, row_count) && movement_heatmaps_add(sink->heatmaps, rows) &&
           !cli_stop_requested();
}

static int make_tracker(trk_tracker **tracker, struct movement_job *job)
{
    ist_error error;
    trk_roi *places = movement_places(job);
    if (!places)
        return cli_fail("out of memory");
    const ist_status status = trk_tracker_create(tracker, job->info->width, job->info->height, job->info->channels,
                                                 job->info->type, places, job->roi_count, &job->params, &error);
    free(places);
    if (status < 0)
        return cli_fail("%s: %s", job->store, error.message);
    job->params = *trk_tracker_params(*tracker);
    return CLI_GO_ON;
}

/* Measures every frame into the tables, the heat maps, and what the copy is made from. */
static int measure_into(struct sink *sink, const struct movement_job *job, trk_tracker *tracker, ist_reader *reader)
{
    ist_error error;
    cli_progress_start("measuring", job->end - job->first);
    const ist_status status = trk_analyze(tracker, reader, job->first, job->end - job->first, take_rows, sink, &error);
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

static int measure(const struct movement_job *job, struct movement_summary *summary, struct movement_copy *copy,
                   trk_tracker *tracker, ist_reader *reader)
{
    struct sink sink = {.summary = summary, .copy = copy};
    int result = movement_heatmaps_open(&sink.heatmaps, job);
    if (result == CLI_GO_ON)
        result = movement_tables_open(&sink.tables, job);
    if (result == CLI_GO_ON)
        result = measure_into(&sink, job, tracker, reader);
    movement_heatmaps_close(&sink.heatmaps);
    return result;
}

static int write_results(struct movement_job *job, struct movement_copy *copy, trk_tracker *tracker, ist_reader *reader)
{
    struct movement_summary summary = {0};
    int result = measure(job, &summary, copy, tracker, reader);
    if (result == CLI_GO_ON)
        result = movement_write_settings(job, &summary);
    if (result == CLI_GO_ON)
        result = movement_draw(job, &summary);
    if (result == CLI_GO_ON && !cli_quiet())
        movement_summary_print(&summary, job);
    return result == CLI_GO_ON ? movement_copy_write(copy, reader) : result;
}

static int analyze(struct movement_job *job, trk_tracker *tracker, ist_reader *reader)
{
    struct movement_copy *copy = NULL;
    int result = analyze_set_template(job, tracker, reader);
    if (result == CLI_GO_ON)
        result = analyze_make_directory(job->output);
    if (result == CLI_GO_ON)
        result = movement_copy_open(&copy, job);
    if (result == CLI_GO_ON)
        result = write_results(job, copy, tracker, reader);
    movement_copy_close(&copy);
    return result == CLI_GO_ON ? CLI_SUCCESS : result;
}

int analyze_run(struct movement_job *job, const struct analyze_request *request)
{
    ist_error error;
    ist_reader *reader = NULL;
    if (ist_reader_open(&reader, job->store, &error) < 0)
        return cli_fail("%s", error.message);
    job->info = ist_reader_get_info(reader);
    trk_tracker *tracker = NULL;
    int result = resolve(job, request);
    if (result == CLI_GO_ON)
        result = make_tracker(&tracker, job);
    if (result == CLI_GO_ON) {
        cli_catch_stop(NULL, NULL);
        result = analyze(job, tracker, reader);
    }
    trk_tracker_destroy(&tracker);
    ist_reader_close(&reader);
    return result;
}
