/* Cameras: V4L2 replayed, counters and clocks, JPEGs on their way into a store. */
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <libavformat/avformat.h>
#include <libstore/libstore.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "camera_clock.h"
#include "fs.h"
#include "image.h"
#include "image_write.h"
#include "jpeg_shape.h"
#include "recorded_camera.h"
#include "temporary.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static char folder[TEMPORARY_SIZE], store[80];
static ist_error error;

static void setup(void)
{
    temporary_folder(folder, "camera-test");
    snprintf(store, sizeof store, "%s/store", folder);
}

static void teardown(void)
{
    recorded_cameras_unplug();
    fs_remove_tree(folder);
}

/* ---- the cameras ---- */

/* Every byte tells of its frame. */
static void draw_bytes(uint32_t sequence, uint8_t *pixels, size_t *size)
{
    for (size_t i = 0; i < *size; i++)
        pixels[i] = (uint8_t)(i + 7 * sequence);
}

/* Gray in the middle range of luma, without colour. */
static void draw_yuyv(uint32_t sequence, uint8_t *pixels, size_t *size)
{
    for (size_t i = 0; i < *size; i += 2) {
        pixels[i] = (uint8_t)(16 + (sequence * 10 + i / 2) % 220);
        pixels[i + 1] = 128;
    }
}

/* A real JPEG with padding behind it, as UVC cameras leave it. */
static void draw_jpeg(uint32_t sequence, uint8_t *pixels, size_t *size)
{
    ist_frame frame = {0};
    struct buffer bytes = {0};
    ck_assert_int_eq(ist_frame_alloc(&frame, 64, 48, 3, IST_PIXEL_U8, &error), IST_OK);
    for (int i = 0; i < 64 * 48 * 3; i++)
        frame.data[i] = (uint8_t)(40 + (uint32_t)i / 144 + 8 * sequence);
    ck_assert_int_eq(image_encode_jpeg(&frame, 80, &bytes, &error), IST_OK);
    ck_assert_uint_lt(bytes.size + 9, *size);
    memset(pixels, 0, *size);
    memcpy(pixels, bytes.data, bytes.size);
    *size = bytes.size + 9;
    buffer_free(&bytes);
    ist_frame_free(&frame);
}

static const char *const exposure_entries[] = {NULL, "Manual Mode", NULL, "Aperture Priority Mode"};
static struct recorded_control webcam_controls[] = {
    {V4L2_CID_BRIGHTNESS, V4L2_CTRL_TYPE_INTEGER, "Brightness", 0, 255, NULL, 128},
    {V4L2_CID_GAIN, V4L2_CTRL_TYPE_INTEGER, "Gain", 0, 100, NULL, 0},
    {V4L2_CID_EXPOSURE_AUTO, V4L2_CTRL_TYPE_MENU, "Auto Exposure", 0, 3, exposure_entries, 3},
    {V4L2_CID_EXPOSURE_ABSOLUTE, V4L2_CTRL_TYPE_INTEGER, "Exposure Time, Absolute", 3, 2047, NULL, 250},
};
static struct recorded_camera webcam = {
    .card = "HD Pro Webcam",
    .capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING,
    .formats = {{V4L2_PIX_FMT_YUYV, {{64, 48, {30, 15}, false}, {32, 24, {60, 30}, false}}},
                {V4L2_PIX_FMT_MJPEG, {{64, 48, {60, 30}, false}}},
                {V4L2_PIX_FMT_H264, {{64, 48, {60}, false}}}},
    .controls = webcam_controls,
    .control_count = COUNT(webcam_controls),
    .draw = draw_yuyv,
};

static const char *const trigger_entries[] = {"Free running", "Rising edge"};
static struct recorded_control machine_controls[] = {
    {V4L2_CID_EXPOSURE_ABSOLUTE, V4L2_CTRL_TYPE_INTEGER, "Exposure Time, Absolute", 1, 10000, NULL, 100},
    {V4L2_CID_PRIVATE_BASE, V4L2_CTRL_TYPE_MENU, "Trigger Mode", 0, 1, trigger_entries, 0},
};
static struct recorded_camera machine = {
    .card = "Machine Vision",
    .capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING,
    .formats = {{V4L2_PIX_FMT_GREY, {{64, 48, {500, 100}, true}}}, {V4L2_PIX_FMT_Y12, {{64, 48, {250}, true}}}},
    .controls = machine_controls,
    .control_count = COUNT(machine_controls),
    .draw = draw_bytes,
};

static struct recorded_camera bayer = {
    .card = "Bayer",
    .capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING,
    .formats = {{V4L2_PIX_FMT_SRGGB8, {{64, 48, {30}, false}}}},
    .draw = draw_bytes,
};

/* Of a single-board computer; `interface` is V4L2_CAP_VIDEO_CAPTURE or V4L2_CAP_VIDEO_CAPTURE_MPLANE. */
static struct recorded_camera make_board(uint32_t interface, uint32_t row_padding, uint32_t format)
{
    return (struct recorded_camera){.card = "Board",
                                    .capabilities = interface | V4L2_CAP_STREAMING,
                                    .row_padding = row_padding,
                                    .formats = {{format, {{64, 48, {30}, false}}}},
                                    .draw = draw_bytes};
}

