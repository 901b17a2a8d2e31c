#include "drop_list.h"

#include <stdlib.h>

#include "error.h"

ist_status drop_list_add(struct drop_list *list, int64_t before, const ist_drop *drop, ist_error *error)
{
    // Room doubles whenever the count is a power of two.
    if ((list->count & (list->count - 1)) == 0) {
        struct placed_drop *items = realloc(list->items, (list->count ? 2 * (size_t)list->count : 1) * sizeof *items);
        if (!items)
            return error_memory(error);
        list->items = items;
    }
    list->items[list->count++] = (struct placed_drop){before, *drop};
    return IST_OK;
}

void drop_list_free(struct drop_list *list)
{
    free(list->items);
    *list = (struct drop_list){0};
}
