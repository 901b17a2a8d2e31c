/* Frames into the packets of a video, each at once. */
#ifndef VIDEO_ENCODER_H
#define VIDEO_ENCODER_H

#include <libstore/writer.h>
#include <stdbool.h>
#include <stdint.h>

struct AVCodecContext;
struct AVPacket;
struct video_encoder;

/*
 * `encoder` is FFmpeg's name of it, `own` the one that the format uses by itself, for messages.
 * IST_ERROR_NOT_FOUND: this FFmpeg does not have it. IST_ERROR_ARGUMENT: it cannot be opened, or has no such option.
 */
ist_status video_encoder_open(struct video_encoder **encoder, const char *name, const char *own, int default_quality,
                              bool global_header, const ist_writer_params *params, ist_error *error);

/* Takes NULL. */
void video_encoder_close(struct video_encoder **encoder);

/* For the muxer. */
const struct AVCodecContext *video_encoder_context(const struct video_encoder *encoder);

/*
 * Encodes a frame; the packet's time stamp is its place in the chunk. One encoder can serve chunk after chunk: the
 * frame with place 0 is to become a key picture, which not all encoders can be made to do; the packet's flag tells.
 * IST_ERROR_ARGUMENT: samples do not fit, or the encoder keeps the frame to itself.
 */
ist_status video_encoder_encode(struct video_encoder *encoder, const ist_frame *frame, int64_t place,
                                struct AVPacket *packet, ist_error *error);

#endif
