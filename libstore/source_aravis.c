// GenICam cameras, GigE Vision and USB3 Vision, through Aravis.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aravis_library.h"
#include "camera_clock.h"
#include "camera_picture.h"
#include "error.h"
#include "source_kind.h"

enum { BUFFERS_MIN = 8, BUFFERS_MAX = 128 };
static const size_t BUFFER_BYTES_MAX = 64 << 20; // of all together
static const uint64_t GIGE_ID_FIRST = 1, GIGE_ID_LAST = 65535;

// Not in the header of Aravis 0.8.26.
#define PIXEL_FORMAT_MONO_10P ((ArvPixelFormat)0x010a0046)
#define PIXEL_FORMAT_MONO_12P ((ArvPixelFormat)0x010c0047)

// Formats that can be recorded. GenICam names a filter of colours by its first row, imgstore by its second.
static const struct format {
    ArvPixelFormat format;
    enum camera_layout layout;
    const char *encoding;          // of raw data; NULL: none
    const struct packing *packing; // NULL: none
} formats[] = {
    {ARV_PIXEL_FORMAT_MONO_8, CAMERA_GRAY8, NULL, NULL},
    {ARV_PIXEL_FORMAT_MONO_10, CAMERA_GRAY16, NULL, NULL},
    {ARV_PIXEL_FORMAT_MONO_12, CAMERA_GRAY16, NULL, NULL},
    {ARV_PIXEL_FORMAT_MONO_14, CAMERA_GRAY16, NULL, NULL},
    {ARV_PIXEL_FORMAT_MONO_16, CAMERA_GRAY16, NULL, NULL},
    {ARV_PIXEL_FORMAT_BAYER_BG_8, CAMERA_GRAY8, "cv_bayerrg", NULL},
    {ARV_PIXEL_FORMAT_BAYER_RG_8, CAMERA_GRAY8, "cv_bayerbg", NULL},
    {ARV_PIXEL_FORMAT_BAYER_GB_8, CAMERA_GRAY8, "cv_bayergr", NULL},
    {ARV_PIXEL_FORMAT_BAYER_GR_8, CAMERA_GRAY8, "cv_bayergb", NULL},
    {ARV_PIXEL_FORMAT_BAYER_BG_10, CAMERA_GRAY16, "cv_bayerrg", NULL},
    {ARV_PIXEL_FORMAT_BAYER_RG_10, CAMERA_GRAY16, "cv_bayerbg", NULL},
    {ARV_PIXEL_FORMAT_BAYER_GB_10, CAMERA_GRAY16, "cv_bayergr", NULL},
    {ARV_PIXEL_FORMAT_BAYER_GR_10, CAMERA_GRAY16, "cv_bayergb", NULL},
    {ARV_PIXEL_FORMAT_BAYER_BG_12, CAMERA_GRAY16, "cv_bayerrg", NULL},
    {ARV_PIXEL_FORMAT_BAYER_RG_12, CAMERA_GRAY16, "cv_bayerbg", NULL},
    {ARV_PIXEL_FORMAT_BAYER_GB_12, CAMERA_GRAY16, "cv_bayergr", NULL},
    {ARV_PIXEL_FORMAT_BAYER_GR_12, CAMERA_GRAY16, "cv_bayergb", NULL},
    {ARV_PIXEL_FORMAT_BAYER_BG_16, CAMERA_GRAY16, "cv_bayerrg", NULL},
    {ARV_PIXEL_FORMAT_BAYER_RG_16, CAMERA_GRAY16, "cv_bayerbg", NULL},
    {ARV_PIXEL_FORMAT_BAYER_GB_16, CAMERA_GRAY16, "cv_bayergr", NULL},
    {ARV_PIXEL_FORMAT_BAYER_GR_16, CAMERA_GRAY16, "cv_bayergb", NULL},
    {ARV_PIXEL_FORMAT_RGB_8_PACKED, CAMERA_RGB, NULL, NULL},
    {ARV_PIXEL_FORMAT_BGR_8_PACKED, CAMERA_BGR, NULL, NULL},
    {ARV_PIXEL_FORMAT_YUV_422_PACKED, CAMERA_UYVY, NULL, NULL},
    {ARV_PIXEL_FORMAT_YUV_422_YUYV_PACKED, CAMERA_YUYV, NULL, NULL},
    {ARV_PIXEL_FORMAT_MONO_10_PACKED, CAMERA_GRAY16, NULL, &packing_10packed},
    {ARV_PIXEL_FORMAT_MONO_12_PACKED, CAMERA_GRAY16, NULL, &packing_12packed},
    {PIXEL_FORMAT_MONO_10P, CAMERA_GRAY16, NULL, &packing_10p},
    {PIXEL_FORMAT_MONO_12P, CAMERA_GRAY16, NULL, &packing_12p},
    {ARV_PIXEL_FORMAT_BAYER_BG_10P, CAMERA_GRAY16, "cv_bayerrg", &packing_10p},
    {ARV_PIXEL_FORMAT_BAYER_RG_10P, CAMERA_GRAY16, "cv_bayerbg", &packing_10p},
    {ARV_PIXEL_FORMAT_BAYER_GB_10P, CAMERA_GRAY16, "cv_bayergr", &packing_10p},
    {ARV_PIXEL_FORMAT_BAYER_GR_10P, CAMERA_GRAY16, "cv_bayergb", &packing_10p},
    {ARV_PIXEL_FORMAT_BAYER_BG_10_PACKED, CAMERA_GRAY16, "cv_bayerrg", &packing_10packed},
    {ARV_PIXEL_FORMAT_BAYER_RG_10_PACKED, CAMERA_GRAY16, "cv_bayerbg", &packing_10packed},
    {ARV_PIXEL_FORMAT_BAYER_GB_10_PACKED, CAMERA_GRAY16, "cv_bayergr", &packing_10packed},
    {ARV_PIXEL_FORMAT_BAYER_GR_10_PACKED, CAMERA_GRAY16, "cv_bayergb", &packing_10packed},
    {ARV_PIXEL_FORMAT_BAYER_BG_12P, CAMERA_GRAY16, "cv_bayerrg", &packing_12p},
    {ARV_PIXEL_FORMAT_BAYER_RG_12P, CAMERA_GRAY16, "cv_bayerbg", &packing_12p},
    {ARV_PIXEL_FORMAT_BAYER_GB_12P, CAMERA_GRAY16, "cv_bayergr", &packing_12p},
    {ARV_PIXEL_FORMAT_BAYER_GR_12P, CAMERA_GRAY16, "cv_bayergb", &packing_12p},
    {ARV_PIXEL_FORMAT_BAYER_BG_12_PACKED, CAMERA_GRAY16, "cv_bayerrg", &packing_12packed},
    {ARV_PIXEL_FORMAT_BAYER_RG_12_PACKED, CAMERA_GRAY16, "cv_bayerbg", &packing_12packed},
    {ARV_PIXEL_FORMAT_BAYER_GB_12_PACKED, CAMERA_GRAY16, "cv_bayergr", &packing_12packed},
    {ARV_PIXEL_FORMAT_BAYER_GR_12_PACKED, CAMERA_GRAY16, "cv_bayergb", &packing_12packed},
};

