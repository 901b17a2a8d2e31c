#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chunk_close.h"
#include "chunk_move.h"
#include "chunk_path.h"
#include "chunk_writer.h"
#include "encoding.h"
#include "error.h"
#include "extra_data.h"
#include "fs.h"
#include "jpeg_shape.h"
#include "keeper.h"
#include "store_lock.h"
#include "video_encoder.h"
#include "writer_state.h"

/*
 * Chunks
 */

static ist_status begin_chunk(ist_writer *w, ist_error *error)
{
    const int chunk = w->next_chunk;
    const ist_status status =
        w->format->calls->begin(&w->chunk, w->format, w->directory, chunk, &w->params, &w->video, error);
    if (status < 0)
        return status;
    snprintf(w->chunk_path, sizeof w->chunk_path, w->format->is_video ? "%s/%06d" : "%s/%06d/index", w->folder_name,
             chunk);
    w->range = (struct chunk_range){.chunk = chunk, .first_index = w->frame_count};
    w->next_chunk++;
    return IST_OK;
}

/*
 * Takes chunks out of the index whose frames are all older than what a ring keeps, as soon as the chunk is full that
 * follows them by so much. Their files go later, beside the recording.
 */
static ist_status remove_old(ist_writer *w, ist_error *error)
{
    if (w->params.keep_s == 0)
        return IST_OK;
    ist_status status = index_reload(w->index, error);
    if (status < 0)
        return status;
    int count, old = 0;
    const struct chunk_range *ranges = index_ranges(w->index, &count);
    const double oldest_s = w->last.time_s - w->params.keep_s;
    while (old < count && ranges[old].finished && ranges[old].time_max_s < oldest_s)
        old++;
    if (old == 0 || old == count)
        return IST_OK;
    const int64_t frames = ranges[old].first_index;
    status = index_remove_chunks(w->index, old, error);
    if (status < 0)
        return status;
    w->frame_count -= frames;
    w->range.first_index -= frames;
    w->removed.chunks += old;
    w->removed.frames += frames;
    w->changed = true;
    return IST_OK;
}

/* Takes the chunk that the keeper has finished into the index; with `wait` also one that it is at. */
static ist_status note_finished_chunk(ist_writer *w, bool wait, ist_error *error)
{
    struct chunk_range range;
    const ist_status status = keeper_fetch(w->keeper, wait, &range, error);
    if (status != IST_OK)
        return status;
    const char *failure = keeper_removal_failure(w->keeper);
    if (failure)
        error_set(&w->warning, IST_ERROR_IO, "old chunks are still there: %.450s", failure);
    else
        w->warning = (ist_error){0};
    return index_finish_chunk(w->index, &range, error);
}

/*
 * A chunk is finished in steps that may break off anywhere: its pixels, then extra data and npz (with which it
 * exists for imgstore), then the note in our index. All but the last go on beside the recording.
 */
static ist_status end_chunk(ist_writer *w, bool goes_on, ist_error *error)
{
    ist_status status = note_finished_chunk(w, true, error);
    // No chunk is being finished now, and knows its frames by the indices that they had before.
    if (status >= 0 && goes_on)
        status = remove_old(w, error);
    if (status < 0)
        return status;
    keeper_close_chunk(w->keeper, &w->chunk, &w->range, index_removed(w->index)->chunks);
    return IST_OK;
}

/*
 * Recording
 */

/* Keeps what stopped the recording, so that every later call can name it. */
static ist_status fail(ist_writer *w, ist_status status, const ist_error *cause, ist_error *error)
{
    w->failure = *cause;
    if (w->chunk)
        w->format->calls->abandon(&w->chunk);
    if (error)
        *error = *cause;
    return status;
}

static ist_status refuse_after_failure(const ist_writer *w, ist_error *error)
{
    return error_set(error, IST_ERROR_STATE, "the recording stopped at frame %lld: %.400s", (long long)w->frame_count,
                     w->failure.message);
}

static ist_status check_jpeg(const ist_writer *w, const ist_frame *frame, ist_error *error)
{
    struct jpeg_shape shape;
    if (!w->format->holds_jpeg || w->input.encoding)
        return error_set(error, IST_ERROR_ARGUMENT, "frame %lld is a JPEG; format %s takes pixels",
                         (long long)w->frame_count, w->metadata.format);
    const ist_status status = jpeg_look(frame->data, frame->encoded_size, &shape, error);
    if (status < 0)
        return error_prefix(error, IST_ERROR_ARGUMENT, "frame %lld", (long long)w->frame_count);
    if (shape.size != frame->encoded_size || shape.width != w->metadata.width || shape.height != w->metadata.height ||
        shape.channels != w->metadata.channels)
        return error_set(error, IST_ERROR_ARGUMENT,
                         "frame %lld: a JPEG of %d x %d pixels, %d channels, %zu of its %zu bytes; the store keeps "
                         "%d x %d, %d",
                         (long long)w->frame_count, shape.width, shape.height, shape.channels, shape.size,
                         frame->encoded_size, w->metadata.width, w->metadata.height, w->metadata.channels);
    return IST_OK;
}

