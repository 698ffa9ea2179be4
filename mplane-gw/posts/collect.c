/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results that are posted: who may post what, and the answer when ingestd has said what became of
 * it. How bodies go there and back is common/door/posts.c's.
 */
#include "mplane-gw/posts/collect.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/daemon.h"
#include "common/door/posts.h"
#include "common/http/reply.h"
#include "common/log.h"
#include "common/quote.h"
#include "mplane-gw/audit.h"
#include "mplane-gw/desk_reply.h"
#include "mplane-gw/exchange.h"
#include "mplane-gw/gateway.h"
#include "mplane-gw/jobs/answer.h"
#include "mplane-gw/posts/delegate.h"
#include "mplane-gw/posts/exports.h"

/* Results one on each line, as some collectors name it. */
#define NDJSON_TYPE "application/x-ndjson"

/* Statuses that libevent has no name for. */
#define HTTP_FORBIDDEN 403
#define HTTP_TOO_MANY  429

/* What is known of a post, beside what posts.h says. */
struct collect {
    struct gateway *gateway;
    struct slice token; /* of an exception */
    const char *outcome;
};

int collect_start(struct gateway *g)
{
    const struct posts_counters counters = {
        &g->counters[COUNT_POSTS_UNDER_WAY], &g->counters[COUNT_POSTS_READY],
        &g->counters[COUNT_POSTS_ABANDONED], &g->counters[COUNT_ANSWERS_LATE],
        &g->counters[COUNT_ANSWERS_MALFORMED]};
    g->posts = posts_new(g->base, "mplane-gw", &g->settings.posts, &counters);
    return g->posts == NULL ? -1 : 0;
}

size_t collect_open(const struct gateway *g)
{
    return posts_open(g->posts);
}

/* The token in "/TOKEN/result"; no value when the path is another. */
static struct slice token_in(const char *path)
{
    size_t digits = path[0] == '/' ? strspn(path + 1, "0123456789abcdef") : 0;
    return digits == TOKEN_TEXT - 1 && strcmp(path + 1 + digits, "/result") == 0
               ? (struct slice){path + 1, digits}
               : (struct slice){NULL, 0};
}

bool collect_has(const char *path)
{
    return strcmp(path, "/result") == 0 || strcmp(path, "/register/result") == 0 ||
           token_in(path).at != NULL;
}

void collect_stop(struct gateway *g)
{
    posts_free(&g->posts);
}

/* ---- replies ---- */

static struct collect *collect_of(const struct post *p)
{
    return p->about;
}

static struct gateway *gateway_of(const struct post *p)
{
    return collect_of(p)->gateway;
}

static void reply_exception(struct post *p, int status, const char *text)
{
    text = text == NULL ? "out of memory" : text;
    struct mplane_message e = answer_exception(p->arena, collect_of(p)->token, "%s", text);
    struct slice body = mplane_message_write(p->arena, &e, gateway_of(p)->registry);
    gateway_count(gateway_of(p), COUNT_ANSWERED_EXCEPTION);
    if (body.at == NULL) {
        post_reply(p, status, "text/plain", slice_of(text));
    } else {
        post_reply(p, status, MPLANE_CONTENT_TYPE, body);
    }
}

static void reply_busy(struct post *p, const char *why)
{
    static struct log_limit said;
    why = why == NULL ? "out of memory" : why;
    gateway_count(gateway_of(p), COUNT_POSTS_BUSY);
    collect_of(p)->outcome = "busy";
    if (log_allowed(&said, 5)) {
        log_warn("post.busy", "peer=%s identity=%s reason=%s", connection_peer(p->connection),
                 QUOTED(slice_of(connection_identity(p->connection))), QUOTED(slice_of(why)));
    }
    reply_retry_after(p->request, POSTS_RETRY_US);
    reply_exception(p, HTTP_SERVUNAVAIL,
                    arena_printf(p->arena, "not kept, post it again later: %s", why));
}

/* Why a post is not taken, nor will be if it comes again. */
enum post_fault { POST_MALFORMED, POST_DENIED, POST_LIMITED, POST_REFUSED, POST_FAULTS };

