/* One picture with its place in a recording. */
#ifndef LIBSTORE_FRAME_H
#define LIBSTORE_FRAME_H

#include <libstore/error.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ist_pixel_type {
    IST_PIXEL_U8 = 0,
    IST_PIXEL_U16 = 1, /* native byte order */
} ist_pixel_type;

/*
 * A frame: pixels, and index, number and time.
 *
 * Pixels are rows from top to bottom, each row `width` pixels of `channels` samples; three
 * channels are in the order blue, green, red. The sample in column x, row y, channel c lies at
 *     data + y * stride + (x * channels + c) * ist_pixel_size(type)
 *
 * A frame may hold a JPEG instead, as a camera gave it: then encoded_size is above 0, data are so
 * many bytes, and stride means nothing. Only what says so takes or gives such frames.
 *
 * Whoever holds the frame owns its pixels. Two ways to get one:
 *   - `ist_frame frame = {0}` handed to a reader or a source, which allocates `buffer` and
 *     uses it again at the next call; ist_frame_free() releases it;
 *   - data pointing into memory of the caller's own, buffer NULL: for giving frames away.
 *
 * Thread-safety: plain data; one thread at a time.
 */
typedef struct ist_frame {
    uint8_t *data;
    ptrdiff_t stride; /* bytes from one row to the next */
    int width;        /* px */
    int height;       /* px */
    int channels;     /* 1 gray, 3 blue green red */
    ist_pixel_type type;

    int64_t index;  /* 0..n-1 in the store */
    int64_t number; /* the camera's counter */
    double time_s;  /* seconds, normally since 1970-01-01 UTC */

    double camera_time_s; /* the same moment by the camera's own clock, from a zero of its own; 0: not known, or no
                             other than time_s. Of a frame read from a store, ist_reader_camera_times() tells it */
    size_t encoded_size;  /* 0: pixels; else the bytes of a JPEG */

    void *buffer;           /* allocated by ist_frame_alloc, or NULL */
    size_t buffer_capacity; /* bytes in buffer */
} ist_frame;

/* Where frames were lost on the way from the camera to a store. */
typedef enum ist_drop_cause {
    IST_DROP_CAMERA, /* the camera or its driver had no place for them: its counter leaves their numbers out */
    IST_DROP_BUS,    /* they came, but not whole */
    IST_DROP_QUEUE,  /* the recorder's queue was full */
    IST_DROP_CAUSE_COUNT,
} ist_drop_cause;

/* Returns the word for a cause: "camera", "bus" or "queue". */
IST_API const char *ist_drop_cause_name(ist_drop_cause cause);

/* Neighbouring frames that were dropped: numbers first_number .. first_number + count - 1. */
typedef struct ist_drop {
    ist_drop_cause cause;
    int64_t first_number;
    int64_t count;
    double time_s; /* of the first of them if it is known, else of the frame after them */
} ist_drop;

/* Returns the bytes in one sample: 1 or 2. */
IST_API size_t ist_pixel_size(ist_pixel_type type);

/*
 * Gives the frame room for width x height pixels, rows packed without gaps, and sets its shape.
 * Its own buffer is kept when it is large enough. The pixels are undefined afterwards; index,
 * number and time stay.
 *
 * IST_ERROR_ARGUMENT: a size below 1 or above 65535, or channels other than 1 or 3.
 * IST_ERROR_MEMORY: no memory; the frame is as it was.
 */
IST_API IST_MUST_CHECK ist_status ist_frame_alloc(ist_frame *frame, int width, int height, int channels,
                                                  ist_pixel_type type, ist_error *error);

/*
 * Makes the frame hold a copy of a JPEG, without decoding it; width, height and channels are those of its picture,
 * index, number and times stay. What a camera left behind the end of the picture is cut off.
 * IST_ERROR_DATA: not a JPEG, or not all of one. IST_ERROR_UNSUPPORTED: of another kind than baseline or progressive,
 * 8 bit, 1 or 3 components. IST_ERROR_MEMORY.
 */
IST_API IST_MUST_CHECK ist_status ist_frame_set_jpeg(ist_frame *frame, const void *bytes, size_t size,
                                                     ist_error *error);

/* Makes `to` a copy of `from`, pixels, index, number and times, in to's own buffer. Status as for ist_frame_alloc(). */
IST_API IST_MUST_CHECK ist_status ist_frame_copy(ist_frame *to, const ist_frame *from, ist_error *error);

/* Releases the frame's own buffer and sets every field to zero. Takes a frame of zeros, and NULL. */
IST_API void ist_frame_free(ist_frame *frame);

#ifdef __cplusplus
}
#endif
#endif
