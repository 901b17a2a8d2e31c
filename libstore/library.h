/* Shared libraries that are loaded when something asks for them: those that few programs need and that are large. */
#ifndef LIBRARY_H
#define LIBRARY_H

#include <libstore/error.h>
#include <stddef.h>

/* A function or variable of a library. */
struct library_symbol {
    const char *name;
    void *pointer; /* to the pointer to it, which is NULL before */
};

/*
 * Loads the library, unless it is loaded, for as long as the process runs, and fills the pointers.
 * IST_ERROR_UNSUPPORTED: it is not installed, or lacks one of the symbols; the message names the Debian package.
 * Thread-safety: any thread, at any time. Cost: some microseconds once it is loaded.
 */
ist_status library_load(const char *soname, const char *package, const struct library_symbol *symbols, size_t count,
                        ist_error *error);

#endif