static bool has_size(const ist_frame *frame, const struct writer_input *in)
{
    return frame->width >= in->width && frame->width <= in->width + in->spare_columns && frame->height >= in->height &&
           frame->height <= in->height + in->spare_rows;
}

static ist_status check_frame(const ist_writer *w, const ist_frame *frame, ist_error *error)
{
    const struct writer_input *in = &w->input;
    if (!frame->data)
        return error_set(error, IST_ERROR_ARGUMENT, "frame %lld has no pixels", (long long)w->frame_count);
    if (!isfinite(frame->time_s) || !isfinite(frame->camera_time_s))
        return error_set(error, IST_ERROR_ARGUMENT, "frame %lld: its time is not finite", (long long)w->frame_count);
    if (frame->encoded_size)
        return check_jpeg(w, frame, error);
    if (!has_size(frame, in) || frame->channels != in->channels || frame->type != w->params.type)
        return error_set(error, IST_ERROR_ARGUMENT,
                         "frame %lld: %d x %d pixels, %d channels of %zu bytes; the store was created for "
                         "%d x %d, %d of %zu",
                         (long long)w->frame_count, frame->width, frame->height, frame->channels,
                         ist_pixel_size(frame->type), in->width, in->height, in->channels,
                         ist_pixel_size(w->params.type));
    return IST_OK;
}

/* True if a frame of this time belongs to the next chunk. */
static bool is_full(const ist_writer *w, double time_s)
{
    const double longest_s = w->params.chunk_duration_s;
    return w->range.frame_count >= w->params.chunksize || (longest_s > 0 && time_s - w->range.time_min_s >= longest_s);
}

/* Pixels first, then the row in the index: what the index names is there. */
static ist_status add_frame(ist_writer *w, const ist_frame *frame, ist_error *error)
{
    ist_status status = note_finished_chunk(w, false, error);
    // The chunk ends only now, so that extra data of its last frame could still come.
    if (status >= 0 && w->chunk && is_full(w, frame->time_s))
        status = end_chunk(w, true, error);
    if (status >= 0 && !w->chunk)
        status = begin_chunk(w, error);
    const ist_frame *stored = w->input.decode ? &w->decoded : frame;
    struct index_entry entry = {
        .number = frame->number, .time_s = frame->time_s, .camera_time_s = frame->camera_time_s};
    if (status >= 0 && w->input.decode)
        status = encoding_decode(w->input.encoding, frame, &w->decoded, error);
    if (status >= 0)
        status = w->format->calls->add(w->chunk, stored, &entry.checksum, error);
    if (status >= 0 && w->params.durable)
        status = keeper_sync_pixels(w->keeper, w->range.chunk, w->range.frame_count, error);
    if (status >= 0)
        status = index_add_frame(w->index, w->frame_count, w->range.chunk, w->chunk_path, (int)w->range.frame_count,
                                 &entry, error);
    if (status < 0)
        return status;
    keeper_note_frame(w->keeper, w->range.chunk, w->range.frame_count);
    chunk_range_add(&w->range, entry.number, entry.time_s, w->last.number, w->last.time_s);
    w->last = entry;
    w->frame_count++;
    return IST_OK;
}

static ist_status refuse_closed(ist_error *error)
{
    return error_set(error, IST_ERROR_STATE, "the writer is closed");
}

ist_status ist_writer_add(ist_writer *writer, const ist_frame *frame, ist_error *error)
{
    if (!writer)
        return refuse_closed(error);
    if (writer->failure.status < 0)
        return refuse_after_failure(writer, error);
    ist_status status = check_frame(writer, frame, error);
    if (status < 0)
        return status;
    ist_error cause = {0};
    status = add_frame(writer, frame, &cause);
    return status < 0 ? fail(writer, status, &cause, error) : IST_OK;
}

ist_status ist_writer_add_extra(ist_writer *writer, const char *json, ist_error *error)
{
    if (!writer)
        return refuse_closed(error);
    if (writer->failure.status < 0)
        return refuse_after_failure(writer, error);
    if (writer->frame_count == 0)
        return error_set(error, IST_ERROR_ARGUMENT, "extra data: there is no frame yet that it could belong to");
    const ist_status status = extra_data_check(json, error);
    // A failure here takes nothing away from the frames, so that the recording may go on.
    return status < 0 ? status : index_add_extra(writer->index, writer->frame_count - 1, json, error);
}

