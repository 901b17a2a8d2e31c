#include "extra_data.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chunk_path.h"
#include "error.h"
#include "extra_hdf5.h"
#include "fs.h"

/*
 * JSON as Python writes it
 */

/* The length of a whole number at the beginning of the text that 64 bits with a sign do not hold; 0: there is none. */
static size_t too_large_integer(const char *text, size_t size)
{
    char digits[32];
    size_t length = *text == '-';
    while (length < size && text[length] >= '0' && text[length] <= '9')
        length++;
    if (length < sizeof "9223372036854775807" - 1 || (length < size && strchr(".eE", text[length])))
        return 0;
    if (length >= sizeof digits)
        return length;
    memcpy(digits, text, length);
    digits[length] = '\0';
    errno = 0;
    (void)strtoll(digits, NULL, 10);
    return errno == ERANGE ? length : 0;
}

/*
 * Python writes NaN and Infinity, which JSON does not have: they become null. Integers that need more than 64 bits,
 * such as times in ns without a sign, become numbers with a point, the nearest that there are.
 */
static ist_status copy_as_json(const struct buffer *from, struct buffer *to, ist_error *error)
{
    static const char *const words[] = {"NaN", "-Infinity", "Infinity"};
    ist_status status = buffer_reserve(to, from->size + 2, error);
    bool in_string = false;
    for (size_t i = 0; i < from->size && status >= 0; i++) {
        const char c = (char)from->data[i];
        size_t skipped = 0;
        for (size_t w = 0; w < sizeof words / sizeof *words && !in_string && skipped == 0; w++)
            if (from->size - i >= strlen(words[w]) && memcmp(from->data + i, words[w], strlen(words[w])) == 0)
                skipped = strlen(words[w]);
        if (skipped > 0) {
            status = buffer_append(to, "null", 4, error);
            i += skipped - 1;
            continue;
        }
        const bool begins_number = !in_string && (i == 0 || !strchr("+-.0123456789eE", from->data[i - 1]));
        const size_t digits = begins_number ? too_large_integer((const char *)from->data + i, from->size - i) : 0;
        if (digits > 0) {
            status = buffer_append(to, from->data + i, digits, error);
            if (status >= 0)
                status = buffer_append(to, ".0", 2, error);
            i += digits - 1;
            continue;
        }
        if (in_string && c == '\\' && i + 1 < from->size) {
            status = buffer_append(to, &c, 1, error);
            i++;
        } else if (c == '"') {
            in_string = !in_string;
        }
        if (status >= 0)
            status = buffer_append(to, from->data + i, 1, error);
    }
    return status;
}

/*
 * A list that lacks its last bracket was written by a recorder that died, perhaps in the middle of an object: what is
 * whole of it counts.
 */
static json_t *parse_list(struct buffer *text, ist_error *error)
{
    enum { TRIES = 100 };
    json_t *list = json_loadb((const char *)text->data, text->size, 0, NULL);
    for (int i = 0; i < TRIES && !list && text->size > 0; i++) {
        if (buffer_append(text, "]", 1, error) < 0)
            return NULL;
        list = json_loadb((const char *)text->data, text->size, 0, NULL);
        text->size--; // the bracket, then back to the end of an object
        if (i > 0 && text->size > 0)
            text->size--;
        while (text->size > 0 && text->data[text->size - 1] != '}')
            text->size--;
    }
    return list;
}

static ist_status read_json(const struct buffer *file, json_t **rows, ist_error *error)
{
    struct buffer text = {0};
    *rows = NULL;
    ist_status status = copy_as_json(file, &text, error);
    if (status >= 0) {
        *rows = parse_list(&text, error);
        if (!json_is_array(*rows)) {
            json_decref(*rows);
            *rows = NULL;
            status = error_set(error, IST_ERROR_DATA, "is not a list in JSON");
        }
    }
    buffer_free(&text);
    return status;
}

