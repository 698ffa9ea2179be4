/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What evhttp answers by itself, since nobody is asked: that becomes what our answers are. And what
 * it would not notice at the beginning of a request.
 */
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <utlist.h>

#include "common/http/connection_parts.h"
#include "common/log.h"

/* What nobody asked for is there to be sent. */
static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *context)
{
    struct connection *c = context;
    (void)output;
    bool ours = c->phase == CONNECTION_ANSWERING || c->phase == CONNECTION_SENDING;
    bool told = c->of != NULL && (c->of->refusal != NULL || c->chunks.state == CHUNKS_MALFORMED);
    if (info->n_added > 0 && !ours && told) {
        c->spoken = true;
        event_active(c->of->spoken_event, EV_TIMEOUT, 0);
    }
}

/* All of an answer, the last on its connection, in the arena; NULL when memory is out. */
static const char *whole_answer(struct arena *a, int status, const char *reason, const char *type,
                                const char *body)
{
    return arena_printf(a,
                        "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                        "Connection: close\r\n\r\n%s",
                        status, reason, type, strlen(body), body);
}

static const char *json_answer(struct arena *a, int status, const char *reason, const char *told)
{
    return told == NULL ? NULL : whole_answer(a, status, reason, "application/json", told);
}

/* Of these evhttp says that they are too large. */
static const char *refuse_chunks(struct connection *c, struct arena *a)
{
    char fault[CHUNKS_FAULT];
    c->of->counts[HTTP_REQUESTS_MALFORMED]++;
    chunks_fault(&c->chunks, fault);
    return c->of->refusal == NULL ? whole_answer(a, HTTP_BADREQUEST, "Bad Request", "text/plain",
                                                 arena_printf(a, "%s\n", fault))
                                  : json_answer(a, HTTP_BADREQUEST, "Bad Request",
                                                c->of->refusal(a, HTTP_BADREQUEST, fault));
}

/* Its page of HTML becomes what our answers are; "100 Continue" stays. */
static void retell(struct connection *c, struct arena *a)
{
    struct evbuffer *output = bufferevent_get_output(c->body.bufferevent);
    char head[64] = "", reason[48];
    int status;
    evbuffer_copyout(output, head, sizeof head - 1);
    if (sscanf(head, "HTTP/1.%*d %d %47[^\r\n]", &status, reason) != 2 || status < 400) {
        return;
    }
    const char *answer = c->chunks.state == CHUNKS_MALFORMED
                             ? refuse_chunks(c, a)
                             : json_answer(a, status, reason, c->of->refusal(a, status, NULL));
    if (answer != NULL && evbuffer_drain(output, evbuffer_get_length(output)) == 0) {
        evbuffer_add(output, answer, strlen(answer));
    }
}

/* A body of so many times the greatest that is taken is not waited for. */
#define ENDLESS 64

/* What has come of a request, as long as it says something of chunks. */
static void look_at_chunks(struct connection *c, struct evbuffer *input, size_t added)
{
    struct evbuffer_iovec part;
    struct evbuffer_ptr at;
    if (c->body.bytes == 0) {
        c->chunks = (struct chunks){.state = CHUNKS_HEAD};
    }
    while (added > 0 && c->chunks.state < CHUNKS_OVER &&
           evbuffer_ptr_set(input, &at, evbuffer_get_length(input) - added, EVBUFFER_PTR_SET) ==
               0 &&
           evbuffer_peek(input, -1, &at, &part, 1) >= 1) {
        size_t len = part.iov_len < added ? part.iov_len : added;
        chunks_look(&c->chunks, (struct slice){part.iov_base, len});
        added -= len;
    }
}

/* The first bytes of a request, before evhttp reads them. */
static void on_head(struct evbuffer *input, const struct evbuffer_cb_info *info, void *context)
{
    struct connection *c = context;
    struct evbuffer_iovec first;
    if (c->ssl == NULL && info->n_added > 0 && c->of != NULL) {
        c->plain_read += info->n_added;
        if (c->account == NULL) {
            connection_note_peer(c);
            connection_enter_address(c);
        }
    }
    if (info->n_added > 0 && c->of != NULL) {
        look_at_chunks(c, input, info->n_added);
    }
    if (info->n_added == 0 || c->of == NULL || c->account == NULL || c->body.bytes > 0 ||
        evbuffer_peek(input, -1, NULL, &first, 1) < 1) {
        return;
    }
    c->head = framing_look((struct slice){first.iov_base, first.iov_len},
                           ENDLESS * (uint64_t)c->of->limits->body_bytes);
    if (c->head == FRAMING_ENDLESS) {
        event_active(c->of->spoken_event, EV_TIMEOUT, 0);
    }
}

/* evhttp would read all of the body first; nothing of an answer is under way. */
static void refuse_endless(struct connection *c, struct arena *a)
{
    bool json = a != NULL && c->of->refusal != NULL;
    const char *told =
        json ? c->of->refusal(a, HTTP_ENTITYTOOLARGE, NULL) : "the body is too large\n";
    const char *answer = a == NULL || told == NULL
                             ? NULL
                             : whole_answer(a, HTTP_ENTITYTOOLARGE, "Request Entity Too Large",
                                            json ? "application/json" : "text/plain", told);
    if (answer != NULL && c->ssl != NULL) {
        SSL_write(c->ssl, answer, (int)strlen(answer));
    } else if (answer != NULL) {
        (void)send(bufferevent_getfd(c->plain), answer, strlen(answer), MSG_NOSIGNAL);
    }
    connection_end_idle(c);
}

/* Before anything of it is sent: the loop has not looked since whether it can be. */
static void on_spoken(evutil_socket_t fd, short what, void *context)
{
    struct connections *all = context;
    struct arena *a = arena_new(REFUSAL_BYTES);
    struct connection *c;
    (void)fd, (void)what;
    DL_FOREACH2(all->first, c, next)
    {
        if (c->head == FRAMING_ENDLESS && !c->ending) {
            refuse_endless(c, a);
        } else if (c->spoken && a != NULL) {
            retell(c, a);
        }
        c->spoken = false;
        if (a != NULL) {
            arena_reset(a);
        }
    }
    arena_free(&a);
}

int refusals_start(struct connections *all, struct event_base *base)
{
    all->spoken_event = event_new(base, -1, 0, on_spoken, all);
    if (all->spoken_event == NULL) {
        log_error("connections.start", "error=\"out of memory\"");
        return -1;
    }
    return 0;
}

int refusals_watch(struct connection *c)
{
    struct bufferevent *b = c->body.bufferevent;
    return evbuffer_add_cb(bufferevent_get_output(b), on_output, c) == NULL ||
                   evbuffer_add_cb(bufferevent_get_input(b), on_head, c) == NULL
               ? -1
               : 0;
}

void refusals_leave(struct connection *c)
{
    evbuffer_remove_cb(bufferevent_get_output(c->body.bufferevent), on_output, c);
    evbuffer_remove_cb(bufferevent_get_input(c->body.bufferevent), on_head, c);
}
