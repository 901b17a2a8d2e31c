/* Making a ready video file the last chunk of a store. */
#include <libstore/edit.h>
#include <libstore/source.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "chunk_close.h"
#include "chunk_path.h"
#include "edit_index.h"
#include "error.h"
#include "ffmpeg_log.h"
#include "fs.h"
#include "npz.h"
#include "video_track.h"

static ist_status check_insertion(const ist_insertion *insertion, ist_error *error)
{
    if (insertion->count < 1)
        return error_set(error, IST_ERROR_ARGUMENT, "%s: a chunk of %lld frames cannot be inserted", insertion->file,
                         (long long)insertion->count);
    for (int64_t i = 0; i < insertion->count; i++)
        if (!isfinite(insertion->times_s[i]))
            return error_set(error, IST_ERROR_ARGUMENT, "%s: the time of frame %lld is not finite", insertion->file,
                             (long long)i);
    return IST_OK;
}

/* Which file it is, by a name that stays the same wherever the caller stands. */
static ist_status note_file(const ist_insertion *insertion, struct edit_note *note, ist_error *error)
{
    struct stat info;
    if (!realpath(insertion->file, note->file) || stat(note->file, &info) < 0)
        return error_errno(error, errno, "%s", insertion->file);
    if (!S_ISREG(info.st_mode))
        return error_set(error, IST_ERROR_ARGUMENT, "%s: is not a file", insertion->file);
    note->kind = EDIT_INSERT;
    note->move = insertion->move;
    note->size = info.st_size;
    note->mtime_ns = info.st_mtim.tv_sec * 1000000000LL + info.st_mtim.tv_nsec;
    return IST_OK;
}

/* As many frames as there are numbers, all of them whole. */
static ist_status check_frames(const char *file, const ist_insertion *insertion, ist_error *error)
{
    struct video_track *track;
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    ist_status status = video_track_open(&track, file, insertion->file, 1, NULL, error);
    ffmpeg_log_end(&log);
    if (status < 0)
        return status;
    const struct packet_table *table = video_track_table(track);
    if (table->frame_count != insertion->count)
        status = error_set(error, IST_ERROR_ARGUMENT, "%s: holds %lld frames, but there are %lld numbers and times",
                           insertion->file, (long long)table->frame_count, (long long)insertion->count);
    for (int64_t i = 0; i < table->frame_count && status >= 0; i++)
        if (table->packet_of_frame[i] < 0)
            status = error_set(error, IST_ERROR_DATA, "%s: breaks off: frame %lld is not there", insertion->file,
                               (long long)i);
    video_track_close(&track);
    return status;
}

/* The size of a picture shows when one is decoded. */
static ist_status check_size(const struct metadata *metadata, const char *file, const char *name, ist_error *error)
{
    ist_source *source = NULL;
    ist_frame frame = {0};
    ist_status status = ist_source_open(&source, file, NULL, error);
    if (status >= 0)
        status = ist_source_next(source, &frame, error);
    if (status == IST_END)
        status = error_set(error, IST_ERROR_DATA, "%s: no frame of it can be decoded", name);
    if (status >= 0 && (frame.width != metadata->width || frame.height != metadata->height))
        status = error_set(error, IST_ERROR_ARGUMENT, "%s: pictures of %d x %d pixels; those of the store are %d x %d",
                           name, frame.width, frame.height, metadata->width, metadata->height);
    ist_frame_free(&frame);
    ist_source_close(&source);
    return status;
}

static ist_status check_file(const struct metadata *metadata, const char *file, const ist_insertion *insertion,
                             ist_error *error)
{
    if (!metadata->is_video)
        return error_set(error, IST_ERROR_UNSUPPORTED, "%s: goes into a video store only, this one is of images",
                         insertion->file);
    const size_t length = strlen(file), ending = strlen(metadata->extension);
    if (length < ending || strcmp(file + length - ending, metadata->extension) != 0)
        return error_set(error, IST_ERROR_ARGUMENT, "%s: the chunks of this store are %s files", insertion->file,
                         metadata->extension);
    const ist_status status = check_frames(file, insertion, error);
    return status < 0 ? status : check_size(metadata, file, insertion->file, error);
}

static ist_status copy_bytes(int from, int to, const char *from_path, const char *to_path, ist_error *error)
{
    enum { PIECE = 1 << 20 };
    char *piece = malloc(PIECE);
    ist_status status = piece ? IST_OK : error_memory(error);
    while (status >= 0) {
        const ssize_t got = fs_calls.read(from, piece, PIECE);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = error_errno(error, errno, "%s: cannot read", from_path);
        if (got <= 0)
            break;
        status = fs_write_all(to, piece, (size_t)got, to_path, error);
    }
    free(piece);
    return status;
}

