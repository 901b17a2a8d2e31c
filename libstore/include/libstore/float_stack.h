/* Maps of numbers over the picture, one for each frame, as a file that other programs read. */
#ifndef LIBSTORE_FLOAT_STACK_H
#define LIBSTORE_FLOAT_STACK_H

#include <libstore/error.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A TIFF stack being written: pages of one size, one single-precision number for each pixel, NaN among them; deflated.
 * ImageJ, numpy (tifffile) and OpenCV read it.
 *
 * Until it is whole it is PATH.part.
 *
 * Thread-safety: one thread at a time.
 */
typedef struct ist_float_stack ist_float_stack;

/*
 * Begins the stack PATH of pages of width x height px. `page_count` is about how many there will be: where their pixels
 * come near to 4 GiB the file becomes a BigTIFF.
 *
 * IST_ERROR_ARGUMENT: a size below 1 or above 65535. IST_ERROR_NOT_FOUND: no such directory. IST_ERROR_IO.
 * IST_ERROR_MEMORY. After a failure *stack is NULL.
 */
IST_API IST_MUST_CHECK ist_status ist_float_stack_create(ist_float_stack **stack, const char *path, int width,
                                                         int height, int64_t page_count, ist_error *error);

/* Adds a page: rows from top to bottom, without gaps. The pixels are not kept. IST_ERROR_IO. */
IST_API IST_MUST_CHECK ist_status ist_float_stack_add(ist_float_stack *stack, const float *pixels, ist_error *error);

/*
 * Brings the file to the disk and under its name, in place of one that is there, and frees the stack: *stack is NULL
 * afterwards, always. IST_ERROR_IO: nothing is left behind, and a file that was there is as it was.
 */
IST_API IST_MUST_CHECK ist_status ist_float_stack_finish(ist_float_stack **stack, ist_error *error);

/* Gives the stack up: nothing is left behind. Sets *stack to NULL. Takes a NULL stack. */
IST_API void ist_float_stack_discard(ist_float_stack **stack);

#ifdef __cplusplus
}
#endif
#endif
