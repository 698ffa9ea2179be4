/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a POST of results to ingestd and back. A body is handed on at once and not kept; what waits
 * is only who is to be answered. Bounded by number and bytes, of one identity and in all: who comes
 * beyond that is told to come again.
 */
#include "mplane-gw/posts/collect.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <utlist.h>

#include "common/daemon.h"
#include "common/http/inflate.h"
#include "common/http/reply.h"
#include "common/log.h"
#include "common/quote.h"
#include "mplane-gw/audit.h"
#include "mplane-gw/desk_reply.h"
#include "mplane-gw/exchange.h"
#include "mplane-gw/gateway.h"
#include "mplane-gw/jobs/answer.h"
#include "mplane-gw/link.h"
#include "mplane-gw/posts/delegate.h"
#include "mplane-gw/posts/exports.h"

/* Bodies that may wait on each side of the socket: they are large. */
#define HIGH_WATER 64

/* Beside the body: what is said about it. */
#define ARENA_BYTES ((size_t)64 * 1024)

#define RETRY_AFTER_US 2000000

/* Results one on each line, as some collectors name it. */
#define NDJSON_TYPE "application/x-ndjson"

/* Statuses that libevent has no name for. */
#define HTTP_FORBIDDEN        403
#define HTTP_UNSUPPORTED_TYPE 415
#define HTTP_TOO_MANY         429

/* How the reasons begin for which ingestd refuses what is beyond the sender's budgets. */
#define BUDGET         "budget."
#define BUDGET_RECORDS BUDGET "records" /* by the second; the others are by the day */
#define SECOND_US      INT64_C(1000000)
#define DAY_US         (86400 * SECOND_US)

struct post {
    struct post *next, *previous; /* utlist */
    struct gateway *gateway;
    struct evhttp_request *request;
    struct connection *connection;
    struct arena *arena;
    struct event *timer;
    struct slice token; /* of an exception */
    const char *outcome;
    int64_t begun_us;
    uint64_t id;
    size_t bytes;   /* of the body */
    bool under_way; /* in the list */
};

struct collection {
    struct link ingest;
    struct post *posts; /* that wait for ingestd */
    size_t count, bytes;
    uint64_t last_id;
};

static void take_answer(const struct link *link, struct slice bytes);

int collect_start(struct gateway *g)
{
    struct collection *s = calloc(1, sizeof *s);
    g->collection = s;
    if (s == NULL) {
        log_error("collect.start", "error=\"out of memory\"");
        return -1;
    }
    s->ingest = (struct link){.gateway = g,
                              .endpoint = ENDPOINT_DELIVER,
                              .peer = "ingestd",
                              .take = take_answer,
                              .high_water = HIGH_WATER,
                              .only_present = true};
    return link_open(&s->ingest);
}

