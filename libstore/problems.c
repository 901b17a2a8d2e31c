#include "problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "error.h"

ist_status problems_add(struct problems *problems, const ist_problem *problem, ist_error *error, const char *format,
                        ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    const int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        return error_memory(error);
    ist_problem **items = realloc(problems->items, (size_t)(problems->count + 1) * sizeof *items);
    ist_problem *added = malloc(sizeof *added);
    if (items)
        problems->items = items;
    if (!items || !added) {
        free(text);
        free(added);
        return error_memory(error);
    }
    *added = *problem;
    added->text = text;
    items[problems->count++] = added;
    return IST_OK;
}

ist_problem *problems_find(const struct problems *problems, ist_problem_kind kind, int chunk)
{
    for (int i = 0; i < problems->count; i++)
        if (problems->items[i]->kind == kind && problems->items[i]->chunk == chunk)
            return problems->items[i];
    return NULL;
}

static int compare(const void *a, const void *b)
{
    const ist_problem *left = *(ist_problem *const *)a, *right = *(ist_problem *const *)b;
    if (left->chunk != right->chunk)
        return left->chunk < right->chunk ? -1 : 1;
    return (left->kind > right->kind) - (left->kind < right->kind);
}

void problems_sort(struct problems *problems)
{
    if (problems->count)
        qsort(problems->items, (size_t)problems->count, sizeof *problems->items, compare);
}

void problems_free(struct problems *problems)
{
    for (int i = 0; i < problems->count; i++) {
        free((char *)problems->items[i]->text);
        free(problems->items[i]);
    }
    free(problems->items);
    *problems = (struct problems){0};
}