struct state {
    ArvCamera *camera;
    ArvStream *stream;
    const struct format *format;
    struct camera_converter *converter;
    struct camera_counter counter;
    struct camera_clock clock;
    int64_t damaged;       // pictures since the last whole one
    double damaged_time_s; // of the first of them
    uint64_t id_last;      // of a counter that begins anew behind it
    bool streaming;
    atomic_bool gone;
};

static const struct format *find_format(ArvPixelFormat format)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (formats[i].format == format)
            return &formats[i];
    return NULL;
}

// Takes over Aravis' own text, and frees it.
static ist_status fail(const char *location, ist_status status, GError **cause, ist_error *error)
{
    status = error_set(error, status, "%s: %s", location, *cause ? (*cause)->message : "the camera does not answer");
    glib.clear_error(cause);
    return status;
}

static void release(void *object)
{
    if (object)
        glib.object_unref(object);
}

static bool is_a(ArvGcNode *node, GType type)
{
    return glib.type_check_instance_is_a((GTypeInstance *)node, type);
}

/* ---- which camera ---- */

static const char prefix[] = "aravis:";

static bool accept_aravis(const char *location)
{
    return strncmp(location, prefix, sizeof prefix - 1) == 0;
}

static ist_status open_camera(struct state *state, const char *location, ist_error *error)
{
    const char *name = location + sizeof prefix - 1;
    const ist_status status = aravis_load(error);
    if (status < 0)
        return error_prefix(error, status, "%s", location);
    // Aravis' own simulated camera, which is there when it is asked for.
    if (strncmp(name, "Fake", 4) == 0)
        arv.enable_interface("Fake");
    GError *cause = NULL;
    state->camera = arv.camera_new(*name ? name : NULL, &cause);
    if (state->camera)
        return IST_OK;
    if (!cause || !*name)
        glib.clear_error(&cause);
    return cause ? fail(location, IST_ERROR_NOT_FOUND, &cause, error)
                 : error_set(error, IST_ERROR_NOT_FOUND, "%s: there is no GenICam camera", location);
}

