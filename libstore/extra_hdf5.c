#include "extra_hdf5.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "hdf5_library.h"

// HDF5 takes the bytes as its file, so that it neither locks nor opens anything itself.
static hid_t open_image(const struct buffer *file)
{
    const hid_t access = h5.Pcreate(*h5.P_CLS_FILE_ACCESS_ID_g);
    hid_t opened = -1;
    if (h5.Pset_fapl_core(access, 64 << 10, false) >= 0 && h5.Pset_file_image(access, file->data, file->size) >= 0)
        opened = h5.Fopen("extra_data.h5", H5F_ACC_RDONLY, access);
    h5.Pclose(access);
    return opened;
}

static ist_status damaged(ist_error *error, const char *what)
{
    return error_set(error, IST_ERROR_DATA, "hdf5: %s cannot be read", what);
}

/* Text of an attribute, of fixed or variable length; NULL: it is not there. The caller frees it. */
static char *read_text(hid_t object, const char *name)
{
    char *text = NULL;
    const hid_t attribute = h5.Aexists(object, name) > 0 ? h5.Aopen(object, name, H5P_DEFAULT) : -1;
    const hid_t type = attribute >= 0 ? h5.Aget_type(attribute) : -1;
    if (type >= 0 && h5.Tget_class(type) == H5T_STRING) {
        const size_t size = h5.Tget_size(type);
        if (h5.Tis_variable_str(type) > 0) {
            char *held = NULL;
            if (h5.Aread(attribute, type, &held) >= 0 && held)
                text = strdup(held);
            h5.free_memory(held);
        } else if (h5.Aget_storage_size(attribute) == size && (text = calloc(size + 1, 1)) &&
                   h5.Aread(attribute, type, text) < 0) {
            free(text);
            text = NULL;
        }
    }
    if (type >= 0)
        h5.Tclose(type);
    if (attribute >= 0)
        h5.Aclose(attribute);
    return text;
}

/* An array of one or two dimensions as numbers; integers beyond 2^53 lose their last digits. */
struct table {
    double *values;
    hsize_t rows, columns; /* of one dimension: rows is 1 */
};

static bool read_values(hid_t set, hid_t type, struct table *table)
{
    enum { VALUES_MAX = 100000000 };
    const hid_t space = h5.Dget_space(set);
    const int dimensions = space >= 0 ? h5.Sget_simple_extent_ndims(space) : -1;
    hsize_t shape[2] = {1, 1};
    bool good = false;
    if (dimensions == 1 || dimensions == 2) {
        h5.Sget_simple_extent_dims(space, dimensions == 1 ? shape + 1 : shape, NULL);
        table->rows = shape[0];
        table->columns = shape[1];
        if (shape[0] <= VALUES_MAX && shape[1] <= VALUES_MAX && shape[0] * shape[1] <= VALUES_MAX) {
            table->values = calloc((size_t)(shape[0] * shape[1]) + 1, sizeof *table->values);
            good = table->values && h5.Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, table->values) >= 0;
        }
    }
    if (space >= 0)
        h5.Sclose(space);
    return good;
}

static bool is_number(hid_t type)
{
    const H5T_class_t class = h5.Tget_class(type);
    return class == H5T_INTEGER || class == H5T_FLOAT;
}

/* A number as JSON has it: whole ones as integers where the file has integers, and null for what is not finite. */
static json_t *to_json(double value, bool whole)
{
    if (!isfinite(value))
        return json_null();
    return whole && fabs(value) < 9e15 ? json_integer((json_int_t)value) : json_real(value);
}

/* What the rows are collected from: `used` are the columns of the file that were recorded. */
struct rows {
    json_t *list;
    size_t count;   /* columns in the file, a frame each */
    size_t *places; /* of a column in `list`; SIZE_MAX: was only prepared */
};

static bool set_column(struct rows *rows, const char *name, const double *values, hsize_t count, bool whole)
{
    if (count != rows->count)
        return false;
    for (size_t i = 0; i < rows->count; i++)
        if (rows->places[i] != SIZE_MAX &&
            json_object_set_new(json_array_get(rows->list, rows->places[i]), name, to_json(values[i], whole)) < 0)
            return false;
    return true;
}

