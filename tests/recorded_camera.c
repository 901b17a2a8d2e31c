#include "recorded_camera.h"

#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "v4l2_device.h"

enum { BUFFERS = 32, PLANES = 3, FD_FIRST = 1000, DATA_OFFSET = 24 /* in a plane of the multi-planar interface */ };

static struct recorded_camera *const *cameras;
static int camera_count;
static struct v4l2_calls sound_calls;
int64_t recorded_epoch_us = INT64_C(1700000000000000);

/* The one camera that is open. */
static struct {
    struct recorded_camera *camera;
    uint32_t format, width, height, rate;
    uint8_t *buffers[BUFFERS * PLANES];
    size_t plane_sizes[PLANES]; /* of the buffers, without what is before the data */
    int plane_count;
    uint32_t buffer_count;
    uint32_t queue[BUFFERS]; /* with the driver, in their order */
    int queued;
    bool streaming;
    int played;
    int open_count, mapped;
    int64_t now_us;
} now;

static char log_text[4096];
static const char *last_logged;
static int fail_in;

static int refuse(int number)
{
    errno = number;
    return -1;
}

static bool is_multi_planar(void)
{
    return now.camera->capabilities & V4L2_CAP_VIDEO_CAPTURE_MPLANE;
}

/* Who speaks the one interface is refused by the other. */
static bool is_own_type(uint32_t type)
{
    return type == (uint32_t)(is_multi_planar() ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : V4L2_BUF_TYPE_VIDEO_CAPTURE);
}

static uint32_t row_size(void)
{
    switch (now.format) {
    case V4L2_PIX_FMT_GREY:
    case V4L2_PIX_FMT_SRGGB8:
    case V4L2_PIX_FMT_NV12:
    case V4L2_PIX_FMT_NV12M:
    case V4L2_PIX_FMT_YUV420:
    case V4L2_PIX_FMT_YUV420M:
        return now.width + now.camera->row_padding;
    case V4L2_PIX_FMT_SRGGB10P:
        return now.width * 5 / 4 + now.camera->row_padding;
    case V4L2_PIX_FMT_RGB24:
        return now.width * 3 + now.camera->row_padding;
    default:
        return now.width * 2 + now.camera->row_padding;
    }
}

/* Returns how many memories a picture lies in. */
static int find_planes(size_t sizes[PLANES], uint32_t strides[PLANES])
{
    const uint32_t row = row_size();
    const size_t luma = (size_t)row * now.height;
    sizes[0] = luma;
    strides[0] = row;
    switch (now.format) {
    case V4L2_PIX_FMT_NV12M:
        sizes[1] = luma / 2;
        strides[1] = row;
        return 2;
    case V4L2_PIX_FMT_YUV420M:
        sizes[1] = sizes[2] = luma / 4;
        strides[1] = strides[2] = row / 2;
        return 3;
    case V4L2_PIX_FMT_NV12:
    case V4L2_PIX_FMT_YUV420:
        sizes[0] = luma * 3 / 2;
        return 1;
    default:
        return 1;
    }
}

static const struct recorded_format *find_format(uint32_t fourcc)
{
    for (int i = 0; i < 4 && now.camera->formats[i].fourcc; i++)
        if (now.camera->formats[i].fourcc == fourcc)
            return &now.camera->formats[i];
    return NULL;
}

/* ---- what the camera is ---- */

static int query_capability(struct v4l2_capability *capability)
{
    snprintf((char *)capability->card, sizeof capability->card, "%s", now.camera->card);
    capability->capabilities =
        V4L2_CAP_DEVICE_CAPS | V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2_CAP_META_CAPTURE;
    capability->device_caps = now.camera->capabilities;
    return 0;
}

static int enumerate_format(struct v4l2_fmtdesc *format)
{
    if (!is_own_type(format->type) || format->index >= 4 || !now.camera->formats[format->index].fourcc)
        return refuse(EINVAL);
    format->pixelformat = now.camera->formats[format->index].fourcc;
    return 0;
}