static const struct {
    enum gateway_counter counter;
    const char *outcome, *event, *field;
} post_faults[POST_FAULTS] = {
    [POST_MALFORMED] = {COUNT_MALFORMED, "malformed", "post.malformed", "error"},
    [POST_DENIED] = {COUNT_POSTS_DENIED, "denied", "post.denied", "error"},
    [POST_LIMITED] = {COUNT_POSTS_LIMITED, "limited", "post.limited", "reason"},
    [POST_REFUSED] = {COUNT_POSTS_REFUSED, "refused", "post.refused", "reason"},
};

static void reply_fault(struct post *p, enum post_fault f, int status, const char *text)
{
    static struct log_limit said[POST_FAULTS];
    text = text == NULL ? "out of memory" : text;
    gateway_count(gateway_of(p), post_faults[f].counter);
    collect_of(p)->outcome = post_faults[f].outcome;
    if (log_allowed(&said[f], 10)) {
        log_info(post_faults[f].event, "peer=%s identity=%s %s=%s", connection_peer(p->connection),
                 QUOTED(slice_of(connection_identity(p->connection))), post_faults[f].field,
                 QUOTED(slice_of(text)));
    }
    reply_exception(p, status, text);
}

/* ---- what ingestd says ---- */

/* More than who posts may have. What is kept of it is stored once, also when it comes again. */
static void reply_limited(struct post *p, const struct delivered_message *m, int64_t wait_us)
{
    reply_retry_after(p->request, wait_us);
    reply_fault(p, POST_LIMITED, HTTP_TOO_MANY,
                arena_printf(p->arena, "%s, post it again later: %.*s: %.*s",
                             m->records > 0 ? "not all is kept" : "not kept", (int)m->reason.len,
                             m->reason.at, (int)m->detail.len, m->detail.at));
}

static void reply_refused(struct post *p, const struct delivered_message *m)
{
    const char *text = arena_printf(p->arena, "%.*s: %.*s", (int)m->reason.len, m->reason.at,
                                    (int)m->detail.len, m->detail.at);
    if (slice_starts(m->reason, "denied")) {
        reply_fault(p, POST_DENIED, HTTP_FORBIDDEN, text);
    } else {
        reply_fault(p, POST_REFUSED, HTTP_BADREQUEST, text);
    }
}

/* Of what is not kept why; in the post's arena, NULL when that is full. */
static const char *kept_text(struct post *p, const struct delivered_message *m)
{
    if (m->rejected == 0) {
        return arena_printf(
            p->arena, "kept but for %" PRIu64 " exceptions, in which there is nothing to keep",
            m->exceptions);
    }
    return arena_printf(
        p->arena, "kept but for %" PRIu64 " messages, which are refused; the first: %.*s: %.*s",
        m->rejected, (int)m->reason.len, m->reason.at, (int)m->detail.len, m->detail.at);
}

/* Only what is kept as a whole, and is something, is answered without a word. */
static void reply_kept(struct post *p, const struct delivered_message *m)
{
    if (m->rejected == 0 && m->exceptions == 0 && m->records > 0) {
        gateway_count(gateway_of(p), COUNT_POSTS_KEPT);
        collect_of(p)->outcome = "kept";
        post_reply(p, HTTP_OK, "text/html; charset=UTF-8", slice_of(""));
        return;
    }
    if (m->records == 0 && m->rejected == 0) {
        reply_fault(p, POST_REFUSED, HTTP_OK,
                    m->exceptions > 0 ? "nothing is kept: there is nothing to keep in an exception"
                                      : "nothing is kept: there is no result with rows in it");
        return;
    }
    gateway_count(gateway_of(p), COUNT_POSTS_PARTLY_KEPT);
    collect_of(p)->outcome = "partly kept";
    const char *text = kept_text(p, m);
    reply_exception(p, HTTP_OK, text == NULL ? "kept but for some messages" : text);
}

static void delivered(struct post *p, const struct delivered_message *m)
{
    int64_t wait_us = posts_budget_wait_us(m, daemon_now_us());
    if (wait_us > 0) {
        reply_limited(p, m, wait_us);
    } else if (m->outcome == DELIVERY_KEPT) {
        reply_kept(p, m);
    } else {
        reply_refused(p, m);
    }
}

