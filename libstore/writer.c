#include <libstore/writer.h>

#include <errno.h>
#include <jansson.h>
#include <limits.h>
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
#include "index.h"
#include "jpeg_shape.h"
#include "keeper.h"
#include "metadata.h"
#include "repair.h"
#include "store_lock.h"
#include "store_path.h"
#include "video_encoder.h"

/* The frames that the caller gives. */
struct input {
    int width, height, channels;
    const struct encoding *encoding; /* they are raw data; NULL: they are not */
    bool decode;                     /* and are stored as BGR */
};

struct ist_writer {
    char directory[PATH_MAX];
    char folder_name[NAME_MAX + 1]; /* of the store, for imgstore's chunk_path */
    int lock_fd;                    /* holds the lock while it is open */
    ist_writer_params params;       /* of what is stored; its texts are not kept, but for the encoder's */
    struct input input;
    ist_frame decoded; /* of raw data that is decoded while it is written */
    char *encoder_options;
    char *encoder;
    const struct chunk_format *format;
    struct metadata metadata;
    struct index *index;
    char index_path[PATH_MAX + sizeof INDEX_FILE_NAME + 1];
    struct keeper *keeper;

    struct video_encoder *video;    /* for all chunks; NULL: none yet, or images */
    struct chunk_writer *chunk;     /* NULL: none is open */
    struct chunk_range range;       /* of the open chunk */
    char chunk_path[NAME_MAX + 32]; /* of the open chunk, for imgstore */
    int next_chunk;
    int64_t frame_count;
    struct index_entry last;      /* of the frame last added */
    bool changed;                 /* metadata is not what metadata.yaml says */
    struct store_removed removed; /* by this writer */
    ist_error warning;            /* why chunks that are no longer part of the store still lie there */

    ist_error failure; /* what stopped the recording; status IST_OK: nothing did */
};

/*
 * Parameters
 */

static ist_status check_shape(const struct chunk_format *format, const ist_writer_params *params, ist_error *error)
{
    ist_frame probe = {0};
    // The limits of a frame are those of a store.
    if (params->width < 1 || params->height < 1 || params->width > 65535 || params->height > 65535)
        return ist_frame_alloc(&probe, params->width, params->height, params->channels, params->type, error);
    if (params->channels != 1 && params->channels != 3)
        return error_set(error, IST_ERROR_ARGUMENT, "%d channels: only 1 (gray) and 3 (BGR) can be stored",
                         params->channels);
    if (params->type == IST_PIXEL_U16 && !format->holds_u16)
        return error_set(error, IST_ERROR_ARGUMENT, "format %s holds 8 bits; npy and tif keep 16 bits as they are",
                         format->name);
    if (params->quality < 0 || params->quality > 100)
        return error_set(error, IST_ERROR_ARGUMENT, "quality %d: it goes from 1 to 100", params->quality);
    if (params->chunksize < 0)
        return error_set(error, IST_ERROR_ARGUMENT, "chunksize %d: it must be 1 or more", params->chunksize);
    if (!isfinite(params->frame_rate) || params->frame_rate < 0 || params->frame_rate > 1e6)
        return error_set(error, IST_ERROR_ARGUMENT, "a frame rate of %g per second cannot be noted",
                         params->frame_rate);
    if (!isfinite(params->chunk_duration_s) || params->chunk_duration_s < 0)
        return error_set(error, IST_ERROR_ARGUMENT, "a chunk of %g seconds: it must be 0 or more",
                         params->chunk_duration_s);
    return format->calls->check ? format->calls->check(format, params, error) : IST_OK;
}

/* A ring removes whole chunks, so that they must be shorter than what it keeps. */
static ist_status choose_ring(ist_writer_params *params, ist_error *error)
{
    enum { CHUNKS_KEPT = 10 };
    if (!isfinite(params->keep_s) || params->keep_s < 0)
        return error_set(error, IST_ERROR_ARGUMENT, "to keep the last %g seconds: it must be 0 or more",
                         params->keep_s);
    if (params->keep_s > 0 && params->chunk_duration_s == 0)
        params->chunk_duration_s = params->keep_s / CHUNKS_KEPT;
    if (params->keep_s > 0 && params->chunk_duration_s > params->keep_s)
        return error_set(error, IST_ERROR_ARGUMENT,
                         "chunks of %g seconds are longer than the %g seconds that are kept; make them shorter",
                         params->chunk_duration_s, params->keep_s);
    return IST_OK;
}

