/* Inside of a still. */
#ifndef STILL_H
#define STILL_H

#include <libtrack/still.h>

/* IST_ERROR_ARGUMENT unless it is complete and of this size and depth. */
ist_status still_check(const trk_still *still, int width, int height, ist_pixel_type type, ist_error *error);

#endif
