#include "npz.h"

#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "buffer.h"
#include "error.h"
#include "fs.h"
#include "npy.h"

static const char numbers_member[] = "frame_number.npy";
static const char times_member[] = "frame_time.npy";

static ist_status zip_failure(zip_error_t *failure, const char *path, ist_error *error)
{
    const ist_status status = error_set(error, IST_ERROR_DATA, "%s: %s", path, zip_error_strerror(failure));
    zip_error_fini(failure);
    return status;
}

/* Reads one member; sizes are taken from the central directory, which the local headers may leave out. */
static ist_status read_member(zip_t *archive, const char *name, struct buffer *out, const char *path, ist_error *error)
{
    zip_stat_t info;
    zip_file_t *file = NULL;
    if (zip_stat(archive, name, 0, &info) < 0 || !(info.valid & ZIP_STAT_SIZE) || info.size > UINT32_MAX ||
        !(file = zip_fopen(archive, name, 0)))
        return error_set(error, IST_ERROR_DATA, "%s: %s: %s", path, name, zip_strerror(archive));
    out->size = 0;
    ist_status status = buffer_reserve(out, (size_t)info.size + 1, error);
    if (status >= 0) {
        const zip_int64_t got = zip_fread(file, out->data, info.size);
        if (got < 0 || (zip_uint64_t)got != info.size)
            status = error_set(error, IST_ERROR_DATA, "%s: %s: damaged or cut off", path, name);
        else
            out->size = (size_t)info.size;
    }
    zip_fclose(file);
    return status;
}

/* Takes a vector of 8-byte elements of the wanted kind out of an .npy; integers of another width are widened. */
static ist_status take_vector(const struct buffer *npy, char kind, void **elements, int64_t *count, const char *what,
                              ist_error *error)
{
    struct npy_header header;
    const ist_status status = npy_parse_header(npy->data, npy->size, &header, error);
    if (status < 0)
        return error_prefix(error, status, "%s", what);
    const bool fits = header.dimensions == 1 && header.byte_order != '>' &&
                      (header.kind == kind || (kind == 'i' && header.kind == 'u')) &&
                      (header.item_size == 8 || (kind == 'i' && header.item_size == 4));
    if (!fits)
        return error_set(error, IST_ERROR_DATA, "%s: not a list of %s", what, kind == 'i' ? "integers" : "float64");
    *count = header.count;
    *elements = malloc((size_t)header.count * 8 + 1);
    if (!*elements)
        return error_memory(error);
    const uint8_t *data = npy->data + header.data_offset;
    if (header.item_size == 8) {
        memcpy(*elements, data, header.data_size);
        return IST_OK;
    }
    for (int64_t i = 0; i < header.count; i++) {
        uint32_t bits;
        memcpy(&bits, data + 4 * i, 4);
        ((int64_t *)*elements)[i] = header.kind == 'u' ? (int64_t)bits : (int64_t)(int32_t)bits;
    }
    return IST_OK;
}

static ist_status read_vectors(zip_t *archive, struct npz_index *index, const char *path, ist_error *error)
{
    struct buffer member = {0};
    int64_t time_count = 0;
    ist_status status = read_member(archive, numbers_member, &member, path, error);
    if (status >= 0)
        status = take_vector(&member, 'i', (void **)&index->numbers, &index->count, path, error);
    if (status >= 0)
        status = read_member(archive, times_member, &member, path, error);
    if (status >= 0)
        status = take_vector(&member, 'f', (void **)&index->times_s, &time_count, path, error);
    if (status >= 0 && time_count != index->count)
        status = error_set(error, IST_ERROR_DATA, "%s: %lld frame numbers, but %lld times", path,
                           (long long)index->count, (long long)time_count);
    buffer_free(&member);
    return status;
}

