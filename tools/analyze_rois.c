#include "analyze.h"

#include <stdlib.h>
#include <string.h>

enum { ROI_SIZE_MIN = 4 };

/* A name must be a field of the table without quotes, and not be mistaken for a number. */
static bool is_name(const char *text, size_t length)
{
    if (length >= MOVEMENT_NAME_SIZE || strspn(text, "0123456789") >= length)
        return false;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == ',' || text[i] == '"' || text[i] == 0x7f)
            return false;
    return true;
}

/* Reads "X,Y,W,H" or "NAME=X,Y,W,H". */
static int read_roi(struct movement_roi *roi, const char *text, int number)
{
    const char *place = text;
    const char *value;
    const size_t name_length = cli_read_key(text, &value);
    if (name_length > 0) {
        if (!is_name(text, name_length))
            return cli_usage("--roi \"%s\": the name must be shorter than %d bytes, no number, without commas and "
                             "quotes",
                             text, MOVEMENT_NAME_SIZE);
        memcpy(roi->name, text, name_length);
        roi->name[name_length] = '\0';
        roi->named = true;
        place = value;
    } else {
        snprintf(roi->name, sizeof roi->name, "%d", number);
    }
    int64_t values[4];
    if (!cli_read_integers(place, values, 4))
        return cli_usage("--roi \"%s\": it must be X,Y,W,H or NAME=X,Y,W,H, four whole numbers of pixels", text);
    for (int i = 0; i < 4; i++)
        if (values[i] < -INT32_MAX || values[i] > INT32_MAX)
            return cli_usage("--roi \"%s\": there are no pictures of this size", text);
    roi->place = (trk_roi){(int)values[0], (int)values[1], (int)values[2], (int)values[3]};
    return CLI_GO_ON;
}

int analyze_read_rois(struct movement_job *job, const struct analyze_request *request)
{
    const cli_list *given = &request->rois;
    const size_t count = given->count ? given->count : 1;
    job->rois = calloc(count, sizeof *job->rois);
    if (!job->rois || count > INT_MAX)
        return cli_fail("out of memory");
    for (size_t i = 0; i < given->count; i++) {
        const int result = read_roi(&job->rois[i], given->items[i], (int)i);
        if (result != CLI_GO_ON)
            return result;
        for (size_t k = 0; k < i; k++)
            if (strcmp(job->rois[k].name, job->rois[i].name) == 0)
                return cli_usage("--roi: two are called \"%s\"", job->rois[i].name);
    }
    job->roi_count = (int)given->count;
    return CLI_GO_ON;
}

/* Without --roi: the middle 60 % of the picture. */
static void take_middle(struct movement_job *job, const ist_reader_info *info)
{
    const int width = info->width * 6 / 10, height = info->height * 6 / 10;
    job->roi_count = 1;
    job->rois[0] = (struct movement_roi){
        .place = {(info->width - width) / 2, (info->height - height) / 2, width, height}, .name = "0"};
}

static int check_roi(const struct movement_roi *roi, const ist_reader_info *info)
{
    const trk_roi *place = &roi->place;
    if (place->width < ROI_SIZE_MIN || place->height < ROI_SIZE_MIN)
        return cli_fail("ROI %s: %d x %d px is too small: it must be at least %d x %d (the picture has %d x %d px)",
                        roi->name, place->width, place->height, ROI_SIZE_MIN, ROI_SIZE_MIN, info->width, info->height);
    const bool left_above = place->x < 0 || place->y < 0;
    const bool right_below = place->width > info->width || place->height > info->height ||
                             place->x > info->width - place->width || place->y > info->height - place->height;
    if (left_above || right_below)
        return cli_fail("ROI %s: %d x %d px at %d,%d is not inside the picture of %d x %d px: X and Y must be 0 or "
                        "more, X + W at most %d, Y + H at most %d",
                        roi->name, place->width, place->height, place->x, place->y, info->width, info->height,
                        info->width, info->height);
    return CLI_GO_ON;
}

int analyze_place_rois(struct movement_job *job, const struct analyze_request *request)
{
    if (request->rois.count == 0)
        take_middle(job, job->info);
    for (int i = 0; i < job->roi_count; i++) {
        const int result = check_roi(&job->rois[i], job->info);
        if (result != CLI_GO_ON)
            return result;
    }
    return CLI_GO_ON;
}
