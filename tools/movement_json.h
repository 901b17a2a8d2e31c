/* Pieces of JSON that settings.json and --json share. The caller owns what is returned. */
#ifndef MOVEMENT_JSON_H
#define MOVEMENT_JSON_H

#include <jansson.h>

#include "movement.h"

/* Null for what JSON cannot hold: text that is not UTF-8, numbers that are not finite. */
json_t *movement_text_json(const char *text);
json_t *movement_number_json(double value);

/* A ROI as it is called in the tables: its name, or its number. */
json_t *movement_roi_json(const struct movement_job *job, int roi);

/* How many rows there are by status. */
json_t *movement_counts_json(const struct movement_sum *sum);

/* The names of the files so far. */
json_t *movement_files_json(const struct movement_job *job);

/* What movement_warn() has said so far. */
json_t *movement_warnings_json(const struct movement_job *job);

#endif
