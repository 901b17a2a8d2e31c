/* Where frames come from: files, folders, streams, devices, a test pattern. */
#ifndef LIBSTORE_SOURCE_H
#define LIBSTORE_SOURCE_H

#include <libstore/frame.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A source of frames, read once from front to back.
 *
 * Thread-safety: one thread at a time; ist_source_interrupt() alone may be called from any
 * thread and from a signal handler.
 */
typedef struct ist_source ist_source;

typedef struct ist_source_params {
    bool gray;           /* deliver one channel, whatever the source holds */
    const char *options; /* "key=value:key=value" for FFmpeg's demuxer or device; "rate=HZ" (25) for a folder and a
                            TIFF stack; NULL: none */
} ist_source_params;

typedef struct ist_source_info {
    const char *kind; /* "test", "folder", "tiff" or "ffmpeg" */
    int width;        /* px */
    int height;       /* px */
    int channels;     /* 1 or 3 */
    ist_pixel_type type;
    double frame_rate;      /* nominal frames per second; 0: unknown */
    int64_t frame_count;    /* as the source claims; -1: unknown or endless */
    double creation_time_s; /* start of the recording, seconds since 1970 UTC; NAN: unknown */
    bool live;              /* frames come when they come: who does not take one in time may lose it. The numbers count
                               every frame of the device, where it says so: one that is left out was dropped */
} ist_source_info;

/*
 * Opens a source. What the location says decides the kind:
 *
 *   test:[KEY=VALUE,...]   test pattern with known motion, see below
 *   DIRECTORY              its images in natural order (2 before 10)
 *   FILE.tif, FILE.tiff    every page of a TIFF stack
 *   - or pipe:N            a stream on standard input or descriptor N, in any format that FFmpeg
 *                          recognises
 *   DEVICE:WHAT            an FFmpeg input device: lavfi:GRAPH, v4l2:/dev/video0, x11grab::0
 *   anything else          a file or URL that FFmpeg reads; of several video streams the best
 *
 * Gray stays gray. 8-bit samples come as IST_PIXEL_U8; deeper ones as IST_PIXEL_U16, gray with
 * the values that are in the file (12 bits stay 0..4095). Colour becomes BGR as
 * `ffmpeg -pix_fmt bgr24` (or bgr48) makes it. Colour delivered as gray is spread over 0..255 or
 * 0..65535. A rotation noted in the file is not applied.
 *
 * Test pattern: a band-limited texture (wavelengths 5 to 40 px), moved by an exactly known,
 * sub-pixel amount. Keys: size=WxH (320x240), rate=HZ (25), frames=N (endless), motion=none |
 * circle | line | drift (circle), amplitude=PX (5), period=FRAMES (50), noise=SD in gray levels
 * (0), contrast=SD in gray levels (40), seed=N (1), color=0|1 (0), depth=8|16 (8; gray levels are
 * those of 8 bits, 16 bits have 257 steps for each), live=0|1 (0; 1: frames come by the clock, as from a camera with four
 * buffers: who is late misses some). With phase
 * p = 2 pi i / period of frame i the feature has moved since frame 0 by
 *     circle  x = amplitude sin p,   y = amplitude (1 - cos p)
 *     line    x = amplitude sin p,   y = 0
 *     drift   x = y = amplitude i / period
 * (x right, y down). ist_source_extra() gives it as {"motion_x": ..., "motion_y": ...}.
 *
 * `params` may be NULL for defaults; it and `location` are not kept.
 * IST_ERROR_NOT_FOUND: no such file. IST_ERROR_DATA: not something that can be read.
 * IST_ERROR_ARGUMENT: an unknown key or a value out of range. IST_ERROR_IO.
 */
IST_API IST_MUST_CHECK ist_status ist_source_open(ist_source **source, const char *location,
                                                  const ist_source_params *params, ist_error *error);

/* What the source delivers. Valid until the source is closed. */
IST_API const ist_source_info *ist_source_get_info(const ist_source *source);

/*
 * Delivers the next frame into `frame`, whose buffer is used again. index and number count from
 * 0; frames that were lost leave a gap in the numbers. time_s is the frame's presentation time in
 * the source, plus the recording's creation time where the source has one; images without times are
 * 1 / frame_rate apart.
 *
 * IST_END: there are no more. IST_ERROR_DATA: the source broke off or its picture size changed; frames delivered
 * before are sound, and IST_END follows. IST_ERROR_INTERRUPTED.
 * That a source broke off is seen where its format tells (mp4, mov, avi, mkv, webm, flv, gif, y4m, TIFF); MPEG
 * streams, asf and nut just end. A damaged frame in the middle is passed over and counted in ist_source_lost().
 */
IST_API IST_MUST_CHECK ist_status ist_source_next(ist_source *source, ist_frame *frame, ist_error *error);

/* JSON object that the source has to say about the frame last delivered, or NULL. Valid until the next call. */
IST_API const char *ist_source_extra(const ist_source *source);

/*
 * Gives frames that the source knows to have been lost on their way, because they came but not whole, before the frame
 * delivered last. Returns false when there are no more; to be called after each frame until then. Gaps in the numbers
 * that are not given here were left out by the device itself.
 */
IST_API bool ist_source_next_drop(ist_source *source, ist_drop *drop);

/* Frames so far that the source held but that could not be decoded. */
IST_API int64_t ist_source_lost(const ist_source *source);

/* Which frame was lost last, and why; "": none was, or the caller gave no ist_error. Valid until the next call. */
IST_API const char *ist_source_lost_reason(const ist_source *source);

/* Makes a waiting and every later ist_source_next() return IST_ERROR_INTERRUPTED. Async-signal-safe. */
IST_API void ist_source_interrupt(ist_source *source);

/* Closes the source and sets *source to NULL. Takes a NULL source. */
IST_API void ist_source_close(ist_source **source);

#ifdef __cplusplus
}
#endif
#endif
