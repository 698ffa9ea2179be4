/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the gateway share: its settings, its counters, its state. The pure parts
 * (access, capabilities, specification, answer) include none of this.
 */
#ifndef EZREPO_GATEWAY_H
#define EZREPO_GATEWAY_H

#include <event2/event.h>
#include <stdint.h>

#include "mplane-gw/access.h"
#include "mplane-gw/capabilities.h"
#include "mplane-gw/registry.h"
#include "mplane-gw/settings.h"

/* COUNTER(identifier, name): a line here is a line in the status. README.md says what each counts.
 */
#define GATEWAY_COUNTERS(COUNTER)                                                                  \
    COUNTER(CONNECTIONS_ACCEPTED, "connections.accepted")                                          \
    COUNTER(CONNECTIONS_OPEN, "connections.open")                                                  \
    COUNTER(CONNECTIONS_EXPIRED, "connections.expired")                                            \
    COUNTER(CONNECTIONS_EVICTED, "connections.evicted")                                            \
    COUNTER(HANDSHAKES_FAILED, "handshakes.failed")                                                \
    COUNTER(REQUESTS, "requests")                                                                  \
    COUNTER(REQUESTS_REGISTRY, "requests.registry")                                                \
    COUNTER(MALFORMED, "malformed")                                                                \
    COUNTER(DENIED, "denied")                                                                      \
    COUNTER(LIMITED, "limited")                                                                    \
    COUNTER(CONNECTIONS_REFUSED, "connections.refused")                                            \
    COUNTER(IDENTITIES, "identities")                                                              \
    COUNTER(BODIES_BYTES, "bodies.bytes")                                                          \
    COUNTER(BODIES_WAITING, "bodies.waiting")                                                      \
    COUNTER(BODIES_HELD_BACK, "bodies.held_back")                                                  \
    COUNTER(REPLIES_BYTES, "replies.bytes")                                                        \
    COUNTER(REPLIES_HELD_BACK, "replies.held_back")                                                \
    COUNTER(AUDIT_LEFT_OUT, "audit.left_out")                                                      \
    COUNTER(ANSWERED_RESULT, "answered.result")                                                    \
    COUNTER(ANSWERED_RECEIPT, "answered.receipt")                                                  \
    COUNTER(ANSWERED_EXCEPTION, "answered.exception")                                              \
    COUNTER(ANSWERED_ENVELOPE, "answered.envelope")                                                \
    COUNTER(ANSWERED_WITHDRAWAL, "answered.withdrawal")                                            \
    COUNTER(QUERIES_SENT, "queries.sent")                                                          \
    COUNTER(QUERIES_CANCELLED, "queries.cancelled")                                                \
    COUNTER(QUERIES_UNANSWERED, "queries.unanswered")                                              \
    COUNTER(GRADINGS_SENT, "gradings.sent")                                                        \
    COUNTER(POSTS_KEPT, "posts.kept")                                                              \
    COUNTER(POSTS_PARTLY_KEPT, "posts.partly_kept")                                                \
    COUNTER(POSTS_REFUSED, "posts.refused")                                                        \
    COUNTER(POSTS_DENIED, "posts.denied")                                                          \
    COUNTER(POSTS_LIMITED, "posts.limited")                                                        \
    COUNTER(POSTS_BUSY, "posts.busy")                                                              \
    COUNTER(POSTS_ABANDONED, "posts.abandoned")                                                    \
    COUNTER(POSTS_UNDER_WAY, "posts.under_way")                                                    \
    COUNTER(EXPORTS, "exports")                                                                    \
    COUNTER(ANSWERS_LATE, "answers.late")                                                          \
    COUNTER(ANSWERS_MALFORMED, "answers.malformed")                                                \
    COUNTER(SUPERVISORS_REGISTERED, "supervisors.registered")                                      \
    COUNTER(SUPERVISORS_POLLS, "supervisors.polls")                                                \
    COUNTER(SUPERVISORS_MESSAGES, "supervisors.messages")                                          \
    COUNTER(SUPERVISORS_POSTED, "supervisors.posted")                                              \
    COUNTER(SUPERVISORS_FAILED, "supervisors.failed")                                              \
    COUNTER(SUPERVISORS_DROPPED, "supervisors.dropped")                                            \
    COUNTER(SUPERVISORS_LINKS_REFUSED, "supervisors.links_refused")                                \
    COUNTER(SUPERVISORS_WAITING, "supervisors.waiting")                                            \
    COUNTER(JOBS_KNOWN, "jobs.known")                                                              \
    COUNTER(JOBS_BYTES, "jobs.bytes")                                                              \
    COUNTER(REPEATS_KNOWN, "repeats.known")                                                        \
    COUNTER(REPEATS_RUNS, "repeats.runs")                                                          \
    COUNTER(REPEATS_SKIPPED, "repeats.skipped")

#define COUNTER_IDENTIFIER(identifier, name) COUNT_##identifier,
enum gateway_counter { GATEWAY_COUNTERS(COUNTER_IDENTIFIER) COUNTERS };
#undef COUNTER_IDENTIFIER

#define REGISTRY_URL_BYTES 1024

/* So many changes of the rules are remembered, to tell what was taken away from what never was. */
#define FORMER_ACCESS 8

struct gateway {
    struct settings settings;
    uint64_t counters[COUNTERS];
    struct event_base *base;
    struct access *access;
    struct access *former[FORMER_ACCESS]; /* the rules in force before, the latest first; or NULL */
    struct registry *registry;            /* core and ours, to read messages by */
    struct capabilities *capabilities;    /* what is offered */
    char registry_url[REGISTRY_URL_BYTES]; /* as clients know it */
};

extern struct gateway gateway;

static inline void gateway_count(enum gateway_counter counter)
{
    gateway.counters[counter]++;
}

/* For libevent's timers. */
static inline struct timeval gateway_timeval(int64_t us)
{
    return (struct timeval){us / 1000000, us % 1000000};
}

/* Whether the identity could use the capability of this label once, since the gateway started. */
bool gateway_could_use(struct slice identity, struct slice label);

#endif
