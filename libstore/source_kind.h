/* A kind of source: one entry in the table of source.c, one file of its own. */
#ifndef SOURCE_KIND_H
#define SOURCE_KIND_H

#include <libstore/source.h>
#include <stdatomic.h>

struct source_kind {
    const char *name; /* as in ist_source_info.kind */

    /* True if this kind is the one for the location. The table is asked from top to bottom. */
    bool (*accepts)(const char *location);

    /*
     * Opens `location` and keeps what it needs in source->state. Sets frame_rate, frame_count and creation_time_s of
     * source->info where they are known. Shape and type may stay zero: then they are those of the first frame.
     * After a failure close() is called too.
     */
    ist_status (*open)(ist_source *source, const char *location, const ist_source_params *params, ist_error *error);

    /* Delivers pixels and time_s. Colour may be delivered where gray was asked for. */
    ist_status (*next)(ist_source *source, ist_frame *frame, ist_error *error);

    /* See ist_source_extra(). NULL: this kind has nothing to say. */
    const char *(*extra)(const ist_source *source);

    /* See ist_source_get_stats(). NULL: this kind counts nothing. */
    bool (*stats)(const ist_source *source, ist_source_stats *stats);

    /* Frees source->state, which may be NULL or half made. */
    void (*close)(ist_source *source);
};

struct ist_source {
    const struct source_kind *kind;
    ist_source_info info;
    char *location;     /* as the caller named it, for messages */
    const char *detail; /* which file of a folder was delivered last; NULL: only the location has a name */
    void *state;        /* the kind's own */
    bool gray;          /* the caller wants one channel */
    bool numbers;       /* the kind sets frame->number, too: the device's own count */
    bool ended;         /* nothing more comes, whether it was the end or a failure */
    bool has_first;     /* `first` waits to be delivered */
    ist_frame first;
    int64_t delivered;
    int64_t lost;
    ist_error lost_reason; /* of the last one */
    ist_drop *drops;       /* not given yet */
    int drop_count;
    atomic_bool interrupted;
};

extern const struct source_kind source_test;
extern const struct source_kind source_v4l2;
extern const struct source_kind source_aravis;
extern const struct source_kind source_folder;
extern const struct source_kind source_tiff;
extern const struct source_kind source_ffmpeg;

/* Append the cameras that there are. */
ist_status source_v4l2_list(ist_camera **cameras, int *count, ist_error *error);
ist_status source_aravis_list(ist_camera **cameras, int *count, ist_error *error);

/* Appends a camera of zeros; NULL: no memory. */
ist_camera *camera_list_append(ist_camera **cameras, int *count, ist_error *error);

/* Keeps a drop for ist_source_next_drop(). */
void source_note_drop(ist_source *source, const ist_drop *drop);

/* Counts a frame that is there but cannot be decoded, for the reason in `error`, which may be NULL. */
void source_lose(ist_source *source, const ist_error *error);

static inline bool source_is_interrupted(const ist_source *source)
{
    return atomic_load_explicit(&source->interrupted, memory_order_relaxed);
}

/* One KEY=VALUE of a list. */
struct source_option {
    char key[64];
    char value[96];
};

/*
 * Takes the next option from *text, where `separator` stands between two. IST_END: there are no more.
 * IST_ERROR_ARGUMENT: not of the form KEY=VALUE.
 */
ist_status source_next_option(const char **text, char separator, struct source_option *option, ist_error *error);

/* The value as a number from `low` to `high`. IST_ERROR_ARGUMENT names the key and the range. */
ist_status source_option_number(const struct source_option *option, double low, double high, double *number,
                                ist_error *error);
ist_status source_option_integer(const struct source_option *option, int64_t low, int64_t high, int64_t *number,
                                 ist_error *error);

/* The value as WIDTHxHEIGHT, each 1 to 65535. */
ist_status source_option_size(const struct source_option *option, int *width, int *height, ist_error *error);

/* Reads the options of images without times: "rate=HZ" or "framerate=HZ". */
ist_status source_rate_option(const char *options, double *rate, ist_error *error);

#endif
