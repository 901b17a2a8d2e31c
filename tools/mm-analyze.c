/* mm-analyze: measures the motion of regions of a recording. */
#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "movement.h"

enum { ROI_SIZE_MIN = 4, THREADS_MAX = 1024 };

/* The command line as it was given. */
struct request {
    cli_list rois;
    cli_range frames;
    int64_t template_index;
    int64_t max_movement;
    int64_t threads;
    double min_score;
    const char *output;
};

/* ---- places ---- */

/* The directory of a store that was given as mystore, mystore/ or mystore/metadata.yaml. */
static int find_store(char directory[PATH_MAX], const char *given)
{
    static const char file[] = "metadata.yaml";
    size_t length = strlen(given);
    if (length >= PATH_MAX)
        return cli_fail("%s: the path is too long", given);
    memcpy(directory, given, length + 1);
    const size_t file_length = strlen(file);
    if (length >= file_length && strcmp(given + length - file_length, file) == 0 &&
        (length == file_length || given[length - file_length - 1] == '/'))
        directory[length -= file_length] = '\0';
    while (length > 1 && directory[length - 1] == '/')
        directory[--length] = '\0';
    if (length == 0)
        strcpy(directory, ".");
    return CLI_GO_ON;
}

/* "STORE-movement" beside the store. */
static int default_output(char output[PATH_MAX], const char *store)
{
    // "." and ".." have a name only where they lead.
    const char *slash = strrchr(store, '/');
    const char *last = slash ? slash + 1 : store;
    char *resolved = NULL;
    if (strcmp(last, ".") == 0 || strcmp(last, "..") == 0) {
        resolved = realpath(store, NULL);
        if (!resolved)
            return cli_fail("%s: %s", store, strerror(errno));
    }
    const int length = snprintf(output, PATH_MAX, "%s-movement", resolved ? resolved : store);
    free(resolved);
    return length < PATH_MAX ? CLI_GO_ON : cli_fail("%s: the path is too long", store);
}

static int make_directory(const char *path)
{
    if (mkdir(path, 0777) == 0)
        return CLI_GO_ON;
    const int number = errno;
    struct stat found;
    if (number == EEXIST && stat(path, &found) == 0 && S_ISDIR(found.st_mode))
        return CLI_GO_ON;
    return cli_fail("%s: %s", path, number == EEXIST ? "is there already, and is no directory" : strerror(number));
}

/* ---- ROIs ---- */

/* A name must be a field of the table without quotes, and not be mistaken for a number. */
static bool is_name(const char *text, size_t length)
{
    if (length >= MOVEMENT_NAME_SIZE || strspn(text, "0123456789") >= length)
        return false;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == ',' || text[i] == '"' || text[i] == 0x7f)
            return false;
    return true;
}

/* Reads "X,Y,W,H" or "NAME=X,Y,W,H". */
static int read_roi(struct movement_roi *roi, const char *text, int number)
{
    const char *place = text;
    const char *value;
    const size_t name_length = cli_read_key(text, &value);
    if (name_length > 0) {
        if (!is_name(text, name_length))
            return cli_usage("--roi \"%s\": the name must be shorter than %d bytes, no number, without commas and "
                             "quotes",
                             text, MOVEMENT_NAME_SIZE);
        memcpy(roi->name, text, name_length);
        roi->name[name_length] = '\0';
        roi->named = true;
        place = value;
    } else {
        snprintf(roi->name, sizeof roi->name, "%d", number);
    }
    int64_t values[4];
    if (!cli_read_integers(place, values, 4))
        return cli_usage("--roi \"%s\": it must be X,Y,W,H or NAME=X,Y,W,H, four whole numbers of pixels", text);
    for (int i = 0; i < 4; i++)
        if (values[i] < -INT32_MAX || values[i] > INT32_MAX)
            return cli_usage("--roi \"%s\": there are no pictures of this size", text);
    roi->place = (trk_roi){(int)values[0], (int)values[1], (int)values[2], (int)values[3]};
    return CLI_GO_ON;
}

