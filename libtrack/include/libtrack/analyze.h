/* Motion of regions of interest over the frames of a store. */
#ifndef LIBTRACK_ANALYZE_H
#define LIBTRACK_ANALYZE_H

#include <libstore/reader.h>
#include <libtrack/tracker.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Receives the rows of one frame, in the order of frames, on the thread that called
 * trk_analyze(). Returns true to go on, false to stop.
 */
typedef bool trk_row_handler(void *context, const trk_row *rows, int row_count);

/*
 * Measures the frames first..first+count-1 of a store against the tracker's templates and hands
 * the rows to `handler`. A frame that cannot be read, or has another shape, gives rows with status
 * TRK_MISSING. Frames are read on the calling thread, decoded by threads of libstore and measured on `threads` others,
 * which leave the processors to those (on Linux: nice 15), and on the calling one when there is nothing to read; the
 * rows do not depend on how many. Memory: 2 frames for each thread and 10 more.
 *
 * The frames make one sequence (see trk_sequence): where ROIs are followed or templates renewed, each ROI goes through
 * the frames in order, and threads share the ROIs. Where differences are measured, frame first is measured against
 * first-1 if there is one.
 *
 * IST_END: the handler stopped it. IST_ERROR_NOT_FOUND: the range leaves the store.
 * IST_ERROR_STATE: no template was set. IST_ERROR_MEMORY.
 */
IST_API IST_MUST_CHECK ist_status trk_analyze(trk_tracker *tracker, ist_reader *reader, int64_t first, int64_t count,
                                              trk_row_handler *handler, void *context, ist_error *error);

#ifdef __cplusplus
}
#endif
#endif
