/* imgstore-info: says what is in a store. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <libstore/libstore.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"

struct request {
    const char *path;
    bool json;
    bool frames;
    bool extra;
    bool drops;
};

/* Numbers and times of all frames. */
struct frame_list {
    int64_t *numbers;
    double *times_s;
};

/* Frames that never came. */
struct drop_list {
    ist_drop *drops;
    int64_t count;
};

/* The lists that were asked for. */
struct lists {
    struct frame_list frames;
    json_t *extra;
    struct drop_list drops;
};

/* ---- getting it ---- */

static int read_frame_list(ist_reader *reader, struct frame_list *list)
{
    ist_error error;
    const int64_t count = ist_reader_get_info(reader)->frame_count;
    if (count == 0)
        return CLI_GO_ON;
    list->numbers = calloc((size_t)count, sizeof *list->numbers);
    list->times_s = calloc((size_t)count, sizeof *list->times_s);
    if (!list->numbers || !list->times_s)
        return cli_fail("out of memory");
    if (ist_reader_frame_metadata(reader, 0, count, list->numbers, list->times_s, &error) < 0)
        return cli_fail("%s", error.message);
    return CLI_GO_ON;
}

/* A JSON array, or null for a store without extra data. */
static int read_extra(ist_reader *reader, json_t **extra)
{
    ist_error error;
    char *text = NULL;
    if (ist_reader_extra(reader, 0, ist_reader_get_info(reader)->frame_count, &text, &error) < 0)
        return cli_fail("%s", error.message);
    json_error_t json_error;
    *extra = json_loads(text, JSON_ALLOW_NUL, &json_error);
    ist_free(text);
    if (!*extra)
        return cli_fail("%s: extra data: %s", ist_reader_get_info(reader)->path, json_error.text);
    if (json_array_size(*extra) == 0) {
        json_decref(*extra);
        *extra = json_null();
    }
    return CLI_GO_ON;
}

static const char *type_name(ist_pixel_type type)
{
    return type == IST_PIXEL_U16 ? "uint16" : "uint8";
}

static double duration_s(const ist_reader_info *info)
{
    return info->time_max_s - info->time_min_s;
}

/* "2026-11-20T21:17:57.180350+00:00" */
static void format_utc(char text[64], double time_s)
{
    const double whole = floor(time_s);
    time_t seconds = (time_t)whole;
    long microseconds = lrint((time_s - whole) * 1e6);
    if (microseconds == 1000000) {
        microseconds = 0;
        seconds++;
    }
    struct tm utc;
    char date[32] = "";
    if (gmtime_r(&seconds, &utc))
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, 64, "%s.%06ld+00:00", date, microseconds);
}

/* As clocks at the place of recording show it; in UTC where their zone is not known. */
static void format_local(char text[64], double time_s, const char *zone)
{
    char local[IST_TIME_TEXT_SIZE];
    if (ist_time_to_local(time_s, zone, local, NULL) >= 0)
        snprintf(text, 64, "%s", local);
    else
        format_utc(text, time_s);
}

static const char *kind_name(ist_problem_kind kind)
{
    static const char *const names[] = {
        [IST_PROBLEM_CHUNK_MISSING] = "chunk missing", [IST_PROBLEM_NO_INDEX] = "no index",
        [IST_PROBLEM_BAD_INDEX] = "bad index",         [IST_PROBLEM_NO_PIXELS] = "no pixels",
        [IST_PROBLEM_BAD_CHUNK] = "bad chunk",         [IST_PROBLEM_BAD_EXTRA] = "bad extra data",
    };
    return (size_t)kind < sizeof names / sizeof *names && names[kind] ? names[kind] : "unknown";
}

/* ---- as JSON ---- */

static json_t *text_or_null(const char *text)
{
    return *text ? json_string(text) : json_null();
}

static json_t *shape_json(const ist_reader_info *info)
{
    if (info->channels == 1)
        return json_pack("[ii]", info->height, info->width);
    return json_pack("[iii]", info->height, info->width, info->channels);
}

static json_t *chunks_json(const ist_reader *reader)
{
    json_t *chunks = json_array();
    const int count = ist_reader_get_info(reader)->chunk_count;
    for (int i = 0; i < count; i++) {
        int number;
        int64_t first;
        int64_t frames;
        ist_reader_chunk(reader, i, &number, &first, &frames);
        json_array_append_new(chunks, json_integer(number));
    }
    return chunks;
}

