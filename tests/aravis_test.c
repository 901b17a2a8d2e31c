/* GenICam cameras: Aravis' simulated ones, in this process and over the network of this machine. */
#include <arv.h>
#include <check.h>
#include <libstore/libstore.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static ist_error error;

static ist_source *open_camera(const char *location, const char *options)
{
    ist_source *source;
    const ist_status status = ist_source_open(&source, location, &(ist_source_params){.options = options}, &error);
    ck_assert_msg(status == IST_OK, "%s", error.message);
    return source;
}

static void next(ist_source *source, ist_frame *frame)
{
    ck_assert_msg(ist_source_next(source, frame, &error) == IST_OK, "%s", error.message);
}

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

START_TEST(frames_come_in_order)
{
    // The simulated camera begins to count shortly before its 16 bits are full.
    enum { FRAMES = 250, ID_LAST = 65535 };
    ist_source *source = open_camera("aravis:Fake_1", "rate=500:exposure=100");
    const ist_source_info *info = ist_source_get_info(source);
    ck_assert_str_eq(info->kind, "aravis");
    ck_assert(info->live && info->width == 512 && info->height == 512 && info->channels == 1);
    ck_assert_double_eq_tol(info->frame_rate, 500, 1);
    ist_frame frame = {0};
    const double begin_s = now_s();
    int64_t number = 0;
    double time_s = 0;
    for (int i = 0; i < FRAMES; i++) {
        next(source, &frame);
        ck_assert_msg(i == 0 || frame.number == number + 1, "%lld follows %lld", (long long)frame.number,
                      (long long)number);
        ck_assert(frame.time_s > time_s);
        ck_assert(frame.camera_time_s > 0);
        number = frame.number;
        time_s = frame.time_s;
    }
    ck_assert_int_gt(number, ID_LAST);
    ck_assert_double_eq_tol(time_s, now_s(), 0.5);
    ck_assert_double_gt(time_s, begin_s);
    ist_source_stats stats;
    ck_assert(ist_source_get_stats(source, &stats));
    ck_assert_int_ge(stats.completed, FRAMES);
    ck_assert_int_eq(stats.incomplete, 0);
    ist_frame_free(&frame);
    ist_source_close(&source);
}
END_TEST

START_TEST(settings)
{
    static const struct {
        const char *options;
        int width, height, channels;
        ist_pixel_type type;
        const char *encoding;
    } cases[] = {
        {"size=64x48", 64, 48, 1, IST_PIXEL_U8, NULL},
        {"format=Mono16", 512, 512, 1, IST_PIXEL_U16, NULL},
        {"format=RGB8:size=32x16", 32, 16, 3, IST_PIXEL_U8, NULL},
        {"PixelFormat=BayerRG8:Width=128", 128, 512, 1, IST_PIXEL_U8, "cv_bayerbg"},
        {"format=BayerBG8", 512, 512, 1, IST_PIXEL_U8, "cv_bayerrg"},
        {"gain=3:exposure=2000:ExposureTimeAbs=1500:trigger=off", 512, 512, 1, IST_PIXEL_U8, NULL},
    };
    ist_frame frame = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char options[160];
        snprintf(options, sizeof options, "rate=200:%s", cases[i].options);
        ist_source *source = open_camera("aravis:Fake_1", options);
        const ist_source_info *info = ist_source_get_info(source);
        if (cases[i].encoding)
            ck_assert_str_eq(info->encoding, cases[i].encoding);
        else
            ck_assert_ptr_null(info->encoding);
        next(source, &frame);
        ck_assert_int_eq(frame.width, cases[i].width);
        ck_assert_int_eq(frame.height, cases[i].height);
        ck_assert_int_eq(frame.channels, cases[i].channels);
        ck_assert_int_eq(frame.type, cases[i].type);
        ist_source_close(&source);
    }
    ist_frame_free(&frame);
}
END_TEST

