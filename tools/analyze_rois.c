#include "analyze.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROI_SIZE_MIN = 4,
    BLOCK_DEFAULT = 16,
    SECTORS_DEFAULT = 8,
    NUMBERS_MAX = 400, // of a polygon: 200 points
    TEXT_MAX = 8192,   // of one option
};

/* ---- single ROIs and files ---- */

/* Reads "X,Y,W,H" or "NAME=X,Y,W,H". */
static int read_roi(trk_roi_set *set, const char *text)
{
    const char *place = text;
    const char *value;
    char name[TRK_ROI_NAME_MAX + 2]; // one byte more than allowed, so that a name that is too long stays so
    const size_t name_length = cli_read_key(text, &value);
    if (name_length > 0) {
        snprintf(name, sizeof name, "%.*s", (int)(name_length > sizeof name ? sizeof name : name_length), text);
        place = value;
    }
    int64_t values[4];
    if (!cli_read_integers(place, values, 4))
        return cli_usage("--roi \"%s\": it must be X,Y,W,H or NAME=X,Y,W,H, four whole numbers of pixels", text);
    for (int i = 0; i < 4; i++)
        if (values[i] < -INT32_MAX || values[i] > INT32_MAX)
            return cli_usage("--roi \"%s\": there are no pictures of this size", text);
    ist_error error;
    const trk_roi roi = {(int)values[0], (int)values[1], (int)values[2], (int)values[3]};
    if (trk_roi_set_add(set, roi, name_length > 0 ? name : NULL, NULL, &error) < 0)
        return cli_usage("--roi \"%s\": %s", text, error.message);
    return CLI_GO_ON;
}

/* ROIs that somebody placed must be in the picture; blocks of a shape may be left out. */
static int check_rois(const trk_roi_set *set, const ist_reader_info *info)
{
    for (int i = 0; i < trk_roi_set_count(set); i++) {
        const trk_roi roi = trk_roi_set_rois(set)[i];
        const char *name = trk_roi_set_name(set, i);
        if (roi.width < ROI_SIZE_MIN || roi.height < ROI_SIZE_MIN)
            return cli_fail("ROI %s: %d x %d px is too small: it must be at least %d x %d (the picture has %d x %d px)",
                            name, roi.width, roi.height, ROI_SIZE_MIN, ROI_SIZE_MIN, info->width, info->height);
        if (roi.x < 0 || roi.y < 0 || roi.x + roi.width > info->width || roi.y + roi.height > info->height)
            return cli_fail("ROI %s: %d x %d px at %d,%d is not inside the picture of %d x %d px: X and Y must be 0 "
                            "or more, X + W at most %d, Y + H at most %d",
                            name, roi.width, roi.height, roi.x, roi.y, info->width, info->height, info->width,
                            info->height);
    }
    return CLI_GO_ON;
}

/* ---- shapes ---- */

/* Keys that only some shapes have. */
enum { RING = 1, DISTANCE = 2, SECTORS = 4 };

/* What an option says: NAME=NUMBERS, then KEY=VALUE for what is not as usual. */
struct shape {
    char group[TRK_ROI_NAME_MAX + 2];
    double numbers[NUMBERS_MAX];
    int count;
    trk_blocks blocks;
    double ring;     /* px; NAN: as usual */
    double distance; /* px; NAN: as usual */
    int64_t sectors;
};

struct kind {
    const char *option;
    const char *form; /* of the numbers */
    int count_min, count_max;
    bool whole;    /* whole numbers */
    unsigned keys; /* beside block and step */
    const char *key_form;
    ist_status (*add)(trk_roi_set *set, const struct shape *shape, trk_roi picture, ist_error *error);
};

static double longer_side(const struct shape *shape)
{
    return fmax(shape->blocks.width, shape->blocks.height);
}

static trk_roi area_of(const struct shape *shape)
{
    return (trk_roi){(int)shape->numbers[0], (int)shape->numbers[1], (int)shape->numbers[2], (int)shape->numbers[3]};
}

