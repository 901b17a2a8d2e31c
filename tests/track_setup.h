/* A tracker and a sequence for one ROI with its template. */
#ifndef TRACK_SETUP_H
#define TRACK_SETUP_H

#include <check.h>
#include <libtrack/libtrack.h>

struct setup {
    trk_tracker *tracker;
    trk_sequence *sequence;
};

static inline struct setup set_up_roi(const ist_frame *reference, const trk_roi *roi, trk_params params)
{
    struct setup setup;
    ist_error error;
    ck_assert_msg(trk_tracker_create(&setup.tracker, reference->width, reference->height, reference->channels,
                                     reference->type, roi, 1, &params, &error) == IST_OK,
                  "%s", error.message);
    ck_assert_int_eq(trk_tracker_set_template(setup.tracker, reference, NULL), IST_OK);
    ck_assert_int_eq(trk_sequence_create(&setup.sequence, setup.tracker, NULL), IST_OK);
    return setup;
}

static inline trk_row measure(const struct setup *setup, const ist_frame *frame)
{
    trk_row row;
    ck_assert_int_eq(trk_tracker_measure(setup->tracker, setup->sequence, frame, &row, NULL), IST_OK);
    return row;
}

static inline void tear_down(struct setup *setup)
{
    trk_sequence_destroy(&setup->sequence);
    trk_tracker_destroy(&setup->tracker);
}

#endif
