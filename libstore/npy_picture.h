/* A picture out of a numpy array. */
#ifndef NPY_PICTURE_H
#define NPY_PICTURE_H

#include <libstore/frame.h>

#include "npy.h"

/*
 * Copies an array of the shape (h, w) or (h, w, 3), uint8, uint16 or bool (0 and 255), into the frame; index, number
 * and time stay. `data` holds header->data_size bytes.
 *
 * With `samples` other than 0 the array must be (h, w, samples), and becomes one channel that is samples * w wide.
 * IST_ERROR_DATA: no picture. IST_ERROR_UNSUPPORTED: another kind of numbers.
 */
ist_status npy_picture_read(const struct npy_header *header, const uint8_t *data, int samples, ist_frame *frame,
                            ist_error *error);

#endif
