#include "analyze.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- what was asked for ---- */

/* Options that movemeter has no counterpart of. */
static int check_options(const struct analyze_request *request)
{
    const struct {
        const char *name;
        bool given;
    } others[] = {
        {"follow", request->follow},
        {"search-again", request->search_again != 0},
        {"renew", request->renew_every != 0},
        {"renew-below", request->renew_below != 0},
        {"restart", request->restart_after != 0},
        {"blur", request->blur != 0},
        {"difference", request->difference},
        {"min-score", request->min_score != TRK_MIN_SCORE},
        {"min-gap", request->min_gap != 0},
        {"heatmaps", request->heatmaps},
        {"stabilise", request->stabilise != NULL},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i].given)
            return cli_usage("--%s: movemeter has nothing like it; leave it out, or --movemeter", others[i].name);
    return CLI_GO_ON;
}

static bool is_all(const struct movement_job *job, const cli_range *range)
{
    return range->first == job->first && range->end == job->end;
}

static int resolve_reference(struct movement_job *job, const struct analyze_request *request)
{
    trk_movemeter_params *params = &job->movemeter_params;
    switch (job->template_source) {
    case MOVEMENT_TEMPLATE_FRAME:
        if (request->template && job->template_index != job->first)
            return cli_usage("--template %s: with --movemeter it must be the first frame measured, %lld, or previous "
                             "or mean",
                             request->template, (long long)job->first);
        job->template_index = job->first;
        params->reference = TRK_MOVEMETER_FIRST;
        return CLI_GO_ON;
    case MOVEMENT_TEMPLATE_PREVIOUS:
        params->reference = TRK_MOVEMETER_PREVIOUS;
        return CLI_GO_ON;
    case MOVEMENT_TEMPLATE_MEAN:
        params->reference = TRK_MOVEMETER_MEAN;
        // Without a range it is that of the frames measured.
        if (strchr(request->template, ':') && !is_all(job, &job->template_range))
            return cli_usage("--template %s: with --movemeter it is the mean of the frames measured",
                             request->template);
        job->template_range = (cli_range){job->first, job->end};
        return CLI_GO_ON;
    case MOVEMENT_TEMPLATE_FILE:
        break;
    }
    return cli_usage("--template %s: with --movemeter it must be 0, previous or mean", request->template);
}

static int resolve_background(struct movement_job *job, const struct analyze_request *request)
{
    if (!job->params.prepare.background)
        return CLI_GO_ON;
    if (job->background_kind != TRK_STILL_MINIMUM ||
        (strchr(request->background, ':') && !is_all(job, &job->background_range)))
        return cli_usage("--background %s: with --movemeter it is the minimum of the frames measured",
                         request->background);
    job->background_range = (cli_range){job->first, job->end};
    job->movemeter_params.subtract_minimum = true;
    return CLI_GO_ON;
}

int analyze_resolve_movemeter(struct movement_job *job, const struct analyze_request *request)
{
    job->movemeter = request->movemeter;
    if (request->absolute && !request->movemeter)
        return cli_usage("--absolute: it is for --movemeter, which was not given");
    if (!request->movemeter)
        return CLI_GO_ON;
    job->movemeter_params = (trk_movemeter_params){.upscale = request->upscale == 0 ? 1 : request->upscale,
                                                   .max_movement_px = (int)request->max_movement,
                                                   .absolute = request->absolute,
                                                   .rotation = request->rotation,
                                                   // The whole range, of which movemeter leaves out the last degree.
                                                   .max_rotation_deg = fmin(359, 2 * request->max_rotation),
                                                   .threads = (int)request->threads};
    int result = check_options(request);
    if (result == CLI_GO_ON)
        result = resolve_reference(job, request);
    return result == CLI_GO_ON ? resolve_background(job, request) : result;
}

/* ---- doing it ---- */

int analyze_name_reference(struct movement_job *job, ist_reader *reader)
{
    ist_error error;
    if (ist_reader_frame_metadata(reader, job->template_index, 1, &job->template_number, &job->template_time_s,
                                  &error) < 0)
        return cli_fail("%s", error.message);
    return CLI_GO_ON;
}

/* Hands rows on in the shape in which the results take them. */
struct converter {
    trk_row_handler *handler;
    void *context;
    trk_row *rows;
};

static bool convert_rows(void *context, const trk_movemeter_row *rows, int row_count)
{
    const struct converter *converter = context;
    if (row_count == 0) // on the way to the mean or the minimum
        return !cli_stop_requested();
    for (int i = 0; i < row_count; i++)
        converter->rows[i] = (trk_row){.frame_index = rows[i].frame_index,
                                       .frame_number = rows[i].frame_number,
                                       .frame_time_s = rows[i].frame_time_s,
                                       .roi = rows[i].roi,
                                       .x_px = rows[i].x_px,
                                       .y_px = rows[i].y_px,
                                       .rotation_deg = rows[i].rotation_deg,
                                       .standard_error_rotation_deg = (double)NAN,
                                       .score = rows[i].score,
                                       .status = rows[i].status};
    return converter->handler(converter->context, converter->rows, row_count);
}

ist_status analyze_measure_movemeter(trk_movemeter *movemeter, const struct movement_job *job, ist_reader *reader,
                                     trk_row_handler *handler, void *context, ist_error *error)
{
    struct converter converter = {handler, context, calloc((size_t)job->roi_count, sizeof(trk_row))};
    if (!converter.rows) {
        *error = (ist_error){IST_ERROR_MEMORY, "out of memory"};
        return IST_ERROR_MEMORY;
    }
    const ist_status status =
        trk_movemeter_analyze(movemeter, reader, job->first, job->end - job->first, convert_rows, &converter, error);
    free(converter.rows);
    return status;
}
