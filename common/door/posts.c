/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies to ingestd by a link, answers back to whoever waits. Reads no body. */
#include "common/door/posts.h"

#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <utlist.h>

#include "common/daemon.h"
#include "common/door/link.h"
#include "common/http/inflate.h"
#include "common/http/reply.h"
#include "common/life.h"
#include "common/log.h"

/* Bodies that may wait on each side of the socket: they are large. */
#define HIGH_WATER 64

/* Beside the body: what is said about it. */
#define ARENA_BYTES ((size_t)64 * 1024)

/* How the reasons begin for which ingestd refuses what is beyond the sender's budgets. */
#define BUDGET         "budget."
#define BUDGET_RECORDS BUDGET "records" /* by the second; the others are by the day */
#define DAY_US         INT64_C(86400000000)

#define HTTP_UNSUPPORTED_TYPE 415 /* libevent has no name for it */

struct posts {
    struct link ingest;
    const char *process;
    struct life life;
    const struct posts_limits *limits;
    struct posts_counters counters;
    struct post *first; /* that wait for ingestd */
    size_t count, bytes;
    uint64_t last_id;
};

static void count_up(uint64_t *counter)
{
    if (counter != NULL) {
        ++*counter;
    }
}

static void take_answer(const struct link *link, struct slice bytes);

struct posts *posts_new(struct event_base *base, const char *process,
                        const struct posts_limits *limits, const struct posts_counters *counters)
{
    struct posts *s = calloc(1, sizeof *s);
    if (s == NULL) {
        log_error("posts.start", "error=\"out of memory\"");
        return NULL;
    }
    s->process = process;
    s->limits = limits;
    s->counters = *counters;
    s->ingest = (struct link){.base = base,
                              .context = s,
                              .endpoint = ENDPOINT_DELIVER,
                              .peer = "ingestd",
                              .take = take_answer,
                              .malformed = s->counters.answers_malformed,
                              .high_water = HIGH_WATER,
                              .only_present = true};
    if (link_open(&s->ingest) == -1) {
        posts_free(&s);
    }
    return s;
}

size_t posts_open(const struct posts *s)
{
    return s->count;
}

/* Behind what was posted before. Where ingestd takes nothing it hears later that we were here. */
static void give_sign(struct posts *s, int64_t until_us)
{
    struct pack p;
    life_sign(&s->life, daemon_now_us());
    const struct life_message m = {.process = slice_of(s->process),
                                   .now_us = s->life.last_us,
                                   .since_us = s->life.since_us,
                                   .until_us =
                                       until_us < s->life.last_us ? until_us : s->life.last_us};
    pack_init(&p);
    life_encode(&p, &m);
    (void)link_send_packed(&s->ingest, &p);
}

void posts_tick(struct posts *s, int64_t until_us)
{
    give_sign(s, until_us);
    link_drain(&s->ingest);
    bool ready = link_ready(&s->ingest);
    if (s->counters.ready != NULL) {
        *s->counters.ready = ready;
    }
    daemon_trouble("ingestd", !ready && daemon_is_settled(), "%s",
                   ready ? "takes posts" : "takes no posts: they are answered 503");
}

static void tell_count(const struct posts *s)
{
    if (s->counters.under_way != NULL) {
        *s->counters.under_way = s->count;
    }
}

static void post_free(struct post *p)
{
    struct posts *s = p->of;
    p->kind->ended(p);
    if (p->timer != NULL) {
        event_free(p->timer);
    }
    if (p->under_way) {
        DL_DELETE2(s->first, p, previous, next);
        s->count--;
        s->bytes -= p->bytes;
        tell_count(s);
    }
    arena_free(&p->arena);
    free(p);
}

void posts_free(struct posts **all)
{
    struct posts *s = *all;
    struct post *p, *after;
    if (s == NULL) {
        return;
    }
    DL_FOREACH_SAFE2(s->first, p, after, next)
    {
        post_free(p);
    }
    link_close(&s->ingest);
    free(s);
    *all = NULL;
}