static int enumerate_size(struct v4l2_frmsizeenum *size)
{
    const struct recorded_format *format = find_format(size->pixel_format);
    if (!format || size->index >= 4 || !format->sizes[size->index].width)
        return refuse(EINVAL);
    const struct recorded_size *recorded = &format->sizes[size->index];
    size->type = recorded->stepwise ? V4L2_FRMSIZE_TYPE_STEPWISE : V4L2_FRMSIZE_TYPE_DISCRETE;
    if (recorded->stepwise)
        size->stepwise = (struct v4l2_frmsize_stepwise){16, recorded->width, 2, 16, recorded->height, 2};
    else
        size->discrete = (struct v4l2_frmsize_discrete){recorded->width, recorded->height};
    return 0;
}

static const struct recorded_size *find_size(uint32_t fourcc, uint32_t width, uint32_t height)
{
    const struct recorded_format *format = find_format(fourcc);
    for (int i = 0; format && i < 4 && format->sizes[i].width; i++) {
        const struct recorded_size *size = &format->sizes[i];
        if ((width == size->width && height == size->height) ||
            (size->stepwise && width <= size->width && height <= size->height))
            return size;
    }
    return NULL;
}

static int enumerate_interval(struct v4l2_frmivalenum *interval)
{
    const struct recorded_size *size = find_size(interval->pixel_format, interval->width, interval->height);
    if (!size || interval->index >= 4 || !size->rates[interval->index])
        return refuse(EINVAL);
    interval->type = V4L2_FRMIVAL_TYPE_DISCRETE;
    interval->discrete = (struct v4l2_fract){1, size->rates[interval->index]};
    return 0;
}

static int get_format(struct v4l2_format *format)
{
    size_t sizes[PLANES];
    uint32_t strides[PLANES];
    const int count = find_planes(sizes, strides);
    if (!is_own_type(format->type))
        return refuse(EINVAL);
    if (is_multi_planar()) {
        struct v4l2_pix_format_mplane *pixels = &format->fmt.pix_mp;
        *pixels = (struct v4l2_pix_format_mplane){
            .width = now.width, .height = now.height, .pixelformat = now.format, .num_planes = (uint8_t)count};
        for (int i = 0; i < count; i++)
            pixels->plane_fmt[i] =
                (struct v4l2_plane_pix_format){.sizeimage = (uint32_t)sizes[i], .bytesperline = strides[i]};
    } else {
        format->fmt.pix = (struct v4l2_pix_format){.width = now.width,
                                                   .height = now.height,
                                                   .pixelformat = now.format,
                                                   .bytesperline = now.camera->row_padding ? strides[0] : 0,
                                                   .sizeimage = (uint32_t)sizes[0]};
    }
    return 0;
}

/* As drivers do: what is not there becomes what is. */
static int set_format(struct v4l2_format *format)
{
    const bool multi_planar = is_multi_planar();
    const uint32_t asked = multi_planar ? format->fmt.pix_mp.pixelformat : format->fmt.pix.pixelformat;
    const uint32_t width = multi_planar ? format->fmt.pix_mp.width : format->fmt.pix.width;
    const uint32_t height = multi_planar ? format->fmt.pix_mp.height : format->fmt.pix.height;
    if (find_format(asked))
        now.format = asked;
    if (find_size(now.format, width, height)) {
        now.width = width;
        now.height = height;
    } else {
        now.width = find_format(now.format)->sizes[0].width;
        now.height = find_format(now.format)->sizes[0].height;
    }
    return get_format(format);
}

static int set_rate(struct v4l2_streamparm *parameters, bool set)
{
    if (!is_own_type(parameters->type))
        return refuse(EINVAL);
    struct v4l2_fract *interval = &parameters->parm.capture.timeperframe;
    const uint32_t *rates = find_size(now.format, now.width, now.height)->rates;
    if (!set || now.rate == 0)
        now.rate = rates[0];
    for (int i = 0; set && i < 4 && rates[i]; i++)
        if (rates[i] * interval->numerator == interval->denominator)
            now.rate = rates[i];
    *interval = (struct v4l2_fract){1, now.rate};
    return 0;
}

/* ---- controls ---- */

