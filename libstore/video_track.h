/* A video, of which any picture can be decoded from the key packet before it. */
#ifndef VIDEO_TRACK_H
#define VIDEO_TRACK_H

#include <libstore/error.h>
#include <stdbool.h>
#include <stdint.h>

#include "packet_table.h"
#include "video_decoder.h"

struct decoder_pool;
struct video_track;

/*
 * Opens the file and reads its packets' places. `path` and `name` (for messages) are not copied. Up to `threads`, 1 or
 * more, may decode. Decoders are left standing in `pool`, which must outlive the track; NULL: none are.
 */
ist_status video_track_open(struct video_track **track, const char *path, const char *name, int threads,
                            struct decoder_pool *pool, ist_error *error);

/* Takes a NULL track. */
void video_track_close(struct video_track **track);

const struct packet_table *video_track_table(const struct video_track *track);

/* Its file, for what needs no decoder. */
struct video_file *video_track_file(struct video_track *track);

/*
 * Makes this key packet (or packet 0) the next that is decoded; where it turns out to be no key, the one before.
 * With `threads` several pictures are decoded at a time, where the codec can and there are processors for it: faster on
 * a long way, slower on a short one. With `leave` the decoder that is where decoding went on so far stays there, for
 * video_track_take_up(). IST_ERROR_DATA: no way leads there.
 */
ist_status video_track_seek(struct video_track *track, int64_t packet, bool threads, bool leave, ist_error *error);

/*
 * Goes on where a decoder stands that comes to this frame, at once or on from the nearest place where one was left:
 * it has passed the key packet from which the frame is reached. False: there is none; video_track_seek() comes next.
 */
bool video_track_take_up(struct video_track *track, int64_t key, int64_t frame);

/* As video_decoder_next(), after video_track_seek() or video_track_take_up(). */
ist_status video_track_next(struct video_track *track, int64_t skip_to, ist_error *error);

/* What was decoded last; its picture is NULL: nothing since the last seek. */
struct video_picture video_track_last(const struct video_track *track);

/* Whether `threads` makes a difference. */
bool video_track_can_thread(const struct video_track *track);

/* Whether several pictures are decoded at a time. Then nobody can say which of them is damaged. */
bool video_track_has_threads(const struct video_track *track);

/* Leaves its decoder standing, as others will be used next; pictures become invalid. */
void video_track_rest(struct video_track *track);

#endif