/* The second device of a webcam, which gives no pictures. */
static struct recorded_camera metadata = {.card = "HD Pro Webcam", .capabilities = V4L2_CAP_META_CAPTURE};

static void plug(struct recorded_camera *camera, const struct recorded_picture *script, int length)
{
    static struct recorded_camera *plugged[1];
    plugged[0] = camera;
    camera->script = script;
    camera->script_length = length;
    recorded_cameras_plug(plugged, 1);
}

static ist_source *open_camera(const ist_source_params *params)
{
    ist_source *source;
    const ist_status status = ist_source_open(&source, "v4l2:", params, &error);
    ck_assert_msg(status == IST_OK, "%s", error.message);
    return source;
}

static void assert_refused(const char *options, const char *word)
{
    ist_source *source;
    const ist_source_params params = {.options = options};
    ck_assert_int_eq(ist_source_open(&source, "/dev/video0", &params, &error), IST_ERROR_ARGUMENT);
    ck_assert_ptr_null(source);
    ck_assert_msg(strstr(error.message, word) != NULL, "%s: '%s' lacks '%s'", options, error.message, word);
}

static void next(ist_source *source, ist_frame *frame)
{
    ck_assert_msg(ist_source_next(source, frame, &error) == IST_OK, "%s", error.message);
}

/* ---- V4L2 ---- */

START_TEST(gray_frames_with_the_drivers_numbers_and_times)
{
    static const struct recorded_picture script[] = {
        {0, 5000000, 0, 0, 0}, {1, 5002000, 0, 0, 0}, {4, 5008000, 0, 0, 0}, {5, 5010000, 0, 0, 0}};
    plug(&machine, script, COUNT(script));
    ist_source *source = open_camera(NULL);
    const ist_source_info *info = ist_source_get_info(source);
    ck_assert_str_eq(info->kind, "v4l2");
    ck_assert(info->live && info->width == 64 && info->height == 48 && info->channels == 1);
    ck_assert_double_eq(info->frame_rate, 500);
    ist_frame frame = {0};
    for (int i = 0; i < COUNT(script); i++) {
        next(source, &frame);
        ck_assert_int_eq(frame.index, i);
        ck_assert_int_eq(frame.number, script[i].sequence);
        ck_assert_double_eq(frame.camera_time_s, (double)script[i].stamp_us / 1e6);
        ck_assert_double_eq_tol(frame.time_s, (double)(script[i].stamp_us + recorded_epoch_us) * 1e-6, 5e-6);
        for (int k = 0; k < 64 * 48; k++)
            ck_assert_uint_eq(frame.data[k], (uint8_t)((uint32_t)k + 7 * script[i].sequence));
    }
    ist_frame_free(&frame);
    ist_source_close(&source);
    const char *log = recorded_camera_log(), *begin = "QUERYCAP G_FMT S_FMT G_PARM REQBUFS QUERYBUF QBUF QUERYBUF ",
               *end = "QUERYBUF QBUF STREAMON DQBUF QBUF DQBUF QBUF DQBUF QBUF DQBUF QBUF STREAMOFF";
    ck_assert_msg(strncmp(log, begin, strlen(begin)) == 0, "%s", log);
    ck_assert_str_eq(log + strlen(log) - strlen(end), end);
}
END_TEST

START_TEST(counter_of_the_driver_begins_anew)
{
    static const struct recorded_picture script[] = {{UINT32_MAX - 1, 1000000, 0, 0, 0},
                                                     {UINT32_MAX, 1010000, 0, 0, 0},
                                                     {0, 1020000, 0, 0, 0},
                                                     {2, 1040000, 0, 0, 0}};
    static const int64_t numbers[] = {UINT32_MAX - INT64_C(1), UINT32_MAX, UINT32_MAX + INT64_C(1),
                                      UINT32_MAX + INT64_C(3)};
    plug(&machine, script, COUNT(script));
    ist_source *source = open_camera(NULL);
    ist_frame frame = {0};
    for (int i = 0; i < COUNT(script); i++) {
        next(source, &frame);
        ck_assert_int_eq(frame.number, numbers[i]);
    }
    ist_frame_free(&frame);
    ist_source_close(&source);
}
END_TEST

START_TEST(damaged_buffers_are_drops_on_the_bus)
{
    static const struct recorded_picture script[] = {
        {0, 1000000, 0, 0, 0},     {1, 1010000, V4L2_BUF_FLAG_ERROR, 0, 0}, {2, 1020000, 0, 100, 0},
        {3, 1030000, 0, 0, 0},     {5, 1050000, V4L2_BUF_FLAG_ERROR, 0, 0}, {6, 1060000, 0, 0, 0},
        {7, 1070000, 0, 0, ENODEV}};
    plug(&machine, script, COUNT(script));
    ist_source *source = open_camera(NULL);
    ist_frame frame = {0};
    ist_drop drop;
    next(source, &frame);
    ck_assert(!ist_source_next_drop(source, &drop));
    next(source, &frame);
    ck_assert_int_eq(frame.number, 3);
    ck_assert(ist_source_next_drop(source, &drop));
    ck_assert(drop.cause == IST_DROP_BUS && drop.first_number == 1 && drop.count == 2);
    ck_assert_double_eq_tol(drop.time_s, 1.01 + (double)recorded_epoch_us * 1e-6, 1e-5);
    ck_assert(!ist_source_next_drop(source, &drop));
    next(source, &frame);
    ck_assert_int_eq(frame.number, 6);
    ck_assert(ist_source_next_drop(source, &drop));
    ck_assert(drop.first_number == 5 && drop.count == 1);
    ist_frame_free(&frame);
    ist_source_close(&source);
}
END_TEST

