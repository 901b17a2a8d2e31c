#include <libstore/float_stack.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "error.h"
#include "fs.h"
#include "tiff_stack.h"

struct ist_float_stack {
    struct tiff_stack *tiff;
    int width, height;
    char path[PATH_MAX];
    char part[PATH_MAX];
};

static ist_status begin(ist_float_stack *stack, const char *path, int64_t page_count, ist_error *error)
{
    if ((size_t)snprintf(stack->path, sizeof stack->path, "%s", path) >= sizeof stack->path ||
        (size_t)snprintf(stack->part, sizeof stack->part, "%s.part", path) >= sizeof stack->part) {
        *stack->part = '\0'; // it would be another file's
        return error_errno(error, ENAMETOOLONG, "%s", path);
    }
    const ist_status status = fs_write_file(stack->part, "", 0, error);
    if (status < 0)
        return status;
    const double page_bytes = (double)stack->width * stack->height * sizeof(float) + 1024;
    return tiff_stack_open(&stack->tiff, stack->path, stack->part, page_bytes * (double)page_count, error);
}

ist_status ist_float_stack_create(ist_float_stack **stack, const char *path, int width, int height, int64_t page_count,
                                  ist_error *error)
{
    *stack = NULL;
    if (width < 1 || height < 1 || width > UINT16_MAX || height > UINT16_MAX)
        return error_set(error, IST_ERROR_ARGUMENT, "%s: a size of %d x %d px cannot be used", path, width, height);
    ist_float_stack *new = *stack = calloc(1, sizeof *new);
    if (!new)
        return error_memory(error);
    new->width = width;
    new->height = height;
    const ist_status status = begin(new, path, page_count, error);
    if (status < 0)
        ist_float_stack_discard(stack);
    return status;
}

ist_status ist_float_stack_add(ist_float_stack *stack, const float *pixels, ist_error *error)
{
    return tiff_stack_add_floats(stack->tiff, pixels, stack->width, stack->height, error);
}

ist_status ist_float_stack_finish(ist_float_stack **stack, ist_error *error)
{
    ist_float_stack *s = *stack;
    ist_status status = tiff_stack_finish(s->tiff, error);
    tiff_stack_close(&s->tiff);
    if (status >= 0)
        status = fs_publish(s->part, s->path, error);
    ist_float_stack_discard(stack);
    return status;
}

void ist_float_stack_discard(ist_float_stack **stack)
{
    if (!*stack)
        return;
    tiff_stack_close(&(*stack)->tiff);
    fs_calls.unlink((*stack)->part); // once it is whole it is not there any more
    free(*stack);
    *stack = NULL;
}
