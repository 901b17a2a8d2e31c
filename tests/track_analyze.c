/* A whole store: any number of threads gives the same rows in the same order; what is missing is said. */
#include <check.h>
#include <dirent.h>
#include <libstore/libstore.h>
#include <libtrack/libtrack.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "temporary.h"
#include "track_rows.h"

enum { WIDTH = 96, HEIGHT = 80, FRAMES = 40, CHUNK = 10, ROIS = 7 };

static char directory[TEMPORARY_SIZE];
static char store[128];

static const trk_roi rois[ROIS] = {{20, 20, 32, 32}, {0, 0, 16, 16},  {60, 40, 20, 24}, {30, 5, 40, 12},
                                   {48, 48, 9, 9},   {10, 40, 5, 31}, {32, 24, 33, 33}};

/* The built-in pattern, so that the frames have a known motion. */
static void record(int channels)
{
    char source_name[128];
    snprintf(source_name, sizeof source_name, "test:size=%dx%d,frames=%d,amplitude=4,noise=2,color=%d", WIDTH, HEIGHT,
             FRAMES, channels == 3);
    ist_error error = {0};
    ist_source *source;
    ist_writer *writer;
    ck_assert_msg(ist_source_open(&source, source_name, NULL, &error) >= 0, "%s", error.message);
    const ist_writer_params params = {
        .format = "npy", .width = WIDTH, .height = HEIGHT, .channels = channels, .chunksize = CHUNK};
    ck_assert_msg(ist_writer_create(&writer, store, &params, &error) >= 0, "%s", error.message);
    ist_frame frame = {0};
    while (ist_source_next(source, &frame, &error) == IST_OK) {
        frame.number += 1000;
        ck_assert_msg(ist_writer_add(writer, &frame, &error) >= 0, "%s", error.message);
    }
    ist_frame_free(&frame);
    ck_assert_msg(ist_writer_close(&writer, &error) >= 0, "%s", error.message);
    ist_source_close(&source);
}

static void remove_tree(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char inside[512];
        snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && unlink(inside) != 0)
            remove_tree(inside);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

static void make_directory(void)
{
    temporary_folder(directory, "track-analyze");
    snprintf(store, sizeof store, "%s/store", directory);
}

static void remove_directory(void)
{
    remove_tree(directory);
}

/* ---- */

struct rows {
    trk_row *rows;
    int frames;
    int stop_after; /* 0: never */
};

static bool keep_rows(void *context, const trk_row *new_rows, int row_count)
{
    struct rows *kept = context;
    ck_assert_int_eq(row_count, ROIS);
    ck_assert_int_lt(kept->frames, FRAMES);
    memcpy(kept->rows + kept->frames * ROIS, new_rows, ROIS * sizeof *new_rows);
    kept->frames++;
    return kept->frames != kept->stop_after;
}

static ist_reader *open_store(void)
{
    ist_error error;
    ist_reader *reader = NULL;
    ck_assert_msg(ist_reader_open(&reader, store, &error) >= 0, "%s", error.message);
    return reader;
}

static trk_tracker *make_tracker(ist_reader *reader, trk_params params)
{
    const ist_reader_info *info = ist_reader_get_info(reader);
    trk_tracker *tracker;
    ist_error error;
    ck_assert_msg(trk_tracker_create(&tracker, info->width, info->height, info->channels, info->type, rois, ROIS,
                                     &params, &error) >= 0,
                  "%s", error.message);
    ist_frame frame = {0};
    ck_assert_msg(ist_reader_read_index(reader, 0, &frame, &error) >= 0, "%s", error.message);
    ck_assert_msg(trk_tracker_set_template(tracker, &frame, &error) >= 0, "%s", error.message);
    ist_frame_free(&frame);
    return tracker;
}

static ist_status analyze(trk_params params, int64_t first, int64_t count, struct rows *kept)
{
    ist_reader *reader = open_store();
    trk_tracker *tracker = make_tracker(reader, params);
    memset(kept->rows, 0, FRAMES * ROIS * sizeof *kept->rows);
    kept->frames = 0;
    ist_error error;
    const ist_status status = trk_analyze(tracker, reader, first, count, keep_rows, kept, &error);
    trk_tracker_destroy(&tracker);
    ist_reader_close(&reader);
    return status;
}

static struct rows make_rows(void)
{
    struct rows rows = {.rows = calloc(FRAMES * ROIS, sizeof(trk_row))};
    ck_assert_ptr_nonnull(rows.rows);
    return rows;
}

