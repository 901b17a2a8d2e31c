/* imgstore-repair: makes a store whole whose recorder died. */
#include <inttypes.h>
#include <libstore/repair.h>
#include <stdio.h>

#include "cli.h"

/* "3 frames", "1 frame" */
static const char *plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

static void print_report(const char *path, const ist_repair_report *report)
{
    if (!report->needed) {
        printf("%s: is whole, nothing to repair\n", path);
        return;
    }
    printf("%s: repaired: %" PRId64 " frame%s, %d chunk%s finished, %d leftover file%s removed\n", path,
           report->frame_count, plural(report->frame_count), report->chunks_finished, plural(report->chunks_finished),
           report->files_removed, plural(report->files_removed));
    if (report->frames_lost > 0)
        printf("%s: %" PRId64 " frame%s at the end had not reached the disk when the power failed, and %s lost\n", path,
               report->frames_lost, plural(report->frames_lost), report->frames_lost == 1 ? "is" : "are");
    if (report->frames_damaged > 0)
        printf("%s: %" PRId64 " frame%s cannot be read any more: what is on the disk is not what was recorded\n", path,
               report->frames_damaged, plural(report->frames_damaged));
}

static int repair(const char *path)
{
    ist_error error;
    ist_repair_report report;
    if (ist_repair(path, &report, &error) < 0)
        return cli_fail("%s", error.message);
    if (!cli_quiet())
        print_report(path, &report);
    return CLI_SUCCESS;
}

int main(int argc, char **argv)
{
    const cli_option options[] = {{0}};
    const cli_tool tool = {
        .name = "imgstore-repair",
        .example = "imgstore-repair mystore",
        .purpose = "Makes a store whole whose recorder died (kill, crash, loss of power), so that\n"
                   "other programs read all of it too; the tools of imgstore-c do so without. It\n"
                   "says what it did, may be broken off and run again, and leaves a store alone that\n"
                   "is whole or being recorded.",
        .arguments = "[OPTIONS] STORE",
        .options = options,
        .argument_min = 1,
        .argument_max = 1,
    };
    char **arguments;
    int argument_count;
    const int result = cli_parse(&tool, argc, argv, &arguments, &argument_count);
    return result != CLI_GO_ON ? result : cli_finish(repair(arguments[0]));
}