/*
 * Which frame a row belongs to
 */

/* The chunk that rows are sought in. */
struct target {
    struct index *index;
    const struct npz_index *frames;
    int64_t first_index;
    int64_t last_found; /* within the chunk; rows come in the order of the frames mostly */
};

static bool has_number(struct target *t, int64_t frame, int64_t number)
{
    const int64_t in_chunk = frame - t->first_index;
    if (in_chunk >= 0 && in_chunk < t->frames->count)
        return t->frames->numbers[in_chunk] == number;
    struct index_entry entry;
    return frame >= 0 && frame < index_frame_count(t->index) && index_entries(t->index, frame, 1, &entry, NULL) >= 0 &&
           entry.number == number;
}

/*
 * The frame with this index and number. imgstore writes what is bound to the last frame of a chunk into the file of the
 * next one. Where chunks got lost, the index leads astray, and the number tells. -1: the frame is not there.
 */
static int64_t frame_of(struct target *t, const json_t *row)
{
    const json_t *index = json_object_get(row, "frame_index"), *number = json_object_get(row, "frame_number");
    // In the file it counts from the first frame that was ever there.
    const int64_t removed = index_removed(t->index)->frames;
    const int64_t frame = json_is_integer(index) ? json_integer_value(index) - removed : -1;
    if (!json_is_number(number) || fabs(json_number_value(number)) > 9e15)
        return frame < index_frame_count(t->index) ? frame : -1;
    const int64_t wanted = json_is_integer(number) ? json_integer_value(number) : (int64_t)json_number_value(number);
    if (has_number(t, frame, wanted))
        return frame;
    const int64_t count = t->frames->count;
    for (int64_t i = 0; i < count; i++) {
        const int64_t at = (t->last_found + i) % count;
        if (t->frames->numbers[at] == wanted) {
            t->last_found = at;
            return t->first_index + at;
        }
    }
    return has_number(t, t->first_index - 1, wanted) ? t->first_index - 1 : -1;
}

static ist_status add_row(struct target *t, json_t *row, ist_error *error)
{
    static const char *const ours[] = {"frame_time", "frame_number", "frame_index"};
    const int64_t frame = json_is_object(row) ? frame_of(t, row) : -1;
    if (frame < 0) // rows of frames that are not there have nothing to belong to
        return IST_OK;
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        json_object_del(row, ours[i]);
    char *text = json_dumps(row, JSON_COMPACT | JSON_REAL_PRECISION(17));
    const ist_status status = text ? index_add_extra(t->index, frame, text, error) : error_memory(error);
    free(text);
    return status;
}

/*
 * Motif's rows: those of frames that were only prepared have negative numbers, and they are in the order in which they
 * arrived.
 */

struct motif_row {
    json_t *row;
    double frame_index, sensor_time;
    size_t place;
};

static int compare_rows(const void *a, const void *b)
{
    const struct motif_row *left = a, *right = b;
    if (left->frame_index != right->frame_index)
        return left->frame_index < right->frame_index ? -1 : 1;
    if (left->sensor_time != right->sensor_time)
        return left->sensor_time < right->sensor_time ? -1 : 1;
    return (left->place > right->place) - (left->place < right->place);
}

static ist_status order_motif_rows(json_t **rows, ist_error *error)
{
    const size_t count = json_array_size(*rows);
    struct motif_row *sorted = calloc(count + 1, sizeof *sorted);
    json_t *ordered = json_array();
    size_t kept = 0;
    for (size_t i = 0; i < count && sorted; i++) {
        json_t *row = json_array_get(*rows, i);
        if (json_number_value(json_object_get(row, "frame_number")) >= 0)
            sorted[kept++] = (struct motif_row){row, json_number_value(json_object_get(row, "frame_index")),
                                                json_number_value(json_object_get(row, "sensor_time")), i};
    }
    if (kept > 0)
        qsort(sorted, kept, sizeof *sorted, compare_rows);
    ist_status status = sorted && ordered ? IST_OK : error_memory(error);
    for (size_t i = 0; i < kept && status >= 0; i++)
        if (json_array_append(ordered, sorted[i].row) < 0)
            status = error_memory(error);
    free(sorted);
    json_decref(*rows);
    *rows = ordered;
    return status;
}

