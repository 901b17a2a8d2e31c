/* Frames that never came, with their places among those that did. */
#ifndef DROP_LIST_H
#define DROP_LIST_H

#include <libstore/frame.h>

struct placed_drop {
    int64_t before; /* the frame that came next; behind the last frame the number of frames */
    ist_drop drop;
};

/* A list that grows, in the order of the frames. All zero is empty. */
struct drop_list {
    struct placed_drop *items;
    int64_t count;
};

ist_status drop_list_add(struct drop_list *list, int64_t before, const ist_drop *drop, ist_error *error);

void drop_list_free(struct drop_list *list);

#endif