/* Reads all that were given, none for now if there are none. The caller frees job->rois. */
static int read_rois(struct movement_job *job, const cli_list *given)
{
    const size_t count = given->count ? given->count : 1;
    job->rois = calloc(count, sizeof *job->rois);
    if (!job->rois || count > INT_MAX)
        return cli_fail("out of memory");
    for (size_t i = 0; i < given->count; i++) {
        const int result = read_roi(&job->rois[i], given->items[i], (int)i);
        if (result != CLI_GO_ON)
            return result;
        for (size_t k = 0; k < i; k++)
            if (strcmp(job->rois[k].name, job->rois[i].name) == 0)
                return cli_usage("--roi: two are called \"%s\"", job->rois[i].name);
    }
    job->roi_count = (int)given->count;
    return CLI_GO_ON;
}

/* Without --roi: the middle 60 % of the picture. */
static void take_middle(struct movement_job *job, const ist_reader_info *info)
{
    const int width = info->width * 6 / 10, height = info->height * 6 / 10;
    job->roi_count = 1;
    job->rois[0] = (struct movement_roi){
        .place = {(info->width - width) / 2, (info->height - height) / 2, width, height}, .name = "0"};
}

static int check_roi(const struct movement_roi *roi, const ist_reader_info *info)
{
    const trk_roi *place = &roi->place;
    if (place->width < ROI_SIZE_MIN || place->height < ROI_SIZE_MIN)
        return cli_fail("ROI %s: %d x %d px is too small: it must be at least %d x %d (the picture has %d x %d px)",
                        roi->name, place->width, place->height, ROI_SIZE_MIN, ROI_SIZE_MIN, info->width, info->height);
    const bool left_above = place->x < 0 || place->y < 0;
    const bool right_below = place->width > info->width || place->height > info->height ||
                             place->x > info->width - place->width || place->y > info->height - place->height;
    if (left_above || right_below)
        return cli_fail("ROI %s: %d x %d px at %d,%d is not inside the picture of %d x %d px: X and Y must be 0 or "
                        "more, X + W at most %d, Y + H at most %d",
                        roi->name, place->width, place->height, place->x, place->y, info->width, info->height,
                        info->width, info->height);
    return CLI_GO_ON;
}

/* ---- what to do ---- */

static int resolve_frames(struct movement_job *job, const struct request *request)
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
    return count < 1 ? 1 : count > THREADS_MAX ? THREADS_MAX : (int)count;
}

static int resolve(struct movement_job *job, const struct request *request)
{
    if (request->rois.count == 0)
        take_middle(job, job->info);
    for (int i = 0; i < job->roi_count; i++) {
        const int result = check_roi(&job->rois[i], job->info);
        if (result != CLI_GO_ON)
            return result;
    }
    job->params = (trk_params){
        .max_movement_px = (int)request->max_movement,
        // To the library 0 stands for its default; who asks for 0 gets the least number above it.
        .min_score = request->min_score == 0 ? DBL_MIN : request->min_score,
        .threads = request->threads ? (int)request->threads : processor_count(),
    };
    return resolve_frames(job, request);
}

/* ---- doing it ---- */

struct run {
    const struct movement_job *job;
    struct movement_summary summary;
    FILE *csv;
};

static bool take_rows(void *context, const trk_row *rows, int row_count)
{
    struct run *run = context;
    for (int i = 0; i < row_count; i++) {
        movement_add(&run->summary, &rows[i]);
        movement_write_row(run->csv, run->job, &rows[i]);
    }
    run->summary.frames++;
    cli_progress_update(run->summary.frames);
    return !ferror(run->csv) && !cli_stop_requested();
}

