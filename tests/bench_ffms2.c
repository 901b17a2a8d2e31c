/* FFMS2, which reads frames exactly after it has made an index. */
#include <ffms.h>
#include <stdlib.h>

#include "bench_others.h"

static void *open_video(const char *path)
{
    static char text[256];
    FFMS_ErrorInfo error = {.Buffer = text, .BufferSize = sizeof text};
    FFMS_Init(0, 0);
    FFMS_Indexer *indexer = FFMS_CreateIndexer(path, &error);
    FFMS_Index *index = indexer ? FFMS_DoIndexing2(indexer, FFMS_IEH_ABORT, &error) : NULL;
    if (!index)
        return NULL;
    // One thread, as libstore reads on with; what several give depends on what else the machine does.
    const int track = FFMS_GetFirstTrackOfType(index, FFMS_TYPE_VIDEO, &error);
    FFMS_VideoSource *video = FFMS_CreateVideoSource(path, track, index, 1, FFMS_SEEK_NORMAL, &error);
    FFMS_DestroyIndex(index);
    return video;
}

/* The picture as the decoder gives it, YUV: FFMS2 need not convert it. */
static bool read_frame(void *handle, int index)
{
    static char text[256];
    FFMS_ErrorInfo error = {.Buffer = text, .BufferSize = sizeof text};
    return FFMS_GetFrame(handle, index, &error) != NULL;
}

static void close_video(void *handle)
{
    FFMS_DestroyVideoSource(handle);
}

const struct other_reader ffms2_reader = {"FFMS2", open_video, read_frame, close_video};