static ist_status check_user_metadata(const char *text, ist_error *error)
{
    if (!text)
        return IST_OK;
    json_error_t where;
    json_t *user = json_loads(text, 0, &where);
    ist_status status = IST_OK;
    if (!user)
        status = error_set(error, IST_ERROR_ARGUMENT, "metadata is not JSON: %s", where.text);
    else if (!json_is_object(user))
        status = error_set(error, IST_ERROR_ARGUMENT, "metadata is not a JSON object");
    else if (json_object_get(user, "__store"))
        status = error_set(error, IST_ERROR_ARGUMENT, "metadata: the key __store belongs to the store");
    json_decref(user);
    return status;
}

/*
 * Encoding
 */

/* Decodes a black frame, so that what cannot be decoded shows before the first. */
static ist_status try_decoding(const struct encoding *encoding, int width, int height, ist_pixel_type type,
                               ist_frame *picture, ist_error *error)
{
    ist_frame raw = {0};
    ist_status status = ist_frame_alloc(&raw, width, height, 1, type, error);
    if (status >= 0) {
        memset(raw.data, 0, (size_t)raw.stride * (size_t)height);
        status = encoding_decode(encoding, &raw, picture, error);
    }
    ist_frame_free(&raw);
    return status;
}

static ist_status find_encoding(const char *code, const struct encoding **encoding, ist_error *error)
{
    *encoding = encoding_find(code);
    if (!*encoding)
        return error_set(error, IST_ERROR_NOT_FOUND, "encoding '%s' is not known; names are as in cv_bayerbg", code);
    if (encoding_samples(*encoding) != 1)
        return error_set(error, IST_ERROR_ARGUMENT,
                         "encoding %s: has %d samples a pixel; only raw data with one can be recorded", code,
                         encoding_samples(*encoding));
    return IST_OK;
}

/*
 * Looks at encoding and "+color", and changes the shape in `params` from that of the frames that come to that of the
 * frames that are stored. Their size was not looked at yet.
 */
static ist_status choose_input(struct input *input, const struct chunk_format *format, bool color,
                               ist_writer_params *params, ist_error *error)
{
    *input = (struct input){.width = params->width, .height = params->height, .channels = params->channels};
    if (!params->encoding || !*params->encoding)
        return color ? error_set(error, IST_ERROR_ARGUMENT, "%s+color decodes raw data: their encoding must be given",
                                 format->name)
                     : IST_OK;
    ist_status status = find_encoding(params->encoding, &input->encoding, error);
    if (status < 0)
        return status;
    if (params->channels != 1)
        return error_set(error, IST_ERROR_ARGUMENT, "encoding %s: raw data have 1 channel, not %d", params->encoding,
                         params->channels);
    // A video keeps even sides, and what it keeps must still be raw data.
    const bool cut = format->is_video && !color;
    ist_frame picture = {0};
    status = try_decoding(input->encoding, cut ? params->width & ~1 : params->width,
                          cut ? params->height & ~1 : params->height, params->type, &picture, error);
    if (status == IST_ERROR_DATA)
        status = error_set(error, IST_ERROR_ARGUMENT, "encoding %s: cannot be that of %d x %d pixels of %zu bytes",
                           params->encoding, params->width, params->height, ist_pixel_size(params->type));
    if (status >= 0 && color) {
        params->width = picture.width;
        params->height = picture.height;
        params->channels = 3;
        input->decode = true;
    }
    ist_frame_free(&picture);
    return status;
}

/*
 * Creating
 */

static ist_status check_params(ist_writer_params *params, struct input *input, const struct chunk_format **format,
                               ist_error *error)
{
    const char *name = params->format ? params->format : "avc1/mp4";
    bool color;
    *format = chunk_format_parse(name, &color);
    if (!*format) {
        char known[256] = "";
        for (int i = 0; chunk_format_at(i); i++)
            snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i ? ", " : "",
                     chunk_format_at(i)->name);
        return error_set(error, IST_ERROR_NOT_FOUND, "format '%s' is not known; there are %s", name, known);
    }
    if (params->channels == 0)
        params->channels = 1;
    if (params->chunksize == 0)
        params->chunksize = (*format)->default_chunksize;
    ist_status status = choose_input(input, *format, color, params, error);
    if (status >= 0)
        status = check_shape(*format, params, error);
    if (status >= 0)
        status = choose_ring(params, error);
    return status < 0 ? status : check_user_metadata(params->metadata_json, error);
}

static void fill_metadata(struct metadata *m, const struct chunk_format *format, const ist_writer_params *params)
{
    m->is_video = format->is_video;
    snprintf(m->format, sizeof m->format, "%s", format->name);
    if (format->is_video)
        snprintf(m->extension, sizeof m->extension, "%s", format->extension);
    m->width = format->is_video ? params->width & ~1 : params->width;
    m->height = format->is_video ? params->height & ~1 : params->height;
    m->channels = params->channels;
    m->type = params->type;
    m->chunksize = params->chunksize;
    if (params->encoding && params->channels == 1)
        snprintf(m->encoding, sizeof m->encoding, "%s", params->encoding);
    if (params->timezone)
        snprintf(m->timezone, sizeof m->timezone, "%s", params->timezone);
    metadata_begin(m);
}