void post_reply(struct post *p, int status, const char *content_type, struct slice body)
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

/* ---- what ingestd says ---- */

struct post *posts_find(const struct posts *s, uint64_t id)
{
    struct post *p;
    DL_FOREACH2(s->first, p, next)
    {
        if (p->id == id) {
            break;
        }
    }
    return p;
}

static void take_answer(const struct link *link, struct slice bytes)
{
    struct posts *s = link->context;
    struct delivered_message m;
    if (delivered_decode_all(bytes, NULL, &m) == -1) {
        count_up(s->counters.answers_malformed);
        return;
    }
    struct post *p = posts_find(s, m.id);
    if (p == NULL) {
        count_up(s->counters.answers_late);
    } else if (m.outcome == DELIVERY_BUSY) {
        const char *why = arena_printf(p->arena, "%.*s", (int)m.reason.len, m.reason.at);
        p->kind->busy(p, why == NULL ? "out of memory" : why);
    } else {
        p->kind->delivered(p, &m);
    }
}

int64_t posts_budget_wait_us(const struct delivered_message *m, int64_t now_us)
{
    if (m->rejected == 0 || m->reason.len <= strlen(BUDGET) ||
        memcmp(m->reason.at, BUDGET, strlen(BUDGET)) != 0) {
        return 0;
    }
    return slice_is(m->reason, BUDGET_RECORDS) ? POSTS_RETRY_US : DAY_US - now_us % DAY_US;
}

static void on_silence(evutil_socket_t fd, short what, void *context)
{
    struct post *p = context;
    (void)fd, (void)what;
    p->kind->busy(p, POSTS_UNKNOWN);
}

static void on_delay(evutil_socket_t fd, short what, void *context)
{
    struct post *p = context;
    (void)fd, (void)what;
    p->kind->busy(p, "it could not be written in time");
}

/* The peer left. What it posted may be kept or not: it was told neither. */
static void on_gone(struct bufferevent *b, short what, void *context)
{
    struct post *p = context;
    (void)b;
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) {
        struct evhttp_connection *c = evhttp_request_get_connection(p->request);
        count_up(p->of->counters.abandoned);
        post_free(p);
        evhttp_connection_free(c); /* and with it the request */
    }
}

/* ---- taking ---- */

struct post *post_new(struct posts *s, const struct post_kind *kind, struct evhttp_request *request,
                      struct connection *c, size_t about_bytes)
{
    struct post *p = calloc(1, sizeof *p);
    if (p != NULL) {
        p->arena = arena_new(ARENA_BYTES);
        p->about = p->arena == NULL ? NULL : arena_calloc(p->arena, 1, about_bytes + 1);
    }
    if (p == NULL || p->about == NULL) {
        if (p != NULL) {
            arena_free(&p->arena);
        }
        free(p);
        reply_text(request, HTTP_SERVUNAVAIL, "out of memory, post it again later\n", true);
        return NULL;
    }
    p->of = s;
    p->kind = kind;
    p->request = request;
    p->connection = c;
    p->id = ++s->last_id;
    p->begun_us = daemon_clock_us();
    connection_set_phase(c, CONNECTION_ANSWERING);
    return p;
}

struct arena *posts_body_arena(const struct posts *s)
{
    return arena_new(ARENA_BYTES + (size_t)s->limits->post_bytes);
}

static int body_fault(struct post *p, enum inflated result, size_t most, bool inflated,
                      const char **why)
{
    switch (result) {
    case INFLATED_NO_MEMORY:
        return 1;
    case INFLATED_BROKEN:
        *why = "the body is not gzip, or not all of it";
        return HTTP_BADREQUEST;
    case INFLATED_TOO_LARGE:
        *why = arena_printf(p->arena, "expected a body of at most %zu bytes%s", most,
                            inflated ? " when inflated" : "");
        return HTTP_ENTITYTOOLARGE;
    case INFLATED:
        break;
    }
    return 0;
}

