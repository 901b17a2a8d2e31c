#include "metadata.h"

#include <libstore/json.h>

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "checksum.h"
#include "error.h"
#include "fs.h"
#include "timezone.h"
#include "yaml_json.h"

static const char file_name[] = "metadata.yaml";
static const char checksum_key[] = "checksum";
static const char user_checksum_key[] = "user_checksum";

enum { STORE_VERSION = 2, CHUNKSIZE_VIDEO = 10000, CHUNKSIZE_DIRECTORY = 200 };

static void copy_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from);
}

void metadata_begin(struct metadata *metadata)
{
    unsigned char random[16];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        memset(random, 0, sizeof random);
    random[6] = (random[6] & 0x0f) | 0x40; // RFC 4122, version 4: random
    random[8] = (random[8] & 0x3f) | 0x80;
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(metadata->uuid + 2 * i, 3, "%02x", random[i]);

    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    metadata->created_s = (double)now.tv_sec + (double)(now.tv_nsec / 1000) * 1e-6;
    if (!*metadata->timezone)
        ist_time_machine_zone(metadata->timezone);
}

static void format_created(double created_s, char text[METADATA_TEXT_SIZE])
{
    time_t seconds = (time_t)floor(created_s);
    long microseconds = lround((created_s - (double)seconds) * 1e6);
    if (microseconds == 1000000) {
        microseconds = 0;
        seconds++;
    }
    struct tm utc;
    gmtime_r(&seconds, &utc);
    snprintf(text, METADATA_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%06ld", utc.tm_year + 1900, utc.tm_mon + 1,
             utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, microseconds);
}

