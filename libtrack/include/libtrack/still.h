/* One picture out of many frames: their mean, minimum or median. */
#ifndef LIBTRACK_STILL_H
#define LIBTRACK_STILL_H

#include <libstore/reader.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a still shows at each pixel. Colour is turned to gray first. */
typedef enum trk_still_kind {
    TRK_STILL_MEAN = 0, /* with its fractions */
    TRK_STILL_MINIMUM,
    TRK_STILL_MEDIAN, /* exact for 8 and 16 bits; of an even number of frames the lower of the two in the middle */
} trk_still_kind;

/* Returns "mean", "minimum" or "median". */
IST_API const char *trk_still_kind_name(trk_still_kind kind);

/*
 * A gray picture that is made from frames one by one, none of which is kept. It serves as a template
 * or as a background. Memory: at most 14 bytes a pixel, for a median 76, however many frames there
 * are.
 *
 * The median needs all frames several times: 2 passes of 8-bit frames, 4 of 16-bit frames.
 *
 * Thread-safety: one thread at a time; when it is complete, any number.
 */
typedef struct trk_still trk_still;

/*
 * Begins a still of frames of this shape. With frames at hand:
 *     trk_still_create(&still, ...);
 *     while (!trk_still_is_complete(still)) {
 *         for each frame: trk_still_add(still, frame, error);
 *         trk_still_end_pass(still, error);
 *     }
 * IST_ERROR_ARGUMENT: a shape or kind that there is not. IST_ERROR_MEMORY.
 */
IST_API IST_MUST_CHECK ist_status trk_still_create(trk_still **still, int width, int height, int channels,
                                                   ist_pixel_type type, trk_still_kind kind, ist_error *error);

/* Adds a frame. IST_ERROR_ARGUMENT: one of another shape or type. IST_ERROR_STATE: the still is complete. */
IST_API IST_MUST_CHECK ist_status trk_still_add(trk_still *still, const ist_frame *frame, ist_error *error);

/* Ends a pass. The next one, if there must be one, takes the same frames in any order. IST_ERROR_STATE: no frame. */
IST_API IST_MUST_CHECK ist_status trk_still_end_pass(trk_still *still, ist_error *error);

IST_API bool trk_still_is_complete(const trk_still *still);

/* Told of each frame that was dealt with, of `total` in all passes. Returns true to go on, false to stop. */
typedef bool trk_still_progress(void *context, int64_t done, int64_t total);

/*
 * Makes a complete still of the frames first..first+count-1 of a store. Frames that cannot be read or have another
 * shape are left out. `progress` may be NULL.
 *
 * IST_END: progress stopped it; *still is NULL, as after an error. IST_ERROR_NOT_FOUND: the range leaves the
 * store. IST_ERROR_DATA: not one frame could be read. IST_ERROR_MEMORY.
 */
IST_API IST_MUST_CHECK ist_status trk_still_read(trk_still **still, ist_reader *reader, int64_t first, int64_t count,
                                                 trk_still_kind kind, trk_still_progress *progress, void *context,
                                                 ist_error *error);

/* How many frames it was made of. */
IST_API int64_t trk_still_frame_count(const trk_still *still);

/* Row y of a complete still, `width` gray levels. Valid as long as the still. */
IST_API const float *trk_still_row(const trk_still *still, int y);

/* Destroys the still and sets *still to NULL. Takes a NULL still. */
IST_API void trk_still_destroy(trk_still **still);

#ifdef __cplusplus
}
#endif
#endif
