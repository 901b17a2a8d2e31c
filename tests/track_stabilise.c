/* What was moved is moved back: one picture, and a recording with all that belongs to it. */
#include <check.h>
#include <jansson.h>
#include <libstore/libstore.h>
#include <libtrack/libtrack.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs.h"
#include "temporary.h"
#include "track_texture.h"

enum { WIDTH = 90, HEIGHT = 70, BORDER = 4 };

static ist_frame make_frame(int width, int height, int channels, ist_pixel_type type)
{
    ist_frame frame = {0};
    ck_assert_int_eq(ist_frame_alloc(&frame, width, height, channels, type, NULL), IST_OK);
    return frame;
}

static int sample(const ist_frame *frame, int x, int y, int channel)
{
    const uint8_t *at =
        frame->data + y * frame->stride + (size_t)(x * frame->channels + channel) * ist_pixel_size(frame->type);
    uint16_t deep;
    memcpy(&deep, at, frame->type == IST_PIXEL_U16 ? 2 : 1);
    return frame->type == IST_PIXEL_U16 ? deep : *at;
}

static ist_frame warp_back(const ist_frame *from, trk_motion motion, trk_border border, const trk_roi *part)
{
    trk_warp *warp;
    ist_frame to = {0};
    ist_error error;
    ck_assert_int_eq(trk_warp_create(&warp, &error), IST_OK);
    ck_assert_msg(trk_warp_back(warp, from, &motion, border, part, &to, &error) == IST_OK, "%s", error.message);
    trk_warp_destroy(&warp);
    ck_assert_ptr_null(warp);
    return to;
}

/* ---- one picture ---- */

static int clamp(int value, int last)
{
    return value < 0 ? 0 : value > last ? last : value;
}

static void fill_with_noise(ist_frame *frame, struct random *random)
{
    for (int y = 0; y < frame->height; y++)
        for (int i = 0; i < frame->width * frame->channels * (int)ist_pixel_size(frame->type); i++)
            frame->data[y * frame->stride + i] = (uint8_t)random_bits(random);
}

/* Whole pixels are moved exactly, the border's are repeated or black; of every kind of picture. */
START_TEST(whole_pixels)
{
    struct random random = {random_seed() + (uint64_t)_i};
    const int channels = _i & 1 ? 3 : 1;
    const trk_border border = _i & 2 ? TRK_BORDER_BLACK : TRK_BORDER_REPEAT;
    const ist_pixel_type type = _i & 4 ? IST_PIXEL_U16 : IST_PIXEL_U8;
    ist_frame frame = make_frame(31, 23, channels, type);
    fill_with_noise(&frame, &random);
    frame.index = 3;
    frame.number = 77;
    frame.time_s = 1.5;
    const trk_roi part = {2, 1, 25, 20};
    for (int round = 0; round < 20; round++) {
        const int dx = (int)(random_bits(&random) % 81) - 40, dy = (int)(random_bits(&random) % 21) - 10;
        ist_frame back = warp_back(&frame, (trk_motion){dx, dy, 0}, border, &part);
        ck_assert_int_eq(back.width, part.width);
        ck_assert_int_eq(back.height, part.height);
        ck_assert(back.index == 3 && back.number == 77 && back.time_s == 1.5 && back.type == type);
        for (int y = 0; y < part.height; y++)
            for (int x = 0; x < part.width; x++)
                for (int c = 0; c < channels; c++) {
                    const int from_x = part.x + x + dx, from_y = part.y + y + dy;
                    const bool outside = from_x < 0 || from_x >= 31 || from_y < 0 || from_y >= 23;
                    const int wanted = outside && border == TRK_BORDER_BLACK
                                           ? 0
                                           : sample(&frame, clamp(from_x, 30), clamp(from_y, 22), c);
                    ck_assert_int_eq(sample(&back, x, y, c), wanted);
                }
        ist_frame_free(&back);
    }
    ist_frame_free(&frame);
}
END_TEST

/* Where the point x, y of the reference is after a motion. */
static void move(const trk_motion *motion, double x, double y, double *to_x, double *to_y)
{
    const double angle = motion->turn_deg * M_PI / 180;
    *to_x = motion->x_px + x * cos(angle) - y * sin(angle);
    *to_y = motion->y_px + x * sin(angle) + y * cos(angle);
}