ist_status npz_read(const char *path, struct npz_index *index, ist_error *error)
{
    *index = (struct npz_index){0};
    struct buffer file = {0};
    ist_status status = fs_read_file(path, &file, error);
    if (status >= 0) {
        zip_error_t failure;
        zip_error_init(&failure);
        zip_source_t *source = zip_source_buffer_create(file.data, file.size, 0, &failure);
        zip_t *archive = source ? zip_open_from_source(source, ZIP_RDONLY, &failure) : NULL;
        if (archive) {
            status = read_vectors(archive, index, path, error);
            zip_discard(archive);
        } else {
            zip_source_free(source);
            status = zip_failure(&failure, path, error);
        }
    }
    if (status < 0)
        npz_index_free(index);
    buffer_free(&file);
    return status;
}

static ist_status make_vector(const char *descr, const void *elements, int64_t count, struct buffer *out,
                              ist_error *error)
{
    const ist_status status = npy_write_header(out, descr, &count, 1, error);
    return status < 0 ? status : buffer_append(out, elements, (size_t)count * 8, error);
}

/* Adds a member, stored as numpy does it. The bytes must stay until the archive is closed. */
static bool add_member(zip_t *archive, const char *name, const struct buffer *data)
{
    zip_source_t *source = zip_source_buffer(archive, data->data, data->size, 0);
    if (!source)
        return false;
    const zip_int64_t place = zip_file_add(archive, name, source, 0);
    if (place < 0) {
        zip_source_free(source);
        return false;
    }
    return zip_set_file_compression(archive, (zip_uint64_t)place, ZIP_CM_STORE, 0) == 0;
}

static ist_status take_bytes(zip_source_t *source, struct buffer *out, ist_error *error)
{
    zip_stat_t info;
    if (zip_source_stat(source, &info) < 0 || zip_source_open(source) < 0)
        return error_set(error, IST_ERROR_DATA, "npz: %s", zip_error_strerror(zip_source_error(source)));
    ist_status status = buffer_reserve(out, (size_t)info.size, error);
    if (status >= 0) {
        const zip_int64_t got = zip_source_read(source, out->data, info.size);
        out->size = got < 0 ? 0 : (size_t)got;
        if (out->size != info.size)
            status = error_set(error, IST_ERROR_DATA, "npz: %s", zip_error_strerror(zip_source_error(source)));
    }
    zip_source_close(source);
    return status;
}

static ist_status zip_vectors(const struct buffer *numbers, const struct buffer *times, struct buffer *out,
                              ist_error *error)
{
    zip_error_t failure;
    zip_error_init(&failure);
    zip_source_t *target = zip_source_buffer_create(NULL, 0, 0, &failure);
    zip_t *archive = target ? zip_open_from_source(target, ZIP_TRUNCATE, &failure) : NULL;
    if (!archive) {
        zip_source_free(target);
        return zip_failure(&failure, "npz", error);
    }
    // The archive gives up the target when it is closed; the bytes are read from it afterwards.
    zip_source_keep(target);
    ist_status status = IST_OK;
    if (!add_member(archive, numbers_member, numbers) || !add_member(archive, times_member, times) ||
        zip_close(archive) < 0) {
        status = error_set(error, IST_ERROR_DATA, "npz: %s", zip_strerror(archive));
        zip_discard(archive);
    } else {
        status = take_bytes(target, out, error);
    }
    zip_source_free(target);
    return status;
}

ist_status npz_write(const char *path, const struct npz_index *index, ist_error *error)
{
    struct buffer numbers = {0}, times = {0}, file = {0};
    ist_status status = make_vector("<i8", index->numbers, index->count, &numbers, error);
    if (status >= 0)
        status = make_vector("<f8", index->times_s, index->count, &times, error);
    if (status >= 0)
        status = zip_vectors(&numbers, &times, &file, error);
    if (status >= 0)
        status = fs_write_file_whole(path, file.data, file.size, error);
    buffer_free(&file);
    buffer_free(&times);
    buffer_free(&numbers);
    return status;
}

void npz_index_free(struct npz_index *index)
{
    free(index->numbers);
    free(index->times_s);
    *index = (struct npz_index){0};
}
