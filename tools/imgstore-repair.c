/* imgstore-repair: makes a store whole whose recorder died, and says which frames are damaged. */
#include <inttypes.h>
#include <libstore/reader.h>
#include <libstore/repair.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

/* "3 frames", "1 frame" */
static const char *plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

static void print_report(const char *path, const ist_repair_report *report, bool sound)
{
    if (!report->needed) {
        printf("%s: %snothing to repair\n", path, sound ? "is whole, " : "");
        return;
    }
    printf("%s: repaired: %" PRId64 " frame%s, %d chunk%s finished, %d leftover file%s removed\n", path,
           report->frame_count, plural(report->frame_count), report->chunks_finished, plural(report->chunks_finished),
           report->files_removed, plural(report->files_removed));
    if (report->frames_lost > 0)
        printf("%s: %" PRId64 " frame%s at the end of a chunk never reached the disk, or cannot be read, and %s lost\n",
               path, report->frames_lost, plural(report->frames_lost), report->frames_lost == 1 ? "is" : "are");
    if (report->files_kept > 0)
        printf("%s: of such chunks the live files were kept, as *.damaged\n", path);
    if (report->frames_unlisted > 0)
        printf("%s: the index lost its end: %" PRId64 " frame%s behind it stay as pixels, without numbers and times\n",
               path, report->frames_unlisted, plural(report->frames_unlisted));
}

/* Frames that are damaged, and where: "17, 23 to 25". */
struct damage {
    int64_t count;
    int64_t first, end; /* of the run last found */
    char places[256];   /* of the runs before it */
};

static void end_run(struct damage *d)
{
    static const char more[] = ", ...";
    const size_t length = strlen(d->places), room = sizeof d->places - length;
    char run[64];
    if (d->end == d->first || (length >= sizeof more && strcmp(d->places + length - sizeof more + 1, more) == 0))
        return;
    const char *comma = length ? ", " : "";
    if (d->end - d->first == 1)
        snprintf(run, sizeof run, "%s%" PRId64, comma, d->first);
    else
        snprintf(run, sizeof run, "%s%" PRId64 " to %" PRId64, comma, d->first, d->end - 1);
    snprintf(d->places + length, room, "%s", strlen(run) + sizeof more < room ? run : more);
}

static void note_damaged(struct damage *d, int64_t index)
{
    if (index != d->end || d->count == 0) {
        end_run(d);
        d->first = index;
    }
    d->end = index + 1;
    d->count++;
}

static int check_frames(ist_reader *reader, struct damage *damage)
{
    ist_error error;
    const int64_t count = ist_reader_get_info(reader)->frame_count;
    ist_status status = IST_OK;
    cli_progress_start("comparing", count);
    for (int64_t i = 0; i < count && (status >= 0 || status == IST_ERROR_DATA); i++) {
        status = ist_reader_check_index(reader, i, &error);
        if (status == IST_ERROR_DATA)
            note_damaged(damage, i);
        cli_progress_update(i + 1);
    }
    cli_progress_finish();
    end_run(damage);
    return status >= 0 || status == IST_ERROR_DATA ? CLI_SUCCESS : cli_fail("%s", error.message);
}

/* Says what the store lacks that no repair brings back. */
static int say_problems(const ist_reader *reader)
{
    int result = CLI_SUCCESS;
    const ist_problem *problem;
    for (int i = 0; (problem = ist_reader_problem(reader, i)); i++)
        result = cli_fail("%s: %s", ist_reader_get_info(reader)->path, problem->text);
    return result;
}

/* True if number or time of a frame is not what was recorded, or the index cannot be read on. */
static bool index_is_damaged(ist_reader *reader)
{
    enum { BLOCK = 4096 };
    static int64_t numbers[BLOCK];
    static double times_s[BLOCK];
    const int64_t count = ist_reader_get_info(reader)->frame_count;
    ist_error error;
    ist_status status = IST_OK;
    for (int64_t first = 0; first < count && status >= 0; first += BLOCK) {
        const int64_t block = count - first < BLOCK ? count - first : BLOCK;
        status = ist_reader_frame_metadata(reader, first, block, numbers, times_s, &error);
    }
    return status == IST_ERROR_DATA;
}

/* Compares every frame with what was recorded. */
static int find_damage(const char *path, struct damage *damage)
{
    ist_error error;
    ist_reader *reader;
    if (ist_reader_open(&reader, path, &error) < 0)
        return cli_fail("%s", error.message);
    const int lacking = say_problems(reader);
    // By a damaged index sound frames would be called damaged.
    const int result = index_is_damaged(reader)
                           ? cli_fail("%s: the index is damaged; \"imgstore-edit %s save-index\" makes it anew, out of "
                                      "what lies beside the chunks",
                                      path, path)
                           : check_frames(reader, damage);
    ist_reader_close(&reader);
    return result == CLI_SUCCESS ? lacking : result;
}

static int say_damage(const char *path, const struct damage *damage)
{
    return cli_fail("%s: %" PRId64
                    " frame%s cannot be read any more, as what is on the disk is not what was recorded%s%s",
                    path, damage->count, plural(damage->count), *damage->places ? ": " : "", damage->places);
}

static int repair(const char *path, bool quick)
{
    ist_error error;
    ist_repair_report report;
    struct damage damage = {0};
    if (ist_repair(path, &report, &error) < 0)
        return cli_fail("%s", error.message);
    int result = CLI_SUCCESS;
    if (quick)
        damage.count = report.frames_damaged;
    else
        result = find_damage(path, &damage);
    if (!cli_quiet())
        print_report(path, &report, !quick && damage.count == 0 && result == CLI_SUCCESS);
    if (report.frames_lost > 0 || report.frames_unlisted > 0)
        result = CLI_FAILURE;
    return damage.count > 0 ? say_damage(path, &damage) : result;
}

int main(int argc, char **argv)
{
    bool quick = false;
    const cli_option options[] = {
        {"quick", CLI_FLAG, &quick, NULL, "do not read the chunks that are finished to find damaged frames", 0, 0},
        {0},
    };
    const cli_tool tool = {
        .name = "imgstore-repair",
        .example = "imgstore-repair mystore",
        .purpose = "Makes a store whole whose recorder died (kill, crash, loss of power), so that\n"
                   "other programs read all of it too; the tools of imgstore-c do so without. Then\n"
                   "compares every frame with what was recorded, and says which are damaged. May be\n"
                   "broken off and run again. Changes nothing in a store that is whole or being\n"
                   "recorded.",
        .arguments = "[OPTIONS] STORE",
        .options = options,
        .argument_min = 1,
        .argument_max = 1,
    };
    char **arguments;
    int argument_count;
    const int result = cli_parse(&tool, argc, argv, &arguments, &argument_count);
    return result != CLI_GO_ON ? result : cli_finish(repair(arguments[0], quick));
}