/* Draws a texture that has moved: what is at x, y now was there before it was shifted, and before that turned. */
static void draw_moved(const struct texture *texture, const trk_motion *motion, ist_frame *frame)
{
    const double angle = motion->turn_deg * M_PI / 180;
    for (int y = 0; y < frame->height; y++)
        for (int x = 0; x < frame->width; x++) {
            const double dx = x - motion->x_px, dy = y - motion->y_px;
            const double value =
                texture_at(texture, dx * cos(angle) + dy * sin(angle), dy * cos(angle) - dx * sin(angle), NULL, NULL);
            frame->data[y * frame->stride + x] = (uint8_t)fmin(255, fmax(0, floor(value + 0.5)));
        }
}

/*
 * A drawn motion taken back gives the picture as it was, where that was in view and not next to the border. Both are
 * rounded to whole levels, the moved one twice: that alone is an RMS difference of up to sqrt(3 / 12) levels.
 */
START_TEST(drawn_motions)
{
    struct random random = {random_seed() + (uint64_t)_i};
    const struct texture texture = texture_make(&random, 7, 40, 128, 30);
    const trk_motion still = {0, 0, 0}, motion = {8 * random_uniform(&random) - 4, 8 * random_uniform(&random) - 4,
                                                  _i % 2 ? 20 * random_uniform(&random) - 10 : 0};
    ist_frame reference = make_frame(WIDTH, HEIGHT, 1, IST_PIXEL_U8),
              moved = make_frame(WIDTH, HEIGHT, 1, IST_PIXEL_U8);
    draw_moved(&texture, &still, &reference);
    draw_moved(&texture, &motion, &moved);
    ist_frame back = warp_back(&moved, motion, TRK_BORDER_REPEAT, NULL);
    double squares = 0, largest = 0;
    int count = 0;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            double from_x, from_y;
            move(&motion, x, y, &from_x, &from_y);
            if (from_x < BORDER || from_y < BORDER || from_x > WIDTH - 1 - BORDER || from_y > HEIGHT - 1 - BORDER)
                continue;
            const double d = sample(&reference, x, y, 0) - sample(&back, x, y, 0);
            squares += d * d;
            largest = fmax(largest, fabs(d));
            count++;
        }
    ck_assert_int_gt(count, WIDTH * HEIGHT / 2);
    ck_assert_double_lt(sqrt(squares / count), 0.55);
    ck_assert_double_le(largest, 2);
    ist_frame_free(&reference);
    ist_frame_free(&moved);
    ist_frame_free(&back);
}
END_TEST

START_TEST(what_cannot_be_taken_back)
{
    trk_warp *warp;
    ist_frame frame = make_frame(20, 10, 1, IST_PIXEL_U8), to = {0};
    ist_error error;
    ck_assert_int_eq(trk_warp_create(&warp, &error), IST_OK);
    const trk_motion unknown = {(double)NAN, 0, 0}, known = {0, 0, 0};
    ck_assert_int_eq(trk_warp_back(warp, &frame, &unknown, TRK_BORDER_REPEAT, NULL, &to, &error), IST_ERROR_ARGUMENT);
    const trk_roi outside = {1, 0, 20, 10};
    ck_assert_int_eq(trk_warp_back(warp, &frame, &known, TRK_BORDER_REPEAT, &outside, &to, &error), IST_ERROR_ARGUMENT);
    ck_assert_ptr_null(to.data);
    trk_warp_destroy(&warp);
    ist_frame_free(&frame);
}
END_TEST

/* ---- from ROIs to a motion ---- */

enum { ROIS = 5 };
static const trk_roi rois[ROIS] = {{0, 0, 10, 12}, {60, 5, 9, 9}, {20, 40, 16, 16}, {70, 50, 12, 8}, {35, 20, 6, 6}};

/* The rows of a picture that moved as a whole. */
static void draw_rows(trk_row *rows, const trk_motion *motion)
{
    for (int i = 0; i < ROIS; i++) {
        const double x = rois[i].x + (rois[i].width - 1) / 2.0, y = rois[i].y + (rois[i].height - 1) / 2.0;
        rows[i] = (trk_row){.roi = i, .rotation_deg = (double)NAN};
        move(motion, x, y, &rows[i].x_px, &rows[i].y_px);
        rows[i].x_px -= x;
        rows[i].y_px -= y;
    }
}

static void lose(trk_row *row)
{
    row->x_px = row->y_px = (double)NAN;
    row->status = TRK_LOST;
}

