/* SPDX-License-Identifier: Apache-2.0 */
/* What webd's parts share. */
#ifndef EZREPO_WEB_H
#define EZREPO_WEB_H

#include <event2/event.h>

#include "common/access/access.h"
#include "common/counter.h"
#include "common/door/access_watch.h"
#include "common/door/audit_log.h"
#include "common/http/server.h"
#include "common/mplane/registry.h"
#include "webd/people/cookies.h"
#include "webd/people/proxy_header.h"
#include "webd/web_settings.h"

#define WEB_COUNTERS(COUNTER, GAUGE)                                                               \
    HTTP_COUNTERS(COUNTER, GAUGE)                                                                  \
    COUNTER(REQUESTS, "requests", "", "HTTP requests")                                             \
    COUNTER(SCRAPES, "scrapes", "", "of them, those for /metrics that were answered")              \
    COUNTER(FAILED, "failed", "", "of them, those that memory was not enough for")                 \
    COUNTER(UNKNOWN, "unknown", "", "requests of the API of which nobody knows who asks")          \
    COUNTER(UNKNOWN_LIMITED, "unknown.limited", "",                                                \
            "of them, those beyond what their address may make in a while")                        \
    COUNTER(LIMITED, "limited", "",                                                                \
            "requests beyond what the identity or the token may make in a while")                  \
    COUNTER(NOT_FOUND, "not_found", "", "requests for a path or a method that is none")            \
    COUNTER(QUESTIONS_ANSWERED, "questions.answered", "", "questions that were answered")          \
    COUNTER(QUESTIONS_INVALID, "questions.invalid", "",                                            \
            "questions at fault: what they say is no question, or queryd cannot answer it")        \
    COUNTER(QUESTIONS_DENIED, "questions.denied", "", "questions that the asker may not ask")      \
    COUNTER(QUESTIONS_BUSY, "questions.busy", "", "questions to be asked again later")             \
    COUNTER(QUESTIONS_ABANDONED, "questions.abandoned", "",                                        \
            "questions, and gradings that were published or refused, whose asker left before the " \
            "answer")                                                                              \
    GAUGE(QUESTIONS_UNDER_WAY, "questions.under_way", "", "questions that wait for queryd, now")   \
    GAUGE(LISTENERS, "listeners", "", "who is told what changes, now")                             \
    COUNTER(LISTENERS_SLOW, "listeners.slow", "",                                                  \
            "of them, those that were let go since they did not read")                             \
    COUNTER(ANSWERS_LATE, "answers.late", "", "answers that nobody waits for any more")            \
    COUNTER(ANSWERS_MALFORMED, "answers.malformed", "",                                            \
            "answers of queryd that could not be read")                                            \
    COUNTER(AUDIT_LEFT_OUT, "audit.left_out", "",                                                  \
            "lines of the audit log beyond audit_per_second, or that could not be written")        \
    COUNTER(LOGINS, "logins", "", "people who logged in with a password")                          \
    COUNTER(LOGINS_BY_LINK, "logins.by_link", "", "and with a link")                               \
    COUNTER(LOGINS_REFUSED, "logins.refused", "", "logins with a wrong name, password or link")    \
    COUNTER(LOGINS_LIMITED, "logins.limited", "",                                                  \
            "logins beyond what an address or a name may try in a while")                          \
    COUNTER(LOGINS_INVALID, "logins.invalid", "", "logins and logouts that are none")              \
    COUNTER(LOGINS_BUSY, "logins.busy", "", "logins while too many others were at it")             \
    COUNTER(LOGINS_UNAVAILABLE, "logins.unavailable", "",                                          \
            "logins and logouts while stored, or its database, was away")                          \
    COUNTER(LOGOUTS, "logouts", "", "people who logged out")                                       \
    COUNTER(SESSIONS_ASKED, "sessions.asked", "", "sessions that stored was asked for")            \
    COUNTER(SESSIONS_OVER, "sessions.over", "", "requests with the cookie of no session")          \
    COUNTER(SESSIONS_UNSAID, "sessions.unsaid", "",                                                \
            "requests with a cookie of which nobody could say whose it is")                        \
    COUNTER(CSRF_REFUSED, "csrf.refused", "", "requests from pages of others, or without proof")   \
    COUNTER(PROXY_IGNORED, "proxy.ignored", "",                                                    \
            "requests with the proxy's header that are not the proxy's")                           \
    COUNTER(SERIES_ROUNDS, "series.rounds", "", "looks at how all series are")                     \
    COUNTER(SERIES_FAILED, "series.failed", "", "such looks that queryd did not answer")           \
    COUNTER(SERIES_MALFORMED, "series.malformed", "", "messages of queryd that could not be read")

enum web_counter { WEB_COUNTERS(COUNTER_CONSTANT, COUNTER_CONSTANT) COUNTERS };

struct web {
    struct web_settings settings;
    char cookie_name[COOKIE_NAME_SIZE]; /* of sessions */
    uint64_t counters[COUNTERS];
    struct histogram durations[HTTP_DURATIONS];
    struct event_base *base;
    struct server_kind kind;
    struct http_server *server; /* of the page and the API */
    struct access *access;
    struct access_watch *watch; /* of what stored keeps of it */
    struct audit_log *audit;
    struct registry *registry;  /* of which type each element is */
    struct people_link *people; /* stored, asked about them */
    struct sessions *sessions;
    struct logins *logins;
    struct proxy_header proxy;
    unsigned char secret[32]; /* of this run, for what has no session */
    struct api_asking *asking;
    struct api_changes *changes;
    struct api_publishing *publishing;
    struct grading_checks *checks;
    struct page_files *files;
};

static inline void web_count(struct web *w, enum web_counter counter)
{
    w->counters[counter]++;
}

#endif
