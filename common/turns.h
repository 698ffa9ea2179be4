/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is next: questions that wait for a connection, bodies that wait to be read, by who asks.
 * Askers take turns, each has at most a share of what runs and of the queue, and of one asker's
 * questions the first is first. An asker that tells no name ("") is somebody of this host, and has
 * no share. Pure.
 */
#ifndef EZREPO_TURNS_H
#define EZREPO_TURNS_H

#include <stdint.h>

#include "common/slice.h"

struct asker;

/* Part of a question; set by turns_join(). */
struct turn {
    struct turn *prev, *next;
    struct asker *asker;
};

struct turns {
    struct turn *waiting; /* in the order they came */
    uint32_t waiting_count;
    uint32_t waiting_most, running_most; /* of one asker; may change */
    struct asker *askers;
    uint64_t clock; /* twice the turns taken so far */
};

/* The end of the queue. 0; 1: the asker has its share of the queue already; -1: memory is out. */
int turns_join(struct turns *t, struct slice asker, struct turn *turn);

/*
 * Takes the next one out of the queue; it counts as running then. NULL when there is none whose
 * asker has less than its share running.
 */
struct turn *turns_next(struct turns *t);

/* One that runs waits once more, before all others: its turn was not used up. */
void turns_back(struct turns *t, struct turn *turn);

/* One that runs has used its turn up, and is not done: it waits for its asker's next turn. */
void turns_again(struct turns *t, struct turn *turn);

/* One that waits goes, unanswered. */
void turns_leave(struct turns *t, struct turn *turn);

/* One that runs is done. */
void turns_done(struct turns *t, struct turn *turn);

#endif