/*
 * Files
 */

static ist_status read_rows(const char *path, json_t **rows, ist_error *error)
{
    *rows = NULL;
    struct buffer file = {0};
    ist_status status = fs_read_file(path, &file, error);
    const bool is_hdf5 = strcmp(strrchr(path, '.'), ".h5") == 0;
    if (status >= 0 && !is_hdf5) {
        status = read_json(&file, rows, error);
    } else if (status >= 0) {
#ifdef IST_WITH_HDF5
        status = extra_hdf5_read(&file, rows, error);
#else
        status = error_set(error, IST_ERROR_UNSUPPORTED, "libstore was built without HDF5");
#endif
    }
    buffer_free(&file);
    return status;
}

/* Adds the rows of a file that is there. */
static ist_status load_file(struct target *t, const char *path, int chunk, struct problems *problems, ist_error *error)
{
    json_t *rows = NULL;
    ist_error reason = {0};
    ist_status status = read_rows(path, &rows, &reason);
    if (status == IST_ERROR_DATA || status == IST_ERROR_UNSUPPORTED || (status == IST_ERROR_IO && fs_is_refused(path)))
        return problems_add(problems,
                            &(ist_problem){.kind = IST_PROBLEM_BAD_EXTRA,
                                           .chunk = chunk,
                                           .chunk_count = 1,
                                           .first_index = t->first_index,
                                           .frame_count = t->frames->count},
                            error, "%s: the extra data are left out: %s", path, reason.message);
    if (status < 0)
        return error_set(error, status, "%s", reason.message);
    if (strstr(fs_basename(path), ".extra_data."))
        status = order_motif_rows(&rows, error);
    for (size_t i = 0; status >= 0 && i < json_array_size(rows); i++)
        status = add_row(t, json_array_get(rows, i), error);
    json_decref(rows);
    return status;
}

ist_status extra_data_load(struct index *index, const char *directory, int chunk, bool is_video,
                           const struct npz_index *frames, int64_t first_index, struct problems *problems,
                           ist_error *error)
{
    static const char *const motif[] = {".extra_data.h5", ".extra_data.json"};
    static const char *const imgstore[] = {".extra.json", ".extra_data.json"};
    struct target t = {.index = index, .frames = frames, .first_index = first_index};
    char path[PATH_MAX];
    for (int i = 0; i < 2; i++) {
        chunk_path_sidecar(path, directory, chunk, true, motif[i]);
        if (fs_exists(path))
            return load_file(&t, path, chunk, problems, error);
    }
    ist_status status = IST_OK;
    for (int i = 0; i < 2 && status >= 0; i++) {
        chunk_path_sidecar(path, directory, chunk, is_video, imgstore[i]);
        if (fs_exists(path))
            status = load_file(&t, path, chunk, problems, error);
    }
    return status;
}

ist_status extra_data_check(const char *json, ist_error *error)
{
    static const char *const reserved[] = {"frame_time", "frame_number", "frame_index"};
    json_error_t where;
    json_t *object = json_loads(json, 0, &where);
    ist_status status = IST_OK;
    if (!json_is_object(object))
        status = error_set(error, IST_ERROR_ARGUMENT, "extra data is not a JSON object%s%s", object ? "" : ": ",
                           object ? "" : where.text);
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved && status >= 0; i++)
        if (json_object_get(object, reserved[i]))
            status = error_set(error, IST_ERROR_ARGUMENT, "extra data: the key %s belongs to the store", reserved[i]);
    json_decref(object);
    return status;
}
