/*
 * A disk that fails: the n-th call fails, for n = 1, 2, ... until recording, closing and repairing go through. Every
 * time there is a clear error, and every acknowledged frame can be read, before and after the repair; of a ring those
 * that it has to keep.
 *
 * fault_test [STEP]: n goes in steps of STEP, 1 tries every call. Prints how many calls were made to fail.
 */
#include <errno.h>
#include <fcntl.h>
#include <libstore/libstore.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "barcode.h"
#include "fs.h"
#include "temporary.h"

enum { WIDTH = 96, HEIGHT = 48, CHUNKSIZE = 4 };

/* How the disk fails. */
enum fault {
    FAULT_EIO,   /* once */
    FAULT_FULL,  /* from then on nothing can be written any more */
    FAULT_SHORT, /* half of a write goes through, then the disk is full */
    FAULT_COUNT
};

static const char *const fault_names[] = {"EIO", "disk full", "short write"};

static struct fs_calls real;
static enum fault fault;
static atomic_long calls;   /* made so far */
static atomic_long failing; /* the call that fails; 0: none */
static long failed;         /* the last that did, for messages */

static char folder[TEMPORARY_SIZE];
static char store[128];
static const char *format;
static bool is_ring;
static int64_t frames = 10;
static const double KEEP_S = 3.5; // frames come once a second

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "fault_test: %s, %s at call %ld: %s: %s; the store is left in %s\n", format, fault_names[fault],
            failed, what, why, store);
    exit(1);
}

/* True if this call has to fail; errno says with what. */
static bool strikes(bool writes)
{
    const long call = atomic_fetch_add(&calls, 1) + 1;
    const long first = atomic_load(&failing);
    if (first == 0 || call < first || (fault != FAULT_EIO && !writes) || (fault == FAULT_EIO && call > first))
        return false;
    errno = fault == FAULT_EIO ? EIO : ENOSPC;
    return true;
}

static int faulty_open(const char *path, int flags, mode_t mode)
{
    return strikes(flags & O_CREAT) ? -1 : real.open(path, flags, mode);
}
static int faulty_open_in(int directory, const char *name, int flags)
{
    return strikes(false) ? -1 : real.open_in(directory, name, flags);
}
static int faulty_close(int fd)
{
    return real.close(fd);
}
static ssize_t faulty_read(int fd, void *data, size_t size)
{
    return strikes(false) ? -1 : real.read(fd, data, size);
}
static ssize_t faulty_write(int fd, const void *data, size_t size)
{
    if (!strikes(true))
        return real.write(fd, data, size);
    const bool first = atomic_load(&calls) == atomic_load(&failing);
    return fault == FAULT_SHORT && first && size > 1 ? real.write(fd, data, size / 2) : -1;
}
static off_t faulty_seek(int fd, off_t offset, int whence)
{
    return strikes(false) ? -1 : real.seek(fd, offset, whence);
}
/* What the real one does is of no concern here, and takes long. */
static int faulty_sync(int fd)
{
    (void)fd;
    return strikes(true) ? -1 : 0;
}
static int faulty_rename(const char *from, const char *to)
{
    return strikes(false) ? -1 : real.rename(from, to);
}
static int faulty_unlink(const char *path)
{
    return strikes(false) ? -1 : real.unlink(path);
}
static int faulty_mkdir(const char *path, mode_t mode)
{
    return strikes(true) ? -1 : real.mkdir(path, mode);
}
static int faulty_rmdir(const char *path)
{
    return strikes(false) ? -1 : real.rmdir(path);
}

/* SQLite's writing goes past fs_calls; it offers a table of its own. */
static ssize_t faulty_pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return strikes(true) ? -1 : pwrite(fd, data, size, offset);
}

static void install(void)
{
    real = fs_calls;
    fs_calls = (struct fs_calls){
        .open = faulty_open,
        .open_in = faulty_open_in,
        .close = faulty_close,
        .read = faulty_read,
        .write = faulty_write,
        .seek = faulty_seek,
        .sync = faulty_sync,
        .rename = faulty_rename,
        .unlink = faulty_unlink,
        .mkdir = faulty_mkdir,
        .rmdir = faulty_rmdir,
    };
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)faulty_pwrite);
    vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)faulty_pwrite);
}

/* From here on the n-th call fails; 0: none does. */
static void arm(long n)
{
    atomic_store(&calls, 0);
    atomic_store(&failing, n);
    failed = n ? n : failed;
}

/* All formats hold gray pictures, but for one. */
static int channels_of(const char *name)
{
    return strcmp(name, "ppm") == 0 ? 3 : 1;
}

static void draw(ist_frame *frame, int64_t i)
{
    memset(frame->data, (int)(40 + i), (size_t)frame->stride * HEIGHT);
    barcode_draw(frame, i);
    frame->number = 100 + i;
    frame->time_s = (double)i;
}

/* An error must say something. */
static void check_said(const ist_error *error)
{
    if (error->status >= 0 || strlen(error->message) < 10)
        fail("recording", "failed without a word");
}

