/* Sets of ROIs in files: YAML (.yaml, .yml) or CSV (.csv). The formats are described in schema/rois.md. */
#ifndef LIBTRACK_ROI_FILE_H
#define LIBTRACK_ROI_FILE_H

#include <libtrack/roi.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Adds the ROIs of a file to the set, in order; the file's ending says what it is. None is added when it fails.
 *
 * IST_ERROR_NOT_FOUND: no such file. IST_ERROR_IO. IST_ERROR_DATA: not as described, naming the line or the ROI; it
 * has no ROI, or is larger than 64 MiB. IST_ERROR_ARGUMENT: another ending; a name that is in the set already; the set
 * would have too many. IST_ERROR_MEMORY.
 */
IST_API IST_MUST_CHECK ist_status trk_roi_set_read(trk_roi_set *set, const char *path, ist_error *error);

/*
 * Writes the set, which must not be empty, in place of an earlier file: as PATH.part, which gets its name when it is
 * whole. Reading it gives the same set.
 * IST_ERROR_ARGUMENT: another ending; an empty set. IST_ERROR_IO. IST_ERROR_MEMORY.
 */
IST_API IST_MUST_CHECK ist_status trk_roi_set_write(const trk_roi_set *set, const char *path, ist_error *error);

#ifdef __cplusplus
}
#endif
#endif