static json_t *created_json(const ist_reader_info *info)
{
    char utc[64];
    format_utc(utc, info->created_s);
    return json_pack("[ss]", utc, info->timezone);
}

static json_t *created_local_json(const ist_reader_info *info)
{
    char local[64];
    format_local(local, info->created_s, info->timezone);
    return json_string(local);
}

static json_t *count_or_null(int64_t count, bool known)
{
    return known ? json_integer(count) : json_null();
}

static json_t *problems_json(const ist_reader *reader)
{
    json_t *problems = json_array();
    const ist_problem *problem;
    for (int i = 0; (problem = ist_reader_problem(reader, i)); i++) {
        json_t *item = json_object();
        json_object_set_new(item, "kind", json_string(kind_name(problem->kind)));
        json_object_set_new(item, "chunk", json_integer(problem->chunk));
        json_object_set_new(item, "chunk_count", json_integer(problem->chunk_count));
        json_object_set_new(item, "first_index", count_or_null(problem->first_index, problem->first_index >= 0));
        json_object_set_new(item, "frame_count", count_or_null(problem->frame_count, problem->frame_count > 0));
        json_object_set_new(item, "text", json_string(problem->text));
        json_array_append_new(problems, item);
    }
    return problems;
}

static json_t *dropped_json(const ist_reader_info *info)
{
    json_t *dropped = json_object();
    for (ist_drop_cause cause = 0; cause < IST_DROP_CAUSE_COUNT; cause++)
        json_object_set_new(dropped, ist_drop_cause_name(cause), json_integer(info->dropped[cause]));
    return dropped;
}

static json_t *removed_json(const ist_reader_info *info)
{
    json_t *removed = json_object();
    json_object_set_new(removed, "chunks", json_integer(info->removed_chunks));
    json_object_set_new(removed, "frames", json_integer(info->removed_frames));
    return removed;
}

static json_t *drops_json(const struct drop_list *list)
{
    json_t *drops = json_array();
    for (int64_t i = 0; i < list->count; i++) {
        const ist_drop *drop = &list->drops[i];
        json_t *time = json_real(drop->time_s);
        json_t *item = json_object();
        json_object_set_new(item, "cause", json_string(ist_drop_cause_name(drop->cause)));
        json_object_set_new(item, "first_number", json_integer(drop->first_number));
        json_object_set_new(item, "count", json_integer(drop->count));
        json_object_set_new(item, "time", time ? time : json_null()); // JSON has no NaN
        json_array_append_new(drops, item);
    }
    return drops;
}

static json_t *describe(const ist_reader *reader)
{
    const ist_reader_info *info = ist_reader_get_info(reader);
    json_t *all = json_object();
    json_object_set_new(all, "path", json_string(info->path));
    json_object_set_new(all, "class", json_string(info->class_name));
    json_object_set_new(all, "version", json_integer(2)); // no reader opens another
    json_object_set_new(all, "format", json_string(info->format));
    json_object_set_new(all, "image_shape", shape_json(info));
    json_object_set_new(all, "dtype", json_string(type_name(info->type)));
    json_object_set_new(all, "encoding", text_or_null(info->encoding));
    json_object_set_new(all, "lossless", json_boolean(info->lossless));
    json_object_set_new(all, "uuid", text_or_null(info->uuid));
    json_object_set_new(all, "created", created_json(info));
    json_object_set_new(all, "created_local", created_local_json(info));
    json_object_set_new(all, "unfinished", json_boolean(info->unfinished));
    json_object_set_new(all, "chunksize", json_integer(info->chunksize));
    json_object_set_new(all, "chunks", chunks_json(reader));
    json_object_set_new(all, "frame_count", json_integer(info->frame_count));
    json_object_set_new(all, "frame_min", json_integer(info->number_min));
    json_object_set_new(all, "frame_max", json_integer(info->number_max));
    json_object_set_new(all, "frame_time_min", json_real(info->time_min_s));
    json_object_set_new(all, "frame_time_max", json_real(info->time_max_s));
    json_object_set_new(all, "duration", json_real(duration_s(info)));
    json_object_set_new(all, "dropped", dropped_json(info));
    json_object_set_new(all, "removed", removed_json(info));
    json_object_set_new(all, "problems", problems_json(reader));
    json_object_set_new(all, "user_metadata", json_loads(info->user_metadata, JSON_ALLOW_NUL, NULL));
    json_object_set_new(all, "user_metadata_changed", json_boolean(info->user_metadata_changed));
    return all;
}