int post_body(struct post *p, struct arena *a, struct slice *body, const char **why)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(p->request);
    const char *encoding =
        evhttp_find_header(evhttp_request_get_input_headers(p->request), "Content-Encoding");
    size_t most = (size_t)p->of->limits->post_bytes;
    enum inflated result = INFLATED;
    *body = (struct slice){(const char *)evbuffer_pullup(input, -1), evbuffer_get_length(input)};
    *body = body->at == NULL ? slice_of("") : *body;
    if (encoding != NULL &&
        (strcasecmp(encoding, "gzip") == 0 || strcasecmp(encoding, "x-gzip") == 0)) {
        result = inflate_gzip(a, *body, most, body);
    } else if (encoding != NULL && strcasecmp(encoding, "identity") != 0) {
        evhttp_add_header(evhttp_request_get_output_headers(p->request), "Accept-Encoding", "gzip");
        *why = "Content-Encoding: expected gzip, or none";
        return HTTP_UNSUPPORTED_TYPE;
    }
    if (result == INFLATED && body->len > most) {
        result = INFLATED_TOO_LARGE;
    }
    connection_charge_bytes(p->connection, result == INFLATED_TOO_LARGE ? most : body->len);
    return body_fault(p, result, most, encoding != NULL, why);
}

/* What the identity has under way; why nothing more may come, or NULL. */
static const char *why_full(const struct post *p, size_t bytes)
{
    const struct posts *s = p->of;
    const char *identity = connection_identity(p->connection);
    const struct post *other;
    int64_t own = 0;
    size_t own_bytes = 0;
    DL_FOREACH2(s->first, other, next)
    {
        bool is_own = strcmp(connection_identity(other->connection), identity) == 0;
        own += is_own;
        own_bytes += is_own ? other->bytes : 0;
    }
    bool share = own > 0 && own_bytes + bytes > (size_t)s->limits->posts_bytes / 2;
    return own >= s->limits->posts_max_per_identity   ? "too many of your posts are under way"
           : share                                    ? "too many of your bytes are under way"
           : s->count >= (size_t)s->limits->posts_max ? "too many posts are under way"
           : s->bytes + bytes > (size_t)s->limits->posts_bytes ? "too many bytes are under way"
                                                               : NULL;
}

static int wait_for_answer(struct post *p, size_t bytes, event_callback_fn too_late)
{
    struct posts *s = p->of;
    int64_t us = s->limits->post_timeout_ms * 1000;
    struct timeval t = {us / 1000000, us % 1000000};
    p->timer = evtimer_new(s->ingest.base, too_late, p);
    if (p->timer == NULL || evtimer_add(p->timer, &t) == -1) {
        return -1;
    }
    p->bytes = bytes;
    p->under_way = true;
    DL_APPEND2(s->first, p, previous, next);
    s->bytes += bytes;
    s->count++;
    tell_count(s);
    connection_answers_later(p->connection, on_gone, p);
    return 0;
}

void post_deliver(struct post *p, struct deliver_message *m, struct slice body)
{
    struct pack head;
    const char *full = why_full(p, body.len);
    if (full != NULL) {
        p->kind->busy(p, full);
        return;
    }
    m->id = p->id;
    m->received_us = p->received_us = daemon_now_us();
    pack_init(&head);
    deliver_encode(&head, m);
    const struct slice frames[] = {pack_bytes(&head), body};
    int sent = pack_ok(&head) ? link_send(&p->of->ingest, frames, 2) : -1;
    pack_release(&head);
    if (sent == -1) {
        p->kind->busy(p, "ingestd is not there, or takes nothing");
    } else if (wait_for_answer(p, body.len, on_silence) == -1) {
        p->kind->busy(p, "out of memory");
    } else {
        connection_drop_body(p->connection, p->request);
    }
}

int post_hold(struct post *p, size_t bytes)
{
    const char *full = why_full(p, bytes);
    if (full == NULL && wait_for_answer(p, bytes, on_delay) == -1) {
        full = "out of memory";
    }
    if (full != NULL) {
        p->kind->busy(p, full);
        return -1;
    }
    connection_drop_body(p->connection, p->request);
    return 0;
}
