/* Aravis and its glib, loaded with the first GenICam camera that is asked for. */
#ifndef ARAVIS_LIBRARY_H
#define ARAVIS_LIBRARY_H

#include <arv.h>
#include <libstore/error.h>

#define ARAVIS_FUNCTIONS(X)                                                                                            \
    X(buffer_get_frame_id)                                                                                             \
    X(buffer_get_image_data)                                                                                           \
    X(buffer_get_image_height)                                                                                         \
    X(buffer_get_image_padding)                                                                                        \
    X(buffer_get_image_width)                                                                                          \
    X(buffer_get_status)                                                                                               \
    X(buffer_get_system_timestamp)                                                                                     \
    X(buffer_get_timestamp)                                                                                            \
    X(buffer_new_allocate)                                                                                             \
    X(camera_clear_triggers)                                                                                           \
    X(camera_create_stream)                                                                                            \
    X(camera_dup_available_pixel_formats_as_strings)                                                                   \
    X(camera_get_device)                                                                                               \
    X(camera_get_frame_rate)                                                                                           \
    X(camera_get_frame_rate_bounds)                                                                                    \
    X(camera_get_payload)                                                                                              \
    X(camera_get_pixel_format)                                                                                         \
    X(camera_get_pixel_format_as_string)                                                                               \
    X(camera_get_region)                                                                                               \
    X(camera_get_sensor_size)                                                                                          \
    X(camera_is_exposure_auto_available)                                                                               \
    X(camera_is_gain_auto_available)                                                                                   \
    X(camera_is_uv_device)                                                                                             \
    X(camera_new)                                                                                                      \
    X(camera_set_exposure_time)                                                                                        \
    X(camera_set_exposure_time_auto)                                                                                   \
    X(camera_set_frame_rate)                                                                                           \
    X(camera_set_gain)                                                                                                 \
    X(camera_set_gain_auto)                                                                                            \
    X(camera_set_pixel_format_from_string)                                                                             \
    X(camera_set_range_check_policy)                                                                                   \
    X(camera_set_trigger)                                                                                              \
    X(camera_start_acquisition)                                                                                        \
    X(camera_stop_acquisition)                                                                                         \
    X(device_dup_available_enumeration_feature_values_as_strings)                                                      \
    X(device_execute_command)                                                                                          \
    X(device_get_feature)                                                                                              \
    X(device_get_genicam)                                                                                              \
    X(device_set_integer_feature_value)                                                                                \
    X(enable_interface)                                                                                                \
    X(gc_category_get_features)                                                                                        \
    X(gc_category_get_type)                                                                                            \
    X(gc_command_get_type)                                                                                             \
    X(gc_enumeration_get_type)                                                                                         \
    X(gc_feature_node_get_type)                                                                                        \
    X(gc_feature_node_set_value_from_string)                                                                           \
    X(gc_get_node)                                                                                                     \
    X(get_device_id)                                                                                                   \
    X(get_device_model)                                                                                                \
    X(get_device_vendor)                                                                                               \
    X(get_n_devices)                                                                                                   \
    X(stream_get_statistics)                                                                                           \
    X(stream_push_buffer)                                                                                              \
    X(stream_timeout_pop_buffer)                                                                                       \
    X(update_device_list)

#define GLIB_FUNCTIONS(X)                                                                                              \
    X(clear_error)                                                                                                     \
    X(free)                                                                                                            \
    X(object_unref)                                                                                                    \
    X(signal_connect_data)                                                                                             \
    X(signal_handlers_disconnect_matched)                                                                              \
    X(type_check_instance_is_a)

/* arv_camera_new() is arv.camera_new() here, and g_free() is glib.free(); both may be called after aravis_load(). */
#define MEMBER(name) __typeof__(arv_##name) *name;
extern struct aravis_functions {
    ARAVIS_FUNCTIONS(MEMBER)
} arv;
#undef MEMBER

#define MEMBER(name) __typeof__(g_##name) *name;
extern struct glib_functions {
    GLIB_FUNCTIONS(MEMBER)
} glib;
#undef MEMBER

/* Thread-safety: any thread, at any time. IST_ERROR_UNSUPPORTED: Aravis is not installed. */
ist_status aravis_load(ist_error *error);

#endif
