/* SPDX-License-Identifier: Apache-2.0 */
#include "webd/api/api_listener.h"

#include <event2/buffer.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/daemon.h"
#include "common/hash.h"
#include "webd/api/api_reply.h"

static const char last_chunk[] = "0\r\n\r\n";

#define UNREAD_BYTES ((size_t)1 << 20) /* beyond it one is too slow */
#define END_S        5                 /* it has to read the end within */

void api_listener_forget(struct api_listener *l)
{
    DL_DELETE2(*l->of, l, previous, next);
    l->web->counters[COUNT_LISTENERS]--;
    free(l);
}

/* Without a word more. */
static void drop(struct api_listener *l)
{
    struct evhttp_connection *c = evhttp_request_get_connection(l->request);
    api_listener_forget(l);
    evhttp_connection_free(c);
}

static void on_gone(struct bufferevent *b, short what, void *context)
{
    (void)b;
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) {
        drop(context);
    }
}

static void on_all_sent(struct bufferevent *b, void *context)
{
    (void)b;
    evhttp_connection_free(context);
}

static void on_not_sent(struct bufferevent *b, short what, void *context)
{
    (void)b;
    (void)what;
    evhttp_connection_free(context);
}

void api_listener_end(struct api_listener *l)
{
    struct evhttp_connection *c = evhttp_request_get_connection(l->request);
    struct bufferevent *socket = l->socket;
    if (!l->started ||
        evbuffer_add(bufferevent_get_output(socket), last_chunk, sizeof last_chunk - 1) == -1) {
        drop(l);
        return;
    }
    api_listener_forget(l);
    bufferevent_setcb(socket, NULL, on_all_sent, on_not_sent, c);
    bufferevent_set_timeouts(socket, NULL, &(struct timeval){END_S, 0});
}

static void start(struct api_listener *l)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(l->request);
    api_headers(l->request);
    evhttp_add_header(headers, "Content-Type", "text/event-stream");
    evhttp_send_reply_start(l->request, HTTP_OK, NULL);
    bufferevent_setcb(l->socket, NULL, NULL, on_gone, l);
    bufferevent_enable(l->socket, EV_READ);
    l->started = true;
}

/* In a chunk (RFC 9112, 7.1); evhttp, which sent the head, is not asked. */
int api_listener_tell(struct api_listener *l, struct slice text)
{
    struct evbuffer *output = bufferevent_get_output(l->socket);
    if (!l->started) {
        start(l);
    }
    if (evbuffer_get_length(output) > UNREAD_BYTES ||
        evbuffer_add_printf(output, "%zx\r\n", text.len) == -1 ||
        evbuffer_add(output, text.at, text.len) == -1 || evbuffer_add(output, "\r\n", 2) == -1) {
        web_count(l->web, COUNT_LISTENERS_SLOW);
        drop(l);
        return -1;
    }
    l->told_us = daemon_clock_us();
    return 0;
}

void api_listener_add(struct api_listener *l, struct web *w, struct api_listener **of,
                      struct evhttp_request *request, struct connection *c, const struct visitor *v)
{
    *l = (struct api_listener){
        .web = w,
        .of = of,
        .request = request,
        .socket = evhttp_connection_get_bufferevent(evhttp_request_get_connection(request)),
        .by_session = strcmp(v->how, "session") == 0,
        .asker = hash_bytes(0, v->identity, strlen(v->identity)),
        .begun_us = daemon_clock_us(),
        .told_us = daemon_clock_us()};
    DL_APPEND2(*of, l, previous, next);
    w->counters[COUNT_LISTENERS]++;
    connection_set_phase(c, CONNECTION_ANSWERING);
    bufferevent_setcb(l->socket, NULL, NULL, on_gone, l);
    bufferevent_enable(l->socket, EV_READ);
}
