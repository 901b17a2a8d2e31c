#include "npz.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "buffer.h"
#include "error.h"
#include "fs.h"
#include "npy.h"

/* The members of an archive, in their order. */
enum member {
    NUMBERS,
    TIMES,
    CHECKSUMS,
    BEFORE,
    CAMERA_TIMES,
    DROP_FRAMES,
    DROP_CAUSES,
    DROP_NUMBERS,
    DROP_COUNTS,
    DROP_TIMES,
    MEMBER_COUNT
};

static const char *const names[MEMBER_COUNT] = {
    [NUMBERS] = "frame_number.npy",      [TIMES] = "frame_time.npy",
    [CHECKSUMS] = "_frame_crc32.npy",    [BEFORE] = "_frame_number_before_reindex.npy",
    [CAMERA_TIMES] = "_camera_time.npy", [DROP_FRAMES] = "_drop_frame.npy",
    [DROP_CAUSES] = "_drop_cause.npy",   [DROP_NUMBERS] = "_drop_first_number.npy",
    [DROP_COUNTS] = "_drop_count.npy",   [DROP_TIMES] = "_drop_time.npy",
};

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
        // The checksum is compared only when the end shows, at one more read.
        uint8_t behind;
        if (got < 0 || (zip_uint64_t)got != info.size || zip_fread(file, &behind, 1) != 0)
            status = error_set(error, IST_ERROR_DATA, "%s: %s: damaged or cut off", path, name);
        else
            out->size = (size_t)info.size;
    }
    zip_fclose(file);
    return status;
}

/* The bytes of one element, the lowest first. */
static uint64_t bits_of(const struct npy_header *header, const uint8_t *element)
{
    uint64_t bits = 0;
    for (int i = 0; i < header->item_size; i++)
        bits |= (uint64_t)element[header->byte_order == '>' ? header->item_size - 1 - i : i] << (8 * i);
    return bits;
}

/* An integer of any width; false: none, or more than 63 bits. */
static bool integer_of(const struct npy_header *header, const uint8_t *element, int64_t *value)
{
    const uint64_t bits = bits_of(header, element);
    const int unused = 64 - 8 * header->item_size;
    if (header->kind == 'i')
        *value = (int64_t)(bits << unused) >> unused;
    else
        *value = (int64_t)bits;
    return header->kind == 'i' || (header->kind == 'u' && bits <= INT64_MAX);
}

static bool real_of(const struct npy_header *header, const uint8_t *element, double *value)
{
    const uint64_t bits = bits_of(header, element);
    if (header->kind == 'f' && header->item_size == 8) {
        memcpy(value, &bits, sizeof *value);
        return true;
    }
    if (header->kind == 'f' && header->item_size == 4) {
        const uint32_t low = (uint32_t)bits;
        float single;
        memcpy(&single, &low, sizeof single);
        *value = (double)single;
        return true;
    }
    int64_t whole = 0;
    const bool good = integer_of(header, element, &whole);
    *value = (double)whole;
    return good;
}

/* Frame numbers are integers; imgstore keeps what the camera gave, and that may be a float64 with a whole number in it.
 */
static bool number_of(const struct npy_header *header, const uint8_t *element, int64_t *value)
{
    double real;
    if (header->kind != 'f')
        return integer_of(header, element, value);
    if (!real_of(header, element, &real) || !(fabs(real) <= 9007199254740992.0) || real != floor(real))
        return false;
    *value = (int64_t)real;
    return true;
}

/* Takes a vector of numbers out of an .npy: 'i' as int64_t, 'f' as double. */
static ist_status take_vector(const struct buffer *npy, char kind, void **elements, int64_t *count, const char *what,
                              ist_error *error)
{
    struct npy_header header;
    const ist_status status = npy_parse_header(npy->data, npy->size, &header, error);
    if (status < 0)
        return error_prefix(error, status, "%s", what);
    bool good = header.dimensions == 1 && strchr("iuf", header.kind) && header.item_size <= 8;
    *elements = good ? malloc((size_t)header.count * 8 + 1) : NULL;
    if (good && !*elements)
        return error_memory(error);
    const uint8_t *data = npy->data + header.data_offset;
    for (int64_t i = 0; i < header.count && good; i++, data += header.item_size)
        good = kind == 'i' ? number_of(&header, data, (int64_t *)*elements + i)
                           : real_of(&header, data, (double *)*elements + i);
    if (!good)
        return error_set(error, IST_ERROR_DATA, "%s: not a list of %s", what, kind == 'i' ? "integers" : "numbers");
    *count = header.count;
    return IST_OK;
}

