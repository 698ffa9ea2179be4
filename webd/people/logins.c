/* SPDX-License-Identifier: Apache-2.0 */
/* One job a request: stored is asked, a thread compares, stored keeps the session. What is answered
 * for a name that nobody has, and how long that takes, is as for a wrong password. */
#include "webd/people/logins.h"

#include <event2/buffer.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>

#include "common/daemon.h"
#include "common/http/reply.h"
#include "common/json.h"
#include "webd/api/api_body.h"
#include "webd/api/api_reply.h"
#include "webd/people/login_jobs.h"
#include "webd/people/people_link.h"

#define BODY_BYTES  8192
#define ARENA_BYTES ((size_t)128 * 1024)

/* ---- the session ---- */

static void on_added(void *context, const struct session_state_message *answer)
{
    struct login_job *k = context;
    if (answer->status == ANSWER_OK) {
        snprintf(k->name, sizeof k->name, "%.*s", SLICE_SHOWN(answer->user, LIMIT_USER_BYTES));
        attempts_forgive(login_job_attempts(k), slice_of(k->way == LOGIN_LINK ? "" : k->name),
                         login_job_address(k), daemon_clock_us());
        sessions_keep(k->web, k->cookie, answer);
    }
    if (k->request == NULL) {
        login_job_end_session(k->web, k->digest); /* nobody has its cookie */
        login_job_forget(k);
    } else if (answer->status == ANSWER_INVALID) {
        login_job_refuse_wrong(k);
    } else if (answer->status != ANSWER_OK) {
        login_job_refuse_unavailable(k);
    } else {
        login_job_succeed(k);
    }
}

static void add_session(struct login_job *k)
{
    const struct web_settings *s = &k->web->settings;
    uint8_t bytes[ACCESS_SECRET];
    struct session_message m = {.what = k->way == LOGIN_LINK ? SESSION_ADMIT : SESSION_ADD,
                                .user = slice_of(k->name),
                                .hash = slice_of(k->hash),
                                .digest = {(const char *)k->digest, sizeof k->digest},
                                .idle_us = (uint64_t)s->session_idle_s * 1000000,
                                .most_us = (uint64_t)s->session_most_s * 1000000};
    if (k->way == LOGIN_LINK) {
        m.ticket = (struct slice){(const char *)k->ticket, sizeof k->ticket};
    }
    if (RAND_bytes(bytes, sizeof bytes) != 1) {
        login_job_refuse_unavailable(k);
        return;
    }
    credential_base64url(bytes, k->cookie);
    OPENSSL_cleanse(bytes, sizeof bytes);
    if (credential_sha256(slice_of(k->cookie), k->digest) == -1 ||
        people_link_ask(k->web->people, &m, on_added, k) == -1) {
        login_job_refuse_unavailable(k);
    }
}

/* ---- by a password, or by a link ---- */

static void on_compared(void *context, int result)
{
    struct login_job *k = context;
    OPENSSL_cleanse(k->password, sizeof k->password);
    if (result == 0 || k->request == NULL) {
        login_job_refuse_wrong(k);
    } else if (result == -1) {
        login_job_refuse_unavailable(k);
    } else {
        add_session(k);
    }
}

static void on_hash(void *context, const struct session_state_message *answer)
{
    struct login_job *k = context;
    if (k->request == NULL) {
        login_job_refuse_wrong(k);
        return;
    }
    if (answer->status != ANSWER_OK && answer->status != ANSWER_INVALID) {
        login_job_refuse_unavailable(k);
        return;
    }
    snprintf(k->hash, sizeof k->hash, "%.*s", SLICE_SHOWN(answer->hash, LIMIT_NAME_BYTES));
    if (hashing_begin(k->web->logins->hashing, (struct slice){k->password, k->password_len},
                      slice_of(k->hash), on_compared, k) == -1) {
        login_job_refuse(k, HTTP_SERVUNAVAIL, "busy", "too many log in at once, try again",
                         COUNT_LOGINS_BUSY);
    }
}

static void *wipe(struct evbuffer *body, size_t size)
{
    unsigned char *at = evbuffer_pullup(body, (ev_ssize_t)size);
    if (at != NULL) {
        OPENSSL_cleanse(at, size);
    }
    return at;
}

/* What is no name is nobody's. */
static bool take_password(struct login_job *k, const struct json *name, const struct json *password)
{
    bool good = name != NULL && name->type == JSON_STRING && password != NULL &&
                password->type == JSON_STRING && password->text.len <= sizeof k->password;
    if (good) {
        bool is_name = access_is_name(name->text);
        snprintf(k->name, sizeof k->name, "%.*s", is_name ? (int)name->text.len : 1,
                 is_name ? name->text.at : "?");
        memcpy(k->password, password->text.at, password->text.len);
        k->password_len = password->text.len;
        OPENSSL_cleanse((void *)(uintptr_t)password->text.at, password->text.len);
    }
    return good;
}