size_t collect_open(const struct gateway *g)
{
    return g->collection->count;
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

static void post_free(struct post *p)
{
    struct gateway *g = p->gateway;
    struct collection *s = g->collection;
    struct audit line = {.identity = connection_identity(p->connection),
                         .peer = connection_peer(p->connection),
                         .door = "result",
                         .verb = slice_of("POST"),
                         .outcome = p->outcome == NULL ? "abandoned" : p->outcome,
                         .begun_us = p->begun_us};
    audit_write(g, &line);
    if (p->timer != NULL) {
        event_free(p->timer);
    }
    if (p->under_way) {
        DL_DELETE2(s->posts, p, previous, next);
        s->count--;
        s->bytes -= p->bytes;
        g->counters[COUNT_POSTS_UNDER_WAY] = s->count;
    }
    arena_free(&p->arena);
    free(p);
}

void collect_stop(struct gateway *g)
{
    struct collection *s = g->collection;
    struct post *p, *after;
    if (s == NULL) {
        return;
    }
    DL_FOREACH_SAFE2(s->posts, p, after, next)
    {
        post_free(p);
    }
    link_close(&s->ingest);
    free(s);
    g->collection = NULL;
}

/* ---- replies ---- */

/* Forgets the post; its request gets this reply. */
static void reply(struct post *p, int status, const char *content_type, struct slice body)
{
    struct evhttp_request *request = p->request;
    bool last = connection_is_last(p->connection);
    connection_set_phase(p->connection, CONNECTION_SENDING);
    struct arena *a = p->arena; /* the body may live in it */
    p->arena = NULL;
    post_free(p);
    reply_send(request, status, content_type, body, last);
    arena_free(&a);
}

static void reply_exception(struct post *p, int status, const char *text)
{
    text = text == NULL ? "out of memory" : text;
    struct mplane_message e = answer_exception(p->arena, p->token, "%s", text);
    struct slice body = mplane_message_write(p->arena, &e, p->gateway->registry);
    gateway_count(p->gateway, COUNT_ANSWERED_EXCEPTION);
    if (body.at == NULL) {
        reply(p, status, "text/plain", slice_of(text));
    } else {
        reply(p, status, MPLANE_CONTENT_TYPE, body);
    }
}

static void reply_busy(struct post *p, const char *why)
{
    static struct log_limit said;
    why = why == NULL ? "out of memory" : why;
    gateway_count(p->gateway, COUNT_POSTS_BUSY);
    p->outcome = "busy";
    if (log_allowed(&said, 5)) {
        log_warn("post.busy", "peer=%s identity=%s reason=%s", connection_peer(p->connection),
                 QUOTED(slice_of(connection_identity(p->connection))), QUOTED(slice_of(why)));
    }
    reply_retry_after(p->request, RETRY_AFTER_US);
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
    gateway_count(p->gateway, post_faults[f].counter);
    p->outcome = post_faults[f].outcome;
    if (log_allowed(&said[f], 10)) {
        log_info(post_faults[f].event, "peer=%s identity=%s %s=%s", connection_peer(p->connection),
                 QUOTED(slice_of(connection_identity(p->connection))), post_faults[f].field,
                 QUOTED(slice_of(text)));
    }
    reply_exception(p, status, text);
}

/* ---- what ingestd says ---- */

static bool is_beyond_budget(const struct delivered_message *m)
{
    return m->rejected > 0 && m->reason.len > strlen(BUDGET) &&
           memcmp(m->reason.at, BUDGET, strlen(BUDGET)) == 0;
}

/* More than who posts may have. What is kept of it is stored once, also when it comes again. */
static void reply_limited(struct post *p, const struct delivered_message *m)
{
    int64_t now_us = daemon_now_us();
    int64_t wait_us =
        slice_is(m->reason, BUDGET_RECORDS) ? RETRY_AFTER_US : DAY_US - now_us % DAY_US;
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
    if (slice_is(m->reason, "denied")) {
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
        gateway_count(p->gateway, COUNT_POSTS_KEPT);
        p->outcome = "kept";
        reply(p, HTTP_OK, "text/html; charset=UTF-8", slice_of(""));
        return;
    }
    if (m->records == 0 && m->rejected == 0) {
        reply_fault(p, POST_REFUSED, HTTP_OK,
                    m->exceptions > 0 ? "nothing is kept: there is nothing to keep in an exception"
                                      : "nothing is kept: there is no result with rows in it");
        return;
    }
    gateway_count(p->gateway, COUNT_POSTS_PARTLY_KEPT);
    p->outcome = "partly kept";
    const char *text = kept_text(p, m);
    reply_exception(p, HTTP_OK, text == NULL ? "kept but for some messages" : text);
}

static void take_answer(const struct link *link, struct slice bytes)
{
    struct gateway *g = link->gateway;
    struct delivered_message m;
    struct post *p;
    if (delivered_decode_all(bytes, NULL, &m) == -1) {
        gateway_count(g, COUNT_ANSWERS_MALFORMED);
        return;
    }
    DL_FOREACH2(g->collection->posts, p, next)
    {
        if (p->id == m.id) {
            break;
        }
    }
    if (p == NULL) {
        gateway_count(g, COUNT_ANSWERS_LATE);
    } else if (m.outcome != DELIVERY_BUSY && is_beyond_budget(&m)) {
        reply_limited(p, &m);
    } else if (m.outcome == DELIVERY_KEPT) {
        reply_kept(p, &m);
    } else if (m.outcome == DELIVERY_REFUSED) {
        reply_refused(p, &m);
    } else {
        reply_busy(p, arena_printf(p->arena, "%.*s", (int)m.reason.len, m.reason.at));
    }
}

static void on_timeout(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    reply_busy(context, "ingestd did not answer in time");
}

/* The peer left. What it posted may be kept or not: it was told neither. */
static void on_gone(struct bufferevent *b, short what, void *context)
{
    struct post *p = context;
    (void)b;
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) {
        struct evhttp_connection *c = evhttp_request_get_connection(p->request);
        gateway_count(p->gateway, COUNT_POSTS_ABANDONED);
        post_free(p);
        evhttp_connection_free(c); /* and with it the request */
    }
}