START_TEST(threads_do_not_matter)
{
    const int channels = _i ? 3 : 1;
    record(channels);
    struct rows one = make_rows(), many = make_rows();
    ck_assert_int_eq(analyze((trk_params){.threads = 1, .max_movement_px = 8}, 0, FRAMES, &one), IST_OK);
    ck_assert_int_eq(one.frames, FRAMES);
    for (int i = 0; i < FRAMES * ROIS; i++) {
        ck_assert_int_eq(one.rows[i].frame_index, i / ROIS);
        ck_assert_int_eq(one.rows[i].frame_number, 1000 + i / ROIS);
        ck_assert_int_eq(one.rows[i].roi, i % ROIS);
    }
    // The pattern's circle: x = 4 sin p, y = 4 (1 - cos p), p = 2 pi i / 50.
    const double p = 2 * M_PI * 10 / 50;
    ck_assert_double_eq_tol(one.rows[10 * ROIS].x_px, 4 * sin(p), 0.05);
    ck_assert_double_eq_tol(one.rows[10 * ROIS].y_px, 4 * (1 - cos(p)), 0.05);
    const int threads[] = {2, 3, 8, 0};
    for (int i = 0; i < 4; i++) {
        const trk_params params = {.threads = threads[i], .max_movement_px = 8};
        ck_assert_int_eq(analyze(params, 0, FRAMES, &many), IST_OK);
        ck_assert_int_eq(many.frames, FRAMES);
        ck_assert(same_rows(one.rows, many.rows, FRAMES * ROIS));
    }
    free(one.rows);
    free(many.rows);
}
END_TEST

START_TEST(a_range)
{
    record(1);
    struct rows all = make_rows(), some = make_rows();
    ck_assert_int_eq(analyze((trk_params){.max_movement_px = 8}, 0, FRAMES, &all), IST_OK);
    ck_assert_int_eq(analyze((trk_params){.max_movement_px = 8}, 7, 9, &some), IST_OK);
    ck_assert_int_eq(some.frames, 9);
    ck_assert(same_rows(all.rows + 7 * ROIS, some.rows, 9 * ROIS));
    ck_assert_int_eq(analyze((trk_params){0}, 7, 0, &some), IST_OK);
    ck_assert_int_eq(some.frames, 0);
    ck_assert_int_eq(analyze((trk_params){0}, 0, FRAMES + 1, &some), IST_ERROR_NOT_FOUND);
    ck_assert_int_eq(analyze((trk_params){0}, -1, 2, &some), IST_ERROR_NOT_FOUND);
    ck_assert_int_eq(analyze((trk_params){0}, FRAMES, 1, &some), IST_ERROR_NOT_FOUND);
    ck_assert_int_eq(analyze((trk_params){0}, INT64_MAX, INT64_MAX, &some), IST_ERROR_NOT_FOUND);
    ck_assert_int_eq(some.frames, 0);
    free(all.rows);
    free(some.rows);
}
END_TEST

START_TEST(the_handler_stops)
{
    record(1);
    struct rows all = make_rows(), some = make_rows();
    ck_assert_int_eq(analyze((trk_params){.threads = 3}, 0, FRAMES, &all), IST_OK);
    for (some.stop_after = 1; some.stop_after <= FRAMES; some.stop_after += 13) {
        ck_assert_int_eq(analyze((trk_params){.threads = 3}, 0, FRAMES, &some), IST_END);
        ck_assert_int_eq(some.frames, some.stop_after);
        ck_assert(same_rows(all.rows, some.rows, (size_t)some.frames * ROIS));
    }
    free(all.rows);
    free(some.rows);
}
END_TEST

START_TEST(missing_frames)
{
    record(1);
    struct rows all = make_rows(), some = make_rows();
    ck_assert_int_eq(analyze((trk_params){.max_movement_px = 8}, 0, FRAMES, &all), IST_OK);
    char file[256];
    snprintf(file, sizeof file, "%s/000001/000003.npy", store);
    ck_assert_int_eq(unlink(file), 0);
    const int missing = CHUNK + 3;
    ck_assert_int_eq(analyze((trk_params){.max_movement_px = 8}, 0, FRAMES, &some), IST_OK);
    ck_assert_int_eq(some.frames, FRAMES);
    for (int i = 0; i < ROIS; i++) {
        const trk_row *row = &some.rows[missing * ROIS + i];
        ck_assert_int_eq(row->status, TRK_MISSING);
        ck_assert_int_eq(row->frame_index, missing);
        ck_assert_int_eq(row->frame_number, 1000 + missing);
        ck_assert(row->frame_time_s == all.rows[missing * ROIS].frame_time_s && row->roi == i);
        ck_assert(isnan(row->x_px) && isnan(row->y_px) && isnan(row->score));
    }
    const size_t before = (size_t)missing * ROIS, after = before + ROIS;
    ck_assert(same_rows(all.rows, some.rows, before));
    ck_assert(same_rows(all.rows + after, some.rows + after, FRAMES * ROIS - after));
    free(all.rows);
    free(some.rows);
}
END_TEST

/* ---- what is remembered from frame to frame ---- */

