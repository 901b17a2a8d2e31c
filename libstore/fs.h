/* All file work of libstore. */
#ifndef FS_H
#define FS_H

#include <libstore/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "buffer.h"

/*
 * The system calls that touch a store. Everything goes through the one table `fs_calls`, so that
 * a test can put in functions of its own and make any call fail. Nobody else writes to it.
 */
struct fs_calls {
    int (*open)(const char *path, int flags, mode_t mode);
    int (*open_in)(int directory, const char *name, int flags);
    int (*close)(int fd);
    ssize_t (*read)(int fd, void *data, size_t size);
    ssize_t (*write)(int fd, const void *data, size_t size);
    off_t (*seek)(int fd, off_t offset, int whence);
    int (*sync)(int fd);
    int (*rename)(const char *from, const char *to);
    int (*unlink)(const char *path);
    int (*mkdir)(const char *path, mode_t mode);
    int (*rmdir)(const char *path);
};

extern struct fs_calls fs_calls;

/*
 * Opens a file of a store for reading. IST_ERROR_DATA: what has its name is a directory, or something that would be
 * waited for or never ends: a pipe, a device, a socket.
 */
ist_status fs_open_regular(int *fd, const char *path, ist_error *error);

/* Refuses the same of a file that a library is to open itself. One that is not there is left to the library. */
ist_status fs_check_regular(const char *path, ist_error *error);

/*
 * True for what the system refuses of this one file; where memory, descriptors or the disk fail, no other could be read
 * either.
 */
bool fs_is_refused(const char *path);

/* Writes all of `data`, however many calls that takes. */
ist_status fs_write_all(int fd, const void *data, size_t size, const char *path, ist_error *error);

/* Reads a whole file into `out`, in place of what was there. */
ist_status fs_read_file(const char *path, struct buffer *out, ist_error *error);

/* The same of a file in a directory that is open, whatever that is called by now; PATH ends in the file's name. */
ist_status fs_read_file_in(int directory, const char *path, struct buffer *out, ist_error *error);

/* Creates or overwrites a file. A failure leaves no file. */
ist_status fs_write_file(const char *path, const void *data, size_t size, ist_error *error);

/*
 * As fs_write_file(), but the file appears under its name only when all of it is on the disk; until
 * then it is PATH.part. A file of that name is replaced.
 */
ist_status fs_write_file_whole(const char *path, const void *data, size_t size, ist_error *error);

/* Brings the content of a file to the disk. */
ist_status fs_sync_file(const char *path, ist_error *error);

/* Brings a file under its final name, with its content on the disk before and the name after. */
ist_status fs_publish(const char *part, const char *path, ist_error *error);

/* Makes the names in a file's directory durable. */
ist_status fs_sync_directory_of(const char *path, ist_error *error);

bool fs_exists(const char *path);

/* Bytes in a file; 0 if there is none. */
int64_t fs_file_size(const char *path);

/* Size of the disk where `path` lies; 0: unknown. */
int64_t fs_disk_bytes(const char *path);

/* Bytes that may still be written where `path` lies; -1: unknown. */
int64_t fs_free_bytes(const char *path);

/* Removes a directory and all below it, as far as it goes. */
void fs_remove_tree(const char *path);

/* Name of a file without its directories. */
const char *fs_basename(const char *path);

#endif
