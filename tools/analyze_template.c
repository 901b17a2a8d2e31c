#include "analyze.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what was asked for ---- */

/* Reads "WORD" or "WORD:A:B", with the range made whole. Returns false if the text begins otherwise. */
static bool read_word(const char *text, const char *word, cli_range *range, int64_t frame_count)
{
    const size_t length = strlen(word);
    if (strncmp(text, word, length) != 0 || (text[length] != '\0' && text[length] != ':'))
        return false;
    *range = (cli_range){CLI_OPEN, CLI_OPEN};
    if (text[length] == ':' && !cli_read_range(text + length + 1, 0, range))
        return false;
    if (range->first == CLI_OPEN)
        range->first = 0;
    if (range->end == CLI_OPEN)
        range->end = frame_count;
    return true;
}

static int check_range(const char *option, const char *text, const cli_range *range, int64_t frame_count)
{
    if (range->end <= frame_count && range->first < range->end)
        return CLI_GO_ON;
    return cli_fail("--%s %s: the store has %" PRId64 " frames, 0:%" PRId64, option, text, frame_count, frame_count);
}

/* A difference needs a frame before it. */
static int64_t first_index(const struct movement_job *job, int64_t index)
{
    return job->params.prepare.difference && index == 0 ? 1 : index;
}

static int check_index(const struct movement_job *job, int64_t index)
{
    const int64_t count = job->info->frame_count;
    if (index >= count)
        return cli_fail("--template %" PRId64 ": the store has %" PRId64 " frame%s, 0 to %" PRId64, index, count,
                        count == 1 ? "" : "s", count - 1);
    if (job->params.prepare.difference && index == 0)
        return cli_fail("--template 0: with --difference there is no frame before it; take 1 or a later one");
    return CLI_GO_ON;
}

static int take_previous(struct movement_job *job)
{
    if (job->params.renew_every)
        return cli_usage("--renew: with --template previous templates are renewed with every frame anyway");
    job->template_source = MOVEMENT_TEMPLATE_PREVIOUS;
    job->template_index = first_index(job, job->first);
    job->params.renew_every = 1;
    return check_index(job, job->template_index);
}

static int read_template(struct movement_job *job, const char *text)
{
    const int64_t count = job->info->frame_count;
    cli_range range;
    if (!text) {
        job->template_index = first_index(job, 0);
        return check_index(job, job->template_index);
    }
    if (cli_read_integer(text, 0, INT64_MAX, &job->template_index))
        return check_index(job, job->template_index);
    if (strcmp(text, "previous") == 0)
        return take_previous(job);

    if (job->params.prepare.difference)
        return cli_usage("--template %s: with --difference it must be a frame's index or previous", text);
    if (read_word(text, "mean", &range, count)) {
        job->template_source = MOVEMENT_TEMPLATE_MEAN;
        job->template_range = range;
        return check_range("template", text, &range, count);
    }
    if (access(text, F_OK) != 0)
        return cli_usage("--template \"%s\": there is no such file; it must be a frame's index, previous, mean, "
                         "mean:A:B or an image file",
                         text);
    job->template_source = MOVEMENT_TEMPLATE_FILE;
    job->template_file = text;
    return CLI_GO_ON;
}

static int read_background(struct movement_job *job, const char *text)
{
    if (!text)
        return CLI_GO_ON;
    job->params.prepare.background = true;
    for (trk_still_kind kind = TRK_STILL_MEAN; kind <= TRK_STILL_MEDIAN; kind++)
        if (read_word(text, trk_still_kind_name(kind), &job->background_range, job->info->frame_count)) {
            job->background_kind = kind;
            return check_range("background", text, &job->background_range, job->info->frame_count);
        }
    return cli_usage("--background \"%s\": it must be minimum, mean or median, for a range of frames with :A:B", text);
}

static int check_following(const struct analyze_request *request)
{
    if (request->search_again && !(request->follow && request->max_movement))
        return cli_usage("--search-again: it needs --follow and --max-movement");
    if (request->search_again && request->search_again < request->max_movement)
        return cli_usage("--search-again %" PRId64 ": it must be at least --max-movement, %" PRId64,
                         request->search_again, request->max_movement);
    if (request->renew_below != 0 && request->renew_below <= request->min_score)
        return cli_usage("--renew-below %g: it must be above --min-score, %g", request->renew_below,
                         request->min_score);
    return CLI_GO_ON;
}

