/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait for stored to say whose session it is; several of one session ask once. */
#include "webd/people/sessions.h"

#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/daemon.h"
#include "common/log.h"
#include "webd/api/api_changes.h"
#include "webd/people/people_link.h"

#define WAITING_MOST 256

/* A request that waits. */
struct session_wait {
    struct session_wait *next, *prev; /* utlist */
    struct web *web;
    struct evhttp_request *request;
    struct connection *connection;
    session_go_on *go_on;
    struct session_seen seen;
    uint8_t digest[LIMIT_DIGEST_BYTES];
    bool gone; /* the client left, while an answer is awaited for others, too */
};

struct sessions {
    struct known_sessions *known;
    struct session_wait *first;
    size_t count;
};

struct sessions *sessions_new(struct web *w)
{
    struct sessions *s = calloc(1, sizeof *s);
    (void)w;
    if (s == NULL || (s->known = known_sessions_new()) == NULL) {
        log_error("people.start", "error=\"out of memory\"");
        free(s);
        return NULL;
    }
    return s;
}

void sessions_free(struct sessions **s)
{
    struct session_wait *k, *next;
    if (*s == NULL) {
        return;
    }
    DL_FOREACH_SAFE((*s)->first, k, next)
    {
        free(k);
    }
    known_sessions_free(&(*s)->known);
    free(*s);
    *s = NULL;
}

size_t sessions_waiting(const struct sessions *s)
{
    return s->count;
}

/* ---- answers ---- */

static void keep(struct web *w, const uint8_t digest[LIMIT_DIGEST_BYTES],
                 const struct session_state_message *answer)
{
    struct known_session s = {
        .version = answer->version, .ends_us = answer->ends_us, .confirmed_us = daemon_clock_us()};
    memcpy(s.digest, digest, sizeof s.digest);
    snprintf(s.user, sizeof s.user, "%.*s", SLICE_SHOWN(answer->user, LIMIT_USER_BYTES));
    known_sessions_put(w->sessions->known, &s);
}

/* What it comes to by the answer, and what was known before. */
static void judge(struct web *w, struct session_wait *k, const struct session_state_message *answer)
{
    const struct known_session *s =
        known_sessions_find(w->sessions->known, k->digest, daemon_now_us());
    if (answer->status == ANSWER_OK) {
        k->seen.found = SESSION_GOOD;
        snprintf(k->seen.user, sizeof k->seen.user, "%.*s",
                 SLICE_SHOWN(answer->user, LIMIT_USER_BYTES));
    } else if (answer->status == ANSWER_INVALID) {
        k->seen.found = SESSION_OVER;
        web_count(w, COUNT_SESSIONS_OVER);
    } else if (s != NULL &&
               known_session_holds(s, access_watch_version(w->watch), daemon_clock_us())) {
        k->seen.found = SESSION_GOOD;
        snprintf(k->seen.user, sizeof k->seen.user, "%s", s->user);
    } else {
        k->seen.found = SESSION_UNSAID;
        web_count(w, COUNT_SESSIONS_UNSAID);
    }
}

static void go_on(struct session_wait *k)
{
    connection_set_phase(k->connection, CONNECTION_SENDING);
    k->go_on(k->web, k->request, k->connection, &k->seen);
    free(k);
}

/* All that wait for this session. */
static void on_answer(void *context, const struct session_state_message *answer)
{
    const struct session_wait *asker = context;
    struct web *w = asker->web;
    struct sessions *all = w->sessions;
    struct session_wait *k, *next, *mine = NULL;
    uint8_t digest[LIMIT_DIGEST_BYTES];
    memcpy(digest, asker->digest, sizeof digest);
    DL_FOREACH_SAFE(all->first, k, next)
    {
        if (memcmp(k->digest, digest, sizeof digest) == 0) {
            DL_DELETE(all->first, k);
            all->count--;
            judge(w, k, answer);
            DL_APPEND(mine, k);
        }
    }
    if (answer->status == ANSWER_OK) {
        keep(w, digest, answer);
    } else if (answer->status == ANSWER_INVALID) {
        known_sessions_forget(all->known, digest);
    }
    DL_FOREACH_SAFE(mine, k, next)
    {
        DL_DELETE(mine, k);
        if (k->gone) {
            free(k);
        } else {
            go_on(k);
        }
    }
}

/* ---- asking ---- */

/* Its place is kept: the answer is told to it. */
static void on_gone(struct bufferevent *b, short what, void *context)
{
    struct session_wait *k = context;
    (void)b;
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) {
        k->gone = true;
        evhttp_connection_free(evhttp_request_get_connection(k->request));
    }
}

