/* How a writer comes to be: its parameters are looked at, and a store is created or opened to go on with. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chunk_writer.h"
#include "encoding.h"
#include "error.h"
#include "fs.h"
#include "keeper.h"
#include "repair.h"
#include "store_lock.h"
#include "store_path.h"
#include "store_scan.h"
#include "writer_state.h"

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
static ist_status choose_input(struct writer_input *input, const struct chunk_format *format, bool color,
                               ist_writer_params *params, ist_error *error)
{
    *input = (struct writer_input){.width = params->width, .height = params->height, .channels = params->channels};
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

static ist_status check_params(ist_writer_params *params, struct writer_input *input,
                               const struct chunk_format **format, ist_error *error)
{
    const char *name = params->format ? params->format : "avc1/mp4";
    bool color;
    *format = chunk_format_parse(name, &color);
    if (!*format && ist_writer_format_missing(name))
        return error_set(error, IST_ERROR_NOT_FOUND, "format %s cannot be written: %s", name,
                         ist_writer_format_missing(name));
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

static int stored_side(const struct chunk_format *format, int side)
{
    return format->is_video ? side & ~1 : side;
}

static void fill_metadata(struct metadata *m, const struct chunk_format *format, const ist_writer_params *params)
{
    m->is_video = format->is_video;
    snprintf(m->format, sizeof m->format, "%s", format->name);
    if (format->is_video)
        snprintf(m->extension, sizeof m->extension, "%s", format->extension);
    m->width = stored_side(format, params->width);
    m->height = stored_side(format, params->height);
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
    struct writer_input input;
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
        writer_destroy(&w);
    *writer = w;
    return status;
}

/*
 * Going on with a store
 */

/*
 * The frames of a video may have been wider and higher by one than what is stored of them, which is all that is known
 * now. Some raw data cannot be decoded with such sides.
 */
static void allow_odd_sides(struct writer_input *input, const struct chunk_format *format,
                            const ist_writer_params *wanted)
{
    const int columns = format->is_video && !wanted->width, rows = format->is_video && !wanted->height;
    int width, height;
    if (input->decode &&
        encoding_picture_size(input->encoding, input->width + columns, input->height + rows, &width, &height, NULL) < 0)
        return;
    input->spare_columns = columns;
    input->spare_rows = rows;
}

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
    const ist_status status = choose_input(&w->input, w->format, color, &raw, error);
    if (status >= 0)
        allow_odd_sides(&w->input, w->format, wanted);
    return status;
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
    if (stored_side(w->format, width) != m->width || stored_side(w->format, height) != m->height ||
        (shape.channels && shape.channels != w->input.channels) || (shape.width && shape.type != m->type) ||
        format != w->format || (color ? m->channels != 3 || *m->encoding : differs(shape.encoding, m->encoding)))
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

/* The number behind those of all chunks, also of those that the index does not know: their pixels stay. */
static ist_status find_next_chunk(ist_writer *w, ist_error *error)
{
    struct store_chunks chunks = {0};
    int count;
    const struct chunk_range *ranges = index_ranges(w->index, &count);
    w->next_chunk = count ? ranges[count - 1].chunk + 1 : w->metadata.removed.chunks;
    const ist_status status = store_scan(&chunks, w->directory, &w->metadata, error);
    if (status >= 0 && chunks.count > 0 && chunks.chunks[chunks.count - 1].chunk >= w->next_chunk)
        w->next_chunk = chunks.chunks[chunks.count - 1].chunk + 1;
    store_chunks_free(&chunks);
    return status;
}

/* Where the recording left off. */
static ist_status continue_index(ist_writer *w, ist_error *error)
{
    ist_status status = index_reopen(&w->index, w->index_path, w->metadata.uuid, w->params.durable, error);
    if (status < 0)
        return status;
    w->frame_count = index_frame_count(w->index);
    w->metadata.removed = *index_removed(w->index);
    status = find_next_chunk(w, error);
    if (status >= 0 && w->frame_count > 0)
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
    if (!w->format && ist_writer_format_missing(w->metadata.format))
        return error_set(error, IST_ERROR_UNSUPPORTED, "%s: format %s cannot be written: %s", w->directory,
                         w->metadata.format, ist_writer_format_missing(w->metadata.format));
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
        writer_destroy(&w);
    *writer = w;
    return status;
}