ist_status ist_writer_note_drop(ist_writer *writer, const ist_drop *drop, ist_error *error)
{
    if (!writer)
        return refuse_closed(error);
    if (writer->failure.status < 0)
        return refuse_after_failure(writer, error);
    if (drop->cause < 0 || drop->cause >= IST_DROP_CAUSE_COUNT || drop->count < 1)
        return error_set(error, IST_ERROR_ARGUMENT, "%lld dropped frames of cause %d cannot be noted",
                         (long long)drop->count, (int)drop->cause);
    const ist_status status = index_add_drop(writer->index, writer->frame_count, drop, error);
    if (status < 0)
        return status;
    writer->metadata.dropped[drop->cause] += drop->count;
    writer->changed = true;
    return IST_OK;
}

int64_t ist_writer_closing_bytes(const ist_writer *writer)
{
    // A ring's index, which is written anew with other numbers of chunks, once or twice.
    enum { INDEX_BYTES = 100 };
    int64_t bytes = index_removed(writer->index)->chunks > 0 ? writer->frame_count * INDEX_BYTES : 0;
    // The open chunk, and the one before it while it is being closed.
    for (int chunk = writer->next_chunk - 1; writer->format->is_video && chunk >= 0 && chunk > writer->next_chunk - 3;
         chunk--) {
        char path[PATH_MAX + sizeof CHUNK_LIVE_ENDING];
        chunk_path_video(path, writer->directory, chunk, writer->format->extension);
        strcat(path, CHUNK_LIVE_ENDING);
        bytes += fs_file_size(path);
    }
    return bytes;
}

int64_t ist_writer_frame_count(const ist_writer *writer)
{
    return writer ? writer->frame_count : 0;
}

int64_t ist_writer_removed_frames(const ist_writer *writer)
{
    return writer ? writer->removed.frames : 0;
}

const char *ist_writer_warning(const ist_writer *writer)
{
    return writer && writer->warning.status < 0 ? writer->warning.message : NULL;
}

/* A ring that is whole becomes a store like any other. */
static ist_status end_ring(ist_writer *w, ist_error *error)
{
    if (index_removed(w->index)->chunks == 0)
        return IST_OK;
    w->changed = true;
    const ist_status status = index_reload(w->index, error);
    return status < 0 ? status : chunk_move_to_front(w->directory, &w->metadata, w->index, error);
}

/* What metadata.yaml says of the index. */
static ist_status write_counts(ist_writer *w, ist_error *error)
{
    w->metadata.removed = *index_removed(w->index);
    // What was dropped before frames that were removed counts no longer.
    ist_status status = IST_OK;
    if (w->removed.chunks > 0)
        status = index_reload(w->index, error);
    if (status >= 0 && w->removed.chunks > 0)
        status = index_count_drops(w->index, w->metadata.dropped, error);
    return status < 0 ? status : metadata_write(&w->metadata, w->directory, error);
}

void writer_destroy(ist_writer **writer)
{
    ist_writer *w = *writer;
    if (w->chunk)
        w->format->calls->abandon(&w->chunk);
    keeper_stop(&w->keeper);
    video_encoder_close(&w->video);
    index_close(&w->index);
    store_lock_abandon(&w->lock_fd);
    metadata_free(&w->metadata);
    free(w->encoder_options);
    free(w->encoder);
    ist_frame_free(&w->decoded);
    free(w);
    *writer = NULL;
}

ist_status ist_writer_close(ist_writer **writer, ist_error *error)
{
    ist_writer *w = *writer;
    if (!w)
        return IST_OK;
    ist_status status = IST_OK;
    if (w->failure.status < 0)
        status = refuse_after_failure(w, error);
    if (status >= 0 && w->chunk)
        status = end_chunk(w, false, error);
    else if (status >= 0 && w->changed)
        status = chunk_close_tail(w->directory, w->metadata.is_video, w->index, error);
    if (status >= 0)
        status = note_finished_chunk(w, true, error);
    if (status >= 0)
        status = end_ring(w, error);
    if (status >= 0)
        status = index_finish(w->index, error);
    if (status >= 0 && w->changed)
        status = write_counts(w, error);
    index_close(&w->index);
    // The lock goes last: while it is there, the store counts as unfinished.
    if (status >= 0)
        status = store_lock_release(&w->lock_fd, w->directory, error);
    writer_destroy(writer);
    return status;
}
