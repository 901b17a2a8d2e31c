#include <libstore/repair.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checksum.h"
#include "chunk_close.h"
#include "chunk_move.h"
#include "chunk_path.h"
#include "chunk_remove.h"
#include "edit_journal.h"
#include "error.h"
#include "fs.h"
#include "image.h"
#include "index.h"
#include "metadata.h"
#include "remux.h"
#include "repair.h"
#include "store_lock.h"
#include "store_path.h"
#include "store_scan.h"

struct repair {
    const char *directory;
    const struct metadata *metadata;
    struct index *index;
    ist_repair_report *report;
    struct buffer bytes; /* of the file that is looked at */
    bool lost_end;       /* the index was made anew: it does not know the chunks that were not finished */
};

static void remove_leftover(struct repair *r, const char *path)
{
    if (fs_calls.unlink(path) == 0)
        r->report->files_removed++;
}

/* Takes rows out of the index whose pixels never reached the disk, and brings the range up to date. */
static ist_status drop_lost(struct repair *r, struct chunk_range *range, int64_t sound, ist_error *error)
{
    const int64_t lost = range->frame_count - sound;
    if (lost == 0)
        return IST_OK;
    const ist_status status = index_drop_frames(r->index, range->first_index + sound, lost, error);
    if (status < 0)
        return status;
    r->report->frames_lost += lost;
    if (sound == 0)
        range->frame_count = 0;
    else
        *range = *index_range_of(r->index, range->first_index);
    return IST_OK;
}

/* Frames of a chunk compared with what was recorded, one by one. */
struct comparison {
    struct index *index;
    int chunk;
    int64_t count;     /* of the frames that the index knows */
    int64_t more;      /* frames behind these */
    int64_t sound_end; /* behind the last sound frame */
    int64_t damaged;   /* before that */
    int64_t unsure;    /* damaged ones since the last sound one */
    ist_status status;
    ist_error *error;
};

static void note_frame(struct comparison *c, int64_t frame_idx, bool sound)
{
    if (!sound) {
        c->unsure++;
        return;
    }
    c->damaged += c->unsure;
    c->unsure = 0;
    c->sound_end = frame_idx + 1;
}

static void compare_packet(void *context, int64_t frame_idx, uint32_t sum)
{
    struct comparison *c = context;
    uint32_t recorded = 0;
    if (frame_idx >= c->count) {
        c->more++;
        return;
    }
    if (c->status >= 0)
        c->status = index_checksum(c->index, c->chunk, frame_idx, &recorded, c->error);
    note_frame(c, frame_idx, recorded == 0 || recorded == sum);
}

/* Frames that may lie behind the last that was acknowledged: the one that was being added. */
enum { UNACKNOWLEDGED = 1 };

/*
 * Copies the frames up to the last that is as it was recorded. What a power loss left behind that never reached the
 * disk; what is damaged before it stays where it is, and is read as damaged. Where more frames follow than a recorder
 * adds at a time, the index lost its end, and they stay as well.
 */
static ist_status copy_sound(struct repair *r, const struct chunk_range *range, const char *live, const char *part,
                             const char *name, int64_t *copied, ist_error *error)
{
    struct comparison found = {.index = r->index, .chunk = range->chunk, .count = range->frame_count, .error = error};
    const int64_t most = range->frame_count + UNACKNOWLEDGED + 1;
    ist_status status = remux(live, part, name, most, copied, compare_packet, &found, error);
    if (status >= 0)
        status = found.status;
    if (status < 0)
        return status;
    r->report->frames_damaged += found.damaged;
    if (found.more > UNACKNOWLEDGED && found.sound_end == range->frame_count) {
        status = remux(live, part, name, INT64_MAX, copied, NULL, NULL, error);
        r->report->frames_unlisted += status >= 0 ? *copied - range->frame_count : 0;
        *copied = range->frame_count;
        return status;
    }
    if (found.sound_end == *copied)
        return IST_OK;
    *copied = 0;
    return found.sound_end == 0 ? IST_OK : remux(live, part, name, found.sound_end, copied, NULL, NULL, error);
}

