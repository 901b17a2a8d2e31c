/*
 * Frames go from the reader into a sink, which writes PATH.part. What is common to all kinds of files is here: which
 * frames, what to do about those that cannot be read, and that the file appears whole or not at all.
 */
#include <libstore/export.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "export_sink.h"
#include "fs.h"
#include "reader_ranges.h"

struct kind {
    const char *ending;
    const struct export_sink_calls *calls;
    bool no_pixels;   /* only numbers and times are needed */
    bool any_shape;   /* frames may differ */
    bool needs_times; /* the plan must know them */
    enum output_kind {
        OUTPUT_FILE = 0,
        OUTPUT_PICTURES, /* a directory of its own files */
        OUTPUT_STORE,    /* is made in a directory, out of which it moves when it is whole */
    } output;
};

static const struct kind kinds[] = {
    {.ending = ".npy", .calls = &export_npy},
    {.ending = ".tif", .calls = &export_tiff},
    {.ending = ".tiff", .calls = &export_tiff},
    {.ending = ".mp4", .calls = &export_video, .needs_times = true},
    {.ending = ".mkv", .calls = &export_video, .needs_times = true},
    {.ending = ".avi", .calls = &export_video, .needs_times = true},
    {.ending = ".txt", .calls = &export_timecodes, .no_pixels = true},
};

static const struct kind folder = {.calls = &export_folder, .any_shape = true, .output = OUTPUT_PICTURES};
static const struct kind new_store = {.calls = &export_store, .needs_times = true, .output = OUTPUT_STORE};

const char *ist_export_ending(int i)
{
    return i >= 0 && (size_t)i < sizeof kinds / sizeof *kinds ? kinds[i].ending : NULL;
}

/* ---- the frames that meet the conditions ---- */

enum { BLOCK = 4096, COUNTED = 65536 };

struct walk {
    ist_reader *reader;
    ist_selection selection; /* with the defaults filled in */
    int64_t position;        /* the next index to look at */
    int64_t met;             /* frames before it that meet the conditions */
    const struct chunk_range *ranges;
    int range, range_count; /* the chunk behind the one of the block */
    int64_t part_end;       /* frames from here to the end of that one do not meet the conditions */
    int64_t block_first, block_count;
    int64_t numbers[BLOCK]; /* of the frames in the block */
    double times_s[BLOCK];
};

static bool is_filtered(const ist_selection *selection)
{
    return selection->by_number || selection->by_time;
}

static void walk_begin(struct walk *walk, ist_reader *reader, const ist_selection *selection)
{
    const int64_t count = ist_reader_get_info(reader)->frame_count;
    walk->reader = reader;
    walk->selection = *selection;
    if (selection->index_end == 0 || selection->index_end > count)
        walk->selection.index_end = count;
    if (selection->step == 0)
        walk->selection.step = 1;
    walk->position = selection->index_first;
    walk->met = 0;
    walk->range = 0;
    walk->part_end = 0;
    walk->ranges = reader_ranges(reader, &walk->range_count);
    walk->block_first = walk->block_count = 0;
}

static bool may_meet(const ist_selection *selection, const struct chunk_range *range)
{
    if (selection->by_number &&
        (range->number_max < selection->number_first || range->number_min >= selection->number_end))
        return false;
    return !selection->by_time ||
           (range->time_max_s >= selection->time_first_s && range->time_min_s < selection->time_end_s);
}

/* Where a range of numbers or times begins or ends. */
struct bound {
    bool is_number;
    int64_t number;
    double time_s;
};

/* Finds the first frame of low..high-1, along which the values rise, that is not below the bound; high: none. */
static ist_status walk_bisect(struct walk *walk, struct bound bound, int64_t low, int64_t high, int64_t *found,
                              ist_error *error)
{
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        int64_t number;
        double time_s;
        const ist_status status = ist_reader_frame_metadata(walk->reader, middle, 1, &number, &time_s, error);
        if (status < 0)
            return status;
        if (bound.is_number ? number < bound.number : time_s < bound.time_s)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low;
    return IST_OK;
}

