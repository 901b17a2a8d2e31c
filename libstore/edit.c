#include <libstore/edit.h>

#include "edit_index.h"

ist_status ist_save_index(const char *path, ist_error *error)
{
    struct edit edit;
    struct edit_contents contents = {0};
    ist_status status = edit_begin(&edit, path, error);
    if (status >= 0)
        status = edit_contents_load(&contents, &edit, error);
    if (status >= 0)
        status = edit_stage_index(&edit, contents.index, NULL, NULL, NULL, error);
    if (status >= 0)
        status = edit_finish(&edit, &(struct edit_note){.kind = EDIT_SAVE_INDEX}, error);
    edit_contents_free(&contents);
    edit_abandon(&edit);
    return status;
}

ist_status ist_empty(const char *path, ist_error *error)
{
    struct edit edit;
    ist_status status = edit_begin(&edit, path, error);
    if (status >= 0)
        status = edit_stage_index(&edit, NULL, NULL, NULL, NULL, error);
    if (status >= 0)
        status = edit_finish(&edit, &(struct edit_note){.kind = EDIT_EMPTY}, error);
    edit_abandon(&edit);
    return status;
}
