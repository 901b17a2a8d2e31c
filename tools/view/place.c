#include "place.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../cli.h"

static ist_status fail(ist_error *error, ist_status status, const char *text)
{
    *error = (ist_error){.status = status};
    snprintf(error->message, sizeof error->message, "%s", text);
    return status;
}

static ist_status find_index(const ist_reader_info *info, int64_t wanted, int64_t *index, ist_error *error)
{
    char text[64];
    *index = wanted;
    if (wanted < info->frame_count)
        return IST_OK;
    snprintf(text, sizeof text, "there is no frame %" PRId64 ": the last is %" PRId64, wanted, info->frame_count - 1);
    return fail(error, IST_ERROR_NOT_FOUND, text);
}

/* "12.5s" after the first frame; a date and time; or a time on the day when the recording began. */
static ist_status find_time(ist_reader *reader, const char *text, int64_t *index, ist_error *error)
{
    enum { DATE_LENGTH = 10 };
    const ist_reader_info *info = ist_reader_get_info(reader);
    char day[IST_TIME_TEXT_SIZE], full[IST_TIME_TEXT_SIZE + 64];
    double time_s;
    if (strpbrk(text, "smh") && cli_read_time(text, 0, 1e12, &time_s))
        return ist_reader_find_time(reader, info->time_min_s + time_s, index, error);
    ist_status status = ist_time_from_local(text, info->timezone, &time_s, error);
    if (status < 0 && ist_time_to_local(info->time_min_s, info->timezone, day, error) >= 0) {
        snprintf(full, sizeof full, "%.*sT%.64s", DATE_LENGTH, day, text);
        status = ist_time_from_local(full, info->timezone, &time_s, error);
    }
    if (status < 0)
        return fail(error, IST_ERROR_ARGUMENT, "an index, a #number, 12.5s, or a time such as 14:03:05 is asked for");
    return ist_reader_find_time(reader, time_s, index, error);
}

ist_status place_find(ist_reader *reader, const char *text, int64_t *index, ist_error *error)
{
    int64_t value;
    if (cli_read_integer(text, 0, INT64_MAX, &value))
        return find_index(ist_reader_get_info(reader), value, index, error);
    if (*text == '#' && cli_read_integer(text + 1, INT64_MIN, INT64_MAX, &value))
        return ist_reader_find_number(reader, value, IST_MATCH_EXACT, index, error);
    return find_time(reader, text, index, error);
}
