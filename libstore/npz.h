/* The npz beside a finished chunk: numbers and times of its frames, for imgstore the index, and what else is known. */
#ifndef NPZ_H
#define NPZ_H

#include <libstore/error.h>
#include <stdint.h>

#include "drop_list.h"

/* Arrays of `count` elements; npz_index_free() releases them. All zero is empty. */
struct npz_index {
    int64_t count;
    int64_t *numbers;
    double *times_s;
    uint32_t *checksums;    /* of the pixels as they are stored (checksum.h); NULL: not known */
    double *camera_times_s; /* by the camera's clock; NAN: not known; NULL: none is */
    struct drop_list drops; /* each before one of 0..count, which is behind the last frame */
    ist_error damage;       /* status below 0: drops or camera times are damaged, and all of them left out */
};

/*
 * Reads the file. Members that are not needed are passed over. IST_ERROR_DATA: damaged, or without numbers and times.
 * Frames are not lost for damage to their drops and camera times: see `damage`.
 */
ist_status npz_read(const char *path, struct npz_index *index, ist_error *error);

/*
 * Reads the numbers that the frames had before ist_reindex() or imgstore changed them, *before allocated for the
 * caller; NULL: they never were. IST_ERROR_DATA: damaged, or not `count` of them.
 */
ist_status npz_read_before(const char *path, int64_t count, int64_t **before, ist_error *error);

/* Writes the file, whole or not at all. */
ist_status npz_write(const char *path, const struct npz_index *index, ist_error *error);

/* The same with the numbers that the frames had before. */
ist_status npz_write_renumbered(const char *path, const struct npz_index *index, const int64_t *before,
                                ist_error *error);

void npz_index_free(struct npz_index *index);

#endif
