#include "edit_journal.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "chunk_path.h"
#include "chunk_remove.h"
#include "error.h"
#include "foreign_index.h"
#include "fs.h"
#include "index.h"
#include "store_scan.h"

static const char journal_name[] = ".edit";
static const char *const kind_names[] = {"none", "save index", "empty", "reindex", "insert"};

enum { KIND_COUNT = sizeof kind_names / sizeof *kind_names };

/* A directory whose name leaves no room was refused before. */
static void path_in(char path[PATH_MAX], const char *directory, const char *name)
{
    if (snprintf(path, PATH_MAX, "%s/%s", directory, name) >= PATH_MAX)
        path[0] = '\0';
}

static bool has_ending(const char *name, const char *ending)
{
    const size_t length = strlen(name), ending_length = strlen(ending);
    return length > ending_length && strcmp(name + length - ending_length, ending) == 0;
}

/*
 * The journal
 */

ist_status edit_write_note(const char *directory, const struct edit_note *note, ist_error *error)
{
    char path[PATH_MAX];
    path_in(path, directory, journal_name);
    // What is no UTF-8 cannot be in JSON; such a file is then not known again, nor removed.
    json_t *file = json_string(note->file);
    json_t *root = json_pack("{s:s, s:i, s:b, s:o?, s:I, s:I}", "change", kind_names[note->kind], "chunk", note->chunk,
                             "move", note->move && file, "file", file, "size", (json_int_t)note->size, "mtime_ns",
                             (json_int_t)note->mtime_ns);
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    const ist_status status = text ? fs_write_file_whole(path, text, strlen(text), error) : error_memory(error);
    free(text);
    json_decref(root);
    return status;
}

bool edit_create_journal(const char *directory)
{
    char path[PATH_MAX];
    path_in(path, directory, journal_name);
    const int fd = fs_calls.open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (fd >= 0)
        fs_calls.close(fd);
    return fd >= 0;
}

ist_status edit_remove_journal(const char *directory, ist_error *error)
{
    char path[PATH_MAX];
    // One that was being written when its writer died.
    path_in(path, directory, ".edit.part");
    fs_calls.unlink(path);
    path_in(path, directory, journal_name);
    if (fs_calls.unlink(path) < 0 && errno != ENOENT)
        return error_errno(error, errno, "%s: cannot remove", path);
    return IST_OK;
}

bool edit_has_journal(const char *directory)
{
    char path[PATH_MAX];
    path_in(path, directory, journal_name);
    return fs_exists(path);
}

static ist_status parse_note(const struct buffer *text, const char *path, struct edit_note *note, ist_error *error)
{
    json_t *root = json_loadb((const char *)text->data, text->size, 0, NULL);
    const char *kind = json_string_value(json_object_get(root, "change"));
    const char *file = json_string_value(json_object_get(root, "file"));
    for (int i = 0; i < KIND_COUNT && kind; i++)
        if (strcmp(kind, kind_names[i]) == 0)
            note->kind = (enum edit_kind)i;
    note->chunk = (int)json_integer_value(json_object_get(root, "chunk"));
    note->move = json_is_true(json_object_get(root, "move"));
    note->size = json_integer_value(json_object_get(root, "size"));
    note->mtime_ns = json_integer_value(json_object_get(root, "mtime_ns"));
    snprintf(note->file, sizeof note->file, "%s", file ? file : "");
    json_decref(root);
    // It is written whole, and empty only before anything is staged.
    if (note->kind == EDIT_NONE && text->size > 0 && !kind)
        return error_set(error, IST_ERROR_DATA, "%s: is damaged", path);
    return IST_OK;
}

ist_status edit_read_note(const char *directory, bool *there, struct edit_note *note, ist_error *error)
{
    char path[PATH_MAX];
    path_in(path, directory, journal_name);
    *note = (struct edit_note){0};
    *there = fs_exists(path);
    if (!*there)
        return IST_OK;
    struct buffer text = {0};
    ist_status status = fs_read_file(path, &text, error);
    if (status >= 0)
        status = parse_note(&text, path, note, error);
    buffer_free(&text);
    return status;
}

