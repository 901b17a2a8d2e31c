/* The video in a file: its packets one by one into the decoder, from any key packet on. */
#ifndef VIDEO_TRACK_H
#define VIDEO_TRACK_H

#include <libstore/error.h>
#include <stdbool.h>
#include <stdint.h>

#include "packet_table.h"

struct AVFrame;
struct index;
struct video_track;

/*
 * Opens the file and reads its packets' places. `path` and `name` (for messages) are not copied. Up to `threads`, 1 or
 * more, may decode.
 */
ist_status video_track_open(struct video_track **track, const char *path, const char *name, int threads,
                            ist_error *error);

/* Takes a NULL track. */
void video_track_close(struct video_track **track);

const struct packet_table *video_track_table(const struct video_track *track);

/* Packets that are not those of the chunk's frames, by the checksums in its index, are taken for damaged. */
void video_track_set_checksums(struct video_track *track, struct index *index, int chunk);

/*
 * Makes this key packet (or packet 0) the next that is decoded; where it turns out to be no key, the one before.
 * With `threads` several pictures are decoded at a time, where the codec can and there are processors for it: faster on
 * a long way, slower on a short one. IST_ERROR_DATA: no way leads there.
 */
ist_status video_track_seek(struct video_track *track, int64_t packet, bool threads, ist_error *error);

/* Whether `threads` makes a difference. */
bool video_track_can_thread(const struct video_track *track);

/* Whether several pictures are decoded at a time. Then nobody can say which of them is damaged, see below. */
bool video_track_has_threads(const struct video_track *track);

/*
 * When a frame is shown, in seconds from the first frame: as the file says, or where it does not, as its rate says.
 */
double video_track_time_s(const struct video_track *track, int64_t frame);

/* The packet that is decoded next; -1: video_track_seek() comes first. */
int64_t video_track_position(const struct video_track *track);

/* Gives the decoder back until the next video_track_seek(), which must come first then; pictures become invalid. */
void video_track_rest(struct video_track *track);

/*
 * Compares the packet of a frame, which must have one, with its checksum; *right is true also where none is known.
 * Frames in their order are read on; video_track_seek() must come before the next picture.
 */
ist_status video_track_check(struct video_track *track, int64_t frame, bool *right, ist_error *error);

/* What came out of the decoder. */
struct video_picture {
    struct AVFrame *picture; /* belongs to the track; changed by the next call */
    int64_t frame;
    bool sound; /* neither it nor anything that it was made from is damaged, as far as the decoder can tell */
};

/*
 * Decodes one more picture; they come in the order of presentation. Pictures before frame `skip_to` to which no other
 * refers are left out, where the codec allows that: it costs less. IST_END: there are no more; with
 * threads also: something is damaged from here on, and video_track_seek() without them will tell what.
 */
ist_status video_track_next(struct video_track *track, int64_t skip_to, struct video_picture *out, ist_error *error);

#endif