/* Begins the work beside the recording, when the store's files are there and open. */
static ist_status start_keeper(ist_writer *w, ist_error *error)
{
    const struct keeper_store store = {w->directory, w->index_path, w->metadata.uuid, w->format, &w->metadata};
    return keeper_start(&w->keeper, &store, error);
}

static ist_status fill_directory(ist_writer *w, ist_error *error)
{
    ist_status status = store_lock_take(&w->lock_fd, w->directory, error);
    if (status >= 0)
        status = metadata_write(&w->metadata, w->directory, error);
    if (status >= 0) {
        status = index_create(&w->index, w->index_path, w->metadata.uuid, w->params.durable, error);
        if (status < 0)
            error_prefix(error, status, "%s", w->directory);
    }
    return status < 0 ? status : start_keeper(w, error);
}

static void destroy(ist_writer **writer)
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

/* What is taken over from the caller for good; the rest of it is in the metadata. */
static ist_status copy_params(ist_writer *w, const ist_writer_params *params, ist_error *error)
{
    w->params = *params;
    w->params.format = w->params.metadata_json = w->params.timezone = w->params.encoding = NULL;
    if (params->encoder_options && !(w->encoder_options = strdup(params->encoder_options)))
        return error_memory(error);
    if (params->encoder && !(w->encoder = strdup(params->encoder)))
        return error_memory(error);
    w->params.encoder = w->encoder;
    w->params.encoder_options = w->encoder_options;
    return IST_OK;
}

/* A writer that knows its paths and has nothing open. */
static ist_status allocate(ist_writer **writer, const char *path, ist_error *error)
{
    ist_writer *w = *writer = calloc(1, sizeof *w);
    if (!w)
        return error_memory(error);
    w->lock_fd = -1;
    const ist_status status = store_path_directory(w->directory, path, error);
    if (status >= 0) {
        snprintf(w->folder_name, sizeof w->folder_name, "%s", fs_basename(w->directory));
        snprintf(w->index_path, sizeof w->index_path, "%s/%s", w->directory, INDEX_FILE_NAME);
    }
    return status;
}

ist_status ist_writer_create(ist_writer **writer, const char *path, const ist_writer_params *params, ist_error *error)
{
    *writer = NULL;
    ist_writer_params checked = *params;
    struct input input;
    const struct chunk_format *format;
    ist_status status = check_params(&checked, &input, &format, error);
    if (status < 0)
        return status;
    ist_writer *w;
    status = allocate(&w, path, error);
    if (status >= 0) {
        w->format = format;
        w->input = input;
        fill_metadata(&w->metadata, format, &checked);
        status = copy_params(w, &checked, error);
    }
    if (status >= 0 && checked.metadata_json && !(w->metadata.user_json = strdup(checked.metadata_json)))
        status = error_memory(error);
    if (status >= 0 && fs_calls.mkdir(w->directory, 0777) < 0) {
        status = error_errno(error, errno, "%s: cannot create the store", w->directory);
    } else if (status >= 0) {
        status = fill_directory(w, error);
        if (status < 0)
            fs_remove_tree(w->directory);
    }
    if (status < 0 && w)
        destroy(&w);
    *writer = w;
    return status;
}

/*
 * Going on with a store
 */

/*
 * The frames that come for a store as it is. Those that are decoded on the way have sizes of their own, which are those
 * of the store (Bayer), or have three rows for two.
 */
static ist_status continue_input(ist_writer *w, const ist_writer_params *wanted, bool color, ist_error *error)
{
    const struct metadata *m = &w->metadata;
    ist_writer_params raw = {.width = wanted->width ? wanted->width : m->width,
                             .height = wanted->height ? wanted->height : m->height,
                             .channels = color ? 1 : m->channels,
                             .type = m->type,
                             .encoding = color ? wanted->encoding : m->encoding};
    const struct encoding *encoding = color && wanted->encoding ? encoding_find(wanted->encoding) : NULL;
    int width, height;
    if (encoding && !wanted->height &&
        encoding_picture_size(encoding, m->width, m->height / 2 * 3, &width, &height, NULL) >= 0 && height == m->height)
        raw.height = m->height / 2 * 3;
    return choose_input(&w->input, w->format, color, &raw, error);
}

static bool differs(const char *wanted, const char *own)
{
    return wanted && strcmp(wanted, own) != 0;
}

