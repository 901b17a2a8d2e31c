/* A V4L2 camera before it streams: what it is, which modes it has, its controls. */
#ifndef V4L2_DEVICE_H
#define V4L2_DEVICE_H

#include <libstore/source.h>
#include <poll.h>
#include <sys/types.h>
#include <time.h>

#include "source_kind.h"

/*
 * The system calls that touch a camera, and the clocks. Everything goes through the one table `v4l2_calls`, so that a
 * test can put a camera of its own there. Nobody else writes to it.
 */
struct v4l2_calls {
    int (*open)(const char *path, int flags);
    int (*close)(int fd);
    int (*ioctl)(int fd, unsigned long request, void *argument);
    void *(*map)(size_t size, int fd, off_t offset); /* MAP_FAILED: errno says why */
    int (*unmap)(void *memory, size_t size);
    int (*poll)(struct pollfd *waiting, nfds_t count, int timeout_ms);
    int (*clock)(clockid_t clock, struct timespec *time);
};

extern struct v4l2_calls v4l2_calls;

struct v4l2_device {
    int fd;               /* -1: closed */
    char path[64];        /* "/dev/video0" */
    char card[32];        /* its name */
    uint32_t buffer_type; /* V4L2_BUF_TYPE_VIDEO_CAPTURE, or V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE */
};

enum { V4L2_PLANES_MAX = 3 };

/* What is asked for, and what the camera agreed to. Zero means as it is. */
struct v4l2_mode {
    char format[8]; /* "YUYV" */
    int width, height;
    double rate;
    int plane_count; /* memories that a picture is spread over; 1 of a device that is not multi-planar */
    size_t strides[V4L2_PLANES_MAX];
    bool full_range;
};

/* IST_ERROR_UNSUPPORTED: it is there, but is no camera that can stream pictures. */
ist_status v4l2_device_open(struct v4l2_device *device, const char *path, ist_error *error);

/* Takes a closed one. */
void v4l2_device_close(struct v4l2_device *device);

/* As ioctl(), and again while signals interrupt it. */
int v4l2_device_ioctl(const struct v4l2_device *device, unsigned long request, void *argument);

/* Appends the modes in the camera's own order to an array that free() releases. */
ist_status v4l2_device_list_modes(const struct v4l2_device *device, ist_camera_mode **modes, int *count,
                                  ist_error *error);

/*
 * Sets format, size and rate, what is not asked for staying as it is, and completes `mode`. IST_ERROR_ARGUMENT: there
 * is no such mode; the message names those that there are.
 */
ist_status v4l2_device_set_mode(const struct v4l2_device *device, struct v4l2_mode *mode, ist_error *error);

/*
 * Sets a control by its name, as `v4l2-ctl --list-ctrls` writes it: lower case, with "_" between words. Menus take the
 * name of the entry too. "exposure" is in us or "auto", "gain" a number or "auto", "trigger" the first control that has
 * it in its name. IST_ERROR_ARGUMENT: there is no such control, or it does not take the value; the message tells what
 * there is.
 */
ist_status v4l2_device_set_control(const struct v4l2_device *device, const struct source_option *option,
                                   ist_error *error);

/* The format that is set, "YUYV". false: it does not say. */
bool v4l2_device_get_format(const struct v4l2_device *device, char name[8]);

/* True if the formats of the camera's own list include this one. */
bool v4l2_device_has_format(const struct v4l2_device *device, const char *format);

/* The four letters of a pixel format, without trailing blanks; and back. */
void v4l2_format_name(uint32_t fourcc, char name[8]);
uint32_t v4l2_format_code(const char *name);

#endif
