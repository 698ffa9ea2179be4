/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of a process that lives on libevent instead of czmq's: signals, the second's tick, the
 * end (common/daemon.h). The process has one of them.
 */
#ifndef EZREPO_DOOR_EVENT_LOOP_H
#define EZREPO_DOOR_EVENT_LOOP_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

struct event_loop {
    /* Whether all that waited is answered, or draining has taken long enough. */
    bool (*drained)(int64_t waited_us);
    /* While draining: what was busy becomes idle at any moment. NULL: nothing is to be closed. */
    void (*close_idle)(void);
    /* The rest is event_loop.c's. */
    struct event_base *base;
    int64_t drain_since_us;
    struct event *signal_event, *second_event, *drain_event;
};

/* Makes the base and its timers. -1 after an error was logged. */
int event_loop_open(struct event_loop *l);

/* Until daemon_finished() was called: 0, or -1 after an error was logged. */
int event_loop_run(struct event_loop *l);

/* From now on asks whether all is drained. */
void event_loop_drain(struct event_loop *l);

/* Frees it, after everything that hangs on its base; and what libevent keeps for the process. */
void event_loop_close(struct event_loop *l);

#endif
