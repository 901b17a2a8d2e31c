#include "index_search.h"

#include <math.h>
#include <stdlib.h>

#include "error.h"

enum column { COLUMN_NUMBER, COLUMN_TIME };

/* A value of either column. Numbers are compared as integers: float64 is not exact above 2^53. */
struct value {
    enum column column;
    int64_t number;
    double time_s;
};

struct sorted_row {
    struct value value;
    int64_t frame_index;
};

struct index_search {
    struct index *index;
    bool disjoint[2];          /* by column: each chunk's values lie above those of the chunk before it */
    struct sorted_row *sorted; /* values of one chunk in order */
    int64_t sorted_count;
    int64_t sorted_first; /* index of its first frame; -1: none */
    enum column sorted_column;
};

/* The best frame so far. */
struct candidate {
    bool found;
    struct value value;
    int64_t frame_index;
};

static int compare(const struct value *a, const struct value *b)
{
    if (a->column == COLUMN_NUMBER)
        return (a->number > b->number) - (a->number < b->number);
    return (a->time_s > b->time_s) - (a->time_s < b->time_s);
}

/* Distance, exact for numbers: the difference of two int64 fits an unsigned one. */
struct distance {
    uint64_t number;
    double time_s;
};

static struct distance distance_between(const struct value *a, const struct value *b)
{
    if (a->column == COLUMN_TIME)
        return (struct distance){0, fabs(a->time_s - b->time_s)};
    return (struct distance){a->number > b->number ? (uint64_t)a->number - (uint64_t)b->number
                                                   : (uint64_t)b->number - (uint64_t)a->number,
                             0};
}

static int compare_distance(struct distance a, struct distance b)
{
    if (a.number != b.number)
        return a.number > b.number ? 1 : -1;
    return (a.time_s > b.time_s) - (a.time_s < b.time_s);
}

static struct value value_of(const struct index_entry *entry, enum column column)
{
    return (struct value){column, entry->number, entry->time_s};
}

static struct value minimum_of(const struct chunk_range *range, enum column column)
{
    return (struct value){column, range->number_min, range->time_min_s};
}

static struct value maximum_of(const struct chunk_range *range, enum column column)
{
    return (struct value){column, range->number_max, range->time_max_s};
}

static bool values_rise(const struct chunk_range *range, enum column column)
{
    return column == COLUMN_NUMBER ? range->numbers_rise : range->times_rise;
}

/* Offers a frame: nearer wins, then the smaller value, then the earlier frame. */
static void offer(struct candidate *best, const struct value *wanted, const struct value *value, int64_t frame_index)
{
    if (best->found) {
        int order = compare_distance(distance_between(value, wanted), distance_between(&best->value, wanted));
        if (order == 0)
            order = compare(value, &best->value);
        if (order > 0 || (order == 0 && frame_index >= best->frame_index))
            return;
    }
    *best = (struct candidate){true, *value, frame_index};
}

static ist_status value_at(struct index_search *search, int64_t frame_index, enum column column, struct value *value,
                           ist_error *error)
{
    struct index_entry entry;
    const ist_status status = index_peek(search->index, frame_index, &entry, error);
    *value = value_of(&entry, column);
    return status;
}

static ist_status is_below(struct index_search *search, int64_t frame_index, const struct value *wanted, bool *below,
                           ist_error *error)
{
    struct value value;
    const ist_status status = value_at(search, frame_index, wanted->column, &value, error);
    *below = compare(&value, wanted) < 0;
    return status;
}

/*
 * First frame in [low, high) whose value is not below the wanted one, or high. The values rise. The search goes out
 * from `guess` in steps that double, and then by bisection: a good guess costs a few rows, which lie side by side.
 */
