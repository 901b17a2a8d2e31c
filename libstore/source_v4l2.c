// Cameras through V4L2: the driver's sequence number is the frame's number, its time stamp the frame's time.

#include <errno.h>
#include <linux/videodev2.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "camera_clock.h"
#include "camera_picture.h"
#include "error.h"
#include "source_kind.h"
#include "v4l2_device.h"

enum { BUFFERS_MIN = 4, BUFFERS_MAX = 32, DEVICES_MAX = 64 };

// Formats that can be recorded.
static const struct format {
    const char *name;
    enum camera_layout layout;
    const char *encoding;          // of raw data; NULL: none
    const struct packing *packing; // NULL: none
} formats[] = {
    {"GREY", CAMERA_GRAY8, NULL, NULL},
    {"Y10", CAMERA_GRAY16, NULL, NULL},
    {"Y12", CAMERA_GRAY16, NULL, NULL},
    {"Y16", CAMERA_GRAY16, NULL, NULL},
    {"YUYV", CAMERA_YUYV, NULL, NULL},
    {"UYVY", CAMERA_UYVY, NULL, NULL},
    {"NV12", CAMERA_NV12, NULL, NULL},
    {"NM12", CAMERA_NV12, NULL, NULL},
    {"YU12", CAMERA_YUV420, NULL, NULL},
    {"YM12", CAMERA_YUV420, NULL, NULL},
    {"RGB3", CAMERA_RGB, NULL, NULL},
    {"BGR3", CAMERA_BGR, NULL, NULL},
    {"MJPG", CAMERA_JPEG, NULL, NULL},
    {"JPEG", CAMERA_JPEG, NULL, NULL},
    {"BA81", CAMERA_GRAY8, "cv_bayerrg", NULL},
    {"GBRG", CAMERA_GRAY8, "cv_bayergr", NULL},
    {"GRBG", CAMERA_GRAY8, "cv_bayergb", NULL},
    {"RGGB", CAMERA_GRAY8, "cv_bayerbg", NULL},
    {"BG10", CAMERA_GRAY16, "cv_bayerrg", NULL},
    {"GB10", CAMERA_GRAY16, "cv_bayergr", NULL},
    {"BA10", CAMERA_GRAY16, "cv_bayergb", NULL},
    {"RG10", CAMERA_GRAY16, "cv_bayerbg", NULL},
    {"BG12", CAMERA_GRAY16, "cv_bayerrg", NULL},
    {"GB12", CAMERA_GRAY16, "cv_bayergr", NULL},
    {"BA12", CAMERA_GRAY16, "cv_bayergb", NULL},
    {"RG12", CAMERA_GRAY16, "cv_bayerbg", NULL},
    {"BYR2", CAMERA_GRAY16, "cv_bayerrg", NULL},
    {"GB16", CAMERA_GRAY16, "cv_bayergr", NULL},
    {"GR16", CAMERA_GRAY16, "cv_bayergb", NULL},
    {"RG16", CAMERA_GRAY16, "cv_bayerbg", NULL},
    {"Y10P", CAMERA_GRAY16, NULL, &packing_10mipi},
    {"Y12P", CAMERA_GRAY16, NULL, &packing_12mipi},
    {"Y14P", CAMERA_GRAY16, NULL, &packing_14mipi},
    {"Y10B", CAMERA_GRAY16, NULL, &packing_10b},
    {"pBAA", CAMERA_GRAY16, "cv_bayerrg", &packing_10mipi},
    {"pGAA", CAMERA_GRAY16, "cv_bayergr", &packing_10mipi},
    {"pgAA", CAMERA_GRAY16, "cv_bayergb", &packing_10mipi},
    {"pRAA", CAMERA_GRAY16, "cv_bayerbg", &packing_10mipi},
    {"pBCC", CAMERA_GRAY16, "cv_bayerrg", &packing_12mipi},
    {"pGCC", CAMERA_GRAY16, "cv_bayergr", &packing_12mipi},
    {"pgCC", CAMERA_GRAY16, "cv_bayergb", &packing_12mipi},
    {"pRCC", CAMERA_GRAY16, "cv_bayerbg", &packing_12mipi},
    {"pBEE", CAMERA_GRAY16, "cv_bayerrg", &packing_14mipi},
    {"pGEE", CAMERA_GRAY16, "cv_bayergr", &packing_14mipi},
    {"pgEE", CAMERA_GRAY16, "cv_bayergb", &packing_14mipi},
    {"pREE", CAMERA_GRAY16, "cv_bayerbg", &packing_14mipi},
};

