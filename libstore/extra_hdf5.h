/* Motif's extra data in HDF5. */
#ifndef EXTRA_HDF5_H
#define EXTRA_HDF5_H

#include <libstore/error.h>

#include "buffer.h"

struct json_t;

/*
 * Reads the rows out of the bytes of a file as a list of objects: a key for each column of the datasets that the file
 * names, those of the camera (frame_number, frame_time, ...) and sample_delay. The caller owns *rows. IST_ERROR_DATA:
 * damaged, or laid out in another way. IST_ERROR_UNSUPPORTED: HDF5 is not installed.
 */
ist_status extra_hdf5_read(const struct buffer *file, struct json_t **rows, ist_error *error);

#endif
