#include "movement.h"

#include <inttypes.h>
#include <stdlib.h>

#include "cli.h"

/* One kind of table. */
struct kind {
    const char *name;
    const char *header;
    bool (*is_wanted)(const struct movement_job *job); /* NULL: always */
    void (*write_frame)(FILE *stream, const struct movement_job *job, const struct movement_frame *frame);
};

/* ---- movement.csv ---- */

/* The first four columns, which all tables have: the frame, and the ROI or group. */
static void write_key(FILE *stream, const trk_row *row, const char *name)
{
    char time[CLI_NUMBER_SIZE];
    fprintf(stream, "%" PRId64 ",%" PRId64 ",%s,%s", row->frame_index, row->frame_number,
            cli_format_number(time, row->frame_time_s), name);
}

static void write_number(FILE *stream, double value)
{
    char number[CLI_NUMBER_SIZE];
    fprintf(stream, ",%s", cli_format_number(number, value));
}

static void write_movement(FILE *stream, const struct movement_job *job, const struct movement_frame *frame)
{
    for (const trk_row *row = frame->rows; row < frame->rows + job->roi_count; row++) {
        write_key(stream, row, trk_roi_set_name(job->rois, row->roi));
        write_number(stream, row->x_px);
        write_number(stream, row->y_px);
        write_number(stream, row->score);
        fprintf(stream, ",%s\n", trk_row_status_name(row->status));
    }
}

/* ---- quality.csv ---- */

static bool quality_is_wanted(const struct movement_job *job)
{
    return !job->movemeter; // which knows the score alone
}

static void write_quality(FILE *stream, const struct movement_job *job, const struct movement_frame *frame)
{
    for (const trk_row *row = frame->rows; row < frame->rows + job->roi_count; row++) {
        write_key(stream, row, trk_roi_set_name(job->rois, row->roi));
        write_number(stream, row->score);
        write_number(stream, row->second_peak_gap);
        write_number(stream, row->standard_error_x_px);
        write_number(stream, row->standard_error_y_px);
        fputc('\n', stream);
    }
}

/* ---- rotation.csv ---- */

static bool rotation_is_wanted(const struct movement_job *job)
{
    return job->params.max_rotation_deg > 0;
}

static void write_rotation(FILE *stream, const struct movement_job *job, const struct movement_frame *frame)
{
    for (const trk_row *row = frame->rows; row < frame->rows + job->roi_count; row++) {
        write_key(stream, row, trk_roi_set_name(job->rois, row->roi));
        write_number(stream, row->rotation_deg);
        write_number(stream, row->x_px);
        write_number(stream, row->y_px);
        write_number(stream, row->score);
        fprintf(stream, ",%s", trk_row_status_name(row->status));
        write_number(stream, row->standard_error_rotation_deg);
        fputc('\n', stream);
    }
}

/* ---- groups.csv ---- */

static bool has_groups(const struct movement_job *job)
{
    return trk_roi_set_group_count(job->rois) > 0;
}

static void write_groups(FILE *stream, const struct movement_job *job, const struct movement_frame *frame)
{
    const trk_row *row = &frame->rows[0];
    for (int i = 0; i < trk_roi_set_group_count(job->rois); i++) {
        const struct movement_group *group = &frame->groups[i];
        write_key(stream, row, trk_roi_set_group_name(job->rois, i));
        write_number(stream, group->mean_displacement_px);
        write_number(stream, group->displacement_of_mean_px);
        fprintf(stream, ",%d\n", group->measured);
    }
}

/* ---- all of them ---- */

static const struct kind kinds[] = {
    {"movement.csv", "frame_index,frame_number,frame_time,roi,x,y,score,status", NULL, write_movement},
    {"quality.csv", "frame_index,frame_number,frame_time,roi,score,second_peak_gap,standard_error_x,standard_error_y",
     quality_is_wanted, write_quality},
    {"rotation.csv",
     "frame_index,frame_number,frame_time,roi,rotation_deg,x,y,score,status,standard_error_rotation_deg",
     rotation_is_wanted, write_rotation},
    {"groups.csv", "frame_index,frame_number,frame_time,group,mean_displacement,displacement_of_mean,measured",
     has_groups, write_groups},
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

struct movement_tables {
    const struct movement_job *job;
    struct movement_file files[KINDS]; /* stream is NULL: not wanted, or closed */
};

int movement_tables_open(struct movement_tables **tables, const struct movement_job *job)
{
    *tables = calloc(1, sizeof **tables);
    if (!*tables)
        return cli_fail("out of memory");
    (*tables)->job = job;
    for (int i = 0; i < KINDS; i++) {
        if (kinds[i].is_wanted && !kinds[i].is_wanted(job))
            continue;
        struct movement_file *file = &(*tables)->files[i];
        const int result = movement_file_open(file, job, kinds[i].name);
        if (result != CLI_GO_ON) {
            movement_tables_leave(tables);
            return result;
        }
        fprintf(file->stream, "%s\n", kinds[i].header);
    }
    return CLI_GO_ON;
}

bool movement_tables_add(struct movement_tables *tables, const struct movement_frame *frame)
{
    bool sound = true;
    for (int i = 0; i < KINDS; i++) {
        FILE *stream = tables->files[i].stream;
        if (!stream)
            continue;
        kinds[i].write_frame(stream, tables->job, frame);
        sound = sound && !ferror(stream);
    }
    return sound;
}

/* Closes every table with `close_file`, also behind one that failed. Returns the first failure. */
static int close_all(struct movement_tables **tables, int (*close_file)(struct movement_file *file))
{
    int result = CLI_GO_ON;
    for (int i = 0; i < KINDS; i++) {
        struct movement_file *file = &(*tables)->files[i];
        const int closed = file->stream ? close_file(file) : CLI_GO_ON;
        result = result == CLI_GO_ON ? closed : result;
    }
    free(*tables);
    *tables = NULL;
    return result;
}

int movement_tables_finish(struct movement_tables **tables)
{
    return close_all(tables, movement_file_finish);
}

int movement_tables_leave(struct movement_tables **tables)
{
    return close_all(tables, movement_file_leave);
}