// Memory of the driver's that a picture, or a plane of it, comes in.
struct memory {
    void *bytes;
    size_t size;
};

// A buffer on its way to or from the driver. What V4L2 has at two places, as a device is multi-planar or not, is here
// in the planes.
struct exchange {
    struct v4l2_buffer buffer;
    struct v4l2_plane planes[V4L2_PLANES_MAX];
};

struct state {
    struct v4l2_device device;
    struct v4l2_mode mode;
    const struct format *format;
    bool encoded; // a JPEG stays one
    struct camera_converter *converter;
    struct memory buffers[BUFFERS_MAX][V4L2_PLANES_MAX];
    uint32_t buffer_count;
    bool streaming;
    struct camera_counter counter;
    int64_t epoch_ns;     // what the epoch's clock is ahead of the monotonic one
    int64_t epoch_set_ns; // when that was measured, by the monotonic clock
};

static const struct format *find_format(const char *name)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

/* ---- which camera ---- */

static const char prefix[] = "v4l2:";

static bool is_number(const char *text)
{
    return *text && strlen(text) <= 3 && text[strspn(text, "0123456789")] == '\0';
}

// "v4l2:" and what stands behind it, "/dev/video0", "0"; but not a file that is called so.
static bool accept_v4l2(const char *location)
{
    struct stat status;
    return strncmp(location, prefix, sizeof prefix - 1) == 0 || strncmp(location, "/dev/video", 10) == 0 ||
           (is_number(location) && stat(location, &status) != 0);
}

// The i-th device of the machine, if it is a camera.
static bool open_ith(struct v4l2_device *device, int i)
{
    char path[32];
    snprintf(path, sizeof path, "/dev/video%d", i);
    return v4l2_device_open(device, path, NULL) >= 0;
}

static ist_status open_first(struct v4l2_device *device, ist_error *error)
{
    for (int i = 0; i < DEVICES_MAX; i++)
        if (open_ith(device, i))
            return IST_OK;
    return error_set(error, IST_ERROR_NOT_FOUND, "there is no V4L2 camera (/dev/video0, ...)");
}

static ist_status open_device(struct v4l2_device *device, const char *location, ist_error *error)
{
    const char *name = strncmp(location, prefix, sizeof prefix - 1) == 0 ? location + sizeof prefix - 1 : location;
    char path[sizeof device->path];
    device->fd = -1;
    if (!*name)
        return open_first(device, error);
    if ((size_t)snprintf(path, sizeof path, "%s%s", is_number(name) ? "/dev/video" : "", name) >= sizeof path)
        return error_set(error, IST_ERROR_NOT_FOUND, "%s: no such device", location);
    return v4l2_device_open(device, path, error);
}

/* ---- how it is set ---- */

static bool is_mode_key(const char *key)
{
    return strcmp(key, "size") == 0 || strcmp(key, "rate") == 0 || strcmp(key, "format") == 0;
}

static ist_status refuse_format(const struct v4l2_device *device, const char *name, ist_error *error)
{
    char known[200] = "";
    for (size_t i = 0, length = 0; i < sizeof formats / sizeof *formats && length + 8 < sizeof known; i++)
        if (v4l2_device_has_format(device, formats[i].name))
            length +=
                (size_t)snprintf(known + length, sizeof known - length, "%s%s", length ? ", " : "", formats[i].name);
    return error_set(error, IST_ERROR_ARGUMENT, "%s: format=%s: must be one of %s", device->path, name, known);
}

static ist_status read_mode_option(struct state *state, const struct source_option *option, ist_error *error)
{
    struct v4l2_mode *mode = &state->mode;
    if (strcmp(option->key, "size") == 0)
        return source_option_size(option, &mode->width, &mode->height, error);
    if (strcmp(option->key, "rate") == 0)
        return source_option_number(option, 1e-3, 1e6, &mode->rate, error);
    const struct format *format = find_format(option->value);
    if (!format)
        return refuse_format(&state->device, option->value, error);
    snprintf(mode->format, sizeof mode->format, "%s", format->name);
    return IST_OK;
}