/* Records until something fails. Returns the acknowledged frames; *whole tells whether everything went through. */
static int64_t record(bool *whole)
{
    ist_error error = {0};
    ist_writer *writer;
    ist_frame frame = {0};
    *whole = false;
    const ist_writer_params params = {.format = format,
                                      .width = WIDTH,
                                      .height = HEIGHT,
                                      .channels = channels_of(format),
                                      .chunksize = CHUNKSIZE,
                                      .keep_s = is_ring ? KEEP_S : 0,
                                      .chunk_duration_s = is_ring ? 2 : 0};
    if (ist_frame_alloc(&frame, WIDTH, HEIGHT, channels_of(format), IST_PIXEL_U8, &error) < 0)
        fail("recording", error.message);
    if (ist_writer_create(&writer, store, &params, &error) < 0) {
        check_said(&error);
        ist_frame_free(&frame);
        return 0;
    }
    int64_t acknowledged = 0;
    for (ist_status status = IST_OK; acknowledged < frames && status >= 0; acknowledged += status >= 0) {
        draw(&frame, acknowledged);
        status = ist_writer_add(writer, &frame, &error);
        if (status < 0)
            check_said(&error);
    }
    error = (ist_error){0};
    if (ist_writer_close(&writer, &error) >= 0)
        *whole = acknowledged == frames;
    else
        check_said(&error);
    ist_frame_free(&frame);
    return acknowledged;
}

/* With the disk in order again: every acknowledged frame is there. */
static void check_store(int64_t acknowledged, const char *when)
{
    ist_error error;
    ist_reader *reader;
    ist_frame frame = {0};
    if (ist_reader_open(&reader, store, &error) < 0)
        fail(when, error.message);
    const int64_t removed = ist_reader_get_info(reader)->removed_frames;
    if (removed > 0 && (!is_ring || (double)(acknowledged - removed) < KEEP_S))
        fail(when, "frames were removed that had to be kept");
    if (removed + ist_reader_get_info(reader)->frame_count < acknowledged)
        fail(when, "frames are missing");
    for (int64_t i = removed; i < acknowledged; i++) {
        if (ist_reader_read_index(reader, i - removed, &frame, &error) < 0)
            fail(when, error.message);
        if (barcode_read(&frame) != i || frame.number != 100 + i)
            fail(when, "a frame is another one");
    }
    ist_frame_free(&frame);
    ist_reader_close(&reader);
}

/* A ring of which nothing failed is a store like any other. */
static void check_numbering(void)
{
    ist_error error;
    ist_reader *reader;
    if (ist_reader_open(&reader, store, &error) < 0)
        fail("whole", error.message);
    int chunk;
    ist_reader_chunk(reader, 0, &chunk, NULL, NULL);
    if (chunk != 0 || (is_ring && ist_reader_get_info(reader)->removed_frames == 0))
        fail("whole", "the chunks are not numbered from 0");
    ist_reader_close(&reader);
}

/* Repairs, with the n-th call failing, for n = 1, 1 + step, ... until it goes through. Returns how often it failed. */
static long repair_until_whole(int64_t acknowledged, long step)
{
    long faults = 0;
    for (long n = 1;; n += step, faults++) {
        ist_error error = {0};
        arm(n);
        const ist_status status = ist_repair(store, NULL, &error);
        const bool struck = atomic_load(&calls) >= n;
        arm(0);
        if (status < 0)
            check_said(&error);
        check_store(acknowledged, "broken repair");
        if (status >= 0 && !struck)
            break;
    }
    char lock[160];
    snprintf(lock, sizeof lock, "%s/.lock", store);
    if (fs_exists(lock))
        fail("repair", "the lock is left");
    check_store(acknowledged, "after the repair");
    return faults;
}

static void test_format(long step)
{
    long recorded = 0, repaired = 0;
    for (long n = 1;; n += step) {
        bool whole;
        arm(n);
        const int64_t acknowledged = record(&whole);
        const bool struck = atomic_load(&calls) >= n;
        arm(0);
        if (acknowledged > 0) {
            check_store(acknowledged, "after recording");
            // A repair with faults of its own takes long: only now and then, and where chunks get other numbers.
            const bool thorough = n % 16 == 1 || (is_ring && acknowledged == frames);
            repaired += repair_until_whole(acknowledged, thorough ? step : 100000);
        }
        if (whole && !struck)
            check_numbering();
        fs_remove_tree(store);
        if (whole && !struck)
            break;
        recorded++;
    }
    printf("%-10s %-11s %s%ld faults while recording, %ld while repairing\n", format, fault_names[fault],
           is_ring ? "ring: " : "", recorded, repaired);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const char *const ring_formats[] = {"avc1/mp4", "png"};
    const long step = argc > 1 ? atol(argv[1]) : 7;
    temporary_folder(folder, "fault-test");
    snprintf(store, sizeof store, "%s/store", folder);
    install();
    for (int f = 0; (format = ist_writer_format_name(f)); f++)
        for (fault = 0; fault < FAULT_COUNT; fault++)
            test_format(step);
    is_ring = true;
    // Fewer chunks removed than left, then more.
    for (frames = 10; frames <= 14; frames += 4)
        for (size_t i = 0; i < sizeof ring_formats / sizeof *ring_formats; i++)
            for (fault = 0; fault < FAULT_COUNT; fault++) {
                format = ring_formats[i];
                test_format(step);
            }
    fs_remove_tree(folder);
    return 0;
}
