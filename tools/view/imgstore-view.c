/* imgstore-view: shows recordings in a window, or as pictures without one. */
#include <dirent.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../cli.h"
#include "keys.h"
#include "snapshot.h"
#include "window.h"

struct request {
    const char *align, *contrast, *map, *size;
    const char *picture;   /* to write instead of a window; NULL: none */
    int64_t contact_sheet; /* pictures on a sheet; 0: none */
    bool status;           /* below an exported picture */
    struct window_plan plan;
    char **paths; /* allocated */
    int path_count;
};

/* ---- what to show ---- */

static bool is_store(const char *path)
{
    char file[PATH_MAX];
    return snprintf(file, sizeof file, "%s/metadata.yaml", path) < (int)sizeof file && access(file, F_OK) == 0;
}

static int add_path(struct request *request, const char *path)
{
    if (request->path_count == PANES_MAX)
        return cli_fail("%s: at most %d recordings can be shown side by side", path, PANES_MAX);
    char *copy = strdup(path);
    if (!copy)
        return cli_fail("out of memory");
    request->paths[request->path_count++] = copy;
    return CLI_GO_ON;
}

/* All stores in a directory, in the order of their names. */
static int add_directory(struct request *request, const char *path)
{
    struct dirent **entries;
    const int before = request->path_count;
    const int count = scandir(path, &entries, NULL, alphasort);
    int result = count < 0 ? cli_fail("%s: cannot be listed", path) : CLI_GO_ON;
    for (int i = 0; i < count; i++) {
        char inner[PATH_MAX];
        const bool fits = snprintf(inner, sizeof inner, "%s/%s", path, entries[i]->d_name) < (int)sizeof inner;
        if (result == CLI_GO_ON && fits && entries[i]->d_name[0] != '.' && is_store(inner))
            result = add_path(request, inner);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    if (result == CLI_GO_ON && request->path_count == before)
        return cli_fail("%s: is no store, and there is none in it", path);
    return result;
}

static int add_recording(struct request *request, const char *path)
{
    struct stat status;
    const bool is_directory = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    return is_directory && !is_store(path) ? add_directory(request, path) : add_path(request, path);
}

/* ---- options ---- */

static int read_contrast(struct view_plan *plan, const char *text)
{
    levels_init(&plan->levels);
    plan->contrast_is_given = text;
    if (text && !levels_read(&plan->levels, text))
        return cli_usage("--contrast %s: it must be full, auto, 1%%, 1%%..99%% or LOW..HIGH, such as 100..2000", text);
    return CLI_GO_ON;
}

static int read_alignment(enum alignment *alignment, const char *text)
{
    static const char *const names[] = {[ALIGN_INDEX] = "index", [ALIGN_NUMBER] = "number", [ALIGN_TIME] = "time"};
    *alignment = ALIGN_INDEX;
    for (size_t i = 0; text && i < sizeof names / sizeof *names; i++)
        if (strcmp(text, names[i]) == 0) {
            *alignment = (enum alignment)i;
            return CLI_GO_ON;
        }
    return text ? cli_usage("--align %s: it must be index, number or time", text) : CLI_GO_ON;
}

static int read_size(struct window_plan *plan, const char *text)
{
    int end = 0;
    if (text && (sscanf(text, "%5dx%5d%n", &plan->width, &plan->height, &end) != 2 || text[end] || plan->width < 16 ||
                 plan->height < 16 || plan->width > 16384 || plan->height > 16384))
        return cli_usage("--size %s: it must be WIDTHxHEIGHT, each 16 to 16384", text);
    return CLI_GO_ON;
}

static int read_options(struct request *request)
{
    struct window_plan *plan = &request->plan;
    int result = read_contrast(&plan->view, request->contrast);
    if (result == CLI_GO_ON)
        result = read_alignment(&plan->view.alignment, request->align);
    if (result == CLI_GO_ON)
        result = read_size(plan, request->size);
    if (result == CLI_GO_ON && request->map && !colour_map_find(request->map, &plan->view.levels.map))
        result = cli_usage("--map %s: it must be gray, viridis, magma or inferno", request->map);
    return result;
}

static bool is_png(const char *name)
{
    const size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, ".png") == 0;
}

/* The sheet's name stands among the recordings: it is the one that ends in .png. */
static int take_sheet_name(struct request *request, char **arguments, int *count)
{
    for (int i = 0; request->contact_sheet > 0 && i < *count; i++)
        if (is_png(arguments[i])) {
            request->picture = arguments[i];
            memmove(arguments + i, arguments + i + 1, (size_t)(*count - i - 1) * sizeof *arguments);
            --*count;
            break;
        }
    if (request->contact_sheet > 0 && !request->picture)
        return cli_usage("--contact-sheet: a name for the sheet is missing, such as sheet.png");
    if (request->picture && !is_png(request->picture))
        return cli_usage("--export %s: only PNG files are written; its name must end in .png", request->picture);
    if (*count == 0)
        return cli_usage("no recording is named");
    return CLI_GO_ON;
}

/* ---- without a window ---- */

static int check_index(const struct request *request, const struct view *view)
{
    const long long count = view_frame_count(view), index = request->plan.index;
    if (count == 0)
        return cli_fail("%s: holds no frames", request->paths[0]);
    if (index >= count)
        return cli_fail("%s: there is no frame %lld; the last is %lld", request->paths[0], index, count - 1);
    return CLI_GO_ON;
}

