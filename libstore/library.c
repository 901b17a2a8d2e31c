#include "library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>

#include "error.h"

static bool fill(void *library, const struct library_symbol *symbols, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        // POSIX lets what dlsym() gives be a function; C has no cast for it.
        void **pointer = symbols[i].pointer;
        if (!*pointer) // other threads may be using it
            *pointer = dlsym(library, symbols[i].name);
        if (!*pointer)
            return false;
    }
    return true;
}

ist_status library_load(const char *soname, const char *package, const struct library_symbol *symbols, size_t count,
                        ist_error *error)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    ist_status status = IST_OK;
    pthread_mutex_lock(&mutex);
    void *library = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
    if (!library || !fill(library, symbols, count))
        status = error_set(error, IST_ERROR_UNSUPPORTED, "%s; it takes the package %s", dlerror(), package);
    pthread_mutex_unlock(&mutex);
    return status;
}