/* The numbers in pairs. Returns how many. */
static int points_of(const struct shape *shape, trk_point points[NUMBERS_MAX / 2])
{
    for (int i = 0; i < shape->count / 2; i++)
        points[i] = (trk_point){shape->numbers[2 * i], shape->numbers[2 * i + 1]};
    return shape->count / 2;
}

static ist_status fit_circle(trk_circle *circle, const struct shape *shape, ist_error *error)
{
    trk_point points[NUMBERS_MAX / 2];
    const int count = points_of(shape, points);
    return trk_circle_fit(circle, points, count, error);
}

static ist_status add_grid(trk_roi_set *set, const struct shape *shape, trk_roi picture, ist_error *error)
{
    (void)picture;
    return trk_roi_set_add_grid(set, shape->group, area_of(shape), shape->blocks, error);
}

static ist_status add_ellipse(trk_roi_set *set, const struct shape *shape, trk_roi picture, ist_error *error)
{
    (void)picture;
    const double ring = isnan(shape->ring) ? 0 : shape->ring;
    return trk_roi_set_add_ellipse(set, shape->group, area_of(shape), ring, shape->blocks, error);
}

static ist_status add_line(trk_roi_set *set, const struct shape *shape, trk_roi picture, ist_error *error)
{
    (void)picture;
    const trk_point from = {shape->numbers[0], shape->numbers[1]}, to = {shape->numbers[2], shape->numbers[3]};
    const double distance = isnan(shape->distance) ? longer_side(shape) : shape->distance;
    return trk_roi_set_add_line(set, shape->group, from, to, distance, shape->blocks, error);
}

static ist_status add_arc(trk_roi_set *set, const struct shape *shape, trk_roi picture, ist_error *error)
{
    trk_circle circle;
    const ist_status status = fit_circle(&circle, shape, error);
    const double ring = isnan(shape->ring) ? 1.1 * longer_side(shape) : shape->ring;
    return status < 0 ? status : trk_roi_set_add_arc(set, shape->group, picture, circle, ring, shape->blocks, error);
}

static ist_status add_radial(trk_roi_set *set, const struct shape *shape, trk_roi picture, ist_error *error)
{
    trk_circle circle;
    const ist_status status = fit_circle(&circle, shape, error);
    const double ring = isnan(shape->ring) ? 0 : shape->ring;
    return status < 0 ? status
                      : trk_roi_set_add_radial(set, shape->group, picture, circle, ring, (int)shape->sectors,
                                               shape->blocks, error);
}

static ist_status add_polygon(trk_roi_set *set, const struct shape *shape, trk_roi picture, ist_error *error)
{
    (void)picture;
    trk_point points[NUMBERS_MAX / 2];
    const int count = points_of(shape, points);
    return trk_roi_set_add_polygon(set, shape->group, points, count, shape->blocks, error);
}

static const struct kind kinds[ANALYZE_SHAPES] = {
    [ANALYZE_GRID] = {"roi-grid", "X,Y,W,H", 4, 4, true, 0, "", add_grid},
    [ANALYZE_ELLIPSE] = {"roi-ellipse", "X,Y,W,H", 4, 4, true, RING, "[:ring=PX]", add_ellipse},
    [ANALYZE_LINE] = {"roi-line", "X,Y,X,Y", 4, 4, false, DISTANCE, "[:distance=PX]", add_line},
    [ANALYZE_ARC] = {"roi-arc", "X,Y,X,Y,X,Y[,...]", 6, NUMBERS_MAX, false, RING, "[:ring=PX]", add_arc},
    [ANALYZE_RADIAL] = {"roi-radial", "X,Y,X,Y,X,Y[,...]", 6, NUMBERS_MAX, false, RING | SECTORS,
                        "[:ring=PX][:sectors=N]", add_radial},
    [ANALYZE_POLYGON] = {"roi-polygon", "X,Y,X,Y,X,Y[,...]", 6, NUMBERS_MAX, false, 0, "", add_polygon},
};

