#include <libstore/edit.h>
#include <libstore/source.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "chunk_path.h"
#include "edit_journal.h"
#include "error.h"
#include "ffmpeg_log.h"
#include "foreign_index.h"
#include "fs.h"
#include "index.h"
#include "npz.h"
#include "problems.h"
#include "store_scan.h"
#include "video_track.h"

static const char before_key[] = "_frame_number_before_reindex";

/* The store as it is: its files, and the index that follows from them. All zero is empty. */
struct contents {
    struct store_chunks chunks;
    struct index *index;
};

static void contents_free(struct contents *contents)
{
    index_close(&contents->index);
    store_chunks_free(&contents->chunks);
}

/* What is damaged would be left out of the new index, and be missed by nobody. */
static ist_status load_contents(struct contents *contents, const struct edit *edit, ist_error *error)
{
    struct problems problems = {0};
    ist_status status = store_scan(&contents->chunks, edit->directory, &edit->metadata, error);
    if (status >= 0)
        status =
            store_load_index(&contents->index, &contents->chunks, edit->directory, &edit->metadata, &problems, error);
    if (status >= 0 && problems.count > 0)
        status =
            error_set(error, IST_ERROR_DATA, "%s: nothing was changed: %s", edit->directory, problems.items[0]->text);
    problems_free(&problems);
    return status;
}

static ist_status allocate_frames(struct npz_index *frames, int64_t count, ist_error *error)
{
    const size_t size = (size_t)count * 8 + 1;
    *frames =
        (struct npz_index){.count = count, .numbers = malloc(size), .times_s = malloc(size), .checksums = malloc(size)};
    if (frames->numbers && frames->times_s && frames->checksums)
        return IST_OK;
    npz_index_free(frames);
    return error_memory(error);
}

/* Numbers and times of a chunk, out of the index: what the files say, converted where a fork wrote them. */
static ist_status read_range(struct index *index, const struct chunk_range *range, struct npz_index *frames,
                             ist_error *error)
{
    struct index_entry *entries = malloc((size_t)range->frame_count * sizeof *entries + 1);
    ist_status status = entries ? allocate_frames(frames, range->frame_count, error) : error_memory(error);
    if (status >= 0) {
        status = index_entries(index, range->first_index, range->frame_count, entries, error);
        for (int64_t i = 0; i < range->frame_count && status >= 0; i++) {
            frames->numbers[i] = entries[i].number;
            frames->times_s[i] = entries[i].time_s;
            frames->checksums[i] = entries[i].checksum;
        }
        if (status < 0)
            npz_index_free(frames);
    }
    free(entries);
    return status;
}

/*
 * Other numbers
 */

/* Frames are counted from the one with index `zero`, whose number was `about`. */
struct renumbering {
    int64_t zero;
    int64_t about;
};

static int64_t new_number(const struct renumbering *r, int64_t index, int64_t number)
{
    return index < r->zero ? index - r->zero : number - r->about;
}

static void renumber(const struct renumbering *r, int64_t first_index, struct npz_index *frames)
{
    for (int64_t i = 0; i < frames->count; i++)
        frames->numbers[i] = new_number(r, first_index + i, frames->numbers[i]);
}

/*
 * The new index
 */

static void staged_path(char path[PATH_MAX], const char *final)
{
    if (snprintf(path, PATH_MAX, "%s%s", final, EDIT_STAGED_ENDING) >= PATH_MAX)
        path[0] = '\0';
}

/* One row of extra data, as index_extra() gives it, to the frame that it was bound to. */
static ist_status copy_row(struct index *to, json_t *row, const struct renumbering *r, ist_error *error)
{
    const int64_t frame = json_integer_value(json_object_get(row, "frame_index"));
    json_t *number = json_incref(json_object_get(row, "frame_number"));
    json_object_del(row, "frame_index");
    json_object_del(row, "frame_number");
    json_object_del(row, "frame_time");
    if (r)
        json_object_set(row, before_key, number);
    json_decref(number);
    char *text = json_dumps(row, JSON_COMPACT | JSON_REAL_PRECISION(17));
    const ist_status status = text ? index_add_extra(to, frame, text, error) : error_memory(error);
    free(text);
    return status;
}

static ist_status copy_extra(struct index *to, struct index *from, const struct chunk_range *range,
                             const struct renumbering *r, ist_error *error)
{
    struct buffer text = {0};
    ist_status status = index_extra(from, range->first_index, range->frame_count, &text, error);
    if (status >= 0 && strcmp((const char *)text.data, "[]") != 0) {
        json_t *rows = json_loadb((const char *)text.data, text.size, 0, NULL);
        if (!rows)
            status = error_memory(error);
        for (size_t i = 0; i < json_array_size(rows) && status >= 0; i++)
            status = copy_row(to, json_array_get(rows, i), r, error);
        json_decref(rows);
    }
    buffer_free(&text);
    return status;
}

