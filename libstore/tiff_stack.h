/* A TIFF file that grows page by page. */
#ifndef TIFF_STACK_H
#define TIFF_STACK_H

#include <libstore/frame.h>
#include <stdbool.h>

struct tiff_stack;

/*
 * Begins a stack in the file `part`, which is there and is emptied. `path` is its name in messages. The pages are about
 * `pixel_bytes` in all before they are packed: near to 4 GiB the file becomes a BigTIFF. On failure *stack must be
 * closed, too.
 */
ist_status tiff_stack_open(struct tiff_stack **stack, const char *path, const char *part, double pixel_bytes,
                           ist_error *error);

/* Add a page: a frame, or width x height single-precision numbers without gaps. */
ist_status tiff_stack_add(struct tiff_stack *stack, const ist_frame *frame, ist_error *error);
ist_status tiff_stack_add_floats(struct tiff_stack *stack, const float *pixels, int width, int height,
                                 ist_error *error);

/* Writes all that libtiff still holds; bringing it to the disk is for the caller. */
ist_status tiff_stack_finish(struct tiff_stack *stack, ist_error *error);

/* Closes the file as it is, and sets *stack to NULL. Takes a NULL stack. */
void tiff_stack_close(struct tiff_stack **stack);

#endif