/* Leaves of the chunk, as far as its values rise, the part that meets the conditions. */
static ist_status walk_narrow(struct walk *walk, const struct chunk_range *range, ist_error *error)
{
    const ist_selection *s = &walk->selection;
    const struct {
        bool wanted;
        struct bound bound;
        int64_t *place;
    } ends[] = {
        {s->by_number && range->numbers_rise && range->number_min < s->number_first,
         {.is_number = true, .number = s->number_first},
         &walk->position},
        {s->by_number && range->numbers_rise && range->number_max >= s->number_end,
         {.is_number = true, .number = s->number_end},
         &walk->part_end},
        {s->by_time && range->times_rise && range->time_min_s < s->time_first_s,
         {.time_s = s->time_first_s},
         &walk->position},
        {s->by_time && range->times_rise && range->time_max_s >= s->time_end_s,
         {.time_s = s->time_end_s},
         &walk->part_end},
    };
    ist_status status = IST_OK;
    for (size_t i = 0; i < sizeof ends / sizeof *ends && status >= 0; i++)
        if (ends[i].wanted)
            status = walk_bisect(walk, ends[i].bound, walk->position, walk->part_end, ends[i].place, error);
    return status;
}

/* Goes on to the next chunk that holds frames that may meet the conditions; without one there is no part left. */
static ist_status walk_to_chunk(struct walk *walk, ist_error *error)
{
    ist_status status = IST_OK;
    while (status >= 0 && walk->position >= walk->part_end && walk->range < walk->range_count) {
        const struct chunk_range *range = &walk->ranges[walk->range++];
        const int64_t end = range->first_index + range->frame_count;
        if (walk->position >= end || !may_meet(&walk->selection, range))
            continue;
        if (walk->position < range->first_index)
            walk->position = range->first_index;
        walk->part_end = end;
        status = walk_narrow(walk, range, error);
    }
    return status;
}

static ist_status walk_load(struct walk *walk, ist_error *error)
{
    int64_t end = walk->selection.index_end;
    if (is_filtered(&walk->selection)) {
        const ist_status status = walk_to_chunk(walk, error);
        if (status < 0)
            return status;
        end = walk->part_end < end ? walk->part_end : end;
    }
    const int64_t left = end > walk->position ? end - walk->position : 0;
    // Of a long step little more than the frame itself would be used.
    const int64_t wanted = !is_filtered(&walk->selection) && walk->selection.step > BLOCK / 8 ? 1 : BLOCK;
    walk->block_first = walk->position;
    walk->block_count = left < wanted ? left : wanted;
    return ist_reader_frame_metadata(walk->reader, walk->block_first, walk->block_count, walk->numbers, walk->times_s,
                                     error);
}

bool export_meets(const ist_selection *selection, int64_t number, double time_s)
{
    if (selection->by_number && (number < selection->number_first || number >= selection->number_end))
        return false;
    return !selection->by_time || (time_s >= selection->time_first_s && time_s < selection->time_end_s);
}

/* Gives index, number and time of the next frame, its pixels aside. */
static ist_status walk_next(struct walk *walk, ist_frame *frame, ist_error *error)
{
    const ist_selection *selection = &walk->selection;
    while (walk->position < selection->index_end) {
        if (walk->position - walk->block_first >= walk->block_count) {
            const ist_status status = walk_load(walk, error);
            if (status < 0)
                return status;
            if (walk->block_count == 0)
                break;
        }
        frame->index = walk->position;
        frame->number = walk->numbers[walk->position - walk->block_first];
        frame->time_s = walk->times_s[walk->position - walk->block_first];
        const bool filtered = is_filtered(selection);
        if (!filtered && selection->step > selection->index_end - walk->position)
            walk->position = selection->index_end;
        else
            walk->position += filtered ? 1 : selection->step;
        if (!export_meets(selection, frame->number, frame->time_s))
            continue;
        const int64_t place = walk->met++;
        if (!filtered || place % selection->step == 0)
            return IST_OK;
    }
    return IST_END;
}

static ist_status interrupted(const char *path, ist_error *error)
{
    return error_set(error, IST_ERROR_INTERRUPTED, "%s: interrupted; nothing was written", path);
}

