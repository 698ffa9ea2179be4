/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway: what its parts share (settings, counters, what is in force), and its parts, each known
 * only to the file it belongs to. It is passed to whoever works for it, so that a process may have
 * several; its parts point to it, so that it stays where it is. The pure parts (access,
 * capabilities, specification, answer) include none of this.
 */
#ifndef EZREPO_GATEWAY_H
#define EZREPO_GATEWAY_H

#include <event2/event.h>
#include <stdint.h>

#include "common/access/access.h"
#include "common/http/server.h"
#include "common/mplane/registry.h"
#include "mplane-gw/capabilities.h"
#include "mplane-gw/settings.h"

#define GATEWAY_COUNTERS(COUNTER, GAUGE)                                                           \
    HTTP_COUNTERS(COUNTER, GAUGE)                                                                  \
    COUNTER(REQUESTS, "requests", "", "HTTP requests")                                             \
    COUNTER(REQUESTS_REGISTRY, "requests.registry", "",                                            \
            "HTTP requests on the listener of the registry")                                       \
    COUNTER(MALFORMED, "malformed", "", "messages that could not be read")                         \
    COUNTER(DENIED, "denied", "", "requests for a capability that the identity may not use")       \
    COUNTER(LIMITED, "limited", "", "requests beyond what the identity may make in a while")       \
    COUNTER(AUDIT_LEFT_OUT, "audit.left_out", "",                                                  \
            "lines of the audit log beyond audit_per_second, or that could not be written")        \
    COUNTER(ANSWERED_RESULT, "answered.result", "", "results sent in reply")                       \
    COUNTER(ANSWERED_RECEIPT, "answered.receipt", "", "receipts sent in reply")                    \
    COUNTER(ANSWERED_EXCEPTION, "answered.exception", "", "exceptions sent in reply")              \
    COUNTER(ANSWERED_ENVELOPE, "answered.envelope", "", "envelopes sent in reply")                 \
    COUNTER(ANSWERED_WITHDRAWAL, "answered.withdrawal", "", "withdrawals sent in reply")           \
    COUNTER(QUERIES_SENT, "queries.sent", "", "questions sent to queryd")                          \
    COUNTER(QUERIES_CANCELLED, "queries.cancelled", "", "questions given up")                      \
    COUNTER(QUERIES_UNANSWERED, "queries.unanswered", "",                                          \
            "questions and documents whose time was over without an answer")                       \
    COUNTER(GRADINGS_SENT, "gradings.sent", "", "documents sent to stored")                        \
    COUNTER(POSTS_KEPT, "posts.kept", "", "posted bodies of which all was kept")                   \
    COUNTER(POSTS_PARTLY_KEPT, "posts.partly_kept", "", "posted bodies of which a part was kept")  \
    COUNTER(POSTS_REFUSED, "posts.refused", "", "posted bodies of which nothing was kept")         \
    COUNTER(POSTS_DENIED, "posts.denied", "", "posted bodies whose identity may not post")         \
    COUNTER(POSTS_LIMITED, "posts.limited", "", "posted bodies beyond what the identity may post") \
    COUNTER(POSTS_BUSY, "posts.busy", "", "posted bodies to be posted again later")                \
    COUNTER(POSTS_ABANDONED, "posts.abandoned", "",                                                \
            "posted bodies whose sender left before the answer")                                   \
    GAUGE(POSTS_UNDER_WAY, "posts.under_way", "", "posted bodies that wait for ingestd, now")      \
    GAUGE(POSTS_READY, "ingestd.ready", "",                                                        \
          "1 while ingestd takes posts: before that they are answered 503")                        \
    GAUGE(EXPORTS, "exports", "", "export URLs in force, now")                                     \
    COUNTER(ANSWERS_LATE, "answers.late", "", "answers that nobody waits for any more")            \
    COUNTER(ANSWERS_MALFORMED, "answers.malformed", "",                                            \
            "answers of the other processes that could not be read")                               \
    GAUGE(SUPERVISORS_REGISTERED, "supervisors.registered", "",                                    \
          "supervisors that have our capabilities, as far as is known")                            \
    COUNTER(SUPERVISORS_POLLS, "supervisors.polls", "", "polls of supervisors that went well")     \
    COUNTER(SUPERVISORS_MESSAGES, "supervisors.messages", "", "messages that came by polls")       \
    COUNTER(SUPERVISORS_POSTED, "supervisors.posted", "", "messages that supervisors took")        \
    COUNTER(SUPERVISORS_FAILED, "supervisors.failed", "",                                          \
            "requests to supervisors that went wrong")                                             \
    COUNTER(SUPERVISORS_DROPPED, "supervisors.dropped", "", "messages to supervisors given up")    \
    COUNTER(SUPERVISORS_LINKS_REFUSED, "supervisors.links_refused", "",                            \
            "links to hosts that are not configured")                                              \
    GAUGE(SUPERVISORS_WAITING, "supervisors.waiting", "",                                          \
          "messages to supervisors that wait to be sent, now")                                     \
    GAUGE(JOBS_KNOWN, "jobs.known", "", "questions under way and answers kept, now")               \
    GAUGE(JOBS_BYTES, "jobs.bytes", "bytes",                                                       \
          "memory of questions under way and answers kept, now")                                   \
    GAUGE(REPEATS_KNOWN, "repeats.known", "", "repeated specifications that go on, now")           \
    COUNTER(REPEATS_RUNS, "repeats.runs", "", "runs of repeated specifications")                   \
    COUNTER(REPEATS_SKIPPED, "repeats.skipped", "",                                                \
            "runs of repeated specifications after which times were left out, since it was "       \
            "late")

enum gateway_counter { GATEWAY_COUNTERS(COUNTER_CONSTANT, COUNTER_CONSTANT) COUNTERS };

#define REGISTRY_URL_BYTES 1024

/* So many changes of the rules are remembered, to tell what was taken away from what never was. */
#define FORMER_ACCESS 8

struct gateway {
    struct gateway_settings settings;
    uint64_t counters[COUNTERS];
    struct histogram durations[HTTP_DURATIONS];
    struct event_base *base;
    struct http_server *server;
    struct access *access;
    struct access *former[FORMER_ACCESS]; /* the rules in force before, the latest first; or NULL */
    struct registry *registry;            /* core and ours, to read messages by */
    struct capabilities *capabilities;    /* what is offered */
    char registry_url[REGISTRY_URL_BYTES]; /* as clients know it */
    /* NULL before they are started and after they were stopped. */
    struct access_watch *rules;
    struct audit_log *audit;
    struct asks *asks;
    struct repetitions *repetitions;
    struct exchanges *exchanges;
    struct delegation *delegation;
    struct posts *posts;
    struct routes *routes;
    struct registry_listener *registry_listener;
    struct supervisors *supervisors;
    struct supervisor_http *supervisor_http;
};

static inline void gateway_count(struct gateway *g, enum gateway_counter counter)
{
    g->counters[counter]++;
}

/* For libevent's timers. */
static inline struct timeval gateway_timeval(int64_t us)
{
    return (struct timeval){us / 1000000, us % 1000000};
}

/*
 * Puts other rules into force, which are taken over. Those that were go to the front of the former
 * ones, unless they are the same; the oldest is forgotten.
 */
void gateway_use_access(struct gateway *g, struct access *a);

/* Whether the identity could use the capability of this label once, since the gateway started. */
bool gateway_could_use(const struct gateway *g, struct slice identity, struct slice label);

#endif
