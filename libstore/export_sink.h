/* What frames are exported into: one kind of file each. */
#ifndef EXPORT_SINK_H
#define EXPORT_SINK_H

#include <libstore/export.h>
#include <stdbool.h>

struct export_sink;

/* What is known before the first frame. */
struct export_plan {
    const char *path; /* the final name, for messages */
    const char *part; /* to be written; a file is there, empty, or the directory */
    const ist_export_params *params;
    ist_reader *reader;  /* of the frames */
    int64_t frame_count; /* frames that meet the conditions; some may turn out to be missing */
    int64_t index_max;   /* no index of theirs is larger */
    double mean_rate;    /* frames per second, by the first and last time; 0: the times do not tell */
    double longest_s;    /* from one frame to the next */
};

struct export_sink_calls {
    /* Begins, knowing the first frame; the sink keeps pointers into the plan. */
    ist_status (*open)(struct export_sink **sink, const struct export_plan *plan, const ist_frame *first,
                       ist_error *error);

    /* Adds a frame, of the shape and type of the first unless the kind takes any. */
    ist_status (*add)(struct export_sink *sink, const ist_frame *frame, ist_error *error);

    /* Ends the file, and adds to the report what only the sink knows. It is brought to the disk by the caller. */
    ist_status (*finish)(struct export_sink *sink, ist_export_report *report, ist_error *error);

    /* Takes a NULL sink. */
    void (*close)(struct export_sink **sink);
};

extern const struct export_sink_calls export_npy, export_tiff, export_video, export_folder, export_store,
    export_timecodes;

/* Name of the store in the directory that becomes it. */
extern const char export_store_name[];

/* True for the name of a picture in an exported directory, "000012.png". */
bool export_folder_owns(const char *name);

/* True for what params.images may be. */
bool export_folder_knows(const char *extension);

#endif
