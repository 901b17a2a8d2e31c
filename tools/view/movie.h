/* A recording whose frames are read beside the window, so that it never waits for one. */
#ifndef MOVIE_H
#define MOVIE_H

#include <libstore/libstore.h>
#include <stdbool.h>

/*
 * A recording and the thread that reads it. Frames are asked for by index; only the newest wish counts, so that a drag
 * along the bar skips what it cannot show. When there is no wish the next frame in the direction of the last two is
 * read ahead.
 *
 * Thread-safety: one thread.
 */
struct movie;

/* Opens what ist_reader_open() opens. `arrived(context)` is called by the reading thread when a frame is there. */
ist_status movie_open(struct movie **movie, const char *path, void (*arrived)(void *context), void *context,
                      ist_error *error);
void movie_close(struct movie **movie);

/* For everything but pixels: numbers, times, chunks. */
ist_reader *movie_reader(const struct movie *movie);
const ist_reader_info *movie_info(const struct movie *movie);

/* Asks for a frame, 0 <= index < frame_count. Returns at once. */
void movie_request(struct movie *movie, int64_t index);

/*
 * The same in a hurry, as in a drag: where the way to the frame is long, the key frame before it arrives first, and the
 * frame itself when nothing else was asked for a moment later.
 */
void movie_glance(struct movie *movie, int64_t index);

/*
 * Swaps the newest frame that arrived since the last call into *frame, whose buffer the movie uses again. Returns
 * false if there is none. A frame that cannot be read arrives too: with its index, without data, and *error says why.
 */
bool movie_take(struct movie *movie, ist_frame *frame, ist_error *error);

/* Waits until the last frame that was asked for has arrived, at most so long. */
void movie_wait(struct movie *movie, double seconds);

/*
 * Looks whether a store that is being recorded has other frames now. Returns true if it has. The index of every frame
 * is smaller by *removed then: by as many as were removed from the front.
 */
bool movie_refresh(struct movie *movie, int64_t *removed);

#endif
