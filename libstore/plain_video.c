/* What a plain video holds. video_reader.c reads it. */
#include <libavutil/frame.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "ffmpeg_log.h"
#include "fs.h"
#include "pixels.h"
#include "plain_file.h"
#include "video_file.h"
#include "video_track.h"

/* The first picture tells the size, and whether it is gray; the header may be wrong. */
static ist_status look_at_first(struct video_track *track, struct metadata *metadata, const char *path,
                                ist_error *error)
{
    const bool is_empty = video_track_table(track)->count == 0;
    ist_status status = is_empty ? IST_END : video_track_seek(track, 0, false, false, error);
    if (status == IST_OK)
        status = video_track_next(track, 0, error);
    if (status == IST_END)
        return error_set(error, IST_ERROR_DATA, "%s: holds no picture that can be decoded", path);
    if (status < 0)
        return error_prefix(error, status, "%s", path);
    const struct video_picture first = video_track_last(track);
    const struct pixel_layout layout = pixel_layout_for(first.picture->format, false);
    metadata->width = first.picture->width;
    metadata->height = first.picture->height;
    metadata->channels = layout.channels;
    metadata->type = layout.type;
    return IST_OK;
}

static ist_status list_frames(struct video_track *track, struct npz_index *frames, ist_error *error)
{
    const size_t count = (size_t)video_track_table(track)->frame_count;
    frames->numbers = calloc(count + 1, sizeof *frames->numbers);
    frames->times_s = calloc(count + 1, sizeof *frames->times_s);
    if (!frames->numbers || !frames->times_s)
        return error_memory(error);
    frames->count = (int64_t)count;
    for (int64_t i = 0; i < frames->count; i++) {
        frames->numbers[i] = i;
        frames->times_s[i] = video_file_time_s(video_track_file(track), i);
    }
    return IST_OK;
}

ist_status plain_video_describe(const char *path, struct metadata *metadata, struct npz_index *frames, ist_error *error)
{
    struct video_track *track = NULL;
    struct ffmpeg_log log;
    const char *dot = strrchr(fs_basename(path), '.');
    metadata->is_video = true;
    snprintf(metadata->format, sizeof metadata->format, "%s", dot ? dot + 1 : "video");
    ffmpeg_log_begin(&log);
    ist_status status = video_track_open(&track, path, path, 1, NULL, error);
    if (status >= 0)
        status = look_at_first(track, metadata, path, error);
    if (status >= 0)
        status = list_frames(track, frames, error);
    video_track_close(&track);
    ffmpeg_log_end(&log);
    return status;
}
