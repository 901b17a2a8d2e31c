#include "hdf5_library.h"

#include "library.h"

struct hdf5_symbols h5;

#define SYMBOL(name) {"H5" #name, &h5.name},

ist_status hdf5_load(ist_error *error)
{
    static const struct library_symbol symbols[] = {HDF5_SYMBOLS(SYMBOL)};
    return library_load(HDF5_SONAME, "libhdf5-103-1", symbols, sizeof symbols / sizeof *symbols, error);
}
