/*
 * From frames to planes in which templates are searched: gray, differences, background, blur.
 *
 * A prepared plane holds whole numbers, so that sums over it are exact: gray level v is v * steps + zero, rounded.
 */
#ifndef PREPARE_H
#define PREPARE_H

#include <libtrack/prepare.h>

#include "kernels.h"
#include "plane.h"

enum { PREPARE_RADIUS_MAX = 4 * TRK_BLUR_MAX_PX };

/* What is done, and with what result. */
struct preparation {
    int width, height, channels; /* of frames, as the next */
    ist_pixel_type frame_type;
    bool plain;          /* nothing is done: planes are gray frames */
    bool difference;     /* minus the frame before */
    bool subtracts;      /* a background; false for templates that have no place in the picture */
    float *background;   /* width x height gray levels; NULL: not known yet */
    ist_pixel_type type; /* of planes */
    float steps, zero;   /* of planes */
    struct kernels kernels;
    int radius; /* of the blur; 0: none */
    float taps[2 * PREPARE_RADIUS_MAX + 1];
};

/* A picture before it is prepared: a frame, or rows of floats without gaps. */
struct picture {
    int width, height;
    const ist_frame *frame;  /* NULL: samples */
    const ist_frame *before; /* NULL: nothing is subtracted */
    float scale;             /* makes the frame's samples gray levels of the store */
    const float *samples;
};

/* Working memory of one thread; all zero is empty. */
struct prepare_room {
    float *line; /* two rows, and `radius` samples on either side of one */
    float *rows; /* blurred along rows, with `radius` rows above and below */
};

/* IST_ERROR_ARGUMENT: asked for what there is not. prepare_finish() releases it. */
ist_status prepare_init(struct preparation *preparation, int width, int height, int channels, ist_pixel_type type,
                        const trk_preparation *params, const struct kernels *kernels, ist_error *error);
void prepare_finish(struct preparation *preparation);

/* Makes room for pictures up to the size of frames. prepare_room_finish() releases it, after a failure too. */
ist_status prepare_room_init(struct prepare_room *room, const struct preparation *preparation, ist_error *error);
void prepare_room_finish(struct prepare_room *room);

/* Bytes that prepare_frame() needs for a plane's samples; 0: it can do without. */
size_t prepare_samples_size(const struct preparation *preparation);

/*
 * Makes the plane of a frame: the frame's own samples where they can serve, else samples written to `samples`.
 * `before` is used where differences are measured, `room` where anything is done.
 */
struct plane prepare_frame(const struct preparation *preparation, struct prepare_room *room, const ist_frame *frame,
                           const ist_frame *before, void *samples);

/*
 * Makes the plane of any picture not larger than a frame: rounded to `samples`, of which there is room for
 * width x height, and unrounded to `fine`, which may be NULL.
 */
struct plane prepare_picture(const struct preparation *preparation, struct prepare_room *room,
                             const struct picture *picture, void *samples, float *fine);

#endif