START_TEST(rows_make_a_motion)
{
    struct random random = {random_seed()};
    for (int round = 0; round < 200; round++) {
        const bool turn = round % 2;
        trk_motion motion = {20 * random_uniform(&random) - 10, 20 * random_uniform(&random) - 10,
                             turn ? 360 * random_uniform(&random) - 180 : 0};
        trk_row rows[ROIS];
        draw_rows(rows, &motion);
        lose(&rows[random_bits(&random) % ROIS]);
        trk_row *at_edge = &rows[random_bits(&random) % ROIS];
        at_edge->x_px += 5;
        at_edge->status = TRK_EDGE;
        trk_motion found;
        ck_assert(trk_motion_of_rows(&found, rois, rows, ROIS, turn));
        ck_assert_double_eq_tol(found.x_px, motion.x_px, 1e-9);
        ck_assert_double_eq_tol(found.y_px, motion.y_px, 1e-9);
        ck_assert_double_eq_tol(found.turn_deg, motion.turn_deg, 1e-9);
    }
}
END_TEST

/* One ROI will do if it knows its own turn; more agree, and whole turns count. */
START_TEST(rows_that_turn_themselves)
{
    struct random random = {random_seed()};
    for (int round = 0; round < 200; round++) {
        const trk_motion motion = {20 * random_uniform(&random) - 10, 20 * random_uniform(&random) - 10,
                                   2000 * random_uniform(&random) - 1000};
        trk_row rows[ROIS];
        trk_motion found;
        draw_rows(rows, &motion);
        for (int i = 0; i < ROIS; i++)
            rows[i].rotation_deg = motion.turn_deg;
        const int count = round % ROIS + 1;
        ck_assert(trk_motion_of_rows(&found, rois, rows, count, true));
        ck_assert_double_eq_tol(found.x_px, motion.x_px, 1e-9);
        ck_assert_double_eq_tol(found.y_px, motion.y_px, 1e-9);
        ck_assert_double_eq_tol(found.turn_deg, motion.turn_deg, 1e-9);
    }
}
END_TEST

/* Small discs far apart say less of a turn than their places do. */
START_TEST(turns_are_weighed)
{
    const trk_roi far[] = {{0, 0, 20, 20}, {100, 0, 20, 20}};
    // Their middles turn by 0 degrees, they themselves by 3: middles 50 px from their own middle, discs of radius 10.
    const trk_row rows[] = {{.rotation_deg = 3}, {.rotation_deg = 3}};
    trk_motion found;
    ck_assert(trk_motion_of_rows(&found, far, rows, 2, true));
    ck_assert_double_eq_tol(found.turn_deg, 3 * 50.0 / (2500 + 50), 1e-4);
}
END_TEST

START_TEST(too_few_rows)
{
    trk_motion motion = {1, 2, 0}, found = {7, 8, 9};
    trk_row rows[ROIS];
    draw_rows(rows, &motion);
    for (int i = 1; i < ROIS; i++)
        lose(&rows[i]);
    ck_assert(!trk_motion_of_rows(&found, rois, rows, ROIS, true));
    ck_assert(found.x_px == 7 && found.turn_deg == 9);
    ck_assert(trk_motion_of_rows(&found, rois, rows, ROIS, false));
    lose(&rows[0]);
    ck_assert(!trk_motion_of_rows(&found, rois, rows, ROIS, false));
    ck_assert_double_eq_tol(found.y_px, 2, 1e-12);
}
END_TEST

/* ---- a recording ---- */

enum { FRAMES = 30, CHUNK = 8, BLACK_FRAME = 11, MISSING_FRAME = 19 };

static char folder[TEMPORARY_SIZE], store[96], output[96];

static void setup(void)
{
    temporary_folder(folder, "track-stabilise");
    snprintf(store, sizeof store, "%s/store", folder);
    snprintf(output, sizeof output, "%s/stable", folder);
}

static void teardown(void)
{
    fs_remove_tree(folder);
}

