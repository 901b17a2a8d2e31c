/*
 * The units of packets: what the standards lay down, in bytes made by hand; and that a packet taken for disposable is
 * one that the decoder leaves out, in each container.
 */
#include <check.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdlib.h>
#include <string.h>

#include "fs.h"
#include "packet_units.h"
#include "temporary.h"

enum { BYTES_MAX = 24 };

/* Slices: 0x41 is referred to, 0x01 is not. 0x65 begins a GOP, 0x06 is SEI, 0x09 a delimiter, 0x67 parameters. */
static const struct {
    int length_size, size;
    uint8_t bytes[BYTES_MAX];
    int units;
    bool whole, disposable;
} cases[] = {
    {4, 6, {0, 0, 0, 2, 0x01, 7}, 1, true, true},
    {4, 6, {0, 0, 0, 2, 0x41, 7}, 1, true, false},
    {4, 13, {0, 0, 0, 3, 0x06, 1, 2, 0, 0, 0, 2, 0x01, 7}, 2, true, false},
    {4, 12, {0, 0, 0, 2, 0x01, 7, 0, 0, 0, 2, 0x41, 7}, 2, true, false},
    {4, 12, {0, 0, 0, 2, 0x67, 7, 0, 0, 0, 2, 0x01, 7}, 2, true, false},
    {4, 6, {0, 0, 0, 2, 0x65, 7}, 1, true, false},
    {4, 6, {0, 0, 0, 2, 0x06, 7}, 1, true, false},               // no picture at all
    {4, 6, {0, 0, 0, 3, 0x01, 7}, 0, false, false},              // longer than the packet
    {4, 6, {0xff, 0xff, 0xff, 0xff, 0x01, 7}, 0, false, false},  // much longer
    {4, 8, {0, 0, 0, 2, 0x01, 7, 0, 0}, 1, false, false},        // breaks off in a length
    {4, 10, {0, 0, 0, 2, 0x01, 7, 0, 0, 0, 0}, 1, false, false}, // nothing follows the length
    {4, 0, {0}, 0, true, false},
    {2, 8, {0, 2, 0x09, 7, 0, 2, 0x01, 7}, 2, true, true},
    {1, 6, {2, 0x09, 7, 2, 0x01, 7}, 2, true, true},
    {0, 5, {0, 0, 1, 0x01, 7}, 1, true, true},
    {0, 6, {0, 0, 0, 1, 0x01, 7}, 1, true, true},
    {0, 12, {0, 0, 0, 1, 0x09, 7, 0, 0, 0, 1, 0x01, 7}, 2, true, true},
    {0, 11, {0, 0, 1, 0x01, 7, 0, 0, 1, 0x41, 0, 0}, 2, true, false},
    {0, 8, {0, 0, 1, 0, 0, 1, 0x01, 7}, 2, true, false}, // an empty one
    {0, 4, {1, 0x01, 7, 0}, 0, true, false},
};

/* Bytes allocated to the last one, so that a sanitizer sees who reads behind it. */
START_TEST(units_are_those_of_the_standard)
{
    uint8_t *bytes = malloc((size_t)cases[_i].size);
    memcpy(bytes, cases[_i].bytes, (size_t)cases[_i].size);
    const AVPacket packet = {.data = bytes, .size = cases[_i].size};
    struct packet_units units = packet_units_begin(&packet, cases[_i].length_size);
    const uint8_t *unit;
    uint32_t size;
    int count = 0;
    while (packet_units_next(&units, &unit, &size)) {
        ck_assert(unit >= bytes && unit + size <= bytes + packet.size);
        count++;
    }
    ck_assert_int_eq(count, cases[_i].units);
    ck_assert_int_eq(units.at == units.end, cases[_i].whole);
    ck_assert_int_eq(packet_units_are_disposable(&packet, cases[_i].length_size), cases[_i].disposable);
    free(bytes);
}
END_TEST

static const char *const containers[] = {"mp4", "mkv", "avi", "ts"};

/* Gives the decoder a packet, or the end, and notes the pictures that come out. */
static void decode(AVCodecContext *decoder, const AVPacket *packet, bool *shown)
{
    AVFrame *picture = av_frame_alloc();
    ck_assert_int_eq(avcodec_send_packet(decoder, packet), 0);
    while (avcodec_receive_frame(decoder, picture) >= 0)
        shown[picture->pts] = true;
    av_frame_free(&picture);
}

/* Those that the decoder leaves out, no others; of four pictures these B-frames make two disposable. */
START_TEST(disposable_is_what_the_decoder_leaves_out)
{
    enum { FRAMES = 61, LEAST = 25 };
    char folder[TEMPORARY_SIZE], path[TEMPORARY_SIZE + 16], command[512];
    temporary_folder(folder, "packet-units-test");
    snprintf(path, sizeof path, "%s/video.%s", folder, containers[_i]);
    snprintf(command, sizeof command,
             "ffmpeg -nostdin -v error -f lavfi -i testsrc2=size=96x64 -frames:v %d -c:v libx264 -preset veryfast "
             "-bf 3 -x264-params b-pyramid=2:b-adapt=0 -pix_fmt yuv420p %s",
             FRAMES, path);
    ck_assert_int_eq(system(command), 0);
    AVFormatContext *file = NULL;
    ck_assert_int_eq(avformat_open_input(&file, path, NULL, NULL), 0);
    ck_assert_int_ge(avformat_find_stream_info(file, NULL), 0);
    const AVCodecParameters *codec = file->streams[0]->codecpar;
    const int length_size = packet_units_length_size(codec);
    ck_assert_int_eq(length_size, _i < 2 ? 4 : 0);
    AVCodecContext *decoder = avcodec_alloc_context3(avcodec_find_decoder(codec->codec_id));
    avcodec_parameters_to_context(decoder, codec);
    decoder->skip_frame = AVDISCARD_NONREF;
    decoder->thread_count = 1;
    ck_assert_int_eq(avcodec_open2(decoder, NULL, NULL), 0);
    AVPacket *packet = av_packet_alloc();
    bool disposable[FRAMES] = {false}, shown[FRAMES] = {false};
    int packets = 0, left_out = 0;
    for (; av_read_frame(file, packet) >= 0 && packets < FRAMES; av_packet_unref(packet)) {
        disposable[packets] = packet_units_are_disposable(packet, length_size);
        packet->pts = packets++;
        decode(decoder, packet, shown);
    }
    decode(decoder, NULL, shown);
    ck_assert_int_eq(packets, FRAMES);
    for (int i = 0; i < FRAMES; i++) {
        ck_assert_int_eq(disposable[i], !shown[i]);
        left_out += disposable[i];
    }
    ck_assert_int_ge(left_out, LEAST);
    av_packet_free(&packet);
    avcodec_free_context(&decoder);
    avformat_close_input(&file);
    fs_remove_tree(folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("packet_units");
    TCase *tcase = tcase_create("packet_units");
    tcase_add_loop_test(tcase, units_are_those_of_the_standard, 0, sizeof cases / sizeof *cases);
    tcase_add_loop_test(tcase, disposable_is_what_the_decoder_leaves_out, 0, sizeof containers / sizeof *containers);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