START_TEST(what_is_not_there_is_listed)
{
    static const char *const cases[][2] = {
        {"Foo=1", "no setting 'Foo'; there are size, rate, format, exposure, gain, trigger, DeviceVendorName"},
        {"format=Mono12", "the camera has"},
        {"PixelFormat=Foo", "must be one of BayerBG8"},
        {"size=99999x3", "each 1 to 65535"},
        {"size=9999x64", "2048"},
        {"exposure=soon", "exposure=soon"},
        {"rate", "KEY=VALUE"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ist_source *source;
        const ist_source_params params = {.options = cases[i][0]};
        ck_assert_int_eq(ist_source_open(&source, "aravis:Fake_1", &params, &error), IST_ERROR_ARGUMENT);
        ck_assert_msg(strstr(error.message, cases[i][1]) != NULL, "'%s' lacks '%s'", error.message, cases[i][1]);
    }
    ist_source *source;
    ck_assert_int_eq(ist_source_open(&source, "aravis:Nobody", NULL, &error), IST_ERROR_NOT_FOUND);
}
END_TEST

START_TEST(waiting_is_interrupted)
{
    ist_source *source = open_camera("aravis:Fake_1", "trigger=Software");
    ist_frame frame = {0};
    ist_source_interrupt(source);
    ck_assert_int_eq(ist_source_next(source, &frame, &error), IST_ERROR_INTERRUPTED);
    ist_source_close(&source);
}
END_TEST

/* ---- a GigE Vision camera in this process, which talks through the loopback ---- */

static ArvGvFakeCamera *gige;

static void plug_in(void)
{
    gige = arv_gv_fake_camera_new("127.0.0.1", "GV01");
    ck_assert(arv_gv_fake_camera_is_running(gige));
}

/* A camera with a feature that the simulated one lacks: its description with one more pixel format. */
static char *describe_with(const char *name, unsigned format)
{
    static const char before[] = "<EnumEntry Name=\"BayerBG8\"";
    ArvFakeCamera *camera = arv_fake_camera_new("GV00");
    size_t size;
    const char *given = arv_fake_camera_get_genicam_xml(camera, &size);
    char *xml = g_strndup(given, size), *path;
    const char *at = strstr(xml, before);
    ck_assert_ptr_nonnull(at);
    char *text = g_strdup_printf("%.*s<EnumEntry Name=\"%s\" NameSpace=\"Standard\"><Value>%u</Value></EnumEntry>%s",
                                 (int)(at - xml), xml, name, format, at);
    close(g_file_open_tmp("aravis-test-XXXXXX.xml", &path, NULL));
    ck_assert(g_file_set_contents(path, text, -1, NULL));
    g_object_unref(camera);
    g_free(xml);
    g_free(text);
    return path;
}

/* The width is odd, so that every other row begins within a byte. */
enum { PACKED_WIDTH = 63, PACKED_HEIGHT = 48, PACKED_PIXELS = PACKED_WIDTH * PACKED_HEIGHT };

/* Pixel i is i. The buffer is as large as the payload. */
static void fill_12p(ArvBuffer *buffer, void *data, guint32 exposure_us, guint32 gain, ArvPixelFormat format)
{
    (void)data, (void)exposure_us, (void)gain, (void)format;
    uint8_t *bytes = (uint8_t *)(uintptr_t)arv_buffer_get_data(buffer, NULL);
    for (unsigned i = 0; i < PACKED_PIXELS; i += 2, bytes += 3) {
        bytes[0] = (uint8_t)i;
        bytes[1] = (uint8_t)(i >> 8 | (i + 1) << 4);
        bytes[2] = (uint8_t)((i + 1) >> 4);
    }
}

static void pull_out(void)
{
    g_clear_object(&gige);
}

static int64_t take_drops(ist_source *source, int64_t before, int64_t number)
{
    ist_drop drop;
    int64_t count = 0;
    while (ist_source_next_drop(source, &drop)) {
        ck_assert_int_eq(drop.cause, IST_DROP_BUS);
        ck_assert_msg(drop.first_number > before && drop.first_number + drop.count <= number,
                      "%lld frames from %lld on are said to be damaged between %lld and %lld", (long long)drop.count,
                      (long long)drop.first_number, (long long)before, (long long)number);
        count += drop.count;
    }
    return count;
}

/* Each number is a frame, is said to have come damaged, or is left out. */
START_TEST(lost_packets_are_drops_on_the_bus)
{
    enum { FRAMES = 60 };
    g_object_set(gige, "gvsp-lost-ratio", 0.02, NULL);
    ist_source *source = open_camera("aravis:127.0.0.1", "rate=100:size=256x256");
    ist_frame frame = {0};
    int64_t damaged = 0, before = 0;
    for (int i = 0; i < FRAMES; i++) {
        next(source, &frame);
        ck_assert(i == 0 || frame.number > before);
        damaged += take_drops(source, i ? before : INT64_MIN, frame.number);
        before = frame.number;
    }
    ist_source_stats stats;
    ck_assert(ist_source_get_stats(source, &stats));
    ck_assert_int_gt(damaged, 0); // of 100 frames not one is whole by luck
    ck_assert_int_ge(stats.incomplete, damaged);
    ck_assert_int_ge(stats.completed, FRAMES);
    ist_frame_free(&frame);
    ist_source_close(&source);
}
END_TEST

START_TEST(frames_that_nobody_takes_leave_a_gap)
{
    // There are at most 128 buffers.
    ist_source *source = open_camera("aravis:127.0.0.1", "rate=500:size=128x128");
    ist_frame frame = {0};
    next(source, &frame);
    g_usleep(800000);
    bool gap = false;
    int64_t before = frame.number;
    for (int i = 0; i < 150; i++) {
        next(source, &frame);
        (void)take_drops(source, before, frame.number);
        gap |= frame.number > before + 1;
        ck_assert(frame.number > before);
        before = frame.number;
    }
    ck_assert(gap);
    ist_source_stats stats;
    ck_assert(ist_source_get_stats(source, &stats));
    ck_assert_int_gt(stats.underruns, 0);
    ist_frame_free(&frame);
    ist_source_close(&source);
}
END_TEST

START_TEST(packed_values_are_unpacked)
{
    static const struct {
        const char *name;
        unsigned format;
        const char *encoding;
    } cases[] = {{"Mono12p", 0x010c0047, NULL}, {"BayerRG12p", 0x010c0059, "cv_bayerbg"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char options[80];
        char *path = describe_with(cases[i].name, cases[i].format);
        pull_out();
        gige = arv_gv_fake_camera_new_full("127.0.0.1", "GV01", path);
        ck_assert(arv_gv_fake_camera_is_running(gige));
        arv_fake_camera_set_fill_pattern(arv_gv_fake_camera_get_fake_camera(gige), fill_12p, NULL);
        snprintf(options, sizeof options, "rate=100:size=%dx%d:format=%s", PACKED_WIDTH, PACKED_HEIGHT, cases[i].name);
        ist_source *source = open_camera("aravis:127.0.0.1", options);
        ck_assert_int_eq(ist_source_get_info(source)->type, IST_PIXEL_U16);
        ck_assert_pstr_eq(ist_source_get_info(source)->encoding, cases[i].encoding);
        ist_frame frame = {0};
        next(source, &frame);
        ck_assert(frame.width == PACKED_WIDTH && frame.height == PACKED_HEIGHT && frame.channels == 1);
        for (unsigned k = 0; k < PACKED_PIXELS; k++)
            ck_assert_uint_eq(((const uint16_t *)(const void *)frame.data)[k], k);
        ist_frame_free(&frame);
        ist_source_close(&source);
        remove(path);
        g_free(path);
    }
}
END_TEST

START_TEST(camera_is_pulled_out)
{
    ist_source *source = open_camera("aravis:127.0.0.1", "rate=100:size=64x64");
    ist_frame frame = {0};
    next(source, &frame);
    pull_out();
    ist_status status;
    while ((status = ist_source_next(source, &frame, &error)) == IST_OK)
        ;
    ck_assert_int_eq(status, IST_ERROR_IO);
    ck_assert_str_eq(error.message, "aravis:127.0.0.1: the camera is gone");
    ck_assert_int_eq(ist_source_next(source, &frame, &error), IST_END);
    ist_frame_free(&frame);
    ist_source_close(&source);
}
END_TEST

/* With "long" also what takes long: Aravis waits 6 s for a camera that does not answer, and again when it is let go. */
int main(int argc, char **argv)
{
    const bool all = argc > 1 && strcmp(argv[1], "long") == 0;
    Suite *suite = suite_create("aravis");
    TCase *simulated = tcase_create("in this process"), *network = tcase_create("over the network");
    tcase_set_timeout(simulated, 60);
    tcase_add_test(simulated, frames_come_in_order);
    tcase_add_test(simulated, settings);
    tcase_add_test(simulated, what_is_not_there_is_listed);
    tcase_add_test(simulated, waiting_is_interrupted);
    suite_add_tcase(suite, simulated);
    tcase_set_timeout(network, 60);
    tcase_add_checked_fixture(network, plug_in, pull_out);
    tcase_add_test(network, lost_packets_are_drops_on_the_bus);
    tcase_add_test(network, packed_values_are_unpacked);
    tcase_add_test(network, frames_that_nobody_takes_leave_a_gap);
    if (all)
        tcase_add_test(network, camera_is_pulled_out);
    suite_add_tcase(suite, network);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