/* The store's own shape; the caller's, where given, must be the same. */
static ist_status take_shape(ist_writer *w, const ist_writer_params *params, ist_error *error)
{
    const struct metadata *m = &w->metadata;
    ist_writer_params shape = params ? *params : (ist_writer_params){0};
    bool color = false;
    const struct chunk_format *format = shape.format ? chunk_format_parse(shape.format, &color) : w->format;
    ist_status status = continue_input(w, &shape, color, error);
    if (status < 0)
        return status;
    int width = w->input.width, height = w->input.height;
    if (w->input.decode)
        status = encoding_picture_size(w->input.encoding, width, height, &width, &height, error);
    if (status < 0)
        return status;
    if (width != m->width || height != m->height || (shape.channels && shape.channels != w->input.channels) ||
        (shape.width && shape.type != m->type) || format != w->format ||
        (color ? m->channels != 3 || *m->encoding : differs(shape.encoding, m->encoding)))
        return error_set(error, IST_ERROR_ARGUMENT,
                         "%s: is of another format or shape: %s%s%s, %d x %d pixels, %d channels", w->directory,
                         m->format, *m->encoding ? ", encoding " : "", m->encoding, m->width, m->height, m->channels);
    shape.width = m->width;
    shape.height = m->height;
    shape.channels = m->channels;
    shape.type = m->type;
    shape.chunksize = m->chunksize;
    status = check_shape(w->format, &shape, error);
    if (status >= 0)
        status = choose_ring(&shape, error);
    return status < 0 ? status : copy_params(w, &shape, error);
}

/* Where the recording left off. */
static ist_status continue_index(ist_writer *w, ist_error *error)
{
    ist_status status = index_reopen(&w->index, w->index_path, w->metadata.uuid, w->params.durable, error);
    if (status < 0)
        return status;
    int count;
    const struct chunk_range *ranges = index_ranges(w->index, &count);
    w->frame_count = index_frame_count(w->index);
    w->metadata.removed = *index_removed(w->index);
    w->next_chunk = count ? ranges[count - 1].chunk + 1 : w->metadata.removed.chunks;
    if (w->frame_count > 0)
        status = index_entries(w->index, w->frame_count - 1, 1, &w->last, error);
    return status;
}

/* Makes a store whole that somebody left unfinished; metadata.yaml may say more then. */
static ist_status make_whole(ist_writer *w, ist_error *error)
{
    ist_repair_report report = {0};
    const ist_status status = repair_store(w->directory, &w->metadata, &report, error);
    if (status < 0)
        return status;
    metadata_free(&w->metadata);
    return metadata_read(&w->metadata, w->directory, error);
}

static ist_status reopen(ist_writer *w, const char *path, const ist_writer_params *params, ist_error *error)
{
    ist_status status = store_path_find(w->directory, path, error);
    if (status >= 0)
        status = metadata_read(&w->metadata, w->directory, error);
    if (status < 0)
        return status;
    w->format = chunk_format_find(w->metadata.format);
    const struct encoding *encoding = encoding_find(w->metadata.encoding);
    if (!w->format || (*w->metadata.encoding && (!encoding || encoding_samples(encoding) != 1)))
        return error_set(error, IST_ERROR_UNSUPPORTED, "%s: stores of format %s%s%s cannot be appended to",
                         w->directory, w->metadata.format, *w->metadata.encoding ? ", encoding " : "",
                         w->metadata.encoding);
    status = take_shape(w, params, error);
    if (status < 0)
        return status;
    const bool unfinished = store_lock_look(w->directory) != STORE_LOCK_NONE;
    status = store_lock_take(&w->lock_fd, w->directory, error);
    if (status < 0)
        return status;
    if (unfinished)
        status = make_whole(w, error);
    if (status >= 0)
        status = continue_index(w, error);
    if (status >= 0)
        status = start_keeper(w, error);
    if (status < 0 && !unfinished)
        (void)store_lock_release(&w->lock_fd, w->directory, NULL);
    return status;
}

ist_status ist_writer_open(ist_writer **writer, const char *path, const ist_writer_params *params, ist_error *error)
{
    ist_writer *w;
    ist_status status = allocate(&w, path, error);
    if (status >= 0)
        status = reopen(w, path, params, error);
    if (status < 0 && w)
        destroy(&w);
    *writer = w;
    return status;
}

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

static ist_status check_frame(const ist_writer *w, const ist_frame *frame, ist_error *error)
{
    const struct input *in = &w->input;
    if (!frame->data)
        return error_set(error, IST_ERROR_ARGUMENT, "frame %lld has no pixels", (long long)w->frame_count);
    if (!isfinite(frame->time_s) || !isfinite(frame->camera_time_s))
        return error_set(error, IST_ERROR_ARGUMENT, "frame %lld: its time is not finite", (long long)w->frame_count);
    if (frame->encoded_size)
        return check_jpeg(w, frame, error);
    if (frame->width != in->width || frame->height != in->height || frame->channels != in->channels ||
        frame->type != w->params.type)
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
    destroy(writer);
    return status;
}
