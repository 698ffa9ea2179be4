/* SPDX-License-Identifier: Apache-2.0 */
/* A DEALER socket to queryd, and who waits for what comes by it. */
#include "webd/api/api_asking.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/answer_rows.h"
#include "common/asking/sight.h"
#include "common/capability_rows.h"
#include "common/daemon.h"
#include "common/door/query_link.h"
#include "common/http/reply.h"
#include "common/log.h"
#include "webd/api/api_answer.h"
#include "webd/api/api_question.h"
#include "webd/api/api_reply.h"

#define HIGH_WATER     1000
#define GRACE_US       INT64_C(2000000) /* for an answer to arrive, after queryd's own limit */
#define QUESTION_BYTES ((size_t)256 * 1024)
#define ANSWER_BYTES   ((size_t)LIMIT_ANSWER_CELLS * 32)
#define ERROR_BYTES    2048

/* In an arena of its own, with the texts of the question. */
struct api_wait {
    struct api_wait *next, *previous; /* utlist */
    struct web *web;
    struct arena *arena;
    struct evhttp_request *request;
    struct connection *connection;
    uint64_t id;
    enum capability_kind kind;
    enum api_form form;
    struct gateway_question question;
    struct slice identity, token;
    unsigned char sight[SIGHT_BYTES];
    int64_t begun_us, deadline_us;
};

struct api_asking {
    struct link link;
    struct api_wait *first;
    size_t count;
    uint64_t last_id;
};

size_t api_asking_count(const struct api_asking *q)
{
    return q->count;
}

/* ---- the end of a question ---- */

static void audit(const struct api_wait *k, const char *outcome, uint64_t rows)
{
    struct audit_line line = {.used = 0};
    audit_line_add(&line, "identity", k->identity);
    audit_line_add(&line, "token", k->token);
    audit_line_add(&line, "peer", slice_of(connection_peer(k->connection)));
    audit_line_add(&line, "question", slice_of(capability_rows[k->kind].label));
    audit_line_add(&line, "outcome", slice_of(outcome));
    audit_log_write(k->web->audit, &line, k->begun_us, "rows", rows);
}

static void forget(struct api_wait *k)
{
    struct api_asking *all = k->web->asking;
    DL_DELETE2(all->first, k, previous, next);
    all->count--;
    struct arena *a = k->arena;
    arena_free(&a);
}

static void refuse(struct api_wait *k, int status, const char *reason, const char *message,
                   enum web_counter counter)
{
    struct evhttp_request *request = k->request;
    const struct connection *c = k->connection;
    web_count(k->web, counter);
    audit(k, reason, 0);
    connection_set_phase(k->connection, CONNECTION_SENDING);
    char text[ERROR_BYTES];
    snprintf(text, sizeof text, "%s", message);
    forget(k);
    api_refuse(request, c, status, reason, "%s", text);
}

static void refuse_by_status(struct api_wait *k, const struct answer_message *m)
{
    static const struct {
        int status;
        const char *reason, *message;
        enum web_counter counter;
    } known[ANSWER_STATUSES] = {
        [ANSWER_INVALID] = {HTTP_BADREQUEST, "invalid", "at fault", COUNT_QUESTIONS_INVALID},
        [ANSWER_TIMEOUT] = {API_TIMEOUT, "timeout", "the question took too long",
                            COUNT_QUESTIONS_BUSY},
        [ANSWER_UNAVAILABLE] = {HTTP_SERVUNAVAIL, "unavailable", "unavailable, ask again later",
                                COUNT_QUESTIONS_BUSY},
        [ANSWER_TOO_LARGE] = {API_TOO_LARGE, "too large", "the answer is too large, ask for less",
                              COUNT_QUESTIONS_INVALID},
        [ANSWER_CANCELLED] = {HTTP_SERVUNAVAIL, "unavailable", "the question was cancelled",
                              COUNT_QUESTIONS_BUSY},
    };
    char text[ERROR_BYTES];
    size_t i = m->status < ANSWER_STATUSES && known[m->status].status != 0 ? m->status
                                                                           : ANSWER_UNAVAILABLE;
    bool said = i == ANSWER_INVALID && m->message.len > 0; /* by itself it is enough */
    snprintf(text, sizeof text, "%s%s%.*s", said ? "" : known[i].message,
             said || m->message.len == 0 ? "" : ": ", SLICE_SHOWN(m->message, 1500));
    refuse(k, known[i].status, known[i].reason, text, known[i].counter);
}

/* The text is freed once it was sent. */
static void leave_text(const void *at, size_t size, void *text)
{
    (void)at, (void)size;
    free(text);
}

