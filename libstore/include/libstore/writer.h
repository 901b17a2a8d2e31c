/* Recording into a new store. */
#ifndef LIBSTORE_WRITER_H
#define LIBSTORE_WRITER_H

#include <libstore/frame.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A store being recorded.
 *
 * A frame whose ist_writer_add() returned IST_OK is in the hands of the operating system: it
 * survives the death of this process at any moment (kill -9), with its number, time and extra
 * data, and a reader finds it at once. About a second later it is on the disk and survives a loss
 * of power as well: what can be lost is the time since the last sync began, one second and the
 * duration of a sync on this disk. With `durable` nothing is lost then either, at the price of two syncs a frame.
 *
 * Thread-safety: one thread at a time. Two threads of the writer's own work beside it, one that
 * brings frames to the disk, one that finishes a chunk while the next is recorded.
 */
typedef struct ist_writer ist_writer;

/* What to record. Zero means default, except for the size. */
typedef struct ist_writer_params {
    const char *format;          /* one of ist_writer_format_name(), and with "+color" behind it, "png+color", frames in
                                    `encoding` are decoded while they are written; NULL: "avc1/mp4" */
    int width;                   /* px; the video formats store width and height rounded down to even */
    int height;                  /* px */
    int channels;                /* 1 gray, 3 BGR; 0: 1 */
    ist_pixel_type type;         /* IST_PIXEL_U16: only formats that ist_writer_format_holds() it */
    int chunksize;               /* frames in a chunk; 0: 10000 for video, 200 for images */
    double chunk_duration_s;     /* a chunk also ends when its frames span so many seconds; 0: only by chunksize */
    double keep_s;               /* a ring: removes the oldest chunks while it records, see below; 0: keeps all */
    double frame_rate;           /* frames per second noted in video files; 0: 25. Frame times are in the index. */
    int quality;                 /* video and jpg, 1 (small) .. 100; 0: 90 for avc1/mp4 and h264/mkv, 96 for mjpeg/avi,
                                    95 for jpg.
                                    H.264: x264's CRF (of other encoders the quantiser) = 0.51 (100 - quality). At 100
                                    x264 keeps every sample, of colour too (then in RGB, by libx264rgb);
                                    mjpeg/avi: quantiser = 1 + 0.3 (100 - quality); jpg: libjpeg's own scale */
    const char *encoder;         /* video: name of an FFmpeg encoder, "h264_nvenc", "libx265"; NULL: the format's own */
    const char *encoder_options; /* video: "key=value:key=value" for FFmpeg's encoder, over the above; NULL: none.
                                    preset, g (frames from key frame to key frame), threads, ...; pixel_format is
                                    that of the video ("yuv444p", "gray12le"), of more than 8 bits for 16-bit frames */
    const char *encoding;      /* frames are raw data, "cv_bayerbg": one channel, as the camera gives it. They are kept
                                  raw, and readers decode them; with "+color" the store is one of BGR. Codes with
                                  one sample a pixel: cv_bayer*, cv_gray, cv_yuv_i420 and others in planes, whose
                                  height is that of the data. NULL: not raw */
    const char *metadata_json; /* the user's metadata: text of a JSON object; NULL: none */
    const char *timezone;      /* IANA name of the place of recording; NULL: the machine's */
    bool durable;              /* every frame is on the disk before it is acknowledged; slow, see ist_writer */
} ist_writer_params;

/*
 * A ring (keep_s) keeps at least the frames whose times are not more than keep_s before the last one, and at most what
 * was recorded in two more chunks. chunk_duration_s 0 is then keep_s / 10; it may not be more than keep_s.
 *
 * Whole chunks go, the oldest first, with numbers, times, extra data and what was dropped around their frames. The
 * index of a frame is its place among those that are there, so that it becomes smaller when older ones go: in a ring
 * numbers and times are what frames can be known by. While it is recorded the numbers of chunks stay, and of chunk 0
 * something small, which Python's imgstore needs to open the store. ist_writer_close() then gives the chunks the
 * numbers from 0 on, so that the store is one like any other; where a chunk is missing, or files cannot be removed, it
 * leaves them as they are. That takes about a microsecond a frame. Whoever has the store open goes on reading.
 *
 * Killed at any moment, what was removed stays removed; files of it that still lie there are no part of the store, and
 * ist_repair() or the next writer removes them. Either gives the chunks their numbers, too.
 */

/* Name of the i-th format, i = 0, 1, ..., or NULL behind the last. */
IST_API const char *ist_writer_format_name(int i);

/*
 * Why a format that is known cannot be written by this build of libstore ("libstore was built without Blosc"), with
 * "+color" or without. NULL: it can be, or the name is not known.
 */
IST_API const char *ist_writer_format_missing(const char *format);

/* True if the format keeps every sample as it is given. NULL and unknown names: false; "+color" changes nothing. */
IST_API bool ist_writer_format_is_lossless(const char *format);