static void add_frame_list(json_t *all, const struct frame_list *list, int64_t count)
{
    json_t *numbers = json_array();
    json_t *times = json_array();
    for (int64_t i = 0; i < count; i++) {
        json_array_append_new(numbers, json_integer(list->numbers[i]));
        json_t *time = json_real(list->times_s[i]);
        json_array_append_new(times, time ? time : json_null()); // JSON has no NaN
    }
    json_object_set_new(all, "frame_number", numbers);
    json_object_set_new(all, "frame_time", times);
}

static void write_json(const json_t *value, size_t flags)
{
    char *text = json_dumps(value, flags | JSON_REAL_PRECISION(17));
    if (text)
        ist_json_shorten(text);
    fputs(text ? text : "?", stdout);
    free(text);
}

static void print_json(const ist_reader *reader, const struct request *request, const struct lists *lists)
{
    json_t *all = describe(reader);
    if (request->frames)
        add_frame_list(all, &lists->frames, ist_reader_get_info(reader)->frame_count);
    if (request->extra)
        json_object_set(all, "extra_data", lists->extra);
    if (request->drops)
        json_object_set_new(all, "drops", drops_json(&lists->drops));
    write_json(all, JSON_INDENT(1));
    putchar('\n');
    json_decref(all);
}

/* ---- for a person ---- */

static void print_user_metadata(const char *text)
{
    json_t *metadata = json_loads(text, JSON_ALLOW_NUL, NULL);
    const char *key;
    json_t *value;
    json_object_foreach(metadata, key, value)
    {
        printf("  %s: ", key);
        write_json(value, JSON_ENCODE_ANY);
        putchar('\n');
    }
    json_decref(metadata);
}

static void print_times(const ist_reader_info *info)
{
    char first[CLI_NUMBER_SIZE];
    char last[CLI_NUMBER_SIZE];
    char duration[CLI_NUMBER_SIZE];
    printf("numbers   %" PRId64 " to %" PRId64 "\n", info->number_min, info->number_max);
    printf("times     %s to %s s", cli_format_number(first, info->time_min_s),
           cli_format_number(last, info->time_max_s));
    if (info->time_min_s > 1e8) { // since 1970, not since the beginning
        char local[64];
        format_local(local, info->time_min_s, info->timezone);
        printf(", from %s", local);
    }
    putchar('\n');
    printf("duration  %.3f s (%s)", duration_s(info), cli_format_duration(duration, duration_s(info)));
    if (info->frame_count > 1 && duration_s(info) > 0)
        printf(", %.3f frames/s", (double)(info->frame_count - 1) / duration_s(info));
    putchar('\n');
}

static void print_problems(const ist_reader *reader)
{
    const ist_problem *problem;
    for (int i = 0; (problem = ist_reader_problem(reader, i)); i++)
        printf("problem   %s\n", problem->text);
}

static void print_dropped(const ist_reader_info *info)
{
    for (ist_drop_cause cause = 0; cause < IST_DROP_CAUSE_COUNT; cause++)
        if (info->dropped[cause] > 0)
            printf("dropped   %" PRId64 " by the %s (--drops says where)\n", info->dropped[cause],
                   ist_drop_cause_name(cause));
}

static void print_removed(const ist_reader_info *info)
{
    if (info->removed_frames > 0)
        printf("removed   %" PRId64 " older frames (imgstore-save --keep)\n", info->removed_frames);
}

static void print_summary(const ist_reader *reader)
{
    const ist_reader_info *info = ist_reader_get_info(reader);
    char created[64];
    format_local(created, info->created_s, info->timezone);
    printf("store     %s%s\n", info->path,
           info->unfinished ? " (unfinished: being recorded, or its recorder died: imgstore-repair)" : "");
    printf("format    %s, %s%s%s%s%s\n", info->format, info->class_name, *info->class_name ? ", " : "",
           info->lossless ? "lossless" : "lossy", *info->encoding ? ", raw data " : "", info->encoding);
    printf("picture   %d x %d px, %s, %s\n", info->width, info->height, info->channels == 1 ? "gray" : "colour",
           type_name(info->type));
    printf("frames    %" PRId64 " in %d chunk%s\n", info->frame_count, info->chunk_count,
           info->chunk_count == 1 ? "" : "s");
    if (info->frame_count > 0)
        print_times(info);
    print_dropped(info);
    print_removed(info);
    printf("created   %s, %s\n", created, info->timezone);
    printf("uuid      %s\n", *info->uuid ? info->uuid : "none");
    print_problems(reader);
    if (strcmp(info->user_metadata, "{}") != 0 || info->user_metadata_changed)
        printf("metadata%s\n", info->user_metadata_changed ? "  (not as recorded: edited since, or damaged)" : "");
    print_user_metadata(info->user_metadata);
}