/* Fills in what the plan knows of the frames. */
static ist_status survey(struct walk *walk, bool needs_times, struct export_plan *plan, ist_error *error)
{
    const ist_selection *selection = &walk->selection;
    const int64_t length = selection->index_end - selection->index_first;
    plan->index_max = selection->index_end - 1;
    if (!needs_times && !is_filtered(selection)) {
        plan->frame_count = length > 0 ? (length - 1) / selection->step + 1 : 0;
        return IST_OK;
    }
    ist_frame frame = {0};
    ist_status status;
    double first_s = 0, last_s = 0;
    while ((status = walk_next(walk, &frame, error)) == IST_OK) {
        if (plan->frame_count == 0)
            first_s = frame.time_s;
        else
            plan->longest_s = fmax(plan->longest_s, frame.time_s - last_s);
        last_s = frame.time_s;
        plan->frame_count++;
        const ist_export_params *params = plan->params;
        if (plan->frame_count % COUNTED == 0 && params->progress && !params->progress(params->context, 0, 0))
            return interrupted(plan->path, error);
    }
    if (plan->frame_count > 1 && last_s > first_s)
        plan->mean_rate = (double)(plan->frame_count - 1) / (last_s - first_s);
    return status < 0 ? status : IST_OK;
}

/* ---- the file that is not whole yet ---- */

struct output {
    char path[PATH_MAX];
    char part[PATH_MAX];
    enum output_kind kind;
    bool created;
    int lock_fd; /* of the .part; held while it is written; -1: none */
};

static bool is_there(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

static ist_status set_paths(struct output *output, const char *path, ist_error *error)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    if (length == 0)
        return error_set(error, IST_ERROR_ARGUMENT, "the output has no name");
    if (length + sizeof ".part/" + NAME_MAX >= sizeof output->part)
        return error_errno(error, ENAMETOOLONG, "%s", path);
    memcpy(output->path, path, length);
    output->path[length] = '\0';
    memcpy(output->part, path, length);
    strcpy(output->part + length, ".part");
    return IST_OK;
}

static bool owns(const struct output *output, const char *name)
{
    return output->kind == OUTPUT_STORE ? strcmp(name, export_store_name) == 0 : export_folder_owns(name);
}

/* Removes what an export put into its directory; false, and nothing removed: there is something else in it. */
static bool clear_directory(const struct output *output, const char *path)
{
    bool ours = true;
    for (int removing = 0; removing < 2 && ours; removing++) {
        DIR *directory = opendir(path);
        struct dirent *entry;
        while (directory && (entry = readdir(directory))) {
            char child[PATH_MAX];
            const char *name = entry->d_name;
            if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                continue;
            ours = ours && owns(output, name);
            if (!removing || (size_t)snprintf(child, sizeof child, "%s/%s", path, name) >= sizeof child)
                continue;
            if (output->kind == OUTPUT_STORE)
                fs_remove_tree(child);
            else
                fs_calls.unlink(child);
        }
        if (directory)
            closedir(directory);
    }
    return ours;
}

static void remove_part(const struct output *output)
{
    if (output->kind == OUTPUT_FILE)
        fs_calls.unlink(output->part);
    else if (clear_directory(output, output->part))
        fs_calls.rmdir(output->part);
}

static void remove_whole(const struct output *output)
{
    if (output->kind == OUTPUT_FILE)
        fs_calls.unlink(output->path);
    else
        fs_remove_tree(output->path);
}

static int open_part(const struct output *output)
{
    if (output->kind == OUTPUT_FILE)
        return fs_calls.open(output->part, O_RDWR | O_CREAT, 0666);
    if (fs_calls.mkdir(output->part, 0777) < 0 && errno != EEXIST)
        return -1;
    return fs_calls.open(output->part, O_RDONLY | O_DIRECTORY, 0);
}

