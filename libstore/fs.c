#include "fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "error.h"

static int open_file(const char *path, int flags, mode_t mode)
{
    return open(path, flags | O_CLOEXEC, mode);
}

static int open_file_in(int directory, const char *name, int flags)
{
    return openat(directory, name, flags | O_CLOEXEC);
}

struct fs_calls fs_calls = {
    .open = open_file,
    .open_in = open_file_in,
    .close = close,
    .read = read,
    .write = write,
    .seek = lseek,
    .sync = fsync,
    .rename = rename,
    .unlink = unlink,
    .mkdir = mkdir,
    .rmdir = rmdir,
};

/*
 * What can have the name of a file
 */

static ist_status check_mode(mode_t mode, const char *path, ist_error *error)
{
    if (S_ISREG(mode))
        return IST_OK;
    return S_ISDIR(mode) ? error_set(error, IST_ERROR_DATA, "%s: cannot read: %s", path, strerror(EISDIR))
                         : error_set(error, IST_ERROR_DATA, "%s: is not a regular file", path);
}

ist_status fs_check_regular(const char *path, ist_error *error)
{
    struct stat info;
    return stat(path, &info) < 0 ? IST_OK : check_mode(info.st_mode, path, error);
}

bool fs_is_refused(const char *path)
{
    return faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) < 0 && (errno == EACCES || errno == ELOOP);
}

/* Opens a file by its path, or by its name in a directory that is open; -1: by its path. */
static int open_for_reading(int directory, const char *path, int flags)
{
    return directory < 0 ? fs_calls.open(path, flags, 0) : fs_calls.open_in(directory, fs_basename(path), flags);
}

static int open_without_waiting(int directory, const char *path)
{
    // Nobody may ever write into a pipe, and a terminal must not become ours.
    const int flags = O_RDONLY | O_NOCTTY;
    struct stat info;
    const int fd = open_for_reading(directory, path, flags | O_NONBLOCK);
    if (fd >= 0 || errno != EWOULDBLOCK || stat(path, &info) < 0 || !S_ISREG(info.st_mode))
        return fd;
    // A file server has a lease on the file, which it gives back when it is asked to; that much waiting has an end.
    return open_for_reading(directory, path, flags);
}

static ist_status open_regular(int *fd, int directory, const char *path, ist_error *error)
{
    *fd = open_without_waiting(directory, path);
    if (*fd < 0)
        return errno == ENXIO ? error_set(error, IST_ERROR_DATA, "%s: is not a regular file", path) // a socket
                              : error_errno(error, errno, "%s", path);
    struct stat info;
    const ist_status status = fstat(*fd, &info) < 0 ? error_errno(error, errno, "%s: cannot read", path)
                                                    : check_mode(info.st_mode, path, error);
    if (status < 0) {
        fs_calls.close(*fd);
        *fd = -1;
    }
    return status;
}

ist_status fs_open_regular(int *fd, const char *path, ist_error *error)
{
    return open_regular(fd, -1, path, error);
}

/*
 * Reading and writing
 */

ist_status fs_write_all(int fd, const void *data, size_t size, const char *path, ist_error *error)
{
    const uint8_t *bytes = data;
    while (size > 0) {
        const ssize_t written = fs_calls.write(fd, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return error_errno(error, errno, "%s: cannot write", path);
        bytes += written;
        size -= (size_t)written;
    }
    return IST_OK;
}

static ist_status read_all(int fd, struct buffer *out, const char *path, ist_error *error)
{
    out->size = 0;
    struct stat info;
    size_t expected = fstat(fd, &info) == 0 && info.st_size > 0 ? (size_t)info.st_size : 0;
    for (;;) {
        // One byte more than expected, so that the end of the file shows without growing the buffer.
        const size_t room = expected >= out->size ? expected - out->size + 1 : 4096;
        const ist_status status = buffer_reserve(out, out->size + room, error);
        if (status < 0)
            return status;
        const ssize_t got = fs_calls.read(fd, out->data + out->size, room);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(error, errno, "%s: cannot read", path);
        if (got == 0)
            return IST_OK;
        out->size += (size_t)got;
    }
}

static ist_status read_file(int directory, const char *path, struct buffer *out, ist_error *error)
{
    int fd;
    ist_status status = open_regular(&fd, directory, path, error);
    if (status < 0)
        return status;
    status = read_all(fd, out, path, error);
    fs_calls.close(fd);
    return status;
}

ist_status fs_read_file(const char *path, struct buffer *out, ist_error *error)
{
    return read_file(-1, path, out, error);
}

ist_status fs_read_file_in(int directory, const char *path, struct buffer *out, ist_error *error)
{
    return read_file(directory, path, out, error);
}

ist_status fs_write_file(const char *path, const void *data, size_t size, ist_error *error)
{
    const int fd = fs_calls.open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0)
        return error_errno(error, errno, "%s: cannot create", path);
    ist_status status = fs_write_all(fd, data, size, path, error);
    if (fs_calls.close(fd) < 0 && status >= 0)
        status = error_errno(error, errno, "%s: cannot close", path);
    if (status < 0)
        fs_calls.unlink(path);
    return status;
}