static int write_picture(const struct request *request)
{
    struct snapshot snapshot;
    const struct window_plan *plan = &request->plan;
    const int sheet = (int)request->contact_sheet;
    if (sheet > 0 && request->path_count > 1)
        return cli_usage("--contact-sheet: is made of one recording, but there are %d", request->path_count);
    int result = snapshot_begin(&snapshot);
    if (result == CLI_GO_ON)
        result = view_open(&snapshot.view, &plan->view, NULL, NULL);
    if (result == CLI_GO_ON)
        result = check_index(request, &snapshot.view);
    snapshot.view.shows_status = snapshot.view.shows_bar = request->status;
    if (result == CLI_GO_ON && sheet > 0)
        result = snapshot_contact_sheet(&snapshot, sheet, plan->width, plan->height, request->picture);
    else if (result == CLI_GO_ON)
        result = snapshot_export(&snapshot, plan->index, plan->width, plan->height, request->picture);
    snapshot_end(&snapshot);
    return result;
}

/* ---- */

static int show(struct request *request, char **arguments, int count)
{
    request->paths = calloc(PANES_MAX, sizeof *request->paths);
    int result = request->paths ? CLI_GO_ON : cli_fail("out of memory");
    for (int i = 0; result == CLI_GO_ON && i < count; i++)
        result = add_recording(request, arguments[i]);
    request->plan.view.paths = (const char *const *)request->paths;
    request->plan.view.path_count = request->path_count;
    if (result == CLI_GO_ON)
        result = request->picture ? write_picture(request) : window_run(&request->plan);
    for (int i = 0; i < request->path_count; i++)
        free(request->paths[i]);
    free(request->paths);
    return result;
}

int main(int argc, char **argv)
{
    struct request request = {.plan.view.layers = "boxes,paths,arrows"};
    const cli_option options[] = {
        {"frame", CLI_INTEGER, &request.plan.index, "N", "begin at this index (0)", 0, 9e15},
        {"play", CLI_FLAG, &request.plan.plays, NULL, "play at once", 0, 0},
        {"loop", CLI_FLAG, &request.plan.loops, NULL, "begin again at the end", 0, 0},
        {"follow", CLI_FLAG, &request.plan.follow, NULL, "go on as a store that is being recorded grows", 0, 0},
        {"align", CLI_TEXT, &request.align, "HOW",
         "what several recordings have in common: index (default),\nnumber or time", 0, 0},
        {"contrast", CLI_TEXT, &request.contrast, "RANGE",
         "what goes from black to white: full (default of 8 bits),\nauto (each frame's own; default of 16), 1% "
         "(without the\n"
         "darkest and the brightest 1 %), 1%..99%, LOW..HIGH",
         0, 0},
        {"map", CLI_TEXT, &request.map, "NAME", "colours of gray pictures: gray (default), viridis,\nmagma, inferno", 0,
         0},
        {"tracks", CLI_TEXT, &request.plan.view.tracks, "MOVEMENT.csv",
         "what mm-analyze found, over the first recording", 0, 0},
        {"layers", CLI_TEXT, &request.plan.view.layers, "LIST",
         "of the tracks: boxes (ROIs where they are), paths (so\nfar) or latest (of two seconds), arrows, heat;\n"
         "default: boxes,paths,arrows",
         0, 0},
        {"rois", CLI_TEXT, &request.plan.view.rois, "FILE",
         "ROIs to begin with, .yaml or .csv (default in a window:\nwhat was saved earlier)", 0, 0},
        {"save-rois", CLI_TEXT, &request.plan.save_rois, "FILE",
         "where the key s saves what was drawn (default: the file\nof --rois, or RECORDING-rois.yaml)", 0, 0},
        {"size", CLI_TEXT, &request.size, "WxH", "of the window or the picture", 0, 0},
        {"export", CLI_TEXT, &request.picture, "FILE.png", "write the frame as a picture; no display is needed", 0, 0},
        {"status", CLI_FLAG, &request.status, NULL, "with --export: the bar and the status line too", 0, 0},
        {"contact-sheet", CLI_INTEGER, &request.contact_sheet, "N",
         "write N frames from the whole recording side by side into\nthe FILE.png that is named beside the recording",
         1, 400},
        {0},
    };
    const cli_tool tool = {
        .name = "imgstore-view",
        .example = "imgstore-view mystore\n"
                   "imgstore-view --align time left right\n"
                   "imgstore-view --contact-sheet 12 sheet.png mystore",
        .purpose = "Shows a store, a directory of stores, a video or a TIFF stack; several side by\n"
                   "side.",
        .arguments = "[OPTIONS] RECORDING...",
        .options = options,
        .argument_min = 1,
        .argument_max = PANES_MAX + 1,
        .more = keys_help,
    };
    char **arguments;
    int count;
    int result = cli_parse(&tool, argc, argv, &arguments, &count);
    if (result == CLI_GO_ON)
        result = read_options(&request);
    if (result == CLI_GO_ON)
        result = take_sheet_name(&request, arguments, &count);
    if (result == CLI_GO_ON)
        result = cli_finish(show(&request, arguments, count));
    return result;
}