/* Cuts the part up to `separator` off *rest, which becomes NULL behind the last. */
static char *take_part(char **rest, char separator)
{
    char *part = *rest;
    char *end = strchr(part, separator);
    *rest = end ? end + 1 : NULL;
    if (end)
        *end = '\0';
    return part;
}

/* Reads "16" or "16x12". */
static bool read_block(char *text, trk_blocks *blocks)
{
    char *height = text;
    const char *width = take_part(&height, 'x');
    int64_t values[2];
    if (!cli_read_integer(width, ROI_SIZE_MIN, TRK_ROI_COORDINATE_MAX, &values[0]) ||
        !cli_read_integer(height ? height : width, ROI_SIZE_MIN, TRK_ROI_COORDINATE_MAX, &values[1]))
        return false;
    blocks->width = (int)values[0];
    blocks->height = (int)values[1];
    return true;
}

/* Reads "KEY=VALUE". */
static bool read_setting(struct shape *shape, const struct kind *kind, char *text)
{
    char *value = text;
    const char *key = take_part(&value, '=');
    if (!value)
        return false;
    if (strcmp(key, "block") == 0)
        return read_block(value, &shape->blocks);
    if (strcmp(key, "step") == 0)
        return cli_read_number(value, 0.01, 100, &shape->blocks.step);
    if (strcmp(key, "ring") == 0 && kind->keys & RING)
        return cli_read_number(value, 0, TRK_ROI_COORDINATE_MAX, &shape->ring);
    if (strcmp(key, "distance") == 0 && kind->keys & DISTANCE)
        return cli_read_number(value, 0, TRK_ROI_COORDINATE_MAX, &shape->distance);
    if (strcmp(key, "sectors") == 0 && kind->keys & SECTORS)
        return cli_read_integer(value, 1, TRK_ROI_SECTORS_MAX, &shape->sectors);
    return false;
}

/* Reads "X,Y,..." */
static bool read_numbers(struct shape *shape, const struct kind *kind, char *text)
{
    while (text) {
        if (shape->count == kind->count_max)
            return false;
        const char *part = take_part(&text, ',');
        double *number = &shape->numbers[shape->count++];
        if (!cli_read_number(part, -TRK_ROI_COORDINATE_MAX, TRK_ROI_COORDINATE_MAX, number) ||
            (kind->whole && *number != floor(*number)))
            return false;
    }
    return shape->count >= kind->count_min && shape->count % 2 == 0;
}

/* Reads "NAME=NUMBERS[:KEY=VALUE]..." */
static bool read_shape(struct shape *shape, const struct kind *kind, const char *given)
{
    *shape = (struct shape){.blocks = {BLOCK_DEFAULT, BLOCK_DEFAULT, 1},
                            .ring = (double)NAN,
                            .distance = (double)NAN,
                            .sectors = SECTORS_DEFAULT};
    char text[TEXT_MAX];
    if (snprintf(text, sizeof text, "%s", given) >= (int)sizeof text)
        return false;
    char *rest = text;
    const char *name = take_part(&rest, '=');
    if (!*name || strchr(name, ',') || !rest)
        return false;
    snprintf(shape->group, sizeof shape->group, "%.*s", TRK_ROI_NAME_MAX + 1, name);
    if (!read_numbers(shape, kind, take_part(&rest, ':')))
        return false;
    while (rest)
        if (!read_setting(shape, kind, take_part(&rest, ':')))
            return false;
    return true;
}

static int parse_shape(struct shape *shape, const struct kind *kind, const char *given)
{
    if (read_shape(shape, kind, given))
        return CLI_GO_ON;
    return cli_usage("--%s \"%s\": it must be NAME=%s%s[:block=PX|WxH][:step=BLOCKS]%s, blocks of %d x %d px or more",
                     kind->option, given, kind->form, kind->whole ? " (whole numbers)" : "", kind->key_form,
                     ROI_SIZE_MIN, ROI_SIZE_MIN);
}