START_TEST(camera_is_pulled_out)
{
    static const struct recorded_picture script[] = {
        {0, 1000000, 0, 0, 0}, {1, 1010000, 0, 0, 0}, {2, 1020000, 0, 0, ENODEV}};
    plug(&machine, script, COUNT(script));
    ist_source *source = open_camera(NULL);
    ist_frame frame = {0};
    next(source, &frame);
    next(source, &frame);
    ck_assert_int_eq(ist_source_next(source, &frame, &error), IST_ERROR_IO);
    ck_assert_str_eq(error.message, "/dev/video0: the camera is gone");
    ck_assert_int_eq(ist_source_next(source, &frame, &error), IST_END);
    ist_frame_free(&frame);
    ist_source_close(&source);
}
END_TEST

START_TEST(a_drop_is_where_it_was_in_the_store)
{
    static const struct recorded_picture script[] = {{10, 1000000, 0, 0, 0},
                                                     {11, 1010000, V4L2_BUF_FLAG_ERROR, 0, 0},
                                                     {12, 1020000, 0, 0, 0},
                                                     {15, 1050000, 0, 0, 0},
                                                     {16, 1060000, 0, 0, ENODEV}};
    plug(&machine, script, COUNT(script));
    ist_source *source = open_camera(NULL);
    ist_writer *writer;
    ist_recorder *recorder;
    ist_frame frame = {0};
    ist_drop drop;
    ck_assert_int_eq(
        ist_writer_create(&writer, store, &(ist_writer_params){.format = "npy", .width = 64, .height = 48}, &error),
        IST_OK);
    ck_assert_int_eq(
        ist_recorder_start(&recorder, &writer, store, &(ist_recorder_params){.gaps_are_drops = true}, &error), IST_OK);
    while (ist_source_next(source, &frame, &error) == IST_OK) {
        while (ist_source_next_drop(source, &drop))
            ist_recorder_note_drop(recorder, &drop);
        ck_assert_int_eq(ist_recorder_add(recorder, &frame, (double)INFINITY, &error), IST_OK);
    }
    ck_assert_int_eq(ist_recorder_finish(&recorder, NULL, &error), IST_OK);
    ist_frame_free(&frame);
    ist_source_close(&source);

    ist_reader *reader;
    ist_drop *drops;
    int64_t count;
    double times_s[3];
    ck_assert_int_eq(ist_reader_open(&reader, store, &error), IST_OK);
    ck_assert_int_eq(ist_reader_drops(reader, &drops, &count, &error), IST_OK);
    ck_assert_int_eq(count, 2);
    ck_assert(drops[0].cause == IST_DROP_BUS && drops[0].first_number == 11 && drops[0].count == 1);
    ck_assert(drops[1].cause == IST_DROP_CAMERA && drops[1].first_number == 13 && drops[1].count == 2);
    ist_free(drops);
    ck_assert_int_eq(ist_reader_camera_times(reader, 0, 3, times_s, &error), IST_OK);
    ck_assert(times_s[0] == 1 && times_s[1] == 1.02 && times_s[2] == 1.05);
    ck_assert_int_eq(ist_reader_camera_times(reader, 1, 3, times_s, &error), IST_ERROR_NOT_FOUND);
    ist_reader_close(&reader);
}
END_TEST

START_TEST(clock_of_the_machine_is_set)
{
    static const struct recorded_picture script[] = {
        {0, 1000000, 0, 0, 0}, {1, 2000000, 0, 0, 0}, {2, 20000000, 0, 0, 0}};
    const int64_t epoch_us = recorded_epoch_us;
    plug(&machine, script, COUNT(script));
    ist_source *source = open_camera(NULL);
    ist_frame frame = {0};
    next(source, &frame);
    recorded_epoch_us += 3600000000;
    next(source, &frame); // within 10 s nobody looks
    ck_assert_double_eq_tol(frame.time_s, (double)(2000000 + epoch_us) * 1e-6, 1e-5);
    next(source, &frame);
    ck_assert_double_eq_tol(frame.time_s, (double)(20000000 + recorded_epoch_us) * 1e-6, 1e-5);
    recorded_epoch_us = epoch_us;
    ist_frame_free(&frame);
    ist_source_close(&source);
}
END_TEST

static const struct recorded_picture two[] = {{0, 1000000, 0, 0, 0}, {1, 1033000, 0, 0, 0}};