/* ---- how it is set ---- */

// Names, as many as the text holds, and frees them.
static void join_names(const char **names, guint count, char text[400])
{
    size_t length = 0;
    text[0] = '\0';
    for (guint i = 0; i < count && length + strlen(names[i]) + 8 < 400; i++)
        length += (size_t)snprintf(text + length, 400 - length, "%s%s", i ? ", " : "", names[i]);
    glib.free(names);
}

static ist_status set_format(struct state *state, const char *name, ist_error *error)
{
    GError *cause = NULL;
    char known[400];
    guint count = 0;
    arv.camera_set_pixel_format_from_string(state->camera, name, &cause);
    if (!cause)
        return IST_OK;
    glib.clear_error(&cause);
    const char **names = arv.camera_dup_available_pixel_formats_as_strings(state->camera, &count, NULL);
    join_names(names, count, known);
    return error_set(error, IST_ERROR_ARGUMENT, "format=%s: the camera has %s", name, known);
}

static void set_size(struct state *state, int width, int height, GError **cause)
{
    ArvDevice *device = arv.camera_get_device(state->camera);
    arv.device_set_integer_feature_value(device, "Width", width, cause);
    if (!*cause)
        arv.device_set_integer_feature_value(device, "Height", height, cause);
}

static void set_exposure(struct state *state, double exposure_us, GError **cause)
{
    if (arv.camera_is_exposure_auto_available(state->camera, NULL))
        arv.camera_set_exposure_time_auto(state->camera, ARV_AUTO_OFF, NULL);
    arv.camera_set_exposure_time(state->camera, exposure_us, cause);
}

static void set_gain(struct state *state, double gain, GError **cause)
{
    if (arv.camera_is_gain_auto_available(state->camera, NULL))
        arv.camera_set_gain_auto(state->camera, ARV_AUTO_OFF, NULL);
    arv.camera_set_gain(state->camera, gain, cause);
}

// "off", or what triggers: Line1, Software, ...
static void set_trigger(struct state *state, const char *from, GError **cause)
{
    if (strcmp(from, "off") == 0)
        arv.camera_clear_triggers(state->camera, cause);
    else
        arv.camera_set_trigger(state->camera, from, cause);
}

// A key that the names of this camera's features hold, to show what there is; as many as the text holds.
static void append_features(ArvGc *genicam, const char *category, char text[400])
{
    ArvGcNode *node = arv.gc_get_node(genicam, category);
    if (!is_a(node, arv.gc_category_get_type()))
        return;
    for (const GSList *i = arv.gc_category_get_features((ArvGcCategory *)node); i; i = i->next) {
        const char *name = i->data;
        const size_t length = strlen(text);
        if (is_a(arv.gc_get_node(genicam, name), arv.gc_category_get_type()))
            append_features(genicam, name, text);
        else if (length + strlen(name) + 3 < 400)
            snprintf(text + length, 400 - length, ", %s", name);
    }
}

static ist_status set_feature(struct state *state, const struct source_option *option, GError **cause, ist_error *error)
{
    ArvDevice *device = arv.camera_get_device(state->camera);
    ArvGcNode *node = arv.device_get_feature(device, option->key);
    char known[400] = "";
    guint count = 0;
    if (!is_a(node, arv.gc_feature_node_get_type()) || is_a(node, arv.gc_category_get_type())) {
        append_features(arv.device_get_genicam(device), "Root", known);
        return error_set(error, IST_ERROR_ARGUMENT,
                         "no setting '%s'; there are size, rate, format, exposure, gain, "
                         "trigger%s",
                         option->key, known);
    }
    if (is_a(node, arv.gc_command_get_type()))
        arv.device_execute_command(device, option->key, cause);
    else
        arv.gc_feature_node_set_value_from_string((ArvGcFeatureNode *)node, option->value, cause);
    if (*cause && is_a(node, arv.gc_enumeration_get_type())) {
        const char **names =
            arv.device_dup_available_enumeration_feature_values_as_strings(device, option->key, &count, NULL);
        join_names(names, count, known);
        return error_set(error, IST_ERROR_ARGUMENT, "%s=%s: must be one of %s", option->key, option->value, known);
    }
    return IST_OK;
}

