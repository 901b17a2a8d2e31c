/* All of libtrack: motion of regions of interest in recordings. */
#ifndef LIBTRACK_LIBTRACK_H
#define LIBTRACK_LIBTRACK_H

#include <libstore/error.h>
#include <libtrack/analyze.h>
#include <libtrack/brightness.h>
#include <libtrack/heatmap.h>
#include <libtrack/movemeter.h>
#include <libtrack/prepare.h>
#include <libtrack/roi.h>
#include <libtrack/roi_file.h>
#include <libtrack/stabilise.h>
#include <libtrack/still.h>
#include <libtrack/tracker.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Returns the version of libtrack, such as "0.1.0". */
IST_API const char *trk_version(void);

#ifdef __cplusplus
}
#endif
#endif
