// The pages of a TIFF stack.

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "error.h"
#include "source_kind.h"
#include "tiff_pages.h"

struct state {
    struct tiff_pages *pages;
    int64_t page; // that the cursor stands on
    bool started;
    double rate;
};

static bool accept_tiff(const char *location)
{
    const char *dot = strrchr(location, '.');
    return dot && !strstr(location, "://") && (strcasecmp(dot, ".tif") == 0 || strcasecmp(dot, ".tiff") == 0);
}

static ist_status open_tiff(ist_source *source, const char *location, const ist_source_params *params, ist_error *error)
{
    struct state *state = calloc(1, sizeof *state);
    if (!state)
        return error_memory(error);
    source->state = state;
    ist_status status = source_rate_option(params->options, &state->rate, error);
    if (status >= 0)
        status = tiff_pages_open_file(&state->pages, location, error);
    source->info.frame_rate = state->rate;
    return status;
}

static ist_status next_tiff(ist_source *source, ist_frame *frame, ist_error *error)
{
    struct state *state = source->state;
    for (;;) {
        if (state->started) {
            const ist_status moved = tiff_pages_advance(state->pages, error);
            if (moved < 0)
                return error_prefix(error, moved, "%s: breaks off after %" PRId64 " pages", source->location,
                                    state->page + 1);
            if (moved == IST_END)
                return IST_END;
            state->page++;
        }
        state->started = true;
        const ist_status status = tiff_pages_read(state->pages, frame, error);
        if (status == IST_ERROR_DATA) {
            error_prefix(error, status, "%s: page %" PRId64, source->location, state->page);
            source_lose(source, error);
            continue;
        }
        // A damaged page leaves its gap in time.
        frame->time_s = (double)state->page / state->rate;
        return status < 0 ? error_prefix(error, status, "%s: page %" PRId64, source->location, state->page) : IST_OK;
    }
}

static void close_tiff(ist_source *source)
{
    struct state *state = source->state;
    if (!state)
        return;
    tiff_pages_close(&state->pages);
    free(state);
}

const struct source_kind source_tiff = {
    .name = "tiff",
    .accepts = accept_tiff,
    .open = open_tiff,
    .next = next_tiff,
    .close = close_tiff,
};