static ist_status set_option(struct state *state, const struct source_option *option, GError **cause, ist_error *error)
{
    const char *key = option->key;
    const bool automatic = strcmp(option->value, "auto") == 0;
    ist_status status = IST_OK;
    int width, height;
    double value;
    if (strcmp(key, "format") == 0)
        return set_format(state, option->value, error);
    if (strcmp(key, "size") == 0) {
        if ((status = source_option_size(option, &width, &height, error)) >= 0)
            set_size(state, width, height, cause);
    } else if (strcmp(key, "rate") == 0) {
        if ((status = source_option_number(option, 1e-3, 1e6, &value, error)) >= 0)
            arv.camera_set_frame_rate(state->camera, value, cause);
    } else if (strcmp(key, "trigger") == 0) {
        set_trigger(state, option->value, cause);
    } else if (strcmp(key, "exposure") == 0) {
        if (automatic)
            arv.camera_set_exposure_time_auto(state->camera, ARV_AUTO_CONTINUOUS, cause);
        else if ((status = source_option_number(option, 0, 1e9, &value, error)) >= 0)
            set_exposure(state, value, cause);
    } else if (strcmp(key, "gain") == 0) {
        if (automatic)
            arv.camera_set_gain_auto(state->camera, ARV_AUTO_CONTINUOUS, cause);
        else if ((status = source_option_number(option, -1e9, 1e9, &value, error)) >= 0)
            set_gain(state, value, cause);
    } else {
        status = set_feature(state, option, cause, error);
    }
    return status;
}

static ist_status set_up(struct state *state, const char *options, ist_error *error)
{
    struct source_option option;
    ist_status status;
    // What is out of range is said, not passed on to the camera.
    arv.camera_set_range_check_policy(state->camera, ARV_RANGE_CHECK_POLICY_ENABLE);
    while ((status = source_next_option(&options, ':', &option, error)) == IST_OK) {
        GError *cause = NULL;
        char setting[sizeof option + 2];
        status = set_option(state, &option, &cause, error);
        snprintf(setting, sizeof setting, "%s=%s", option.key, option.value);
        if (cause && status >= 0)
            status = fail(setting, IST_ERROR_ARGUMENT, &cause, error);
        glib.clear_error(&cause);
        if (status < 0)
            return status;
    }
    return status < 0 ? status : IST_OK;
}

// Called by a thread of Aravis.
static void note_loss(ArvDevice *device, gpointer state)
{
    (void)device;
    atomic_store(&((struct state *)state)->gone, true);
}

static ist_status look_at_picture(ist_source *source, ist_error *error)
{
    struct state *state = source->state;
    ist_source_info *info = &source->info;
    GError *cause = NULL;
    const ArvPixelFormat format = arv.camera_get_pixel_format(state->camera, &cause);
    if (!cause)
        arv.camera_get_region(state->camera, NULL, NULL, &info->width, &info->height, &cause);
    if (cause)
        return fail(source->location, IST_ERROR_IO, &cause, error);
    state->format = find_format(format);
    if (!state->format)
        return error_set(error, IST_ERROR_UNSUPPORTED,
                         "%s: pixel format %s is not read; choose another one (Mono8, Mono12p, BayerRG8, RGB8) by "
                         "format=NAME",
                         source->location, arv.camera_get_pixel_format_as_string(state->camera, NULL));
    info->channels = state->format->layout >= CAMERA_YUYV && !source->gray ? 3 : 1;
    info->type = state->format->layout == CAMERA_GRAY16 ? IST_PIXEL_U16 : IST_PIXEL_U8;
    info->encoding = state->format->encoding;
    info->live = source->numbers = true;
    const double rate = arv.camera_get_frame_rate(state->camera, NULL);
    info->frame_rate = isfinite(rate) && rate > 0 ? rate : 0;
    return IST_OK;
}

