#include "analyze.h"

#include <float.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

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
    job->template_index = request->template_index;
    if (job->template_index >= count)
        return cli_fail("--template %" PRId64 ": the store has %" PRId64 " frames, 0 to %" PRId64, job->template_index,
                        count, count - 1);
    return CLI_GO_ON;
}

static int processor_count(void)
{
    const long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > ANALYZE_THREADS_MAX ? ANALYZE_THREADS_MAX : (int)count;
}

static int resolve(struct movement_job *job, const struct analyze_request *request)
{
    const int result = analyze_place_rois(job, request);
    if (result != CLI_GO_ON)
        return result;
    job->params = (trk_params){
        .max_movement_px = (int)request->max_movement,
        // To the library 0 stands for its default; who asks for 0 gets the least number above it.
        .min_score = request->min_score == 0 ? DBL_MIN : request->min_score,
        .threads = request->threads ? (int)request->threads : processor_count(),
    };
    return resolve_frames(job, request);
}

/* ---- doing it ---- */

/* What a frame's rows go to. */
struct sink {
    const struct movement_job *job;
    struct movement_group *groups; /* room for those of one frame */
    struct movement_tables *tables;
    struct movement_summary *summary;
    struct movement_curves *curves;
};

static bool take_rows(void *context, const trk_row *rows, int row_count)
{
    (void)row_count; // one for each ROI
    const struct sink *sink = context;
    struct movement_frame frame = {rows, sink->groups};
    movement_frame_group(&frame, sink->job);
    movement_summary_add(sink->summary, sink->job, &frame);
    movement_curves_add(sink->curves, &frame);
    cli_progress_update(sink->summary->frames);
    return movement_tables_add(sink->tables, &frame) && !cli_stop_requested();
}

static int make_tracker(trk_tracker **tracker, const struct movement_job *job)
{
    ist_error error;
    const ist_status status =
        trk_tracker_create(tracker, job->info->width, job->info->height, job->info->channels, job->info->type,
                           trk_roi_set_rois(job->rois), job->roi_count, &job->params, &error);
    return status < 0 ? cli_fail("%s: %s", job->store, error.message) : CLI_GO_ON;
}

static int cut_template(struct movement_job *job, trk_tracker *tracker, ist_reader *reader)
{
    ist_error error;
    ist_frame frame = {0};
    ist_status status = ist_reader_read_index(reader, job->template_index, &frame, &error);
    if (status >= 0)
        status = trk_tracker_set_template(tracker, &frame, &error);
    job->template_number = frame.number;
    job->template_time_s = frame.time_s;
    ist_frame_free(&frame);
    if (status < 0)
        return cli_fail("template, frame %" PRId64 ": %s", job->template_index, error.message);
    for (int i = 0; i < job->roi_count; i++)
        if (trk_tracker_template_is_flat(tracker, i))
            cli_note("ROI %s has no texture in frame %" PRId64 ": its motion cannot be measured",
                     trk_roi_set_name(job->rois, i), job->template_index);
    return CLI_GO_ON;
}

/* Hands every frame to the sink, whose tables are then whole; else they are left as they are. */
static int measure_frames(struct sink *sink, trk_tracker *tracker, ist_reader *reader)
{
    const struct movement_job *job = sink->job;
    ist_error error;
    cli_progress_start("measuring", job->end - job->first);
    const ist_status status = trk_analyze(tracker, reader, job->first, job->end - job->first, take_rows, sink, &error);
    cli_progress_finish();
    if (status == IST_OK)
        return movement_tables_finish(&sink->tables);

    const int result = movement_tables_leave(&sink->tables);
    if (result != CLI_GO_ON)
        return result;
    if (status < 0)
        return cli_fail("%s; the first %" PRId64 " frames are in %s/movement.csv.part", error.message,
                        sink->summary->frames, job->output);
    return cli_fail("interrupted; the first %" PRId64 " of %" PRId64 " frames are in %s/movement.csv.part",
                    sink->summary->frames, job->end - job->first, job->output);
}

static int measure(const struct movement_job *job, struct movement_summary *summary, struct movement_curves *curves,
                   trk_tracker *tracker, ist_reader *reader)
{
    struct sink sink = {.job = job, .summary = summary, .curves = curves};
    sink.groups = calloc((size_t)trk_roi_set_group_count(job->rois) + 1, sizeof *sink.groups);
    if (!sink.groups)
        return cli_fail("out of memory");
    int result = movement_tables_open(&sink.tables, job);
    if (result == CLI_GO_ON)
        result = measure_frames(&sink, tracker, reader);
    free(sink.groups);
    return result;
}

/* Pictures, on the first frame if that can be read. */
static int draw(const struct movement_job *job, const struct movement_summary *summary, ist_reader *reader)
{
    ist_frame first = {0};
    ist_error error;
    if (ist_reader_read_index(reader, job->first, &first, &error) < 0)
        ist_frame_free(&first);
    const int result = movement_draw(job, summary, &first);
    ist_frame_free(&first);
    return result;
}

static int analyze(struct movement_job *job, trk_tracker *tracker, ist_reader *reader, bool json)
{
    struct movement_summary summary;
    struct movement_curves *curves = NULL;
    int result = movement_summary_init(&summary, job);
    if (result == CLI_GO_ON)
        result = movement_curves_create(&curves, job);
    if (result == CLI_GO_ON)
        result = cut_template(job, tracker, reader);
    if (result == CLI_GO_ON)
        result = analyze_make_directory(job->output);
    if (result == CLI_GO_ON)
        result = measure(job, &summary, curves, tracker, reader);
    if (result == CLI_GO_ON)
        result = movement_curves_write(curves);
    if (result == CLI_GO_ON)
        result = draw(job, &summary, reader);
    if (result == CLI_GO_ON)
        result = movement_write_settings(job, &summary);
    if (result == CLI_GO_ON && json)
        result = movement_report_json(job, &summary);
    else if (result == CLI_GO_ON && !cli_quiet())
        movement_report_text(job, &summary);
    movement_curves_destroy(&curves);
    movement_summary_free(&summary);
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
        result = analyze(job, tracker, reader, request->json);
    }
    trk_tracker_destroy(&tracker);
    ist_reader_close(&reader);
    return result;
}
