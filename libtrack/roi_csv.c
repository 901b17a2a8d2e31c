#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "roi_file.h"

enum { X, Y, WIDTH, HEIGHT, NAME, GROUP, FIELDS };

static const char *const fields[FIELDS] = {"x", "y", "width", "height", "name", "group"};

/* Cuts the next line off *text, without its end. NULL: there is none. */
static char *take_line(char **text)
{
    if (!**text)
        return NULL;
    char *line = *text;
    const size_t length = strcspn(line, "\n");
    *text = line + length + (line[length] == '\n');
    line[length] = '\0';
    if (length > 0 && line[length - 1] == '\r')
        line[length - 1] = '\0';
    return line;
}

/* Cuts the next field off *line, without blanks around it. *line becomes NULL behind the last. */
static char *take_field(char **line)
{
    char *field = *line + strspn(*line, " \t");
    char *comma = strchr(field, ',');
    *line = comma ? comma + 1 : NULL;
    size_t length = comma ? (size_t)(comma - field) : strlen(field);
    while (length > 0 && strchr(" \t", field[length - 1]))
        length--;
    field[length] = '\0';
    return field;
}

/* Reads which column holds what: columns[i] is the field in column i. Returns their number, below 0 on failure. */
static int read_header(int columns[FIELDS], char *line, ist_error *error)
{
    int count = 0;
    unsigned seen = 0;
    while (line) {
        const char *name = take_field(&line);
        int field = 0;
        while (field < FIELDS && strcmp(fields[field], name) != 0)
            field++;
        if (field == FIELDS || seen & 1u << field)
            return trk_fail(error, IST_ERROR_DATA,
                            "line 1: \"%.100s\" is %s; a header is needed, such as x,y,width,height,name,group", name,
                            field == FIELDS ? "no column of ROIs" : "there twice");
        seen |= 1u << field;
        columns[count++] = field;
    }
    for (int field = X; field <= HEIGHT; field++)
        if (!(seen & 1u << field))
            return trk_fail(error, IST_ERROR_DATA, "line 1: the column %s is missing", fields[field]);
    return count;
}

/* A whole number that no picture is too small for; the rest is trk_roi_set_add()'s. */
static bool read_pixels(const char *text, int *pixels)
{
    char *end;
    if (!*text || strspn(text, "+-0123456789") != strlen(text) || strlen(text) > 8)
        return false;
    *pixels = (int)strtol(text, &end, 10);
    return *end == '\0';
}

/* Splits a line into its fields; those that have no column, or nothing in it, are NULL. */
static ist_status split(char *line, int number, const int *columns, int count, char *values[FIELDS], ist_error *error)
{
    for (int i = 0; i < FIELDS; i++)
        values[i] = NULL;
    int i = 0;
    for (; line && i < count; i++) {
        char *value = take_field(&line);
        values[columns[i]] = *value ? value : NULL;
    }
    if (line || i < count)
        return trk_fail(error, IST_ERROR_DATA, "line %d: it must have %d fields, as the header has", number, count);
    return IST_OK;
}

static ist_status add_line(trk_roi_set *set, char *line, int number, const int *columns, int count, ist_error *error)
{
    char *values[FIELDS];
    if (split(line, number, columns, count, values, error) < 0)
        return IST_ERROR_DATA;
    int pixels[HEIGHT + 1];
    for (int field = X; field <= HEIGHT; field++)
        if (!values[field] || !read_pixels(values[field], &pixels[field]))
            return trk_fail(error, IST_ERROR_DATA, "line %d: %s \"%.100s\" is not a whole number of pixels", number,
                            fields[field], values[field] ? values[field] : "");
    ist_error inner;
    const trk_roi roi = {pixels[X], pixels[Y], pixels[WIDTH], pixels[HEIGHT]};
    const ist_status status = trk_roi_set_add(set, roi, values[NAME], values[GROUP], &inner);
    return status < 0 ? trk_fail(error, status, "line %d: %s", number, inner.message) : IST_OK;
}

ist_status roi_csv_parse(trk_roi_set *set, char *text, ist_error *error)
{
    int columns[FIELDS];
    char *line = take_line(&text);
    const int count = line ? read_header(columns, line, error) : (int)trk_fail(error, IST_ERROR_DATA, "it is empty");
    if (count < 0)
        return (ist_status)count;
    for (int number = 2; (line = take_line(&text)); number++) {
        if (line[strspn(line, " \t")] == '\0')
            continue;
        const ist_status status = add_line(set, line, number, columns, count, error);
        if (status < 0)
            return status;
    }
    return IST_OK;
}

void roi_csv_print(FILE *stream, const trk_roi_set *set)
{
    fputs("x,y,width,height,name,group\n", stream);
    for (int i = 0; i < trk_roi_set_count(set); i++) {
        const trk_roi roi = trk_roi_set_rois(set)[i];
        const int group = trk_roi_set_group(set, i);
        fprintf(stream, "%d,%d,%d,%d,%s,%s\n", roi.x, roi.y, roi.width, roi.height,
                trk_roi_set_is_named(set, i) ? trk_roi_set_name(set, i) : "",
                group < 0 ? "" : trk_roi_set_group_name(set, group));
    }
}
