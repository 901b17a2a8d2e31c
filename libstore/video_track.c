#include "video_track.h"

#include <libavcodec/avcodec.h>
#include <libavutil/cpu.h>
#include <stdlib.h>

#include "decoder_pool.h"
#include "error.h"
#include "frame_threads.h"
#include "video_file.h"

struct video_track {
    struct video_file file;
    int thread_count; /* that may decode */
    struct decoder_pool *pool;
    struct video_decoder *decoder; /* NULL: none is in use */
    struct video_decoder *idle[2]; /* without and with threads, to be used again; NULL: none */
};

bool video_track_can_thread(const struct video_track *t)
{
    const AVCodec *codec = t->file.codec;
    return (codec->capabilities & AV_CODEC_CAP_FRAME_THREADS) && frame_threads_are_exact(codec->id) &&
           t->thread_count > 1 && av_cpu_count() > 1;
}

/* Uses the decoder no more, which is left where it is if that is worth it. */
static void put_down(struct video_track *t, bool leave)
{
    struct video_decoder *decoder = t->decoder;
    t->decoder = NULL;
    if (decoder && leave && t->pool && video_decoder_may_wait(decoder))
        decoder = decoder_pool_put(t->pool, decoder);
    if (!decoder)
        return;
    struct video_decoder **idle = &t->idle[video_decoder_has_threads(decoder)];
    if (*idle || video_decoder_file(decoder) != &t->file) {
        video_decoder_destroy(&decoder);
    } else {
        video_decoder_stop(decoder);
        *idle = decoder;
    }
}

static ist_status create_decoder(struct video_track *t, bool threads, ist_error *error)
{
    const int count = threads ? FFMIN(av_cpu_count(), t->thread_count) : 1;
    struct picture_buffers *buffers = t->pool ? decoder_pool_buffers(t->pool) : NULL;
    ist_status status = video_decoder_create(&t->decoder, &t->file, count, buffers, error);
    // There may be no more threads for it.
    if (status < 0 && threads)
        status = video_decoder_create(&t->decoder, &t->file, 1, buffers, error);
    return status;
}

ist_status video_track_seek(struct video_track *t, int64_t packet, bool threads, bool leave, ist_error *error)
{
    threads = threads && video_track_can_thread(t);
    put_down(t, leave);
    t->decoder = t->idle[threads];
    t->idle[threads] = NULL;
    const ist_status status = t->decoder ? IST_OK : create_decoder(t, threads, error);
    return status < 0 ? status : video_decoder_begin(t->decoder, packet, error);
}

bool video_track_take_up(struct video_track *t, int64_t key, int64_t frame)
{
    const bool comes_to = t->decoder && video_decoder_comes_to(t->decoder, key, frame);
    const int64_t first = comes_to ? video_decoder_last(t->decoder)->frame + 1 : 0;
    struct video_decoder *nearer = t->pool ? decoder_pool_take(t->pool, &t->file, key, first, frame) : NULL;
    if (!nearer)
        return comes_to;
    put_down(t, true);
    t->decoder = nearer;
    return true;
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

void video_track_rest(struct video_track *t)
{
    put_down(t, true);
    video_decoder_destroy(&t->idle[false]);
    video_decoder_destroy(&t->idle[true]);
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
    ist_status status = video_track_seek(t, 0, false, false, error);
    if (status >= 0)
        status = video_track_next(t, 0, error);
    if (status == IST_OK)
        packet_table_drop_first(table, video_track_last(t).frame);
    put_down(t, false); // its pictures have the numbers of before
    return status < 0 ? status : IST_OK;
}

ist_status video_track_open(struct video_track **track, const char *path, const char *name, int threads,
                            struct decoder_pool *pool, ist_error *error)
{
    struct video_track *t = *track = calloc(1, sizeof *t);
    if (!t)
        return error_memory(error);
    t->thread_count = threads;
    t->pool = pool;
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
    put_down(t, false);
    video_track_rest(t);
    if (t->pool)
        decoder_pool_forget(t->pool, &t->file);
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
