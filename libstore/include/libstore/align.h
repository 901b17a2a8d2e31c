/* Several stores side by side, frames of the same number together. */
#ifndef LIBSTORE_ALIGN_H
#define LIBSTORE_ALIGN_H

#include <libstore/reader.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Stores whose cameras counted together, aligned by frame number: each step is one number, and a frame of each store.
 * Numbers come in rising order, each once. Of frames of a store with the same number the first counts.
 *
 * Thread-safety: one thread at a time, together with the readers.
 */
typedef struct ist_aligner ist_aligner;

/* Which numbers there are, and what stands for a frame that a store does not have. */
typedef enum ist_align_policy {
    IST_ALIGN_DROP = 0,  /* only numbers that all stores have */
    IST_ALIGN_HOLD = 1,  /* all numbers; the frame before it again, a black one before the first */
    IST_ALIGN_BLACK = 2, /* all numbers; a black frame */
} ist_align_policy;

typedef enum ist_align_state {
    IST_ALIGNED = 0,       /* the store's frame of this number */
    IST_ALIGNED_HELD = 1,  /* the store's last frame before; index, number and time are its own */
    IST_ALIGNED_BLACK = 2, /* zeros of the store's shape; index -1, the number of the step, time NAN */
} ist_align_state;

/* What one store has in a step. */
typedef struct ist_aligned_frame {
    ist_frame frame; /* belongs to the aligner */
    ist_align_state state;
} ist_aligned_frame;

/*
 * Aligns `count` open readers, which stay the caller's and must outlive the aligner; the places at which they stand are
 * changed by it. Their pictures may be of different sizes. `readers` is not kept.
 *
 * IST_ERROR_ARGUMENT: no readers. IST_ERROR_DATA, IST_ERROR_IO: an index cannot be read.
 * Cost: reads all frame numbers once. Where they rise, also with gaps and repeats, nothing is kept of them; a store
 * whose numbers go back costs 16 bytes a frame, and its frames are read in the order of numbers.
 */
IST_API IST_MUST_CHECK ist_status ist_aligner_open(ist_aligner **aligner, ist_reader *const *readers, int count,
                                                   ist_align_policy policy, ist_error *error);

/*
 * Goes to the next number and gives an array with a frame for each reader, valid until the next call. IST_END: there
 * are no more. A frame that cannot be read is a failure as of ist_reader_read_index(); the next call goes on behind it.
 */
IST_API IST_MUST_CHECK ist_status ist_aligner_next(ist_aligner *aligner, int64_t *number,
                                                   const ist_aligned_frame **frames, ist_error *error);

/* Steps from the first to the last number. Cost: reads all frame numbers once more. */
IST_API IST_MUST_CHECK ist_status ist_aligner_count(ist_aligner *aligner, int64_t *steps, ist_error *error);

/* Closes the aligner, not the readers, and sets *aligner to NULL. Takes a NULL aligner. */
IST_API void ist_aligner_close(ist_aligner **aligner);

#ifdef __cplusplus
}
#endif
#endif