/* The built-in pattern on a circle of 4 px; one frame is black. */
static void record(void)
{
    ist_error error;
    ist_source *source;
    ist_writer *writer;
    ck_assert_int_eq(ist_source_open(&source, "test:size=120x96,frames=30,amplitude=4,period=30", NULL, &error),
                     IST_OK);
    const ist_writer_params params = {
        .format = "npy", .width = 120, .height = 96, .chunksize = CHUNK, .metadata_json = "{\"name\": \"Zo\\u00eb\"}"};
    ck_assert_int_eq(ist_writer_create(&writer, store, &params, &error), IST_OK);
    ist_frame frame = {0};
    for (int i = 0; ist_source_next(source, &frame, &error) == IST_OK; i++) {
        frame.number = 1000 + 2 * i;
        if (i == BLACK_FRAME)
            memset(frame.data, 0, 120 * 96);
        ck_assert_int_eq(ist_writer_add(writer, &frame, &error), IST_OK);
        ck_assert_int_eq(ist_writer_add_extra(writer, ist_source_extra(source), &error), IST_OK);
    }
    ist_frame_free(&frame);
    ck_assert_int_eq(ist_writer_close(&writer, &error), IST_OK);
    ist_source_close(&source);
}

static ist_reader *open_store(const char *path)
{
    ist_error error;
    ist_reader *reader;
    ck_assert_msg(ist_reader_open(&reader, path, &error) == IST_OK, "%s", error.message);
    return reader;
}

static trk_tracker *make_tracker_with(ist_reader *reader, const trk_roi *places, int count, trk_params params)
{
    const ist_reader_info *info = ist_reader_get_info(reader);
    trk_tracker *tracker;
    ist_frame frame = {0};
    ck_assert_int_eq(trk_tracker_create(&tracker, info->width, info->height, info->channels, info->type, places, count,
                                        &params, NULL),
                     IST_OK);
    ck_assert_int_eq(ist_reader_read_index(reader, 0, &frame, NULL), IST_OK);
    ck_assert_int_eq(trk_tracker_set_template(tracker, &frame, NULL), IST_OK);
    ist_frame_free(&frame);
    return tracker;
}

static trk_tracker *make_tracker(ist_reader *reader, const trk_roi *places, int count)
{
    return make_tracker_with(reader, places, count, (trk_params){.max_movement_px = 12});
}

static const trk_roi middle = {24, 20, 72, 56};
static const ist_writer_params as_before;

/* Measures the frames first..end-1 of the store and writes them, stabilised. */
static ist_status stabilise_frames(int first, int end, const char *path, const trk_stabilise_params *params,
                                   const ist_export_params *output_params, trk_stabilise_report *report,
                                   ist_error *error)
{
    ist_reader *reader = open_store(store);
    trk_tracker *tracker = make_tracker(reader, &middle, 1);
    trk_stabiliser *stabiliser;
    ist_status status = trk_stabiliser_create(&stabiliser, 120, 96, &middle, 1, params, error);
    ck_assert_int_eq(status, IST_OK);
    ck_assert_int_eq(trk_analyze(tracker, reader, first, end - first, trk_stabiliser_add, stabiliser, error), IST_OK);
    const trk_roi part = trk_stabiliser_part(stabiliser);
    status = trk_stabiliser_write(stabiliser, reader, path, output_params, report, error);
    if (status == IST_OK && report)
        ck_assert_mem_eq(&part, &report->part, sizeof part);
    trk_stabiliser_destroy(&stabiliser);
    ck_assert_ptr_null(stabiliser);
    trk_tracker_destroy(&tracker);
    ist_reader_close(&reader);
    return status;
}

static ist_status stabilise(const trk_stabilise_params *params, trk_stabilise_report *report, ist_error *error)
{
    const ist_export_params into_store = {.store = &as_before};
    return stabilise_frames(0, FRAMES, output, params, &into_store, report, error);
}

struct residual {
    double squares;
    int count;
};

static bool add_residual(void *context, const trk_row *rows, int row_count)
{
    ck_assert_int_eq(row_count, 1);
    struct residual *residual = context;
    if (rows->status == TRK_MEASURED) {
        residual->squares += rows->x_px * rows->x_px + rows->y_px * rows->y_px;
        residual->count++;
    }
    return true;
}

/* RMS displacement that is left in a stabilised store. */
static double residual_of(const char *path, const trk_roi *roi, int *count)
{
    ist_reader *reader = open_store(path);
    trk_tracker *tracker = make_tracker(reader, roi, 1);
    struct residual residual = {0};
    ck_assert_int_eq(
        trk_analyze(tracker, reader, 0, ist_reader_get_info(reader)->frame_count, add_residual, &residual, NULL),
        IST_OK);
    trk_tracker_destroy(&tracker);
    ist_reader_close(&reader);
    *count = residual.count;
    return sqrt(residual.squares / residual.count);
}