/* Behind what is damaged more may lie that somebody can save. */
static void keep_damaged(struct repair *r, const char *path, const char *live)
{
    char kept[PATH_MAX];
    if (fs_file_size(live) > 0 && (size_t)snprintf(kept, sizeof kept, "%s.damaged", path) < sizeof kept &&
        fs_calls.rename(live, kept) == 0)
        r->report->files_kept++;
}

/*
 * A chunk that is in its final file was brought there whole. Else its live file is copied up to the last
 * acknowledged frame. The rows go before the file appears: killed in between, the next run finds as many as it copies.
 */
static ist_status repair_video(struct repair *r, struct chunk_range *range, ist_error *error)
{
    char path[PATH_MAX], live[PATH_MAX], part[PATH_MAX];
    chunk_path_video(path, r->directory, range->chunk, r->metadata->extension);
    // What is no file at all is neither a whole chunk nor the little that a power loss left: nothing is taken away
    // because of it.
    ist_status status = fs_check_regular(path, error);
    if (status < 0 || fs_exists(path))
        return status;
    if ((size_t)snprintf(live, sizeof live, "%s%s", path, CHUNK_LIVE_ENDING) >= sizeof live ||
        (size_t)snprintf(part, sizeof part, "%s.part", path) >= sizeof part)
        return error_errno(error, ENAMETOOLONG, "%s", path);

    int64_t copied = 0;
    const int64_t recorded_count = range->frame_count;
    status = fs_check_regular(live, error);
    if (status < 0)
        return status;
    if (fs_exists(live))
        status = copy_sound(r, range, live, part, fs_basename(path), &copied, error);
    // What a power loss left may be too little to be a video at all; then nothing of the chunk reached the disk.
    if (status == IST_ERROR_DATA && copied == 0)
        status = IST_OK;
    if (status >= 0)
        status = drop_lost(r, range, copied, error);
    if (status >= 0 && copied > 0)
        status = fs_publish(part, path, error);
    if (status < 0 || copied == 0)
        fs_calls.unlink(part);
    if (status >= 0 && copied < recorded_count)
        keep_damaged(r, path, live);
    return status;
}

/*
 * True if the picture is on the disk as it was recorded; false if it never got there, or is damaged. A disk that does
 * not answer is neither.
 */
static ist_status check_image(struct repair *r, int chunk, int64_t frame_idx, bool *sound, ist_error *error)
{
    char path[PATH_MAX];
    uint32_t recorded = 0;
    ist_frame frame = {0};
    chunk_path_image(path, r->directory, chunk, (int)frame_idx, r->metadata->format);
    ist_status status = index_checksum(r->index, chunk, frame_idx, &recorded, error);
    if (status < 0)
        return status;
    status = fs_read_file(path, &r->bytes, error);
    if (status >= 0 && recorded == 0)
        status = image_format_find(path)->decode(r->bytes.data, r->bytes.size, &frame, error);
    ist_frame_free(&frame);
    *sound = status >= 0 && (recorded == 0 || recorded == checksum(0, r->bytes.data, r->bytes.size));
    if (status < 0)
        return status == IST_ERROR_DATA || status == IST_ERROR_NOT_FOUND ? IST_OK : status;
    return fs_sync_file(path, error);
}

/* How many pictures of a chunk follow each other from this one on. */
static int64_t count_images(const struct repair *r, int chunk, int64_t first)
{
    char path[PATH_MAX];
    int64_t count = 0;
    do
        chunk_path_image(path, r->directory, chunk, (int)(first + count), r->metadata->format);
    while (fs_exists(path) && ++count);
    return count;
}

