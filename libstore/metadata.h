/* metadata.yaml: what a store says of itself. schema/metadata.md lists the keys. */
#ifndef METADATA_H
#define METADATA_H

#include <libstore/frame.h>
#include <libstore/time.h>
#include <stdbool.h>
#include <stdint.h>

#include "store_removed.h"

enum { METADATA_UUID_SIZE = 33, METADATA_TEXT_SIZE = 64 };

/* All zero is valid; metadata_free() releases the user's part. */
struct metadata {
    bool is_file;  /* no store but a plain video or TIFF stack */
    bool is_video; /* class VideoImgStore, else DirectoryImgStore */
    char format[METADATA_TEXT_SIZE];
    char extension[METADATA_TEXT_SIZE]; /* of video chunks, ".mp4" */
    bool extension_guessed;             /* an old store that does not say it */
    char encoding[METADATA_TEXT_SIZE];  /* "": none */
    char uuid[METADATA_UUID_SIZE];      /* "": none */
    char timezone[IST_TIME_ZONE_SIZE];  /* IANA name */
    double created_s;                   /* seconds since 1970 UTC */
    int width;                          /* px, as stored: even for most video, and of raw data where encoding says so */
    int height;
    int channels; /* 1 or 3; of raw data also 2 or 4 */
    ist_pixel_type type;
    int chunksize;
    int64_t dropped[IST_DROP_CAUSE_COUNT]; /* frames that never came */
    struct store_removed removed;          /* by a ring */
    char *user_json;                       /* text of a JSON object */
    uint32_t user_checksum;                /* of the user's part when the store was made; 0: not known */
    bool user_changed;                     /* it is another by now */
};

/* Fills in uuid, created_s and, where it is empty, timezone for a store that begins now. */
void metadata_begin(struct metadata *metadata);

/* Writes DIRECTORY/metadata.yaml, whole or not at all. */
ist_status metadata_write(const struct metadata *metadata, const char *directory, ist_error *error);

/*
 * Reads DIRECTORY/metadata.yaml. What old stores leave out is filled in as imgstore does.
 * IST_ERROR_DATA: it is damaged, or not what was written, by its checksum.
 */
ist_status metadata_read(struct metadata *metadata, const char *directory, ist_error *error);

void metadata_free(struct metadata *metadata);

#endif
