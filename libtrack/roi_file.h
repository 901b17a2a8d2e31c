/*
 * The kinds of files with ROIs.
 *
 * parse: adds the ROIs of a text, which it may change, to a set; on failure the set may have some of them. Messages
 * name the line or the ROI, not the file. print: writes a set; errors stay in the stream.
 */
#ifndef ROI_FILE_H
#define ROI_FILE_H

#include <libtrack/roi.h>
#include <stdio.h>

ist_status roi_yaml_parse(trk_roi_set *set, char *text, ist_error *error);
void roi_yaml_print(FILE *stream, const trk_roi_set *set);

ist_status roi_csv_parse(trk_roi_set *set, char *text, ist_error *error);
void roi_csv_print(FILE *stream, const trk_roi_set *set);

#endif
