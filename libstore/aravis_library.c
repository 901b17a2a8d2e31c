#include "aravis_library.h"

#include "library.h"

struct aravis_functions arv;
struct glib_functions glib;

#define ARAVIS_SYMBOL(name) {"arv_" #name, &arv.name},
#define GLIB_SYMBOL(name) {"g_" #name, &glib.name},

ist_status aravis_load(ist_error *error)
{
    static const struct library_symbol symbols[] = {ARAVIS_FUNCTIONS(ARAVIS_SYMBOL) GLIB_FUNCTIONS(GLIB_SYMBOL)};
    return library_load("libaravis-0.8.so.0", "libaravis-0.8-0", symbols, sizeof symbols / sizeof *symbols, error);
}