static int make_tracker(trk_tracker **tracker, const struct movement_job *job)
{
    ist_error error;
    trk_roi *places = calloc((size_t)job->roi_count, sizeof *places);
    if (!places)
        return cli_fail("out of memory");
    for (int i = 0; i < job->roi_count; i++)
        places[i] = job->rois[i].place;
    const ist_status status = trk_tracker_create(tracker, job->info->width, job->info->height, job->info->channels,
                                                 job->info->type, places, job->roi_count, &job->params, &error);
    free(places);
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
            cli_note("ROI %s has no texture in frame %" PRId64 ": its motion cannot be measured", job->rois[i].name,
                     job->template_index);
    return CLI_GO_ON;
}

/* Fills movement.csv. */
static int measure(struct run *run, trk_tracker *tracker, ist_reader *reader)
{
    const struct movement_job *job = run->job;
    struct movement_file file;
    int result = movement_file_open(&file, job, "movement.csv");
    if (result != CLI_GO_ON)
        return result;
    run->csv = file.stream;
    movement_write_header(file.stream);

    ist_error error;
    cli_progress_start("measuring", job->end - job->first);
    const ist_status status = trk_analyze(tracker, reader, job->first, job->end - job->first, take_rows, run, &error);
    cli_progress_finish();
    if (status == IST_OK)
        return movement_file_finish(&file);

    result = movement_file_leave(&file);
    if (result != CLI_GO_ON)
        return result;
    if (status < 0)
        return cli_fail("%s; the first %" PRId64 " frames are in %s", error.message, run->summary.frames, file.name);
    return cli_fail("interrupted; the first %" PRId64 " of %" PRId64 " frames are in %s", run->summary.frames,
                    job->end - job->first, file.name);
}

/* Two lines: what was found, and where it lies. */
static void print_summary(const struct run *run)
{
    const struct movement_job *job = run->job;
    const struct movement_summary *summary = &run->summary;
    const int64_t measured = summary->measured;
    printf("%" PRId64 " frame%s, %d ROI%s: ", summary->frames, summary->frames == 1 ? "" : "s", job->roi_count,
           job->roi_count == 1 ? "" : "s");
    if (measured > 0) {
        const trk_row *largest = &summary->largest;
        printf("largest displacement %.3f px (%s%s%sframe %" PRId64 ", at %.3f s), RMS %.3f px",
               hypot(largest->x_px, largest->y_px), job->roi_count > 1 ? "ROI " : "",
               job->roi_count > 1 ? job->rois[largest->roi].name : "", job->roi_count > 1 ? ", " : "",
               largest->frame_index, largest->frame_time_s - summary->first_time_s,
               sqrt(summary->squares / (double)measured));
    } else {
        printf("nothing could be measured");
    }
    for (trk_row_status status = TRK_FLAT; status <= TRK_MISSING; status++)
        printf("%s %s %" PRId64, status == TRK_FLAT ? ";" : ",", trk_row_status_name(status), summary->rows[status]);
    printf("\nresults: %s (movement.csv, settings.json", job->output);
    char svg[PATH_MAX + 16];
    snprintf(svg, sizeof svg, "%s/movement.svg", job->output);
    struct stat found;
    printf("%s, movement.gnuplot)\n", stat(svg, &found) == 0 ? ", movement.svg" : "");
}

static int analyze(struct movement_job *job, trk_tracker *tracker, ist_reader *reader)
{
    struct run run = {.job = job};
    int result = cut_template(job, tracker, reader);
    if (result == CLI_GO_ON)
        result = make_directory(job->output);
    if (result == CLI_GO_ON)
        result = measure(&run, tracker, reader);
    if (result == CLI_GO_ON)
        result = movement_write_settings(job, &run.summary);
    if (result == CLI_GO_ON)
        result = movement_draw(job, &run.summary);
    if (result == CLI_GO_ON && !cli_quiet())
        print_summary(&run);
    return result == CLI_GO_ON ? CLI_SUCCESS : result;
}

static int run(struct movement_job *job, const struct request *request)
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