static const trk_params modes[] = {
    {.max_movement_px = 3, .renew_every = 1},
    {.max_movement_px = 2, .follow = true},
    {.max_movement_px = 2, .follow = true, .renew_every = 3},
    {.max_movement_px = 2, .follow = true, .renew_below = 0.99, .search_again_px = 6},
    {.max_movement_px = 8, .prepare = {.blur_sigma_px = 0.8}},
    {.max_movement_px = 8, .prepare = {.background = true}},
    {.max_movement_px = 8, .min_score = 0.1, .prepare = {.difference = true}},
    {.max_movement_px = 3, .renew_every = 1, .prepare = {.blur_sigma_px = 1, .background = true, .difference = true}},
    {.max_movement_px = 2, .follow = true, .renew_every = 3, .max_rotation_deg = 20},
    {.max_movement_px = 3, .renew_every = 1, .max_rotation_deg = 180},
};
enum { MODES = sizeof modes / sizeof *modes };

/* A tracker for the open store, with all that its mode needs. */
static trk_tracker *make_tracker_for(ist_reader *reader, trk_params params)
{
    const ist_reader_info *info = ist_reader_get_info(reader);
    trk_tracker *tracker;
    ck_assert_int_eq(
        trk_tracker_create(&tracker, info->width, info->height, info->channels, info->type, rois, ROIS, &params, NULL),
        IST_OK);
    if (params.prepare.background) {
        trk_still *still;
        ck_assert_int_eq(trk_still_read(&still, reader, 0, FRAMES, TRK_STILL_MEDIAN, NULL, NULL, NULL), IST_OK);
        ck_assert_int_eq(trk_tracker_set_background(tracker, still, NULL), IST_OK);
        trk_still_destroy(&still);
    }
    ist_frame before = {0}, frame = {0};
    ck_assert_int_eq(ist_reader_read_index(reader, 0, &before, NULL), IST_OK);
    ck_assert_int_eq(ist_reader_read_index(reader, 1, &frame, NULL), IST_OK);
    ck_assert_int_eq(params.prepare.difference ? trk_tracker_set_template_difference(tracker, &before, &frame, NULL)
                                               : trk_tracker_set_template(tracker, &frame, NULL),
                     IST_OK);
    ist_frame_free(&before);
    ist_frame_free(&frame);
    return tracker;
}

static void analyze_mode(trk_params params, int threads, int first, struct rows *kept)
{
    ist_reader *reader = open_store();
    params.threads = threads;
    trk_tracker *tracker = make_tracker_for(reader, params);
    kept->frames = 0;
    ck_assert_int_eq(trk_analyze(tracker, reader, first, FRAMES - first, keep_rows, kept, NULL), IST_OK);
    ck_assert_int_eq(kept->frames, FRAMES - first);
    trk_tracker_destroy(&tracker);
    ist_reader_close(&reader);
}

/* The same frame by frame, as a camera loop would. */
static void measure_one_by_one(trk_params params, struct rows *kept)
{
    ist_reader *reader = open_store();
    trk_tracker *tracker = make_tracker_for(reader, params);
    trk_sequence *sequence;
    ck_assert_int_eq(trk_sequence_create(&sequence, tracker, NULL), IST_OK);
    ist_frame frame = {0};
    for (int i = 0; i < FRAMES; i++) {
        ck_assert_int_eq(ist_reader_read_index(reader, i, &frame, NULL), IST_OK);
        ck_assert_int_eq(trk_tracker_measure(tracker, sequence, &frame, kept->rows + i * ROIS, NULL), IST_OK);
    }
    ist_frame_free(&frame);
    trk_tracker_destroy(&tracker);
    trk_sequence_destroy(&sequence);
    ist_reader_close(&reader);
}

START_TEST(threads_do_not_matter_in_any_mode)
{
    record(_i % 2 ? 3 : 1);
    struct rows one = make_rows(), many = make_rows();
    analyze_mode(modes[_i], 1, 0, &one);
    int measured = 0;
    for (int i = 0; i < FRAMES * ROIS; i++)
        measured += one.rows[i].status == TRK_MEASURED;
    ck_assert_int_gt(measured, FRAMES * ROIS / 4);
    for (int threads = 2; threads <= 5; threads += 3) {
        analyze_mode(modes[_i], threads, 0, &many);
        ck_assert(same_rows(one.rows, many.rows, FRAMES * ROIS));
    }
    measure_one_by_one(modes[_i], &many);
    ck_assert(same_rows(one.rows, many.rows, FRAMES * ROIS));
    free(one.rows);
    free(many.rows);
}
END_TEST