/*
 * Taking back
 */

/* The names under which something may be staged in the folder of a chunk. */
static void unstage_folder(const char *folder)
{
    static const char *const names[] = {"index.npz", "index.extra.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[PATH_MAX];
        for (int part = 0; part < 2; part++) {
            if (snprintf(path, sizeof path, "%s/%s%s%s", folder, names[i], EDIT_STAGED_ENDING, part ? ".part" : "") <
                (int)sizeof path)
                fs_calls.unlink(path);
        }
    }
}

ist_status edit_unstage(const char *directory, ist_error *error)
{
    DIR *opened = opendir(directory);
    if (!opened)
        return error_errno(error, errno, "%s", directory);
    struct dirent *entry;
    while ((entry = readdir(opened))) {
        const char *name = entry->d_name;
        char path[PATH_MAX];
        path_in(path, directory, name);
        const bool numbered = isdigit((unsigned char)*name);
        if (!numbered && strncmp(name, INDEX_FILE_NAME, strlen(INDEX_FILE_NAME)) != 0)
            continue;
        if (has_ending(name, EDIT_STAGED_ENDING) || has_ending(name, EDIT_STAGED_ENDING ".part"))
            fs_calls.unlink(path);
        else if (numbered && strspn(name, "0123456789") == strlen(name))
            unstage_folder(path);
    }
    closedir(opened);
    return IST_OK;
}

/*
 * Doing what was written down. Every step may have been done before.
 */

static ist_status promote(const char *path, ist_error *error)
{
    char staged[PATH_MAX];
    if (snprintf(staged, sizeof staged, "%s%s", path, EDIT_STAGED_ENDING) >= (int)sizeof staged)
        return error_errno(error, ENAMETOOLONG, "%s", path);
    if (fs_exists(staged) && fs_calls.rename(staged, path) < 0)
        return error_errno(error, errno, "%s: cannot rename", staged);
    return IST_OK;
}

static ist_status remove_file(const char *path, ist_error *error)
{
    if (fs_calls.unlink(path) < 0 && errno != ENOENT)
        return error_errno(error, errno, "%s: cannot remove", path);
    return IST_OK;
}

/* The log of the index before must not be taken for one of the new index. */
static ist_status promote_index(const char *directory, ist_error *error)
{
    static const char *const logs[] = {"-wal", "-shm", "-journal"};
    char path[PATH_MAX], staged[PATH_MAX];
    path_in(staged, directory, INDEX_FILE_NAME EDIT_STAGED_ENDING);
    if (!fs_exists(staged))
        return IST_OK;
    ist_status status = IST_OK;
    for (size_t i = 0; i < sizeof logs / sizeof *logs && status >= 0; i++) {
        snprintf(path, sizeof path, "%.*s/%s%s", PATH_MAX - 32, directory, INDEX_FILE_NAME, logs[i]);
        status = remove_file(path, error);
    }
    path_in(path, directory, INDEX_FILE_NAME);
    return status < 0 ? status : promote(path, error);
}

/* From the last chunk to the first, so that broken off it is a store of fewer chunks. */
static ist_status remove_chunks(const char *directory, const struct metadata *metadata, ist_error *error)
{
    struct store_chunks chunks;
    ist_status status = store_scan(&chunks, directory, metadata, error);
    for (int i = chunks.count - 1; i >= 0 && status >= 0; i--)
        status = chunk_remove(directory, metadata, chunks.chunks[i].chunk, error);
    store_chunks_free(&chunks);
    char path[PATH_MAX];
    path_in(path, directory, FOREIGN_INDEX_FILE_NAME);
    return status < 0 ? status : remove_file(path, error);
}

/* The index of old stores goes when the npz is there, which takes its place. */
static ist_status promote_sidecars(const char *directory, bool is_video, int chunk, ist_error *error)
{
    char path[PATH_MAX], yaml[PATH_MAX];
    chunk_path_sidecar(path, directory, chunk, is_video, ".extra.json");
    ist_status status = promote(path, error);
    if (status < 0)
        return status;
    chunk_path_sidecar(path, directory, chunk, is_video, ".npz");
    status = promote(path, error);
    chunk_path_sidecar(yaml, directory, chunk, is_video, ".yaml");
    if (status >= 0 && fs_exists(path))
        status = remove_file(yaml, error);
    return status < 0 || is_video ? status : fs_sync_directory_of(path, error);
}