/* The elements of a member, 'i' as int64_t, 'f' as double: `count` of them, as many as there are where it is -1. */
static ist_status read_vector(zip_t *archive, enum member which, char kind, int64_t *count, void **elements,
                              const char *path, ist_error *error)
{
    struct buffer member = {0};
    int64_t found = 0;
    ist_status status = read_member(archive, names[which], &member, path, error);
    if (status >= 0)
        status = take_vector(&member, kind, elements, &found, path, error);
    if (status >= 0 && *count >= 0 && found != *count)
        status = error_set(error, IST_ERROR_DATA, "%s: %s: %lld elements, but it should be %lld", path, names[which],
                           (long long)found, (long long)*count);
    if (status >= 0)
        *count = found;
    buffer_free(&member);
    return status;
}

static bool has_member(zip_t *archive, enum member which)
{
    return zip_name_locate(archive, names[which], 0) >= 0;
}

/* Those that are of this file's frames; other programs may leave them out. */
static ist_status read_checksums(zip_t *archive, struct npz_index *index, const char *path, ist_error *error)
{
    int64_t *sums = NULL;
    if (!has_member(archive, CHECKSUMS))
        return IST_OK;
    ist_status status = read_vector(archive, CHECKSUMS, 'i', &index->count, (void **)&sums, path, error);
    if (status >= 0 && !(index->checksums = malloc((size_t)index->count * sizeof *index->checksums + 1)))
        status = error_memory(error);
    for (int64_t i = 0; i < index->count && status >= 0; i++)
        index->checksums[i] = (uint32_t)sums[i];
    free(sums);
    return status;
}

static ist_status read_frames(zip_t *archive, struct npz_index *index, const char *path, ist_error *error)
{
    index->count = -1;
    ist_status status = read_vector(archive, NUMBERS, 'i', &index->count, (void **)&index->numbers, path, error);
    if (status >= 0)
        status = read_vector(archive, TIMES, 'f', &index->count, (void **)&index->times_s, path, error);
    return status < 0 ? status : read_checksums(archive, index, path, error);
}

static ist_status read_camera_times(zip_t *archive, struct npz_index *index, const char *path, ist_error *error)
{
    if (!has_member(archive, CAMERA_TIMES))
        return IST_OK;
    const ist_status status =
        read_vector(archive, CAMERA_TIMES, 'f', &index->count, (void **)&index->camera_times_s, path, error);
    for (int64_t i = 0; i < index->count && status >= 0; i++)
        if (isinf(index->camera_times_s[i]))
            return error_set(error, IST_ERROR_DATA, "%s: %s: that of frame %lld is not a number", path,
                             names[CAMERA_TIMES], (long long)i);
    return status;
}

/* Drops as they lie in the file: what is known of each in arrays of their own. */
struct drop_columns {
    int64_t count;
    int64_t *before, *causes, *first_numbers, *counts;
    double *times_s;
};

static void free_columns(struct drop_columns *columns)
{
    free(columns->before);
    free(columns->causes);
    free(columns->first_numbers);
    free(columns->counts);
    free(columns->times_s);
}

static ist_status read_columns(zip_t *archive, struct drop_columns *c, const char *path, ist_error *error)
{
    c->count = -1;
    ist_status status = read_vector(archive, DROP_FRAMES, 'i', &c->count, (void **)&c->before, path, error);
    if (status >= 0)
        status = read_vector(archive, DROP_CAUSES, 'i', &c->count, (void **)&c->causes, path, error);
    if (status >= 0)
        status = read_vector(archive, DROP_NUMBERS, 'i', &c->count, (void **)&c->first_numbers, path, error);
    if (status >= 0)
        status = read_vector(archive, DROP_COUNTS, 'i', &c->count, (void **)&c->counts, path, error);
    if (status >= 0)
        status = read_vector(archive, DROP_TIMES, 'f', &c->count, (void **)&c->times_s, path, error);
    return status;
}

