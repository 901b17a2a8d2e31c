/* Extra data in the files beside a chunk, those of imgstore and those of Motif. */
#ifndef EXTRA_DATA_H
#define EXTRA_DATA_H

#include <libstore/error.h>
#include <stdbool.h>

#include "index.h"
#include "npz.h"
#include "problems.h"

/*
 * Adds the extra data of a chunk, whose frames begin at first_index and are in the index already. In the order of
 * imgstore: of DIRECTORY/000003.extra_data.h5 and .json, Motif's, the first that is there; else what lies beside the
 * index, .extra.json and .extra_data.json. A file that cannot be read goes to `problems`.
 */
ist_status extra_data_load(struct index *index, const char *directory, int chunk, bool is_video,
                           const struct npz_index *frames, int64_t first_index, struct problems *problems,
                           ist_error *error);

/* IST_ERROR_ARGUMENT unless `json` is the text of a JSON object without keys that belong to the store. */
ist_status extra_data_check(const char *json, ist_error *error);

#endif
