/* SPDX-License-Identifier: Apache-2.0 */
/* A DEALER socket to another process of the set, in libevent's loop. Understands no message. */
#ifndef EZREPO_DOOR_LINK_H
#define EZREPO_DOOR_LINK_H

#include <czmq.h>
#include <event2/event.h>

#include "common/pack.h"

struct link {
    struct event_base *base;
    void *context; /* whose it is */
    const char *endpoint;
    const char *peer;                                          /* the process, for the log */
    void (*take)(const struct link *link, struct slice bytes); /* an answer; of one frame */
    uint64_t *malformed; /* counts messages that are no answers */
    int high_water;      /* messages that may wait on each side */
    bool only_present;   /* nothing is queued for a peer that is not there */
    zsock_t *socket;
    struct event *event;
    struct event *rest; /* a timer: what there was no time for */
};

/* Connects on the loop. -1 after an error was logged. */
int link_open(struct link *link);
void link_close(struct link *link);

/* 0, or -1: the socket takes nothing more. */
int link_send(struct link *link, const struct slice *frames, int count);
/* The same for one frame, which is released. */
int link_send_packed(struct link *link, struct pack *p);

/* Whether the socket would take something now. What is there to read must be drained afterwards. */
bool link_ready(const struct link *link);

/*
 * Takes what is there, for a few milliseconds; the rest when the loop has looked after everything
 * else. Also once a second, lest news of it got lost.
 */
void link_drain(struct link *link);

#endif