/* Creates the .part, locked: two never write one. One that lies there unlocked is of an export that was killed. */
static ist_status begin_output(struct output *output, ist_error *error)
{
    const bool was_there = is_there(output->part);
    output->lock_fd = open_part(output);
    if (output->lock_fd < 0) {
        const int reason = errno;
        if (output->kind != OUTPUT_FILE && !was_there)
            fs_calls.rmdir(output->part);
        return error_errno(error, reason, "%s: cannot create", output->path);
    }
    struct stat locked, named;
    const bool refused = flock(output->lock_fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    if (refused || fstat(output->lock_fd, &locked) < 0 || stat(output->part, &named) < 0 ||
        locked.st_ino != named.st_ino)
        return error_set(error, IST_ERROR_STATE, "%s: another export to it is under way", output->path);
    if (was_there && output->kind != OUTPUT_FILE && !clear_directory(output, output->part))
        return error_set(error, IST_ERROR_EXISTS, "%s: is there, with files in it that are not of an export",
                         output->part);
    output->created = true;
    // The export that held the lock a moment ago may have ended well.
    if (is_there(output->path))
        return error_set(error, IST_ERROR_EXISTS, "%s: exists already; it is left alone", output->path);
    return IST_OK;
}

static ist_status sync_pictures(const char *path, ist_error *error)
{
    DIR *directory = opendir(path);
    if (!directory)
        return error_errno(error, errno, "%s", path);
    ist_status status = IST_OK;
    struct dirent *entry;
    while (status >= 0 && (entry = readdir(directory))) {
        char child[PATH_MAX];
        if (export_folder_owns(entry->d_name) &&
            (size_t)snprintf(child, sizeof child, "%s/%s", path, entry->d_name) < sizeof child)
            status = fs_sync_file(child, error);
    }
    closedir(directory);
    char inside[PATH_MAX];
    if (status >= 0 && (size_t)snprintf(inside, sizeof inside, "%s/.", path) < sizeof inside)
        status = fs_sync_directory_of(inside, error);
    return status;
}

static ist_status sync_part(const struct output *output, ist_error *error)
{
    switch (output->kind) {
    case OUTPUT_PICTURES:
        return sync_pictures(output->part, error);
    case OUTPUT_STORE: // its writer did that
        return IST_OK;
    case OUTPUT_FILE:
        break;
    }
    return fs_sync_file(output->part, error);
}

static ist_status rename_part(const struct output *output, ist_error *error)
{
    char from[PATH_MAX];
    const bool inside = output->kind == OUTPUT_STORE;
    if ((size_t)snprintf(from, sizeof from, "%s%s%s", output->part, inside ? "/" : "",
                         inside ? export_store_name : "") >= sizeof from)
        return error_errno(error, ENAMETOOLONG, "%s", output->part);
    if (fs_calls.rename(from, output->path) < 0)
        return error_errno(error, errno, "%s: cannot rename", from);
    if (inside)
        fs_calls.rmdir(output->part);
    return IST_OK;
}

/* Brings it to the disk, then under its name. */
static ist_status publish_output(struct output *output, ist_error *error)
{
    ist_status status = sync_part(output, error);
    if (status < 0)
        return status;
    if (is_there(output->path)) // rename() would replace it
        return error_set(error, IST_ERROR_EXISTS, "%s: exists already; it is left alone", output->path);
    status = rename_part(output, error);
    if (status < 0)
        return status;
    output->created = false;
    status = fs_sync_directory_of(output->path, error);
    if (status < 0)
        remove_whole(output);
    return status;
}

static void end_output(struct output *output)
{
    if (output->created)
        remove_part(output);
    if (output->lock_fd >= 0)
        fs_calls.close(output->lock_fd);
}

/* ---- */

struct export
{
    ist_reader *reader;
    const struct kind *kind;
    struct export_plan plan;
    struct export_sink *sink;
    struct walk walk;
    ist_frame frame;
    ist_frame changed; /* in its place, with params.change */
    ist_frame first;   /* of those exported, its shape only */
    ist_export_report report;
};

static ist_status unknown_kind(const char *path, ist_error *error)
{
    char known[128] = "";
    size_t length = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && length < sizeof known; i++)
        length += (size_t)snprintf(known + length, sizeof known - length, "%s, ", kinds[i].ending);
    return error_set(error, IST_ERROR_ARGUMENT,
                     "%s: its ending does not say what to write; it must be one of %sor / for a directory of pictures",
                     path, known);
}