/* ---- taking ---- */

/* What the identity has under way; why nothing more may come, or NULL. */
static const char *why_full(const struct post *p, size_t bytes)
{
    const struct gateway_settings *s = &p->gateway->settings;
    const struct collection *all = p->gateway->collection;
    const char *identity = connection_identity(p->connection);
    const struct post *other;
    int64_t own = 0;
    DL_FOREACH2(all->posts, other, next)
    {
        own += strcmp(connection_identity(other->connection), identity) == 0;
    }
    return own >= s->posts_max_per_identity              ? "too many of your posts are under way"
           : all->count >= (size_t)s->posts_max          ? "too many posts are under way"
           : all->bytes + bytes > (size_t)s->posts_bytes ? "too many bytes are under way"
                                                         : NULL;
}

static int wait_for_ingestd(struct post *p, size_t bytes)
{
    struct gateway *g = p->gateway;
    struct collection *s = g->collection;
    struct timeval t = gateway_timeval(g->settings.post_timeout_ms * 1000);
    struct bufferevent *b =
        evhttp_connection_get_bufferevent(evhttp_request_get_connection(p->request));
    p->timer = evtimer_new(g->base, on_timeout, p);
    if (p->timer == NULL || evtimer_add(p->timer, &t) == -1) {
        return -1;
    }
    p->bytes = bytes;
    p->under_way = true;
    DL_APPEND2(s->posts, p, previous, next);
    s->bytes += bytes;
    g->counters[COUNT_POSTS_UNDER_WAY] = ++s->count;
    bufferevent_setcb(b, NULL, NULL, on_gone, p);
    bufferevent_enable(b, EV_READ);
    return 0;
}

static void deliver(struct post *p, struct slice body, struct slice *allowed, uint32_t count)
{
    struct pack head;
    struct deliver_message m = {.id = p->id,
                                .door = DOOR_HTTPS,
                                .sender = slice_of(connection_identity(p->connection)),
                                .place = slice_of(""),
                                .received_us = daemon_now_us(),
                                .allowed = allowed,
                                .allowed_count = count};
    const char *full = why_full(p, body.len);
    if (full != NULL) {
        reply_busy(p, full);
        return;
    }
    pack_init(&head);
    deliver_encode(&head, &m);
    const struct slice frames[] = {pack_bytes(&head), body};
    int sent = pack_ok(&head) ? link_send(&p->gateway->collection->ingest, frames, 2) : -1;
    pack_release(&head);
    if (sent == -1) {
        reply_busy(p, "ingestd is not there, or takes nothing");
    } else if (wait_for_ingestd(p, body.len) == -1) {
        reply_busy(p, "out of memory");
    } else {
        connection_drop_body(p->connection, p->request);
    }
}

