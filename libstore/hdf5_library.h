/* HDF5, loaded with the first file of its kind. */
#ifndef HDF5_LIBRARY_H
#define HDF5_LIBRARY_H

#include <hdf5.h>
#include <libstore/error.h>

/* Functions, and pointers to variables. */
#define HDF5_SYMBOLS(X)                                                                                                \
    X(Aclose)                                                                                                          \
    X(Aexists)                                                                                                         \
    X(Aget_storage_size)                                                                                               \
    X(Aget_type)                                                                                                       \
    X(Aopen)                                                                                                           \
    X(Aread)                                                                                                           \
    X(Dclose)                                                                                                          \
    X(Dget_space)                                                                                                      \
    X(Dget_type)                                                                                                       \
    X(Dopen2)                                                                                                          \
    X(Dread)                                                                                                           \
    X(Eset_auto2)                                                                                                      \
    X(Fclose)                                                                                                          \
    X(Fopen)                                                                                                           \
    X(Lexists)                                                                                                         \
    X(P_CLS_FILE_ACCESS_ID_g)                                                                                          \
    X(Pclose)                                                                                                          \
    X(Pcreate)                                                                                                         \
    X(Pset_fapl_core)                                                                                                  \
    X(Pset_file_image)                                                                                                 \
    X(Sclose)                                                                                                          \
    X(Sget_simple_extent_dims)                                                                                         \
    X(Sget_simple_extent_ndims)                                                                                        \
    X(T_NATIVE_DOUBLE_g)                                                                                               \
    X(Tclose)                                                                                                          \
    X(Tcreate)                                                                                                         \
    X(Tget_class)                                                                                                      \
    X(Tget_member_index)                                                                                               \
    X(Tget_member_name)                                                                                                \
    X(Tget_member_type)                                                                                                \
    X(Tget_nmembers)                                                                                                   \
    X(Tget_size)                                                                                                       \
    X(Tinsert)                                                                                                         \
    X(Tis_variable_str)                                                                                                \
    X(free_memory)                                                                                                     \
    X(open)

/* H5Fopen() is h5.Fopen() here; to be called after hdf5_load(). */
#define MEMBER(name) __typeof__(H5##name) *name;
extern struct hdf5_symbols {
    HDF5_SYMBOLS(MEMBER)
} h5;
#undef MEMBER

/* H5F_ACC_RDONLY and its like call H5open() by name before they give their value; here the user does it once. */
#undef H5CHECK
#undef H5OPEN
#define H5CHECK
#define H5OPEN

/* Thread-safety: any thread, at any time. IST_ERROR_UNSUPPORTED: HDF5 is not installed. */
ist_status hdf5_load(ist_error *error);

#endif
