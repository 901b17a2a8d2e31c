/* The motion of every frame waits in a temporary file, then the frames are exported, each moved back by its own. */
#include <libtrack/stabilise.h>

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "motion.h"

enum { PART_MIN = 16 };

/* What is kept of a frame. */
struct record {
    trk_motion motion;
    bool known; /* false: as the frame before */
};

struct trk_stabiliser {
    int width, height;
    int roi_count;
    trk_roi *rois;
    trk_stabilise_params params;
    FILE *records;
    int write_error; /* errno; 0: none */
    int64_t first_index, count;
    int64_t known_count;
    struct record last;
    trk_motion least, most;
    trk_roi part; /* with crop: what all frames so far show */
};

ist_status trk_stabiliser_create(trk_stabiliser **stabiliser, int width, int height, const trk_roi *rois, int roi_count,
                                 const trk_stabilise_params *params, ist_error *error)
{
    *stabiliser = NULL;
    const trk_stabilise_params given = params ? *params : (trk_stabilise_params){0};
    if (roi_count < 1 || !rois)
        return trk_fail(error, IST_ERROR_ARGUMENT, "no ROI given");
    trk_stabiliser *new = calloc(1, sizeof *new);
    trk_roi *copy = calloc((size_t)roi_count, sizeof *copy);
    if (!new || !copy) {
        free(new);
        free(copy);
        return trk_fail_memory(error);
    }
    memcpy(copy, rois, (size_t)roi_count * sizeof *copy);
    *new = (trk_stabiliser){.width = width,
                            .height = height,
                            .roi_count = roi_count,
                            .rois = copy,
                            .params = given,
                            .records = tmpfile(),
                            .part = {0, 0, width, height}};
    const int reason = errno;
    *stabiliser = new;
    if (new->records)
        return IST_OK;
    trk_stabiliser_destroy(stabiliser);
    return trk_fail(error, IST_ERROR_IO, "a temporary file cannot be created: %s", strerror(reason));
}

void trk_stabiliser_destroy(trk_stabiliser **stabiliser)
{
    if (!*stabiliser)
        return;
    if ((*stabiliser)->records)
        fclose((*stabiliser)->records);
    free((*stabiliser)->rois);
    free(*stabiliser);
    *stabiliser = NULL;
}

/* ---- motions ---- */

static void widen(trk_stabiliser *s, const trk_motion *motion)
{
    if (s->known_count++ == 0)
        s->least = s->most = *motion;
    s->least = (trk_motion){fmin(s->least.x_px, motion->x_px), fmin(s->least.y_px, motion->y_px),
                            fmin(s->least.turn_deg, motion->turn_deg)};
    s->most = (trk_motion){fmax(s->most.x_px, motion->x_px), fmax(s->most.y_px, motion->y_px),
                           fmax(s->most.turn_deg, motion->turn_deg)};
}

bool trk_stabiliser_add(void *stabiliser, const trk_row *rows, int row_count)
{
    trk_stabiliser *s = stabiliser;
    assert(row_count == s->roi_count);
    if (s->count++ == 0)
        s->first_index = rows[0].frame_index;
    s->last.known = trk_motion_of_rows(&s->last.motion, s->rois, rows, row_count, s->params.turn);
    if (s->last.known)
        widen(s, &s->last.motion);
    if (s->params.crop)
        motion_crop(&s->last.motion, s->width, s->height, &s->part);
    if (fwrite(&s->last, sizeof s->last, 1, s->records) == 1)
        return true;
    s->write_error = errno ? errno : EIO;
    return false;
}

trk_roi trk_stabiliser_part(const trk_stabiliser *s)
{
    return s->part;
}

/* ---- writing ---- */

/* One way through the recording. */
struct walk {
    const trk_stabiliser *stabiliser;
    trk_warp *warp;
    const ist_export_params *output;
    int64_t next; /* record */
    struct record record;
    trk_stabilise_report report;
};

static ist_status records_failed(int reason, ist_error *error)
{
    return trk_fail(error, IST_ERROR_IO, "the temporary file of motions: %s", strerror(reason ? reason : EIO));
}

static ist_status move_back(void *context, const ist_frame *frame, ist_frame *changed, ist_error *error)
{
    struct walk *walk = context;
    const trk_stabiliser *s = walk->stabiliser;
    // Frames come in order; only those that cannot be read are passed over.
    for (; walk->next <= frame->index - s->first_index; walk->next++)
        if (fread(&walk->record, sizeof walk->record, 1, s->records) != 1)
            return records_failed(errno, error);
    if (frame->width != s->width || frame->height != s->height)
        return trk_fail(error, IST_ERROR_DATA, "frame %lld: %d x %d px; the others have %d x %d px",
                        (long long)frame->index, frame->width, frame->height, s->width, s->height);
    if (!walk->record.known && walk->report.held_count++ == 0)
        walk->report.first_held = frame->index;
    return trk_warp_back(walk->warp, frame, &walk->record.motion, s->params.border, &s->part, changed, error);
}

static bool pass_progress_on(void *context, int64_t done, int64_t total)
{
    const struct walk *walk = context;
    return !walk->output->progress || walk->output->progress(walk->output->context, done, total);
}

static ist_status check_motions(const trk_stabiliser *s, const char *path, ist_error *error)
{
    if (s->count == 0)
        return trk_fail(error, IST_ERROR_STATE, "%s: nothing was measured that could be taken back", path);
    if (s->write_error || fflush(s->records) != 0)
        return records_failed(s->write_error ? s->write_error : errno, error);
    if (s->known_count == 0)
        return trk_fail(error, IST_ERROR_NOT_FOUND, "%s: no frame's motion is known; nothing was written%s", path,
                        s->params.turn ? " (for its turn it takes two ROIs that are measured, or one with rotation)"
                                       : "");
    if (s->part.width < PART_MIN || s->part.height < PART_MIN)
        return trk_fail(error, IST_ERROR_DATA,
                        "%s: only %d x %d px are in view in every frame; keep the whole picture instead", path,
                        s->part.width, s->part.height);
    return IST_OK;
}

static ist_status export_moved(struct walk *walk, ist_reader *reader, const char *path, ist_error *error)
{
    const trk_stabiliser *s = walk->stabiliser;
    ist_export_params output = *walk->output;
    output.frames = (ist_selection){.index_first = s->first_index, .index_end = s->first_index + s->count};
    output.skip_missing = true;
    output.change = move_back;
    output.progress = pass_progress_on;
    output.context = walk;
    rewind(s->records);
    return ist_export(reader, path, &output, &walk->report.output, error);
}

ist_status trk_stabiliser_write(trk_stabiliser *stabiliser, ist_reader *reader, const char *path,
                                const ist_export_params *output, trk_stabilise_report *report, ist_error *error)
{
    static const ist_export_params defaults;
    struct walk walk = {.stabiliser = stabiliser, .output = output ? output : &defaults};
    walk.report = (trk_stabilise_report){
        .first_held = -1, .least = stabiliser->least, .most = stabiliser->most, .part = stabiliser->part};
    ist_status status = check_motions(stabiliser, path, error);
    if (status >= 0)
        status = trk_warp_create(&walk.warp, error);
    if (status >= 0)
        status = export_moved(&walk, reader, path, error);
    trk_warp_destroy(&walk.warp);
    if (report)
        *report = walk.report;
    return status;
}
