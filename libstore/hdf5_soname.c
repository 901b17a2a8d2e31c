/* Prints under which name a program that is linked with HDF5 loads it: libhdf5_serial.so.103. For the build. */
#include <dlfcn.h>
#include <hdf5.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    Dl_info library;
    H5open(); // so that it is linked
    void *function = dlsym(RTLD_DEFAULT, "H5open");
    if (!function || !dladdr(function, &library))
        return 1;
    puts(strrchr(library.dli_fname, '/') + 1);
    return 0;
}