static int query_control(struct v4l2_query_ext_ctrl *query)
{
    const bool next = query->id & V4L2_CTRL_FLAG_NEXT_CTRL;
    const uint32_t id = query->id & ~(uint32_t)V4L2_CTRL_FLAG_NEXT_CTRL;
    for (int i = 0; i < now.camera->control_count; i++) {
        const struct recorded_control *control = &now.camera->controls[i];
        if (next ? control->id <= id : control->id != id)
            continue;
        *query = (struct v4l2_query_ext_ctrl){
            .id = control->id, .type = control->type, .minimum = control->minimum, .maximum = control->maximum};
        snprintf(query->name, sizeof query->name, "%s", control->name);
        return 0;
    }
    return refuse(EINVAL);
}

static struct recorded_control *find_control(uint32_t id)
{
    for (int i = 0; i < now.camera->control_count; i++)
        if (now.camera->controls[i].id == id)
            return &now.camera->controls[i];
    return NULL;
}

static int query_menu(struct v4l2_querymenu *entry)
{
    const struct recorded_control *control = find_control(entry->id);
    if (!control || !control->entries || !control->entries[entry->index])
        return refuse(EINVAL);
    snprintf((char *)entry->name, sizeof entry->name, "%s", control->entries[entry->index]);
    return 0;
}

static int set_control(const struct v4l2_ext_controls *controls)
{
    ck_assert_uint_eq(controls->count, 1);
    struct recorded_control *control = find_control(controls->controls[0].id);
    if (!control)
        return refuse(EINVAL);
    const int64_t value = controls->controls[0].value;
    if (value < control->minimum || value > control->maximum || (control->entries && !control->entries[value]))
        return refuse(ERANGE);
    control->value = value;
    return 0;
}

/* ---- the stream ---- */

static int request_buffers(struct v4l2_requestbuffers *request)
{
    uint32_t strides[PLANES];
    ck_assert_uint_eq(request->memory, V4L2_MEMORY_MMAP);
    if (!is_own_type(request->type))
        return refuse(EINVAL);
    now.buffer_count = request->count;
    now.plane_count = find_planes(now.plane_sizes, strides);
    return 0;
}

/* Bytes in front of the data. */
static size_t data_offset(void)
{
    return is_multi_planar() ? DATA_OFFSET : 0;
}

static off_t offset_of(uint32_t index, int plane)
{
    return (off_t)(index * PLANES + (uint32_t)plane) * 0x10000;
}

/* The planes of a multi-planar buffer, for which the caller must have made room; NULL: there are none. */
static struct v4l2_plane *planes_of(const struct v4l2_buffer *buffer)
{
    ck_assert(is_own_type(buffer->type));
    if (!is_multi_planar())
        return NULL;
    ck_assert_ptr_nonnull(buffer->m.planes);
    ck_assert_uint_ge(buffer->length, (unsigned)now.plane_count);
    return buffer->m.planes;
}

static int query_buffer(struct v4l2_buffer *buffer)
{
    struct v4l2_plane *planes = planes_of(buffer);
    ck_assert_uint_lt(buffer->index, now.buffer_count);
    if (!planes) {
        buffer->length = (uint32_t)now.plane_sizes[0];
        buffer->m.offset = (uint32_t)offset_of(buffer->index, 0);
    }
    for (int i = 0; planes && i < now.plane_count; i++) {
        planes[i].length = (uint32_t)(now.plane_sizes[i] + data_offset());
        planes[i].m.mem_offset = (uint32_t)offset_of(buffer->index, i);
    }
    return 0;
}

static int queue_buffer(const struct v4l2_buffer *buffer)
{
    (void)planes_of(buffer);
    ck_assert_uint_lt(buffer->index, now.buffer_count);
    for (int i = 0; i < now.queued; i++)
        ck_assert_uint_ne(now.queue[i], buffer->index);
    now.queue[now.queued++] = buffer->index;
    return 0;
}

/* Draws into the planes of a buffer, and says how much of each is used. */
static void draw(const struct recorded_picture *picture, uint32_t index, size_t used[PLANES])
{
    size_t size = 0, at = 0;
    for (int i = 0; i < now.plane_count; i++)
        size += now.plane_sizes[i];
    uint8_t *all = malloc(size);
    ck_assert_ptr_nonnull(all);
    now.camera->draw(picture->sequence, all, &size);
    for (int i = 0; i < now.plane_count; i++) {
        used[i] = size - at < now.plane_sizes[i] ? size - at : now.plane_sizes[i];
        memcpy(now.buffers[index * PLANES + (uint32_t)i] + data_offset(), all + at, used[i]);
        at += used[i];
    }
    used[now.plane_count - 1] -= picture->missing;
    free(all);
}

