/* Where frames come from: cameras, files, folders, streams, devices, a test pattern. */
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
    bool gray;    /* deliver one channel, whatever the source holds */
    bool encoded; /* a camera that gives JPEGs delivers them as they are (ist_frame.encoded_size), unless `gray` */
    const char *options; /* "key=value:key=value": settings of a camera, see below; of FFmpeg's demuxer or device;
                            "rate=HZ" (25) for a folder and a TIFF stack; NULL: none */
} ist_source_params;

typedef struct ist_source_info {
    const char *kind; /* "test", "v4l2", "aravis", "folder", "tiff" or "ffmpeg" */
    int width;        /* px */
    int height;       /* px */
    int channels;     /* 1 or 3 */
    ist_pixel_type type;
    double frame_rate;      /* nominal frames per second; 0: unknown */
    int64_t frame_count;    /* as the source claims; -1: unknown or endless */
    double creation_time_s; /* start of the recording, seconds since 1970 UTC; NAN: unknown */
    bool live;              /* frames come when they come: who does not take one in time may lose it. The numbers count
                               every frame of the device, where it says so: one that is left out was dropped */
    const char *encoding; /* frames are a camera's raw data, "cv_bayerbg" as in ist_writer_params; NULL: they are not */
} ist_source_info;

/*
 * Opens a source. What the location says decides the kind:
 *
 *   test:[KEY=VALUE,...]   test pattern with known motion, see below
 *   /dev/videoN, N, v4l2:  a V4L2 camera, single- or multi-planar; v4l2: alone is the first
 *   aravis:[NAME]          a GenICam camera (GigE Vision, USB3 Vision) by its id, serial number or address; aravis:
 *                          alone is the first
 *   DIRECTORY              its images in natural order (2 before 10)
 *   FILE.tif, FILE.tiff    every page of a TIFF stack
 *   - or pipe:N            a stream on standard input or descriptor N, in any format that FFmpeg
 *                          recognises (y4m, mkv, mpegts, ...); raw pixels with the options size=WxH and
 *                          format=NAME (FFmpeg's: gray, gray16le, bgr24, yuyv422), and rate=HZ (25)
 *   x11:DISPLAY            what is on a screen, x11::0
 *   DEVICE:WHAT            another FFmpeg input device: lavfi:GRAPH, fbdev:/dev/fb0
 *   anything else          a file or URL that FFmpeg reads, http or rtsp; of several video streams the best
 *
 * From a network (SCHEME://) nothing is waited for longer than 10 s, or the option wait=SECONDS (0: for ever): opening
 * fails with IST_ERROR_IO, a recording breaks off with IST_ERROR_DATA. A slow download goes on as long as bytes come.
 * FFmpeg's own options, such as rtsp_transport=tcp, are taken as well.
 *
 * Gray stays gray. 8-bit samples come as IST_PIXEL_U8; deeper ones as IST_PIXEL_U16, gray with
 * the values that are in the file (12 bits stay 0..4095). Colour becomes BGR as
 * `ffmpeg -pix_fmt bgr24` (or bgr48) makes it. Colour delivered as gray is spread over 0..255 or
 * 0..65535. A rotation noted in the file is not applied.
 *
 * Cameras (live): settings are the options size=WxH, rate=HZ, format=NAME (a pixel format of ist_camera_mode),
 * exposure=US (microseconds, or auto), gain=VALUE (the camera's own unit, or auto), trigger=VALUE, and every control
 * of V4L2 by its name in small letters (white_balance_automatic=0) or feature of GenICam (GammaEnable=true). What is
 * not given stays as it is in the camera. Live FFmpeg devices know size, rate and format, and their own options.
 *
 *   Numbers are the camera's: the sequence number of the V4L2 driver; the frame id of GenICam, whose 16 bits of GigE
 *   Vision (65535 is followed by 1) are counted on. Frames that came damaged are given by ist_source_next_drop().
 *   Times are seconds since 1970 at which the camera had the frame; camera_time_s says what its clock said:
 *     V4L2     the driver's monotonic clock, whose distance from the epoch's is measured when the stream begins and
 *              every 10 s; setting the machine's clock shows from then on.
 *     GenICam  the camera's own clock, tied to the machine's by the frame that came fastest in the last 10 to 20 s,
 *              see camera_clock.h; times always rise. Network time in the camera (PTP) is kept in camera_time_s.
 *     network  (rtsp, rtp, udp, srt, rtmp) the stream's own times, tied to the machine's clock as those of GenICam are:
 *              late by the way that a picture takes at least, coding and decoding included (some hundredths of a second
 *              in a local network, and more where pictures are coded out of their order). camera_time_s is the stream's
 *              time, from about its beginning. Of JPEGs one by one over http (multipart) the time is when they came.
 *              There are no numbers in such streams: they count what came, and what was lost on the way shows only as a
 *              gap in the times.
 *     others   FFmpeg's; where these do not count from 1970, they are moved so that the first frame is now.
 *   Gray cameras give gray, 9 to 16 bits with the values as they are, also where they come packed (Mono12p, Y10P);
 *   colour cameras BGR, or with a filter of colours (Bayer) their raw data and info.encoding; JPEGs are decoded, unless
 *   `encoded`.
 *
 * Test pattern: a band-limited texture (wavelengths 5 to 40 px), moved by an exactly known,
 * sub-pixel amount. Keys: size=WxH (320x240), rate=HZ (25), frames=N (endless), motion=none |
 * circle | line | drift (circle), amplitude=PX (5), period=FRAMES (50), noise=SD in gray levels
 * (0), contrast=SD in gray levels (40), seed=N (1), color=0|1 (0), depth=8|16 (8; gray levels are
 * those of 8 bits, 16 bits have 257 steps for each), live=0|1 (0; 1: frames come by the clock, as from a camera with
 * four buffers: who is late misses some). With phase p = 2 pi i / period of frame i the feature has moved since frame 0
 * by circle  x = amplitude sin p,   y = amplitude (1 - cos p) line    x = amplitude sin p,   y = 0 drift   x = y =
 * amplitude i / period (x right, y down). ist_source_extra() gives it as {"motion_x": ..., "motion_y": ...}.
 *
 * `params` may be NULL for defaults; it and `location` are not kept.
 * IST_ERROR_NOT_FOUND: no such file. IST_ERROR_DATA: not something that can be read.
 * IST_ERROR_ARGUMENT: an unknown key or a value out of range; the message names what there is. IST_ERROR_UNSUPPORTED:
 * a camera whose pixel format is not read, or a GenICam camera where Aravis is not installed, or was not for the build.
 * IST_ERROR_IO: a camera that is used by somebody else, or not allowed; a server that does not
 * answer.
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
 * IST_END: there are no more. IST_ERROR_IO: the camera is gone. IST_ERROR_DATA: the source broke off (a live stream by
 * its end) or its picture size changed; frames delivered before are sound, and IST_END follows. IST_ERROR_INTERRUPTED.
 * That a source broke off is seen where its format tells (mp4, mov, avi, mkv, webm, flv, gif, y4m, TIFF); MPEG streams,
 * asf and nut just end. A damaged frame in the middle is passed over and counted in ist_source_lost().
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

/* What the receiving side of a camera counted since it began. */
typedef struct ist_source_stats {
    int64_t completed;  /* pictures that came whole */
    int64_t incomplete; /* that came with parts missing, or not at all: drops on the bus */
    int64_t underruns;  /* that came while no buffer was free; where drivers count packets, these */
} ist_source_stats;

