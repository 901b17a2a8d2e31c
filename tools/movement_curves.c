#include <math.h>
#include <stdlib.h>

#include "cli.h"
#include "movement_pictures.h"

/* A point of a ROI's curve. */
struct point {
    double x, y;
    bool edge;
};

struct movement_curves {
    const struct movement_job *job;
    struct movement_pictures pictures;
    int group_count;
    int64_t frames; /* handed over so far */
    int64_t kept;   /* of them */
    double *times;
    struct point *points;          /* [kept frame][drawn ROI] */
    struct movement_group *groups; /* [kept frame][group] */
};

int movement_curves_create(struct movement_curves **curves, const struct movement_job *job)
{
    struct movement_curves *created = *curves = calloc(1, sizeof *created);
    if (!created)
        return cli_fail("out of memory");
    created->job = job;
    const int result = movement_pictures_init(&created->pictures, job);
    if (result != CLI_GO_ON)
        return result;
    created->group_count = trk_roi_set_group_count(job->rois);
    const size_t frames = (size_t)((job->end - job->first - 1) / created->pictures.frame_step + 1);
    created->times = calloc(frames, sizeof *created->times);
    created->points = calloc(frames * (size_t)created->pictures.roi_count, sizeof *created->points);
    created->groups = calloc(frames * (size_t)created->group_count + 1, sizeof *created->groups);
    return created->times && created->points && created->groups ? CLI_GO_ON : cli_fail("out of memory");
}

void movement_curves_destroy(struct movement_curves **curves)
{
    if (!*curves)
        return;
    movement_pictures_free(&(*curves)->pictures);
    free((*curves)->times);
    free((*curves)->points);
    free((*curves)->groups);
    free(*curves);
    *curves = NULL;
}

void movement_curves_add(struct movement_curves *curves, const struct movement_frame *frame)
{
    if (curves->frames++ % curves->pictures.frame_step != 0)
        return;
    const int drawn = curves->pictures.roi_count;
    curves->times[curves->kept] = frame->rows[0].frame_time_s;
    for (int i = 0; i < drawn; i++) {
        const trk_row *row = &frame->rows[curves->pictures.rois[i]];
        curves->points[curves->kept * drawn + i] = (struct point){row->x_px, row->y_px, row->status == TRK_EDGE};
    }
    for (int i = 0; i < curves->group_count; i++)
        curves->groups[curves->kept * curves->group_count + i] = frame->groups[i];
    curves->kept++;
}

static void put_numbers(FILE *out, const double *numbers, int count)
{
    for (int i = 0; i < count; i++) {
        fputc(i ? ' ' : '\n', out);
        movement_put_number(out, numbers[i]);
    }
}

/* A ROI's line in every kept frame. */
static void put_curve(FILE *out, const struct movement_curves *curves, int curve, int colour)
{
    const trk_roi roi = trk_roi_set_rois(curves->job->rois)[curves->pictures.rois[curve]];
    for (int64_t i = 0; i < curves->kept; i++) {
        const struct point *point = &curves->points[i * curves->pictures.roi_count + curve];
        const double numbers[] = {curves->times[i] - curves->times[0],
                                  point->x,
                                  point->y,
                                  hypot(point->x, point->y),
                                  point->edge,
                                  colour,
                                  roi.x + roi.width / 2.0,
                                  roi.y + roi.height / 2.0};
        put_numbers(out, numbers, 8);
    }
    fputc('\n', out);
}

/* The means of a group in every kept frame. */
static void put_means(FILE *out, const struct movement_curves *curves, int group)
{
    for (int64_t i = 0; i < curves->kept; i++) {
        const struct movement_group none = {0, (double)NAN, (double)NAN, (double)NAN, (double)NAN};
        const struct movement_group *means = group < 0 ? &none : &curves->groups[i * curves->group_count + group];
        const double numbers[] = {curves->times[i] - curves->times[0], means->x_px, means->y_px,
                                  means->mean_displacement_px, means->displacement_of_mean_px};
        put_numbers(out, numbers, 5);
    }
}

int movement_curves_write(const struct movement_curves *curves)
{
    struct movement_file file;
    const int result = movement_file_open(&file, curves->job, MOVEMENT_CURVES);
    if (result != CLI_GO_ON)
        return result;
    FILE *out = file.stream;
    fprintf(out,
            "# What the pictures show: every %lld. frame. For each picture one block of ROIs and one of means:\n"
            "# time x y displacement edge colour middle_x middle_y, an empty line behind each ROI\n"
            "# time mean_x mean_y mean_displacement displacement_of_mean",
            (long long)curves->pictures.frame_step);
    for (int i = 0; i < curves->pictures.count; i++) {
        const struct movement_picture *picture = &curves->pictures.items[i];
        for (int k = 0; k < picture->count; k++)
            put_curve(out, curves, picture->first + k, k + 1);
        fputs("\n", out);
        put_means(out, curves, picture->group);
        fputs("\n\n", out);
    }
    return movement_file_finish(&file);
}