static ist_status find_kind(const struct kind **kind, const char *path, const ist_export_params *params,
                            ist_error *error)
{
    const size_t length = strlen(path);
    if (params->store) {
        *kind = &new_store;
        return IST_OK;
    }
    if (params->images && !export_folder_knows(params->images))
        return error_set(error, IST_ERROR_ARGUMENT, "'%s' is not a kind of pictures; choose png, tif or jpg",
                         params->images);
    if (params->images || (length > 0 && path[length - 1] == '/')) {
        *kind = &folder;
        return IST_OK;
    }
    const char *name = fs_basename(path), *ending = strrchr(name, '.');
    for (size_t i = 0; ending && ending > name && i < sizeof kinds / sizeof *kinds; i++)
        if (strcasecmp(ending, kinds[i].ending) == 0) {
            *kind = &kinds[i];
            return IST_OK;
        }
    return unknown_kind(path, error);
}

static ist_status check_params(const ist_export_params *params, ist_error *error)
{
    const ist_selection *selection = &params->frames;
    if (selection->index_first < 0 || selection->index_end < 0 || selection->step < 0)
        return error_set(error, IST_ERROR_ARGUMENT, "a range of frames must not be below 0, nor its step");
    if (params->quality < 0 || params->quality > 100)
        return error_set(error, IST_ERROR_ARGUMENT, "quality %d is not in 1 to 100", params->quality);
    if (!(params->frame_rate >= 0 && params->frame_rate <= 1e6))
        return error_set(error, IST_ERROR_ARGUMENT, "a frame rate of %g cannot be used", params->frame_rate);
    return IST_OK;
}

static bool same_shape(const ist_frame *a, const ist_frame *b)
{
    return a->width == b->width && a->height == b->height && a->channels == b->channels && a->type == b->type;
}

static ist_status check_shape(const struct export *e, const ist_frame *b, ist_error *error)
{
    const ist_frame *a = &e->first;
    if (e->kind->any_shape || e->kind->no_pixels || same_shape(a, b))
        return IST_OK;
    return error_set(error, IST_ERROR_DATA,
                     "%s: frame %lld is %d x %d px of %d x %d bits, frame %lld is %d x %d px of %d x %d bits; one file "
                     "cannot hold both",
                     e->plan.path, (long long)a->index, a->width, a->height, a->channels,
                     8 * (int)ist_pixel_size(a->type), (long long)b->index, b->width, b->height, b->channels,
                     8 * (int)ist_pixel_size(b->type));
}

/* Reads the pixels of the frame that the walk gave. IST_END: it cannot be read, and is skipped. */
static ist_status read_pixels(struct export *e, ist_error *error)
{
    if (e->kind->no_pixels)
        return IST_OK;
    const int64_t index = e->frame.index;
    ist_error reason;
    const ist_status status = ist_reader_read_index(e->reader, index, &e->frame, &reason);
    if (status >= 0)
        return IST_OK;
    if (!e->plan.params->skip_missing || status == IST_ERROR_MEMORY)
        return error_set(error, status, "frame %lld cannot be read: %s", (long long)index, reason.message);
    if (e->report.skipped_count++ == 0)
        e->report.first_skipped = index;
    return IST_END;
}

/* Gives the frame that is to be exported, which is the one that was read unless it is changed. */
static ist_status change_frame(struct export *e, const ist_frame **frame, ist_error *error)
{
    const ist_export_params *params = e->plan.params;
    *frame = &e->frame;
    if (!params->change || e->kind->no_pixels)
        return IST_OK;
    const ist_status status = params->change(params->context, &e->frame, &e->changed, error);
    e->changed.index = e->frame.index;
    e->changed.number = e->frame.number;
    e->changed.time_s = e->frame.time_s;
    *frame = &e->changed;
    return status;
}

static ist_status begin_sink(struct export *e, const ist_frame *frame, ist_error *error)
{
    e->first = *frame;
    if (!e->kind->no_pixels) {
        e->report.width = frame->width;
        e->report.height = frame->height;
    }
    return e->kind->calls->open(&e->sink, &e->plan, frame, error);
}