/* SHA-256 of what a link says; of what no link says it is zeros, which are nobody's. */
static bool take_ticket(struct login_job *k, const struct json *ticket)
{
    k->way = LOGIN_LINK;
    return ticket->type == JSON_STRING &&
           (!cookie_is_one(ticket->text) || credential_sha256(ticket->text, k->ticket) == 0);
}

/* Name and password, or what a link says. -1: it is no such body. */
static int read_body(struct login_job *k, struct evbuffer *body)
{
    static const struct json_limits limits = {
        .depth = 2, .nodes = 8, .string_bytes = PASSWORD_BYTES};
    size_t size = evbuffer_get_length(body);
    struct arena *a = size > BODY_BYTES ? NULL : arena_new(ARENA_BYTES);
    struct slice bytes = {a == NULL ? NULL : (const char *)evbuffer_pullup(body, -1), size};
    char error[200];
    const struct json *tree =
        bytes.at == NULL ? NULL : json_parse(a, bytes, &limits, error, sizeof error);
    const struct json *ticket = json_get(tree, "ticket");
    const struct json *name = json_get(tree, "name"), *password = json_get(tree, "password");
    bool good = ticket == NULL ? take_password(k, name, password)
                               : name == NULL && password == NULL && take_ticket(k, ticket);
    arena_free(&a);
    (void)wipe(body, size);
    return good ? 0 : -1;
}

static int ask_for_hash(struct login_job *k)
{
    const struct session_message m = {.what = SESSION_PASSWORD, .user = slice_of(k->name)};
    return people_link_ask(k->web->people, &m, on_hash, k);
}

static void begin(struct login_job *k)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(k->request);
    if (!api_body_is_json(k->request) || read_body(k, body) == -1) {
        login_job_refuse(k, HTTP_BADREQUEST, "invalid",
                         "expected {\"name\": NAME, \"password\": PASSWORD}, or {\"ticket\": "
                         "TICKET} of a link, as application/json",
                         COUNT_LOGINS_INVALID);
    } else if (!login_job_charge(k)) {
        return;
    } else if (k->way == LOGIN_LINK) {
        login_job_wait(k);
        add_session(k);
    } else if (!workers_have_room(k->web->logins->hashing)) {
        login_job_refuse(k, HTTP_SERVUNAVAIL, "busy", "too many log in at once, try again",
                         COUNT_LOGINS_BUSY);
    } else if (ask_for_hash(k) == -1) {
        login_job_refuse_unavailable(k);
    } else {
        login_job_wait(k);
    }
}

/* Whatever it says, an address makes no more requests of which nobody knows who asks than any. */
static bool is_within_rate(struct login_job *k)
{
    connection_set_known(k->connection, NULL, NULL, 0);
    int64_t wait_us = connection_charge(k->connection);
    if (wait_us > 0) {
        reply_retry_after(k->request, wait_us);
        login_job_refuse(k, API_TOO_MANY, "limited", "too many requests, come again later",
                         COUNT_LOGINS_LIMITED);
    }
    return wait_us == 0;
}

void logins_take(struct web *w, struct evhttp_request *request, struct connection *c)
{
    struct login_job *k = login_job_new(w, LOGIN_PASSWORD, request, c);
    if (k == NULL || !is_within_rate(k)) {
        return;
    }
    if (!visitor_is_of_our_page(w, request)) {
        login_job_refuse(k, API_FORBIDDEN, "csrf", "this comes from a page of somebody else's",
                         COUNT_CSRF_REFUSED);
    } else {
        begin(k);
    }
}

/* ---- out ---- */

static void on_ended(void *context, const struct session_state_message *answer)
{
    struct login_job *k = context;
    if (k->request == NULL) {
        login_job_forget(k);
    } else if (answer->status != ANSWER_OK && answer->status != ANSWER_INVALID) {
        login_job_refuse_unavailable(k);
    } else {
        login_job_succeed(k);
    }
}

void logins_end(struct web *w, struct evhttp_request *request, struct connection *c,
                const struct visitor *v)
{
    struct login_job *k = login_job_new(w, LOGIN_OUT, request, c);
    if (k == NULL) {
        return;
    }
    const struct session_message m = {.what = SESSION_END,
                                      .digest = {(const char *)k->digest, sizeof k->digest}};
    snprintf(k->name, sizeof k->name, "%.*s", SLICE_SHOWN(slice_of(v->identity), LIMIT_USER_BYTES));
    if (v->cookie[0] == '\0') {
        login_job_refuse(k, HTTP_BADREQUEST, "invalid", "only a session can be logged out",
                         COUNT_LOGINS_INVALID);
    } else if (sessions_forget(w, slice_of(v->cookie), k->digest) == -1 ||
               people_link_ask(w->people, &m, on_ended, k) == -1) {
        login_job_refuse_unavailable(k);
    } else {
        login_job_wait(k);
    }
}
