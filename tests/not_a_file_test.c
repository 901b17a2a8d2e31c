/*
 * What is not a file in the place of each file of a store: a pipe into which nobody writes, a device without an end, a
 * directory, a link to nothing, a socket, a file that may not be read. Nobody waits for it or reads on for ever: every
 * frame is as it was, or an error; also behind a repair. What stands for one chunk takes away the frames of that chunk
 * only, and is told.
 */
#include <fcntl.h>
#include <libstore/libstore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "barcode.h"
#include "fs.h"
#include "store_files.h"
#include "temporary.h"

enum { WIDTH = 96, HEIGHT = 48, FRAMES = 10, CHUNKSIZE = 4, NOBODY = 65534, PATIENCE_S = 10 };

static const struct recording {
    const char *format;
    bool unfinished;
    bool without_index; /* numbers, times and checksums come from beside the chunks */
} recordings[] = {
    {"avc1/mp4", false, false}, {"avc1/mp4", false, true}, {"avc1/mp4", true, false}, {"h264/mkv", false, true},
    {"mjpeg/avi", true, false}, {"png", false, false},     {"png", false, true},      {"png", true, false},
    {"npy", false, false},      {"tif", true, false},      {"jpg", false, true},
};

/* Names that a store may have beside those that are there. */
static const char *const further[] = {
    ".lock",
    ".edit",
    ".index.sqlite",
    ".index.sqlite-wal",
    ".index.sqlite-shm",
    ".index.sqlite-journal",
    "index.db",
    "000001.extra_data.json",
    "000001.extra_data.h5",
    "000001.mp4.live",
    "000001.yaml",
    "000002.mp4.part", // what a repair writes
    "000002.npz.part",
    "000002.extra.json.part",
};

enum way { PIPE, ENDLESS, RANDOM, DIRECTORY, BROKEN_LINK, SOCKET, UNREADABLE, WAY_COUNT };

static const char *const way_names[] = {"pipe",        "/dev/zero", "/dev/urandom", "directory",
                                        "broken link", "socket",    "unreadable"};

static char folder[TEMPORARY_SIZE];
static char store[80];
static char doing[512]; /* what to say when it never ends */
static int failures;

static void check(ist_status status, const char *what, const ist_error *error)
{
    if (status < 0) {
        fprintf(stderr, "not_a_file_test: %s: %s\n", what, error->message);
        exit(1);
    }
}

static void give_up(int signal)
{
    (void)signal;
    (void)!write(STDERR_FILENO, doing, strlen(doing));
    _exit(1);
}

static void complain(const char *what)
{
    fprintf(stderr, "%s%s\n", doing, what);
    failures++;
}

/*
 * Stores
 */

static void record(const void *what)
{
    const struct recording *r = what;
    ist_error error;
    ist_writer *writer;
    ist_frame frame = {0};
    const ist_writer_params params = {
        .format = r->format, .width = WIDTH, .height = HEIGHT, .channels = 1, .chunksize = CHUNKSIZE};
    check(ist_frame_alloc(&frame, WIDTH, HEIGHT, 1, IST_PIXEL_U8, &error), r->format, &error);
    check(ist_writer_create(&writer, store, &params, &error), r->format, &error);
    for (int i = 0; i < FRAMES; i++) {
        memset(frame.data, 16 * i, (size_t)frame.stride * HEIGHT);
        barcode_draw(&frame, i);
        frame.number = 5 + 2 * i;
        frame.time_s = 1700000000.0 + i * 0.01;
        check(ist_writer_add(writer, &frame, &error), r->format, &error);
        check(ist_writer_add_extra(writer, "{\"note\": \"here\"}", &error), r->format, &error);
    }
    ist_frame_free(&frame);
    if (r->unfinished)
        _exit(0);
    check(ist_writer_close(&writer, &error), r->format, &error);
}

static void record_apart(const struct recording *r)
{
    store_record_apart(record, r);
    char path[128];
    snprintf(path, sizeof path, "%s/.index.sqlite", store);
    if (r->without_index)
        unlink(path);
}

static void bind_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%.100s", path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        exit(1);
    close(fd);
}

static void put_in_place(const char *path, enum way way)
{
    if (way == UNREADABLE) {
        (void)!chmod(path, 0);
        return;
    }
    unlink(path);
    const int result = way == PIPE          ? mkfifo(path, 0666)
                       : way == ENDLESS     ? symlink("/dev/zero", path)
                       : way == RANDOM      ? symlink("/dev/urandom", path)
                       : way == DIRECTORY   ? mkdir(path, 0777)
                       : way == BROKEN_LINK ? symlink("nowhere", path)
                                            : 0;
    if (result < 0)
        exit(1);
    if (way == SOCKET)
        bind_socket(path);
}

/*
 * Laws
 */

static bool is_right(const ist_frame *frame)
{
    // Where a chunk is left out, those behind it move up.
    const int64_t i = (frame->number - 5) / 2;
    return i >= 0 && i < FRAMES && frame->time_s == 1700000000.0 + (double)i * 0.01 && barcode_read(frame) == i;
}

