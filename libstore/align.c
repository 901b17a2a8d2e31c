#include <libstore/align.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

enum { BATCH = 1024 };

/* A number, and the first frame that has it. */
struct place {
    int64_t number;
    int64_t index;
};

/* The numbers of a store, each once, in rising order. */
struct numbers {
    ist_reader *reader;
    int64_t frame_count;
    struct place *sorted; /* NULL: they rise as they are */
    int64_t sorted_count;
};

/* A walk over them. */
struct cursor {
    const struct numbers *numbers;
    struct place at;
    bool ended;
    int64_t next;                     /* frame, or entry of `sorted`, behind `at` */
    int64_t batch_first, batch_count; /* frames in `batch` */
    int64_t batch[BATCH];
};

struct ist_aligner {
    int count;
    ist_align_policy policy;
    struct numbers *numbers;
    struct cursor *cursors;
    ist_aligned_frame *frames;
};

/*
 * Numbers of one store
 */

static int compare_places(const void *a, const void *b)
{
    const struct place *left = a, *right = b;
    if (left->number != right->number)
        return left->number < right->number ? -1 : 1;
    return (left->index > right->index) - (left->index < right->index);
}

static ist_status sort_numbers(struct numbers *numbers, ist_error *error)
{
    int64_t batch[BATCH];
    numbers->sorted = malloc((size_t)numbers->frame_count * sizeof *numbers->sorted);
    if (!numbers->sorted)
        return error_memory(error);
    for (int64_t first = 0; first < numbers->frame_count; first += BATCH) {
        const int64_t count = numbers->frame_count - first < BATCH ? numbers->frame_count - first : BATCH;
        const ist_status status = ist_reader_frame_metadata(numbers->reader, first, count, batch, NULL, error);
        if (status < 0)
            return status;
        for (int64_t i = 0; i < count; i++)
            numbers->sorted[first + i] = (struct place){batch[i], first + i};
    }
    qsort(numbers->sorted, (size_t)numbers->frame_count, sizeof *numbers->sorted, compare_places);
    numbers->sorted_count = 0;
    for (int64_t i = 0; i < numbers->frame_count; i++)
        if (i == 0 || numbers->sorted[i].number != numbers->sorted[i - 1].number)
            numbers->sorted[numbers->sorted_count++] = numbers->sorted[i];
    return IST_OK;
}

static ist_status load_numbers(struct numbers *numbers, ist_reader *reader, ist_error *error)
{
    int64_t batch[BATCH], last = INT64_MIN;
    *numbers = (struct numbers){.reader = reader, .frame_count = ist_reader_get_info(reader)->frame_count};
    for (int64_t first = 0; first < numbers->frame_count; first += BATCH) {
        const int64_t count = numbers->frame_count - first < BATCH ? numbers->frame_count - first : BATCH;
        const ist_status status = ist_reader_frame_metadata(reader, first, count, batch, NULL, error);
        if (status < 0)
            return status;
        for (int64_t i = 0; i < count; last = batch[i++])
            if (batch[i] < last)
                return sort_numbers(numbers, error);
    }
    return IST_OK;
}

/*
 * Walking
 */

static ist_status fill_batch(struct cursor *cursor, ist_error *error)
{
    const int64_t left = cursor->numbers->frame_count - cursor->next;
    cursor->batch_first = cursor->next;
    cursor->batch_count = left < BATCH ? left : BATCH;
    return ist_reader_frame_metadata(cursor->numbers->reader, cursor->batch_first, cursor->batch_count, cursor->batch,
                                     NULL, error);
}

/* Goes to the first number above `at`, or with `first` to the first of all. */
static ist_status advance(struct cursor *cursor, bool first, ist_error *error)
{
    const struct numbers *numbers = cursor->numbers;
    if (numbers->sorted) {
        cursor->ended = cursor->next >= numbers->sorted_count;
        if (!cursor->ended)
            cursor->at = numbers->sorted[cursor->next++];
        return IST_OK;
    }
    while (cursor->next < numbers->frame_count) {
        if (cursor->next >= cursor->batch_first + cursor->batch_count) {
            const ist_status status = fill_batch(cursor, error);
            if (status < 0)
                return status;
        }
        const struct place place = {cursor->batch[cursor->next - cursor->batch_first], cursor->next};
        cursor->next++;
        if (first || place.number > cursor->at.number) {
            cursor->at = place;
            return IST_OK;
        }
    }
    cursor->ended = true;
    return IST_OK;
}

static ist_status start(const ist_aligner *a, struct cursor *cursors, ist_error *error)
{
    ist_status status = IST_OK;
    for (int i = 0; i < a->count && status >= 0; i++) {
        cursors[i].numbers = &a->numbers[i];
        cursors[i].next = cursors[i].batch_first = cursors[i].batch_count = 0;
        cursors[i].ended = false;
        status = advance(&cursors[i], true, error);
    }
    return status;
}

/* The smallest number at which a cursor stands. False: all are at their end, or with `all` one of them is. */
static bool smallest(const struct cursor *cursors, int count, bool all, int64_t *number)
{
    bool found = false;
    for (int i = 0; i < count; i++) {
        if (cursors[i].ended && all)
            return false;
        if (!cursors[i].ended && (!found || cursors[i].at.number < *number)) {
            *number = cursors[i].at.number;
            found = true;
        }
    }
    return found;
}

static ist_status pass(struct cursor *cursors, int count, int64_t number, ist_error *error)
{
    ist_status status = IST_OK;
    for (int i = 0; i < count && status >= 0; i++)
        if (!cursors[i].ended && cursors[i].at.number == number)
            status = advance(&cursors[i], false, error);
    return status;
}

