/* Places in a recording, as a person types them. */
#ifndef PLACE_H
#define PLACE_H

#include <libstore/libstore.h>

/*
 * Finds the frame that "123" (an index), "#123" (a number), "12.5s" (behind the first frame; also m and h),
 * "14:03:05" (a time of the recording's first day) or "2026-11-20 14:03:05" (the nearest frame to a local time of the
 * recording's place) means. IST_ERROR_NOT_FOUND: there is no such frame. IST_ERROR_ARGUMENT: the text is none of these.
 */
ist_status place_find(ist_reader *reader, const char *text, int64_t *index, ist_error *error);

#endif
