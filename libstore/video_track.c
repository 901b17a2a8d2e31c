#include "video_track.h"

#include <libavcodec/avcodec.h>
#include <libavutil/cpu.h>
#include <stdlib.h>

#include "error.h"
#include "video_file.h"

struct video_track {
    struct video_file file;
    int thread_count;                  /* that may decode */
    struct video_decoder *decoders[2]; /* without and with threads, each made when it is needed */
    struct video_decoder *decoder;     /* one of them; NULL: none is in use */
};

bool video_track_can_thread(const struct video_track *t)
{
    return (t->file.codec->capabilities & AV_CODEC_CAP_FRAME_THREADS) && t->thread_count > 1 && av_cpu_count() > 1;
}

ist_status video_track_seek(struct video_track *t, int64_t packet, bool threads, ist_error *error)
{
    threads = threads && video_track_can_thread(t);
    const int count = threads ? FFMIN(av_cpu_count(), t->thread_count) : 1;
    ist_status status = IST_OK;
    if (!t->decoders[threads])
        status = video_decoder_create(&t->decoders[threads], &t->file, count, error);
    t->decoder = t->decoders[threads];
    return status < 0 ? status : video_decoder_begin(t->decoder, packet, error);
}

ist_status video_track_next(struct video_track *t, int64_t skip_to, ist_error *error)
{
    return video_decoder_next(t->decoder, skip_to, error);
}

struct video_picture video_track_last(const struct video_track *t)
{
    return t->decoder ? *video_decoder_last(t->decoder) : (struct video_picture){0};
}

bool video_track_has_threads(const struct video_track *t)
{
    return t->decoder && video_decoder_has_threads(t->decoder);
}

int64_t video_track_position(const struct video_track *t)
{
    return t->decoder ? video_decoder_position(t->decoder) : -1;
}

void video_track_rest(struct video_track *t)
{
    video_decoder_destroy(&t->decoders[false]);
    video_decoder_destroy(&t->decoders[true]);
    t->decoder = NULL;
}

/*
 * A file cut out of a longer one may begin with pictures that refer to what was cut away. The decoder never shows them;
 * then they do not count.
 */
static ist_status drop_undecodable_beginning(struct video_track *t, ist_error *error)
{
    struct packet_table *table = &t->file.table;
    if (table->count == 0 || table->frame_count == 0)
        return IST_OK;
    const int64_t first_key = table->packets[0].key ? 0 : packet_table_key_behind(table, 0);
    const int64_t first_frame = table->packet_of_frame[0];
    if (first_key == 0 && (first_frame < 0 || table->packets[first_frame].order >= table->packets[0].order))
        return IST_OK;
    ist_status status = video_track_seek(t, 0, false, error);
    if (status >= 0)
        status = video_track_next(t, 0, error);
    if (status == IST_OK)
        packet_table_drop_first(table, video_track_last(t).frame);
    video_track_rest(t);
    return status < 0 ? status : IST_OK;
}

ist_status video_track_open(struct video_track **track, const char *path, const char *name, int threads,
                            ist_error *error)
{
    struct video_track *t = *track = calloc(1, sizeof *t);
    if (!t)
        return error_memory(error);
    t->thread_count = threads;
    ist_status status = video_file_open(&t->file, path, name, error);
    if (status >= 0)
        status = drop_undecodable_beginning(t, error);
    if (status < 0)
        video_track_close(track);
    return status;
}

void video_track_close(struct video_track **track)
{
    struct video_track *t = *track;
    if (!t)
        return;
    video_track_rest(t);
    video_file_close(&t->file);
    free(t);
    *track = NULL;
}

const struct packet_table *video_track_table(const struct video_track *t)
{
    return &t->file.table;
}

struct video_file *video_track_file(struct video_track *t)
{
    return &t->file;
}