static int prepare(struct movement_job *job, const struct request *request, const char *given)
{
    int result = read_rois(job, &request->rois);
    if (result == CLI_GO_ON)
        result = find_store(job->store, given);
    if (result != CLI_GO_ON)
        return result;
    if (!request->output)
        return default_output(job->output, job->store);
    if (!*request->output || strlen(request->output) >= PATH_MAX)
        return cli_usage("--output: it must be the name of a directory");
    strcpy(job->output, request->output);
    char metadata[PATH_MAX + 16];
    snprintf(metadata, sizeof metadata, "%s/metadata.yaml", job->output);
    if (access(metadata, F_OK) == 0)
        return cli_usage("--output: %s is a store; results go into a directory of their own", job->output);
    return CLI_GO_ON;
}

static const char purpose[] =
    "Measures the motion of regions of interest (ROIs) in the recording STORE (its directory or its metadata.yaml).\n"
    "With no option: the middle 60 % of the picture, against the first frame.\n"
    "A ROI is cut from one frame and found again in every other; its motion is in pixels, x to the right, y down.";

static const char more[] =
    "Results, in a directory beside the store, in place of earlier ones:\n"
    "  movement.csv      a line for each frame and ROI: frame_index,frame_number,frame_time,roi,x,y,score,status\n"
    "                    status is empty, or flat (no texture), lost (score too low), edge (at the border of the\n"
    "                    search: the motion may be larger), missing (the frame could not be read)\n"
    "  movement.svg      x and y over time, and the path; drawn by gnuplot from movement.gnuplot\n"
    "  settings.json     everything that was asked for\n"
    "Ctrl-C, SIGTERM: the lines so far stay in movement.csv.part; exit code 1.";

int main(int argc, char **argv)
{
    struct request request = {.frames = {CLI_OPEN, CLI_OPEN}, .min_score = TRK_MIN_SCORE};
    const cli_option options[] = {
        {"roi", CLI_LIST, &request.rois, "X,Y,W,H",
         "a region: its upper left corner and its size in px; several\nmay be given. NAME=X,Y,W,H gives it a name", 0,
         0},
        {"template", CLI_INTEGER, &request.template_index, "N",
         "frame that the ROIs are cut from, by index (default: 0)", 0, 9e15},
        {"max-movement", CLI_INTEGER, &request.max_movement, "PX",
         "search so far in each direction (default: 0, the whole picture)", 0, 65535},
        {"frames", CLI_RANGE, &request.frames, "A:B", "measure the frames A to B-1; either may be left out", 0, 0},
        {"min-score", CLI_NUMBER, &request.min_score, "S",
         "below this correlation a ROI is lost, -1 to 1 (default: 0.5)", -1, 1},
        {"output", CLI_TEXT, &request.output, "DIR", "directory for the results (default: STORE-movement)", 0, 0},
        {"threads", CLI_INTEGER, &request.threads, "N",
         "threads that measure (default: 0, one for each processor);\nresults do not depend on it", 0, THREADS_MAX},
        {0},
    };
    const cli_tool tool = {
        .name = "mm-analyze",
        .example = "mm-analyze mystore/metadata.yaml\n"
                   "mm-analyze --roi lid=120,80,64,64 --roi wall=10,10,80,60 --max-movement 20 mystore",
        .purpose = purpose,
        .arguments = "[OPTIONS] STORE",
        .options = options,
        .argument_min = 1,
        .argument_max = 1,
        .more = more,
    };
    char **arguments;
    int argument_count;
    int result = cli_parse(&tool, argc, argv, &arguments, &argument_count);
    if (result == CLI_GO_ON) {
        struct movement_job job = {0};
        result = prepare(&job, &request, arguments[0]);
        if (result == CLI_GO_ON)
            result = cli_finish(run(&job, &request));
        free(job.rois);
    }
    cli_list_free(&request.rois);
    return result;
}