/* Adds the blocks of one option that lie in the picture. */
static int add_shape(struct movement_job *job, const struct kind *kind, const char *given)
{
    struct shape shape;
    const int result = parse_shape(&shape, kind, given);
    if (result != CLI_GO_ON)
        return result;
    ist_error error;
    trk_roi_set *blocks;
    int outside = 0;
    const trk_roi picture = {0, 0, job->info->width, job->info->height};
    ist_status status = trk_roi_set_create(&blocks, &error);
    if (status == IST_OK)
        status = kind->add(blocks, &shape, picture, &error);
    if (status == IST_OK)
        status = trk_roi_set_append(job->rois, blocks, picture.width, picture.height, &outside, &error);
    const int count = blocks ? trk_roi_set_count(blocks) : 0;
    trk_roi_set_destroy(&blocks);
    if (status < 0)
        return cli_fail("--%s \"%s\": %s", kind->option, given, error.message);
    if (outside == count)
        return cli_fail("--%s \"%s\": none of its %d blocks lies inside the picture of %d x %d px", kind->option, given,
                        count, picture.width, picture.height);
    if (outside > 0)
        cli_note("--%s %s: %d of %d blocks are left out, they are not wholly inside the picture of %d x %d px",
                 kind->option, shape.group, outside, count, picture.width, picture.height);
    job->blocks_outside += outside;
    return CLI_GO_ON;
}

/* ---- all of them ---- */

static bool is_any_given(const struct analyze_request *request)
{
    size_t count = request->rois.count + request->roi_files.count;
    for (int i = 0; i < ANALYZE_SHAPES; i++)
        count += request->shapes[i].count;
    return count > 0;
}

int analyze_read_rois(struct movement_job *job, const struct analyze_request *request)
{
    ist_error error;
    if (trk_roi_set_create(&job->rois, &error) < 0)
        return cli_fail("%s", error.message);
    int result = CLI_GO_ON;
    for (size_t i = 0; i < request->rois.count && result == CLI_GO_ON; i++)
        result = read_roi(job->rois, request->rois.items[i]);
    for (size_t i = 0; i < request->roi_files.count && result == CLI_GO_ON; i++)
        if (trk_roi_set_read(job->rois, request->roi_files.items[i], &error) < 0)
            result = cli_fail("--rois: %s", error.message);
    struct shape shape;
    for (int i = 0; i < ANALYZE_SHAPES; i++)
        for (size_t k = 0; k < request->shapes[i].count && result == CLI_GO_ON; k++)
            result = parse_shape(&shape, &kinds[i], request->shapes[i].items[k]);
    return result;
}

/* Without any option: the middle 60 % of the picture. */
static int take_middle(struct movement_job *job)
{
    const int width = job->info->width * 6 / 10, height = job->info->height * 6 / 10;
    const trk_roi roi = {(job->info->width - width) / 2, (job->info->height - height) / 2, width, height};
    ist_error error;
    return trk_roi_set_add(job->rois, roi, NULL, NULL, &error) < 0 ? cli_fail("%s", error.message) : CLI_GO_ON;
}

static int save_rois(const trk_roi_set *rois, const char *path)
{
    ist_error error;
    return trk_roi_set_write(rois, path, &error) < 0 ? cli_fail("--save-rois: %s", error.message) : CLI_GO_ON;
}

int analyze_place_rois(struct movement_job *job, const struct analyze_request *request)
{
    int result = is_any_given(request) ? CLI_GO_ON : take_middle(job);
    if (result == CLI_GO_ON)
        result = check_rois(job->rois, job->info);
    for (int i = 0; i < ANALYZE_SHAPES; i++)
        for (size_t k = 0; k < request->shapes[i].count && result == CLI_GO_ON; k++)
            result = add_shape(job, &kinds[i], request->shapes[i].items[k]);
    job->roi_count = trk_roi_set_count(job->rois);
    if (result == CLI_GO_ON && request->save_rois)
        result = save_rois(job->rois, request->save_rois);
    return result;
}
