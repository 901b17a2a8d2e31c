#include "v4l2_device.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/videodev2.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "error.h"

static int call_open(const char *path, int flags)
{
    return open(path, flags);
}

static int call_ioctl(int fd, unsigned long request, void *argument)
{
    return ioctl(fd, request, argument);
}

static void *call_map(size_t size, int fd, off_t offset)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
}

struct v4l2_calls v4l2_calls = {
    .open = call_open,
    .close = close,
    .ioctl = call_ioctl,
    .map = call_map,
    .unmap = munmap,
    .poll = poll,
    .clock = clock_gettime,
};

int v4l2_device_ioctl(const struct v4l2_device *device, unsigned long request, void *argument)
{
    int result;
    do
        result = v4l2_calls.ioctl(device->fd, request, argument);
    while (result < 0 && errno == EINTR);
    return result;
}

static ist_status fail(const struct v4l2_device *device, const char *what, ist_error *error)
{
    if (errno == EBUSY)
        return error_set(error, IST_ERROR_IO, "%s: another program is using the camera", device->path);
    return error_errno(error, errno, "%s: cannot %s", device->path, what);
}

static ist_status look_at(struct v4l2_device *device, ist_error *error)
{
    struct v4l2_capability capability = {0};
    if (v4l2_device_ioctl(device, VIDIOC_QUERYCAP, &capability) < 0)
        return error_set(error, IST_ERROR_UNSUPPORTED, "%s: is no V4L2 device", device->path);
    const uint32_t all = capability.capabilities;
    const uint32_t own = all & V4L2_CAP_DEVICE_CAPS ? capability.device_caps : all;
    if (!(own & (V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_CAPTURE_MPLANE)) || !(own & V4L2_CAP_STREAMING))
        return error_set(error, IST_ERROR_UNSUPPORTED,
                         "%s: %.32s gives no pictures here; a camera may have several "
                         "devices, see --list-sources",
                         device->path, (const char *)capability.card);
    device->buffer_type =
        own & V4L2_CAP_VIDEO_CAPTURE ? V4L2_BUF_TYPE_VIDEO_CAPTURE : V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
    snprintf(device->card, sizeof device->card, "%.31s", (const char *)capability.card);
    return IST_OK;
}

ist_status v4l2_device_open(struct v4l2_device *device, const char *path, ist_error *error)
{
    *device = (struct v4l2_device){.fd = -1};
    snprintf(device->path, sizeof device->path, "%s", path);
    device->fd = v4l2_calls.open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (device->fd < 0 && (errno == ENXIO || errno == ENODEV))
        return error_set(error, IST_ERROR_NOT_FOUND, "%s: the camera is gone", path);
    if (device->fd < 0 && errno == EACCES)
        return error_set(error, IST_ERROR_IO, "%s: not allowed; cameras are for members of the group video", path);
    if (device->fd < 0)
        return fail(device, "open", error);
    const ist_status status = look_at(device, error);
    if (status < 0)
        v4l2_device_close(device);
    return status;
}

void v4l2_device_close(struct v4l2_device *device)
{
    if (device->fd >= 0)
        v4l2_calls.close(device->fd);
    device->fd = -1;
}

/* ---- modes ---- */

void v4l2_format_name(uint32_t fourcc, char name[8])
{
    snprintf(name, 8, "%c%c%c%c", (int)(fourcc & 0xff), (int)(fourcc >> 8 & 0xff), (int)(fourcc >> 16 & 0xff),
             (int)(fourcc >> 24 & 0x7f));
    for (size_t length = strlen(name); length > 0 && name[length - 1] == ' '; length--)
        name[length - 1] = '\0';
}

uint32_t v4l2_format_code(const char *name)
{
    uint32_t letters[4];
    const size_t length = strlen(name);
    for (size_t i = 0; i < 4; i++)
        letters[i] = i < length ? (uint32_t)name[i] : ' ';
    return v4l2_fourcc(letters[0], letters[1], letters[2], letters[3]);
}

static bool next_format(const struct v4l2_device *device, struct v4l2_fmtdesc *format)
{
    return v4l2_device_ioctl(device, VIDIOC_ENUM_FMT, format) == 0;
}

