#include "team.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "fail.h"

struct member {
    struct team *team;
    int number;
    pthread_t thread;
    bool runs;
};

int team_processor_count(void)
{
    enum { MOST = 1024 };
    const long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > MOST ? MOST : (int)count;
}

ist_status team_init(struct team *team, int size, ist_error *error)
{
    *team = (struct team){.size = size > 0 ? size : team_processor_count()};
    team->members = calloc((size_t)team->size, sizeof *team->members);
    if (!team->members)
        return trk_fail_memory(error);
    for (int i = 0; i < team->size; i++)
        team->members[i] = (struct member){.team = team, .number = i};
    return IST_OK;
}

void team_finish(struct team *team)
{
    free(team->members);
    *team = (struct team){0};
}

static void *work(void *argument)
{
    const struct member *member = argument;
    struct team *team = member->team;
    for (int task; (task = atomic_fetch_add(&team->next, 1)) < team->count;)
        team->task(team->context, member->number, task);
    return NULL;
}

void team_start(struct team *team, team_task *task, void *context, int count)
{
    team->task = task;
    team->context = context;
    team->count = count;
    atomic_store(&team->next, 0);
    // Signals are for the program's own threads.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    for (int i = 0; i < team->size && i < count; i++)
        team->members[i].runs = pthread_create(&team->members[i].thread, NULL, work, &team->members[i]) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void team_wait(struct team *team)
{
    // Where no thread could be started, the caller does it.
    if (!team->members[0].runs)
        (void)work(&team->members[0]);
    for (int i = 0; i < team->size; i++) {
        if (team->members[i].runs)
            pthread_join(team->members[i].thread, NULL);
        team->members[i].runs = false;
    }
}
