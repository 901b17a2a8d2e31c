/* V4L2 cameras as they were recorded: they answer ioctls as the camera did, and give a script of pictures. */
#ifndef RECORDED_CAMERA_H
#define RECORDED_CAMERA_H

#include <linux/videodev2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct recorded_size {
    uint32_t width, height;
    uint32_t rates[4]; /* frames per second; 0 ends them */
    bool stepwise;     /* and every smaller size */
};

struct recorded_format {
    uint32_t fourcc;
    struct recorded_size sizes[4]; /* width 0 ends them */
};

struct recorded_control {
    uint32_t id, type;
    const char *name;
    int64_t minimum, maximum;
    const char *const *entries; /* of a menu, from 0; NULL in between: there is none */
    int64_t value;              /* as it was set last */
};

/* One VIDIOC_DQBUF. */
struct recorded_picture {
    uint32_t sequence;
    int64_t stamp_us; /* monotonic */
    uint32_t flags;   /* beside the kind of time stamp */
    uint32_t missing; /* bytes */
    int error;        /* errno; 0: a picture */
};

struct recorded_camera {
    const char *card;
    uint32_t capabilities;             /* V4L2_CAP_VIDEO_CAPTURE_MPLANE: it speaks the multi-planar interface */
    uint32_t row_padding;              /* bytes behind each row; 0: none, and it says nothing of rows */
    struct recorded_format formats[4]; /* fourcc 0 ends them */
    struct recorded_control *controls;
    int control_count;
    const struct recorded_picture *script;
    int script_length;
    /* All planes, one behind the other; size: in, room; out, bytes used. */
    void (*draw)(uint32_t sequence, uint8_t *pixels, size_t *size);
};

/* Puts the cameras at /dev/video0, 1, ...; NULL between them: there is nothing. */
void recorded_cameras_plug(struct recorded_camera *const *cameras, int count);

/* Takes the system's own calls back, and checks that everything was closed, unmapped and given back. */
void recorded_cameras_unplug(void);

/* The ioctls so far, "QUERYCAP G_FMT ..."; one that is repeated shows once. */
const char *recorded_camera_log(void);

/* Makes the n-th ioctl from now fail once; 0: none does. */
void recorded_camera_fail_at(int n);

/* What the epoch's clock is ahead of the monotonic one, in us. */
extern int64_t recorded_epoch_us;

#endif
