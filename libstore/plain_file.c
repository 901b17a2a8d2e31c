#include "plain_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "error.h"
#include "fs.h"

bool plain_file_is(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && strcmp(fs_basename(path), "metadata.yaml") != 0;
}

static bool is_tiff(const char *path)
{
    const char *dot = strrchr(fs_basename(path), '.');
    return dot && (strcasecmp(dot, ".tif") == 0 || strcasecmp(dot, ".tiff") == 0);
}

/* Nobody wrote down when the recording began: the file says when it was last written. */
static ist_status begin_metadata(struct metadata *metadata, const char *path, ist_error *error)
{
    struct stat status;
    if (stat(path, &status) < 0)
        return error_errno(error, errno, "%s", path);
    *metadata = (struct metadata){.is_file = true, .created_s = (double)status.st_mtime, .timezone = "Etc/UTC"};
    metadata->user_json = strdup("{}");
    return metadata->user_json ? IST_OK : error_memory(error);
}

static ist_status build_index(struct index **index, const struct npz_index *frames, ist_error *error)
{
    ist_status status = index_build_begin(index, NULL, "", error);
    if (status >= 0)
        status = index_build_chunk(*index, 0, "", frames, error);
    if (status >= 0)
        status = index_build_finish(*index, error);
    return status;
}

ist_status plain_file_open(const char *path, struct metadata *metadata, struct index **index,
                           const struct chunk_reader_calls **calls, ist_error *error)
{
    const bool tiff = is_tiff(path);
    struct npz_index frames = {0};
    ist_status status = begin_metadata(metadata, path, error);
    if (status >= 0)
        status = tiff ? plain_tiff_describe(path, metadata, &frames, error)
                      : plain_video_describe(path, metadata, &frames, error);
    metadata->chunksize = (int)frames.count;
    if (status >= 0)
        status = build_index(index, &frames, error);
    npz_index_free(&frames);
    *calls = tiff ? &plain_tiff_calls : &video_reader_calls;
    return status;
}