START_TEST(colour_is_bgr_and_gray_if_asked_for)
{
    for (int gray = 0; gray < 2; gray++) {
        plug(&webcam, two, COUNT(two));
        ist_source *source = open_camera(&(ist_source_params){.gray = gray});
        ck_assert_int_eq(ist_source_get_info(source)->channels, gray ? 1 : 3);
        ist_frame frame = {0};
        next(source, &frame);
        for (int i = 0; i < 64 * 48; i++) {
            const double luma = 16 + i % 220, level = (luma - 16) * 255 / 219;
            for (int c = 0; c < frame.channels; c++)
                ck_assert_double_eq_tol(frame.data[i * frame.channels + c], fmin(level, 255), 2.5);
        }
        ist_frame_free(&frame);
        ist_source_close(&source);
        recorded_cameras_unplug();
    }
}
END_TEST

START_TEST(filter_of_colours_stays_raw)
{
    plug(&bayer, two, COUNT(two));
    ist_source *source = open_camera(NULL);
    ck_assert_str_eq(ist_source_get_info(source)->encoding, "cv_bayerbg");
    ck_assert_int_eq(ist_source_get_info(source)->channels, 1);
    ist_frame frame = {0};
    next(source, &frame);
    ck_assert_uint_eq(frame.data[5], 5);
    ist_frame_free(&frame);
    ist_source_close(&source);
}
END_TEST

START_TEST(deep_gray_keeps_its_values)
{
    plug(&machine, two, COUNT(two));
    ist_source *source = open_camera(&(ist_source_params){.options = "format=Y12"});
    ist_frame frame = {0};
    next(source, &frame);
    ck_assert_int_eq(frame.type, IST_PIXEL_U16);
    for (int i = 0; i < 64 * 48; i++)
        ck_assert_uint_eq(((uint16_t *)(void *)frame.data)[i], (2 * i & 0xff) | ((2 * i + 1) & 0xff) << 8);
    ist_frame_free(&frame);
    ist_source_close(&source);
}
END_TEST

static void record_two(struct recorded_camera *camera, ist_frame frames[2])
{
    plug(camera, two, COUNT(two));
    ist_source *source = open_camera(NULL);
    ck_assert_double_eq(ist_source_get_info(source)->frame_rate, 30);
    for (int i = 0; i < 2; i++)
        next(source, &frames[i]);
    ist_source_close(&source);
    recorded_cameras_unplug();
}

START_TEST(packed_raw_data_are_unpacked)
{
    const uint32_t interfaces[] = {V4L2_CAP_VIDEO_CAPTURE, V4L2_CAP_VIDEO_CAPTURE_MPLANE};
    for (int k = 0; k < COUNT(interfaces); k++) {
        struct recorded_camera board = make_board(interfaces[k], 16, V4L2_PIX_FMT_SRGGB10P);
        ist_frame frames[2] = {0};
        record_two(&board, frames);
        ck_assert(frames[1].type == IST_PIXEL_U16 && frames[1].channels == 1);
        for (unsigned i = 0; i < 64 * 48; i++) {
            const unsigned x = i % 64, group = i / 64 * (64 * 5 / 4 + 16) + x / 4 * 5;
            const uint8_t high = (uint8_t)(group + x % 4 + 7), lows = (uint8_t)(group + 4 + 7);
            ck_assert_uint_eq(((uint16_t *)(void *)frames[1].data)[i], high << 2 | (lows >> x % 4 * 2 & 3));
        }
        for (int i = 0; i < 2; i++)
            ist_frame_free(&frames[i]);
    }
}
END_TEST

/* The same bytes are the same picture, however many memories they come in. */
START_TEST(planes_may_lie_apart)
{
    const uint32_t formats[][2] = {{V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_NV12M},
                                   {V4L2_PIX_FMT_YUV420, V4L2_PIX_FMT_YUV420M}};
    for (int k = 0; k < COUNT(formats); k++) {
        struct recorded_camera boards[] = {make_board(V4L2_CAP_VIDEO_CAPTURE, 16, formats[k][0]),
                                           make_board(V4L2_CAP_VIDEO_CAPTURE_MPLANE, 16, formats[k][0]),
                                           make_board(V4L2_CAP_VIDEO_CAPTURE_MPLANE, 16, formats[k][1])};
        ist_frame frames[3][2] = {0};
        for (int i = 0; i < 3; i++) {
            record_two(&boards[i], frames[i]);
            ck_assert_int_eq(frames[i][0].channels, 3);
            for (int n = 0; n < 2; n++)
                ck_assert_mem_eq(frames[i][n].data, frames[0][n].data, 64 * 48 * 3);
        }
        ck_assert_mem_ne(frames[0][0].data, frames[0][1].data, 64 * 48 * 3);
        for (int i = 0; i < 3; i++)
            for (int n = 0; n < 2; n++)
                ist_frame_free(&frames[i][n]);
    }
}
END_TEST

/* Red, by the weights of BT.601. */
static void draw_red(uint32_t sequence, uint8_t *pixels, size_t *size)
{
    (void)sequence;
    const size_t luma = *size * 2 / 3;
    memset(pixels, 81, luma);
    memset(pixels + luma, 90, luma / 4);
    memset(pixels + luma + luma / 4, 240, luma / 4);
}

