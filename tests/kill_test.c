/*
 * kill -9 of a recorder at any moment, and of the repair after it: every acknowledged frame is there, before the repair
 * and after it, for libstore and (npz and final files) for imgstore. In a ring every one that it has to keep; rings end
 * and go on again, so that many are killed while their chunks get other numbers.
 *
 * kill_test [ROUNDS [SEED]]: rounds for each format.
 */
#include <libstore/libstore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "barcode.h"
#include "fs.h"
#include "index.h"
#include "temporary.h"

enum { WIDTH = 128, HEIGHT = 64, CHUNKSIZE = 12, FRAMES_MAX = 60000, LONGEST_LIFE_US = 300000, CALLS_MAX = 60 };
enum { RATE = 100, CHUNKS_KEPT = 3, KEPT = CHUNKS_KEPT * CHUNKSIZE };

static char folder[TEMPORARY_SIZE];
static char store[128];
static bool is_ring;
static int killed_moving; /* rings, while the files of their chunks got other names */

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "kill_test: %s: %s; the store is left in %s\n", what, why, store);
    exit(1);
}

/* All formats hold gray pictures, but for one. */
static int channels_of(const char *name)
{
    return strcmp(name, "ppm") == 0 ? 3 : 1;
}

static void draw(ist_frame *frame, int64_t i)
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH * frame->channels; x++)
            frame->data[y * frame->stride + x] = (uint8_t)((x * 3 + y * 5 + i * 7) % 256);
    barcode_draw(frame, i);
    frame->number = 5 + 2 * i;
    frame->time_s = 1700000000.0 + (double)i / RATE;
}

/* Counts in shared memory: frames and rows of extra data whose adding returned success. */
struct acknowledged {
    atomic_long frames;
    atomic_long extras;
};

/*
 * The moments at which chunks get other numbers are short: there a process kills itself, at one of its calls that
 * change the directory or wait for the disk.
 */
static struct fs_calls real;
static atomic_int calls_left; /* 0: it does not */

static void strike(void)
{
    if (atomic_fetch_sub(&calls_left, 1) == 1)
        raise(SIGKILL);
}

static int counted_rename(const char *from, const char *to)
{
    strike();
    return real.rename(from, to);
}

static int counted_unlink(const char *path)
{
    strike();
    return real.unlink(path);
}

static int counted_sync(int fd)
{
    strike();
    return real.sync(fd);
}

static void count_calls(void)
{
    real = fs_calls;
    fs_calls.rename = counted_rename;
    fs_calls.unlink = counted_unlink;
    fs_calls.sync = counted_sync;
}

static void record(const char *format, struct acknowledged *acknowledged)
{
    ist_error error;
    ist_writer *writer;
    ist_frame frame = {0};
    if (ist_frame_alloc(&frame, WIDTH, HEIGHT, channels_of(format), IST_PIXEL_U8, &error) < 0)
        _exit(2);
    const ist_writer_params params = {.format = format,
                                      .width = WIDTH,
                                      .height = HEIGHT,
                                      .channels = channels_of(format),
                                      .chunksize = CHUNKSIZE,
                                      .keep_s = is_ring ? (double)KEPT / RATE : 0,
                                      .chunk_duration_s = is_ring ? (double)CHUNKSIZE / RATE : 0};
    if (ist_writer_create(&writer, store, &params, &error) < 0)
        _exit(2);
    for (int64_t i = 0; i < FRAMES_MAX; i++) {
        char extra[64];
        if (is_ring && i > 0 && i % (CHUNKSIZE * 7) == 0) {
            count_calls();
            if (ist_writer_close(&writer, &error) < 0)
                _exit(5);
            fs_calls = real;
            if (ist_writer_open(&writer, store, &params, &error) < 0)
                _exit(6);
        }
        draw(&frame, i);
        if (ist_writer_add(writer, &frame, &error) < 0)
            _exit(3);
        atomic_store(&acknowledged->frames, i + 1);
        snprintf(extra, sizeof extra, "{\"i\": %lld}", (long long)i);
        if (ist_writer_add_extra(writer, extra, &error) < 0)
            _exit(4);
        atomic_store(&acknowledged->extras, i + 1);
    }
    _exit(0);
}

/*
 * Runs `work` in a process of its own and kills it after a random time, if it lasts as long and does not do so itself.
 * True if it was killed.
 */
static bool run_and_kill(void (*work)(const char *, struct acknowledged *), const char *format,
                         struct acknowledged *acknowledged, int longest_us)
{
    atomic_store(&calls_left, is_ring && rand() % 2 ? 1 + rand() % CALLS_MAX : 0);
    const pid_t child = fork();
    if (child == 0) {
        work(format, acknowledged);
        _exit(0);
    }
    if (calls_left == 0) {
        usleep((useconds_t)(rand() % longest_us));
        kill(child, SIGKILL);
    }
    int result;
    waitpid(child, &result, 0);
    if (WIFEXITED(result) && WEXITSTATUS(result) != 0)
        fail(format, "the process that was to be killed failed by itself");
    return WIFSIGNALED(result);
}

static void repair(const char *format, struct acknowledged *acknowledged)
{
    (void)acknowledged;
    ist_error error;
    if (ist_repair(store, NULL, &error) < 0)
        fail(format, error.message);
}

static void repair_and_die(const char *format, struct acknowledged *acknowledged)
{
    count_calls();
    repair(format, acknowledged);
}

static int64_t count_of(const char *text, const char *part)
{
    int64_t count = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
        count++;
    return count;
}

static bool is_moving(const char *uuid)
{
    char path[160];
    struct index *index;
    snprintf(path, sizeof path, "%s/%s", store, INDEX_FILE_NAME);
    if (index_open(&index, path, uuid, NULL) < 0)
        return false;
    const bool moving = index_moves(index)->moving_by != 0;
    index_close(&index);
    return moving;
}

