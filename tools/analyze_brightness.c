#include "analyze.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

int analyze_resolve_brightness(struct movement_job *job, const struct analyze_request *request)
{
    job->brightness = request->brightness != NULL;
    if (!job->brightness)
        return CLI_GO_ON;
    for (trk_brightness_scale scale = TRK_BRIGHTNESS_ABSOLUTE; scale <= TRK_BRIGHTNESS_MOVEMETER; scale++)
        if (strcmp(request->brightness, trk_brightness_scale_name(scale)) == 0) {
            job->brightness_scale = scale;
            return CLI_GO_ON;
        }
    return cli_usage("--brightness \"%s\": it must be absolute, minimum, range or movemeter", request->brightness);
}

struct sink {
    const struct movement_job *job;
    FILE *stream;
    int64_t frames;
};

static bool take_rows(void *context, const trk_brightness_row *rows, int row_count)
{
    struct sink *sink = context;
    char time[CLI_NUMBER_SIZE], brightness[CLI_NUMBER_SIZE];
    for (const trk_brightness_row *row = rows; row < rows + row_count; row++)
        fprintf(sink->stream, "%" PRId64 ",%" PRId64 ",%s,%s,%s\n", row->frame_index, row->frame_number,
                cli_format_number(time, row->frame_time_s), trk_roi_set_name(sink->job->rois, row->roi),
                cli_format_number(brightness, row->brightness));
    cli_progress_update(++sink->frames);
    return !ferror(sink->stream) && !cli_stop_requested();
}

/* Says for which ROIs the scale divides by zero. */
static void note_undefined(const struct movement_job *job, const trk_brightness *brightness)
{
    for (int i = 0; i < job->roi_count; i++) {
        const trk_brightness_range range = trk_brightness_range_of(brightness, i);
        if (!isnan(range.minimum) && isnan(trk_brightness_relative(range.maximum, range, job->brightness_scale)))
            cli_note("ROI %s: its brightness is from %g to %g: relative to the %s it is not defined",
                     trk_roi_set_name(job->rois, i), range.minimum, range.maximum,
                     job->brightness_scale == TRK_BRIGHTNESS_MINIMUM ? "minimum"
                     : job->brightness_scale == TRK_BRIGHTNESS_RANGE ? "range"
                                                                     : "maximum");
    }
}

static int fill_table(const struct movement_job *job, trk_brightness *brightness, ist_reader *reader)
{
    struct movement_file file;
    int result = movement_file_open(&file, job, "brightness.csv");
    if (result != CLI_GO_ON)
        return result;
    fprintf(file.stream, "frame_index,frame_number,frame_time,roi,brightness\n");
    struct sink sink = {.job = job, .stream = file.stream};
    const int64_t count = job->end - job->first;
    const int passes = job->brightness_scale == TRK_BRIGHTNESS_ABSOLUTE ? 1 : 2;
    ist_error error;
    cli_progress_start("brightness", passes * count);
    const ist_status status =
        trk_brightness_analyze(brightness, reader, job->first, count, job->brightness_scale, take_rows, &sink, &error);
    cli_progress_finish();
    if (status == IST_OK)
        return movement_file_finish(&file);
    result = movement_file_leave(&file);
    if (result != CLI_GO_ON)
        return result;
    return status < 0 ? cli_fail("%s; what was measured is in %s", error.message, file.name)
                      : cli_fail("interrupted; what was measured is in %s", file.name);
}

int analyze_brightness(const struct movement_job *job, ist_reader *reader)
{
    if (!job->brightness)
        return CLI_GO_ON;
    const ist_reader_info *info = job->info;
    trk_brightness *brightness;
    ist_error error;
    const ist_status status = trk_brightness_create(&brightness, info->width, info->height, info->channels, info->type,
                                                    trk_roi_set_rois(job->rois), job->roi_count, &error);
    if (status < 0)
        return cli_fail("%s: %s", job->store, error.message);
    const int result = fill_table(job, brightness, reader);
    if (result == CLI_GO_ON)
        note_undefined(job, brightness);
    trk_brightness_destroy(&brightness);
    return result;
}
