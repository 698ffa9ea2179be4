/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs begin, wait, and end with one answer. */
#include "webd/people/login_jobs.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/daemon.h"
#include "common/http/reply.h"
#include "common/log.h"
#include "webd/api/api_reply.h"
#include "webd/people/people_link.h"

struct logins *logins_new(struct web *w)
{
    struct logins *l = calloc(1, sizeof *l);
    if (l == NULL) {
        log_error("people.start", "error=\"out of memory\"");
        return NULL;
    }
    l->attempts = attempts_new();
    l->by_link = attempts_new();
    l->hashing = workers_new(w->base, "hashing", HASHING_THREADS, HASHING_WAITING);
    if (l->attempts == NULL || l->by_link == NULL || l->hashing == NULL) {
        log_error("people.start", "error=\"out of memory, or no threads\"");
        logins_free(&l);
    }
    return l;
}

static void leave(struct logins *l, struct login_job *k)
{
    DL_DELETE(l->first, k);
    l->count--;
    OPENSSL_cleanse(k, sizeof *k);
    free(k);
}

void logins_free(struct logins **l)
{
    struct login_job *k, *next;
    if (*l != NULL) {
        workers_free(&(*l)->hashing);
        DL_FOREACH_SAFE((*l)->first, k, next)
        {
            leave(*l, k);
        }
        attempts_free(&(*l)->attempts);
        attempts_free(&(*l)->by_link);
        free(*l);
        *l = NULL;
    }
}

size_t logins_waiting(const struct logins *l)
{
    return l->count;
}

/* ---- the end of a job ---- */

void login_job_forget(struct login_job *k)
{
    leave(k->web->logins, k);
}

static void audit(const struct login_job *k, const char *outcome)
{
    static const char *const ways[] = {"login", "link", "logout"};
    struct audit_line line = {.used = 0};
    audit_line_add(&line, "identity", slice_of(k->name));
    audit_line_add(&line, "peer", slice_of(connection_peer(k->connection)));
    audit_line_add(&line, "outcome", slice_of(outcome));
    audit_log_write(k->web->audit, &line, k->begun_us, ways[k->way], 1);
}

void login_job_refuse(struct login_job *k, int status, const char *reason, const char *message,
                      enum web_counter counter)
{
    struct evhttp_request *request = k->request;
    struct connection *c = k->connection;
    web_count(k->web, counter);
    if (request != NULL) {
        audit(k, reason);
        connection_set_phase(c, CONNECTION_SENDING);
    }
    login_job_forget(k);
    if (request != NULL) {
        api_refuse(request, c, status, reason, "%s", message);
    }
}

void login_job_refuse_unavailable(struct login_job *k)
{
    login_job_refuse(
        k, HTTP_SERVUNAVAIL, "unavailable",
        "the store is away, try again later; who is logged in already stays so for a while",
        COUNT_LOGINS_UNAVAILABLE);
}

void login_job_refuse_wrong(struct login_job *k)
{
    if (k->way == LOGIN_LINK) {
        login_job_refuse(
            k, API_FORBIDDEN, "unknown",
            "this link was used, or is older than ten minutes: `ezrepo user link` makes another",
            COUNT_LOGINS_REFUSED);
    } else {
        login_job_refuse(k, API_UNAUTHORIZED, "unknown", "name or password is wrong",
                         COUNT_LOGINS_REFUSED);
    }
}

static void send_cookie(const struct login_job *k, const char *value, int64_t seconds)
{
    char text[COOKIE_SET_SIZE];
    cookie_set(text, k->web->cookie_name, value, web_has_tls(&k->web->settings), seconds);
    evhttp_add_header(evhttp_request_get_output_headers(k->request), "Set-Cookie", text);
}

void login_job_end_session(struct web *w, const uint8_t digest[LIMIT_DIGEST_BYTES])
{
    const struct session_message m = {.what = SESSION_END,
                                      .digest = {(const char *)digest, LIMIT_DIGEST_BYTES}};
    people_link_say(w->people, &m);
}

/* The session that was shown until now is over: somebody else may know it. */
static void end_older(const struct login_job *k)
{
    uint8_t digest[LIMIT_DIGEST_BYTES];
    struct slice older =
        cookie_find(evhttp_find_header(evhttp_request_get_input_headers(k->request), "Cookie"),
                    k->web->cookie_name);
    if (older.at != NULL && sessions_forget(k->web, older, digest) == 0) {
        login_job_end_session(k->web, digest);
    }
}

void login_job_succeed(struct login_job *k)
{
    static const enum web_counter counters[] = {COUNT_LOGINS, COUNT_LOGINS_BY_LINK, COUNT_LOGOUTS};
    struct evhttp_request *request = k->request;
    struct connection *c = k->connection;
    bool out = k->way == LOGIN_OUT;
    web_count(k->web, counters[k->way]);
    audit(k, "answered");
    if (!out) {
        end_older(k);
    }
    send_cookie(k, out ? "" : k->cookie, out ? 0 : k->web->settings.session_most_s);
    connection_set_phase(c, CONNECTION_SENDING);
    api_headers(request);
    login_job_forget(k);
    reply_send(request, HTTP_NOCONTENT, "text/plain; charset=utf-8", slice_of(""),
               connection_is_last(c));
}

/* ---- waiting ---- */

static void on_gone(struct bufferevent *b, short what, void *context)
{
    struct login_job *k = context;
    (void)b;
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) {
        struct evhttp_connection *c = evhttp_request_get_connection(k->request);
        k->request = NULL; /* what comes of it is for nobody */
        k->connection = NULL;
        evhttp_connection_free(c);
    }
}

void login_job_wait(struct login_job *k)
{
    connection_answers_later(k->connection, on_gone, k);
}

struct login_job *login_job_new(struct web *w, enum login_way way, struct evhttp_request *request,
                                struct connection *c)
{
    const struct address *address = connection_address(c);
    struct login_job *k = calloc(1, sizeof *k);
    if (k == NULL) {
        api_refuse(request, c, HTTP_SERVUNAVAIL, "busy", "out of memory");
        return NULL;
    }
    k->web = w;
    k->way = way;
    k->request = request;
    k->connection = c;
    k->begun_us = daemon_clock_us();
    k->has_address = address != NULL;
    k->address = address == NULL ? k->address : *address;
    DL_APPEND(w->logins->first, k);
    w->logins->count++;
    return k;
}

const struct address *login_job_address(const struct login_job *k)
{
    return k->has_address ? &k->address : NULL;
}

struct attempts *login_job_attempts(const struct login_job *k)
{
    struct logins *l = k->web->logins;
    return k->way == LOGIN_LINK ? l->by_link : l->attempts;
}

/* Whether there may be this attempt; else it is answered. */
bool login_job_charge(struct login_job *k)
{
    int64_t wait_us = attempts_charge(login_job_attempts(k), slice_of(k->name),
                                      login_job_address(k), daemon_clock_us());
    if (wait_us > 0) {
        reply_retry_after(k->request, wait_us);
        login_job_refuse(k, API_TOO_MANY, "limited", "too many attempts, try again later",
                         COUNT_LOGINS_LIMITED);
    }
    return wait_us == 0;
}