/* With the source of the template known. */
static int check_restart(const struct movement_job *job)
{
    const trk_params *params = &job->params;
    if (!params->restart_after || (!params->follow && (params->renew_every || params->renew_below != 0)))
        return CLI_GO_ON;
    if (params->follow)
        return cli_usage("--restart: with --follow a lost feature is searched for again and again; what is in its last "
                         "place by then is another one");
    return cli_usage("--restart: it is for templates that are renewed: add --template previous, --renew or "
                     "--renew-below");
}

int analyze_resolve_template(struct movement_job *job, const struct analyze_request *request)
{
    int result = check_following(request);
    if (result != CLI_GO_ON)
        return result;
    job->params.follow = request->follow;
    job->params.search_again_px = (int)request->search_again;
    job->params.renew_every = (int)request->renew_every;
    job->params.renew_below = request->renew_below;
    job->params.restart_after = (int)request->restart_after;
    if (request->difference && job->info->frame_count < 2)
        return cli_fail("--difference: it takes two frames, and the store has one");
    job->params.prepare = (trk_preparation){.blur_sigma_px = request->blur, .difference = request->difference};
    result = read_background(job, request->background);
    if (result == CLI_GO_ON)
        result = read_template(job, request->template);
    return result == CLI_GO_ON ? check_restart(job) : result;
}

/* ---- doing it ---- */

static bool show_progress(void *context, int64_t done, int64_t total)
{
    bool *started = context;
    if (!*started)
        cli_progress_start("reading", total);
    *started = true;
    cli_progress_update(done);
    return !cli_stop_requested();
}

static int make_still(trk_still **still, ist_reader *reader, const cli_range *range, trk_still_kind kind)
{
    ist_error error;
    bool started = false;
    const ist_status status =
        trk_still_read(still, reader, range->first, range->end - range->first, kind, show_progress, &started, &error);
    cli_progress_finish();
    if (status == IST_END)
        return cli_fail("interrupted; nothing was measured yet");
    if (status < 0)
        return cli_fail("%s", error.message);
    const int64_t left_out = range->end - range->first - trk_still_frame_count(*still);
    if (left_out > 0)
        cli_note("the %s leaves out %" PRId64 " frame%s that cannot be read", trk_still_kind_name(kind), left_out,
                 left_out == 1 ? "" : "s");
    return CLI_GO_ON;
}

static int set_background(struct movement_job *job, trk_tracker *tracker, ist_reader *reader)
{
    ist_error error;
    trk_still *still;
    int result = make_still(&still, reader, &job->background_range, job->background_kind);
    if (result != CLI_GO_ON)
        return result;
    if (trk_tracker_set_background(tracker, still, &error) < 0)
        result = cli_fail("background: %s", error.message);
    trk_still_destroy(&still);
    return result;
}

/* A few frames out of many tell what contrast a ROI has in one. */
enum { SAMPLE_FRAMES = 5 };

/* Adds up the contrasts of each ROI in some of the frames of the mean. Returns how many frames those were. */
static int add_contrasts(double *contrasts, const struct movement_job *job, trk_tracker *tracker, ist_reader *reader)
{
    const int64_t first = job->template_range.first, count = job->template_range.end - first;
    ist_frame frame = {0};
    int added = 0;
    for (int i = 0; i < SAMPLE_FRAMES && i < count; i++) {
        const int64_t index = first + count * (2 * i + 1) / (2 * SAMPLE_FRAMES);
        if (ist_reader_read_index(reader, index, &frame, NULL) < 0 ||
            trk_tracker_set_template(tracker, &frame, NULL) < 0)
            continue;
        for (int k = 0; k < job->roi_count; k++)
            contrasts[k] += trk_tracker_template_contrast(tracker, k);
        added++;
    }
    ist_frame_free(&frame);
    return added;
}

/* Says where the mean, from which the tracker has its templates, shows less than single frames do. */
static void judge_mean(const struct movement_job *job, const trk_tracker *tracker, const double *contrasts, int frames)
{
    // See trk_tracker_template_contrast().
    static const double blurred = 0.75;
    double least = 1;
    int count = 0, worst = 0;
    for (int i = 0; i < job->roi_count && frames > 0; i++) {
        const double in_frame = contrasts[i] / frames;
        const double share = trk_tracker_template_contrast(tracker, i) / in_frame;
        if (in_frame < TRK_MIN_TEXTURE || share >= blurred)
            continue;
        count++;
        worst = share < least ? i : worst;
        least = share < least ? share : least;
    }
    if (count > 0)
        movement_warn(
            job,
            "template: the mean is blurred by motion in %d of %d ROIs: in ROI %s its contrast is %.0f %% of a "
            "single frame's, and matches may be wrong; take --template FRAME, or a mean of frames that stand "
            "still",
            count, job->roi_count, trk_roi_set_name(job->rois, worst), 100 * least);
}