/* What imgstore calls the chunk. */
static ist_status add_chunk(struct index *to, const struct edit *edit, int chunk, const struct npz_index *frames,
                            ist_error *error)
{
    char chunk_path[NAME_MAX + 32];
    snprintf(chunk_path, sizeof chunk_path, edit->metadata.is_video ? "%.255s/%06d" : "%.255s/%06d/index",
             fs_basename(edit->directory), chunk);
    return index_build_chunk(to, chunk, chunk_path, frames, error);
}

static ist_status copy_chunk(struct index *to, const struct edit *edit, struct index *from,
                             const struct chunk_range *range, const struct renumbering *r, ist_error *error)
{
    struct npz_index frames = {0};
    ist_status status = read_range(from, range, &frames, error);
    if (status >= 0 && r)
        renumber(r, range->first_index, &frames);
    if (status >= 0)
        status = add_chunk(to, edit, range->chunk, &frames, error);
    if (status >= 0)
        status = copy_extra(to, from, range, r, error);
    npz_index_free(&frames);
    return status;
}

/* A chunk that comes behind those of the store. */
struct added_chunk {
    int chunk;
    const struct npz_index *frames;
};

static ist_status copy_chunks(struct index *to, const struct edit *edit, struct index *from,
                              const struct renumbering *r, ist_error *error)
{
    int count = 0;
    const struct chunk_range *ranges = from ? index_ranges(from, &count) : NULL;
    ist_status status = IST_OK;
    for (int i = 0; i < count && status >= 0; i++)
        status = copy_chunk(to, edit, from, &ranges[i], r, error);
    return status;
}

/*
 * Stages the index of the store: the chunks of `from` (NULL: none), renumbered by `r` (NULL: as they are), and one more
 * (NULL: none). With `open` the new index is left open to read from.
 */
static ist_status stage_index(const struct edit *edit, struct index *from, const struct renumbering *r,
                              const struct added_chunk *added, struct index **open, ist_error *error)
{
    char final[PATH_MAX], path[PATH_MAX];
    snprintf(final, sizeof final, "%.*s/%s", PATH_MAX - 32, edit->directory, INDEX_FILE_NAME);
    staged_path(path, final);
    struct index *built = NULL;
    ist_status status = index_build_begin(&built, path, edit->metadata.uuid, error);
    if (status >= 0)
        status = copy_chunks(built, edit, from, r, error);
    if (status >= 0 && added)
        status = add_chunk(built, edit, added->chunk, added->frames, error);
    if (status >= 0)
        status = index_build_finish(built, error);
    if (status >= 0)
        status = fs_sync_file(path, error);
    if (status < 0 || !open)
        index_close(&built);
    else
        *open = built;
    return status;
}

/*
 * Saving the index, emptying
 */

ist_status ist_save_index(const char *path, ist_error *error)
{
    struct edit edit;
    struct contents contents = {0};
    ist_status status = edit_begin(&edit, path, error);
    if (status >= 0)
        status = load_contents(&contents, &edit, error);
    if (status >= 0)
        status = stage_index(&edit, contents.index, NULL, NULL, NULL, error);
    if (status >= 0)
        status = edit_finish(&edit, &(struct edit_note){.kind = EDIT_SAVE_INDEX}, error);
    contents_free(&contents);
    edit_abandon(&edit);
    return status;
}

ist_status ist_empty(const char *path, ist_error *error)
{
    struct edit edit;
    ist_status status = edit_begin(&edit, path, error);
    if (status >= 0)
        status = stage_index(&edit, NULL, NULL, NULL, NULL, error);
    if (status >= 0)
        status = edit_finish(&edit, &(struct edit_note){.kind = EDIT_EMPTY}, error);
    edit_abandon(&edit);
    return status;
}

/*
 * Inserting
 */

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
    ist_status status = video_track_open(&track, file, insertion->file, error);
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
    staged_path(path, final);
    ist_status status = copy_file(note->file, path, error);
    if (status >= 0) {
        chunk_path_sidecar(final, edit->directory, note->chunk, true, ".npz");
        staged_path(path, final);
        status = npz_write(path, &frames, error);
    }
    if (status >= 0)
        status = stage_index(edit, index, NULL, &(struct added_chunk){note->chunk, &frames}, NULL, error);
    return status;
}