/* The body as it was meant, in the arena where it had to be inflated: 0; -1 after a reply. */
static int decode_body(struct post *p, struct arena *a, struct slice *body)
{
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(p->request);
    const char *encoding = evhttp_find_header(headers, "Content-Encoding");
    size_t most = (size_t)p->gateway->settings.post_bytes;
    enum inflated result = INFLATED;
    if (encoding != NULL &&
        (strcasecmp(encoding, "gzip") == 0 || strcasecmp(encoding, "x-gzip") == 0)) {
        result = inflate_gzip(a, *body, most, body);
    } else if (encoding != NULL && strcasecmp(encoding, "identity") != 0) {
        evhttp_add_header(evhttp_request_get_output_headers(p->request), "Accept-Encoding", "gzip");
        reply_fault(p, POST_MALFORMED, HTTP_UNSUPPORTED_TYPE,
                    "Content-Encoding: expected gzip, or none");
        return -1;
    }
    if (result == INFLATED_NO_MEMORY) {
        reply_busy(p, "out of memory");
    } else if (result == INFLATED_BROKEN) {
        reply_fault(p, POST_MALFORMED, HTTP_BADREQUEST, "the body is not gzip, or not all of it");
    } else if (result == INFLATED_TOO_LARGE || body->len > most) {
        reply_fault(p, POST_MALFORMED, HTTP_ENTITYTOOLARGE,
                    arena_printf(p->arena, "expected a body of at most %zu bytes%s", most,
                                 encoding == NULL ? "" : " when inflated"));
    } else {
        return 0;
    }
    return -1;
}

/* The globs of labels whose records may be posted: how many. */
static uint32_t find_allowed(const struct gateway *g, struct slice url_token, struct slice identity,
                             struct slice *allowed)
{
    if (url_token.at == NULL) {
        return access_globs(g->access, identity, LABEL_COLLECT, allowed, LIMIT_ALLOWED);
    }
    allowed[0] = delegate_label(g, url_token, identity);
    return allowed[0].at == NULL ? 0 : 1;
}

static void handle(struct post *p, struct arena *a, struct slice body, struct slice url_token)
{
    struct slice allowed[LIMIT_ALLOWED], identity = slice_of(connection_identity(p->connection));
    const char *type =
        evhttp_find_header(evhttp_request_get_input_headers(p->request), "Content-Type");
    uint32_t count = find_allowed(p->gateway, url_token, identity, allowed);
    p->token = desk_fallback_token(p->arena, body);
    if (count == 0 && url_token.at != NULL) {
        /* Not whether it never was one, is over, was revoked, or is another's. */
        reply_fault(p, POST_DENIED, HTTP_FORBIDDEN, "this URL takes no results of yours");
    } else if (count == 0) {
        reply_fault(p, POST_DENIED, HTTP_FORBIDDEN,
                    "not authorized to use any capability " LABEL_COLLECT "TYPE");
    } else if (identity.len > LIMIT_SENDER_BYTES - 6) {
        reply_fault(p, POST_DENIED, HTTP_FORBIDDEN,
                    "your identity is too long to be accounted for");
    } else if (!exchange_accepts(type) && !exchange_type_is(type, NDJSON_TYPE)) {
        reply_fault(p, POST_MALFORMED, HTTP_BADREQUEST,
                    arena_printf(p->arena,
                                 "Content-Type: expected " MPLANE_CONTENT_TYPE ", found \"%.100s\"",
                                 type == NULL ? "" : type));
    } else if (decode_body(p, a, &body) == 0) {
        deliver(p, body, allowed, count);
    }
}

void collect_post(struct gateway *g, struct evhttp_request *request, struct connection *c,
                  const char *path)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(request);
    struct slice body = {(const char *)evbuffer_pullup(input, -1), evbuffer_get_length(input)};
    struct post *p = calloc(1, sizeof *p);
    struct arena *inflated = arena_new(ARENA_BYTES + (size_t)g->settings.post_bytes);
    if (p != NULL) {
        p->arena = arena_new(ARENA_BYTES);
    }
    if (p == NULL || p->arena == NULL || inflated == NULL) {
        if (p != NULL) {
            arena_free(&p->arena);
        }
        free(p);
        arena_free(&inflated);
        reply_text(request, HTTP_SERVUNAVAIL, "out of memory, post it again later\n", true);
        return;
    }
    p->gateway = g;
    p->request = request;
    p->connection = c;
    p->id = ++g->collection->last_id;
    p->begun_us = daemon_clock_us();
    connection_set_phase(c, CONNECTION_ANSWERING);
    handle(p, inflated, body.at == NULL ? slice_of("") : body, token_in(path));
    arena_free(&inflated);
}

void collect_tick(struct gateway *g)
{
    struct link *ingest = &g->collection->ingest;
    daemon_note("ingestd", "%s", link_ready(ingest) ? "takes posts" : "takes no posts");
    link_drain(ingest);
}
