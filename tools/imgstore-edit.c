/* imgstore-edit: changes a store that is there. */
#include <errno.h>
#include <inttypes.h>
#include <libstore/edit.h>
#include <libstore/reader.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

struct request {
    const char *store;
    const char *file;        /* insert */
    const char *frames_file; /* insert: numbers and times */
    bool move;
    int64_t number; /* reindex */
    bool yes;
};

static int64_t count_frames(const char *store)
{
    ist_reader *reader;
    if (ist_reader_open(&reader, store, NULL) < 0)
        return -1;
    const int64_t count = ist_reader_get_info(reader)->frame_count;
    ist_reader_close(&reader);
    return count;
}

/* ---- the verbs ---- */

static int run_empty(const struct request *request)
{
    ist_error error;
    if (!request->yes)
        return cli_fail("%s: empty removes every frame of the store; to do so, say --yes", request->store);
    if (ist_empty(request->store, &error) < 0)
        return cli_fail("%s", error.message);
    if (!cli_quiet())
        printf("%s: is empty\n", request->store);
    return CLI_SUCCESS;
}

static int run_reindex(const struct request *request)
{
    ist_error error;
    if (ist_reindex(request->store, request->number, &error) < 0)
        return cli_fail("%s", error.message);
    if (!cli_quiet())
        printf("%s: frame numbers count from the frame that was number %" PRId64 "\n", request->store, request->number);
    return CLI_SUCCESS;
}

static int run_save_index(const struct request *request)
{
    ist_error error;
    if (ist_save_index(request->store, &error) < 0)
        return cli_fail("%s", error.message);
    if (!cli_quiet())
        printf("%s: has an index of %" PRId64 " frames\n", request->store, count_frames(request->store));
    return CLI_SUCCESS;
}

/* Numbers and times of the frames that are inserted. */
struct frames {
    int64_t *numbers;
    double *times_s;
    size_t count, capacity;
};

static void free_frames(struct frames *frames)
{
    free(frames->numbers);
    free(frames->times_s);
}

static int add_frame(struct frames *frames, int64_t number, double time_s)
{
    if (frames->count == frames->capacity) {
        frames->capacity = frames->capacity * 2 + 1024;
        int64_t *numbers = realloc(frames->numbers, frames->capacity * sizeof *numbers);
        if (numbers)
            frames->numbers = numbers;
        double *times_s = realloc(frames->times_s, frames->capacity * sizeof *times_s);
        if (times_s)
            frames->times_s = times_s;
        if (!numbers || !times_s)
            return cli_fail("out of memory");
    }
    frames->numbers[frames->count] = number;
    frames->times_s[frames->count++] = time_s;
    return CLI_SUCCESS;
}

/* "NUMBER,TIME"; a first line that is none is a header. */
static int read_line(char *line, struct frames *frames, const char *path, int64_t line_number)
{
    int64_t number;
    double time_s;
    line[strcspn(line, "\r\n")] = '\0';
    char *comma = strchr(line, ',');
    if (comma)
        *comma = '\0';
    if (!comma || !cli_read_integer(line, INT64_MIN, INT64_MAX, &number) ||
        !cli_read_number(comma + 1, -HUGE_VAL, HUGE_VAL, &time_s))
        return line_number == 1
                   ? CLI_SUCCESS
                   : cli_fail("%s: line %" PRId64 " is not NUMBER,TIME such as 17,1700000000.25", path, line_number);
    return add_frame(frames, number, time_s);
}

static int read_frames(const char *path, struct frames *frames)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return cli_fail("%s: %s", path, strerror(errno));
    char *line = NULL;
    size_t size = 0;
    int result = CLI_SUCCESS;
    for (int64_t i = 1; result == CLI_SUCCESS && getline(&line, &size, file) >= 0; i++)
        result = read_line(line, frames, path, i);
    if (result == CLI_SUCCESS && ferror(file))
        result = cli_fail("%s: %s", path, strerror(errno));
    free(line);
    fclose(file);
    return result;
}