// The format that nobody asked for: the one that is set, if it can be recorded, else the first that can.
static ist_status choose_format(const struct state *state, char name[8], ist_error *error)
{
    const struct v4l2_device *device = &state->device;
    if (state->encoded && v4l2_device_has_format(device, "MJPG")) {
        strcpy(name, "MJPG");
        return IST_OK;
    }
    if (v4l2_device_get_format(device, name) && find_format(name))
        return IST_OK;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (v4l2_device_has_format(device, formats[i].name)) {
            strcpy(name, formats[i].name);
            return IST_OK;
        }
    return error_set(error, IST_ERROR_UNSUPPORTED,
                     "%s: gives pictures in no format that can be recorded; "
                     "--list-sources shows them",
                     device->path);
}

// The mode first: what the controls may be can depend on it.
static ist_status set_up(struct state *state, const char *options, ist_error *error)
{
    struct source_option option;
    ist_status status = IST_OK;
    const char *text = options;
    while (status >= 0 && (status = source_next_option(&text, ':', &option, error)) == IST_OK)
        if (is_mode_key(option.key))
            status = read_mode_option(state, &option, error);
    if (status >= 0 && !*state->mode.format)
        status = choose_format(state, state->mode.format, error);
    if (status >= 0)
        status = v4l2_device_set_mode(&state->device, &state->mode, error);
    for (text = options; status >= 0 && (status = source_next_option(&text, ':', &option, error)) == IST_OK;)
        if (!is_mode_key(option.key))
            status = v4l2_device_set_control(&state->device, &option, error);
    return status < 0 ? status : IST_OK;
}

static void fill_info(ist_source *source)
{
    const struct state *state = source->state;
    const bool coloured = state->format->layout >= CAMERA_YUYV;
    source->info.live = source->numbers = true;
    source->info.frame_rate = state->mode.rate;
    source->info.encoding = state->format->encoding;
    if (state->format->layout == CAMERA_JPEG)
        return; // whether it is gray its first picture tells
    source->info.width = state->mode.width;
    source->info.height = state->mode.height;
    source->info.channels = coloured && !source->gray ? 3 : 1;
    source->info.type = state->format->layout == CAMERA_GRAY16 ? IST_PIXEL_U16 : IST_PIXEL_U8;
}

static ist_status open_v4l2(ist_source *source, const char *location, const ist_source_params *params, ist_error *error)
{
    struct state *state = calloc(1, sizeof *state);
    if (!state)
        return error_memory(error);
    source->state = state;
    ist_status status = open_device(&state->device, location, error);
    if (status < 0)
        return status;
    state->encoded = params->encoded && !source->gray;
    state->converter = camera_converter_create();
    status = state->converter ? set_up(state, params->options, error) : error_memory(error);
    if (status < 0)
        return status;
    state->format = find_format(state->mode.format);
    fill_info(source);
    return IST_OK;
}

/* ---- the stream ---- */

static ist_status fail(const struct state *state, const char *what, ist_error *error)
{
    if (errno == ENODEV || errno == ENXIO)
        return error_set(error, IST_ERROR_IO, "%s: the camera is gone", state->device.path);
    if (errno == EBUSY)
        return error_set(error, IST_ERROR_IO, "%s: another program is using the camera", state->device.path);
    return error_set(error, IST_ERROR_IO, "%s: cannot %s: %s", state->device.path, what, strerror(errno));
}

static int exchange_buffer(const struct state *state, unsigned long request, uint32_t index, struct exchange *passed)
{
    const bool multi_planar = state->device.buffer_type == V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
    struct v4l2_buffer *buffer = &passed->buffer;
    *passed =
        (struct exchange){.buffer = {.type = state->device.buffer_type, .memory = V4L2_MEMORY_MMAP, .index = index}};
    if (multi_planar) {
        buffer->m.planes = passed->planes;
        buffer->length = (uint32_t)state->mode.plane_count;
    }
    const int result = v4l2_device_ioctl(&state->device, request, buffer);
    if (result == 0 && !multi_planar)
        passed->planes[0] = (struct v4l2_plane){
            .bytesused = buffer->bytesused, .length = buffer->length, .m.mem_offset = buffer->m.offset};
    return result;
}

