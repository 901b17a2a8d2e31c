/* Out of a store: frames into one file that other programs read, a directory of pictures, or a new store. */
#ifndef LIBSTORE_EXPORT_H
#define LIBSTORE_EXPORT_H

#include <libstore/reader.h>
#include <libstore/writer.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Which frames: those that meet every condition, in the order of the store. All zero: every frame. */
typedef struct ist_selection {
    int64_t index_first;
    int64_t index_end; /* behind the last; beyond the end of the store: to its end; 0: the same */
    int64_t step;      /* of the frames that meet the conditions the first, and every step-th behind it; 0: 1 */
    bool by_number;    /* number_first <= number < number_end */
    int64_t number_first;
    int64_t number_end;
    bool by_time; /* time_first_s <= time_s < time_end_s */
    double time_first_s;
    double time_end_s;
} ist_selection;

/* How to export. Zero means default. */
typedef struct ist_export_params {
    ist_selection frames;
    const char *images;          /* "png", "tif" or "jpg": a directory of such pictures; NULL: what the path says */
    int quality;                 /* video and jpg, as in ist_writer_params: 1 (small) .. 100; 0: 90, avi 96, jpg 95 */
    const char *encoder;         /* video: name of an FFmpeg encoder; NULL: libx264, for avi mjpeg, for 16 bits ffv1 */
    const char *encoder_options; /* video: "key=value:key=value", as in ist_writer_params; NULL: none */
    double frame_rate;           /* video: frames per second, the same from frame to frame; 0: the true times */
    bool skip_missing;           /* leave out frames that cannot be read, and count them */

    /* Make a new store, like this; what is zero is as in the store exported, its size as that of the first frame. NULL:
     * what the path says. */
    const ist_writer_params *store;

    /* Called with each frame that was read; writes what is to be exported in its place to `changed`, which begins as
     * zeros and is kept from call to call, as for a reader: ist_frame_alloc() gives it room. Index, number and time
     * stay those of `frame`. A failure ends the export. NULL: frames stay as they are. */
    ist_status (*change)(void *context, const ist_frame *frame, ist_frame *changed, ist_error *error);

    /* Called behind every frame with the frames done and in all, and now and then while they are counted, with 0 and
     * 0; false ends the export. May be NULL. */
    bool (*progress)(void *context, int64_t done, int64_t total);
    void *context; /* for both */
} ist_export_params;

/* What came of it. */
typedef struct ist_export_report {
    int64_t frame_count;   /* frames exported */
    int64_t skipped_count; /* frames left out by skip_missing */
    int64_t first_skipped; /* index of the first of them; -1: none */
    int64_t moved_count;   /* video: frames that are shown later than their times say, see below */
    double frame_rate;     /* video of one rate: frames per second; 0: the true times, or no video */
    int width;             /* px, of what was written; 0: no pictures */
    int height;            /* px */
} ist_export_report;

/*
 * Exports frames to `path`. Its ending says what it becomes:
 *
 *   .npy         numpy array, (n, h, w) or (n, h, w, 3) in the order blue, green, red; uint8 or uint16
 *   .tif .tiff   one stack, a page for each frame, deflated; BigTIFF when the pixels come near to 4 GiB
 *   .mp4 .mkv    H.264 with the true times, relative to the first frame: to a microsecond in mp4 (coarser when frames
 *                lie more than half an hour apart), to a millisecond in mkv. A video cannot go back: a frame whose
 *                time is not behind that of the frame before comes right behind it (in mkv: together with it)
 *   .avi         MJPEG. An avi has one rate: the mean of the times; they are lost
 *   .txt         no pictures but their times, "timecode format v2" of mkvtoolnix: a line with the milliseconds since
 *                the first frame, to a microsecond, for each; times that go back do so here
 *   /            a directory of pictures (png, or params.images), named by the frames' indexes: 000000.png, ...
 *
 * With params.store it is a new store whatever its name: numbers, times and extra data are kept, indexes begin at 0,
 * raw data are decoded, and frames of lossy video are compressed once more. Times by the camera's clock are kept, and
 * so are frames that never came (ist_reader_drops()), which go where the frame behind them goes: those before a frame
 * that meets the conditions and lies in the range, even if the step leaves it out, come before the next frame exported.
 * Those behind the last frame of the store go with that frame.
 *
 * 16 bits stay 16 bits; a video with them is FFV1 in mkv, and mp4 and avi refuse them. Videos have even sides: an odd
 * last column or row is left out. Gray video keeps its values at quality 100 (mp4, mkv), coloured as well.
 *
 * It appears under its name when all of it is on the disk; until then it is PATH.part. Whatever fails, and when
 * `progress` ends it, nothing is left behind; only of a killed export the .part stays, and the next one replaces it.
 *
 * All frames of a file must have one size, depth and number of channels. `params` and `report` may be NULL.
 * The reader is at the end of the selection afterwards.
 *
 * IST_ERROR_EXISTS: `path` is there already; it is left alone. IST_ERROR_NOT_FOUND: no frame meets the conditions, or
 * there is no such directory or encoder. IST_ERROR_STATE: another export to this path is under way.
 * IST_ERROR_DATA: a frame cannot be read, naming it; or frames differ. IST_ERROR_INTERRUPTED: by `progress`.
 * IST_ERROR_ARGUMENT: an unknown ending; values out of range; frames that this kind of file cannot hold. IST_ERROR_IO.
 */
IST_API IST_MUST_CHECK ist_status ist_export(ist_reader *reader, const char *path, const ist_export_params *params,
                                             ist_export_report *report, ist_error *error);

/* The i-th ending of a file that ist_export() knows, ".npy", or NULL behind the last. */
IST_API const char *ist_export_ending(int i);

/*
 * Reads one frame of the store at `path`, by its index or by its number, without leaving it open. It costs opening
 * the store, which with its index there (.index.sqlite) does not depend on the number of frames, and decoding that
 * frame; without, the index is built as ist_reader_open() does it. Status as for that and ist_reader_read_index().
 */
IST_API IST_MUST_CHECK ist_status ist_extract_index(const char *path, int64_t index, ist_frame *frame,
                                                    ist_error *error);
IST_API IST_MUST_CHECK ist_status ist_extract_number(const char *path, int64_t number, ist_frame *frame,
                                                     ist_error *error);

#ifdef __cplusplus
}
#endif
#endif
