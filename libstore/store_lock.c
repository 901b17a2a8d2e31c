#include "store_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
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
    const int fd = fs_calls.open(path, O_RDONLY, 0);
    if (fd < 0)
        return errno == ENOENT ? STORE_LOCK_NONE : STORE_LOCK_STALE;
    const bool held = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    fs_calls.close(fd);
    return held ? STORE_LOCK_HELD : STORE_LOCK_STALE;
}

/* "pid 1234, host rig" from what the holder wrote. */
static void describe_holder(int fd, char *text, size_t size)
{
    const ssize_t got = pread(fd, text, size - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    char *newline = strchr(text, '\n');
    if (newline)
        *newline = ',';
    text[strcspn(text, "\n")] = '\0';
    for (; newline && newline[1] && newline[1] != ' '; newline = NULL) {
        memmove(newline + 2, newline + 1, strlen(newline + 1) + 1);
        newline[1] = ' ';
    }
}

ist_status store_lock_take(int *fd, const char *directory, ist_error *error)
{
    char path[PATH_MAX];
    lock_path(path, directory);
    *fd = fs_calls.open(path, O_RDWR | O_CREAT, 0666);
    if (*fd < 0)
        return error_errno(error, errno, "%s: cannot create", path);
    if (flock(*fd, LOCK_EX | LOCK_NB) < 0) {
        const int reason = errno;
        char holder[256];
        describe_holder(*fd, holder, sizeof holder - 1);
        store_lock_abandon(fd);
        if (reason != EWOULDBLOCK)
            return error_errno(error, reason, "%s: cannot lock", path);
        return error_set(error, IST_ERROR_STATE, "%s: is being recorded (%s)", directory, holder);
    }
    char host[128] = "", text[256];
    gethostname(host, sizeof host - 1);
    const int length = snprintf(text, sizeof text, "pid %ld\nhost %s\n", (long)getpid(), host);
    ist_status status = IST_OK;
    if (ftruncate(*fd, 0) < 0)
        status = error_errno(error, errno, "%s: cannot write", path);
    if (status >= 0)
        status = fs_write_all(*fd, text, (size_t)length, path, error);
    if (status < 0)
        store_lock_abandon(fd);
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