static ist_status give_to_driver(struct state *state, uint32_t index, ist_error *error)
{
    struct exchange given;
    return exchange_buffer(state, VIDIOC_QBUF, index, &given) < 0 ? fail(state, "hand over a buffer", error) : IST_OK;
}

static ist_status map_buffer(struct state *state, uint32_t index, ist_error *error)
{
    struct exchange asked;
    if (exchange_buffer(state, VIDIOC_QUERYBUF, index, &asked) < 0)
        return fail(state, "ask for a buffer", error);
    for (int i = 0; i < state->mode.plane_count; i++) {
        const struct v4l2_plane *plane = &asked.planes[i];
        void *bytes = v4l2_calls.map(plane->length, state->device.fd, plane->m.mem_offset);
        if (bytes == MAP_FAILED)
            return fail(state, "map a buffer", error);
        state->buffers[index][i] = (struct memory){bytes, plane->length};
    }
    return give_to_driver(state, index, error);
}

static ist_status start(struct state *state, ist_error *error)
{
    // About a tenth of a second.
    const double wanted = fmax(BUFFERS_MIN, fmin(BUFFERS_MAX, state->mode.rate / 10));
    struct v4l2_requestbuffers request = {
        .count = (uint32_t)wanted, .type = state->device.buffer_type, .memory = V4L2_MEMORY_MMAP};
    if (v4l2_device_ioctl(&state->device, VIDIOC_REQBUFS, &request) < 0)
        return fail(state, "get buffers", error);
    state->buffer_count = request.count < BUFFERS_MAX ? request.count : BUFFERS_MAX;
    for (uint32_t i = 0; i < state->buffer_count; i++) {
        const ist_status status = map_buffer(state, i, error);
        if (status < 0)
            return status;
    }
    int type = (int)state->device.buffer_type;
    if (v4l2_device_ioctl(&state->device, VIDIOC_STREAMON, &type) < 0)
        return fail(state, "start the camera", error);
    state->streaming = true;
    return IST_OK;
}

static void stop(struct state *state)
{
    int type = (int)state->device.buffer_type;
    if (state->streaming)
        v4l2_device_ioctl(&state->device, VIDIOC_STREAMOFF, &type);
    for (uint32_t i = 0; i < state->buffer_count; i++)
        for (int k = 0; k < V4L2_PLANES_MAX; k++)
            if (state->buffers[i][k].bytes)
                v4l2_calls.unmap(state->buffers[i][k].bytes, state->buffers[i][k].size);
    state->buffer_count = 0;
}

// Takes a filled buffer, waiting until there is one.
static ist_status take_buffer(const ist_source *source, struct exchange *taken, ist_error *error)
{
    enum { LOOK_EVERY_MS = 100 };
    struct state *state = source->state;
    for (;;) {
        if (source_is_interrupted(source))
            return error_set(error, IST_ERROR_INTERRUPTED, "%s: interrupted", source->location);
        struct pollfd waiting = {.fd = state->device.fd, .events = POLLIN};
        const int ready = v4l2_calls.poll(&waiting, 1, LOOK_EVERY_MS);
        if (ready < 0 && errno != EINTR)
            return fail(state, "wait for a picture", error);
        if (ready <= 0)
            continue;
        if (exchange_buffer(state, VIDIOC_DQBUF, 0, taken) == 0)
            return IST_OK;
        if (errno == EAGAIN && waiting.revents & POLLHUP)
            errno = ENODEV;
        if (errno != EAGAIN)
            return fail(state, "take a picture", error);
    }
}

/* ---- time ---- */