static ist_status promote_all_sidecars(const char *directory, const struct metadata *metadata, ist_error *error)
{
    struct store_chunks chunks;
    ist_status status = store_scan(&chunks, directory, metadata, error);
    for (int i = 0; i < chunks.count && status >= 0; i++)
        status = promote_sidecars(directory, metadata->is_video, chunks.chunks[i].chunk, error);
    store_chunks_free(&chunks);
    return status;
}

static ist_status promote_chunk(const char *directory, const struct metadata *metadata, int chunk, ist_error *error)
{
    char path[PATH_MAX];
    chunk_path_video(path, directory, chunk, metadata->extension);
    ist_status status = promote(path, error);
    if (status < 0)
        return status;
    chunk_path_sidecar(path, directory, chunk, true, ".npz");
    return promote(path, error);
}

/* A file that is another one by now stays; so does one that cannot be removed, which the caller can see. */
static void remove_original(const struct edit_note *note)
{
    struct stat info;
    if (note->move && stat(note->file, &info) == 0 && info.st_size == note->size &&
        info.st_mtim.tv_sec * 1000000000LL + info.st_mtim.tv_nsec == note->mtime_ns)
        fs_calls.unlink(note->file);
}

void edit_find_extension(struct metadata *metadata, const char *directory)
{
    static const char *const extensions[] = {".avi", ".mkv", ".mov", ".mp4"};
    char path[PATH_MAX];
    if (!metadata->extension_guessed)
        return;
    chunk_path_video(path, directory, 0, metadata->extension);
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions && !fs_exists(path); i++) {
        chunk_path_video(path, directory, 0, extensions[i]);
        if (fs_exists(path))
            snprintf(metadata->extension, sizeof metadata->extension, "%s", extensions[i]);
    }
}

/* A store without chunks has lost none. */
static ist_status forget_removed(const char *directory, const struct metadata *metadata, ist_error *error)
{
    struct metadata empty = *metadata; // borrows the user's part
    if (empty.removed.frames == 0)
        return IST_OK;
    empty.removed = (struct store_removed){0};
    return metadata_write(&empty, directory, error);
}

/*
 * One who reads looks at the index, where it knows every chunk. So it goes first where numbers change, and last
 * where a chunk is added.
 */
ist_status edit_apply(const char *directory, const struct metadata *metadata, const struct edit_note *note,
                      ist_error *error)
{
    char path[PATH_MAX];
    ist_status status = IST_OK;
    if (note->kind == EDIT_INSERT)
        status = promote_chunk(directory, metadata, note->chunk, error);
    if (status >= 0)
        status = promote_index(directory, error);
    if (status >= 0 && note->kind == EDIT_EMPTY)
        status = remove_chunks(directory, metadata, error);
    if (status >= 0 && note->kind == EDIT_EMPTY)
        status = forget_removed(directory, metadata, error);
    if (status >= 0 && note->kind == EDIT_REINDEX)
        status = promote_all_sidecars(directory, metadata, error);
    path_in(path, directory, journal_name);
    if (status >= 0)
        status = fs_sync_directory_of(path, error);
    if (status >= 0 && note->kind == EDIT_INSERT)
        remove_original(note);
    return status;
}

ist_status edit_recover(const char *directory, const struct metadata *metadata, bool *pending, ist_error *error)
{
    struct edit_note note;
    ist_status status = edit_read_note(directory, pending, &note, error);
    if (status < 0 || !*pending)
        return status;
    struct metadata own = *metadata;
    edit_find_extension(&own, directory);
    status = note.kind == EDIT_NONE ? edit_unstage(directory, error) : edit_apply(directory, &own, &note, error);
    if (status >= 0)
        status = edit_remove_journal(directory, error);
    return status;
}