START_TEST(missing_frames_in_any_mode)
{
    record(1);
    char file[256];
    snprintf(file, sizeof file, "%s/000001/000003.npy", store);
    ck_assert_int_eq(unlink(file), 0);
    const int missing = CHUNK + 3;
    struct rows one = make_rows(), many = make_rows();
    analyze_mode(modes[_i], 1, 0, &one);
    analyze_mode(modes[_i], 4, 0, &many);
    ck_assert(same_rows(one.rows, many.rows, FRAMES * ROIS));
    const bool difference = modes[_i].prepare.difference;
    for (int i = 0; i < FRAMES; i++) {
        const bool is_missing = i == missing || (difference && (i == 0 || i == missing + 1));
        for (int roi = 0; roi < ROIS; roi++)
            ck_assert_int_eq(one.rows[i * ROIS + roi].status == TRK_MISSING, is_missing);
    }
    // The sum goes on across the gap: the first ROI is never lost in these modes. The pattern moves too little for its
    // median to be a background, which pulls at it.
    if (!difference && !modes[_i].prepare.background) {
        const double p = 2 * M_PI * 30 / 50, q = 2 * M_PI / 50;
        const trk_row *row = &one.rows[30 * ROIS];
        ck_assert_double_eq_tol(row->x_px, 4 * sin(p) - 4 * sin(q), 0.15);
        ck_assert_double_eq_tol(row->y_px, 4 * cos(q) - 4 * cos(p), 0.15);
    }
    free(one.rows);
    free(many.rows);
}
END_TEST

START_TEST(a_difference_looks_before_the_range)
{
    record(1);
    struct rows all = make_rows(), some = make_rows();
    analyze_mode(modes[6], 2, 0, &all);
    analyze_mode(modes[6], 3, 7, &some);
    ck_assert(same_rows(all.rows + 7 * ROIS, some.rows, (FRAMES - 7) * ROIS));
    free(all.rows);
    free(some.rows);
}
END_TEST

struct progress {
    int64_t done, total, stop_at;
};

static bool note_progress(void *context, int64_t done, int64_t total)
{
    struct progress *progress = context;
    ck_assert_int_eq(done, progress->done + 1);
    *progress = (struct progress){done, total, progress->stop_at};
    return done != progress->stop_at;
}

START_TEST(stills_of_a_store)
{
    record(1);
    char file[256];
    snprintf(file, sizeof file, "%s/000001/000003.npy", store);
    ck_assert_int_eq(unlink(file), 0);
    ist_reader *reader = open_store();
    trk_still *still;
    ist_error error;
    struct progress progress = {0};
    ck_assert_int_eq(trk_still_read(&still, reader, 5, 20, TRK_STILL_MEDIAN, note_progress, &progress, NULL), IST_OK);
    ck_assert(progress.done == 40 && progress.total == 40);
    ck_assert_int_eq(trk_still_frame_count(still), 19);
    trk_still_destroy(&still);
    progress = (struct progress){.stop_at = 12};
    ck_assert_int_eq(trk_still_read(&still, reader, 5, 20, TRK_STILL_MEAN, note_progress, &progress, NULL), IST_END);
    ck_assert_ptr_null(still);
    ck_assert_int_eq(progress.done, 12);
    ck_assert_int_eq(trk_still_read(&still, reader, 30, 11, TRK_STILL_MEAN, NULL, NULL, &error), IST_ERROR_NOT_FOUND);
    ck_assert_int_eq(trk_still_read(&still, reader, CHUNK + 3, 1, TRK_STILL_MEAN, NULL, NULL, &error), IST_ERROR_DATA);
    ck_assert_ptr_null(still);
    ist_reader_close(&reader);
}
END_TEST

START_TEST(without_a_template)
{
    record(1);
    ist_reader *reader = open_store();
    trk_tracker *tracker;
    struct rows none = make_rows();
    ist_error error;
    ck_assert_int_eq(trk_tracker_create(&tracker, WIDTH, HEIGHT, 1, IST_PIXEL_U8, rois, ROIS, NULL, NULL), IST_OK);
    ck_assert_int_eq(trk_analyze(tracker, reader, 0, 1, keep_rows, &none, &error), IST_ERROR_STATE);
    ck_assert_ptr_nonnull(strstr(error.message, "template"));
    trk_tracker_destroy(&tracker);
    ist_reader_close(&reader);
    free(none.rows);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("track_analyze");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, make_directory, remove_directory);
    tcase_add_loop_test(tests, threads_do_not_matter, 0, 2);
    tcase_add_test(tests, a_range);
    tcase_add_test(tests, the_handler_stops);
    tcase_add_test(tests, missing_frames);
    tcase_add_loop_test(tests, threads_do_not_matter_in_any_mode, 0, MODES);
    tcase_add_loop_test(tests, missing_frames_in_any_mode, 0, MODES);
    tcase_add_test(tests, a_difference_looks_before_the_range);
    tcase_add_test(tests, stills_of_a_store);
    tcase_add_test(tests, without_a_template);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