static void send_text(struct api_wait *k, char *text, size_t size, uint64_t rows)
{
    struct evbuffer *body = evbuffer_new();
    if (body == NULL || evbuffer_add_reference(body, text, size, leave_text, text) == -1) {
        if (body != NULL) {
            evbuffer_free(body);
        }
        free(text);
        refuse(k, HTTP_SERVUNAVAIL, "busy", "out of memory", COUNT_QUESTIONS_BUSY);
        return;
    }
    struct evhttp_request *request = k->request;
    bool last = connection_is_last(k->connection);
    enum api_form form = k->form;
    web_count(k->web, COUNT_QUESTIONS_ANSWERED);
    audit(k, "answered", rows);
    connection_set_phase(k->connection, CONNECTION_SENDING);
    forget(k);
    api_headers(request);
    reply_send_buffer(request, HTTP_OK, api_content_types[form], body, last);
}

static void answer(struct api_wait *k, const struct answer_message *m)
{
    char *text = NULL;
    size_t size = 0;
    if (m->status != ANSWER_OK) {
        refuse_by_status(k, m);
        return;
    }
    FILE *f = open_memstream(&text, &size);
    int rc = f == NULL
                 ? -1
                 : api_answer_write(f, k->form, k->kind, &k->question.query, m, k->web->registry);
    if (f == NULL || fclose(f) == EOF || rc == -1) {
        free(text);
        refuse(k, HTTP_INTERNAL, "failed", "queryd's answer lacks a column, or memory is out",
               COUNT_QUESTIONS_BUSY);
    } else if (!connection_take_room(k->connection, size)) {
        free(text);
        refuse(k, HTTP_SERVUNAVAIL, "busy", "too many bytes of answers are on their way",
               COUNT_QUESTIONS_BUSY);
    } else {
        send_text(k, text, size, answer_rows(m));
    }
}

static struct api_wait *by_id(const struct api_asking *all, uint64_t id)
{
    struct api_wait *k;
    DL_FOREACH2(all->first, k, next)
    {
        if (k->id == id) {
            break;
        }
    }
    return k;
}

static void take_answer(const struct link *link, struct slice bytes)
{
    struct web *w = link->context;
    struct arena *a = arena_new(ANSWER_BYTES);
    struct answer_message m;
    if (a == NULL || answer_decode_all(bytes, a, &m) == -1) {
        web_count(w, COUNT_ANSWERS_MALFORMED);
    } else {
        struct api_wait *k = by_id(w->asking, m.id);
        if (k == NULL) {
            web_count(w, COUNT_ANSWERS_LATE);
        } else {
            answer(k, &m);
        }
    }
    arena_free(&a);
}

static void on_gone(struct bufferevent *b, short what, void *context)
{
    struct api_wait *k = context;
    (void)b;
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) {
        struct evhttp_connection *c = evhttp_request_get_connection(k->request);
        web_count(k->web, COUNT_QUESTIONS_ABANDONED);
        audit(k, "abandoned", 0);
        query_link_cancel(&k->web->asking->link, k->id);
        forget(k);
        evhttp_connection_free(c); /* and with it the request */
    }
}

/* ---- asking ---- */

static const char *why_full(const struct web *w, struct slice identity)
{
    const struct api_wait *k;
    int64_t own = 0;
    DL_FOREACH2(w->asking->first, k, next)
    {
        own += slice_equal(k->identity, identity);
    }
    return own >= w->settings.questions_max_per_identity
               ? "too many of your questions are under way"
           : w->asking->count >= (size_t)w->settings.questions_max
               ? "too many questions are under way"
               : NULL;
}

/* -1: queryd takes nothing, or what the roles may see cannot be asked for; then message says so. */
static int send_question(struct api_wait *k, const char **message)
{
    struct web *w = k->web;
    struct query_message *q = &k->question.query;
    struct sight sight;
    if (sight_find(w->access, k->identity, slice_of(capability_rows[k->kind].label), &sight) ==
        -1) {
        *message = "what your roles may see cannot be asked for";
        return -1;
    }
    memcpy(k->sight, sight.mark, sizeof k->sight);
    q->id = k->id = ++w->asking->last_id;
    q->asker = k->identity;
    q->timeout_ms =
        q->recount ? (uint64_t)LIMIT_TIMEOUT_MS : (uint64_t)w->settings.query_timeout_ms;
    q->sees = sight.patterns;
    q->sees_count = sight.count;
    int rc = query_link_ask(&w->asking->link, q);
    q->sees = NULL;
    q->sees_count = 0;
    *message = "queryd takes no questions, ask again later";
    k->deadline_us =
        daemon_clock_us() + ((int64_t)q->timeout_ms + (int64_t)q->wait_ms) * 1000 + GRACE_US;
    return rc;
}

static struct api_wait *wait_new(struct web *w, struct evhttp_request *request,
                                 struct connection *c, const struct visitor *v)
{
    struct arena *a = arena_new(QUESTION_BYTES);
    struct api_wait *k = a == NULL ? NULL : arena_calloc(a, 1, sizeof *k);
    if (k == NULL) {
        arena_free(&a);
        return NULL;
    }
    k->web = w;
    k->arena = a;
    k->request = request;
    k->connection = c;
    k->identity = arena_copy(a, slice_of(v->identity));
    k->token = arena_copy(a, slice_of(v->token));
    k->begun_us = daemon_clock_us();
    DL_APPEND2(w->asking->first, k, previous, next);
    w->asking->count++;
    return k;
}