/* Copies a file and brings the copy to the disk. */
static ist_status copy_file(const char *from_path, const char *to_path, ist_error *error)
{
    const int from = fs_calls.open(from_path, O_RDONLY, 0);
    if (from < 0)
        return error_errno(error, errno, "%s", from_path);
    const int to = fs_calls.open(to_path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    ist_status status = to < 0 ? error_errno(error, errno, "%s: cannot create", to_path) : IST_OK;
    if (status >= 0)
        status = copy_bytes(from, to, from_path, to_path, error);
    if (to >= 0 && fs_calls.close(to) < 0 && status >= 0)
        status = error_errno(error, errno, "%s: cannot close", to_path);
    fs_calls.close(from);
    return status < 0 ? status : fs_sync_file(to_path, error);
}

static ist_status stage_insertion(const struct edit *edit, struct index *index, const struct edit_note *note,
                                  const ist_insertion *insertion, ist_error *error)
{
    char final[PATH_MAX], path[PATH_MAX];
    // The arrays are only read.
    const struct npz_index frames = {
        .count = insertion->count, .numbers = (int64_t *)insertion->numbers, .times_s = (double *)insertion->times_s};
    chunk_path_video(final, edit->directory, note->chunk, edit->metadata.extension);
    edit_staged_path(path, final);
    ist_status status = copy_file(note->file, path, error);
    if (status >= 0) {
        chunk_path_sidecar(final, edit->directory, note->chunk, true, ".npz");
        edit_staged_path(path, final);
        status = npz_write(path, &frames, error);
    }
    if (status >= 0)
        status = edit_stage_index(edit, index, NULL, &(struct edit_added_chunk){note->chunk, &frames}, NULL, error);
    return status;
}

/* True if both files hold the same bytes. */
static ist_status same_bytes(const char *left_path, const char *right_path, bool *same, ist_error *error)
{
    enum { PIECE = 1 << 16 };
    char left[PIECE], right[PIECE];
    ist_status status = fs_check_regular(left_path, error);
    if (status >= 0)
        status = fs_check_regular(right_path, error);
    if (status < 0)
        return status;
    FILE *a = fopen(left_path, "rb"), *b = fopen(right_path, "rb");
    if (!a || !b)
        status = error_errno(error, errno, "%s", a ? right_path : left_path);
    size_t got = PIECE;
    *same = true;
    while (status >= 0 && *same && got == PIECE) {
        got = fread(left, 1, PIECE, a);
        *same = fread(right, 1, PIECE, b) == got && memcmp(left, right, got) == 0;
        if (ferror(a) || ferror(b))
            status = error_errno(error, EIO, "%s: cannot read", ferror(a) ? left_path : right_path);
    }
    if (a)
        fclose(a);
    if (b)
        fclose(b);
    return status;
}

/* True if the last frames of the store have these numbers and times, and are a chunk. */
static ist_status has_numbers(struct index *index, const ist_insertion *insertion, int *chunk, bool *same,
                              ist_error *error)
{
    int count;
    const struct chunk_range *ranges = index_ranges(index, &count);
    struct npz_index frames = {0};
    *same = count > 0 && ranges[count - 1].frame_count == insertion->count;
    if (!*same)
        return IST_OK;
    *chunk = ranges[count - 1].chunk;
    const ist_status status = chunk_frames(index, &ranges[count - 1], &frames, error);
    for (int64_t i = 0; i < insertion->count && *same && status >= 0; i++)
        *same = frames.numbers[i] == insertion->numbers[i] && frames.times_s[i] == insertion->times_s[i];
    npz_index_free(&frames);
    return status;
}

/*
 * Finds out whether the last chunk of the store is what is to be inserted: an earlier run was killed behind its last
 * step. A file that was to be moved is gone then.
 */
static ist_status is_inserted(const struct edit *edit, struct index *index, const ist_insertion *insertion, bool *done,
                              ist_error *error)
{
    char path[PATH_MAX];
    int chunk;
    ist_status status = has_numbers(index, insertion, &chunk, done, error);
    if (status < 0 || !*done)
        return status;
    chunk_path_video(path, edit->directory, chunk, edit->metadata.extension);
    if (!fs_exists(insertion->file))
        *done = insertion->move;
    else
        status = same_bytes(insertion->file, path, done, error);
    if (status >= 0 && *done && insertion->move && fs_exists(insertion->file) && fs_calls.unlink(insertion->file) < 0)
        status = error_errno(error, errno, "%s: is in the store already, but cannot be removed", insertion->file);
    return status;
}

static ist_status insert(struct edit *edit, const struct edit_contents *contents, const ist_insertion *insertion,
                         ist_error *error)
{
    const struct store_chunks *chunks = &contents->chunks;
    struct edit_note note = {.chunk = chunks->count ? chunks->chunks[chunks->count - 1].chunk + 1
                                                    : edit->metadata.removed.chunks};
    ist_status status = note_file(insertion, &note, error);
    if (status >= 0)
        status = check_file(&edit->metadata, note.file, insertion, error);
    if (status >= 0)
        status = stage_insertion(edit, contents->index, &note, insertion, error);
    if (status >= 0)
        status = edit_finish(edit, &note, error);
    if (status >= 0 && note.move && fs_exists(note.file))
        status = error_set(error, IST_ERROR_IO, "%s: is in the store now, but cannot be removed", insertion->file);
    return status;
}

ist_status ist_insert_chunk(const char *path, const ist_insertion *insertion, ist_error *error)
{
    ist_status status = check_insertion(insertion, error);
    if (status < 0)
        return status;
    struct edit edit;
    struct edit_contents contents = {0};
    bool done = false;
    status = edit_begin(&edit, path, error);
    if (status >= 0)
        status = edit_contents_load(&contents, &edit, error);
    if (status >= 0 && edit.metadata.is_video)
        status = is_inserted(&edit, contents.index, insertion, &done, error);
    if (status >= 0 && !done)
        status = insert(&edit, &contents, insertion, error);
    edit_contents_free(&contents);
    edit_abandon(&edit);
    return status;
}
