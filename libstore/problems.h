/* What a store lacks: a list that grows while it is opened and read. */
#ifndef PROBLEMS_H
#define PROBLEMS_H

#include <libstore/reader.h>

/* All zero is empty. Entries stay where they are until problems_free(). */
struct problems {
    ist_problem **items;
    int count;
};

/* Adds a copy of the problem with this text in place of its own. */
ist_status problems_add(struct problems *problems, const ist_problem *problem, ist_error *error, const char *format,
                        ...) __attribute__((format(printf, 4, 5)));

/* Entry of this kind that is about the chunk; NULL: none. */
ist_problem *problems_find(const struct problems *problems, ist_problem_kind kind, int chunk);

/* Puts the entries into the order of their chunks. */
void problems_sort(struct problems *problems);

void problems_free(struct problems *problems);

#endif
