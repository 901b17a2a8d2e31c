/* A plain TIFF file: its pages are the frames. */
#include <stdio.h>
#include <stdlib.h>

#include "error.h"
#include "fs.h"
#include "plain_file.h"
#include "tiff_pages.h"

static const double PAGES_PER_SECOND = 25; // as a source of pages has them

struct chunk_reader {
    struct tiff_pages *pages;
    uint64_t *places; /* of the pages in the file */
    int64_t count;
};

/* ---- the file ---- */

static ist_status add_page(struct chunk_reader *r, ist_error *error)
{
    // Room doubles whenever the count is a power of two.
    if ((r->count & (r->count - 1)) == 0) {
        uint64_t *places = realloc(r->places, (r->count ? 2 * (size_t)r->count : 1) * sizeof *places);
        if (!places)
            return error_memory(error);
        r->places = places;
    }
    r->places[r->count++] = tiff_pages_place(r->pages);
    return IST_OK;
}

/* A file that breaks off ends with its last page that is there. */
static ist_status list_pages(struct chunk_reader *r, ist_error *error)
{
    ist_error ignored;
    ist_status status;
    do
        status = add_page(r, error);
    while (status >= 0 && tiff_pages_advance(r->pages, &ignored) == IST_OK);
    return status;
}

static void tiff_close(struct chunk_reader **reader)
{
    if (!*reader)
        return;
    tiff_pages_close(&(*reader)->pages);
    free((*reader)->places);
    free(*reader);
    *reader = NULL;
}

static ist_status open_file(struct chunk_reader **reader, const char *path, ist_error *error)
{
    struct chunk_reader *r = *reader = calloc(1, sizeof *r);
    if (!r)
        return error_memory(error);
    ist_status status = fs_check_regular(path, error);
    if (status >= 0)
        status = tiff_pages_open_file(&r->pages, path, error);
    if (status >= 0)
        status = list_pages(r, error);
    if (status < 0)
        tiff_close(reader);
    return status;
}

/* ---- reading ---- */

static ist_status tiff_open(struct chunk_reader **reader, const struct metadata *metadata, const char *directory,
                            int chunk, struct index *index, const struct decoding *decoding, ist_error *error)
{
    (void)metadata, (void)chunk, (void)index, (void)decoding;
    return open_file(reader, directory, error);
}

static ist_status tiff_read(struct chunk_reader *reader, int64_t frame_idx, ist_frame *frame, ist_error *error)
{
    if (frame_idx >= reader->count)
        return error_set(error, IST_ERROR_NOT_FOUND, "page %lld: the file ends before it", (long long)frame_idx);
    ist_status status = tiff_pages_go(reader->pages, reader->places[frame_idx], error);
    if (status >= 0)
        status = tiff_pages_read(reader->pages, frame, error);
    return status < 0 ? error_prefix(error, status, "page %lld", (long long)frame_idx) : IST_OK;
}

static int64_t tiff_frame_count(const struct chunk_reader *reader)
{
    return reader->count;
}

const struct chunk_reader_calls plain_tiff_calls = {
    .open = tiff_open,
    .read = tiff_read,
    .close = tiff_close,
    .frame_count = tiff_frame_count,
};

/* ---- describing ---- */

static ist_status list_frames(const struct chunk_reader *reader, struct npz_index *frames, ist_error *error)
{
    frames->numbers = calloc((size_t)reader->count, sizeof *frames->numbers);
    frames->times_s = calloc((size_t)reader->count, sizeof *frames->times_s);
    if (!frames->numbers || !frames->times_s)
        return error_memory(error);
    frames->count = reader->count;
    for (int64_t i = 0; i < frames->count; i++) {
        frames->numbers[i] = i;
        frames->times_s[i] = (double)i / PAGES_PER_SECOND;
    }
    return IST_OK;
}

ist_status plain_tiff_describe(const char *path, struct metadata *metadata, struct npz_index *frames, ist_error *error)
{
    struct chunk_reader *reader;
    ist_frame first = {0};
    ist_status status = open_file(&reader, path, error);
    if (status < 0)
        return status;
    status = tiff_read(reader, 0, &first, error);
    if (status < 0)
        error_prefix(error, status, "%s", path);
    else
        status = list_frames(reader, frames, error);
    snprintf(metadata->format, sizeof metadata->format, "tif");
    metadata->width = first.width;
    metadata->height = first.height;
    metadata->channels = first.channels;
    metadata->type = first.type;
    ist_frame_free(&first);
    tiff_close(&reader);
    return status;
}