START_TEST(planes_are_in_their_order)
{
    struct recorded_camera board = make_board(V4L2_CAP_VIDEO_CAPTURE_MPLANE, 0, V4L2_PIX_FMT_YUV420M);
    board.draw = draw_red;
    ist_frame frames[2] = {0};
    record_two(&board, frames);
    const uint8_t *last = frames[0].data + 3 * (64 * 48 - 1);
    ck_assert(last[0] < 10 && last[1] < 10 && last[2] > 245);
    for (int i = 0; i < 2; i++)
        ist_frame_free(&frames[i]);
}
END_TEST

START_TEST(damaged_planes_are_drops_on_the_bus)
{
    static const struct recorded_picture script[] = {
        {0, 1000000, 0, 0, 0}, {1, 1010000, 0, 1, 0}, {2, 1020000, 0, 0, 0}};
    struct recorded_camera board = make_board(V4L2_CAP_VIDEO_CAPTURE_MPLANE, 0, V4L2_PIX_FMT_NV12M);
    plug(&board, script, COUNT(script));
    ist_source *source = open_camera(NULL);
    ist_frame frame = {0};
    ist_drop drop;
    next(source, &frame);
    next(source, &frame);
    ck_assert_int_eq(frame.number, 2);
    ck_assert(ist_source_next_drop(source, &drop));
    ck_assert(drop.cause == IST_DROP_BUS && drop.first_number == 1 && drop.count == 1);
    ist_frame_free(&frame);
    ist_source_close(&source);
}
END_TEST

START_TEST(modes_and_controls_are_set)
{
    plug(&webcam, two, COUNT(two));
    ist_source *source = open_camera(
        &(ist_source_params){.options = "exposure=20000:gain=7:brightness=9:size=32x24:rate=30:format=YUYV"});
    const ist_source_info *info = ist_source_get_info(source);
    ck_assert(info->width == 32 && info->height == 24 && info->frame_rate == 30);
    ck_assert_int_eq(webcam_controls[0].value, 9);
    ck_assert_int_eq(webcam_controls[1].value, 7);
    ck_assert_int_eq(webcam_controls[2].value, V4L2_EXPOSURE_MANUAL);
    ck_assert_int_eq(webcam_controls[3].value, 200);
    ist_source_close(&source);
    source = open_camera(&(ist_source_params){.options = "exposure=auto"});
    ck_assert_int_eq(webcam_controls[2].value, V4L2_EXPOSURE_APERTURE_PRIORITY);
    ist_source_close(&source);
    source = open_camera(&(ist_source_params){.options = "auto_exposure=manual mode:exposure_time_absolute=44"});
    ck_assert_int_eq(webcam_controls[2].value, V4L2_EXPOSURE_MANUAL);
    ck_assert_int_eq(webcam_controls[3].value, 44);
    ist_source_close(&source);
    recorded_cameras_unplug();

    plug(&machine, two, COUNT(two));
    source = open_camera(&(ist_source_params){.options = "trigger=rising edge"});
    ck_assert_int_eq(machine_controls[1].value, 1);
    ist_source_close(&source);
}
END_TEST

START_TEST(what_is_not_there_is_listed)
{
    plug(&webcam, two, COUNT(two));
    assert_refused("size=640x480", "YUYV 64x48 up to 30/s, YUYV 32x24 up to 60/s, MJPG 64x48");
    assert_refused("rate=120", "at 120/s; there are YUYV");
    assert_refused("format=GREY", "has no mode GREY");
    assert_refused("format=H264", "format=H264: must be one of YUYV, MJPG");
    assert_refused("focus=3", "rate, format, brightness, gain, auto_exposure, exposure_time_absolute");
    assert_refused("brightness=256", "whole number from 0 to 255");
    assert_refused("auto_exposure=2", "1 (Manual Mode), 3 (Aperture Priority Mode)");
    assert_refused("exposure=1", "from 300 to 204700");
    assert_refused("gain=auto", "gain=auto");
    assert_refused("trigger=1", "no setting 'trigger'");
    assert_refused("size", "KEY=VALUE");
}
END_TEST

START_TEST(cameras_are_listed)
{
    static struct recorded_camera *plugged[] = {&webcam, &metadata, NULL, &machine};
    recorded_cameras_plug(plugged, COUNT(plugged));
    ist_camera *cameras;
    int count;
    ck_assert_int_eq(ist_camera_list(&cameras, &count, &error), IST_OK);
    ck_assert_int_ge(count, 2);
    ck_assert_str_eq(cameras[0].location, "/dev/video0");
    ck_assert_str_eq(cameras[0].name, "HD Pro Webcam");
    ck_assert_int_eq(cameras[0].mode_count, 4);
    ck_assert_str_eq(cameras[0].modes[1].format, "YUYV");
    ck_assert(cameras[0].modes[1].width == 32 && cameras[0].modes[1].rate_max == 60);
    ck_assert_str_eq(cameras[1].location, "/dev/video3");
    ck_assert(cameras[1].modes[0].smaller_too);
    ist_camera_list_free(&cameras, count);
    ck_assert_ptr_null(cameras);

    ist_source *source;
    ck_assert_int_eq(ist_source_open(&source, "1", NULL, &error), IST_ERROR_UNSUPPORTED);
    ck_assert_int_eq(ist_source_open(&source, "2", NULL, &error), IST_ERROR_NOT_FOUND);
    ck_assert_int_eq(ist_source_open(&source, "v4l2:3", NULL, &error), IST_OK);
    ist_source *again;
    ck_assert_int_eq(ist_source_open(&again, "v4l2:/dev/video3", NULL, &error), IST_ERROR_IO);
    ck_assert_ptr_nonnull(strstr(error.message, "another program"));
    ist_source_close(&source);
}
END_TEST