ist_status fs_write_file_whole(const char *path, const void *data, size_t size, ist_error *error)
{
    char part[PATH_MAX];
    if ((size_t)snprintf(part, sizeof part, "%s.part", path) >= sizeof part)
        return error_errno(error, ENAMETOOLONG, "%s", path);
    fs_calls.unlink(part); // left over, if it is there; it may be a pipe, or a link to somewhere else
    ist_status status = fs_write_file(part, data, size, error);
    if (status >= 0)
        status = fs_publish(part, path, error);
    if (status < 0)
        fs_calls.unlink(part);
    return status;
}

ist_status fs_sync_file(const char *path, ist_error *error)
{
    int fd;
    const ist_status status = fs_open_regular(&fd, path, error);
    if (status < 0)
        return status;
    const int synced = fs_calls.sync(fd);
    const int reason = errno;
    fs_calls.close(fd);
    return synced < 0 ? error_errno(error, reason, "%s: cannot bring it to the disk", path) : IST_OK;
}

ist_status fs_publish(const char *part, const char *path, ist_error *error)
{
    const ist_status status = fs_sync_file(part, error);
    if (status < 0)
        return status;
    if (fs_calls.rename(part, path) < 0)
        return error_errno(error, errno, "%s: cannot rename", part);
    return fs_sync_directory_of(path, error);
}

ist_status fs_sync_directory_of(const char *path, ist_error *error)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const size_t length = slash ? (size_t)(slash - path) : 0;
    if (length >= sizeof directory)
        return error_errno(error, ENAMETOOLONG, "%s", path);
    if (!slash)
        strcpy(directory, ".");
    else if (length == 0)
        strcpy(directory, "/");
    else {
        memcpy(directory, path, length);
        directory[length] = '\0';
    }
    const int fd = fs_calls.open(directory, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return error_errno(error, errno, "%s", directory);
    const int synced = fs_calls.sync(fd);
    const int reason = errno;
    fs_calls.close(fd);
    // Some file systems cannot sync a directory and say so with EINVAL; there is nothing more to be done on them.
    if (synced < 0 && reason != EINVAL)
        return error_errno(error, reason, "%s: cannot bring it to the disk", directory);
    return IST_OK;
}

bool fs_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

int64_t fs_file_size(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (int64_t)status.st_size : 0;
}

int64_t fs_disk_bytes(const char *path)
{
    struct statvfs disk;
    return statvfs(path, &disk) == 0 ? (int64_t)disk.f_blocks * (int64_t)disk.f_frsize : 0;
}

int64_t fs_free_bytes(const char *path)
{
    struct statvfs disk;
    return statvfs(path, &disk) == 0 ? (int64_t)disk.f_bavail * (int64_t)disk.f_frsize : -1;
}

void fs_remove_tree(const char *path)
{
    DIR *directory = opendir(path);
    if (directory) {
        struct dirent *entry;
        while ((entry = readdir(directory))) {
            char child[PATH_MAX];
            if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                continue;
            if ((size_t)snprintf(child, sizeof child, "%s/%s", path, entry->d_name) >= sizeof child)
                continue;
            struct stat info;
            if (lstat(child, &info) == 0 && S_ISDIR(info.st_mode))
                fs_remove_tree(child);
            else
                fs_calls.unlink(child);
        }
        closedir(directory);
    }
    fs_calls.rmdir(path);
}

const char *fs_basename(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}