static ist_status repair_images(struct repair *r, struct chunk_range *range, ist_error *error)
{
    struct comparison found = {0};
    ist_status status = IST_OK;
    for (int64_t i = 0; i < range->frame_count && status >= 0; i++) {
        bool sound = false;
        status = check_image(r, range->chunk, i, &sound, error);
        note_frame(&found, i, sound);
    }
    const int64_t recorded_count = range->frame_count;
    if (status >= 0)
        status = drop_lost(r, range, found.sound_end, error);
    if (status < 0)
        return status;
    r->report->frames_damaged += found.damaged;
    // Behind the last frame: what is damaged of those that were lost, and the one that was being written; or those of
    // which the index lost its end.
    const int64_t more = count_images(r, range->chunk, recorded_count);
    char path[PATH_MAX];
    chunk_path_image(path, r->directory, range->chunk, 0, r->metadata->format);
    if (more > UNACKNOWLEDGED)
        r->report->frames_unlisted += more;
    for (int64_t i = found.sound_end; i < recorded_count + UNACKNOWLEDGED && more <= UNACKNOWLEDGED; i++) {
        chunk_path_image(path, r->directory, range->chunk, (int)i, r->metadata->format);
        remove_leftover(r, path);
    }
    return found.sound_end > 0 ? fs_sync_directory_of(path, error) : IST_OK;
}

static ist_status repair_chunk(struct repair *r, struct chunk_range range, ist_error *error)
{
    ist_status status = r->metadata->is_video ? repair_video(r, &range, error) : repair_images(r, &range, error);
    if (status < 0 || range.frame_count == 0)
        return status;
    status = chunk_close_sidecars(r->directory, r->metadata->is_video, &range, r->index, error);
    if (status >= 0)
        status = index_finish_chunk(r->index, &range, error);
    if (status >= 0)
        r->report->chunks_finished++;
    return status;
}

static bool has_ending(const char *name, const char *ending)
{
    const size_t length = strlen(name), ending_length = strlen(ending);
    return length > ending_length && strcmp(name + length - ending_length, ending) == 0;
}

/* A folder that only an unacknowledged frame can lie in, as the chunk is not in the index; or that lost its index. */
static void remove_empty_chunk(struct repair *r, const char *name)
{
    char path[PATH_MAX];
    const int chunk = atoi(name);
    if (r->metadata->is_video || strspn(name, "0123456789") != strlen(name) || index_has_chunk(r->index, chunk))
        return;
    chunk_path_sidecar(path, r->directory, chunk, false, ".npz");
    if (fs_exists(path))
        return;
    const int64_t count = count_images(r, chunk, 0);
    if (count > UNACKNOWLEDGED) {
        r->report->frames_unlisted += count;
        return;
    }
    chunk_path_image(path, r->directory, chunk, 0, r->metadata->format);
    remove_leftover(r, path);
    chunk_path_folder(path, r->directory, chunk);
    fs_calls.rmdir(path);
}

/*
 * The live file of a chunk that the index does not know holds no frame that was acknowledged, or the index lost its
 * end: then it becomes a chunk without an index.
 */
static ist_status end_live_file(struct repair *r, const char *live, ist_error *error)
{
    char path[PATH_MAX], part[PATH_MAX];
    int64_t copied = 0;
    snprintf(path, sizeof path, "%.*s", (int)(strlen(live) - strlen(CHUNK_LIVE_ENDING)), live);
    if (!fs_exists(path) && !index_has_chunk(r->index, atoi(fs_basename(path))) &&
        (size_t)snprintf(part, sizeof part, "%s.part", path) < sizeof part) {
        ist_status status = remux(live, part, fs_basename(path), INT64_MAX, &copied, NULL, NULL, error);
        if (status >= 0 && copied > UNACKNOWLEDGED)
            status = fs_publish(part, path, error);
        else
            fs_calls.unlink(part);
        if (status < 0 && status != IST_ERROR_DATA)
            return status;
        if (copied > UNACKNOWLEDGED)
            r->report->frames_unlisted += copied;
        else if (r->lost_end)
            keep_damaged(r, path, live);
    }
    remove_leftover(r, live);
    return IST_OK;
}

