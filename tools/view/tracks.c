#include "tracks.h"

#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../cli.h"

static const char HEADER[] = "frame_index,frame_number,frame_time,roi,x,y,score,status";
static const double GIB = 1 << 30;

enum { COLUMNS = 8, COLUMN_INDEX = 0, COLUMN_X = 4, COLUMN_Y = 5, MEMORY_MAX_GIB = 1 };

/* ---- settings.json ---- */

static bool read_place(const json_t *entry, trk_roi *roi)
{
    return json_unpack((json_t *)entry, "{s:i,s:i,s:i,s:i}", "x", &roi->x, "y", &roi->y, "width", &roi->width, "height",
                       &roi->height) == 0;
}

static int read_settings(struct tracks *t, const json_t *settings, const char *path)
{
    json_t *rois;
    json_int_t first, end;
    if (json_unpack((json_t *)settings, "{s:{s:I,s:I},s:o}", "frames", "first", &first, "end", &end, "rois", &rois) < 0)
        return cli_fail("%s: has no \"frames\" or no \"rois\": it was not written by mm-analyze", path);
    t->first = t->end = first;
    t->roi_count = (int)json_array_size(rois);
    if (t->roi_count == 0 || first < 0 || end < first)
        return cli_fail("%s: has no ROIs or no frames", path);
    const double bytes = (double)(end - first) * t->roi_count * (double)sizeof *t->motion;
    if (bytes > MEMORY_MAX_GIB * GIB)
        return cli_fail("%s: %lld frames with %d ROIs take %.1f GiB of memory, more than %d", path,
                        (long long)(end - first), t->roi_count, bytes / GIB, MEMORY_MAX_GIB);
    t->rois = calloc((size_t)t->roi_count, sizeof *t->rois);
    t->motion = malloc((size_t)bytes + 1);
    if (!t->rois || !t->motion)
        return cli_fail("%s: out of memory", path);
    t->end = end;
    for (int i = 0; i < t->roi_count; i++)
        if (!read_place(json_array_get(rois, (size_t)i), &t->rois[i]))
            return cli_fail("%s: ROI %d has no place", path, i);
    return CLI_GO_ON;
}

static int read_rois(struct tracks *t, const char *table)
{
    char path[PATH_MAX];
    const char *slash = strrchr(table, '/');
    const int directory = slash ? (int)(slash - table) + 1 : 0;
    if (snprintf(path, sizeof path, "%.*ssettings.json", directory, table) >= (int)sizeof path)
        return cli_fail("%s: the path is too long", table);
    json_error_t error;
    json_t *settings = json_load_file(path, 0, &error);
    if (!settings)
        return cli_fail("%s: %s; the places of the ROIs are read from it", path, error.text);
    const int result = read_settings(t, settings, path);
    json_decref(settings);
    return result;
}

/* ---- movement.csv ---- */

/* Cuts a line at its commas. Returns the number of fields, at most COLUMNS. */
static int split(char *line, char *fields[COLUMNS])
{
    int count = 0;
    line[strcspn(line, "\r\n")] = '\0';
    while (line && count < COLUMNS) {
        fields[count++] = line;
        line = strchr(line, ',');
        if (line)
            *line++ = '\0';
    }
    return count;
}

static bool read_pixels(const char *text, float *value)
{
    double number;
    if (strcmp(text, "nan") == 0) {
        *value = NAN;
        return true;
    }
    const bool is_number = cli_read_number(text, -1e6, 1e6, &number);
    *value = is_number ? (float)number : 0;
    return is_number;
}

/* Takes a line: the ROIs of a frame come in order, and the frames one after the other. */
static bool take_row(struct tracks *t, int64_t row, char *line)
{
    char *fields[COLUMNS];
    int64_t index;
    struct motion *motion = &t->motion[row];
    if (split(line, fields) != COLUMNS || !cli_read_integer(fields[COLUMN_INDEX], 0, INT64_MAX, &index) ||
        index != t->first + row / t->roi_count || !read_pixels(fields[COLUMN_X], &motion->x) ||
        !read_pixels(fields[COLUMN_Y], &motion->y))
        return false;
    const float px = hypotf(motion->x, motion->y);
    if (px > t->largest_px)
        t->largest_px = px;
    return true;
}

static int read_rows(struct tracks *t, FILE *file, const char *path)
{
    char *line = NULL;
    size_t size = 0;
    const int64_t rows = (t->end - t->first) * t->roi_count;
    int64_t row = 0;
    int result = CLI_GO_ON;
    if (getline(&line, &size, file) < 0 || strncmp(line, HEADER, sizeof HEADER - 1) != 0)
        result = cli_fail("%s: is no movement.csv of mm-analyze: its first line is not \"%s\"", path, HEADER);
    cli_progress_start("tracks", rows);
    for (; result == CLI_GO_ON && row < rows && getline(&line, &size, file) >= 0; row++) {
        cli_progress_update(row);
        if (!take_row(t, row, line))
            result =
                cli_fail("%s: line %lld is not that of ROI %d in frame %lld, as settings.json has them", path,
                         (long long)row + 2, (int)(row % t->roi_count), (long long)(t->first + row / t->roi_count));
    }
    cli_progress_finish();
    free(line);
    if (result == CLI_GO_ON && ferror(file))
        result = cli_fail("%s: cannot be read to its end", path);
    // A table that was cut short holds whole frames up to there.
    t->end = t->first + row / t->roi_count;
    return result;
}

int tracks_read(struct tracks **tracks, const char *path)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return cli_fail("%s: cannot be opened", path);
    *tracks = calloc(1, sizeof **tracks);
    int result = *tracks ? read_rois(*tracks, path) : cli_fail("%s: out of memory", path);
    if (result == CLI_GO_ON)
        result = read_rows(*tracks, file, path);
    if (result != CLI_GO_ON)
        tracks_free(tracks);
    fclose(file);
    return result;
}

void tracks_free(struct tracks **tracks)
{
    if (!*tracks)
        return;
    free((*tracks)->rois);
    free((*tracks)->motion);
    free(*tracks);
    *tracks = NULL;
}

const struct motion *tracks_at(const struct tracks *tracks, int64_t index)
{
    if (index < tracks->first || index >= tracks->end)
        return NULL;
    return &tracks->motion[(index - tracks->first) * tracks->roi_count];
}