static int dequeue_buffer(struct v4l2_buffer *buffer)
{
    struct v4l2_plane *planes = planes_of(buffer);
    ck_assert(now.streaming);
    if (now.played == now.camera->script_length || now.queued == 0)
        return refuse(EAGAIN);
    const struct recorded_picture *picture = &now.camera->script[now.played];
    if (picture->error)
        return refuse(picture->error);
    now.played++;
    if (picture->stamp_us > now.now_us)
        now.now_us = picture->stamp_us;
    const uint32_t index = now.queue[0];
    memmove(now.queue, now.queue + 1, (size_t)--now.queued * sizeof *now.queue);
    size_t used[PLANES];
    draw(picture, index, used);
    *buffer = (struct v4l2_buffer){.index = index,
                                   .type = buffer->type,
                                   .flags = picture->flags | V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC,
                                   .sequence = picture->sequence};
    if (!planes)
        buffer->bytesused = (uint32_t)used[0];
    for (int i = 0; planes && i < now.plane_count; i++) {
        planes[i].data_offset = (uint32_t)data_offset();
        planes[i].bytesused = (uint32_t)(used[i] + data_offset());
    }
    if (planes) {
        buffer->m.planes = planes;
        buffer->length = (uint32_t)now.plane_count;
    }
    buffer->timestamp.tv_sec = picture->stamp_us / 1000000;
    buffer->timestamp.tv_usec = picture->stamp_us % 1000000;
    return 0;
}

static int stream(bool on, const int *type)
{
    ck_assert(is_own_type((uint32_t)*type));
    ck_assert(now.streaming != on);
    now.streaming = on;
    return 0;
}

/* ---- the calls ---- */

static const struct {
    unsigned long request;
    const char *name;
} names[] = {
    {VIDIOC_QUERYCAP, "QUERYCAP"},
    {VIDIOC_ENUM_FMT, "ENUM_FMT"},
    {VIDIOC_ENUM_FRAMESIZES, "ENUM_FRAMESIZES"},
    {VIDIOC_ENUM_FRAMEINTERVALS, "ENUM_FRAMEINTERVALS"},
    {VIDIOC_G_FMT, "G_FMT"},
    {VIDIOC_S_FMT, "S_FMT"},
    {VIDIOC_G_PARM, "G_PARM"},
    {VIDIOC_S_PARM, "S_PARM"},
    {VIDIOC_QUERY_EXT_CTRL, "QUERY_EXT_CTRL"},
    {VIDIOC_QUERYMENU, "QUERYMENU"},
    {VIDIOC_S_EXT_CTRLS, "S_EXT_CTRLS"},
    {VIDIOC_REQBUFS, "REQBUFS"},
    {VIDIOC_QUERYBUF, "QUERYBUF"},
    {VIDIOC_QBUF, "QBUF"},
    {VIDIOC_DQBUF, "DQBUF"},
    {VIDIOC_STREAMON, "STREAMON"},
    {VIDIOC_STREAMOFF, "STREAMOFF"},
};

static void note(unsigned long request)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].request == request && names[i].name != last_logged) {
            last_logged = names[i].name;
            const size_t length = strlen(log_text);
            snprintf(log_text + length, sizeof log_text - length, "%s%s", length ? " " : "", last_logged);
        }
}