START_TEST(waiting_is_interrupted)
{
    plug(&machine, NULL, 0); // a camera that waits for its trigger
    ist_source *source = open_camera(NULL);
    ist_frame frame = {0};
    ist_source_interrupt(source);
    ck_assert_int_eq(ist_source_next(source, &frame, &error), IST_ERROR_INTERRUPTED);
    ist_source_close(&source);
}
END_TEST

/* Whatever ioctl fails: there is an error with a text, or the camera can do without it. Nothing stays open or mapped.
 */
START_TEST(every_ioctl_fails)
{
    struct recorded_camera board = make_board(V4L2_CAP_VIDEO_CAPTURE_MPLANE, 0, V4L2_PIX_FMT_NV12M);
    struct recorded_camera *camera = _i ? &board : &webcam;
    const ist_source_params params = {.options = _i ? NULL : "exposure=20000:gain=7:size=32x24:rate=30"};
    int failures = 0;
    for (int n = 1; n <= 60; n++) {
        plug(camera, two, COUNT(two));
        recorded_camera_fail_at(n);
        ist_source *source;
        ist_frame frame = {0};
        error.message[0] = '\0';
        ist_status status = ist_source_open(&source, "/dev/video0", &params, &error);
        for (int i = 0; i < 2 && status >= 0; i++)
            status = ist_source_next(source, &frame, &error);
        failures += status < 0;
        if (status < 0)
            ck_assert_msg(error.message[0] != '\0', "ioctl %d", n);
        ist_frame_free(&frame);
        ist_source_close(&source);
        recorded_cameras_unplug();
    }
    plug(camera, two, COUNT(two));
    ck_assert_int_ge(failures, 12);
}
END_TEST

/* ---- JPEG ---- */

static struct buffer jpeg_of(uint32_t sequence)
{
    struct buffer bytes = {0};
    size_t size = 100000;
    ck_assert_int_eq(buffer_reserve(&bytes, size, &error), IST_OK);
    draw_jpeg(sequence, bytes.data, &size);
    bytes.size = size - 9;
    return bytes;
}

START_TEST(jpeg_is_looked_at)
{
    struct buffer jpeg = jpeg_of(1);
    struct jpeg_shape shape;
    ck_assert_int_eq(jpeg_look(jpeg.data, jpeg.size + 9, &shape, &error), IST_OK);
    ck_assert(shape.width == 64 && shape.height == 48 && shape.channels == 3 && shape.size == jpeg.size);
    for (size_t size = 0; size < jpeg.size; size++)
        ck_assert_int_eq(jpeg_look(jpeg.data, size, &shape, &error), IST_ERROR_DATA);
    // Any byte of the header changed: whatever is found, nothing is read behind the end.
    for (size_t i = 0; i < 600; i++) {
        uint8_t *copy = malloc(jpeg.size);
        memcpy(copy, jpeg.data, jpeg.size);
        copy[i % 300] = (uint8_t)(i < 300 ? 0xff : 0);
        (void)!jpeg_look(copy, jpeg.size, &shape, NULL);
        free(copy);
    }
    buffer_free(&jpeg);
    recorded_cameras_plug(NULL, 0);
}
END_TEST

/* The pictures as the camera gave them are the packets of the file. */
static void check_packets(const char *path, int count)
{
    AVFormatContext *file = NULL;
    AVPacket *packet = av_packet_alloc();
    ck_assert_int_eq(avformat_open_input(&file, path, NULL, NULL), 0);
    int seen = 0;
    while (av_read_frame(file, packet) >= 0) {
        struct buffer jpeg = jpeg_of((uint32_t)(seen < 2 ? seen : seen + 1));
        ck_assert_int_eq(packet->size, (int)jpeg.size);
        ck_assert_mem_eq(packet->data, jpeg.data, jpeg.size);
        buffer_free(&jpeg);
        av_packet_unref(packet);
        seen++;
    }
    ck_assert_int_eq(seen, count);
    av_packet_free(&packet);
    avformat_close_input(&file);
}