static ist_status open_aravis(ist_source *source, const char *location, const ist_source_params *params,
                              ist_error *error)
{
    struct state *state = calloc(1, sizeof *state);
    if (!state)
        return error_memory(error);
    source->state = state;
    atomic_init(&state->gone, false);
    ist_status status = open_camera(state, location, error);
    if (status < 0)
        return status;
    state->converter = camera_converter_create();
    if (!state->converter)
        return error_memory(error);
    // USB3 Vision has 64 bits; the simulated camera counts as GigE Vision does.
    state->id_last = arv.camera_is_uv_device(state->camera) ? 0 : GIGE_ID_LAST;
    glib.signal_connect_data(arv.camera_get_device(state->camera), "control-lost", G_CALLBACK(note_loss), state, NULL,
                             0);
    status = set_up(state, params->options, error);
    if (status < 0)
        return error_prefix(error, status, "%s", location);
    return look_at_picture(source, error);
}

/* ---- the stream ---- */

static ist_status start(ist_source *source, ist_error *error)
{
    struct state *state = source->state;
    GError *cause = NULL;
    const size_t payload = arv.camera_get_payload(state->camera, &cause);
    if (!cause)
        state->stream = arv.camera_create_stream(state->camera, NULL, NULL, &cause);
    if (!state->stream)
        return fail(source->location, IST_ERROR_IO, &cause, error);
    const size_t room = payload > 0 ? BUFFER_BYTES_MAX / payload : 0;
    const size_t count = room < BUFFERS_MIN ? BUFFERS_MIN : room > BUFFERS_MAX ? BUFFERS_MAX : room;
    for (size_t i = 0; i < count; i++)
        arv.stream_push_buffer(state->stream, arv.buffer_new_allocate(payload));
    arv.camera_start_acquisition(state->camera, &cause);
    if (cause)
        return fail(source->location, IST_ERROR_IO, &cause, error);
    state->streaming = true;
    return IST_OK;
}

static ist_status take_buffer(const ist_source *source, ArvBuffer **buffer, ist_error *error)
{
    enum { LOOK_EVERY_US = 100000 };
    const struct state *state = source->state;
    do {
        if (source_is_interrupted(source))
            return error_set(error, IST_ERROR_INTERRUPTED, "%s: interrupted", source->location);
        *buffer = arv.stream_timeout_pop_buffer(state->stream, LOOK_EVERY_US);
        if (!*buffer && atomic_load(&state->gone))
            return error_set(error, IST_ERROR_IO, "%s: the camera is gone", source->location);
    } while (!*buffer);
    return IST_OK;
}

static void set_times(struct state *state, ArvBuffer *buffer, ist_frame *frame)
{
    const int64_t camera_ns = (int64_t)arv.buffer_get_timestamp(buffer);
    const int64_t host_ns = (int64_t)arv.buffer_get_system_timestamp(buffer);
    frame->time_s = (double)(camera_ns ? camera_clock_tie(&state->clock, camera_ns, host_ns) : host_ns) / 1e9;
    frame->camera_time_s = (double)camera_ns / 1e9;
}

// Number and time of a picture come with its first packet. Where that is missing the buffer has those of another one,
// so that what damaged pictures say of themselves is not believed: they come in their order, and the numbers that the
// next whole one leaves open are theirs.
static void count_damaged(struct state *state, ArvBuffer *buffer)
{
    if (state->damaged++ == 0)
        state->damaged_time_s = (double)arv.buffer_get_system_timestamp(buffer) / 1e9;
}

static void note_damaged(ist_source *source, bool has_before, int64_t before, int64_t number)
{
    struct state *state = source->state;
    const int64_t open = has_before ? number - before - 1 : state->damaged;
    const int64_t count = state->damaged < open ? state->damaged : open;
    state->damaged = 0;
    if (count > 0)
        source_note_drop(source, &(ist_drop){.cause = IST_DROP_BUS,
                                             .first_number = number - open,
                                             .count = count,
                                             .time_s = state->damaged_time_s});
}

static ist_status convert(const ist_source *source, ArvBuffer *buffer, ist_frame *frame, ist_error *error)
{
    const struct state *state = source->state;
    struct camera_picture picture = {.layout = state->format->layout, .packing = state->format->packing};
    picture.planes[0].data = arv.buffer_get_image_data(buffer, &picture.planes[0].size);
    picture.width = arv.buffer_get_image_width(buffer);
    picture.height = arv.buffer_get_image_height(buffer);
    gint padding = 0;
    arv.buffer_get_image_padding(buffer, &padding, NULL);
    const size_t bits = ARV_PIXEL_FORMAT_BIT_PER_PIXEL(state->format->format);
    if (padding > 0)
        picture.planes[0].stride = ((size_t)picture.width * bits + 7) / 8 + (size_t)padding;
    return camera_picture_convert(state->converter, &picture, source->gray, false, frame, error);
}