static ist_status remove_leftovers(struct repair *r, ist_error *error)
{
    DIR *directory = opendir(r->directory);
    if (!directory)
        return error_errno(error, errno, "%s", r->directory);
    struct dirent *entry;
    ist_status status = IST_OK;
    while (status >= 0 && (entry = readdir(directory))) {
        char path[PATH_MAX];
        if ((size_t)snprintf(path, sizeof path, "%s/%s", r->directory, entry->d_name) >= sizeof path)
            continue;
        // Every chunk in the index has its final file by now: what lies in a live one is there, or was not
        // acknowledged.
        if (has_ending(entry->d_name, CHUNK_LIVE_ENDING))
            status = end_live_file(r, path, error);
        else if (has_ending(entry->d_name, ".part"))
            remove_leftover(r, path);
        else if (isdigit((unsigned char)entry->d_name[0]))
            remove_empty_chunk(r, entry->d_name);
    }
    closedir(directory);
    return status;
}

/* The range of the first chunk that is not finished, in `range`; false: there is none. */
static bool first_unfinished(const struct index *index, struct chunk_range *range)
{
    int count;
    const struct chunk_range *ranges = index_ranges(index, &count);
    for (int i = 0; i < count; i++) {
        if (!ranges[i].finished) {
            *range = ranges[i];
            return true;
        }
    }
    return false;
}

static ist_status repair_all(struct repair *r, ist_error *error)
{
    struct chunk_range range;
    // First, as all that follows goes by the names of files.
    ist_status status = chunk_move_finish(r->directory, r->index, error);
    while (status >= 0 && first_unfinished(r->index, &range)) {
        status = repair_chunk(r, range, error);
        if (status >= 0)
            status = index_reload(r->index, error);
    }
    if (status >= 0)
        status = chunk_close_tail(r->directory, r->metadata->is_video, r->index, error);
    if (status >= 0)
        status = remove_leftovers(r, error);
    // A ring takes chunks out of the index before it removes their files.
    if (status >= 0)
        status = chunk_remove_below(r->directory, r->metadata, index_removed(r->index)->chunks,
                                    &r->report->files_removed, error);
    if (status >= 0)
        status = chunk_move_to_front(r->directory, r->metadata, r->index, error);
    r->report->frame_count = index_frame_count(r->index);
    return status < 0 ? status : index_finish(r->index, error);
}

/* True if no chunk was begun: the recorder died while it created the store. */
static bool holds_nothing(const char *directory, const struct metadata *metadata)
{
    struct store_chunks chunks;
    if (store_scan(&chunks, directory, metadata, NULL) < 0)
        return false;
    const bool nothing = chunks.count == 0;
    store_chunks_free(&chunks);
    return nothing;
}

/* Creates the index that the recorder did not get to, in place of what it left. */
static ist_status begin_index(struct index **index, const char *path, const char *uuid, ist_error *error)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char file[PATH_MAX];
        if ((size_t)snprintf(file, sizeof file, "%s%s", path, endings[i]) < sizeof file)
            fs_calls.unlink(file);
    }
    return index_create(index, path, uuid, false, error);
}

/* metadata.yaml says how many frames were dropped, and removed by a ring, only when a store was closed. */
static ist_status note_counts(const struct repair *r, ist_error *error)
{
    int64_t dropped[IST_DROP_CAUSE_COUNT];
    ist_status status = index_count_drops(r->index, dropped, error);
    struct metadata metadata = *r->metadata; // borrows the user's part
    // What was dropped before frames that were removed counts no longer.
    const struct store_removed *now = index_removed(r->index);
    const bool removed = now->frames != metadata.removed.frames;
    bool changed = removed || now->chunks != metadata.removed.chunks;
    metadata.removed = *now;
    for (int cause = 0; cause < IST_DROP_CAUSE_COUNT; cause++)
        if (removed || dropped[cause] > metadata.dropped[cause]) {
            metadata.dropped[cause] = dropped[cause];
            changed = true;
        }
    if (status >= 0 && changed)
        status = metadata_write(&metadata, r->directory, error);
    return status;
}

/*
 * Makes the index anew if it lost its end, or all of it (r->index is NULL), out of what lies beside the chunks that are
 * finished. The old one goes when the new one is whole, its log before it: broken off in between, it lags again.
 */