static ist_status take_drop(struct npz_index *index, const struct drop_columns *c, int64_t i, const char *path,
                            ist_error *error)
{
    if (c->before[i] < 0 || c->before[i] > index->count || c->causes[i] < 0 || c->causes[i] >= IST_DROP_CAUSE_COUNT ||
        c->counts[i] < 1 || isnan(c->times_s[i]))
        return error_set(error, IST_ERROR_DATA, "%s: the list of dropped frames makes no sense at entry %lld", path,
                         (long long)i);
    const ist_drop drop = {.cause = (ist_drop_cause)c->causes[i],
                           .first_number = c->first_numbers[i],
                           .count = c->counts[i],
                           .time_s = c->times_s[i]};
    return drop_list_add(&index->drops, c->before[i], &drop, error);
}

static ist_status read_drops(zip_t *archive, struct npz_index *index, const char *path, ist_error *error)
{
    struct drop_columns columns = {0};
    bool any = false;
    for (int which = DROP_FRAMES; which <= DROP_TIMES; which++)
        any |= has_member(archive, (enum member)which);
    if (!any)
        return IST_OK;
    ist_status status = read_columns(archive, &columns, path, error);
    for (int64_t i = 0; i < columns.count && status >= 0; i++)
        status = take_drop(index, &columns, i, path, error);
    free_columns(&columns);
    return status;
}

/* What frames can be read without: damage to it is noted, and is no failure. */
static ist_status read_besides(zip_t *archive, struct npz_index *index, const char *path, ist_error *error)
{
    ist_status status = read_camera_times(archive, index, path, &index->damage);
    if (status >= 0)
        status = read_drops(archive, index, path, &index->damage);
    if (status >= 0)
        return IST_OK;
    free(index->camera_times_s);
    index->camera_times_s = NULL;
    drop_list_free(&index->drops);
    return status == IST_ERROR_MEMORY ? error_memory(error) : IST_OK;
}

/* Opens an archive that is in memory. It must be discarded before `file` goes. */
static ist_status open_archive(const struct buffer *file, zip_t **archive, const char *path, ist_error *error)
{
    zip_error_t failure;
    zip_error_init(&failure);
    zip_source_t *source = zip_source_buffer_create(file->data, file->size, 0, &failure);
    *archive = source ? zip_open_from_source(source, ZIP_RDONLY, &failure) : NULL;
    if (*archive)
        return IST_OK;
    zip_source_free(source);
    return zip_failure(&failure, path, error);
}

ist_status npz_read(const char *path, struct npz_index *index, ist_error *error)
{
    *index = (struct npz_index){0};
    struct buffer file = {0};
    zip_t *archive = NULL;
    ist_status status = fs_read_file(path, &file, error);
    if (status >= 0)
        status = open_archive(&file, &archive, path, error);
    if (status >= 0)
        status = read_frames(archive, index, path, error);
    if (status >= 0)
        status = read_besides(archive, index, path, error);
    if (archive)
        zip_discard(archive);
    if (status < 0)
        npz_index_free(index);
    buffer_free(&file);
    return status;
}

ist_status npz_read_before(const char *path, int64_t count, int64_t **before, ist_error *error)
{
    *before = NULL;
    struct buffer file = {0};
    zip_t *archive = NULL;
    ist_status status = fs_read_file(path, &file, error);
    if (status >= 0)
        status = open_archive(&file, &archive, path, error);
    if (status >= 0)
        status = has_member(archive, BEFORE) ? read_vector(archive, BEFORE, 'i', &count, (void **)before, path, error)
                                             : IST_OK;
    if (archive)
        zip_discard(archive);
    if (status < 0) {
        free(*before);
        *before = NULL;
    }
    buffer_free(&file);
    return status;
}