/* Finds the number of the next step, at which the cursors that have it stand. */
static ist_status find_step(const ist_aligner *a, struct cursor *cursors, int64_t *number, ist_error *error)
{
    const bool all = a->policy == IST_ALIGN_DROP;
    while (smallest(cursors, a->count, all, number)) {
        bool everywhere = true;
        for (int i = 0; i < a->count; i++)
            everywhere = everywhere && !cursors[i].ended && cursors[i].at.number == *number;
        if (everywhere || !all)
            return IST_OK;
        const ist_status status = pass(cursors, a->count, *number, error);
        if (status < 0)
            return status;
    }
    return IST_END;
}

/*
 * Frames
 */

static ist_status make_black(ist_aligned_frame *slot, const ist_reader *reader, int64_t number, ist_error *error)
{
    const ist_reader_info *info = ist_reader_get_info(reader);
    ist_frame *frame = &slot->frame;
    if (slot->state != IST_ALIGNED_BLACK || !frame->data) {
        const ist_status status = ist_frame_alloc(frame, info->width, info->height, info->channels, info->type, error);
        if (status < 0)
            return status;
        memset(frame->data, 0, (size_t)frame->stride * (size_t)frame->height);
    }
    slot->state = IST_ALIGNED_BLACK;
    frame->index = -1;
    frame->number = number;
    frame->time_s = (double)NAN;
    return IST_OK;
}

/* Puts into the slot what the store has for the number. What fails to be read is not held afterwards. */
static ist_status fill_slot(const ist_aligner *a, int i, int64_t number, ist_error *error)
{
    ist_aligned_frame *slot = &a->frames[i];
    const struct cursor *cursor = &a->cursors[i];
    ist_reader *reader = a->numbers[i].reader;
    if (!cursor->ended && cursor->at.number == number) {
        const ist_status status = ist_reader_read_index(reader, cursor->at.index, &slot->frame, error);
        slot->state = IST_ALIGNED;
        if (status >= 0)
            return status;
        return make_black(slot, reader, number, NULL) < 0 ? IST_ERROR_MEMORY : status;
    }
    const bool has_last = slot->frame.data && slot->state != IST_ALIGNED_BLACK;
    if (a->policy == IST_ALIGN_HOLD && has_last) {
        slot->state = IST_ALIGNED_HELD;
        return IST_OK;
    }
    return make_black(slot, reader, number, error);
}

ist_status ist_aligner_open(ist_aligner **aligner, ist_reader *const *readers, int count, ist_align_policy policy,
                            ist_error *error)
{
    *aligner = NULL;
    if (count < 1)
        return error_set(error, IST_ERROR_ARGUMENT, "there are no stores to align");
    if (policy != IST_ALIGN_DROP && policy != IST_ALIGN_HOLD && policy != IST_ALIGN_BLACK)
        return error_set(error, IST_ERROR_ARGUMENT, "there is no policy %d", (int)policy);
    ist_aligner *a = *aligner = calloc(1, sizeof *a);
    if (!a)
        return error_memory(error);
    a->count = count;
    a->policy = policy;
    a->numbers = calloc((size_t)count, sizeof *a->numbers);
    a->cursors = calloc((size_t)count, sizeof *a->cursors);
    a->frames = calloc((size_t)count, sizeof *a->frames);
    ist_status status = a->numbers && a->cursors && a->frames ? IST_OK : error_memory(error);
    for (int i = 0; i < count && status >= 0; i++)
        status = load_numbers(&a->numbers[i], readers[i], error);
    if (status >= 0)
        status = start(a, a->cursors, error);
    if (status < 0)
        ist_aligner_close(aligner);
    return status;
}

ist_status ist_aligner_next(ist_aligner *aligner, int64_t *number, const ist_aligned_frame **frames, ist_error *error)
{
    ist_aligner *a = aligner;
    ist_status status = find_step(a, a->cursors, number, error);
    if (status != IST_OK)
        return status;
    for (int i = 0; i < a->count; i++) {
        ist_error reason = {0};
        const ist_status filled = fill_slot(a, i, *number, &reason);
        if (filled < 0 && status >= 0)
            status =
                error_set(error, filled, "%s: %.400s", ist_reader_get_info(a->numbers[i].reader)->path, reason.message);
    }
    const ist_status passed = pass(a->cursors, a->count, *number, status < 0 ? NULL : error);
    *frames = a->frames;
    return status < 0 ? status : passed;
}

ist_status ist_aligner_count(ist_aligner *aligner, int64_t *steps, ist_error *error)
{
    struct cursor *cursors = calloc((size_t)aligner->count, sizeof *cursors);
    int64_t number;
    *steps = 0;
    ist_status status = cursors ? start(aligner, cursors, error) : error_memory(error);
    while (status >= 0 && (status = find_step(aligner, cursors, &number, error)) == IST_OK) {
        (*steps)++;
        status = pass(cursors, aligner->count, number, error);
    }
    free(cursors);
    return status < 0 ? status : IST_OK;
}

void ist_aligner_close(ist_aligner **aligner)
{
    ist_aligner *a = *aligner;
    if (!a)
        return;
    for (int i = 0; i < a->count; i++) {
        if (a->numbers)
            free(a->numbers[i].sorted);
        if (a->frames)
            ist_frame_free(&a->frames[i].frame);
    }
    free(a->numbers);
    free(a->cursors);
    free(a->frames);
    free(a);
    *aligner = NULL;
}
