#include "save_recording.h"

#include <fts.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* What is to be said about drops and the disk; filled in by any thread, said by the main one. */
struct news {
    pthread_mutex_t mutex;
    ist_drop drop; /* the run that was dropped last; count 0: none that was not said */
    int64_t dropped[IST_DROP_CAUSE_COUNT];
    int64_t said_dropped;
    int64_t space_low_bytes; /* -1: not low */
    char stopped[512];       /* why; "": it goes on */
    char warning[512];       /* "": none that was not said */
};

struct save_recording {
    ist_source *source;
    const char *source_name;
    const struct save_plan *plan;
    ist_recorder *recorder;
    ist_frame frame;
    double first_s; /* time of the first frame */
    double last_s;  /* of the last one that was kept */
    struct news news;
    double said_s; /* when drops were said last */

    double space_s; /* free space, as it was at this time: the rate at which it goes comes from it */
    int64_t space_bytes;
    double bytes_a_second;
};

enum ending { ENDED, SOURCE_BROKE, STORE_FAILED };

static double clock_s(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* ---- beginning ---- */

static volatile sig_atomic_t started_by_signal;

static void handle_start(int number)
{
    (void)number;
    started_by_signal = 1;
}

static bool may_begin(const struct save_plan *plan)
{
    return (!plan->start_on_signal || started_by_signal) &&
           (plan->start_s <= 0 || clock_s(CLOCK_REALTIME) >= plan->start_s);
}

/* A file waits for its time; it must not be read on meanwhile. */
static void wait_to_begin(const struct save_plan *plan)
{
    const struct timespec pause = {.tv_nsec = 20000000};
    while (!may_begin(plan) && !cli_stop_requested())
        nanosleep(&pause, NULL);
}

static ist_status read_frame(struct save_recording *rec, ist_error *error)
{
    const int64_t lost = ist_source_lost(rec->source);
    const ist_status status = ist_source_next(rec->source, &rec->frame, error);
    if (ist_source_lost(rec->source) > lost)
        cli_note("lost: %s", ist_source_lost_reason(rec->source));
    return status;
}

int save_recording_open(struct save_recording **recording, ist_source *source, const char *source_name,
                        const struct save_plan *plan, const ist_frame **first)
{
    struct save_recording *rec = *recording = calloc(1, sizeof *rec);
    if (!rec)
        return cli_fail("out of memory");
    *rec = (struct save_recording){.source = source, .source_name = source_name, .plan = plan};
    pthread_mutex_init(&rec->news.mutex, NULL);
    rec->news.space_low_bytes = -1;
    if (plan->start_on_signal) {
        const struct sigaction handler = {.sa_handler = handle_start, .sa_flags = SA_RESTART};
        sigaction(SIGUSR1, &handler, NULL);
    }
    if (!may_begin(plan))
        cli_note(plan->start_on_signal ? "waiting for the signal USR1" : "waiting for the time to begin");

    // A camera is read while it waits, so that the first frame kept is a new one.
    const bool live = ist_source_get_info(source)->live;
    if (!live)
        wait_to_begin(plan);
    ist_error error;
    ist_status status;
    ist_drop before;
    do {
        status = read_frame(rec, &error);
        while (ist_source_next_drop(source, &before))
            ;
    } while (status == IST_OK && live && !may_begin(plan) && !cli_stop_requested());
    if (status == IST_ERROR_INTERRUPTED || (status == IST_OK && cli_stop_requested()))
        return cli_fail("%s: stopped before the first frame; no store was written", source_name);
    if (status == IST_END)
        return cli_fail("%s: holds no frames; no store was written", source_name);
    if (status < 0)
        return cli_fail("%s", error.message);
    *first = &rec->frame;
    return CLI_GO_ON;
}

/* ---- what happens on the way ---- */

/* Called by any thread. */
static void note_event(void *context, const ist_recorder_event *event)
{
    struct news *news = context;
    pthread_mutex_lock(&news->mutex);
    switch (event->kind) {
    case IST_RECORDER_DROPPED:
        news->dropped[event->drop.cause] += event->drop.count;
        news->drop = event->drop;
        break;
    case IST_RECORDER_SPACE_LOW:
        news->space_low_bytes = event->free_bytes;
        break;
    case IST_RECORDER_STOPPED:
        snprintf(news->stopped, sizeof news->stopped, "%s", event->message);
        break;
    case IST_RECORDER_WARNING:
        snprintf(news->warning, sizeof news->warning, "%s", event->message);
        break;
    case IST_RECORDER_FAILED:
        break; // ist_recorder_finish() says it
    }
    pthread_mutex_unlock(&news->mutex);
}

static int64_t sum_of_drops(const int64_t dropped[IST_DROP_CAUSE_COUNT])
{
    int64_t sum = 0;
    for (int cause = 0; cause < IST_DROP_CAUSE_COUNT; cause++)
        sum += dropped[cause];
    return sum;
}

static const char *describe_cause(ist_drop_cause cause)
{
    switch (cause) {
    case IST_DROP_CAMERA:
        return "the camera left them out";
    case IST_DROP_BUS:
        return "they came, but not whole";
    default:
        return "the queue is full";
    }
}

/* Says at once that frames were dropped, and then at most once a second; with `all` whatever was not said. */
static void say_news(struct save_recording *rec, bool all)
{
    enum { INTERVAL_S = 1 };
    struct news *news = &rec->news;
    char warning[sizeof news->warning];
    const double now_s = clock_s(CLOCK_MONOTONIC);
    pthread_mutex_lock(&news->mutex);
    memcpy(warning, news->warning, sizeof warning);
    *news->warning = '\0';
    const int64_t space_low_bytes = news->space_low_bytes;
    news->space_low_bytes = -1;
    const int64_t dropped = sum_of_drops(news->dropped), more = dropped - news->said_dropped;
    const ist_drop drop = news->drop;
    const bool due = more > 0 && (all || now_s - rec->said_s >= INTERVAL_S);
    if (due)
        news->said_dropped = dropped;
    pthread_mutex_unlock(&news->mutex);
    char size[CLI_NUMBER_SIZE];
    if (space_low_bytes >= 0)
        cli_note("the disk fills: %s are left", cli_format_size(size, space_low_bytes));
    if (*warning)
        cli_note("%s", warning);
    if (!due)
        return;
    rec->said_s = now_s;
    cli_note("dropped: %" PRId64 " frame%s up to number %" PRId64 ", %s; %" PRId64 " in all", more,
             more == 1 ? "" : "s", drop.first_number + drop.count - 1, describe_cause(drop.cause), dropped);
}

/* MB/s and the time that the disk will last, from how its free space goes down over some seconds. */
static void measure_space(struct save_recording *rec, int64_t free_bytes)
{
    enum { INTERVAL_S = 5 };
    const double now_s = clock_s(CLOCK_MONOTONIC);
    if (free_bytes < 0 || (rec->space_s > 0 && now_s - rec->space_s < INTERVAL_S))
        return;
    if (rec->space_s > 0)
        rec->bytes_a_second = fmax(0, (double)(rec->space_bytes - free_bytes) / (now_s - rec->space_s));
    rec->space_s = now_s;
    rec->space_bytes = free_bytes;
}

static void show_progress(struct save_recording *rec)
{
    const ist_recorder_stats stats = ist_recorder_get_stats(rec->recorder);
    char text[192], size[CLI_NUMBER_SIZE], left[CLI_NUMBER_SIZE];
    int length = snprintf(text, sizeof text, "dropped %" PRId64 "  queue %" PRId64, sum_of_drops(stats.dropped),
                          stats.queue_frames);
    if (stats.removed > 0)
        length += snprintf(text + length, sizeof text - (size_t)length, "  removed %" PRId64, stats.removed);
    measure_space(rec, stats.free_bytes);
    if (stats.free_bytes >= 0)
        length +=
            snprintf(text + length, sizeof text - (size_t)length, "  free %s", cli_format_size(size, stats.free_bytes));
    if (rec->bytes_a_second > 0)
        snprintf(text + length, sizeof text - (size_t)length, " for %s at %s/s",
                 cli_format_duration(left, (double)stats.free_bytes / rec->bytes_a_second),
                 cli_format_size(size, (int64_t)rec->bytes_a_second));
    if (ist_source_get_info(rec->source)->live)
        cli_progress_note(text);
    cli_progress_update(stats.written);
}

/* ---- recording ---- */

static int64_t expected_frames(const struct save_recording *rec)
{
    const ist_source_info *info = ist_source_get_info(rec->source);
    const struct save_plan *plan = rec->plan;
    int64_t total = info->frame_count;
    if (plan->frames > 0 && (total < 0 || plan->frames < total))
        total = plan->frames;
    if (plan->duration_s > 0 && info->frame_rate > 0) {
        const double frames = ceil(plan->duration_s * info->frame_rate);
        if (frames < 1e15 && (total < 0 || frames < (double)total))
            total = (int64_t)frames;
    }
    return total;
}

/* Puts the frame that was read last into the queue, after what was lost before it and with what belongs to it. */
static ist_status queue_frame(struct save_recording *rec, ist_error *error)
{
    const double wait_s = ist_source_get_info(rec->source)->live && !rec->plan->block ? 0 : (double)INFINITY;
    ist_drop drop;
    while (ist_source_next_drop(rec->source, &drop))
        ist_recorder_note_drop(rec->recorder, &drop);
    const ist_status status = ist_recorder_add(rec->recorder, &rec->frame, wait_s, error);
    if (status != IST_OK)
        return status;
    rec->last_s = rec->frame.time_s;
    const char *extra = ist_source_extra(rec->source);
    return extra ? ist_recorder_add_extra(rec->recorder, extra, wait_s, error) : IST_OK;
}

static bool is_over(const struct save_plan *plan, int64_t added)
{
    return cli_stop_requested() || (plan->frames > 0 && added == plan->frames) ||
           (plan->until_s > 0 && clock_s(CLOCK_REALTIME) >= plan->until_s);
}

/* From the first frame, which is there already, until the source, the plan or the disk ends. */
static enum ending record(struct save_recording *rec, ist_error *error)
{
    const struct save_plan *plan = rec->plan;
    rec->first_s = rec->frame.time_s;
    for (int64_t added = 0;;) {
        const ist_status queued = queue_frame(rec, error);
        say_news(rec, false);
        if (queued < 0)
            return STORE_FAILED;
        added += queued == IST_OK;
        show_progress(rec);
        if (queued == IST_END || is_over(plan, added))
            return ENDED;
        const ist_status status = read_frame(rec, error);
        if (status == IST_END || status == IST_ERROR_INTERRUPTED)
            return ENDED;
        if (status < 0)
            return SOURCE_BROKE;
        if (plan->duration_s > 0 && rec->frame.time_s - rec->first_s >= plan->duration_s)
            return ENDED;
    }
}

static int64_t size_on_disk(const char *path)
{
    char *roots[] = {(char *)path, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    int64_t bytes = 0;
    const FTSENT *entry;
    while (tree && (entry = fts_read(tree)) != NULL)
        if (entry->fts_info == FTS_F)
            bytes += entry->fts_statp->st_size;
    if (tree)
        fts_close(tree);
    return bytes;
}

static void print_summary(const struct save_recording *rec, const ist_recorder_stats *stats, const char *path)
{
    if (cli_quiet())
        return;
    char size[CLI_NUMBER_SIZE];
    const int64_t dropped = sum_of_drops(stats->dropped);
    printf("%" PRId64 " frames kept, %" PRId64 " dropped, %" PRId64 " lost; %.3f s, %s in %s\n",
           stats->written - stats->removed, dropped, ist_source_lost(rec->source), rec->last_s - rec->first_s,
           cli_format_size(size, size_on_disk(path)), path);
    if (stats->removed > 0)
        printf("removed: %" PRId64 " older frames, as --keep asks\n", stats->removed);
    if (dropped > 0)
        printf("dropped: %" PRId64 " by the camera, %" PRId64 " on the bus, %" PRId64
               " by the queue; imgstore-info --drops says where\n",
               stats->dropped[IST_DROP_CAMERA], stats->dropped[IST_DROP_BUS], stats->dropped[IST_DROP_QUEUE]);
    ist_source_stats seen;
    if (ist_source_get_stats(rec->source, &seen))
        printf("the camera's stream: %" PRId64 " pictures came whole, %" PRId64 " not; %" PRId64
               " times no buffer was free\n",
               seen.completed, seen.incomplete, seen.underruns);
}

static const char *plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

static const char *are(int64_t count)
{
    return count == 1 ? "is" : "are";
}

/* Closes the store and says how it went. */
static int conclude(struct save_recording *rec, enum ending ending, const ist_error *broke, const char *path)
{
    ist_recorder_stats stats;
    ist_error error;
    const ist_status closed = ist_recorder_finish(&rec->recorder, &stats, &error);
    const int64_t kept = stats.written - stats.removed;
    say_news(rec, true);
    cli_progress_finish();

    if (closed < 0 && (ending == STORE_FAILED || stats.lost > 0))
        return cli_fail("%s; the %" PRId64 " frame%s before %s safe in %s", error.message, kept, plural(kept),
                        are(kept), path);
    if (closed < 0)
        return cli_fail("%s; %" PRId64 " frame%s %s safe in %s, which stays marked as unfinished", error.message, kept,
                        plural(kept), are(kept), path);
    if (ending == SOURCE_BROKE)
        return cli_fail("%s; %" PRId64 " frame%s %s sound and kept in %s", broke->message, kept, plural(kept),
                        are(kept), path);
    if (*rec->news.stopped)
        return cli_fail("%s; %" PRId64 " frame%s %s kept in %s", rec->news.stopped, kept, plural(kept), are(kept),
                        path);
    print_summary(rec, &stats, path);
    return CLI_SUCCESS;
}

int save_recording_run(struct save_recording *rec, ist_writer **writer, const char *path)
{
    const struct save_plan *plan = rec->plan;
    const ist_recorder_params params = {
        .queue_bytes = plan->queue_bytes,
        .gaps_are_drops = ist_source_get_info(rec->source)->live,
        .free_warn_bytes = plan->free_warn_bytes,
        .free_stop_bytes = plan->free_stop_bytes,
        .event = note_event,
        .context = &rec->news,
    };
    ist_error error;
    if (ist_recorder_start(&rec->recorder, writer, path, &params, &error) < 0)
        return cli_fail("%s", error.message);
    cli_progress_start("recording", expected_frames(rec));
    const enum ending ending = record(rec, &error);
    return conclude(rec, ending, &error, path);
}

void save_recording_close(struct save_recording **recording)
{
    struct save_recording *rec = *recording;
    if (!rec)
        return;
    ist_frame_free(&rec->frame);
    pthread_mutex_destroy(&rec->news.mutex);
    free(rec);
    *recording = NULL;
}