/* Seconds that a zone such as +01:00, +0100 or +01 is ahead of UTC; none and Z: 0. */
static int zone_offset_s(const char *text)
{
    int hours = 0, minutes = 0;
    if (*text != '+' && *text != '-')
        return 0;
    if (sscanf(text + 1, "%2d:%2d", &hours, &minutes) < 2)
        (void)sscanf(text + 1, "%2d%2d", &hours, &minutes);
    return (*text == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
}

/* ISO time, in UTC where it names no zone; 'T' or a space between date and time, fraction optional. */
static bool parse_created(const char *text, double *created_s)
{
    struct tm utc = {0};
    int used = 0;
    if (sscanf(text, "%4d-%2d-%2d%*1[T ]%2d:%2d:%2d%n", &utc.tm_year, &utc.tm_mon, &utc.tm_mday, &utc.tm_hour,
               &utc.tm_min, &utc.tm_sec, &used) != 6)
        return false;
    utc.tm_year -= 1900;
    utc.tm_mon -= 1;
    long microseconds = 0;
    const char *rest = text + used;
    if (*rest == '.') {
        long scale = 100000;
        for (rest++; *rest >= '0' && *rest <= '9'; rest++, scale /= 10)
            microseconds += (*rest - '0') * scale;
    }
    *created_s = (double)(timegm(&utc) - zone_offset_s(rest)) + (double)microseconds * 1e-6;
    return true;
}

/* Of the values, so that another program may write them in its own way. 0: out of memory. */
static uint32_t values_checksum(const json_t *object)
{
    char *text = json_dumps(object, JSON_SORT_KEYS | JSON_COMPACT | JSON_REAL_PRECISION(17));
    const uint32_t sum = text ? checksum(0, text, strlen(text)) : 0;
    free(text);
    return sum;
}

static json_t *store_to_json(const struct metadata *m)
{
    char created[METADATA_TEXT_SIZE];
    format_created(m->created_s, created);
    json_t *shape = json_pack("[i, i]", m->height, m->width);
    if (shape && m->channels == 3)
        json_array_append_new(shape, json_integer(3));
    json_t *store = json_pack("{s:i, s:s, s:s, s:s?, s:s, s:s, s:o, s:s, s:s, s:i}", "chunksize", m->chunksize, "class",
                              m->is_video ? "VideoImgStore" : "DirectoryImgStore", "created_utc", created, "encoding",
                              *m->encoding ? m->encoding : NULL, "format", m->format, "imgdtype",
                              m->type == IST_PIXEL_U16 ? "uint16" : "uint8", "imgshape", shape, "timezone_local",
                              m->timezone, "uuid", m->uuid, "version", STORE_VERSION);
    if (store && m->is_video)
        json_object_set_new(store, "extension", json_string(m->extension));
    json_t *dropped = json_object();
    for (ist_drop_cause cause = 0; cause < IST_DROP_CAUSE_COUNT; cause++)
        if (m->dropped[cause] > 0)
            json_object_set_new(dropped, ist_drop_cause_name(cause), json_integer(m->dropped[cause]));
    if (store && json_object_size(dropped) > 0)
        json_object_set(store, "dropped", dropped);
    json_decref(dropped);
    if (store && m->removed.frames > 0)
        json_object_set_new(
            store, "removed",
            json_pack("{s:i, s:I}", "chunks", m->removed.chunks, "frames", (json_int_t)m->removed.frames));
    return store;
}

/* __store with the checksums: the first key, so that it is there when the end is not. */
static json_t *store_with_checksums(const struct metadata *m, const json_t *user)
{
    json_t *store = store_to_json(m);
    // What the user's part was at first, also if it was edited since.
    const uint32_t user_sum = m->user_checksum ? m->user_checksum : values_checksum(user);
    if (!store || json_object_set_new(store, user_checksum_key, json_integer(user_sum)) < 0) {
        json_decref(store);
        return NULL;
    }
    json_t *all = json_pack("{s:I}", checksum_key, (json_int_t)values_checksum(store));
    if (all && json_object_update(all, store) < 0) {
        json_decref(all);
        all = NULL;
    }
    json_decref(store);
    return all;
}

ist_status metadata_write(const struct metadata *metadata, const char *directory, ist_error *error)
{
    json_t *user = json_loads(metadata->user_json ? metadata->user_json : "{}", 0, NULL);
    json_t *root = user ? json_pack("{s:o}", "__store", store_with_checksums(metadata, user)) : NULL;
    struct buffer text = {0};
    ist_status status = IST_OK;
    if (!root || json_object_update(root, user) < 0)
        status = error_memory(error);
    if (status >= 0)
        status = yaml_emit(root, &text, error);
    if (status >= 0) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", directory, file_name);
        status = fs_write_file_whole(path, text.data, text.size, error);
    }
    buffer_free(&text);
    json_decref(user);
    json_decref(root);
    return status;
}

/* Text of a key, "" when it is missing or null. */
static const char *text_of(const json_t *store, const char *key)
{
    const char *text = json_string_value(json_object_get(store, key));
    return text ? text : "";
}

static ist_status read_class(struct metadata *m, const json_t *store, ist_error *error)
{
    // Motif says VideoImgStoreFFMPEG, others may add to the names in their own ways.
    const char *class_name = text_of(store, "class");
    if (strncmp(class_name, "VideoImgStore", strlen("VideoImgStore")) == 0)
        m->is_video = true;
    else if (strncmp(class_name, "DirectoryImgStore", strlen("DirectoryImgStore")) != 0)
        return error_set(error, IST_ERROR_UNSUPPORTED, "class '%s' is not known", class_name);

    const json_t *version = json_object_get(store, "version");
    if (!json_is_integer(version))
        return error_set(error, IST_ERROR_DATA, version ? "version is not a number" : "version is missing");
    if (json_integer_value(version) != STORE_VERSION)
        return error_set(error, IST_ERROR_UNSUPPORTED, "version %lld is not known, only %d",
                         (long long)json_integer_value(version), STORE_VERSION);

    copy_text(m->format, sizeof m->format, text_of(store, "format"));
    copy_text(m->encoding, sizeof m->encoding, text_of(store, "encoding"));
    copy_text(m->extension, sizeof m->extension, text_of(store, "extension"));
    if (!*m->format)
        return error_set(error, IST_ERROR_DATA, "no format is given");
    if (strchr(m->format, '/') != strrchr(m->format, '/') || strchr(m->extension, '/'))
        return error_set(error, IST_ERROR_DATA, "format or extension is damaged");
    m->extension_guessed = m->is_video && !*m->extension;
    if (m->extension_guessed)
        copy_text(m->extension, sizeof m->extension, strcmp(m->format, "mjpeg") == 0 ? ".avi" : ".mp4");
    return IST_OK;
}