static void print_frame_list(const struct frame_list *list, int64_t count)
{
    printf("frame_index,frame_number,frame_time\n");
    for (int64_t i = 0; i < count; i++) {
        char time[CLI_NUMBER_SIZE];
        printf("%" PRId64 ",%" PRId64 ",%s\n", i, list->numbers[i], cli_format_number(time, list->times_s[i]));
    }
}

static void print_extra(const json_t *extra)
{
    size_t i;
    json_t *object;
    json_array_foreach(extra, i, object)
    {
        write_json(object, JSON_COMPACT);
        putchar('\n');
    }
}

static void print_drops(const struct drop_list *list)
{
    printf("cause,first_number,count,time\n");
    for (int64_t i = 0; i < list->count; i++) {
        const ist_drop *drop = &list->drops[i];
        char time[CLI_NUMBER_SIZE];
        printf("%s,%" PRId64 ",%" PRId64 ",%s\n", ist_drop_cause_name(drop->cause), drop->first_number, drop->count,
               cli_format_number(time, drop->time_s));
    }
}

/* The summary, or instead of it the lists that were asked for: each can go straight into another program. */
static void print_text(const ist_reader *reader, const struct request *request, const struct lists *lists)
{
    const ist_reader_info *info = ist_reader_get_info(reader);
    if (request->frames)
        print_frame_list(&lists->frames, info->frame_count);
    if (request->extra)
        print_extra(lists->extra);
    if (request->drops)
        print_drops(&lists->drops);
    if (!request->frames && !request->extra && !request->drops)
        print_summary(reader);
}

/* ---- */

static int read_drops(ist_reader *reader, struct drop_list *list)
{
    ist_error error;
    const ist_status status = ist_reader_drops(reader, &list->drops, &list->count, &error);
    return status < 0 ? cli_fail("%s", error.message) : CLI_GO_ON;
}

static int show(const struct request *request)
{
    ist_error error;
    ist_reader *reader = NULL;
    if (ist_reader_open(&reader, request->path, &error) < 0)
        return cli_fail("%s", error.message);

    struct lists lists = {0};
    int result = CLI_GO_ON;
    if (request->frames)
        result = read_frame_list(reader, &lists.frames);
    if (result == CLI_GO_ON && request->extra)
        result = read_extra(reader, &lists.extra);
    if (result == CLI_GO_ON && request->drops)
        result = read_drops(reader, &lists.drops);
    if (result == CLI_GO_ON) {
        if (request->json)
            print_json(reader, request, &lists);
        else
            print_text(reader, request, &lists);
        result = CLI_SUCCESS;
    }
    json_decref(lists.extra);
    free(lists.frames.numbers);
    free(lists.frames.times_s);
    ist_free(lists.drops.drops);
    ist_reader_close(&reader);
    return result;
}

int main(int argc, char **argv)
{
    struct request request = {0};
    const cli_option options[] = {
        {"json", CLI_FLAG, &request.json, NULL, "print one JSON object", 0, 0},
        {"frames", CLI_FLAG, &request.frames, NULL,
         "number and time of every frame: a CSV line for each, or in the JSON object", 0, 0},
        {"extra", CLI_FLAG, &request.extra, NULL, "extra data: a JSON object a line, or in the JSON object", 0, 0},
        {"drops", CLI_FLAG, &request.drops, NULL,
         "frames that never came: a CSV line for each run of them, or in the JSON object", 0, 0},
        {0},
    };
    const cli_tool tool = {
        .name = "imgstore-info",
        .example = "imgstore-info mystore\nimgstore-info --json mystore\nimgstore-info --drops mystore",
        .purpose = "Says what is in a store. Nothing in it is changed.",
        .arguments = "[OPTIONS] STORE",
        .options = options,
        .argument_min = 1,
        .argument_max = 1,
    };
    char **arguments;
    int argument_count;
    const int result = cli_parse(&tool, argc, argv, &arguments, &argument_count);
    if (result != CLI_GO_ON)
        return result;
    request.path = arguments[0];
    return cli_finish(show(&request));
}