/* One member of the compound dataset `camera`, a value for each frame. */
static bool read_member(hid_t camera, hid_t compound, unsigned i, struct table *table, bool *whole)
{
    char *name = h5.Tget_member_name(compound, i);
    const hid_t member = h5.Tget_member_type(compound, i);
    const hid_t wanted = h5.Tcreate(H5T_COMPOUND, sizeof(double));
    bool good = name && is_number(member) && h5.Tinsert(wanted, name, 0, *h5.T_NATIVE_DOUBLE_g) >= 0 &&
                read_values(camera, wanted, table) && table->rows == 1;
    *whole = member >= 0 && h5.Tget_class(member) == H5T_INTEGER;
    h5.Tclose(wanted);
    if (member >= 0)
        h5.Tclose(member);
    h5.free_memory(name);
    return good;
}

/* Makes a row of every frame that was recorded: the numbers of the others are negative. */
static bool begin_rows(hid_t camera, hid_t compound, struct rows *rows)
{
    struct table numbers = {0};
    bool whole;
    const int place = h5.Tget_member_index(compound, "frame_number");
    bool good = place >= 0 && read_member(camera, compound, (unsigned)place, &numbers, &whole);
    rows->count = good ? (size_t)numbers.columns : 0;
    rows->places = calloc(rows->count + 1, sizeof *rows->places);
    good = good && rows->places;
    for (size_t i = 0; i < rows->count && good; i++) {
        rows->places[i] = SIZE_MAX;
        if (numbers.values[i] >= 0) {
            rows->places[i] = json_array_size(rows->list);
            good = json_array_append_new(rows->list, json_object()) >= 0;
        }
    }
    free(numbers.values);
    return good;
}

static ist_status read_camera(hid_t file, struct rows *rows, ist_error *error)
{
    const hid_t camera = h5.Dopen2(file, "camera", H5P_DEFAULT);
    const hid_t compound = camera >= 0 ? h5.Dget_type(camera) : -1;
    bool good = compound >= 0 && h5.Tget_class(compound) == H5T_COMPOUND && begin_rows(camera, compound, rows);
    const int members = good ? h5.Tget_nmembers(compound) : 0;
    for (int i = 0; i < members && good; i++) {
        struct table table = {0};
        bool whole;
        char *name = h5.Tget_member_name(compound, (unsigned)i);
        // What is not a number, such as a text, is left out.
        if (name && read_member(camera, compound, (unsigned)i, &table, &whole))
            good = set_column(rows, name, table.values, table.columns, whole);
        free(table.values);
        h5.free_memory(name);
    }
    if (compound >= 0)
        h5.Tclose(compound);
    if (camera >= 0)
        h5.Dclose(camera);
    return good ? IST_OK : damaged(error, "the dataset camera");
}

/* The next name of a list with commas; NULL: no more. */
static char *next_name(char **list)
{
    char *name = strsep(list, ",");
    while (name && (*name == ' ' || *name == '\t'))
        name++;
    for (size_t length = name ? strlen(name) : 0; length > 0 && name[length - 1] == ' '; length--)
        name[length - 1] = '\0';
    return name;
}

static ist_status read_set(hid_t file, const char *name, struct rows *rows, ist_error *error)
{
    const hid_t set = h5.Dopen2(file, name, H5P_DEFAULT);
    const hid_t type = set >= 0 ? h5.Dget_type(set) : -1;
    const bool whole = type >= 0 && h5.Tget_class(type) == H5T_INTEGER;
    struct table table = {0};
    bool good = type >= 0 && is_number(type) && read_values(set, *h5.T_NATIVE_DOUBLE_g, &table);
    char *names = good && strcmp(name, "sample_delay") != 0 ? read_text(set, "column_names") : NULL;
    if (good && !names)
        good = table.rows == 1 && set_column(rows, name, table.values, table.columns, whole);
    char *left = names;
    for (hsize_t i = 0; i < table.rows && names && good; i++) {
        const char *column = next_name(&left);
        good = column && set_column(rows, column, table.values + i * table.columns, table.columns, whole);
    }
    free(names);
    free(table.values);
    if (type >= 0)
        h5.Tclose(type);
    if (set >= 0)
        h5.Dclose(set);
    return good ? IST_OK : damaged(error, name);
}