static void wait_for_answer(struct session_wait *k)
{
    connection_answers_later(k->connection, on_gone, k);
    DL_APPEND(k->web->sessions->first, k);
    k->web->sessions->count++;
}

static bool is_asked_for(const struct sessions *all, const struct session_wait *k)
{
    const struct session_wait *other;
    DL_FOREACH(all->first, other)
    {
        if (memcmp(other->digest, k->digest, sizeof k->digest) == 0) {
            return true;
        }
    }
    return false;
}

static int ask(struct session_wait *k)
{
    const struct web_settings *s = &k->web->settings;
    const struct session_message m = {.what = SESSION_FIND,
                                      .digest = {(const char *)k->digest, sizeof k->digest},
                                      .idle_us = (uint64_t)s->session_idle_s * 1000000,
                                      .most_us = (uint64_t)s->session_most_s * 1000000};
    web_count(k->web, COUNT_SESSIONS_ASKED);
    return people_link_ask(k->web->people, &m, on_answer, k);
}

/* The request waits (true), or goes on with what *seen says now. */
static bool begin(struct web *w, struct evhttp_request *request, struct connection *c,
                  session_go_on *go_on_with, const uint8_t digest[LIMIT_DIGEST_BYTES],
                  struct session_seen *seen)
{
    static const struct session_state_message none = {.status = ANSWER_UNAVAILABLE};
    struct session_wait *k = w->sessions->count < WAITING_MOST ? calloc(1, sizeof *k) : NULL;
    if (k == NULL) {
        seen->found = SESSION_UNSAID;
        web_count(w, COUNT_SESSIONS_UNSAID);
        return false;
    }
    k->web = w;
    k->request = request;
    k->connection = c;
    k->go_on = go_on_with;
    k->seen = *seen;
    memcpy(k->digest, digest, sizeof k->digest);
    if (is_asked_for(w->sessions, k) || ask(k) == 0) {
        wait_for_answer(k);
        return true;
    }
    judge(w, k, &none);
    *seen = k->seen;
    free(k);
    return false;
}

/* Who makes cookies up has stored asked no more often than his address may ask anything. */
static bool may_be_asked(struct connection *c, struct session_seen *seen)
{
    connection_set_known(c, NULL, NULL, 0);
    seen->wait_us = connection_charge(c);
    seen->found = seen->wait_us > 0 ? SESSION_LIMITED : seen->found;
    return seen->wait_us == 0;
}

void sessions_look(struct web *w, struct evhttp_request *request, struct connection *c,
                   session_go_on *go_on_with)
{
    struct session_seen seen = {.found = SESSION_NOT_SHOWN};
    struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    uint8_t digest[LIMIT_DIGEST_BYTES];
    struct slice cookie = cookie_find(evhttp_find_header(headers, "Cookie"), w->cookie_name);
    if (!connection_is_anonymous(c) || cookie.at == NULL ||
        evhttp_find_header(headers, "Authorization") != NULL ||
        credential_sha256(cookie, digest) == -1) {
        go_on_with(w, request, c, &seen);
        return;
    }
    memcpy(seen.cookie, cookie.at, COOKIE_BYTES);
    const struct known_session *s =
        known_sessions_find(w->sessions->known, digest, daemon_now_us());
    if (s != NULL && known_session_is_fresh(s, access_watch_version(w->watch), daemon_clock_us())) {
        seen.found = SESSION_GOOD;
        memcpy(seen.user, s->user, sizeof seen.user);
    } else if ((s != NULL || may_be_asked(c, &seen)) &&
               begin(w, request, c, go_on_with, digest, &seen)) {
        return;
    }
    go_on_with(w, request, c, &seen);
}

/* ---- those that begin and end ---- */

void sessions_keep(struct web *w, const char *cookie, const struct session_state_message *answer)
{
    uint8_t digest[LIMIT_DIGEST_BYTES];
    for (size_t at = 0; at + LIMIT_DIGEST_BYTES <= answer->gone.len; at += LIMIT_DIGEST_BYTES) {
        known_sessions_forget(w->sessions->known, (const uint8_t *)answer->gone.at + at);
    }
    if (answer->gone.len > 0) {
        api_changes_end_sessions(w);
    }
    if (credential_sha256(slice_of(cookie), digest) == 0) {
        keep(w, digest, answer);
    }
}

int sessions_forget(struct web *w, struct slice cookie, uint8_t digest[LIMIT_DIGEST_BYTES])
{
    if (credential_sha256(cookie, digest) == -1) {
        return -1;
    }
    known_sessions_forget(w->sessions->known, digest);
    api_changes_end_sessions(w); /* whoever else came by one comes again */
    return 0;
}