bool v4l2_device_has_format(const struct v4l2_device *device, const char *wanted)
{
    char name[8];
    for (struct v4l2_fmtdesc format = {.type = device->buffer_type}; next_format(device, &format); format.index++) {
        v4l2_format_name(format.pixelformat, name);
        if (strcmp(name, wanted) == 0)
            return true;
    }
    return false;
}

/* Frames per second of the shortest interval; 0: unknown. */
static double highest_rate(const struct v4l2_device *device, uint32_t format, uint32_t width, uint32_t height)
{
    double highest = 0;
    struct v4l2_frmivalenum interval = {.pixel_format = format, .width = width, .height = height};
    for (; v4l2_device_ioctl(device, VIDIOC_ENUM_FRAMEINTERVALS, &interval) == 0; interval.index++) {
        const bool discrete = interval.type == V4L2_FRMIVAL_TYPE_DISCRETE;
        const struct v4l2_fract *shortest = discrete ? &interval.discrete : &interval.stepwise.min;
        if (shortest->numerator > 0)
            highest = fmax(highest, (double)shortest->denominator / shortest->numerator);
        if (!discrete)
            break;
    }
    return highest;
}

static ist_status append_mode(ist_camera_mode **modes, int *count, const ist_camera_mode *mode, ist_error *error)
{
    ist_camera_mode *more = realloc(*modes, ((size_t)*count + 1) * sizeof *more);
    if (!more)
        return error_memory(error);
    *modes = more;
    more[(*count)++] = *mode;
    return IST_OK;
}

static ist_status list_sizes(const struct v4l2_device *device, uint32_t format, ist_camera_mode **modes, int *count,
                             ist_error *error)
{
    struct v4l2_frmsizeenum size = {.pixel_format = format};
    for (; v4l2_device_ioctl(device, VIDIOC_ENUM_FRAMESIZES, &size) == 0; size.index++) {
        const bool discrete = size.type == V4L2_FRMSIZE_TYPE_DISCRETE;
        const uint32_t width = discrete ? size.discrete.width : size.stepwise.max_width;
        const uint32_t height = discrete ? size.discrete.height : size.stepwise.max_height;
        ist_camera_mode mode = {.width = (int)width,
                                .height = (int)height,
                                .smaller_too = !discrete,
                                .rate_max = highest_rate(device, format, width, height)};
        v4l2_format_name(format, mode.format);
        const ist_status status = append_mode(modes, count, &mode, error);
        if (status < 0 || !discrete)
            return status;
    }
    return IST_OK;
}

ist_status v4l2_device_list_modes(const struct v4l2_device *device, ist_camera_mode **modes, int *count,
                                  ist_error *error)
{
    ist_status status = IST_OK;
    for (struct v4l2_fmtdesc format = {.type = device->buffer_type}; status >= 0 && next_format(device, &format);
         format.index++)
        status = list_sizes(device, format.pixelformat, modes, count, error);
    return status;
}

/* Says which modes there are, as many as the message holds. */
static ist_status refuse_mode(const struct v4l2_device *device, const struct v4l2_mode *asked, ist_error *error)
{
    char text[400] = "", wanted[64] = "";
    ist_camera_mode *modes = NULL;
    int count = 0;
    (void)v4l2_device_list_modes(device, &modes, &count, NULL);
    size_t length = 0;
    for (int i = 0; i < count && length + 48 < sizeof text; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%s %dx%d up to %g/s%s", i ? ", " : "",
                                   modes[i].format, modes[i].width, modes[i].height, modes[i].rate_max,
                                   modes[i].smaller_too ? " and smaller" : "");
    free(modes);
    if (asked->rate > 0)
        snprintf(wanted, sizeof wanted, " at %g/s", asked->rate);
    return error_set(error, IST_ERROR_ARGUMENT, "%s: has no mode %s %dx%d%s; there are %s", device->path, asked->format,
                     asked->width, asked->height, wanted, text);
}

bool v4l2_device_get_format(const struct v4l2_device *device, char name[8])
{
    struct v4l2_format format = {.type = device->buffer_type};
    if (v4l2_device_ioctl(device, VIDIOC_G_FMT, &format) < 0)
        return false;
    v4l2_format_name(format.fmt.pix.pixelformat, name); // lies at the same place in pix_mp
    return true;
}

/* How the pictures lie in memory is the driver's to say. */
static void forget_planes(struct v4l2_format *format)
{
    if (format->type == V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE)
        memset(format->fmt.pix_mp.plane_fmt, 0, sizeof format->fmt.pix_mp.plane_fmt);
    else
        format->fmt.pix.bytesperline = format->fmt.pix.sizeimage = 0;
}