static int64_t clock_ns(clockid_t clock)
{
    struct timespec time = {0};
    v4l2_calls.clock(clock, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

// The epoch's clock may be set while a camera runs, the monotonic one not. Both are read as nearly at once as possible.
static void measure_epoch(struct state *state)
{
    enum { TRIES = 5 };
    int64_t shortest_ns = INT64_MAX;
    for (int i = 0; i < TRIES; i++) {
        const int64_t before_ns = clock_ns(CLOCK_MONOTONIC);
        const int64_t epoch_ns = clock_ns(CLOCK_REALTIME);
        const int64_t after_ns = clock_ns(CLOCK_MONOTONIC);
        if (after_ns - before_ns < shortest_ns) {
            shortest_ns = after_ns - before_ns;
            state->epoch_ns = epoch_ns - before_ns - shortest_ns / 2;
            state->epoch_set_ns = after_ns;
        }
    }
}

static void set_times(struct state *state, const struct v4l2_buffer *buffer, ist_frame *frame)
{
    static const int64_t measure_every_ns = INT64_C(10000000000);
    const bool monotonic = (buffer->flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) == V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    const int64_t stamp_ns = buffer->timestamp.tv_sec * INT64_C(1000000000) + buffer->timestamp.tv_usec * INT64_C(1000);
    if (!monotonic || stamp_ns == 0) {
        frame->time_s = (double)clock_ns(CLOCK_REALTIME) / 1e9;
        return;
    }
    if (state->epoch_set_ns == 0 || stamp_ns - state->epoch_set_ns > measure_every_ns)
        measure_epoch(state);
    frame->time_s = (double)(stamp_ns + state->epoch_ns) / 1e9;
    frame->camera_time_s = (double)stamp_ns / 1e9;
}

/* ---- frames ---- */

static ist_status convert(const ist_source *source, const struct exchange *taken, ist_frame *frame, ist_error *error)
{
    const struct state *state = source->state;
    struct camera_picture picture = {
        .layout = state->format->layout,
        .packing = state->format->packing,
        .width = state->mode.width,
        .height = state->mode.height,
        .full_range = state->mode.full_range,
        .plane_count = state->mode.plane_count,
    };
    for (int i = 0; i < state->mode.plane_count; i++) {
        const struct v4l2_plane *plane = &taken->planes[i];
        const uint8_t *bytes = state->buffers[taken->buffer.index][i].bytes;
        if (plane->bytesused < plane->data_offset)
            return error_set(error, IST_ERROR_DATA, "%s: an empty picture", source->location);
        picture.planes[i] = (struct camera_plane){bytes + plane->data_offset, plane->bytesused - plane->data_offset,
                                                  state->mode.strides[i]};
    }
    return camera_picture_convert(state->converter, &picture, source->gray, state->encoded, frame, error);
}

static ist_status next_v4l2(ist_source *source, ist_frame *frame, ist_error *error)
{
    struct state *state = source->state;
    ist_status status = state->streaming ? IST_OK : start(state, error);
    while (status >= 0) {
        struct exchange taken;
        status = take_buffer(source, &taken, error);
        if (status < 0)
            break;
        frame->number = camera_counter_unroll(&state->counter, taken.buffer.sequence, 0, UINT32_MAX);
        set_times(state, &taken.buffer, frame);
        const bool broken = taken.buffer.flags & V4L2_BUF_FLAG_ERROR;
        const ist_status converted = broken ? IST_ERROR_DATA : convert(source, &taken, frame, error);
        status = give_to_driver(state, taken.buffer.index, error);
        if (status >= 0 && converted != IST_ERROR_DATA)
            return converted;
        source_note_drop(
            source,
            &(ist_drop){.cause = IST_DROP_BUS, .first_number = frame->number, .count = 1, .time_s = frame->time_s});
    }
    return status;
}

static void close_v4l2(ist_source *source)
{
    struct state *state = source->state;
    if (!state)
        return;
    stop(state);
    v4l2_device_close(&state->device);
    camera_converter_destroy(state->converter);
    free(state);
}

const struct source_kind source_v4l2 = {
    .name = "v4l2",
    .accepts = accept_v4l2,
    .open = open_v4l2,
    .next = next_v4l2,
    .close = close_v4l2,
};

ist_status source_v4l2_list(ist_camera **cameras, int *count, ist_error *error)
{
    ist_status status = IST_OK;
    for (int i = 0; i < DEVICES_MAX && status >= 0; i++) {
        struct v4l2_device device;
        if (!open_ith(&device, i))
            continue;
        ist_camera *camera = camera_list_append(cameras, count, error);
        if (camera) {
            snprintf(camera->location, sizeof camera->location, "%s", device.path);
            snprintf(camera->name, sizeof camera->name, "%s", device.card);
            status = v4l2_device_list_modes(&device, &camera->modes, &camera->mode_count, error);
        } else {
            status = IST_ERROR_MEMORY;
        }
        v4l2_device_close(&device);
    }
    return status;
}