START_TEST(jpegs_are_stored_as_they_come)
{
    static const struct recorded_picture script[] = {{0, 1000000, 0, 0, 0},
                                                     {1, 1033000, 0, 0, 0},
                                                     {2, 1066000, 0, 300, 0},
                                                     {3, 1100000, 0, 0, 0},
                                                     {4, 1133000, 0, 0, ENODEV}};
    struct recorded_camera camera = webcam;
    camera.draw = draw_jpeg;
    plug(&camera, script, COUNT(script));
    ist_source *source = open_camera(&(ist_source_params){.encoded = true});
    ist_writer *writer;
    ist_recorder *recorder;
    ck_assert(ist_source_get_info(source)->width == 64 && ist_source_get_info(source)->channels == 3);
    const ist_writer_params params = {.format = "mjpeg/avi", .width = 64, .height = 48, .channels = 3};
    ck_assert_int_eq(ist_writer_create(&writer, store, &params, &error), IST_OK);
    ck_assert_int_eq(ist_recorder_start(&recorder, &writer, store, NULL, &error), IST_OK);
    ist_frame frame = {0};
    ist_drop drop;
    while (ist_source_next(source, &frame, &error) == IST_OK) {
        ck_assert_uint_gt(frame.encoded_size, 0);
        ck_assert_int_eq(ist_recorder_add(recorder, &frame, (double)INFINITY, &error), IST_OK);
    }
    ck_assert(ist_source_next_drop(source, &drop));
    ck_assert(drop.cause == IST_DROP_BUS && drop.first_number == 2);
    ck_assert_int_eq(ist_recorder_finish(&recorder, NULL, &error), IST_OK);
    ist_source_close(&source);
    char path[120];
    snprintf(path, sizeof path, "%s/000000.avi", store);
    check_packets(path, 3);

    ist_reader *reader;
    ist_frame expected = {0};
    ck_assert_int_eq(ist_reader_open(&reader, store, &error), IST_OK);
    static const int64_t numbers[] = {0, 1, 3};
    for (int i = 0; i < 3; i++) {
        ck_assert_msg(ist_reader_next(reader, &frame, &error) == IST_OK, "%s", error.message);
        ck_assert_int_eq(frame.number, numbers[i]);
        struct buffer jpeg = jpeg_of((uint32_t)numbers[i]);
        ck_assert_int_eq(image_jpeg.decode(jpeg.data, jpeg.size, &expected, &error), IST_OK);
        for (int k = 0; k < 64 * 48 * 3; k++)
            ck_assert_int_le(abs(frame.data[k] - expected.data[k]), 3); // two decoders
        buffer_free(&jpeg);
    }
    ist_frame_free(&expected);
    ist_frame_free(&frame);
    ist_reader_close(&reader);
}
END_TEST

START_TEST(jpegs_are_decoded_where_pixels_are_wanted)
{
    struct recorded_camera camera = webcam;
    camera.draw = draw_jpeg;
    for (int gray = 0; gray < 2; gray++) {
        plug(&camera, two, COUNT(two));
        ist_source *source = open_camera(&(ist_source_params){.options = "format=MJPG", .gray = gray, .encoded = gray});
        ist_frame frame = {0};
        next(source, &frame);
        ck_assert_uint_eq(frame.encoded_size, 0);
        ck_assert_int_eq(frame.channels, gray ? 1 : 3);
        ck_assert_int_le(abs(frame.data[0] - 40), 6);
        ist_frame_free(&frame);
        ist_source_close(&source);
        recorded_cameras_unplug();
    }
    plug(&camera, two, COUNT(two));
}
END_TEST

START_TEST(writer_looks_at_jpegs)
{
    static const struct {
        ist_writer_params params;
        ist_status status;
    } cases[] = {
        {{.format = "mjpeg/avi", .width = 64, .height = 48, .channels = 3}, IST_OK},
        {{.format = "mjpeg/avi", .width = 64, .height = 50, .channels = 3}, IST_ERROR_ARGUMENT},
        {{.format = "mjpeg/avi", .width = 64, .height = 48, .channels = 1}, IST_ERROR_ARGUMENT},
        {{.format = "avc1/mp4", .width = 64, .height = 48, .channels = 3}, IST_ERROR_ARGUMENT},
        {{.format = "npy", .width = 64, .height = 48, .channels = 3}, IST_ERROR_ARGUMENT},
    };
    recorded_cameras_plug(NULL, 0);
    struct buffer jpeg = jpeg_of(1);
    ist_frame frame = {0}, copy = {0};
    ck_assert_int_eq(ist_frame_set_jpeg(&frame, jpeg.data, jpeg.size, &error), IST_OK);
    for (int i = 0; i < COUNT(cases); i++) {
        ist_writer *writer;
        snprintf(store, sizeof store, "%s/%d", folder, i);
        ck_assert_msg(ist_writer_create(&writer, store, &cases[i].params, &error) == IST_OK, "%s", error.message);
        ck_assert_int_eq(ist_writer_add(writer, &frame, &error), cases[i].status);
        // A refusal changes nothing, and pixels may come beside JPEGs.
        ck_assert_int_eq(ist_frame_alloc(&copy, cases[i].params.width, cases[i].params.height, cases[i].params.channels,
                                         IST_PIXEL_U8, &error),
                         IST_OK);
        memset(copy.data, 90, (size_t)copy.stride * (size_t)copy.height);
        ck_assert_msg(ist_writer_add(writer, &copy, &error) == IST_OK, "%s", error.message);
        ck_assert_int_eq(ist_writer_close(&writer, &error), IST_OK);
    }
    ist_frame cut = frame;
    cut.encoded_size -= 2;
    ck_assert_int_eq(ist_frame_copy(&copy, &frame, &error), IST_OK);
    ck_assert_uint_eq(copy.encoded_size, frame.encoded_size);
    ck_assert_int_eq(ist_frame_copy(&copy, &cut, &error), IST_ERROR_DATA);
    buffer_free(&jpeg);
    ist_frame_free(&frame);
    ist_frame_free(&copy);
}
END_TEST

