#include "movie.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { LONG_WAY = 4, GLANCE_NS = 60000000, NS_PER_S = 1000000000 };

/* A frame, or why there is none. */
struct result {
    ist_frame frame;
    ist_error error; /* status below 0: the frame has no data */
};

struct movie {
    ist_reader *index;  /* of the caller's thread */
    ist_reader *pixels; /* of the reading thread */
    void (*arrived)(void *context);
    void *context;
    pthread_t thread;

    pthread_mutex_t mutex; /* of all that follows */
    pthread_cond_t asked;
    pthread_cond_t answered;
    int64_t wanted; /* -1: nothing; counted from the first frame that was ever there, as every index below */
    bool glance;    /* a key frame near to it will do at first */
    bool reading;   /* the thread is at a frame that was asked for */
    bool refresh;   /* the thread is to look for more frames */
    bool stop;
    bool has_newest;
    struct result newest; /* arrived, not taken yet */

    struct result ahead; /* of the reading thread: the next frame, if its guess is right */
    int64_t ahead_index; /* -1: none */
    int64_t last_index;
};

/* The two readers may know a recording that keeps only its newest frames at different moments. */
static int64_t removed_from(const ist_reader *reader)
{
    return ist_reader_get_info(reader)->removed_frames;
}

static void read_frame(struct movie *movie, int64_t index, struct result *result)
{
    result->error = (ist_error){0};
    const int64_t removed = removed_from(movie->pixels);
    const int64_t there = index > removed ? index - removed : 0; // in place of a frame that is gone the first one
    if (ist_reader_read_index(movie->pixels, there, &result->frame, &result->error) < 0)
        result->frame.data = NULL;
    result->frame.index = there + removed;
}

static void swap(struct result *a, struct result *b)
{
    const struct result kept = *a;
    *a = *b;
    *b = kept;
}

/* Without the mutex. */
static void answer(struct movie *movie, int64_t index, struct result *work)
{
    if (index == movie->ahead_index)
        swap(work, &movie->ahead);
    else
        read_frame(movie, index, work);
    movie->ahead_index = -1;
}

/* The frame that is likely wanted next. Without the mutex. */
static void read_ahead(struct movie *movie, int64_t index)
{
    const int64_t next = index + (index >= movie->last_index ? 1 : -1);
    movie->last_index = index;
    const int64_t there = next - removed_from(movie->pixels);
    if (there < 0 || there >= ist_reader_get_info(movie->pixels)->frame_count)
        return;
    read_frame(movie, next, &movie->ahead);
    movie->ahead_index = next;
}

/* The frame to show at first in a hurry: the one before it that needs no others, where those would be many. */
static int64_t near_key(struct movie *movie, int64_t index)
{
    int64_t key;
    const int64_t removed = removed_from(movie->pixels);
    const bool known =
        index != movie->ahead_index && ist_reader_find_key(movie->pixels, index - removed, &key, NULL) >= 0;
    return known && index - removed - key >= LONG_WAY ? key + removed : index;
}

/* Reads a frame and hands it over. With the mutex, which it gives up meanwhile. */
static void read_and_deliver(struct movie *movie, int64_t index, struct result *work)
{
    const bool refresh = movie->refresh;
    movie->refresh = false;
    pthread_mutex_unlock(&movie->mutex);
    if (refresh)
        (void)(ist_reader_refresh(movie->pixels, NULL) < 0); // then the frame says what is wrong
    answer(movie, index, work);
    pthread_mutex_lock(&movie->mutex);
    swap(work, &movie->newest);
    movie->has_newest = true;
    pthread_mutex_unlock(&movie->mutex);
    if (movie->arrived)
        movie->arrived(movie->context);
    pthread_mutex_lock(&movie->mutex);
}

/* Waits a moment whether something else is asked for. With the mutex. */
static bool is_left_alone(struct movie *movie)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += GLANCE_NS;
    until.tv_sec += until.tv_nsec / NS_PER_S;
    until.tv_nsec %= NS_PER_S;
    int late = 0;
    while (movie->wanted < 0 && !movie->stop && !late)
        late = pthread_cond_timedwait(&movie->asked, &movie->mutex, &until);
    return movie->wanted < 0 && !movie->stop;
}

/* Reads what is wanted, in a hurry something near to it before. With the mutex. */
static void fulfil(struct movie *movie, struct result *work)
{
    const int64_t index = movie->wanted;
    const bool glance = movie->glance;
    movie->wanted = -1;
    movie->reading = true;
    if (glance) {
        pthread_mutex_unlock(&movie->mutex);
        const int64_t key = near_key(movie, index);
        pthread_mutex_lock(&movie->mutex);
        if (key != index)
            read_and_deliver(movie, key, work);
        if (key != index && !is_left_alone(movie))
            return;
    }
    read_and_deliver(movie, index, work);
    if (movie->wanted >= 0 || movie->stop)
        return;
    movie->reading = false;
    pthread_cond_broadcast(&movie->answered);
    // In a drag the next frame is not the one that is wanted next.
    if (glance)
        return;
    pthread_mutex_unlock(&movie->mutex);
    read_ahead(movie, index);
    pthread_mutex_lock(&movie->mutex);
}

