/* SPDX-License-Identifier: Apache-2.0 */
#include "webd/api/api_waits.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/capability_rows.h"
#include "common/daemon.h"
#include "common/http/reply.h"
#include "webd/api/api_reply.h"

/* ---- the end of one ---- */

static void audit(const struct api_wait *k, const char *outcome, uint64_t rows)
{
    struct audit_line line = {.used = 0};
    audit_line_add(&line, "identity", k->identity);
    audit_line_add(&line, "token", k->token);
    audit_line_add(&line, "peer", k->peer);
    audit_line_add(&line, "question", slice_of(k->label));
    audit_line_add(&line, "outcome", slice_of(outcome));
    audit_log_write(k->web->audit, &line, k->begun_us, "rows", rows);
}

static void forget(struct api_wait *k)
{
    DL_DELETE2(k->of->first, k, previous, next);
    k->of->count--;
    struct arena *a = k->arena;
    arena_free(&a);
}

static void leave_text(const void *at, size_t size, void *text)
{
    (void)at, (void)size;
    free(text);
}

static void send_text(struct evhttp_request *request, bool last, int status, const char *type,
                      char *text, size_t size)
{
    static const char none[] = "{\"error\":{\"reason\":\"busy\",\"message\":\"out of memory\"}}\n";
    struct evbuffer *body = text == NULL ? NULL : evbuffer_new();
    api_headers(request);
    if (body != NULL && evbuffer_add_reference(body, text, size, leave_text, text) == 0) {
        reply_send_buffer(request, status, type, body, last);
        return;
    }
    if (body != NULL) {
        evbuffer_free(body);
    }
    free(text);
    reply_send(request, HTTP_SERVUNAVAIL, "application/json", slice_of(none), last);
}

void api_wait_end(struct api_wait *k, int status, const char *outcome, uint64_t rows,
                  const char *type, char *text, size_t size, enum web_counter counter)
{
    struct evhttp_request *request = k->request;
    struct connection *c = k->connection;
    web_count(k->web, request == NULL ? COUNT_QUESTIONS_ABANDONED : counter);
    audit(k, outcome, rows);
    forget(k);
    if (request == NULL) {
        free(text);
        return;
    }
    connection_set_phase(c, CONNECTION_SENDING);
    send_text(request, connection_is_last(c), status, type, text, size);
}

void api_wait_refuse(struct api_wait *k, int status, const char *reason, const char *message,
                     enum web_counter counter)
{
    struct evhttp_request *request = k->request;
    struct connection *c = k->connection;
    char text[API_WAIT_ERROR_BYTES];
    snprintf(text, sizeof text, "%s", message); /* it may be in the arena */
    web_count(k->web, request == NULL ? COUNT_QUESTIONS_ABANDONED : counter);
    audit(k, reason, 0);
    forget(k);
    if (request != NULL) {
        connection_set_phase(c, CONNECTION_SENDING);
        api_refuse(request, c, status, reason, "%s", text);
    }
}

void api_wait_abandon(struct api_wait *k)
{
    web_count(k->web, COUNT_QUESTIONS_ABANDONED);
    audit(k, "abandoned", 0);
    forget(k);
}

void api_waits_forget(struct api_waits *all)
{
    struct api_wait *k, *next;
    DL_FOREACH_SAFE2(all->first, k, next, next)
    {
        forget(k);
    }
}

/* ---- while it waits ---- */

static void on_gone(struct bufferevent *b, short what, void *context)
{
    struct api_wait *k = context;
    (void)b;
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) {
        struct evhttp_connection *c = evhttp_request_get_connection(k->request);
        k->request = NULL;
        k->connection = NULL;
        if (k->of->gone != NULL) {
            k->of->gone(k);
        }
        evhttp_connection_free(c); /* and with it the request */
    }
}

void api_wait_begin(struct api_wait *k)
{
    connection_answers_later(k->connection, on_gone, k);
}

struct api_wait *api_waits_find(const struct api_waits *all, uint64_t id)
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

/* ---- its beginning ---- */

static const char *why_full(const struct api_waits *all, struct arena *a, struct slice identity,
                            size_t most, size_t most_of_one)
{
    const struct api_wait *k;
    size_t own = 0;
    char text[100];
    DL_FOREACH2(all->first, k, next)
    {
        own += slice_equal(k->identity, identity);
    }
    if (own < most_of_one && all->count < most) {
        return NULL;
    }
    int size = snprintf(text, sizeof text, "too many %s%s are under way",
                        own >= most_of_one ? "of your " : "", all->what);
    const char *kept = arena_copy(a, (struct slice){text, (size_t)size + 1}).at;
    return kept == NULL ? "too many are under way" : kept;
}

struct api_wait *api_wait_new(struct api_waits *all, struct web *w, struct evhttp_request *request,
                              struct connection *c, const struct visitor *v,
                              enum capability_kind kind, size_t most, size_t most_of_one)
{
    struct arena *a = arena_new(all->arena_bytes);
    struct api_wait *k = a == NULL ? NULL : arena_calloc(a, 1, all->bytes);
    if (k == NULL) {
        arena_free(&a);
        web_count(w, COUNT_QUESTIONS_BUSY);
        api_refuse(request, c, HTTP_SERVUNAVAIL, "busy", "out of memory");
        return NULL;
    }
    *k = (struct api_wait){.of = all,
                           .web = w,
                           .arena = a,
                           .request = request,
                           .connection = c,
                           .label = capability_rows[kind].label,
                           .full = why_full(all, a, slice_of(v->identity), most, most_of_one),
                           .id = ++all->last_id,
                           .kind = kind,
                           .identity = arena_copy(a, slice_of(v->identity)),
                           .token = arena_copy(a, slice_of(v->token)),
                           .peer = arena_copy(a, slice_of(connection_peer(c))),
                           .begun_us = daemon_clock_us()};
    DL_APPEND2(all->first, k, previous, next);
    all->count++;
    return k;
}

bool api_wait_may(struct api_wait *k, const struct visitor *v)
{
    char error[API_WAIT_ERROR_BYTES];
    const char *denied =
        visitor_denied(k->web, v, k->kind, slice_of(capability_rows[k->kind].label));
    const char *accept = evhttp_find_header(evhttp_request_get_input_headers(k->request), "Accept");
    int form = api_form_of(accept);
    if (denied != NULL) {
        snprintf(error, sizeof error, "%s: you may not %s this%s", k->label, k->of->verb, denied);
        api_wait_refuse(k, API_FORBIDDEN, "denied", error, COUNT_QUESTIONS_DENIED);
    } else if (form == -1) {
        api_wait_refuse(k, API_NOT_ACCEPTABLE, "invalid",
                        "Accept: expected application/json, application/x-ndjson or text/csv",
                        COUNT_QUESTIONS_INVALID);
    } else if (k->full != NULL) {
        api_wait_refuse(k, API_TOO_MANY, "limited", k->full, COUNT_QUESTIONS_BUSY);
    } else {
        k->form = (enum api_form)form;
        return true;
    }
    return false; /* it is gone */
}