static void set_number(ist_source *source, ArvBuffer *buffer, ist_frame *frame)
{
    struct state *state = source->state;
    const bool has_before = state->counter.begun;
    const int64_t before = state->counter.number;
    frame->number =
        camera_counter_unroll(&state->counter, arv.buffer_get_frame_id(buffer), GIGE_ID_FIRST, state->id_last);
    note_damaged(source, has_before, before, frame->number);
}

static ist_status next_aravis(ist_source *source, ist_frame *frame, ist_error *error)
{
    struct state *state = source->state;
    ist_status status = state->streaming ? IST_OK : start(source, error);
    bool delivered = false;
    while (status >= 0 && !delivered) {
        ArvBuffer *buffer;
        status = take_buffer(source, &buffer, error);
        if (status < 0)
            break;
        const bool whole = arv.buffer_get_status(buffer) == ARV_BUFFER_STATUS_SUCCESS;
        status = whole ? convert(source, buffer, frame, error) : IST_ERROR_DATA;
        delivered = status >= 0;
        if (delivered) {
            set_number(source, buffer, frame);
            set_times(state, buffer, frame);
        } else if (status == IST_ERROR_DATA) {
            count_damaged(state, buffer);
            status = IST_OK;
        }
        arv.stream_push_buffer(state->stream, buffer);
    }
    return status;
}

static bool stats_of_aravis(const ist_source *source, ist_source_stats *stats)
{
    const struct state *state = source->state;
    guint64 completed = 0, failures = 0, underruns = 0;
    if (state->stream)
        arv.stream_get_statistics(state->stream, &completed, &failures, &underruns);
    *stats = (ist_source_stats){(int64_t)completed, (int64_t)failures, (int64_t)underruns};
    return true;
}

static void close_aravis(ist_source *source)
{
    struct state *state = source->state;
    if (!state)
        return;
    // Who is gone is not asked to stop: that takes seconds.
    if (state->streaming && !atomic_load(&state->gone))
        arv.camera_stop_acquisition(state->camera, NULL);
    release(state->stream);
    if (state->camera)
        glib.signal_handlers_disconnect_matched(arv.camera_get_device(state->camera), G_SIGNAL_MATCH_DATA, 0, 0, NULL,
                                                NULL, state);
    release(state->camera);
    camera_converter_destroy(state->converter);
    free(state);
}

const struct source_kind source_aravis = {
    .name = "aravis",
    .accepts = accept_aravis,
    .open = open_aravis,
    .next = next_aravis,
    .stats = stats_of_aravis,
    .close = close_aravis,
};

/* ---- the list ---- */

static void list_modes(ist_camera *entry, ArvCamera *camera)
{
    guint count = 0;
    gint width = 0, height = 0;
    double rate_min = 0, rate_max = 0;
    const char **names = arv.camera_dup_available_pixel_formats_as_strings(camera, &count, NULL);
    arv.camera_get_sensor_size(camera, &width, &height, NULL);
    arv.camera_get_frame_rate_bounds(camera, &rate_min, &rate_max, NULL);
    entry->modes = calloc(count ? count : 1, sizeof *entry->modes);
    for (guint i = 0; entry->modes && i < count; i++) {
        ist_camera_mode *mode = &entry->modes[entry->mode_count++];
        snprintf(mode->format, sizeof mode->format, "%s", names[i]);
        mode->width = width;
        mode->height = height;
        mode->smaller_too = true;
        mode->rate_max = isfinite(rate_max) && rate_max < 1e6 ? rate_max : 0;
    }
    glib.free(names);
}

ist_status source_aravis_list(ist_camera **cameras, int *count, ist_error *error)
{
    if (aravis_load(NULL) < 0)
        return IST_OK;
    arv.update_device_list();
    for (unsigned i = 0; i < arv.get_n_devices(); i++) {
        ist_camera *entry = camera_list_append(cameras, count, error);
        if (!entry)
            return IST_ERROR_MEMORY;
        snprintf(entry->location, sizeof entry->location, "%s%s", prefix, arv.get_device_id(i));
        snprintf(entry->name, sizeof entry->name, "%s %s", arv.get_device_vendor(i), arv.get_device_model(i));
        ArvCamera *camera = arv.camera_new(arv.get_device_id(i), NULL);
        if (camera)
            list_modes(entry, camera);
        release(camera);
    }
    return IST_OK;
}
