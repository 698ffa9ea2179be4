/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies that were posted, on their way to ingestd and back. A body is handed on at once and not
 * kept; what waits is only who is to be answered. Bounded by number and bytes, of one identity and
 * in all: who comes beyond that is told to come again. Whether somebody may post, and what the
 * answer looks like, is the server's.
 */
#ifndef EZREPO_DOOR_POSTS_H
#define EZREPO_DOOR_POSTS_H

#include <event2/event.h>
#include <event2/http.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/http/connections.h"
#include "common/message.h"

struct posts_limits {
    int64_t post_bytes;
    int64_t post_timeout_ms;
    int64_t posts_max;
    int64_t posts_max_per_identity;
    int64_t posts_bytes;
};

/* The options that set them: NUMBER(member, preset, min, max, reloadable, help). */
#define POSTS_OPTIONS(NUMBER)                                                                      \
    NUMBER(post_bytes, "4194304", 1024, LIMIT_BODY_BYTES, true,                                    \
           "largest body of results that is posted, also when it has been inflated, bytes")        \
    NUMBER(post_timeout_ms, "10000", 10, 600000, true,                                             \
           "posted results that are not safely kept after so long are answered with 503")          \
    NUMBER(posts_max, "256", 1, 100000, true, "posted bodies under way to ingestd")                \
    NUMBER(posts_max_per_identity, "32", 1, 100000, true, "those of one identity")                 \
    NUMBER(                                                                                        \
        posts_bytes, "33554432", 1048576, 8589934592, true,                                        \
        "bytes of the posted bodies under way, of one identity half as many; beyond it posts are " \
        "answered with 503")

/* Where it is counted what becomes of posts, each NULL or not. */
struct posts_counters {
    uint64_t *under_way;         /* a gauge */
    uint64_t *ready;             /* a gauge: 1 while ingestd takes posts */
    uint64_t *abandoned;         /* the sender left before the answer */
    uint64_t *answers_late;      /* nobody waited for them any more */
    uint64_t *answers_malformed; /* could not be read */
};

struct posts;
struct post;

/* How posts at one door are answered. Each of the first two replies, by post_reply(). */
struct post_kind {
    /* ingestd has said what became of it. */
    void (*delivered)(struct post *p, const struct delivered_message *m);
    /* It may or may not be kept, and should be posted again; for this reason, in the post's arena.
     */
    void (*busy)(struct post *p, const char *why);
    /* It is about to be forgotten, answered or not: for the audit log. */
    void (*ended)(struct post *p);
};

struct post {
    struct post *next, *previous; /* utlist */
    struct posts *of;
    const struct post_kind *kind;
    void *about; /* the door's; in the arena */
    struct evhttp_request *request;
    struct connection *connection;
    struct arena *arena; /* for what is said about it */
    int64_t begun_us;
    int64_t received_us; /* since 1970: when ingestd was given it, which is its time of receipt */
    struct event *timer;
    uint64_t id;
    size_t bytes;   /* of the body */
    bool under_way; /* ingestd has it */
};

/* Why it is busy where that is all that is known: what was posted may be kept. */
#define POSTS_UNKNOWN "ingestd did not answer in time"

/* After so long whoever was told "busy" may come again. */
#define POSTS_RETRY_US 2000000

/*
 * Connects to ingestd, on the loop; `process` is who tells it of its life. Limits may change where
 * they are; limits and base outlive it. NULL after an error was logged. The caller owns it.
 */
struct posts *posts_new(struct event_base *base, const char *process,
                        const struct posts_limits *limits, const struct posts_counters *counters);
/* Forgets those that wait; nobody is answered any more. */
void posts_free(struct posts **s);

/* How many wait for ingestd. */
size_t posts_open(const struct posts *s);

/* Once a second: tells ingestd that this process is there, and that all that came until then
 * (microseconds since 1970; INT64_MAX: until now) was handed on; says whether ingestd takes posts.
 */
void posts_tick(struct posts *s, int64_t until_us);

/*
 * Takes the request over, with about_bytes of zeros for `about`. NULL after a reply for want of
 * memory.
 */
struct post *post_new(struct posts *s, const struct post_kind *kind, struct evhttp_request *request,
                      struct connection *c, size_t about_bytes);

/*
 * Reads the body of the request, inflated where it has to be, in the arena `a`, of at most
 * post_bytes; what it has then is charged for. 0; 1: memory is out; else the HTTP status, and why
 * in the post's arena.
 */
int post_body(struct post *p, struct arena *a, struct slice *body, const char **why);

/* An arena that such a body fits into. NULL: memory is out. */
struct arena *posts_body_arena(const struct posts *s);

/* Hands the body to ingestd, with `m`, whose id and time are filled in. Then, or later, the kind
 * answers. */
void post_deliver(struct post *p, struct deliver_message *m, struct slice body);

/*
 * It waits for something else than ingestd, which is looked for by the post's id; the kind is told
 * when that takes too long, as with ingestd. 0, or -1 after it was answered that it cannot.
 */
int post_hold(struct post *p, size_t bytes);

/* The post of this id that waits; NULL: it is gone. */
struct post *posts_find(const struct posts *s, uint64_t id);

/*
 * After how long somebody may deliver again of whom ingestd took not all, since it is more than is
 * his in a second or a day; 0: that is not why, or nothing was refused.
 */
int64_t posts_budget_wait_us(const struct delivered_message *m, int64_t now_us);

/* Forgets the post; its request gets this reply. The body may live in the post's arena. */
void post_reply(struct post *p, int status, const char *content_type, struct slice body);

#endif