static int run_insert(const struct request *request)
{
    ist_error error;
    struct frames frames = {0};
    int result = read_frames(request->frames_file, &frames);
    const ist_insertion insertion = {.file = request->file,
                                     .numbers = frames.numbers,
                                     .times_s = frames.times_s,
                                     .count = (int64_t)frames.count,
                                     .move = request->move};
    if (result == CLI_SUCCESS && ist_insert_chunk(request->store, &insertion, &error) < 0)
        result = cli_fail("%s", error.message);
    else if (result == CLI_SUCCESS && !cli_quiet())
        printf("%s: %zu frames of %s are in the store\n", request->store, frames.count, request->file);
    free_frames(&frames);
    return result;
}

/* ---- the command line ---- */

static const struct verb {
    const char *name;
    int argument_count; /* behind it */
    const char *missing;
    int (*run)(const struct request *request);
} verbs[] = {
    {"empty", 0, "empty takes nothing behind it", run_empty},
    {"insert", 2, "insert needs a video file and a list of its frames: FILE FRAMES.csv", run_insert},
    {"reindex", 1, "reindex needs the number of the frame that becomes 0", run_reindex},
    {"save-index", 0, "save-index takes nothing behind it", run_save_index},
};

static int run(char **arguments, int argument_count, struct request *request)
{
    request->store = arguments[0];
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verbs[i].name, arguments[1]) != 0)
            continue;
        if (argument_count - 2 != verbs[i].argument_count)
            return cli_usage("%s", verbs[i].missing);
        if (verbs[i].run == run_reindex && !cli_read_integer(arguments[2], INT64_MIN, INT64_MAX, &request->number))
            return cli_usage("reindex: \"%s\" is not a whole number", arguments[2]);
        if (verbs[i].run == run_insert) {
            request->file = arguments[2];
            request->frames_file = arguments[3];
        }
        return cli_finish(verbs[i].run(request));
    }
    return cli_usage("there is no \"%s\"; choose one of empty, insert, reindex, save-index", arguments[1]);
}

int main(int argc, char **argv)
{
    struct request request = {0};
    const cli_option options[] = {
        {"move", CLI_FLAG, &request.move, NULL, "with insert: remove FILE at last; else it is copied", 0, 0},
        {"yes", CLI_FLAG, &request.yes, NULL, "with empty, which asks for it: yes, remove all frames", 0, 0},
        {0},
    };
    const cli_tool tool = {
        .name = "imgstore-edit",
        .example = "imgstore-edit mystore reindex 907\n"
                   "imgstore-edit mystore insert clip.mp4 clip.csv --move\n"
                   "imgstore-edit mystore save-index\n"
                   "imgstore-edit mystore empty --yes",
        .purpose = "Changes a store. Broken off at any moment (kill, crash), it can be run again and\n"
                   "finishes what it began; imgstore-repair does so too.\n"
                   "\n"
                   "  reindex NUMBER    frame numbers count from the frame with this number: it\n"
                   "                    becomes 0, those before it ..., -2, -1. The old ones are\n"
                   "                    kept in the npz and the extra data\n"
                   "  insert FILE CSV   FILE becomes the last chunk of a video store, as it is; CSV\n"
                   "                    has a line NUMBER,TIME for each of its frames (seconds),\n"
                   "                    perhaps below a header\n"
                   "  save-index        makes .index.sqlite anew, with which a store opens at once\n"
                   "  empty             removes all frames; metadata.yaml stays",
        .arguments = "[OPTIONS] STORE reindex|insert|save-index|empty [...]",
        .options = options,
        .argument_min = 2,
        .argument_max = 4,
    };
    char **arguments;
    int argument_count;
    const int result = cli_parse(&tool, argc, argv, &arguments, &argument_count);
    return result != CLI_GO_ON ? result : run(arguments, argument_count, &request);
}
