/* Tasks shared by threads. */
#ifndef TEAM_H
#define TEAM_H

#include <libstore/error.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Does task 0..count-1; `member` says which of the team does it, 0..size-1. */
typedef void team_task(void *context, int member, int task);

struct member;

struct team {
    struct member *members;
    int size;
    team_task *task;
    void *context;
    int count;
    atomic_int next; /* the next task to be taken */
};

/* Processors of this machine, 1 to 1024. */
int team_processor_count(void);

/* A team of `size` threads; 0: one for each processor. team_finish() releases it, after a failure too. */
ist_status team_init(struct team *team, int size, ist_error *error);
void team_finish(struct team *team);

/* Begins with tasks while the caller goes on; team_wait() returns when all are done. */
void team_start(struct team *team, team_task *task, void *context, int count);
void team_wait(struct team *team);

#endif