static ist_status read_rows(hid_t file, struct rows *rows, ist_error *error)
{
    ist_status status = read_camera(file, rows, error);
    char *names = read_text(file, "datasets");
    char *left = names;
    for (const char *name; status >= 0 && left && (name = next_name(&left));)
        if (*name)
            status = read_set(file, name, rows, error);
    free(names);
    if (status >= 0 && h5.Lexists(file, "sample_delay", H5P_DEFAULT) > 0)
        status = read_set(file, "sample_delay", rows, error);
    return status;
}

static ist_status read_file(const struct buffer *bytes, json_t **list, ist_error *error)
{
    *list = NULL;
    struct rows rows = {.list = json_array()};
    ist_status status = rows.list ? IST_OK : error_memory(error);
    h5.open();
    h5.Eset_auto2(H5E_DEFAULT, NULL, NULL); // HDF5 prints its errors unless told not to
    const hid_t file = status >= 0 ? open_image(bytes) : -1;
    if (status >= 0)
        status = file >= 0 ? read_rows(file, &rows, error) : damaged(error, "the file");
    if (file >= 0)
        h5.Fclose(file);
    free(rows.places);
    if (status < 0)
        json_decref(rows.list);
    else
        *list = rows.list;
    return status;
}

/*
 * A damaged file makes the HDF5 library crash, or never come back. So it works in a process of its own, which sends the
 * rows as text, and a message where it fails:
 */

static void write_all(int fd, const char *text, size_t size)
{
    while (size > 0) {
        const ssize_t written = write(fd, text, size);
        if (written <= 0)
            return;
        text += written;
        size -= (size_t)written;
    }
}

/* Ends what does not come to an end, and dies without a word whatever handlers the program has. */
static void limit_process(size_t file_size)
{
    static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU, SIGPIPE};
    const rlim_t seconds = 2 + (rlim_t)(file_size >> 20);
    setrlimit(RLIMIT_CPU, &(struct rlimit){seconds, seconds});
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
        signal(deadly[i], SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void run_child(int fd, const struct buffer *bytes)
{
    ist_error error = {0};
    json_t *rows;
    limit_process(bytes->size);
    if (read_file(bytes, &rows, &error) < 0) {
        write_all(fd, error.message, strlen(error.message));
    } else {
        char *text = json_dumps(rows, JSON_REAL_PRECISION(17));
        if (text)
            write_all(fd, text, strlen(text));
    }
    _exit(0);
}

static ist_status read_pipe(int fd, struct buffer *text, ist_error *error)
{
    for (;;) {
        const ist_status status = buffer_reserve(text, text->size + (64 << 10), error);
        if (status < 0)
            return status;
        const ssize_t got = read(fd, text->data + text->size, 64 << 10);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0 ? IST_OK : error_errno(error, errno, "hdf5");
        text->size += (size_t)got;
    }
}

static ist_status take_answer(const struct buffer *text, bool went_well, json_t **list, ist_error *error)
{
    *list = went_well ? json_loadb((const char *)text->data, text->size, 0, NULL) : NULL;
    if (json_is_array(*list))
        return IST_OK;
    if (went_well && text->size > 0)
        return error_set(error, IST_ERROR_DATA, "%.*s", (int)text->size, (const char *)text->data);
    return error_set(error, IST_ERROR_DATA, "hdf5: the file is damaged, so that the HDF5 library gave up");
}

ist_status extra_hdf5_read(const struct buffer *file, json_t **list, ist_error *error)
{
    *list = NULL;
    ist_status status = hdf5_load(error);
    if (status < 0)
        return status;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(error, errno, "hdf5");
    const pid_t child = fork();
    if (child == 0)
        run_child(ends[1], file);
    close(ends[1]);
    struct buffer text = {0};
    status = child < 0 ? error_errno(error, errno, "hdf5") : read_pipe(ends[0], &text, error);
    close(ends[0]); // so that a child that still writes comes to its end
    int result = 0;
    while (child > 0 && waitpid(child, &result, 0) < 0 && errno == EINTR)
        ;
    if (status >= 0)
        status = take_answer(&text, WIFEXITED(result) && WEXITSTATUS(result) == 0, list, error);
    buffer_free(&text);
    return status;
}
