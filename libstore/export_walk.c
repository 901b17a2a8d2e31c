#include "export_walk.h"

#include "reader_ranges.h"

bool export_is_filtered(const ist_selection *selection)
{
    return selection->by_number || selection->by_time;
}

void export_walk_begin(struct export_walk *walk, ist_reader *reader, const ist_selection *selection)
{
    const int64_t count = ist_reader_get_info(reader)->frame_count;
    walk->reader = reader;
    walk->selection = *selection;
    if (selection->index_end == 0 || selection->index_end > count)
        walk->selection.index_end = count;
    if (selection->step == 0)
        walk->selection.step = 1;
    walk->position = selection->index_first;
    walk->met = 0;
    walk->range = 0;
    walk->part_end = 0;
    walk->ranges = reader_ranges(reader, &walk->range_count);
    walk->block_first = walk->block_count = 0;
}

static bool may_meet(const ist_selection *selection, const struct chunk_range *range)
{
    if (selection->by_number &&
        (range->number_max < selection->number_first || range->number_min >= selection->number_end))
        return false;
    return !selection->by_time ||
           (range->time_max_s >= selection->time_first_s && range->time_min_s < selection->time_end_s);
}

/* Where a range of numbers or times begins or ends. */
struct bound {
    bool is_number;
    int64_t number;
    double time_s;
};

/* Finds the first frame of low..high-1, along which the values rise, that is not below the bound; high: none. */
static ist_status walk_bisect(struct export_walk *walk, struct bound bound, int64_t low, int64_t high, int64_t *found,
                              ist_error *error)
{
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        int64_t number;
        double time_s;
        const ist_status status = ist_reader_frame_metadata(walk->reader, middle, 1, &number, &time_s, error);
        if (status < 0)
            return status;
        if (bound.is_number ? number < bound.number : time_s < bound.time_s)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low;
    return IST_OK;
}

/* Leaves of the chunk, as far as its values rise, the part that meets the conditions. */
static ist_status walk_narrow(struct export_walk *walk, const struct chunk_range *range, ist_error *error)
{
    const ist_selection *s = &walk->selection;
    const struct {
        bool wanted;
        struct bound bound;
        int64_t *place;
    } ends[] = {
        {s->by_number && range->numbers_rise && range->number_min < s->number_first,
         {.is_number = true, .number = s->number_first},
         &walk->position},
        {s->by_number && range->numbers_rise && range->number_max >= s->number_end,
         {.is_number = true, .number = s->number_end},
         &walk->part_end},
        {s->by_time && range->times_rise && range->time_min_s < s->time_first_s,
         {.time_s = s->time_first_s},
         &walk->position},
        {s->by_time && range->times_rise && range->time_max_s >= s->time_end_s,
         {.time_s = s->time_end_s},
         &walk->part_end},
    };
    ist_status status = IST_OK;
    for (size_t i = 0; i < sizeof ends / sizeof *ends && status >= 0; i++)
        if (ends[i].wanted)
            status = walk_bisect(walk, ends[i].bound, walk->position, walk->part_end, ends[i].place, error);
    return status;
}

/* Goes on to the next chunk that holds frames that may meet the conditions; without one there is no part left. */
static ist_status walk_to_chunk(struct export_walk *walk, ist_error *error)
{
    ist_status status = IST_OK;
    while (status >= 0 && walk->position >= walk->part_end && walk->range < walk->range_count) {
        const struct chunk_range *range = &walk->ranges[walk->range++];
        const int64_t end = range->first_index + range->frame_count;
        if (walk->position >= end || !may_meet(&walk->selection, range))
            continue;
        if (walk->position < range->first_index)
            walk->position = range->first_index;
        walk->part_end = end;
        status = walk_narrow(walk, range, error);
    }
    return status;
}

static ist_status walk_load(struct export_walk *walk, ist_error *error)
{
    int64_t end = walk->selection.index_end;
    if (export_is_filtered(&walk->selection)) {
        const ist_status status = walk_to_chunk(walk, error);
        if (status < 0)
            return status;
        end = walk->part_end < end ? walk->part_end : end;
    }
    const int64_t left = end > walk->position ? end - walk->position : 0;
    // Of a long step little more than the frame itself would be used.
    const int64_t wanted =
        !export_is_filtered(&walk->selection) && walk->selection.step > EXPORT_WALK_BLOCK / 8 ? 1 : EXPORT_WALK_BLOCK;
    walk->block_first = walk->position;
    walk->block_count = left < wanted ? left : wanted;
    return ist_reader_frame_metadata(walk->reader, walk->block_first, walk->block_count, walk->numbers, walk->times_s,
                                     error);
}

bool export_meets(const ist_selection *selection, int64_t number, double time_s)
{
    if (selection->by_number && (number < selection->number_first || number >= selection->number_end))
        return false;
    return !selection->by_time || (time_s >= selection->time_first_s && time_s < selection->time_end_s);
}

ist_status export_walk_next(struct export_walk *walk, ist_frame *frame, ist_error *error)
{
    const ist_selection *selection = &walk->selection;
    while (walk->position < selection->index_end) {
        if (walk->position - walk->block_first >= walk->block_count) {
            const ist_status status = walk_load(walk, error);
            if (status < 0)
                return status;
            if (walk->block_count == 0)
                break;
        }
        frame->index = walk->position;
        frame->number = walk->numbers[walk->position - walk->block_first];
        frame->time_s = walk->times_s[walk->position - walk->block_first];
        const bool filtered = export_is_filtered(selection);
        if (!filtered && selection->step > selection->index_end - walk->position)
            walk->position = selection->index_end;
        else
            walk->position += filtered ? 1 : selection->step;
        if (!export_meets(selection, frame->number, frame->time_s))
            continue;
        const int64_t place = walk->met++;
        if (!filtered || place % selection->step == 0)
            return IST_OK;
    }
    return IST_END;
}
