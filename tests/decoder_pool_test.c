/*
 * Where decoders are left standing: what a way of reading costs, in packets that decoders get and in decoders that are
 * there at a time. Both are counted where FFmpeg is called (linked with --wrap).
 */
#include <check.h>
#include <libavcodec/avcodec.h>
#include <libstore/libstore.h>
#include <stdlib.h>

#include "barcode.h"
#include "fs.h"
#include "temporary.h"

enum { WIDTH = 96, HEIGHT = 64, CHUNK = 200, FRAMES = 3 * CHUNK, PICTURE = WIDTH * HEIGHT * 3 / 2 };

static char folder[TEMPORARY_SIZE], store[TEMPORARY_SIZE + 8];
static int packets, decoders, most_decoders;

int __real_avcodec_send_packet(AVCodecContext *codec, const AVPacket *packet);
int __wrap_avcodec_send_packet(AVCodecContext *codec, const AVPacket *packet);
int __real_avcodec_open2(AVCodecContext *context, const AVCodec *codec, AVDictionary **options);
int __wrap_avcodec_open2(AVCodecContext *context, const AVCodec *codec, AVDictionary **options);
void __real_avcodec_free_context(AVCodecContext **context);
void __wrap_avcodec_free_context(AVCodecContext **context);

int __wrap_avcodec_send_packet(AVCodecContext *codec, const AVPacket *packet)
{
    packets++;
    return __real_avcodec_send_packet(codec, packet);
}

int __wrap_avcodec_open2(AVCodecContext *context, const AVCodec *codec, AVDictionary **options)
{
    decoders++;
    most_decoders = decoders > most_decoders ? decoders : most_decoders;
    return __real_avcodec_open2(context, codec, options);
}

void __wrap_avcodec_free_context(AVCodecContext **context)
{
    decoders -= *context != NULL;
    __real_avcodec_free_context(context);
}

static void check_ok(ist_status status, const ist_error *error)
{
    ck_assert_msg(status >= 0, "%s", error->message);
}

/* Three chunks, each a GOP of its own length, or all in GOPs of 20. */
static void write_store(int gop)
{
    static uint8_t pixels[WIDTH * HEIGHT];
    ist_error error;
    ist_writer *writer;
    char options[16];
    snprintf(options, sizeof options, "g=%d", gop);
    const ist_writer_params params = {.format = "avc1/mp4",
                                      .width = WIDTH,
                                      .height = HEIGHT,
                                      .channels = 1,
                                      .chunksize = CHUNK,
                                      .encoder_options = options};
    check_ok(ist_writer_create(&writer, store, &params, &error), &error);
    for (int i = 0; i < FRAMES; i++) {
        ist_frame frame = {
            .data = pixels, .stride = WIDTH, .width = WIDTH, .height = HEIGHT, .channels = 1, .number = i, .time_s = i};
        barcode_draw(&frame, i);
        check_ok(ist_writer_add(writer, &frame, &error), &error);
    }
    check_ok(ist_writer_close(&writer, &error), &error);
}

static ist_reader *open_store(size_t cache)
{
    ist_error error;
    ist_reader *reader;
    check_ok(ist_reader_open(&reader, store, &error), &error);
    ist_reader_set_cache(reader, cache);
    packets = most_decoders = 0;
    return reader;
}

static void read_frame(ist_reader *reader, int64_t index)
{
    ist_error error;
    ist_frame frame = {0};
    check_ok(ist_reader_read_index(reader, index, &frame, &error), &error);
    ck_assert_int_eq(barcode_read(&frame), index);
    ist_frame_free(&frame);
}

static void set_up(void)
{
    temporary_folder(folder, "decoder-pool-test");
    snprintf(store, sizeof store, "%s/store", folder);
}

static void tear_down(void)
{
    ck_assert_int_eq(decoders, 0);
    fs_remove_tree(folder);
}

/* Room for two or three decoders and so few pictures that none is there when it is wanted again. */
enum { SMALL = 4 * 24 * PICTURE };

static const int distances[] = {90, -90, CHUNK + 50, -CHUNK - 50};

/* A frame and one at a distance from it, in turn: two that read on, not two that begin anew each time. */
START_TEST(two_places)
{
    enum { STEPS = 60 };
    write_store(CHUNK);
    ist_reader *reader = open_store(SMALL);
    const int begin = distances[_i] < 0 ? -distances[_i] : 0;
    for (int i = 0; i < STEPS; i++) {
        read_frame(reader, begin + i);
        read_frame(reader, begin + i + distances[_i]);
    }
    ck_assert_int_le(packets, 2 * (STEPS + CHUNK));
    ist_reader_close(&reader);
}
END_TEST

/* At random: less than half of what it takes from the key frames on, and no more decoders than there is room for. */
START_TEST(anywhere)
{
    enum { READS = 200 };
    write_store(CHUNK);
    for (int kept = 0; kept < 2; kept++) {
        ist_reader *reader = open_store(kept ? 3 * SMALL : 0);
        int from_keys = 0;
        srand(5);
        for (int i = 0; i < READS; i++) {
            const int64_t index = rand() % FRAMES;
            read_frame(reader, index);
            from_keys += (int)(index % CHUNK) + 1;
        }
        ck_assert_msg(kept ? packets < from_keys / 2 : packets > from_keys / 2, "%d of %d packets", packets, from_keys);
        ck_assert_int_ge(most_decoders, kept ? 6 : 1);
        ck_assert_int_le(most_decoders, kept ? 12 : 2);
        if (kept) {
            ist_reader_set_cache(reader, 0);
            ck_assert_int_le(decoders, 2);
        }
        ist_reader_close(&reader);
    }
}
END_TEST

/* Who reads on, also in steps, leaves none behind. */
START_TEST(reading_on_leaves_none)
{
    enum { STRIDE = 7, GOP = 20 };
    write_store(GOP);
    for (int step = 1; step <= STRIDE; step += STRIDE - 1) {
        ist_reader *reader = open_store(256 << 20);
        for (int64_t i = 0; i < FRAMES; i += step)
            read_frame(reader, i);
        ck_assert_int_le(packets, FRAMES + FRAMES / 10);
        ck_assert_int_le(most_decoders, 2 + FRAMES / CHUNK);
        ist_reader_close(&reader);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("decoder_pool");
    TCase *tcase = tcase_create("decoder_pool");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, two_places, 0, sizeof distances / sizeof *distances);
    tcase_add_test(tcase, anywhere);
    tcase_add_test(tcase, reading_on_leaves_none);
    tcase_set_timeout(tcase, 120);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
