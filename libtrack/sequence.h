/*
 * What is known of ROIs from the frames before: where they are, and with which templates they are found.
 *
 * Each ROI stands for itself: threads may share the ROIs of a frame, as long as each ROI sees the frames in order.
 */
#ifndef SEQUENCE_H
#define SEQUENCE_H

#include "sum_error.h"
#include "tracker.h"

/* One followed ROI, or one whose template is renewed. */
struct feature {
    const trk_roi *home;              // the ROI as it was given
    int x, y;                         // where it is: the ROI's first column and row
    int cut_x, cut_y;                 // where its template was cut
    double base_x, base_y;            // its motion by then
    struct covariance base_error;     // and that of its error
    struct overlap overlap;           // of the template and the match before it
    double beside_x, beside_y;        // from that place to the feature's own, then; 0 unless it is followed
    double base_angle_deg;            // its angle by then
    double last_x, last_y, angle_deg; // its motion and angle when it was last measured, whole turns included
    int age;                          // frames since its template was cut
    int renewals;                     // 0: the template is the tracker's, else its own, which is:
    struct matcher matcher, wide;
    struct refiner refiner;
    struct rotator rotator; // in place of these where rotation is measured
    struct rotator spare;   // for the next template
    bool wide_is_old;       // wide still has an earlier template
    bool is_lost;
    int lost_for; // frames since it was last measured
    int gaps;
};

/*
 * Makes the features of all ROIs, with room for their own templates where they are renewed. *features becomes NULL if
 * the tracker remembers nothing. features_destroy() releases them.
 */
ist_status features_create(struct feature **features, const trk_tracker *tracker, ist_error *error);
void features_destroy(struct feature **features, int count);

/* Puts all back to where the tracker's templates were cut. */
void features_restart(struct feature *features, const trk_tracker *tracker);

/* The row of a ROI that was not measured: TRK_MISSING, without numbers. features may be NULL here and below. */
trk_row blank_row(const ist_frame *frame, const struct feature *features, int roi);

/* Measures a ROI, and fills in its blank row. */
void measure_roi(const trk_tracker *tracker, struct scratch *scratch, struct feature *features,
                 const struct plane *plane, int roi, trk_row *row);

/*
 * The angle at which each ROI was last seen, in degrees, in which whole turns count; all 0 to begin with. *turns
 * becomes NULL where there are no whole turns: with a limit, or without rotation. free() releases it.
 */
ist_status turns_create(double **turns, const trk_tracker *tracker, ist_error *error);

/* Makes the angles of a frame's rows go on from the last ones, and remembers them. Frames in order. */
void unwrap_rotations(double *turns, trk_row *rows, int row_count);

#endif