/*
 * True for the formats whose pictures have even sides, whatever imgshape says: those of imgstore, H.264 under the names
 * that Motif and forks of imgstore give it, and the formats of these forks.
 */
static bool has_even_sides(const char *format)
{
    static const char *const names[] = {"mjpeg", "mjpeg/avi", "avc1/mp4", "mjpg/avi", "divx/avi"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(format, names[i]) == 0)
            return true;
    return strstr(format, "264") || strstr(format, "nvenc-");
}

static ist_status read_shape(struct metadata *m, const json_t *store, ist_error *error)
{
    const json_t *shape = json_object_get(store, "imgshape");
    const size_t dimensions = json_array_size(shape);
    const json_int_t height = json_integer_value(json_array_get(shape, 0));
    const json_int_t width = json_integer_value(json_array_get(shape, 1));
    const json_int_t channels = dimensions == 3 ? json_integer_value(json_array_get(shape, 2)) : 1;
    if (dimensions < 2 || dimensions > 3 || height < 1 || width < 1 || height > 65535 || width > 65535 ||
        channels < 1 || channels > 4 || (channels % 2 == 0 && !*m->encoding))
        return error_set(error, IST_ERROR_DATA, "imgshape is not [height, width] or [height, width, 3]");
    m->height = (int)height;
    m->width = (int)width;
    m->channels = (int)channels;
    if (m->is_video && has_even_sides(m->format)) {
        m->height -= m->height % 2;
        m->width -= m->width % 2;
    }
    if (m->width == 0 || m->height == 0)
        return error_set(error, IST_ERROR_DATA, "imgshape leaves no pixel for a video");

    const char *dtype = text_of(store, "imgdtype");
    if (strcmp(dtype, "uint16") == 0)
        m->type = IST_PIXEL_U16;
    else if (*dtype && strcmp(dtype, "uint8") != 0)
        return error_set(error, IST_ERROR_UNSUPPORTED, "imgdtype '%s': only uint8 and uint16 can be read", dtype);
    // Those that leave it out are older than the uuid.
    if (!*dtype && *text_of(store, "uuid"))
        return error_set(error, IST_ERROR_DATA, "imgdtype is missing");

    const json_int_t chunksize = json_integer_value(json_object_get(store, "chunksize"));
    m->chunksize = chunksize > 0 && chunksize <= INT_MAX ? (int)chunksize
                   : m->is_video                         ? CHUNKSIZE_VIDEO
                                                         : CHUNKSIZE_DIRECTORY;
    return IST_OK;
}

/*
 * Time of creation of a store that does not say it: 20YYMMDD_HHMMSS in the directory's name, which clocks in its time
 * zone showed, else that of the file.
 */
static double created_from_path(const char *directory, const char *file, const char *zone)
{
    for (const char *digits = fs_basename(directory); (digits = strstr(digits, "20")); digits++) {
        struct tm local = {.tm_isdst = -1};
        int used = 0;
        if (sscanf(digits, "%4d%2d%2d_%2d%2d%2d%n", &local.tm_year, &local.tm_mon, &local.tm_mday, &local.tm_hour,
                   &local.tm_min, &local.tm_sec, &used) == 6 &&
            used == 15) {
            double created_s;
            local.tm_year -= 1900;
            local.tm_mon -= 1;
            return timezone_to_utc(zone, &local, &created_s) ? created_s : (double)mktime(&local);
        }
    }
    struct stat info;
    return stat(file, &info) == 0 ? (double)info.st_mtim.tv_sec + (double)info.st_mtim.tv_nsec * 1e-9 : 0;
}

