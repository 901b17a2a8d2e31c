/* Other libraries that read frames of videos, to compare with. */
#ifndef BENCH_OTHERS_H
#define BENCH_OTHERS_H

#ifdef __cplusplus
extern "C" {
#else
#include <stdbool.h>
#endif

struct other_reader {
    const char *name;
    void *(*open)(const char *path); /* NULL: it cannot; with an index, where the library needs one */
    bool (*read)(void *handle, int index);
    void (*close)(void *handle);
};

extern const struct other_reader opencv_reader;
extern const struct other_reader ffms2_reader;

#ifdef __cplusplus
}
#endif
#endif