static ist_status read_planes(const struct v4l2_device *device, const struct v4l2_format *format,
                              struct v4l2_mode *mode, ist_error *error)
{
    const struct v4l2_pix_format_mplane *planes = &format->fmt.pix_mp;
    if (format->type != V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE) {
        mode->plane_count = 1;
        mode->strides[0] = format->fmt.pix.bytesperline;
        mode->full_range = format->fmt.pix.quantization == V4L2_QUANTIZATION_FULL_RANGE;
        return IST_OK;
    }
    if (planes->num_planes < 1 || planes->num_planes > V4L2_PLANES_MAX)
        return error_set(error, IST_ERROR_UNSUPPORTED, "%s: pictures in %d planes are not read; try another format",
                         device->path, planes->num_planes);
    mode->plane_count = planes->num_planes;
    for (int i = 0; i < mode->plane_count; i++)
        mode->strides[i] = planes->plane_fmt[i].bytesperline;
    mode->full_range = planes->quantization == V4L2_QUANTIZATION_FULL_RANGE;
    return IST_OK;
}

static ist_status set_format(const struct v4l2_device *device, struct v4l2_mode *mode, ist_error *error)
{
    struct v4l2_format format = {.type = device->buffer_type};
    // Size, format and field lie at the same place in fmt.pix_mp.
    struct v4l2_pix_format *pixels = &format.fmt.pix;
    if (v4l2_device_ioctl(device, VIDIOC_G_FMT, &format) < 0)
        return fail(device, "ask for its format", error);
    if (*mode->format)
        pixels->pixelformat = v4l2_format_code(mode->format);
    if (mode->width > 0) {
        pixels->width = (uint32_t)mode->width;
        pixels->height = (uint32_t)mode->height;
    }
    pixels->field = V4L2_FIELD_NONE;
    forget_planes(&format);
    struct v4l2_mode asked = {.width = (int)pixels->width, .height = (int)pixels->height};
    v4l2_format_name(pixels->pixelformat, asked.format);
    // A driver takes what it has and says so, instead of refusing.
    if (v4l2_device_ioctl(device, VIDIOC_S_FMT, &format) < 0)
        return errno == EINVAL ? refuse_mode(device, &asked, error) : fail(device, "set its format", error);
    v4l2_format_name(pixels->pixelformat, mode->format);
    if (strcmp(mode->format, asked.format) != 0 || (int)pixels->width != asked.width ||
        (int)pixels->height != asked.height)
        return refuse_mode(device, &asked, error);
    mode->width = asked.width;
    mode->height = asked.height;
    return read_planes(device, &format, mode, error);
}

static ist_status set_rate(const struct v4l2_device *device, struct v4l2_mode *mode, ist_error *error)
{
    struct v4l2_streamparm parameters = {.type = device->buffer_type};
    struct v4l2_captureparm *capture = &parameters.parm.capture;
    const double asked = mode->rate;
    int result = v4l2_device_ioctl(device, VIDIOC_G_PARM, &parameters);
    if (result == 0 && asked > 0) {
        capture->timeperframe = (struct v4l2_fract){1000, (uint32_t)lround(asked * 1000)};
        result = v4l2_device_ioctl(device, VIDIOC_S_PARM, &parameters);
    }
    const struct v4l2_fract *interval = &capture->timeperframe;
    const bool known = result == 0 && interval->numerator > 0 && interval->denominator > 0;
    mode->rate = known ? (double)interval->denominator / interval->numerator : 0;
    // Many cameras round: 29.97 for 30.
    if (asked > 0 && fabs(mode->rate - asked) > 0.01 * asked) {
        mode->rate = asked;
        return refuse_mode(device, mode, error);
    }
    return IST_OK;
}

ist_status v4l2_device_set_mode(const struct v4l2_device *device, struct v4l2_mode *mode, ist_error *error)
{
    const ist_status status = set_format(device, mode, error);
    return status < 0 ? status : set_rate(device, mode, error);
}

/* ---- controls ---- */

