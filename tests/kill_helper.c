/*
 * The two ends of kill_test.py:
 *   kill_helper record FORMAT CHUNKSIZE STORE   records for ever; prints each frame's index when it is acknowledged
 *   kill_helper check COUNT STORE               reads back; frames 0..COUNT-1 must be there, and all must be right
 */
#include <libstore/libstore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WIDTH = 96, HEIGHT = 64, EXTRA_EVERY = 3 };

static ist_error error;

static int fail(const char *what)
{
    fprintf(stderr, "kill_helper: %s\n", what);
    return 1;
}

/* ---- what frame i is ---- */

static int64_t number_of(int64_t i)
{
    return 38 + 3 * i;
}

static double time_of(int64_t i)
{
    return 1.7e9 + (double)i / 30;
}

static bool has_extra(int64_t i)
{
    return i % EXTRA_EVERY == 0;
}

static void draw_block(uint8_t *pixels, int bit, bool white)
{
    for (int y = 1; y < 7; y++)
        memset(pixels + y * WIDTH + 2 + 5 * bit, white ? 255 : 0, 5);
}

static void draw(uint8_t *pixels, int64_t i)
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            pixels[y * WIDTH + x] = (uint8_t)(x + y + 2 * i);
    for (int bit = 0; bit < 16; bit++)
        draw_block(pixels, bit, i >> bit & 1);
}

static int64_t drawn_index(const ist_frame *frame)
{
    int64_t index = 0;
    for (int bit = 0; bit < 16; bit++)
        if (frame->data[4 * frame->stride + 4 + 5 * bit] > 127)
            index |= 1 << bit;
    return index;
}

/* ---- recording ---- */

static bool record_frame(ist_writer *writer, ist_frame *frame, int64_t i)
{
    draw(frame->data, i);
    frame->number = number_of(i);
    frame->time_s = time_of(i);
    if (ist_writer_add(writer, frame, &error) < 0)
        return false;
    if (!has_extra(i))
        return true;
    char json[64];
    snprintf(json, sizeof json, "{\"n\": %lld}", (long long)i);
    return ist_writer_add_extra(writer, json, &error) >= 0;
}

static int record(const char *format, int chunksize, const char *path)
{
    static uint8_t pixels[HEIGHT * WIDTH];
    ist_frame frame = {.data = pixels, .stride = WIDTH, .width = WIDTH, .height = HEIGHT, .channels = 1};
    ist_writer *writer = NULL;
    const ist_writer_params params = {.format = format, .width = WIDTH, .height = HEIGHT, .chunksize = chunksize};
    if (ist_writer_create(&writer, path, &params, &error) < 0)
        return fail(error.message);
    for (int64_t i = 0; i < 65536; i++) {
        if (!record_frame(writer, &frame, i))
            return fail(error.message);
        char line[32];
        const int length = snprintf(line, sizeof line, "%lld\n", (long long)i);
        if (write(STDOUT_FILENO, line, (size_t)length) != length)
            return fail("cannot acknowledge");
    }
    return fail("nobody killed me");
}

/* ---- reading back ---- */

static bool is_right(const ist_frame *frame, int64_t i)
{
    const bool right =
        frame->index == i && frame->number == number_of(i) && frame->time_s == time_of(i) && drawn_index(frame) == i;
    if (!right)
        fprintf(stderr, "frame %lld: index %lld, number %lld, time %.17g, drawn %lld\n", (long long)i,
                (long long)frame->index, (long long)frame->number, frame->time_s, (long long)drawn_index(frame));
    return right;
}

static bool frames_are_right(ist_reader *reader, int64_t count)
{
    ist_frame frame = {0};
    bool right = true;
    for (int64_t i = 0; right && i < count; i++)
        right = ist_reader_next(reader, &frame, &error) == IST_OK && is_right(&frame, i);
    // And from the end to the beginning, by number, in steps that leave most out.
    for (int64_t i = count - 1; right && i >= 0; i -= 1 + count / 20)
        right = ist_reader_read_number(reader, number_of(i), IST_MATCH_EXACT, &frame, &error) == IST_OK &&
                is_right(&frame, i);
    ist_frame_free(&frame);
    return right;
}

/* Extra data of the first `count` frames, which were acknowledged. */
static bool extra_is_right(ist_reader *reader, int64_t count)
{
    char *json = NULL;
    if (ist_reader_extra(reader, 0, count, &json, &error) < 0)
        return false;
    bool right = true;
    const char *at = json;
    for (int64_t i = 0; right && i < count; i += EXTRA_EVERY) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "\"n\": %lld,", (long long)i);
        char compact[64];
        snprintf(compact, sizeof compact, "\"n\":%lld,", (long long)i);
        const char *found = strstr(at, wanted);
        if (!found)
            found = strstr(at, compact);
        right = found != NULL;
        at = right ? found + 1 : at;
        if (!right)
            snprintf(error.message, sizeof error.message, "no extra data of frame %lld", (long long)i);
    }
    ist_free(json);
    return right;
}

static int check(int64_t acknowledged, const char *path)
{
    ist_reader *reader = NULL;
    if (ist_reader_open(&reader, path, &error) < 0)
        return fail(error.message);
    const int64_t count = ist_reader_get_info(reader)->frame_count;
    printf("%lld\n", (long long)count);
    int result = 0;
    if (count < acknowledged)
        result = fail("acknowledged frames are missing");
    else if (!frames_are_right(reader, count) || !extra_is_right(reader, acknowledged))
        result = fail(error.message);
    ist_reader_close(&reader);
    return result;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "record") == 0)
        return record(argv[2], atoi(argv[3]), argv[4]);
    if (argc == 4 && strcmp(argv[1], "check") == 0)
        return check(atoll(argv[2]), argv[3]);
    return fail("record FORMAT CHUNKSIZE STORE | check COUNT STORE");
}