/* Reads, judges and sends it; what cannot be asked is answered. */
static void begin(struct api_wait *k, const struct visitor *v, const char *full)
{
    struct web *w = k->web;
    char error[ERROR_BYTES];
    const char *message = NULL;
    const char *accept = evhttp_find_header(evhttp_request_get_input_headers(k->request), "Accept");
    struct slice label = slice_of(capability_rows[k->kind].label);
    const char *denied = visitor_denied(w, v, k->kind, label);
    int form = api_form_of(accept);
    if (denied != NULL) {
        snprintf(error, sizeof error, "%.*s: you may not ask this%s", (int)label.len, label.at,
                 denied);
        refuse(k, API_FORBIDDEN, "denied", error, COUNT_QUESTIONS_DENIED);
    } else if (form == -1) {
        refuse(k, API_NOT_ACCEPTABLE, "invalid",
               "Accept: expected application/json, application/x-ndjson or text/csv",
               COUNT_QUESTIONS_INVALID);
    } else if (api_question_read(k->arena, k->kind,
                                 evhttp_uri_get_query(evhttp_request_get_evhttp_uri(k->request)),
                                 daemon_now_us(), &k->question, error, sizeof error) == -1) {
        refuse(k, HTTP_BADREQUEST, "invalid", error, COUNT_QUESTIONS_INVALID);
    } else if (full != NULL) {
        refuse(k, API_TOO_MANY, "limited", full, COUNT_QUESTIONS_BUSY);
    } else if (send_question(k, &message) == -1) {
        refuse(k, HTTP_SERVUNAVAIL, "unavailable", message, COUNT_QUESTIONS_BUSY);
    } else {
        k->form = (enum api_form)form;
        connection_answers_later(k->connection, on_gone, k);
    }
}

void api_ask(struct web *w, struct evhttp_request *request, struct connection *c,
             const struct visitor *v, const char *label)
{
    enum capability_kind kind = api_question_kind(slice_of(label));
    const char *full = why_full(w, slice_of(v->identity));
    if (kind == CAPABILITY_COLLECT) {
        web_count(w, COUNT_NOT_FOUND);
        api_refuse(request, c, HTTP_NOTFOUND, "path",
                   "there is no such question; /api/v1/openapi.json has all there are");
        return;
    }
    struct api_wait *k = wait_new(w, request, c, v);
    if (k == NULL) {
        web_count(w, COUNT_QUESTIONS_BUSY);
        api_refuse(request, c, HTTP_SERVUNAVAIL, "busy", "out of memory");
        return;
    }
    k->kind = kind;
    begin(k, v, full);
}

/* ---- around ---- */

void api_asking_follow_access(struct web *w)
{
    struct api_wait *k, *next;
    DL_FOREACH_SAFE2(w->asking->first, k, next, next)
    {
        if (!sight_is(w->access, k->identity, slice_of(capability_rows[k->kind].label), k->sight)) {
            query_link_cancel(&k->web->asking->link, k->id);
            refuse(k, HTTP_SERVUNAVAIL, "unavailable",
                   "what you may see was changed meanwhile, ask again", COUNT_QUESTIONS_BUSY);
        }
    }
}

void api_asking_tick(struct web *w)
{
    struct api_asking *all = w->asking;
    struct api_wait *k, *next;
    link_drain(&all->link);
    DL_FOREACH_SAFE2(all->first, k, next, next)
    {
        if (daemon_clock_us() >= k->deadline_us) {
            query_link_cancel(&k->web->asking->link, k->id);
            refuse(k, API_TIMEOUT, "timeout", "queryd did not answer in time, ask again later",
                   COUNT_QUESTIONS_BUSY);
        }
    }
    w->counters[COUNT_QUESTIONS_UNDER_WAY] = all->count;
}

struct api_asking *api_asking_new(struct web *w)
{
    struct api_asking *q = calloc(1, sizeof *q);
    if (q == NULL) {
        log_error("questions.start", "error=\"out of memory\"");
        return NULL;
    }
    if (query_link_open(&q->link, w->base, w, take_answer, &w->counters[COUNT_ANSWERS_MALFORMED],
                        HIGH_WATER) == -1) {
        api_asking_free(&q);
    }
    return q;
}

void api_asking_free(struct api_asking **q)
{
    struct api_wait *k, *next;
    if (*q == NULL) {
        return;
    }
    DL_FOREACH_SAFE2((*q)->first, k, next, next)
    {
        forget(k);
    }
    link_close(&(*q)->link);
    free(*q);
    *q = NULL;
}