/* "Exposure Time, Absolute" is exposure_time_absolute. */
static void control_name(const struct v4l2_query_ext_ctrl *control, char name[64])
{
    size_t length = 0;
    for (const char *c = control->name; *c && length < sizeof control->name; c++) {
        const bool is_word = isalnum((unsigned char)*c);
        if (is_word)
            name[length++] = (char)tolower((unsigned char)*c);
        else if (length > 0 && name[length - 1] != '_')
            name[length++] = '_';
    }
    while (length > 0 && name[length - 1] == '_')
        length--;
    name[length] = '\0';
}

/* The next control that can be set; begins with id 0. */
static bool next_control(const struct v4l2_device *device, struct v4l2_query_ext_ctrl *control)
{
    static const uint32_t unusable = V4L2_CTRL_FLAG_DISABLED | V4L2_CTRL_FLAG_READ_ONLY | V4L2_CTRL_FLAG_HAS_PAYLOAD;
    do {
        control->id |= V4L2_CTRL_FLAG_NEXT_CTRL;
        if (v4l2_device_ioctl(device, VIDIOC_QUERY_EXT_CTRL, control) < 0)
            return false;
    } while (control->type == V4L2_CTRL_TYPE_CTRL_CLASS || (control->flags & unusable));
    return true;
}

static bool find_control_by_id(const struct v4l2_device *device, uint32_t id, struct v4l2_query_ext_ctrl *control)
{
    *control = (struct v4l2_query_ext_ctrl){.id = id};
    return v4l2_device_ioctl(device, VIDIOC_QUERY_EXT_CTRL, control) == 0 &&
           !(control->flags & V4L2_CTRL_FLAG_DISABLED);
}

static bool find_control(const struct v4l2_device *device, const char *wanted, bool within,
                         struct v4l2_query_ext_ctrl *control)
{
    char name[64];
    for (*control = (struct v4l2_query_ext_ctrl){0}; next_control(device, control);) {
        control_name(control, name);
        if (within ? strstr(name, wanted) != NULL : strcmp(name, wanted) == 0)
            return true;
    }
    return false;
}

static ist_status refuse_control(const struct v4l2_device *device, const char *key, ist_error *error)
{
    char text[400] = "", name[64];
    size_t length = 0;
    for (struct v4l2_query_ext_ctrl control = {0}; next_control(device, &control) && length + 68 < sizeof text;) {
        control_name(&control, name);
        length += (size_t)snprintf(text + length, sizeof text - length, ", %s", name);
    }
    return error_set(error, IST_ERROR_ARGUMENT, "%s: has no setting '%s'; there are size, rate, format%s", device->path,
                     key, text);
}

/* The entry of a menu with this name; else, what the entries are, in `text`. */
static bool find_entry(const struct v4l2_device *device, const struct v4l2_query_ext_ctrl *control, const char *value,
                       int64_t *number, char text[300])
{
    size_t length = 0;
    text[0] = '\0';
    for (int64_t i = control->minimum; i <= control->maximum; i++) {
        struct v4l2_querymenu entry = {.id = control->id, .index = (uint32_t)i};
        if (v4l2_device_ioctl(device, VIDIOC_QUERYMENU, &entry) < 0)
            continue;
        char name[64], index[24];
        if (control->type == V4L2_CTRL_TYPE_INTEGER_MENU)
            snprintf(name, sizeof name, "%" PRId64, (int64_t)entry.value);
        else
            snprintf(name, sizeof name, "%.32s", (const char *)entry.name);
        snprintf(index, sizeof index, "%" PRId64, i);
        *number = i;
        if (strcasecmp(value, name) == 0 || strcmp(value, index) == 0)
            return true;
        if (length + 72 < 300)
            length += (size_t)snprintf(text + length, 300 - length, "%s%s (%s)", length ? ", " : "", index, name);
    }
    return false;
}

static bool is_menu(const struct v4l2_query_ext_ctrl *control)
{
    return control->type == V4L2_CTRL_TYPE_MENU || control->type == V4L2_CTRL_TYPE_INTEGER_MENU;
}

static ist_status read_value(const struct v4l2_device *device, const struct v4l2_query_ext_ctrl *control,
                             const struct source_option *option, int64_t *value, ist_error *error)
{
    char entries[300];
    ist_status status = IST_OK;
    if (control->type == V4L2_CTRL_TYPE_BUTTON)
        *value = 1;
    else if (!is_menu(control))
        status = source_option_integer(option, control->minimum, control->maximum, value, error);
    else if (!find_entry(device, control, option->value, value, entries))
        status = error_set(error, IST_ERROR_ARGUMENT, "%s=%s: must be one of %s", option->key, option->value, entries);
    return status < 0 ? error_prefix(error, status, "%s", device->path) : IST_OK;
}