static void read_dropped(struct metadata *m, const json_t *store)
{
    const json_t *dropped = json_object_get(store, "dropped");
    for (ist_drop_cause cause = 0; cause < IST_DROP_CAUSE_COUNT; cause++) {
        const json_int_t count = json_integer_value(json_object_get(dropped, ist_drop_cause_name(cause)));
        m->dropped[cause] = count > 0 ? count : 0;
    }
}

static void read_removed(struct metadata *m, const json_t *store)
{
    const json_t *removed = json_object_get(store, "removed");
    const json_int_t chunks = json_integer_value(json_object_get(removed, "chunks"));
    const json_int_t frames = json_integer_value(json_object_get(removed, "frames"));
    if (chunks >= 0 && chunks <= INT_MAX && frames > 0)
        m->removed = (struct store_removed){(int)chunks, frames};
}

/* Compares what the store says of itself with its checksum, where there is one, and takes that out. */
static ist_status check_store(json_t *store, ist_error *error)
{
    const json_t *noted = json_object_get(store, checksum_key);
    if (!noted)
        return IST_OK;
    const json_int_t sum = json_is_integer(noted) ? json_integer_value(noted) : -1;
    json_object_del(store, checksum_key);
    if (values_checksum(store) == sum)
        return IST_OK;
    return error_set(error, IST_ERROR_DATA,
                     "__store is not what was written: it is damaged, or was edited; after an edit on purpose, remove "
                     "its line '%s'",
                     checksum_key);
}

static ist_status read_root(struct metadata *m, json_t *root, const char *directory, const char *path, ist_error *error)
{
    json_t *store = json_object_get(root, "__store");
    if (!json_is_object(store))
        return error_set(error, IST_ERROR_DATA, "is not a store's metadata: it has no __store");
    ist_status status = read_class(m, store, error);
    if (status >= 0)
        status = check_store(store, error);
    if (status >= 0)
        status = read_shape(m, store, error);
    if (status < 0)
        return status;

    copy_text(m->uuid, sizeof m->uuid, text_of(store, "uuid"));
    copy_text(m->timezone, sizeof m->timezone, text_of(store, "timezone_local"));
    if (!*m->timezone)
        copy_text(m->timezone, sizeof m->timezone, text_of(root, "timezone"));
    if (!*m->timezone)
        ist_time_machine_zone(m->timezone);
    if (!parse_created(text_of(store, "created_utc"), &m->created_s))
        m->created_s = created_from_path(directory, path, m->timezone);

    read_dropped(m, store);
    read_removed(m, store);
    m->user_checksum = (uint32_t)json_integer_value(json_object_get(store, user_checksum_key));

    json_object_del(root, "__store");
    m->user_changed = m->user_checksum && values_checksum(root) != m->user_checksum;
    m->user_json = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(17));
    if (m->user_json)
        ist_json_shorten(m->user_json);
    return m->user_json ? IST_OK : error_memory(error);
}

ist_status metadata_read(struct metadata *metadata, const char *directory, ist_error *error)
{
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", directory, file_name) >= sizeof path)
        return error_errno(error, ENAMETOOLONG, "%s", directory);
    struct buffer text = {0};
    json_t *root = NULL;
    ist_status status = fs_read_file(path, &text, error);
    if (status >= 0)
        status = yaml_parse((const char *)text.data, text.size, path, &root, error);
    if (status >= 0) {
        status = read_root(metadata, root, directory, path, error);
        if (status < 0)
            error_prefix(error, status, "%s", path);
    }
    json_decref(root);
    buffer_free(&text);
    return status;
}

void metadata_free(struct metadata *metadata)
{
    free(metadata->user_json);
    *metadata = (struct metadata){0};
}