static int replay_ioctl(int fd, unsigned long request, void *argument)
{
    ck_assert_int_ge(fd, FD_FIRST);
    note(request);
    if (fail_in > 0 && --fail_in == 0)
        return refuse(EIO);
    switch (request) {
    case VIDIOC_QUERYCAP:
        return query_capability(argument);
    case VIDIOC_ENUM_FMT:
        return enumerate_format(argument);
    case VIDIOC_ENUM_FRAMESIZES:
        return enumerate_size(argument);
    case VIDIOC_ENUM_FRAMEINTERVALS:
        return enumerate_interval(argument);
    case VIDIOC_G_FMT:
        return get_format(argument);
    case VIDIOC_S_FMT:
        return set_format(argument);
    case VIDIOC_G_PARM:
        return set_rate(argument, false);
    case VIDIOC_S_PARM:
        return set_rate(argument, true);
    case VIDIOC_QUERY_EXT_CTRL:
        return query_control(argument);
    case VIDIOC_QUERYMENU:
        return query_menu(argument);
    case VIDIOC_S_EXT_CTRLS:
        return set_control(argument);
    case VIDIOC_REQBUFS:
        return request_buffers(argument);
    case VIDIOC_QUERYBUF:
        return query_buffer(argument);
    case VIDIOC_QBUF:
        return queue_buffer(argument);
    case VIDIOC_DQBUF:
        return dequeue_buffer(argument);
    case VIDIOC_STREAMON:
        return stream(true, argument);
    case VIDIOC_STREAMOFF:
        return stream(false, argument);
    default:
        return refuse(ENOTTY);
    }
}

static int replay_open(const char *path, int flags)
{
    int i, length = 0;
    (void)flags;
    if (sscanf(path, "/dev/video%d%n", &i, &length) != 1 || path[length] || i < 0 || i >= camera_count || !cameras[i])
        return refuse(ENOENT);
    if (now.open_count > 0)
        return refuse(EBUSY);
    memset(&now, 0, sizeof now);
    now.camera = cameras[i];
    now.format = now.camera->formats[0].fourcc;
    now.width = now.camera->formats[0].sizes[0].width;
    now.height = now.camera->formats[0].sizes[0].height;
    now.open_count = 1;
    return FD_FIRST + i;
}

static int replay_close(int fd)
{
    ck_assert_int_ge(fd, FD_FIRST);
    now.streaming = false;
    now.open_count--;
    return 0;
}

static void *replay_map(size_t size, int fd, off_t offset)
{
    const size_t i = (size_t)offset / 0x10000;
    (void)fd;
    ck_assert_uint_lt(i, now.buffer_count * PLANES);
    ck_assert_uint_eq(size, now.plane_sizes[i % PLANES] + data_offset());
    now.mapped++;
    return now.buffers[i] = malloc(size);
}

static int replay_unmap(void *memory, size_t size)
{
    size_t i = 0;
    while (i < BUFFERS * PLANES && now.buffers[i] != memory)
        i++;
    ck_assert_uint_lt(i, BUFFERS * PLANES);
    ck_assert_uint_eq(size, now.plane_sizes[i % PLANES] + data_offset());
    now.buffers[i] = NULL;
    now.mapped--;
    free(memory);
    return 0;
}

static int replay_poll(struct pollfd *waiting, nfds_t count, int timeout_ms)
{
    (void)count;
    const bool ready = now.played < now.camera->script_length;
    waiting->revents = ready ? POLLIN : 0;
    if (!ready)
        now.now_us += timeout_ms * 1000;
    return ready;
}

static int replay_clock(clockid_t clock, struct timespec *time)
{
    now.now_us++; // looking takes time
    const int64_t us = now.now_us + (clock == CLOCK_REALTIME ? recorded_epoch_us : 0);
    *time = (struct timespec){us / 1000000, us % 1000000 * 1000};
    return 0;
}

void recorded_cameras_plug(struct recorded_camera *const *plugged, int count)
{
    sound_calls = v4l2_calls;
    cameras = plugged;
    camera_count = count;
    log_text[0] = '\0';
    last_logged = NULL;
    fail_in = 0;
    memset(&now, 0, sizeof now);
    v4l2_calls = (struct v4l2_calls){.open = replay_open,
                                     .close = replay_close,
                                     .ioctl = replay_ioctl,
                                     .map = replay_map,
                                     .unmap = replay_unmap,
                                     .poll = replay_poll,
                                     .clock = replay_clock};
}

void recorded_cameras_unplug(void)
{
    ck_assert_int_eq(now.open_count, 0);
    ck_assert_int_eq(now.mapped, 0);
    v4l2_calls = sound_calls;
}

const char *recorded_camera_log(void)
{
    return log_text;
}

void recorded_camera_fail_at(int n)
{
    fail_in = n;
}
