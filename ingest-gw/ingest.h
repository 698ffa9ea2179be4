/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door for tools: what its parts share (settings, counters, who may deliver, which formats
 * there are). It is passed to whoever works for it; only main.c has one that is static.
 */
#ifndef EZREPO_INGEST_H
#define EZREPO_INGEST_H

#include <event2/event.h>
#include <stdint.h>

#include "common/access/access.h"
#include "common/door/audit_log.h"
#include "common/http/server.h"
#include "ingest-gw/ingest_settings.h"
#include "ingest-gw/remote/remote.h"

#define INGEST_COUNTERS(COUNTER, GAUGE)                                                            \
    HTTP_COUNTERS(COUNTER, GAUGE)                                                                  \
    COUNTER(REQUESTS, "requests", "", "HTTP requests")                                             \
    COUNTER(UNKNOWN, "unknown", "", "requests with neither certificate nor a token that is good")  \
    COUNTER(UNKNOWN_LIMITED, "unknown.limited", "",                                                \
            "of them, those beyond what their address may make in a while")                        \
    COUNTER(LIMITED, "limited", "",                                                                \
            "requests beyond what the identity or the token may make in a while")                  \
    COUNTER(NOT_FOUND, "not_found", "", "requests for a path, a method or a format that is none")  \
    COUNTER(POSTS_KEPT, "posts.kept", "", "posted bodies of which all was kept")                   \
    COUNTER(POSTS_PARTLY_KEPT, "posts.partly_kept", "", "posted bodies of which a part was kept")  \
    COUNTER(POSTS_REFUSED, "posts.refused", "", "posted bodies of which nothing was kept")         \
    COUNTER(POSTS_DENIED, "posts.denied", "",                                                      \
            "posted bodies that the identity or the token may not deliver")                        \
    COUNTER(POSTS_LIMITED, "posts.limited", "", "posted bodies beyond what the identity may post") \
    COUNTER(POSTS_BUSY, "posts.busy", "", "posted bodies to be posted again later")                \
    COUNTER(POSTS_ABANDONED, "posts.abandoned", "",                                                \
            "posted bodies whose sender left before the answer")                                   \
    GAUGE(POSTS_UNDER_WAY, "posts.under_way", "", "posted bodies that wait for ingestd, now")      \
    GAUGE(POSTS_READY, "ingestd.ready", "",                                                        \
          "1 while ingestd takes posts: before that they are answered 503")                        \
    COUNTER(ANSWERS_LATE, "answers.late", "", "answers that nobody waits for any more")            \
    COUNTER(ANSWERS_MALFORMED, "answers.malformed", "",                                            \
            "answers of the other processes that could not be read")                               \
    COUNTER(AUDIT_LEFT_OUT, "audit.left_out", "",                                                  \
            "lines of the audit log beyond audit_per_second, or that could not be written")        \
    REMOTE_COUNTERS(COUNTER, GAUGE)

enum ingest_counter { INGEST_COUNTERS(COUNTER_CONSTANT, COUNTER_CONSTANT) COUNTERS };

/* Statuses that libevent has no name for. */
#define INGEST_UNAUTHORIZED     401
#define INGEST_FORBIDDEN        403
#define INGEST_LENGTH_REQUIRED  411
#define INGEST_UNSUPPORTED_TYPE 415
#define INGEST_TOO_MANY         429

struct ingest {
    struct ingest_settings settings;
    uint64_t counters[COUNTERS];
    struct histogram durations[HTTP_DURATIONS];
    struct event_base *base;
    struct server_kind kind;
    struct http_server *server;
    struct access *access;
    struct access_watch *watch; /* of what stored keeps of it */
    struct format_names *formats;
    struct audit_log *audit;
    struct posts *posts;
    struct format_files *mappings;
    struct remote *remote; /* the same */
};

static inline void ingest_count(struct ingest *g, enum ingest_counter counter)
{
    g->counters[counter]++;
}

#endif