static int cut_from_mean(struct movement_job *job, trk_tracker *tracker, ist_reader *reader)
{
    ist_error error;
    trk_still *still;
    int result = make_still(&still, reader, &job->template_range, TRK_STILL_MEAN);
    if (result != CLI_GO_ON)
        return result;
    double *contrasts = calloc((size_t)job->roi_count, sizeof *contrasts);
    if (!contrasts) {
        trk_still_destroy(&still);
        return cli_fail("out of memory");
    }
    const int frames = add_contrasts(contrasts, job, tracker, reader);
    if (trk_tracker_set_template_still(tracker, still, &error) < 0)
        result = cli_fail("template, mean: %s", error.message);
    else
        judge_mean(job, tracker, contrasts, frames);
    free(contrasts);
    trk_still_destroy(&still);
    return result;
}

static int cut_from_file(struct movement_job *job, trk_tracker *tracker)
{
    ist_error error;
    ist_source *source = NULL;
    ist_frame image = {0};
    ist_status status = ist_source_open(&source, job->template_file, NULL, &error);
    if (status >= 0)
        status = ist_source_next(source, &image, &error);
    if (status == IST_OK)
        status = trk_tracker_set_template_image(tracker, &image, &error);
    ist_frame_free(&image);
    ist_source_close(&source);
    if (status == IST_END)
        return cli_fail("template, %s: there is no picture in it", job->template_file);
    return status < 0 ? cli_fail("template, %s: %s", job->template_file, error.message) : CLI_GO_ON;
}

static int cut_from_frame(struct movement_job *job, trk_tracker *tracker, ist_reader *reader)
{
    ist_error error;
    ist_frame before = {0}, frame = {0};
    const bool difference = job->params.prepare.difference;
    ist_status status = ist_reader_read_index(reader, job->template_index, &frame, &error);
    if (status >= 0 && difference)
        status = ist_reader_read_index(reader, job->template_index - 1, &before, &error);
    if (status >= 0)
        status = difference ? trk_tracker_set_template_difference(tracker, &before, &frame, &error)
                            : trk_tracker_set_template(tracker, &frame, &error);
    job->template_number = frame.number;
    job->template_time_s = frame.time_s;
    ist_frame_free(&before);
    ist_frame_free(&frame);
    return status < 0 ? cli_fail("template, frame %" PRId64 ": %s", job->template_index, error.message) : CLI_GO_ON;
}

/* Where templates come from, for a person. */
static void print_template(char *text, size_t size, const struct movement_job *job)
{
    switch (job->template_source) {
    case MOVEMENT_TEMPLATE_FRAME:
    case MOVEMENT_TEMPLATE_PREVIOUS:
        snprintf(text, size, "frame %" PRId64, job->template_index);
        return;
    case MOVEMENT_TEMPLATE_MEAN:
        snprintf(text, size, "the mean");
        return;
    case MOVEMENT_TEMPLATE_FILE:
        snprintf(text, size, "%s", job->template_file);
        return;
    }
}

static int cut_templates(struct movement_job *job, trk_tracker *tracker, ist_reader *reader)
{
    switch (job->template_source) {
    case MOVEMENT_TEMPLATE_FRAME:
    case MOVEMENT_TEMPLATE_PREVIOUS:
        return cut_from_frame(job, tracker, reader);
    case MOVEMENT_TEMPLATE_MEAN:
        return cut_from_mean(job, tracker, reader);
    case MOVEMENT_TEMPLATE_FILE:
        return cut_from_file(job, tracker);
    }
    return CLI_FAILURE;
}

int analyze_set_template(struct movement_job *job, trk_tracker *tracker, ist_reader *reader)
{
    int result = job->params.prepare.background ? set_background(job, tracker, reader) : CLI_GO_ON;
    if (result == CLI_GO_ON)
        result = cut_templates(job, tracker, reader);
    if (result != CLI_GO_ON)
        return result;
    char from[PATH_MAX];
    print_template(from, sizeof from, job);
    for (int i = 0; i < job->roi_count; i++)
        if (trk_tracker_template_is_flat(tracker, i))
            cli_note("ROI %s has no texture in %s: its motion cannot be measured", trk_roi_set_name(job->rois, i),
                     from);
    return CLI_GO_ON;
}