static void *read_frames(void *argument)
{
    struct movie *movie = argument;
    struct result work = {0};
    pthread_mutex_lock(&movie->mutex);
    while (!movie->stop)
        if (movie->wanted < 0)
            pthread_cond_wait(&movie->asked, &movie->mutex);
        else
            fulfil(movie, &work);
    pthread_mutex_unlock(&movie->mutex);
    ist_frame_free(&work.frame);
    return NULL;
}

static void init_waiting(struct movie *movie)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&movie->mutex, NULL);
    pthread_cond_init(&movie->asked, &attributes);
    pthread_cond_init(&movie->answered, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void destroy(struct movie **movie)
{
    struct movie *m = *movie;
    ist_reader_close(&m->index);
    ist_reader_close(&m->pixels);
    ist_frame_free(&m->newest.frame);
    ist_frame_free(&m->ahead.frame);
    pthread_cond_destroy(&m->answered);
    pthread_cond_destroy(&m->asked);
    pthread_mutex_destroy(&m->mutex);
    free(m);
    *movie = NULL;
}

ist_status movie_open(struct movie **movie, const char *path, void (*arrived)(void *context), void *context,
                      ist_error *error)
{
    struct movie *m = *movie = calloc(1, sizeof *m);
    if (!m) {
        *error = (ist_error){IST_ERROR_MEMORY, "out of memory"};
        return error->status;
    }
    m->arrived = arrived;
    m->context = context;
    m->wanted = m->ahead_index = -1;
    init_waiting(m);
    ist_status status = ist_reader_open(&m->index, path, error);
    if (status >= 0)
        status = ist_reader_open(&m->pixels, path, error);
    if (status >= 0 && pthread_create(&m->thread, NULL, read_frames, m) != 0) {
        *error = (ist_error){IST_ERROR_MEMORY, "no thread could be started"};
        status = error->status;
    }
    if (status < 0)
        destroy(movie);
    return status;
}

void movie_close(struct movie **movie)
{
    struct movie *m = *movie;
    if (!m)
        return;
    pthread_mutex_lock(&m->mutex);
    m->stop = true;
    pthread_cond_signal(&m->asked);
    pthread_mutex_unlock(&m->mutex);
    pthread_join(m->thread, NULL);
    destroy(movie);
}

ist_reader *movie_reader(const struct movie *movie)
{
    return movie->index;
}

const ist_reader_info *movie_info(const struct movie *movie)
{
    return ist_reader_get_info(movie->index);
}

static void ask(struct movie *movie, int64_t index, bool glance)
{
    pthread_mutex_lock(&movie->mutex);
    movie->wanted = index + removed_from(movie->index);
    movie->glance = glance;
    pthread_cond_signal(&movie->asked);
    pthread_mutex_unlock(&movie->mutex);
}

void movie_request(struct movie *movie, int64_t index)
{
    ask(movie, index, false);
}

void movie_glance(struct movie *movie, int64_t index)
{
    ask(movie, index, true);
}

bool movie_take(struct movie *movie, ist_frame *frame, ist_error *error)
{
    pthread_mutex_lock(&movie->mutex);
    const bool has = movie->has_newest;
    if (has) {
        const ist_frame kept = *frame;
        *frame = movie->newest.frame;
        *error = movie->newest.error;
        const int64_t removed = removed_from(movie->index);
        frame->index = frame->index > removed ? frame->index - removed : 0;
        movie->newest.frame = kept;
        movie->has_newest = false;
    }
    pthread_mutex_unlock(&movie->mutex);
    return has;
}

void movie_wait(struct movie *movie, double seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)seconds;
    pthread_mutex_lock(&movie->mutex);
    int late = 0;
    while ((movie->wanted >= 0 || movie->reading) && !late)
        late = pthread_cond_timedwait(&movie->answered, &movie->mutex, &until);
    pthread_mutex_unlock(&movie->mutex);
}

bool movie_refresh(struct movie *movie, int64_t *removed)
{
    const int64_t count = movie_info(movie)->frame_count, removed_before = removed_from(movie->index);
    const bool refreshed = ist_reader_refresh(movie->index, NULL) >= 0;
    *removed = removed_from(movie->index) - removed_before;
    if (!refreshed || (movie_info(movie)->frame_count == count && *removed == 0))
        return false;
    pthread_mutex_lock(&movie->mutex);
    movie->refresh = true;
    pthread_mutex_unlock(&movie->mutex);
    return true;
}
