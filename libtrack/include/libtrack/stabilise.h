/* Pictures that stand still: the motion of what was measured is taken back. */
#ifndef LIBTRACK_STABILISE_H
#define LIBTRACK_STABILISE_H

#include <libstore/export.h>
#include <libtrack/roi.h>
#include <libtrack/tracker.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- one picture ---- */

/*
 * How a picture as a whole has moved since the reference: what was at p = (x, y) there, pixels counted from the
 * middle of the first one, is now at
 *     (x_px + x cos a - y sin a, y_px + x sin a + y cos a),  a = turn_deg.
 */
typedef struct trk_motion {
    double x_px;     /* to the right, of the picture's first pixel */
    double y_px;     /* downwards */
    double turn_deg; /* clockwise as it is seen, any number of turns */
} trk_motion;

/*
 * Finds the motion of the picture from that of its ROIs, as a tracker gives it. ROIs that are not TRK_MEASURED do not
 * count. Without `turn` it is the mean of their motions. With it, the turn and shift that take the middles of the ROIs
 * to where they are now with the least sum of squares (Umeyama, IEEE PAMI 13 (1991) 376, without scale); that takes two
 * ROIs. The further apart they lie the finer it is: an error of e px in ROIs D px apart turns by about e / D rad. Where
 * rotation was measured, each ROI stands for all points of its disc, not just the middle: then one ROI will do, and
 * whole turns count. Motions of a ROI that keeps its place while its template is renewed do not tell of a turn: what
 * they sum up was at other places of the picture each time.
 *
 * Returns false, and *motion is as it was, if too few ROIs were measured.
 */
IST_API bool trk_motion_of_rows(trk_motion *motion, const trk_roi *rois, const trk_row *rows, int count, bool turn);

/* What is put where the picture has moved away from: what never was in view. */
typedef enum trk_border {
    TRK_BORDER_REPEAT = 0, /* the nearest pixel of the picture's border */
    TRK_BORDER_BLACK,      /* 0 */
} trk_border;

/*
 * Takes motions back: the room it needs is kept from picture to picture.
 *
 * Thread-safety: one thread at a time.
 */
typedef struct trk_warp trk_warp;

IST_API IST_MUST_CHECK ist_status trk_warp_create(trk_warp **warp, ist_error *error);

/*
 * Writes to `to` (as for a reader: zeros, or what an earlier call left) the part of the picture that `part` says, as it
 * was before `motion`; NULL: all of it. Type, channels, index, number and time are those of `from`.
 *
 * Between pixels the picture is the cubic B-spline through all of them (picture mirrored at its border), in single
 * precision, rounded and clipped to the range of the type. A motion by whole pixels moves them exactly.
 *
 * IST_ERROR_ARGUMENT: a motion that is not finite, a part that is empty or leaves the picture. IST_ERROR_MEMORY.
 * Cost: about 4 ns a sample, with a turn 30.
 */
IST_API IST_MUST_CHECK ist_status trk_warp_back(trk_warp *warp, const ist_frame *from, const trk_motion *motion,
                                                trk_border border, const trk_roi *part, ist_frame *to,
                                                ist_error *error);

/* Destroys it and sets *warp to NULL. Takes a NULL warp. */
IST_API void trk_warp_destroy(trk_warp **warp);

/* ---- a recording ---- */

/* Zero means default. */
typedef struct trk_stabilise_params {
    trk_border border;
    bool crop; /* keep only what is in view in every frame; there is no border then */
    bool turn; /* take back turns as well, see trk_motion_of_rows() */
} trk_stabilise_params;

typedef struct trk_stabilise_report {
    ist_export_report output; /* frames written and left out, and more */
    int64_t held_count;       /* frames that were written, but whose motion is not known */
    int64_t first_held;       /* index of the first of them; -1: none */
    trk_motion least, most;   /* what was taken back, over the frames whose motion is known */
    trk_roi part;             /* of the picture that was written */
} trk_stabilise_report;

/*
 * The motions of a recording, to be taken back. With a tracker that has its templates:
 *
 *     trk_stabiliser_create(&stabiliser, width, height, rois, roi_count, NULL, &error);
 *     trk_analyze(tracker, reader, 0, frame_count, trk_stabiliser_add, stabiliser, &error);
 *     trk_stabiliser_write(stabiliser, reader, "stable", &(ist_export_params){.store = &like_this}, NULL, &error);
 *
 * What the templates were cut from comes to stand where it is there.
 *
 * Motions wait in an unnamed temporary file, 32 bytes for each frame; memory does not depend on their number.
 *
 * Thread-safety: one thread at a time.
 */
typedef struct trk_stabiliser trk_stabiliser;

/*
 * Begins a stabiliser for pictures of width x height px and a tracker's ROIs. ROIs and params are copied; params may be
 * NULL. IST_ERROR_ARGUMENT: no ROI. IST_ERROR_IO: no temporary file. IST_ERROR_MEMORY.
 */
IST_API IST_MUST_CHECK ist_status trk_stabiliser_create(trk_stabiliser **stabiliser, int width, int height,
                                                        const trk_roi *rois, int roi_count,
                                                        const trk_stabilise_params *params, ist_error *error);

/*
 * Takes the rows of the next frame: a trk_row_handler, whose context is a trk_stabiliser. Frames come one after the
 * other, without gaps in their index. False: the temporary file cannot be written; trk_stabiliser_write() says why.
 */
IST_API bool trk_stabiliser_add(void *stabiliser, const trk_row *rows, int row_count);

/* The part of the picture that would be written by now: all of it, or with `crop` what is in view in every frame. */
IST_API trk_roi trk_stabiliser_part(const trk_stabiliser *stabiliser);

/*
 * Writes a stabilised copy of the frames whose rows were added to `path`, out of the reader that they came from: with
 * output->store a new store, else the file that the path's ending names. ist_export() tells how, and that it appears
 * whole or not at all. Numbers and times are kept, in a store also extra data and the user's metadata, unless
 * output->store has others. Of `output`, which may be NULL, `frames`, `skip_missing` and `change` are not used: frames
 * that cannot be read are left out. `report` may be NULL.
 *
 * A frame whose motion is not known, because too few ROIs were measured in it, is moved as the frame before; those
 * before the first known one are not moved.
 *
 * Status as for ist_export(). IST_ERROR_STATE too: no rows were added. IST_ERROR_NOT_FOUND too: no frame's motion is
 * known. IST_ERROR_DATA too: with `crop`, no part of at least 16 x 16 px is in view in every frame. IST_ERROR_IO too:
 * the temporary file.
 */
IST_API IST_MUST_CHECK ist_status trk_stabiliser_write(trk_stabiliser *stabiliser, ist_reader *reader, const char *path,
                                                       const ist_export_params *output, trk_stabilise_report *report,
                                                       ist_error *error);

/* Destroys it and sets *stabiliser to NULL. Takes a NULL stabiliser. */
IST_API void trk_stabiliser_destroy(trk_stabiliser **stabiliser);

#ifdef __cplusplus
}
#endif
#endif