static ist_status add_frame(struct export *e, ist_error *error)
{
    const ist_frame *frame;
    ist_status status = change_frame(e, &frame, error);
    if (status >= 0 && !e->sink)
        status = begin_sink(e, frame, error);
    if (status >= 0)
        status = check_shape(e, frame, error);
    if (status >= 0)
        status = e->kind->calls->add(e->sink, frame, error);
    if (status >= 0)
        e->report.frame_count++;
    return status;
}

static ist_status run(struct export *e, ist_error *error)
{
    const ist_export_params *params = e->plan.params;
    ist_status status;
    walk_begin(&e->walk, e->reader, &params->frames);
    for (int64_t done = 0; (status = walk_next(&e->walk, &e->frame, error)) == IST_OK;) {
        status = read_pixels(e, error);
        if (status == IST_OK)
            status = add_frame(e, error);
        if (status < 0)
            return status;
        if (params->progress && !params->progress(params->context, ++done, e->plan.frame_count))
            return interrupted(e->plan.path, error);
    }
    if (status < 0)
        return status;
    if (!e->sink)
        return error_set(error, IST_ERROR_DATA, "none of the %lld frames can be read",
                         (long long)e->report.skipped_count);
    return e->kind->calls->finish(e->sink, &e->report, error);
}

static ist_status export_frames(struct export *e, struct output *output, ist_error *error)
{
    const ist_export_params *params = e->plan.params;
    walk_begin(&e->walk, e->reader, &params->frames);
    ist_status status = survey(&e->walk, e->kind->needs_times, &e->plan, error);
    if (status < 0)
        return status;
    if (e->plan.frame_count == 0)
        return error_set(error, IST_ERROR_NOT_FOUND, "%s: no frame lies in the range; it has %lld frames",
                         ist_reader_get_info(e->reader)->path, (long long)ist_reader_get_info(e->reader)->frame_count);
    status = begin_output(output, error);
    if (status >= 0)
        status = run(e, error);
    e->kind->calls->close(&e->sink);
    return status < 0 ? status : publish_output(output, error);
}

ist_status ist_export(ist_reader *reader, const char *path, const ist_export_params *params, ist_export_report *report,
                      ist_error *error)
{
    static const ist_export_params defaults;
    if (!params)
        params = &defaults;
    struct output *output = calloc(1, sizeof *output);
    struct export *e = calloc(1, sizeof *e);
    ist_status status = output && e ? check_params(params, error) : error_memory(error);
    if (status >= 0) {
        output->lock_fd = -1;
        e->reader = reader;
        e->report.first_skipped = -1;
        e->plan = (struct export_plan){.path = output->path, .part = output->part, .params = params, .reader = reader};
        status = find_kind(&e->kind, path, params, error);
    }
    if (status >= 0)
        status = set_paths(output, path, error);
    if (status >= 0 && is_there(output->path))
        status = error_set(error, IST_ERROR_EXISTS, "%s: exists already; it is left alone", output->path);
    if (status >= 0) {
        output->kind = e->kind->output;
        status = export_frames(e, output, error);
        end_output(output);
        ist_frame_free(&e->frame);
        ist_frame_free(&e->changed);
    }
    if (report)
        *report = e ? e->report : (ist_export_report){0};
    free(e);
    free(output);
    return status;
}

/* ---- a single frame ---- */

ist_status ist_extract_index(const char *path, int64_t index, ist_frame *frame, ist_error *error)
{
    ist_reader *reader;
    ist_status status = ist_reader_open(&reader, path, error);
    if (status >= 0)
        status = ist_reader_read_index(reader, index, frame, error);
    ist_reader_close(&reader);
    return status;
}

ist_status ist_extract_number(const char *path, int64_t number, ist_frame *frame, ist_error *error)
{
    ist_reader *reader;
    ist_status status = ist_reader_open(&reader, path, error);
    if (status >= 0)
        status = ist_reader_read_number(reader, number, IST_MATCH_EXACT, frame, error);
    ist_reader_close(&reader);
    return status;
}
