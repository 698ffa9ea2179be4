/* SPDX-License-Identifier: Apache-2.0 */
/* Threads for what takes so long that the loop would not go on meanwhile: work there, what came of
 * it told on the loop. */
#ifndef EZREPO_WORKERS_H
#define EZREPO_WORKERS_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

#define WORKERS_MOST 4 /* threads */

struct workers;

/* The first member of what is to be done. All of it is its owner's; while it is taken, workers.c's
 * and the work's only. */
struct work {
    struct work *next;
    void (*run)(struct work *work);  /* in a thread; nothing else looks at what it looks at */
    void (*done)(struct work *work); /* then, on the loop; may begin others, and frees it */
    void (*drop)(struct work *work); /* instead: the process ends. Frees it, and tells nobody */
};

/* So many threads, with so many works waiting beside those that they are at, on the loop. `name` is
 * of its log events. NULL after an error was logged. The caller owns it. */
struct workers *workers_new(struct event_base *base, const char *name, int threads, size_t waiting);

/* Waits for what was begun; all that was not told is dropped. */
void workers_free(struct workers **w);

/* Whether one more would be taken. */
bool workers_have_room(const struct workers *w);

/* How many were taken and not told. */
size_t workers_open(const struct workers *w);

/* Has it done. -1: there are too many already; it stays the caller's. */
int workers_begin(struct workers *w, struct work *work);

#endif
