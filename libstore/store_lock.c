#include "store_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "fs.h"

static void lock_path(char path[PATH_MAX], const char *directory)
{
    if (snprintf(path, PATH_MAX, "%s/.lock", directory) >= PATH_MAX)
        path[0] = '\0';
}

enum store_lock_state store_lock_look(const char *directory)
{
    char path[PATH_MAX];
    lock_path(path, directory);
    int fd;
    const ist_status status = fs_open_regular(&fd, path, NULL);
    if (status < 0)
        return status == IST_ERROR_NOT_FOUND ? STORE_LOCK_NONE : STORE_LOCK_STALE;
    const bool held = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    fs_calls.close(fd);
    return held ? STORE_LOCK_HELD : STORE_LOCK_STALE;
}

/* What cannot hold a text is no lock, and nobody can tell what a device would do with it. */
static ist_status check_opened(int fd, const char *path, ist_error *error)
{
    struct stat info;
    if (fstat(fd, &info) == 0 && !S_ISREG(info.st_mode))
        return error_set(error, IST_ERROR_DATA, "%s: is not a regular file", path);
    return IST_OK;
}

/* Fails with what the holder wrote of itself. */
static ist_status refuse(int fd, const char *directory, ist_error *error)
{
    char holder[256];
    const ssize_t got = pread(fd, holder, sizeof holder - 1, 0);
    holder[got > 0 ? got : 0] = '\0';
    holder[strcspn(holder, "\n")] = '\0';
    return error_set(error, IST_ERROR_STATE, "%s: is being recorded%s%s", directory, *holder ? " by " : "", holder);
}

/* True if the file that was locked is still the one of that name: its last holder may have removed it meanwhile. */
static bool is_current(int fd, const char *path)
{
    struct stat opened, named;
    return fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino &&
           opened.st_dev == named.st_dev;
}

/* Opens and locks the file of that name, whoever made it. *created tells whether it was us. */
static ist_status open_locked(int *fd, bool *created, const char *path, const char *directory, ist_error *error)
{
    for (;;) {
        *created = true;
        *fd = fs_calls.open(path, O_RDWR | O_CREAT | O_EXCL, 0666);
        if (*fd < 0 && errno == EEXIST) {
            *created = false;
            *fd = fs_calls.open(path, O_RDWR | O_NONBLOCK | O_NOCTTY, 0);
            if (*fd < 0 && errno == ENOENT)
                continue;
        }
        if (*fd < 0)
            return error_errno(error, errno, "%s: cannot create", path);
        const ist_status checked = check_opened(*fd, path, error);
        if (checked < 0) {
            store_lock_abandon(fd);
            return checked;
        }
        if (flock(*fd, LOCK_EX | LOCK_NB) < 0) {
            const ist_status status = errno == EWOULDBLOCK ? refuse(*fd, directory, error)
                                                           : error_errno(error, errno, "%s: cannot lock", path);
            store_lock_abandon(fd);
            return status;
        }
        if (is_current(*fd, path))
            return IST_OK;
        store_lock_abandon(fd);
    }
}

ist_status store_lock_take(int *fd, const char *directory, ist_error *error)
{
    char path[PATH_MAX];
    bool created;
    lock_path(path, directory);
    ist_status status = open_locked(fd, &created, path, directory, error);
    if (status < 0)
        return status;
    char host[128] = "", text[256];
    gethostname(host, sizeof host - 1);
    const int length = snprintf(text, sizeof text, "process %ld on %s\n", (long)getpid(), host);
    if (ftruncate(*fd, 0) < 0)
        status = error_errno(error, errno, "%s: cannot write", path);
    if (status >= 0)
        status = fs_write_all(*fd, text, (size_t)length, path, error);
    if (status < 0) {
        // A store that nobody had begun to change must not look as if.
        if (created)
            fs_calls.unlink(path);
        store_lock_abandon(fd);
    }
    return status;
}

ist_status store_lock_release(int *fd, const char *directory, ist_error *error)
{
    char path[PATH_MAX];
    lock_path(path, directory);
    ist_status status = IST_OK;
    if (fs_calls.unlink(path) < 0)
        status = error_errno(error, errno, "%s: cannot remove", path);
    else
        status = fs_sync_directory_of(path, error);
    store_lock_abandon(fd);
    return status;
}

void store_lock_abandon(int *fd)
{
    if (*fd >= 0)
        fs_calls.close(*fd);
    *fd = -1;
}