/* ---- counters and clocks ---- */

static uint64_t random_bits(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

START_TEST(counters_count_on)
{
    static const struct {
        uint64_t low, high;
    } counters[] = {{1, 65535}, {0, 65535}, {0, UINT32_MAX}, {1, 255}};
    recorded_cameras_plug(NULL, 0);
    uint64_t random = 1;
    for (int i = 0; i < COUNT(counters); i++) {
        const uint64_t low = counters[i].low, range = counters[i].high - low + 1;
        struct camera_counter counter = {0};
        uint64_t true_count = low + random_bits(&random) % range;
        const int64_t begin = camera_counter_unroll(&counter, true_count, low, counters[i].high) - (int64_t)true_count;
        for (int step = 0; step < 20000; step++) {
            true_count += 1 + random_bits(&random) % (range / 2 - 1);
            const uint64_t shown = low + (true_count - low) % range;
            ck_assert_int_eq(camera_counter_unroll(&counter, shown, low, counters[i].high),
                             begin + (int64_t)true_count);
        }
    }
    struct camera_counter wide = {0};
    ck_assert_int_eq(camera_counter_unroll(&wide, 65534, 1, 65535), 65534);
    ck_assert_int_eq(camera_counter_unroll(&wide, 65536, 1, 65535), 65536);
    ck_assert_int_eq(camera_counter_unroll(&wide, 65537, 1, 65535), 65537);
    ck_assert_int_eq(camera_counter_unroll(&wide, UINT64_C(1) << 40, 1, 65535), INT64_C(1) << 40);
    struct camera_counter back = {0};
    ck_assert_int_eq(camera_counter_unroll(&back, 100, 1, 65535), 100);
    ck_assert_int_eq(camera_counter_unroll(&back, 98, 1, 65535), 98);
    ck_assert_int_eq(camera_counter_unroll(&back, 98, 1, 65535), 99); // stands still: no counter
}
END_TEST

/* A clock 80 ppm too fast, frames that come 2 ms late or much more: times stay within what the drift explains, and
 * rise. */
START_TEST(clocks_are_tied)
{
    static const int64_t way_ns = 2000000, interval_ns = 10000000;
    recorded_cameras_plug(NULL, 0);
    struct camera_clock clock = {0};
    uint64_t random = 1;
    int64_t before_ns = 0;
    for (int64_t i = 0; i < 30000; i++) {
        const int64_t true_ns = INT64_C(1700000000000000000) + i * interval_ns;
        const int64_t camera_ns = 5000000000 + i * interval_ns + i * interval_ns / 12500;
        const int64_t late_ns = way_ns + (random_bits(&random) % 4 ? (int64_t)(random_bits(&random) % 30000000) : 0);
        const int64_t host_ns = camera_clock_tie(&clock, camera_ns, true_ns + late_ns);
        ck_assert_msg(i == 0 || host_ns > before_ns, "frame %" PRId64, i);
        if (i > 100) // 20 s of drift, and the way
            ck_assert_msg(llabs(host_ns - true_ns - way_ns) < 20 * 80000 + 500000, "frame %" PRId64 ": %" PRId64, i,
                          host_ns - true_ns);
        before_ns = host_ns;
    }
    // The camera is set back to zero.
    const int64_t again_ns = camera_clock_tie(&clock, 1000, before_ns + interval_ns);
    ck_assert_int_eq(again_ns, before_ns + interval_ns);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("camera");
    TCase *tcase = tcase_create("camera");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, gray_frames_with_the_drivers_numbers_and_times);
    tcase_add_test(tcase, counter_of_the_driver_begins_anew);
    tcase_add_test(tcase, damaged_buffers_are_drops_on_the_bus);
    tcase_add_test(tcase, camera_is_pulled_out);
    tcase_add_test(tcase, a_drop_is_where_it_was_in_the_store);
    tcase_add_test(tcase, clock_of_the_machine_is_set);
    tcase_add_test(tcase, colour_is_bgr_and_gray_if_asked_for);
    tcase_add_test(tcase, filter_of_colours_stays_raw);
    tcase_add_test(tcase, deep_gray_keeps_its_values);
    tcase_add_test(tcase, packed_raw_data_are_unpacked);
    tcase_add_test(tcase, planes_may_lie_apart);
    tcase_add_test(tcase, planes_are_in_their_order);
    tcase_add_test(tcase, damaged_planes_are_drops_on_the_bus);
    tcase_add_test(tcase, modes_and_controls_are_set);
    tcase_add_test(tcase, what_is_not_there_is_listed);
    tcase_add_test(tcase, cameras_are_listed);
    tcase_add_test(tcase, waiting_is_interrupted);
    tcase_add_loop_test(tcase, every_ioctl_fails, 0, 2);
    tcase_add_test(tcase, jpeg_is_looked_at);
    tcase_add_test(tcase, jpegs_are_stored_as_they_come);
    tcase_add_test(tcase, jpegs_are_decoded_where_pixels_are_wanted);
    tcase_add_test(tcase, writer_looks_at_jpegs);
    tcase_add_test(tcase, counters_count_on);
    tcase_add_test(tcase, clocks_are_tied);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