static ist_status lower_bound(struct index_search *search, const struct value *wanted, int64_t low, int64_t high,
                              int64_t guess, int64_t *found, ist_error *error)
{
    bool below = false;
    ist_status status = IST_OK;
    for (int64_t step = 1, at = guess; low < high && status >= 0; step *= 2) {
        const bool was_below = below;
        status = is_below(search, at, wanted, &below, error);
        if (below)
            low = at + 1;
        else
            high = at;
        if (step > 1 && below != was_below)
            break;
        at = below ? at + step : at - step;
        if (at < low || at >= high)
            break;
    }
    while (low < high && status >= 0) {
        const int64_t middle = low + (high - low) / 2;
        status = is_below(search, middle, wanted, &below, error);
        if (below)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low;
    return status;
}

/* Where the value would lie if the values of the chunk rose evenly, as those of a camera nearly do. */
static int64_t guess_place(const struct chunk_range *range, const struct value *wanted)
{
    const double least = wanted->column == COLUMN_TIME ? range->time_min_s : (double)range->number_min;
    const double most = wanted->column == COLUMN_TIME ? range->time_max_s : (double)range->number_max;
    const double value = wanted->column == COLUMN_TIME ? wanted->time_s : (double)wanted->number;
    const double part = most > least ? (value - least) / (most - least) : 0;
    const double place = fmin(1, fmax(0, part)) * (double)(range->frame_count - 1);
    return range->first_index + (int64_t)place;
}

static ist_status search_rising(struct index_search *search, const struct chunk_range *range,
                                const struct value *wanted, struct candidate *best, ist_error *error)
{
    const int64_t end = range->first_index + range->frame_count;
    int64_t at;
    ist_status status = lower_bound(search, wanted, range->first_index, end, guess_place(range, wanted), &at, error);
    struct value value;
    if (status >= 0 && at < end) {
        status = value_at(search, at, wanted->column, &value, error);
        if (status >= 0)
            offer(best, wanted, &value, at);
    }
    if (status >= 0 && at > range->first_index) {
        // The value below; of several frames that have it, the first.
        status = value_at(search, at - 1, wanted->column, &value, error);
        if (status >= 0)
            status = lower_bound(search, &value, range->first_index, at, at - 1, &at, error);
        if (status >= 0)
            offer(best, wanted, &value, at);
    }
    return status;
}

static int compare_sorted(const void *a, const void *b)
{
    const struct sorted_row *left = a, *right = b;
    const int order = compare(&left->value, &right->value);
    return order ? order : (left->frame_index > right->frame_index) - (left->frame_index < right->frame_index);
}

static ist_status sort_chunk(struct index_search *search, const struct chunk_range *range, enum column column,
                             ist_error *error)
{
    if (search->sorted_first == range->first_index && search->sorted_column == column)
        return IST_OK;
    search->sorted_first = -1;
    const size_t count = (size_t)range->frame_count;
    struct index_entry *entries = malloc(count * sizeof *entries);
    struct sorted_row *sorted = realloc(search->sorted, count * sizeof *sorted);
    if (sorted)
        search->sorted = sorted;
    ist_status status = entries && sorted ? IST_OK : error_memory(error);
    if (status >= 0)
        status = index_entries(search->index, range->first_index, range->frame_count, entries, error);
    if (status >= 0) {
        for (size_t i = 0; i < count; i++)
            sorted[i] = (struct sorted_row){value_of(&entries[i], column), range->first_index + (int64_t)i};
        qsort(sorted, count, sizeof *sorted, compare_sorted);
        search->sorted_count = range->frame_count;
        search->sorted_first = range->first_index;
        search->sorted_column = column;
    }
    free(entries);
    return status;
}

static int64_t sorted_lower_bound(const struct index_search *search, const struct value *wanted, int64_t high)
{
    int64_t low = 0;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (compare(&search->sorted[middle].value, wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static ist_status search_unordered(struct index_search *search, const struct chunk_range *range,
                                   const struct value *wanted, struct candidate *best, ist_error *error)
{
    const ist_status status = sort_chunk(search, range, wanted->column, error);
    if (status < 0)
        return status;
    const int64_t at = sorted_lower_bound(search, wanted, search->sorted_count);
    if (at < search->sorted_count)
        offer(best, wanted, &search->sorted[at].value, search->sorted[at].frame_index);
    if (at > 0) {
        const int64_t below = sorted_lower_bound(search, &search->sorted[at - 1].value, at);
        offer(best, wanted, &search->sorted[below].value, search->sorted[below].frame_index);
    }
    return IST_OK;
}

/* How near the values of a chunk may come. */
static struct distance distance_to_range(const struct chunk_range *range, const struct value *wanted)
{
    const struct value minimum = minimum_of(range, wanted->column), maximum = maximum_of(range, wanted->column);
    if (compare(wanted, &minimum) < 0)
        return distance_between(&minimum, wanted);
    if (compare(wanted, &maximum) > 0)
        return distance_between(&maximum, wanted);
    return (struct distance){0, 0};
}

static ist_status search_range(struct index_search *search, const struct chunk_range *range, const struct value *wanted,
                               struct candidate *best, ist_error *error)
{
    if (best->found && compare_distance(distance_to_range(range, wanted), distance_between(&best->value, wanted)) > 0)
        return IST_OK;
    return values_rise(range, wanted->column) ? search_rising(search, range, wanted, best, error)
                                              : search_unordered(search, range, wanted, best, error);
}

/* Last chunk whose smallest value is not above the wanted one, or the first chunk. The chunks are disjoint. */
static int range_for(const struct chunk_range *ranges, int count, const struct value *wanted)
{
    int low = 0, high = count - 1;
    while (low < high) {
        const int middle = (low + high + 1) / 2;
        const struct value minimum = minimum_of(&ranges[middle], wanted->column);
        if (compare(&minimum, wanted) <= 0)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static ist_status search_ranges(struct index_search *search, const struct value *wanted, struct candidate *best,
                                ist_error *error)
{
    int count;
    const struct chunk_range *ranges = index_ranges(search->index, &count);
    ist_status status = IST_OK;
    int first = 0, last = count - 1;
    if (search->disjoint[wanted->column]) {
        first = range_for(ranges, count, wanted);
        last = first + 1 < count ? first + 1 : first;
    } else {
        // The chunk that may hold the nearest value goes first, so that nearly all others can be passed over.
        int nearest = 0;
        for (int i = 1; i < count; i++)
            if (compare_distance(distance_to_range(&ranges[i], wanted), distance_to_range(&ranges[nearest], wanted)) <
                0)
                nearest = i;
        status = search_range(search, &ranges[nearest], wanted, best, error);
    }
    for (int i = first; i <= last && status >= 0; i++)
        status = search_range(search, &ranges[i], wanted, best, error);
    return status;
}

static ist_status find(struct index_search *search, const struct value *wanted, int64_t *frame_index,
                       struct index_entry *entry, ist_error *error)
{
    if (index_frame_count(search->index) == 0)
        return error_set(error, IST_ERROR_NOT_FOUND, "the store holds no frames");
    struct candidate best = {0};
    ist_status status = index_begin_reading(search->index, error);
    if (status < 0)
        return status;
    status = search_ranges(search, wanted, &best, error);
    if (status >= 0)
        status = index_peek(search->index, best.frame_index, entry, error);
    index_end_reading(search->index);
    *frame_index = best.frame_index;
    return status;
}

static bool ranges_are_disjoint(const struct index *index, enum column column)
{
    int count;
    const struct chunk_range *ranges = index_ranges(index, &count);
    for (int i = 1; i < count; i++) {
        const struct value below = maximum_of(&ranges[i - 1], column), above = minimum_of(&ranges[i], column);
        if (compare(&below, &above) >= 0)
            return false;
    }
    return true;
}

ist_status index_search_create(struct index_search **search, struct index *index, ist_error *error)
{
    *search = calloc(1, sizeof **search);
    if (!*search)
        return error_memory(error);
    (*search)->index = index;
    (*search)->sorted_first = -1;
    (*search)->disjoint[COLUMN_NUMBER] = ranges_are_disjoint(index, COLUMN_NUMBER);
    (*search)->disjoint[COLUMN_TIME] = ranges_are_disjoint(index, COLUMN_TIME);
    return IST_OK;
}

ist_status index_search_number(struct index_search *search, int64_t number, int64_t *frame_index,
                               struct index_entry *entry, ist_error *error)
{
    return find(search, &(struct value){COLUMN_NUMBER, number, 0}, frame_index, entry, error);
}

ist_status index_search_time(struct index_search *search, double time_s, int64_t *frame_index,
                             struct index_entry *entry, ist_error *error)
{
    return find(search, &(struct value){COLUMN_TIME, 0, time_s}, frame_index, entry, error);
}

void index_search_destroy(struct index_search **search)
{
    if (!*search)
        return;
    free((*search)->sorted);
    free(*search);
    *search = NULL;
}