static void check_same_frame_data(ist_reader *from, int64_t index, ist_reader *to, int64_t at)
{
    int64_t number, copied_number;
    double time_s, copied_time_s;
    char *extra, *copied_extra;
    ck_assert_int_eq(ist_reader_frame_metadata(from, index, 1, &number, &time_s, NULL), IST_OK);
    ck_assert_int_eq(ist_reader_frame_metadata(to, at, 1, &copied_number, &copied_time_s, NULL), IST_OK);
    ck_assert(number == copied_number && time_s == copied_time_s);
    ck_assert_int_eq(ist_reader_extra(from, index, 1, &extra, NULL), IST_OK);
    ck_assert_int_eq(ist_reader_extra(to, at, 1, &copied_extra, NULL), IST_OK);
    json_t *rows = json_loads(extra, 0, NULL), *copied_rows = json_loads(copied_extra, 0, NULL);
    ck_assert_uint_eq(json_array_size(rows), 1);
    json_object_set_new(json_array_get(rows, 0), "frame_index", json_integer(at));
    ck_assert(json_equal(rows, copied_rows));
    json_decref(rows);
    json_decref(copied_rows);
    ist_free(extra);
    ist_free(copied_extra);
}

START_TEST(a_store_stands_still)
{
    record();
    char file[160];
    snprintf(file, sizeof file, "%s/%06d/%06d.npy", store, MISSING_FRAME / CHUNK, MISSING_FRAME % CHUNK);
    ck_assert_int_eq(unlink(file), 0);
    trk_stabilise_report report;
    ist_error error;
    ck_assert_msg(stabilise(NULL, &report, &error) == IST_OK, "%s", error.message);
    ck_assert_int_eq(report.output.frame_count, FRAMES - 1);
    ck_assert_int_eq(report.output.skipped_count, 1);
    ck_assert_int_eq(report.output.first_skipped, MISSING_FRAME);
    ck_assert_int_eq(report.held_count, 1);
    ck_assert_int_eq(report.first_held, BLACK_FRAME);
    // x = 4 sin p, y = 4 (1 - cos p) in 30 steps around
    ck_assert_double_eq_tol(report.most.y_px, 8, 0.02);
    ck_assert_double_eq_tol(report.least.x_px, -4, 0.05);

    ist_reader *from = open_store(store), *to = open_store(output);
    ck_assert_int_eq(ist_reader_get_info(to)->frame_count, FRAMES - 1);
    ck_assert_str_eq(ist_reader_get_info(to)->format, "npy");
    ck_assert_int_eq(ist_reader_get_info(to)->chunksize, CHUNK);
    ck_assert_str_eq(ist_reader_get_info(to)->user_metadata, ist_reader_get_info(from)->user_metadata);
    for (int i = 0; i < FRAMES - 1; i++)
        check_same_frame_data(from, i < MISSING_FRAME ? i : i + 1, to, i);
    ist_reader_close(&from);
    ist_reader_close(&to);

    int count;
    const double rms = residual_of(output, &middle, &count);
    printf("left after stabilising: RMS %.4f px\n", rms);
    ck_assert_int_eq(count, FRAMES - 2);
    ck_assert_double_lt(rms, 0.01);
}
END_TEST

/* ---- turns ---- */

/* The picture turns about a point that wanders: all round and farther, or a little to and fro. */
static trk_motion way(int i, bool round)
{
    const double turn_deg = round ? 17.5 * i : 8 * sin(i / 3.0), x = 60 + 5 * sin(i / 4.0), y = 48 - 4 * sin(i / 6.0);
    const double c = cos(turn_deg * M_PI / 180), s = sin(turn_deg * M_PI / 180);
    return (trk_motion){x - (60 * c - 48 * s), y - (60 * s + 48 * c), turn_deg};
}

static void record_turning(bool round)
{
    struct random random = {random_seed()};
    const struct texture texture = texture_make(&random, 6, 40, 128, 30);
    ist_error error;
    ist_writer *writer;
    const ist_writer_params params = {.format = "npy", .width = 120, .height = 96, .chunksize = CHUNK};
    ck_assert_int_eq(ist_writer_create(&writer, store, &params, &error), IST_OK);
    ist_frame frame = make_frame(120, 96, 1, IST_PIXEL_U8);
    for (int i = 0; i < FRAMES; i++) {
        const trk_motion motion = way(i, round);
        draw_moved(&texture, &motion, &frame);
        frame.number = i;
        frame.time_s = i;
        ck_assert_int_eq(ist_writer_add(writer, &frame, &error), IST_OK);
    }
    ist_frame_free(&frame);
    ck_assert_int_eq(ist_writer_close(&writer, &error), IST_OK);
}