/* Makes an .npy of `count` elements of `size` bytes. */
static ist_status make_vector(const char *descr, const void *elements, int64_t count, size_t size, struct buffer *out,
                              ist_error *error)
{
    const ist_status status = npy_write_header(out, descr, &count, 1, error);
    return status < 0 ? status : buffer_append(out, elements, (size_t)count * size, error);
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

/* Empty ones are left out. */
static ist_status add_members(zip_t *archive, const struct buffer members[MEMBER_COUNT], ist_error *error)
{
    for (int i = 0; i < MEMBER_COUNT; i++)
        if (members[i].size > 0 && !add_member(archive, names[i], &members[i]))
            return error_set(error, IST_ERROR_DATA, "npz: %s", zip_strerror(archive));
    return IST_OK;
}

static ist_status zip_members(const struct buffer members[MEMBER_COUNT], struct buffer *out, ist_error *error)
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
    ist_status status = add_members(archive, members, error);
    if (status >= 0 && zip_close(archive) < 0)
        status = error_set(error, IST_ERROR_DATA, "npz: %s", zip_strerror(archive));
    if (status < 0)
        zip_discard(archive);
    else
        status = take_bytes(target, out, error);
    zip_source_free(target);
    return status;
}

static ist_status make_columns(const struct drop_list *drops, struct drop_columns *c, ist_error *error)
{
    const size_t size = (size_t)drops->count * 8;
    *c = (struct drop_columns){drops->count, malloc(size), malloc(size), malloc(size), malloc(size), malloc(size)};
    if (!c->before || !c->causes || !c->first_numbers || !c->counts || !c->times_s)
        return error_memory(error);
    for (int64_t i = 0; i < drops->count; i++) {
        const struct placed_drop *item = &drops->items[i];
        c->before[i] = item->before;
        c->causes[i] = item->drop.cause;
        c->first_numbers[i] = item->drop.first_number;
        c->counts[i] = item->drop.count;
        c->times_s[i] = item->drop.time_s;
    }
    return IST_OK;
}

static ist_status make_drops(const struct drop_list *drops, struct buffer members[MEMBER_COUNT], ist_error *error)
{
    struct drop_columns c;
    if (drops->count == 0)
        return IST_OK;
    ist_status status = make_columns(drops, &c, error);
    if (status >= 0)
        status = make_vector("<i8", c.before, c.count, 8, &members[DROP_FRAMES], error);
    if (status >= 0)
        status = make_vector("<i8", c.causes, c.count, 8, &members[DROP_CAUSES], error);
    if (status >= 0)
        status = make_vector("<i8", c.first_numbers, c.count, 8, &members[DROP_NUMBERS], error);
    if (status >= 0)
        status = make_vector("<i8", c.counts, c.count, 8, &members[DROP_COUNTS], error);
    if (status >= 0)
        status = make_vector("<f8", c.times_s, c.count, 8, &members[DROP_TIMES], error);
    free_columns(&c);
    return status;
}

ist_status npz_write_renumbered(const char *path, const struct npz_index *index, const int64_t *numbers_before,
                                ist_error *error)
{
    struct buffer members[MEMBER_COUNT] = {0}, file = {0};
    ist_status status = make_vector("<i8", index->numbers, index->count, 8, &members[NUMBERS], error);
    if (status >= 0)
        status = make_vector("<f8", index->times_s, index->count, 8, &members[TIMES], error);
    if (status >= 0 && index->checksums)
        status = make_vector("<u4", index->checksums, index->count, 4, &members[CHECKSUMS], error);
    if (status >= 0 && numbers_before)
        status = make_vector("<i8", numbers_before, index->count, 8, &members[BEFORE], error);
    if (status >= 0 && index->camera_times_s)
        status = make_vector("<f8", index->camera_times_s, index->count, 8, &members[CAMERA_TIMES], error);
    if (status >= 0)
        status = make_drops(&index->drops, members, error);
    if (status >= 0)
        status = zip_members(members, &file, error);
    if (status >= 0)
        status = fs_write_file_whole(path, file.data, file.size, error);
    buffer_free(&file);
    for (int i = 0; i < MEMBER_COUNT; i++)
        buffer_free(&members[i]);
    return status;
}

ist_status npz_write(const char *path, const struct npz_index *index, ist_error *error)
{
    return npz_write_renumbered(path, index, NULL, error);
}

void npz_index_free(struct npz_index *index)
{
    free(index->numbers);
    free(index->times_s);
    free(index->checksums);
    free(index->camera_times_s);
    drop_list_free(&index->drops);
    *index = (struct npz_index){0};
}