static void ended(struct post *p)
{
    struct collect *c = collect_of(p);
    struct audit line = {.identity = connection_identity(p->connection),
                         .peer = connection_peer(p->connection),
                         .door = "result",
                         .verb = slice_of("POST"),
                         .outcome = c->outcome == NULL ? "abandoned" : c->outcome,
                         .begun_us = p->begun_us};
    audit_write(c->gateway, &line);
}

static const struct post_kind collected = {delivered, reply_busy, ended};

/* ---- taking ---- */

/* What may be posted: types, and of them the series. */
struct collect_rights {
    struct slice allowed[LIMIT_ALLOWED], delivers[LIMIT_DELIVERS * DELIVERS_ROW];
    int globs; /* of allowed; -1: too many */
    int rows;  /* of delivers; the same */
};

static void deliver(struct post *p, struct slice body, struct collect_rights *rights)
{
    struct deliver_message m = {.door = DOOR_HTTPS,
                                .sender = slice_of(connection_identity(p->connection)),
                                .place = slice_of(""),
                                .allowed = rights->allowed,
                                .allowed_count = (uint32_t)rights->globs,
                                .delivers = rights->delivers,
                                .delivers_count = (uint32_t)rights->rows * DELIVERS_ROW};
    post_deliver(p, &m, body);
}

/* By an export URL what its owner may of that label. */
static void find_rights(const struct gateway *g, struct slice url_token, struct slice identity,
                        struct collect_rights *rights)
{
    struct slice owner = identity;
    if (url_token.at == NULL) {
        rights->globs =
            access_globs(g->access, identity, LABEL_COLLECT, rights->allowed, LIMIT_ALLOWED);
    } else {
        rights->allowed[0] = delegate_label(g, url_token, identity, &owner);
        rights->globs = rights->allowed[0].at == NULL ? 0 : 1;
    }
    rights->rows = access_delivers(g->access, owner, false, rights->delivers);
}

static void handle(struct post *p, struct arena *a, struct slice url_token)
{
    struct collect_rights rights;
    struct slice body;
    struct slice identity = slice_of(connection_identity(p->connection));
    const char *why = NULL, *type = evhttp_find_header(evhttp_request_get_input_headers(p->request),
                                                       "Content-Type");
    find_rights(gateway_of(p), url_token, identity, &rights);
    int fault = post_body(p, a, &body, &why);
    collect_of(p)->token = desk_fallback_token(p->arena, body);
    const char *denied = access_denied(rights.globs, rights.rows);
    if (rights.globs == 0 && url_token.at != NULL) {
        /* Not whether it never was one, is over, was revoked, or is another's. */
        reply_fault(p, POST_DENIED, HTTP_FORBIDDEN, "this URL takes no results of yours");
    } else if (denied != NULL) {
        reply_fault(p, POST_DENIED, HTTP_FORBIDDEN, denied);
    } else if (identity.len > LIMIT_SENDER_BYTES - 6) {
        reply_fault(p, POST_DENIED, HTTP_FORBIDDEN,
                    "your identity is too long to be accounted for");
    } else if (!exchange_accepts(type) && !exchange_type_is(type, NDJSON_TYPE)) {
        reply_fault(p, POST_MALFORMED, HTTP_BADREQUEST,
                    arena_printf(p->arena,
                                 "Content-Type: expected " MPLANE_CONTENT_TYPE ", found \"%.100s\"",
                                 type == NULL ? "" : type));
    } else if (fault == 1) {
        reply_busy(p, "out of memory");
    } else if (fault != 0) {
        reply_fault(p, POST_MALFORMED, fault, why);
    } else {
        deliver(p, body, &rights);
    }
}

void collect_post(struct gateway *g, struct evhttp_request *request, struct connection *c,
                  const char *path)
{
    struct post *p = post_new(g->posts, &collected, request, c, sizeof(struct collect));
    struct arena *a = p == NULL ? NULL : posts_body_arena(g->posts);
    if (p == NULL) {
        return;
    }
    collect_of(p)->gateway = g;
    if (a == NULL) {
        reply_busy(p, "out of memory");
    } else {
        handle(p, a, token_in(path));
    }
    arena_free(&a);
}

void collect_tick(struct gateway *g)
{
    posts_tick(g->posts, INT64_MAX);
}
