#include "movement.h"

#include <inttypes.h>
#include <stdlib.h>

#include "cli.h"

/* One kind of table. */
struct kind {
    const char *name;
    const char *header;
    bool (*is_wanted)(const struct movement_job *job); /* NULL: always */
    void (*write_frame)(FILE *stream, const struct movement_job *job, const trk_row *rows, int row_count);
};

/* ---- movement.csv ---- */

static void write_movement(FILE *stream, const struct movement_job *job, const trk_row *rows, int row_count)
{
    char time[CLI_NUMBER_SIZE], x[CLI_NUMBER_SIZE], y[CLI_NUMBER_SIZE], score[CLI_NUMBER_SIZE];
    for (const trk_row *row = rows; row < rows + row_count; row++)
        fprintf(stream, "%" PRId64 ",%" PRId64 ",%s,%s,%s,%s,%s,%s\n", row->frame_index, row->frame_number,
                cli_format_number(time, row->frame_time_s), job->rois[row->roi].name, cli_format_number(x, row->x_px),
                cli_format_number(y, row->y_px), cli_format_number(score, row->score),
                trk_row_status_name(row->status));
}

/* ---- all of them ---- */

static const struct kind kinds[] = {
    {"movement.csv", "frame_index,frame_number,frame_time,roi,x,y,score,status", NULL, write_movement},
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

bool movement_tables_add(struct movement_tables *tables, const trk_row *rows, int row_count)
{
    bool sound = true;
    for (int i = 0; i < KINDS; i++) {
        FILE *stream = tables->files[i].stream;
        if (!stream)
            continue;
        kinds[i].write_frame(stream, tables->job, rows, row_count);
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
