/*
 * Calls to the file system of which the n-th breaks off: it kills the process, or is refused as if the disk were full.
 */
#ifndef BREAKING_FS_H
#define BREAKING_FS_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>

#include "fs.h"

enum { KILLED, REFUSED };

static struct fs_calls real;
static int calls_left; /* to the one that breaks off; 0: none does */
static int how;

static bool breaks_off(void)
{
    if (calls_left == 0 || --calls_left > 0)
        return false;
    if (how == KILLED)
        raise(SIGKILL);
    errno = ENOSPC;
    return true;
}

static int broken_open(const char *path, int flags, mode_t mode)
{
    return breaks_off() ? -1 : real.open(path, flags, mode);
}

static ssize_t broken_write(int fd, const void *data, size_t size)
{
    return breaks_off() ? -1 : real.write(fd, data, size);
}

static int broken_sync(int fd)
{
    return breaks_off() ? -1 : real.sync(fd);
}

static int broken_rename(const char *from, const char *to)
{
    return breaks_off() ? -1 : real.rename(from, to);
}

static int broken_unlink(const char *path)
{
    return breaks_off() ? -1 : real.unlink(path);
}

static int broken_rmdir(const char *path)
{
    return breaks_off() ? -1 : real.rmdir(path);
}

static void break_off_at(int n)
{
    real = fs_calls;
    calls_left = n;
    fs_calls.open = broken_open;
    fs_calls.write = broken_write;
    fs_calls.sync = broken_sync;
    fs_calls.rename = broken_rename;
    fs_calls.unlink = broken_unlink;
    fs_calls.rmdir = broken_rmdir;
}

#endif