/* Returns false where nothing is counted: for everything but GenICam cameras. */
IST_API bool ist_source_get_stats(const ist_source *source, ist_source_stats *stats);

/* Makes a waiting and every later ist_source_next() return IST_ERROR_INTERRUPTED. Async-signal-safe. */
IST_API void ist_source_interrupt(ist_source *source);

/* Closes the source and sets *source to NULL. Takes a NULL source. */
IST_API void ist_source_close(ist_source **source);

/* A picture that a camera can give. */
typedef struct ist_camera_mode {
    char format[32]; /* pixel format, as the setting format=NAME takes it: "YUYV", "MJPG", "Mono8" */
    int width;       /* px; the largest, if `smaller_too` */
    int height;      /* px */
    bool smaller_too;
    double rate_max; /* frames per second; 0: not known */
} ist_camera_mode;

/* A camera of this machine. */
typedef struct ist_camera {
    char location[256]; /* for ist_source_open() */
    char name[256];     /* for a person */
    ist_camera_mode *modes;
    int mode_count; /* 0: they cannot be asked for, as somebody else uses the camera */
} ist_camera;

/*
 * Lists the cameras: those of V4L2, then those of GenICam, if Aravis is installed, in *cameras (NULL: there are none),
 * *count of them, freed with ist_camera_list_free(). Each is opened for a moment to ask for its modes, which changes
 * nothing in it.
 * Cost: up to a second, for which cameras in the network have time to answer. IST_ERROR_MEMORY.
 */
IST_API IST_MUST_CHECK ist_status ist_camera_list(ist_camera **cameras, int *count, ist_error *error);

/* Frees the list and sets *cameras to NULL. */
IST_API void ist_camera_list_free(ist_camera **cameras, int count);

#ifdef __cplusplus
}
#endif
#endif