/* Reads the store and compares with what was acknowledged. Returns its frames. */
static int64_t check_store(const char *format, const struct acknowledged *acknowledged)
{
    ist_error error;
    ist_reader *reader;
    ist_frame frame = {0}, expected = {0};
    if (ist_reader_open(&reader, store, &error) < 0)
        fail(format, error.message);
    const int64_t count = ist_reader_get_info(reader)->frame_count;
    const int64_t removed = ist_reader_get_info(reader)->removed_frames;
    if (removed > 0 && (!is_ring || count < KEPT))
        fail(format, "frames were removed that had to be kept");
    if (ist_reader_problem(reader, 0))
        fail(format, ist_reader_problem(reader, 0)->text);
    // One more may be there: killed between the commit and the return.
    const int64_t frames = atomic_load(&acknowledged->frames);
    if (removed + count < frames || removed + count > frames + 1)
        fail(format, "the number of frames differs from what was acknowledged");
    if (ist_frame_alloc(&expected, WIDTH, HEIGHT, 1, IST_PIXEL_U8, &error) < 0)
        fail(format, error.message);
    for (int64_t i = 0; i < count; i++) {
        if (ist_reader_next(reader, &frame, &error) != IST_OK)
            fail(format, error.message);
        draw(&expected, removed + i);
        if (barcode_read(&frame) != removed + i || frame.number != expected.number || frame.time_s != expected.time_s)
            fail(format, "a frame is another one");
    }
    killed_moving += is_moving(ist_reader_get_info(reader)->uuid);
    char *extra;
    if (ist_reader_extra(reader, 0, count, &extra, &error) < 0)
        fail(format, error.message);
    if (count_of(extra, "\"i\": ") < atomic_load(&acknowledged->extras) - removed)
        fail(format, "extra data is missing");
    ist_free(extra);
    ist_frame_free(&frame);
    ist_frame_free(&expected);
    ist_reader_close(&reader);
    return count;
}

/* The chunks are numbered from 0 on, and nothing else is left. */
static void check_chunks(const char *format)
{
    ist_error error;
    ist_reader *reader;
    char command[320];
    int last;
    if (ist_reader_open(&reader, store, &error) < 0)
        fail(format, error.message);
    const int count = ist_reader_get_info(reader)->chunk_count;
    ist_reader_chunk(reader, count - 1, &last, NULL, NULL);
    ist_reader_close(&reader);
    // Numbers of six digits, of which the highest is that of the last chunk.
    snprintf(command, sizeof command, "test $(ls %s | grep -o '^[0-9]*' | sort -u | tail -1) = %06d", store, count - 1);
    if (last != count - 1 || system(command) != 0)
        fail(format, "the chunks are not numbered from 0");
}

/* After the repair: without our index, from the npz alone, it is the same, and there is nothing that is not finished.
 */
static void check_repaired(const char *format, const struct acknowledged *acknowledged, int64_t count)
{
    char path[160], command[320];
    snprintf(path, sizeof path, "%s/.lock", store);
    if (fs_exists(path))
        fail(format, "the repair left the lock");
    if (check_store(format, acknowledged) != count)
        fail(format, "the repair changed the number of frames");
    snprintf(command, sizeof command, "find %s -name '*.live' -o -name '*.part' | grep -q .", store);
    if (system(command) == 0)
        fail(format, "the repair left unfinished files");
    check_chunks(format);
    snprintf(path, sizeof path, "%s/.index.sqlite", store);
    unlink(path);
    if (check_store(format, acknowledged) != count)
        fail(format, "the npz and the index say different things");
}

static int64_t round_of(const char *format, struct acknowledged *acknowledged)
{
    atomic_store(&acknowledged->frames, 0);
    atomic_store(&acknowledged->extras, 0);
    run_and_kill(record, format, acknowledged, LONGEST_LIFE_US);
    char path[160];
    snprintf(path, sizeof path, "%s/.index.sqlite", store);
    // Killed before the store was there: nothing was acknowledged.
    if (atomic_load(&acknowledged->frames) == 0) {
        fs_remove_tree(store);
        return 0;
    }
    const int64_t count = check_store(format, acknowledged);
    for (int i = 0; i < 3 && run_and_kill(repair_and_die, format, acknowledged, 30000); i++)
        if (check_store(format, acknowledged) != count)
            fail(format, "the broken repair changed the number of frames");
    repair(format, acknowledged);
    check_repaired(format, acknowledged, count);
    fs_remove_tree(store);
    return count;
}

static void kill_formats(struct acknowledged *acknowledged, int rounds)
{
    const char *format;
    for (int f = 0; (format = ist_writer_format_name(f)); f++) {
        int64_t frames = 0;
        for (int i = 0; i < rounds; i++)
            frames += round_of(format, acknowledged);
        printf("%-10s %d kills, %lld frames %s, none lost\n", format, rounds, (long long)frames,
               is_ring ? "kept" : "acknowledged");
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    const int rounds = argc > 1 ? atoi(argv[1]) : 5;
    const unsigned seed = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : (unsigned)time(NULL);
    printf("seed %u\n", seed);
    srand(seed);
    temporary_folder(folder, "kill-test");
    snprintf(store, sizeof store, "%s/store", folder);
    struct acknowledged *acknowledged =
        mmap(NULL, sizeof *acknowledged, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int ring = 0; ring < 2; ring++) {
        is_ring = ring;
        kill_formats(acknowledged, rounds);
    }
    printf("%d stores were read while their chunks got other numbers\n", killed_moving);
    fs_remove_tree(folder);
    return 0;
}