static ist_status replace_lagging(struct repair *r, const char *path, ist_error *error)
{
    static const char *const endings[] = {"-wal", "-shm"};
    char part[PATH_MAX], file[PATH_MAX];
    struct store_chunks chunks;
    struct problems problems = {0};
    ist_status status = store_scan(&chunks, r->directory, r->metadata, error);
    if (status < 0)
        return status;
    if (r->index) {
        store_chunks_follow_move(&chunks, r->index);
        store_chunks_forget_below(&chunks, index_removed(r->index)->chunks);
    }
    r->lost_end = !r->index || store_index_lags(&chunks, r->index, r->directory, r->metadata);
    if (r->lost_end && (size_t)snprintf(part, sizeof part, "%s.part", path) >= sizeof part)
        status = error_errno(error, ENAMETOOLONG, "%s", path);
    if (r->lost_end && status >= 0) {
        index_close(&r->index);
        fs_calls.unlink(part); // of a repair that was broken off
        status = store_build_index(&r->index, part, &chunks, r->directory, r->metadata, &problems, error);
        index_close(&r->index);
        for (size_t i = 0; i < sizeof endings / sizeof *endings && status >= 0; i++)
            if ((size_t)snprintf(file, sizeof file, "%s%s", path, endings[i]) < sizeof file)
                fs_calls.unlink(file);
        if (status >= 0)
            status = fs_publish(part, path, error);
        if (status >= 0)
            status = index_reopen(&r->index, path, r->metadata->uuid, false, error);
    }
    problems_free(&problems);
    store_chunks_free(&chunks);
    return status;
}

ist_status repair_store(const char *directory, const struct metadata *metadata, ist_repair_report *report,
                        ist_error *error)
{
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", directory, INDEX_FILE_NAME) >= sizeof path)
        return error_errno(error, ENAMETOOLONG, "%s", directory);
    struct repair r = {.directory = directory, .metadata = metadata, .report = report};
    report->needed = true;
    bool was_edited;
    ist_status status = edit_recover(directory, metadata, &was_edited, error);
    if (status < 0)
        return status;
    status = index_reopen(&r.index, path, metadata->uuid, false, error);
    // A store of another program that was being edited, which never was unfinished otherwise.
    if (status == IST_ERROR_NOT_FOUND && was_edited)
        return IST_OK;
    if (status == IST_ERROR_NOT_FOUND && holds_nothing(directory, metadata))
        status = begin_index(&r.index, path, metadata->uuid, error);
    // Only libstore notes this; what there is of the index may have been in its log alone.
    if (status == IST_ERROR_NOT_FOUND && metadata->user_checksum)
        status = IST_OK;
    if (status == IST_ERROR_NOT_FOUND)
        return error_set(error, IST_ERROR_UNSUPPORTED,
                         "%s: was left unfinished by a program that keeps no index of libstore's; what is in it can be "
                         "read, but not repaired",
                         directory);
    if (status >= 0)
        status = replace_lagging(&r, path, error);
    if (status >= 0)
        status = repair_all(&r, error);
    if (status >= 0)
        status = note_counts(&r, error);
    index_close(&r.index);
    buffer_free(&r.bytes);
    return status;
}

ist_status ist_repair(const char *path, ist_repair_report *report, ist_error *error)
{
    char directory[PATH_MAX];
    struct metadata metadata = {0};
    ist_repair_report found = {0};
    int lock_fd = -1;
    ist_status status = store_path_find(directory, path, error);
    if (status >= 0)
        status = metadata_read(&metadata, directory, error);
    if (status >= 0 && (store_lock_look(directory) != STORE_LOCK_NONE || edit_has_journal(directory))) {
        status = store_lock_take(&lock_fd, directory, error);
        if (status >= 0)
            status = repair_store(directory, &metadata, &found, error);
        // The lock goes last: while it is there, the store counts as unfinished, and the next run does the rest.
        if (status >= 0)
            status = store_lock_release(&lock_fd, directory, error);
    }
    store_lock_abandon(&lock_fd);
    metadata_free(&metadata);
    if (report)
        *report = found;
    return status;
}