static bool add_turn(void *context, const trk_row *rows, int row_count)
{
    ck_assert_int_eq(row_count, 1);
    ck_assert_int_eq(rows->status, TRK_MEASURED);
    double *worst = context;
    worst[0] = fmax(worst[0], hypot(rows->x_px, rows->y_px));
    worst[1] = fmax(worst[1], fabs(rows->rotation_deg));
    return true;
}

/* One ROI that is measured with its rotation holds the picture still, in place or followed, cropped or not. */
START_TEST(a_turning_store_stands_still)
{
    const bool round = _i & 1, crop = _i & 2;
    const trk_roi roi = {36, 24, 48, 48};
    const trk_params params = {.max_movement_px = 12, .max_rotation_deg = 180, .follow = _i & 4};
    record_turning(round);
    ist_error error;
    ist_reader *reader = open_store(store);
    trk_tracker *tracker = make_tracker_with(reader, &roi, 1, params);
    trk_stabiliser *stabiliser;
    trk_stabilise_report report;
    ck_assert_int_eq(trk_stabiliser_create(&stabiliser, 120, 96, &roi, 1,
                                           &(trk_stabilise_params){.turn = true, .crop = crop}, &error),
                     IST_OK);
    ck_assert_int_eq(trk_analyze(tracker, reader, 0, FRAMES, trk_stabiliser_add, stabiliser, &error), IST_OK);
    ck_assert_msg(trk_stabiliser_write(stabiliser, reader, output, &(ist_export_params){.store = &as_before}, &report,
                                       &error) == IST_OK,
                  "%s", error.message);
    trk_stabiliser_destroy(&stabiliser);
    trk_tracker_destroy(&tracker);
    ist_reader_close(&reader);
    ck_assert_int_eq(report.held_count, 0);
    ck_assert_double_eq_tol(report.most.turn_deg, round ? 17.5 * (FRAMES - 1) : 8, 0.1);
    if (crop)
        ck_assert_int_ge(report.part.width * report.part.height, round ? 50 * 50 : 100 * 70);

    reader = open_store(output);
    const trk_roi seen = {report.part.width / 2 - 20, report.part.height / 2 - 20, 40, 40};
    tracker = make_tracker_with(reader, &seen, 1, params);
    double worst[2] = {0};
    ck_assert_int_eq(trk_analyze(tracker, reader, 0, FRAMES, add_turn, worst, &error), IST_OK);
    printf("turned by up to %.0f degrees%s: part %d x %d; left are %.4f px and %.4f degrees at most\n",
           report.most.turn_deg, crop ? ", cropped" : "", report.part.width, report.part.height, worst[0], worst[1]);
    ck_assert_double_lt(worst[0], 0.02);
    ck_assert_double_lt(worst[1], 0.05);
    trk_tracker_destroy(&tracker);
    ist_reader_close(&reader);
}
END_TEST

/* Without rotation one ROI knows of no turn, and none is made up. */
START_TEST(no_turn_from_one_roi)
{
    record();
    ist_error error;
    const ist_export_params into_store = {.store = &as_before};
    const trk_stabilise_params turning = {.turn = true};
    ck_assert_int_eq(stabilise_frames(0, FRAMES, output, &turning, &into_store, NULL, &error), IST_ERROR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(error.message, "rotation"));
    ck_assert(!fs_exists(output));
}
END_TEST