/* True if the format can hold frames of 1 or 3 channels with samples of this type. NULL and unknown names: false. */
IST_API bool ist_writer_format_holds(const char *format, int channels, ist_pixel_type type);

/* True if the format keeps frames that are JPEGs (ist_frame.encoded_size) as they are. NULL, unknown names: false. */
IST_API bool ist_writer_format_holds_jpeg(const char *format);

/*
 * Creates the directory `path` with an empty store in it; the directory above must exist.
 * `params` is not kept.
 *
 * IST_ERROR_EXISTS: `path` is there already; it is left alone. IST_ERROR_ARGUMENT: a size,
 * type, format or option that cannot be used, an encoder that cannot be opened. IST_ERROR_NOT_FOUND:
 * no such format or encoder.
 * IST_ERROR_IO. After a failure nothing is left behind.
 */
IST_API IST_MUST_CHECK ist_status ist_writer_create(ist_writer **writer, const char *path,
                                                    const ist_writer_params *params, ist_error *error);

/*
 * Opens a store that is there to append to it; new frames go into new chunks. A store whose
 * recorder died is repaired first. Shape, type, format, encoding and chunksize are the store's own: those
 * fields of `params` may be zero, else they must agree. NULL params: defaults. A store that was recorded with "+color"
 * takes BGR, or raw data where format and encoding say so again.
 *
 * What a video was created with may be given again: an odd width or height agrees with the even one that is stored.
 * Where it is zero, frames may have the stored size or one column or row more, which is left out as at first.
 *
 * IST_ERROR_NOT_FOUND: there is no store. IST_ERROR_STATE: it is being recorded. IST_ERROR_UNSUPPORTED:
 * a format that cannot be written. Other status as for ist_writer_create(); the store is as it was.
 */
IST_API IST_MUST_CHECK ist_status ist_writer_open(ist_writer **writer, const char *path,
                                                  const ist_writer_params *params, ist_error *error);

/*
 * Appends one frame with its number and times; its index is set by the store. The pixels are
 * not kept. A JPEG goes into the video as it is, quality and encoder notwithstanding, and may stand beside frames that
 * are encoded here. Waits at the end of a chunk only when the one before is still being finished.
 *
 * IST_ERROR_ARGUMENT: another shape or type than at creation, a time that is not finite, or a JPEG that is
 * damaged, or in a format that does not hold it;
 * nothing changes. IST_ERROR_IO: the frame could not be kept; those before are safe, and
 * every later call fails with IST_ERROR_STATE, naming the cause. IST_ERROR_STATE too: a writer that is closed (NULL).
 */
IST_API IST_MUST_CHECK ist_status ist_writer_add(ist_writer *writer, const ist_frame *frame, ist_error *error);

/*
 * Binds extra data to the frame last added: the text of a JSON object, any keys. The store adds
 * frame_time, frame_number and frame_index to it where it is read; keys of these names are
 * IST_ERROR_ARGUMENT, as are text that is not an object, and a store without a frame.
 * May be called several times for a frame.
 */
IST_API IST_MUST_CHECK ist_status ist_writer_add_extra(ist_writer *writer, const char *json, ist_error *error);

/*
 * Notes frames that never came, before the frame that is added next. They are kept in the index and beside their chunk
 * with their place, and their number in metadata.yaml when the store is closed or repaired; ist_reader_drops() gives
 * them back. In a store without a frame the places are in the index alone.
 * IST_ERROR_ARGUMENT: an unknown cause, or a count below 1.
 */
IST_API IST_MUST_CHECK ist_status ist_writer_note_drop(ist_writer *writer, const ist_drop *drop, ist_error *error);

/* About how many bytes of the disk closing the store now would take: a video is written anew when its chunk ends, and
 * the index of a ring. */
IST_API int64_t ist_writer_closing_bytes(const ist_writer *writer);

/* Frames in the store: acknowledged, and not removed. */
IST_API int64_t ist_writer_frame_count(const ist_writer *writer);

/* Frames that a ring has removed since the writer was opened. */
IST_API int64_t ist_writer_removed_frames(const ist_writer *writer);

/*
 * What goes wrong without stopping the recording: files of chunks that a ring removed cannot be deleted, and take room
 * on the disk until they can. It is tried again at the end of every chunk. NULL: nothing does. Valid until the next
 * call.
 */
IST_API const char *ist_writer_warning(const ist_writer *writer);

/*
 * Finishes the last chunk, closes the store, frees the writer and sets *writer to NULL, always.
 * On failure every acknowledged frame can still be read; the store stays marked as unfinished.
 * Takes a NULL writer: IST_OK.
 */
IST_API IST_MUST_CHECK ist_status ist_writer_close(ist_writer **writer, ist_error *error);

#ifdef __cplusplus
}
#endif
#endif
