/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One budget of memory for the requests that all connections are receiving. A request may hold
 * BODIES_SMALL bytes of its own; what is beyond comes out of the budget, and while that is used up
 * such requests are read no further, but for the one whose turn it is. Reads no HTTP.
 */
#ifndef EZREPO_HTTP_BODIES_H
#define EZREPO_HTTP_BODIES_H

#include <event2/bufferevent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ordinary questions are smaller than this, and never wait. */
#define BODIES_SMALL ((size_t)64 * 1024)

struct http_limits;

/* The budget of one server, zeroed at first. */
struct bodies {
    const struct http_limits *limits;
    struct body *large; /* in the order in which they became large */
    size_t used;
    size_t waiting;
    uint64_t held_back; /* how often one had to wait */
    struct event *resume_event;
};

/* What one connection has received of its request; zeroed at first. */
struct body {
    struct body *next, *previous; /* utlist; of those that hold more than BODIES_SMALL */
    struct bodies *of;
    struct bufferevent *bufferevent;
    size_t *share; /* what all of one address hold, within bodies_bytes_per_address; or NULL */
    size_t bytes;
    bool large; /* in the list */
    bool waits; /* it is read no further */
    bool whole; /* all of it is there */
    bool ends;  /* its connection was shut down, which shows only when it is read */
};

/* -1 after an error was logged. */
int bodies_start(struct bodies *all, struct event_base *base);
void bodies_stop(struct bodies *all);

/* From now on what comes is counted. The body lives until bodies_leave(), `all` as long. 0, or -1:
 * no memory. */
int bodies_watch(struct bodies *all, struct body *b, struct bufferevent *bufferevent);

/* Before the body goes while its bufferevent stays. */
void bodies_unwatch(struct body *b);

/* Whether the request is there as a whole: then others may be read, while its memory still counts.
 */
void bodies_set_whole(struct body *b, bool whole);

/* From now on it counts in this share, too; NULL: in none. The share outlives that. */
void bodies_share(struct body *b, size_t *share);

/* The request's bytes are no longer kept; what is there of the next one counts. */
void bodies_release(struct body *b);

/* The connection was shut down: it is read again, soon. */
void bodies_end(struct body *b);

/* The connection is going away; nothing when it was never watched. */
void bodies_leave(struct body *b);

#endif
