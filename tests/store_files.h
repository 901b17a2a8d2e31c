/* Stores that tests damage: recorded by a process that may die, their files kept to be put back as they were. */
#ifndef STORE_FILES_H
#define STORE_FILES_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs.h"

enum { STORE_FILES_MAX = 128 };

struct store_file {
    char path[160];
    struct buffer bytes;
    struct timespec times[2];
};

struct store_files {
    struct store_file files[STORE_FILES_MAX];
    int count;
};

/* Calls record(what) in a process of its own, so that a recorder can die with _exit(0); another end ends the test. */
static inline void store_record_apart(void (*record)(const void *what), const void *what)
{
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        record(what);
        _exit(0);
    }
    int result;
    waitpid(child, &result, 0);
    if (!WIFEXITED(result) || WEXITSTATUS(result) != 0)
        exit(1);
}

/* Writes the file's first bytes over it; a disk that forgets does not note the time. */
static inline void store_file_put(const struct store_file *file, size_t size)
{
    ist_error error;
    if (fs_write_file(file->path, file->bytes.data, size, &error) < 0) {
        fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
    utimensat(AT_FDCWD, file->path, file->times, 0);
}

/* Loads all files of a directory and those below, but for the ones whose names hold `without`, which may be NULL. */
static inline void store_files_load(struct store_files *files, const char *path, const char *without)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    while (directory && (entry = readdir(directory)) && files->count < STORE_FILES_MAX) {
        struct store_file *file = &files->files[files->count];
        struct stat info;
        ist_error error;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        *file = (struct store_file){0};
        if (snprintf(file->path, sizeof file->path, "%s/%s", path, entry->d_name) >= (int)sizeof file->path ||
            stat(file->path, &info) < 0)
            continue;
        if (S_ISDIR(info.st_mode)) {
            const struct store_file found = *file;
            store_files_load(files, found.path, without);
            continue;
        }
        if (without && strstr(entry->d_name, without))
            continue;
        file->times[0] = info.st_atim;
        file->times[1] = info.st_mtim;
        if (fs_read_file(file->path, &file->bytes, &error) < 0) {
            fprintf(stderr, "%s\n", error.message);
            exit(1);
        }
        files->count++;
    }
    if (directory)
        closedir(directory);
}

/* Puts everything back as it was, into a store that reading and repairing may have changed. */
static inline void store_files_restore(const struct store_files *files, const char *store)
{
    fs_remove_tree(store);
    mkdir(store, 0755);
    for (int i = 0; i < files->count; i++) {
        char chunk[sizeof files->files[i].path];
        memcpy(chunk, files->files[i].path, sizeof chunk);
        *strrchr(chunk, '/') = '\0';
        mkdir(chunk, 0755);
        // SQLite makes what lies in it anew.
        if (!strstr(files->files[i].path, "-shm"))
            store_file_put(&files->files[i], files->files[i].bytes.size);
    }
}

static inline void store_files_free(struct store_files *files)
{
    for (int i = 0; i < files->count; i++)
        buffer_free(&files->files[i].bytes);
    files->count = 0;
}

#endif
