/* A decoder that stands at a place of a video, from which it goes on. */
#ifndef VIDEO_DECODER_H
#define VIDEO_DECODER_H

#include <libstore/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct AVFrame;
struct picture_buffers;
struct video_decoder;
struct video_file;

/* What came out of it. */
struct video_picture {
    struct AVFrame *picture; /* belongs to the decoder, which changes it when it goes on; NULL: none came */
    int64_t frame;
    bool sound; /* neither it nor anything that it was made from is damaged, as far as the decoder can tell */
};

/*
 * Makes one for this file, which must stay. With more than one of `threads` several pictures are decoded at a time;
 * then nobody can say which of them is damaged, see below. Its pictures lie in `buffers`, which must stay; NULL: in
 * memory of its own.
 */
ist_status video_decoder_create(struct video_decoder **decoder, struct video_file *file, int threads,
                                struct picture_buffers *buffers, ist_error *error);

/* Takes a NULL decoder. */
void video_decoder_destroy(struct video_decoder **decoder);

/* Leaves its place and gives its pictures back. */
void video_decoder_stop(struct video_decoder *decoder);

/*
 * Makes this key packet (or packet 0) the next that is decoded; where it turns out to be no key, the one before. The
 * decoder is new or was stopped. IST_ERROR_DATA: no way leads there.
 */
ist_status video_decoder_begin(struct video_decoder *decoder, int64_t packet, ist_error *error);

/*
 * Decodes one more picture; they come in the order of presentation. Pictures before frame `skip_to` to which no other
 * refers are left out, where the codec allows that: it costs less. IST_END: there are no more; with threads also:
 * something is damaged from here on, and a decoder without them will tell what. video_decoder_begin() must have come
 * before, and video_decoder_stop() comes next after IST_END and errors.
 */
ist_status video_decoder_next(struct video_decoder *decoder, int64_t skip_to, ist_error *error);

/* What it decoded last, since it began. */
const struct video_picture *video_decoder_last(const struct video_decoder *decoder);

bool video_decoder_has_threads(const struct video_decoder *decoder);

/* Whether it has passed the key packet from which `frame` is reached, and not yet the frame: it needs only go on. */
bool video_decoder_comes_to(const struct video_decoder *decoder, int64_t key, int64_t frame);

/* Whether somebody may want to go on from where it stands: it is on the way, and nothing on it was damaged. */
bool video_decoder_may_wait(const struct video_decoder *decoder);

const struct video_file *video_decoder_file(const struct video_decoder *decoder);

/* The memory that it takes, roughly; stays the same while it waits. */
size_t video_decoder_bytes(const struct video_decoder *decoder);

#endif