/* True if both files hold the same bytes. */
static ist_status same_bytes(const char *left_path, const char *right_path, bool *same, ist_error *error)
{
    enum { PIECE = 1 << 16 };
    char left[PIECE], right[PIECE];
    FILE *a = fopen(left_path, "rb"), *b = fopen(right_path, "rb");
    ist_status status = IST_OK;
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
    const ist_status status = read_range(index, &ranges[count - 1], &frames, error);
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

static ist_status insert(struct edit *edit, const struct contents *contents, const ist_insertion *insertion,
                         ist_error *error)
{
    const struct store_chunks *chunks = &contents->chunks;
    struct edit_note note = {.chunk = chunks->count ? chunks->chunks[chunks->count - 1].chunk + 1 : 0};
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
    struct contents contents = {0};
    bool done = false;
    status = edit_begin(&edit, path, error);
    if (status >= 0)
        status = load_contents(&contents, &edit, error);
    if (status >= 0 && edit.metadata.is_video)
        status = is_inserted(&edit, contents.index, insertion, &done, error);
    if (status >= 0 && !done)
        status = insert(&edit, &contents, insertion, error);
    contents_free(&contents);
    edit_abandon(&edit);
    return status;
}

/*
 * Renumbering
 */

/* Motif's files and the index.db of a fork hold frame numbers too, which would no longer be those of the frames. */
static ist_status check_foreign(const struct edit *edit, const struct contents *contents, ist_error *error)
{
    static const char *const endings[] = {".extra_data.json", ".extra_data.h5"};
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%.*s/%s", PATH_MAX - 32, edit->directory, FOREIGN_INDEX_FILE_NAME);
    bool foreign = fs_exists(path);
    for (int i = 0; i < contents->chunks.count; i++) {
        for (int e = 0; e < 2 && !foreign; e++) {
            chunk_path_sidecar(path, edit->directory, contents->chunks.chunks[i].chunk, true, endings[e]);
            foreign = fs_exists(path);
            if (!foreign) {
                chunk_path_sidecar(path, edit->directory, contents->chunks.chunks[i].chunk, edit->metadata.is_video,
                                   endings[e]);
                foreign = fs_exists(path);
            }
        }
    }
    if (!foreign)
        return IST_OK;
    return error_set(error, IST_ERROR_UNSUPPORTED, "%s: holds frame numbers that cannot be changed", path);
}

/* What is known of the frames whose number decides. */
struct zero_search {
    int64_t about_count, about_index; /* frames with the number, and the last of them */
    int64_t zero_count, zero_index;   /* the same of number 0 */
    int zero_chunk;                   /* the chunk of zero_index, and its frames */
    int64_t zero_first_index, zero_frame_count;
    int64_t number_min, number_max; /* of all frames */
};

static ist_status search_zero(struct zero_search *found, struct index *index, int64_t about, ist_error *error)
{
    int count;
    const struct chunk_range *ranges = index_ranges(index, &count);
    for (int c = 0; c < count; c++) {
        struct npz_index frames = {0};
        if (ranges[c].number_min < found->number_min)
            found->number_min = ranges[c].number_min;
        if (ranges[c].number_max > found->number_max)
            found->number_max = ranges[c].number_max;
        const ist_status status = read_range(index, &ranges[c], &frames, error);
        if (status < 0)
            return status;
        for (int64_t i = 0; i < frames.count; i++) {
            if (frames.numbers[i] == about) {
                found->about_count++;
                found->about_index = ranges[c].first_index + i;
            }
            if (frames.numbers[i] == 0) {
                found->zero_count++;
                found->zero_index = ranges[c].first_index + i;
                found->zero_chunk = ranges[c].chunk;
                found->zero_first_index = ranges[c].first_index;
                found->zero_frame_count = ranges[c].frame_count;
            }
        }
        npz_index_free(&frames);
    }
    return IST_OK;
}

/* True if the frame 0 had the number before; then all was done by an earlier run. */
static ist_status is_renumbered(const struct edit *edit, const struct zero_search *found, int64_t about, bool *done,
                                ist_error *error)
{
    *done = false;
    if (found->zero_count != 1)
        return IST_OK;
    char path[PATH_MAX];
    chunk_path_sidecar(path, edit->directory, found->zero_chunk, edit->metadata.is_video, ".npz");
    if (!fs_exists(path)) // an old store
        return IST_OK;
    int64_t *before;
    const ist_status status = npz_read_before(path, found->zero_frame_count, &before, error);
    if (status >= 0 && before)
        *done = before[found->zero_index - found->zero_first_index] == about;
    free(before);
    return status;
}

/* True if no frame would get another number; the ones that are kept from before stay then. */
static ist_status changes_nothing(struct index *index, const struct renumbering *r, bool *nothing, ist_error *error)
{
    enum { BATCH = 1024 };
    struct index_entry entries[BATCH];
    *nothing = r->about == 0;
    for (int64_t first = 0; first < r->zero && *nothing; first += BATCH) {
        const int64_t count = r->zero - first < BATCH ? r->zero - first : BATCH;
        const ist_status status = index_entries(index, first, count, entries, error);
        if (status < 0)
            return status;
        for (int64_t i = 0; i < count; i++)
            *nothing = *nothing && entries[i].number == first + i - r->zero;
    }
    return IST_OK;
}

static ist_status check_numbers(const struct zero_search *found, int64_t about, ist_error *error)
{
    if (found->about_count == 0)
        return error_set(error, IST_ERROR_NOT_FOUND, "there is no frame with number %lld", (long long)about);
    if (found->about_count > 1)
        return error_set(error, IST_ERROR_ARGUMENT, "%lld frames have the number %lld; it must be one",
                         (long long)found->about_count, (long long)about);
    if (about > 0 ? found->number_min < INT64_MIN + about : found->number_max > INT64_MAX + about)
        return error_set(error, IST_ERROR_ARGUMENT, "counted from %lld, frame numbers would leave 64 bits",
                         (long long)about);
    return IST_OK;
}

static ist_status stage_extra(const struct edit *edit, const struct chunk_range *range, struct index *renumbered,
                              ist_error *error)
{
    char final[PATH_MAX], path[PATH_MAX];
    struct buffer extra = {0};
    chunk_path_sidecar(final, edit->directory, range->chunk, edit->metadata.is_video, ".extra.json");
    staged_path(path, final);
    ist_status status = index_extra(renumbered, range->first_index, range->frame_count, &extra, error);
    // Rows may have moved to the file of their own chunk; then the one that they were in becomes empty.
    if (status >= 0 && (strcmp((const char *)extra.data, "[]") != 0 || fs_exists(final)))
        status = fs_write_file_whole(path, extra.data, extra.size, error);
    buffer_free(&extra);
    return status;
}

/* New numbers out of one index, old ones out of the other. */
static ist_status stage_npz(const struct edit *edit, const struct chunk_range *range, struct index *index,
                            struct index *renumbered, ist_error *error)
{
    char final[PATH_MAX], path[PATH_MAX];
    struct npz_index old = {0}, frames = {0};
    chunk_path_sidecar(final, edit->directory, range->chunk, edit->metadata.is_video, ".npz");
    staged_path(path, final);
    ist_status status = read_range(index, range, &old, error);
    if (status >= 0)
        status = read_range(renumbered, range, &frames, error);
    if (status >= 0)
        status = npz_write_renumbered(path, &frames, old.numbers, error);
    npz_index_free(&frames);
    npz_index_free(&old);
    return status;
}

static ist_status stage_renumbered(const struct edit *edit, struct index *index, const struct renumbering *r,
                                   ist_error *error)
{
    struct index *renumbered = NULL;
    int count;
    const struct chunk_range *ranges = index_ranges(index, &count);
    ist_status status = stage_index(edit, index, r, NULL, &renumbered, error);
    for (int i = 0; i < count && status >= 0; i++)
        status = stage_extra(edit, &ranges[i], renumbered, error);
    for (int i = 0; i < count && status >= 0; i++)
        status = stage_npz(edit, &ranges[i], index, renumbered, error);
    index_close(&renumbered);
    return status;
}

static ist_status reindex(struct edit *edit, int64_t about, ist_error *error)
{
    struct contents contents = {0};
    struct zero_search found = {0};
    bool done = false;
    ist_status status = load_contents(&contents, edit, error);
    if (status >= 0)
        status = check_foreign(edit, &contents, error);
    if (status >= 0)
        status = search_zero(&found, contents.index, about, error);
    if (status >= 0)
        status = is_renumbered(edit, &found, about, &done, error);
    if (status >= 0 && !done)
        status = check_numbers(&found, about, error);
    const struct renumbering r = {.zero = found.about_index, .about = about};
    if (status >= 0 && !done)
        status = changes_nothing(contents.index, &r, &done, error);
    if (status >= 0 && !done)
        status = stage_renumbered(edit, contents.index, &r, error);
    if (status >= 0 && !done)
        status = edit_finish(edit, &(struct edit_note){.kind = EDIT_REINDEX}, error);
    contents_free(&contents);
    return status;
}

ist_status ist_reindex(const char *path, int64_t number, ist_error *error)
{
    struct edit edit;
    ist_status status = edit_begin(&edit, path, error);
    if (status >= 0)
        status = reindex(&edit, number, error);
    edit_abandon(&edit);
    return status;
}