/* Only what is always in view: nothing in it depends on the border. */
START_TEST(cropped)
{
    record();
    trk_stabilise_report report;
    ist_error error;
    const trk_stabilise_params params = {.crop = true, .border = TRK_BORDER_BLACK};
    ck_assert_msg(stabilise(&params, &report, &error) == IST_OK, "%s", error.message);
    const trk_roi *part = &report.part;
    ck_assert_int_eq(part->x, (int)ceil(-report.least.x_px));
    ck_assert_int_eq(part->y, report.least.y_px < 0 ? (int)ceil(-report.least.y_px) : 0);
    ck_assert_int_eq(part->x + part->width, 120 - (int)ceil(report.most.x_px));
    ck_assert_int_eq(part->y + part->height, 96 - (int)ceil(report.most.y_px));
    ist_reader *to = open_store(output);
    ck_assert_int_eq(ist_reader_get_info(to)->width, part->width);
    ist_frame frame = {0};
    for (int i = 0; ist_reader_next(to, &frame, NULL) == IST_OK; i++) {
        int black = 0;
        for (int x = 0; x < frame.width; x++)
            black += sample(&frame, x, 0, 0) == 0 && sample(&frame, x, frame.height - 1, 0) == 0;
        ck_assert_int_eq(black, i == BLACK_FRAME ? frame.width : 0);
    }
    ist_frame_free(&frame);
    ist_reader_close(&to);
}
END_TEST

START_TEST(a_range_into_a_video)
{
    record();
    char video[128];
    snprintf(video, sizeof video, "%s/stable.mkv", folder);
    trk_stabilise_report report;
    ist_error error;
    ck_assert_msg(stabilise_frames(3, 10, video, NULL, NULL, &report, &error) == IST_OK, "%s", error.message);
    ck_assert_int_eq(report.output.frame_count, 7);
    ist_source *source;
    ck_assert_int_eq(ist_source_open(&source, video, NULL, &error), IST_OK);
    ist_frame frame = {0};
    int frames = 0;
    while (ist_source_next(source, &frame, &error) == IST_OK)
        frames++;
    ck_assert_int_eq(frames, 7);
    ist_frame_free(&frame);
    ist_source_close(&source);
}
END_TEST

static bool stop_at(void *context, int64_t done, int64_t total)
{
    ck_assert(total == 0 || total == FRAMES);
    return done < *(const int64_t *)context;
}

START_TEST(stopped_it_leaves_nothing)
{
    record();
    for (int64_t last = 1; last <= FRAMES; last += 7) {
        const ist_export_params stopping = {.store = &as_before, .progress = stop_at, .context = &last};
        ist_error error;
        ck_assert_int_eq(stabilise_frames(0, FRAMES, output, NULL, &stopping, NULL, &error), IST_ERROR_INTERRUPTED);
        char part[128];
        snprintf(part, sizeof part, "%s.part", output);
        ck_assert(!fs_exists(output) && !fs_exists(part));
    }
}
END_TEST

START_TEST(refused)
{
    record();
    ist_error error;
    const ist_export_params into_store = {.store = &as_before};
    ck_assert_int_eq(stabilise_frames(0, FRAMES, store, NULL, &into_store, NULL, &error), IST_ERROR_EXISTS);
    // Of a black frame nothing is known, and of none neither.
    ck_assert_int_eq(stabilise_frames(BLACK_FRAME, BLACK_FRAME + 1, output, NULL, &into_store, NULL, &error),
                     IST_ERROR_NOT_FOUND);
    ck_assert_int_eq(stabilise_frames(0, 0, output, NULL, &into_store, NULL, &error), IST_ERROR_STATE);
    ck_assert(!fs_exists(output));
    trk_stabiliser *stabiliser;
    ck_assert_int_eq(trk_stabiliser_create(&stabiliser, 120, 96, NULL, 0, NULL, &error), IST_ERROR_ARGUMENT);
    ck_assert_ptr_null(stabiliser);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stabilise");
    TCase *picture = tcase_create("picture");
    tcase_add_loop_test(picture, whole_pixels, 0, 8);
    tcase_add_loop_test(picture, drawn_motions, 0, 40);
    tcase_add_test(picture, what_cannot_be_taken_back);
    tcase_add_test(picture, rows_make_a_motion);
    tcase_add_test(picture, rows_that_turn_themselves);
    tcase_add_test(picture, turns_are_weighed);
    tcase_add_test(picture, too_few_rows);
    suite_add_tcase(suite, picture);
    TCase *recording = tcase_create("recording");
    tcase_set_timeout(recording, 60);
    tcase_add_checked_fixture(recording, setup, teardown);
    tcase_add_test(recording, a_store_stands_still);
    tcase_add_loop_test(recording, a_turning_store_stands_still, 0, 8);
    tcase_add_test(recording, no_turn_from_one_roi);
    tcase_add_test(recording, cropped);
    tcase_add_test(recording, a_range_into_a_video);
    tcase_add_test(recording, stopped_it_leaves_nothing);
    tcase_add_test(recording, refused);
    suite_add_tcase(suite, recording);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
