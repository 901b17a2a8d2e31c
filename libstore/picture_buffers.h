/*
 * Memory for decoded pictures: what one decoder gives back the next one takes, so that there is never more than was in
 * use at one time. (A decoder's own memory would be as much as ever was in use of its pictures.)
 */
#ifndef PICTURE_BUFFERS_H
#define PICTURE_BUFFERS_H

struct AVCodecContext;
struct AVFrame;
struct picture_buffers;

/* NULL: out of memory. */
struct picture_buffers *picture_buffers_create(void);

/* Pictures that are still in use keep theirs. Takes NULL. */
void picture_buffers_destroy(struct picture_buffers *buffers);

/* Gives back what is not in use. */
void picture_buffers_trim(struct picture_buffers *buffers);

/* What AVCodecContext.get_buffer2 has to do; from any thread. 0, or an error of FFmpeg. */
int picture_buffers_get(struct picture_buffers *buffers, struct AVCodecContext *codec, struct AVFrame *picture,
                        int flags);

#endif
