/* Status and error text: how every fallible function of libstore and libtrack answers. */
#ifndef LIBSTORE_ERROR_H
#define LIBSTORE_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#define IST_API __attribute__((visibility("default")))
#define IST_MUST_CHECK __attribute__((warn_unused_result))

/* 0 or more is success, below 0 is failure. */
typedef enum ist_status {
    IST_OK = 0,
    IST_END = 1,                /* no more frames; not a failure */
    IST_DROPPED = 2,            /* there was no room for the frame; not a failure */
    IST_ERROR_ARGUMENT = -1,    /* a value given by the caller cannot be used */
    IST_ERROR_NOT_FOUND = -2,   /* no such file, frame, format or encoder */
    IST_ERROR_EXISTS = -3,      /* the destination is there already */
    IST_ERROR_IO = -4,          /* the system refused: permission, disk full, ... */
    IST_ERROR_DATA = -5,        /* a file is damaged, or is not what it claims to be */
    IST_ERROR_UNSUPPORTED = -6, /* sound, but not supported here */
    IST_ERROR_STATE = -7,       /* the handle is closed, or failed before */
    IST_ERROR_MEMORY = -8,
    IST_ERROR_INTERRUPTED = -9, /* ist_source_interrupt() was called */
} ist_status;

/*
 * What went wrong, in one line for a person: the thing, then what happened to it, for example
 * "000003.mp4: frame 812: decoder gave no picture".
 *
 * The caller owns it, normally on the stack; it works before a handle exists and needs no
 * freeing. It is written only on failure. Wherever one is asked for, NULL may be given.
 */
typedef struct ist_error {
    ist_status status;
    char message[512];
} ist_error;

/* Returns the version of libstore, such as "0.1.0". */
IST_API const char *ist_version(void);

#ifdef __cplusplus
}
#endif
#endif