static ist_status write_control(const struct v4l2_device *device, const struct v4l2_query_ext_ctrl *description,
                                int64_t value, const char *key, ist_error *error)
{
    struct v4l2_ext_control control = {.id = description->id};
    if (description->type == V4L2_CTRL_TYPE_INTEGER64)
        control.value64 = value;
    else
        control.value = (int32_t)value;
    struct v4l2_ext_controls controls = {.which = V4L2_CTRL_WHICH_CUR_VAL, .count = 1, .controls = &control};
    if (v4l2_device_ioctl(device, VIDIOC_S_EXT_CTRLS, &controls) < 0)
        return error_set(error, IST_ERROR_ARGUMENT, "%s: does not take %s=%" PRId64 ": %s", device->path, key, value,
                         strerror(errno));
    return IST_OK;
}

/* Sets the control with this id, if the camera has it. */
static ist_status set_if_there(const struct v4l2_device *device, uint32_t id, int64_t value, ist_error *error)
{
    struct v4l2_query_ext_ctrl control;
    return find_control_by_id(device, id, &control) ? write_control(device, &control, value, control.name, error)
                                                    : IST_OK;
}

/* The driver counts in 100 us. While it chooses by itself it takes no value. */
static ist_status set_exposure(const struct v4l2_device *device, const struct source_option *option, ist_error *error)
{
    struct v4l2_query_ext_ctrl control;
    if (strcmp(option->value, "auto") == 0) {
        if (!find_control_by_id(device, V4L2_CID_EXPOSURE_AUTO, &control))
            return refuse_control(device, "exposure=auto", error);
        // Of the two ways to choose by itself cameras have one: with the aperture fixed, or all of it.
        const ist_status status = write_control(device, &control, V4L2_EXPOSURE_APERTURE_PRIORITY, option->key, NULL);
        return status < 0 ? write_control(device, &control, V4L2_EXPOSURE_AUTO, option->key, error) : IST_OK;
    }
    ist_status status = set_if_there(device, V4L2_CID_EXPOSURE_AUTO, V4L2_EXPOSURE_MANUAL, error);
    if (status < 0 || !find_control_by_id(device, V4L2_CID_EXPOSURE_ABSOLUTE, &control))
        return status < 0 ? status : refuse_control(device, option->key, error);
    double exposure_us;
    status =
        source_option_number(option, 100 * (double)control.minimum, 100 * (double)control.maximum, &exposure_us, error);
    return status < 0 ? error_prefix(error, status, "%s", device->path)
                      : write_control(device, &control, llround(exposure_us / 100), option->key, error);
}

static ist_status set_gain(const struct v4l2_device *device, const struct source_option *option, ist_error *error)
{
    struct v4l2_query_ext_ctrl control;
    const bool automatic = strcmp(option->value, "auto") == 0;
    if (automatic && !find_control_by_id(device, V4L2_CID_AUTOGAIN, &control))
        return refuse_control(device, "gain=auto", error);
    ist_status status = set_if_there(device, V4L2_CID_AUTOGAIN, automatic, error);
    if (status < 0 || automatic)
        return status;
    if (!find_control_by_id(device, V4L2_CID_GAIN, &control) &&
        !find_control_by_id(device, V4L2_CID_ANALOGUE_GAIN, &control))
        return refuse_control(device, option->key, error);
    int64_t value;
    status = read_value(device, &control, option, &value, error);
    return status < 0 ? status : write_control(device, &control, value, option->key, error);
}

ist_status v4l2_device_set_control(const struct v4l2_device *device, const struct source_option *option,
                                   ist_error *error)
{
    struct v4l2_query_ext_ctrl control;
    if (strcmp(option->key, "exposure") == 0)
        return set_exposure(device, option, error);
    if (strcmp(option->key, "gain") == 0)
        return set_gain(device, option, error);
    const bool any_trigger = strcmp(option->key, "trigger") == 0;
    if (!find_control(device, option->key, any_trigger, &control))
        return refuse_control(device, option->key, error);
    int64_t value;
    const ist_status status = read_value(device, &control, option, &value, error);
    return status < 0 ? status : write_control(device, &control, value, option->key, error);
}