/* Counts frames that are right; something must be told where there are fewer than all. */
static int read_all(bool told_by_repair)
{
    ist_error error = {0};
    ist_reader *reader;
    ist_frame frame = {0};
    int right = 0;
    alarm(PATIENCE_S);
    if (ist_reader_open(&reader, store, &error) < 0)
        return 0;
    const bool told = told_by_repair || ist_reader_problem(reader, 0) || ist_reader_get_info(reader)->unfinished;
    if (ist_reader_get_info(reader)->frame_count < FRAMES && !told)
        complain("frames are left out, and nobody says so");
    for (int i = 0; i < FRAMES; i++) {
        if (ist_reader_read_index(reader, i, &frame, &error) < 0)
            continue;
        if (is_right(&frame))
            right++;
        else
            complain("a frame is another one");
    }
    ist_frame_free(&frame);
    ist_reader_close(&reader);
    alarm(0);
    return right;
}

/* For root there is nothing that may not be read. */
static int read_all_as_nobody(void)
{
    if (geteuid() == 0 && seteuid(NOBODY) < 0)
        return FRAMES;
    const bool reaches = access(store, R_OK | X_OK) == 0 || geteuid() != NOBODY;
    const int right = reaches ? read_all(false) : FRAMES;
    if (getuid() == 0 && seteuid(0) < 0)
        exit(1);
    return right;
}

static void try_one(const struct recording *r, const char *path, enum way way)
{
    ist_error error;
    const char *name = path + strlen(store) + 1;
    snprintf(doing, sizeof doing, "%s%s%s: %s in place of %s: ", r->format, r->unfinished ? ", unfinished" : "",
             r->without_index ? ", without index" : "", way_names[way], name);
    put_in_place(path, way);
    const int right = way == UNREADABLE ? read_all_as_nobody() : read_all(false);
    const bool of_chunk = name[0] == '0' && !r->unfinished;
    if (of_chunk && right < FRAMES - CHUNKSIZE)
        complain("more is lost than a chunk");
    alarm(PATIENCE_S);
    ist_repair_report report;
    if (way != UNREADABLE && ist_repair(store, &report, &error) >= 0)
        (void)read_all(report.frames_lost > 0);
    alarm(0);
}

static void try_recording(const struct recording *r)
{
    static struct store_files files;
    record_apart(r);
    store_files_load(&files, store, NULL);
    for (int i = 0; i < files.count; i++)
        for (enum way way = PIPE; way < WAY_COUNT; way++) {
            try_one(r, files.files[i].path, way);
            store_files_restore(&files, store);
        }
    for (size_t i = 0; i < sizeof further / sizeof *further; i++)
        for (enum way way = PIPE; way < UNREADABLE; way++) {
            char path[160];
            snprintf(path, sizeof path, "%s/%s", store, further[i]);
            try_one(r, path, way);
            store_files_restore(&files, store);
        }
    // What was refused must have been refused because of what stood there.
    snprintf(doing, sizeof doing, "%s: put right again: ", r->format);
    if (read_all(false) != FRAMES)
        complain("frames are missing");
    store_files_free(&files);
    fs_remove_tree(store);
}

/* A video, or a TIFF file, that is a pipe. */
static void try_plain_files(void)
{
    static const char *const names[] = {"plain.mp4", "plain.tif", "plain"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        ist_error error;
        ist_reader *reader;
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        snprintf(doing, sizeof doing, "%s: ", names[i]);
        put_in_place(path, PIPE);
        alarm(PATIENCE_S);
        if (ist_reader_open(&reader, path, &error) >= 0 || !strstr(error.message, "is not a regular file"))
            complain("is not refused as what it is");
        alarm(0);
    }
}

static int leased = -1;

static void give_lease_back(int signal)
{
    (void)signal;
    fcntl(leased, F_SETLEASE, F_UNLCK);
}

/* What a file server does with a file that one of its clients has open: others wait a moment for it. */
static void try_leased_file(void)
{
    char path[128];
    ist_error error;
    struct buffer bytes = {0};
    snprintf(path, sizeof path, "%s/leased", folder);
    snprintf(doing, sizeof doing, "leased: ");
    check(fs_write_file(path, "abc", 3, &error), path, &error);
    leased = open(path, O_RDWR);
    signal(SIGIO, give_lease_back);
    alarm(PATIENCE_S);
    if (fcntl(leased, F_SETLEASE, F_WRLCK) < 0)
        printf("no leases here\n");
    else if (fs_read_file(path, &bytes, &error) < 0 || bytes.size != 3)
        complain(error.message);
    alarm(0);
    buffer_free(&bytes);
    close(leased);
}

int main(void)
{
    unsetenv("TMPDIR"); // which other users may not enter
    temporary_folder(folder, "not-a-file-test");
    snprintf(store, sizeof store, "%s/store", folder);
    setenv("XDG_CACHE_HOME", folder, 1);
    chmod(folder, 0755);
    umask(022);
    signal(SIGALRM, give_up);
    for (size_t i = 0; i < sizeof recordings / sizeof *recordings; i++)
        try_recording(&recordings[i]);
    try_plain_files();
    try_leased_file();
    fs_remove_tree(folder);
    return failures == 0 ? 0 : 1;
}
