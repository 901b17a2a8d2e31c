/* The recording of imgstore-save: from a source through the queue into a store, with what there is to say about it. */
#ifndef SAVE_RECORDING_H
#define SAVE_RECORDING_H

#include <libstore/libstore.h>

#include "cli.h"

/* When to begin and to end, and what to do when the disk or the encoder does not keep up. */
struct save_plan {
    int64_t frames;       /* end after so many; 0: no limit */
    double duration_s;    /* end when so much time has passed in the source; 0: no limit */
    double until_s;       /* end at this time, since 1970; 0: no limit */
    double start_s;       /* begin at this time, since 1970; 0: at once */
    bool start_on_signal; /* begin when SIGUSR1 comes */
    bool block;           /* a live source waits while the queue is full, instead of dropping frames */
    int64_t queue_bytes;  /* 0: the library's own, as the next two */
    int64_t free_warn_bytes;
    int64_t free_stop_bytes;
};

struct save_recording;

/*
 * Reads until there is a frame to begin with, which *first then is; it stays valid until the next call. Returns
 * CLI_GO_ON, or says why there is none and returns an exit code.
 */
int save_recording_open(struct save_recording **recording, ist_source *source, const char *source_name,
                        const struct save_plan *plan, const ist_frame **first);

/*
 * Records into `writer`, the new store at `path`, which it takes over and closes: the first frame, and all that come,
 * until the source or the plan ends. Prints the summary and returns the exit code.
 */
int save_recording_run(struct save_recording *recording, ist_writer **writer, const char *path);

void save_recording_close(struct save_recording **recording);

#endif
